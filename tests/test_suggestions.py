"""What is offered to a reader is answered."""

from __future__ import annotations

import sys
import time
from html import escape
from pathlib import Path

import pytest

from konkyo.index.records import Article, ArticleSummary, Filter
from konkyo.rag.suggestions import (
    AnswerCheck,
    candidate_questions,
    suggested_questions,
    title_question,
)
from konkyo.rag.types import Refusal
from konkyo.ui.web.background_answers import BackgroundAnswers
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.html.answer import follow_ups
from konkyo.ui.web.html.refusal import refusal_block

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeReader

EVERYTHING, IN_JAPANESE = Filter(), Filter(languages=frozenset({"ja"}))
HARBOUR = Article(
    "a1", "Harbour strike in Rotterdam ends", "It ended on Friday.", "en", "one.md", "2026-02-01"
)
BRIDGE = Article("a2", "「青い橋」が完成、大阪で", "橋は完成した。", "ja", "two.md", "2026-02-02")


def summary(article: Article) -> ArticleSummary:
    return ArticleSummary(
        article.article_id,
        article.title,
        article.source,
        None,
        article.published,
        article.language,
        None,
        1,
    )


class Articles:
    """Says which questions were asked; answers those that hold ``answered``."""

    def __init__(self, answered: str = "") -> None:
        self.asked: list[str] = []
        self.filters: list[Filter] = []
        self._answered = answered

    def article(self, article_id: str) -> Article:
        return {"a1": HARBOUR, "a2": BRIDGE}[article_id]

    def is_answered(self, question: str, article_id: str, where: Filter = EVERYTHING) -> bool:
        self.asked.append(question)
        self.filters.append(where)
        return self._answered in question


def test_asks_about_names_in_the_articles_language_alone() -> None:
    assert candidate_questions(HARBOUR, "en") == (
        "What has been reported about Rotterdam?",
        "What does the article “Harbour strike in Rotterdam ends” say?",
    )
    assert candidate_questions(HARBOUR, "ko") == (
        "‘Harbour strike in Rotterdam ends’ 기사는 어떤 내용인가요?",
    )


def test_quotation_marks_inside_a_title_take_the_other_shape() -> None:
    assert candidate_questions(BRIDGE, "ja")[-1] == (
        "「『青い橋』が完成、大阪で」の記事には何が書かれていますか。"
    )
    assert title_question("“Blue bridge” opens", "en") == (
        "What does the article “‘Blue bridge’ opens” say?"
    )
    assert title_question("“蓝桥”通车", "zh") == "“‘蓝桥’通车”这篇文章讲了什么？"


def test_offers_only_what_is_answered_each_article_before_any_twice() -> None:
    articles = [summary(BRIDGE), summary(HARBOUR)]
    offered = suggested_questions(Articles(), articles, "en", 3)
    assert offered == (
        "What has been reported about Rotterdam?",
        "What does the article “Harbour strike in Rotterdam ends” say?",
        "What does the article “「青い橋」が完成、大阪で” say?",
    )
    assert suggested_questions(Articles("青い橋"), articles, "en", 3) == offered[2:]


def test_articles_in_the_asked_language_come_before_others() -> None:
    articles = [summary(HARBOUR), summary(BRIDGE)]
    offered = suggested_questions(Articles(), articles, "ja", 9)
    assert offered[-1] == "「Harbour strike in Rotterdam ends」の記事には何が書かれていますか。"
    assert all("橋" in question or "大阪" in question for question in offered[:-1])


def test_does_not_offer_what_was_asked() -> None:
    asked = ("what does the article harbour strike in rotterdam ends say",)
    offered = suggested_questions(Articles(), [summary(HARBOUR)], "en", 3, asked=asked)
    assert offered == ("What has been reported about Rotterdam?",)


def test_asks_at_most_three_for_each_one_wanted() -> None:
    pipeline = Articles("nothing")
    assert suggested_questions(pipeline, [summary(HARBOUR), summary(BRIDGE)] * 9, "ja", 1) == ()
    assert len(pipeline.asked) == 3


def test_a_question_is_asked_once_for_each_fingerprint() -> None:
    check = AnswerCheck()
    asked: list[int] = []

    def ask() -> bool:
        asked.append(1)
        return True

    known = [check.of(f, "Who?", "a1", EVERYTHING, ask) for f in ("one", "one", "two")]
    assert known == [True] * 3
    assert len(asked) == 2
    assert check.of("one", "Who?", "a1", IN_JAPANESE, ask)
    assert len(asked) == 3


def test_a_question_is_asked_under_the_readers_filter() -> None:
    pipeline = Articles()
    suggested_questions(pipeline, [summary(HARBOUR)], "en", 3, where=IN_JAPANESE)
    assert set(pipeline.filters) == {IN_JAPANESE}


@pytest.mark.parametrize("answered", [True, False])
def test_a_refusal_offers_only_what_is_answered_under_the_readers_filter(answered: bool) -> None:
    class Filtered(FakeReader):
        """Answers questions about articles under one filter alone, or never."""

        def is_answered(self, question: str, article_id: str, where: Filter = EVERYTHING) -> bool:
            return answered and where == IN_JAPANESE

    service = ChatService(lambda: Filtered(0))
    service.open()
    assert service.wait(60)
    conversation = Conversation()
    BackgroundAnswers(service).submit(conversation, "What is the weather?", "en", IN_JAPANESE)
    deadline = time.monotonic() + 60
    while conversation.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    (turn,) = conversation.turns
    assert isinstance(turn.outcome, Refusal)
    shown = refusal_block(turn, turn.outcome, "en")
    assert bool(turn.follow_ups) is answered
    assert ('data-act="ask"' in shown) is answered
    assert all(escape(question) in shown for question in turn.follow_ups)
    assert follow_ups(turn, "en") == ""
