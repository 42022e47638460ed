"""What one question may cost: how many letters are read, and how much processor time is spent.

Every pattern takes time in proportion to its text (``tests/test_patterns.py``), so an upper bound
on the letters bounds each step; the time bounds the sum of the steps in the calling thread
(patterns, parsing). Reading and models run in other threads and are bounded by the number of
passages. A step that a bound missed costs its own question, which fails with a named error, and no
other.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from konkyo.index.errors import QuestionTimeout, QuestionTooLong
from konkyo.index.records import Hit
from konkyo.rag.conversation import Turn
from konkyo.rag.types import Event

__all__ = ["LONGEST_PASSAGE", "LONGEST_QUESTION", "bounded", "checked", "readable", "within"]

LONGEST_QUESTION = 4_000
"""Letters: eight times ``QUESTION_LIMIT`` of ``ui``, 500, so that a long message fits, too."""
LONGEST_PASSAGE = 20_000
"""Letters: no passage of ``index/chunking.py`` is as long.

One of an older index or another tool may be.
"""
_MOST_TURNS = 50
_LONGEST_ANSWER = 20_000
_MOST_SECONDS = 300.0
"""Of processor time; a question takes less than one, the first after a start about four."""


def checked(question: str) -> str:
    """A question on one line. Raises QuestionTooLong."""
    # Cut first: not even the spaces of a longer one are looked at.
    plain = " ".join(question[: 4 * LONGEST_QUESTION].split())
    if len(plain) > LONGEST_QUESTION or len(question) > 4 * LONGEST_QUESTION:
        raise QuestionTooLong(
            f"the question has {len(question)} characters and at most {LONGEST_QUESTION} are read;"
            " ask a shorter one"
        )
    return plain


def bounded(history: Sequence[Turn]) -> tuple[Turn, ...]:
    """The latest turns of a conversation, each cut to the letters that are read."""
    return tuple(
        replace(
            turn, question=turn.question[:LONGEST_QUESTION], answer=turn.answer[:_LONGEST_ANSWER]
        )
        for turn in history[-_MOST_TURNS:]
    )


def readable(hits: Sequence[Hit]) -> list[Hit]:
    """The hits whose passages are short enough to be read."""
    return [hit for hit in hits if len(hit.passage.text) <= LONGEST_PASSAGE]


def within(events: Generator[Event, None, None], seconds: float = _MOST_SECONDS) -> Iterator[Event]:
    """The events of one question, until its work takes too long. Raises QuestionTimeout.

    What is counted is the processor time of the calling thread (patterns, parsing), so neither a
    queue nor a busy machine uses it up; reading and models run in other threads and are bounded by
    the number of passages. It is looked at between two events, which may come from different
    threads.
    """
    spent = 0.0
    with closing(events):
        while True:
            begun = time.thread_time()
            event = next(events, None)
            spent += time.thread_time() - begun
            if event is None:
                return
            if spent > seconds:
                raise QuestionTimeout(
                    f"the question took more than {seconds:g} seconds of work and was given up;"
                    " ask a shorter one, or narrow it to some dates or outlets"
                )
            yield event
