"""Choose the quotes that are the answer: of articles that differ, of parts, or the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from konkyo.index.text.language import same_language
from konkyo.rag.disagreement.changes import newest_and_earlier, replaced
from konkyo.rag.disagreement.conflicts import (
    Version,
    conflicting,
    counted,
    of_one_event,
    told_in,
)
from konkyo.rag.question import AskedQuestion
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Sentences
from konkyo.rag.retrieval.search import Found, Search
from konkyo.rag.short_answer.own_language import answering_place, own_quote, said_in
from konkyo.rag.short_answer.quotes import Quoted, disputed, quoted, without_repetition
from konkyo.rag.short_answer.short import short_answer
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.meaning import Supporter

__all__ = ["QuoteChooser"]


@dataclass(frozen=True, slots=True)
class QuoteChooser:
    """Chooses quotes of what a search found. Safe to share by threads."""

    search: Search
    sentences: Sentences
    reader: Reader | None
    supporter: Supporter | None
    thresholds: Thresholds

    def choose(self, found: Found, asked: AskedQuestion, most: int) -> Quoted:
        """Each of several answers, each part of one, or at most so many of the best quotes."""
        versions = self._versions(found, asked)
        if not versions:
            best = quoted(found, asked, most, self.reader, self.thresholds)
            return self._in_own_language(without_repetition(best), found, asked)
        newest, earlier = newest_and_earlier(asked.standalone, asked.language, versions)
        return disputed(newest, earlier, asked.language)

    def _in_own_language(self, best: Quoted, found: Found, asked: AskedQuestion) -> Quoted:
        """The best quotes; one in the asker's language that answers as well in their place.

        Such a one holds a sure place, where the short answer cannot be said exactly in that
        language, or says what the best quote says.
        """
        if self.supporter is None or self.reader is None or best.several or not best.quotes:
            return best
        (first, places), limits = best.quotes[0], self.thresholds
        if same_language(first.article.language, asked.language):
            return best
        short = short_answer(places, asked.language)
        sure = [s for s in found.selection.spans if s.share >= limits.sure_place]
        own = own_quote(found.evidence, sure, asked.language)
        if own is not None and (short is None or not short.exact):
            return replace(best, quotes=((own[0], (own[1],)),))
        same = said_in(
            asked.language,
            first,
            next(iter(places), None),
            found,
            encoder=self.search.encoder,
            sentences=self.sentences,
            supporter=self.supporter,
            limits=limits,
        )
        if same is None:
            return best
        place = answering_place(asked.standalone, same, self.reader, limits.bearing)
        return replace(best, quotes=((same, (place,) if place else ()),))

    def _versions(self, found: Found, asked: AskedQuestion) -> tuple[Version, ...]:
        """The answers of articles that differ, or of which a newer one took another's place."""
        question, spans, limits = asked.standalone, found.selection.spans, self.thresholds
        told = conflicting(
            question,
            spans,
            found.evidence,
            self.supporter,
            differ=asked.asks_if_they_differ,
            thresholds=limits,
        )
        told = of_one_event(question, told, found.hits, self.sentences, self.supporter, limits)
        if not told:
            evidence, supporter = found.evidence, self.supporter
            return replaced(question, asked.language, spans, evidence, supporter, limits)
        hits = self.search.wider(asked, found.where)
        told = counted(question, told, hits, self.sentences, self.supporter, limits)
        return _numbered(told_in(asked.language, told), found.evidence)


def _numbered(versions: Sequence[Version], evidence: Sequence[Evidence]) -> tuple[Version, ...]:
    """The same answers; a sentence that is none of the quotes is numbered after them."""
    numbers = count(len(evidence) + 1)
    return tuple(
        version
        if version.evidence in evidence
        else replace(version, evidence=replace(version.evidence, number=next(numbers)))
        for version in versions
    )
