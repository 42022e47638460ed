"""Second turns over news: how many are answered rightly, wrongly or refused.

    python benchmarks/follow_ups.py --out benchmarks/results/follow_ups.json
    python benchmarks/follow_ups.py --standalone
    python benchmarks/follow_ups.py --together --out benchmarks/results/two_parts.json

The 78 of ``eval/datasets/news/follow_ups.jsonl`` over an index of all clusters, quotes alone: the
first question is asked, then the follow-up with it as history. ``--standalone`` asks the same as
one whole question instead, which says what is lost by not knowing what a follow-up is about;
``--together`` asks both questions in one message and counts the second's part of the answer. Right
is an answer that cites a marked place. The clusters 9, over which they were written, train nothing,
but fit thresholds.
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

from konkyo.eval.corpus import corpus_store
from konkyo.eval.formats.shipped import load_shipped
from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.embedding.model_files import home
from konkyo.index.records import Article
from konkyo.rag.conversation import Turn
from konkyo.rag.factory import CHECKER_BASE, open_from_settings
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import Answer, Outcome

ROOT = Path(__file__).resolve().parent.parent
FOLLOW_UPS = ROOT / "eval" / "datasets" / "news" / "follow_ups.jsonl"
TODAY = date(2026, 9, 30)


def cites(outcome: Answer, gold: Mapping[str, Any], articles: Mapping[str, Article]) -> bool:
    """Whether an answer cites a quote that overlaps a marked one."""
    article = articles[gold["article"]]
    start = article.text.find(gold["quote"])
    end = start + len(gold["quote"])
    return any(
        cited.article_id == article.article_id and cited.start < end and start < cited.end
        for cited in outcome.citations
    )


def verdict(
    outcome: Outcome | None, row: Mapping[str, Any], articles: Mapping[str, Article]
) -> str:
    """What became of a follow-up."""
    if not isinstance(outcome, Answer):
        return "refused"
    return "right" if any(cites(outcome, g, articles) for g in row["gold"]) else "wrong"


def part_alone(outcome: Outcome, number: int) -> Outcome | None:
    """An answer with the quotes of one of its parts alone; None where that has no answer."""
    if not isinstance(outcome, Answer) or not outcome.parts:
        return outcome
    wanted = outcome.parts[number].citations
    cited = tuple(quote for quote in outcome.citations if quote.id in wanted)
    return replace(outcome, citations=cited) if cited else None


def together(row: Mapping[str, Any]) -> str:
    """Both questions as one message."""
    wide = row["language"] in ("ja", "zh")
    asked = [row[name].strip().rstrip("。.?？") for name in ("before", "asked")]
    return "？".join(asked) + "？" if wide else "? ".join(asked) + "?"


def news_pipeline() -> tuple[Pipeline, dict[str, Article]]:
    """Quotes alone over an index of all clusters, and their articles by source."""
    whole = load_shipped("news")
    store = corpus_store(whole.articles, load_encoder(CHECKER_BASE), home(), budget=192, overlap=0)
    articles = {article.source: article for article in whole.articles}
    return open_from_settings(str(store), llm="none"), articles


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]


def report(found: Counter[str], out: Path | None) -> None:
    """Print what was counted; write it where a file is named."""
    told = json.dumps(dict(sorted(found.items())), indent=2)
    print(told)
    if out is not None:
        out.write_text(told + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standalone", action="store_true", help="ask them as whole questions")
    parser.add_argument("--together", action="store_true", help="ask both in one message")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    pipeline, articles = news_pipeline()
    found: Counter[str] = Counter()
    for row in rows_of(FOLLOW_UPS):
        outcome: Outcome | None
        if given.standalone:
            outcome = pipeline.ask(row["standalone"], today=TODAY)
        elif given.together:
            outcome = part_alone(pipeline.ask(together(row), today=TODAY), -1)
        else:
            first = pipeline.ask(row["before"], today=TODAY)
            said = first.text if isinstance(first, Answer) else ""
            history = (Turn(row["before"], said),)
            outcome = pipeline.ask(row["asked"], history=history, today=TODAY)
        kind = "answered" if row["gold"] else "absent"
        found[f"{kind}: {verdict(outcome, row, articles)}"] += 1
    report(found, given.out)


if __name__ == "__main__":
    main()
