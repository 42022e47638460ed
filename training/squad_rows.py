"""Training rows of the reading sets: a window with the answer, near ones without, and claims."""

from __future__ import annotations

import functools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from training.corruption import claim_from_question, corrupt
from training.negatives import Lexical, overlap
from training.rows import ANSWERS, CONTRADICTED, NEUTRAL, SILENT, SUPPORTED, Row
from training.sources import XQUAD_LANGUAGES, Paragraph, Question
from training.windows import Cutter, Window, random_budget, sentence_spans, within

__all__ = ["Corpus", "cross_rows", "squad_rows"]


class Corpus:
    """Paragraphs with their neighbours in the article and their lexically nearest strangers."""

    def __init__(self, paragraphs: Sequence[Paragraph], cutter: Cutter) -> None:
        self.paragraphs = paragraphs
        self.cutter = cutter
        self.by_title: dict[str, list[int]] = defaultdict(list)
        self.answers: dict[tuple[str, str], list[str]] = defaultdict(list)
        for i, p in enumerate(paragraphs):
            self.by_title[p.title].append(i)
            for q in p.questions:
                if q.answers and len(q.answers[0]) <= 24:
                    self.answers[p.title, q.kind].append(q.answers[0])

    @functools.cached_property
    def lexical(self) -> Lexical:
        """The paragraphs as a lexical index, made when it is first asked."""
        return Lexical([p.text for p in self.paragraphs])

    def cut(self, index: int, rng: random.Random) -> list[Window]:
        """The windows of one paragraph, by a random budget."""
        p = self.paragraphs[index]
        return self.cutter.cut(p.text, p.language, random_budget(rng))

    def near(self, index: int, question: Question, rng: random.Random) -> int | None:
        """Another paragraph: a near one of the same article, or a near one of another."""
        own = self.paragraphs[index]
        top = [i for i in self.lexical.top(question.text, 10) if i != index]
        same = [i for i in top if self.paragraphs[i].title == own.title]
        far = [i for i in top if self.paragraphs[i].title != own.title]
        pool = same or [i for i in self.by_title[own.title] if i != index]
        if far and (not pool or rng.random() < 0.45):
            pool = far
        return rng.choice(pool[:4]) if pool else None

    def silent(
        self, index: int, question: Question, rng: random.Random, count: int
    ) -> list[tuple[int, Window]]:
        """Windows without any answer string: of the own paragraph where there are, else of near."""
        own = [
            w
            for w in self.cut(index, rng)
            if _lacks(w.text, question) and not _overlaps(w, question.place)
        ]
        rng.shuffle(own)
        found = [(index, w) for w in own[:1]]
        for _ in range(3 * count):
            if len(found) >= count:
                break
            other = self.near(index, question, rng)
            if other is None:
                break
            pool = [w for w in self.cut(other, rng) if _lacks(w.text, question)]
            if pool:
                hardest = max(pool, key=lambda w: overlap(question.text, w.text))
                found.append((other, hardest if rng.random() < 0.7 else rng.choice(pool)))
        return found[:count]


def _lacks(text: str, question: Question) -> bool:
    return not any(a in text for a in question.answers)


def _overlaps(window: Window, place: tuple[int, int] | None) -> bool:
    return place is not None and place[0] < window.end and place[1] > window.start


def _context(title: str, rng: random.Random) -> str:
    """Often the title, sometimes with a day that means nothing here, sometimes nothing."""
    kind = rng.random()
    if kind < 0.35 or not title:
        return ""
    if kind < 0.8:
        return title
    return f"{title} ({rng.randint(1995, 2026)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02})"


def squad_rows(
    corpus: Corpus,
    rng: random.Random,
    source: str,
    *,
    share: float = 1.0,
    negatives: float = 1.0,
    claims: float = 0.2,
) -> Iterator[Row]:
    """One draw of rows over a share of a corpus' questions."""
    for index, p in enumerate(corpus.paragraphs):
        for q in p.questions:
            if rng.random() < share:
                yield from _question_rows(corpus, index, q, rng, source, negatives)
                if rng.random() < claims and q.place is not None:
                    yield from _claim_rows(corpus, index, q, rng, source)


def _question_rows(
    corpus: Corpus, index: int, q: Question, rng: random.Random, source: str, negatives: float
) -> Iterator[Row]:
    p = corpus.paragraphs[index]
    context = _context(p.title, rng)
    windows = corpus.cut(index, rng)
    if q.place is None:
        hardest = max(windows, key=lambda w: overlap(q.text, w.text))
        yield Row("query", q.text, context, hardest.text, SILENT, source=source)
        return
    held = within(windows, [q.place])
    if not held:
        return
    window, spans = held[0]
    yield Row("query", q.text, context, window.text, ANSWERS, tuple(spans), source=source)
    if rng.random() < 0.12:
        names = corpus.answers[p.title, q.kind]
        change = corrupt(q.text, p.language, window.text, names, rng, negate=False)
        if change is not None:
            yield Row("query", change.text, context, window.text, SILENT, source=source)
    count = int(negatives) + (rng.random() < negatives % 1)
    for other, away in corpus.silent(index, q, rng, count):
        title = _context(corpus.paragraphs[other].title, rng)
        yield Row("query", q.text, title, away.text, SILENT, source=source)


def _claim_rows(
    corpus: Corpus, index: int, q: Question, rng: random.Random, source: str
) -> Iterator[Row]:
    """A true claim, its false twin and what is not said, about one window."""
    p = corpus.paragraphs[index]
    held = within(corpus.cut(index, rng), [q.place] if q.place else [])
    if not held:
        return
    window = held[0][0]
    context = _context(p.title, rng) if rng.random() < 0.5 else ""
    names = [n for n in corpus.answers[p.title, q.kind] if n not in q.answers]
    if rng.random() < 0.5:
        told = claim_from_question(q.text, q.answers[0], p.language)
        claim = told.text
    else:
        inner = [
            window.text[a:b]
            for a, b in sentence_spans(window.text, p.language)
            if q.answers[0] in window.text[a:b]
        ]
        if not inner or len(inner[0]) > 300:
            return
        claim = inner[0]
    clean = ((0, len(claim), 0),)
    yield Row("claim", claim, context, window.text, SUPPORTED, (), clean, source=source)
    change = corrupt(claim, p.language, window.text, names, rng)
    if change is not None:
        marks = ((0, len(change.text), 0), (change.start, change.end, 1))
        yield Row(
            "claim", change.text, context, window.text, CONTRADICTED, (), marks, source=source
        )
    if rng.random() < 0.4:
        for other, away in corpus.silent(index, q, rng, 1):
            title = _context(corpus.paragraphs[other].title, rng)
            yield Row("claim", claim, title, away.text, NEUTRAL, source=source)


def cross_rows(
    half: Mapping[str, Sequence[Paragraph]],
    corpora: Mapping[str, Corpus],
    rng: random.Random,
    pairs: float,
    source: str,
) -> Iterator[Row]:
    """XQuAD: each question in ``pairs`` pairs of language of asking and of reading, on average."""
    for index, base in enumerate(half["en"]):
        for number in range(len(base.questions)):
            for _ in range(int(pairs) + (rng.random() < pairs % 1)):
                pool = ("en", "zh", "en", "zh", *XQUAD_LANGUAGES)
                ask, read = rng.choice(pool), rng.choice(pool)
                asked = half[ask][index].questions[number].text
                p = half[read][index]
                q = p.questions[number]
                held = within(corpora[read].cut(index, rng), [q.place] if q.place else [])
                if not held:
                    continue
                window, spans = held[0]
                context = _context(p.title, rng)
                twin = half[rng.choice(XQUAD_LANGUAGES)][index].questions[number].text
                twin = "" if twin == asked else twin
                yield Row(
                    "query",
                    asked,
                    context,
                    window.text,
                    ANSWERS,
                    tuple(spans),
                    (),
                    twin,
                    source,
                )
                for other, away in corpora[read].silent(index, q, rng, 1):
                    title = _context(half[read][other].title, rng)
                    yield Row("query", asked, title, away.text, SILENT, (), (), twin, source)
