"""Whether the evidence has the names of a claim."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic.dataclasses import dataclass

from konkyo.index.text.alignment import Change
from konkyo.index.text.gazetteer import entity, is_person
from konkyo.index.text.name_identity import find_name, same_name
from konkyo.index.text.names import Name, foreign_sounds, names
from konkyo.index.text.normalize import fold
from konkyo.index.text.word_data import CHECKED, alternatives, word_data
from konkyo.rag.verification.fact_sources import (
    Compared,
    Extent,
    FactIssue,
    FactMatch,
    Source,
    Text,
    changes_at,
    laid_over,
    overlapping,
)

__all__ = ["compare_names"]

_MODIFIER = 8
_DOT = re.compile(r"[・＝·•]")


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """Pronouns and other words that stand for a name."""

    pronouns: Annotated[re.Pattern[str], alternatives("^", "$")]


def _words() -> _Words:
    return word_data(_Words, "name_facts", "konkyo.rag.verification")


def compare_names(claim: Text, sources: Sequence[Source]) -> Compared:
    """Returns which names of the claim no source has, and where the others stand.

    A name that may be none counts only where the evidence has another in its place; across
    languages a name that cannot be told is no issue.
    """
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    for name in names(claim.text, claim.language):
        span = name.text, name.start, name.end
        if overlapping(name.start, name.end, claim.moments):
            continue  # 平成30年
        places = [(i, p) for i, s in enumerate(sources) if (p := _name_in(name, s, claim.language))]
        instead = next((o for s in sources if s.same and (o := _replaced(name, s))), None)
        if instead:
            issues.append(FactIssue("name", *span, f"the evidence has {instead} here"))
        elif places:
            i, (a, b) = places[0]
            matches += [FactMatch("name", *span, i, a, b)] if b > a else []
        elif name.kind == "code" or (sources and all(s.same for s in sources)):
            missing = FactIssue("name", *span, "the name is not in the evidence")
            issues += [missing] if name.certain else []
        elif _someone_else(name, sources, claim.language):
            issues.append(FactIssue("name", *span, "the evidence names someone else"))
    return issues + _put_in(claim, sources, issues), matches


def _name_in(name: Name, source: Source, language: str) -> Extent | None:
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
    return (0, 0) if source.title and find_name(name.text, source.title, language) else None


def _parts(name: str) -> list[str]:
    """What of a full name may stand alone: its last word or part, a kanji surname."""
    if _DOT.search(name):
        last = _DOT.split(name)[-1]
        # Where a Chinese name ends cannot be seen; its beginning can.
        return [last, last[:3]] if len(last) > 3 else [last] if len(last) > 1 else []
    if " " in name:
        return [w for w in name.split() if w[:1].isupper() or not w.isascii()][-1:]
    return [name[:2]] if re.fullmatch(r"[一-鿿]{4,}", name) else []


def _known(source: Source) -> tuple[Name, ...]:
    return names(source.read.text, source.read.language)


def _touched(change: Change, source: Source) -> list[Name]:
    """The names of the evidence that a change touches."""
    return overlapping(change.evidence_start, change.evidence_end, _known(source))


def _replaced(name: Name, source: Source) -> str | None:
    """The name that the evidence has in this name's place, when it is certainly another."""
    for change in changes_at(name.start, name.end, source):
        if change.start < name.start - 1 or change.end > name.end + 1:
            continue
        there = _touched(change, source)
        if any(same_name(name.text, n.text) for n in there):
            continue
        for other in there:
            # What goes before the name ("the American president's") may have gone with it.
            begins = other.start - _MODIFIER <= change.evidence_start
            ends = change.evidence_end <= other.end + 1
            if begins and ends and same_name(name.text, other.text) is False:
                return other.text
    return None


def _someone_else(name: Name, sources: Sequence[Source], language: str) -> bool:
    """Across languages: a known person is absent, and another one is there instead."""
    key = entity(name.text, language)
    if key is None or not is_person(key):
        return False
    present = {entity(n.text, s.read.language) for s in sources for n in _known(s)}
    return key not in present and any(is_person(other) for other in present if other)


def _put_in(claim: Text, sources: Sequence[Source], known: Sequence[FactIssue]) -> list[FactIssue]:
    """Words in the place of a name of the evidence that the evidence nowhere has."""
    found: list[FactIssue] = []
    for source in (s for s in sources if s.same):
        for change in _in_place_of_a_name(claim, source):
            a, b = change.start, change.end
            if any(i.start < b and a < i.end for i in known):
                continue
            instead = _stood(claim.text[a:b], change, source, claim.language)
            if instead:
                detail = f"the evidence has {instead} here"
                found.append(FactIssue("name", claim.text[a:b], a, b, detail))
    return found


def _in_place_of_a_name(claim: Text, source: Source) -> Iterator[Change]:
    for change in laid_over(source):
        text = claim.text[change.start : change.end]
        if not text or not source.is_clear(change):
            continue
        if not _words().pronouns.match(fold(text)) and _could_be_name(text, claim.language):
            yield change


def _stood(text: str, change: Change, source: Source, language: str) -> str | None:
    """The name that stands in the evidence where the claim has a text, if it has that nowhere."""
    start, end = change.evidence_start, change.evidence_end
    instead = source.read.text[start:end]
    if language == "zh" and foreign_sounds(text) and foreign_sounds(instead):
        return instead
    for other in _touched(change, source):
        whole = other.start >= start - 1 and other.end <= end + 1
        if not whole or other.kind == "code" or end - start > len(other.text) + 4:
            continue
        if not find_name(text, source.read.text, language) and not same_name(text, other.text):
            return other.text
    return None


def _could_be_name(text: str, language: str) -> bool:
    if language[:2] in {"ja", "zh", "ko"}:
        return bool(re.fullmatch(r"[一-鿿々ァ-ヴー・·＝가-힣A-Za-z\s]{2,16}", text))
    found = names("— " + text, language)
    return len(found) == 1 and len(found[0].text) >= len(text) - 2
