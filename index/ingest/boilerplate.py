"""Text dumped from web pages -> the articles in it; ordinary text stays whole.

The lines of a dump are told apart by shape, vocabulary and neighbours (after Kohlschütter et al.,
"Boilerplate Detection using Shallow Text Features", 2010). An article begins at a line that looks
like a title where something ended before it (the page's head, a list of references, a comment form)
and prose, a byline or the same title again comes after it. A text without any furniture is no dump.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from konkyo.index.ingest.site_chrome import Kind, is_reply_button, kind_of
from konkyo.index.text.delimited import without_emphasis
from konkyo.index.text.header_dates import ParsedDate, parse_date

__all__ = ["Draft", "drafts"]

_CJK = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_ENDS = re.compile(r"[。．.!！?？…؟۔।:：;；,，、]$")
_STRONG_END = re.compile(r"[。．.؟۔।:：;；,，、]$")
_URL = re.compile(r"https?://[^\s<>「」（）]+")
_QUOTE_MARK = re.compile(r"^[>＞\s]+")
_STRAY = re.compile(r"\*\*")
_FURNITURE: frozenset[Kind] = frozenset({"label", "form", "related", "notice"})
_DELIMITER: frozenset[Kind] = frozenset({"references", "contributor"})
_META: frozenset[Kind] = frozenset({"byline", "stamp", "url"})
_BODY: frozenset[Kind] = frozenset({"prose", "heading", "short", "hint"})


@dataclass(frozen=True, slots=True)
class Draft:
    """One article found in a text, before it has a language and an identifier."""

    title: str | None
    text: str
    comments: tuple[str, ...] = ()
    published: ParsedDate | None = None
    url: str | None = None
    author: str | None = None
    outlet: str | None = None


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
        _settle(lines)
        found = _split(lines)
        if found:
            return found
        text = "\n".join(line.text for line in lines if line.kind not in _FURNITURE)
    whole = _whole(text)
    return [whole] if whole.text or whole.title else []


def plain_emphasis(line: str) -> str:
    """A line without Markdown's marks for strong text."""
    if "**" not in line and "__" not in line:
        return line
    plain = without_emphasis(line, ("**", "__"))
    return _STRAY.sub("", plain) if plain.count("**") == 1 else plain


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


def _settle(lines: list[_Line]) -> None:
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
            beside = line.kind in _FURNITURE or line.kind == "contributor"
    for line in shown:
        if line.kind == "hint":
            line.kind = "prose" if _weight(line.text) >= 40 and _ENDS.search(line.text) else "short"


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
    if len(head) > 1 and sum(_weight(line.text) for line in head) > 200:
        edges = [0, *edges]
    found = [_draft(shown[a:b], titled=a in starts) for a, b in pairwise(edges)]
    return [draft for draft in found if _weight(draft.text) >= 80]


def _starts(shown: list[_Line]) -> list[int]:
    """Where articles begin: the offsets of their title lines."""
    starts: list[int] = []
    outside = True
    told = 0
    for i, line in enumerate(shown):
        told += line.kind == "prose"
        # A line "3 comments" above the text ends nothing.
        if line.kind == "form" and told:
            outside = True
        if not _title_like(line):
            continue
        if starts and i == starts[-1] + 1:
            continue
        if _before(shown, i, outside) + _after(shown, i) >= 3 and not _section_name(shown, i):
            starts.append(i)
            outside = False
            told = 0
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
    if preceding[:2] == ["short", "references"] and _weight(shown[i - 1].text) <= 40:
        return 2
    if preceding[0] == "rule":
        return 2
    return (
        1 if len(preceding) > 1 and preceding[0] in _FURNITURE and preceding[1] in _FURNITURE else 0
    )


def _section_name(shown: list[_Line], i: int) -> bool:
    """Whether a line is a short name above the real title ("Local news")."""
    if (
        i + 1 >= len(shown)
        or not _title_like(shown[i + 1])
        or _same_title(shown[i].text, shown[i + 1].text)
    ):
        return False
    return _weight(shown[i].text) <= 24 and _weight(shown[i + 1].text) > 1.6 * _weight(
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
            line.kind == "heading" or (line.kind == "short" and _weight(line.text) >= 16)
        ):
            return 0
    return 0


def _title_like(line: _Line) -> bool:
    """Whether a line could be a headline: a phrase, neither a sentence nor furniture."""
    if line.kind not in ("short", "prose", "hint", "heading"):
        return False
    text = line.text.lstrip("# ").strip()
    if line.kind == "heading" and not line.text.startswith("#"):
        return False
    if line.kind == "prose" and not (text.endswith(("?", "!", "？", "！")) or _weight(text) < 120):
        return False
    if _STRONG_END.search(text) or not 14 <= _weight(text) <= 240:
        return False
    if not (text[0].isalnum() or text[0] in "「『“\"'‘【〈《([（¿¡$€£¥"):
        return False
    if text[0] in '「『“"(（・•-※*' and text[-1] in '」』”")）':
        return False
    letters = sum(c.isalpha() for c in text)
    return letters * 2 >= len(text) and (bool(_CJK.search(text)) or len(text.split()) >= 3)


def _same_title(title: str, other: str) -> bool:
    """Whether a line repeats a title, perhaps in other words: most of its character pairs are shared."""
    if _weight(other) > 2 * _weight(title) + 20 or _STRONG_END.search(other):
        return False
    a, b = _pairs(title), _pairs(other)
    return min(len(a), len(b)) >= 10 and len(a & b) / min(len(a), len(b)) >= 0.6


def _pairs(text: str) -> set[str]:
    letters = "".join(c.lower() for c in text if c.isalnum())
    return {letters[i : i + 2] for i in range(len(letters) - 1)}


def _draft(lines: list[_Line], *, titled: bool) -> Draft:
    """Turn the lines of one article, its title first if it has one, into a draft."""
    title = lines[0].text.lstrip("# ").strip() if titled else None
    body: list[str] = []
    comments: list[str] = []
    stamps: list[ParsedDate] = []
    url = author = outlet = None
    told = 0
    state = "body"
    for i, line in enumerate(lines):
        kind = line.kind
        if titled and i == 0:
            continue
        if title and i == 1 and kind != "quote" and _same_title(title, line.text):
            continue
        if kind == "quote":
            comments.append(_QUOTE_MARK.sub("", line.text).strip())
        elif state == "closed":
            continue
        elif kind in _META:
            stamp = parse_date(line.text)
            if stamp is not None and kind != "url":
                stamps.append(stamp)
            if kind == "url" and state == "body":
                url = url or _url(line.text)
            if kind == "byline":
                author = author or _credit(_AUTHOR, line.text)
                outlet = outlet or _credit(_OUTLET, line.text)
        elif (kind == "form" and told) or (kind == "contributor" and state == "references"):
            state = "closed"
        elif kind in ("references", "related"):
            state = kind
        elif kind in _BODY:
            if state != "body" and _resumes(lines, i, state):
                state = "body"
            if state == "body" and not _stranded(lines, i):
                body.append(line.text)
                told += kind == "prose"
    text = "\n".join(body)
    return Draft(title, text, tuple(comments), _published(stamps), url, author, outlet)


def _resumes(lines: list[_Line], i: int, state: str) -> bool:
    """Whether the article goes on after a list of links (at prose), or of references (at much of it)."""
    ahead = [line.kind for line in lines[i : i + 3]]
    if state == "references":
        return ahead[:2] == ["prose", "prose"]
    return ahead[0] == "prose" or (ahead[0] == "heading" and ahead[1:2] == ["prose"])


def _stranded(lines: list[_Line], i: int) -> bool:
    """Whether a short line stands between furniture, or at the end after some."""
    if lines[i].kind not in ("short", "heading"):
        return False
    before = lines[i - 1].kind
    after = next((line.kind for line in lines[i + 1 :] if line.kind != "short"), "form")
    edge = _FURNITURE | _DELIMITER
    return before in edge and after in edge


def _published(stamps: list[ParsedDate]) -> ParsedDate | None:
    """The first date, with the time of another of the same day if the first has none."""
    if not stamps:
        return None
    first = stamps[0]
    return next((s for s in stamps if s.day == first.day and s.at is not None), first)


def _url(text: str) -> str | None:
    found = _URL.search(text)
    return found.group() if found else None


_NAME = r"\s*+(?:[:：]\s*+)?([^|｜\d:：\s][^|｜\d:：]{1,58}?)(?=\s*+(?:[|｜\d]|$)|\s++(?:来源|來源|作者|记者|記者|编辑|編輯|责任编辑)[:：])"
_AUTHOR = re.compile(
    r"(?:投稿者|執筆者?|著者|筆者|作者|记者|記者|作成者|작성자|글쓴이|\b(?:(?:written |posted )?by|author|von|par|por)\b)"
    + _NAME
    + r"|^(\S{2,4})\s기자",
    re.IGNORECASE,
)
_OUTLET = re.compile(r"(?:来源|來源|配信|출처)" + _NAME)


def _credit(pattern: re.Pattern[str], text: str) -> str | None:
    """The name a byline gives, or None."""
    found = pattern.search(text)
    if found is None:
        return None
    name = next(group for group in found.groups() if group is not None).strip(" -–—,、/・")
    return name if 2 <= len(name) <= 60 else None


def _weight(text: str) -> int:
    return len(text) + len(_CJK.findall(text))


def _whole(text: str) -> Draft:
    """An ordinary text, kept whole: only a title line, and dates or addresses at its edges, leave it."""
    lines = [plain_emphasis(line.rstrip()) for line in text.splitlines()]
    kinds = [kind_of(line) for line in lines]
    quoted = [i for i, kind in enumerate(kinds) if kind == "quote"]
    comments: list[str] = []
    if 0 < len(quoted) * 2 <= sum(kind != "blank" for kind in kinds):
        comments = [_QUOTE_MARK.sub("", lines[i]).strip() for i in quoted]
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
            url = url or _url(lines[i])
        elif stamp is not None and (
            kinds[i] == "stamp" or (kinds[i] == "byline" and i in shown[:3])
        ):
            stamps.append(stamp)
            author = author or _credit(_AUTHOR, lines[i])
            outlet = outlet or _credit(_OUTLET, lines[i])
        elif kinds[i] != "stamp" or len(shown) <= 3:
            continue
        lines[i] = ""
    shown = [i for i in shown if lines[i].strip()]
    title: str | None = None
    if len(shown) > 1 and _headline(lines[shown[0]], lines[shown[1]], shown[1] - shown[0]):
        title = lines[shown[0]].strip().lstrip("# ").strip()
        lines[shown[0]] = ""
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(_unwrapped(lines))).strip()
    return Draft(title, body, tuple(comments), _published(stamps), url, author, outlet)


def _headline(first: str, second: str, distance: int) -> bool:
    """Whether the first line of a plain text is its title."""
    text = first.strip()
    if not 4 <= _weight(text) <= 200 or _STRONG_END.search(text):
        return False
    return distance > 1 or _weight(second) > 1.5 * _weight(text) or first.startswith("#")


def _unwrapped(lines: list[str]) -> list[str]:
    """Join lines that were broken at a fixed width, as old mail and books are; others stay."""
    filled = [line for line in lines if line.strip()]
    inner = [a for a, b in pairwise(lines) if a.strip() and b.strip()]
    if len(inner) < 5:
        return lines
    widest = max(_weight(line) for line in filled)
    near = [line for line in inner if widest - 16 <= _weight(line) and not _ENDS.search(line)]
    if widest > 100 or len(near) * 10 < len(inner) * 6:
        return lines
    joined: list[str] = []
    for line in lines:
        if not line.strip() or not joined or not joined[-1].strip():
            joined.append(line)
        else:
            glue = "" if _CJK.match(line.strip()[0]) and _CJK.match(joined[-1][-1]) else " "
            joined[-1] += glue + line.strip()
    return joined
