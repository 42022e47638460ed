"""The words of Japanese text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from konkyo.index.text.japanese import reading, words

TEXT = "高市首相は二月十日、ワシントンで記者会見を開いた。" * 400


def test_words_leave_no_gap_and_tell_names() -> None:
    found = list(words("高市首相がワシントンを訪れた。"))
    assert [w.start for w in found[1:]] == [w.end for w in found[:-1]]
    assert ("ワシントン", "地名") in [
        ("高市首相がワシントンを訪れた。"[w.start : w.end], w.kind) for w in found
    ]
    assert reading("東京") == "トウキョウ"


def test_several_threads_read_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        lengths = set(pool.map(lambda _: len(list(words(TEXT))), range(32)))
    assert len(lengths) == 1
