"""``konkyo index``: build, change and inspect an index of articles."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from konkyo.index.builder import BuildEncoder, BuildReport, Progress, Stage
    from konkyo.index.ingest.preparation import Reader
    from konkyo.index.ingest.sources import Fetcher
    from konkyo.index.inventory import Confirm
    from konkyo.index.settings import Settings

__all__ = ["index"]

F = TypeVar("F", bound=Callable[..., object])

_STORE = click.option(
    "--store",
    default=".konkyo/store",
    show_default=True,
    envvar="KONKYO_STORE",
    help="Folder of the index, or postgresql://... or milvus://...",
)
_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KONKYO_CONFIG",
    help="Settings file.  [default: konkyo.toml, if there is one]",
)
_WAIT = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for another command that is writing to this index.",
)
_YES = click.option(
    "--yes",
    is_flag=True,
    help="Do not ask before removing more articles than index.removal_limit allows.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
_VERBS = {"read": "reading", "embed": "embedding", "index": "indexing"}
_PLAIN_SECONDS = 10.0


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


def _build_options(command: F) -> F:
    for option in (
        _STORE,
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
        _CONFIG,
        _WAIT,
        _YES,
        _JSON,
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
def build(
    sources: tuple[str, ...],
    rebuild: bool,
    store: str,
    fetch: bool,
    strict: bool,
    model: str | None,
    workers: int,
    ray: str | None,
    config: Path | None,
    wait: float,
    yes: bool,
    as_json: bool,
) -> int:
    """Make the index hold exactly the articles of SOURCE...

    A SOURCE is a file, a folder, a pattern, an address of an object store (s3://, gs://) or (with
    --fetch) a URL. Articles of sources that are no longer named are taken out; `konkyo index add`
    keeps them. A SOURCE that is missing, empty or cannot be read takes nothing out, and removing
    more than a fifth of all articles (the setting index.removal_limit) asks first or wants --yes.
    """
    given = (sources, store, fetch, strict, model, workers, ray, config, wait, yes, as_json)
    return _run(*given, prune=True, rebuild=rebuild)


@index.command(
    epilog="""
    \b
    Example:
      konkyo index add today/ --store /srv/news
    """
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@_build_options
def add(
    sources: tuple[str, ...],
    store: str,
    fetch: bool,
    strict: bool,
    model: str | None,
    workers: int,
    ray: str | None,
    config: Path | None,
    wait: float,
    yes: bool,
    as_json: bool,
) -> int:
    """Add or refresh the articles of SOURCE... and keep all others."""
    given = (sources, store, fetch, strict, model, workers, ray, config, wait, yes, as_json)
    return _run(*given, prune=False, rebuild=False)


def _run(
    sources: Sequence[str],
    store: str,
    fetch: bool,
    strict: bool,
    model: str | None,
    workers: int,
    ray: str | None,
    config: Path | None,
    wait: float,
    yes: bool,
    as_json: bool,
    *,
    prune: bool,
    rebuild: bool,
) -> int:
    from konkyo.index.builder import build as build_store
    from konkyo.index.settings import load_settings

    settings: Settings = load_settings(config, {"embedding": {"model": model}})
    fetcher = _fetcher() if fetch else None
    kept = 0

    def count(stage: Stage, done: int, total: int) -> None:
        nonlocal kept
        kept = done if stage == "embed" else kept

    try:
        with (
            _hands(settings, workers, ray, fetcher) as (encoder, reader, batch),
            _progress(quiet=as_json) as (show, stop),
        ):

            def progress(stage: Stage, done: int, total: int) -> None:
                count(stage, done, total)
                show(stage, done, total)

            report = build_store(
                sources,
                store,
                encoder,
                settings.chunks,
                progress=progress,
                strict=strict,
                fetch=fetcher,
                prune=prune,
                rebuild=rebuild,
                wait=wait,
                reader=reader,
                batch=batch,
                removal_limit=settings.index.removal_limit,
                confirm=_confirm(yes, as_json, stop),
                limits=settings.reading,
            )
    except KeyboardInterrupt as exc:
        click.echo(
            f"stopped; the index is as it was, {kept} encoded passages are kept:"
            " the same command goes on from there",
            err=True,
        )
        raise click.Abort from exc
    _tell(report, store, as_json)
    return 1 if report.failures else 0


@contextlib.contextmanager
def _hands(
    settings: Settings, workers: int, ray: str | None, fetch: Fetcher | None
) -> Iterator[tuple[BuildEncoder, Reader | None, int]]:
    """Who encodes, who reads and how much is encoded at once."""
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


def _confirm(yes: bool, as_json: bool, stop: Callable[[], None] = lambda: None) -> Confirm | None:
    """Who consents to the removal of many articles: the flag, or somebody at the terminal."""
    if yes:
        return lambda removed, total: True
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(removed: int, total: int) -> bool:
        stop()
        return click.confirm(f"This removes {removed} of {total} articles. Go on?", err=True)

    return ask


def _fetcher() -> Fetcher:
    from konkyo.index.ingest.fetch import WebFetcher

    return WebFetcher()


def _tell(report: BuildReport, store: str, as_json: bool) -> None:
    from konkyo.index.stores.address import masked

    for failure in report.failures:
        click.echo(f"konkyo: not read: {failure.source}: {failure.reason}", err=True)
    if report.failures:
        click.echo(
            f"konkyo: {len(report.failures)} failed; the rest is indexed, and what was known of"
            " the failed ones is kept; `konkyo index remove` takes out what is gone for good",
            err=True,
        )
    if report.unknown_kinds:
        kinds = ", ".join(
            f"{count} {ending or 'without an ending'}"
            for ending, count in sorted(report.unknown_kinds.items())
        )
        click.echo(f"konkyo: passed over, because Konkyo does not read them: {kinds}", err=True)
    if as_json:
        click.echo(json.dumps(asdict(report), ensure_ascii=False))
        return
    facts = [
        f"{report.added} added",
        f"{report.changed} changed",
        f"{report.removed} removed",
        f"{report.unchanged} unchanged",
    ]
    if report.duplicates:
        facts.append(f"{report.duplicates} found again elsewhere")
    if report.carried:
        facts.append(f"{report.carried} kept from the old index (their sources cannot be read)")
    if report.excluded:
        facts.append(f"{report.excluded} passed over (removed by hand)")
    click.echo(
        f"{masked(store)}: {', '.join(facts)}; {report.embedded} passages encoded in"
        f" {report.seconds:.1f} s; generation {report.generation}"
    )


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[tuple[Progress, Callable[[], None]]]:
    """A bar with rate and time left on a terminal, now and then a line elsewhere.

    And what stops the bar, so that something can be asked.
    """
    if quiet and not sys.stderr.isatty():
        yield lambda stage, done, total: None, lambda: None
    elif sys.stderr.isatty():
        with _bars() as shown:
            yield shown
    else:
        yield _lines(), lambda: None


@contextlib.contextmanager
def _bars() -> Iterator[tuple[Progress, Callable[[], None]]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        Task,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Rate(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "")

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(""),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), speed_estimate_period=60) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: Stage, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_VERBS[stage], total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show, bars.stop


def _lines() -> Progress:
    import time

    last = {"said": time.monotonic(), "began": time.monotonic()}
    begun: set[str] = set()

    def show(stage: Stage, done: int, total: int) -> None:
        now = time.monotonic()
        if stage not in begun:
            begun.add(stage)
            last["began"] = now
            return
        if now - last["said"] < _PLAIN_SECONDS:
            return
        last["said"] = now
        rate = done / max(now - last["began"], 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        click.echo(f"{_VERBS[stage]} {done} of {total} ({rate:.0f}/s{left})", err=True)

    return show


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
@_STORE
@click.option("--take-back", is_flag=True, help="Let builds index these removed articles again.")
@_CONFIG
@_WAIT
@_YES
@_JSON
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
            confirm=_confirm(yes, as_json),
        )
    if as_json:
        click.echo(json.dumps({"generation": generation, "read_again": again}, ensure_ascii=False))
        return
    verb = "may be indexed again by the next build" if take_back else "removed"
    click.echo(f"{masked(store)}: {len(names)} {verb}; generation {generation}")
    for source in again:
        click.echo(f"the next build reads {source} again: it holds a near copy of what is gone")


@index.command(
    epilog="""
    \b
    Example:
      konkyo index undo
    """
)
@_STORE
@_WAIT
@_JSON
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


@index.command(name="list")
@_STORE
@_JSON
def list_articles(store: str, as_json: bool) -> None:
    """Print the articles, newest first."""
    from konkyo.index.stores.open import open_store

    opened = open_store(store)
    try:
        articles = list(opened.articles())
    finally:
        opened.close()
    if as_json:
        click.echo(json.dumps([asdict(article) for article in articles], ensure_ascii=False))
        return
    for article in articles:
        click.echo(
            f"{article.article_id}  {article.published or '----------'}  {article.language:<2} "
            f" {article.passages:>4}  {article.title}"
        )
    click.echo(f"{len(articles)} articles")


@index.command()
@_STORE
@_JSON
def status(store: str, as_json: bool) -> None:
    """Say what is in the index and how it is searched."""
    from konkyo.index.stores.address import masked
    from konkyo.index.stores.open import open_store, store_size

    with contextlib.closing(open_store(store)) as opened:
        articles = list(opened.articles())
        facts: dict[str, object] = {
            "store": masked(store),
            "generation": opened.generation,
            "created": opened.created,
            "fingerprint": opened.fingerprint,
            "articles": len(articles),
            "passages": opened.passage_count,
            "languages": dict(Counter(a.language for a in articles).most_common()),
            "outlets": dict(Counter(a.outlet or "(none)" for a in articles).most_common()),
            "first_published": min((a.published for a in articles if a.published), default=None),
            "last_published": max((a.published for a in articles if a.published), default=None),
            "bytes": store_size(store),
            "search": opened.describe(),
        }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        click.echo(f"{key.replace('_', ' '):<16} {value if value is not None else '-'}")


@index.command()
@_STORE
@_JSON
def verify(store: str, as_json: bool) -> int:
    """Check every promise of the index, every checksum, and say what to do.

    Exits with 1 when anything is wrong.
    """
    from konkyo.index.stores.open import verify_store

    findings = verify_store(store)
    if as_json:
        click.echo(json.dumps([asdict(f) for f in findings], ensure_ascii=False))
    else:
        for finding in findings:
            mark = "ok   " if finding.ok else "WRONG"
            click.echo(f"{mark} {finding.what}" + (f": {finding.detail}" if finding.detail else ""))
        wrong = [f for f in findings if not f.ok]
        for advice in dict.fromkeys(f.advice for f in wrong if f.advice):
            click.echo(f"to do: {advice}")
    return 0 if all(f.ok for f in findings) else 1


@index.command()
@_STORE
@_WAIT
@_JSON
def compact(store: str, wait: float, as_json: bool) -> None:
    """Give freed space back and make one search segment of all."""
    from konkyo.index.builder import compact as compact_store
    from konkyo.index.stores.address import masked

    before, after = compact_store(store, wait=wait)
    if as_json:
        click.echo(json.dumps({"bytes_before": before, "bytes_after": after}))
        return
    click.echo(f"{masked(store)}: {before / 1e6:.1f} MB, now {after / 1e6:.1f} MB")
