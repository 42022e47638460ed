"""Claims made false by one small change whose place is known, and questions made statements."""

from __future__ import annotations

import functools
import random
import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Change", "claim_from_question", "corrupt", "numbers", "question_from_claim"]

_NUMBER = re.compile(r"[0-9０-９]+(?:[.,，．][0-9０-９]+)*")
_KANJI_NUMBER = re.compile(
    r"[一二三四五六七八九十](?=(?:人|年|月|日|回|つ|本|位|番|代|世|度|種|個|か|ヶ|カ|名|次|个|家"
    r"|天))"
)
_KATAKANA = re.compile(r"[ァ-ヴー・]{3,}")
_CAPITALISED = re.compile(r"(?<=[a-zà-ÿа-я,] )[A-ZÀ-ÝА-Я][\w’'-]{2,}(?: [A-ZÀ-ÝА-Я][\w’'-]+)*")


@dataclass(frozen=True, slots=True)
class Change:
    """A claim made false, and where: ``text[start:end]`` is what was changed."""

    text: str
    start: int
    end: int


def numbers(text: str) -> list[str]:
    """The Arabic numbers of a text as they are written."""
    return _NUMBER.findall(text)


@functools.cache
def _negations() -> dict[str, list[tuple[str, str]]]:
    with Path(__file__).with_name("negations.toml").open("rb") as file:
        return {k: [(a, b) for a, b in v] for k, v in tomllib.load(file).items()}


def _put(claim: str, start: int, end: int, fresh: str) -> Change:
    return Change(claim[:start] + fresh + claim[end:], start, start + max(len(fresh), 1))


def _other_number(text: str, others: Sequence[str], rng: random.Random) -> str:
    plain = text.translate(str.maketrans("０１２３４５６７８９．，", "0123456789.,"))
    swaps = [o for o in others if o != text and abs(len(o) - len(text)) <= 1]
    if swaps and rng.random() < 0.4:
        return rng.choice(swaps)
    digits = plain.replace(",", "")
    kind = rng.random()
    if digits.isdigit() and kind < 0.55:
        value = int(digits)
        step = rng.choice((1, 1, 2, 3, 5, 10)) if value > 12 else rng.choice((1, 2, 3))
        changed = value + step if value <= step or rng.random() < 0.5 else value - step
        return f"{changed:,}" if "," in plain else str(changed)
    if digits.isdigit() and kind < 0.65 and len(digits) < 4:
        return plain + "0"
    place = rng.choice([i for i, c in enumerate(plain) if c.isdigit()])
    fresh = rng.choice([d for d in "123456789" if d != plain[place]])
    return plain[:place] + fresh + plain[place + 1 :]


def _change_number(claim: str, passage: str, rng: random.Random) -> Change | None:
    hits = [*_NUMBER.finditer(claim), *_KANJI_NUMBER.finditer(claim)]
    if not hits:
        return None
    hit = rng.choice(hits)
    if hit.group() in "一二三四五六七八九十":
        fresh = rng.choice([k for k in "一二三四五六七八九" if k != hit.group()])
    else:
        fresh = _other_number(hit.group(), numbers(passage), rng)
    return _put(claim, hit.start(), hit.end(), fresh)


def _change_name(
    claim: str, language: str, passage: str, names: Sequence[str], rng: random.Random
) -> Change | None:
    known = [n for n in names if n in claim and len(n) > 1]
    pattern = _KATAKANA if language == "ja" else _CAPITALISED
    inside = [*known, *(m.group() for m in pattern.finditer(claim))]
    if not inside:
        return None
    old = rng.choice(inside)
    pool = names if old in known else [*pattern.findall(passage), *names]
    with_digits = bool(_NUMBER.search(old))
    fitting = [
        n
        for n in pool
        if n not in claim and old not in n and bool(_NUMBER.search(n)) is with_digits
    ]
    if not fitting:
        return None
    at = claim.find(old)
    return _put(claim, at, at + len(old), rng.choice(fitting))


def _change_truth(claim: str, language: str, rng: random.Random) -> Change | None:
    hits = [(a, b) for a, b in _negations().get(language, ()) if a in claim]
    if not hits:
        return None
    old, new = hits[0] if rng.random() < 0.5 else rng.choice(hits)
    at = claim.rfind(old)
    return _put(claim, at, at + len(old), new)


def corrupt(
    claim: str,
    language: str,
    passage: str,
    names: Sequence[str],
    rng: random.Random,
    negate: bool = True,
) -> Change | None:
    """Make a claim false by one small change: number, name or negation; None: no handle.

    ``names`` are interchangeable strings of the same kind; ``passage`` lends its own figures and
    names, which make likelier lies. A change that the passage happens to contain is not given.
    """
    ways: list[Callable[[], Change | None]] = [
        lambda: _change_number(claim, passage, rng),
        lambda: _change_name(claim, language, passage, names, rng),
    ]
    if negate:
        ways.append(lambda: _change_truth(claim, language, rng))
    rng.shuffle(ways)
    for way in ways:
        change = way()
        if change is not None and change.text != claim and change.text not in passage:
            return change
    return None


_JA_WHAT = re.compile(
    r"(?:何という名前の|なんという名前の|何という|なんという|どのような|どんな|どの|誰が|だれが"
    r"|どこで|どこに|どこ|誰|だれ|いつ|何年何月何日|何年何月|何月何日"
    r"|何年|何月|何日|何人|何歳|何回|何個|何パーセント|何%|何メートル|いくつ|いくら|どれくらい"
    r"|どのくらい|何|なに)"
)
_JA_TAIL = re.compile(r"(?:のでしょうか|でしょうか|ですか|ますか|のか|か|かな)?[?？。]*$")
_ZH_WHAT = re.compile(
    r"(?:哪一年|哪年|什么时候|何时|多少|几|谁|什么|哪里|哪个国家|哪个|哪位|哪些|哪)"
)
_EN_WHO = re.compile(
    r"^(?:who\s+(?!(?:did|do|does)\b)|(?:which \w+|what(?: \w+)?)\s+"
    r"(?=(?:was|is|were|are|has|had|\w+ed|\w+s)\b))",
    re.I,
)


def claim_from_question(question: str, answer: str, language: str) -> Change:
    """Put an answer where the question asks ("誰が建てたか" + "父" = "父が建てた。").

    Where no rule fits, question and answer follow each other. The place of the answer is given.
    """
    if language == "ja":
        asked = _JA_TAIL.sub("", question)
        hits = list(_JA_WHAT.finditer(asked))
        if hits:
            hit = hits[-1]
            kept = hit.group()[-1] if hit.group() in ("誰が", "だれが", "どこで", "どこに") else ""
            stem = asked[: hit.start()] + answer + kept + asked[hit.end() :]
            plain = re.search(r"(?:[すたるい])$", stem)
            ending = "。" if plain else "です。" if len(question) % 2 else "である。"
            return Change(stem + ending, hit.start(), hit.start() + len(answer))
    if language == "zh":
        asked = re.sub(r"[?？。呢吗]*$", "", question)
        found = _ZH_WHAT.search(asked)
        if found:
            text = asked[: found.start()] + answer + asked[found.end() :] + "。"
            return Change(text, found.start(), found.start() + len(answer))
    if language == "en":
        who = _EN_WHO.match(question)
        if who:
            text = answer + " " + question[who.end() :].rstrip("? ") + "."
            return Change(text, 0, len(answer))
    return Change(f"{question} {answer}", len(question) + 1, len(question) + 1 + len(answer))


_JA_NOUN = re.compile(r"(?<=[々〇一-鿿ァ-ヴー％\d])(?:だ|である)?$")
_EN_LOWER = re.compile(r"^(?:The|A|An|It|Its|They|Their|He|His|She|Her|There|This|Some|No|In|On)\b")
_KOREAN_N = "\u11ab"


def question_from_claim(claim: str, language: str, rng: random.Random) -> str | None:
    """A statement as a question for yes or no ("橋は完成した。" = "橋は完成したのですか。").

    None where no rule for its ending is known.
    """
    told = claim.rstrip("。.．")
    if language == "ja":
        if "。" in told:
            return None
        return _JA_NOUN.sub("な", told) + rng.choice(
            ("のですか。", "んですか？", "の？", "のでしょうか。")
        )
    if language == "zh":
        return told + rng.choice(("吗？", "吗？", "，对吗？", "，是真的吗？"))
    if language == "ko":
        stem = _korean_stem(told)
        return None if stem is None else stem + rng.choice(("나요?", "나?", "나요"))
    if language == "en":
        lower = told[0].lower() + told[1:] if _EN_LOWER.match(told) else told
        return rng.choice((f"Is it true that {lower}?", f"{told}?", f"Is it so that {lower}?"))
    return None


def _korean_stem(told: str) -> str | None:
    """What comes before "나요" of a sentence that ends in "다": 먹었다 and 한다 give 먹었, 하."""
    if not told.endswith("다"):
        return None
    stem = told[:-1]
    if stem.endswith("는") and len(stem) > 1:
        return stem[:-1]
    letters = unicodedata.normalize("NFD", stem)
    if letters.endswith(_KOREAN_N):  # 한다, 된다.
        return unicodedata.normalize("NFC", letters[:-1])
    return stem if letters.endswith(("\u11bb", "\u11b9")) else None  # 했다, 있다; 없다.
