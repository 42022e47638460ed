"""Text dumped from web pages -> the articles in it; ordinary text stays whole.

Lines are classified by shape, vocabulary and neighbours (after Kohlschütter et al., "Boilerplate
Detection using Shallow Text Features", 2010). An article begins at a line that looks like a title,
where something ended before it (the page's head, a list of references, a comment form) and prose,
a byline or the same title again comes after it. A text without any site chrome is no dump.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from konkyo.index.ingest.bylines import AUTHOR, OUTLET, credit, first_url, published
from konkyo.index.ingest.draft import Draft
from konkyo.index.ingest.plain_text import (
    ENDS,
    QUOTE_MARK,
    STRONG_END,
    plain_emphasis,
    whole_draft,
)
from konkyo.index.ingest.site_chrome import CJK, Kind, is_reply_button, kind_of, text_width
from konkyo.index.text.header_dates import ParsedDate, parse_date

__all__ = ["drafts"]

_CHROME: frozenset[Kind] = frozenset({"label", "form", "related", "notice"})
_DELIMITER: frozenset[Kind] = frozenset({"references", "contributor"})
_META: frozenset[Kind] = frozenset({"byline", "stamp", "url"})
_BODY: frozenset[Kind] = frozenset({"prose", "heading", "short", "hint"})


@dataclass(slots=True)
class _Line:
    text: str
    kind: Kind


def drafts(text: str) -> list[Draft]:
    """The articles of one text: those of a dumped page, or the whole text as one."""
    lines = [
        _Line(plain_emphasis(line.strip()), kind_of(plain_emphasis(line)))
        for line in text.splitlines()
    ]
    if _is_dump(lines):
        _resolve_hints(lines)
        found = _split(lines)
        if found:
            return found
        text = "\n".join(line.text for line in lines if line.kind not in _CHROME)
    whole = whole_draft(text)
    return [whole] if whole.text or whole.title else []


def _is_dump(lines: list[_Line]) -> bool:
    """Whether a text was dumped from a page: it holds lines only a page has."""
    kinds = Counter(line.kind for line in lines)
    kinds["form"] += kinds["comments"]
    if kinds["notice"] and (kinds["form"] or kinds["label"] or kinds["related"]):
        return True
    if kinds["form"] and kinds["byline"] + kinds["stamp"] + kinds["label"] + kinds["related"]:
        return True
    if kinds["references"] and kinds["contributor"]:
        return True
    return kinds["label"] + kinds["form"] + kinds["related"] + 2 * kinds["notice"] >= 3


def _resolve_hints(lines: list[_Line]) -> None:
    """Decide what only its neighbours can: hints, and whether readers' comments begin."""
    shown = [line for line in lines if line.kind != "blank"]
    for i, line in enumerate(shown):
        if line.kind == "comments":
            line.kind = "label" if _only_counts(shown, i) else "form"
    for order in (shown, shown[::-1]):
        beside = False
        for line in order:
            if line.kind == "hint" and beside:
                line.kind = "notice"
            beside = line.kind in _CHROME or line.kind == "contributor"
    for line in shown:
        if line.kind == "hint":
            line.kind = (
                "prose" if text_width(line.text) >= 40 and ENDS.search(line.text) else "short"
            )


def _only_counts(shown: list[_Line], i: int) -> bool:
    """Whether "3 comments" is a button within an article: the article goes on below it."""
    ahead = [line for line in shown[i + 1 : i + 11] if line.kind != "label"]
    replies = any(is_reply_button(line.text) for line in shown[i + 1 : i + 11])
    return not replies and [line.kind for line in ahead[:2]] == ["prose", "prose"]


def _split(lines: list[_Line]) -> list[Draft]:
    """Cut a dump into articles; each is kept only if it has a body worth the name."""
    shown = [line for line in lines if line.kind != "blank"]
    starts = _starts(shown)
    if not starts:
        return []
    edges = [*starts, len(shown)]
    head = [line for line in shown[: starts[0]] if line.kind == "prose"]
    if len(head) > 1 and sum(text_width(line.text) for line in head) > 200:
        edges = [0, *edges]
    found = [_draft(shown[a:b], titled=a in starts) for a, b in pairwise(edges)]
    return [draft for draft in found if text_width(draft.text) >= 80]


def _starts(shown: list[_Line]) -> list[int]:
    """Where articles begin: the offsets of their title lines."""
    starts: list[int] = []
    outside = True
    prose = 0
    for i, line in enumerate(shown):
        prose += line.kind == "prose"
        # A line "3 comments" above the text ends nothing.
        if line.kind == "form" and prose:
            outside = True
        if not _title_like(line):
            continue
        if starts and i == starts[-1] + 1:
            continue
        if _before(shown, i, outside) + _after(shown, i) >= 3 and not _section_name(shown, i):
            starts.append(i)
            outside = False
            prose = 0
    return starts


def _before(shown: list[_Line], i: int, outside: bool) -> int:
    """How clearly something ended just before a line."""
    if outside:
        return 2
    preceding = [line.kind for line in shown[max(0, i - 12) : i]][::-1]
    while preceding[:1] == ["url"]:
        preceding = preceding[1:]
    preceding = preceding[:3] or ["label"]
    if preceding[0] in _DELIMITER:
        return 3 if "references" in preceding or preceding[0] == "contributor" else 2
    # The line after a list of references names who wrote the piece, in a form not known here.
    if preceding[:2] == ["short", "references"] and text_width(shown[i - 1].text) <= 40:
        return 2
    if preceding[0] == "rule":
        return 2
    return 1 if len(preceding) > 1 and preceding[0] in _CHROME and preceding[1] in _CHROME else 0


def _section_name(shown: list[_Line], i: int) -> bool:
    """Whether a line is a short name above the real title ("Local news")."""
    if (
        i + 1 >= len(shown)
        or not _title_like(shown[i + 1])
        or _same_title(shown[i].text, shown[i + 1].text)
    ):
        return False
    return text_width(shown[i].text) <= 24 and text_width(shown[i + 1].text) > 1.6 * text_width(
        shown[i].text
    )


def _after(shown: list[_Line], i: int) -> int:
    """How clearly an article follows a line: its title again, a byline or date, or prose."""
    ahead = shown[i + 1 : i + 6]
    if not ahead:
        return 0
    if _same_title(shown[i].text, ahead[0].text) and any(
        line.kind == "prose" for line in ahead[1:4]
    ):
        return 2
    decks = 0
    for n, line in enumerate(ahead):
        if line.kind in ("byline", "stamp"):
            prose = any(later.kind == "prose" for later in shown[i + 1 + n : i + 10 + n])
            return 2 if prose and decks <= 1 else 0
        if line.kind == "prose":
            return 1
        if line.kind in ("label", "form"):
            continue
        # One line between title and text: a sub-title or a first heading.
        decks += 1
        if decks > 1 or not (
            line.kind == "heading" or (line.kind == "short" and text_width(line.text) >= 16)
        ):
            return 0
    return 0


def _title_like(line: _Line) -> bool:
    """Whether a line could be a headline: a phrase, neither a sentence nor site chrome."""
    if line.kind not in ("short", "prose", "hint", "heading"):
        return False
    text = line.text.lstrip("# ").strip()
    if line.kind == "heading" and not line.text.startswith("#"):
        return False
    if line.kind == "prose" and not (
        text.endswith(("?", "!", "？", "！")) or text_width(text) < 120
    ):
        return False
    if STRONG_END.search(text) or not 14 <= text_width(text) <= 240:
        return False
    if not (text[0].isalnum() or text[0] in "「『“\"'‘【〈《([（¿¡$€£¥"):
        return False
    if text[0] in '「『“"(（・•-※*' and text[-1] in '」』”")）':
        return False
    letters = sum(c.isalpha() for c in text)
    return letters * 2 >= len(text) and (bool(CJK.search(text)) or len(text.split()) >= 3)


def _same_title(title: str, other: str) -> bool:
    """Whether most character pairs of a line are those of a title."""
    if text_width(other) > 2 * text_width(title) + 20 or STRONG_END.search(other):
        return False
    a, b = _pairs(title), _pairs(other)
    return min(len(a), len(b)) >= 10 and len(a & b) / min(len(a), len(b)) >= 0.6


def _pairs(text: str) -> set[str]:
    letters = "".join(c.lower() for c in text if c.isalnum())
    return {letters[i : i + 2] for i in range(len(letters) - 1)}


def _draft(lines: list[_Line], *, titled: bool) -> Draft:
    """Turn the lines of one article, its title first if it has one, into a draft."""
    title = lines[0].text.lstrip("# ").strip() if titled else None
    collector = _Collector(lines)
    for i, line in enumerate(lines):
        if titled and i == 0:
            continue
        if title and i == 1 and line.kind != "quote" and _same_title(title, line.text):
            continue
        collector.take(i)
    return collector.draft(title)


class _Collector:
    """Collects what the lines of one article hold: body, comments, and facts of its bylines."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._body: list[str] = []
        self._comments: list[str] = []
        self._stamps: list[ParsedDate] = []
        self._url: str | None = None
        self._author: str | None = None
        self._outlet: str | None = None
        self._prose = 0
        self._state: Literal["body", "references", "related", "closed"] = "body"

    def take(self, i: int) -> None:
        """Add the line of an offset to what it belongs to."""
        line = self._lines[i]
        if line.kind == "quote":
            self._comments.append(QUOTE_MARK.sub("", line.text).strip())
        elif self._state == "closed":
            return
        elif line.kind in _META:
            self._take_byline(line)
        elif self._ends_article(line.kind):
            self._state = "closed"
        elif line.kind == "references" or line.kind == "related":
            self._state = line.kind
        elif line.kind in _BODY:
            self._take_body(i)

    def draft(self, title: str | None) -> Draft:
        """Return what was collected."""
        return Draft(
            title,
            "\n".join(self._body),
            tuple(self._comments),
            published(self._stamps),
            self._url,
            self._author,
            self._outlet,
        )

    def _ends_article(self, kind: Kind) -> bool:
        if kind == "form":
            return self._prose > 0
        return kind == "contributor" and self._state == "references"

    def _take_byline(self, line: _Line) -> None:
        if line.kind == "url":
            if self._state == "body":
                self._url = self._url or first_url(line.text)
            return
        stamp = parse_date(line.text)
        if stamp is not None:
            self._stamps.append(stamp)
        if line.kind == "byline":
            self._author = self._author or credit(AUTHOR, line.text)
            self._outlet = self._outlet or credit(OUTLET, line.text)

    def _take_body(self, i: int) -> None:
        if self._state != "body" and _resumes(self._lines, i, self._state):
            self._state = "body"
        if self._state == "body" and not _stranded(self._lines, i):
            self._body.append(self._lines[i].text)
            self._prose += self._lines[i].kind == "prose"


def _resumes(lines: list[_Line], i: int, state: str) -> bool:
    """Whether the article goes on after links (at one line of prose) or references (at two)."""
    ahead = [line.kind for line in lines[i : i + 3]]
    if state == "references":
        return ahead[:2] == ["prose", "prose"]
    return ahead[0] == "prose" or (ahead[0] == "heading" and ahead[1:2] == ["prose"])


def _stranded(lines: list[_Line], i: int) -> bool:
    """Whether a short line stands between site chrome, or at the end after some."""
    if lines[i].kind not in ("short", "heading"):
        return False
    before = lines[i - 1].kind
    after = next((line.kind for line in lines[i + 1 :] if line.kind != "short"), "form")
    edge = _CHROME | _DELIMITER
    return before in edge and after in edge
