"""Questions that ask two things over news: what becomes of each part.

    python benchmarks/two_parts.py --out benchmarks/results/two_parts_reported.json

The 80 of ``eval/datasets/news/two_parts.jsonl``, each in four languages, over an index of all
clusters, quotes alone. They are over clusters that report: nothing was fitted or chosen by them. A
part is right where its quotes overlap a marked place, wrong where none does, missing where it is
said to have no answer or the whole question is refused; ``joined`` counts those of messages that
were not taken for two parts, which are right where the answer cites a marked place.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from follow_ups import cites

from konkyo.eval.corpus import corpus_store
from konkyo.eval.formats.shipped import load_shipped
from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.embedding.model_files import home
from konkyo.index.records import Article
from konkyo.rag.factory import CHECKER_BASE, open_from_settings
from konkyo.rag.types import Answer, Outcome

ROOT = Path(__file__).resolve().parent.parent
TWO_PARTS = ROOT / "eval" / "datasets" / "news" / "two_parts.jsonl"
TODAY = date(2026, 9, 30)


def verdict(
    outcome: Outcome, number: int, row: Mapping[str, Any], articles: Mapping[str, Article]
) -> str:
    """What became of a part of a question."""
    if not isinstance(outcome, Answer):
        return "missing"
    whole = len(outcome.parts) != len(row["parts"])
    wanted = [q.id for q in outcome.citations] if whole else outcome.parts[number].citations
    told = replace(outcome, citations=tuple(q for q in outcome.citations if q.id in wanted))
    if not told.citations:
        return "missing"
    right = any(cites(told, gold, articles) for gold in row["parts"][number]["gold"])
    return ("right" if right else "wrong") + (", joined" if whole else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    whole = load_shipped("news")
    store = corpus_store(whole.articles, load_encoder(CHECKER_BASE), home(), budget=192, overlap=0)
    pipeline = open_from_settings(str(store), llm="none")
    articles = {article.source: article for article in whole.articles}
    found: Counter[str] = Counter()
    for line in filter(None, TWO_PARTS.read_text("utf-8").split("\n")):
        row = json.loads(line)
        for asked in row["ask"].values():
            outcome = pipeline.ask(asked, today=TODAY)
            for number, part in enumerate(row["parts"]):
                kind = f"{('first', 'second')[number]}, {'there' if part['gold'] else 'absent'}"
                found[f"{kind}: {verdict(outcome, number, row, articles)}"] += 1
    told = json.dumps(dict(sorted(found.items())), indent=2)
    print(told)
    if given.out is not None:
        given.out.write_text(told + "\n", "utf-8")


if __name__ == "__main__":
    main()
