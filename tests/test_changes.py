"""Where what articles tell changed, the newest is the answer and the earlier is told as earlier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import ArticleSummary
from konkyo.rag.disagreement.changes import newest_and_earlier, replaced
from konkyo.rag.disagreement.conflicts import Version
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.planned import asks_for_plan, drops_plan, is_planned, time_asked_of
from konkyo.rag.reading.answerability import Asked
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.short_answer.quotes import disputed
from konkyo.rag.short_answer.short import short_answer
from konkyo.rag.types import Answer, Evidence

TOLD = {
    "en": (
        "How many people did the flood in Arden kill?",
        "The flood in Arden killed three people, officials said.",
        "three people",
        "The flood in Arden has killed seven people, the county said.",
        "seven people",
    ),
    "ja": (
        "白川町の洪水で何人が亡くなりましたか。",
        "白川町の洪水による死者は3人に上ったと町が発表した。",
        "3人",
        "白川町の洪水の死者は7人に増えたと県が明らかにした。",
        "7人",
    ),
    "ko": (
        "가람군 홍수로 몇 명이 숨졌나요?",
        "가람군 홍수로 3명이 숨졌다고 군청이 밝혔다.",
        "3명",
        "가람군 홍수 사망자는 7명으로 늘었다고 도청이 밝혔다.",
        "7명",
    ),
    "zh": (
        "青田县洪水造成多少人死亡？",
        "县政府说，青田县洪水造成3人死亡。",
        "3人",
        "省政府说，青田县洪水死亡人数升至7人。",
        "7人",
    ),
}


def told(
    day: str, text: str, place: str, language: str, outlet: str = "", share: float = 0.9
) -> tuple[Evidence, Span]:
    name = f"{day} {outlet} {language}"
    article = ArticleSummary(name, "題", "a.md", None, day, language, outlet or "Post", 1)
    at = text.index(place)
    quote = Evidence(1, article, 0, len(text), text, 0.9)
    return quote, Span(place, share, name, language, at, at + len(place))


def version(
    day: str,
    text: str,
    place: str,
    language: str,
    kind: Asked | None = "number",
    outlet: str = "",
    share: float = 0.9,
) -> Version:
    quote, span = told(day, text, place, language, outlet, share)
    return Version(quote, span, kind, (quote,))


def texts(versions: Sequence[Version]) -> list[str]:
    return [v.text for v in versions]


@pytest.mark.parametrize("language", list(TOLD))
def test_a_figure_of_a_later_day_is_the_answer_and_the_other_is_told_as_earlier(
    language: str,
) -> None:
    question, before, few, now, many = TOLD[language]
    old = version("2026-02-01", before, few, language)
    new = version("2026-02-03", now, many, language)
    newest, earlier = newest_and_earlier(question, language, [old, new])
    assert (texts(newest), texts(earlier)) == ([many], [few])
    shown = disputed(newest, earlier, language)
    assert [p.text for p in shown.places] == [many]
    assert [q.article.published for q, _ in shown.quotes] == ["2026-02-03", "2026-02-01"]
    assert shown.dated
    (notice,) = shown.notices
    later, sooner = notice.index("2026-02-03"), notice.index("2026-02-01")
    assert notice.rindex(many, 0, later) < later < notice.rindex(few, 0, sooner) < sooner


@pytest.mark.parametrize("language", list(TOLD))
def test_figures_of_one_day_are_a_disagreement(language: str) -> None:
    question, before, few, now, many = TOLD[language]
    pair = [
        version("2026-02-01", before, few, language, outlet="A"),
        version("2026-02-01", now, many, language, outlet="B"),
    ]
    assert newest_and_earlier(question, language, pair) == (tuple(pair), ())
    assert disputed(pair, (), language).joined == "or"


def test_a_figure_without_a_counter_counts_what_the_other_counts() -> None:
    text, place = "About 170 Japanese are staying in Venezuela.", "About 170"
    pair = [
        version("2026-01-04", "现场约有160名日本人。", "160名", "zh"),
        version("2026-01-04", text, place, "en", outlet="Times"),
    ]
    shown = disputed(pair, (), "zh")
    places = [place for _, found in shown.quotes for place in found]
    told = short_answer(places, "zh", shown.joined)
    assert told is not None
    assert "约170人" in told.text
    assert "约170人（Times" in shown.notices[0]


def test_an_answer_that_is_given_before_and_after_another_did_not_change() -> None:
    question, before, few, now, many = TOLD["en"]
    first, _ = told("2026-02-01", before, few, "en")
    again, place = told("2026-02-05", before, few, "en")
    old = Version(again, place, "number", (first, again))
    pair = [old, version("2026-02-03", now, many, "en")]
    assert newest_and_earlier(question, "en", pair)[1] == ()


def test_newest_answers_that_disagree_stand_before_the_earlier_one() -> None:
    question, before, few, now, many = TOLD["en"]
    eight = now.replace("seven", "eight")
    versions = [
        version("2026-02-01", before, few, "en"),
        version("2026-02-03", now, many, "en", outlet="A"),
        version("2026-02-03", eight, "eight people", "en", outlet="B"),
    ]
    newest, earlier = newest_and_earlier(question, "en", versions)
    assert (texts(newest), texts(earlier)) == ([many, "eight people"], [few])
    assert len(disputed(newest, earlier, "en").notices) == 2


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("How many people did the flood in Arden kill by 1 February?", 0.9),
        (TOLD["en"][0], 0.0),
    ],
)
def test_a_question_about_a_day_and_a_place_that_was_not_read_change_nothing(
    question: str, share: float
) -> None:
    _, before, few, now, many = TOLD["en"]
    pair = [
        version("2026-02-01", before, few, "en"),
        version("2026-02-03", now, many, "en", share=share),
    ]
    assert newest_and_earlier(question, "en", pair)[1] == ()


@pytest.mark.parametrize(
    ("before", "now", "places", "language", "changed"),
    [
        (
            "The bridge will open on April 12.",
            "It will open on June 20.",
            ("April 12", "June 20"),
            "en",
            True,
        ),
        ("They spoke on January 24.", "They spoke on January 25.", ("24", "25"), "en", False),
        (
            "橋は4月12日に開通する予定だ。",
            "橋は6月20日に開通する予定だ。",
            ("4月12日", "6月20日"),
            "ja",
            True,
        ),
        ("1月24日に話した。", "1月25日に話した。", ("1月24日", "1月25日"), "ja", False),
        (
            "다리는 4월 12일에 개통한다.",
            "다리는 6월 20일에 개통한다.",
            ("4월 12일", "6월 20일"),
            "ko",
            True,
        ),
        ("大桥将于4月12日通车。", "大桥将于6月20日通车。", ("4月12日", "6月20日"), "zh", True),
    ],
)
def test_only_a_day_that_had_not_come_can_be_put_off(
    before: str, now: str, places: tuple[str, str], language: str, changed: bool
) -> None:
    old = version("2026-02-10", before, places[0], language, "date")
    new = version("2026-04-02", now, places[1], language, "date")
    newest, earlier = newest_and_earlier("?", language, [old, new])
    assert bool(earlier) == changed
    assert new in newest


@pytest.mark.parametrize(
    ("text", "place", "language", "planned"),
    [
        ("The bridge is set to open on May 3.", "May 3", "en", True),
        ("The two will meet on March 19.", "March 19", "en", True),
        ("The bridge opened on May 3.", "May 3", "en", False),
        ("Kim, who will visit in May, was born in 1960.", "1960", "en", False),
        ("She left a will worth $3 million.", "$3 million", "en", False),
        ("会談を3月19日に開くと予告した。", "3月19日", "ja", True),
        ("同社は20億円を投じる方針を固めた。", "20億円", "ja", True),
        ("橋は5月3日に開通したが、もう一本は来年開く予定だ。", "5月3日", "ja", False),
        ("会社は3月に計画を取りやめた。", "3月", "ja", False),
        ("새 다리는 5월 3일 개통할 예정이다.", "5월 3일", "ko", True),
        ("다리는 5월 3일 개통했고, 터널은 내년에 개통할 예정이다.", "5월 3일", "ko", False),
        ("新桥将于5月3日通车。", "5月3日", "zh", True),
        ("新桥5月3日通车，隧道预计明年通车。", "5月3日", "zh", False),
        ("สะพานจะเปิดวันที่ 3 พฤษภาคม", "3 พฤษภาคม", "th", False),
    ],
)
def test_a_plan_is_told_from_what_was_done_by_the_clause_of_the_place(
    text: str, place: str, language: str, planned: bool
) -> None:
    at = text.index(place)
    assert is_planned(text, language, at, at + len(place)) == planned


def test_a_question_for_a_plan_is_told_by_its_words() -> None:
    assert asks_for_plan("What did Northwind plan to do?", "en")
    assert not asks_for_plan("What did Northwind do?", "en")
    assert asks_for_plan("当初の予定はいつでしたか。", "ja")


@pytest.mark.parametrize(
    ("language", "to_come", "past", "either"),
    [
        ("en", "When will the two meet?", "When did the two meet?", "When is the summit?"),
        ("en", "When does it open?", "When has it opened?", "When did he say it would open?"),
        ("ja", "橋はいつ開通しますか。", "橋はいつ開通しましたか。", "会談はいつですか。"),
        (
            "ja",
            "次の会談はいつ開かれるのか",
            "橋が開いたのはいつですか。",
            "いつ開かれていますか。",
        ),
        ("ko", "다리는 언제 열리나요?", "다리는 언제 열렸나요?", "회담은 언제인가요?"),
        ("ko", "다음 회담은 언제인가요?", "언제 만났나요?", "개통일은 언제로 발표됐나요?"),
        ("zh", "大桥将何时通车？", "大桥何时通车了？", "大桥何时通车？"),
    ],
)
def test_the_time_a_question_asks_of_is_told_by_its_tense(
    language: str, to_come: str, past: str, either: str
) -> None:
    assert time_asked_of(to_come, language) == "to come"
    assert time_asked_of(past, language) == "past"
    assert time_asked_of(either, language) is None


def test_a_claim_that_leaves_out_that_its_quotes_tell_a_plan_drops_it() -> None:
    plan, deed = ("橋は5月3日に開通する予定だ。", "ja"), ("The bridge opened on May 3.", "en")
    assert drops_plan("The bridge opened on May 3.", "en", [plan])
    assert not drops_plan("The bridge will open on May 3.", "en", [plan])
    assert not drops_plan("The bridge opened on May 3.", "en", [plan, deed])
    assert not drops_plan("สะพานเปิดวันที่ 3 พฤษภาคม", "th", [plan])


CLOSED = {
    "en": (
        "When did Northwind close its Arden plant?",
        ("Northwind plans to close its Arden plant in May, it told staff.", "May"),
        ("Northwind closed its Arden plant on Wednesday after 40 years.", "Wednesday"),
    ),
    "ja": (
        "北風工業は白川工場をいつ閉鎖しましたか。",
        ("北風工業は、白川工場を5月に閉鎖する計画だと従業員に伝えた。", "5月"),
        ("北風工業は20日、白川工場を閉鎖した。", "20日"),
    ),
    "ko": (
        "북풍산업은 가람공장을 언제 폐쇄했나요?",
        ("북풍산업은 가람공장을 5월에 폐쇄할 계획이라고 알렸다.", "5월"),
        ("북풍산업이 20일 가람공장을 폐쇄했다.", "20일"),
    ),
    "zh": (
        "北风公司何时关闭青田工厂？",
        ("北风公司通知员工，计划5月关闭青田工厂。", "5月"),
        ("北风公司20日关闭了青田工厂。", "20日"),
    ),
}


@pytest.mark.parametrize("language", list(CLOSED))
def test_what_was_done_takes_the_place_of_the_plan(checker: LearnedReader, language: str) -> None:
    question, (before, planned), (now, done) = CLOSED[language]
    plan = told("2026-02-01", before, planned, language)
    deed = told("2026-05-20", now, done, language, share=0.7)
    spans, quotes = [plan[1], deed[1]], [plan[0], deed[0]]
    found = replaced(question, language, spans, quotes, checker)
    newest, earlier = newest_and_earlier(question, language, found)
    assert (texts(newest), texts(earlier)) == ([done], [planned])


def test_a_plan_that_is_asked_for_and_a_newer_plan_stay(checker: LearnedReader) -> None:
    question, (before, planned), (now, done) = CLOSED["en"]
    plan = told("2026-02-01", before, planned, "en")
    deed = told("2026-05-20", now, done, "en")
    asked = "When does Northwind plan to close its Arden plant?"
    assert replaced(asked, "en", [plan[1], deed[1]], [plan[0], deed[0]], checker) == ()
    older = told("2026-01-20", now, done, "en")
    assert replaced(question, "en", [plan[1], older[1]], [plan[0], older[0]], checker) == ()


def test_another_holder_of_an_office_takes_the_place_of_the_one_before(
    checker: LearnedReader,
) -> None:
    before = told("2025-04-10", "新しい白川町長は佐藤恵理氏だ。", "佐藤恵理氏", "ja")
    now = told("2026-04-12", "新しい白川町長は田中健司氏になる。", "田中健司氏", "ja")
    spans, quotes = [before[1], now[1]], [before[0], now[0]]
    asked = "白川町長は誰ですか。"
    found = newest_and_earlier(asked, "ja", replaced(asked, "ja", spans, quotes, checker))
    assert [texts(part) for part in found] == [["田中健司氏"], ["佐藤恵理氏"]]
    # The same day, or no name asked for: nothing changed.
    same = told("2025-04-10", "新しい白川町長は田中健司氏だ。", "田中健司氏", "ja", "B")
    assert replaced(asked, "ja", [before[1], same[1]], [before[0], same[0]], checker) == ()
    assert replaced("何がありましたか。", "ja", spans, quotes, checker) == ()


def test_articles_of_two_days_are_answered_by_the_newer_one(
    tmp_path: Path, real_encoder: Encoder
) -> None:
    for language, (_, before, _few, now, _many) in TOLD.items():
        for day, text in (("2026-02-01", before), ("2026-02-03", now)):
            head = f'---\ntitle: "{text[:12]}"\npublished: "{day}"\nlanguage: {language}\n'
            body = f"{head}outlet: Post {language}\n---\n\n{text}\n"
            (tmp_path / f"{day}-{language}.md").write_text(body, encoding="utf-8")
    store = str(tmp_path / "store")
    build([str(path) for path in sorted(tmp_path.glob("*.md"))], store, real_encoder)
    pipeline = open_pipeline(store, llm=NoLLM(), encoder=real_encoder)
    for language, (question, before, _few, now, many) in TOLD.items():
        outcome = pipeline.ask(question, today=date(2026, 2, 12))
        assert isinstance(outcome, Answer), language
        assert outcome.short is not None
        assert outcome.short.text == many
        assert [(c.published, c.text) for c in outcome.claims] == [
            ("2026-02-03", now),
            ("2026-02-01", before),
        ]
        assert len(outcome.notices) == 1


@pytest.mark.parametrize(
    ("language", "short"),
    [("en", "3 people or 7 people"), ("ja", "死者は3人または死者は7人")],
)
def test_of_words_in_another_language_only_the_figures_that_differ_are_told(
    language: str, short: str
) -> None:
    pair = [
        version("2026-02-01", "洪水による死者は3人に上った。", "死者は3人", "ja", outlet="A"),
        version("2026-02-01", "洪水の死者は7人に増えた。", "死者は7人", "ja", outlet="B"),
    ]
    shown = disputed(pair, (), language)
    told = short_answer(shown.places, language, shown.joined)
    assert told is not None
    assert told.text == short


def test_a_day_in_another_language_that_cannot_be_told_is_no_short_answer() -> None:
    late = version("2026-02-03", "橋は昨日やっと開いたという。", "やっと開いたという", "ja", None)
    early = version("2026-02-01", "橋は3月に開く。", "3月", "ja", None)
    shown = disputed([late], [early], "en")
    assert shown.places == ()
    assert [quote.article.published for quote, _ in shown.quotes] == ["2026-02-03", "2026-02-01"]


@pytest.mark.parametrize(
    ("question", "told", "notices"),
    [
        (
            "高市首相はいつトランプ大統領と会談しますか。",
            "28日午前",
            ("この日は、見つかった最も新しい記事（2026-02-10）より前です。",),
        ),
        ("高市首相はいつトランプ大統領と会談しましたか。", "28日午前", ()),
        ("When will Takaichi meet Trump?", "March 19", ()),
    ],
)
def test_where_a_time_to_come_is_asked_for_a_day_that_has_passed_is_said_to_be_one(
    seed_pipeline: Pipeline, question: str, told: str, notices: tuple[str, ...]
) -> None:
    outcome = seed_pipeline.ask(question, today=date(2026, 2, 10))
    assert isinstance(outcome, Answer)
    assert outcome.short is not None
    assert (outcome.short.text, outcome.notices) == (told, notices)
