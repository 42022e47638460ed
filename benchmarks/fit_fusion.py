"""Fit how retrieval joins its arms: what terms are worth, the share of the dense arm, MaxSim.

    python benchmarks/fit_fusion.py terms      # the worth of each kind of term, lexical arm alone
    python benchmarks/fit_fusion.py weights    # the dense share and the weight of late interaction
    python benchmarks/fit_fusion.py chunks     # the size and overlap of passages

Fitted on JaQuAD train alone: every fourth title (from --title on), each paragraph an article,
3,000 questions at most. XQuAD's first 24 titles (en, zh, zh over en, en over zh) are shown
beside it as a guard: a setting that gains in Japanese and loses there is not taken. Passages are
cut from whole articles (all paragraphs of a title), and judged by whether the first one, and
the first 800 tokens of passages, hold the answer. Nothing is reported on either set. Prints a
table, writes no file but --out; the constants in index/stores/bm25.py and rag/retrieval/hybrid.py
are set by hand from it, so that a new fit is a decision somebody reads.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from konkyo.eval.corpus import corpus_store  # noqa: E402
from konkyo.eval.formats.load import load  # noqa: E402
from konkyo.eval.questions import Dataset, Question  # noqa: E402
from konkyo.eval.retrieval import asked_in, titles_between  # noqa: E402
from konkyo.index.chunking import embedding_text  # noqa: E402
from konkyo.index.embedding.encoders import AnyEncoder, load_encoder  # noqa: E402
from konkyo.index.embedding.model_files import home  # noqa: E402
from konkyo.index.records import Article, article_id_for  # noqa: E402
from konkyo.index.settings import ChunkSettings  # noqa: E402
from konkyo.index.stores.bm25 import Postings, Searcher  # noqa: E402
from konkyo.index.stores.open import open_store  # noqa: E402
from konkyo.index.text.tokens import TermWorth, query_tokens  # noqa: E402
from konkyo.rag.retrieval.hybrid import (  # noqa: E402
    Fused,
    FusionWeights,
    PassageStates,
    Retriever,
    cosine_floor,
    fuse,
    late_interaction,
    read_passages,
    reordered,
)

TITLES = 4
BORDERS = (0.2, 0.35, 0.5, 1.0)
HIRAGANA = (0.5, 0.7, 1.0)
WHOLE = (0.85, 1.3, 1.7, 2.2)
DENSE = (0.3, 0.4, 0.5, 0.6, 0.7)
LATE = (0.0, 0.3, 0.6, 0.9, 1.2)
CHUNKS = ((96, 0), (128, 0), (192, 0), (192, 48), (256, 0), (256, 64), (384, 0), (384, 96))
SHOWN_TOKENS = 800
WIDEST = FusionWeights(reread=10, margin=0.15)


@dataclass(frozen=True)
class Asked:
    """One question: each arm's scores, the late score of the nearest, whose passages are whose."""

    gold: frozenset[str]
    dense: list
    lexical: list
    ceiling: float
    late: dict[str, float]


def parts(shared: Path, title: int, most: int) -> dict[str, tuple[tuple[Article, ...], list]]:
    """Name -> articles and questions of each collection that is fitted on or watched."""
    train = load(shared / "data" / "jaquad-train-0.1.0.json.xz")
    titles = list(dict.fromkeys(a.title for a in train.articles))
    chosen = set(titles[title::TITLES])
    articles = tuple(a for a in train.articles if a.title in chosen)
    names = {a.article_id for a in articles}
    questions = [q for q in train.questions if q.gold and q.gold[0].article in names]
    found = {"jaquad-train": (articles, questions[:: max(1, len(questions) // most)])}
    sets = {code: load(shared / "data" / f"xquad.{code}.json") for code in ("en", "zh")}
    for mine, theirs in (("en", "en"), ("zh", "zh"), ("zh", "en"), ("en", "zh")):
        found[f"xquad {mine}-{theirs}"] = (
            sets[theirs].articles,
            half(sets[theirs], sets[mine]),
        )
    return found


def half(passages: Dataset, questions: Dataset) -> list[Question]:
    """The questions on the first 24 titles, asked in another language."""
    kept = {q.id for q in titles_between(passages, 0, 24)}
    return [q for q in asked_in(passages, questions) if q.id in kept]


def places(
    rankings: Sequence[Sequence[str]], gold: Sequence[frozenset[str]]
) -> tuple[float, float]:
    """hit@1 and MRR@10 of rankings of articles."""
    ranks = [
        next((i for i, name in enumerate(names[:10]) if name in wanted), None)
        for names, wanted in zip(rankings, gold, strict=True)
    ]
    return (
        float(np.mean([r == 0 for r in ranks])),
        float(np.mean([0.0 if r is None else 1 / (r + 1) for r in ranks])),
    )


def owners(passage_ids: Sequence[str]) -> list[str]:
    """Articles in the order of their best passage."""
    return list(dict.fromkeys(p.rpartition("-")[0] for p in passage_ids))


def fit_terms(found: dict[str, tuple[tuple[Article, ...], list]], encoder: AnyEncoder) -> list:
    """The lexical arm alone, for every combination of what terms are worth."""
    from konkyo.index.chunking import chunk

    ready = {}
    for name, (articles, questions) in found.items():
        if name in ("xquad zh-en", "xquad en-zh"):
            continue
        cut = [
            (a.article_id, f"{a.title}\n{p.text}")
            for a in articles
            for p in chunk(a, count_tokens=encoder.count_tokens)
        ]
        searcher = Searcher([Postings.build([text for _, text in cut])], [None])
        ready[name] = ([name for name, _ in cut], searcher, questions[:1500])
    rows = []
    for border, hiragana, whole in itertools.product(BORDERS, HIRAGANA, WHOLE):
        worth = TermWorth(border=border, hiragana=hiragana, whole=whole)
        row: dict[str, object] = {"border": border, "hiragana": hiragana, "whole": whole}
        for name, (ids, searcher, questions) in ready.items():
            rankings = [
                list(
                    dict.fromkeys(
                        ids[d] for _, d, _ in searcher.search(query_tokens(q.question, worth), 40)
                    )
                )
                for q in questions
            ]
            row[name] = places(rankings, [frozenset(g.article for g in q.gold) for q in questions])
        rows.append(row)
        print(line(row), flush=True)
    return rows


def collect(
    articles: Sequence[Article], questions: Sequence[Question], encoder: AnyEncoder
) -> list[Asked]:
    """What both arms and late interaction say of each question, through the project's own code."""
    chunks = ChunkSettings()
    store = open_store(
        corpus_store(articles, encoder, home(), budget=chunks.budget, overlap=chunks.overlap)
    )
    floor = cosine_floor(encoder.fingerprint)
    retriever = Retriever(store, encoder)
    states = PassageStates(encoder, most_bytes=2**31)
    rows = []
    for question in questions:
        dense, lexical, ceiling = retriever.arms(question.question)
        near: dict[str, None] = {}
        for share in (DENSE[0], DENSE[-1]):
            weights = FusionWeights(dense=share, floor=floor)
            ranked = fuse(dense, lexical, weights, ceiling=ceiling)
            near |= dict.fromkeys(f.passage_id for f in nearest(ranked))
        read = read_passages(store, list(near))
        found = states.of_passages([embedding_text(a, p) for p, a in read.values()])
        late = late_interaction(states.of_question(question.question), found)
        gold = frozenset(g.article for g in question.gold)
        rows.append(Asked(gold, dense, lexical, ceiling, dict(zip(near, late, strict=True))))
    store.close()
    return rows


def nearest(ranked: Sequence[Fused]) -> list[Fused]:
    """Those that late interaction looks at."""
    least = ranked[0].score - WIDEST.margin if ranked else 0.0
    return [f for f in ranked[: WIDEST.reread] if f.score >= least]


def fit_weights(found: dict[str, tuple[tuple[Article, ...], list]], encoder: AnyEncoder) -> list:
    """Every combination of dense share and late weight."""
    floor = cosine_floor(encoder.fingerprint)
    ready = {}
    for name, (articles, questions) in found.items():
        ready[name] = collect(articles, questions, encoder)
        print(f"{name}: {len(articles)} articles, {len(questions)} questions", flush=True)
    rows = []
    for share, late in itertools.product(DENSE, LATE):
        row: dict[str, object] = {"dense": share, "late": late}
        for name, asked in ready.items():
            rankings = []
            for one in asked:
                weights = FusionWeights(dense=share, floor=floor)
                ranked = fuse(one.dense, one.lexical, weights, ceiling=one.ceiling)
                near = nearest(ranked)
                if late and len(near) > 1:
                    scores = [one.late[f.passage_id] for f in near]
                    ranked = reordered(ranked, scores, late)
                rankings.append(owners([f.passage_id for f in ranked[:60]]))
            row[name] = places(rankings, [one.gold for one in asked])
        rows.append(row)
        print(line(row), flush=True)
    return rows


def whole(articles: Sequence[Article]) -> tuple[list[Article], dict[str, tuple[str, int, int]]]:
    """All paragraphs of a title as one article, and where each paragraph is in it."""
    groups: dict[str, list[Article]] = {}
    for article in articles:
        groups.setdefault(article.title, []).append(article)
    joined, spans = [], {}
    for title, group in groups.items():
        text = "\n\n".join(a.text for a in group)
        name = article_id_for(title, text)
        joined.append(replace(group[0], article_id=name, text=text))
        at = 0
        for a in group:
            spans[a.article_id] = (name, at, at + len(a.text))
            at += len(a.text) + 2
    return joined, spans


def fit_chunks(found: dict[str, tuple[tuple[Article, ...], list]], encoder: AnyEncoder) -> list:
    """Size and overlap: does the first passage hold the answer, do the first 800 tokens?"""
    articles, questions = found["jaquad-train"]
    joined, spans = whole(articles)
    rows = []
    for budget, overlap in CHUNKS:
        folder = corpus_store(joined, encoder, home(), budget=budget, overlap=overlap)
        store = open_store(folder)
        weights = FusionWeights(floor=cosine_floor(encoder.fingerprint))
        retriever = Retriever(store, encoder, weights)
        first = shown = 0
        for question in questions:
            gold = question.gold[0]
            name, start, end = spans[gold.article]
            room = SHOWN_TOKENS
            passages = [hit.passage for hit in retriever.retrieve(question.question, 10)]
            sizes = encoder.count_tokens([p.text for p in passages])
            for place, (passage, size) in enumerate(zip(passages, sizes, strict=True)):
                room -= size
                if place and room < 0:
                    break
                right = passage.article_id == name and passage.start < end and start < passage.end
                if right and gold.quote in passage.text:
                    first += place == 0
                    shown += 1
                    break
        scores = (first / len(questions), shown / len(questions))
        size = sum(a.passages for a in store.articles())
        rows.append(
            {"budget": budget, "overlap": overlap, "passages": size, "jaquad-train": scores}
        )
        print(line(rows[-1]), flush=True)
        store.close()
    return rows


def line(row: dict[str, object]) -> str:
    """One setting and what it reaches."""
    return "  ".join(
        f"{key} {value[0]:.4f}/{value[1]:.4f}" if isinstance(value, tuple) else f"{key} {value:<4}"
        for key, value in row.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=["terms", "weights", "chunks"])
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared"))
    )
    parser.add_argument("--title", type=int, default=0, help="first of every fourth title (0..3)")
    parser.add_argument("--most", type=int, default=3000, help="questions of JaQuAD train")
    parser.add_argument("--out", type=Path, help="where to write the table as JSON")
    options = parser.parse_args()
    encoder = load_encoder("multilingual-e5-small", threads=2)
    found = parts(options.shared, options.title, options.most)
    fits = {"terms": fit_terms, "weights": fit_weights, "chunks": fit_chunks}
    rows = fits[options.what](found, encoder)
    rows.sort(key=lambda row: -row["jaquad-train"][1])
    meaning = "first passage/first 800 tokens" if options.what == "chunks" else "hit@1/MRR@10"
    print(f"\nbest on JaQuAD train by the second of {meaning}:")
    for row in rows[:10]:
        print(line(row))
    if options.out:
        about = {
            "command": " ".join(["python benchmarks/fit_fusion.py", *sys.argv[1:]]),
            "rows": rows,
        }
        options.out.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
