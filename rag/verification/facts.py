"""Which exact facts of a claim are not in the evidence it cites, or contradict it.

Pure functions over text: no model, no network, nothing read at import. What cannot be told is not
an issue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from konkyo.index.records import published_day
from konkyo.index.text.alignment import align
from konkyo.index.text.language import language_of_script, same_language
from konkyo.index.text.negation import opposites
from konkyo.index.text.normalize import letters
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.verification.attribution_facts import compare_attributions
from konkyo.rag.verification.date_facts import compare_dates
from konkyo.rag.verification.fact_sources import FactIssue, FactMatch, Source, Text, read
from konkyo.rag.verification.name_facts import compare_names
from konkyo.rag.verification.number_facts import compare_numbers

__all__ = ["FactReport", "compare"]


@dataclass(frozen=True, slots=True)
class FactReport:
    """What comparing found, both in the order of the claim."""

    issues: tuple[FactIssue, ...]
    matches: tuple[FactMatch, ...]


def compare(
    claim: str,
    evidence: Sequence[str],
    *,
    claim_language: str | None = None,
    evidence_languages: Sequence[str | None] | None = None,
    published: Sequence[str | None] | None = None,
    titles: Sequence[str | None] | None = None,
    question: str | None = None,
    thresholds: Thresholds = DEFAULT,
) -> FactReport:
    """Compares a claim's exact facts with the quotes it cites.

    ``published`` (ISO dates) and ``titles`` belong to the article of each quote: relative dates
    are read by the one, names may also stand in the other. A number that stands only in
    ``question`` is not proven. The sequences, where given, are as long as ``evidence``; a language
    that is not given is told by the script, and Latin script is read as English.
    """
    nothing = [None] * len(evidence)
    mine = read(claim, claim_language or language_of_script(claim) or "en", None)
    sources = [
        _source(mine, text, language, day, title or "", thresholds)
        for text, language, day, title in zip(
            evidence,
            evidence_languages or nothing,
            published or nothing,
            titles or nothing,
            strict=True,
        )
    ]
    found = [
        compare_numbers(mine, sources, question),
        compare_dates(mine, sources),
        compare_names(mine, sources),
    ]
    issues = [*(i for each, _ in found for i in each), *_quotations(mine, sources)]
    issues += [*_negations(mine, sources), *compare_attributions(mine, sources)]
    matches = [m for _, each in found for m in each]
    return FactReport(
        tuple(sorted(issues, key=lambda i: (i.start, i.end, i.kind))),
        tuple(sorted(matches, key=lambda m: (m.start, m.end, m.kind))),
    )


def _source(
    claim: Text,
    text: str,
    language: str | None,
    day: str | None,
    title: str,
    thresholds: Thresholds,
) -> Source:
    code = language or language_of_script(text) or "en"
    same = same_language(claim.language, code)
    laid = align(claim.text, text) if same else None
    return Source(read(text, code, published_day(day)), title, same, laid, thresholds)


_QUOTED = re.compile(
    r"「([^「」]{2,})」|『([^『』]{2,})』|“([^“”]{2,})”|\"([^\"]{2,})\"|«([^«»]{2,})»|„([^„“]{2,})“"
)
_GAP = re.compile(r"…+|\.{3,}|・{3,}|─+|——+|\[[^\[\]]*+\]|〔[^〔〕]*+〕")


def _quotations(claim: Text, sources: Sequence[Source]) -> list[FactIssue]:
    """Quotations of the claim whose words no source has, in one language."""
    if not sources or not all(s.same for s in sources):
        return []
    issues: list[FactIssue] = []
    texts = [letters(s.read.text) + "\0" + letters(s.title) for s in sources]
    for found in _QUOTED.finditer(claim.text):
        inside = next(g for g in found.groups() if g is not None)
        pieces = [p for piece in _GAP.split(inside) if (p := letters(piece))]
        if len("".join(pieces)) < 3 or any(all(p in text for p in pieces) for text in texts):
            continue
        detail = "these words are not in the evidence"
        issues.append(FactIssue("quotation", found.group(), *found.span(), detail))
    return issues


def _negations(claim: Text, sources: Sequence[Source]) -> list[FactIssue]:
    """Only when every source that the claim lies over says the opposite in the same place."""
    laid = [s for s in sources if s.laid is not None]
    found = [
        opposites(claim.text, s.read.text, claim.language, s.thresholds.negation_laid) for s in laid
    ]
    if not found or not all(found):
        return []
    return [
        FactIssue("negation", claim.text[o.start : o.end], o.start, o.end, o.detail)
        for o in found[0]
    ]
