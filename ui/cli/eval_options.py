"""Options that several evaluation commands share."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.eval.questions import Dataset

__all__ = ["FORMS", "JSON_OPTION", "chosen_questions"]

JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
)

FORMS = click.Choice(["auto", "jsonl", "squad", "beir", "rgb", "csv", "clusters"])


def chosen_questions(
    dataset: Dataset,
    limit: int | None,
    kinds: tuple[str, ...],
    draw: int | None = None,
    seed: int = 0,
) -> Dataset:
    """The dataset with the questions of some kinds: ``draw`` by chance, or the first ``limit``."""
    from konkyo.eval.questions import KINDS

    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r}: use {', '.join(KINDS)}", param_hint="--kind")
    questions = [q for q in dataset.questions if not kinds or q.kind in kinds]
    if not questions:
        raise click.UsageError(f"{dataset.name} has no question of kind {', '.join(kinds)}")
    if draw is not None and draw < len(questions):
        kept = sorted(random.Random(seed).sample(range(len(questions)), draw))
        questions = [questions[i] for i in kept]
    questions = questions[:limit]
    return replace(dataset, questions=tuple(questions))
