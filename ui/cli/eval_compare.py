"""``konkyo eval compare`` and ``konkyo eval report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.eval.compare import Comparison
from konkyo.ui.cli.eval_options import JSON_OPTION
from konkyo.ui.cli.eval_tables import new_console, plain

__all__ = ["compare_command", "report_command"]

_SHOWN_LETTERS = 300


@click.command(
    name="compare",
    epilog="""
    \b
    Examples:
      konkyo eval compare out/first out/second
      konkyo eval compare out/main out/branch --measure Right --max-loss 0.02   # for CI

    Exit codes: 0 no loss past --max-loss, 1 a loss past it, 2 wrong use.
    """,
)
@click.argument("a", type=click.Path(path_type=Path, exists=True))
@click.argument("b", type=click.Path(path_type=Path, exists=True))
@click.option("--measure", default="Handled", show_default=True, help="What to compare.")
@click.option(
    "--max-loss",
    type=click.FloatRange(0.0, 1.0),
    default=None,
    help="Exit 1 if the measure's mean falls by more than this share.",
)
@JSON_OPTION
def compare_command(a: Path, b: Path, measure: str, max_loss: float | None, as_json: bool) -> int:
    """Show what got better and what got worse from run A to run B, question by question."""
    from konkyo.eval.compare import compare, comparison_json
    from konkyo.eval.metrics import Measure
    from konkyo.eval.run import read_rows

    comparison = compare(read_rows(a), read_rows(b), Measure.parse(measure))
    if as_json:
        click.echo(json.dumps(comparison_json(comparison), ensure_ascii=False))
    else:
        _print_comparison(comparison)
    if max_loss is not None and comparison.lost(max_loss):
        click.echo(
            f"{measure} fell by {-comparison.result.difference:.3f}, more than {max_loss:.3f}",
            err=True,
        )
        return 1
    return 0


def _print_comparison(comparison: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    console = new_console()
    shown = Table(title="B minus A")
    for name in ("measure", "difference", "95 %", "p", "n", "better", "worse"):
        shown.add_column(name, justify="left" if name == "measure" else "right")
    for name, value in comparison.by_measure.items():
        if value.n:
            shown.add_row(
                name,
                f"{value.difference:+.3f}",
                f"{value.low:+.3f} to {value.high:+.3f}",
                f"{value.p:.4f}",
                str(value.n),
                str(value.better),
                str(value.worse),
            )
    console.print(shown)
    for title, changes in (("worse", comparison.worse), ("better", comparison.better)):
        for change in changes:
            console.print(Text(f"{title}: {change.id} {_short(change.question)}", "bold"))
            console.print(Text(f"  A: {_short(change.answer_before)}"))
            console.print(Text(f"  B: {_short(change.answer_after)}"))


@click.command(
    name="report",
    epilog="""
    \b
    Examples:
      konkyo eval report out/first                      # writes out/first/report.html
      konkyo eval report out/first --html first.html
      konkyo eval report out/first --beside quotes=out/quotes --beside LlamaIndex=out/plain
    """,
)
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Where to write the page.  [default: report.html beside the rows]",
)
@click.option(
    "--beside",
    multiple=True,
    metavar="NAME=RUN",
    help="Compare with another system that was asked the same questions; repeatable.",
)
def report_command(run: Path, html: Path | None, beside: tuple[str, ...]) -> int:
    """Write one HTML page of a run: figures, plots, and every question with its proof.

    The page needs no network and shows text of articles and models as text only.
    """
    from konkyo.eval.session import write_report

    others = dict(_named_run(one) for one in beside)
    click.echo(f"wrote {write_report(run, html, others)}")
    return 0


def _named_run(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise click.UsageError(f"--beside {text}: expected NAME=RUN")
    return name, Path(folder)


def _short(text: str) -> str:
    """The beginning of a text, in one line."""
    return plain(text)[:_SHOWN_LETTERS]
