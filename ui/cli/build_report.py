"""What a build did, and who consents to the removal of many articles."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from konkyo.index.text.unicode import escaped

if TYPE_CHECKING:
    from konkyo.index.builder import BuildReport
    from konkyo.index.inventory import Confirm

__all__ = ["consent", "print_interrupted", "print_report"]


def print_interrupted(kept: int) -> None:
    """Say on standard error what a stopped build keeps."""
    click.echo(
        f"stopped; the index is as it was, {kept} encoded passages are kept:"
        " the same command goes on from there",
        err=True,
    )


def consent(yes: bool, as_json: bool, stop: Callable[[], None] = lambda: None) -> Confirm | None:
    """Who consents to the removal of many articles: the flag, or somebody at the terminal."""
    if yes:
        return lambda removed, total: True
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(removed: int, total: int) -> bool:
        stop()
        return click.confirm(f"This removes {removed} of {total} articles. Go on?", err=True)

    return ask


def print_report(report: BuildReport, store: str, as_json: bool) -> None:
    """Print failures on standard error and what changed on standard output."""
    from konkyo.index.stores.address import masked

    for failure in report.failures:
        said = escaped(f"{failure.source}: {failure.reason}")
        click.echo(f"konkyo: not read: {said}", err=True)
    if report.failures:
        click.echo(
            f"konkyo: {len(report.failures)} failed; the rest is indexed, and what was known of"
            " the failed ones is kept; `konkyo index remove` takes out what is gone for good",
            err=True,
        )
    if report.unknown_kinds:
        kinds = ", ".join(
            f"{count} {escaped(ending) or 'without an ending'}"
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
