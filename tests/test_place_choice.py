"""Which of the places that the reader sees is taken for the answer."""

from __future__ import annotations

from konkyo.rag.reading.place_choice import PlaceWeights

WEIGHTS = PlaceWeights()


def test_of_places_as_sure_the_one_found_first_is_likelier() -> None:
    assert WEIGHTS.share(0.9, 0.6, crossed=False) > WEIGHTS.share(0.9, 0.2, crossed=False)
    assert WEIGHTS.share(0.9, 0.6, crossed=True) > WEIGHTS.share(0.9, 0.2, crossed=True)


def test_of_places_found_alike_the_surer_one_is_likelier() -> None:
    assert WEIGHTS.share(0.9, 0.5, crossed=False) > WEIGHTS.share(0.6, 0.5, crossed=False)
    assert WEIGHTS.share(0.9, 0.5, crossed=True) > WEIGHTS.share(0.6, 0.5, crossed=True)


def test_the_askers_language_is_preferred_among_places_that_answer_as_well() -> None:
    assert WEIGHTS.share(0.9, 0.5, crossed=False) > WEIGHTS.share(0.9, 0.5, crossed=True)


def test_a_sure_place_in_another_language_wins_over_a_doubtful_one() -> None:
    assert WEIGHTS.share(0.98, 0.5, crossed=True) > WEIGHTS.share(0.3, 0.5, crossed=False)


def test_shares_stay_between_0_and_1_for_any_score() -> None:
    for score in (-100.0, 0.0, 100.0):
        assert 0.0 < WEIGHTS.share(1.0, score, crossed=False) < 1.0
        assert 0.0 < WEIGHTS.share(0.0, score, crossed=True) < 1.0
