"""Articles that answer the same question differently: both are shown, each with its date.

Only what can be compared exactly is called a disagreement: the reader is sure of a place in one
article, and a quote of another says the same but for its figure, in the same unit, or its day.
Whether two sentences are about the same matter is asked of the learned checker, both ways
(``benchmarks/conflicts.py``). Figures of different units, however unlike, are not compared.
Whether the answer changed from one day to another is asked in ``changes``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import date

from pydantic.dataclasses import dataclass

from konkyo.index.ingest.dedup import same_story
from konkyo.index.records import Hit, published_day
from konkyo.index.text.dates import dates
from konkyo.index.text.language import detect, same_language
from konkyo.index.text.moments import Moment, moments_agree, nearest_day
from konkyo.index.text.quantities import Quantity, quantities, same_quantity
from konkyo.index.text.word_data import CHECKED, FoldedAlternatives, word_data
from konkyo.rag.reading.answerability import Asked, Measured, asked_for, holds, terms
from konkyo.rag.retrieval.evidence import Sentences, Span
from konkyo.rag.short_answer.place import Place, clean, place_in
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.meaning import Supporter

__all__ = [
    "Version",
    "about_the_same",
    "asks_whether_they_differ",
    "conflicting",
    "counted",
    "of_one_event",
    "same_matter",
    "surest_place",
    "told_in",
    "was_to_come",
]

_COMPARED: tuple[Measured, ...] = ("number", "date")


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How a question asks of the articles, not of what they tell: "Do the reports agree?"."""

    differ: FoldedAlternatives


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One of the answers that articles give: a quote that gives it and the place in it.

    ``saying`` are the sentences known that give it, the quote among them.
    """

    evidence: Evidence
    span: Span
    kind: Asked | None
    saying: tuple[Evidence, ...]

    @property
    def place(self) -> Place:
        """Where the quote gives the answer: whole figures and words, without what hangs on them."""
        return clean(place_in(self.evidence, self.span))

    @property
    def text(self) -> str:
        """The answer in the words of the quote."""
        return self.place.text

    @property
    def witnesses(self) -> tuple[Evidence, ...]:
        """The quote and a sentence of each other article that says so; copies are left out."""
        own = [self.evidence]
        for other in self.saying:
            # A copy of an agency's words is no second witness.
            if not any(_copies(other, known) for known in own):
                own.append(other)
        return tuple(own)

    @property
    def days(self) -> tuple[str, ...]:
        """The days of the oldest and the newest of them, as far as they are known."""
        days = sorted(e.article.published[:10] for e in self.saying if e.article.published)
        return tuple(dict.fromkeys(days[:1] + days[-1:]))


def _words() -> _Words:
    return word_data(_Words, "conflicts", "konkyo.rag.disagreement")


def asks_whether_they_differ(question: str) -> tuple[str, bool]:
    """The question about the matter itself, and whether it asked if articles differ on it."""
    plain = _words().differ.sub("", question).strip(" 、,")
    return (plain, True) if plain and plain != question.strip(" 、,") else (question, False)


def conflicting(
    question: str,
    spans: Sequence[Span],
    evidence: Sequence[Evidence],
    supporter: Supporter | None = None,
    *,
    differ: bool = False,
    thresholds: Thresholds = DEFAULT,
) -> tuple[Version, ...]:
    """The different answers that quotes give, one quote each; empty if none differ.

    The surest first, however many articles repeat another. Questions that ask neither for a
    figure nor for a day are never called disputed, unless they ask whether articles ``differ``.
    Without a ``supporter`` only quotes of which the reader is as sure are compared.
    """
    first = surest_place(spans, evidence, thresholds)
    if first is None:
        return ()
    quote, span = first
    kind: Asked | None = asked_for(question)
    if kind is None and differ:
        kind = next((k for k in _COMPARED if holds(k, span.text, span.language)), None)
    if kind not in _COMPARED:
        return ()
    others: list[tuple[Evidence, Span]] = []
    for other in evidence:
        known = {quote.article.article_id, *(e.article.article_id for e, _ in others)}
        if other.article.article_id in known:
            continue
        place = _rival(kind, first, other, spans, thresholds)
        if place is None:
            continue
        if any(_same(kind, told, (other, place)) for told in others):
            continue
        if about_the_same(question, first, (other, place), supporter, thresholds):
            others.append((other, place))
    if not others:
        return ()
    return tuple(_version(kind, told, evidence) for told in [first, *others])


def told_in(language: str, versions: Sequence[Version]) -> tuple[Version, ...]:
    """The same answers, each by a quote in a language where one of its quotes is."""
    return tuple(_told_in(language, version) for version in versions)


def _told_in(language: str, version: Version) -> Version:
    if same_language(version.span.language, language):
        return version
    told = (version.evidence, version.span)
    for quote in version.saying:
        place = _gives(version.kind, told, quote)
        if place is not None and same_language(quote.article.language, language):
            span = dataclasses.replace(place, share=version.span.share)
            return dataclasses.replace(version, evidence=quote, span=span)
    return version


def _version(kind: Asked, told: tuple[Evidence, Span], evidence: Sequence[Evidence]) -> Version:
    """An answer with all quoted articles that give it."""
    quote, span = told
    saying = tuple(e for e in evidence if e == quote or _gives(kind, told, e) is not None)
    return Version(quote, span, kind, saying)


def _gives(kind: Asked | None, told: tuple[Evidence, Span], other: Evidence) -> Span | None:
    """The place where a sentence gives the same answer, or none."""
    return next((at for at in _written(kind, other) if _same(kind, told, (other, at))), None)


def counted(
    question: str,
    versions: Sequence[Version],
    hits: Sequence[Hit],
    sentences: Sentences,
    supporter: Supporter | None = None,
    thresholds: Thresholds = DEFAULT,
) -> tuple[Version, ...]:
    """The same answers, each with the articles among ``hits`` that give it and no other of them."""
    quoted = {e.article.article_id for version in versions for e in version.saying}
    saying = [list(version.saying) for version in versions]
    for hit in hits:
        if hit.article.article_id in quoted:
            continue
        for sentence in _sentences_of(hit, sentences):
            given = [
                (number, version, place)
                for number, version in enumerate(versions)
                if (place := _gives(version.kind, (version.evidence, version.span), sentence))
            ]
            if len(given) != 1:
                continue
            ((number, version, place),) = given
            told = (version.evidence, version.span)
            if about_the_same(question, told, (sentence, place), supporter, thresholds):
                saying[number].append(sentence)
                quoted.add(hit.article.article_id)
                break
    return tuple(
        dataclasses.replace(v, saying=tuple(s)) for v, s in zip(versions, saying, strict=True)
    )


def of_one_event(
    question: str,
    versions: Sequence[Version],
    hits: Sequence[Hit],
    sentences: Sentences,
    supporter: Supporter | None = None,
    thresholds: Thresholds = DEFAULT,
) -> tuple[Version, ...]:
    """The same answers without days of other events; none where only the first is left.

    An article that tells both days of the same matter (a second call "after one in November") tells
    two events, and disagrees with nobody. A day that had not come when it was written of may have
    been put off, and stays.
    """

    def tells(version: Version, other: Version) -> bool:
        day = _day((version.evidence, version.span))
        own = other.evidence.article.article_id
        return any(
            day is not None
            and moments_agree(day, moment)
            and about_the_same(
                question,
                (version.evidence, version.span),
                (sentence, _span_at(sentence, moment.start, moment.end)),
                supporter,
                thresholds,
            )
            for hit in hits
            if hit.article.article_id == own
            for sentence in _sentences_of(hit, sentences)
            for moment in _moments(sentence)
            if moment.day is not None
        )

    if not versions or versions[0].kind != "date":
        return tuple(versions)
    first, *others = versions
    kept = [
        v
        for v in others
        if was_to_come(first) or was_to_come(v) or not (tells(first, v) or tells(v, first))
    ]
    return (first, *kept) if kept else ()


def was_to_come(version: Version) -> bool:
    """Whether the day that an article gives had not come when it was published."""
    published = _published(version.evidence)
    found = dates(version.span.text, published, version.span.language)
    days = [nearest_day(moment, published) for moment in found] if published else []
    return any(day is not None and published is not None and day > published for day in days)


def _sentences_of(hit: Hit, sentences: Sentences) -> Iterator[Evidence]:
    """The sentences of a passage, as quotes without a number."""
    text, base = hit.passage.text, hit.passage.start
    for start, end in sentences(text, hit.article.language):
        yield Evidence(0, hit.article, base + start, base + end, text[start:end], hit.score)


def _copies(one: Evidence, other: Evidence) -> bool:
    return one.article.article_id == other.article.article_id or same_story(one.text, other.text)


def same_matter(supporter: Supporter, one: str, two: str) -> float:
    """How surely two sentences are about the same matter, whether or not they agree (share).

    What a checker of claims leaves for "does not say", taken away from one, both ways.
    """
    ways = (supporter.supports(one, [two])[0], supporter.supports(two, [one])[0])
    return sum(view.entail + view.contradict for view in ways) / len(ways)


def surest_place(
    spans: Sequence[Span], evidence: Sequence[Evidence], thresholds: Thresholds
) -> tuple[Evidence, Span] | None:
    """The surest place that a quote holds, with its quote; None where the reader is not sure."""
    for span in spans:
        quote = next((e for e in evidence if span.within(e)), None)
        if quote is not None and span.share >= thresholds.conflict_place:
            return quote, span
    return None


def _rival(
    kind: Asked,
    first: tuple[Evidence, Span],
    other: Evidence,
    spans: Sequence[Span],
    thresholds: Thresholds,
) -> Span | None:
    """The place in another quote that holds another answer of the same kind, or none."""
    differ = _figures_differ if kind == "number" else _days_differ
    read = [s for s in spans if s.within(other) and s.share >= thresholds.conflict_place]
    written = _written(kind, other)
    # A quote that also holds the very same answer does not contradict it.
    if any(_same(kind, first, (other, place)) for place in written):
        return None
    return next((place for place in [*read, *written] if differ(first, (other, place))), None)


def _written(kind: Asked | None, told: Evidence) -> list[Span]:
    """Every figure or day that a quote holds, as a place in it."""
    language = told.article.language
    found = quantities(told.text, language) if kind == "number" else _moments(told)
    return [_span_at(told, x.start, x.end) for x in found]


def _span_at(quote: Evidence, start: int, end: int) -> Span:
    """A place of a quote that no reader saw."""
    article, base = quote.article, quote.start
    return Span(
        quote.text[start:end], 0.0, article.article_id, article.language, base + start, base + end
    )


def _same(kind: Asked | None, one: tuple[Evidence, Span], two: tuple[Evidence, Span]) -> bool:
    if kind == "number":
        a, b = _figure(one), _figure(two)
        return a is not None and b is not None and (same_quantity(a, b) or same_quantity(b, a))
    c, d = _day(one), _day(two)
    return c is not None and d is not None and moments_agree(c, d)


def about_the_same(
    question: str,
    one: tuple[Evidence, Span],
    two: tuple[Evidence, Span],
    supporter: Supporter | None,
    thresholds: Thresholds,
) -> bool:
    """Whether two quotes tell the same matter: a telephone call and a visit both have days.

    Without a checker the question's own terms decide in one script, and across languages the reader
    must be nearly as sure of both.
    """
    if supporter is not None:
        return same_matter(supporter, one[0].text, two[0].text) >= thresholds.conflict_same_matter
    asked = terms(question)
    languages = {detect(question), *(e.article.language for e, _ in (one, two))}
    if len(languages) > 1 or not asked:
        return two[1].share >= thresholds.conflict_near * one[1].share
    first, second = (len(asked & terms(e.text)) for e, _ in (one, two))
    return second >= thresholds.conflict_near * first


def _figure(told: tuple[Evidence, Span]) -> Quantity | None:
    found = [q for q in quantities(told[1].text, told[1].language) if not q.small]
    return found[0] if len(found) == 1 else None


def _figures_differ(one: tuple[Evidence, Span], two: tuple[Evidence, Span]) -> bool:
    a, b = _figure(one), _figure(two)
    if a is None or b is None or not _comparable(a, b):
        return False
    return not (same_quantity(a, b) or same_quantity(b, a))


def _comparable(one: Quantity, two: Quantity) -> bool:
    """Whether figures count the same: "170 Japanese" has no unit of its own, 「160人」 has one."""
    if one.unit is None or two.unit is None:
        return {one.kind, two.kind} == {"plain", "count"}
    return (one.unit, one.kind) == (two.unit, two.kind)


def _day(told: tuple[Evidence, Span]) -> Moment | None:
    """The one full day of a span, read by its article's date; "three days before" is none.

    "25 November last year" is one: only its year is relative.
    """
    evidence, span = told
    found = [m for m in dates(span.text, _published(evidence), span.language) if m.day is not None]
    if len(found) != 1 or found[0].month is None:
        return None
    counted = found[0].relative
    return found[0] if counted is None or counted[0] == "year" else None


def _published(evidence: Evidence) -> date | None:
    return published_day(evidence.article.published)


def _moments(evidence: Evidence) -> list[Moment]:
    return list(dates(evidence.text, _published(evidence), evidence.article.language))


def _days_differ(one: tuple[Evidence, Span], two: tuple[Evidence, Span]) -> bool:
    a, b = _day(one), _day(two)
    return a is not None and b is not None and not moments_agree(a, b)
