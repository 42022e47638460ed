"""What each layer adds: of the check of a claim, and of the decision to answer at all.

    python benchmarks/layers.py --shared ../shared --out benchmarks/results/layers.json

Claims: the reporting half of eval/datasets/corruptions.jsonl, judged by exact facts alone, by
meaning alone (tokens' alignment and wording; then with the learned checker) and by all. Answers:
JSQuAD valid, each question once as it is and once with its article's answering paragraph taken
away, answered by the best quotes (no language model): always, by the reader alone, by the judge.
The reader's threshold is the one that refuses the same share of JaQuAD dev as the judge's. Nothing
is fitted here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from corruptions import Item, load  # noqa: E402
from quote_alone import quote_alone  # noqa: E402

from konkyo.eval.corpus import corpus_store  # noqa: E402
from konkyo.eval.formats.load import load as load_questions  # noqa: E402
from konkyo.eval.questions import without_gold  # noqa: E402
from konkyo.eval.scoring import right  # noqa: E402
from konkyo.eval.withheld import withheld  # noqa: E402
from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.records import Hit  # noqa: E402
from konkyo.index.settings import ChunkSettings  # noqa: E402
from konkyo.rag.calibration import load_calibration  # noqa: E402
from konkyo.rag.factory import CHECKER_BASE, open_checker, open_pipeline  # noqa: E402
from konkyo.rag.generation.llm import NoLLM  # noqa: E402
from konkyo.rag.generation.output_format import Draft  # noqa: E402
from konkyo.rag.reading.answerability import Answerability  # noqa: E402
from konkyo.rag.retrieval.evidence import Selection  # noqa: E402
from konkyo.rag.types import Answer  # noqa: E402
from konkyo.rag.verification.verifier import Verifier, drafted  # noqa: E402


def check(verifier: Verifier, item: Item) -> bool:
    """Whether a claim passes against its evidence."""
    quote = quote_alone(item.evidence, item.evidence_language, item.published)
    draft = Draft(item.claim, (1,))
    return verifier.check(drafted(draft, [quote], "", item.language)).reason is None


def claims(shared: Path) -> dict[str, object]:
    encoder, checker = load_encoder(CHECKER_BASE), open_checker()
    fitted = load_calibration("support")
    verifiers = {
        "exact facts": Verifier(support=fitted, without={"meaning"}),
        "meaning, without the checker": Verifier(support=fitted, states=encoder, without={"facts"}),
        "meaning": Verifier(support=fitted, states=encoder, supporter=checker, without={"facts"}),
        "all": Verifier(support=fitted, states=encoder, supporter=checker),
    }
    items = [i for i in load(shared) if i.half == "report"]
    table: dict[str, object] = {}
    for name, verifier in verifiers.items():
        passed: dict[str, list[bool]] = defaultdict(list)
        began = time.perf_counter()
        for item in items:
            crossed = item.language != item.evidence_language
            kind = "untouched" if item.kind == "clean" else "changed"
            passed[kind + (", across languages" if crossed else "")].append(check(verifier, item))
            if kind == "changed":
                passed[item.kind].append(
                    passed[kind + (", across languages" if crossed else "")][-1]
                )
        spent = time.perf_counter() - began
        table[name] = {
            **{
                kind: {"removed": round(1 - sum(some) / len(some), 4), "claims": len(some)}
                for kind, some in sorted(passed.items())
            },
            "milliseconds a claim": round(1000 * spent / len(items), 1),
        }
        print(name, table[name], flush=True)
    return table


def answers(shared: Path, count: int) -> dict[str, object]:
    source = shared / "data" / "jsquad-valid-v1.3.json"
    whole = load_questions(source)
    present, absent = without_gold(whole, count)
    chunks = ChunkSettings()
    encoder = load_encoder(CHECKER_BASE)
    sure: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = corpus_store(
            whole.articles, encoder, Path(folder), budget=chunks.budget, overlap=chunks.overlap
        )
        answerability = Answerability(load_calibration("answers"))

        def listening(
            question: str, language: str, selection: Selection, hits: Sequence[Hit]
        ) -> float:
            share = answerability.share(question, language, selection, hits)
            # The threshold was fitted on what the judge reads as "reader": the likeliest place.
            sure.append((selection.spans[0].share if selection.spans else 0.0, share))
            return 1.0

        pipeline = open_pipeline(str(store), llm=NoLLM(), encoder=encoder, decide=listening)
        rows = []
        for question, without in zip(present.questions, absent.questions, strict=True):
            for able in (True, False):
                one = pipeline if able else withheld(pipeline, {g.article for g in question.gold})
                sure.clear()
                outcome = one.ask(question.question, language=question.language)
                said = outcome.text if isinstance(outcome, Answer) else ""
                elsewhere = without.note is not None
                rows.append((able, *(sure or [(0.0, 0.0)])[0], right(question, said), elsewhere))
        pipeline.store.close()
    entry = json.loads((ROOT / "rag" / "calibration.json").read_text("utf-8"))["answers"]
    layers: dict[str, Callable[[tuple[bool, float, float, bool, bool]], bool]] = {
        "always": lambda row: True,
        "the reader alone": lambda row: row[1] >= entry["reader_alone"],
        "the judge": lambda row: row[2] >= entry["threshold"],
    }
    table: dict[str, object] = {}
    for name, tried in layers.items():
        able, rest = ([r for r in rows if r[0] is here] for here in (True, False))
        given = [r for r in able if tried(r)]
        table[name] = {
            "answered": round(len(given) / len(able), 4),
            "right when answered": round(sum(r[3] for r in given) / max(1, len(given)), 4),
            "refused without the passage": round(sum(not tried(r) for r in rest) / len(rest), 4),
            "the same, answer nowhere else": round(
                sum(not tried(r) for r in rest if not r[4]) / sum(not r[4] for r in rest), 4
            ),
            "questions": len(able),
        }
        print(name, table[name], flush=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    told = {
        "command": "python benchmarks/layers.py --shared ../shared",
        "claims": claims(args.shared),
        "answers": answers(args.shared, args.questions),
    }
    if args.out:
        args.out.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
