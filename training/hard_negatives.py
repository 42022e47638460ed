r"""Rows of the windows that mislead a reader most: ``python -m training.hard_negatives``.

Each question over the training clusters is asked in two of its four languages. The reader reads
every window of its cluster that surely does not answer, and of other clusters the two nearest in
each language. The three that it holds likeliest to answer become rows, beside those that do answer
and look least so. Chosen by the reader itself they are what it still takes for an answer
(after Xiong et al., 2021, "ANCE", whose negatives are those of the model in training).

    python -m training.hard_negatives --data ../shared/data --clusters DIR --work ../run \
        --out ../run/hard.jsonl
    python -m training.train ... --hard ../run/hard.jsonl
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from konkyo.index.embedding.model_registry import model_path
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.reading.reader import WEIGHTS, load_reader
from training.mixture import Inputs, mined_windows
from training.negatives import product_encoders
from training.news import LANGUAGES, NewsQuestion, load_clusters
from training.news_rows import Drawn, NewsWindow
from training.rows import Row, write_rows
from training.windows import product_cutter

__all__ = ["Asked", "main", "misleading_rows"]

_FAR = 2
"""Windows of other clusters that are read in each language."""
_KEPT = 3
"""Windows kept that do not answer; of those after the first, none below ``_LEAST``."""
_LEAST = 0.1
_LANGUAGES = 2
_SOURCE = "news hard"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in one language, and its translation into another."""

    question: NewsQuestion
    language: str
    twin: str

    @property
    def text(self) -> str:
        """The question as it is asked."""
        return self.question.ask[self.language]


def misleading_rows(
    asked: Asked, drawn: Drawn, far: Sequence[NewsWindow], reader: Reader
) -> Iterator[Row]:
    """Rows of one question: what answers, and what a reader takes for an answer most.

    ``far`` are windows of other clusters, nearest first in each language.
    """
    answering, silent = drawn.split(asked.question)
    drawn.rng.shuffle(answering)
    shares = _shares(asked.text, [window for window, _ in answering], reader)
    for at in sorted(range(len(answering)), key=lambda i: shares[i])[:2]:
        window, spans = answering[at]
        yield drawn.row(asked.text, asked.twin, window, spans, _SOURCE)
    silent += _nearest_of_each_language(far)
    shares = _shares(asked.text, silent, reader)
    for place, at in enumerate(sorted(range(len(silent)), key=lambda i: -shares[i])[:_KEPT]):
        if place == 0 or shares[at] >= _LEAST:
            yield drawn.row(asked.text, asked.twin, silent[at], (), _SOURCE)


def _shares(asked: str, windows: Sequence[NewsWindow], reader: Reader) -> list[float]:
    """How likely each window answers, as the reader says."""
    texts, contexts = [w.window.text for w in windows], [w.context for w in windows]
    return [reading.probability for reading in reader.answers(asked, texts, contexts)]


def _nearest_of_each_language(far: Sequence[NewsWindow]) -> list[NewsWindow]:
    seen: Counter[str] = Counter()
    kept = []
    for window in far:
        seen[window.article.language] += 1
        if seen[window.article.language] <= _FAR:
            kept.append(window)
    return kept


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.hard_negatives",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--clusters", type=Path, action="append", default=[], help="more clusters")
    add("--work", type=Path, required=True, help="folder of vectors, outside the checkout")
    add("--weights", type=Path, default=WEIGHTS, help="the reader; the shipped one if left out")
    add("--encoder", type=Path, help="folder of multilingual-e5-small")
    add("--minutes", type=float, default=0.0, help="stop with what is there after this long; 0: no")
    add("--seed", type=int, default=7)
    add("--out", type=Path, required=True, help="the file of rows to write")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Read, choose and write the rows; 0 at the end."""
    asked = _arguments(argv)
    asked.work.mkdir(parents=True, exist_ok=True)
    folder = asked.encoder or model_path("multilingual-e5-small")
    cutter = product_cutter(Tokenizer.from_file(str(folder / "tokenizer.json")))
    clusters = load_clusters(Inputs(asked.data, tuple(asked.clusters)).cluster_folders, "train")
    mined = mined_windows(clusters, clusters, cutter, product_encoders(folder), asked.work)
    reader = load_reader(folder, asked.weights)
    jobs: list[tuple[Drawn, Asked]] = []
    for cluster in clusters:
        drawn = Drawn(cluster, cutter, random.Random(f"{asked.seed}/{cluster.cluster_id}"))
        for question in cluster.questions:
            for language in drawn.rng.sample(LANGUAGES, _LANGUAGES):
                other = drawn.rng.choice([x for x in LANGUAGES if x != language])
                jobs.append((drawn, Asked(question, language, question.ask[other])))
    random.Random(asked.seed).shuffle(jobs)
    rows: list[Row] = []
    began = time.monotonic()
    for number, (drawn, one) in enumerate(jobs):
        if asked.minutes and time.monotonic() - began > 60 * asked.minutes:
            break
        far = mined.get((one.question.question_id, one.language), ())
        rows += misleading_rows(one, drawn, far, reader)
        if number % 200 == 0:
            print(f"{number} of {len(jobs)} questions, {len(rows)} rows", flush=True)
    write_rows(asked.out, rows)
    print(f"{len(rows)} rows in {asked.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
