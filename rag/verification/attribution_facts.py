"""Whether the evidence names whom a claim names as having said it: "according to ..."."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic.dataclasses import dataclass

from konkyo.index.text.normalize import fold
from konkyo.index.text.tokens import tokens
from konkyo.index.text.word_data import CHECKED, Alternatives, word_data
from konkyo.rag.verification.fact_sources import FactIssue, Source, Text

__all__ = ["compare_attributions"]

_BORDER = re.compile(r"[,.;:、。，；：「」“”\n]")
_KANA_ONLY = re.compile(r"[\u3041-\u309f]+")
_LONGEST = 80
_SHORT_WORD = 3


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """What stands before, after and at the end of a name, and names of the article itself."""

    before: Alternatives
    after: Alternatives
    said: Alternatives
    own: Alternatives


def _words() -> _Words:
    return word_data(_Words, "attribution_facts", "konkyo.rag.verification")


def compare_attributions(claim: Text, sources: Sequence[Source]) -> list[FactIssue]:
    """Returns those whom the claim names as its source and the evidence, in one language, not.

    "According to people briefed" of one article must not be said of what another tells.
    """
    if not sources or not all(source.same for source in sources):
        return []
    known = {
        term for source in sources for term in tokens(fold(f"{source.read.text}\n{source.title}"))
    }
    issues = []
    for start, end in _named(claim.text):
        who = claim.text[start:end]
        wanted = _meaning(who)
        if not wanted or _words().own.search(fold(who)):
            continue
        if len(wanted & known) < sources[0].thresholds.source_named * len(wanted):
            detail = "whom the evidence does not name"
            issues.append(FactIssue("quotation", who, start, end, detail))
    return issues


def _named(text: str) -> Iterator[tuple[int, int]]:
    """Where a text names who said something."""
    words = _words()
    for found in words.before.finditer(text):
        border = _BORDER.search(text, found.end())
        end = min(border.start() if border else len(text), found.end() + _LONGEST)
        yield found.end(), end
    begin = 0
    for found in words.after.finditer(text):
        begin = max(begin, found.start() - _LONGEST)
        borders = [border.end() for border in _BORDER.finditer(text, begin, found.start())]
        yield (borders[-1] if borders else begin), found.start()
        begin = found.end()


def _meaning(who: str) -> set[str]:
    """The words of a name that tell it from another."""
    found = set(tokens(_words().said.sub("", fold(who).strip())))
    return {
        t
        for t in found
        if not _KANA_ONLY.fullmatch(t) and (len(t) > _SHORT_WORD or not t.isascii())
    }
