"""Two runs of the same questions: what got better, what got worse, and is it chance? Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from konkyo.eval.metrics import CONDITIONAL, Measure
from konkyo.eval.scoring import Row
from konkyo.eval.statistics import Paired, json_number, paired
from konkyo.index.errors import UsageError

__all__ = ["Change", "Comparison", "compare", "comparison_json"]


@dataclass(frozen=True, slots=True)
class Change:
    """One question whose score differs; ``None`` where a run does not have it."""

    id: str
    question: str
    before: float | None
    after: float | None
    answer_before: str
    answer_after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How run B differs from run A under one measure, and question by question.

    ``by_measure`` holds the paired test of every measure either run has.
    """

    measure: Measure
    result: Paired
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    by_measure: Mapping[str, Paired]

    def lost(self, most: float) -> bool:
        """Whether the mean of the measure fell by more than ``most`` (a share)."""
        return not math.isnan(self.result.difference) and -self.result.difference > most + 1e-12


def compare(a: Sequence[Row], b: Sequence[Row], measure: Measure) -> Comparison:
    """Compare two runs. A question only one run has counts as zero in the other.

    A measure that counts only some outcomes (``CONDITIONAL``) is compared where both count it; one
    that a run does not know, because it is older, is not compared.

    Raises UsageError if the measure is not kept question by question, or the runs share no
    question.
    """
    before, after = ({row.question.id: row for row in rows} for rows in (a, b))
    if not before.keys() & after.keys():
        raise UsageError("the two runs have no question in common; compare runs of one dataset")
    name = str(measure)
    known = {n for row in b for n in row.scores}
    names = [n for n in dict.fromkeys(n for row in a for n in row.scores) if n in known]
    if name not in names:
        raise UsageError(
            f"{name} is not scored question by question; use one of {', '.join(names)}"
        )
    changed = [
        _change(question, before.get(question), after.get(question), name)
        for question in dict.fromkeys([*before, *after])
    ]
    changes = [c for c in changed if name not in CONDITIONAL or None not in (c.before, c.after)]
    better = [c for c in changes if (c.after or 0.0) > (c.before or 0.0)]
    worse = [c for c in changes if (c.after or 0.0) < (c.before or 0.0)]
    by_measure = {n: _paired_by(before, after, n) for n in names}
    return Comparison(measure, by_measure[name], tuple(better), tuple(worse), by_measure)


def _paired_by(before: Mapping[str, Row], after: Mapping[str, Row], name: str) -> Paired:
    x, y = _scores(before, name), _scores(after, name)
    if name in CONDITIONAL:
        both = x.keys() & y.keys()
        return paired({q: x[q] for q in both}, {q: y[q] for q in both})
    return paired(x, y)


def _scores(rows: Mapping[str, Row], name: str) -> dict[str, float]:
    return {key: row.scores[name] for key, row in rows.items() if name in row.scores}


def _change(question: str, a: Row | None, b: Row | None, name: str) -> Change:
    some = a or b
    return Change(
        id=question,
        question=some.question.question if some else "",
        before=a.scores.get(name) if a else None,
        after=b.scores.get(name) if b else None,
        answer_before=_answer(a),
        answer_after=_answer(b),
    )


def _answer(row: Row | None) -> str:
    if row is None:
        return "(not asked)"
    if row.outcome is None:
        return f"(failed: {row.error})"
    return str(row.outcome.get("answer", ""))


def comparison_json(comparison: Comparison) -> dict[str, object]:
    """The object of ``konkyo eval compare --json``."""
    return {
        "measure": str(comparison.measure),
        **_paired(comparison.result),
        "by_measure": {name: _paired(value) for name, value in comparison.by_measure.items()},
        "improved": [_changed(change) for change in comparison.better],
        "worsened": [_changed(change) for change in comparison.worse],
    }


def _paired(value: Paired) -> dict[str, object]:
    return {
        "difference": json_number(value.difference),
        "low": json_number(value.low),
        "high": json_number(value.high),
        "p": json_number(value.p),
        "n": value.n,
        "better": value.better,
        "worse": value.worse,
    }


def _changed(change: Change) -> dict[str, object]:
    return {
        "id": change.id,
        "question": change.question,
        "before": change.before,
        "after": change.after,
        "answer_before": change.answer_before,
        "answer_after": change.answer_after,
    }
