"""A sheet for a person: what was asked, what was shown, and a blank for the verdict. Pure.

Tab-separated with a header line, as any spreadsheet reads it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from konkyo.eval.citation_metrics import cohen_kappa
from konkyo.eval.scoring import Row
from konkyo.eval.statistics import Mean, mean
from konkyo.index.errors import DatasetError

__all__ = ["COLUMNS", "VERDICTS", "SheetSummary", "Verdict", "read_sheet", "write_sheet"]

Verdict = Literal["useful", "incomplete", "wrong", "garbled", "refused"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""What a person says of what was shown; a right refusal is useful, a wrong one "refused"."""

COLUMNS = ("id", "kind", "language", "question", "answer", "quotes", "measured", "verdict", "note")

_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class SheetSummary:
    """What a person said: shares of the rows with a verdict, and ``left`` rows without one.

    ``agreement`` is Cohen's kappa between the person's "useful" and the measured one.
    """

    useful: Mean
    wrong_or_garbled: Mean
    verdicts: Mapping[str, int]
    by_language: Mapping[str, Mean]
    agreement: float
    left: int


def write_sheet(rows: Sequence[Row]) -> str:
    """The sheet of a run, one line a question; the verdicts are blank."""
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        asked = row.question
        question = " / ".join([*(turn.question for turn in asked.history), asked.question])
        outcome = row.outcome or {}
        measured = ", ".join(row.flaws) or "useful"
        cells = [asked.id, asked.kind, asked.language, question, _answer(outcome), _quotes(outcome)]
        writer.writerow([_cell(cell) for cell in [*cells, measured, "", ""]])
    return text.getvalue()


def read_sheet(name: str, text: str) -> SheetSummary:
    """What the verdicts of a sheet come to. Raises DatasetError with the line that is wrong."""
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), dialect="excel-tab")
    missing = {"language", "measured", "verdict"} - set(lines.fieldnames or ())
    if missing:
        raise DatasetError(f"{name}: not a sheet of answers: no column {sorted(missing)[0]!r}")
    said: list[tuple[str, str, bool]] = []
    left = 0
    for number, line in enumerate(lines, 2):
        verdict = (line["verdict"] or "").strip().casefold()
        if verdict and verdict not in VERDICTS:
            known = ", ".join(VERDICTS)
            raise DatasetError(f"{name}: row {number}: {verdict!r} is none of {known}")
        left += not verdict
        if verdict:
            said.append((verdict, line["language"] or "", line["measured"] == "useful"))
    languages = sorted({language for _, language, _ in said})
    return SheetSummary(
        useful=mean([float(v == "useful") for v, _, _ in said]),
        wrong_or_garbled=mean([float(v in ("wrong", "garbled")) for v, _, _ in said]),
        verdicts=dict(Counter(verdict for verdict, _, _ in said)),
        by_language={
            language: mean([float(v == "useful") for v, own, _ in said if own == language])
            for language in languages
        },
        agreement=cohen_kappa([v == "useful" for v, _, _ in said], [m for _, _, m in said]),
        left=left,
    )


def _answer(outcome: Mapping[str, object]) -> str:
    short = outcome.get("short")
    first = f"{short['text']} — " if isinstance(short, dict) and short.get("text") else ""
    notices = outcome.get("notices")
    said = [str(notice) for notice in notices] if isinstance(notices, list) else []
    return " ".join([f"{first}{outcome.get('answer') or '(no outcome)'}", *said])


def _quotes(outcome: Mapping[str, object]) -> str:
    cited = outcome.get("citations")
    return "  ".join(
        f"[{one.get('id')}] {one.get('quote')}"
        for one in (cited if isinstance(cited, list) else [])
        if isinstance(one, dict)
    )


def _cell(text: str) -> str:
    """One line of printable text that no spreadsheet takes for a formula."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"'{plain}" if plain.startswith(_FORMULA) else plain
