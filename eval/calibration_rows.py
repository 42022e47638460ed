"""Labelled rows for a refit: what is found for each question, and claims that a person judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from konkyo.eval.answer_match import holds, normalise
from konkyo.eval.calibrate import Example
from konkyo.eval.formats.fields import json_lines, text_field, texts_of
from konkyo.eval.formats.shipped import shipped_texts
from konkyo.eval.questions import Question, names_of
from konkyo.eval.scoring import Row, same_number
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.errors import DatasetError, UsageError
from konkyo.index.records import Hit
from konkyo.index.text.language import same_language
from konkyo.rag.conversation import standalone
from konkyo.rag.options import Options
from konkyo.rag.reading.answerability import Answerability
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Selection, select
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.verification.verifier import Verifier

__all__ = [
    "ClaimLabel",
    "answer_examples",
    "claim_examples",
    "claims_of",
    "read_claims",
    "refuse_shipped",
]


def answer_examples(
    questions: Sequence[Question],
    retriever: Retriever,
    encoder: Encoder,
    reader: Reader,
    answerability: Answerability,
    *,
    sentences: Callable[[str, str | None], list[tuple[int, int]]],
    options: Options,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Example]:
    """What is found for each question, and whether it answers.

    Labelled yes: the question is answerable and a quote holds an acceptable answer (or, where
    words are not given, comes from a gold article). Each of these is asked again with all
    passages that hold the answer taken away: labelled no, and marked as derived.
    """
    found: list[Example] = []
    for number, question in enumerate(questions):
        progress(number, len(questions))
        asked = standalone(question.question, question.history)
        hits = retriever.retrieve(asked, 2 * options.top_k, language=question.language)

        def example(
            kept: Sequence[Hit],
            *,
            derived: bool,
            question: Question = question,
            asked: str = asked,
        ) -> Example | None:
            if not kept:
                return None
            selection = select(
                asked,
                kept,
                encoder=encoder,
                sentences=sentences,
                reader=reader,
                language=question.language,
                limits=options.limits,
                thresholds=options.thresholds,
            )
            label = question.answerable and _answers(question, selection)
            features = answerability.features(asked, question.language, selection, kept)
            return Example(features, label, question.id, derived)

        whole = example(hits, derived=False)
        if whole is not None:
            found.append(whole)
        if whole is not None and whole.label:
            left = [h for h in hits if not _gives(question, h)]
            without = example(left, derived=True)
            if without is not None and not without.label:
                found.append(without)
    progress(len(questions), len(questions))
    return found


def _answers(question: Question, selection: Selection) -> bool:
    text = "\n".join(e.text for e in selection.evidence)
    groups = [g for g in (question.answers, *question.all_of) if g]
    if groups:
        return all(any(holds(text, a, same_number) for a in group) for group in groups)
    gold = {g.article for g in question.gold}
    return any(names_of(e.article) & gold for e in selection.evidence)


def _gives(question: Question, hit: Hit) -> bool:
    if names_of(hit.article) & {g.article for g in question.gold}:
        return True
    answers = [*question.answers, *(a for group in question.all_of for a in group)]
    return any(holds(hit.passage.text, a, same_number) for a in answers)


@dataclass(frozen=True, slots=True)
class ClaimLabel:
    """A claim, the quotes it cites, and whether a person says that they support it."""

    claim: str
    quotes: tuple[str, ...]
    supported: bool
    crossed: bool = False


def read_claims(path: Path) -> list[ClaimLabel]:
    """Read labelled claims, a JSON object a line: claim, quotes, supported, and perhaps crossed.

    ``crossed``: claim and quotes are in different languages. Raises DatasetError with the line.
    """
    found: list[ClaimLabel] = []
    for line, row in json_lines(path):
        where = f"{path}:{line}"
        claim = text_field(where, row, "claim")
        quotes = texts_of(where, row.get("quotes"), "quotes")
        supported = row.get("supported")
        if not quotes:
            raise DatasetError(f"{where}: 'quotes' must hold at least one text")
        if not isinstance(supported, bool):
            raise DatasetError(f"{where}: 'supported' must be true or false")
        found.append(ClaimLabel(claim, quotes, supported, bool(row.get("crossed", False))))
    return found


def claims_of(rows: Sequence[Row]) -> list[tuple[str, str, tuple[str, ...], bool]]:
    """(question, claim, quotes, crossed) of each claim that a run showed, once."""
    found: dict[tuple[str, tuple[str, ...]], tuple[str, bool]] = {}
    for row in rows:
        cited = {c["id"]: c for c in row.listed("citations")}
        for claim in row.listed("claims"):
            numbers = claim.get("citations")
            mine = [
                cited[n]
                for n in (numbers if isinstance(numbers, list | tuple) else [])
                if n in cited
            ]
            if mine:
                asked = str((row.outcome or {}).get("language"))
                crossed = not any(same_language(str(c.get("language")), asked) for c in mine)
                key = (str(claim.get("text")), tuple(str(c.get("quote")) for c in mine))
                found.setdefault(key, (row.question.question, crossed))
    return [
        (question, claim, quotes, crossed) for (claim, quotes), (question, crossed) in found.items()
    ]


def claim_examples(
    claims: Sequence[ClaimLabel],
    verifier: Verifier,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Example]:
    """The measures of each claim; supported ones also with the quotes of another claim.

    Those are labelled no and marked as derived: shown claims have all passed the shipped
    threshold, so that few of them are wrong.
    """
    found: list[Example] = []
    for number, item in enumerate(claims):
        progress(number, len(claims))
        group = item.claim
        features = verifier.features(item.claim, item.quotes, crossed=item.crossed)
        found.append(Example(features, item.supported, group))
        other = claims[(number + 1 + len(claims) // 2) % len(claims)]
        if item.supported and not set(other.quotes) & set(item.quotes):
            features = verifier.features(item.claim, other.quotes, crossed=item.crossed)
            found.append(Example(features, False, group, derived=True))
    progress(len(claims), len(claims))
    return found


def refuse_shipped(texts: Sequence[str], where: str) -> None:
    """Raise UsageError if any text is a question or claim of the project's own evaluation sets."""
    own = {normalise(text) for text in shipped_texts()}
    shared = sum(normalise(text) in own for text in texts)
    if shared:
        raise UsageError(
            f"{where}: {shared} of {len(texts)} rows are of the project's own evaluation sets; "
            f"figures on "
            "a set that was fitted on mean nothing. Fit on questions of your own (konkyo eval new)"
        )
