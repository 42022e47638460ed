"""The question within a long message: a pasted text with a question after it, or before it."""

from __future__ import annotations

from konkyo.index.text.language import detect
from konkyo.index.text.sentences import sentences
from konkyo.rag.reading.answerability import asked_for

__all__ = ["question_within"]

_MARKS = ("?", "？", "؟")
_CLOSING = "'\"”’」』”）)】*_`> "


def question_within(message: str, limit: int) -> str:
    """Return a message with its white space folded, or its question if it has over ``limit``.

    The question is the last run of sentences with a question mark; without any, the last
    sentence whose words ask for something; without that, the last sentence. Of more than
    ``limit`` letters, the last ones are kept.
    """
    whole = " ".join(message.split())
    if len(whole) <= limit:
        return whole
    language = detect(whole[-limit:])
    found = [" ".join(message[s:e].split()) for s, e in sentences(message, language)]
    marked = [one.rstrip(_CLOSING).endswith(_MARKS) for one in found]
    if any(marked):
        end = len(marked) - marked[::-1].index(True)
        start = end
        while start and marked[start - 1] and len(" ".join(found[start - 1 : end])) <= limit:
            start -= 1
        question = " ".join(found[min(start, end - 1) : end])
    else:
        asking = (one for one in reversed(found) if asked_for(one) is not None)
        question = next(asking, found[-1])
    return (
        question
        if len(question) <= limit
        else question[-limit:].partition(" ")[2] or question[-limit:]
    )
