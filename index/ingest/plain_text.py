"""Ordinary text -> one article: its title line and the dates at its edges leave the text."""

from __future__ import annotations

import re
from itertools import pairwise

from konkyo.index.ingest.bylines import AUTHOR, OUTLET, credit, first_url, published
from konkyo.index.ingest.draft import Draft
from konkyo.index.ingest.site_chrome import CJK, kind_of, text_width
from konkyo.index.text.delimited import without_emphasis
from konkyo.index.text.header_dates import ParsedDate, parse_date

__all__ = ["ENDS", "QUOTE_MARK", "STRONG_END", "plain_emphasis", "whole_draft"]

ENDS = re.compile(r"[。．.!！?？…؟۔।:：;；,，、]$")
STRONG_END = re.compile(r"[。．.؟۔।:：;；,，、]$")


QUOTE_MARK = re.compile(r"^[>＞\s]+")
_STRAY = re.compile(r"\*\*")


def plain_emphasis(line: str) -> str:
    """A line without Markdown's marks for strong text."""
    if "**" not in line and "__" not in line:
        return line
    plain = without_emphasis(line, ("**", "__"))
    return _STRAY.sub("", plain) if plain.count("**") == 1 else plain


def whole_draft(text: str) -> Draft:
    """One draft of an ordinary text; its title line, and dates at its edges, leave the text."""
    lines = [plain_emphasis(line.rstrip()) for line in text.splitlines()]
    kinds = [kind_of(line) for line in lines]
    quoted = [i for i, kind in enumerate(kinds) if kind == "quote"]
    comments: list[str] = []
    if 0 < len(quoted) * 2 <= sum(kind != "blank" for kind in kinds):
        comments = [QUOTE_MARK.sub("", lines[i]).strip() for i in quoted]
        kept = [i for i in range(len(lines)) if kinds[i] != "quote"]
        lines, kinds = [lines[i] for i in kept], [kinds[i] for i in kept]
    stamps: list[ParsedDate] = []
    url: str | None = None
    author: str | None = None
    outlet: str | None = None
    shown = [i for i, kind in enumerate(kinds) if kind != "blank"]
    # A title, a date and one paragraph are an article, too; two such lines at the end are not.
    edges = [*shown[:4], *shown[-3:]] if len(shown) > 3 else shown[: min(2, len(shown) - 1)]
    for i in dict.fromkeys(edges):
        stamp = parse_date(lines[i])
        if kinds[i] == "url":
            url = url or first_url(lines[i])
        elif stamp is not None and (
            kinds[i] == "stamp" or (kinds[i] == "byline" and i in shown[:3])
        ):
            stamps.append(stamp)
            author = author or credit(AUTHOR, lines[i])
            outlet = outlet or credit(OUTLET, lines[i])
        elif kinds[i] != "stamp" or len(shown) <= 3:
            continue
        lines[i] = ""
    shown = [i for i in shown if lines[i].strip()]
    title: str | None = None
    if len(shown) > 1 and _headline(lines[shown[0]], lines[shown[1]], shown[1] - shown[0]):
        title = lines[shown[0]].strip().lstrip("# ").strip()
        lines[shown[0]] = ""
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(_unwrapped(lines))).strip()
    return Draft(title, body, tuple(comments), published(stamps), url, author, outlet)


def _headline(first: str, second: str, distance: int) -> bool:
    """Whether the first line of a plain text is its title."""
    text = first.strip()
    if not 4 <= text_width(text) <= 200 or STRONG_END.search(text):
        return False
    return distance > 1 or text_width(second) > 1.5 * text_width(text) or first.startswith("#")


def _unwrapped(lines: list[str]) -> list[str]:
    """Join lines that were broken at a fixed width, as old mail and books are; others stay."""
    filled = [line for line in lines if line.strip()]
    inner = [a for a, b in pairwise(lines) if a.strip() and b.strip()]
    if len(inner) < 5:
        return lines
    widest = max(text_width(line) for line in filled)
    near = [line for line in inner if widest - 16 <= text_width(line) and not ENDS.search(line)]
    if widest > 100 or len(near) * 10 < len(inner) * 6:
        return lines
    joined: list[str] = []
    for line in lines:
        if not line.strip() or not joined or not joined[-1].strip():
            joined.append(line)
        else:
            glue = "" if CJK.match(line.strip()[0]) and CJK.match(joined[-1][-1]) else " "
            joined[-1] += glue + line.strip()
    return joined
