"""From a question to an Answer or a Refusal; the stages in the order of their files.

``question`` completes what was asked, ``retrieval.search`` finds and reads,
``reading.answerability`` decides, ``disagreement`` looks for what contradicts,
``generation.drafting`` asks the model, ``verification.verifier`` checks, ``outcome`` puts together
what is shown.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Self

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import Article, Filter
from konkyo.index.stores.base import Store
from konkyo.index.text.thresholds import TEXT
from konkyo.rag.answer_style import Phrasing
from konkyo.rag.answering_comparison import compares_both, greater, of_sides
from konkyo.rag.answering_parts import Told, answer_parts, look_again, returned
from konkyo.rag.answering_premise import answer_otherwise, quoted_as
from konkyo.rag.comparison import sides_asked
from konkyo.rag.conversation import Turn
from konkyo.rag.disagreement.false_premise import Otherwise, told_otherwise
from konkyo.rag.generation.drafting import Drafter
from konkyo.rag.generation.llm import LLM, NoLLM
from konkyo.rag.generation.output_format import Draft
from konkyo.rag.generation.prompts import prompts_fingerprint
from konkyo.rag.intents.classifier import IntentClassifier
from konkyo.rag.intents.digest import Digester
from konkyo.rag.intents.respond import Responder
from konkyo.rag.messages import notice_text
from konkyo.rag.options import Options
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.parts import parts_asked
from konkyo.rag.question import AskedQuestion, understand
from konkyo.rag.question_budget import bounded, checked, within
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.encoder_cache import CachedEncoder
from konkyo.rag.retrieval.evidence import Sentences
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.retrieval.query_encoder import QueryEncoder
from konkyo.rag.retrieval.search import Decide, Found, Search, reader_alone
from konkyo.rag.short_answer.chooser import QuoteChooser
from konkyo.rag.short_answer.quotes import Quoted, day_passed
from konkyo.rag.suggestions import AnswerCheck
from konkyo.rag.timings import Timings
from konkyo.rag.types import Answer, Event, Evidence, EvidenceReady, Finished, Outcome
from konkyo.rag.verification.meaning import Supporter
from konkyo.rag.verification.verifier import SUPPORT, Verdict, Verifier, drafted

__all__ = ["Pipeline"]

_EVERYTHING = Filter()
_Searching = Generator[Event, None, tuple[AskedQuestion, Found, tuple[str, ...]]]


class Pipeline:
    """Answers questions over one store. Safe to share by threads; holds no conversation."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        llm: LLM,
        *,
        verifier: Verifier,
        detect: Callable[[str], str],
        sentences: Sentences,
        reader: Reader | None = None,
        supporter: Supporter | None = None,
        decide: Decide | None = None,
        intents: IntentClassifier | None = None,
        across: QueryEncoder | None = None,
        options: Options | None = None,
        models: str = "",
    ) -> None:
        self._renewing = threading.Lock()
        self._answer_check = AnswerCheck()
        self.store = store
        self.encoder = encoder
        self.llm = llm
        self.options = options or Options()
        self._verifier = verifier
        self._detect = detect
        self._sentences = sentences
        self._reader = reader
        self._supporter = supporter
        self._intents = intents
        self._suggests = True
        self._models = models
        self._search = Search(
            Retriever(store, encoder, self.options.fusion, across),
            CachedEncoder(encoder),
            sentences=sentences,
            reader=reader,
            decide=decide or reader_alone(self.options.thresholds),
            limits=self.options.limits,
            thresholds=self.options.thresholds,
        ).answering_from(self.options.answerable)

    @property
    def retriever(self) -> Retriever:
        """What ranks the store's passages."""
        return self._search.retriever

    def over(self, retriever: Retriever) -> Self:
        """The same pipeline with the passages of another retriever."""
        other = self.held()
        other._search = self._search.over(retriever)
        return other

    def over_store(self, store: Store) -> Self:
        """The same pipeline with the articles of another store."""
        other = self.over(self.retriever.over(store))
        other.store = store
        return other

    def styled(self, phrasing: Phrasing | None = None, strictness: float | None = None) -> Self:
        """This pipeline with answers put another way; None: as it is."""
        other, style = self.held(), self.options.style
        style = replace(
            style,
            phrasing=style.phrasing if phrasing is None else phrasing,
            strictness=style.strictness if strictness is None else strictness,
        )
        other.options = replace(self.options, style=style)
        other._search = other._search.answering_from(other.options.answerable)
        return other

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that name store, models, prompt and options.

        A language model that is not asked to phrase changes no answer, and is not named.
        """
        parts = (
            self.store.fingerprint,
            str(self.store.generation),
            self.llm.name if self.options.style.phrases(self.llm.name) else "",
            self._models,
            prompts_fingerprint(),
            repr(self.options),
            repr(TEXT),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def refresh(self) -> bool:
        """Answer from the newest generation of the store from now on; say whether it changed.

        A question under way is answered from the generation it began with.
        """
        with self._renewing:
            store = self.store.renewed()
            if store is self.store:
                return False
            self._search = self._search.over(self.retriever.over(store))
            self.store = store
            return True

    def held(self) -> Self:
        """This pipeline at the generation of now, whatever becomes of the index meanwhile."""
        with self._renewing:
            return copy(self)

    def article(self, article_id: str) -> Article:
        """One whole article. Raises ArticleMissing."""
        return self.store.article(article_id)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        where: Filter = _EVERYTHING,
        top_k: int | None = None,
        language: str | None = None,
        today: date | None = None,
    ) -> Outcome:
        """The outcome alone."""
        events = self.stream(
            question, history=history, where=where, top_k=top_k, language=language, today=today
        )
        return [event.outcome for event in events if isinstance(event, Finished)][-1]

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        where: Filter = _EVERYTHING,
        top_k: int | None = None,
        language: str | None = None,
        today: date | None = None,
    ) -> Iterator[Event]:
        """Events in order: evidence, then each sentence drafted and checked, then the outcome.

        A period the question names ("last week", 昨年12月) narrows the search where ``where``
        names none; if nothing in it answers, all dates are searched and a notice says so.
        ``today`` is for tests; ``history`` makes sense of a follow-up. All of it is of one
        generation of the index.

        Raises QuestionTooLong, and QuestionTimeout when the work takes too long.
        """
        top_k = top_k or self.options.top_k
        today = today or date.today()
        held, where = self.held(), self.options.style.within(where)
        return within(held._events(question, history, where, top_k, language, today))

    def _events(
        self,
        question: str,
        history: Sequence[Turn],
        where: Filter,
        top_k: int,
        language: str | None,
        today: date,
    ) -> Generator[Event, None, None]:
        timings = Timings()
        question = checked(question)
        language = language or self._detect(question)
        asked = understand(question, bounded(history), language, self.options.thresholds)
        building = OutcomeBuilder(asked, self.fingerprint, timings)
        if self._intents is not None:
            responder = self._responder(self._intents)
            other = yield from responder.respond(building, where, today)
            if other is not None:
                yield Finished(other)
                return
        find = partial(self._search.find, where=where, top_k=top_k, today=today, timings=timings)
        sides, whole = sides_asked(asked), None
        asks = [side.asked for side in sides] or parts_asked(asked, self.options.thresholds)
        told = self._parts(asks, find, [side.name for side in sides] or [""] * len(asks))
        if sides:
            told = of_sides(sides, told, self.article)
            if sum(bool(each.quoted.quotes) for each in told) == 1:
                whole = yield from find(asked)
                answers = whole[1].share >= self.options.answerable
                told = [] if answers and compares_both(whole[1], sides) else told
        cited = yield from answer_parts(told, building)
        if cited:
            building.notices += greater(told, asked.language) if sides else ()
            yield Finished(building.answer(cited))
            return
        asked, found, notices = whole or (yield from find(asked))
        building.asked = asked
        building.notices += notices
        if not found.evidence:
            empty = next(iter(self.store.articles(Filter())), None) is None
            yield Finished(building.refuse("empty_index" if empty else "no_evidence", ()))
            return
        otherwise = self._otherwise(asked, found)
        if otherwise is not None:
            yield from answer_otherwise(otherwise, found, building)
            return
        if found.share < self.options.answerable:
            at = self.options.told_at(found.share)
            yield Finished(building.refuse("weak_evidence", found.related, at))
            return
        evidence = yield from self._claims(found, building)
        if building.claims:
            yield Finished(building.answer(evidence))
        else:
            yield Finished(building.refuse("unsupported", found.related))

    def prepare(self) -> None:
        """Do now what the first question would wait for."""
        if self._intents is not None:
            self._intents.prepare()
        self.retriever.prepare()

    def is_answered(self, question: str, article_id: str, where: Filter = _EVERYTHING) -> bool:
        """Whether quotes alone answer a question under a filter, one of them from an article.

        Asked once for each fingerprint, which copies of this pipeline may differ in.
        """
        quoting = self.held()
        quoting.llm = NoLLM()
        quoting._suggests = False

        def ask() -> bool:
            outcome = quoting.ask(question, where=where)
            return isinstance(outcome, Answer) and any(
                c.article_id == article_id for c in outcome.citations
            )

        return self._answer_check.of(quoting.fingerprint, question, article_id, where, ask)

    def _responder(self, intents: IntentClassifier) -> Responder:
        encoder, thresholds = self._search.encoder, self.options.thresholds
        digester = Digester(self.retriever, encoder, self._sentences, thresholds, self._reader)
        return Responder(intents, digester, self if self._suggests else None)

    def check(
        self, draft: Draft, evidence: Sequence[Evidence], question: str, language: str
    ) -> Verdict:
        """Whether quotes support a sentence, whatever was asked."""
        return self._verifier.check(drafted(draft, evidence, question, language), SUPPORT)

    def _claims(
        self, found: Found, building: OutcomeBuilder
    ) -> Generator[Event, None, tuple[Evidence, ...]]:
        """What is said: articles that disagree, else checked sentences, else the best quotes.

        Returns what may be cited.
        """
        options = self.options
        told = self._quoted(found, building.asked, options.quotes_shown)
        evidence = tuple(dict.fromkeys([*found.evidence, *(quote for quote, _ in told.quotes)]))
        if evidence != found.evidence:
            yield EvidenceReady(evidence, building.asked.language)
        yield from building.tell(told.places, told.joined)
        # Of several places a sentence may say one and hide the rest.
        single = not told.notices and len(told.places) < 2
        if single and options.style.phrases(self.llm.name):
            drafter = Drafter(
                self.llm,
                self._verifier,
                options.thresholds,
                options.quotes_read,
                options.max_tokens,
            )
            yield from drafter.draft(found, building, next(iter(told.places), None))
        if not building.claims:
            if building.removed:
                building.notices.append(notice_text("quotes_only", building.asked.language))
            for item, places in told.quotes:
                yield building.quote(item, places, dated=told.dated)
            building.notices += told.notices
        if passed := day_passed(told, found, building.asked):
            building.notices.append(passed)
        building.notices += self._unsure(found, building.asked)
        return evidence

    def _unsure(self, found: Found, asked: AskedQuestion) -> tuple[str, ...]:
        """What must be said of an answer that is given because less strictness was asked for."""
        sure = found.share >= self.options.thresholds.answerable
        return () if sure else (notice_text("unsure", asked.language),)

    def _quoted(self, found: Found, asked: AskedQuestion, most: int) -> Quoted:
        """The quotes that answer."""
        return QuoteChooser(
            self._search, self._sentences, self._reader, self._supporter, self.options.thresholds
        ).choose(found, asked, most)

    def _parts(
        self,
        parts: Sequence[AskedQuestion],
        find: Callable[[AskedQuestion], _Searching],
        labels: Sequence[str],
    ) -> list[Told]:
        """What answers each part, under its label, also in the quotes that answer the others."""
        told = [
            replace(self._part(part, find), label=label)
            for part, label in zip(parts, labels, strict=True)
        ]
        if self._reader is None:
            return told
        return look_again(told, self._reader, self.options.thresholds.another_part)

    def _part(self, part: AskedQuestion, find: Callable[[AskedQuestion], _Searching]) -> Told:
        """What answers one part of a question; no quotes where nothing does."""
        asked, found, notices = returned(find(part))
        if not found.evidence or found.share < self.options.answerable:
            return Told(part, Quoted(()), 0.0)
        notices += self._unsure(found, asked)
        return Told(part, self._quoted(found, asked, 1), found.share, notices)

    def _otherwise(self, asked: AskedQuestion, found: Found) -> Otherwise | None:
        """What the question takes for granted and an article tells otherwise."""
        if self._reader is None:
            return None
        told = told_otherwise(
            asked.standalone,
            asked.language,
            found.hits,
            reader=self._reader,
            sentences=self._sentences,
            thresholds=self.options.thresholds,
        )
        return None if told is None else quoted_as(told, found)
