"""Attacks that are tests: run by name in a process of their own, their cases counted."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["GROUPS", "run_group"]

ROOT = Path(__file__).resolve().parents[1]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "patterns over attack strings": ("test_patterns.py",),
    "documents that are bombs": ("test_document_limits.py", "test_damaged_documents.py"),
    "roles and sign-ins on all routes": (
        *("test_roles.py", "test_access.py", "test_sign_in.py", "test_loop.py"),
    ),
    "origins of other sites": ("test_origins.py",),
    "script payloads and hidden commands": (
        *("test_render.py", "test_injection.py"),
        "test_shares.py::test_no_hostile_text_becomes_markup",
        "test_translations.py::test_a_hostile_translation_stays_text",
        "test_app.py::test_no_hostile_text_runs_or_reaches_the_network",
        "test_app.py::test_a_hostile_link_runs_nothing",
        "test_app_admin.py::test_no_hostile_name_runs_in_the_rooms",
    ),
    "addresses for server-side fetches": ("test_fetch.py", "test_objects.py"),
    "poisoned and mistaken articles": ("test_poisoned.py", "test_conflict.py"),
    "streams that were abandoned": ("test_abandoned.py",),
    "questions of any code points": ("test_any_question.py",),
    "full disks and damaged models": ("test_full_disk.py", "test_models.py"),
    "names that steer a terminal": ("test_file_names.py",),
    "modules in the working folder": ("test_children.py",),
}
"""What is attacked, and the tests that do it."""


def run_group(name: str) -> tuple[int, tuple[str, ...]]:
    """Run the tests of a group; how many cases there were, and those that failed."""
    with tempfile.TemporaryDirectory(prefix="konkyo-attack-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", f"--junitxml={report}"]
        files = [str(ROOT / "tests" / file) for file in GROUPS[name]]
        done = subprocess.run(
            [*command, *files], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if not report.is_file():
            return 0, (f"the tests did not run: {done.stdout[-300:]}{done.stderr[-300:]}",)
        cases = list(ElementTree.parse(report).iter("testcase"))
    ran = [case for case in cases if case.find("skipped") is None]
    failed = [c for c in ran if c.find("failure") is not None or c.find("error") is not None]
    broken = tuple(f"{case.get('classname')}::{case.get('name')}" for case in failed)
    # A run that ended by itself must not count as one that held.
    return len(ran), broken or (() if done.returncode == 0 and ran else ("no test ran",))
