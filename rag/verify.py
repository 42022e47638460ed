"""Is a claim supported by exactly what it cites? Facts first, then meaning, then one probability.

Layer 1 compares what can be compared exactly (``rag.facts``): a number, date, name, negation or
quotation that the cited quotes do not hold fails the claim outright. Layer 2 measures meaning:
how well the claim's tokens align with the quotes' in the encoder's own states, how much of its
wording they share, and what a learned checker says. Layer 3 turns the measures into one
probability by a logistic model fitted on data named in ``rag/calibration.json``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

import numpy as np

from index.delimited import without_between
from index.errors import SettingsError
from index.protocols import TokenEncoder, Vectors
from rag.claims import Draft
from rag.facts import compare
from rag.folding import letters
from rag.outcomes import Evidence, RemovedReason

__all__ = [
    "Calibration",
    "Support",
    "Supporter",
    "Verdict",
    "Verifier",
    "alignment",
    "compare_facts",
    "heard",
    "load_calibration",
    "logit",
    "overlap",
    "script_fits",
]


class Support(Protocol):
    """A learned checker's view of one pair."""

    @property
    def entail(self) -> float:
        """Share: the evidence says so."""

    @property
    def contradict(self) -> float:
        """Share: the evidence says otherwise."""


class Supporter(Protocol):
    """A learned model that says whether evidence supports a claim."""

    def supports(self, claim: str, evidence: Sequence[str]) -> Sequence[Support]:
        """One view a quote, in order."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``support`` is a share; a claim with a ``reason`` is not shown."""

    support: float
    reason: RemovedReason | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model over named features and the threshold chosen for a stated precision."""

    weights: Mapping[str, float]
    bias: float
    threshold: float

    def probability(self, features: Mapping[str, float]) -> float:
        """Share; a feature that is missing counts as zero."""
        total = self.bias + sum(w * features.get(name, 0.0) for name, w in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def load_calibration(name: str, file: Path | None = None) -> Calibration:
    """The fitted model of that name from ``rag/calibration.json``, or from ``file`` if it is there.

    ``file`` is what ``konkyo eval calibrate`` wrote. Raises SettingsError if it cannot be used.
    """
    table = json.loads(resources.files("rag").joinpath("calibration.json").read_text("utf-8"))
    entry = table[name]
    if file is not None:
        entry = _refitted(file).get(name, entry)
    try:
        weights = {str(k): float(v) for k, v in entry["weights"].items()}
        return Calibration(weights, float(entry["bias"]), float(entry["threshold"]))
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise SettingsError(
            f"{file}: not a calibration: {name!r} needs weights, bias and threshold; make it again "
            "with konkyo eval calibrate"
        ) from exc


def _refitted(file: Path) -> dict[str, dict[str, object]]:
    try:
        table = json.loads(file.read_text("utf-8"))
    except OSError as exc:
        raise SettingsError(f"calibration: {file}: cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        raise SettingsError(f"calibration: {file}: not JSON: {exc}") from exc
    if not isinstance(table, dict):
        raise SettingsError(f"calibration: {file}: not an object")
    return table


def logit(share: float, least: float) -> float:
    """Log-odds of a share held between ``least`` and 1 - ``least``."""
    share = min(1 - least, max(least, share))
    return math.log(share / (1 - share))


def heard(supporter: Supporter, claim: str, quotes: Sequence[str]) -> Sequence[Support]:
    """What a learned model says of a claim: over all quotes together first, then over each."""
    together = "\n".join(quotes)
    return supporter.supports(claim, [together] if len(quotes) == 1 else [together, *quotes])


def overlap(claim: str, evidence: str) -> float:
    """Share of the claim's distinct character bigrams that the evidence holds."""
    a, b = letters(claim), letters(evidence)
    pairs = {a[i : i + 2] for i in range(len(a) - 1)}
    if not pairs:
        return float(bool(a) and a in b)
    return sum(p in b for p in pairs) / len(pairs)


def alignment(claim: Vectors, evidence: Vectors) -> tuple[float, float]:
    """How well each claim token finds its like in the evidence: mean and lowest-fifth mean.

    Both arguments are (tokens, dimension) with unit rows; the result is two cosines.
    """
    if not len(claim) or not len(evidence):
        return 0.0, 0.0
    best = np.sort((claim @ evidence.T).max(axis=1))
    fifth = best[: max(1, len(best) // 5)]
    return float(best.mean()), float(fifth.mean())


_SCRIPT = {
    "ja": re.compile(r"[぀-ヿ㐀-鿿]"),
    "zh": re.compile(r"[㐀-鿿]"),
    "ko": re.compile(r"[가-힣]"),
    "th": re.compile(r"[฀-๿]"),
    "ar": re.compile(r"[؀-ۿ]"),
    "ru": re.compile(r"[Ѐ-ӿ]"),
    "uk": re.compile(r"[Ѐ-ӿ]"),
    "hi": re.compile(r"[ऀ-ॿ]"),
}
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_KANA = re.compile(r"[぀-ヺー]")
_HAN = re.compile(r"[㐀-鿿]")
_HANGUL = re.compile(r"[가-힣]+")
_WIDE = re.compile(r"[぀-ヺー㐀-鿿가-힣]+")
_HAN_WORD = re.compile(r"[㐀-鿿]{2,}")
_NARROW_BRACKETS = str.maketrans("（）", "()")
_WORDS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}+(?:\s++[A-Za-z]{2,}+)++")
_ACROSS = 0.8
"""The checker's share from which a claim in another language than all it cites may be shown.

``benchmarks/across.py``, fitting half: removes 99.2 % of true sentences of another paragraph of the
same article; what is lost is quoted instead.
"""


def script_fits(text: str, language: str, known: str = "") -> bool:
    """Whether a sentence is written in its language's script, without words copied from another.

    Names in Latin script are allowed, and whatever stands in ``known``: the question and quotes
    in the language itself.
    """
    written = [c for c in text if c.isalpha()]
    if not written:
        return True
    if any(run not in known for run in _foreign(text, language)):
        return False
    if language == "ja" and not _KANA.search(text) and len(_HAN.findall(text)) > 12:
        return False
    wanted = _SCRIPT.get(language, _LATIN)
    return len(wanted.findall(text)) >= 0.3 * len(written)


def _foreign(text: str, language: str) -> list[str]:
    """What of a text is in a script that its language does not mix with."""
    if language == "ja":
        return [*_HANGUL.findall(text), *filter(_chinese, text), *_WORDS.findall(text)]
    if language == "zh":
        return [*_HANGUL.findall(text), *_KANA.findall(text), *_WORDS.findall(text)]
    if language == "ko":
        # Newspapers write one Han character for a country, and names in brackets.
        plain = without_between(text.translate(_NARROW_BRACKETS), "(", ")")
        return [*_KANA.findall(text), *_HAN_WORD.findall(plain), *_WORDS.findall(text)]
    return _WIDE.findall(text)


def _chinese(char: str) -> bool:
    """Whether a Han character is none of those that Japanese is written with (simplified, mostly)."""
    if not _HAN.fullmatch(char):
        return False
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return True
    return False


FactCheck = Callable[[str, Sequence[Evidence], str, str], tuple[RemovedReason, str] | None]


def compare_facts(
    claim: str, cited: Sequence[Evidence], question: str, language: str
) -> tuple[RemovedReason, str] | None:
    """The first exact fact of the claim that its quotes do not hold, or ``None``."""
    report = compare(
        claim,
        [e.text for e in cited],
        claim_language=language,
        evidence_languages=[e.article.language for e in cited],
        published=[e.article.published for e in cited],
        titles=[e.article.title for e in cited],
        question=question,
    )
    for issue in report.issues:
        return issue.kind, issue.text
    return None


class Verifier:
    """Judges drafted claims against the quotes they cite."""

    def __init__(
        self,
        *,
        facts: FactCheck | None,
        states: TokenEncoder | None,
        supporter: Supporter | None,
        calibration: Calibration,
    ) -> None:
        self._facts = facts
        self._states = states
        self.supporter = supporter
        self._calibration = calibration

    def features(
        self, claim: str, quotes: Sequence[str], *, crossed: bool = False
    ) -> dict[str, float]:
        """The measures of meaning for a claim and all it cites, by name.

        ``crossed``: claim and quotes are in different languages, so that wording says nothing.
        """
        together = "\n".join(quotes)
        found = {
            "crossed": float(crossed),
            "overlap": 0.0 if crossed else overlap(claim, together),
        }
        if self._states is not None:
            mine = self._states.passage_states([claim])[0]
            theirs = np.concatenate(self._states.passage_states(list(quotes)))
            found["aligned"], found["aligned_low"] = alignment(mine, theirs)
        if self.supporter is not None:
            views = heard(self.supporter, claim, quotes)
            found["entail"] = max(v.entail for v in views)
            found["contradict"] = views[0].contradict
        return found

    def check(
        self, draft: Draft, shown: Sequence[Evidence], *, question: str, language: str
    ) -> Verdict:
        """One verdict; a citation that was not shown fails before anything else is looked at."""
        by_number = {e.number: e for e in shown}
        if not draft.citations:
            return Verdict(0.0, "no_citation")
        unknown = [n for n in draft.citations if n not in by_number]
        if unknown:
            return Verdict(0.0, "unknown_citation", ", ".join(map(str, unknown)))
        cited = [by_number[n] for n in draft.citations]
        own = [e.text for e in cited if e.article.language == language]
        if not script_fits(draft.text, language, " ".join([question, *own])):
            return Verdict(0.0, "language")
        if self._facts is not None:
            issue = self._facts(draft.text, cited, question, language)
            if issue is not None:
                return Verdict(0.0, *issue)
        crossed = all(e.article.language != language for e in cited)
        measures = self.features(draft.text, [e.text for e in cited], crossed=crossed)
        support = self._calibration.probability(measures)
        unsure = crossed and measures.get("entail", 1.0) < _ACROSS
        if unsure or support < self._calibration.threshold:
            return Verdict(support, "meaning")
        return Verdict(support, None)
