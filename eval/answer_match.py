"""Whether an answer says what was expected: texts compared by word or character, by script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "NumericMatcher",
    "exact_match",
    "f1",
    "fine_tokens",
    "holds",
    "normalise",
    "strip_marks",
    "units",
]

_MARK = re.compile(r"(?<!\s)\s*+[\[［【](?:\d{1,3}(?:\s*+[,、]\s*+\d{1,3})*+)[\]］】]")

_GROUPING = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

_ARTICLES = frozenset({"a", "an", "the"})

# Scripts whose words are not parted by spaces, so that text is compared by character: Thai, Lao,
# Myanmar, Khmer, kana, bopomofo, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0002fa1f]"
)

_HANGUL = re.compile("[\uac00-\ud7af]")


def strip_marks(text: str) -> str:
    """Take citation marks such as ``[1]``, ``【1】`` or ``［１、２］`` out of an answer."""
    return _MARK.sub("", text)


def normalise(text: str) -> str:
    """Fold what does not change meaning: width and form (NFKC), case, digit grouping, spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_GROUPING.sub("", folded).split())


def _words(text: str) -> Iterator[str]:
    """Runs of letters, marks and digits; a number keeps its point; %, $ and the like count."""
    word = ""
    previous = ""
    for i, char in enumerate(text):
        category = unicodedata.category(char)[0]
        point = char == "." and previous.isdigit() and text[i + 1 : i + 2].isdigit()
        joins = category in "LM" or category == "N" or point
        # A border between digits and letters: "12月", "3km".
        turn = (
            word
            and category != "M"
            and not point
            and ((previous.isdigit() or previous == ".") != (category == "N"))
        )
        if word and (not joins or turn):
            yield word
            word = ""
        if joins:
            word += char
        elif char in "%$€£¥₩℃°":
            yield char
        previous = char
    if word:
        yield word


def _tokens(text: str, split: Callable[[str], bool]) -> list[str]:
    tokens: list[str] = []
    for word in _words(normalise(text)):
        run = ""
        for char in word:
            if split(char):
                if run:
                    tokens.append(run)
                    run = ""
                tokens.append(char)
            elif tokens and not run and unicodedata.category(char)[0] == "M":
                tokens[-1] += char
            else:
                run += char
        if run:
            tokens.append(run)
    return tokens


def units(text: str) -> list[str]:
    """What EM and F1 count: characters of unspaced scripts (ja, zh, th ...), words elsewhere.

    Punctuation and the English articles do not count, as in SQuAD's own scorer; a number is
    one unit in every script.
    """
    found = _tokens(text, lambda char: bool(_UNSPACED.match(char)))
    return [token for token in found if token not in _ARTICLES]


def fine_tokens(text: str) -> list[str]:
    """Units for containment; Hangul by syllable, since particles stick to Korean words."""
    return _tokens(text, lambda char: bool(_UNSPACED.match(char) or _HANGUL.match(char)))


NumericMatcher = Callable[[str, str], bool]


def holds(text: str, answer: str, numeric: NumericMatcher | None = None) -> bool:
    """Whether ``text`` holds ``answer`` after normalisation.

    Whole words and whole numbers only: ``12`` is not in ``2012`` and ``art`` is not in
    ``party``; characters in scripts without spaces. Failing that, ``numeric(text, answer)``
    may say that the same quantity stands there in another notation.
    """
    needle, hay = fine_tokens(answer), fine_tokens(strip_marks(text))
    if not needle:
        return False
    size = len(needle)
    if any(hay[i : i + size] == needle for i in range(len(hay) - size + 1)):
        return True
    return numeric is not None and numeric(strip_marks(text), answer)


def exact_match(text: str, answers: Sequence[str]) -> float:
    """1 if the answer is one of ``answers`` and nothing else, after normalisation; else 0."""
    mine = units(strip_marks(text))
    return float(any(mine == units(answer) for answer in answers))


def f1(text: str, answers: Sequence[str]) -> float:
    """The best overlap with one of ``answers``, as a share; order does not count (SQuAD's F1)."""
    mine = Counter(units(strip_marks(text)))
    return max((_overlap(mine, Counter(units(a))) for a in answers), default=0.0)


def _overlap(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return float(a == b)
    shared = (a & b).total()
    return 2 * shared / (a.total() + b.total())
