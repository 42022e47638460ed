"""A module that lies in the working folder never runs in a process that Konkyo starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from konkyo.index.errors import LLMUnreachable
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.llm_subprocess import SubprocessLLM

ROOT = Path(__file__).resolve().parents[1]
# What Python, its libraries and ours import early.
NAMES = ("tomllib", "json", "multiprocessing", "runpy", "index", "ui", "signal", "queue", "logging")
STORY = "# Harbour strike ends\n\nDock workers returned to work on Friday after eleven days.\n"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose modules leave a mark when they are imported."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in NAMES:
        code = f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r} + ' ')\n"
        (folder / f"{name}.py").write_text(code, "utf-8")
    return folder


def ran(hostile: Path) -> str:
    mark = hostile.parent / "ran"
    return mark.read_text("utf-8") if mark.exists() else ""


def test_the_folder_would_be_imported_from(hostile: Path) -> None:
    subprocess.run([sys.executable, "-c", "import tomllib"], cwd=hostile, check=True, timeout=300)
    assert ran(hostile) == "tomllib "


def test_not_by_the_job_that_changes_the_index(
    hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hostile)
    index_jobs = IndexJobs("store", known=list)
    index_jobs.start("verify")
    while index_jobs.job is None or index_jobs.job.running:
        time.sleep(0.05)
    assert index_jobs.job.message.startswith("store: "), "it ran, and found no index"
    assert ran(hostile) == ""


def test_not_by_the_language_model(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hostile)
    with pytest.raises(LLMUnreachable, match=r"nowhere\.gguf"):
        SubprocessLLM(hostile / "nowhere.gguf").load()
    assert ran(hostile) == ""


def test_not_by_processes_that_read_documents(hostile: Path) -> None:
    news = hostile / "news"
    news.mkdir()
    for number in range(4):
        (news / f"{number}.md").write_text(f"{STORY}\nDay {number}.\n", "utf-8")
    # As the installed command: a script elsewhere, which each process imports once more.
    script = hostile.parent / "command.py"
    script.write_text(
        'from konkyo.ui.cli.main import main\nif __name__ == "__main__":\n    main()\n', "utf-8"
    )
    done = subprocess.run(
        [
            sys.executable,
            str(script),
            "index",
            "build",
            "news",
            "--store",
            "store",
            "--workers",
            "2",
        ],
        cwd=hostile,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert ran(hostile) == ""
