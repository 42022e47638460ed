"""``konkyo index``: build, change and inspect an index of articles."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

if TYPE_CHECKING:
    from konkyo.index.builder import BuildEncoder, Stage
    from konkyo.index.ingest.preparation import Reader
    from konkyo.index.ingest.sources import Fetcher
    from konkyo.index.settings import Settings
from konkyo.index.text.unicode import escaped
from konkyo.ui.cli.build_progress import build_progress
from konkyo.ui.cli.build_report import consent, print_interrupted, print_report
from konkyo.ui.cli.index_inspect import compact, list_articles, status, verify
from konkyo.ui.cli.index_options import (
    CONFIG_OPTION,
    JSON_OPTION,
    STORE_OPTION,
    WAIT_OPTION,
    YES_OPTION,
)
from konkyo.ui.cli.index_watch import watch

__all__ = ["add", "index", "remove"]

F = TypeVar("F", bound=Callable[..., object])


@click.group(name="index")
def index() -> None:
    """Build, change and inspect an index of articles.

    \b
    Examples:
      konkyo index build seeds
      konkyo index build ~/news/*.html ~/news/archive.jsonl --store /srv/news
      konkyo index add today.md
      konkyo index remove today.md
      konkyo index undo
      konkyo index list --json
      konkyo index verify
    """


class _BuildOptions(TypedDict):
    """Values of the options that ``build`` and ``add`` share."""

    store: str
    fetch: bool
    strict: bool
    model: str | None
    workers: int
    ray: str | None
    config: Path | None
    wait: float
    yes: bool
    as_json: bool


def _build_options(command: F) -> F:
    for option in (
        STORE_OPTION,
        click.option("--fetch", is_flag=True, help="Allow URLs and feeds: reads from the network."),
        click.option(
            "--strict", is_flag=True, help="Stop at the first source that cannot be read."
        ),
        click.option("--model", help="Embedding model.  [default: from settings]"),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Processes of this machine that read and cut documents.",
        ),
        click.option(
            "--ray",
            metavar="ADDRESS",
            help="Read and encode on a Ray cluster: auto, local or the HOST:PORT of its head.",
        ),
        CONFIG_OPTION,
        WAIT_OPTION,
        YES_OPTION,
        JSON_OPTION,
    ):
        command = option(command)
    return command


@index.command(
    epilog="""
    \b
    Examples:
      konkyo index build seeds
      konkyo index build news/ extra.jsonl "more/*.html" --store /srv/news
      konkyo index build https://example.org/feed.xml --fetch
      konkyo index build s3://bucket/news --ray head:6379 --store postgresql://db/konkyo

    Run it again whenever sources change: only what changed is read and encoded. Stopped by
    Ctrl-C, it keeps what it encoded and the next run goes on from there.
    """
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--rebuild", is_flag=True, help="Make everything anew, beside the old index.")
@_build_options
def build(sources: tuple[str, ...], rebuild: bool, **options: Unpack[_BuildOptions]) -> int:
    """Make the index hold exactly the articles of SOURCE...

    A SOURCE is a file, a folder, a pattern, an address of an object store (s3://, gs://) or (with
    --fetch) a URL. Articles of sources that are no longer named are taken out; `konkyo index add`
    keeps them. A SOURCE that is missing, empty or cannot be read takes nothing out, and removing
    more than a fifth of all articles (the setting index.removal_limit) asks first or wants --yes.
    """
    return _run(sources, prune=True, rebuild=rebuild, **options)


@index.command(
    epilog="""
    \b
    Example:
      konkyo index add today/ --store /srv/news
    """
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@_build_options
def add(sources: tuple[str, ...], **options: Unpack[_BuildOptions]) -> int:
    """Add or refresh the articles of SOURCE... and keep all others."""
    return _run(sources, prune=False, rebuild=False, **options)


def _run(
    sources: Sequence[str], *, prune: bool, rebuild: bool, **options: Unpack[_BuildOptions]
) -> int:
    from konkyo.index.builder import build as build_store
    from konkyo.index.settings import load_settings

    settings: Settings = load_settings(
        options["config"], {"embedding": {"model": options["model"]}}
    )
    fetcher = _fetcher() if options["fetch"] else None
    as_json = options["as_json"]
    kept = 0

    def count(stage: Stage, done: int, total: int) -> None:
        nonlocal kept
        kept = done if stage == "embed" else kept

    try:
        with (
            _working_parts(settings, options["workers"], options["ray"], fetcher) as parts,
            build_progress(quiet=as_json) as (show, stop),
        ):
            encoder, reader, batch = parts

            def progress(stage: Stage, done: int, total: int) -> None:
                count(stage, done, total)
                show(stage, done, total)

            report = build_store(
                sources,
                options["store"],
                encoder,
                settings.chunks,
                progress=progress,
                strict=options["strict"],
                fetch=fetcher,
                prune=prune,
                rebuild=rebuild,
                wait=options["wait"],
                reader=reader,
                batch=batch,
                removal_limit=settings.index.removal_limit,
                confirm=consent(options["yes"], as_json, stop),
                limits=settings.reading,
            )
    except KeyboardInterrupt as exc:
        print_interrupted(kept)
        raise click.Abort from exc
    print_report(report, options["store"], as_json)
    return 1 if report.failures else 0


@contextlib.contextmanager
def _working_parts(
    settings: Settings, workers: int, ray: str | None, fetch: Fetcher | None
) -> Iterator[tuple[BuildEncoder, Reader | None, int]]:
    """The encoder, the reader of documents (None: in this process) and the size of a batch."""
    from konkyo.index.builder import BATCH
    from konkyo.index.embedding.encoders import Load

    named, chunks = settings.embedding, settings.chunks
    encoder = Load(named.model, named.threads or None)()
    # Where many processes share the cores, each has one of them.
    alone = Load(named.model, 1)
    if ray is not None:
        if workers > 1:
            raise click.UsageError("--workers is for this machine alone; leave it out with --ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from konkyo.index import ray_pool as cluster

        with cluster.Cluster(ray, encoder, alone, chunks, fetch, settings.reading) as joined:
            yield joined, joined, cluster.BATCH
    elif workers > 1:
        from konkyo.index.process_pool import ProcessReader

        with ProcessReader(workers, alone, chunks, fetch, limits=settings.reading) as reader:
            yield encoder, reader, BATCH
    else:
        yield encoder, None, BATCH


def _fetcher() -> Fetcher:
    from konkyo.index.ingest.fetch import WebFetcher

    return WebFetcher()


@index.command(
    epilog="""
    \b
    Examples:
      konkyo index remove 3f2a9c0d1e4b5a67       # one article, for good
      konkyo index remove news/2025              # a file or all of a folder
      konkyo index remove --take-back 3f2a9c0d1e4b5a67
    """
)
@click.argument("names", nargs=-1, required=True, metavar="ID|SOURCE...")
@STORE_OPTION
@click.option("--take-back", is_flag=True, help="Let builds index these removed articles again.")
@CONFIG_OPTION
@WAIT_OPTION
@YES_OPTION
@JSON_OPTION
def remove(
    names: tuple[str, ...],
    store: str,
    take_back: bool,
    config: Path | None,
    wait: float,
    yes: bool,
    as_json: bool,
) -> None:
    """Take articles or sources out, at once.

    An article removed by its identifier stays out even if a later build finds it again; a source
    comes back when a build names it.
    """
    from konkyo.index.builder import remove as remove_names
    from konkyo.index.builder import take_back as take_back_names
    from konkyo.index.settings import load_settings
    from konkyo.index.stores.address import masked

    if take_back:
        generation = take_back_names(names, store, wait=wait)
        again: list[str] = []
    else:
        generation, again = remove_names(
            names,
            store,
            wait=wait,
            removal_limit=load_settings(config).index.removal_limit,
            confirm=consent(yes, as_json),
        )
    if as_json:
        click.echo(json.dumps({"generation": generation, "read_again": again}, ensure_ascii=False))
        return
    verb = "may be indexed again by the next build" if take_back else "removed"
    click.echo(f"{masked(store)}: {len(names)} {verb}; generation {generation}")
    for source in again:
        click.echo(
            f"the next build reads {escaped(source)} again: it holds a near copy of what is gone"
        )


@index.command(
    epilog="""
    \b
    Example:
      konkyo index undo
    """
)
@STORE_OPTION
@WAIT_OPTION
@JSON_OPTION
def undo(store: str, wait: float, as_json: bool) -> None:
    """Go back to how the index was before its last change; once more goes forward again.

    One generation is kept: after another change, that one can be undone.
    """
    from konkyo.index.builder import undo as undo_change
    from konkyo.index.stores.address import masked

    generation, changes = undo_change(store, wait=wait)
    if as_json:
        click.echo(json.dumps({"generation": generation, **asdict(changes)}))
        return
    click.echo(
        f"{masked(store)}: {changes.added} brought back, {changes.changed} changed,"
        f" {changes.removed} taken out, {changes.unchanged} unchanged; generation {generation}"
    )


for _command in (list_articles, status, verify, compact, watch):
    index.add_command(_command)
