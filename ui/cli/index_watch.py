"""``konkyo index watch``: read watched sources once, or go on reading them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from konkyo.ui.cli.index_options import CONFIG_OPTION, STORE_OPTION

__all__ = ["look_repeatedly", "watch"]

_EVERY_SECONDS = 60.0


@click.command(
    epilog="""
    \b
    Examples:
      konkyo index watch https://example.org/feed.xml --hours 2
      konkyo index watch --once          read now what [watch] sources names, and end
      konkyo index watch --status        last success, next run, errors
    """
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--hours", type=click.FloatRange(0.25, 8760), help="From one reading to the next.")
@click.option("--once", is_flag=True, help="Read all of them now, and end.")
@click.option("--status", is_flag=True, help="Print what is known of them, and end.")
@STORE_OPTION
@CONFIG_OPTION
def watch(
    sources: tuple[str, ...],
    hours: float | None,
    once: bool,
    status: bool,
    store: str,
    config: Path | None,
) -> int:
    """Read feeds, pages, files and folders again on a schedule, until Ctrl-C.

    Without SOURCE, those of the setting [watch] sources, which a running `konkyo chat` watches by
    itself. Of several that watch one index, one reads.
    """
    from konkyo.index.errors import UsageError
    from konkyo.index.settings import load_settings
    from konkyo.index.watching import Failures, run_due

    settings = load_settings(config)
    named = sources or settings.watch.sources
    if not named:
        raise UsageError("nothing is watched: name a SOURCE, or set [watch] sources")
    every = hours or settings.watch.hours
    if status:
        _print_status(store, named, every)
        return 0
    failed = False

    def read(due: Sequence[str]) -> Failures:
        nonlocal failed
        failures = _add(due, store, config)
        failed = failed or bool(failures)
        return failures

    def look() -> None:
        run_due(store, named, every, read, now=datetime.now(UTC), all_now=once)

    if once:
        look()
        return 1 if failed else 0
    look_repeatedly(look)
    return 0


def look_repeatedly(
    look: Callable[[], object], pause: Callable[[float], object] = time.sleep
) -> None:
    """Look every minute until Ctrl-C; what goes wrong is told, and tried again the next time."""
    from konkyo.index.errors import KonkyoError

    while True:
        try:
            look()
        except KonkyoError as exc:
            click.echo(f"konkyo: {exc}", err=True)
        pause(_EVERY_SECONDS)


def _add(due: Sequence[str], store: str, config: Path | None) -> Mapping[str, str]:
    """Add sources to the index and say what came of it."""
    from konkyo.index.builder import build
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.ingest.fetch import WebFetcher
    from konkyo.index.settings import load_settings
    from konkyo.ui.cli.build_report import print_report

    settings = load_settings(config)
    encoder = load_encoder(settings.embedding.model, threads=settings.embedding.threads or None)
    report = build(
        due,
        store,
        encoder,
        settings.chunks,
        fetch=WebFetcher(),
        prune=False,
        removal_limit=settings.index.removal_limit,
        limits=settings.reading,
    )
    print_report(report, store, as_json=False)
    return {failure.source: failure.reason for failure in report.failures}


def _print_status(store: str, sources: Sequence[str], hours: float) -> None:
    from konkyo.index.watching import next_run, watched_sources
    from konkyo.ui.cli.terminal import clean

    for one in watched_sources(store, sources):
        following = next_run(one, hours)
        click.echo(clean(one.source))
        click.echo(f"    last success: {one.succeeded or 'never'}")
        click.echo(f"    next: {following.isoformat(timespec='minutes') if following else 'now'}")
        if one.error:
            click.echo(clean(f"    error: {one.error}"))
