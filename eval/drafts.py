"""Draft questions from the articles of a store, for a person to accept, change or reject.

A sentence that holds one number, one day or one person becomes the question whose answer that is.
The sentence itself is asked, with a question word where the answer stood, so that a draft is
right where the sentence is; a language model may phrase it better, and what it writes is used
only if it is a question of that language that does not give its answer away.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as schema

from konkyo.eval.answer_match import holds, units
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.eval.questions import Gold, Kind, Question
from konkyo.eval.scoring import same_number
from konkyo.index.errors import DatasetError, UsageError
from konkyo.index.records import Article
from konkyo.index.stores.base import Store
from konkyo.index.text.word_data import CHECKED, Alternatives, word_data
from konkyo.rag.generation.llm import LLM
from konkyo.rag.generation.output_format import parse_line, split_lines
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.spoken import language_name

__all__ = ["Asks", "Draft", "DraftFile", "draft", "drafts", "phrased", "to_row"]

Asks = Literal["number", "date", "name"]
_ORDER: tuple[Asks, ...] = ("number", "date", "name")

Sentences = Callable[[str, str | None], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that nobody has looked at yet.

    ``article_text[start:end] == sentence``, and ``sentence[at:until]`` is the answer.
    ``phrased_by`` is ``template`` or the name of the language model.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    language: str
    asks: Asks
    article_id: str
    title: str
    sentence: str
    at: int
    until: int
    phrased_by: str = "template"

    @property
    def answer(self) -> str:
        """The answer as the sentence has it."""
        return self.sentence[self.at : self.until]


# ---- sentences to questions -----------------------------------------------------------------

_Text = Annotated[str, Field(min_length=1)]


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How sentences of one language become questions; the file says what each word is."""

    leans: Alternatives
    titled: Alternatives
    letters: tuple[int, int]
    money: _Text
    day: _Text
    dated: _Text
    who: _Text
    how_many: _Text
    about: _Text


@schema(frozen=True, slots=True, config=CHECKED)
class _Drafting:
    """The words of every language, and how questions end."""

    asking_ends: tuple[_Text, ...]
    languages: dict[str, _Words]


def _drafting() -> _Drafting:
    return word_data(_Drafting, "drafts", "konkyo.eval")


_QUOTED_FIRST = '「『（(“"'
_NUMBER = re.compile(
    r"[\d０-９][\d０-９,，.．]*(?:\s*[十百千万億兆亿만억조])*|[〇一二三四五六七八九十百千万億兆两]+"
)


def draft(article: Article, sentence: str, start: int) -> Draft | None:
    """The draft one sentence of an article gives, if it gives one; ``start`` is where it stands."""
    language = article.language
    words = _drafting().languages.get(language)
    if words is None or sentence[:1] in _QUOTED_FIRST or words.leans.match(sentence):
        return None
    low, high = words.letters
    if not low <= len(sentence) <= high or "\n" in sentence or sentence[-1:] in "?？":
        return None
    for asks, find in (("date", _a_day), ("number", _a_number), ("name", _a_name)):
        found = find(sentence, language)
        if found is None:
            continue
        at, until, word = found
        answer = sentence[at:until]
        if sentence.count(answer) != 1:
            return None
        asked = _asked(sentence, at, until, word, language)
        if not _names_something(asked, language) and article.title:
            asked = words.about.format(title=article.title, q=_lower(asked, language))
        kind: Asks = next(a for a in _ORDER if a == asks)
        return Draft(
            id=f"new-{article.article_id[:8]}-{start + at}",
            question=asked,
            answers=_answers(answer, asks, language),
            language=language,
            asks=kind,
            article_id=article.article_id,
            title=article.title,
            sentence=sentence,
            at=at,
            until=until,
        )
    return None


def _answers(answer: str, asks: str, language: str) -> tuple[str, ...]:
    """The answer, and a person also without the title."""
    from konkyo.index.text.names import names

    bare = [n.text for n in names(answer, language)] if asks == "name" else []
    return tuple(dict.fromkeys([answer.strip(), *bare]))


def _a_day(sentence: str, language: str) -> tuple[int, int, str] | None:
    from konkyo.index.text.dates import dates

    found = [
        m for m in dates(sentence, None, language) if m.month is not None and m.day is not None
    ]
    if len(found) != 1 or found[0].relative is not None:
        return None
    moment = found[0]
    words = _drafting().languages[language]
    dated = moment.year is not None and str(moment.year) in moment.text
    return moment.start, moment.end, words.dated if dated else words.day


def _a_number(sentence: str, language: str) -> tuple[int, int, str] | None:
    from konkyo.index.text.quantities import quantities

    wanted = {"count", "money", "percent", "duration", "age", "measure"}
    found = [q for q in quantities(sentence, language) if not q.small and q.kind in wanted]
    if len(found) != 1 or len(found[0].values) != 1:
        return None
    quantity = found[0]
    word = _how_many(quantity.text, quantity.kind, language)
    return None if word is None else (quantity.start, quantity.end, word)


def _how_many(text: str, kind: str, language: str) -> str | None:
    """The question word for a quantity, its unit kept: ``170人`` is 何人."""
    words = _drafting().languages[language]
    if kind == "money":
        return words.money
    if language == "en":
        if kind == "percent":
            return "what percentage"
        unit = re.sub(
            r"^[^A-Za-z]*(?:(?:hundred|thousand|million|billion|trillion)s?\b)?[\s-]*", "", text
        )
        # In words ("nine and a half years") number and unit cannot be told apart so simply.
        return f"{words.how_many} {unit}".strip() if text[:1].isdigit() and kind != "age" else None
    if language == "zh" and text.startswith("百分之"):
        return "百分之多少"
    number = _NUMBER.search(text)
    if number is None:
        return None
    return text[: number.start()] + words.how_many + text[number.end() :].lstrip()


def _a_name(sentence: str, language: str) -> tuple[int, int, str] | None:
    from konkyo.index.text.names import names

    words = _drafting().languages[language]
    people = [n for n in names(sentence, language) if n.kind == "person" and n.certain]
    titled = [(n, words.titled.match(sentence, n.end)) for n in people]
    if len(people) != 1 or titled[0][1] is None or (people[0].start and language == "en"):
        return None
    return people[0].start, titled[0][1].end(), words.who


def _asked(sentence: str, at: int, until: int, word: str, language: str) -> str:
    """The sentence as a question: a question word where the answer stood, the ending turned."""
    before, after = sentence[:at], sentence[until:]
    if word == "誰" and after.startswith("は"):
        after = "が" + after[1:]
    if word == "누구" and after[:1] in {"은", "는", "이", "가"}:
        word, after = "누", "가" + after[1:]
    text = (before + word + after).strip().rstrip("。．.!！ ")
    if language == "ja":
        return re.sub(r"(?<!ん)だ$", "", text) + "か。"
    if language == "ko":
        return _korean(text)
    text = text[:1].upper() + text[1:] if language == "en" else text
    return text + ("？" if language == "zh" else "?")


def _korean(text: str) -> str:
    """A Korean statement's last verb as a question."""
    if text.endswith("니다"):
        return text[:-1] + "까?"
    if text.endswith("이다"):
        return text[:-2] + "인가요?"
    if text.endswith("는다"):
        return text[:-2] + "나요?"
    if text.endswith("다") and len(text) > 1:
        stem = text[-2]
        if "가" <= stem <= "힣" and (ord(stem) - 0xAC00) % 28 == 4:
            # 한다, 달한다: the ending ㄴ is the statement's.
            return text[:-2] + chr(ord(stem) - 4) + "나요?"
        return text[:-1] + "나요?"
    return text + "?"


def _lower(text: str, language: str) -> str:
    return text if language != "en" or text[:2].isupper() else text[:1].lower() + text[1:]


def _names_something(text: str, language: str) -> bool:
    from konkyo.index.text.names import names

    return bool(names(text, language))


# ---- articles to drafts ---------------------------------------------------------------------


def drafts(
    store: Store,
    *,
    sentences: Sentences,
    languages: frozenset[str] = frozenset(),
    skip: frozenset[str] = frozenset(),
    seed: int = 0,
) -> Iterator[Draft]:
    """Drafts from all articles, in an order that ``seed`` draws: one of each kind in turn.

    ``languages`` (ISO 639-1) leaves others out; ``skip`` holds ids decided before. An article
    gives one draft before any gives its second.
    """
    summaries = [a for a in store.articles() if not languages or a.language in languages]
    random.Random(seed).shuffle(summaries)

    def of(article_id: str) -> list[Draft]:
        article = store.article(article_id)
        found = []
        for start, end in sentences(article.text, article.language):
            made = draft(article, article.text[start:end], start)
            if made is not None and made.id not in skip:
                found.append(made)
        random.Random(f"{seed} {article_id}").shuffle(found)
        turns = [[d for d in found if d.asks == asks] for asks in _ORDER]
        return [d for turn in zip_longest(*turns) for d in turn if d is not None]

    left = []
    for summary in summaries:
        found = of(summary.article_id)
        # The first is given at once: to read all articles takes minutes.
        yield from found[:1]
        left.append(found[1:])
    for turn in zip_longest(*left):
        yield from (d for d in turn if d is not None)


_SYSTEM = (
    "You write questions for a quiz about news articles. Write one short question in {language}, "
    "the way "
    "a reader would ask who has not seen the article. Its answer must be exactly the answer "
    "given. Do not "
    "write the answer. Name who or what it is about. End the line with [1]."
)


def phrased(draft: Draft, llm: LLM) -> Draft:
    """The draft as a language model asks it, or as it is where the model's question will not do.

    It must be a question in the draft's language that shares words with the sentence and does
    not give its answer away. Raises LLMError where the model cannot be asked.
    """
    language = language_name(draft.language, "en")
    user = f"[1] {draft.title}\n{draft.sentence}\n\nAnswer: {draft.answer}\nQuestion in {language}:"
    prompt = Prompt(_SYSTEM.format(language=language), user, 1, lines=1)
    for line in split_lines(llm.stream(prompt, max_tokens=80)):
        parsed = parse_line(line, draft.language)
        if parsed is not None and _will_do(parsed.text, draft):
            return replace(draft, question=parsed.text, phrased_by=llm.name)
        if parsed is not None:
            break
    return draft


def _will_do(text: str, draft: Draft) -> bool:
    from konkyo.index.text.language import detect

    asks = text.rstrip().endswith(_drafting().asking_ends)
    shared = set(units(text)) & set(units(draft.sentence + draft.title))
    return (
        asks
        and len(shared) >= 2
        and not holds(text, draft.answer, same_number)
        and detect(text) == draft.language
    )


# ---- decisions ------------------------------------------------------------------------------


def to_row(draft: Draft) -> Question:
    """The question of an accepted draft, as the dataset holds it."""
    kind: Kind = "date" if draft.asks == "date" else "fact"
    return Question(
        id=draft.id,
        question=draft.question,
        language=draft.language,
        kind=kind,
        answerable=True,
        answers=draft.answers,
        gold=(Gold(draft.article_id, draft.sentence),),
    )


class DraftFile:
    """A dataset that grows by decisions, each on disk before the next is asked for.

    Accepted questions go to ``path`` (the project's JSONL, whole after every line), ids of
    rejected ones to a file of the same name with ``.rejected`` behind it, so that drafting goes
    on where it ended. Raises DatasetError for a damaged file, UsageError where none can be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._refused = path.with_name(path.name + ".rejected")
        self.questions: list[Question] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_text("utf-8").strip():
                self.questions = list(load_jsonl(path).questions)
            refused = self._refused.read_text("utf-8").split() if self._refused.exists() else []
        except UnicodeDecodeError as exc:
            raise DatasetError(f"{path}: not UTF-8 at byte {exc.start}") from exc
        except OSError as exc:
            raise UsageError(f"{path}: cannot be used: {exc.strerror}; name another --out") from exc
        self._rejected = set(refused)

    @property
    def decided(self) -> frozenset[str]:
        """Ids that were accepted or rejected."""
        return frozenset({q.id for q in self.questions} | self._rejected)

    def accept(self, draft: Draft) -> None:
        """Add a draft's question to the dataset."""
        question = to_row(draft)
        row = {k: v for k, v in asdict(question).items() if v not in ((), None)}
        _append(self.path, json.dumps(row, ensure_ascii=False))
        self.questions.append(question)

    def reject(self, draft: Draft) -> None:
        """Remember not to offer a draft again."""
        _append(self._refused, draft.id)
        self._rejected.add(draft.id)


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise UsageError(f"{path}: cannot be written: {exc.strerror}; name another --out") from exc
