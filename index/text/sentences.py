"""Where sentences begin and end: exact spans, script-aware, quotes and decimals never cut.

One rule set serves every language, because articles mix scripts; a language hint only settles
what is otherwise ambiguous (German ordinals). A line break is always a border.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Annotated

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.quotations import BRACKETS, CLOSE, OPEN, Quotations, quotations
from konkyo.index.text.word_data import CHECKED, Alternatives, alternatives, word_data

__all__ = ["is_heading", "sentences"]

Span = tuple[int, int]

# Letters before a full stop that are looked at: more than any abbreviation has.
_LOOKED_BACK = 200
# Characters after a full stop that are looked at, white space included.
_LOOKED_AHEAD = 200

_TERMINAL = "。｡．！？!?‼⁇⁈⁉؟۔।॥."
_HARD = frozenset("。｡।॥۔")
_TOKEN = re.compile(
    '[「」『』（）()“”„«»【】《》〈〉［］\\[\\]〝〟"]|[' + re.escape(_TERMINAL) + "…‥]+"
)


@schema(frozen=True, slots=True, config=CHECKED)
class _Abbreviations:
    """Words with a full stop that never end a sentence, do not before a number, or may."""

    titles: frozenset[str]
    numbered: frozenset[str]
    soft: frozenset[str]


@schema(frozen=True, slots=True, config=CHECKED)
class _Around:
    """What stands before and after a mark and tells whether it ends a sentence."""

    starters: frozenset[str]
    # Somebody who says what was quoted: up to three words and a verb of speech.
    speech: Annotated[re.Pattern[str], alternatives(r"(?:[^\W\d_]+ ){0,3}", r"\b")]
    after_german_ordinal: Annotated[re.Pattern[str], alternatives(after=r"\b")]
    # What goes on with the sentence after a closed quotation, and after an open ！ or ？.
    after_quote: Alternatives
    after_mark: Alternatives
    thai_goes_on: Alternatives
    thai_unfinished: Annotated[re.Pattern[str], alternatives(after="$")]


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """Words that tell where sentences end."""

    abbreviations: _Abbreviations
    words: _Around


def _known() -> _Words:
    return word_data(_Words, "sentences")


# Spans in which a full stop is never an end.
_PROTECTED = re.compile(
    r"(?:https?://|www\.)[^\s「」『』（）()<>、。]+"
    r"|(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+\w"
    r"|\b\d{4}\.\s?\d{1,2}\.\s?\d{1,2}\.?(?=\s|\D|$)"
    r"|(?<![\w.])(?:[A-Za-z]\.){2,}(?=[^\w]|$)"
)
_WORD_BEFORE = re.compile(r"(?<![\w.])[_.]*+([^\W_][\w.]*+)$")
_ROMAN = re.compile(r"[IVXLC]{2,6}")
_LIST_NUMBER = re.compile(r"(?:^|[\s\]）)])\d{1,2}$")
_WORD = re.compile(r"[^\W\d_]+")
_BULLET = re.compile(r"^\s*(?:\(?\d{1,3}|\(?[A-Za-z]|[ivxIVX]{1,5})$")
_AFTER_NAME = re.compile(r"を|の(?![ちどりんびぼみ])")
_THAI = re.compile(r"[\u0e01-\u0e5b]")
_THAI_GAP = re.compile(r"[ \u00a0\u2009]+")
_THAI_LEAST = 60
_THAI_PHRASE = 14
_LEADING_LABEL = re.compile(r"\s*【[^】\n]{1,60}】")
_HEADING = re.compile(
    r"^(?:#{1,6}\s|[◇◆■□●○▼▲▽△★☆※◎▶►]\s*\S|【[^】]+】$|〈[^〉]+〉$|＜[^＞]+＞$|\[[^\]]+\]$|［[^］]+］$)"
)
_SENTENCE_END = re.compile(r"[。．.!?！？…؟۔।]['\"”’」』）)】]*$")


def is_heading(line: str) -> bool:
    """Whether a line (without its line break) is a heading by its shape, not a sentence."""
    line = line.strip()
    if not line or len(line) > 80 or line.startswith("※"):
        return False
    return bool(_HEADING.match(line)) and not _SENTENCE_END.search(line.rstrip("】〉＞]］"))


def sentences(text: str, language: str | None = None) -> list[Span]:
    """Spans of the sentences of ``text``, in order, disjoint, without surrounding white space.

    Every character that is not white space lies in exactly one span. ``language`` is an
    ISO 639-1 code or None (unknown); offsets count Unicode code points.
    """
    spans: list[Span] = []
    for found in _LINE.finditer(text):
        start, end = found.span()
        label = _LEADING_LABEL.match(text, start, end)
        if label is not None:
            _add(spans, text, start, label.end())
            start = label.end()
        line = text[start:end]
        previous = 0
        for border in _borders(line, language):
            _add(spans, text, start + previous, start + border)
            previous = border
        _add(spans, text, start + previous, end)
    return spans


_LINE = re.compile(r"[^\n\r\u2028\u2029\x0b\x0c\x85]+")


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    """Append a span trimmed of white space, unless nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))


def _borders(line: str, language: str | None) -> list[int]:
    """Offsets in one line after which a new sentence begins, ascending, never its length."""
    tokens = list(_TOKEN.finditer(line))
    quotes = quotations((token.group(), token.start()) for token in tokens)
    protected = [m.span() for m in _PROTECTED.finditer(line)] if "." in line else []
    kana = _KANA.search(line) is not None
    borders: list[int] = []
    begun = 0
    for token in tokens:
        start, end = token.span()
        if token.group()[0] in BRACKETS:
            continue
        after = end
        while after < len(line) and line[after] in CLOSE and not quotes.opens(after):
            after += 1
        if after >= len(line):
            break
        if after <= begun or quotes.within(after):
            continue
        quote = quotes.around(start)
        mark = _Mark(line, begun, start, end, after, quote, language, kana)
        if not _protected(start, end, protected) and _ends(mark, protected):
            borders.append(after)
            begun = after
    if language == "th" or _THAI.search(line):
        borders = sorted({*borders, *_thai_borders(line, borders, quotes)})
    return borders


@dataclass(frozen=True, slots=True)
class _Mark:
    """Marks at ``line[start:end]`` that may end the sentence begun at ``begun``.

    ``after`` is where the next one would begin, ``quote`` the quotation that holds the marks, and
    ``kana`` tells whether there is any in the line.
    """

    line: str
    begun: int
    start: int
    end: int
    after: int
    quote: Span | None
    language: str | None
    kana: bool

    @property
    def marks(self) -> str:
        return self.line[self.start : self.end]

    @property
    def rest(self) -> str:
        return self.line[self.after : self.after + _LOOKED_AHEAD]

    @property
    def before(self) -> str:
        return self.line[max(self.begun, self.start - _LOOKED_BACK) : self.start]


def _ends(mark: _Mark, protected: list[Span]) -> bool:
    """Whether a sentence ends with marks."""
    marks, rest = mark.marks, mark.rest
    following = rest.lstrip()
    if not following or (mark.after > mark.end and "\uac00" <= rest[0] <= "\ud7a3"):
        return False
    if not _WIDE_MARKS.isdisjoint(marks):
        if mark.quote is not None and mark.quote[1] < mark.after:
            return _quotation_ends(mark, mark.quote, following)
        goes_on = _known().words.after_mark if _HARD.isdisjoint(marks) else _AFTER_NAME
        return not goes_on.match(rest)
    if not _MARKS.isdisjoint(marks):
        return _mark_ends(mark, rest, following)
    if "…" in marks or "‥" in marks or len(marks) > 1:
        return rest[0].isspace() and not following[0].islower() and _letter(following)
    if _BULLET.match(mark.before):
        return False
    if not rest[0].isspace():
        return _full_stop_glued(mark, rest)
    return _full_stop_ends(mark, following, protected)


def _mark_ends(mark: _Mark, rest: str, following: str) -> bool:
    """Whether ! or ? ends a sentence."""
    before = mark.line[mark.start - 1] if mark.start else ""
    if not rest[0].isspace():
        # In one script without a space between it is part of a word: Yahoo!ニュース.
        mixed = _cjk(rest[0]) == (before.isascii() and before.isalnum())
        if mixed and rest[0].isalnum():
            return False
        if _known().words.after_mark.match(rest) or not (_cjk(rest[0]) or rest[0] in OPEN):
            return False
    first = mark.begun + _leading(mark.line[mark.begun : mark.start])
    quoted = mark.quote is not None and mark.quote[0] == first
    if quoted and _known().words.speech.match(following):
        return False
    return not following[0].islower()


_WIDE_MARKS = _HARD | {"！", "？"}
_MARKS = frozenset("!?‼⁇⁈⁉؟")


def _protected(start: int, end: int, spans: list[Span]) -> bool:
    """Whether one of some spans, ascending and apart, reaches over ``start`` and past ``end``."""
    number = bisect_right(spans, start, key=lambda span: span[0]) - 1
    return number >= 0 and end < spans[number][1]


def _leading(text: str) -> int:
    return len(text) - len(text.lstrip())


def _letter(text: str) -> bool:
    return any(c.isalnum() for c in text[:3])


def _cjk(char: str) -> bool:
    return (
        "\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3" or "\uf900" <= char <= "\ufaff"
    )


def _quotation_ends(mark: _Mark, quote: Span, following: str) -> bool:
    """Whether a sentence ends with a quotation that ends in a full stop."""
    if _known().words.after_quote.match(following):
        return False
    opens_sentence = not mark.line[mark.begun : quote[0]].strip()
    if not opens_sentence:
        return True
    # “……。”他说: the speaker comes after; not so a second quotation or Japanese.
    chinese = mark.line[quote[0]] in "“「" and not mark.kana
    return not (chinese and _cjk(following[0]))


_KANA = re.compile(r"[\u3041-\u30fa]")


def _full_stop_glued(mark: _Mark, rest: str) -> bool:
    """Whether one full stop without a space after it ends a sentence."""
    before = mark.before
    if _cjk(rest[0]) and not rest[0].isdigit():
        if _LIST_NUMBER.search(before):
            return False
        previous = before[-1:]
        latin = previous.isascii() and previous.isalnum() and mark.line[mark.start] == "."
        return not latin or previous.isdigit()
    word = _WORD.match(rest)
    capital = word is not None and len(word.group()) > 1 and rest[0].isupper() and rest[1].islower()
    return capital and before[-3:].isalpha() and before[-3:].islower()


def _full_stop_ends(mark: _Mark, following: str, protected: list[Span]) -> bool:
    """Whether one full stop (ASCII or full-width) with a space after it ends a sentence."""
    if following[0].islower():
        return False
    first = _WORD.match(following)
    starter = first is not None and first.group().lower() in _known().words.starters
    found = _WORD_BEFORE.search(mark.before)
    word = found[1] if found else ""
    known = _known().abbreviations
    if _protected(mark.start, mark.start, protected):
        return starter
    if word.lower() in known.titles or _THAI.match(mark.before[-1:]):
        return False
    if word.lower() in known.numbered and following[0].isdigit():
        return False
    if word.lower() in known.soft or _initial(word):
        return starter
    if word.isdigit() and len(word) <= 2:
        if following[0].isdigit() or _known().words.after_german_ordinal.match(following):
            return False
        return starter or mark.language != "de"
    return True


def _initial(word: str) -> bool:
    """Whether a word before a full stop is initials or a numeral: J. K., م., II."""
    letters = word.split(".")
    return bool(_ROMAN.fullmatch(word)) or all(
        len(c) == 1 and (c.isupper() or "\u0620" <= c <= "\u064a") for c in letters
    )


def _thai_borders(line: str, borders: list[int], quotes: Quotations) -> list[int]:
    """Borders of Thai, which writes no full stop: a gap after a long enough, finished clause."""
    found: list[int] = []
    edges = [0, *borders, len(line)]
    for left, right in itertools.pairwise(edges):
        begun = left
        gaps = list(_THAI_GAP.finditer(line, left, right))
        stops = [left, *(gap.end() for gap in gaps), right]
        for i, gap in enumerate(gaps):
            if gap.start() - begun < _THAI_LEAST or right - gap.end() < _THAI_LEAST // 2:
                continue
            # Names, dates and lists have gaps, too, but short words between them.
            if gap.start() - stops[i] < _THAI_PHRASE or stops[i + 2] - gap.end() < _THAI_PHRASE:
                continue
            if not _THAI.match(line, gap.end()) or not _THAI.search(line, begun, gap.start()):
                continue
            if _known().words.thai_goes_on.match(
                line, gap.end()
            ) or _known().words.thai_unfinished.search(
                line[max(begun, gap.start() - _LOOKED_BACK) : gap.start()]
            ):
                continue
            if quotes.within(gap.start()) or quotes.within(gap.end()):
                continue
            found.append(gap.start())
            begun = gap.start()
    return found
