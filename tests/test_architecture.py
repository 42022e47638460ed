"""The code keeps its shape: who imports whom, who owns which library, how long things are."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("index", "rag", "eval", "ui")
MAY_IMPORT = {
    "index": {"index"},
    "rag": {"index", "rag"},
    "eval": {"index", "rag", "eval"},
    "ui": {"index", "rag", "eval", "ui"},
}
HEAVY = {"torch", "faiss", "gradio", "llama_index", "sentence_transformers", "transformers"}
HEAVY |= {"fsspec", "moto", "psycopg", "pyarrow", "ray", "sqlalchemy"}
HEAVY |= {"onnxruntime", "xllamacpp", "trafilatura", "lingua", "dateparser", "pandas", "scipy"}
HEAVY |= {"alembic", "grpc", "pymilvus"}

OWNERS = {
    "apscheduler": {"ui.server.watcher"},
    "authlib": {"ui.http.openid"},
    "docx": {"index.ingest.documents"},
    "faiss": {"index.stores.local.vector_index"},
    "feedparser": {"index.ingest.feeds"},
    "fsspec": {"index.ingest.object_store"},
    "gradio": {"ui.web.components"},
    "grpc": {"index.stores.milvus"},
    "httpcore": {"index.ingest.fetch"},
    "huggingface_hub": {"index.embedding.hub"},
    "ir_measures": {"eval.metrics"},
    "joserfc": {"ui.http.openid"},
    "lingua": {"index.text.language"},
    # Adapters: the only places whose signatures speak LlamaIndex.
    "llama_index": {"index.llamaindex", "rag.llamaindex", "eval.llamaindex"},
    "mcp": {"ui.http.mcp"},
    "onnx": {"index.embedding.onnx_graph"},
    "onnxruntime": {"index.embedding.onnx_graph"},
    "opentelemetry": {"ui.server.telemetry"},
    "pgvector": {"index.stores.postgres.pgvector"},
    "prometheus_client": {"ui.server.telemetry"},
    "protego": {"index.ingest.robots_txt"},
    "psycopg": {"index.stores.postgres.database"},
    "pyarrow": {"index.ray_pool"},
    "pymilvus": {"index.stores.milvus"},
    "pypdf": {"index.ingest.documents"},
    "ragas": {"eval.llamaindex"},
    "ray": {"index.ray_pool"},
    "safetensors": {"rag.reading.network"},
    "scipy": {"index.stores.bm25"},
    "sentence_transformers": {"index.embedding.sentence_transformers"},
    "sudachipy": {"index.text.japanese"},
    "symspellpy": {"rag.retrieval.spelling"},
    "text_to_num": {"index.text.number_words"},
    "tomlkit": {"index.settings_file"},
    "torch": {"index.embedding.sentence_transformers"},
    "trafilatura": {"index.ingest.html"},
    "transformers": {"index.embedding.sentence_transformers"},
    "uvicorn": {"ui.web.serving"},
    "xllamacpp": {"rag.generation.llm"},
}
"""A library, or a package for one that is spread over its files, and who may import it."""

METAPHORS = {
    *("fair", "guard", "ledger", "librarian", "truth", "bereaved", "opening", "desk", "house"),
    *("rooms", "workroom", "examiner", "apart", "furniture", "anchor", "judge", "premise"),
    *("teller", "tellers", "abroad", "doors", "remembered", "bench"),
}

LONGEST_MODULE, LONGEST_FUNCTION = 400, 60

LONG: dict[str, str] = {}
"""Modules and functions over the limit, each with the reason; at most ten."""

NUMBERS = {
    "a budget: what goes beyond it is an error, or waits": {
        *("factory._TRIAL_SECONDS", "conversation._LETTERS", "generation.translate.LONGEST_QUOTE"),
        *("generation.http_llm._CONNECT", "generation.http_response._LONGEST_LINE"),
        "generation.http_response._LONGEST_REFUSAL",
        *("generation.structured_output._MOST_JSON", "question_budget.LONGEST_QUESTION"),
        *("question_budget.LONGEST_PASSAGE", "question_budget._LONGEST_ANSWER"),
        *(
            "question_budget._MOST_SECONDS",
            "question_budget._MOST_TURNS",
            "retrieval.hybrid._FILTERS",
        ),
    },
    "how much is kept so as not to be worked out again": {"reading.reader._KEPT"},
    "a measure whose weight in calibration.json was fitted with it": {
        *("reading.place_choice._SUREST", "verification.relation._SUREST"),
    },
    "how the networks were trained": {
        *("reading.reader._LONGEST_CONTEXT", "reading.reader._LONGEST_QUESTION"),
        *("reading.reader._PIECE", "reading.reader._STEP", "retrieval.query_encoder._LONGEST"),
    },
    "a place in an array, or no number to divide by": {
        *("reading.network._EPSILON", "reading.reader._BEGIN", "reading.reader._CONTEXT"),
        *("reading.reader._ECHO", "reading.reader._END", "reading.reader._QUESTION"),
        *("reading.reader._WINDOW", "short_answer.moment_text._ANY_YEAR"),
        "short_answer.wording._PLURAL",
    },
    "how words are looked up in a dictionary; what they weigh is in LanguageLimits": {
        *("retrieval.translated_terms._EACH", "retrieval.translated_terms._LONGEST"),
        *("retrieval.translated_terms._PHRASE", "retrieval.translated_terms._SATURATION"),
        "retrieval.translated_terms._UNSEEN",
    },
    "how intents are learned; what is sure is a threshold": {
        *("intents.classifier._FOLDS", "intents.classifier._RIDGE", "intents.classifier._WIDTH"),
        *("intents.examples._FILLED", "intents.examples._QUESTIONS_FILLED"),
        "intents.examples._SHORTEST_FRAME",
    },
    "how something is listed, offered or written, not whether": {
        *(
            "intents.replies.PAGE_LENGTH",
            "intents.replies._OUTLETS_NAMED",
            "intents.respond._NEWEST",
        ),
        *("intents.respond._SUGGESTIONS", "short_answer.origins._NAMED"),
        "short_answer.quantity_text._PLACES",
        *(
            "short_answer.rendering._BESIDE",
            "short_answer.rendering._NAME",
            "suggestions._ASKED_FOR_EACH",
        ),
        *("suggestions._LONGEST_TITLE", "suggestions._MOST_NAMES"),
    },
    "how far a pattern looks": {
        *("verification.attribution_facts._LONGEST", "verification.attribution_facts._SHORT_WORD"),
        "verification.name_facts._MODIFIER",
    },
}
"""Numbers of rag that are no thresholds, by the reason; all others are in ``Thresholds``."""


@cache
def modules() -> tuple[str, ...]:
    found = []
    for package in PACKAGES:
        base = importlib.import_module(f"konkyo.{package}")
        found.append(base.__name__)
        found += [m.name for m in pkgutil.walk_packages(base.__path__, f"{base.__name__}.")]
    return tuple(found)


def source(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(source(module).read_text("utf-8"))


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return names


def imports(module: str) -> set[str]:
    return imported(ast.walk(tree(module)))


@pytest.mark.parametrize("module", modules())
def test_layers_import_only_downward(module: str) -> None:
    package = module.split(".")[1]
    ours = {n.split(".")[1] for n in imports(module) if n.startswith("konkyo.")}
    assert ours <= MAY_IMPORT[package]


def test_text_analysis_imports_nothing_of_ours() -> None:
    analysis = "konkyo.index.text"
    for module in (m for m in modules() if m.startswith(f"{analysis}.")):
        ours = {n for n in imports(module) if n.startswith("konkyo.")}
        assert all(n.startswith(analysis) for n in ours), module


def test_no_import_cycle() -> None:
    known = set(modules())
    graph = {}
    for module in modules():
        graph[module] = {n for n in imported(_running(tree(module))) if n in known} - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        pytest.fail(" -> ".join(exc.args[1]))


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers see; imports inside functions count."""
    for child in ast.iter_child_nodes(node):
        if not _is_typing_only(child):
            yield child
            yield from _running(child)


def _is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_each_heavy_library_has_one_owner() -> None:
    wrong = []
    for module in modules():
        short = module.removeprefix("konkyo.")
        for library in {n.split(".")[0] for n in imports(module)} & set(OWNERS):
            if not any(short == o or short.startswith(f"{o}.") for o in OWNERS[library]):
                wrong.append(f"{short} imports {library}")
    assert wrong == []


@pytest.mark.parametrize("module", modules())
def test_public_names_are_listed_sorted_and_real(module: str) -> None:
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", None)
    assert names is not None, f"{module} has no __all__"
    assert sorted(names) == sorted(set(names))
    assert list(names) in (sorted(names), _by_kind(names))
    assert all(hasattr(loaded, n) for n in names)


def _by_kind(names: list[str]) -> list[str]:
    """The linter's order: constants, then classes, then functions."""
    return sorted(names, key=lambda n: (0 if n.isupper() else 1 if n[0].isupper() else 2, n))


@pytest.mark.parametrize("package", ["konkyo", *(f"konkyo.{p}" for p in PACKAGES)])
def test_package_exports_are_those_a_type_checker_sees(package: str) -> None:
    names = set(importlib.import_module(package).__all__) - {"__version__"}
    guarded = [n for n in ast.iter_child_nodes(tree(package)) if _is_typing_only(n)]
    seen = {
        alias.name
        for node in ast.walk(ast.Module(list(guarded), []))  # type: ignore[arg-type]
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert names == seen


@pytest.mark.parametrize("module", modules())
def test_no_pickle(module: str) -> None:
    assert not {n.split(".")[0] for n in imports(module)} & {"pickle", "dill", "joblib", "shelve"}


def test_importing_everything_loads_no_heavy_library() -> None:
    code = (
        "import importlib, json, sys\n"
        f"for m in {list(modules())!r}: importlib.import_module(m)\n"
        "print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert not set(json.loads(done.stdout)) & HEAVY


def test_no_module_is_a_grab_bag_or_a_metaphor() -> None:
    names = {m.split(".")[-1] for m in modules()}
    assert not names & ({"utils", "helpers", "common", "misc"} | METAPHORS)


def test_no_public_name_is_a_metaphor() -> None:
    found = []
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = re.findall(r"[A-Z]?[a-z]+", node.name)
                # Of evaluations, "judge" is the field's own word.
                if {w.lower() for w in words} & (METAPHORS - {"judge"}):
                    found.append(f"{module}.{node.name}")
    assert found == []


def test_modules_and_functions_fit_their_limits() -> None:
    assert len(LONG) <= 10
    found = {}
    for module in modules():
        short = module.removeprefix("konkyo.")
        lines = source(module).read_text("utf-8").count("\n")
        if lines > LONGEST_MODULE:
            found[short] = lines
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    found[f"{short}.{node.name}"] = length
    assert {n: length for n, length in found.items() if n not in LONG} == {}
    assert set(LONG) <= set(found), "no longer over the limit"


def test_every_number_that_decides_is_a_threshold() -> None:
    found = set()
    for module in (m for m in modules() if m.startswith("konkyo.rag.")):
        for node in tree(module).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                if is_number(node.value):
                    short = module.removeprefix("konkyo.rag.")
                    found |= {f"{short}.{ast.unparse(name)}" for name in names}
    assert found == set().union(*NUMBERS.values())


def is_number(value: ast.expr) -> bool:
    """Whether a value is a number, or a tuple or table of numbers."""
    match value:
        case ast.UnaryOp(operand=inner):
            return is_number(inner)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Tuple(elts=values) | ast.Dict(values=values):
            return bool(values) and all(map(is_number, values))
        case ast.Constant(value=known):
            return type(known) in (int, float)
    return False


def waits_for_ever(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines that may wait without end: for a thread, a process, an event or a result."""
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            opened = [ast.unparse(item.context_expr) for item in node.items]
            if any(one.startswith("subprocess.Popen(") for one in opened):
                yield node.lineno, "the end of this block waits for the process"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, bare = node.func.attr, not node.args and not node.keywords
        named = {keyword.arg for keyword in node.keywords}
        if ast.unparse(node.func) == "subprocess.run" and not named & {"timeout", None}:
            yield node.lineno, "this process may never end"
        if name in ("wait", "join", "result", "communicate") and bare and id(node) not in awaited:
            yield node.lineno, f"{name}() without a time"
        if name == "Thread" and "daemon" not in named:
            yield node.lineno, "the interpreter would wait for this thread"


def test_no_test_waits_for_ever() -> None:
    found = [
        f"{file.name}:{line}: {why}"
        for file in sorted((ROOT / "tests").glob("*.py"))
        for line, why in waits_for_ever(ast.parse(file.read_text("utf-8")))
    ]
    assert found == []


def test_the_architecture_page_names_only_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`((?:index|rag|eval|ui|konkyo|training|tests|benchmarks)/[\w./-]*)`", text)
    assert len(named) >= 40
    assert [n for n in named if not (ROOT / n).exists()] == []
