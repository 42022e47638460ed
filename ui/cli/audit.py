"""``konkyo audit``: what editors did."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

__all__ = ["audit"]


@click.command(
    epilog="""
    \b
    Examples:
      konkyo audit
      konkyo audit --store /data/news --last 1000 --json
    """
)
@click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Folder of the index.  [default: from settings, .konkyo/store]",
)
@click.option("--last", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array and nothing else.")
def audit(store: str | None, last: int, as_json: bool) -> None:
    """Print what editors did on the page and over HTTP, oldest first."""
    from konkyo.index.settings import load_settings
    from konkyo.index.stores.address import masked
    from konkyo.ui.cli.terminal import clean
    from konkyo.ui.server.audit import entries_of

    index = store or load_settings().store
    entries = entries_of(index)[-last:]
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
        return
    for entry in entries:
        why = f"  refused: {entry.refused}" if entry.refused else ""
        objects = " ".join(entry.objects)
        click.echo(clean(f"{entry.at}  {entry.who or '-'}  {entry.action}  {objects}{why}"))
    click.echo(f"{len(entries)} entries on {clean(masked(index))}")
