"""Every limit that decides what is searched, read, said or shown, in one frozen value.

The pipeline's fingerprint covers it, and ``docs/configuration.md`` lists it. A share is a number in
0..1. The weights of the fitted models are in ``rag/calibration.json``; those of retrieval are in
``konkyo.rag.retrieval.hybrid.FusionWeights``.
"""

from __future__ import annotations

from dataclasses import dataclass

from konkyo.index.text.thresholds import limit

__all__ = ["DEFAULT", "Thresholds"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits, stage by stage; each field says what it decides."""

    follow_up_cost: float = limit(
        9.0, "estimated tokens up to which a question with no name of its own is a follow-up"
    )
    follow_up_pointing: float = limit(
        4.0, "times that cost up to which one that begins with a word for what was said is one, too"
    )
    follow_up_naming: float = limit(
        2.2, "times that cost from which a question without such a word stands alone"
    )
    follow_up_turns: int = limit(3, "earlier questions that are put before a follow-up at most")
    follow_up_names: int = limit(
        2, "names of the question before that a new one in a follow-up is put in the place of"
    )
    parts: int = limit(3, "parts of a question that are answered part by part; with more it is one")
    part_letters: int = limit(2, "letters that a part of a question must have more than")
    intent_certain: float = limit(
        0.995, "share of the example questions that must not be taken for anything else"
    )
    spelling_articles: int = limit(2000, "newest articles whose spelling a question is put in")
    spelling_long: int = limit(8, "letters from which two of a word may be wrong, and not one")
    sentence_similarity: float = limit(
        0.7, "weight of similarity to the question, against the passage's rank, in a quote's score"
    )
    about_subject: float = limit(
        0.47, "fused search score from which a passage is about the subject of a summary"
    )
    digest_sentences: int = limit(6, "sentences of a summary at most")
    digest_passages: int = limit(24, "passages that a summary or a definition is chosen from")
    listed_passages: int = limit(
        200, "passages found that a list of the articles about a subject is made from"
    )
    digest_newest: int = limit(24, "newest articles that the latest news are chosen from")
    digest_articles: int = limit(10, "articles that a summary is chosen from at most")
    digest_of_article: int = limit(6, "first sentences of an article that a summary may take")
    digest_own_language: int = limit(
        2, "articles in the asker's language from which on a summary is of these alone"
    )
    digest_worth: float = limit(0.6, "weight of a sentence's worth against what it repeats")
    digest_lead: float = limit(
        0.3, "weight of how early a sentence stands, against how central it is"
    )
    digest_bearing: float = limit(
        0.5, "similarity to the subject, scaled, from which a sentence is about it"
    )
    digest_shortest: int = limit(12, "letters that a sentence of a summary has at least")
    digest_longest: int = limit(400, "letters that a sentence of a summary has at most")
    digest_letters: int = limit(
        900,
        "letters of a summary at most, those of Japanese, Chinese and Korean counted twice: a"
        " telephone's screen and a half",
    )
    digest_least: int = limit(3, "sentences of a summary that are kept whatever their letters")
    digest_title: int = limit(8, "letters from which a title in a request names its article")
    digest_subject: int = limit(2, "letters that the subject of a definition has at least")
    definition_quotes: int = limit(2, "quotes of a definition at most")
    answer_in_sentence: float = limit(
        0.6, "weight of the reader's share in a quote's score, against both of these"
    )
    answerable: float = limit(
        0.5,
        "share that the quotes answer, below which the question is refused; the fitted one wins",
    )
    cosine_unanswered: float = limit(
        0.78, "cosine of the best passage up to which nothing answers, where there is no reader"
    )
    cosine_answered: float = limit(0.88, "cosine from which it surely answers, the same")
    strictness: float = limit(
        8.0, "what a step of 1 in `answers.strictness` adds to the log-odds that are asked for"
    )
    kind_missing: float = limit(
        0.1, "the most that share may be where a number or day is asked for and no quote holds one"
    )
    quote_near_best: float = limit(
        0.7, "part of the best quote's score from which another is shown beside it"
    )
    read_near_best: float = limit(
        0.6, "the same for quotes given to the model where one fact is asked for"
    )
    sure_place: float = limit(
        0.8,
        "the reader's share from which a place is sure: a claim must hold what it holds, its"
        " passage may hold another part of an answer, and a quote with it in the asker's language"
        " may be preferred",
    )
    sure_place_near: float = limit(
        0.9, "part of the surest place's share from which another place counts as sure, too"
    )
    other_time: float = limit(
        0.1, "part of its share that a day keeps which has passed where one to come is asked for"
    )
    twin_passages: int = limit(
        4, "passages in the asker's language that are searched for what a foreign quote says"
    )
    twin_sentences: int = limit(3, "nearest sentences of them that the checker compares with it")
    twin_share: float = limit(
        0.95, "share of the same matter from which such a sentence says what the quote says"
    )
    another_part: float = limit(
        0.7,
        "the reader's share, of the sentence alone, from which it is another part of the answer, or"
        " answers a part of a question that nothing else answers",
    )
    part_quotes: int = limit(4, "quotes of an answer with several parts at most")
    part_known: float = limit(
        0.5, "share of a part's bigrams in another quote from which it says nothing new"
    )
    item_tokens: float = limit(
        5.0,
        "estimated tokens, beside figures and days, up to which words that are no name are an item"
        " of a list; of eight lists with longer ones (clusters 9 of News Reading, alliance, seeds)"
        " one was of use",
    )
    related: int = limit(3, "nearest articles that are named beside a refusal")
    differing_quotes: int = limit(
        3, "quotes of each of two searches, where it is asked whether articles differ"
    )
    place_letters: int = limit(40, "letters from which a place is too long to be required")
    place_words: int = limit(
        16, "letters and digits from which a place's wording is no longer compared"
    )
    place_overlap: float = limit(
        0.5, "share of a place's bigrams that a claim must have to say the same"
    )
    across_languages: float = limit(
        0.8,
        "share of support from which a claim in another language than all it cites may be shown"
        " (benchmarks/across.py, reporting half: removes 97.5 % of true sentences of another"
        " paragraph; 25 % of supported ones pass)",
    )
    own_script: float = limit(0.3, "share of a claim's letters that must be in its own script")
    han_without_kana: int = limit(
        12, "Han characters without kana from which a Japanese claim is taken for Chinese"
    )
    repeated_letters: int = limit(8, "letters of a run that is looked for once more")
    repeated: float = limit(
        0.3, "share of such runs of a sentence that stood there before, from which it repeats"
    )
    laid_over: float = limit(
        0.7, "share of a claim's words in a sentence from which what differs is a replacement"
    )
    negation_laid: float = limit(
        0.6, "the same before a sentence can say the opposite of the claim"
    )
    replaced: int = limit(
        3, "agreement on both sides of a difference, a word counting two, that makes it clear"
    )
    source_named: float = limit(
        0.5, "share of the words of whoever is named as the source that the evidence must have"
    )
    nearest_checked: int = limit(
        4, "nearest passages that a sentence of a given text is checked against"
    )
    quote_changed: float = limit(
        0.5, "share of letters in common from which a sentence took the place of a cited quote"
    )
    bearing: float = limit(
        0.2,
        "the reader's share below which a second sentence is beside the question, a sentence in the"
        " asker's language that says the same has no place of the answer, and a later report of"
        " what was planned does not replace the plan",
    )
    words_kept: float = limit(
        0.95, "share of its words in order from which a claim is one quote made shorter"
    )
    conflict_place: float = limit(
        0.6,
        "the reader's share from which a place can disagree with another article or be replaced by"
        " a later one, a day in the time asked of lowers those outside it, and a follow-up is taken"
        " to be answered where the question before it is",
    )
    conflict_same_matter: float = limit(
        0.4, "share from which two sentences are about the same matter (benchmarks/conflicts.py)"
    )
    conflict_near: float = limit(
        0.9, "the same without a learned model: part of the other place's share or shared words"
    )
    conflict_counted: int = limit(
        50, "passages among which the articles that give each of several answers are counted"
    )
    premise_passages: int = limit(5, "passages read for what a question takes for granted")
    premise_place: float = limit(
        0.5, "the reader's share from which a place may correct the question"
    )
    premise_covered: float = limit(
        0.5, "share of the question's other words that a correcting or newer sentence must have"
    )


DEFAULT = Thresholds()
