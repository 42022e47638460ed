"""Guess the charset of bytes by how usual the decoded letters are in news."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

from konkyo.index.errors import DataFileError

__all__ = ["Letters", "guessed", "parse_letters"]

_WIDE = ("utf-16-le", "utf-16-be")
_MANY_LETTERS = ("cp932", "euc_jp", "cp949", "gb18030", "big5")
_SAMPLE = 4000
_TIERS = {"rare": 0.1, "usual": 0.5, "frequent": 1.0}
_USUAL_MARKS = frozenset("«»–—‘’“”…№°§€£\u00a0")
_LEAST, _LEAST_WIDE = 0.45, 0.3
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_WORDS = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters of the languages that are written in some charsets.

    ``within_latin`` says whether they stand beside unaccented Latin letters (é in "café").
    """

    charsets: tuple[str, ...]
    within_latin: bool
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Letters:
    """How usual letters are, as a share 0..1, in all scripts and in single alphabets."""

    usual: Mapping[str, float]
    alphabets: tuple[Alphabet, ...]


def guessed(content: bytes) -> str | None:
    """Return the decoding whose letters are most like those of written language, or None."""
    wide = b"\0" in content[:_SAMPLE]
    best: tuple[float, str] = (0.0, "")
    for text, score in _scored(content, wide=wide):
        if score > best[0]:
            best = (score, text)
    return best[1] if best[0] >= (_LEAST_WIDE if wide else _LEAST) else None


def _scored(content: bytes, *, wide: bool) -> Iterator[tuple[str, float]]:
    """Yield every possible decoding with its score."""
    letters = _letters()
    for charset in () if wide else _MANY_LETTERS:
        text = _decoded(content, charset)
        if text is not None:
            yield text, _usual_share(text, letters.usual)
    for alphabet in () if wide else letters.alphabets:
        for charset in alphabet.charsets:
            text = _decoded(content, charset)
            if text is not None:
                yield text, _alphabet_share(text, alphabet)
    for charset in _WIDE:
        text = _decoded(content, charset)
        if text is not None and _known_share(text, letters.usual) >= 0.95:
            yield text, _usual_share(text, letters.usual)


def _decoded(content: bytes, charset: str) -> str | None:
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        return None


def _known_share(text: str, usual: Mapping[str, float]) -> float:
    """Return the share of characters that belong to a script known here."""
    sample = text[:_SAMPLE]
    known = sum(c in usual or " " <= c <= "~" or c in "\r\n\t" for c in sample)
    return known / max(1, len(sample))


def _usual_share(text: str, usual: Mapping[str, float]) -> float:
    """Return how usual the letters beyond ASCII are; control characters count against it."""
    sample = _sample(text)
    found = sum(usual.get(c, 0.0) for c in sample)
    return (found / len(sample) if sample else 1.0) - _control_share(text)


def _alphabet_share(text: str, alphabet: Alphabet) -> float:
    """Return how usual the letters beyond ASCII are in one alphabet, and how well they stand."""
    found = 0.0
    count = 0
    for word in _WORDS.finditer(text):
        before = text[word.start() - 1 : word.start()]
        after = text[word.end() : word.end() + 1]
        beside = before.isalnum() or after.isalnum()
        stands = len(word.group()) <= 3 if alphabet.within_latin else not beside
        found += _word_share(word.group(), alphabet.shares if stands else {})
        count += word.end() - word.start()
        if count >= _SAMPLE:
            break
    return (found / count if count else 1.0) - _control_share(text)


def _word_share(word: str, shares: Mapping[str, float]) -> float:
    """Return the sum of the shares of letters; a capital after a small letter has none."""
    found = 0.0
    for before, c in pairwise(" " + word):
        if c in _USUAL_MARKS:
            found += _TIERS["frequent"]
        elif not (c.isupper() and before.islower()):
            found += shares.get(c, 0.0)
    return found


def _sample(text: str) -> str:
    """Return the first characters beyond ASCII; a page may have none in its first thousands."""
    parts: list[str] = []
    size = 0
    for word in _WORDS.finditer(text):
        parts.append(word.group())
        size += len(word.group())
        if size >= _SAMPLE:
            break
    return "".join(parts)


def _control_share(text: str) -> float:
    sample = text[:_SAMPLE]
    return 5 * len(_CONTROL.findall(sample)) / max(1, len(sample))


def parse_letters(text: str, name: str) -> Letters:
    """Read a table of letters in TOML; raise DataFileError, which names the file and the key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise DataFileError(name, "", f"not valid TOML: {exc}") from exc
    if set(data) != {"usual", "alphabet"}:
        raise DataFileError(name, "", "it must hold the tables usual and alphabet, no other")
    usual: dict[str, float] = {}
    for number, entry in enumerate(data["usual"], 1):
        usual.update(_usual(entry, name, f"usual {number}"))
    alphabets = [_alphabet(e, name, f"alphabet {n}") for n, e in enumerate(data["alphabet"], 1)]
    return Letters(usual, tuple(alphabets))


def _usual(entry: Mapping[str, object], name: str, key: str) -> dict[str, float]:
    share = entry.get("share")
    if not isinstance(share, float) or not 0 < share <= 1:
        raise DataFileError(name, f"{key}.share", f"{share!r} is not a share 0..1")
    ranges, letters = entry.get("ranges", []), entry.get("letters", "")
    if not isinstance(ranges, list) or not isinstance(letters, str) or not (ranges or letters):
        raise DataFileError(name, key, "ranges (a list) or letters (a text) are missing")
    found = dict.fromkeys("".join(letters.split("\n")), share)
    for each in ranges:
        if not isinstance(each, str) or len(each) != 3 or each[1] != "-" or each[0] > each[2]:
            raise DataFileError(name, f"{key}.ranges", f"{each!r} is not a range like а-я")
        found.update((chr(code), share) for code in range(ord(each[0]), ord(each[2]) + 1))
    return found


def _alphabet(entry: Mapping[str, object], name: str, key: str) -> Alphabet:
    charsets, within = entry.get("charsets"), entry.get("within_latin")
    if not isinstance(charsets, list) or not all(isinstance(c, str) for c in charsets):
        raise DataFileError(name, f"{key}.charsets", "not a list of names")
    if not isinstance(within, bool):
        raise DataFileError(name, f"{key}.within_latin", "neither true nor false")
    shares: dict[str, float] = {}
    for tier, share in _TIERS.items():
        letters = entry.get(tier)
        if not isinstance(letters, str):
            raise DataFileError(name, f"{key}.{tier}", "not a text of letters")
        shares.update(dict.fromkeys(letters, share))
    for charset in charsets:
        try:
            "".encode(charset)
        except LookupError as exc:
            raise DataFileError(name, f"{key}.charsets", f"no charset {charset!r}") from exc
    return Alphabet(tuple(charsets), within, shares)


@cache
def _letters() -> Letters:
    file = resources.files("konkyo.index.ingest").joinpath("data", "letters.toml")
    return parse_letters(file.read_text(encoding="utf-8"), str(file))
