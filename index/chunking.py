"""Article -> Passages: runs of whole sentences under a token budget, with exact offsets."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

from konkyo.index.records import Article, ArticleSummary, Passage
from konkyo.index.text.sentences import is_heading, sentences

__all__ = ["TokenCounter", "chunk", "embedding_text"]

TokenCounter = Callable[[Sequence[str]], list[int]]
Span = tuple[int, int]
_LETTERS_PER_TOKEN = 64

# Where a sentence that is over budget by itself may be cut, best first.
_CLAUSES = (
    re.compile(r"[;；]\s*|[—–]\s*|(?<=[。！？!?])\s*|(?<=[.])\s+"),
    re.compile(r"[、，,،]\s*"),
    re.compile(r"\s+"),
)
# A cut may not fall before one of these: combining marks, joiners, variation selectors.
_JOINED = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0903\u093a-\u094f"
    r"\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u200d\u20d0-\u20ff\u3099\u309a"
    r"\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)


def chunk(
    article: Article, *, count_tokens: TokenCounter, budget: int = 192, overlap: int = 0
) -> list[Passage]:
    """Cut an article into passages of at most ``budget`` tokens, of nearly equal length.

    ``count_tokens`` gives the number of tokens of each text, special tokens left out; the sum
    over sentences stands for the whole. Each passage repeats at most ``overlap`` tokens of
    whole sentences of the one before. Only a sentence that is over budget by itself is cut, at a
    clause, else at a space, else between two characters a reader sees.
    """
    if budget < 8 or not 0 <= overlap < budget:
        raise ValueError(f"budget {budget} must be 8 or more and overlap {overlap} smaller than it")
    text = article.text
    count_tokens = _bounded(count_tokens)
    units, sizes = _units(text, sentences(text, article.language), count_tokens, budget)
    sizes = _with_gaps(units, sizes, budget)
    passages: list[Passage] = []
    for first, last in _runs(text, units, sizes, budget, overlap):
        start, end = units[first][0], units[last - 1][1]
        ordinal = len(passages)
        passages.append(
            Passage(
                f"{article.article_id}-{ordinal}",
                article.article_id,
                ordinal,
                start,
                end,
                text[start:end],
            )
        )
    return passages


def embedding_text(article: Article | ArticleSummary, passage: Passage) -> str:
    """What the encoder reads: title and date, then the passage; the quote is the passage alone."""
    head = "" if passage.text.startswith(article.title.rstrip("…")) else article.title
    dated = " ".join(part for part in (head, article.published) if part)
    return f"{dated}\n{passage.text}" if dated else passage.text


def _bounded(count_tokens: TokenCounter) -> TokenCounter:
    """The same counter, but a token stands for a limited number of letters.

    Tokenizers count a run of 10^5 spaces or unknown letters as one token or none.
    """

    def counted(texts: Sequence[str]) -> list[int]:
        pairs = zip(texts, count_tokens(texts), strict=True)
        return [max(count, len(text) // _LETTERS_PER_TOKEN) for text, count in pairs]

    return counted


def _with_gaps(units: list[Span], sizes: list[int], budget: int) -> list[int]:
    """The sizes; letters that no sentence holds (spaces) count with the sentence they precede."""
    ends = [units[0][0], *(end for _, end in units[:-1])] if units else []
    return [
        min(budget, size + (start - end) // _LETTERS_PER_TOKEN) if start > end else size
        for (start, _), size, end in zip(units, sizes, ends, strict=True)
    ]


def _units(
    text: str, spans: list[Span], count_tokens: TokenCounter, budget: int
) -> tuple[list[Span], list[int]]:
    """Sentences, those over budget cut further; with their sizes in tokens."""
    counts = count_tokens([text[a:b] for a, b in spans]) if spans else []
    units: list[Span] = []
    sizes: list[int] = []
    for span, size in zip(spans, counts, strict=True):
        if size <= budget:
            units.append(span)
            sizes.append(size)
            continue
        for part in _cut(text, span, count_tokens, budget, 0):
            units.append(part)
            sizes.append(min(budget, count_tokens([text[part[0] : part[1]]])[0]))
    return units, sizes


def _cut(text: str, span: Span, count_tokens: TokenCounter, budget: int, level: int) -> list[Span]:
    """Parts of one span that fit, cut at the best clause borders that do."""
    start, end = span
    size = count_tokens([text[start:end]])[0]
    if size <= budget or end - start < 2:
        return [span]
    if level == len(_CLAUSES):
        return _cut_hard(text, span, count_tokens, budget, size)
    edges = [
        start,
        *(m.end() for m in _CLAUSES[level].finditer(text, start, end) if start < m.end() < end),
        end,
    ]
    pieces = [(a, b) for a, b in itertools.pairwise(edges) if a < b]
    if len(pieces) == 1:
        return _cut(text, span, count_tokens, budget, level + 1)
    counts = count_tokens([text[a:b] for a, b in pieces])
    target = size / -(-size // budget)
    parts: list[Span] = []
    filled = budget + 1
    for (a, b), count in zip(pieces, counts, strict=True):
        if count > budget:
            parts.extend(_cut(text, (a, b), count_tokens, budget, level + 1))
            filled = budget + 1
        elif parts and filled + count <= budget and filled < target:
            parts[-1] = (parts[-1][0], b)
            filled += count
        else:
            parts.append((a, b))
            filled = count
    return [trimmed for part in parts if (trimmed := _trim(text, part)) is not None]


def _cut_hard(
    text: str, span: Span, count_tokens: TokenCounter, budget: int, size: int
) -> list[Span]:
    """Halve a span without any border until the parts fit; never inside a seen character."""
    start, end = span
    middle = (start + end) // 2
    while middle < end and (_JOINED.match(text, middle) or text[middle - 1] == "\u200d"):
        middle += 1
    if size <= budget or middle >= end or middle <= start:
        return [span]
    parts: list[Span] = []
    for half in ((start, middle), (middle, end)):
        trimmed = _trim(text, half)
        if trimmed is not None:
            count = count_tokens([text[trimmed[0] : trimmed[1]]])[0]
            parts.extend(_cut_hard(text, trimmed, count_tokens, budget, count))
    return parts


def _trim(text: str, span: Span) -> Span | None:
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _runs(
    text: str, units: list[Span], sizes: list[int], budget: int, overlap: int
) -> list[tuple[int, int]]:
    """Half-open runs of units, each at most ``budget`` tokens, of nearly equal size."""
    headings = [is_heading(text[a:b]) for a, b in units]
    paragraph_ends = [
        i + 1 == len(units) or "\n" in text[units[i][1] : units[i + 1][0]]
        for i in range(len(units))
    ]
    rest = sum(sizes)
    runs: list[tuple[int, int]] = []
    first = 0
    while first < len(units):
        carried = _carried(sizes, runs[-1] if runs else None, min(overlap, budget - sizes[first]))
        room = budget - sum(sizes[carried:first])
        wanted = rest / max(1, -(-rest // max(1, room)))
        last, filled = first, 0
        best, best_cost = first + 1, float("inf")
        while last < len(units) and (last == first or filled + sizes[last] <= room):
            filled += sizes[last]
            last += 1
            cost = abs(filled - wanted) / budget
            cost += 0.0 if paragraph_ends[last - 1] else 0.12
            cost += 0.5 if headings[last - 1] and last < len(units) else 0.0
            if cost < best_cost:
                best, best_cost = last, cost
        runs.append((carried, best))
        rest -= sum(sizes[first:best])
        first = best
    return runs


def _carried(sizes: list[int], previous: tuple[int, int] | None, room: int) -> int:
    """First unit of the next run: as many last units of the previous one as ``room`` allows."""
    if previous is None:
        return 0
    first, last = previous
    carried = last
    while carried - 1 > first and sizes[carried - 1] <= room:
        carried -= 1
        room -= sizes[carried]
    return carried
