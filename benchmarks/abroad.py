"""Does a second look in other languages find what one's own language does not say?

    python benchmarks/abroad.py --shared ../shared --out benchmarks/results/abroad.json

Of XQuAD's paragraphs every second one is kept in the language of the questions and the others in
another language alone, so that the asker's own language is full of the same kind of text but
silent. Each question about the others is asked as it is, and once more with its paragraph taken
out of what is found. No language model is involved: counted is whether an answer would be tried,
and whether the right place is among the quotes then. Threshold (``rag.answer.Options.abroad``)
from the first 24 titles; the last 24 report.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from eval.withheld import withheld  # noqa: E402
from index.build import build  # noqa: E402
from index.embed import load_encoder  # noqa: E402
from rag.llm import NoLLM  # noqa: E402
from rag.opening import CHECKER_BASE, open_pipeline  # noqa: E402
from rag.outcomes import EvidenceReady, Finished  # noqa: E402

PAIRS = (("en", "zh"), ("zh", "en"), ("ru", "en"), ("th", "zh"))
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 2.0)
Asked = tuple[str, str, str]


def paragraphs(data: Path, language: str, part: slice) -> list[tuple[str, list[tuple[str, str]]]]:
    found = []
    for article in json.loads((data / f"xquad.{language}.json").read_text("utf-8"))["data"][part]:
        for p in article["paragraphs"]:
            found.append(
                (p["context"], [(q["question"], q["answers"][0]["text"]) for q in p["qas"]])
            )
    return found


def collection(data: Path, own: str, other: str, part: slice) -> tuple[list[dict], list[Asked]]:
    """Articles to index, and (question, answer, article title) about those in the other language."""
    articles, asked = [], []
    both = zip(paragraphs(data, own, part), paragraphs(data, other, part), strict=True)
    for n, ((text, mine), (foreign, theirs)) in enumerate(both):
        title = f"{n:04d}"
        articles.append({"title": title, "text": foreign if n % 2 else text})
        if n % 2:
            asked += [(q, answer, title) for (q, _), (_, answer) in zip(mine, theirs, strict=True)]
    return articles, asked


def results(
    data: Path, own: str, other: str, part: slice, most: int, encoder: object
) -> Iterator[tuple[bool, float, float, bool]]:
    """Of each question: answerable; how sure own language and abroad are; whether the place is shown."""
    articles, asked = collection(data, own, other, part)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "articles.jsonl"
        lines = [json.dumps(a, ensure_ascii=False) + "\n" for a in articles]
        source.write_text("".join(lines), "utf-8")
        store = Path(folder) / "store"
        build([str(source)], store, encoder)  # type: ignore[arg-type]
        pipeline = open_pipeline(str(store), llm=NoLLM(), encoder=encoder)  # type: ignore[arg-type]
        for question, answer, title in random.Random(5).sample(asked, min(most, len(asked))):
            for able, one in ((True, pipeline), (False, withheld(pipeline, {title}))):
                first, second, shown = look(one, question, own, answer)
                yield able, first, second, shown
        pipeline.store.close()


def look(pipeline: object, question: str, own: str, answer: str) -> tuple[float, float, bool]:
    """How sure the first and the second look are, and whether the second shows the answer."""
    from dataclasses import replace

    sure: list[float] = []
    judge = pipeline._judge  # type: ignore[attr-defined]
    options = pipeline.options  # type: ignore[attr-defined]
    pipeline.options = replace(options, abroad=0.0)  # type: ignore[attr-defined]
    pipeline._judge = lambda *a: sure.append(judge(*a)) or sure[-1]  # type: ignore[attr-defined]
    shown = False
    try:
        for event in pipeline.stream(question, language=own):  # type: ignore[attr-defined]
            if isinstance(event, EvidenceReady):
                shown = any(answer in e.text for e in event.evidence)
            if isinstance(event, Finished):
                break
    finally:
        pipeline._judge, pipeline.options = judge, options  # type: ignore[attr-defined]
    return sure[0] if sure else 0.0, sure[1] if len(sure) > 1 else 0.0, shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--questions", type=int, default=60, help="of each pair of languages")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    encoder = load_encoder(CHECKER_BASE)
    table: dict[str, object] = {"command": "python benchmarks/abroad.py --shared ../shared"}
    for half, part in (("fit", slice(0, 24)), ("report", slice(24, 48))):
        rows = [
            row
            for own, other in PAIRS
            for row in results(args.shared / "data", own, other, part, args.questions, encoder)
        ]
        able = [r for r in rows if r[0]]
        rest = [r for r in rows if not r[0]]
        for threshold in THRESHOLDS:

            def tried(row: tuple[bool, float, float, bool], least: float = threshold) -> bool:
                return row[1] >= 0.6 or row[2] >= max(least, row[1])

            name = "own language first, no second look" if threshold > 1 else f"abroad {threshold}"
            found = {
                "tried": round(sum(map(tried, able)) / len(able), 3),
                "tried, place shown": round(sum(tried(r) and r[3] for r in able) / len(able), 3),
                "refused": round(sum(not tried(r) for r in rest) / len(rest), 3),
                "questions": len(able),
            }
            table[f"{half}: {name}"] = found
            print(half, name, found, flush=True)
    if args.out:
        args.out.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
