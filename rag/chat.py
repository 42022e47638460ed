"""Many turns: what a follow-up is about, from the turns before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.evidence import token_cost

__all__ = ["Turn", "leans_on_history", "standalone"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question and the answer that was shown."""

    question: str
    answer: str


# Words that point back, and questions that name nothing themselves.
_POINTS_BACK = re.compile(
    r"(?:^|[^ぁ-んァ-ヶ一-龥])(?:それ|その|これ|この|あれ|あの|そこ|彼女|彼|同じ|では|じゃあ)|^(?:それ|その|これ|この|彼|では|じゃあ|いつ|誰|どこ|なぜ|いくら|何)"
    r"|\b(?:it|its|that|this|those|these|they|them|their|he|him|his|she|her|there|then|so|and|what about|how about)\b"
    r"|(?:^|\s)(?:그|그것|그녀|이것|그럼|그러면|거기|그건|그게|언제|누가|왜|얼마)"
    r"|(?:它|他|她|这|那|其|呢[？?]?$|^什么时候|^为什么|^多少|^谁)",
    re.IGNORECASE,
)
_SHORT = 9.0


def leans_on_history(question: str) -> bool:
    """Whether a question cannot be understood alone: it is very short or it points back."""
    cost = token_cost(question)
    return cost <= _SHORT or (cost <= 2.2 * _SHORT and bool(_POINTS_BACK.search(question)))


def standalone(question: str, history: Sequence[Turn], *, turns: int = 1) -> str:
    """The question with what it is about put before it, or as it is if it stands alone.

    A follow-up is understood through the last ``turns`` questions; a question that names its own
    subject is left alone, so that a change of topic is not polluted by what came before.
    """
    if not history or not leans_on_history(question):
        return question
    before: list[str] = []
    for turn in reversed(history):
        before.insert(0, turn.question)
        if len(before) >= turns and not leans_on_history(turn.question):
            break
        if len(before) >= 3:
            break
    return " ".join([*before, question])
