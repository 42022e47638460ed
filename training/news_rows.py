"""Training rows of the news sets: what answers, what only looks so, and claims about both."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from training.corruption import claim_from_question, corrupt, question_from_claim
from training.negatives import holds_answer
from training.news import LANGUAGES, NTREX_LANGUAGES, Cluster, NewsArticle, NewsClaim, NewsQuestion
from training.rows import ANSWERS, CONTRADICTED, NEUTRAL, SILENT, SUPPORTED, Row
from training.windows import BUDGET, Cutter, Window, about, random_budget

__all__ = [
    "Drawn",
    "NewsWindow",
    "claim_rows",
    "news_windows",
    "parallel_claim_rows",
    "question_rows",
    "together",
    "yes_or_no_rows",
]

_FACTUAL = frozenset({"number", "date", "person", "place", "fact", "status"})
_NAMED = frozenset({"person", "place"})


@dataclass(frozen=True, slots=True)
class NewsWindow:
    """A window of one article of one cluster."""

    cluster_id: str
    article: NewsArticle
    window: Window

    @property
    def context(self) -> str:
        """Title and day of the article, as the product gives them."""
        return about(self.article.title, self.article.published)


def news_windows(cluster: Cluster, cutter: Cutter, budget: int = BUDGET) -> list[NewsWindow]:
    """All windows of a cluster's articles, cut by one budget."""
    return [
        NewsWindow(cluster.cluster_id, article, window)
        for article in cluster.articles
        for window in cutter.cut(article.text, article.language, budget)
    ]


class Drawn:
    """One draw over one cluster: windows by a random budget an article, and what holds what."""

    def __init__(self, cluster: Cluster, cutter: Cutter, rng: random.Random) -> None:
        self.cluster = cluster
        self.rng = rng
        self.windows = [
            NewsWindow(cluster.cluster_id, article, window)
            for article in cluster.articles
            for window in cutter.cut(article.text, article.language, random_budget(rng))
        ]

    def context(self, window: NewsWindow) -> str:
        return window.context if self.rng.random() < 0.88 else ""

    def row(
        self,
        asked: str,
        twin: str,
        window: NewsWindow,
        spans: tuple[tuple[int, int], ...],
        source: str,
    ) -> Row:
        """A question over a window, with the places that answer it, one of them drawn as the first.

        Without places the window does not answer.
        """
        if spans:
            first = self.rng.randrange(len(spans))
            spans = (spans[first], *spans[:first], *spans[first + 1 :])
        label = ANSWERS if spans else SILENT
        context, text = self.context(window), window.window.text
        return Row("query", asked, context, text, label, spans, (), twin, source)

    def spans(self, window: NewsWindow, question: NewsQuestion) -> tuple[tuple[int, int], ...]:
        """The answers' places in a window, in order and without repetition."""
        found = {
            inner
            for article_id, start, end in question.places
            if article_id == window.article.article_id
            and (inner := window.window.inner((start, end))) is not None
        }
        return tuple(sorted(found))

    def split(
        self, question: NewsQuestion
    ) -> tuple[list[tuple[NewsWindow, tuple[tuple[int, int], ...]]], list[NewsWindow]]:
        """Windows that answer, with the places, and windows that surely do not.

        In articles that hold no marked answer, windows that may repeat it are left out of both;
        so are those that hold a marked answer in part. A question that takes something false for
        granted is answered by no window.
        """
        gold = {place[0] for place in question.places}
        wordings = question.wordings
        answering, silent = [], []
        for window in self.windows:
            spans = self.spans(window, question)
            if spans:
                answering.append((window, spans))
            elif self._touches(window, question):
                continue
            elif window.article.article_id in gold or not holds_answer(
                window.window.text, wordings
            ):
                silent.append(window)
        if question.kind == "premise":
            return [], [*silent, *(window for window, _ in answering)]
        return answering, silent

    def _touches(self, window: NewsWindow, question: NewsQuestion) -> bool:
        return any(
            article_id == window.article.article_id
            and start < window.window.end
            and end > window.window.start
            for article_id, start, end in question.places
        )

    def beside(self, place: tuple[str, int, int]) -> list[NewsWindow]:
        """The windows of a place's article that hold nothing of it."""
        article_id, start, end = place
        return [
            w
            for w in self.windows
            if w.article.article_id == article_id
            and (w.window.end <= start or w.window.start >= end)
        ]

    def names(self, language: str) -> list[str]:
        """Persons and places that the cluster's questions ask for, as one language writes them."""
        return [
            q.short[language]
            for q in self.cluster.questions
            if q.kind in _NAMED and language in q.short
        ]


def question_rows(
    cluster: Cluster,
    cutter: Cutter,
    mined: Mapping[tuple[str, str], Sequence[NewsWindow]],
    rng: random.Random,
    source: str,
) -> Iterator[Row]:
    """One draw of rows for each question of a cluster, asked in each of four languages.

    ``mined`` are the nearest windows of other clusters by (question id, language of asking).
    """
    drawn = Drawn(cluster, cutter, rng)
    for question in cluster.questions:
        answering, silent = drawn.split(question)
        for language in LANGUAGES:
            others = [x for x in LANGUAGES if x != language]
            asked, twin = question.ask[language], question.ask[rng.choice(others)]
            chosen = rng.sample(answering, min(len(answering), 2))
            for window, spans in chosen:
                yield drawn.row(asked, twin, window, spans, source)
            away = rng.sample(silent, min(len(silent), 1 if answering else 2))
            far = mined.get((question.question_id, language), ())
            if source == "ntrex":  # Real news: another report may be of the same matter.
                far = [w for w in far if not holds_answer(w.window.text, question.wordings)]
            away += rng.sample(far, min(len(far), 2))
            for window in away:
                yield drawn.row(asked, twin, window, (), source)
            yield from _presupposed(drawn, question, language, chosen, source)


def _presupposed(
    drawn: Drawn,
    question: NewsQuestion,
    language: str,
    chosen: Sequence[tuple[NewsWindow, tuple[tuple[int, int], ...]]],
    source: str,
) -> Iterator[Row]:
    """Questions as claims: what they take for granted, true or false, and their answers."""
    rng = drawn.rng
    asked = question.ask[language]
    if question.kind == "premise":
        for quote in question.quotes[:1]:
            evidence, context = _evidence(drawn, quote)
            yield Row("claim", asked, context, evidence, CONTRADICTED, source=source)
        return
    if not chosen:
        return
    window = chosen[0][0]
    text, context = window.window.text, drawn.context(window)
    kind = rng.random()
    if kind < 0.15:
        clean = ((0, len(asked), 0),)
        yield Row("claim", asked, context, text, SUPPORTED, (), clean, source=source)
    elif kind < 0.3:
        change = corrupt(asked, language, text, drawn.names(language), rng, negate=False)
        if change is not None:
            marks = ((0, len(change.text), 0), (change.start, change.end, 1))
            yield Row("query", change.text, context, text, SILENT, source=source)
            yield Row("claim", change.text, context, text, CONTRADICTED, (), marks, source=source)
    elif kind < 0.65 and question.kind in _FACTUAL and language in question.short:
        yield from _told(drawn, question, language, text, context, source)


def _told(
    drawn: Drawn, question: NewsQuestion, language: str, text: str, context: str, source: str
) -> Iterator[Row]:
    """The question as a statement with its own answer, and with that of another question."""
    asked, answer = question.ask[language], question.short[language]
    true = claim_from_question(asked, answer, language)
    clean = ((0, len(true.text), 0),)
    yield Row("claim", true.text, context, text, SUPPORTED, (), clean, source=source)
    others = [
        q.short[language]
        for q in drawn.cluster.questions
        if q.kind == question.kind and language in q.short and q is not question
    ]
    others = [o for o in others if o not in answer and answer not in o]
    if others:
        false = claim_from_question(asked, drawn.rng.choice(others), language)
        marks = ((0, len(false.text), 0), (false.start, false.end, 1))
        yield Row("claim", false.text, context, text, CONTRADICTED, (), marks, source=source)


def _evidence(drawn: Drawn, place: tuple[str, int, int], alone: float = 0.5) -> tuple[str, str]:
    """A quote by itself, or the window around it with its context."""
    article_id, start, end = place
    text = drawn.cluster.article(article_id).text
    if drawn.rng.random() >= alone:
        for window in drawn.windows:
            if window.article.article_id == article_id and window.window.inner((start, end)):
                return window.window.text, drawn.context(window)
    return text[start:end], ""


def claim_rows(cluster: Cluster, cutter: Cutter, rng: random.Random, source: str) -> Iterator[Row]:
    """One draw of rows for each claim of a cluster."""
    drawn = Drawn(cluster, cutter, rng)
    for claim in cluster.claims:
        # What a quote does not say, the sentences around it may.
        alone = 1.0 if claim.label == NEUTRAL else 0.55
        evidence, context = _evidence(drawn, claim.quote, alone)
        clean = ((0, len(claim.text), 0),) if claim.label == SUPPORTED else ()
        yield Row("claim", claim.text, context, evidence, claim.label, (), clean, source=source)
        if claim.label == SUPPORTED:
            yield from _spoiled(drawn, claim, evidence, context, source)


def yes_or_no_rows(
    cluster: Cluster, cutter: Cutter, rng: random.Random, source: str
) -> Iterator[Row]:
    """One draw of each claim as a question for yes or no.

    The quote answers it whether it says so or otherwise; other windows of its article do not.
    """
    drawn = Drawn(cluster, cutter, rng)
    for claim in cluster.claims:
        asked = question_from_claim(claim.text, claim.language, rng)
        if asked is None:
            continue
        article_id, start, end = claim.quote
        if claim.label == NEUTRAL:
            quote, context = _evidence(drawn, claim.quote, 1.0)
            yield Row("query", asked, context, quote, SILENT, source=source)
            continue
        for window in drawn.windows:
            span = window.window.inner((start, end))
            if window.article.article_id == article_id and span is not None:
                context, text = drawn.context(window), window.window.text
                yield Row("query", asked, context, text, ANSWERS, (span,), source=source)
        away = drawn.beside(claim.quote)
        if away:
            window = rng.choice(away)
            context, text = drawn.context(window), window.window.text
            yield Row("query", asked, context, text, SILENT, source=source)


def _spoiled(
    drawn: Drawn, claim: NewsClaim, evidence: str, context: str, source: str
) -> Iterator[Row]:
    """A true claim with one change, and over sentences of its article that do not bear on it."""
    rng = drawn.rng
    if rng.random() < 0.5:
        change = corrupt(claim.text, claim.language, evidence, drawn.names(claim.language), rng)
        if change is not None:
            marks = ((0, len(change.text), 0), (change.start, change.end, 1))
            yield Row(
                "claim", change.text, context, evidence, CONTRADICTED, (), marks, source=source
            )
    elif rng.random() < 0.4:
        away = drawn.beside(claim.quote)
        if away:
            window = rng.choice(away)
            yield Row(
                "claim",
                claim.text,
                drawn.context(window),
                window.window.text,
                NEUTRAL,
                source=source,
            )
    else:
        yield from _joined(drawn, claim, source)


def _joined(drawn: Drawn, claim: NewsClaim, source: str) -> Iterator[Row]:
    """Two true claims as one, over both their quotes and over one of them alone."""
    others = [
        c
        for c in drawn.cluster.claims
        if c.label == SUPPORTED and c.language == claim.language and c.quote != claim.quote
    ]
    if not others:
        return
    other = drawn.rng.choice(others)
    quotes = [
        drawn.cluster.article(article_id).text[start:end]
        for article_id, start, end in (claim.quote, other.quote)
    ]
    text, added = together(claim.text, other.text, claim.language)
    clean = ((0, len(text), 0),)
    if drawn.rng.random() < 0.5:
        evidence = "\n".join(drawn.rng.sample(quotes, 2))
        yield Row("claim", text, "", evidence, SUPPORTED, (), clean, source=source)
    else:
        marks = (*clean, (added, len(text), 1))
        yield Row("claim", text, "", quotes[0], NEUTRAL, (), marks, source=source)


def together(first: str, second: str, language: str) -> tuple[str, int]:
    """Two sentences as one text, and where the second begins."""
    space = "" if language in ("ja", "zh", "th") else " "
    return first + space + second, len(first) + len(space)


def parallel_claim_rows(
    lines: Sequence[Mapping[str, str]],
    rng: random.Random,
    share: float,
    source: str,
    often: Sequence[str] = LANGUAGES,
    rest: Sequence[str] = NTREX_LANGUAGES,
) -> Iterator[Row]:
    """Sentences of a parallel text as claims over a stretch of the same text in any language.

    True as they stand, false with one change, not said where the stretch is another or lacks the
    second of two sentences. Four in five pairs of languages are drawn from ``often``.
    """
    for i in range(len(lines)):
        if rng.random() < share:
            pool = often if rng.random() < 0.8 else rest
            told, heard = rng.choice(pool), rng.choice(pool)
            yield from _parallel_claim(lines, i, told, heard, rng, source)


def _parallel_claim(
    lines: Sequence[Mapping[str, str]],
    i: int,
    told: str,
    heard: str,
    rng: random.Random,
    source: str,
) -> Iterator[Row]:
    claim = lines[i][told]
    first = max(0, i - rng.choice((0, 0, 1, 2)))
    last = min(len(lines), i + 1 + rng.choice((0, 0, 1, 2)))
    evidence = "\n".join(x[heard] for x in lines[first:last])
    away = [j for j in range(len(lines)) if not first <= j < last]
    near = [j for j in range(first, last) if j != i]
    clean = ((0, len(claim), 0),)
    kind = rng.random()
    if kind < 0.32 and (told != heard or rng.random() < 0.3):
        yield Row("claim", claim, "", evidence, SUPPORTED, (), clean, source=source)
    elif 0.32 <= kind < 0.7:
        whole = "\n".join(x[told] for x in lines)
        change = corrupt(claim, told, whole, (), rng)
        if change is not None:
            marks = ((0, len(change.text), 0), (change.start, change.end, 1))
            yield Row("claim", change.text, "", evidence, CONTRADICTED, (), marks, source=source)
    elif 0.7 <= kind < 0.8 and away:
        yield Row("claim", lines[rng.choice(away)][told], "", evidence, NEUTRAL, source=source)
    elif 0.8 <= kind < 0.9 and away:
        text, added = together(claim, lines[rng.choice(away)][told], told)
        marks = ((0, added, 0), (added, len(text), 1))
        yield Row("claim", text, "", evidence, NEUTRAL, (), marks, source=source)
    elif kind >= 0.9 and near:
        text, _ = together(claim, lines[rng.choice(near)][told], told)
        clean = ((0, len(text), 0),)
        yield Row("claim", text, "", evidence, SUPPORTED, (), clean, source=source)
