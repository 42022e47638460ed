"""Why a source could not be read is said in the language of the page."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from pathlib import Path

import pytest

from konkyo.ui.web.reasons import reason_words

ROOT = Path(__file__).resolve().parents[1]
ROWS = tomllib.loads((ROOT / "ui/web/data/reasons.toml").read_text("utf-8"))["reasons"]


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
            if named not in ("SourceError", "SourceFailure") or len(node.args) < 2:
                continue
            reason = node.args[1]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
            elif isinstance(reason, ast.JoinedStr):
                parts = map(sample, reason.values)
                # What is added only at times stands right behind a word.
                found.add(re.sub(r"(?<=[a-zA-Z])X", "", "".join(parts)))
    return sorted(found)


@pytest.mark.parametrize("reason", given())
def test_every_reason_has_words(reason: str) -> None:
    for language in ("ja", "ko", "zh"):
        said = reason_words(reason, language)  # type: ignore[arg-type]
        assert said != reason
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
    assert reason_words("nobody foresaw this", "ko") == "nobody foresaw this"
