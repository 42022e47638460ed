"""Fit when a claim phrased anew is believed: rag/calibration.json, "phrased".

    python benchmarks/fit_phrased.py --shared ../shared

A small model turns the question into a statement around a name or figure that a quote holds. The
same is done here by rule ("Who wrote X?", "A" to "A wrote X."), to questions of JaQuAD dev and of
XQuAD's first 24 titles (en, zh). True: the answer, cited to the sentence that holds it. False:
another name, date or number of the same paragraph, cited to its sentence; and what the learned
reader takes for the answer in the other paragraphs of the article, where it is not. No witness may
speak against its own sense. The threshold is the lowest with the stated precision, true and false
being equally many, on claims left out of the fit (five folds). Reported: XQuAD's last 24 titles.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from konkyo.rag.thresholds import Thresholds

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from bounded import fit, held_out, keep  # noqa: E402
from fit_judge import squad  # noqa: E402

Paragraphs = list[tuple[str, str, list[tuple[str, str]]]]
PRECISION = 0.95
SIGNS: dict[str, tuple[str, ...]] = {"against": (), "free": ("kept",)}

_JA = re.compile(
    r"(?:どの(?:よう|くらい)|どんな|なぜ|どうして|何(?!年|月|日|人|世紀|歳|回|度|という|[ぁ-ん]|$))"
    r"|(誰|だれ|何(?:年|月|日|人|世紀|歳|回|度|という\w{1,6}?)?|いつ|どこ|いくつ|いくら)"
)
_ZH = re.compile(
    r"(?:为什么|怎么|怎样|如何|什么[^的，。]|什么的什么)|(谁|什么时候|哪一?[年天]|哪里|何处|多少"
    r"|什么)"
)


def stated(question: str, answer: str, language: str) -> str | None:
    """The question as a statement that the answer completes; ``None`` where no rule fits."""
    asked = question.strip().rstrip("?？。 ")
    if language == "en":
        words = asked.split()
        if len(words) < 3:
            return None
        first, rest = words[0].lower(), " ".join(words[1:])
        if first in {"what", "who"} and words[1].lower() in {"is", "was", "are", "were"}:
            subject = " ".join(words[2:])
            return f"{subject[0].upper()}{subject[1:]} {words[1].lower()} {answer}."
        if first == "who" and words[1].lower() not in {"did", "do", "does", "can", "would"}:
            return f"{answer[0].upper()}{answer[1:]} {rest}."
        return None
    found = list((_JA if language == "ja" else _ZH).finditer(asked))
    if len(found) != 1 or found[0].group(1) is None:
        return None
    start, end = found[0].span()
    told = asked[:start] + answer + asked[end:]
    if language == "ja":
        told = re.sub(r"(?:の?か|の)$", "", told)
        if told.endswith(("は", "とは")):
            return None
        told = told if re.search(r"[すたるい]$", told) else told + "です"
    return told + "。"


def kind(text: str, language: str) -> str:
    """What sort of thing an answer is."""
    from konkyo.rag.reading.answerability import holds

    for name in ("date", "number", "name"):
        if holds(name, text, language):
            return name
    return "words"


def others(text: str, answer: str, language: str) -> list[str]:
    """Spans of the paragraph of the answer's sort that are not the answer."""
    from konkyo.index.text.dates import dates
    from konkyo.index.text.names import names
    from konkyo.index.text.quantities import quantities

    sort = kind(answer, language)
    if sort == "date":
        spans = [text[d.start : d.end] for d in dates(text, None, language)]
    elif sort == "number":
        spans = [text[q.start : q.end] for q in quantities(text, language) if not q.small]
    else:
        spans = [text[n.start : n.end] for n in names(text, language)]
    return [s for s in dict.fromkeys(spans) if s and s not in answer and answer not in s]


def around(text: str, place: int, language: str) -> str:
    """The sentence at a place; "" if there is none."""
    from konkyo.index.text.sentences import sentences

    return next((text[s:e] for s, e in sentences(text, language) if s <= place < e), "")


@dataclass(frozen=True)
class Asked:
    """One question and what it is about."""

    title: str
    question: str
    language: str


class Rows:
    """Claims measured, with their labels and kinds."""

    def __init__(self) -> None:
        from konkyo.rag.calibration import Calibration
        from konkyo.rag.factory import open_checker
        from konkyo.rag.verification.relation import RelationCheck

        checker = open_checker()
        assert checker is not None
        self.checker = checker
        self.relations = RelationCheck(checker, checker, Calibration({}, 0.0, 0.5))
        self.rows: list[dict[str, float]] = []
        self.labels: list[bool] = []
        self.kinds: list[str] = []

    def add(self, told: str | None, quote: str, asked: Asked, kind: str) -> None:
        if not told or not quote:
            return
        found = self.relations.features(
            told, [quote], [asked.title], question=asked.question, language=asked.language
        )
        if found["kept"] < Thresholds().words_kept:
            self.rows.append(found)
            self.labels.append(kind == "true")
            self.kinds.append(f"{asked.language} {kind}")

    def collect(self, paragraphs: Paragraphs, language: str, most: int, rng: random.Random) -> None:
        """Measure claims made of some of the questions, each true and false."""
        beside: dict[str, list[str]] = {}
        for title, text, _ in paragraphs:
            beside.setdefault(title, []).append(text)
        every = [(Asked(t, q, language), text, a) for t, text, qas in paragraphs for q, a in qas]
        done = 0
        for asked, text, answer in rng.sample(every, len(every)):
            told = stated(asked.question, answer, language)
            if told is None:
                continue
            if done == most:
                break
            done += 1
            self.add(told, around(text, text.find(answer), language), asked, "true")
            wrong = others(text, answer, language)
            if wrong:
                other = rng.choice(wrong)
                quote = around(text, text.find(other), language)
                self.add(stated(asked.question, other, language), quote, asked, "another place")
            siblings = [t for t in beside[asked.title] if t != text and answer not in t][:5]
            if siblings:
                views = self.checker.answers(
                    asked.question, siblings, [asked.title] * len(siblings)
                )
                best, view = max(zip(siblings, views, strict=True), key=lambda p: p[1].probability)
                quote = around(best, view.start, language)
                self.add(
                    stated(asked.question, best[view.start : view.end], language),
                    quote,
                    asked,
                    "no answer",
                )


def collect(fitting: Rows, reporting: Rows, data: Path, most: int, seed: int) -> None:
    """Measure the claims of the fitting and of the reporting half."""
    rng = random.Random(seed)
    fitting.collect(squad(data / "jaquad-dev-0.1.0.json"), "ja", 2 * most, rng)
    for code in ("en", "zh"):
        path = data / f"xquad.{code}.json"
        fitting.collect(squad(path, slice(24)), code, most, rng)
        reporting.collect(squad(path, slice(24, None)), code, most, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--questions", type=int, default=200, help="of each language")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--rows", type=Path, help="keep what was measured, or fit what is there")
    args = parser.parse_args()

    from sklearn.metrics import roc_auc_score

    fitting, reporting = Rows(), Rows()
    kept = args.rows is not None and args.rows.exists()
    if kept:
        both = json.loads(args.rows.read_text("utf-8"))
        for into, (rows, labels, kinds) in zip((fitting, reporting), both, strict=True):
            into.rows, into.labels, into.kinds = rows, labels, kinds
    else:
        collect(fitting, reporting, args.shared / "data", args.questions, args.seed)
    if args.rows and not kept:
        both = [[r.rows, r.labels, r.kinds] for r in (fitting, reporting)]
        args.rows.write_text(json.dumps(both), "utf-8")
    names = sorted(fitting.rows[0])

    def matrix(rows: Rows):
        return np.array([[r[n] for n in names] for r in rows.rows]), np.array(rows.labels)

    x, y = matrix(fitting)
    share = held_out(x, y, names, seed=args.seed, **SIGNS)
    out: dict[str, object] = {"all": round(float(roc_auc_score(y, share)), 4)}
    for name in names:
        out[f"{name} alone"] = round(float(roc_auc_score(y, x[:, names.index(name)])), 4)
    weights, bias = fit(x, y, names, **SIGNS)
    balance = np.where(y, 1 / y.sum(), 1 / (~y).sum())
    threshold = next(
        (
            float(t)
            for t in np.linspace(0.3, 0.99, 139)
            if (share >= t).any()
            and (balance * y)[share >= t].sum() / balance[share >= t].sum() >= PRECISION
        ),
        0.99,
    )
    print(f"AUC {out}; threshold {threshold:.3f}")
    x2, y2 = matrix(reporting)
    told: dict[str, dict[str, float]] = {}
    for title, rows, p in (
        ("fitting", fitting, share),
        ("reporting", reporting, 1 / (1 + np.exp(-(x2 @ weights + bias)))),
    ):
        kinds = np.array(rows.kinds)
        told[title] = {
            k: round(float((p[kinds == k] >= threshold).mean()), 4)
            for k in sorted(Counter(rows.kinds))
        }
        told[title]["n"] = len(rows.rows)
        print(title, "believed:", told[title])
    told["reporting"]["AUC"] = round(float(roc_auc_score(y2, x2 @ weights)), 4)
    keep(
        "phrased",
        "benchmarks/fit_phrased.py: JaQuAD dev, XQuAD's first 24 titles (en, zh)",
        names,
        weights,
        bias,
        threshold=round(threshold, 4),
        precision=PRECISION,
        auc_five_folds=out,
        believed=told,
    )


if __name__ == "__main__":
    main()
