"""Measure what keeping an index up to date costs, over 5,788 Chinese news articles.

    python benchmarks/rebuild.py [--out benchmarks/results/rebuild]

The articles are one packed file first, then a folder of one file each. With the default model,
in order: a first build; a build with nothing changed; one article changed; one deleted, seen by a
reader that was open all along. Seconds are those of ``konkyo.index.builder.build``; ``process`` is
the whole command, start of Python and loading of the model included.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from konkyo.index.builder import build  # noqa: E402
from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.stores.local.reader import LocalStore  # noqa: E402

MODEL = "multilingual-e5-small"


def command(store: Path, *sources: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            "-c",
            "from konkyo.ui.cli.main import main; main()",
            "index",
            "build",
            *map(str, sources),
            "--store",
            str(store),
            "--json",
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--articles", type=int, default=10**9, help="only so many")
    options = parser.parse_args()
    shared = Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared"))
    with lzma.open(shared / "data" / "news-zh.txt.xz", "rt", encoding="utf-8") as packed:
        lines = [line for line in packed.read().split("\n") if line.strip()][: options.articles]
    work = Path(tempfile.mkdtemp(prefix="konkyo-rebuild-"))
    rows: list[tuple[str, float, str]] = []

    def note(what: str, seconds: float, detail: object = "") -> None:
        rows.append((what, round(seconds, 2), str(detail)))
        print(*rows[-1], flush=True)

    def step(what: str, sources: list[Path]) -> float:
        report = build([str(s) for s in sources], store, encoder)
        facts = f"+{report.added} ~{report.changed} -{report.removed} ={report.unchanged}"
        note(what, report.seconds, f"{facts}, {report.embedded} passages encoded")
        return report.seconds

    def write(path: Path) -> None:
        with lzma.open(path, "wt", encoding="utf-8", preset=1) as out:
            out.write("\n".join(lines) + "\n")

    try:
        encoder = load_encoder(MODEL)
        store, file = work / "store", work / "news.txt.xz"
        write(file)
        first = step("first build, one packed file", [file])
        nothing = step("nothing changed", [file])
        note("nothing changed, process", command(store, file))
        lines[1234] += "记者将继续关注此事的后续进展，并在第一时间报道。"
        write(file)
        one_line = step("one article changed in the packed file", [file])
        reader = LocalStore(store)
        gone = next(reader.articles())
        del lines[
            next(
                i
                for i, line in enumerate(lines)
                if reader.article(gone.article_id).text[:40] in line
            )
        ]
        write(file)
        step("one article deleted from the packed file", [file])
        started = time.perf_counter()
        reader.refresh()
        found = {a.article_id for a in reader.articles()}
        assert gone.article_id not in found
        hits = reader.lexical(gone.title, 50)
        assert gone.article_id not in {
            p.article_id for p in reader.passages([h.passage_id for h in hits])
        }
        note("the open reader no longer knows it", time.perf_counter() - started)

        folder = work / "news"
        folder.mkdir()
        for number, line in enumerate(lines):
            (folder / f"{number:05d}.txt").write_text(line + "\n", "utf-8")
        step("the same as a folder of one file each", [folder])
        files_nothing = step("nothing changed", [folder])
        note("nothing changed, process", command(store, folder))
        path = folder / "00777.txt"
        path.write_text(path.read_text("utf-8").rstrip() + "记者将继续关注此事。\n", "utf-8")
        one_file = step("one file changed", [folder])
        (folder / "00778.txt").unlink()
        step("one file deleted", [folder])
        bars = {
            "nothing changed, share of the first build (bar: below 0.02)": max(
                nothing, files_nothing
            )
            / first,
            "one changed article, seconds (bar: below 3)": max(one_line, one_file),
        }
    finally:
        shutil.rmtree(work, ignore_errors=True)
    line = (
        f"python benchmarks/rebuild.py; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f},"
        f" Python {platform.python_version()}"
    )
    text = line + "\n\n" + "\n".join(f"{s:9.2f} s  {w}  {d}" for w, s, d in rows)
    text += "\n\n" + "\n".join(f"{value:9.5f}  {name}" for name, value in bars.items()) + "\n"
    print(text)
    if options.out:
        options.out.with_suffix(".txt").write_text(text, "utf-8")
        facts = {"command": line, "steps": [list(row) for row in rows], "bars": bars}
        options.out.with_suffix(".json").write_text(
            json.dumps(facts, ensure_ascii=False, indent=1) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()
