"""How far up the place of an answer stands in another language, with a dictionary and without.

    python benchmarks/translated_terms.py --out benchmarks/results/translated_terms.json

Questions of Konkyo News Reading over the articles of all clusters: of those whose answer stands in
another language than the question's, the share whose place is among the first 1, 3, 5 and 10
passages of its language, by the weight of the dictionary's words. The clusters 9 chose the weight;
3, 7, 11 and 15 report.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from fit_judge import marked_places  # noqa: E402

from konkyo.eval.corpus import corpus_store  # noqa: E402
from konkyo.eval.formats.shipped import load_shipped  # noqa: E402
from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.embedding.model_files import home  # noqa: E402
from konkyo.index.records import Hit  # noqa: E402
from konkyo.index.stores.open import open_store  # noqa: E402
from konkyo.rag.factory import CHECKER_BASE, open_query_encoder  # noqa: E402
from konkyo.rag.retrieval.evidence import Span  # noqa: E402
from konkyo.rag.retrieval.hybrid import FusionWeights, Retriever  # noqa: E402
from konkyo.rag.retrieval.languages import LanguageLimits  # noqa: E402
from training.news import part_of  # noqa: E402

WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5)
FIRST = (1, 3, 5, 10)


def rank(hits: Sequence[Hit], places: Sequence[Span]) -> int:
    """How many passages lie before the first that holds a part of a place."""
    for i, hit in enumerate(hits):
        for place in places:
            same = hit.article.article_id == place.article_id
            if same and hit.passage.start < place.end and place.start < hit.passage.end:
                return i
    return len(hits)


def measured(part: str, most: int, seed: int) -> dict[str, Any]:
    """The shares of a part's questions, by weight and by direction."""
    whole = load_shipped("news")
    articles = {a.source: a for a in whole.articles}
    encoder = load_encoder(CHECKER_BASE)
    store = open_store(str(corpus_store(whole.articles, encoder, home(), budget=192, overlap=0)))
    across = open_query_encoder(encoder)
    asked = [q for q in whole.questions if part_of(q.id) == part and q.gold]
    asked = random.Random(seed).sample(asked, min(most, len(asked)))
    table: dict[str, Any] = {}
    for weight in WEIGHTS:
        limits = replace(LanguageLimits(), words=weight)
        retriever = Retriever(store, encoder, FusionWeights(languages=limits), across)
        ranks: dict[str, list[int]] = defaultdict(list)
        for question in asked:
            hits = retriever.retrieve(question.question, 16, language=question.language)
            places: dict[str, list[Span]] = defaultdict(list)
            for place in marked_places(question, articles):
                places[place.language].append(place)
            for language, some in places.items():
                if language == question.language:
                    continue
                found = rank([h for h in hits if h.article.language == language], some)
                ranks["all"].append(found)
                ranks[f"asked in {question.language}"].append(found)
        table[f"words {weight}"] = {
            kind: {f"first {n}": round(sum(r < n for r in some) / len(some), 3) for n in FIRST}
            for kind, some in sorted(ranks.items())
        }
        print(part, weight, len(ranks["all"]), table[f"words {weight}"]["all"], flush=True)
    store.close()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    command = f"python benchmarks/translated_terms.py --questions {args.questions}"
    told: dict[str, Any] = {"command": command}
    for part in ("held", "dev"):
        told[part] = measured(part, args.questions, args.seed)
    if args.out:
        args.out.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
