"""The figures of the reader and of the whole pipeline on news, each beside what was asked for.

    python benchmarks/news_table.py --shared ../shared --out benchmarks/results/news

Three parts, each a command of its own, kept in the output folder and not run again where it is
there, unless the reader has other weights now (``--fresh`` begins anew): ``training.measure`` over
the reporting clusters and the pair sets;
``konkyo eval run news-dev`` with quotes alone (``--draw``: that many of its questions, drawn by
chance) over an index of all clusters; ``konkyo eval run`` of JSQuAD, 200 with and without
their articles. Writes table.md. Nothing is fitted here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from konkyo.eval.run import read_rows
from konkyo.eval.scoring import Row
from konkyo.eval.statistics import mean

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "rag" / "reading" / "reader.sha256"

_SEVERAL = {"several", "comparison", "conflict"}
_ONE = {"number", "date", "person", "place", "fact", "quote", "status"}


def run(command: Sequence[str], into: Path | None = None) -> None:
    """Run a command of the project; its output is shown, or written to a file when it is done."""
    print("$", " ".join(command), flush=True)
    if into is None:
        subprocess.run([sys.executable, *command], check=True, cwd=ROOT)
        return
    told = subprocess.run(
        [sys.executable, *command], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ).stdout
    into.write_text(told, "utf-8")


def version() -> str:
    """What names the weights of the reader that the package holds."""
    return WEIGHTS.read_text("utf-8").strip()[:12]


def measured_with(reader: Path, weights: str) -> bool:
    """Whether a file has the reader's figures with these weights."""
    try:
        kept = json.loads(reader.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(kept, dict) and kept.get("weights") == weights


def measure_reader(data: Path, reader: Path) -> None:
    """Measure the shipped reader and keep its figures beside the version of its weights."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "figures.json"
        run(["-m", "training.measure", "--data", str(data), "--weights", "shipped"], told)
        kept = {"weights": version(), "figures": json.loads(told.read_text("utf-8"))}
    reader.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def mean_of(rows: Sequence[Row], name: str) -> tuple[float, int]:
    """The mean of a score over the rows that have it, and their number."""
    found = mean([row.scores[name] for row in rows if name in row.scores])
    return found.value, found.n


def languages_of_gold(rows: Sequence[Row]) -> Callable[[Row], bool]:
    """Whether an article that answers a question is in the question's language."""
    from konkyo.eval.formats.shipped import load_shipped

    spoken = {a.source: a.language for a in load_shipped("news").articles}

    def own(row: Row) -> bool:
        question = row.question
        return question.language in {spoken.get(gold.article) for gold in question.gold}

    return own


def pipeline_lines(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """What the whole pipeline does on news: name, figure, asked for."""
    own = languages_of_gold(rows)

    def of(kinds: set[str], where: Callable[[Row], bool] = lambda row: True) -> list[Row]:
        return [r for r in rows if r.question.kind in kinds and where(r)]

    def told(some: Sequence[Row], name: str) -> str:
        value, count = mean_of(some, name)
        return f"{value:.2f} of {count}"

    answerable = [r for r in rows if r.question.answerable]
    return [
        (
            "one place, article in the asker's language: right",
            told(of(_ONE, own), "Right"),
            ".85",
        ),
        (
            "one place, article in another: right",
            told(of(_ONE, lambda r: not own(r)), "Right"),
            ".75",
        ),
        ("right among answered", told(answerable, "RightWhenAnswered"), ".93"),
        ("absent refused", told(of({"absent"}), "RefusalRecall"), ".90"),
        ("false premise named or refused", told(of({"premise"}), "PremiseHandled"), ".95"),
        ("why and how: right", told(of({"why", "how"}), "Right"), ".65"),
        ("lists: right", told(of({"list"}), "Right"), ".65"),
        ("several, comparison, conflict: places cited", told(of(_SEVERAL), "PlacesCited"), ".60"),
        ("handled", told(rows, "Handled"), ""),
        ("useful", told(rows, "Useful"), ""),
    ]


def reader_lines(figures: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """What the reader alone does."""
    wanted = {
        "auc same": ("answered against absent, same language: AUC", ".94"),
        "auc across": ("the same across languages", ".91"),
        "f1 same": ("F1 of the place, same language", ""),
        "f1 across": ("F1 of the place, across", ""),
        "f1 why how list same": ("F1 of why, how and lists, same language", ""),
        "claims auc": ("claims, supported or not: AUC", ".94"),
        "claims auc same": ("claims, same language", ""),
        "claims auc across": ("claims, across languages", ""),
        "janli test accuracy": ("JaNLI test, accuracy", ".90"),
        "klue report accuracy": ("KLUE-NLI, reporting half of the premises, accuracy", ".75"),
        "jnli report accuracy": ("JNLI, reporting half of the pictures, accuracy", ""),
        "uhgeval third auc": ("UHGEval third, AUC", "report"),
    }
    known = [(name, f"{figures[key]:.3f}", bar) for key, (name, bar) in wanted.items()]
    changes = [
        (f"claims with a change of {key.removeprefix('claims auc ')}", f"{value:.3f}", "")
        for key, value in figures.items()
        if key.startswith("claims auc ") and key not in wanted
    ]
    squad = [
        (key, f"{value:.3f}", "")
        for key, value in figures.items()
        if key.split()[0] in {"jsquad", "cmrc", "tydi", "xquad"}
    ]
    return [*known, *changes, *squad]


def jsquad_lines(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """JSQuAD with and without the answering articles."""
    yes = [r for r in rows if r.question.answerable]
    no = [r for r in rows if not r.question.answerable]
    return [
        ("JSQuAD: answered", f"{mean_of(yes, 'AnswerRate')[0]:.3f} of {len(yes)}", ".88"),
        ("JSQuAD: right among answered", f"{mean_of(yes, 'RightWhenAnswered')[0]:.3f}", ".96"),
        ("JSQuAD: refused", f"{mean_of(no, 'RefusalRecall')[0]:.3f} of {len(no)}", ".92"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "news")
    parser.add_argument("--work", type=Path, help="where rows are kept; else the output folder")
    parser.add_argument("--draw", type=int, help="questions of news-dev, drawn by chance")
    parser.add_argument("--fresh", action="store_true", help="measure again what is there")
    args = parser.parse_args()
    data, out = (args.shared / "data").resolve(), args.out.resolve()
    work = (args.work or args.out).resolve()
    for folder in (out, work):
        folder.mkdir(parents=True, exist_ok=True)
    reader = out / "reader.json"
    if args.fresh or not measured_with(reader, version()):
        measure_reader(data, reader)
    again = ["--fresh"] if args.fresh else []
    drawn = ["--draw", str(args.draw)] if args.draw else []
    evaluate = ["-m", "konkyo", "eval", "run"]
    common = ["--llm", "none", "--today", "2026-02-10", *again]
    run([*evaluate, "news-dev", *drawn, "--out", str(work / "pipeline"), *common])
    jsquad = [str(data / "jsquad-valid-v1.3.json"), "--draw", "200", "--unanswerable", "200"]
    run([*evaluate, *jsquad, "--out", str(work / "jsquad"), *common])
    lines = [
        *reader_lines(json.loads(reader.read_text("utf-8"))["figures"]),
        *pipeline_lines(read_rows(work / "pipeline")),
        *jsquad_lines(read_rows(work / "jsquad")),
    ]
    table = ["| | measured | asked for |", "|---|---|---|"]
    table += [f"| {name} | {figure} | {bar} |" for name, figure, bar in lines]
    (out / "table.md").write_text("\n".join(table) + "\n", "utf-8")
    print("\n".join(table))


if __name__ == "__main__":
    main()
