"""Whether two spellings of a name sound alike, across scripts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

from pydantic.dataclasses import dataclass

from konkyo.index.text.japanese import reading, readings
from konkyo.index.text.thresholds import TEXT
from konkyo.index.text.word_data import CHECKED, word_data

__all__ = ["romanised", "sounds_alike"]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Hangul:
    """The sounds of a syllable's parts, in Unicode's order."""

    leads: tuple[str, ...]
    vowels: tuple[str, ...]
    tails: tuple[str, ...]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Alike:
    """Sounds and what each becomes in a script that does not tell them apart, in order."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Sounds:
    """Romanisation of kana and Hangul."""

    kana: dict[str, str]
    small_kana: dict[str, str]
    hangul: _Hangul
    alike: _Alike


def _sounds() -> _Sounds:
    return word_data(_Sounds, "sounds")


def _kana_sound(text: str) -> str:
    kana, small = _sounds().kana, _sounds().small_kana
    out = ""
    for char in text:
        if char in small and out and out[-1] in "aiueo":
            out = out[:-1] + small[char]
        else:
            out += kana.get(char, small.get(char, ""))
    return out


def _hangul_sound(text: str) -> str:
    parts = _sounds().hangul
    out = ""
    for char in text:
        index = ord(char) - 0xAC00
        if 0 <= index < 11172:
            lead, rest = divmod(index, 588)
            vowel, tail = divmod(rest, 28)
            out += parts.leads[lead] + parts.vowels[vowel] + parts.tails[tail]
    return out


@lru_cache(maxsize=4096)
def _sound(name: str) -> str | None:
    """A name in Latin letters as it sounds, or ``None`` for Han that Japanese does not read."""
    katakana = "".join(chr(ord(c) + 0x60) if 0x3041 <= ord(c) <= 0x3096 else c for c in name)
    wide = unicodedata.normalize("NFKC", katakana)
    if re.fullmatch(r"[ァ-ヴー・＝=\s]+", wide):
        return _kana_sound(wide)
    if re.fullmatch(r"[가-힣\s·]+", wide):
        return _hangul_sound(wide)
    if re.search(r"[一-鿿]", wide):
        kana = reading(wide)
        return _kana_sound(kana) if re.fullmatch(r"[ァ-ヴー]+", kana) else None
    plain = unicodedata.normalize("NFKD", wide.lower())
    return re.sub(r"[^a-z\s]", "", "".join(c for c in plain if not unicodedata.combining(c)))


def romanised(name: str, language: str) -> str | None:
    """How a name in Han, kana or Hangul is read in its language, in Latin letters, else ``None``.

    Chinese in pinyin without tones, Japanese in Hepburn by the dictionary's reading, Korean
    syllable by syllable.
    """
    if re.search(r"[가-힣]", name):
        words = [[w[:1], w[1:]] if len(w) == 3 else [w] for w in name.split()]
        return _title(_hangul_sound(part) for word in words for part in word)
    if language[:2] == "zh" and re.search(r"[一-鿿]", name):
        from pypinyin import lazy_pinyin

        first, *given = lazy_pinyin(name)
        return _title([first, "".join(given)])
    if language[:2] != "ja":
        return None
    from jaconv import kana2alphabet, kata2hira

    latin = [kana2alphabet(kata2hira(kana)) for kana in readings(name)]
    return _title(latin) if all(word.isascii() for word in latin) else None


def _title(words: Iterable[str]) -> str:
    return " ".join(word.strip().capitalize() for word in words if word.strip())


def _skeleton(sound: str) -> str:
    """The consonants that no script changes: trump, toranpu and teureompeu are all trnp."""
    text = sound.replace(" ", "")
    for old, new in _sounds().alike.pairs:
        text = text.replace(old, new)
    text = re.sub(r"c(?=[aouktrn]|$)", "k", text)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouyhw]", "", text))


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _alike(first: str, second: str) -> bool:
    a, b = _sound(first), _sound(second)
    if not a or not b:
        return False
    one, other = _skeleton(a), _skeleton(b)
    if one == other:
        alike = _ratio(a.replace(" ", ""), b.replace(" ", ""))
        return len(one) >= 3 or alike >= TEXT.short_sound_alike
    long = min(len(one), len(other)) >= TEXT.sound_letters
    return long and _ratio(one, other) >= TEXT.sound_alike


def sounds_alike(first: str, second: str) -> bool:
    """Whether two names, or any part of one and of the other, sound alike."""
    ones, others = ([name, *_parts(name)] for name in (first, second))
    turned = [" ".join(reversed(name.split())) for name in (first, second)]
    pairs = [*((one, other) for one in ones for other in others), (turned[0], turned[1])]
    return any(_alike(one, other) for one, other in pairs)


def _parts(name: str) -> list[str]:
    return [p for p in re.split(r"[\s・＝=·]+", name) if len(p) > 1] or [name]
