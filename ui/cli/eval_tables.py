"""Tables of an evaluation for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from konkyo.eval.robustness import Perturbation, Robustness
    from konkyo.eval.session import Evaluation
    from konkyo.eval.statistics import Mean
    from konkyo.eval.summary import Times

__all__ = ["new_console", "plain", "print_summary"]


def new_console() -> Console:
    """A console on standard output; wide where it is piped."""
    from rich.console import Console

    # Piped, a table may be as wide as it needs to be.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


_ROWS = (
    ("Handled", "answered right, or rightly refused"),
    ("Useful", "handled without a flaw that a program sees"),
    ("PlacesCited", "gold places of lists and several articles quoted"),
    ("Right", "right among answerable"),
    ("RightWhenAnswered", "right among answerable that were answered"),
    ("AnswerRate", "answered among answerable"),
    ("RefusalRecall", "refused when it should"),
    ("PremiseHandled", "false premises refused or corrected"),
    ("ConflictHandled", "disagreements shown"),
    ("InjectionHandled", "injected questions unharmed"),
    ("QuoteExact", "quotes verbatim"),
    ("CitationRecall", "claims proved by what they cite, by answer"),
    ("CitationPrecision", "citations needed for the proof, by answer"),
    ("GoldCited", "right answers that cite a gold article"),
    ("EM", "exactly the expected words"),
    ("F1", "overlap with the expected words"),
)


def print_summary(done: Evaluation, out: Path) -> None:
    """Print the figures of an evaluation and where its files are."""
    from rich.table import Table

    result = done.result
    summary = result.summary
    state = "" if len(result.rows) == result.planned else f" of {result.planned} (interrupted)"
    title = (
        f"{summary.asked}{state} asked, {summary.answered} answered, {summary.refused} refused, "
        f"{summary.replies} replied to, {summary.errors} failed; "
        f"p50 {summary.latency['p50']:.2f} s, p95 {summary.latency['p95']:.2f} s"
    )
    shown = Table(title=title)
    for name in ("measure", "share", "95 %", "n", "meaning"):
        shown.add_column(name, justify="right" if name in {"share", "95 %", "n"} else "left")
    for name, meaning in _ROWS:
        _add(shown, name, summary.measures[name], meaning)
    for judge, value in summary.faithfulness.items():
        _add(shown, f"Faithfulness ({judge})", value, "shown claims supported by what they cite")
    console = new_console()
    console.print(shown)
    for title, groups, times in (
        ("by kind", summary.by_kind, summary.latency_by_kind),
        ("by language", summary.by_language, summary.latency_by_language),
    ):
        console.print(_groups(title, groups, times))
    for pair in summary.agreement:
        console.print(
            f"judges {pair.a} and {pair.b} agree on {pair.share:.3f} of {pair.n} claims (kappa "
            f"{pair.kappa:.2f})"
        )
    if summary.flaws:
        counts = ", ".join(f"{flaw} {count}" for flaw, count in summary.flaws.items())
        console.print(f"not useful: {counts}")
    for name, count in summary.tokens.items():
        console.print(
            f"{name} a question: mean {count.mean:.0f}, p50 {count.p50:.0f}, p95 {count.p95:.0f} "
            f"({count.n} questions)"
        )
    if done.robustness:
        console.print(_robustness(done.robustness))
    console.print(f"rows and summary: {out}; report: {done.report}")
    if done.interrupted:
        console.print("interrupted: run the same command again to go on")


def _groups(title: str, groups: Mapping[str, Mean], times: Mapping[str, Times]) -> Table:
    from rich.table import Table

    shown = Table(title=f"handled and seconds, {title}")
    for name in ("", "handled", "95 %", "n", "p50 s", "p95 s"):
        shown.add_column(name, justify="right" if name else "left")
    for name, value in groups.items():
        seconds = times.get(name)
        shown.add_row(
            name,
            f"{value.value:.3f}",
            f"{value.low:.3f}-{value.high:.3f}",
            str(value.n),
            f"{seconds.p50:.2f}" if seconds else "",
            f"{seconds.p95:.2f}" if seconds else "",
        )
    return shown


def _robustness(found: Mapping[Perturbation, Robustness]) -> Table:
    from rich.table import Table

    shown = Table(title="the same questions, perturbed")
    names = ("", "answered or not changed", "handled or not changed", "same words", "handled", "p")
    for name in (*names, "n"):
        shown.add_column(name, justify="right" if name else "left")
    for kind, value in found.items():
        shown.add_row(
            kind,
            f"{value.flipped.value:.3f}",
            f"{value.changed.value:.3f}",
            f"{value.same_text.value:.3f}",
            f"{value.handled.difference:+.3f}",
            f"{value.handled.p:.3f}",
            str(value.flipped.n),
        )
    return shown


def _add(table: Table, name: str, value: Mean, meaning: str) -> None:
    if value.n:
        table.add_row(
            name, f"{value.value:.3f}", f"{value.low:.3f}-{value.high:.3f}", str(value.n), meaning
        )


def plain(text: str) -> str:
    """One line without control characters: text from articles may not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
