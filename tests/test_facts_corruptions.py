"""The corrupted claims of eval/datasets.

Facts alone catch nearly all, and leave honest ones alone.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from konkyo.rag.verification.facts import compare

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KONKYO_SHARED") or ROOT.parent / "shared")
pytestmark = pytest.mark.skipif(
    not (SHARED / "data" / "xquad.en.json").exists(),
    reason=f"the articles that corruptions.jsonl names are not in {SHARED / 'data'}",
)


@pytest.fixture(scope="module")
def corruptions() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "corruptions", ROOT / "benchmarks" / "corruptions.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["corruptions"] = module
    spec.loader.exec_module(module)
    return module


def test_every_fourth_row_is_judged_as_measured(corruptions: ModuleType) -> None:
    seen: Counter[tuple[bool, bool]] = Counter()
    items = [i for i in corruptions.load(SHARED) if i.half == "report"]
    assert len(items) >= 800
    for item in items[::4]:
        report = compare(
            item.claim,
            [item.evidence],
            claim_language=item.language,
            evidence_languages=[item.evidence_language],
            published=[item.published],
        )
        seen[item.kind != "clean", bool(report.issues)] += 1
    assert seen[True, True] / (seen[True, True] + seen[True, False]) >= 0.93
    assert seen[False, True] / (seen[False, True] + seen[False, False]) <= 0.05


def test_rows_hold_edits_and_no_article(corruptions: ModuleType) -> None:
    lines = corruptions.DATASET.read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 400
    assert not any("claim" in line or "context" in line for line in lines[:50])
