"""What the learned checker can do, on data it never saw.

    python benchmarks/checker.py --shared ../shared [--sample 400] [--weights FILE]

Answers: JSQuAD valid, and XQuAD's last 24 titles within and across languages; each question meets
a window with its answer (grown at random around it) and two hard windows without any of its answer
strings: the best-overlapping of its own article and the best of the others by BM25 over bigrams.
The decision: 200 questions over whole passages, the five best by BM25, the highest probability,
with the gold passage in the store and with it taken away. Support: JNLI even ids, and sentences of
JSQuAD and XQuAD with one change. Writes ``benchmarks/results/checker.json`` and ``.txt``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from konkyo.index.embedding.model_registry import model_path  # noqa: E402
from konkyo.rag.reading.reader import WEIGHTS, LearnedReader, WindowReading, load_reader  # noqa: E402
from training.checker_data import (  # noqa: E402
    Bigrams,
    Paragraph,
    Question,
    corrupt,
    load_jnli,
    load_squad,
    load_xquad,
    sentence_spans,
    tile_windows,
    window_around,
)
from training.checker_train import area_under_curve  # noqa: E402

PAIRS = (("en", "en"), ("zh", "zh"), ("es", "es"), ("de", "de"), ("zh", "en"), ("en", "zh"))
Figures = dict[str, float]


def overlap_f1(found: str, answers: Sequence[str]) -> float:
    """Best share of characters in common (SQuAD's F1 over characters, white space left out)."""

    def one(answer: str) -> float:
        left, right = "".join(found.split()).lower(), "".join(answer.split()).lower()
        rest, same = list(right), 0
        for c in left:
            if c in rest:
                rest.remove(c)
                same += 1
        return 2 * same / (len(left) + len(right)) if same else 0.0

    return max(one(a) for a in answers)


def bare(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


class Hard:
    """Finds the two hard windows of a question among the paragraphs of one set."""

    def __init__(self, paragraphs: Sequence[Paragraph]) -> None:
        self._paragraphs = paragraphs
        self._lexical = Bigrams([p.text for p in paragraphs])

    def windows(self, own: Paragraph, question: Question, rng: random.Random) -> list[Paragraph]:
        ranked = [
            p
            for p in (self._paragraphs[i] for i in self._lexical.top(question.text, 40))
            if p is not own and not any(a in p.text for a in question.answers)
        ]
        same = [p for p in ranked if p.title == own.title][:1]
        other = [p for p in ranked if p.title != own.title][:1]
        found = []
        for p in same + other:
            tiles = [p.text[a:b] for a, b in tile_windows(p.text, rng.choice((90, 150, 220)))]
            best = Bigrams(tiles).top(question.text, 1)[0]
            found.append(Paragraph(p.title, tiles[best], p.language, ()))
        return found


def answers(
    checker: LearnedReader,
    asked: Sequence[tuple[Paragraph, Question, Paragraph, Question]],
    told: Sequence[Paragraph],
    titles: bool,
    rng: random.Random,
) -> Figures:
    """``asked``: the paragraph and question as put, and the same in the language that is read."""
    hard = Hard(told)
    shares, labels, f1, exact = [], [], [], []

    def read(question: str, p: Paragraph, window: str) -> WindowReading:
        return checker.answers(question, [window], [p.title] if titles else None)[0]

    for _, question, own, same in asked:
        end = same.answer_start + len(same.answer)
        a, b = window_around(own.text, same.answer_start, end, rng.uniform(60, 300), rng)
        reading = read(question.text, own, own.text[a:b])
        shares.append(reading.probability)
        labels.append(1)
        f1.append(overlap_f1(reading.span_text, same.answers))
        exact.append(float(bare(reading.span_text) in {bare(x) for x in same.answers}))
        for p in hard.windows(own, same, rng):
            shares.append(read(question.text, p, p.text).probability)
            labels.append(0)
    share, label = np.array(shares), np.array(labels)
    return {
        "questions": len(asked),
        "windows": len(shares),
        "auc": area_under_curve(share, label),
        "span_f1": float(np.mean(f1)),
        "span_exact": float(np.mean(exact)),
        "calibration_error": calibration_error(share, label),
    }


def calibration_error(shares: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error over ten equal bins."""
    bins = np.minimum((shares * 10).astype(int), 9)
    return float(
        sum(
            abs(shares[bins == b].mean() - labels[bins == b].mean()) * (bins == b).mean()
            for b in range(10)
            if (bins == b).any()
        )
    )


def decision(
    checker: LearnedReader,
    paragraphs: Sequence[Paragraph],
    titles: bool,
    count: int,
    rng: random.Random,
) -> dict[str, object]:
    """Answer or refuse over the five best passages, with the gold passage there and taken away."""
    lexical = Bigrams([p.text for p in paragraphs])
    pool = [(i, q) for i, p in enumerate(paragraphs) for q in p.questions if q.answer_start >= 0]
    there, away, right = [], [], []
    for i, q in rng.sample(pool, count):
        ranked = lexical.top(q.text, 6)
        about = [paragraphs[j].title for j in ranked] if titles else None
        readings = checker.answers(q.text, [paragraphs[j].text for j in ranked], about)
        with_gold = list(zip(ranked, readings, strict=True))[:5]
        without = [(j, r) for j, r in zip(ranked, readings, strict=True) if j != i][:5]
        best = max((r for _, r in with_gold), key=lambda r: r.probability)
        there.append(best.probability)
        right.append(overlap_f1(best.span_text, q.answers) >= 0.5)
        away.append(max(r.probability for _, r in without))
    there_shares, away_shares, rights = np.array(there), np.array(away), np.array(right)
    table = []
    for threshold in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9):
        kept = there_shares >= threshold
        table.append(
            {
                "threshold": threshold,
                "answered_among_answerable": float(kept.mean()),
                "right_among_answered": float(rights[kept].mean()) if kept.any() else None,
                "refused_among_unanswerable": float((away_shares < threshold).mean()),
            }
        )
    labels = np.array([1] * count + [0] * count)
    auc = area_under_curve(np.concatenate([there_shares, away_shares]), labels)
    return {"questions": count, "auc_of_the_maximum": auc, "by_threshold": table}


def corrupted(
    checker: LearnedReader, paragraphs: Sequence[Paragraph], count: int, rng: random.Random
) -> Figures:
    """Sentences as they stand and with one change, against the window they come from."""
    shares, labels = [], []
    for p in rng.sample(list(paragraphs), len(paragraphs)):
        spans = [s for s in sentence_spans(p.text) if 15 < s[1] - s[0] < 250]
        if not spans:
            continue
        a, b = rng.choice(spans)
        claim = p.text[a:b]
        lo, hi = window_around(p.text, a, b, 200, rng)
        names = [
            q.answer for other in paragraphs if other.title == p.title for q in other.questions
        ]
        false = corrupt(claim, p.language, p.text[lo:hi], names, rng)
        if false is None:
            continue
        for text, label in ((claim, 1), (false, 0)):
            shares.append(checker.supports(text, [p.text[lo:hi]])[0].entail)
            labels.append(label)
        if len(labels) >= 2 * count:
            break
    return {"claims": len(labels), "auc": area_under_curve(np.array(shares), np.array(labels))}


def jnli(checker: LearnedReader, path: Path, count: int) -> Figures:
    pairs = load_jnli(path, odd=False)[:count]
    shares = np.array(
        [
            (s.entail, s.contradict, s.neutral)
            for s in (checker.supports(p.claim, [p.premise])[0] for p in pairs)
        ]
    )
    labels = np.array([p.label for p in pairs])
    return {
        "pairs": len(pairs),
        "accuracy": float((shares.argmax(axis=1) == labels).mean()),
        "entail_auc": area_under_curve(shares[:, 0], (labels == 0).astype(int)),
        "contradict_auc": area_under_curve(shares[:, 1], (labels == 1).astype(int)),
    }


def latency(checker: LearnedReader, paragraphs: Sequence[Paragraph], rng: random.Random) -> Figures:
    """Milliseconds a window and for eight windows of one question."""
    one, eight = [], []
    for p in rng.sample([p for p in paragraphs if p.questions], 40):
        windows = [x.text[:300] for x in rng.sample(list(paragraphs), 8)]
        begin = time.perf_counter()
        checker.answers(p.questions[0].text, windows)
        eight.append((time.perf_counter() - begin) * 1000)
        begin = time.perf_counter()
        checker.answers(p.questions[0].text, [p.text[:300]])
        one.append((time.perf_counter() - begin) * 1000)
    return {
        "window_p50_ms": float(np.percentile(one, 50)),
        "window_least_ms": float(np.min(one)),
        "window_p95_ms": float(np.percentile(one, 95)),
        "eight_least_ms": float(np.min(eight)),
        "eight_p50_ms": float(np.percentile(eight, 50)),
        "eight_p95_ms": float(np.percentile(eight, 95)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("KONKYO_SHARED", str(ROOT.parent / "shared"))
    parser.add_argument("--shared", type=Path, default=Path(shared))
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--sample", type=int, default=400, help="questions a set")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "checker.json"
    )
    asked = parser.parse_args()
    data = asked.shared / "data"
    checker = load_reader(asked.encoder or model_path("multilingual-e5-small"), asked.weights)
    rng = random.Random(11)
    report: dict[str, object] = {
        "load_average": os.getloadavg()[0],
        "command": "python benchmarks/checker.py " + f"--sample {asked.sample}",
        "checker": checker.fingerprint,
        "weights_bytes": asked.weights.stat().st_size,
    }
    lines: list[str] = [f"{report['checker']}, {report['weights_bytes']:,} bytes"]

    def note(name: str, make: Callable[[], dict[str, object] | Figures]) -> None:
        figures = make()
        report[name] = figures
        lines.append(f"{name}: {json.dumps(figures, default=str)}")
        print(lines[-1], flush=True)

    japanese = load_squad(data / "jsquad-valid-v1.3.json", "ja")
    # A question whose answer stands in the title alone has no window that answers it.
    pool = [(p, q, p, q) for p in japanese for q in p.questions if q.answer_start >= 0]
    report["answer_in_title_only"] = sum(len(p.questions) for p in japanese) - len(pool)
    chosen = rng.sample(pool, min(asked.sample, len(pool)))
    note("jsquad", lambda: answers(checker, chosen, japanese, False, random.Random(1)))
    note("jsquad with titles", lambda: answers(checker, chosen, japanese, True, random.Random(1)))
    few = min(200, asked.sample)
    note("decision", lambda: decision(checker, japanese, False, few, random.Random(2)))
    note("decision with titles", lambda: decision(checker, japanese, True, few, random.Random(2)))
    half = load_xquad(data, fitted=False)
    for ask, read in PAIRS:
        both = [
            (pa, qa, pt, qt)
            for pa, pt in zip(half[ask], half[read], strict=True)
            for qa, qt in zip(pa.questions, pt.questions, strict=True)
        ]
        some = random.Random(3).sample(both, min(asked.sample // 2, len(both)))
        note(
            f"xquad {ask} asked, {read} read",
            lambda some=some, read=read: answers(  # type: ignore[misc]
                checker, some, half[read], False, random.Random(4)
            ),
        )
    note("jnli even ids", lambda: jnli(checker, data / "jnli-valid-v1.3.json", 2 * asked.sample))
    changed = asked.sample // 2
    note("changed claims ja", lambda: corrupted(checker, japanese, changed, random.Random(5)))
    for language in ("en", "zh"):
        note(
            f"changed claims {language}",
            lambda language=language: corrupted(  # type: ignore[misc]
                checker, half[language], changed, random.Random(6)
            ),
        )
    note("latency", lambda: latency(checker, japanese, random.Random(7)))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    asked.out.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
