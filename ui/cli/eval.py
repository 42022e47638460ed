"""``konkyo eval``: measure whether answers are right and faithful."""

from __future__ import annotations

import click

from konkyo.ui.cli.eval_calibrate import calibrate
from konkyo.ui.cli.eval_compare import compare_command, report_command
from konkyo.ui.cli.eval_label import label
from konkyo.ui.cli.eval_new import new
from konkyo.ui.cli.eval_retrieval import retrieval_command
from konkyo.ui.cli.eval_run import run_command

__all__ = ["evaluate"]


@click.group(
    name="eval",
    epilog="""
    \b
    Examples:
      konkyo eval run alliance --store .konkyo/store --out out/first
      konkyo eval run own.csv --out out/own --llm none --limit 20
      konkyo eval compare out/first out/second --max-loss 0.02
      konkyo eval report out/first
      konkyo eval report out/first --beside quotes=out/quotes
      konkyo eval label out/first --sheet answers.tsv
      konkyo eval new --out own.jsonl
      konkyo eval calibrate own.jsonl --out own-calibration.json
      konkyo eval retrieval --squad jsquad-valid.json --json
    """,
)
def evaluate() -> None:
    """Measure whether answers are right and faithful."""


for _command in (
    run_command,
    retrieval_command,
    compare_command,
    report_command,
    new,
    label,
    calibrate,
):
    evaluate.add_command(_command)
