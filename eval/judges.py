"""Who says whether a claim is supported: the project's checker, a crude one, another LLM."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from konkyo.eval.citation_metrics import Case, Judge, OverlapJudge
from konkyo.eval.scoring import same_number
from konkyo.rag.generation.output_format import Draft
from konkyo.rag.types import Citation, Evidence
from konkyo.rag.verification.verifier import Verdict

__all__ = ["Check", "CheckerJudge", "default_judges", "evidence_of"]

Check = Callable[[Draft, Sequence[Evidence], str, str], Verdict]


class CheckerJudge:
    """The project's own checker. It has already passed every claim the pipeline wrote.

    So it mostly finds what changed between asking and judging; believe it together with a
    judge of another make.
    """

    name = "checker"

    def __init__(self, check: Check) -> None:
        self._check = check

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """The checker's probability, held below 0.5 for a claim it would not show.

        A claim that is the words of a quote it cites is supported, also in another language.
        """
        return [self._support(case) for case in cases]

    def _support(self, case: Case) -> float:
        evidence = [evidence_of(citation) for citation in case.citations]
        if any(" ".join(e.text.split()) == " ".join(case.claim.split()) for e in evidence):
            return 1.0
        draft = Draft(case.claim, tuple(e.number for e in evidence))
        verdict = self._check(draft, evidence, case.question, case.language)
        return min(verdict.support, 0.499) if verdict.reason else max(verdict.support, 0.5)


def default_judges(check: Check | None) -> list[Judge]:
    """The checker, where there is one, and the overlap judge, which shares no model with it."""
    crude = OverlapJudge(numeric=same_number)
    return [crude] if check is None else [CheckerJudge(check), crude]


def evidence_of(citation: Citation) -> Evidence:
    """The evidence a citation was made of; its score is not known any more and set to 1."""
    return Evidence(
        citation.id, citation.article, citation.start, citation.end, citation.quote, 1.0
    )
