"""Options that several index commands share."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["CONFIG_OPTION", "JSON_OPTION", "STORE_OPTION", "WAIT_OPTION", "YES_OPTION"]

STORE_OPTION = click.option(
    "--store",
    default=".konkyo/store",
    show_default=True,
    envvar="KONKYO_STORE",
    help="Folder of the index, or postgresql://... or milvus://...",
)

CONFIG_OPTION = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KONKYO_CONFIG",
    help="Settings file.  [default: konkyo.toml, if there is one]",
)

WAIT_OPTION = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for another command that is writing to this index.",
)

YES_OPTION = click.option(
    "--yes",
    is_flag=True,
    help="Do not ask before removing more articles than index.removal_limit allows.",
)

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
