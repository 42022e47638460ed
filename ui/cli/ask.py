"""``konkyo ask``, ``konkyo search`` and ``konkyo show``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from konkyo.index.records import Filter
from konkyo.index.text.unicode import escaped
from konkyo.ui.cli.llm_options import (
    BASE_URL_OPTION,
    LLM_OPTION,
    MODEL_OPTION,
    PHRASING_OPTION,
    STRICTNESS_OPTION,
)

__all__ = ["ask", "search", "show"]

F = TypeVar("F", bound=Callable[..., object])


def _store(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    from konkyo.index.settings import load_settings

    return value or load_settings().store


_STORE = click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    callback=_store,
    help="Folder of the index.  [default: from settings, .konkyo/store]",
)


def _iso(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as exc:
        raise click.BadParameter(f"{value!r} is not a date like 2026-02-09") from exc


def filter_options(command: F) -> F:
    """Add --since, --until, --language and --outlet."""
    for option in (
        click.option("--outlet", "outlets", multiple=True, help="Only this outlet; repeatable."),
        click.option(
            "--language",
            "languages",
            multiple=True,
            help="Only articles in it, e.g. ja; repeatable.",
        ),
        click.option("--until", callback=_iso, help="Only articles up to this date (YYYY-MM-DD)."),
        click.option("--since", callback=_iso, help="Only articles from this date (YYYY-MM-DD)."),
    ):
        command = option(command)
    return command


def _filter(
    since: str | None, until: str | None, languages: tuple[str, ...], outlets: tuple[str, ...]
) -> Filter:
    from konkyo.index.records import Filter

    if since and until and since > until:
        raise click.UsageError(f"--since {since} is after --until {until}")
    codes = frozenset(code.lower() for code in languages)
    return Filter(since, until, codes, frozenset(outlets))


@click.command(
    epilog="""
    \b
    Examples:
      konkyo ask "日本の対米投資の規模は？"
      konkyo ask "How many Japanese nationals are in Venezuela?" --json
      konkyo ask "다카이치 총리의 방미 일정은 언제인가요?" --llm none --since 2026-01-01

    Exit codes: 0 answered or replied, 3 refused, 2 wrong use, 1 failure.
    """
)
@click.argument("question")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@LLM_OPTION
@MODEL_OPTION
@BASE_URL_OPTION
@PHRASING_OPTION
@STRICTNESS_OPTION
@click.option("--top-k", type=click.IntRange(1, 100), default=None, help="Passages to consider.")
@click.option(
    "--today", callback=_iso, default=None, help='What "last week" counts from.  [default: today]'
)
@filter_options
def ask(
    question: str,
    store: str,
    as_json: bool,
    llm: str | None,
    model: str | None,
    base_url: str | None,
    phrasing: str | None,
    strictness: float | None,
    top_k: int | None,
    today: str | None,
    since: str | None,
    until: str | None,
    languages: tuple[str, ...],
    outlets: tuple[str, ...],
) -> int:
    """Ask the articles a question; every sentence of the answer cites its proof."""
    from konkyo.index.settings import load_settings
    from konkyo.index.text.unicode import well_formed
    from konkyo.rag.factory import open_from_settings
    from konkyo.rag.types import Refusal, to_json
    from konkyo.ui.cli.terminal import print_outcome, working

    question = well_formed(question)
    if not question.strip():
        raise click.UsageError("the question is empty")
    where = _filter(since, until, languages, outlets)
    settings = load_settings(flags={"answers": {"phrasing": phrasing, "strictness": strictness}})
    with working("getting the models ready …") as doing:
        pipeline = open_from_settings(
            store, llm=llm, model=model, base_url=base_url, settings=settings
        )
        doing("looking through the articles …")
        outcome = pipeline.ask(
            question,
            where=where,
            top_k=top_k,
            today=date.fromisoformat(today) if today else None,
        )
    if as_json:
        click.echo(json.dumps(to_json(outcome), ensure_ascii=False))
    else:
        print_outcome(outcome)
    return 3 if isinstance(outcome, Refusal) else 0


@click.command(
    epilog="""
    \b
    Example:
      konkyo search "対米投資 5500億ドル" --json --top-k 5
    """
)
@click.argument("query")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array and nothing else.")
@click.option("--top-k", type=click.IntRange(1, 1000), default=10, show_default=True)
@filter_options
def search(
    query: str,
    store: str,
    as_json: bool,
    top_k: int,
    since: str | None,
    until: str | None,
    languages: tuple[str, ...],
    outlets: tuple[str, ...],
) -> int:
    """Rank passages for a query, with their fused, dense and lexical scores."""
    from konkyo.index.settings import load_settings
    from konkyo.index.text.unicode import well_formed
    from konkyo.rag.factory import open_retriever
    from konkyo.ui.cli.terminal import clean

    settings = load_settings()
    query = well_formed(query)
    if not query.strip():
        raise click.UsageError("the query is empty")
    ranker = open_retriever(store, embedding=settings.embedding.model, retrieval=settings.retrieval)
    hits = ranker.retrieve(query, top_k, _filter(since, until, languages, outlets))
    if as_json:
        rows = [
            {
                **asdict(h.passage),
                "title": h.article.title,
                "source": h.article.source,
                "url": h.article.url,
                "published": h.article.published,
                "language": h.article.language,
                "scores": {"fused": h.score, "dense": h.dense, "lexical": h.lexical},
            }
            for h in hits
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return 0
    for rank, h in enumerate(hits, start=1):
        dense = "-" if h.dense is None else f"{h.dense:.3f}"
        lexical = "-" if h.lexical is None else f"{h.lexical:.2f}"
        head = f"{rank:>3}. {h.score:.3f} (dense {dense}, lexical {lexical})  {h.article.title}"
        click.echo(clean(head))
        click.echo(clean("     " + " ".join(h.passage.text.split())[:160]))
    return 0


@click.command(
    epilog="""
    \b
    Example:
      konkyo show 3f2a9c0d1e4b5a67 --json
    """
)
@click.argument("article_id")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def show(article_id: str, store: str, as_json: bool) -> int:
    """Print one article exactly as it is quoted, so that anyone can check a citation."""
    from konkyo.index.stores.open import open_store
    from konkyo.ui.cli.terminal import clean

    article = open_store(store).article(article_id)
    if as_json:
        click.echo(json.dumps(asdict(article), ensure_ascii=False))
        return 0
    about = (article.outlet, article.author, article.published, article.language, article.url)
    click.echo(clean(article.title))
    click.echo(clean(" · ".join(x for x in about if x)))
    click.echo(clean(f"{article.article_id} · {escaped(article.source)}") + "\n")
    click.echo(clean(article.text))
    return 0
