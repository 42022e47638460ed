"""Several systems that were asked the same questions, in one table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from konkyo.eval.scoring import Row
from konkyo.eval.statistics import Mean, mean
from konkyo.eval.summary import Summary, summarise

__all__ = ["SYSTEM_MEASURES", "SystemsTable", "shown", "systems_table"]

SYSTEM_MEASURES = (
    "Useful",
    "Handled",
    "Right",
    "PlacesCited",
    "RightWhenAnswered",
    "AnswerRate",
    "RefusalRecall",
    "F1",
    "EM",
    "CitationRecall",
    "CitationPrecision",
    "QuoteExact",
)
"""The measures of the table, in its order."""


@dataclass(frozen=True, slots=True)
class SystemsTable:
    """``heads`` and ``lines`` of text; ``questions`` were asked of all systems.

    The last column of a line says of how many questions its figure says nothing, one number a
    system.
    """

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    questions: int
    answerable: int
    rows: Mapping[str, Sequence[Row]]
    summaries: Mapping[str, Summary]


def systems_table(runs: Mapping[str, Sequence[Row]]) -> SystemsTable:
    """Compare runs, by the name of their system, over the questions that all of them were asked."""
    asked = [{row.question.id for row in rows} for rows in runs.values()]
    common = set.intersection(*asked) if asked else set()
    rows = {name: [r for r in own if r.question.id in common] for name, own in runs.items()}
    summaries = {name: summarise(own) for name, own in rows.items()}
    lines = [
        _line(name, [summary.measures[name] for summary in summaries.values()], len(common))
        for name in SYSTEM_MEASURES
    ]
    judges = dict.fromkeys(j for summary in summaries.values() for j in summary.faithfulness)
    for judge in judges:
        lines.append(_judged(judge, summaries))
    lines.append(("sentences that cite nothing", *map(_uncited, rows.values()), ""))
    times = [f"{s.latency['p50']:.1f} / {s.latency['p95']:.1f}" for s in summaries.values()]
    lines.append(("seconds, p50 / p95", *times, ""))
    first = next(iter(rows.values()), [])
    return SystemsTable(
        heads=("measure", *runs, "not checked"),
        lines=tuple(line for line in lines if any(line[1:-1])),
        questions=len(common),
        answerable=sum(row.question.answerable for row in first),
        rows=rows,
        summaries=summaries,
    )


def shown(value: Mean) -> str:
    """A share with its interval, or nothing where nothing was counted."""
    return f"{value.value:.3f} ({value.low:.3f}-{value.high:.3f})" if value.n else ""


def _line(name: str, values: Sequence[Mean], asked: int) -> tuple[str, ...]:
    # Of quotes and claims there may be more than questions.
    left = "" if name == "QuoteExact" else _left([asked - value.n for value in values])
    return (name, *map(shown, values), left)


def _judged(judge: str, summaries: Mapping[str, Summary]) -> tuple[str, ...]:
    none = mean([])
    values = [summary.faithfulness.get(judge, none) for summary in summaries.values()]
    left = [s.claims - value.n for s, value in zip(summaries.values(), values, strict=True)]
    counts = f"{_left(left)} sentences" if any(left) else _left(left)
    return (f"Faithfulness ({judge})", *map(shown, values), counts)


def _left(counts: Sequence[int]) -> str:
    same = len(set(counts)) == 1
    return str(counts[0]) if same else " / ".join(str(count) for count in counts)


def _uncited(rows: Sequence[Row]) -> str:
    """How many of the shown sentences rest on no citation, so that no judge can check them."""
    claims = [claim for row in rows for claim in row.listed("claims")]
    uncited = sum(not claim.get("citations") for claim in claims)
    return f"{uncited} of {len(claims)}" if claims else ""
