"""One question, one outcome: what was right about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from konkyo.eval.answer_match import exact_match, f1, holds
from konkyo.eval.citation_metrics import Case, Judge, citation_scores, support_shares
from konkyo.eval.formats.jsonl import read_question
from konkyo.eval.gold_places import cites_place, is_gold, share_of_places
from konkyo.eval.questions import OF_SEVERAL_PLACES, Question
from konkyo.eval.usefulness import FLAWS, Flaw, flaws
from konkyo.index.errors import ArticleMissing, DatasetError
from konkyo.index.records import Article
from konkyo.rag.types import Answer, Citation, Outcome, Refusal, Reply, to_json

__all__ = ["Quote", "Row", "judge_outcome", "right", "same_number", "skipped"]

# After its numbers are taken out, an answer of at most this many letters is a quantity.
_LETTERS_BESIDE_A_NUMBER = 2
# Characters of the article kept on either side of a quote, for people who read the report.
_AROUND = 120


@dataclass(frozen=True, slots=True)
class Quote:
    """Whether a citation's quote is verbatim, and the article's words around it."""

    exact: bool
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What one question gave.

    ``scores`` maps a measure's name to this question's value; a measure that does not apply is
    not in it. ``judged`` maps a judge's name to the support (share) of each shown claim, NaN
    where it gave no verdict.
    ``quotes`` has one item a citation, in order. ``confidence`` is the lowest support
    among the shown claims, ``None`` for a refusal. ``error`` is set if no outcome came.
    ``flaws`` is what keeps it from being useful, as far as a program sees it.
    """

    question: Question
    outcome: Mapping[str, object] | None
    error: str | None
    seconds: float
    scores: Mapping[str, float]
    judged: Mapping[str, tuple[float, ...]]
    quotes: tuple[Quote, ...]
    confidence: float | None
    flaws: tuple[Flaw, ...] = ()

    def listed(self, key: str) -> list[Mapping[str, object]]:
        """The objects that the outcome lists under a key, such as its claims."""
        found = (self.outcome or {}).get(key)
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def to_json(self) -> dict[str, object]:
        """The object of one line of rows.jsonl."""
        return {
            "id": self.question.id,
            "scores": dict(self.scores),
            "error": self.error,
            "seconds": self.seconds,
            "confidence": self.confidence,
            "flaws": list(self.flaws),
            "judged": {
                name: [None if math.isnan(v) else v for v in values]
                for name, values in self.judged.items()
            },
            "quotes": [asdict(quote) for quote in self.quotes],
            "question": asdict(self.question),
            "outcome": self.outcome,
        }

    @classmethod
    def from_json(cls, where: str, row: Mapping[str, object]) -> Row:
        """Read what ``to_json`` wrote. Raises DatasetError that begins with ``where``."""
        try:
            question, outcome, error = row["question"], row["outcome"], row["error"]
            scores, judged, quotes = row["scores"], row["judged"], row["quotes"]
            seconds, confidence = row["seconds"], row["confidence"]
        except KeyError as exc:
            raise DatasetError(f"{where}: not a row of an evaluation: {exc} is missing") from exc
        if (
            not isinstance(question, dict)
            or not (outcome is None or isinstance(outcome, dict))
            or not (error is None or isinstance(error, str))
            or not isinstance(scores, dict)
            or not isinstance(judged, dict)
            or not isinstance(quotes, list)
            or not isinstance(seconds, int | float)
            or not (confidence is None or isinstance(confidence, int | float))
        ):
            raise DatasetError(f"{where}: not a row of an evaluation: a field has another type")
        return cls(
            question=read_question(where, question),
            outcome=outcome,
            error=error,
            seconds=float(seconds),
            scores={str(name): float(value) for name, value in scores.items()},
            judged={
                str(n): tuple(math.nan if v is None else float(v) for v in values)
                for n, values in judged.items()
            },
            quotes=tuple(_quote(where, quote) for quote in quotes),
            confidence=confidence,
            flaws=_flaws_of(row.get("flaws")),
        )


def _flaws_of(value: object) -> tuple[Flaw, ...]:
    return tuple(flaw for flaw in FLAWS if isinstance(value, list) and flaw in value)


def same_number(text: str, answer: str) -> bool:
    """Whether ``answer`` is a quantity or a date that ``text`` gives in any notation.

    ``5500億ドル`` is ``$550 billion`` and ``2月9日`` is ``Feb 9, 2026``; an answer that says more
    than a number or a date never matches.
    """
    return _same_date(text, answer) or _same_quantity(text, answer)


def _same_quantity(text: str, answer: str) -> bool:
    from konkyo.index.text.quantities import quantities, same_quantity

    wanted = quantities(answer)
    if not wanted or _letters_beside(answer, [(q.start, q.end) for q in wanted]):
        return False
    given = quantities(text)
    return all(any(same_quantity(w, g) for g in given) for w in wanted)


def _same_date(text: str, answer: str) -> bool:
    """Day and month must both be given; a year only has to agree where both name one."""
    from konkyo.index.text.dates import dates

    wanted = [m for m in dates(answer) if m.month is not None and m.day is not None]
    if not wanted or _letters_beside(answer, [(m.start, m.end) for m in wanted]):
        return False
    given = dates(text)
    return all(
        any(
            (w.month, w.day) == (g.month, g.day) and (w.year == g.year or None in (w.year, g.year))
            for g in given
        )
        for w in wanted
    )


def _letters_beside(answer: str, spans: Sequence[tuple[int, int]]) -> bool:
    rest = list(answer)
    for start, end in spans:
        rest[start:end] = " " * (end - start)
    return sum(char.isalnum() for char in rest) > _LETTERS_BESIDE_A_NUMBER


def right(question: Question, text: str) -> bool:
    """Whether an answer's text holds what a right answer holds, and nothing forbidden."""
    if any(holds(text, bait) for bait in question.forbidden):
        return False
    if question.answers and not _any(text, question.answers):
        return False
    if not question.answers and not question.all_of:
        return False
    return all(_any(text, group) for group in question.all_of)


def _any(text: str, answers: Sequence[str]) -> bool:
    return any(holds(text, answer, same_number) for answer in answers)


def judge_outcome(
    question: Question,
    outcome: Outcome,
    seconds: float,
    *,
    article: Callable[[str], Article],
    judges: Sequence[Judge] = (),
) -> Row:
    """Score one outcome. The first judge's support counts as faithfulness.

    The others are asked only whether the quotes of each claim support it together.

    ``article`` re-reads the store, so that a quote is compared with the truth and not with what
    the outcome says of it.
    """
    cases = _cases(question, outcome)
    cited = outcome.citations if isinstance(outcome, Answer) else ()
    quotes = tuple(_compared(citation, article) for citation in cited)
    judged: dict[str, tuple[float, ...]] = {}
    citing: dict[str, float] = {}
    for judge in judges:
        if cases and not citing:
            found = citation_scores(cases, judge)
            shares = found.supported
            citing = {
                "CitationRecall": found.recall,
                "CitationPrecision": found.precision,
                "CitationF1": found.f1,
            }
        else:
            shares = support_shares(cases, judge)
        judged[judge.name] = tuple(round(share, 4) for share in shares)
    proved = citing.get("CitationRecall", 1.0) == 1.0
    scores = {**_answer_scores(question, outcome, proved=proved), **citing}
    handled = scores["Handled"] == 1.0
    flawed = flaws(question, outcome, handled=handled, numeric=same_number)
    scores["Useful"] = float(not flawed)
    return Row(
        question=question,
        outcome=to_json(outcome),
        error=None,
        seconds=round(seconds, 4),
        scores=scores,
        judged=judged,
        quotes=quotes,
        confidence=_confidence(outcome),
        flaws=flawed,
    )


def skipped(question: Question, error: str, seconds: float) -> Row:
    """A question that gave no outcome: it scores zero wherever it counts."""
    scores = dict.fromkeys(_applicable(question), 0.0)
    return Row(question, None, error, round(seconds, 4), scores, {}, (), None, ("failed",))


def _applicable(question: Question) -> list[str]:
    """The measures that count this question, whatever came of it."""
    names = ["Handled", "Useful"]
    if question.kind == "premise":
        names.append("PremiseHandled")
    elif not question.answerable:
        names += ["RefusalRecall"] * (question.kind != "reply")
    elif question.answers or question.all_of:
        names += ["Right", "AnswerRate"]
    else:
        names.append("AnswerRate")
    if question.answerable and question.answers:
        names += ["EM", "F1"]
    if question.kind == "conflict":
        names.append("ConflictHandled")
    if question.kind == "injected":
        names.append("InjectionHandled")
    if question.kind in OF_SEVERAL_PLACES and question.gold:
        names.append("PlacesCited")
    return names


def _answer_scores(question: Question, outcome: Outcome, *, proved: bool) -> dict[str, float]:
    answered, refused = isinstance(outcome, Answer), isinstance(outcome, Refusal)
    good = answered and right(question, outcome.text)
    if question.kind == "premise":
        # An answer corrects the premise if it proves itself by the words that contradict it.
        handled = good or refused or (proved and _quotes_gold(question, outcome))
    elif question.kind == "reply":
        expected = bool(question.answers or question.all_of)
        handled = isinstance(outcome, Reply) and (not expected or right(question, outcome.text))
    else:
        # A reply of small talk says no more than silence, and not that the articles do not say.
        handled = good if question.answerable else refused
    values = {
        "Handled": handled,
        "Right": good,
        "AnswerRate": answered,
        "RefusalRecall": refused,
        "PremiseHandled": handled,
        "ConflictHandled": handled,
        "InjectionHandled": handled or refused,
    }
    scores = {name: float(values.get(name, False)) for name in _applicable(question)}
    if "PlacesCited" in scores and isinstance(outcome, Answer):
        scores["PlacesCited"] = share_of_places(outcome.citations, question.gold)
    if question.kind == "reply":
        return scores
    if refused:
        scores["RefusalPrecision"] = float(not question.answerable or question.kind == "premise")
    if not answered:
        return scores
    if "EM" in scores:
        scores["EM"] = exact_match(outcome.text, question.answers)
        scores["F1"] = f1(outcome.text, question.answers)
    if "Right" in scores:
        scores["RightWhenAnswered"] = float(good)
    if good and question.gold and isinstance(outcome, Answer):
        scores["GoldCited"] = float(
            any(is_gold(c, gold) for c in outcome.citations for gold in question.gold)
        )
    return scores


def _quotes_gold(question: Question, outcome: Outcome) -> bool:
    if not isinstance(outcome, Answer):
        return False
    return any(
        gold.quote and cites_place(citation, gold)
        for citation in outcome.citations
        for gold in question.gold
    )


def _cases(question: Question, outcome: Outcome) -> list[Case]:
    if not isinstance(outcome, Answer):
        return []
    cited = {citation.id: citation for citation in outcome.citations}
    return [
        Case(
            question.question,
            outcome.language,
            claim.text,
            tuple(cited[number] for number in claim.citations if number in cited),
        )
        for claim in outcome.claims
    ]


def _compared(citation: Citation, article: Callable[[str], Article]) -> Quote:
    """The quote against the article as the store has it."""
    try:
        text = article(citation.article_id).text
    except ArticleMissing:
        return Quote(False)
    start, end = citation.start, citation.end
    exact = 0 <= start < end <= len(text) and text[start:end] == citation.quote
    if not exact:
        return Quote(False)
    return Quote(True, text[max(0, start - _AROUND) : start], text[end : end + _AROUND])


def _quote(where: str, value: object) -> Quote:
    if not isinstance(value, dict) or not isinstance(value.get("exact"), bool):
        raise DatasetError(f"{where}: not a row of an evaluation: a quote has another type")
    return Quote(value["exact"], str(value.get("before", "")), str(value.get("after", "")))


def _confidence(outcome: Outcome) -> float | None:
    if not isinstance(outcome, Answer):
        return None
    return min((claim.support for claim in outcome.claims), default=0.0)
