"""What the page of articles says is said in the reader's language."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.stores.local.checks import verify
from konkyo.ui.server.evaluation_jobs import EvaluationRun
from konkyo.ui.server.index_jobs import Job
from konkyo.ui.web.html.admin_evaluation import evaluation_page
from konkyo.ui.web.html.answer import failure_block
from konkyo.ui.web.html.library_job import check_results, job_part
from konkyo.ui.web.i18n import Language

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_every_check_of_the_index_is_named_in_the_reader_s_language(
    tmp_path: Path, language: Language
) -> None:
    (tmp_path / "a.txt").write_text("Title\n\nOne sentence stands here.\n", encoding="utf-8")
    build([str(tmp_path / "a.txt")], tmp_path / "store", ToyEncoder())
    findings = tuple(asdict(f) for f in verify(tmp_path / "store"))
    assert len(findings) > 5
    job = Job(1, "verify", (), state="done", findings=findings)
    shown = re.sub(r"<[^>]+>|SQLite", "", check_results(job, language))
    assert not re.search(r"[A-Za-z]{2,}", shown)


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_what_a_check_finds_and_what_to_do_is_told_in_the_reader_s_language(
    tmp_path: Path, language: Language
) -> None:
    (tmp_path / "a.txt").write_text("Title\n\nOne sentence stands here.\n", encoding="utf-8")
    build([str(tmp_path / "a.txt")], tmp_path / "store", ToyEncoder())
    database = next((tmp_path / "store").glob("truth-*.sqlite"))
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE articles SET title = 'changed'")
        connection.execute("UPDATE meta SET value = '7' WHERE key = 'passages'")
    findings = tuple(asdict(f) for f in verify(tmp_path / "store"))
    assert sum(not finding["ok"] for finding in findings) >= 2
    job = Job(1, "verify", (), state="done", findings=findings)
    shown = re.sub(r"<[^>]+>|`[^`]*`|SQLite", "", check_results(job, language))
    shown = shown.replace(str(database), "")
    assert not re.search(r"(?<![0-9a-f])[A-Za-z]{3,}(?![0-9a-f])", shown), shown


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_orders_that_fail_are_told_in_the_reader_s_language(language: Language) -> None:
    told = [
        evaluation_page(
            ["a"],
            EvaluationRun("a", "failed", 1, 2, "llama.cpp failed: No space left on device"),
            language,
            problem="an evaluation is running; wait, or cancel it first",
        ),
        job_part(
            Job(1, "undo", (), state="failed", message="cancelled"),
            {},
            language,
            problem="/s: there is no earlier generation to go back to; one is kept from the next"
            " change on",
        ),
        failure_block("。", "/s: busy with another process; try again", "t1", language),
    ]
    for page in told:
        shown = re.sub(r"<[^>]+>|llama\.cpp|/s", "", page)
        assert not re.search(r"[A-Za-z]{2,}", shown), shown
