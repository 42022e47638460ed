"""How much faster is the int8 engine than sentence-transformers, and what does it cost?

    .venv/bin/python benchmarks/embedding.py [--data ../shared/data] [--no-retrieval]

Both engines run the same model in the same process, interleaved, on the same two threads:
sentence-transformers' ``encode`` with its defaults (batches of 32) and ours. Then both embed all
of JSQuAD valid, for the share of rank lost. Writes benchmarks/results/embedding.{json,txt}.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.embedding.model_registry import resolve_embedding  # noqa: E402
from konkyo.index.stores.base import Vectors  # noqa: E402

THREADS = 2
PASSAGES = 600
REPEATS = 3


def read_squad(path: Path) -> tuple[list[str], list[str], list[int]]:
    """Passages, questions, and the passage each question belongs to."""
    passages: list[str] = []
    questions: list[str] = []
    gold: list[int] = []
    for article in json.loads(path.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for item in paragraph["qas"]:
                questions.append(item["question"])
                gold.append(len(passages))
            passages.append(paragraph["context"])
    return passages, questions, gold


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def rank_scores(queries: Vectors, passages: Vectors, gold: list[int]) -> dict[str, float]:
    """hit@1, hit@10 and MRR@10; a tie is broken against us."""
    scores = queries @ passages.T
    right = scores[np.arange(len(gold)), gold]
    ranks = (scores >= right[:, None]).sum(axis=1)
    return {
        "hit@1": float((ranks <= 1).mean()),
        "hit@10": float((ranks <= 10).mean()),
        "mrr@10": float(np.where(ranks <= 10, 1 / ranks, 0).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--model", default="multilingual-e5-small")
    parser.add_argument("--no-retrieval", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    # Before torch is imported, as the command line meets it.
    started = time.perf_counter()
    fast = load_encoder(arguments.model, threads=THREADS)
    load = time.perf_counter() - started

    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(THREADS)
    plain = SentenceTransformer(str(resolve_embedding(arguments.model)), device="cpu")
    passages, questions, gold = read_squad(arguments.data / "jsquad-valid-v1.3.json")
    sample = passages[:: max(1, len(passages) // PASSAGES)][:PASSAGES]

    def plain_encode(texts: list[str], role: str) -> Vectors:
        return np.asarray(plain.encode(texts, prompt_name=role, show_progress_bar=False))

    plain_encode(sample[:32], "passage")
    fast.passages(sample[:32])
    rounds = []
    for _ in range(REPEATS):
        slow = seconds(lambda: plain_encode(sample, "passage"))
        quick = seconds(lambda: fast.passages(sample))
        rounds.append({"plain_s": slow, "fast_s": quick, "ratio": slow / quick})
        print(f"{len(sample)} passages: {slow:.1f} s and {quick:.1f} s", file=sys.stderr)
    one = [seconds(partial(fast.queries, [q])) for q in questions[:200]]
    slow_one = [seconds(partial(plain_encode, [q], "query")) for q in questions[:50]]
    result: dict[str, object] = {
        "command": "benchmarks/embedding.py",
        "model": arguments.model,
        "threads": THREADS,
        "passages": len(sample),
        "tokens_per_passage": statistics.mean(fast.count_tokens(sample)),
        "rounds": rounds,
        "ratio": statistics.median(r["ratio"] for r in rounds),
        "plain_passages_per_s": len(sample) / statistics.median(r["plain_s"] for r in rounds),
        "fast_passages_per_s": len(sample) / statistics.median(r["fast_s"] for r in rounds),
        "fast_load_s": load,
        "fast_query_ms_p50": 1000 * statistics.median(one),
        "plain_query_ms_p50": 1000 * statistics.median(slow_one),
    }
    if not arguments.no_retrieval:
        ours = fast.passages(passages), fast.queries(questions)
        theirs = plain_encode(passages, "passage"), plain_encode(questions, "query")
        cosine = (ours[0] * theirs[0]).sum(axis=1)
        result["cosine_min"], result["cosine_mean"] = float(cosine.min()), float(cosine.mean())
        fast_scores = rank_scores(ours[1], ours[0], gold)
        plain_scores = rank_scores(theirs[1], theirs[0], gold)
        result["jsquad_fast"], result["jsquad_plain"] = fast_scores, plain_scores
        result["mrr_loss_points"] = 100 * (plain_scores["mrr@10"] - fast_scores["mrr@10"])
    text = describe(result)
    print(text)
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "embedding.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    (folder / "embedding.txt").write_text(text + "\n", "utf-8")


def describe(result: dict[str, object]) -> str:
    """One figure a line."""
    return "\n".join(
        f"{key:<22} {value:.4g}" if isinstance(value, float) else f"{key:<22} {value}"
        for key, value in result.items()
        if key != "rounds"
    )


if __name__ == "__main__":
    main()
