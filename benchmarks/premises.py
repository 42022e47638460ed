"""How often is a false premise named, how often rightly, and how often where there is none?

    python benchmarks/premises.py --shared ../shared --half report --out
    benchmarks/results/premises.json

A figure, a day, a name or one of a pair of opposites in a question is put in the place of another;
then all paragraphs are searched. Named rightly: what is told instead is what was changed. Each
store is also asked honest questions, as they are and with their paragraph taken away. The
fitting half (JaQuAD train, 45 titles; XQuAD's first 24) set the limits of
``rag/disagreement/false_premise.py``; the reporting half is JSQuAD valid and XQuAD's last 24.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from fit_judge import changed, paragraphs_of, squad, store_of  # noqa: E402

from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.records import Hit  # noqa: E402
from konkyo.index.text.names import Name, names  # noqa: E402
from konkyo.index.text.negation import opposite_pairs, stands_in  # noqa: E402
from konkyo.index.text.sentences import sentences  # noqa: E402
from konkyo.rag.disagreement.false_premise import told_otherwise  # noqa: E402
from konkyo.rag.factory import CHECKER_BASE, open_checker  # noqa: E402
from konkyo.rag.retrieval.hybrid import FusionWeights, Retriever  # noqa: E402

Changed = tuple[str, str]


def other_name(
    question: str, pool: list[Name], language: str, rng: random.Random
) -> Changed | None:
    """The question with another name of the same kind, and the one it had."""
    own = [n for n in names(question, language) if n.certain and len(n.text) > 1]
    if not own:
        return None
    name = rng.choice(own)
    others = [n.text for n in pool if n.kind == name.kind and n.text != name.text]
    if not others:
        return None
    return question[: name.start] + rng.choice(others) + question[name.end :], name.text


def turned(question: str, language: str) -> Changed | None:
    """The question with one word turned into its opposite, and that word."""
    for word, other in opposite_pairs(language):
        at = question.lower().find(word)
        if min(len(word), len(other)) > 1 and at >= 0 and stands_in(word, question, language):
            stood = question[at : at + len(word)]
            return question[:at] + other + question[at + len(word) :], stood
    return None


def agrees(told: str, stood: str) -> bool:
    """Whether what is told is what stood in the question before it was changed."""
    return (
        told in stood
        or stood in told
        or any(part.isdigit() and part in stood for part in _digits(told))
    )


def _digits(text: str) -> list[str]:
    return "".join(c if c.isdigit() else " " for c in text).split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--half", choices=("fit", "report"), default="report")
    parser.add_argument("--questions", type=int, default=150, help="of each kind of change")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    data = args.shared / "data"
    if args.half == "fit":
        with lzma.open(data / "jaquad-train-0.1.0.json.xz") as file:
            ja = paragraphs_of(json.loads(file.read())["data"])
        titles = set(list(dict.fromkeys(title for title, _, _ in ja))[1::4][:45])
        ja = [p for p in ja if p[0] in titles]
    else:
        ja = squad(data / "jsquad-valid-v1.3.json")
    part = slice(24) if args.half == "fit" else slice(24, 48)
    sets = {"ja": ja, **{c: squad(data / f"xquad.{c}.json", part) for c in ("en", "zh")}}
    encoder, checker = load_encoder(CHECKER_BASE), open_checker()
    counts: Counter[tuple[str, str]] = Counter()
    wrong: list[list[str]] = []

    def look(kind: str, language: str, question: str, hits: list[Hit], stood: str | None) -> None:
        told = told_otherwise(question, language, hits[:8], reader=checker, sentences=sentences)
        counts[kind, "asked"] += 1
        if told is None:
            return
        counts[kind, "named"] += 1
        if stood is not None and agrees(told.told, stood):
            counts[kind, "rightly"] += 1
        else:
            wrong.append([kind, question, told.asked, told.told, told.quote.text])

    for language, paragraphs in sets.items():
        most = args.questions if language == "ja" else args.questions * 2 // 5
        with tempfile.TemporaryDirectory() as folder:
            store = store_of(paragraphs, Path(folder), encoder)
            retriever = Retriever(store, encoder, FusionWeights())
            asked = [(q, a, text) for _, text, own in paragraphs for q, a in own]
            rng.shuffle(asked)
            pool = [
                n
                for q, _, _ in asked[:1500]
                for n in names(q, language)
                if n.certain and len(n.text) > 1
            ]
            done: Counter[str] = Counter()
            for question, answer, text in asked:
                changes = {
                    "figure or day": changed(question, rng),
                    "name": other_name(question, pool, language, rng),
                    "opposite": turned(question, language),
                }
                for kind, change in changes.items():
                    if change is not None and done[kind] < most:
                        done[kind] += 1
                        look(kind, language, change[0], retriever.retrieve(change[0], 8), change[1])
                if done["honest"] < 2 * most:
                    done["honest"] += 1
                    hits = retriever.retrieve(question, 16)
                    own = [h for h in hits if h.passage.text in text or answer in h.passage.text]
                    look("honest", language, question, hits, None)
                    look(
                        "its paragraph taken away",
                        language,
                        question,
                        [h for h in hits if h not in own],
                        None,
                    )
                if (
                    done["honest"] >= 2 * most
                    and min(done[k] for k in ("figure or day", "name")) >= most
                ):
                    break
            store.close()
        print(language, dict(done), flush=True)
    table = {
        kind: {k: counts[kind, k] for k in ("asked", "named", "rightly")}
        for kind in dict.fromkeys(k for k, _ in counts)
    }
    for kind, row in table.items():
        print(kind, row)
    if args.out:
        command = f"python benchmarks/premises.py --shared ../shared --half {args.half}"
        args.out.write_text(json.dumps({"command": command, **table}, indent=1) + "\n", "utf-8")
    for row in wrong:
        print(" | ".join(row), file=sys.stderr)


if __name__ == "__main__":
    main()
