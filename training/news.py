"""Readers of the news sets: clusters of invented news, and parallel news with questions.

A cluster is four articles in four languages on one event. An NTREX document becomes a cluster
too: its articles are the same text in four languages and every answer has a place in each. Which
clusters train is told by the number in their name: 3, 7, 11 and 15 report, 9 fits thresholds.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from konkyo.eval.formats.clusters import DEV, cluster_number
from konkyo.eval.formats.fields import read_text
from konkyo.index.errors import DatasetError
from training.rows import CONTRADICTED, NEUTRAL, SUPPORTED

__all__ = [
    "LANGUAGES",
    "NTREX_LANGUAGES",
    "Cluster",
    "NewsArticle",
    "NewsClaim",
    "NewsQuestion",
    "load_clusters",
    "load_ntrex",
    "ntrex_clusters",
    "part_of",
]

LANGUAGES = ("ja", "en", "ko", "zh")
NTREX_LANGUAGES = (*LANGUAGES, "es", "de", "fr", "ru", "ar", "th", "vi")
_HELD = frozenset({9})
_LABELS = {"supported": SUPPORTED, "contradicted": CONTRADICTED, "unsupported": NEUTRAL}
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class NewsArticle:
    """One article of a cluster."""

    article_id: str
    language: str
    title: str
    published: str
    text: str


@dataclass(frozen=True, slots=True)
class NewsQuestion:
    """A question in four languages; ``places`` are (article id, start, end) of its answers.

    ``quotes`` are the whole sentences around them, in the same order. A question whose kind is
    absent has none; those of a premise are of the sentence that corrects it.
    """

    question_id: str
    kind: str
    ask: Mapping[str, str]
    places: tuple[Place, ...]
    quotes: tuple[Place, ...]
    short: Mapping[str, str]

    @property
    def wordings(self) -> tuple[str, ...]:
        """The answer as each language says it."""
        return tuple(self.short.values())


@dataclass(frozen=True, slots=True)
class NewsClaim:
    """A sentence about a quote, and whether the quote supports it."""

    quote: Place
    language: str
    text: str
    label: int
    change: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Articles on one event with the questions and claims about them."""

    cluster_id: str
    articles: tuple[NewsArticle, ...]
    questions: tuple[NewsQuestion, ...]
    claims: tuple[NewsClaim, ...]

    def article(self, article_id: str) -> NewsArticle:
        """The article of that id."""
        return next(a for a in self.articles if a.article_id == article_id)


def part_of(cluster_id: str) -> str:
    """Return "dev", "held" or "train", by the number in a cluster's name."""
    number = cluster_number(cluster_id)
    if number is None:
        raise DatasetError(f"cluster {cluster_id!r} has no number in its name")
    return "dev" if number in DEV else "held" if number in _HELD else "train"


def load_clusters(folders: Sequence[Path], part: str) -> list[Cluster]:
    """The clusters of one part ("train", "dev", "held") in ``*.json`` of some folders, sorted.

    A file whose name was seen before is left out. Raises DatasetError naming a faulty file.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.json")):
            files.setdefault(file.stem, file)
    return [_cluster(files[name]) for name in sorted(files) if part_of(name) == part]


def _cluster(path: Path) -> Cluster:
    try:
        raw = json.loads(read_text(path))
        articles = tuple(
            NewsArticle(a["id"], a["language"], a["title"], a["published"], a["text"])
            for a in raw["articles"]
        )
        texts = {a.article_id: a.text for a in articles}
        questions = tuple(_question(q, texts) for q in raw["questions"])
        claims = tuple(
            NewsClaim(place, c["language"], c["text"], _LABELS[c["label"]], c["change"])
            for c in raw["claims"]
            if (place := _quote(texts, c["article"], c["quote"])) is not None
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise DatasetError(f"{path}: not a news cluster ({exc})") from exc
    return Cluster(raw["cluster"], articles, questions, claims)


def _quote(texts: Mapping[str, str], article_id: str, quote: str) -> Place | None:
    at = texts[article_id].find(quote)
    return None if at < 0 else (article_id, at, at + len(quote))


def _question(raw: dict[str, Any], texts: Mapping[str, str]) -> NewsQuestion:
    places, quotes = [], []
    for gold in raw["gold"]:
        quote = _quote(texts, gold["article"], gold["quote"])
        inner = gold["quote"].find(gold["answer"])
        if quote is None or inner < 0:
            continue
        start = quote[1] + inner
        places.append((gold["article"], start, start + len(gold["answer"])))
        quotes.append(quote)
    return NewsQuestion(
        raw["id"], raw["kind"], raw["ask"], tuple(places), tuple(quotes), raw.get("short") or {}
    )


def load_ntrex(folder: Path) -> dict[str, list[dict[str, str]]]:
    """NTREX-128 news: the aligned lines of each document, one wording a language."""
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in read_text(folder / "ntrex-news.jsonl.xz").splitlines():
        row = json.loads(line)
        found[row["doc"]].append({k: row[k].strip() for k in NTREX_LANGUAGES})
    return dict(found)


def ntrex_clusters(
    documents: Mapping[str, list[dict[str, str]]], questions: Path | None
) -> list[Cluster]:
    """Each document as a cluster of four articles, with what ``questions/*.json`` has on it.

    A claim stands there in each language over each, sixteen times.
    """
    files = [] if questions is None else sorted(questions.glob("*.json"))
    known = {raw["doc"]: raw for raw in (json.loads(read_text(file)) for file in files)}
    return [
        _parallel(name, lines, known.get(name, {})) for name, lines in sorted(documents.items())
    ]


def _parallel(name: str, lines: Sequence[Mapping[str, str]], known: Mapping[str, Any]) -> Cluster:
    articles = []
    starts: dict[str, list[int]] = {}
    for language in LANGUAGES:
        wordings = [line[language] for line in lines]
        starts[language] = list(_starts(wordings))
        title = wordings[0]
        articles.append(NewsArticle(f"{name}-{language}", language, title, "", "\n".join(wordings)))
    questions = tuple(
        _parallel_question(name, raw, lines, starts) for raw in known.get("questions", ())
    )
    claims = tuple(
        claim
        for raw in known.get("claims", ())
        for claim in _parallel_claims(name, raw, lines, starts)
    )
    return Cluster(name, tuple(articles), questions, claims)


def _parallel_claims(
    name: str,
    raw: dict[str, Any],
    lines: Sequence[Mapping[str, str]],
    starts: Mapping[str, list[int]],
) -> Iterator[NewsClaim]:
    """A claim in each language over its lines in each."""
    first, last = raw["lines"][0], raw["lines"][-1]
    for told in LANGUAGES:
        end = starts[told][last] + len(lines[last][told])
        place = f"{name}-{told}", starts[told][first], end
        for spoken, text in raw["text"].items():
            yield NewsClaim(place, spoken, text, _LABELS[raw["label"]], raw["change"])


def _starts(wordings: Sequence[str]) -> Iterator[int]:
    at = 0
    for wording in wordings:
        yield at
        at += len(wording) + 1


def _parallel_question(
    name: str,
    raw: dict[str, Any],
    lines: Sequence[Mapping[str, str]],
    starts: Mapping[str, list[int]],
) -> NewsQuestion:
    places: list[Place] = []
    quotes: list[Place] = []
    for gold in raw["gold"]:
        for language in LANGUAGES:
            wording = lines[gold["line"]][language]
            answer = gold["answer"].get(language, "")
            inner = wording.find(answer)
            if not answer or inner < 0:
                continue
            at = starts[language][gold["line"]]
            article = f"{name}-{language}"
            places.append((article, at + inner, at + inner + len(answer)))
            quotes.append((article, at, at + len(wording)))
    return NewsQuestion(
        raw["id"], raw["kind"], raw["ask"], tuple(places), tuple(quotes), raw.get("short") or {}
    )
