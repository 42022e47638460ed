"""Many turns: what a follow-up is about, from the turns before it. Pure; no model is asked.

A question that names its own subject is left alone, so that a change of topic is not polluted by
what came before. One that points back ("それはいつ？"), names nothing ("How many people died?")
or only names what to put in the place of something ("韓国は？") is completed from earlier
questions, never from answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from konkyo.index.text.language import language_of_script
from konkyo.index.text.names import Name, names
from konkyo.rag.retrieval.evidence import token_cost
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["Turn", "bounded", "leans_on_history", "standalone"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question and the answer that was shown."""

    question: str
    answer: str


_LETTERS = 20_000
_BACK = 3

# A question that begins so is about what was said.
_OPENS_BACK = re.compile(
    r"^(?:それ|その|これ|この|あれ|あの|そこ|そちら|そう|彼女|彼|同じ|同氏|同社|同国|では|じゃあ|なら|で、|ほかに|他に|もっと)"
    r"|^(?:and|but|so|then|also|it|its|he|his|she|her|they|their|that|those|this|these|there|what about|how about|what else|who else|why not)\b"
    r"|^(?:그것|그게|그건|그녀|그들|그는|그가|그의|그 |그럼|그러면|그런데|거기|이것|이 |이게|그때|또 |다른 )"
    r"|^(?:它|他|她|这|那|其|该|此|還有|还有|另外)",
    re.IGNORECASE,
)
# Within a question the same words count only where nothing before them can be meant.
_POINTS_BACK = re.compile(
    r"(?:^|[^ぁ-んァ-ヶ一-龥])(?:それ|その|これ|この|あれ|あの|そこ|彼女|彼|同じ)|(?:それ|その後|彼女|彼)[はがをにのも]"
    r"|\b(?:it|its|they|them|their|he|him|his|she|her|those|these|this|that)\b(?!\s+(?:is|was)\s+there)"
    r"|(?:^|\s)(?:그|그것|그녀|그들|그의|그는|그가|이것|거기|그건|그게|그때)(?=\s|$)"
    r"|它|他们|他|她|这|那(?!么)|其(?!他|中|实)|该",
    re.IGNORECASE,
)
# What is asked about is left out but for what is new: "韓国は？", "中国呢？", "And Korea?".
_ELLIPSIS = re.compile(
    r"^(?:(?:では|じゃあ|で|なら)[、,\s]?)?[^、。？?\sのがをにでと]{1,14}(?:は|なら|の場合は|だと|については)[？?]*$"
    r"|^(?:那么?|那)?[^，。？?\s]{1,10}呢[？?]*$"
    r"|^(?:(?:그럼|그러면)\s)?\S{1,10}(?:은|는|은요|는요)\s*[？?]*$"
    r"|^(?:and|but|so|then|what about|how about|what of)\b[^?？]{1,40}[?？]*$",
    re.IGNORECASE,
)
_ASKING_HAN = re.compile(
    r"什么时候|什麼時候|为什么|為什麼|多少|哪里|哪裡|哪个|哪些|怎么样|怎么|如何|什么|什麼|几个|谁|誰|吗|呢|的|了|是|在|有|和|与|被"
    r"|何[人名件社台回年月日時か]?|誰|幾"
)
_HAN_RUN = re.compile(r"[一-龥々〆ヶ]{4,}")
_HANGUL_WORD = re.compile(r"[가-힣A-Za-z0-9]+")
_HANGUL_ASKING = re.compile(
    r"^(?:언제|누가|누구|어디|왜|얼마|몇|무엇|무슨|뭐|뭘|어떻게|어떤|어느|며칠|얼마나|총|모두|더|또|그)"
    r"|(?:습니까|입니까|나요|가요|까요|세요|해요|어요|아요|했나|하나|있나|되나|인가|는가|은가|던가|한가|니|까|다)$"
)
_WORD = re.compile(r"[A-Za-zÀ-ɏ][\w'’-]*")
_SMALL = frozenset(
    """
    a an the of to in on at by for from with about as into over after before during and or
    but not is are was were be been being do does did has have had will would can could
    should may might who whom whose what which when where why how many much long large big
    old far often there any some all more most else also then it its he his she her they
    their them this that these those you i we me us tell please exactly so only just
    """.split()  # noqa: SIM905
)


def bounded(
    history: Sequence[Turn], *, turns: int = 6, letters: int = _LETTERS
) -> tuple[Turn, ...]:
    """The newest turns that fit: at most ``turns`` of them, and ``letters`` code points in all."""
    kept: list[Turn] = []
    spent = 0
    for turn in reversed(history[-turns:] if turns > 0 else ()):
        spent += len(turn.question) + len(turn.answer)
        if spent > letters:
            break
        kept.insert(0, turn)
    return tuple(kept)


def leans_on_history(question: str, thresholds: Thresholds = DEFAULT) -> bool:
    """Whether a question cannot be understood alone."""
    question = question.strip()
    cost, short = token_cost(question), thresholds.follow_up_cost
    if _ELLIPSIS.search(question) and not _COMPLETE.search(question):
        return True
    if _OPENS_BACK.search(question):
        return cost <= 4 * short
    if cost > 2.2 * short:
        return False
    own = _subject(question)
    pointer = _POINTS_BACK.search(question)
    if pointer is not None:
        return own is None or own >= pointer.start()
    return own is None


# "Who is he?" leans; "Xとは？" and "What is X?" ask for X itself.
_COMPLETE = re.compile(r"とは[？?]*$")


def _subject(question: str) -> int | None:
    """Where a question names something of its own, or None."""
    language = language_of_script(question)
    found = [n.start for n in names(question, language)]
    if language in {"ja", "zh"}:
        plain = _ASKING_HAN.sub(lambda m: "　" * len(m.group()), question)
        found += [m.start() for m in _HAN_RUN.finditer(plain)]
    elif language == "ko":
        words = [
            m
            for m in _HANGUL_WORD.finditer(question)
            if not _HANGUL_ASKING.search(m.group()) and len(m.group()) > 1
        ]
        found += [words[0].start()] if len(words) >= 2 else []
    else:
        # Any first word has a capital.
        found = [start for start in found if start]
        words = [m for m in _WORD.finditer(question) if m.group().lower() not in _SMALL]
        found += [m.start() for m in words if m.start() and m.group()[0].isupper()]
        found += [words[0].start()] if len(words) >= 3 else []
    if re.search(r"(?<!第)\d{2,}", question):
        found.append(0)
    return min(found, default=None)


def standalone(
    question: str,
    history: Sequence[Turn],
    *,
    turns: int = 1,
    thresholds: Thresholds = DEFAULT,
) -> str:
    """The question with what it is about put before it, or as it is if it stands alone.

    A follow-up is understood through the last ``turns`` questions, or as many as it takes to
    reach one that stands alone, at most three. A bare "韓国は？" takes the place of the one name of
    its kind in the question before.
    """
    if not history or not leans_on_history(question, thresholds):
        return question
    replaced = _in_place(question, history[-1].question)
    if replaced is not None and not leans_on_history(replaced, thresholds):
        return replaced
    before: list[str] = []
    for turn in reversed(history):
        before.insert(0, turn.question)
        if len(before) >= turns and not leans_on_history(turn.question, thresholds):
            break
        if len(before) >= _BACK:
            break
    return " ".join([*before, question])


def _in_place(question: str, before: str) -> str | None:
    """The question before, with a bare new name in the place of the only one of its kind."""
    if not _ELLIPSIS.search(question):
        return None
    language = language_of_script(question)
    if language != language_of_script(before):
        return None
    fresh, known = names(question, language), names(before, language)
    if len(fresh) != 1:
        return None
    alike = [n for n in known if n.kind == fresh[0].kind and n.text != fresh[0].text]
    if len(alike) != 1 or len({n.text for n in known if n.kind == fresh[0].kind}) != 1:
        return None
    return before[: alike[0].start] + _bare(fresh[0]) + before[alike[0].end :]


def _bare(name: Name) -> str:
    return re.sub(r"(?:['’]s|\?)$", "", name.text)
