"""The text of an answer for programs: sentences with their marks, and the sources they name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from konkyo.rag.generation.output_format import display_text
from konkyo.rag.short_answer.frame import framed_text
from konkyo.rag.types import Answer, Citation, Claim, Outcome, Reply
from konkyo.ui.web.html.elements import safe_url

__all__ = ["SOURCES_RULE", "sentence_pieces", "source_pieces", "text_pieces"]

SOURCES_RULE = "\n\n---\n"
"""What stands between the sentences of an answer and its sources."""


def sentence_pieces(claims: Sequence[Claim], language: str) -> list[str]:
    """The text of some claims in pieces, one a claim: joined they are what is shown."""
    said = [(framed_text(claim), claim.citations) for claim in claims]
    texts = [display_text(said[:count], language) for count in range(len(said) + 1)]
    return [after[len(before) :] for before, after in pairwise(texts)]


def source_pieces(citations: Sequence[Citation]) -> list[str]:
    """The sources of an answer as the lines that follow it, one a piece."""
    pieces: list[str] = []
    for citation in citations:
        about = [citation.title, citation.outlet, citation.published, safe_url(citation.url)]
        quote = " ".join(citation.quote.split())
        line = f"[{citation.id}] “{quote}” — {' · '.join(a for a in about if a)}"
        pieces.append(("\n" if pieces else SOURCES_RULE) + line)
    return pieces


def text_pieces(outcome: Outcome) -> list[str]:
    """The text of an outcome with its sources, in pieces."""
    if isinstance(outcome, Reply):
        return [outcome.text, *_reply_pieces(outcome)]
    if not isinstance(outcome, Answer):
        return [outcome.text]
    sentences = sentence_pieces(outcome.claims, outcome.language)
    return [*sentences, *source_pieces(outcome.citations)]


def _reply_pieces(reply: Reply) -> list[str]:
    """The articles and suggestions of a reply as the lines that follow it, one a piece."""
    lines = []
    for article in reply.articles:
        about = [article.title, article.outlet, article.published, safe_url(article.url)]
        lines.append(" · ".join(fact for fact in about if fact))
    return [f"\n- {line}" for line in (*lines, *reply.suggestions)]
