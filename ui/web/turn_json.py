"""Turns as JSON, for keeping them: the outcome is the object of ``konkyo ask --json``.

Keys that a newer version wrote are passed over, and those that an older one did not write have
their defaults, so that a turn kept by another version can be read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from konkyo.index.records import Filter
from konkyo.rag.types import Answer, Evidence, Outcome, Refusal, Reply, to_json
from konkyo.ui.server.conversation_store import KeptTurn
from konkyo.ui.web.turns import Turn, is_settled

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "TURN_VERSION",
    "filter_from_json",
    "filter_to_json",
    "outcome_from_json",
    "turn_from_json",
    "turn_to_json",
]

TURN_VERSION = 1
"""The form of a kept turn; grows when one that was kept before can no longer be read alike."""

_log = logging.getLogger(__name__)


def turn_to_json(turn: Turn) -> KeptTurn:
    """Returns a turn as it is kept; translations of quotes are not kept."""
    content = {
        "question": turn.question,
        "state": turn.state,
        "language": turn.language,
        "evidence": [asdict(one) for one in turn.evidence],
        "outcome": to_json(turn.outcome) if turn.outcome is not None else None,
        "claims": [asdict(one) for one in turn.claims] if turn.outcome is None else [],
        "error": turn.error,
        "notes": list(turn.notes),
        "filtered": turn.filtered,
        "lenient": turn.lenient,
        "opinion": turn.opinion,
        "asked": turn.asked,
        "follow_ups": list(turn.follow_ups),
        "newest": turn.newest,
        "model": turn.model,
        "error_detail": turn.error_detail,
        "failure": asdict(turn.failure) if turn.failure is not None else None,
        "messages": [asdict(one) for one in turn.messages],
    }
    said = turn.outcome.text if turn.outcome is not None else ""
    words = f"{turn.question} {said}"
    return KeptTurn(turn.number, TURN_VERSION, json.dumps(content, ensure_ascii=False), words)


def turn_from_json(kept: KeptTurn) -> Turn:
    """Returns a kept turn; one whose server ended meanwhile was interrupted.

    Of a turn in a form that cannot be read, the question is left.
    """
    try:
        content = json.loads(kept.content)
        question = str(content["question"])
    except (ValueError, KeyError, TypeError) as exc:
        _log.warning("a kept turn cannot be read: %s", exc)
        return Turn(kept.number, "?", "stopped")
    try:
        turn = _turn(kept.number, content)
    except (ValueError, KeyError, TypeError) as exc:
        _log.warning("a kept turn has another form: %s", exc)
        return Turn(kept.number, question, "stopped")
    return turn if is_settled(turn) else replace(turn, state="interrupted")


def _turn(number: int, content: Mapping[str, Any]) -> Turn:
    # pydantic's ValidationError is a ValueError.
    fields = {name: value for name, value in content.items() if name not in ("outcome", "evidence")}
    turn: Turn = _adapter(Turn).validate_python({**fields, "number": number})
    shown = content.get("evidence", ())
    evidence: tuple[Evidence, ...] = _adapter(tuple[Evidence, ...]).validate_python(shown)
    if content.get("outcome") is None:
        return replace(turn, evidence=evidence)
    outcome = outcome_from_json(content["outcome"])
    claims, short = (outcome.claims, outcome.short) if isinstance(outcome, Answer) else ((), None)
    return replace(
        turn,
        evidence=evidence,
        outcome=outcome,
        short=short,
        claims=claims,
        removed=outcome.removed,
    )


def outcome_from_json(content: Mapping[str, object]) -> Outcome:
    """Returns the outcome that ``to_json`` gave. Raises ValueError, KeyError."""
    kinds: dict[object, type] = {"answered": Answer, "refused": Refusal, "replied": Reply}
    reply = content.get("reply")
    fields = {**content, **(reply if isinstance(reply, dict) else {}), "text": content["answer"]}
    outcome: Outcome = _adapter(kinds[content["status"]]).validate_python(fields)
    return outcome


def filter_to_json(where: Filter) -> str:
    """Returns a filter as it is kept."""
    kept: str = _adapter(Filter).dump_json(where).decode()
    return kept


def filter_from_json(content: str) -> Filter:
    """Returns a kept filter; no filter for one in a form that cannot be read."""
    try:
        where: Filter = _adapter(Filter).validate_json(content)
    except ValueError as exc:
        _log.warning("a kept filter has another form: %s", exc)
        return Filter()
    return where


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Converts values of a type; made when first needed."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
