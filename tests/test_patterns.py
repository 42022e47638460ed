"""No regular expression of the packages takes more than linear time, whatever text it is given."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_patterns import BOUND, Used, growth

ROOT = Path(__file__).resolve().parents[1]


# It takes a minute of a processor, which others may want as well.
@pytest.mark.timeout(880)
def test_every_pattern_of_the_packages_is_linear() -> None:
    # In a process of its own: every module is imported anew, so that what it compiles is seen.
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "fixtures_patterns.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=840,
    )
    assert done.returncode == 0, done.stderr
    first, *measured = map(json.loads, done.stdout.splitlines())
    assert first["unknown"] == [], "patterns built from local names: see _EXAMPLES"
    assert len(measured) == first["patterns"] > 400
    slow = [
        f"{m['where']} {m['method']}: {m['times']:.0f} times as long on {m['attack']}"
        for m in measured
        if m["times"] > BOUND
    ]
    assert slow == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(?m:^\s*(?:[#*>-]{1,4}\s*)*system)", "search"),
        (r"\S.{0,30}?(?:\s*[|>]\s*\S.{0,30}?){2,}", "fullmatch"),
        (r"^\s*\[?\s*\d*\s*\]?\s*,", "match"),
        (r"\s+$", "search"),
        (r"<!--.*?-->", "sub"),
        (r"(\*\*)(?=\S)(.+?)(?<=\S)\1", "sub"),
        (r"\w+\W*$", "search"),
        (r"[A-Za-z]{2,}(?:\s+[A-Za-z]{2,})+", "findall"),
    ],
)
def test_a_pattern_of_more_than_linear_time_is_found(pattern: str, method: str) -> None:
    assert growth(Used(pattern, re.NOFLAG, "here", method)).times > BOUND


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(?<!\s)\s++$", "search"),
        (r"\d+(?:[.,]\d+)*", "finditer"),
        (r"[^。\n]{0,40}(?:指示|命令)", "search"),
    ],
)
def test_a_pattern_of_linear_time_is_not_reported(pattern: str, method: str) -> None:
    assert growth(Used(pattern, re.NOFLAG, "here", method)).times <= BOUND
