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
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import follow_ups
from follow_ups import TODAY, news_pipeline, part_alone, report, rows_of

from konkyo.index.records import Article
from konkyo.rag.types import Answer, Outcome

TWO_PARTS = follow_ups.FOLLOW_UPS.with_name("two_parts.jsonl")


def verdict(
    outcome: Outcome, number: int, row: Mapping[str, Any], articles: Mapping[str, Article]
) -> str:
    """What became of a part of a question."""
    joined = isinstance(outcome, Answer) and len(outcome.parts) != len(row["parts"])
    told = outcome if joined else part_alone(outcome, number)
    said = follow_ups.verdict(told, row["parts"][number], articles)
    return ("missing" if said == "refused" else said) + (", joined" if joined else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    pipeline, articles = news_pipeline()
    found: Counter[str] = Counter()
    for row in rows_of(TWO_PARTS):
        for asked in row["ask"].values():
            outcome = pipeline.ask(asked, today=TODAY)
            for number, part in enumerate(row["parts"]):
                kind = f"{('first', 'second')[number]}, {'there' if part['gold'] else 'absent'}"
                found[f"{kind}: {verdict(outcome, number, row, articles)}"] += 1
    report(found, given.out)


if __name__ == "__main__":
    main()
