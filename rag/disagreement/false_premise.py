"""A fact that a question takes for granted and the articles tell otherwise.

A question that names one figure, day or name that none of the passages found has is asked anew with
that fact as the unknown: of "Why did it close in 2012?" the reader is asked when it closed. Where it
sees a fact of the same kind that is certainly another one, in a sentence that holds half of the
question's other words, the question is not answered: that sentence is shown instead. So is one that
has the opposite of a word of the question ("Why did exports fall?") that no passage has, one that
tells of the same prize for another field, and one about a prize that no passage says was won.
Limits are fitted, and the shares of right and of needless corrections measured, by
``benchmarks/premises.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from konkyo.index.records import Hit
from konkyo.index.text.dates import dates
from konkyo.index.text.moments import Moment, moments_agree
from konkyo.index.text.names import Name, names, same_name
from konkyo.index.text.negation import opposed_words, stands_in
from konkyo.index.text.normalize import same_language
from konkyo.index.text.quantities import Quantity, quantities, same_quantity
from konkyo.rag.reading.answerability import terms
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Sentences, about
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.facts import FactIssue, FactKind, compare

__all__ = ["Otherwise", "asked_anew", "told_otherwise"]

Kind = FactKind | Literal["opposite"]

_AN_AWARD = "no passage has this prize"
_KINDS = ("number", "date", "name")
_UNKNOWN = {
    "ja": {"date": "いつ", "number": "何", "person": "誰", "place": "どこ", "other": "何"},
    "zh": {"date": "什么时候", "number": "几", "person": "谁", "place": "哪里", "other": "什么"},
    "ko": {"date": "언제", "number": "몇 ", "person": "누구", "place": "어디", "other": "무엇"},
    "en": {
        "date": "what date",
        "number": "how many",
        "person": "who",
        "place": "what place",
        "other": "what",
    },
}
_ASKING = {
    "ja": re.compile(
        r"なぜ|どうして|いつ|どこ|誰|だれ|何[年月日人歳個回位名番世紀]?|どのよう[なに]|どんな|どの|どれ|いくつ|いくら|ですか|でしょうか|ましたか|[？?]|か$"
    ),
    "zh": re.compile(r"什么时候|为什么|什么|多少|哪[里个些年一]?|谁|如何|怎么|几|[？?]"),
    "ko": re.compile(r"언제|왜|누가|누구|어디|무엇|얼마|몇|어떤|어느|[？?]"),
    "en": re.compile(
        r"\b(?:why|when|where|whom?|what|which|how many|how much|how|did|does|do)\b|\?",
        re.IGNORECASE,
    ),
}
# Prizes are told apart by their field, which no dictionary of names has.
_AWARD = {
    "ja": re.compile(r"(?<![ァ-ヶー・])([ァ-ヶー・]{2,}+)([一-龥]{0,6}?)賞"),
    "zh": re.compile(r"(诺贝尔|普利策|图灵|菲尔兹|奥斯卡|格莱美|布克|龚古尔)([一-龥]{0,6}?)奖"),
    "ko": re.compile(r"(노벨|퓰리처|튜링|필즈|아카데미|그래미|부커)\s?([가-힣]{0,6}?)상"),
    "en": re.compile(
        r"(?<!\w)((?:[A-Z][\w'’-]{1,30} ){1,6})(?:Prize|Award|Medal)(?: (?:in|for) ([A-Z]\w+(?: [A-Z]\w+)*))?"
    ),
}
_WINNING = {
    "ja": re.compile(r"受賞|授賞|授与|獲得|贈|受け|輝い|選ばれ|選出|手に|もら|得た|得る|授け"),
    "zh": re.compile(r"获|得主|得到|授予|颁|荣膺|夺|拿"),
    "ko": re.compile(r"수상|받|탔|탄|선정|수여|획득"),
    "en": re.compile(
        r"\b(?:w[io]n\w*|award\w*|receiv\w*|honou?r\w*|laureate\w*|give[ns]?|gave|got|get\w*|took|take\w*|earn\w*|recipient\w*|present\w*|went to|shar\w+)\b",
        re.IGNORECASE,
    ),
}
_OPEN = {
    "ja": re.compile(
        r"なぜ|どうして|いつ|どこ|誰|だれ|何|どの|どん|どう|いく[つら]|理由|原因|きっかけ|経緯"
    ),
    "zh": re.compile(r"什么|多少|哪|谁|如何|怎|几|何时|理由|原因"),
    "ko": re.compile(r"언제|왜|누[가구]|어디|무엇|무슨|얼마|몇|어떤|어느|어떻게|이유|까닭"),
    "en": re.compile(r"\b(?:why|when|where|who|whom|whose|what|which|how)\b", re.IGNORECASE),
}
_FIGURE = re.compile(r"[\d.,０-９〇一二三四五六七八九十百千万億兆亿]+")


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What the question says (``asked``), what the article says (``told``), and where.

    ``told`` is empty where the articles speak of what the question has, but not of its happening.
    """

    kind: Kind
    asked: str
    told: str
    quote: Evidence


def told_otherwise(
    question: str,
    language: str,
    hits: Sequence[Hit],
    *,
    reader: Reader,
    sentences: Sentences,
    thresholds: Thresholds = DEFAULT,
) -> Otherwise | None:
    """What a question takes for granted and the passages tell otherwise, or ``None``.

    Looked for only in questions and passages of one language (ja, zh, ko, en), and only where
    exactly one fact of the question, or one of a pair of opposites, is in no passage. The quote is
    a whole sentence, numbered 0.
    """
    hits = [h for h in hits if same_language(language, h.article.language)]
    if language not in _UNKNOWN or not hits:
        return None
    read = hits[: thresholds.premise_passages]
    issue = _missing(question, language, hits)
    if issue is not None:
        return _another_fact(question, issue, language, read, reader, sentences, thresholds)
    return _unwon(question, language, hits, sentences) or _opposite(
        question, language, read, sentences, thresholds.premise_covered
    )


def _another_fact(
    question: str,
    issue: FactIssue,
    language: str,
    hits: Sequence[Hit],
    reader: Reader,
    sentences: Sentences,
    thresholds: Thresholds,
) -> Otherwise | None:
    found = reader.answers(
        asked_anew(question, issue, language),
        [h.passage.text for h in hits],
        [about(h) for h in hits],
    )
    places = sorted(zip(hits, found, strict=True), key=lambda pair: -pair[1].probability)
    for hit, reading in places:
        if reading.probability < thresholds.premise_place:
            break
        text = hit.passage.text
        place = _around(text, reading.start, reading.end, sentences(text, hit.article.language))
        quote = text[slice(*place)]
        others = _others(question, issue, quote, language)
        low, high = reading.start - place[0], reading.end - place[0]
        told = next((o.text for o in others if o.start < high and low < o.end), None)
        if told is None or len({o.text for o in others}) > 1:
            continue
        if _covered(question, issue.text, quote, language) >= thresholds.premise_covered:
            return Otherwise(issue.kind, issue.text, told, _quote(hit, place, reading.probability))
    return None


def _unwon(
    question: str, language: str, hits: Sequence[Hit], sentences: Sentences
) -> Otherwise | None:
    """A prize that the question has as won, where no sentence that names it tells of winning."""
    award = _AWARD[language].search(question)
    winning = award is not None and _WINNING[language].search(question)
    if award is None or not winning or not _OPEN[language].search(question):
        return None  # "Did she win it?" takes nothing for granted.
    first: Otherwise | None = None
    for hit, place in _sentences(hits, sentences):
        quote = hit.passage.text[slice(*place)]
        if not any(_prize(award) <= _prize(a) for a in _AWARD[language].finditer(quote)):
            continue
        if _WINNING[language].search(quote):
            return None
        first = first or Otherwise("name", award.group().strip(), "", _quote(hit, place, hit.score))
    return first


def _opposite(
    question: str, language: str, hits: Sequence[Hit], sentences: Sentences, covered: float
) -> Otherwise | None:
    whole = "\n".join(f"{h.article.title} {h.passage.text}" for h in hits)
    best: tuple[float, Otherwise] | None = None
    for asked, told in opposed_words(question, whole, language):
        for hit, place in _sentences(hits, sentences):
            quote = hit.passage.text[slice(*place)]
            share = _covered(question, asked, quote, language)
            if share < covered or share <= (best[0] if best else 0.0):
                continue
            if stands_in(told, quote, language):
                best = share, Otherwise("opposite", asked, told, _quote(hit, place, share))
    return best[1] if best else None


def _sentences(hits: Sequence[Hit], sentences: Sentences) -> Iterator[tuple[Hit, tuple[int, int]]]:
    """Every sentence of the passages, with its passage."""
    for hit in hits:
        for place in sentences(hit.passage.text, hit.article.language):
            yield hit, place


def asked_anew(question: str, issue: FactIssue, language: str) -> str:
    """The question with one of its facts as what is asked, and without what it asked before."""
    unknown = _UNKNOWN[language]
    if issue.kind == "number":
        new = _FIGURE.sub(unknown["number"], issue.text, count=1)
    elif issue.kind == "date":
        new = unknown["date"]
    elif issue.detail == _AN_AWARD:
        new = unknown["other"]
    else:
        new = unknown.get(_name_kind(question, issue, language), unknown["other"])
    space = "" if language in {"ja", "zh"} else " "
    before, after = (
        _ASKING[language].sub(space, part)
        for part in (question[: issue.start], question[issue.end :])
    )
    return " ".join(f"{before}{new}{after}".split()).rstrip("。. ") + "?"


def _covered(question: str, without: str, quote: str, language: str) -> float:
    """Share of the question's other terms that a quote has; words that only ask do not count."""
    rest = _ASKING[language].sub(" ", question.replace(without, " "))
    wanted = terms(rest)
    return len(wanted & terms(quote)) / len(wanted) if wanted else 0.0


def _quote(hit: Hit, place: tuple[int, int], score: float) -> Evidence:
    start, end = (hit.passage.start + at for at in place)
    return Evidence(0, hit.article, start, end, hit.passage.text[slice(*place)], score)


def _missing(question: str, language: str, hits: Sequence[Hit]) -> FactIssue | None:
    """The only figure, day or name of the question that no passage has."""
    award = _AWARD[language].search(question)
    if award is not None:
        known = [_AWARD[language].finditer(f"{h.article.title} {h.passage.text}") for h in hits]
        if not any(_prize(award) <= _prize(other) for found in known for other in found):
            return FactIssue("name", award.group(), *award.span(), _AN_AWARD)
    report = compare(
        question,
        [h.passage.text for h in hits],
        claim_language=language,
        evidence_languages=[h.article.language for h in hits],
        published=[h.article.published for h in hits],
        titles=[h.article.title for h in hits],
    )
    found = [i for i in report.issues if i.kind in _KINDS]
    return found[0] if len(found) == 1 else None


def _prize(award: re.Match[str]) -> set[str]:
    """What a prize is called, and its field where it is told: in either order in English."""
    return {word.casefold() for part in award.groups() for word in (part or "").split()}


def _around(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The sentences that hold a place."""
    held = [(a, b) for a, b in spans if a < end and start < b]
    return (held[0][0], held[-1][1]) if held else (start, end)


def _others(
    question: str, issue: FactIssue, quote: str, language: str
) -> Sequence[Moment | Quantity | Name]:
    """Facts of a quote of that fact's kind that are certainly another and not in the question."""
    found: Sequence[Moment | Quantity | Name]
    if issue.detail == _AN_AWARD:
        found = [Name(*a.span(), a.group().strip()) for a in _AWARD[language].finditer(quote)]
    elif issue.kind == "date":
        day = next((m for m in dates(question, None, language) if m.start == issue.start), None)
        found = [
            m
            for m in dates(quote, None, language)
            if day and m.grain == day.grain and not moments_agree(day, m)
        ]
    elif issue.kind == "number":
        own = next((q for q in quantities(question, language) if q.start == issue.start), None)
        found = [
            q
            for q in quantities(quote, language)
            if own and own.kind != "ordinal" and _alike(own, q) and not same_quantity(own, q)
        ]
    else:
        kind = _name_kind(question, issue, language)
        found = [
            n
            for n in names(quote, language)
            if n.kind == kind and same_name(issue.text, n.text) is False
        ]
    return [f for f in found if f.text not in question]


def _alike(one: Quantity, other: Quantity) -> bool:
    return one.unit == other.unit and one.kind == other.kind


def _name_kind(question: str, issue: FactIssue, language: str) -> str:
    return next((n.kind for n in names(question, language) if n.start == issue.start), "other")
