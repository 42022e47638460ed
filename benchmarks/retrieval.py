r"""Konkyo's retrieval beside the pipeline people write first, same weights, same questions.

One run.

The other pipeline is LlamaIndex as its guide shows it: SentenceSplitter with its defaults, the
Hugging Face embedding of the very same weights, FaissVectorStore over a flat index, top hits by
similarity. It is run as written ("plain") and with the prefixes the model card asks for
("prefixed"). Paragraphs are ranked by their best chunk on both sides.

    pip install -e '.[bench]'
    python benchmarks/retrieval.py --squad ../shared/data/jsquad-valid-v1.3.json \\
        --out benchmarks/results/retrieval-jsquad.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from konkyo.eval.formats.load import load
from konkyo.eval.metrics import Measure, retrieval
from konkyo.eval.questions import Dataset, Question
from konkyo.eval.statistics import mean, paired

MEASURES = tuple(Measure.parse(name) for name in ("hit@1", "hit@10", "MRR@10"))
DEPTH = 40
PREFIXES = {"plain": ("", ""), "prefixed": ("query: ", "passage: ")}


def konkyo(
    dataset: Dataset, questions: Sequence[Question], arms: Sequence[str], cache: Path
) -> dict[str, tuple[Mapping[str, tuple[str, ...]], float]]:
    """Rankings and seconds of each arm, through the project's own code."""
    from konkyo.eval.corpus import corpus_store
    from konkyo.eval.retrieval import ARMS, search_paragraphs
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.settings import ChunkSettings
    from konkyo.index.stores.open import open_store

    encoder = load_encoder("multilingual-e5-small", threads=2)
    chunks = ChunkSettings()
    start = time.perf_counter()
    folder = corpus_store(
        dataset.articles, encoder, cache, budget=chunks.budget, overlap=chunks.overlap
    )
    print(f"konkyo: store ready after {time.perf_counter() - start:.1f} s", file=sys.stderr)
    store = open_store(folder)
    found = {}
    for arm in ARMS:
        if arm in arms:
            result = search_paragraphs(store, encoder, questions, arm=arm)
            found[f"konkyo {arm}"] = (result.rankings, result.seconds)
            print(f"konkyo {arm}: {result.seconds:.1f} s", file=sys.stderr)
    store.close()
    return found


def llama_index(
    dataset: Dataset, questions: Sequence[Question], name: str
) -> tuple[dict[str, tuple[str, ...]], float]:
    """Rankings and seconds of LlamaIndex's pipeline with one pair of prefixes."""
    import faiss
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.faiss import FaissVectorStore

    from konkyo.index.embedding.model_registry import resolve_embedding

    query, text = PREFIXES[name]
    model = HuggingFaceEmbedding(
        str(resolve_embedding("multilingual-e5-small")),
        query_instruction=query,
        text_instruction=text,
        device="cpu",
    )
    # The title travels as metadata, which LlamaIndex embeds with the text.
    documents = [
        Document(text=a.text, doc_id=a.article_id, metadata={"title": a.title})
        for a in dataset.articles
    ]
    vectors = FaissVectorStore(faiss.IndexFlatIP(384))
    start = time.perf_counter()
    index = VectorStoreIndex.from_documents(
        documents,
        storage_context=StorageContext.from_defaults(vector_store=vectors),
        transformations=[SentenceSplitter()],
        embed_model=model,
        show_progress=sys.stderr.isatty(),
    )
    print(f"llama-index {name}: indexed in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    retriever = index.as_retriever(similarity_top_k=DEPTH)
    rankings: dict[str, tuple[str, ...]] = {}
    start = time.perf_counter()
    for question in questions:
        hits = retriever.retrieve(question.question)
        ids = dict.fromkeys(str(hit.node.ref_doc_id) for hit in hits)
        rankings[question.id] = tuple(ids)[:10]
    seconds = time.perf_counter() - start
    print(f"llama-index {name}: {seconds:.1f} s", file=sys.stderr)
    return rankings, seconds


def figures(
    questions: Sequence[Question], rankings: Mapping[str, Sequence[str]], seconds: float
) -> tuple[dict[str, object], dict[str, float]]:
    """What is published of one system, and its reciprocal ranks by question."""
    relevant = {q.id: {g.article: 1 for g in q.gold} for q in questions}
    scores = retrieval(MEASURES, relevant, rankings)
    means = {str(m): mean(list(values.values())) for m, values in scores.items()}
    return {
        "metrics": {name: round(value.value, 4) for name, value in means.items()},
        "intervals": {n: [round(v.low, 4), round(v.high, 4)] for n, v in means.items()},
        "milliseconds_a_question": round(1000 * seconds / len(questions), 2),
    }, scores[MEASURES[2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--squad", type=Path, required=True, help="SQuAD file")
    parser.add_argument("--out", type=Path, help="where to write the result (JSON)")
    parser.add_argument(
        "--limit", type=int, help="every n-th question, so that about LIMIT are left"
    )
    parser.add_argument(
        "--arms", default="fused,dense,lexical", help="Konkyo's arms, comma between"
    )
    parser.add_argument("--others", default="plain,prefixed", help="LlamaIndex's, comma between")
    parser.add_argument("--cache", type=Path, default=None, help="where the store is kept")
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    from konkyo.index.embedding.model_files import home

    dataset = load(options.squad)
    every = max(1, len(dataset.questions) // options.limit) if options.limit else 1
    questions = dataset.questions[::every]
    found = konkyo(dataset, questions, options.arms.split(","), options.cache or home())
    for name in filter(None, options.others.split(",")):
        found[f"llama-index {name}"] = llama_index(dataset, questions, name)
    ranks: dict[str, dict[str, float]] = {}
    systems: dict[str, object] = {}
    for name, (rankings, seconds) in found.items():
        systems[name], ranks[name] = figures(questions, rankings, seconds)
    first = next(iter(found))
    against = {name: paired(ranks[name], ranks[first]) for name in found if name != first}
    result = {
        "command": " ".join(["python", "benchmarks/retrieval.py", *sys.argv[1:]]),
        "questions": len(questions),
        "paragraphs": len(dataset.articles),
        "systems": systems,
        f"MRR@10 of {first} minus": {
            name: {
                "difference": round(p.difference, 4),
                "interval": [round(p.low, 4), round(p.high, 4)],
                "p": round(p.p, 4),
                "better": p.better,
                "worse": p.worse,
            }
            for name, p in against.items()
        },
        "versions": {
            name: version(name)
            for name in ("faiss-cpu", "llama-index-core", "sentence-transformers", "torch")
        },
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}",
    }
    text = json.dumps(result, ensure_ascii=False, indent=2)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
