"""What the page of articles says is said in the reader's language."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.stores.local.checks import verify
from konkyo.ui.server.index_jobs import Job
from konkyo.ui.web.html.library_job import check_results
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
