"""Fit how sure the checker must be of a claim whose evidence is in another language.

    python benchmarks/across.py --shared ../shared --out benchmarks/results/across.json

XQuAD's paragraphs are parallel. Supported: a sentence against the paragraph it was translated from.
Not supported: the same sentence against another paragraph of the same article, which names the
same people and places. First 24 titles to choose by, last 24 to report.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from conflicts import articles  # noqa: E402

from konkyo.index.text.sentences import sentences  # noqa: E402
from konkyo.rag.factory import open_checker  # noqa: E402

PAIRS = (("zh", "en"), ("en", "zh"), ("ru", "en"), ("en", "ru"))
SHARES = (0.3, 0.5, 0.7, 0.8, 0.9)
MOST = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    checker = open_checker()
    assert checker is not None
    table: dict[str, object] = {"command": "python benchmarks/across.py --shared ../shared"}
    for half, part in (("fit", slice(0, 24)), ("report", slice(24, 48))):
        rng = random.Random(3)
        entailed: dict[bool, list[float]] = {True: [], False: []}
        for mine, theirs in PAIRS:
            one, two = (
                articles(args.shared / "data" / f"xquad.{c}.json", part) for c in (mine, theirs)
            )
            asked = [
                (text[a:b].strip(), other, rng.choice([p for p in foreign if p != other]))
                for (_, own), (_, foreign) in zip(one, two, strict=True)
                for text, other in zip(own, foreign, strict=True)
                if len(foreign) > 1
                for a, b in sentences(text, mine)
                if b - a >= 12
            ]
            for claim, source, stranger in rng.sample(asked, MOST):
                for supported, evidence in ((True, source), (False, stranger)):
                    entailed[supported].append(checker.supports(claim, [evidence])[0].entail)
        table[half] = {
            f"entail >= {share}": {
                "supported, passed": round(
                    sum(e >= share for e in entailed[True]) / len(entailed[True]), 3
                ),
                "not supported, removed": round(
                    sum(e < share for e in entailed[False]) / len(entailed[False]), 3
                ),
                "claims": len(entailed[True]),
            }
            for share in SHARES
        }
        print(half, json.dumps(table[half], indent=1))
    if args.out:
        args.out.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
