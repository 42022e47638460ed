"""Opinions are kept with what they are about, and become questions that an evaluation can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import ENGLISH, answer, evidence

from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.index.errors import UsageError
from konkyo.rag.types import Claim, to_json
from konkyo.ui.server.feedback import Feedback, feedback_file, read_opinions, to_questions

ROOT = Path(__file__).resolve().parents[1]
QUOTE = ENGLISH.text.split("\n")[0]


def outcome(question: str = "How much?") -> dict[str, object]:
    shown = (evidence(1, ENGLISH, QUOTE),)
    return to_json(answer(question, (Claim("550 billion dollars.", (1,), 0.9),), shown))


def test_an_opinion_is_kept_with_the_fingerprint_and_the_last_one_counts(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    kept = Feedback(feedback_file(store))
    kept.keep("tab", 1, "down", outcome(), reason="wrong")
    kept.keep("tab", 1, "up", outcome(), history=[("Who?", "Japan.")])
    kept.keep("tab", 2, "down", outcome("When?"), reason="unproven")
    first, second = read_opinions(feedback_file(store))
    assert (first.verdict, first.fingerprint, first.history) == (
        "up",
        "0123456789ab",
        (("Who?", "Japan."),),
    )
    assert (second.question, second.reason, second.status) == ("When?", "unproven", "answered")


def test_praise_correction_and_refusals_become_questions(tmp_path: Path) -> None:
    kept = Feedback(tmp_path / "f.sqlite")
    refused = {**outcome("Weather?"), "status": "refused", "claims": [], "citations": []}
    kept.keep("a", 1, "up", outcome())
    kept.keep("a", 2, "up", refused)
    kept.keep("a", 3, "down", outcome("When?"), reason="wrong", correction="On Monday")
    kept.keep("a", 4, "down", outcome("Why?"), reason="should_refuse")
    kept.keep("a", 5, "down", outcome("Where?"), reason="other")
    rows = to_questions(read_opinions(tmp_path / "f.sqlite"))
    file = tmp_path / "set.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    made = {q.question: q for q in load_jsonl(file).questions}
    assert set(made) == {"How much?", "Weather?", "When?", "Why?"}
    assert made["How much?"].answers == ("550 billion dollars.",)
    assert made["How much?"].gold[0].quote == QUOTE
    assert made["When?"].answers == ("On Monday",)
    assert not made["Weather?"].answerable
    assert not made["Why?"].answerable


def test_a_path_may_hold_what_means_something_in_an_address(tmp_path: Path) -> None:
    file = tmp_path / "50%3F of #1?mode=rw.sqlite"
    Feedback(file).keep("a", 1, "up", outcome())
    assert len(read_opinions(file)) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_later_opinion_on_the_same_question_wins(tmp_path: Path) -> None:
    kept = Feedback(tmp_path / "f.sqlite")
    kept.keep("a", 1, "up", outcome())
    opinions = read_opinions(tmp_path / "f.sqlite")
    corrected = replace(opinions[0], verdict="down", correction="nothing")
    (row,) = to_questions([*opinions, corrected])
    assert row["answers"] == ["nothing"]


def test_the_command_exports_and_says_when_there_is_nothing(tmp_path: Path) -> None:
    def export() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "konkyo", "feedback", "export"),
                *(str(tmp_path / "out.jsonl"), "--store", str(tmp_path / "store")),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=240,
            check=False,
        )

    nothing = export()
    assert nothing.returncode == 2
    assert "no opinion" in nothing.stderr
    Feedback(feedback_file(str(tmp_path / "store"))).keep("a", 1, "up", outcome())
    assert export().returncode == 0
    assert len(load_jsonl(tmp_path / "out.jsonl").questions) == 1


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.sqlite"
    file.write_text("not a database " * 100, "utf-8")
    with pytest.raises(UsageError, match="not a file of feedback"):
        read_opinions(file)
    with pytest.raises(UsageError, match="cannot be kept"):
        Feedback(file).keep("a", 1, "up", outcome())
