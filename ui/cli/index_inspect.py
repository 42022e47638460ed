"""``konkyo index list``, ``status``, ``verify`` and ``compact``."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import asdict

import click

from konkyo.index.text.unicode import escaped
from konkyo.ui.cli.index_options import JSON_OPTION, STORE_OPTION, WAIT_OPTION

__all__ = ["compact", "list_articles", "status", "verify"]


@click.command(name="list")
@STORE_OPTION
@JSON_OPTION
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
            f" {article.passages:>4}  {escaped(article.title)}"
        )
    click.echo(f"{len(articles)} articles")


@click.command()
@STORE_OPTION
@JSON_OPTION
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
        click.echo(f"{key.replace('_', ' '):<16} {'-' if value is None else escaped(str(value))}")


@click.command()
@STORE_OPTION
@JSON_OPTION
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
            detail = f": {escaped(finding.detail)}" if finding.detail else ""
            click.echo(f"{mark} {finding.what}{detail}")
        wrong = [f for f in findings if not f.ok]
        for advice in dict.fromkeys(f.advice for f in wrong if f.advice):
            click.echo(f"to do: {advice}")
    return 0 if all(f.ok for f in findings) else 1


@click.command()
@STORE_OPTION
@WAIT_OPTION
@JSON_OPTION
def compact(store: str, wait: float, as_json: bool) -> None:
    """Give freed space back and make one search segment of all."""
    from konkyo.index.builder import compact as compact_store
    from konkyo.index.stores.address import masked

    before, after = compact_store(store, wait=wait)
    if as_json:
        click.echo(json.dumps({"bytes_before": before, "bytes_after": after}))
        return
    click.echo(f"{masked(store)}: {before / 1e6:.1f} MB, now {after / 1e6:.1f} MB")
