"""Which exact facts of a claim are not in the evidence it cites, or contradict it.

Pure functions over text: no model, no network, nothing read at import. Numbers, dates, names,
quotations and negation are each compared by a module of their own; this one brings them together
and decides. It is cautious: what cannot be told is not an issue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from konkyo.index.text.alignment import Alignment, Change, align
from konkyo.index.text.dates import dates
from konkyo.index.text.moments import Moment, moments_agree
from konkyo.index.text.names import (
    Name,
    entity,
    find_name,
    foreign_sounds,
    is_person,
    names,
    same_name,
)
from konkyo.index.text.negation import opposites
from konkyo.index.text.normalize import fold, guess_language, letters, same_language
from konkyo.index.text.quantities import Quantity, quantities, same_quantity, unit_conflict

__all__ = ["FactIssue", "FactKind", "FactMatch", "FactReport", "compare"]

FactKind = Literal["number", "date", "name", "negation", "quotation"]
_LAID = 0.7  # Share of the claim in one sentence, before replacements are looked for.
_ANCHOR = 3  # Weight of agreement on both sides that makes a difference a replacement.


@dataclass(frozen=True, slots=True)
class FactIssue:
    """One fact of a claim that the evidence does not bear out: ``claim[start:end] == text``."""

    kind: FactKind
    text: str
    start: int
    end: int
    detail: str


@dataclass(frozen=True, slots=True)
class FactMatch:
    """One fact found in evidence number ``evidence`` (from 0), with both spans."""

    kind: FactKind
    text: str
    start: int
    end: int
    evidence: int
    evidence_start: int
    evidence_end: int


@dataclass(frozen=True, slots=True)
class FactReport:
    """What comparing found, both in the order of the claim."""

    issues: tuple[FactIssue, ...]
    matches: tuple[FactMatch, ...]

    @property
    def agrees(self) -> bool:
        """Whether no fact of the claim is missing from the evidence."""
        return not self.issues


@dataclass(frozen=True, slots=True)
class _Text:
    """A claim or one evidence text, read."""

    text: str
    folded: str
    language: str | None
    published: date | None
    quantities: tuple[Quantity, ...]
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """One evidence with what is known of its article, and the claim laid over it."""

    read: _Text
    title: str
    same: bool
    laid: Alignment | None


def _day(text: str | None) -> date | None:
    if not text or not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _overlaps(start: int, end: int, spans: Sequence[Quantity] | Sequence[Moment]) -> bool:
    return any(start < span.end and span.start < end for span in spans)


@lru_cache(maxsize=512)
def _read(text: str, language: str | None, published: date | None) -> _Text:
    """Read numbers and dates; what is part of a date is no number, and "1435 mm" is no year."""
    counted = quantities(text, language)
    measured = [
        q
        for q in counted
        if q.unit not in {None, "year"} or (q.unit == "year" and q.kind != "year")
    ]
    moments = tuple(
        m
        for m in dates(text, published, language)
        if not (
            m.grain == "year"
            and m.relative is None
            and any(q.start <= m.start and m.end <= q.end for q in measured)
        )
    )
    dated = [m for m in moments if m.grain != "ago"]
    free = tuple(q for q in counted if not _overlaps(q.start, q.end, dated))
    return _Text(text, fold(text), language, published, free, moments)


def _verbatim(source: _Text, text: str) -> tuple[int, int] | None:
    """The text as it stands, not inside a longer number."""
    found = re.search(rf"(?<![\d.,]){re.escape(fold(text))}(?!\d|[.,]\d)", source.folded)
    return found.span() if found else None


def _changes_at(start: int, end: int, laid: Alignment | None) -> list[Change]:
    """The anchored replacements that touch a span of the claim."""
    if laid is None or laid.share < _LAID:
        return []
    return [
        c
        for c in laid.changes
        if c.start < end
        and start < c.end
        and min(c.left, c.right) >= _ANCHOR
        and c.evidence_end > c.evidence_start
        and c.evidence_end - c.evidence_start <= 2 * (c.end - c.start) + 8
    ]


# -- numbers ---------------------------------------------------------------------------------------


def _number_in(quantity: Quantity, source: _Source) -> tuple[int, int] | None:
    """Where the evidence gives the claim's number; ``None`` when it does not."""
    read = source.read
    for other in read.quantities:
        if same_quantity(quantity, other, convert=False):
            return other.start, other.end
    if not any(q.unit == quantity.unit for q in read.quantities):
        for other in read.quantities:
            if same_quantity(quantity, other):
                return other.start, other.end
    if len(quantity.values) > 1:
        ends = [
            next(
                (q for q in read.quantities if not unit_conflict(quantity, q) and v in q.values),
                None,
            )
            for v in quantity.values
        ]
        if all(ends):
            return min(q.start for q in ends if q), max(q.end for q in ends if q)
    return (
        _number_in_dates(quantity, read)
        or _verbatim(read, quantity.text)
        or _loosely(quantity, source)
    )


def _number_in_dates(quantity: Quantity, read: _Text) -> tuple[int, int] | None:
    """A bare number may be part of a date, and minutes and seconds may be written as a clock."""
    if len(quantity.values) > 1:
        return None
    value = quantity.values[0]
    for moment in read.moments:
        if quantity.unit in {None, "year"} and value in {moment.year, moment.month, moment.day}:
            return moment.start, moment.end
        if quantity.unit == "minute" and moment.clock is not None:
            whole, part = divmod(moment.clock, 60)
            if abs(value - (whole + Decimal(part) / 60)) < Decimal("0.01"):
                return moment.start, moment.end
    return None


_LOOSE = "〇一二三四五六七八九十"


def _loosely(quantity: Quantity, source: _Source) -> tuple[int, int] | None:
    """Across languages, a small number may be any kanji numeral, whatever is counted."""
    value = quantity.values[0]
    if (
        source.same
        or len(quantity.values) > 1
        or value != value.to_integral()
        or not 0 < value <= 10
    ):
        return None
    forms = [_LOOSE[int(value)]] + (["两", "双", "両", "兩"] if value == 2 else [])
    for form in forms:
        at = source.read.folded.find(form)
        if at >= 0:
            return at, at + 1
    return None


def _other_number(quantity: Quantity, source: _Source) -> str | None:
    """The number that the evidence has in this number's place, when it is another."""
    for change in _changes_at(quantity.start, quantity.end, source.laid):
        there = [
            q
            for q in source.read.quantities
            if q.start < change.evidence_end and change.evidence_start < q.end
        ]
        if there and not any(same_quantity(quantity, q) for q in there):
            return there[0].text
    return None


def _contradicted(quantity: Quantity, sources: Sequence[_Source]) -> bool:
    """Whether the evidence counts the same things and gets another number."""
    return quantity.unit is not None and any(
        other.unit == quantity.unit and other.kind == quantity.kind
        for source in sources
        for other in source.read.quantities
    )


def _numbers(
    claim: _Text, sources: Sequence[_Source], question: str | None
) -> tuple[list[FactIssue], list[FactMatch]]:
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    asked = quantities(question) if question else []
    for quantity in claim.quantities:
        span = quantity.text, quantity.start, quantity.end
        other = next((o for s in sources if (o := _other_number(quantity, s))), None)
        places = [(i, place) for i, s in enumerate(sources) if (place := _number_in(quantity, s))]
        elsewhere = [i for i, _ in places if _other_number(quantity, sources[i]) is None]
        if elsewhere:
            i, (a, b) = next(p for p in places if p[0] in elsewhere)
            matches.append(FactMatch("number", *span, i, a, b))
        elif not places and not quantity.small and any(same_quantity(quantity, q) for q in asked):
            issues.append(FactIssue("number", *span, "the figure is only in the question"))
        elif other is not None and (not places or all(s.same for s in sources)):
            issues.append(FactIssue("number", *span, f"the evidence has {other} here"))
        elif not places and (not quantity.small or _contradicted(quantity, sources)):
            issues.append(FactIssue("number", *span, "the figure is not in the evidence"))
    return issues, matches


# -- dates -----------------------------------------------------------------------------------------


def _covers(claim: Moment, evidence: Moment) -> bool:
    """Whether the evidence knows the parts that the claim gives."""
    if claim.grain == "day" and claim.day is not None:
        exact = evidence.earliest is not None and evidence.earliest == evidence.latest
        return evidence.day is not None or exact
    if claim.grain == "month":
        bounded = evidence.earliest is not None and evidence.grain in {"week", "ago"}
        return evidence.month is not None or evidence.day is not None or bounded
    if claim.grain == "week":
        return evidence.grain in {"week", "day", "ago"}
    if claim.grain in {"decade", "century"}:
        return evidence.grain in {"decade", "century", "year", "month", "day"}
    if claim.grain == "year":
        known = evidence.year is not None or evidence.earliest is not None
        return known and evidence.grain not in {"century", "decade"}
    return True


def _year_known(claim: Moment, read: _Text) -> bool:
    """Whether the claim's year is named in the evidence or lies about its date."""
    if claim.year is None or claim.relative is not None:
        return True
    if read.published is not None and abs(claim.year - read.published.year) <= 1:
        return True
    if any(m.year == claim.year for m in read.moments):
        return True
    return any(q.unit in {None, "year"} and claim.year in q.values for q in read.quantities)


_ARTICLE_OF = re.compile(
    r"\s*(?:付け?)?の?(?:記事|報道|紙面|配信|本誌)|\s*(?:자\s?)?(?:기사|보도)|\s*的?(?:文章|报道|消息)|\s*(?:article|report|story)\b"
)


def _date_in(moment: Moment, read: _Text, claim: str) -> tuple[int, int] | None:
    if not _year_known(moment, read):
        return None
    for other in read.moments:
        if moments_agree(moment, other) and _covers(moment, other):
            return other.start, other.end
    for quantity in read.quantities:
        if (
            moment.grain == "year"
            and quantity.unit in {None, "year"}
            and moment.year in quantity.values
        ):
            return quantity.start, quantity.end
        if moment.clock is not None and quantity.unit == "minute":
            whole, part = divmod(moment.clock, 60)
            if abs(quantity.values[0] - (whole + Decimal(part) / 60)) < Decimal("0.01"):
                return quantity.start, quantity.end
    # The article's own month or year is known without being said; the day of an event is not.
    low, high, published = moment.earliest, moment.latest, read.published
    if (
        moment.relative is None
        and (moment.grain != "day" or _ARTICLE_OF.match(claim, moment.end))
        and (low and high and published)
        and low <= published <= high
    ):
        return 0, 0
    return _verbatim(read, moment.text)


def _other_date(moment: Moment, source: _Source) -> str | None:
    """The date that the evidence has in this date's place, when it is another."""
    for change in _changes_at(moment.start, moment.end, source.laid):
        there = [
            m
            for m in source.read.moments
            if m.start < change.evidence_end and change.evidence_start < m.end and m.grain != "ago"
        ]
        if there and not any(moments_agree(moment, m) for m in there):
            return there[0].text
    return None


def _dates(claim: _Text, sources: Sequence[_Source]) -> tuple[list[FactIssue], list[FactMatch]]:
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    for moment in claim.moments:
        if moment.grain == "ago":
            continue
        span = moment.text, moment.start, moment.end
        place: tuple[int, int, int] | None = None
        other: str | None = None
        for i, source in enumerate(sources):
            # What is relative in the claim is meant as the cited article means it.
            read = _read(claim.text, claim.language, source.read.published)
            resolved = next((m for m in read.moments if (m.start, m.end) == span[1:]), moment)
            instead = _other_date(resolved, source)
            other = other or instead
            found = _date_in(resolved, source.read, claim.text)
            if found and instead is None:
                place = (i, *found)
                break
        if place:
            matches.append(FactMatch("date", *span, *place))
        elif other is not None:
            issues.append(FactIssue("date", *span, f"the evidence has {other} here"))
        elif not _vague(moment):
            issues.append(FactIssue("date", *span, "the date is not in the evidence"))
    return issues, matches


def _vague(moment: Moment) -> bool:
    """Words such as "today" and "this year", which need no date in the evidence."""
    now = moment.relative is not None and moment.relative[1] == 0
    return now and moment.day is None and moment.grain != "month"


# -- names -----------------------------------------------------------------------------------------

_MODIFIER = 8
_PRONOUN = re.compile(
    r"^(?:彼女?ら?|同氏|同社|同国|両国|我が国|自ら|自身|本人|他们?|她们?|它们?|自己|该国|两国|그녀?|그들|양국|자신|he|she|it|they|the)$"
)


def _name_in(name: Name, source: _Source, language: str | None) -> tuple[int, int] | None:
    """Where the evidence has the name; (0, 0) when only its article's title has it."""
    text = source.read.text
    if found := find_name(name.text, text, language):
        return found
    if name.kind == "code":
        wanted = fold(name.text).replace("-", "")
        return (0, 0) if wanted in source.read.folded.replace("-", "").replace(" ", "") else None
    for other in names(text, source.read.language):
        if same_name(name.text, other.text):
            return other.start, other.end
    for part in _parts(name.text):
        if found := find_name(part, text, language):
            return found
    if source.title and find_name(name.text, source.title, language):
        return 0, 0
    return None


def _parts(name: str) -> list[str]:
    """What of a full name may stand alone: its last word or part, a kanji surname."""
    if re.search(r"[・＝·•]", name):
        last = re.split(r"[・＝·•]", name)[-1]
        # Where a Chinese name ends cannot be seen; its beginning can.
        return [last, last[:3]] if len(last) > 3 else [last] if len(last) > 1 else []
    if " " in name:
        words = [w for w in name.split() if w[:1].isupper() or not w.isascii()]
        return words[-1:] if words else []
    if re.fullmatch(r"[一-鿿]{4,}", name):
        return [name[:2]]
    return []


def _replaced_name(name: Name, source: _Source) -> str | None:
    """The name that the evidence has in this name's place, when it is certainly another."""
    for change in _changes_at(name.start, name.end, source.laid):
        if change.start < name.start - 1 or change.end > name.end + 1:
            continue
        there = [
            n
            for n in names(source.read.text, source.read.language)
            if n.start < change.evidence_end and change.evidence_start < n.end
        ]
        if any(same_name(name.text, n.text) for n in there):
            continue
        for other in there:
            # What goes before the name ("the American president's") may have gone with it.
            begins = other.start - _MODIFIER <= change.evidence_start
            if (
                begins
                and change.evidence_end <= other.end + 1
                and same_name(name.text, other.text) is False
            ):
                return other.text
    return None


def _missing_across(name: Name, sources: Sequence[_Source], language: str | None) -> bool:
    """Across languages: a known leader or country is absent, and another one is there instead."""
    key = entity(name.text, language)
    if key is None or name.kind == "code":
        return False
    person = is_person(key)
    if not person:
        return False
    present = {
        other
        for s in sources
        for n in names(s.read.text, s.read.language)
        if (other := entity(n.text, s.read.language)) is not None
    }
    return any(is_person(other) for other in present) and key not in present


def _names(claim: _Text, sources: Sequence[_Source]) -> tuple[list[FactIssue], list[FactMatch]]:
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    for name in names(claim.text, claim.language):
        span = name.text, name.start, name.end
        if _overlaps(name.start, name.end, claim.moments):
            continue  # 平成30年
        places = [(i, p) for i, s in enumerate(sources) if (p := _name_in(name, s, claim.language))]
        instead = [o for s in sources if s.same and (o := _replaced_name(name, s))]
        if places and not instead:
            i, (a, b) = places[0]
            if b > a:
                matches.append(FactMatch("name", *span, i, a, b))
        elif instead:
            issues.append(FactIssue("name", *span, f"the evidence has {instead[0]} here"))
        elif name.kind == "code" or (sources and all(s.same for s in sources)):
            if name.certain:
                issues.append(FactIssue("name", *span, "the name is not in the evidence"))
        elif _missing_across(name, sources, claim.language):
            issues.append(FactIssue("name", *span, "the evidence names someone else"))
    issues += _unknown_replacements(claim, sources, issues)
    return issues, matches


def _unknown_replacements(
    claim: _Text, sources: Sequence[_Source], known: Sequence[FactIssue]
) -> list[FactIssue]:
    """Words in the place of a name of the evidence that the evidence nowhere has."""
    found: list[FactIssue] = []
    for source in sources:
        if not source.same or source.laid is None or source.laid.share < _LAID:
            continue
        for change in source.laid.changes:
            text = claim.text[change.start : change.end]
            if not text or any(i.start < change.end and change.start < i.end for i in known):
                continue
            if min(change.left, change.right) < _ANCHOR or _PRONOUN.match(fold(text)):
                continue
            if not _could_be_name(text, claim.language):
                continue
            instead = source.read.text[change.evidence_start : change.evidence_end]
            if claim.language == "zh" and foreign_sounds(text) and foreign_sounds(instead):
                detail = f"the evidence has {instead} here"
                found.append(FactIssue("name", text, change.start, change.end, detail))
                continue
            for other in names(source.read.text, source.read.language):
                whole = (
                    other.start >= change.evidence_start - 1
                    and other.end <= change.evidence_end + 1
                )
                overlap = other.start < change.evidence_end and change.evidence_start < other.end
                if not (whole and overlap) or other.kind == "code":
                    continue
                if find_name(text, source.read.text, claim.language) or same_name(text, other.text):
                    continue
                if change.evidence_end - change.evidence_start > len(other.text) + 4:
                    continue
                found.append(
                    FactIssue(
                        "name",
                        text,
                        change.start,
                        change.end,
                        f"the evidence has {other.text} here",
                    )
                )
                break
    return found


def _could_be_name(text: str, language: str | None) -> bool:
    if (language or "")[:2] in {"ja", "zh", "ko"}:
        return bool(re.fullmatch(r"[一-鿿々ァ-ヴー・·＝가-힣A-Za-z\s]{2,16}", text))
    found = names("— " + text, language)
    return len(found) == 1 and len(found[0].text) >= len(text) - 2


# -- quotations and negation -----------------------------------------------------------------------

_QUOTED = re.compile(
    r"「([^「」]{2,})」|『([^『』]{2,})』|“([^“”]{2,})”|\"([^\"]{2,})\"|«([^«»]{2,})»|„([^„“]{2,})“"
)
_GAP = re.compile(r"…+|\.{3,}|・{3,}|─+|——+|\[[^\[\]]*+\]|〔[^〔〕]*+〕")


def _quotations(claim: _Text, sources: Sequence[_Source]) -> list[FactIssue]:
    issues: list[FactIssue] = []
    if not sources or not all(s.same for s in sources):
        return issues
    texts = [letters(s.read.text) + "\0" + letters(s.title) for s in sources]
    for found in _QUOTED.finditer(claim.text):
        inside = next(g for g in found.groups() if g is not None)
        pieces = [p for piece in _GAP.split(inside) if (p := letters(piece))]
        if len("".join(pieces)) < 3:
            continue
        if not any(all(p in text for p in pieces) for text in texts):
            issues.append(
                FactIssue(
                    "quotation", found.group(), *found.span(), "these words are not in the evidence"
                )
            )
    return issues


def _negations(claim: _Text, sources: Sequence[_Source]) -> list[FactIssue]:
    """Only when every source that the claim lies over says the opposite in the same place."""
    laid = [s for s in sources if s.same and s.laid is not None]
    found = [opposites(claim.text, s.read.text, claim.language or "en") for s in laid]
    if not found or not all(found):
        return []
    return [
        FactIssue("negation", claim.text[o.start : o.end], o.start, o.end, o.detail)
        for o in found[0]
    ]


def compare(
    claim: str,
    evidence: Sequence[str],
    *,
    claim_language: str | None = None,
    evidence_languages: Sequence[str | None] | None = None,
    published: Sequence[str | None] | None = None,
    titles: Sequence[str | None] | None = None,
    question: str | None = None,
) -> FactReport:
    """Compare a claim's exact facts with the quotes it cites.

    ``published`` (ISO dates) and ``titles`` belong to the article of each quote: relative dates
    are read by the one, names may also stand in the other. A number that stands only in
    ``question`` is not proven. The sequences, where given, are as long as ``evidence``; a language
    that is not given is told by the script, and Latin script is read as English.
    """
    count = len(evidence)
    mine = _read(claim, claim_language or guess_language(claim) or "en", None)
    sources = []
    for text, language, day, title in zip(
        evidence,
        evidence_languages or [None] * count,
        published or [None] * count,
        titles or [None] * count,
        strict=True,
    ):
        code = language or guess_language(text) or "en"
        same = same_language(mine.language, code)
        laid = align(claim, text) if same else None
        sources.append(_Source(_read(text, code, _day(day)), title or "", same, laid))
    numbers, number_matches = _numbers(mine, sources, question)
    moments, date_matches = _dates(mine, sources)
    called, name_matches = _names(mine, sources)
    issues = [*numbers, *moments, *called, *_quotations(mine, sources), *_negations(mine, sources)]
    matches = [*number_matches, *date_matches, *name_matches]
    return FactReport(
        tuple(sorted(issues, key=lambda i: (i.start, i.end, i.kind))),
        tuple(sorted(matches, key=lambda m: (m.start, m.end, m.kind))),
    )
