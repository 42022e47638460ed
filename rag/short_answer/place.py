"""A place in a quote, and the clean unit around it: a whole figure, day or word."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from konkyo.index.records import published_day
from konkyo.index.text.dates import dates
from konkyo.index.text.japanese import words
from konkyo.index.text.moments import Moment
from konkyo.index.text.names import names
from konkyo.index.text.quantities import Quantity, quantities
from konkyo.rag.reading.protocol import Reading
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.short_answer.quantity_text import hedge_of
from konkyo.rag.short_answer.wording import Hedge, wording
from konkyo.rag.types import Evidence

__all__ = [
    "Fact",
    "Place",
    "beside_facts",
    "changes_nothing",
    "clean",
    "facts_of",
    "place_in",
    "place_of",
    "place_read",
    "unit_counted",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote answers: ``quote[start:end]``, in code points.

    ``language`` is that of the quote (ISO 639-1), ``published`` its article's day (YYYY-MM-DD).
    ``counted`` is the unit of what its figure counts, where that is known from elsewhere only.
    ``is_event``: what it tells of may be planned or done; what something is may not.
    """

    quote: str
    start: int
    end: int
    language: str
    published: str | None = None
    counted: str | None = None
    is_event: bool = True

    @property
    def text(self) -> str:
        """Its words, white space folded."""
        return " ".join(self.quote[self.start : self.end].split())


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with the words that make it rough, or a date: ``quote[start:end]``."""

    value: Quantity | Moment
    start: int
    end: int
    hedge: Hedge | None = None


def place_in(evidence: Evidence, span: Span) -> Place:
    """The part of a span that lies within a quote."""
    start = max(0, span.start - evidence.start)
    end = min(len(evidence.text), span.end - evidence.start)
    article = evidence.article
    return Place(evidence.text, start, end, article.language, article.published)


def place_of(evidence: Evidence, text: str) -> Place | None:
    """Where a quote first holds a text, or ``None``."""
    start = evidence.text.find(text)
    article = evidence.article
    if start < 0 or not text:
        return None
    return Place(evidence.text, start, start + len(text), article.language, article.published)


def place_read(evidence: Evidence, reading: Reading) -> Place:
    """Where a reading of a quote alone sees the answer."""
    article = evidence.article
    return Place(evidence.text, reading.start, reading.end, article.language, article.published)


def facts_of(place: Place) -> list[Fact]:
    """The figures and dates that a place touches, in order; a date wins over a figure in it."""
    day = published_day(place.published)
    moments = [Fact(m, m.start, m.end) for m in dates(place.quote, day, place.language)]
    figures = []
    for figure in quantities(place.quote, place.language):
        if not figure.small and not any(_meet(figure, m) for m in moments):
            figure = _counting(_end_of_change(figure, place), place.counted)
            hedge, start, end = hedge_of(place.quote, figure.start, figure.end)
            figures.append(Fact(figure, start, end, hedge))
    return sorted((f for f in [*moments, *figures] if _meet(f, place)), key=lambda f: f.start)


def beside_facts(place: Place) -> list[str]:
    """The stretches of a place before, between and behind its figures and dates."""
    facts = facts_of(place)
    borders = [place.start, *(at for f in facts for at in (f.start, f.end)), place.end]
    return [place.quote[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True)]


def unit_counted(place: Place) -> str | None:
    """The unit of what the one figure of a place counts, where its words tell it."""
    values = [fact.value for fact in facts_of(place)]
    counted = [v.unit for v in values if isinstance(v, Quantity) and v.kind == "count"]
    return counted[0] if len(counted) == len(values) == 1 else None


def _counting(figure: Quantity, unit: str | None) -> Quantity:
    """The figure with the unit of what it counts, where its own words have none."""
    if unit is None or figure.unit is not None or figure.kind != "plain":
        return figure
    return replace(figure, unit=unit, kind="count")


def _end_of_change(figure: Quantity, place: Place) -> Quantity:
    """The one end of a range that a place holds whole: of "from 10 to 20", the 20 it became."""
    if len(figure.values) == 1:
        return figure
    alone = quantities(place.quote[place.start : place.end], place.language)
    if len(alone) == 1 and alone[0].value in figure.values and alone[0].unit == figure.unit:
        at = place.start
        return replace(alone[0], start=at + alone[0].start, end=at + alone[0].end)
    return figure


def _meet(one: Fact | Quantity, other: Fact | Place) -> bool:
    return one.start < other.end and other.start < one.end


def clean(place: Place) -> Place:
    """The place widened to whole figures, dates, names and words, without what hangs on it.

    「160」 in 「約160人の」 is 「約160人」; marks, unpaired brackets and a particle are left out.
    """
    place = _whole_names(place)
    facts = facts_of(place)
    start = min([place.start, *(f.start for f in facts)])
    end = max([place.end, *(f.end for f in facts)])
    if facts and changes_nothing(place.quote[start : facts[0].start]):
        start = facts[0].start
    if facts and changes_nothing(place.quote[facts[-1].end : end]):
        end = facts[-1].end
    if _GENITIVE.match(place.quote, start):
        start -= 1
    while 0 < start < len(place.quote) and _inside_word(place, start):
        start -= 1
    while 0 < end < len(place.quote) and _inside_word(place, end):
        end += 1
    return _stripped(_paired(replace(place, start=start, end=end)))


def _whole_names(place: Place) -> Place:
    """The place with the rest of a name of one word that its first or last letter is within."""
    start, end = place.start, place.end
    for name in names(place.quote, place.language[:2]):
        if " " in name.text:  # Capitals alone do not tell where a name begins.
            continue
        if name.start < start < name.end:
            start = name.start
        if name.start < end < name.end:
            end = name.end
    return replace(place, start=start, end=end)


def changes_nothing(text: str) -> bool:
    """Whether what stands beside a fact is a particle or the like."""
    return bool(wording().beside.fullmatch(text.strip().lower()))


_GENITIVE = re.compile(r"(?<=[A-Za-zÀ-ɏ])['’]s\b")
_WORD = re.compile(r"[A-Za-zÀ-ɏЀ-ӿ0-9]{2}")
_KOREAN_PARTICLE = re.compile(r"(?<=[가-힣]{2})(?:[는를]|에서)$")
"""Korean particles that end no noun."""
_HAN_KATAKANA = re.compile(r"[々ァ-ヺー\u3400-\u9fff]{2}")
_PAIRS = tuple(zip("「『“‘（(《〈【［[", "」』”’）)》〉】］]", strict=True))
_OUTER = " \t\n　、。，．,.;；:：・!！?？…—–-"
_PARTICLE = re.compile(r"(?<=[゠-ヿ一-鿿0-9０-９%％])[のをがはにでとへ]$")


def _inside_word(place: Place, at: int) -> bool:
    around = place.quote[at - 1 : at + 1]
    if place.language[:2] == "ja" and _HAN_KATAKANA.fullmatch(around):
        return at not in _japanese_borders(place.quote)
    return bool(_WORD.fullmatch(around))


@lru_cache(maxsize=64)
def _japanese_borders(text: str) -> frozenset[int]:
    return frozenset(word.end for word in words(text))


def _paired(place: Place) -> Place:
    """The place with the bracket before it or behind it that one within it lacks."""
    text, quote = place.quote[place.start : place.end], place.quote
    for opens, closes in _PAIRS:
        lacks = text.count(closes) - text.count(opens)
        if lacks == 1 and quote[place.start - 1 : place.start] == opens:
            return replace(place, start=place.start - 1)
        if lacks == -1 and quote[place.end : place.end + 1] == closes:
            return replace(place, end=place.end + 1)
    return place


def _stripped(place: Place) -> Place:
    text = place.quote[place.start : place.end]
    while True:
        kept = text.strip(_OUTER) if not text.endswith(".") or text.count(".") < 2 else text
        if place.language[:2] == "ja":
            kept = _PARTICLE.sub("", kept)
        if place.language[:2] == "ko":
            kept = _KOREAN_PARTICLE.sub("", kept)
        for opens, closes in _PAIRS:
            if kept.startswith((opens, closes)) and kept.count(opens) != kept.count(closes):
                kept = kept[1:]
            if kept.endswith((opens, closes)) and kept.count(opens) != kept.count(closes):
                kept = kept[:-1]
        if kept == text:
            break
        text = kept
    start = place.quote.find(text, place.start) if text else place.start
    return replace(place, start=start, end=start + len(text))
