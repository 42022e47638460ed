"""Which language a text is in: scripts first, then small words, a trained detector last."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, word_data

if TYPE_CHECKING:
    from lingua import LanguageDetector

__all__ = ["detect", "is_language_code", "language_of_script", "same_language"]

_SAMPLE = 1000
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(ranges))
    for name, ranges in (
        ("kana", r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]"),
        ("hangul", r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]"),
        ("han", r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々]"),
        ("latin", r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
        ("th", r"[\u0e01-\u0e5b]"),
        ("arabic", r"[\u0620-\u06ff\u0750-\u077f]"),
        ("hi", r"[\u0900-\u097f]"),
        ("cyrillic", r"[\u0400-\u04ff]"),
        ("el", r"[\u0370-\u03ff\u1f00-\u1fff]"),
        ("he", r"[\u0590-\u05ff]"),
        ("bn", r"[\u0980-\u09ff]"),
        ("ta", r"[\u0b80-\u0bff]"),
        ("te", r"[\u0c00-\u0c7f]"),
        ("ka", r"[\u10a0-\u10ff]"),
        ("hy", r"[\u0531-\u0589]"),
        ("my", r"[\u1000-\u109f]"),
        ("km", r"[\u1780-\u17ff]"),
        ("lo", r"[\u0e80-\u0eff]"),
    )
)
_OF_SCRIPT = {"kana": "ja", "hangul": "ko", "han": "zh", "arabic": "ar", "cyrillic": "ru"}
# A character of these scripts says about as much as this many Latin letters.
_WEIGHT = {"kana": 2.0, "hangul": 2.5, "han": 3.0}
_CODE = re.compile(r"[a-z]{2,3}")
_LATIN_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Han:
    """Words that only Japanese, or only Chinese, writes in Han characters."""

    japanese: Alternatives
    chinese: Alternatives


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """Small words of each language, letters one of them has nearly to itself, words in Han."""

    words: dict[str, tuple[str, ...]]
    letters: dict[str, str]
    han: _Han


def _known() -> _Words:
    return word_data(_Words, "languages")


@cache
def _votes() -> dict[str, tuple[str, ...]]:
    """The languages that have each small word."""
    votes: dict[str, tuple[str, ...]] = {}
    for language, words in _known().words.items():
        for word in words:
            votes[word] = (*votes.get(word, ()), language)
    return votes


def is_language_code(code: str) -> bool:
    """Whether a text looks like an ISO 639 code, as metadata ought to give."""
    return bool(_CODE.fullmatch(code))


def same_language(first: str | None, second: str | None) -> bool:
    """Whether two language codes name the same language; unknown is never the same."""
    return first is not None and second is not None and first[:2] == second[:2]


def language_of_script(text: str) -> str | None:
    """Returns the language that the script alone tells; ``None`` for Latin and without letters.

    Cheap: reads no words and loads nothing. Han without kana is taken for Chinese.
    """
    script = _script(text[:_SAMPLE])
    return None if script == "latin" else _OF_SCRIPT.get(script, script) if script else None


def detect(text: str, default: str = "en") -> str:
    """Returns the ISO 639-1 code of a text's language, of a question's as well as of an article's.

    Only the first 1,000 characters count. ``default`` is returned for a text without letters and
    settles Chinese or Japanese when a few shared characters are all there is.
    """
    sample = text[:_SAMPLE]
    script = _script(sample)
    if script is None:
        return default
    told = {"han": _han, "latin": _latin, "arabic": _arabic, "cyrillic": _cyrillic}.get(script)
    return told(sample, default) if told else _OF_SCRIPT.get(script, script)


def _script(text: str) -> str | None:
    """The script that most of a text is in, "kana" for Japanese; ``None`` without letters."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
    weights = {name: n * _WEIGHT.get(name, 1.0) for name, n in counts.items() if n}
    if not weights:
        return None
    # Kana is written nowhere but in Japanese; a brand name in kana does not make Chinese Japanese.
    both = weights.get("kana", 0.0) + weights.get("han", 0.0)
    rest = max((w for name, w in weights.items() if name not in ("kana", "han")), default=0.0)
    if both and both >= rest:
        return "kana" if counts["kana"] * 12 >= counts["han"] else "han"
    return max(weights, key=lambda name: weights[name])


def _han(text: str, default: str) -> str:
    """Chinese or Japanese, for a text (almost) without kana, from forms only one of them uses."""
    japanese = 2.0 * len(_known().han.japanese.findall(text))
    chinese = 1.5 * len(_known().han.chinese.findall(text))
    for char in set(text[:400]):
        if "\u3400" <= char <= "\u9fff":
            lean = _lean(char)
            if lean > 0:
                japanese += lean
            else:
                chinese -= lean
    if japanese == chinese:
        return default if default in ("ja", "zh") else "zh"
    return "ja" if japanese > chinese else "zh"


@cache
def _lean(char: str) -> int:
    """How Japanese (positive) or Chinese (negative) one character's form is, from -3 to 3."""
    jis = _level(char)
    simplified, traditional = _encodes(char, "gb2312"), _encodes(char, "big5")
    if jis == 0:
        return -3 if simplified or traditional else 0
    if simplified:
        return 0
    if not traditional:
        return 3
    return 1 if jis == 1 else -2


def _encodes(char: str, charset: str) -> bool:
    try:
        char.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _level(char: str) -> int:
    """1 or 2 for the levels of JIS X 0208, 0 for a character outside it."""
    try:
        code = char.encode("euc_jp")
    except UnicodeEncodeError:
        return 0
    if len(code) != 2:
        return 0
    return 1 if code[0] <= 0xCF else 2


def _arabic(text: str, default: str) -> str:
    if re.search(r"[ٹڈڑےں]", text):
        return "ur"
    return "fa" if len(re.findall(r"[پچژگیک]", text)) > len(re.findall(r"[يكةى]", text)) else "ar"


def _cyrillic(text: str, default: str) -> str:
    if re.search(r"[іїєґІЇЄҐ]", text):
        return "uk"
    if re.search(r"[ђћџјљњ]", text):
        return "sr"
    return "ru" if re.search(r"[ыэёЫЭЁ]", text) or not re.search(r"ъ[а-я]", text) else "bg"


def _latin(text: str, default: str) -> str:
    """A vote of small words; the trained detector when they do not decide."""
    votes: dict[str, float] = {}
    votes_of = _votes()
    words = [w.lower() for w in _LATIN_WORDS.findall(text)]
    for word in words:
        for language in votes_of.get(word, ()):
            votes[language] = votes.get(language, 0.0) + 1.0 / len(votes_of[word])
    letters = _known().letters
    for letter in set(text.lower()) & letters.keys():
        votes[letters[letter]] = votes.get(letters[letter], 0.0) + 0.8
    ranked = sorted(votes.items(), key=lambda item: -item[1])
    if ranked:
        best = ranked[0][1]
        second = ranked[1][1] if len(ranked) > 1 else 0.0
        if best >= 1.0 and best >= 1.6 * second + 0.5:
            return ranked[0][0]
    if len("".join(words)) < 3:
        return default
    found = _detector().detect_language_of(text)
    return found.iso_code_639_1.name.lower() if found is not None else default


@cache
def _detector() -> LanguageDetector:
    from lingua import Language, LanguageDetectorBuilder

    codes = set(_known().words)
    languages = [each for each in Language.all() if each.iso_code_639_1.name.lower() in codes]
    return LanguageDetectorBuilder.from_languages(*languages).with_low_accuracy_mode().build()
