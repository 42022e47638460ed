"""Which quotes are the answer, and where in each it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from konkyo.index.text.language import same_language
from konkyo.index.text.names import names
from konkyo.index.text.normalize import letters
from konkyo.index.text.quantities import Quantity
from konkyo.rag.disagreement.conflicts import Version
from konkyo.rag.messages import notice_text
from konkyo.rag.parts import asks_for_several
from konkyo.rag.question import AskedQuestion
from konkyo.rag.reading.answerability import Asked, asked_for
from konkyo.rag.reading.asked_time import day_told, newest_day
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Span, token_cost
from konkyo.rag.retrieval.search import Found, asked_time
from konkyo.rag.short_answer.origins import origins
from konkyo.rag.short_answer.place import (
    Fact,
    Place,
    beside_facts,
    clean,
    facts_of,
    place_in,
    place_read,
    unit_counted,
)
from konkyo.rag.short_answer.rendering import is_understood
from konkyo.rag.short_answer.short import Joined, short_answer
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import Evidence

__all__ = [
    "Quoted",
    "best_quotes",
    "day_passed",
    "disputed",
    "is_name_instead",
    "marked_quotes",
    "of_kind",
    "quoted",
    "sayable",
    "sayable_places",
    "without_repetition",
]


@dataclass(frozen=True, slots=True)
class Quoted:
    """Quotes that are an answer, each with its places.

    ``several``: each quote says another thing, and the places of all make the short answer,
    joined as ``joined`` says; else those of the first do. ``notices`` are what must be said beside;
    ``dated``: each quote is told by the day of its article.
    """

    quotes: tuple[tuple[Evidence, tuple[Place, ...]], ...]
    several: bool = False
    joined: Joined = "standard"
    notices: tuple[str, ...] = ()
    dated: bool = False

    @property
    def places(self) -> tuple[Place, ...]:
        """The places that make the short answer, in order."""
        counted = self.quotes if self.several else self.quotes[:1]
        return tuple(place for _, places in counted for place in places)


def without_repetition(told: Quoted) -> Quoted:
    """The same quotes; one that lies within another of its article is told by that one alone."""
    kept: dict[Evidence, list[Place]] = {}
    for quote, places in told.quotes:
        around = [other for other, _ in told.quotes if other.holds(quote)]
        whole = max(around, key=lambda other: len(other.text))
        before = quote.start - whole.start
        moved = [
            replace(p, quote=whole.text, start=before + p.start, end=before + p.end) for p in places
        ]
        # Those of further quotes say the same where quotes are not several answers.
        if told.several or whole not in kept:
            kept.setdefault(whole, []).extend(moved)
    quotes = ((quote, tuple(dict.fromkeys(places))) for quote, places in kept.items())
    return replace(told, quotes=tuple(quotes))


def quoted(
    found: Found, asked: AskedQuestion, most: int, reader: Reader | None, thresholds: Thresholds
) -> Quoted:
    """The quotes that hold the parts of an answer which the reader marked, else the best ones.

    Of the best, another one than the first has a place only where it says the same.
    """
    if reader is not None and asks_for_several(asked.standalone, asked.language):
        several = marked_quotes(found, asked, reader, thresholds)
        if several:
            return sayable_places(Quoted(several, several=True), asked, thresholds.item_tokens)
    asks = asked_for(asked.standalone)
    best = [
        (item, place and sayable(of_kind(place, asked.standalone), asks, asked.language))
        for item, place in best_quotes(found, most, thresholds.quote_near_best)
    ]
    told = short_answer([place for _, place in best[:1] if place], asked.language)
    return Quoted(
        tuple(
            (item, (place,) if place and short_answer([place], asked.language) == told else ())
            for item, place in best
        )
    )


def of_kind(place: Place, question: str) -> Place:
    """The place; the only figure or day of its quote where that is asked for and it is none.

    A name is none, and a day instead of a figure.
    """
    if not (is_name_instead(place, question) or _is_day_instead(place, question)):
        return place
    whole = replace(place, start=0, end=len(place.quote))
    return _only_fact(whole, asked_for(question)) or place


def sayable(place: Place, asks: Asked | None, language: str) -> Place | None:
    """A place as it is; one in another language than the asker's as a fact or name, or None."""
    if same_language(place.language, language):
        return place
    return _fact_or_name(place, asks, language)


def _fact_or_name(place: Place, asks: Asked | None, language: str) -> Place | None:
    """A place narrowed to the fact that is asked for, or whole where it is a figure, day or name.

    None where it is a stretch of a sentence, which says nothing outside its quote.
    """
    fact = _only_fact(place, asks)
    if fact is not None:
        return fact
    return place if asks == "name" or is_understood(clean(place), language) else None


def sayable_places(told: Quoted, asked: AskedQuestion, longest: float = inf) -> Quoted:
    """The same quotes, each with its places as they can be said in the asker's language.

    Without any place where one cannot, or has more tokens than ``longest`` beside its figures and
    days and is no name: a list that lacks an item is no short answer.
    """
    asks, quotes = asked_for(asked.standalone), list[tuple[Evidence, tuple[Place, ...]]]()
    for quote, places in told.quotes:
        said = [
            sayable(place, asks, asked.language)
            if sum(map(token_cost, beside_facts(place))) <= longest
            else _fact_or_name(place, asks, asked.language)
            for place in places
        ]
        kept = tuple(place for place in said if place is not None)
        if len(kept) < len(places):
            return replace(told, quotes=tuple((quote, ()) for quote, _ in told.quotes))
        quotes.append((quote, kept))
    return replace(told, quotes=tuple(quotes))


def _only_fact(place: Place, asks: Asked | None) -> Place | None:
    """The only figure or day in a place, whichever is asked for; else none."""
    of_it = [f for f in facts_of(place) if _is_asked(f, place, asks)]
    return replace(place, start=of_it[0].start, end=of_it[0].end) if len(of_it) == 1 else None


def _is_asked(fact: Fact, place: Place, asks: Asked | None) -> bool:
    """Whether a figure or day is of the kind asked for; "three days before" is of both."""
    if isinstance(fact.value, Quantity):
        return asks == ("date" if fact.value.kind == "year" else "number")
    if asks == "date" or fact.value.relative is None:
        return asks == "date"
    written = any(map(str.isdigit, place.quote[fact.start : fact.end]))
    return asks == "number" and (written or abs(fact.value.relative[1]) > 1)


def _is_day_instead(place: Place, question: str) -> bool:
    """Whether a question asks for a figure and all figures of a place are of days."""
    facts = facts_of(clean(place))
    of_it = any(_is_asked(fact, place, "number") for fact in facts)
    return bool(facts) and asked_for(question) == "number" and not of_it


def is_name_instead(place: Place, question: str) -> bool:
    """Whether a question asks for a figure or a day and a place is hardly more than a name.

    Days that are written in other ways than are known are none the less days.
    """
    if asked_for(question) not in {"number", "date"}:
        return False
    text = clean(place).text
    named = sum(name.end - name.start for name in names(text, place.language))
    return 2 * named >= len(text) > 0 and not any(map(str.isdigit, text))


def best_quotes(found: Found, most: int, near_best: float) -> list[tuple[Evidence, Place | None]]:
    """At most so many of the best quotes, each with its place; only those that hold a sure one.

    A quote has at least the share ``near_best`` of the best score: the score counts both what is
    read in it and how near it is to the question. The first one's place, the short answer, is the
    likeliest in it, however sure the reader is. On 250 questions of the training clusters of News
    Reading (same language) the first quote was right 181 times; ordered by place alone, 177.
    """
    evidence = found.evidence
    sure = [e for e in evidence if any(p.within(e) for p in found.places)]
    near = [e for e in sure or evidence if e.score >= near_best * evidence[0].score]
    shown = near or sure
    spans = [found.selection.spans, *[found.places] * len(shown)]
    return [
        (item, next((place_in(item, s) for s in likely if s.within(item)), None))
        for item, likely in zip(shown[:most], spans, strict=False)
    ]


def marked_quotes(
    found: Found, asked: AskedQuestion, reader: Reader, thresholds: Thresholds
) -> tuple[tuple[Evidence, tuple[Place, ...]], ...]:
    """The best quote and those that hold other parts of the answer; none where there is one part.

    The reader marks parts in passages of the best quote's article and in others of which it is
    sure; a quote must answer by itself, too, and say what none before it says, in the same
    language. Those of one article stand in its order.
    """
    best = best_quotes(found, 1, thresholds.quote_near_best)
    if not best or best[0][1] is None:
        return ()
    spans, nearest = found.selection.spans, best[0][0].article.article_id
    least = max(thresholds.sure_place, thresholds.sure_place_near * spans[0].share)
    counted = [span for span in spans if span.share >= least or span.article_id == nearest]
    others = [e for e in found.evidence if e != best[0][0] and _is_marked(e, counted)]
    if not others:
        return ()
    readings = reader.answers(
        asked.standalone, [e.text for e in others], [e.article.title for e in others]
    )
    quotes: list[tuple[Evidence, tuple[Place, ...]]] = [(best[0][0], (best[0][1],))]
    for quote, reading in zip(others, readings, strict=True):
        place = place_read(quote, reading)
        alone = reading.probability >= thresholds.another_part
        new = alone and _adds(place, [q for q, _ in quotes], thresholds.part_known)
        if new and len(quotes) < thresholds.part_quotes:
            quotes.append((quote, (place,)))
    if len(quotes) == 1:
        return ()
    articles = list(dict.fromkeys(q.article.article_id for q, _ in quotes))
    return tuple(
        sorted(quotes, key=lambda one: (articles.index(one[0].article.article_id), one[0].start))
    )


def _is_marked(quote: Evidence, passages: Sequence[Span]) -> bool:
    """Whether a stretch that is marked in one of some passages begins in a quote."""
    return any(
        span.article_id == quote.article.article_id and quote.start <= start < quote.end
        for span in passages
        for start, _ in span.marked
    )


def _adds(place: Place, quotes: Sequence[Evidence], known: float) -> bool:
    """Whether a place says what none of some quotes in its language says.

    A quote that has the share ``known`` of its bigrams says it.
    """
    wanted = {a + b for a, b in pairwise(letters(place.text))}
    own = [q for q in quotes if same_language(q.article.language, place.language)]
    given = [letters(q.text) for q in own]
    return bool(own) and all(sum(w in t for w in wanted) < known * len(wanted) for t in given)


def disputed(newest: Sequence[Version], earlier: Sequence[Version], language: str) -> Quoted:
    """The quotes of articles that answer differently, with a notice that names each.

    Those of ``newest`` are the answer, and disagree where they are several; those of ``earlier``
    stand behind it, told by their days.
    """
    places = {v: v.place for v in (*newest, *earlier)}
    # "About 170 Japanese" counts persons, as 「約160人」 does.
    unit = next((u for p in places.values() if (u := unit_counted(p))), None)
    places = {v: replace(place, counted=unit) for v, place in places.items()}
    # A version without a kind tells the day when something was done.
    said = {v: sayable(place, v.kind or "date", language) for v, place in places.items()}
    places = {v: said[v] or place for v, place in places.items()}
    told_all = all(said[v] is not None for v in newest)
    quotes: list[tuple[Evidence, tuple[Place, ...]]] = [
        (v.evidence, (places[v],) if told_all else ()) for v in newest
    ]
    quotes += [(version.evidence, ()) for version in earlier]
    apart = notice_text("apart", language)
    told = apart.join(_said(version, places[version], language) for version in newest)
    notices = [notice_text("conflict", language, told=told)] if len(newest) > 1 else []
    if earlier:
        before = apart.join(_said(version, places[version], language) for version in earlier)
        notices.append(notice_text("changed", language, newest=told, earlier=before))
    return Quoted(
        tuple(quotes),
        several=True,
        joined="or",
        notices=tuple(notices),
        dated=bool(earlier),
    )


def day_passed(told: Quoted, found: Found, asked: AskedQuestion) -> str | None:
    """What must be said where a day to come is asked for and one before newer articles is told."""
    place = next(iter(told.places), None)
    if place is None or asked_time(asked.standalone, asked.language) != "to come":
        return None
    day = day_told(place.text, place.published, place.language)
    newest = newest_day(found.hits)
    if day is None or day >= newest:
        return None
    return notice_text("day_passed", asked.language, day=newest)


def _said(version: Version, place: Place, language: str) -> str:
    """An answer with the articles that give it, each by its outlet or title and its day."""
    short = short_answer([place], language)
    text = short.text if short is not None else version.text
    origin = origins([quote.article for quote in version.witnesses], language)
    return notice_text("told_by", language, text=text, origin=origin)
