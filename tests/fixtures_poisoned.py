"""Articles that mislead: ten in each language, most of which repeat a false figure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from konkyo.index.records import ArticleSummary
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.types import Evidence

__all__ = ["LANGUAGES", "Poisoned", "evidence_of", "read_poisoned", "write_articles"]

LANGUAGES = ("en", "ja", "ko", "zh")


@dataclass(frozen=True, slots=True)
class Poisoned:
    """A question, what most articles say falsely, what one says truly, and the articles."""

    language: str
    question: str
    false: str
    true: str
    false_articles: int
    hidden: str
    articles: tuple[dict[str, str], ...]


def read_poisoned(language: str) -> Poisoned:
    """The ten articles of a language."""
    file = Path(__file__).parent / "poisoned" / f"{language}.toml"
    told = tomllib.loads(file.read_text("utf-8"))
    articles = tuple(told.pop("article"))
    return Poisoned(language, articles=articles, **told)


def write_articles(told: Poisoned, folder: Path) -> Path:
    """The articles as files; the last one as a page that hides a further false figure."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, article in enumerate(told.articles):
        head = "".join(f"{k}: {article[k]}\n" for k in ("title", "published", "outlet"))
        text = f"---\n{head}language: {told.language}\n---\n{article['text']}\n"
        (folder / f"{number}.md").write_text(text, "utf-8")
    last = told.articles[-1]
    hidden = "".join(f'<p style="{style}">{told.hidden}</p>' for style in _UNSEEN)
    page = (
        f"<html lang={told.language}><head><title>{last['title']}</title></head><body><article>"
        f"<h1>{last['title']}</h1><p>{last['text']}</p>"
        f'{hidden}<div style="color:#fff"><p>{told.hidden}</p></div></article></body></html>'
    )
    (folder / f"{len(told.articles) - 1}.md").unlink()
    (folder / f"{len(told.articles) - 1}.html").write_text(page, "utf-8")
    return folder


_UNSEEN = ("opacity:0", "transform:scale(0)", "clip-path:inset(100%)", "margin-left:-9999px")


def evidence_of(told: Poisoned, text: str) -> list[tuple[Evidence, Span]]:
    """Quotes of the articles that hold a figure, each with the place of it."""
    found = []
    for number, article in enumerate(told.articles, 1):
        at = article["text"].find(text)
        if at < 0:
            continue
        summary = ArticleSummary(
            f"a{number}",
            article["title"],
            f"{number}.md",
            None,
            article["published"],
            told.language,
            article["outlet"],
            1,
        )
        start, end = _sentence(article["text"], at)
        quote = Evidence(number, summary, start, end, article["text"][start:end], 0.9)
        place = Span(text, 0.9, summary.article_id, told.language, at, at + len(text))
        found.append((quote, place))
    return found


def _sentence(text: str, at: int) -> tuple[int, int]:
    """Where the sentence around a place begins and ends."""
    ends = [i + 1 for i, c in enumerate(text) if c in "。" or text[i : i + 2] in (". ", ".")]
    start = max((e for e in ends if e <= at), default=0)
    start += len(text[start:]) - len(text[start:].lstrip())
    return start, min((e for e in ends if e > at), default=len(text))
