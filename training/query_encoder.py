r"""Train the encoder of questions that searches other languages than their own.

multilingual-e5-small places a question nearer to passages in its own language than to those that
answer it in another. Here its twelve layers are trained to place a question near the passages of
another language that answer it; the passages keep their vectors, so no index is made anew. The data
are the training clusters of news, NTREX (questions, and lines that find their own place in another
language) and the first 24 titles of XQuAD; the loss is cross-entropy over all passages of a set in
one language (temperature 1/40). Prints, for the reporting clusters and XQuAD's last 24 titles, how
often a place is among the first 1, 3, 5, 8 and 12 passages of its language:

    python -m training.query_encoder --data ../shared/data --clusters DIR --ntrex DIR \
        --work ../query --out rag/retrieval/query_encoder.safetensors
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.embedding.model_files import sha256_of
from konkyo.index.embedding.model_registry import model_path
from training.export import PLAIN, peaks_while, quantise
from training.mixture import Inputs
from training.model import Network, load_base
from training.negatives import Encoder, Vectors, cached_vectors
from training.news import Cluster, load_clusters, load_ntrex, ntrex_clusters
from training.news_rows import news_windows
from training.sources import xquad
from training.windows import Cutter, product_cutter

__all__ = ["Group", "groups_of_training", "main", "ranks"]

_SCALE = 40.0
_LONGEST = 48
_SHARES = {"news": 4.0, "ntrex": 1.5, "xquad": 0.8}
"""How often each set is drawn."""
_FIRST = (1, 3, 5, 8, 12)
_EVERY = {"news": 2, "xquad": 15}
"""Of the reporting questions every n-th is asked."""


@dataclass(frozen=True, slots=True)
class Group:
    """Passages of one set in one language, and the questions in other languages they answer.

    ``passages`` has the shape (passages, width); ``asked`` are (question, language, passages that
    answer it).
    """

    name: str
    language: str
    passages: Vectors
    asked: tuple[tuple[str, str, tuple[int, ...]], ...]


class _Builder:
    """Makes groups with the product's own passages and vectors."""

    def __init__(self, inputs: Inputs, cutter: Cutter, encoder: Encoder, work: Path) -> None:
        self.inputs = inputs
        self._cutter = cutter
        self._encoder = encoder
        self._work = work

    def of_clusters(self, name: str, clusters: Sequence[Cluster]) -> Iterator[Group]:
        """One group a language, with the questions in every other."""
        windows = [w for cluster in clusters for w in news_windows(cluster, self._cutter)]
        for language in sorted({w.article.language for w in windows}):
            some = [w for w in windows if w.article.language == language]
            held: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
            for number, w in enumerate(some):
                held[w.article.article_id].append((number, w.window.start, w.window.end))
            asked = []
            for question in (q for cluster in clusters for q in cluster.questions):
                found = {
                    number
                    for article, start, end in question.places
                    for number, first, last in held.get(article, ())
                    if start < last and first < end
                }
                for spoken, text in question.ask.items():
                    if found and spoken != language:
                        asked.append((text, spoken, tuple(sorted(found))))
            texts = [f"{w.article.title} {w.article.published}\n{w.window.text}" for w in some]
            yield Group(name, language, self._vectors(texts), tuple(asked))

    def of_lines(self) -> Iterator[Group]:
        """NTREX: a line in one language finds the four lines around it in another."""
        places: dict[str, list[str]] = defaultdict(list)
        lines: list[tuple[dict[str, str], int]] = []
        for document in load_ntrex(self.inputs.data).values():
            for start in range(0, len(document), 4):
                some = document[start : start + 4]
                lines += [(line, len(places["en"])) for line in some]
                for language in some[0]:
                    told = " ".join(line[language] for line in some)
                    places[language].append(f"{document[0][language]}\n{told}")
        for language in ("ja", "en", "ko", "zh"):
            asked = tuple(
                (text, spoken, (place,))
                for line, place in lines
                for spoken, text in line.items()
                if spoken != language
            )
            yield Group("ntrex", language, self._vectors(places[language]), asked)

    def of_xquad(self, report: bool) -> Iterator[Group]:
        """XQuAD's paragraphs in each language, asked in every other."""
        sets = xquad(self.inputs.data, report=report)
        for language, paragraphs in sets.items():
            asked = tuple(
                (question.text, spoken, (number,))
                for spoken, others in sets.items()
                if spoken != language
                for number, paragraph in enumerate(others)
                for question in paragraph.questions
            )
            texts = [p.text for p in paragraphs]
            yield Group("xquad", language, self._vectors(texts), asked)

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        return cached_vectors(self._encoder, texts, "passage", self._work)


def groups_of_training(build: _Builder) -> list[Group]:
    """All groups that train."""
    clusters = load_clusters(build.inputs.cluster_folders, "train")
    parallel = ntrex_clusters(load_ntrex(build.inputs.data), build.inputs.ntrex)
    return [
        *build.of_clusters("news", clusters),
        *build.of_clusters("news", [c for c in parallel if c.questions]),
        *build.of_lines(),
        *build.of_xquad(report=False),
    ]


class _Questions:
    """Encodes questions by a network; vectors of length 1."""

    def __init__(self, tokenizer: Tokenizer, words: torch.Tensor) -> None:
        self._tokenizer = tokenizer
        self._words = words

    def __call__(self, network: Network, texts: Sequence[str], drop: float = 0.0) -> torch.Tensor:
        """Shape (texts, width), float32."""
        ids = [self._tokenizer.encode(f"query: {text}").ids[:_LONGEST] for text in texts]
        longest = max(map(len, ids))
        numbers = torch.ones(len(ids), longest, dtype=torch.long)
        mask = torch.zeros(len(ids), longest)
        for row, some in enumerate(ids):
            numbers[row, : len(some)] = torch.tensor(some)
            mask[row, : len(some)] = 1.0
        dtype = network.positions.dtype
        states = network.states(self._words[numbers].to(dtype), mask, drop).float()
        pooled = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return functional.normalize(pooled, dim=1)

    def all(self, network: Network, texts: Sequence[str]) -> Vectors:
        """The same for many, like lengths together, without gradients."""
        out = np.zeros((len(texts), self._words.shape[1]), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        with torch.no_grad():
            for at in range(0, len(order), 128):
                some = order[at : at + 128]
                out[some] = self(network, [texts[i] for i in some]).numpy()
        return out


def ranks(group: Group, vectors: Vectors) -> list[int]:
    """How many passages come before the best that answers, a question; ``vectors`` are theirs."""
    scores = vectors @ group.passages.T
    return [
        int((row > max(row[list(answering)])).sum())
        for row, (_, _, answering) in zip(scores, group.asked, strict=True)
    ]


def _shares(found: Sequence[int]) -> dict[int, float]:
    return {k: round(sum(rank < k for rank in found) / max(1, len(found)), 3) for k in _FIRST}


def _report(groups: Sequence[Group], questions: _Questions, network: Network, told: str) -> None:
    found: dict[str, list[int]] = defaultdict(list)
    for group in groups:
        some = replace(group, asked=group.asked[:: _EVERY[group.name]])
        vectors = questions.all(network, [text for text, _, _ in some.asked])
        found[group.name] += ranks(some, vectors)
    print(told, {name: _shares(some) for name, some in found.items()}, flush=True)


@dataclass(frozen=True, slots=True)
class _Plan:
    steps: int
    peak: float
    rows: int
    drop: float
    seed: int


def _learns(name: str) -> bool:
    """Whether a parameter is of the encoder; the heads of the reader are left out."""
    return name.startswith(("positions", "norm.", "layers."))


def _train(
    plan: _Plan,
    network: Network,
    questions: _Questions,
    groups: Sequence[Group],
    reporting: Sequence[Group],
) -> Network:
    """The running average of a trained network."""
    rng = random.Random(plan.seed)
    weights = [_SHARES[group.name] for group in groups]
    passages = [torch.from_numpy(group.passages) for group in groups]
    fast, average = Network().bfloat16(), Network()
    average.load_state_dict(network.state_dict())
    pairs = [
        (master, working)
        for (name, master), working in zip(
            network.named_parameters(), fast.parameters(), strict=True
        )
        if _learns(name)
    ]
    optimiser = torch.optim.AdamW(
        [m for m, _ in pairs], lr=plan.peak, weight_decay=0.01, fused=True
    )
    began, total = time.monotonic(), 0.0
    for step in range(plan.steps):
        with torch.no_grad():
            for master, working in pairs:
                working.copy_(master)
        (number,) = rng.choices(range(len(groups)), weights)
        rows = rng.sample(groups[number].asked, min(plan.rows, len(groups[number].asked)))
        scores = questions(fast, [text for text, _, _ in rows], plan.drop) @ passages[number].T
        wanted = torch.zeros_like(scores)
        for row, (_, _, answering) in enumerate(rows):
            wanted[row, list(answering)] = 1 / len(answering)
        loss = -(torch.log_softmax(scores * _SCALE, 1) * wanted).sum(1).mean()
        found = torch.autograd.grad(loss, [w for _, w in pairs])
        for (master, _), gradient in zip(pairs, found, strict=True):
            master.grad = gradient.float()
        torch.nn.utils.clip_grad_norm_([m for m, _ in pairs], 1.0)
        rate = min(1.0, (step + 1) / 50) * min(1.0, (1 - step / plan.steps) / 0.5)
        for of_rate in optimiser.param_groups:
            of_rate["lr"] = plan.peak * rate
        optimiser.step()
        keep = min(0.98, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, master in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(master, 1 - keep)
        total += float(loss.detach())
        if (step + 1) % 50 == 0:
            pace = (time.monotonic() - began) / (step + 1)
            print(f"step {step + 1}: loss {total / 50:.3f}, {pace:.2f} s a step", flush=True)
            total = 0.0
        if (step + 1) % 250 == 0:
            _report(reporting, questions, average, f"step {step + 1}")
    return average


def _read_each(questions: _Questions, network: Network, texts: Sequence[str]) -> None:
    for text in texts:
        questions(network, [text])


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.query_encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--work", type=Path, required=True, help="folder of vectors and checkpoints")
    add("--clusters", type=Path, action="append", default=[], help="more clusters")
    add("--ntrex", type=Path, help="folder of questions over NTREX documents")
    add("--encoder", type=Path, help="folder of multilingual-e5-small")
    add("--steps", type=int, default=1500, help="0 writes the file of an earlier run again")
    add("--rows", type=int, default=96, help="questions a step")
    add("--peak", type=float, default=1e-4, help="learning rate")
    add("--drop", type=float, default=0.1)
    add("--seed", type=int, default=7)
    add("--out", type=Path, required=True, help="the .safetensors file to write")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, report and write the shipped file."""
    from safetensors.torch import load_file, save_file

    asked = _arguments(argv)
    asked.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(asked.seed)
    folder = asked.encoder or model_path("multilingual-e5-small")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    inputs = Inputs(asked.data, tuple(asked.clusters), asked.ntrex)
    build = _Builder(inputs, product_cutter(tokenizer), load_encoder(folder), asked.work)
    reporting = load_clusters(inputs.cluster_folders, "dev")
    reported = [
        *build.of_clusters("news", reporting),
        *(g for g in build.of_xquad(report=True) if g.language in ("en", "zh")),
    ]
    groups = groups_of_training(build)
    network, words = load_base(folder)
    questions = _Questions(tokenizer, words)
    kept = asked.work / "average.safetensors"
    if asked.steps:
        _report(reported, questions, network, "untrained")
        plan = _Plan(asked.steps, asked.peak, asked.rows, asked.drop, asked.seed)
        average = _train(plan, network, questions, groups, reported)
        save_file({n: t.contiguous() for n, t in average.named_parameters() if _learns(n)}, kept)
    network.load_state_dict(load_file(kept), strict=False)
    _report(reported, questions, network, "trained")
    some = [text for group in groups for text, _, _ in group.asked[::400]]
    peaks = peaks_while(network, lambda: _read_each(questions, network, some))
    version = sha256_of(kept)[:12]
    quantise(kept, asked.out, PLAIN, version, peaks)
    asked.out.with_suffix(".sha256").write_text(f"{sha256_of(asked.out)}\n", "utf-8")
    print(f"wrote {asked.out}, {asked.out.stat().st_size:,} bytes, version {version}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
