"""Whether two texts are the same story, and sketches by which such texts are found.

A sketch is MinHash over character 5-grams of the folded text (Broder, "On the resemblance and
containment of documents", 1997), cut into bands: texts that share a band are compared. Two texts
are the same story when their sentences are the same but for white space, width of letters, case,
quotation marks, and lines that are no text (bylines, dates, labels, notices). A text that changes
one word (a correction, a withdrawal, another figure or name) is another story.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from konkyo.index.ingest.site_chrome import kind_of
from konkyo.index.text.sentences import sentences

__all__ = ["Stories", "same_story", "sketch"]

_BANDS = 12
_ROWS = 4
_GRAM = 5
_SPACES = re.compile(r"\s+")
_QUOTES = re.compile("[\"'“”„«»‘’‚‹›「」『』〝〟]")
_NOT_TEXT = frozenset({"byline", "stamp", "url", "label", "notice", "form", "rule"})

_RANDOM = np.random.default_rng(5)
_FACTORS = _RANDOM.integers(1, 2**63, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
_SHIFTS = _RANDOM.integers(0, 2**63, _BANDS * _ROWS, dtype=np.uint64)


def _folded(text: str) -> str:
    return _SPACES.sub("", unicodedata.normalize("NFKC", text).casefold())


def _grams(text: str) -> npt.NDArray[np.uint64]:
    """Hashes of the distinct 5-grams of a folded text."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(points) < _GRAM:
        points = np.pad(points, (0, _GRAM - len(points)))
    total = np.zeros(len(points) - _GRAM + 1, np.uint64)
    for at in range(_GRAM):
        total = total * np.uint64(0x100000001B3) + points[at : at + len(total)]
    # Mixed, so that taking a minimum picks without preference (splitmix64's finaliser).
    total ^= total >> np.uint64(30)
    total *= np.uint64(0xBF58476D1CE4E5B9)
    total ^= total >> np.uint64(27)
    return np.unique(total)


def sketch(text: str) -> list[int]:
    """Return twelve band values; near-same texts share at least one with near certainty."""
    grams = _grams(_folded(text))
    minima = (grams[:, None] * _FACTORS[None, :] + _SHIFTS[None, :]).min(axis=0)
    bands = np.zeros(_BANDS, np.uint64)
    for row in minima.reshape(_BANDS, _ROWS).T:
        bands = (bands ^ row) * np.uint64(0x9E3779B97F4A7C15)
    # SQLite's integers are signed; the band's number keeps equal values of two bands apart.
    return [int(value) for value in (bands ^ np.arange(_BANDS, dtype=np.uint64)).view(np.int64)]


def same_story(one: str, other: str) -> bool:
    """Return whether two texts have the same sentences."""
    return Stories().same(one, other)


class Stories:
    """Compares texts as ``same_story`` does, and cuts each of them into sentences once.

    Texts made of one template share bands, so one of them may be compared with thousands.
    ``cut`` returns the folded sentences of a text.
    """

    def __init__(self, cut: Callable[[str], Iterable[str]] | None = None) -> None:
        self._cut = cut or _sentences
        self._known: dict[int, frozenset[bytes]] = {}

    def same(self, one: str, other: str) -> bool:
        """Return whether two texts have the same sentences."""
        return not self._digests(one).isdisjoint(self._digests(other))

    def _digests(self, text: str) -> frozenset[bytes]:
        """Return the digest of a folded text and that of its sentences in any order."""
        key = hash(text)
        if key not in self._known:
            cut = "\n".join(sorted(self._cut(text)))
            self._known[key] = frozenset({_digest(b"text", _folded(text)), _digest(b"cut", cut)})
        return self._known[key]


def _digest(kind: bytes, text: str) -> bytes:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=16, person=kind
    ).digest()


def _sentences(text: str) -> frozenset[str]:
    """Return the folded sentences of a text, without lines that are no text."""
    lines = "\n".join(line for line in text.split("\n") if kind_of(line) not in _NOT_TEXT)
    kept = lines if lines.strip() else text
    found = (_QUOTES.sub("", _folded(kept[start:end])) for start, end in sentences(kept))
    return frozenset(sentence for sentence in found if sentence)
