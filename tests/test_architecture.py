"""The shape holds: layers import downward, heavy libraries have one owner, imports stay light."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
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
HEAVY |= {"alembic", "grpc", "psycopg", "pymilvus", "sqlalchemy"}


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        base = importlib.import_module(f"konkyo.{package}")
        found.append(base.__name__)
        found += [m.name for m in pkgutil.walk_packages(base.__path__, f"{base.__name__}.")]
    return found


def source(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imports(module: str) -> set[str]:
    tree = ast.parse(source(module).read_text("utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", modules())
def test_layers_import_only_downward(module: str) -> None:
    package = module.split(".")[1]
    ours = {n.split(".")[1] for n in imports(module) if n.startswith("konkyo.")}
    assert ours <= MAY_IMPORT[package]


def _by_kind(names: list[str]) -> list[str]:
    """The linter's order: constants, then classes, then functions."""
    return sorted(names, key=lambda n: (0 if n.isupper() else 1 if n[0].isupper() else 2, n))


@pytest.mark.parametrize("module", modules())
def test_public_names_are_listed_sorted_and_real(module: str) -> None:
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", None)
    assert names is not None, f"{module} has no __all__"
    assert sorted(names) == sorted(set(names))
    assert list(names) in (sorted(names), _by_kind(names))
    assert all(hasattr(loaded, n) for n in names)


@pytest.mark.parametrize("module", modules())
def test_no_pickle(module: str) -> None:
    assert not {n.split(".")[0] for n in imports(module)} & {"pickle", "dill", "joblib", "shelve"}


def test_importing_everything_loads_no_heavy_library() -> None:
    names = [m for m in modules() if not m.endswith("__main__")]
    code = (
        "import importlib, json, sys\n"
        f"for m in {names!r}: importlib.import_module(m)\n"
        "print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(json.loads(done.stdout)) & HEAVY


def test_no_module_is_a_grab_bag() -> None:
    assert not {m.split(".")[-1] for m in modules()} & {"utils", "helpers", "common", "misc"}
