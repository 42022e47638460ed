"""Names in running text.

Japanese is read by SudachiPy, whose dictionary marks proper nouns; Latin, Hangul and Chinese names
are found by capitals, titles, surnames and speech verbs; names of the gazetteer and of the CLDR in
scripts where nothing else marks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.gazetteer import known_names
from konkyo.index.text.japanese import words
from konkyo.index.text.language import language_of_script
from konkyo.index.text.normalize import fold
from konkyo.index.text.word_data import CHECKED, Characters, any_of, word_data

__all__ = ["Name", "NameKind", "NameWords", "foreign_sounds", "name_words", "names"]

NameKind = Literal["person", "place", "other", "code"]


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a text: ``text[start:end]``; "code" is letters and figures, such as F-35 or G7.

    ``certain`` tells whether the reader is sure that it is a name; where it is not, only a swap
    with another name should count against a claim.
    """

    start: int
    end: int
    text: str
    kind: NameKind = "other"
    certain: bool = True


@schema(frozen=True, slots=True, config=CHECKED)
class _Japanese:
    """What marks a Japanese name, and proper nouns of the dictionary that are none here."""

    titles: tuple[str, ...]
    before_titles: tuple[str, ...]
    titles_after_office: tuple[str, ...]
    not_names: frozenset[str]


@schema(frozen=True, slots=True, config=CHECKED)
class _Chinese:
    """What marks a Chinese name, and the characters that foreign sounds are written with."""

    titles: tuple[str, ...]
    speech: tuple[str, ...]
    before_names: tuple[str, ...]
    surnames: Characters
    not_names: frozenset[str]
    sounds: Characters
    rare_sounds: Characters


@schema(frozen=True, slots=True, config=CHECKED)
class _Korean:
    """What marks a Korean name."""

    titles: tuple[str, ...]
    before_titles: tuple[str, ...]
    not_names: frozenset[str]
    not_name_endings: tuple[str, ...]


@schema(frozen=True, slots=True, config=CHECKED)
class _Latin:
    """Words around names in Latin script."""

    titles: frozenset[str]
    common: frozenset[str]
    particles: tuple[str, ...]
    short_titles: tuple[str, ...]


@schema(frozen=True, slots=True, config=CHECKED)
class NameWords:
    """What marks names, by language."""

    ja: _Japanese
    zh: _Chinese
    ko: _Korean
    latin: _Latin


def name_words() -> NameWords:
    """Returns the words that mark names."""
    return word_data(NameWords, "names")


@lru_cache(maxsize=512)
def names(text: str, language: str | None = None) -> tuple[Name, ...]:
    """Returns the names of a text in text order; not every name is found.

    Of overlapping names the longest is kept.
    """
    code = (language or language_of_script(text) or "en")[:2]
    found = [Name(m.start(), m.end(), m.group(), "code") for m in _CODE.finditer(_width(text))]
    if code == "ja":
        found += _japanese(text)
    elif code == "zh":
        found += (*_han_titled(text), *_han_dotted(text), *_han_sounds(text))
    elif code == "ko":
        found += _hangul_titled(text)
    if code in {"ja", "zh", "ko"}:
        found += (n for n in _latin(text, code) if len(n.text) > 2 and not n.text.isupper())
        found += _known(text, code)
    elif code not in {"th", "ar"}:
        found += _latin(text, code)
    kept: list[Name] = []
    for name in sorted(found, key=lambda n: (n.start - n.end, n.start)):
        if not any(name.start < k.end and k.start < name.end for k in kept):
            kept.append(name)
    return tuple(sorted(kept, key=lambda n: n.start))


_CODE = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{1,6}-?\d+[A-Za-z]*|(?<![$€£¥₩.,\d])\d+[DGWX](?![A-Za-z]))(?![A-Za-z0-9])"
)


def _width(text: str) -> str:
    """Half-width letters and figures, case kept, same length."""
    return "".join(chr(ord(c) - 0xFEE0) if 0xFF01 <= ord(c) <= 0xFF5E else c for c in text)


def _known(text: str, language: str) -> Iterator[Name]:
    """Known names, but for parts of other words."""
    for found in known_names(language).finditer(fold(text)):
        start, end = found.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        if language == "ko" and "가" <= before <= "힣":
            continue
        inside = _KATAKANA.match(before) or _KATAKANA.match(after)
        if language == "ja" and inside and re.match(r"[ァ-ヴ]", text[start]):
            continue
        yield Name(start, end, text[start:end])


# -- Japanese --------------------------------------------------------------------------------------

_KATAKANA = re.compile(r"[ァ-ヴー]")
_KATAKANA_WORD = re.compile(r"[ァ-ヴー]{2,}")
_DOTTED = re.compile(r"[・＝]")


@cache
def _title() -> re.Pattern[str]:
    return re.compile(rf"[元前]?{any_of(name_words().ja.titles)}")


@cache
def _title_or_office() -> re.Pattern[str]:
    known = name_words().ja
    office = rf"[一-鿿]{{0,4}}{any_of(known.titles_after_office)}"
    return re.compile(rf"{any_of(known.before_titles)}?{any_of([*known.titles, office])}")


def _japanese(text: str) -> Iterator[Name]:
    """Proper nouns in a row, and katakana with a title, a middle dot or outside the dictionary."""
    run: list[tuple[int, int, str]] = []
    for word in words(text):
        start, end = word.start, word.end
        surface = text[start:end]
        if word.proper and _may_be_name(surface):
            run.append((start, end, word.kind))
        elif run and _joins(text, start, end):
            run.append((start, end, ""))
        else:
            yield from _whole(run, text)
            run = []
            if _KATAKANA_WORD.fullmatch(surface):
                if _title_or_office().match(text, end) or re.match(r"[・＝][ァ-ヴ]", text[end:]):
                    run = [(start, end, "人名")]
                elif len(surface) >= 3 and not word.known:
                    run = [(start, end, "")]
    yield from _whole(run, text)


def _may_be_name(surface: str) -> bool:
    return not (
        surface.isascii()
        or surface in name_words().ja.not_names
        or re.fullmatch(r"[ぁ-ん]{1,3}", surface)
    )


def _joins(text: str, start: int, end: int) -> bool:
    """Whether a word goes on with the name before it: a middle dot, or katakana after one."""
    if text[start:end] in {"・", "＝", "=", "･"} and re.match(r"[ァ-ヴ]", text[end : end + 1]):
        return True
    dotted = text[start - 1 : start] in {"・", "＝", "･"}
    return dotted and _KATAKANA_WORD.fullmatch(text[start:end]) is not None


def _whole(run: list[tuple[int, int, str]], text: str) -> Iterator[Name]:
    """The name that words in a row make; one character is a name only before a title."""
    if not run:
        return
    start, end = run[0][0], run[-1][1]
    kinds = {kind for _, _, kind in run}
    kind: NameKind = "person" if "人名" in kinds else "place" if "地名" in kinds else "other"
    if end - start >= 2 or _title().match(text, end):
        sure = bool(kinds - {""}) or _DOTTED.search(text[start:end]) is not None
        yield Name(start, end, text[start:end], kind, certain=sure)


# -- Chinese ---------------------------------------------------------------------------------------

_REPORTER = re.compile(r"(?<=记者)\s?[一-鿿]{2,3}(?=[）)\s])")
_HAN_DOTTED = re.compile(r"[一-鿿]{1,6}(?:[·•・][一-鿿]{1,6})+")


@cache
def _speaker() -> re.Pattern[str]:
    return re.compile(rf"[一-鿿]{{2,3}}(?={any_of(name_words().zh.speech)})")


@cache
def _holder() -> re.Pattern[str]:
    return re.compile(rf"[一-鿿]{{2,4}}?(?={any_of(name_words().zh.titles)})")


@cache
def _before_name() -> re.Pattern[str]:
    known = name_words().zh
    return re.compile(rf"{any_of([*known.titles, *known.before_names])}$")


def foreign_sounds(text: str) -> bool:
    """Whether Chinese could have written a foreign name so: two or more sound characters."""
    return len(text) >= 2 and all(c in name_words().zh.sounds for c in text)


def _begins(text: str, at: int) -> bool:
    """Whether no Han character stands before a place."""
    return at == 0 or not "一" <= text[at - 1] <= "鿿"


def _han_titled(text: str) -> Iterator[Name]:
    """Surnames and what follows them, before speech verbs and titles."""
    known = name_words().zh
    for found in _speaker().finditer(text):
        for size in (3, 2):
            part = found.group()[-size:]
            if part in known.not_names:
                break
            at = found.end() - len(part)
            clear = _begins(text, at) or _before_name().search(text[max(0, at - 16) : at])
            if len(part) == size and part[0] in known.surnames and clear:
                yield Name(at, found.end(), part, "person")
                break
    for found in _holder().finditer(text):
        name = found.group()
        if _begins(text, found.start()) and name[0] in known.surnames and len(name) <= 3:
            yield Name(*found.span(), name, "person", certain=False)
    for found in _REPORTER.finditer(text):
        yield Name(*found.span(), found.group(), "person")


def _han_dotted(text: str) -> Iterator[Name]:
    """Foreign names with a middle dot, without what stands before and after without a space."""
    sounds = name_words().zh.sounds | name_words().zh.rare_sounds
    for found in _HAN_DOTTED.finditer(text):
        parts = re.split(r"[·•・]", found.group())
        lead = _others(parts[0][::-1], sounds)
        tail = _others(parts[-1], sounds)
        start = found.start() + (lead if lead < len(parts[0]) else 0)
        end = found.end() - (tail if tail < len(parts[-1]) else 0)
        yield Name(start, end, text[start:end], "person")


def _others(text: str, sounds: frozenset[str]) -> int:
    """How many characters are left from the first on that is no sound."""
    return next((len(text) - i for i, c in enumerate(text) if c not in sounds), 0)


def _han_sounds(text: str) -> Iterator[Name]:
    """Runs of the characters that Chinese writes foreign sounds with; never certain."""
    for found in re.finditer(r"[一-鿿]{3,12}", text):
        run = ""
        for at, char in enumerate([*found.group(), " "], found.start()):
            if char in name_words().zh.sounds:
                run += char
                continue
            if len(run) >= 3:
                yield Name(at - len(run), at, run, certain=False)
            run = ""


# -- Korean ----------------------------------------------------------------------------------------


@cache
def _korean_holder() -> re.Pattern[str]:
    known = name_words().ko
    title = rf"{any_of(known.before_titles)}?\s?{any_of(known.titles)}(?![가-힣]{{3}})"
    return re.compile(rf"(?<![가-힣])(?P<n>[가-힣]{{2,5}}(?:\s[가-힣]{{2,4}})?)\s(?={title})")


def _hangul_titled(text: str) -> Iterator[Name]:
    known = name_words().ko
    for found in _korean_holder().finditer(text):
        part = found.group("n").split()[-1]
        if part not in known.not_names and not part.endswith(known.not_name_endings):
            yield Name(found.end("n") - len(part), found.end("n"), part, "person")


# -- Latin script ----------------------------------------------------------------------------------

_UP, _LOW = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞİĶŁŃŇŌŐŘŚŞŠŤŪŮŰŹŻŽ", "A-Za-zÀ-ɏ0-9"
# Letters before a word that are looked at for the end of another sentence.
_LOOKED_BACK = 200


@cache
def _capitalised() -> re.Pattern[str]:
    known = name_words().latin
    # A point belongs to a word only in initials and short titles: not in "Super Bowls. He".
    word = (
        rf"(?:(?:[{_UP}]\.)+[{_UP}]?|{any_of(known.short_titles)}\."
        rf"|[{_UP}][{_LOW}]*(?:['’&-][{_LOW}]+)*)(?![{_LOW}])"
    )
    return re.compile(rf"(?<![{_LOW}]){word}(?:(?:\s{any_of(known.particles)}){{0,2}}\s{word})*")


def _heads_sentence(text: str, start: int) -> bool:
    """Whether a sentence may begin here: after a mark that ends one, a line break or nothing."""
    before = text[max(0, start - _LOOKED_BACK) : start]
    opened = before.rstrip("\"“'(¿¡«")
    if start <= _LOOKED_BACK and not before.strip("\"“'([¿¡«"):
        return True
    if before[-1:] in {"¿", "¡"} or '"' in before[len(opened) :]:
        return True
    spaces = before[len(before.rstrip()) :]
    return "\n" in spaces or opened.rstrip()[-1:] in set('.!?:。！？」”"')


def _latin(text: str, language: str) -> Iterator[Name]:
    """Capitalised words; a lone one at the head of a sentence only if it is no common word."""
    common = name_words().latin.common
    for found in _capitalised().finditer(text):
        value = re.sub(r"['’]s$", "", found.group().rstrip(".'’&-"))
        end = found.start() + len(value)
        head = _heads_sentence(text, found.start())
        if head and value.split()[0].lower() in common:
            value, head = _after_first(value), False
        parts = value.split()
        if len(value) < 2 or not any(c.isalpha() for c in value):
            continue
        if all(p.lower().strip(".") in common for p in parts):
            continue
        # German writes every noun with a capital; elsewhere the first word of a sentence has one.
        sure = language != "de" and (not head or (len(parts) > 1 and language == "en"))
        yield Name(end - len(value), end, value, certain=sure)


def _after_first(value: str) -> str:
    """A name without its first word and what is not capitalised after it."""
    first, *rest = value.split()
    capital = next((w for w in rest if w[:1].isupper()), None)
    return value[value.index(capital, len(first)) :] if capital else ""
