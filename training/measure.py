"""Figures of weights in training on data that only reports.

    python -m training.measure --data ../shared/data --weights ../run1/average.safetensors

Answered against absent: the best score over the windows, cut as the product cuts them, of a
cluster's articles in one language, asked in that language and in another. Prints JSON; ``--quick``
takes a sample of the reporting clusters only. ``--weights shipped`` measures the reader that the
package holds, ``--weights FILE`` an average of a run or a released file.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from konkyo.eval.logistic import auc
from konkyo.index.embedding.model_registry import model_path
from konkyo.rag.reading.reader import WEIGHTS, LearnedReader, load_reader
from training import sources
from training.checkpoint import load_average
from training.model import Network, load_base
from training.news import LANGUAGES, Cluster, NewsQuestion, load_clusters
from training.news_rows import NewsWindow, news_windows
from training.reading import Reading, character_f1, read
from training.rows import ANSWERS, CONTRADICTED, NEUTRAL, NOT_SUPPORTED, SILENT, SUPPORTED, Row
from training.squad_rows import Corpus, squad_rows
from training.windows import Cutter, product_cutter

__all__ = [
    "Reader",
    "Trial",
    "claim_figures",
    "main",
    "network_reader",
    "news_figures",
    "news_trials",
    "quick_figures",
    "released_reader",
]

Reader = Callable[[Sequence[Row]], list[Reading]]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Trial:
    """A question asked in one language over a cluster's windows in one language.

    ``wanted`` are the answers that stand in these windows; empty: they do not answer.
    """

    kind: str
    same: bool
    rows: tuple[Row, ...]
    wanted: tuple[str, ...]


def news_trials(
    clusters: Sequence[Cluster], cutter: Cutter, share: float, seed: int = 0
) -> list[Trial]:
    """Each question (or a share) over each language of its cluster, asked in that and another."""
    rng = random.Random(f"{seed}/trials")
    found = []
    for cluster in clusters:
        windows = news_windows(cluster, cutter)
        for question in cluster.questions:
            if rng.random() >= share:
                continue
            for language in LANGUAGES:
                told = [w for w in windows if w.article.language == language]
                wanted = _wanted(question, told)
                if not told or (question.places and question.kind != "premise" and not wanted):
                    continue
                other = rng.choice([x for x in LANGUAGES if x != language])
                for asked in (language, other):
                    found.append(_trial(question, asked, language, told, wanted))
    return found


def _wanted(question: NewsQuestion, windows: Sequence[NewsWindow]) -> tuple[str, ...]:
    if question.kind == "premise":
        return ()
    texts = {w.article.article_id: w.article.text for w in windows}
    return tuple(texts[a][start:end] for a, start, end in question.places if a in texts)


def _trial(
    question: NewsQuestion,
    asked: str,
    language: str,
    windows: Sequence[NewsWindow],
    wanted: tuple[str, ...],
) -> Trial:
    rows = []
    for w in windows:
        answers = any(
            a == w.article.article_id and w.window.inner((start, end))
            for a, start, end in question.places
        )
        label = ANSWERS if wanted and answers else SILENT
        rows.append(Row("query", question.ask[asked], w.context, w.window.text, label))
    return Trial(question.kind, asked == language, tuple(rows), wanted)


def news_figures(reader: Reader, trials: Sequence[Trial]) -> Figures:
    """AUC of answered against absent (same language, across, by kind) and F1 of the places."""
    readings = iter(reader([row for trial in trials for row in trial.rows]))
    best: list[tuple[Trial, Reading, list[Reading]]] = []
    for trial in trials:
        mine = [next(readings) for _ in trial.rows]
        best.append((trial, max(mine, key=lambda r: r.score), mine))
    found: Figures = {}
    for name, same in (("same", True), ("across", False)):
        part = [(t, r, all_) for t, r, all_ in best if t.same is same]
        single = [x for x in part if len(x[0].wanted) == 1]
        absent = [x for x in part if x[0].kind == "absent"]
        premise = [x for x in part if x[0].kind == "premise"]
        found[f"auc {name}"] = _auc(single, absent)
        found[f"auc premise {name}"] = _auc(single, premise)
        for kind in ("why", "how", "list", "number", "person"):
            found[f"auc {kind} {name}"] = _auc([x for x in single if x[0].kind == kind], absent)
        found[f"window auc {name}"] = auc(
            [r.score for _, _, mine in part for r in mine],
            [row.label == ANSWERS for t, _, _ in part for row in t.rows],
        )
        found[f"right {name}"] = _mean(
            [character_f1(r.text, t.wanted[0]) >= 0.5 for t, r, _ in single]
        )
        found[f"f1 {name}"] = _mean([_gold_f1(t, mine) for t, _, mine in single])
        long = [x for x in single if x[0].kind in ("why", "how", "list")]
        found[f"f1 why how list {name}"] = _mean([_gold_f1(t, mine) for t, _, mine in long])
        found[f"f1 tags {name}"] = _mean([_gold_f1(t, mine, tags=True) for t, _, mine in single])
        found[f"trials {name}"] = float(len(part))
    return found


def _gold_f1(trial: Trial, readings: Sequence[Reading], tags: bool = False) -> float:
    """F1 of the place that is read in the window that answers."""
    gold = [r for row, r in zip(trial.rows, readings, strict=True) if row.label == ANSWERS]
    if not gold:
        return 0.0
    told = "".join(gold[0].tagged) if tags else gold[0].text
    return character_f1(told, trial.wanted[0])


Scored = tuple[Trial, Reading, list[Reading]]


def _auc(answered: Sequence[Scored], absent: Sequence[Scored]) -> float:
    both = [*answered, *absent]
    return auc([r.score for _, r, _ in both], [i < len(answered) for i in range(len(both))])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def claim_figures(reader: Reader, clusters: Sequence[Cluster]) -> Figures:
    """AUC of supported against not, over the quote alone: all, by change, same and across."""
    rows, changes, same = [], [], []
    for cluster in clusters:
        for claim in cluster.claims:
            article = cluster.article(claim.quote[0])
            quote = article.text[claim.quote[1] : claim.quote[2]]
            rows.append(Row("claim", claim.text, "", quote, claim.label))
            changes.append(claim.change)
            same.append(article.language == claim.language)
    scores = [r.supported for r in reader(rows)]
    true = [row.label == SUPPORTED for row in rows]
    found = {"claims auc": auc(scores, true)}
    for name, wanted in (("same", True), ("across", False)):
        chosen = [i for i in range(len(rows)) if same[i] is wanted]
        found[f"claims auc {name}"] = auc([scores[i] for i in chosen], [true[i] for i in chosen])
    for change in sorted(set(changes) - {"none"}):
        chosen = [i for i in range(len(rows)) if changes[i] == change or true[i]]
        found[f"claims auc {change}"] = auc([scores[i] for i in chosen], [true[i] for i in chosen])
    return found


def pair_figures(reader: Reader, data: Path) -> Figures:
    """Accuracy on the reporting halves of JNLI and KLUE and on JaNLI's test split."""
    found: Figures = {}
    for name, pairs in (
        ("jnli report", sources.jnli(data, report=True)),
        ("klue report", sources.klue(data, report=True)),
        ("janli test", sources.janli(data, report=True)),
    ):
        rows = [Row("claim", p.claim, "", p.evidence, p.label) for p in pairs]
        told = [int(np.argmax(r.support)) for r in reader(rows)]
        found[f"{name} accuracy"] = _mean(
            [_same_label(t, p.label) for t, p in zip(told, pairs, strict=True)]
        )
    return found


def _same_label(told: int, label: int) -> bool:
    return told in (CONTRADICTED, NEUTRAL) if label == NOT_SUPPORTED else told == label


def uhgeval_figures(reader: Reader, data: Path, cutter: Cutter) -> Figures:
    """AUC of real against invented continuations, the best of an article's windows speaking."""
    rows: list[Row] = []
    owners: list[int] = []
    true: list[bool] = []
    for title, day, *pairs in sources.uhgeval(data, report=True):
        for pair in pairs:
            for window in cutter.cut(pair.evidence, "zh")[:6]:
                rows.append(Row("claim", pair.claim, f"{title} ({day})", window.text, pair.label))
                owners.append(len(true))
            true.append(pair.label == SUPPORTED)
    best: dict[int, float] = defaultdict(lambda: -1e9)
    for owner, reading in zip(owners, reader(rows), strict=True):
        best[owner] = max(best[owner], reading.supported)
    return {"uhgeval third auc": auc([best[i] for i in range(len(true))], true)}


def squad_figures(reader: Reader, data: Path, cutter: Cutter, sample: int) -> Figures:
    """AUC of answering windows against near silent ones, and F1 against the first answer."""
    found: Figures = {}
    for name, paragraphs in (
        ("jsquad", sources.jsquad(data)),
        ("cmrc trial", sources.cmrc(data, report=True)),
        ("tydi ko dev", sources.tydi(data, "ko", report=True)),
        ("tydi en dev", sources.tydi(data, "en", report=True)),
        ("xquad zh last", sources.xquad(data, report=True)["zh"]),
    ):
        total = sum(len(p.questions) for p in paragraphs)
        rows = list(
            squad_rows(
                Corpus(paragraphs, cutter),
                random.Random(f"report/{name}"),
                name,
                share=min(1.0, sample / total),
                negatives=2.0,
                claims=0.0,
            )
        )
        readings = reader(rows)
        both = list(zip(rows, readings, strict=True))
        found[f"{name} auc"] = auc(
            [r.score for r in readings], [row.label == ANSWERS for row in rows]
        )
        found[f"{name} f1"] = _mean(
            [character_f1(r.text, row.window[slice(*row.spans[0])]) for row, r in both if row.spans]
        )
    return found


def network_reader(network: Network, words: torch.Tensor, tokenizer: Tokenizer) -> Reader:
    """Reads with a network in training."""
    return lambda rows: read(network, words, tokenizer, rows)


def released_reader(checker: LearnedReader) -> Reader:
    """Reads with the product's own engine; its calibrated share stands for both witnesses."""

    def one(row: Row) -> Reading:
        if row.task == "claim":
            view = checker.supports(row.asked, [row.window], [row.context])[0]
            shares = (view.entail, view.contradict, view.neutral)
            return Reading(0.0, 0.0, "", (), tuple(float(np.log(max(s, 1e-9))) for s in shares))
        told = checker.answers(row.asked, [row.window], [row.context])[0]
        share = min(max(told.probability, 1e-9), 1 - 1e-9)
        odds = float(np.log(share / (1 - share)))
        tagged = tuple(row.window[start:end] for start, end in told.places)
        return Reading(odds, 0.0, told.span_text.strip(), tagged, (0.0, 0.0, 0.0))

    return lambda rows: [one(row) for row in rows]


def latency_figures(checker: LearnedReader, text: str) -> Figures:
    """Milliseconds of one window on one core, the least and the median of 60 readings."""
    spent = []
    for _ in range(60):
        began = time.perf_counter()
        checker.answers("Who is said to have won the prize?", [text])
        spent.append(1000 * (time.perf_counter() - began))
    return {"window ms least": min(spent), "window ms median": float(np.median(spent))}


def _reader(encoder: Path, tokenizer: Tokenizer, weights: str) -> Reader:
    """The reader of some weights: the shipped ones, a released file or an average of a run."""
    file = WEIGHTS if weights == "shipped" else Path(weights)
    with safe_open(file, framework="np") as opened:
        released = "konkyo" in (opened.metadata() or {})
    if released:
        return released_reader(load_reader(encoder, file))
    network, words = load_base(encoder)
    load_average(network, file)
    return network_reader(network.bfloat16(), words.bfloat16(), tokenizer)


def quick_figures(reader: Reader, cutter: Cutter, data: Path) -> Figures:
    """Some figures on a sample of the reporting clusters, for a curve."""
    clusters = load_clusters([data / "reading" / "clusters"], "dev")
    trials = news_trials(clusters, cutter, 0.1)
    figures = news_figures(reader, trials) | claim_figures(reader, clusters[::2])
    wanted = ("auc same", "auc across", "f1 same", "f1 across", "f1 tags same", "claims auc")
    return {k: round(v, 4) for k, v in figures.items() if k in wanted}


def all_figures(reader: Reader, data: Path, cutter: Cutter, sample: int) -> Figures:
    """Every figure of this module."""
    clusters = load_clusters([data / "reading" / "clusters"], "dev")
    return (
        news_figures(reader, news_trials(clusters, cutter, 1.0))
        | claim_figures(reader, clusters)
        | pair_figures(reader, data)
        | uhgeval_figures(reader, data, cutter)
        | squad_figures(reader, data, cutter, sample)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Read the weights, measure, print JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m training.measure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--weights", required=True, help='a file, or "shipped"')
    parser.add_argument("--encoder", type=Path, help="folder of multilingual-e5-small")
    parser.add_argument("--sample", type=int, default=300, help="questions of each reading set")
    parser.add_argument("--latency", action="store_true", help="of a released file, and no more")
    parser.add_argument("--quick", action="store_true", help="a sample of the news figures only")
    asked = parser.parse_args(argv)
    encoder = asked.encoder or model_path("multilingual-e5-small")
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    cutter = product_cutter(tokenizer)
    if asked.latency:
        file = WEIGHTS if asked.weights == "shipped" else Path(asked.weights)
        text = next(iter(sources.squad2(asked.data))).text * 4
        (window, *_) = cutter.cut(text, "en", 230)  # 256 with its question.
        figures = latency_figures(load_reader(encoder, file, threads=1), window.text)
        print(json.dumps({k: round(v, 2) for k, v in figures.items()}))
        return 0
    reader = _reader(encoder, tokenizer, asked.weights)
    if asked.quick:
        figures = quick_figures(reader, cutter, asked.data)
    else:
        figures = all_figures(reader, asked.data, cutter, asked.sample)
    print(json.dumps({k: round(v, 4) for k, v in figures.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
