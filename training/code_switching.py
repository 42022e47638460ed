"""Questions with their words put into another language, by the shipped dictionary.

Few questions are written in several languages, and their words are few; a dictionary carries the
many words of the sets in one language across. The passage stays as it is, so that a question and
its answer share hardly a word, as where an article in another language answers. Only words that
the dictionary knows are changed: Qin et al., CoSDA-ML (IJCAI 2020).
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

from konkyo.index.text.normalize import fold
from konkyo.rag.retrieval.translated_terms import translated
from training.news import LANGUAGES
from training.rows import Row

__all__ = ["code_switched", "code_switched_rows"]

_SCRIPTS = {
    "en": re.compile(r"[a-z][a-z' -]*"),
    "ja": re.compile(r"[぀-ヿ㐀-鿿々ー]+"),
    "ko": re.compile(r"[가-힣]+"),
    "zh": re.compile(r"[㐀-鿿]+"),
}
_WORDS = re.compile(r"[A-Za-z0-9]{2}|[가-힣]{2}")


def code_switched(question: str, language: str, target: str, rng: random.Random) -> str:
    """The question with nine of ten words that the dictionary knows in the target language.

    Empty where it knows fewer than two of them.
    """
    text = unicodedata.normalize("NFKC", question)
    folded = fold(text)
    if len(folded) != len(text):
        text = folded
    parts, at, changed = [], 0, 0
    for term in translated(question, language, target):
        forms = [form for form in term.forms if _SCRIPTS[target].fullmatch(form)]
        start = folded.find(term.word, at)
        if not forms or start < 0 or forms[0] == term.word:
            continue
        if len(term.word) < 2 or rng.random() >= 0.9:  # Short ones mostly ask: 何, 谁.
            continue
        parts += [text[at:start], forms[0]]
        at = start + len(term.word)
        changed += 1
    parts.append(text[at:])
    return _joined(parts) if changed > 1 else ""


def _joined(parts: Iterable[str]) -> str:
    """The parts behind each other, apart where two words of one script would meet."""
    found = ""
    for part in filter(None, parts):
        apart = _WORDS.fullmatch(found[-1:] + part[0])
        found += f" {part}" if apart else part
    return found


def code_switched_rows(
    rows: Iterable[Row], language: str, share: float, seed: str
) -> Iterator[Row]:
    """The rows, a share of their questions in another language than they were asked in."""
    for row in rows:
        rng = random.Random(f"{seed}/{row.asked}")
        asked = ""
        if row.task == "query" and rng.random() < share:
            target = rng.choice([x for x in LANGUAGES if x != language])
            asked = code_switched(row.asked, language, target, rng)
        yield replace(row, asked=asked) if asked else row
