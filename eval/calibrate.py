"""Refit what the shipped thresholds say, on a user's own labelled rows; pure but for the reading.

Two logistic models decide what is shown: "answers" (do the quotes found answer the question?) and
"support" (do the quotes cited support the claim?). Both are fitted again, drawn towards the shipped
weights as by a prior, so that few rows move them little. Everything said of the refit is said on
rows left out of it (five folds).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.eval.metrics import holds, normalise
from konkyo.eval.questions import Question
from konkyo.eval.scoring import Row, same_number
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.errors import DatasetError, UsageError
from konkyo.index.records import Hit
from konkyo.index.stores.base import Store
from konkyo.rag.calibration import Calibration
from konkyo.rag.conversation import standalone
from konkyo.rag.pipeline import Options
from konkyo.rag.reading.answerability import Answerability
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Selection, select
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.verification.verifier import Verifier

__all__ = [
    "ClaimLabel",
    "Example",
    "Quality",
    "Refit",
    "answer_examples",
    "claim_examples",
    "claims_of",
    "read_claims",
    "refit",
    "refuse_shipped",
]

_FOLDS = 5
_LEAST_ROWS = 30
_LEAST_EACH = 8
# How strongly a weight is drawn to the shipped one, in rows: that many say as much as the prior.
_PRIOR = 10.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled row: features by name. Rows of one ``group`` are never parted by a fold.

    ``derived`` tells that a program made the label, by taking away what answers or proves.
    """

    features: Mapping[str, float]
    label: bool
    group: str
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Quality:
    """How a calibration does on rows it was not fitted on; shares, but for ``log_loss``.

    ``passed`` of the rows labelled yes are at or over the threshold, ``stopped`` of the others
    are under it; ``precision`` is the share of yes among those that pass. ``log_loss`` weighs
    both classes alike.
    """

    auc: float
    passed: float
    stopped: float
    precision: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Refit:
    """The new calibration beside the shipped one, both on rows left out."""

    calibration: Calibration
    before: Quality
    after: Quality
    yes: int
    no: int
    derived: int

    @property
    def better(self) -> bool:
        """Whether it tells rows left out apart better than the shipped one."""
        return self.after.log_loss < self.before.log_loss

    def to_json(self, fitted_on: str) -> dict[str, object]:
        """The entry of a calibration file."""
        return {
            "fitted_on": fitted_on,
            "rows": {"yes": self.yes, "no": self.no, "of_these_derived": self.derived},
            "weights": {n: round(w, 4) for n, w in sorted(self.calibration.weights.items())},
            "bias": round(self.calibration.bias, 4),
            "threshold": round(self.calibration.threshold, 4),
            "left_out": {"shipped": _quality(self.before), "refitted": _quality(self.after)},
        }


def _quality(value: Quality) -> dict[str, float | None]:
    names = ("auc", "passed", "stopped", "precision", "log_loss")
    found = {name: float(getattr(value, name)) for name in names}
    return {name: None if math.isnan(x) else round(x, 4) for name, x in found.items()}


# ---- the fit --------------------------------------------------------------------------------


def refit(
    examples: Sequence[Example],
    shipped: Calibration,
    *,
    wrong_weighs: float | None = None,
    precision: float | None = None,
) -> Refit:
    """Fit weights and bias again and choose the threshold.

    With ``wrong_weighs`` the threshold is the one at which a wrong yes costs that many wrong
    noes (classes weighed alike); with ``precision`` it is the lowest that keeps that share of
    yes among the rows that pass, on rows left out. Raises UsageError for too few rows.
    """
    if (wrong_weighs is None) == (precision is None):
        raise ValueError("give either wrong_weighs or precision")
    labels = np.array([e.label for e in examples], dtype=bool)
    yes, no = int(labels.sum()), int((~labels).sum())
    if len(examples) < _LEAST_ROWS or min(yes, no) < _LEAST_EACH:
        raise UsageError(
            f"too few rows to fit on: {yes} labelled yes and {no} no; at least {_LEAST_ROWS} in all "
            f"and {_LEAST_EACH} of each are needed"
        )
    names = sorted({n for e in examples for n in e.features})
    x = np.array([[e.features.get(n, 0.0) for n in names] for e in examples])
    start = np.array([*(shipped.weights.get(n, 0.0) for n in names), shipped.bias])
    fold = _folds([e.group for e in examples])
    share = np.empty(len(examples))
    for number in range(_FOLDS):
        out = fold == number
        if out.any():
            share[out] = _predict(x[out], _fit(x[~out], labels[~out], start))
    before = _predict(x, start)
    threshold = (
        wrong_weighs / (1.0 + wrong_weighs)
        if wrong_weighs is not None
        else _threshold_for(share, labels, precision or 0.0)
    )
    weights = _fit(x, labels, start)
    made = Calibration(
        {n: float(w) for n, w in zip(names, weights[:-1], strict=True)},
        float(weights[-1]),
        float(threshold),
    )
    return Refit(
        made,
        before=_judged(before, labels, shipped.threshold),
        after=_judged(share, labels, threshold),
        yes=yes,
        no=no,
        derived=sum(e.derived for e in examples),
    )


def _folds(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    order = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    return np.array([order[group] % _FOLDS for group in groups])


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -30, 30))), dtype=np.float64)


def _predict(x: Floats, weights: Floats) -> Floats:
    return _sigmoid(x @ weights[:-1] + weights[-1])


def _balance(labels: npt.NDArray[np.bool_]) -> Floats:
    """Weights that sum to the number of rows and give both classes the same say."""
    n, yes = len(labels), max(int(labels.sum()), 1)
    no = max(n - int(labels.sum()), 1)
    return np.where(labels, n / (2 * yes), n / (2 * no))


def _fit(x: Floats, labels: npt.NDArray[np.bool_], start: Floats) -> Floats:
    """Weights and, last, the bias: Newton's method on the log loss plus the pull to ``start``."""
    rows = np.hstack([x, np.ones((len(x), 1))])
    say = _balance(labels)
    pull = np.full(len(start), _PRIOR)
    pull[-1] = _PRIOR / 10
    weights = start.copy()
    for _ in range(100):
        share = _sigmoid(rows @ weights)
        gradient = rows.T @ (say * (share - labels)) + pull * (weights - start)
        curve = say * share * (1 - share)
        step = np.linalg.solve((rows * curve[:, None]).T @ rows + np.diag(pull), gradient)
        # Half a step where a whole one would overshoot.
        size = 1.0 if np.abs(step).max() < 5 else 5 / np.abs(step).max()
        weights = weights - size * step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _threshold_for(share: Floats, labels: npt.NDArray[np.bool_], precision: float) -> float:
    for threshold in np.linspace(0.3, 0.95, 131):
        kept = share >= threshold
        if kept.any() and labels[kept].mean() >= precision:
            return float(threshold)
    return 0.95


def _judged(share: Floats, labels: npt.NDArray[np.bool_], threshold: float) -> Quality:
    kept = share >= threshold
    sure = np.clip(share, 1e-6, 1 - 1e-6)
    loss = -np.where(labels, np.log(sure), np.log(1 - sure))
    return Quality(
        auc=_auc(share, labels),
        passed=float(kept[labels].mean()),
        stopped=float((~kept[~labels]).mean()),
        precision=float(labels[kept].mean()) if kept.any() else math.nan,
        log_loss=float(np.average(loss, weights=_balance(labels))),
    )


def _auc(share: Floats, labels: npt.NDArray[np.bool_]) -> float:
    """Share of (yes, no) pairs in the right order; a tie counts half."""
    yes, no = np.sort(share[labels]), share[~labels]
    below = np.searchsorted(yes, no, "left")
    upto = np.searchsorted(yes, no, "right")
    over = len(yes) - (below + upto) / 2
    return float(over.mean() / len(yes))


# ---- questions ------------------------------------------------------------------------------


def answer_examples(
    questions: Sequence[Question],
    store: Store,
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
    retriever = Retriever(store, encoder, options.fusion)
    found: list[Example] = []
    for number, question in enumerate(questions):
        progress(number, len(questions))
        asked = standalone(question.question, question.history)
        hits = retriever.retrieve(asked, 2 * options.top_k)

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
                limits=options.limits,
            )
            label = question.answerable and _answers(question, selection)
            features = answerability.features(asked, question.language, selection, kept)
            return Example(features, label, question.id, derived)

        whole = example(hits[: options.top_k], derived=False)
        if whole is not None:
            found.append(whole)
        if whole is not None and whole.label:
            left = [h for h in hits if not _gives(question, h)][: options.top_k]
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
    return any({e.article.article_id, e.article.title} & gold for e in selection.evidence)


def _gives(question: Question, hit: Hit) -> bool:
    names = {
        hit.article.article_id,
        hit.article.title,
        hit.article.source,
        Path(hit.article.source).name,
    }
    if names & {g.article for g in question.gold}:
        return True
    answers = [*question.answers, *(a for group in question.all_of for a in group)]
    return any(holds(hit.passage.text, a, same_number) for a in answers)


# ---- claims ---------------------------------------------------------------------------------


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
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise DatasetError(f"{path}: cannot be read: {exc}") from exc
    found: list[ClaimLabel] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as exc:
            raise DatasetError(f"{where}: not JSON: {exc.msg}") from exc
        claim = row.get("claim") if isinstance(row, dict) else None
        quotes = row.get("quotes") if isinstance(row, dict) else None
        if not isinstance(claim, str) or not claim.strip():
            raise DatasetError(f"{where}: 'claim' must be a text that is not empty")
        if (
            not isinstance(quotes, list)
            or not quotes
            or not all(isinstance(q, str) for q in quotes)
        ):
            raise DatasetError(f"{where}: 'quotes' must be a list of texts, at least one")
        if not isinstance(row.get("supported"), bool):
            raise DatasetError(f"{where}: 'supported' must be true or false")
        crossed = bool(row.get("crossed", False))
        found.append(ClaimLabel(claim, tuple(quotes), row["supported"], crossed))
    return found


def claims_of(rows: Sequence[Row]) -> list[tuple[str, str, tuple[str, ...], bool]]:
    """(question, claim, quotes, crossed) of each claim that a run showed, once."""
    found: dict[tuple[str, tuple[str, ...]], tuple[str, bool]] = {}
    for row in rows:
        outcome = row.outcome or {}
        cited = {c["id"]: c for c in _objects(outcome.get("citations"))}
        for claim in _objects(outcome.get("claims")):
            numbers = claim.get("citations")
            mine = [
                cited[n]
                for n in (numbers if isinstance(numbers, list | tuple) else [])
                if n in cited
            ]
            if mine:
                crossed = all(c.get("language") != outcome.get("language") for c in mine)
                key = (str(claim.get("text")), tuple(str(c.get("quote")) for c in mine))
                found.setdefault(key, (row.question.question, crossed))
    return [
        (question, claim, quotes, crossed) for (claim, quotes), (question, crossed) in found.items()
    ]


def _objects(value: object) -> list[dict[str, object]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


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


# ---- what may not be fitted on --------------------------------------------------------------


def refuse_shipped(texts: Sequence[str], where: str) -> None:
    """Raise UsageError if any text is a question or claim of the project's own evaluation sets."""
    own: set[str] = set()
    for entry in resources.files("konkyo.eval").joinpath("datasets").iterdir():
        if entry.name.endswith(".jsonl"):
            for line in entry.read_text("utf-8").split("\n"):
                row = json.loads(line) if line.strip() else {}
                own |= {normalise(str(row[k])) for k in ("question", "claim") if k in row}
    shared = sum(normalise(text) in own for text in texts)
    if shared:
        raise UsageError(
            f"{where}: {shared} of {len(texts)} rows are of the project's own evaluation sets; figures on "
            "a set that was fitted on mean nothing. Fit on questions of your own (konkyo eval new)"
        )
