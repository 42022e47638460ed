"""``konkyo eval label``: a person's verdict on answers, by a sheet, and on claims, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from konkyo.ui.cli.eval_tables import new_console, plain

__all__ = ["label"]


@click.command(
    name="label",
    epilog="""
    \b
    Examples:
      konkyo eval label out/own --sheet answers.tsv     # fill in the column "verdict"
      konkyo eval label --read answers.tsv              # useful, wrong or garbled
      konkyo eval label out/own --out claims.jsonl
    The last one asks claim by claim; stop with q or Ctrl-C, the same command goes on. Then:
      konkyo eval calibrate --claims claims.jsonl --out own-calibration.json
    """,
)
@click.argument("run", type=click.Path(path_type=Path, exists=True), required=False)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write a sheet (TSV) of all answers with a blank column for your verdict.",
)
@click.option(
    "--read",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="Say what the verdicts of a sheet come to.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File (JSONL) that labelled claims are added to.",
)
def label(run: Path | None, sheet: Path | None, read: Path | None, out: Path | None) -> int:
    """Judge what a run showed: whole answers in a sheet, or claim by claim.

    A verdict is useful, incomplete, wrong, garbled or refused (which it should not have been; a
    right refusal is useful).
    """
    wanted = [option for option in (sheet, read, out) if option is not None]
    if len(wanted) != 1 or (run is None) != (read is not None):
        raise click.UsageError("give RUN with --sheet FILE or --out FILE, or --read FILE alone")
    if read is not None:
        _read(read)
    elif sheet is not None and run is not None:
        _write(run, sheet)
    elif out is not None and run is not None:
        _claims(run, out)
    return 0


def _write(run: Path, sheet: Path) -> None:
    from konkyo.eval.run import read_rows
    from konkyo.eval.sheet import VERDICTS, write_sheet

    if sheet.exists():
        raise click.UsageError(f"{sheet} is there already; its verdicts would be lost")
    rows = read_rows(run)
    # With a mark, so that spreadsheets know it for UTF-8.
    sheet.write_text(write_sheet(rows), encoding="utf-8-sig")
    click.echo(f"wrote {sheet}: {len(rows)} answers; verdicts: {', '.join(VERDICTS)}")


def _read(sheet: Path) -> None:
    from rich.table import Table

    from konkyo.eval.sheet import read_sheet
    from konkyo.eval.systems_table import shown

    found = read_sheet(str(sheet), sheet.read_text("utf-8-sig"))
    if not found.verdicts:
        click.echo(f"{sheet}: no verdict yet, {found.left} left")
        return
    table = Table(title=f"{found.useful.n} verdicts, {found.left} left")
    table.add_column("")
    table.add_column("share (95 %)", justify="right")
    table.add_row("useful", shown(found.useful))
    table.add_row("wrong or garbled", shown(found.wrong_or_garbled))
    for language, value in found.by_language.items():
        table.add_row(f"useful, {plain(language)}", shown(value))
    console = new_console()
    console.print(table)
    counts = ", ".join(f"{verdict} {count}" for verdict, count in found.verdicts.items())
    console.print(f"{counts}; kappa with the measured Useful: {found.agreement:.2f}")


def _claims(run: Path, out: Path) -> None:
    from konkyo.eval.calibration_rows import claims_of, read_claims
    from konkyo.eval.run import read_rows

    have = {(c.claim, c.quotes) for c in read_claims(out)} if out.exists() else set()
    left = [c for c in claims_of(read_rows(run)) if (c[1], c[2]) not in have]
    for number, (question, claim, quotes, crossed) in enumerate(left, 1):
        click.echo(f"\n[{number}/{len(left)}] {plain(question)}")
        for quote in quotes:
            click.echo(f"    “{plain(quote)}”")
        click.echo(f"  {click.style(plain(claim), bold=True)}")
        said = click.prompt(
            "do the quotes say all of it: yes, no, skip, quit",
            type=click.Choice(["y", "n", "s", "q"], case_sensitive=False),
        )
        if said == "q":
            break
        if said != "s":
            row = {
                "claim": claim,
                "quotes": list(quotes),
                "supported": said == "y",
                "crossed": crossed,
            }
            with out.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    count = len(read_claims(out)) if out.exists() else 0
    click.echo(f"{out}: {count} labelled claims")
