"""Why something could not be read, ordered or asked is said in the language of the page."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from pathlib import Path

import pytest

from konkyo.ui.web.i18n import say
from konkyo.ui.web.reasons import reason_words

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    row
    for name in ("reasons", "errors")
    for row in tomllib.loads((ROOT / f"ui/web/data/{name}.toml").read_text("utf-8"))["reasons"]
]

# Where the errors are raised that a page can show.
REACHED = [
    "index/builder.py",
    "index/process_pool.py",
    "index/settings.py",
    "index/settings_file.py",
    "index/embedding/mapped_tensors.py",
    "index/embedding/model_registry.py",
    "index/stores/local",
    "index/stores/milvus",
    "index/stores/postgres",
    "index/stores/rows.py",
    "index/stores/writer.py",
    "rag/calibration.py",
    "rag/factory.py",
    "rag/generation",
    "rag/question_budget.py",
    "rag/reading",
    "ui/server",
    "ui/web",
]
ERRORS = re.compile(
    r"(Usage|Settings|Store\w*|LLM|Model|Question)(Error|Damaged|Full|Locked|Mismatch|Missing|Outdated"
    r"|Timeout|TooLong|Unknown|Unreachable)?|NoQuote|NotReady|WorkersLost|_unreachable"
)
# These end a server before it has a page; the addresses are read at its start.
NO_PAGE = ("ui/web/serving.py", "index/stores/postgres/address.py")


def sample(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    return "line 3" if ast.unparse(part.value) == "place" else "X"


def given() -> list[str]:
    """The reasons that the code of the index gives, with an X for each fact."""
    found = set()
    for path in (ROOT / "index").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "")
            at = {"SourceError": 1, "SourceFailure": 1, "_Refused": 0}.get(named)
            if at is None or len(node.args) <= at:
                continue
            reason = node.args[at]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
            elif isinstance(reason, ast.JoinedStr):
                parts = map(sample, reason.values)
                # What is added only at times stands right behind a word.
                found.add(re.sub(r"(?<=[a-zA-Z])X", "", "".join(parts)))
    return sorted(found)


def raised() -> list[str]:
    """The messages of errors that a page can show, with an X for each fact."""
    found = set()
    files = {path for place in REACHED for path in ([ROOT / place, *(ROOT / place).rglob("*.py")])}
    for path in files:
        if path.suffix != ".py" or str(path.relative_to(ROOT)) in NO_PAGE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            message = node.args[0]
            if not ERRORS.fullmatch(name):
                continue
            if isinstance(message, ast.Constant) and isinstance(message.value, str):
                found.add(message.value)
            elif isinstance(message, ast.JoinedStr):
                found.add("".join(map(sample, message.values)))
    # Those are words of a driver or of the system alone.
    return sorted(found - {"X", "X: X", "X at X: X"})


@pytest.mark.parametrize("reason", [*given(), *raised()])
def test_every_reason_has_words(reason: str) -> None:
    for language in ("ja", "ko", "zh"):
        said = reason_words(reason, language)  # type: ignore[arg-type]
        assert said != reason
        assert not said.startswith(say(language, "error_said", reason=""))  # type: ignore[arg-type]
        assert re.search("[가-힣一-龯ぁ-ん]", said)
    assert reason_words(reason, "en") == reason


def test_facts_are_put_in_again_and_a_reason_within_a_reason_is_translated() -> None:
    def facts(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for row in ROWS:
        for language in ("ja", "ko", "zh"):
            assert facts(row[language]) <= facts(row["en"]), row
    said = reason_words('line 3: cannot read the date "5 (or 6)"; write it as YYYY-MM-DD', "ja")
    assert said == '3行目：日付"5 (or 6)"を読めません。YYYY-MM-DDの形で書いてください'
    assert reason_words("the PDF is damaged (a) b)", "zh") == "PDF已损坏（a) b）"
    named = "/etc/x.md: outside the folders this server may read; start it with --allow-path"
    assert (
        reason_words(named, "zh")
        == "/etc/x.md：不在此服务器可读的文件夹内（启动时用--allow-path允许）"
    )
    said = reason_words(
        "m at http://a: [Errno 111] Connection refused; is the server running?", "ja"
    )
    assert said == "m（http://a）：接続が拒まれました。サーバーは動いていますか？"


def test_what_nobody_foresaw_is_told_as_what_the_server_said() -> None:
    said = reason_words("nobody foresaw this", "ko")
    assert said == "서버의 메시지: nobody foresaw this"
    assert reason_words("x" * 5000, "zh").startswith("服务器的消息：")
    assert reason_words("", "ja") == ""
