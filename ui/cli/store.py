"""``konkyo store``: move an index between a folder, PostgreSQL and Milvus."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

__all__ = ["store"]

_STAGES = {"copy": "copying", "compare": "comparing"}


@click.group(name="store")
def store() -> None:
    """Move an index between a folder, PostgreSQL and Milvus.

    \b
    Example:
      konkyo store copy .konkyo/store postgresql://news@db.example.org/news
    """


@store.command(
    epilog="""
    \b
    Examples:
      konkyo store copy .konkyo/store postgresql://news@db.example.org/news
      konkyo store copy postgresql://news@db/news "milvus://vectors/news?truth=postgresql://news@db/news"
      konkyo store copy postgresql://news@db/news /srv/backup/news --json

    Passwords come from KONKYO_STORE_PASSWORD, PGPASSWORD or a password file, see docs/stores.md.
    Stopped by Ctrl-C or a lost connection, the same command goes on where it was.
    """
)
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--replace", is_flag=True, help="Put the copy in the place of what TO holds.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for another command that is writing to TO.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def copy(origin: str, target: str, replace: bool, wait: float, as_json: bool) -> None:
    """Copy the index FROM to TO, and compare the two.

    Articles, passages, vectors, sources and what was removed by hand are copied; nothing is
    encoded again. Counts, checksums of everything and a sample of searches are compared.
    """
    from rich.console import Console
    from rich.progress import Progress

    from konkyo.index.migrate import copy_store
    from konkyo.index.stores.address import masked
    from konkyo.ui.cli.progress import progress_columns

    console = Console(stderr=True)
    try:
        with Progress(
            *progress_columns(), console=console, disable=not sys.stderr.isatty()
        ) as bars:
            tasks = {stage: bars.add_task(said, total=None) for stage, said in _STAGES.items()}

            def show(stage: str, done: int, total: int) -> None:
                bars.update(tasks[stage], completed=done, total=total)

            report = copy_store(origin, target, replace=replace, progress=show, wait=wait)
    except KeyboardInterrupt as exc:
        click.echo("stopped; the same command goes on from there", err=True)
        raise click.Abort from exc
    if as_json:
        click.echo(json.dumps(asdict(report), ensure_ascii=False))
        return
    resumed = f" ({report.resumed} were there already)" if report.resumed else ""
    click.echo(
        f"{masked(target)}: {report.articles} articles{resumed}, {report.passages} passages,"
        f" {report.sources} sources in {report.seconds:.1f} s; all compared, {report.searches}"
        f" searches the same; generation {report.generation}"
    )
