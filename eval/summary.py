"""Rows to figures: what a run shows, over all and by kind and language. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from konkyo.eval.citation_metrics import cohen_kappa
from konkyo.eval.metrics import MEASURES
from konkyo.eval.scoring import Row
from konkyo.eval.statistics import Mean, RiskCoverage, json_number, mean, percentile, risk_coverage

__all__ = ["Agreement", "Summary", "Times", "Tokens", "summarise", "summary_json"]

_SCORED = (
    "Handled",
    "Useful",
    "PlacesCited",
    "Right",
    "RightWhenAnswered",
    "AnswerRate",
    "RefusalRecall",
    "RefusalPrecision",
    "PremiseHandled",
    "ConflictHandled",
    "InjectionHandled",
    "EM",
    "F1",
    "GoldCited",
    "CitationRecall",
    "CitationPrecision",
    "CitationF1",
)


_USAGE = ("prompt_tokens", "cached_tokens", "completion_tokens", "calls")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two judges agree on the shown claims: a share, and Cohen's kappa beyond chance."""

    a: str
    b: str
    share: float
    kappa: float
    n: int


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from question to outcome, over ``n`` questions that gave one; NaN without any."""

    p50: float
    p95: float
    n: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens a question, over the ``n`` outcomes that say how many they took."""

    mean: float
    p50: float
    p95: float
    total: int
    n: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run; ``faithfulness`` by judge, the first being the project's checker.

    ``by_kind`` and ``by_language`` hold the share of questions handled. Latencies are seconds.
    ``tokens`` is by kind of token, as the engine named them: prompt_tokens, cached_tokens,
    completion_tokens, calls; empty where no outcome says. ``flaws`` counts the questions that a
    flaw kept from being useful.
    """

    asked: int
    answered: int
    refused: int
    replies: int
    errors: int
    claims: int
    measures: Mapping[str, Mean]
    faithfulness: Mapping[str, Mean]
    agreement: tuple[Agreement, ...]
    by_kind: Mapping[str, Mean]
    by_language: Mapping[str, Mean]
    curve: RiskCoverage
    latency: Mapping[str, float]
    removed: Mapping[str, int]
    flaws: Mapping[str, int]
    latency_by_kind: Mapping[str, Times]
    latency_by_language: Mapping[str, Times]
    tokens: Mapping[str, Tokens]


def summarise(rows: Sequence[Row]) -> Summary:
    """All figures of a run. A measure nothing counted for is NaN with n = 0."""
    measures = {
        name: mean([row.scores[name] for row in rows if name in row.scores]) for name in _SCORED
    }
    measures["QuoteExact"] = mean([float(quote.exact) for row in rows for quote in row.quotes])
    judges = list(dict.fromkeys(name for row in rows for name in row.judged))
    faithfulness = {judge: mean([float(s) for s in _supported(rows, judge)]) for judge in judges}
    answered = _of_status(rows, "answered")
    errors = sum(row.error is not None for row in rows)
    curve = risk_coverage(
        [(row.confidence or 0.0, row.scores["Handled"] == 1.0) for row in answered], len(rows)
    )
    times = [row.seconds for row in rows if row.error is None]
    return Summary(
        asked=len(rows),
        answered=len(answered),
        refused=len(_of_status(rows, "refused")),
        replies=len(_of_status(rows, "replied")),
        errors=errors,
        claims=sum(len(next(iter(row.judged.values()), ())) for row in rows),
        measures=measures,
        faithfulness=faithfulness,
        agreement=_agreement(rows, judges),
        by_kind=_handled(rows, lambda row: row.question.kind),
        by_language=_handled(rows, lambda row: row.question.language),
        curve=curve,
        latency={"p50": percentile(times, 0.5), "p95": percentile(times, 0.95)},
        removed=_removed(rows),
        flaws=_counted(flaw for row in rows for flaw in row.flaws),
        latency_by_kind=_times(rows, lambda row: row.question.kind),
        latency_by_language=_times(rows, lambda row: row.question.language),
        tokens=_tokens(rows),
    )


def _of_status(rows: Sequence[Row], status: str) -> list[Row]:
    return [row for row in rows if row.outcome and row.outcome.get("status") == status]


def _times(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, Times]:
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.error is None:
            groups.setdefault(key(row), []).append(row.seconds)
    return {
        name: Times(
            percentile(groups[name], 0.5), percentile(groups[name], 0.95), len(groups[name])
        )
        for name in sorted(groups)
    }


def _tokens(rows: Sequence[Row]) -> dict[str, Tokens]:
    found: dict[str, list[int]] = {}
    for row in rows:
        usage = (row.outcome or {}).get("usage")
        for name in _USAGE:
            count = usage.get(name) if isinstance(usage, dict) else None
            if isinstance(count, int) and not isinstance(count, bool):
                found.setdefault(name, []).append(count)
    return {
        name: Tokens(
            sum(counts) / len(counts),
            percentile(counts, 0.5),
            percentile(counts, 0.95),
            sum(counts),
            len(counts),
        )
        for name, counts in found.items()
    }


def _supported(rows: Sequence[Row], judge: str) -> list[bool]:
    """One verdict a claim; a claim a judge gave none on is not counted for it."""
    shares = [share for row in rows for share in row.judged.get(judge, ())]
    return [share >= 0.5 for share in shares if not math.isnan(share)]


def _pairs(rows: Sequence[Row], a: str, b: str) -> list[tuple[bool, bool]]:
    return [
        (x >= 0.5, y >= 0.5)
        for row in rows
        if a in row.judged and b in row.judged
        for x, y in zip(row.judged[a], row.judged[b], strict=True)
        if not math.isnan(x + y)
    ]


def _agreement(rows: Sequence[Row], judges: Sequence[str]) -> tuple[Agreement, ...]:
    found: list[Agreement] = []
    for i, a in enumerate(judges):
        for b in judges[i + 1 :]:
            pairs = _pairs(rows, a, b)
            x, y = [p for p, _ in pairs], [q for _, q in pairs]
            share = sum(p == q for p, q in zip(x, y, strict=True)) / len(x) if x else math.nan
            found.append(Agreement(a, b, share, cohen_kappa(x, y), len(x)))
    return tuple(found)


def _handled(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, Mean]:
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row.scores["Handled"])
    return {name: mean(groups[name]) for name in sorted(groups)}


def _removed(rows: Sequence[Row]) -> dict[str, int]:
    reasons: list[str] = []
    for row in rows:
        removed = (row.outcome or {}).get("removed")
        items = removed if isinstance(removed, list) else []
        reasons += (str(item.get("reason")) for item in items if isinstance(item, dict))
    return _counted(reasons)


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each name comes, most often first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def summary_json(summary: Summary) -> dict[str, object]:
    """The object of summary.json; a figure that does not exist is null, since JSON has no NaN."""
    return {
        "asked": summary.asked,
        "answered": summary.answered,
        "refused": summary.refused,
        "replies": summary.replies,
        "errors": summary.errors,
        "claims": summary.claims,
        "measures": {
            **{name: _mean(value) for name, value in summary.measures.items()},
            "Faithfulness": _mean(next(iter(summary.faithfulness.values()), mean([]))),
            "AURC": json_number(summary.curve.area),
            "Latency@50": json_number(summary.latency["p50"]),
            "Latency@95": json_number(summary.latency["p95"]),
        },
        "faithfulness": {name: _mean(value) for name, value in summary.faithfulness.items()},
        "agreement": [
            {
                "judges": [a.a, a.b],
                "share": json_number(a.share),
                "kappa": json_number(a.kappa),
                "n": a.n,
            }
            for a in summary.agreement
        ],
        "by_kind": {name: _mean(value) for name, value in summary.by_kind.items()},
        "by_language": {name: _mean(value) for name, value in summary.by_language.items()},
        "latency": {
            "by_kind": {name: _seconds(t) for name, t in summary.latency_by_kind.items()},
            "by_language": {name: _seconds(t) for name, t in summary.latency_by_language.items()},
        },
        "tokens": {
            name: {
                "mean": json_number(t.mean),
                "p50": json_number(t.p50),
                "p95": json_number(t.p95),
                "total": t.total,
                "n": t.n,
            }
            for name, t in summary.tokens.items()
        },
        "risk_coverage": {
            "coverage": [round(c, 6) for c in summary.curve.coverage],
            "risk": [round(r, 6) for r in summary.curve.risk],
        },
        "removed": dict(summary.removed),
        "flaws": dict(summary.flaws),
        "meaning": {name: meaning for name, meaning in MEASURES.items() if name in _SCORED},
    }


def _seconds(times: Times) -> dict[str, object]:
    return {"p50": json_number(times.p50), "p95": json_number(times.p95), "n": times.n}


def _mean(value: Mean) -> dict[str, object]:
    return {
        "value": json_number(value.value),
        "low": json_number(value.low),
        "high": json_number(value.high),
        "n": value.n,
    }
