"""What readers say of answers: thumbs, a reason and the answer's fingerprint, in SQLite.

The file lies beside the index and stays on this machine (an index on a server has a table there:
``konkyo.ui.server.session_store``); each row holds the whole outcome, so that
an evaluation set can be made of it later.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, get_args

from konkyo.index.errors import UsageError
from konkyo.index.stores.open import companion

__all__ = [
    "REASONS",
    "Feedback",
    "Keeps",
    "Opinion",
    "Reason",
    "Verdict",
    "feedback_file",
    "opinion_row",
    "read_opinions",
    "to_questions",
]

Verdict = Literal["up", "down"]
Reason = Literal["", "wrong", "unproven", "incomplete", "should_refuse", "should_answer", "other"]
REASONS: tuple[Reason, ...] = get_args(Reason)

_TEXT_LIMIT = 2000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  conversation TEXT NOT NULL,
  turn INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  correction TEXT NOT NULL,
  question TEXT NOT NULL,
  language TEXT NOT NULL,
  status TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  history TEXT NOT NULL,
  outcome TEXT NOT NULL,
  UNIQUE (conversation, turn)
)
"""


def feedback_file(store: str) -> Path:
    """Where the feedback on an index is kept."""
    return companion(store, "-feedback.sqlite")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reader said of one answer. ``at`` is an ISO time (UTC).

    ``correction`` is what the reader says would have been right; ``outcome`` is the object of
    ``konkyo ask --json``; ``history`` are the earlier questions and answers.
    """

    at: str
    verdict: Verdict
    reason: Reason
    correction: str
    question: str
    language: str
    status: str
    fingerprint: str
    history: tuple[tuple[str, str], ...]
    outcome: Mapping[str, object]


class Keeps(Protocol):
    """Where opinions are kept. Its methods raise UsageError or StoreError."""

    def keep(
        self,
        conversation: str,
        turn: int,
        verdict: Verdict,
        outcome: Mapping[str, object],
        *,
        reason: Reason = ...,
        correction: str = ...,
        history: Sequence[tuple[str, str]] = ...,
    ) -> None:
        """Keep one opinion; a second one on the same answer takes the place of the first."""

    def opinions(self) -> list[Opinion]:
        """All opinions, oldest first."""


class Feedback:
    """Keeps opinions in a file. Safe to share by threads."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def keep(
        self,
        conversation: str,
        turn: int,
        verdict: Verdict,
        outcome: Mapping[str, object],
        *,
        reason: Reason = "",
        correction: str = "",
        history: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Keep one opinion; a second one on the same answer takes the place of the first.

        Raises UsageError when it cannot be written.
        """
        row = opinion_row(conversation, turn, verdict, outcome, reason, correction, history)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=10)) as connection, connection:
                connection.execute(_SCHEMA)
                connection.execute(
                    "INSERT OR REPLACE INTO feedback (at, conversation, turn, verdict, reason,"
                    " correction, question, language, status, fingerprint, history, outcome)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
        except (OSError, sqlite3.Error) as exc:
            raise UsageError(f"{self._file}: feedback cannot be kept: {exc}") from exc

    def opinions(self) -> list[Opinion]:
        """All opinions, oldest first. Raises UsageError when they cannot be read."""
        return read_opinions(self._file)


def opinion_row(
    conversation: str,
    turn: int,
    verdict: Verdict,
    outcome: Mapping[str, object],
    reason: Reason,
    correction: str,
    history: Sequence[tuple[str, str]],
) -> tuple[str | int, ...]:
    """An opinion given now, as the columns of a table of them."""
    return (
        datetime.now(UTC).isoformat(timespec="seconds"),
        conversation,
        turn,
        verdict,
        reason,
        correction[:_TEXT_LIMIT],
        str(outcome["question"]),
        str(outcome["language"]),
        str(outcome["status"]),
        str(outcome["fingerprint"]),
        json.dumps(list(history), ensure_ascii=False),
        json.dumps(outcome, ensure_ascii=False),
    )


def read_opinions(file: Path) -> list[Opinion]:
    """All opinions, oldest first; none where there is no file. Raises UsageError."""
    if not file.exists():
        return []
    try:
        address = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return list(_opinions(connection))
    except (sqlite3.Error, ValueError) as exc:
        raise UsageError(f"{file}: not a file of feedback: {exc}") from exc


def _opinions(connection: sqlite3.Connection) -> Iterator[Opinion]:
    rows = connection.execute(
        "SELECT at, verdict, reason, correction, question, language, status, fingerprint, history,"
        " outcome FROM feedback ORDER BY id"
    )
    for at, verdict, reason, correction, question, language, status, print_, history, out in rows:
        past = tuple((str(q), str(a)) for q, a in json.loads(history))
        yield Opinion(
            at,
            verdict,
            reason,
            correction,
            question,
            language,
            status,
            print_,
            past,
            json.loads(out),
        )


def to_questions(
    opinions: Sequence[Opinion], outdated: Callable[[Opinion], bool] | None = None
) -> list[dict[str, object]]:
    """An evaluation set: one object a question, as ``konkyo.eval.formats.jsonl`` reads it.

    Latest opinions win. A question whose latest opinion expects quotes and is ``outdated`` is left
    out.

    A praised answer is expected again, by its sentences and quotes; a praised refusal, or an answer
    that should have been one, is a question the articles do not answer. What a reader corrected is
    expected as corrected. Blame alone says not what is right, and is left out.
    """
    found: dict[str, dict[str, object]] = {}
    for number, opinion in enumerate(opinions, 1):
        expected = _expected(opinion)
        if expected is None:
            continue
        if "gold" in expected and outdated is not None and outdated(opinion):
            found.pop(opinion.question, None)
            continue
        found[opinion.question] = {
            "id": f"feedback-{number:04d}",
            "question": opinion.question,
            "language": opinion.language,
            **expected,
            "history": [{"question": q, "answer": a} for q, a in opinion.history],
            "note": " ".join(
                filter(None, (opinion.verdict, opinion.reason, opinion.at, opinion.fingerprint))
            ),
        }
    return list(found.values())


def _expected(opinion: Opinion) -> dict[str, object] | None:
    refused = opinion.status == "refused"
    if (opinion.verdict == "up" and refused) or opinion.reason == "should_refuse":
        return {"kind": "absent", "answerable": False}
    kind = "followup" if opinion.history else "fact"
    if opinion.correction.strip():
        answers = [opinion.correction.strip()]
        return {"kind": kind, "answerable": True, "answers": answers}
    if opinion.verdict == "up":
        answers = [str(claim["text"]) for claim in _objects(opinion.outcome.get("claims"))]
        gold = [
            {"article": citation["article_id"], "quote": citation["quote"]}
            for citation in _objects(opinion.outcome.get("citations"))
        ]
        return {"kind": kind, "answerable": True, "answers": answers, "gold": gold}
    return None


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
