"""How long a reader waits: first evidence, short answer, quotes alone, phrased answers.

    konkyo index build seeds --store /tmp/seeds
    python benchmarks/latency.py --store /tmp/seeds --questions 30 --out
    benchmarks/results/latency.json

Questions are answerable ones of eval/datasets/alliance.jsonl, every n-th; each stage is warm. The
second pass over the same questions shows what remembering sentences saves; figures are of the
first, where every question is new. Latencies in milliseconds, tokens as the engine counts them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def spread(values: list[float]) -> dict[str, float]:
    """p50 and p95."""
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--questions", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    from konkyo.rag.factory import open_from_settings
    from konkyo.rag.types import Answer, Outcome

    rows = [
        json.loads(line)
        for line in (ROOT / "eval" / "datasets" / "alliance.jsonl").read_text("utf-8").splitlines()
    ]
    asked = [r["question"] for r in rows if r["answerable"] and not r.get("history")]
    asked = asked[:: max(1, len(asked) // args.questions)][: args.questions]
    warm = ["ノーベル平和賞に推薦されたのは誰ですか。", "Where do they meet?"]
    today = date(2026, 2, 10)

    def measure(ask: Callable[[str], Outcome]) -> list[Outcome]:
        for question in warm:
            ask(question)
        return [ask(question) for question in asked]

    found: dict[str, object] = {"questions": len(asked)}
    quotes = open_from_settings(args.store, llm="none")
    alone = measure(lambda q: quotes.ask(q, today=today))
    again = [quotes.ask(q, today=today) for q in asked]
    for name, outcomes in (("quotes alone", alone), ("quotes alone, asked again", again)):
        found[name] = {
            "first_evidence": spread([o.timings_ms["first_evidence"] for o in outcomes]),
            "short_answer": spread(
                [o.timings_ms["short_answer"] for o in outcomes if o.timings_ms["short_answer"]]
            ),
            "total": spread([o.timings_ms["total"] for o in outcomes]),
        }
        print(name, found[name], flush=True)
    full = open_from_settings(args.store).styled("always")
    outcomes = [o for o in measure(lambda q: full.ask(q, today=today)) if isinstance(o, Answer)]
    found["full answers"] = {
        "answered": len(outcomes),
        "first_evidence": spread([o.timings_ms["first_evidence"] for o in outcomes]),
        "generate": spread([o.timings_ms["generate"] for o in outcomes]),
        "verify": spread([o.timings_ms["verify"] for o in outcomes]),
        "total": spread([o.timings_ms["total"] for o in outcomes]),
        "prompt_tokens": spread([o.usage.get("prompt_tokens", 0) for o in outcomes]),
        "cached_tokens": spread([o.usage.get("cached_tokens", 0) for o in outcomes]),
        "completion_tokens": spread([o.usage.get("completion_tokens", 0) for o in outcomes]),
    }
    print("full answers", json.dumps(found["full answers"]))
    args.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
