"""Ask ten questions about the two saved pages, and one they do not answer; keep what came back.

    konkyo index build ../shared/seeds --store /tmp/s
    python benchmarks/pages.py --store /tmp/s --out benchmarks/results/pages.jsonl

Each row is the object of ``konkyo ask --json``; every quote is checked against its article.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

ABSENT = "自民党が獲得した議席数はいくつですか。"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--llm", default=None)
    args = parser.parse_args()

    from konkyo.rag.factory import open_from_settings
    from konkyo.rag.types import Answer, to_json

    pipeline = open_from_settings(args.store, llm=args.llm)
    questions = (ROOT / "benchmarks" / "pages_questions.txt").read_text("utf-8").split()
    with args.out.open("w", encoding="utf-8") as out:
        for question in [*questions, ABSENT]:
            outcome = pipeline.ask(question)
            if isinstance(outcome, Answer):
                for c in outcome.citations:
                    if pipeline.article(c.article_id).text[c.start : c.end] != c.quote:
                        sys.exit(f"not verbatim: {c.quote}")
            out.write(json.dumps(to_json(outcome), ensure_ascii=False) + "\n")
            print(
                f"{question}\n  {outcome.text}  ({outcome.timings_ms['total']:.0f} ms)", flush=True
            )


if __name__ == "__main__":
    main()
