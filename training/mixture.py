"""The mixture of one epoch: rows of every set that may train, drawn anew from the seed each time.

News reading is the target, so each news question comes several times an epoch with other windows
and other negatives; of the large encyclopaedic sets a share is drawn.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.code_switching import code_switched_rows
from training.negatives import Encoders, cached_vectors, nearest
from training.news import (
    LANGUAGES,
    Cluster,
    load_clusters,
    load_ntrex,
    ntrex_clusters,
)
from training.news_rows import (
    NewsWindow,
    claim_rows,
    news_windows,
    parallel_claim_rows,
    question_rows,
    yes_or_no_rows,
)
from training.rows import NOT_SUPPORTED, SUPPORTED, Row
from training.sources import (
    Pair,
    Paragraph,
    cmrc,
    drcd,
    jamp,
    janli,
    jaquad,
    jnli,
    jsick,
    klue,
    squad2,
    tydi,
    uhgeval,
    wice,
    xquad,
)
from training.squad_rows import Corpus, cross_rows, squad_rows
from training.windows import Cutter, about, sentence_spans

__all__ = ["Inputs", "counts", "held_rows", "mined_windows", "mixture"]

_SWITCHED = 0.5
"""Share of the questions of sets in one language whose words are put into another."""
_MINED = 6
"""Nearest windows kept in each language, of other stories than the question's."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the data are: the shared folder, further clusters and questions over NTREX."""

    data: Path
    clusters: tuple[Path, ...] = ()
    ntrex: Path | None = None
    news_draws: int = 2
    share: float = 1.0

    @property
    def cluster_folders(self) -> tuple[Path, ...]:
        """All folders of clusters; of two files of one name the first counts."""
        return (*self.clusters, self.data / "reading" / "clusters")


def mixture(
    inputs: Inputs, epoch: int, seed: int, cutter: Cutter, encoders: Encoders, work: Path
) -> list[Row]:
    """All rows of one epoch in a seeded order; the same inputs and seed give the same rows."""
    rows = [
        *_news(inputs, epoch, seed, cutter, encoders, work),
        *_reading(inputs, epoch, seed, cutter),
        *_support(inputs, epoch, seed, cutter),
    ]
    random.Random(f"{seed}/{epoch}/order").shuffle(rows)
    return rows


def held_rows(
    inputs: Inputs, seed: int, cutter: Cutter, encoders: Encoders, work: Path
) -> list[Row]:
    """Rows that no training sees, to fit calibration on: clusters 9 and 24 JaQuAD titles."""
    rng = random.Random(f"{seed}/held")
    clusters = load_clusters(inputs.cluster_folders, "held")
    mined = mined_windows(clusters, clusters, cutter, encoders, work)
    rows: list[Row] = []
    for cluster in clusters:
        rows += question_rows(cluster, cutter, mined, rng, "held")
        rows += claim_rows(cluster, cutter, rng, "held")
    corpus = Corpus(jaquad(inputs.data, held=True), cutter)
    rows += squad_rows(corpus, rng, "held", share=0.5)
    rng.shuffle(rows)
    return rows


def _news(
    inputs: Inputs, epoch: int, seed: int, cutter: Cutter, encoders: Encoders, work: Path
) -> Iterator[Row]:
    clusters = load_clusters(inputs.cluster_folders, "train")
    documents = load_ntrex(inputs.data)
    parallel = ntrex_clusters(documents, inputs.ntrex)
    both = [*clusters, *parallel]
    mined = mined_windows(both, both, cutter, encoders, work)
    # A claim over parallel news stands there sixteen times, in pairs of languages.
    shares = [("news", 1.0)] * len(clusters) + [("ntrex", 0.25)] * len(parallel)
    for draw in range(inputs.news_draws):
        for cluster, (source, share) in zip(both, shares, strict=True):
            rng = random.Random(f"{seed}/{epoch}/news/{draw}/{cluster.cluster_id}")
            yield from question_rows(cluster, cutter, mined, rng, source)
            some = _some_claims(cluster, share, rng)
            yield from yes_or_no_rows(some, cutter, rng, "news yes or no")
            for _ in range(3):
                some = _some_claims(cluster, share, rng)
                yield from claim_rows(some, cutter, rng, f"{source} claims")
    rng = random.Random(f"{seed}/{epoch}/ntrex")
    for _ in range(7):
        for lines in documents.values():
            yield from parallel_claim_rows(lines[1:], rng, 0.9, "ntrex claims")


def _some_claims(cluster: Cluster, share: float, rng: random.Random) -> Cluster:
    """The cluster with a share of its claims, drawn anew."""
    return replace(cluster, claims=tuple(c for c in cluster.claims if rng.random() < share))


def mined_windows(
    asking: Sequence[Cluster],
    store: Sequence[Cluster],
    cutter: Cutter,
    encoders: Encoders,
    work: Path,
) -> Mapping[tuple[str, str], list[NewsWindow]]:
    """The nearest windows of other clusters for each question and language, by the encoder.

    Each language of the store is searched by itself, as the product does, or nearly all of them
    would be in the language of the question.
    """
    windows = [w for cluster in store for w in news_windows(cluster, cutter)]
    keys = [
        (cluster.cluster_id, q.question_id, language, q.ask[language])
        for cluster in asking
        for q in cluster.questions
        for language in LANGUAGES
    ]
    if not windows or not keys:
        return {}
    asked = [text for *_, text in keys]
    own = cached_vectors(encoders.own, asked, "query", work)
    across = cached_vectors(encoders.across, asked, "query", work)
    found: dict[tuple[str, str], list[NewsWindow]] = {(key[1], key[2]): [] for key in keys}
    for read in LANGUAGES:
        some = [w for w in windows if w.article.language == read]
        if not some:
            continue
        texts = [f"{w.article.title} {w.article.published}\n{w.window.text}" for w in some]
        passages = cached_vectors(encoders.own, texts, "passage", work)
        same = np.array([language == read for _, _, language, _ in keys])[:, None]
        top = nearest(np.where(same, own, across), passages, _MINED + 16)
        for (cluster_id, question_id, language, _), near in zip(keys, top, strict=True):
            others = [some[i] for i in near if some[i].cluster_id != cluster_id]
            found[question_id, language] += others[:_MINED]
    return found


def _reading(inputs: Inputs, epoch: int, seed: int, cutter: Cutter) -> Iterator[Row]:
    """The encyclopaedic reading sets, each with the share of its questions drawn an epoch."""
    data = inputs.data
    plan: list[tuple[str, list[Paragraph], float, float]] = [
        ("jaquad", jaquad(data), 0.25, 1.0),
        ("cmrc", cmrc(data), 0.4, 1.0),
        ("drcd", drcd(data), 0.5, 1.0),
        ("squad2", squad2(data), 1.0, 0.6),
        ("tydi-ko", tydi(data, "ko"), 1.0, 1.5),
        ("tydi-en", tydi(data, "en"), 0.5, 1.0),
        *((f"tydi-{x}", tydi(data, x), 0.5, 1.0) for x in ("ru", "ar", "id", "fi")),
    ]
    for name, paragraphs, share, negatives in plan:
        rng = random.Random(f"{seed}/{epoch}/{name}")
        corpus = Corpus(paragraphs, cutter)
        share *= inputs.share
        rows = squad_rows(corpus, rng, name, share=share, negatives=negatives)
        language = corpus.paragraphs[0].language[:2]
        if language in LANGUAGES:
            switch = f"{seed}/{epoch}/switch"
            rows = code_switched_rows(rows, language, _SWITCHED, switch)
        yield from rows
    half = xquad(data)
    corpora = {language: Corpus(half[language], cutter) for language in half}
    rng = random.Random(f"{seed}/{epoch}/xquad")
    yield from cross_rows(half, corpora, rng, 5 * inputs.share, "xquad")
    for lines in _aligned(half):
        spoken = tuple(lines[0])
        often = tuple(x for x in ("en", "zh", "es", "de") if x in spoken)
        for _ in range(3):
            share = 0.8 * inputs.share
            yield from parallel_claim_rows(lines, rng, share, "xquad claims", often, spoken)


def _aligned(half: Mapping[str, Sequence[Paragraph]]) -> Iterator[list[dict[str, str]]]:
    """The sentences of XQuAD's paragraphs, in the languages that have as many as English."""
    for index in range(len(half["en"])):
        cut = {}
        for language, paragraphs in half.items():
            text = paragraphs[index].text
            cut[language] = [text[a:b] for a, b in sentence_spans(text, language)]
        size = len(cut["en"])
        # Thai marks no end of a sentence, so a like count there is chance.
        spoken = [x for x in cut if len(cut[x]) == size and x != "th"]
        if len(spoken) > 2 and size > 1:
            yield [{x: cut[x][i] for x in spoken} for i in range(size)]


def _support(inputs: Inputs, epoch: int, seed: int, cutter: Cutter) -> Iterator[Row]:
    data = inputs.data
    plan: list[tuple[str, list[Pair], float]] = [
        ("jnli", jnli(data), 1.0),
        ("klue", klue(data), 1.0),
        ("janli", janli(data), 0.35),
        ("jsick", jsick(data), 0.6),
        ("jamp", jamp(data), 0.15),
        ("wice", wice(data), 1.0),
    ]
    rng = random.Random(f"{seed}/{epoch}/support")
    for name, pairs, share in plan:
        for pair in pairs:
            if rng.random() < share * inputs.share:
                clean = ((0, len(pair.claim), 0),) if pair.label == SUPPORTED else ()
                yield Row(
                    "claim", pair.claim, "", pair.evidence, pair.label, (), clean, source=name
                )
    for title, day, real, invented in uhgeval(data):
        yield from _continuations(cutter, rng, about(title, day), real, invented)


def _continuations(
    cutter: Cutter, rng: random.Random, context: str, real: Pair, invented: Pair
) -> Iterator[Row]:
    """A true continuation over its own window; an invented one over that and over the first.

    Words marked as wrong are wrong; of the others those that the window repeats are right.
    """
    windows = cutter.cut(real.evidence, "zh")
    told = next((w for w in windows if real.claim[:20] in w.text), windows[0])
    clean = ((0, len(real.claim), 0),)
    yield Row("claim", real.claim, context, told.text, SUPPORTED, (), clean, source="uhgeval")
    marks = [
        (i, i + 2, 0)
        for i in range(len(invented.claim) - 1)
        if invented.claim[i : i + 2] in told.text
    ]
    marks += [(a, b, 1) for a, b in invented.wrong]
    yield Row(
        "claim",
        invented.claim,
        context,
        told.text,
        NOT_SUPPORTED,
        (),
        tuple(marks),
        source="uhgeval",
    )
    other = rng.choice(windows)
    if other != told:
        yield Row("claim", invented.claim, context, other.text, NOT_SUPPORTED, source="uhgeval")


def counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """How many rows each source gives, by task and label."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        found.setdefault(row.source, Counter())[f"{row.task} {row.label}"] += 1
    return {source: dict(sorted(found[source].items())) for source in sorted(found)}
