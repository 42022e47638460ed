"""The command line end to end, as a user runs it, with the real models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from konkyo.index.embedding.model_registry import model_path
from konkyo.index.errors import ModelMissing
from konkyo.rag.factory import CHECKER_BASE, DEFAULT_LLM

ROOT = Path(__file__).resolve().parents[1]
KONKYO = Path(sys.executable).with_name("konkyo")


def konkyo(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(KONKYO), *words], capture_output=True, text=True, cwd=cwd, timeout=600, check=False
    )


def pulled(name: str) -> bool:
    try:
        model_path(name)
    except ModelMissing:
        return False
    return True


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real index over the seed articles."""
    if not pulled(CHECKER_BASE):
        pytest.skip("the default embedding model has not been pulled: konkyo models pull")
    folder = tmp_path_factory.mktemp("cli") / "store"
    done = konkyo("index", "build", "seeds", "--store", str(folder))
    assert done.returncode == 0, done.stderr
    return str(folder)


def ask(store: str, question: str, *more: str) -> tuple[int, dict[str, object]]:
    done = konkyo("ask", question, "--store", store, "--json", *more)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


def quotes_are_verbatim(store: str, found: dict[str, object]) -> bool:
    cited = found["citations"]
    assert isinstance(cited, list)
    for c in cited:
        article = json.loads(konkyo("show", c["article_id"], "--store", store, "--json").stdout)
        if article["text"][c["start"] : c["end"]] != c["quote"]:
            return False
    return bool(cited)


@pytest.mark.parametrize(
    ("question", "language", "holds"),
    [
        ("日本の対米投資の規模は何ドルですか。", "ja", "5500億ドル"),
        ("How many Japanese nationals are in Venezuela?", "en", "1"),
    ],
)
def test_an_answer_cites_exact_quotes(store: str, question: str, language: str, holds: str) -> None:
    code, found = ask(store, question, "--llm", "none")
    assert code == 0
    assert found["status"] == "answered"
    assert found["language"] == language
    assert holds in str(found["answer"])
    assert quotes_are_verbatim(store, found)


@pytest.mark.parametrize(
    "question",
    [
        "光合成の化学反応式を教えてください。",
        "What is the boiling point of mercury?",
        "김치찌개는 어떻게 끓이나요?",
        "红楼梦的作者是谁？",
    ],
)
def test_what_the_articles_do_not_say_is_refused_without_sources(store: str, question: str) -> None:
    code, found = ask(store, question, "--llm", "none")
    assert code == 3
    assert found["status"] == "refused"
    assert found["citations"] == []
    assert found["claims"] == []


def test_the_default_model_answers_in_the_language_of_the_question(store: str) -> None:
    if not pulled(DEFAULT_LLM):
        pytest.skip("the default language model has not been pulled: konkyo models pull")
    code, found = ask(store, "日本の対米投資の規模は何ドルですか。")
    assert code == 0
    assert "5500億ドル" in str(found["answer"])
    assert quotes_are_verbatim(store, found)
    shown = {c["id"] for c in found["citations"]}  # type: ignore[attr-defined]
    assert {n for c in found["claims"] for n in c["citations"]} == shown  # type: ignore[attr-defined]


def test_the_saved_pages_become_five_clean_articles(shared: Path, tmp_path: Path) -> None:
    if not pulled(CHECKER_BASE):
        pytest.skip("the default embedding model has not been pulled: konkyo models pull")
    folder = str(tmp_path / "s")
    done = konkyo("index", "build", str(shared / "seeds"), "--store", folder)
    assert done.returncode == 0, done.stderr
    listed = json.loads(konkyo("index", "list", "--store", folder, "--json").stdout)
    assert len(listed) == 5
    (dated,) = [a for a in listed if a["published"] == "2026-02-09"]
    assert dated["url"] == "https://japanese.joins.com/JArticle/344608"
    assert konkyo("index", "verify", "--store", folder).returncode == 0


def test_search_gives_each_arms_score(store: str) -> None:
    done = konkyo("search", "対米投資 5500億ドル", "--store", store, "--json", "--top-k", "3")
    rows = json.loads(done.stdout)
    assert len(rows) == 3
    assert set(rows[0]["scores"]) == {"fused", "dense", "lexical"}
    scores = [r["scores"]["fused"] for r in rows]
    assert scores == sorted(scores, reverse=True)
    shouted = konkyo("search", "対米投資", "--store", store, "--json", "--language", "JA")
    found = json.loads(shouted.stdout)
    assert found
    assert {row["language"] for row in found} == {"ja"}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("ask", "?", "--store", "/nonexistent/store", "--llm", "none"), 1, "/nonexistent/store"),
        (("ask", "", "--llm", "none"), 2, "empty"),
        (("ask", "a", "--llm", "gpt", "--store", "STORE"), 2, "gpt"),
        (("ask", "a", "--since", "yesterday"), 2, "yesterday"),
        (("show", "0000000000000000", "--store", "STORE"), 1, "0000000000000000"),
        (("models", "path", "nothing-like-that"), 2, "nothing-like-that"),
        (("index", "build", "/nonexistent/file.md", "--store", "NEW"), 1, "/nonexistent/file.md"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    store: str, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    places = {"STORE": store, "NEW": str(tmp_path / "new")}
    done = konkyo(*(places.get(w, w) for w in words))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["ask", "chat", "eval", "index", "models", "search", "show"])
def test_every_command_explains_itself(command: str) -> None:
    done = konkyo(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
