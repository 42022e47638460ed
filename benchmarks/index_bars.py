"""Every bar of the index, measured by the command that anybody can run, and the table of them.

    python benchmarks/index_bars.py                  # run all, write benchmarks/results/, print the
    table
    python benchmarks/index_bars.py --only jsquad,rebuild
    python benchmarks/index_bars.py --table          # run nothing, print what is there

Each line of ``RUNS`` is a command whose output is kept. On two idle cores all take about half an
hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
KONKYO = ("-m", "konkyo")
RETRIEVAL = (*KONKYO, "eval", "retrieval", "--json")


@dataclass(frozen=True)
class Run:
    """One command; ``{data}`` is where the data is.

    Its standard output is the file, if it is JSON.
    """

    name: str
    arguments: tuple[str, ...]
    file: str
    prints: bool = True


def retrieval(name: str, *arguments: str) -> Run:
    return Run(name, (*RETRIEVAL, *arguments), f"retrieval-{name}.json")


XQUAD = "{data}/xquad"
OTHERS = {"zh": ("en", "th", "ru"), "en": ("zh", "th", "ru")}
RUNS = (
    Run(
        "jsquad",
        (
            "benchmarks/retrieval.py",
            "--squad",
            "{data}/jsquad-valid-v1.3.json",
            "--out",
            "benchmarks/results/retrieval-jsquad.json",
        ),
        "retrieval-jsquad.json",
        prints=False,
    ),
    retrieval("jaquad", "--squad", "{data}/jaquad-dev-0.1.0.json", "--arms", "fused,dense,lexical"),
    retrieval(
        "zh-en",
        "--squad",
        f"{XQUAD}.en.json",
        "--queries",
        f"{XQUAD}.zh.json",
        "--titles",
        "24:48",
        "--arms",
        "fused,dense,lexical",
    ),
    retrieval(
        "table", "--squad", f"{XQUAD}.en.json", "--table", "en,zh,th,ru", "--titles", "24:48"
    ),
    retrieval(
        "table-dense",
        "--squad",
        f"{XQUAD}.en.json",
        "--table",
        "en,zh,th,ru",
        "--titles",
        "24:48",
        "--arms",
        "dense",
    ),
    *(
        retrieval(
            f"mixed-{own}",
            "--squad",
            f"{XQUAD}.{own}.json",
            "--titles",
            "24:48",
            "--arms",
            "fused,dense",
            *(x for o in others for x in ("--mixed", f"{XQUAD}.{o}.json")),
        )
        for own, others in OTHERS.items()
    ),
    Run(
        "rebuild",
        ("benchmarks/rebuild.py", "--out", "benchmarks/results/rebuild"),
        "rebuild.json",
        prints=False,
    ),
    Run("embedding", ("benchmarks/embedding.py",), "embedding.json", prints=False),
)


def run(one: Run, data: Path) -> None:
    """Run one command; keep what it says."""
    arguments = [a.format(data=data) for a in one.arguments]
    command = " ".join(["python", *one.arguments]).replace("{data}", "../shared/data")
    command = command.replace(" ".join(["python", *KONKYO]), "konkyo")
    print(f"{one.name}: {command}", file=sys.stderr, flush=True)
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    print(f"{one.name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    if one.prints:
        kept = {"command": command, **json.loads(done.stdout)}
        text = json.dumps(kept, ensure_ascii=False, indent=1)
        (RESULTS / one.file).write_text(text + "\n", "utf-8")


def known(file: str) -> dict:
    path = RESULTS / file
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def measured(file: str, tell: Callable[[dict], str]) -> str:
    """What a result file says, or that there is none."""
    found = known(file)
    return tell(found) if found else "not measured"


def arms(found: dict, measure: str) -> str:
    values = found.get("arms") or {"fused": found}
    return ", ".join(f"{arm} {value['metrics'][measure]:.3f}" for arm, value in values.items())


def systems(found: dict, measure: str) -> str:
    return ", ".join(f"{n} {v['metrics'][measure]:.3f}" for n, v in found["systems"].items())


def languages(found: dict) -> str:
    cells = [
        (asked == passages, value["metrics"]["hit@1"])
        for asked, row in found["table"].items()
        for passages, value in row.items()
    ]
    same = [v for own, v in cells if own]
    other = [v for own, v in cells if not own]
    return f"same language {sum(same) / len(same):.3f}, another {sum(other) / len(other):.3f}"


def mixed(found: dict) -> str:
    alone = (found.get("arms") or {"fused": found})["fused"]["metrics"]["hit@1"]
    crowd = found["mixed"]
    own = crowd["own_language"]["fused"]["metrics"]["hit@1"]
    any_version = crowd["any_language"]["fused"]["metrics"]["hit@1"]
    return (
        f"{alone:.3f} alone, {own:.3f} mixed (drop {alone - own:.3f}); any language's version "
        f"{any_version:.3f}"
    )


def bar(found: dict, words: str) -> float:
    return next(value for name, value in found["bars"].items() if words in name)


ROWS: tuple[tuple[str, str, str, Callable[[dict], str]], ...] = (
    ("JSQuAD valid, hit@1", ">= 0.93", "retrieval-jsquad.json", lambda f: systems(f, "hit@1")),
    ("JSQuAD valid, MRR@10", ">= 0.95", "retrieval-jsquad.json", lambda f: systems(f, "MRR@10")),
    ("JaQuAD dev, hit@1", ">= 0.86", "retrieval-jaquad.json", lambda f: arms(f, "hit@1")),
    ("XQuAD, zh over en, hit@1", "above dense", "retrieval-zh-en.json", lambda f: arms(f, "hit@1")),
    (
        "four by four languages (en, zh, th, ru), hit@1",
        "above dense",
        "retrieval-table.json",
        languages,
    ),
    ("the same, dense alone", "", "retrieval-table-dense.json", languages),
    ("zh in a collection of four languages, hit@1", "small drop", "retrieval-mixed-zh.json", mixed),
    ("en in a collection of four languages, hit@1", "small drop", "retrieval-mixed-en.json", mixed),
    (
        "encoding against sentence-transformers' default",
        ">= 3.5 times, loss <= 0.5 points",
        "embedding.json",
        lambda f: (
            f"{f['ratio']:.2f} times"
            + (f", loss {f['mrr_loss_points']:.2f} points MRR@10" if "mrr_loss_points" in f else "")
        ),
    ),
    (
        "nothing changed, share of the first build's time",
        "< 0.02",
        "rebuild.json",
        lambda f: f"{bar(f, 'nothing changed'):.4f}",
    ),
    (
        "one changed article of 5,788",
        "< 3 s",
        "rebuild.json",
        lambda f: f"{bar(f, 'one changed'):.2f} s",
    ),
)


def table() -> str:
    """Markdown: what, the bar, what was measured."""
    rows = [f"| {what} | {wanted} | {measured(file, tell)} |" for what, wanted, file, tell in ROWS]
    return "\n".join(["| what | bar | measured |", "|---|---|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="", help="names of runs, comma between")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    given = Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared"))
    shared = Path(os.path.relpath(given.absolute(), ROOT))  # It ends up in the results.
    names = set(filter(None, options.only.split(",")))
    unknown = names - {one.name for one in RUNS}
    if unknown:
        parser.error(f"no run is called {sorted(unknown)[0]}; there are {[r.name for r in RUNS]}")
    for one in () if options.table else RUNS:
        if not names or one.name in names:
            run(one, shared / "data")
    print(table())


if __name__ == "__main__":
    main()
