"""What keeps a shown answer from being useful, as far as a program can see it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from konkyo.eval.answer_match import NumericMatcher, holds
from konkyo.eval.gold_places import is_gold, share_of_places
from konkyo.eval.questions import OF_SEVERAL_PLACES, Kind, Question
from konkyo.index.text.language import detect, language_of_script, same_language
from konkyo.rag.retrieval.evidence import token_cost
from konkyo.rag.types import Answer, Citation, Claim, Outcome
from konkyo.rag.verification.repetition import repeats

__all__ = ["FLAWS", "Flaw", "flaws"]

Flaw = Literal[
    "failed",
    "refused",
    "wrong",
    "incomplete",
    "language",
    "garbled",
    "repeated",
    "beside",
    "long",
]
FLAWS: tuple[Flaw, ...] = get_args(Flaw)

_GARBLED = re.compile(r"[\ufffd\x00-\x08\x0b-\x1f]|</?[A-Za-z][^<>]{0,80}>|([^\s.\-_=*])\1{7}")


# Estimated tokens of a useful answer; of one of several places, and of a summary.
_TOKENS = 200.0
_TOKENS_OF_SEVERAL = 400.0
# Letters from which a language can be told.
_LETTERS = 20


def flaws(
    question: Question,
    outcome: Outcome,
    *,
    handled: bool,
    numeric: NumericMatcher | None = None,
) -> tuple[Flaw, ...]:
    """What is wrong with a shown answer; none for a question that is rightly refused.

    ``handled`` says whether the answer is right, or the refusal. "incomplete": a gold place is
    not quoted; "language": a sentence is in another language than the question's, and what it
    says is not told in that one; "garbled": letters that are no text; "repeated": a sentence says
    itself or another one again; "beside": a sentence holds no acceptable answer and cites no gold
    article; "long": more than a reader wants.
    """
    if not isinstance(outcome, Answer):
        return () if handled else ("refused",)
    several = question.kind in OF_SEVERAL_PLACES
    long = several or question.kind == "summary"
    cited = {citation.id: citation for citation in outcome.citations}
    most = _TOKENS_OF_SEVERAL if long else _TOKENS
    found: dict[Flaw, bool] = {
        "wrong": not handled,
        "incomplete": several
        and bool(question.gold)
        and share_of_places(outcome.citations, question.gold) < 1.0,
        "language": not all(_in_language(c, question, outcome) for c in outcome.claims),
        "garbled": _GARBLED.search(outcome.text) is not None,
        "repeated": _repeated(outcome.claims, question.kind),
        "beside": bool(question.gold)
        and any(_beside(claim, question, cited, numeric) for claim in outcome.claims),
        "long": token_cost(outcome.text) > most,
    }
    return tuple(flaw for flaw, there in found.items() if there)


def _in_language(claim: Claim, question: Question, answer: Answer) -> bool:
    if claim.frame:
        # The quote is another article's own words; the short answer says it to the reader.
        return answer.short is not None and same_language(answer.short.language, question.language)
    letters = sum(char.isalpha() for char in claim.text)
    if letters < _LETTERS:
        script = language_of_script(claim.text)
        told = {script, "ja"} if script == "zh" else {script}
        return script is None or any(same_language(one, question.language) for one in told)
    return same_language(detect(claim.text, question.language), question.language)


def _repeated(claims: Sequence[Claim], kind: Kind) -> bool:
    # Two reports that differ in one figure are alike in everything else.
    apart = kind in ("conflict", "comparison")
    texts = [claim.text for claim in claims]
    return any(repeats(text, () if apart else texts[:n]) for n, text in enumerate(texts))


def _beside(
    claim: Claim,
    question: Question,
    cited: dict[int, Citation],
    numeric: NumericMatcher | None,
) -> bool:
    accepted = [*question.answers, *(one for group in question.all_of for one in group)]
    if any(holds(f"{claim.frame} {claim.text}", answer, numeric) for answer in accepted):
        return False
    quoted = [cited[number] for number in claim.citations if number in cited]
    return not any(is_gold(citation, gold) for citation in quoted for gold in question.gold)
