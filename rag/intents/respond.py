"""What is said to an utterance that is not a question about a fact."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from konkyo.index.records import Filter
from konkyo.rag.intents.classifier import IntentClassifier
from konkyo.rag.intents.coverage import articles_about
from konkyo.rag.intents.digest import Digest, Digester
from konkyo.rag.intents.replies import Collection, collection, reply_text, without_page
from konkyo.rag.messages import notice_text
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.suggestions import AsksArticles, suggested_questions
from konkyo.rag.types import Answer, Event, EvidenceReady, Outcome, Reply

__all__ = ["Responder"]

_NEWEST = 40
_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Responder:
    """Tells what the articles say of a subject, lists them, or replies to small talk.

    ``pipeline`` is asked what can be suggested; None: nothing is.
    """

    intents: IntentClassifier
    digester: Digester
    pipeline: AsksArticles | None

    def respond(
        self, building: OutcomeBuilder, where: Filter, today: date
    ) -> Generator[Event, None, Outcome | None]:
        """The outcome; None where it is to be taken as a question after all."""
        text = without_page(building.asked.text)[0]
        match intent := self.intents.intent_of(text, self.digester.vector(text)):
            case "question":
                return None
            case "definition":
                named = self.digester.define(building.asked, where)
                return None if named is None else (yield from _told(named, building))
            case "summary" | "timeline" | "latest":
                digest = self.digester.tell(building.asked, intent, where, today)
                return None if digest is None else (yield from _told(digest, building))
            case "collection":
                asked = building.asked
                listed = collection(self.digester.store, asked.text, asked.language, where, today)
                return _listed(listed, building)
            case "articles_about":
                retriever, limits = self.digester.retriever, self.digester.limits
                about = articles_about(retriever, building.asked, where, today, limits)
                return _listed(about, building)
            case _:
                language = building.asked.language
                offered = self._suggested(language, where)
                return building.reply(intent, reply_text(intent, language), suggestions=offered)

    def _suggested(self, language: str, where: Filter) -> tuple[str, ...]:
        """Questions that the newest articles of a filter answer, those in a language first."""
        if self.pipeline is None:
            return ()
        newest = islice(self.digester.store.articles(where), _NEWEST)
        articles = sorted(newest, key=lambda article: article.language != language)
        return suggested_questions(self.pipeline, articles, language, _SUGGESTIONS, where=where)


def _listed(told: Collection, building: OutcomeBuilder) -> Reply:
    """A reply with one page of articles; the next page is offered."""
    offered = (told.next_page,) if told.next_page else ()
    return building.reply(
        "collection", told.text, articles=told.articles, total=told.total, suggestions=offered
    )


def _told(digest: Digest, building: OutcomeBuilder) -> Generator[Event, None, Answer]:
    """An answer of the chosen sentences, each with the day of its article."""
    language = building.asked.language
    yield EvidenceReady(digest.evidence, language)
    places = [digest.place] if digest.place is not None else []
    yield from building.tell(places)
    for item in digest.evidence:
        yield building.quote(item, places if item is digest.evidence[0] else (), dated=True)
    building.notices += [notice_text(key, language, **facts) for key, facts in digest.notices]
    if digest.newest is not None:
        building.notices.append(notice_text("as_of", language, day=digest.newest))
    return building.answer(digest.evidence)
