"""Checks any text against any contexts, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from konkyo.index.chunking import TokenCounter, chunk
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import Article, ArticleSummary
from konkyo.index.text.language import detect
from konkyo.index.text.sentences import sentences
from konkyo.rag.generation.output_format import parse_line
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence, RemovedReason
from konkyo.rag.verification.verifier import SUPPORT, DraftedClaim, Verdict, Verifier

__all__ = ["CheckedSentence", "TextCheck"]


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence, the share by which contexts support it and, where they do not, why."""

    text: str
    support: float
    reason: RemovedReason | None
    detail: str


@dataclass(frozen=True, slots=True)
class TextCheck:
    """Says of each sentence of a text whether contexts support it. Safe to share by threads."""

    verifier: Verifier
    encoder: Encoder
    count_tokens: TokenCounter
    thresholds: Thresholds = DEFAULT

    def sentences(
        self, text: str, contexts: Sequence[str], question: str = ""
    ) -> list[CheckedSentence]:
        """Each sentence of a text without its [n] marks, checked.

        A sentence is supported when one passage of a context supports it, or the nearest
        passages together do.
        """
        shown = [
            passage for number, each in enumerate(contexts) for passage in self._cut(number, each)
        ]
        shown = [replace(passage, number=n) for n, passage in enumerate(shown, start=1)]
        claims = list(_claims(text, shown, question))
        if not claims:
            return []
        if not shown:
            return [CheckedSentence(claim.text, 0.0, "no_citation", "") for claim in claims]
        near = (
            self.encoder.passages([c.text for c in claims])
            @ self.encoder.passages([passage.text for passage in shown]).T
        )
        checked = []
        for claim, row in zip(claims, near, strict=True):
            nearest = np.argsort(-row, kind="stable")[: self.thresholds.nearest_checked]
            order = [int(i) + 1 for i in nearest]
            verdict = self._verdict(claim, order)
            checked.append(
                CheckedSentence(claim.text, verdict.support, verdict.reason, verdict.detail)
            )
        return checked

    def _verdict(self, claim: DraftedClaim, nearest: Sequence[int]) -> Verdict:
        """The best verdict of the passages alone; where none supports the claim, of all."""
        words = "".join(claim.text.split())
        if any(words in "".join(e.text.split()) for e in claim.shown):
            return Verdict(1.0, None)
        alone = [self.verifier.check(replace(claim, citations=(n,)), SUPPORT) for n in nearest]
        supporting = [verdict for verdict in alone if verdict.reason is None]
        if supporting:
            return max(supporting, key=lambda verdict: verdict.support)
        return self.verifier.check(replace(claim, citations=tuple(nearest)), SUPPORT)

    def _cut(self, number: int, context: str) -> list[Evidence]:
        """A context in passages of the length that the checker was made for."""
        article = Article(f"context-{number}", "", context, detect(context), "")
        summary = ArticleSummary(article.article_id, "", "", None, None, article.language, None, 0)
        return [
            Evidence(0, summary, p.start, p.end, p.text, 1.0)
            for p in chunk(article, count_tokens=self.count_tokens)
        ]


def _claims(text: str, shown: Sequence[Evidence], question: str) -> Iterator[DraftedClaim]:
    language = detect(text)
    for start, end in sentences(text, language):
        draft = parse_line(text[start:end], language)
        if draft is not None:
            yield DraftedClaim(draft.text, (), shown, question, language)
