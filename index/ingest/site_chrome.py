"""Kinds of lines of a web page: prose, or labels, site notices, forms and other site chrome.

A *label* is a whole line. A *notice* is a sentence in the site's own voice. A *hint* counts only
beside lines of those kinds, because articles use such words, too.
"""

from __future__ import annotations

import re
from typing import Literal

from konkyo.index.ingest.vocabulary import shipped_vocabulary

__all__ = ["CJK", "Kind", "is_reply_button", "kind_of", "text_width"]

Kind = Literal[
    "blank",
    "prose",
    "short",
    "heading",
    "quote",
    "label",
    "form",
    "comments",
    "related",
    "notice",
    "hint",
    "references",
    "contributor",
    "byline",
    "stamp",
    "url",
    "rule",
]

_EDGE = "[]【】|｜•·»›:：!！*＊…-–—→↓↑▼▲▶◀✕×+#🔗📷 \t\u3000"

_VOCABULARY = shipped_vocabulary()
_FORM = re.compile(_VOCABULARY.form, re.IGNORECASE)
_COMMENTS = re.compile(_VOCABULARY.comments, re.IGNORECASE)
_REPLY = re.compile(_VOCABULARY.reply, re.IGNORECASE)
_RELATED = re.compile(_VOCABULARY.related, re.IGNORECASE)
_REFERENCES = re.compile(_VOCABULARY.references, re.IGNORECASE)
_LABEL = re.compile(_VOCABULARY.label, re.IGNORECASE)
_NOTICE = re.compile(_VOCABULARY.notice, re.IGNORECASE)
_HINT = re.compile(_VOCABULARY.hint, re.IGNORECASE)
_CONTRIBUTOR = re.compile(_VOCABULARY.contributor, re.IGNORECASE)
_BYLINE = re.compile(_VOCABULARY.byline, re.IGNORECASE)
_COUNTER = re.compile(
    rf"{_VOCABULARY.counter_before}?{_VOCABULARY.counted}"
    rf"\s*+(?:[:：]\s*+)?[\d,.]++\s*+{_VOCABULARY.counted_in}?|"
    rf"(?:\d{{1,2}}\s++)++\d{{1,2}}|\d+(?:\.\d+)?\s?{_VOCABULARY.counter_unit}",
    re.IGNORECASE,
)
# One link to another article in the midst of this one.
_ALSO = re.compile(
    rf"{_VOCABULARY.also}\s*(?:[:：>»|]|→)\s*.{{4,120}}",
    re.IGNORECASE,
)
_DAY = r"(?:19|20)\d{2}\s*+[-/.年년]\s*+\d{1,2}\s*+[-/.月월]\s*+\d{1,2}(?:\s*+[日일])?\.?"
_CLOCK = r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?"
# "2026-03-02 10:15 来源：海滨日报 作者：李明"
_DATED_CREDIT = re.compile(
    rf"[^\w]*+{_DAY}[\s,T|·]*+(?:{_CLOCK})?\s*+(?:[|｜·/,]\s*+)?"
    rf"{_VOCABULARY.credit}\s*+(?:[:：|]\s*+)?\S.{{0,60}}|"
    rf"{_DAY}(?:[\s,T|·]*+{_CLOCK}\s*+[|｜·]\s*+|[\s,T]*+[|｜·][\s|｜·]*+)\S.{{0,40}}",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"{_VOCABULARY.names_follow}\b", re.IGNORECASE)
_STAMP = re.compile(
    rf"[^\w]*+(?:{_VOCABULARY.stamped}"
    rf"\s*+(?:{_VOCABULARY.stamped_on}\s*+)?(?:[:：]\s*+)?)?"
    rf"(?:{_VOCABULARY.weekday},?\s++)?"
    rf"(?:{_DAY}|{_VOCABULARY.era}(?:元|\d{{1,2}})年\d{{1,2}}月\d{{1,2}}日|"
    r"\d{1,2}(?:st|nd|rd|th|\.)?\s+[A-Za-zéûäç]{3,10}\.?,?\s+(?:19|20)\d{2}|"
    r"[A-Za-z]{3,9}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+(?:19|20)\d{2})"
    r"(?:\s*+[(（].{1,4}[)）])?[\s,|·]*+(?:(?:T|at)[\s,|·]*+)?"
    rf"(?:{_VOCABULARY.half_of_day}\s*+)?"
    r"(?:\d{1,2}\s*+[:：時时시]\s*+\d{0,2}(?:[:：分분]\d{0,2})?\s*+(?:분\s*+)?)?"
    r"(?:[ap]\.?m\.?\s*+)?(?:[A-Z]{2,4}|[+-]\d{2}:?\d{2}|Z)?[^\w]*+",
    re.IGNORECASE,
)
_URL = re.compile(
    rf"[^\w]*+(?:{_VOCABULARY.link}\s*+(?:[:：]\s*+)?<?)?https?://\S+",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*+([-=_*~─━―＝・.・･#◆◇□■＊+])\s*+(?:\1\s*+){2,}+")
_QUOTE = re.compile(r"\s*[>＞]")
_SEPARATOR = re.compile(r"[|｜>›»/·•]")
_TERMINAL = re.compile(rf"(?:[。．.!?！？؟…۔।]|{_VOCABULARY.sentence_end})[\"'”’」』）)】\]]*$")
CJK = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_HEADING = re.compile(
    r"#{1,6}\s+\S|[◇◆■□●○▼▲▽△★☆◎▶►]\s*\S|【[^】]+】$|〈[^〉]+〉$|＜[^＞]+＞$|\[[^\]]+\]$|［[^］]+］$"
)
_BARE_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("form", _FORM),
    ("comments", _COMMENTS),
    ("related", _RELATED),
    ("references", _REFERENCES),
    ("contributor", _CONTRIBUTOR),
)
_LONGEST_PHRASE = 90
_LONGEST_NOTICE = 160
_LONGEST_ITEM = 31


def kind_of(line: str) -> Kind:
    """Return the kind of one line by itself; its neighbours may still change "hint" and "short"."""
    text = line.strip()
    if not text:
        return "blank"
    if _QUOTE.match(line):
        return "quote"
    if _RULE.fullmatch(text):
        return "rule"
    bare = text.strip(_EDGE)
    if not bare:
        return "label"
    whole = _kind_of_phrase(text, bare) if len(bare) <= _LONGEST_PHRASE else None
    return whole or _kind_of_text(text)


def _kind_of_phrase(text: str, bare: str) -> Kind | None:
    """Return the kind of a short line that holds nothing but known words, or None."""
    for kind, pattern in _BARE_KINDS:
        if pattern.fullmatch(bare):
            return kind
    if _STAMP.fullmatch(text):
        return "stamp"
    if _URL.fullmatch(text):
        return "url"
    sentence = _sentence(text)
    if _ALSO.fullmatch(bare) and not sentence:
        return "label"
    if _DATED_CREDIT.fullmatch(text) and not sentence:
        return "byline"
    if _LABEL.fullmatch(bare) or _COUNTER.fullmatch(bare):
        return "label"
    if sentence or not _BYLINE.fullmatch(bare):
        return None
    return "byline" if not _NAMED.match(bare) or _names(bare) else None


def _kind_of_text(text: str) -> Kind:
    """Return the kind of a line by some of its words and by its length."""
    width = text_width(text)
    if width <= _LONGEST_NOTICE * 2 and _NOTICE.search(text):
        return "notice"
    if _HEADING.match(text) and width < 160:
        return "heading"
    if width <= 400 and _HINT.search(text):
        return "hint"
    sentence = _sentence(text)
    if width < 200 and not sentence and _navigation(text):
        return "label"
    if width >= 240 or (width >= 40 and sentence):
        return "prose"
    return "short"


def is_reply_button(line: str) -> bool:
    """Whether a line is one of those that stand under each reader's comment."""
    return bool(_REPLY.fullmatch(line.strip().strip(_EDGE)))


def _navigation(text: str) -> bool:
    """Whether a line is three short items or more between separators: "Home > World > Asia"."""
    # How many separators divide the text up to one of them into short items, at most.
    dividing = {-1: 0}
    for end in [*(m.start() for m in _SEPARATOR.finditer(text)), len(text)]:
        counts = [
            count + 1
            for start, count in dividing.items()
            if 1 <= len(text[start + 1 : end].strip()) <= _LONGEST_ITEM
        ]
        if end == len(text):
            return max(counts, default=0) > 2
        if counts:
            dividing[end] = max(counts)
    return False


def text_width(text: str) -> int:
    """Length, a character of Chinese, Japanese or Korean counting as two."""
    return len(text) + len(CJK.findall(text))


def _sentence(text: str) -> bool:
    return bool(_TERMINAL.search(text))


def _names(text: str) -> bool:
    """Whether the words after "By" look like names or a date, not like a sentence."""
    words = text.split()[1:8]
    return any(w[:1].isupper() or w[:1].isdigit() or not w.isascii() for w in words[:2])
