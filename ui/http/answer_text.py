"""The text of an answer for programs: sentences with their marks, notices, and sources."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from konkyo.rag.generation.output_format import END_OF_ANSWER, display_text, notice_lines
from konkyo.rag.short_answer.frame import framed_text
from konkyo.rag.types import Answer, Citation, Claim, Outcome, Reply
from konkyo.ui.web.html.elements import safe_url

__all__ = ["sentence_pieces", "text_pieces"]


def sentence_pieces(claims: Sequence[Claim], language: str) -> list[str]:
    """The text of some claims in pieces, one a claim: joined they are what is shown."""
    said = [(framed_text(claim), claim.citations) for claim in claims]
    texts = [display_text(said[:count], language) for count in range(len(said) + 1)]
    return [after[len(before) :] for before, after in pairwise(texts)]


def _source_lines(citations: Sequence[Citation]) -> list[str]:
    """The sources of an answer, one a line."""
    lines: list[str] = []
    for citation in citations:
        about = [citation.title, citation.outlet, citation.published, safe_url(citation.url)]
        quote = " ".join(citation.quote.split())
        lines.append(f"[{citation.id}] “{quote}” — {' · '.join(a for a in about if a)}")
    return lines


def _following(*groups: Sequence[str]) -> list[str]:
    """Groups of lines as they follow an answer, one a piece; a blank line between two groups."""
    pieces: list[str] = []
    for group in groups:
        for number, line in enumerate(group):
            before = "\n" if number else "\n\n" if pieces else END_OF_ANSWER
            pieces.append(before + line)
    return pieces


def text_pieces(outcome: Outcome) -> list[str]:
    """The text of an outcome with its notices and sources, in pieces."""
    notices = notice_lines(outcome.notices)
    if isinstance(outcome, Reply):
        return [outcome.text, *_reply_pieces(outcome), *_following(notices)]
    if not isinstance(outcome, Answer):
        return [outcome.text, *_following(notices)]
    sentences = sentence_pieces(outcome.claims, outcome.language)
    return [*sentences, *_following(notices, _source_lines(outcome.citations))]


def _reply_pieces(reply: Reply) -> list[str]:
    """The articles and suggestions of a reply as the lines that follow it, one a piece."""
    lines = []
    for article in reply.articles:
        about = [article.title, article.outlet, article.published, safe_url(article.url)]
        lines.append(" · ".join(fact for fact in about if fact))
    return [f"\n- {line}" for line in (*lines, *reply.suggestions)]
