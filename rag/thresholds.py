"""Every limit that decides what is searched, read, said or shown, in one frozen value.

The pipeline's fingerprint covers it, and ``docs/configuration.md`` lists it. A share is a number in
0..1. The weights of the fitted models are in ``rag/calibration.json``; those of retrieval are in
``konkyo.rag.retrieval.hybrid.FusionWeights``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["DEFAULT", "Thresholds"]


def _share(default: float, doc: str) -> float:
    """A field with the sentence that the configuration reference prints for it."""
    found: float = field(default=default, metadata={"doc": doc})
    return found


def _count(default: int, doc: str) -> int:
    found: int = field(default=default, metadata={"doc": doc})
    return found


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits, stage by stage; each field says what it decides."""

    follow_up_cost: float = _share(
        9.0, "estimated tokens up to which a question with no name of its own is a follow-up"
    )
    sentence_similarity: float = _share(
        0.7, "weight of similarity to the question, against the passage's rank, in a quote's score"
    )
    about_subject: float = _share(
        0.47, "fused search score from which a passage is about the subject of a summary"
    )
    answer_in_sentence: float = _share(
        0.6, "weight of the reader's share in a quote's score, against both of these"
    )
    other_language: float = _share(
        1.0, "log-odds by which a place in another language must be surer than one in the asker's"
    )
    answerable: float = _share(
        0.5,
        "share that the quotes answer, below which the question is refused; the fitted one wins",
    )
    kind_missing: float = _share(
        0.1, "the most that share may be where a number or day is asked for and no quote holds one"
    )
    quote_near_best: float = _share(
        0.7, "part of the best quote's score from which another is shown beside it"
    )
    read_near_best: float = _share(
        0.6, "the same for quotes given to the model where one fact is asked for"
    )
    sure_place: float = _share(
        0.8, "the reader's share from which a place is sure: a claim must hold what it holds"
    )
    sure_place_near: float = _share(
        0.9, "part of the surest place's share from which another place counts as sure, too"
    )
    another_part: float = _share(
        0.7,
        "the reader's share, of the sentence alone, from which it is another part of the answer",
    )
    place_letters: int = _count(40, "letters from which a place is too long to be required")
    place_words: int = _count(
        16, "letters and digits from which a place's wording is no longer compared"
    )
    place_overlap: float = _share(
        0.5, "share of a place's bigrams that a claim must have to say the same"
    )
    across_languages: float = _share(
        0.8,
        "share of support from which a claim in another language than all it cites may be shown"
        " (benchmarks/across.py: removes 99.2 % of true sentences of another paragraph)",
    )
    own_script: float = _share(0.3, "share of a claim's letters that must be in its own script")
    han_without_kana: int = _count(
        12, "Han characters without kana from which a Japanese claim is taken for Chinese"
    )
    bearing: float = _share(
        0.2, "the reader's share below which a second sentence is beside the question"
    )
    words_kept: float = _share(
        0.95, "share of its words in order from which a claim is one quote made shorter"
    )
    conflict_place: float = _share(
        0.6, "the reader's share from which a place can disagree with another article"
    )
    conflict_same_matter: float = _share(
        0.4, "share from which two sentences are about the same matter (benchmarks/conflicts.py)"
    )
    conflict_near: float = _share(
        0.9, "the same without a learned model: part of the other place's share or shared words"
    )
    conflict_counted: int = _count(
        50, "passages among which the articles that give each of several answers are counted"
    )
    premise_passages: int = _count(5, "passages read for what a question takes for granted")
    premise_place: float = _share(
        0.5, "the reader's share from which a place may correct the question"
    )
    premise_covered: float = _share(
        0.5, "share of the question's other words that a correcting or newer sentence must have"
    )


DEFAULT = Thresholds()
