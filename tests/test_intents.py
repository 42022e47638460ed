"""What an utterance wants is learned from examples; a question is never taken for small talk."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from konkyo.eval.formats.clusters import DEV, load_clusters
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.index.builder import build
from konkyo.index.embedding.model_files import home
from konkyo.index.embedding.protocol import Encoder, Vectors
from konkyo.index.records import ArticleSummary, Filter
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.intents.classifier import IntentClassifier
from konkyo.rag.intents.examples import (
    as_example,
    examples,
    examples_fingerprint,
    subject_named,
    subject_of,
)
from konkyo.rag.intents.naming import bare_name, named_at
from konkyo.rag.intents.replies import collection, without_page
from konkyo.rag.options import Options
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.suggestions import title_question
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import Answer, Refusal, Reply, to_json
from konkyo.ui.web.html.reply import reply_block

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 2, 12)
EVERYTHING = Filter()
SMALL_TALK = {"greeting", "thanks", "abilities", "collection"}


@pytest.fixture(scope="module")
def classifier(real_encoder: Encoder) -> IntentClassifier:
    return IntentClassifier(real_encoder, home() / "intents")


@pytest.fixture(scope="module")
def pipeline(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    store = str(tmp_path_factory.mktemp("intents") / "store")
    sources = sorted((ROOT / "seeds").glob("2026-0*.md"))
    build([str(path) for path in sources], store, real_encoder)
    return open_pipeline(store, llm=NoLLM(), encoder=real_encoder)


def intents(classifier: IntentClassifier, encoder: Encoder, texts: Sequence[str]) -> list[str]:
    vectors = encoder.queries(texts)
    return [classifier.intent_of(t, v) for t, v in zip(texts, vectors, strict=True)]


class Lengths:
    """An encoder of one number, so that examples are encoded at once."""

    fingerprint = "lengths"
    dimension = 2

    def queries(self, texts: Sequence[str]) -> Vectors:
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_a_cache_of_vectors_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    IntentClassifier(Lengths(), tmp_path).prepare()
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    for size in (0, 8, len(whole) // 2):
        kept.write_bytes(whole[:size])
        IntentClassifier(Lengths(), tmp_path).prepare()
        assert kept.read_bytes() == whole


def test_each_process_writes_the_cache_into_a_part_of_its_own(tmp_path: Path) -> None:
    IntentClassifier(Lengths(), tmp_path).prepare()
    (kept,) = tmp_path.iterdir()
    kept.unlink()
    # A folder in the place of the file: the part cannot take its name, and stays.
    kept.mkdir()
    IntentClassifier(Lengths(), tmp_path).prepare()
    (part,) = tmp_path.glob("*.part")
    assert f".{os.getpid()}-" in part.name


def test_tells_what_other_utterances_want(
    classifier: IntentClassifier, real_encoder: Encoder
) -> None:
    told = tomllib.loads((Path(__file__).parent / "intents.toml").read_text("utf-8"))
    known = {text for _, _, text in examples()}
    wanted = [(k, text) for k, texts in told.items() for ts in texts.values() for text in ts]
    assert len(wanted) >= 80
    assert not known & {text for _, text in wanted}
    got = intents(classifier, real_encoder, [text for _, text in wanted])
    pairs = list(zip(wanted, got, strict=True))
    assert [(text, g) for (k, text), g in pairs if k == "question" and g in SMALL_TALK] == []
    assert sum(k == g for (k, _), g in pairs) >= 0.85 * len(pairs)


def test_no_question_of_the_news_sets_is_small_talk(
    classifier: IntentClassifier, real_encoder: Encoder
) -> None:
    datasets = ROOT / "eval" / "datasets"
    news = load_clusters(datasets / "news" / "clusters", numbers=DEV).questions
    asked = [q.question for q in (*load_jsonl(datasets / "alliance.jsonl").questions, *news[::12])]
    got = intents(classifier, real_encoder, asked)
    assert [(q, g) for q, g in zip(asked, got, strict=True) if g in SMALL_TALK] == []


def test_the_subject_is_what_fills_the_slot_of_an_example() -> None:
    assert subject_of("Give me a timeline of the Suez closure.", "timeline") == "the Suez closure"
    assert subject_of("スエズ閉鎖についてまとめて", "summary") == "スエズ閉鎖"
    assert subject_of("请总结苏伊士关闭", "summary") == "苏伊士关闭"


def test_a_request_is_told_whatever_its_words_for_please_and_whatever_period_it_names() -> None:
    assert as_example("スエズ閉鎖について簡単に要約してもらえますか") == "summary"
    assert as_example("Could you briefly recap the coverage of the Suez closure?") == "summary"
    assert as_example("수에즈 폐쇄를 날짜순으로 정리해 주세요") == "timeline"
    assert as_example("请按日期顺序梳理一下苏伊士关闭") == "timeline"
    assert as_example("What happened in May 2019?") == "latest"
    assert as_example("2019年5月には何がありましたか") == "latest"
    assert as_example("What happened in the harbour?") is None
    assert as_example("税率を教えてください") is None


def test_the_fingerprint_of_an_answer_covers_the_examples(classifier: IntentClassifier) -> None:
    assert classifier.fingerprint == f"intents:{examples_fingerprint()}"
    assert len(examples_fingerprint()) == 12


class Counting:
    """Random vectors, the same for the same text; counts what it encodes."""

    fingerprint = "counting"
    dimension = 8

    def __init__(self) -> None:
        self.encoded = 0

    def queries(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        rows = [np.random.default_rng(abs(hash(t))).normal(size=8) for t in texts]
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self.queries(texts)


def test_the_examples_are_encoded_once_a_machine_and_a_damaged_file_is_made_anew(
    tmp_path: Path,
) -> None:
    encoder = Counting()
    question = encoder.queries(["When?"])[0]
    for wanted in (True, False):
        before = encoder.encoded
        IntentClassifier(encoder, tmp_path).intent_of("When?", question)
        assert (encoder.encoded > before) is wanted
    ready = IntentClassifier(encoder)
    ready.prepare()
    before = encoder.encoded
    ready.intent_of("When?", question)
    assert encoder.encoded == before
    next(tmp_path.glob("*.npy")).write_bytes(b"\x93NUMPY damaged")
    before = encoder.encoded
    IntentClassifier(encoder, tmp_path).intent_of("When?", question)
    assert encoder.encoded > before


@pytest.mark.parametrize(
    ("utterance", "language"),
    [
        ("Summarise the news about Venezuela", "en"),
        ("ベネズエラ攻撃についてまとめて", "ja"),
        ("总结一下关于修宪的新闻", "zh"),
        ("다카이치에 대해 요약해 줘", "ko"),
    ],
)
def test_a_summary_quotes_and_dates_sentences_newest_first(
    pipeline: Pipeline, utterance: str, language: str
) -> None:
    outcome = pipeline.ask(utterance, today=TODAY)
    assert isinstance(outcome, Answer)
    assert outcome.language == language
    assert 1 < len(outcome.claims) <= 6
    days = [claim.published for claim in outcome.claims]
    assert None not in days
    assert days == sorted(days, key=str, reverse=True)
    for cited in outcome.citations:
        assert pipeline.article(cited.article_id).text[cited.start : cited.end] == cited.quote
    assert "2026-02-10" in outcome.notices[-1]
    assert str(days[0]) in outcome.text


def test_a_timeline_runs_from_the_oldest(pipeline: Pipeline) -> None:
    outcome = pipeline.ask("日米首脳会談の経緯を時系列で教えて", today=TODAY)
    assert isinstance(outcome, Answer)
    days = [str(claim.published) for claim in outcome.claims]
    assert days == sorted(days)
    assert len(set(days)) > 1


def test_the_sentences_of_an_article_named_by_its_title_are_its_own(pipeline: Pipeline) -> None:
    article = next(iter(pipeline.store.articles()))
    outcome = pipeline.ask(f"What does the article “{article.title}” say?", today=TODAY)
    assert isinstance(outcome, Answer)
    assert {c.article_id for c in outcome.citations} == {article.article_id}
    starts = [c.start for c in outcome.citations]
    assert starts == sorted(starts)


def test_a_subject_of_no_article_is_refused(pipeline: Pipeline) -> None:
    assert isinstance(pipeline.ask("Summarise the news about the whale rescue"), Refusal)


def test_what_is_new_tells_different_stories(pipeline: Pipeline) -> None:
    outcome = pipeline.ask("What is new?", today=TODAY)
    assert isinstance(outcome, Answer)
    assert len({c.article_id for c in outcome.citations}) == len(outcome.citations) > 2


def test_a_name_is_told_where_an_article_first_names_it(pipeline: Pipeline) -> None:
    outcome = pipeline.ask("ベッセントとは？", today=TODAY)
    assert isinstance(outcome, Answer)
    assert "財務長官" in outcome.text


def test_small_talk_is_replied_to_with_questions_that_are_answered(pipeline: Pipeline) -> None:
    outcome = pipeline.ask("こんにちは")
    assert isinstance(outcome, Reply)
    assert (outcome.kind, outcome.articles) == ("greeting", ())
    assert len(outcome.suggestions) == 3
    assert all(isinstance(pipeline.ask(q), Answer) for q in outcome.suggestions)
    told = to_json(outcome)
    assert (told["status"], told["citations"], told["claims"]) == ("replied", [], [])


def test_what_a_reply_offers_is_answered_under_the_readers_filter(pipeline: Pipeline) -> None:
    korean = Filter(languages=frozenset({"ko"}))
    outcome = pipeline.ask("안녕하세요", where=korean)
    assert isinstance(outcome, Reply)
    assert outcome.suggestions
    assert all(isinstance(pipeline.ask(q, where=korean), Answer) for q in outcome.suggestions)


def test_thanks_after_an_answer_are_no_follow_up(pipeline: Pipeline) -> None:
    from konkyo.rag.conversation import Turn

    before = Turn("How many Japanese nationals are in Venezuela?", "About 170 [1].")
    outcome = pipeline.ask("Thank you!", history=(before,))
    assert isinstance(outcome, Reply)
    assert outcome.kind == "thanks"


def test_the_collection_is_listed_ten_a_page_within_what_the_question_names(
    pipeline: Pipeline,
) -> None:
    everything = list(pipeline.store.articles())
    first = pipeline.ask("What articles do you have?", today=TODAY)
    assert isinstance(first, Reply)
    assert (len(first.articles), first.total) == (10, len(everything))
    second = pipeline.ask(first.suggestions[0], today=TODAY)
    assert isinstance(second, Reply)
    assert second.articles == tuple(everything[10:20])
    english = pipeline.ask("有英文文章吗？", today=TODAY)
    assert isinstance(english, Reply)
    assert {a.language for a in english.articles} == {"en"}
    outlet = pipeline.ask("暁新聞の記事を一覧にして", today=TODAY)
    assert isinstance(outlet, Reply)
    assert {a.outlet for a in outlet.articles} == {"暁新聞"}
    dated = pipeline.ask("2026年2月の記事を見せて", today=TODAY)
    assert isinstance(dated, Reply)
    assert {str(a.published)[:7] for a in dated.articles} == {"2026-02"}


@pytest.mark.parametrize(
    "asked",
    [
        "Which articles are about Venezuela?",
        "Do you have any stories about Venezuela?",
        "How many reports on Venezuela are there?",
        "ベネズエラに関する記事はどれですか",
        "ベネズエラを扱った記事を全部出して",
        "베네수엘라를 다룬 기사가 있나요?",
        "베네수엘라 관련 기사 좀 찾아 줄래요?",
        "有哪些文章提到了委内瑞拉？",
        "有没有和委内瑞拉有关的报道？",
    ],
)
def test_articles_about_a_subject_are_listed_in_every_language(
    pipeline: Pipeline, asked: str
) -> None:
    about = {"Venezuela", "ベネズエラ", "베네수엘라", "委内瑞拉"}
    outcome = pipeline.ask(asked, today=TODAY)
    assert isinstance(outcome, Reply)
    assert outcome.kind == "collection"
    assert {a.language for a in outcome.articles} == {"en", "ja", "ko", "zh"}
    assert outcome.total == len(outcome.articles)
    days = [str(article.published) for article in outcome.articles]
    assert days == sorted(days, reverse=True)
    for article in outcome.articles:
        assert any(name in pipeline.article(article.article_id).text for name in about)


def test_articles_about_a_subject_are_narrowed_and_listed_by_pages(pipeline: Pipeline) -> None:
    english = pipeline.ask("List English articles about Trump", today=TODAY)
    assert isinstance(english, Reply)
    assert {a.language for a in english.articles} == {"en"}
    assert "“Trump”" in english.text
    dated = pipeline.ask("Articles about Trump from February 2026", today=TODAY)
    assert isinstance(dated, Reply)
    assert {str(a.published)[:7] for a in dated.articles} == {"2026-02"}
    first = pipeline.ask("Which articles are about Trump?", today=TODAY)
    assert isinstance(first, Reply)
    assert first.total > len(first.articles) == 10
    second = pipeline.ask(first.suggestions[0], today=TODAY)
    assert isinstance(second, Reply)
    assert second.total == first.total
    assert not {a.article_id for a in first.articles} & {a.article_id for a in second.articles}


def test_no_article_about_a_subject_is_said_so(pipeline: Pipeline) -> None:
    outcome = pipeline.ask("サッカーに関する記事はありますか", today=TODAY)
    assert isinstance(outcome, Reply)
    assert (outcome.articles, outcome.total) == ((), 0)
    assert outcome.text == "「サッカー」に関する記事は見つかりませんでした。"


def test_what_articles_say_of_a_subject_is_told_and_not_listed(pipeline: Pipeline) -> None:
    for asked in (
        "What do the articles say about Venezuela?",
        "What does the article about Venezuela say?",
        "ベネズエラに関する記事には何が書かれていますか",
    ):
        assert isinstance(pipeline.ask(asked, today=TODAY), Answer)


@pytest.mark.parametrize(
    ("asked", "subject"),
    [
        ("Any articles on rare earths do you have?", "rare earths"),
        ("台湾についての英語の記事", "台湾"),
        ("ニュースで憲法に触れているもの", "憲法"),
        ("헌법을 다룬 한국어 기사", "헌법"),
        ("有关芯片的报道", "芯片"),
        ("没有关于芯片的文章", "芯片"),
        ("Show me the Korean articles", None),
    ],
)
def test_a_subject_is_told_by_the_words_around_it(asked: str, subject: str | None) -> None:
    assert subject_named(asked) == subject


@dataclass(frozen=True)
class Articles:
    """A store of articles that are only listed."""

    listed: tuple[ArticleSummary, ...]

    def articles(self, where: Filter = EVERYTHING) -> list[ArticleSummary]:
        return [
            a
            for a in self.listed
            if (not where.outlets or a.outlet in where.outlets)
            and (not where.languages or a.language in where.languages)
        ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("List the articles about maps of Japan", {"AP", "NHK", "朝日新聞"}),
        ("List the articles of AP", {"AP"}),
        ("NHKの記事を一覧にして", {"NHK"}),
        ("朝日新聞の記事を一覧にして", {"朝日新聞"}),
        ("Englishの記事を一覧にして", {"AP"}),
        ("Articles for englishmen", {"AP", "NHK", "朝日新聞"}),
    ],
)
def test_a_name_narrows_beside_any_script_and_not_inside_a_word(
    asked: str, found: set[str]
) -> None:
    listed = [
        ArticleSummary(outlet, "A title", "a.md", None, None, language, outlet, 1)
        for outlet, language in (("AP", "en"), ("NHK", "ja"), ("朝日新聞", "ja"))
    ]
    told = collection(Articles(tuple(listed)), asked, "en", EVERYTHING, TODAY)
    assert {a.outlet for a in told.articles} == found


@pytest.mark.parametrize(
    "asked",
    ["What is there? (page 3)", "何がある？（3ページ）", "뭐 있어? (3페이지)", "有什么？（第3页）"],
)
def test_a_page_is_read_and_left_out(asked: str) -> None:
    bare, page = without_page(asked)
    assert page == 3
    assert bare in asked
    assert "3" not in bare


def test_the_page_escapes_titles_and_suggestions() -> None:
    article = ArticleSummary("a1", "<b>Bold</b>", "one.md", None, None, "en", None, 1)
    reply = Reply("q", "en", "collection", "<i>1</i>", {}, "f", (article,), 1, ("<u>?</u>",))
    shown = reply_block(reply, "en")
    assert not any(tag in shown for tag in ("<b>", "<i>", "<u>"))
    assert 'data-act="open"' in shown
    assert 'data-act="ask"' in shown


def test_days_of_a_collection_are_written_as_the_language_of_the_reply_does() -> None:
    reply = Reply("q", "ja", "collection", "2026-02-09から2026-02-10まで。", {}, "f")
    assert '<time datetime="2026-02-09">2026年2月9日</time>から' in reply_block(reply, "en")


def test_what_a_refusal_offers_is_answered_from_that_article(pipeline: Pipeline) -> None:
    for article in list(pipeline.store.articles())[::7]:
        for language in ("en", "ja", "ko", "zh"):
            outcome = pipeline.ask(title_question(article.title, language), today=TODAY)
            assert isinstance(outcome, Answer)
            assert {c.article_id for c in outcome.citations} == {article.article_id}


def test_a_month_is_when_articles_were_published_or_what_they_tell_of(pipeline: Pipeline) -> None:
    published = pipeline.ask("What happened in January 2026?", today=TODAY)
    assert isinstance(published, Answer)
    assert {c.published[:7] for c in published.citations if c.published} == {"2026-01"}
    told = pipeline.ask("2025年11月には何がありましたか", today=TODAY)
    assert isinstance(told, Answer)
    assert all("11月" in c.quote for c in told.citations)
    listed = pipeline.ask("What articles do you have from January 2026?", today=TODAY)
    assert isinstance(listed, Reply)
    assert {(a.published or "")[:7] for a in listed.articles} == {"2026-01"}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("高市早苗って誰？", "高市早苗首相"),
        ("Who is Sanae Takaichi?", "Japanese Prime Minister Sanae Takaichi"),
        ("다카이치 사나에는 누구인가요?", "다카이치 사나에 총리"),
        ("高市早苗是谁？", "日本首相高市早苗"),
    ],
)
def test_who_someone_is_stands_beside_the_name(
    pipeline: Pipeline, question: str, said: str
) -> None:
    outcome = pipeline.ask(question, today=TODAY)
    assert isinstance(outcome, Answer)
    assert said in outcome.citations[0].quote
    if outcome.short is not None:
        assert outcome.short.text in said


@pytest.mark.parametrize(
    ("utterance", "language"),
    [
        ("Summarise the news about Venezuela", "en"),
        ("베네수엘라 공격에 대해 요약해 줘", "ko"),
        ("总结一下关于委内瑞拉的新闻", "zh"),
    ],
)
def test_a_subject_of_foreign_articles_alone_is_told_in_frames_of_the_askers_language(
    pipeline: Pipeline, utterance: str, language: str
) -> None:
    only = Filter(languages=frozenset({"ja"}))
    outcome = pipeline.ask(utterance, where=only, today=TODAY)
    assert isinstance(outcome, Answer)
    assert outcome.language == language
    assert {c.language for c in outcome.citations} == {"ja"}
    assert all(claim.frame and claim.language == "ja" for claim in outcome.claims)
    assert any("ベネズエラ" in c.quote for c in outcome.citations)


@pytest.mark.parametrize(
    "utterance",
    ["Summarise the news about Tesla", "테슬라에 대해 요약해 줘", "总结一下关于比特币的新闻"],
)
def test_a_subject_that_no_foreign_article_names_is_refused(
    pipeline: Pipeline, utterance: str
) -> None:
    only = Filter(languages=frozenset({"ja"}))
    assert isinstance(pipeline.ask(utterance, where=only, today=TODAY), Refusal)


def test_headings_are_no_sentences_of_a_summary(real_encoder: Encoder, tmp_path: Path) -> None:
    parts = (
        "【オーク・ダムの工事】",
        "オーク・ダムの工事は三月に始まった。",
        "【オーク・ダムの費用】",
        "オーク・ダムの費用は八億円だ。",
    )
    source = tmp_path / "dam.md"
    source.write_text("\n\n".join(["# オーク・ダムの工事が始まる", *parts]), "utf-8")
    build([str(source)], str(tmp_path / "store"), real_encoder)
    over = open_pipeline(str(tmp_path / "store"), llm=NoLLM(), encoder=real_encoder)
    outcome = over.ask("オーク・ダムについてまとめて", today=TODAY)
    assert isinstance(outcome, Answer)
    assert {c.quote for c in outcome.citations} <= {parts[1], parts[3]}


@pytest.mark.parametrize(
    ("text", "subject", "language", "found"),
    [
        ("国家防衛戦略(NDS)を公表した。", "NDS", "ja", "NDS"),
        ("The FUNDS were frozen.", "NDS", "en", None),
        (
            "原子力空母ジョージ・ワシントンを視察した。",
            "George Washington",
            "ja",
            "ジョージ・ワシントン",
        ),
        ("Washington says so.", "George Washington", "en", None),
        ("経済は伸びた。", "経済", "ja", None),
        ("日本政府は連絡室を置いた。", "일본 정부가 난처해진 까닭", "ja", None),
        ("Prime Minister Takaichi won.", "다카이치 총리의 지지율이 내려간 이유", "en", None),
    ],
)
def test_a_subject_is_named_where_a_sentence_has_its_name(
    text: str, subject: str, language: str, found: str | None
) -> None:
    place = named_at(text, subject, language)
    assert (None if place is None else text[place[0] : place[1]]) == found


def test_an_article_before_a_name_is_no_part_of_it() -> None:
    assert bare_name("the George Washington") == "George Washington"
    assert bare_name("the bridge") == "the bridge"
    assert bare_name("高市早苗") == "高市早苗"


def test_what_something_is_was_neither_planned_nor_done(
    real_encoder: Encoder, tmp_path: Path
) -> None:
    source = tmp_path / "ship.md"
    text = "The crew will visit the research vessel Blue Heron on Friday. Rain is expected."
    source.write_text(f"# A visit to the harbour\n\n{text}", "utf-8")
    build([str(source)], str(tmp_path / "store"), real_encoder)
    over = open_pipeline(str(tmp_path / "store"), llm=NoLLM(), encoder=real_encoder)
    outcome = over.ask("What is the Blue Heron?", today=TODAY)
    assert isinstance(outcome, Answer)
    assert "research vessel Blue Heron" in outcome.text
    assert outcome.short is None or not outcome.short.planned


@pytest.mark.parametrize(
    ("utterance", "named"),
    [
        ("What happened this week about the investment in the United States?", "invest"),
        ("今週、対米投資について何がありましたか", "投資"),
        ("이번 주 한국에 관해 무슨 일이 있었나요?", "한국|韓国|韩国|Korea"),
        ("这周防卫有什么进展？", "防卫"),
    ],
)
def test_what_happened_this_week_is_told_by_dated_sentences_of_that_week(
    pipeline: Pipeline, utterance: str, named: str
) -> None:
    outcome = pipeline.ask(utterance, today=date(2026, 2, 10))
    assert isinstance(outcome, Answer)
    days = [claim.published for claim in outcome.claims]
    assert all(day is not None and "2026-02-09" <= day <= "2026-02-15" for day in days)
    assert {c.published for c in outcome.citations} == set(days)
    # A quote in another language is dated by the sentence before it.
    assert all(claim.frame or str(claim.published) in outcome.text for claim in outcome.claims)
    assert any(re.search(named, claim.text) for claim in outcome.claims)
    assert any("2026-02-09–2026-02-15" in notice for notice in outcome.notices)


LONG_SENTENCES = {
    "en": [
        f"{town} has been told by the county that {what}, " + "as officials said again " * 10 + "."
        for town, what in (
            ("Arden", "its bridge will be closed"),
            ("Bexley", "a school is to be built"),
            ("Corby", "two wells have run dry"),
            ("Dalton", "the market may open late"),
            ("Elmstead", "its museum lost a painting"),
            ("Fenwick", "the ferry carries no cars"),
        )
    ],
    "ja": [
        f"{town}では{what}と県が発表し、" + "担当者が改めて説明したうえで" * 8 + "住民に伝えた。"
        for town, what in (
            ("白川町", "橋の通行を止める"),
            ("青木市", "小学校を建て直す"),
            ("黒田村", "井戸が二つ枯れた"),
            ("赤坂町", "市場の開始が遅れる"),
            ("緑川市", "美術館の絵が失われた"),
            ("金沢村", "渡し船に車を載せない"),
        )
    ],
}


@pytest.mark.parametrize(
    ("language", "title", "asked"),
    [
        ("en", "What the county told six towns", "What does the article “{title}” say?"),
        ("ja", "県が六つの市町村に伝えたこと", "「{title}」の記事には何が書かれていますか。"),
    ],
)
def test_a_summary_fits_a_screen_and_a_half_with_at_least_three_sentences(
    real_encoder: Encoder, tmp_path: Path, language: str, title: str, asked: str
) -> None:
    source = tmp_path / "county.md"
    told = LONG_SENTENCES[language]
    source.write_text("\n\n".join([f"# {title}", *told]), "utf-8")
    build([str(source)], str(tmp_path / "store"), real_encoder)
    over = open_pipeline(str(tmp_path / "store"), llm=NoLLM(), encoder=real_encoder)
    outcome = over.ask(asked.format(title=title), today=TODAY)
    assert isinstance(outcome, Answer)
    assert len(outcome.claims) == 3
    wide = Options(thresholds=Thresholds(digest_letters=9000))
    over = open_pipeline(str(tmp_path / "store"), llm=NoLLM(), encoder=real_encoder, options=wide)
    outcome = over.ask(asked.format(title=title), today=TODAY)
    assert isinstance(outcome, Answer)
    assert len(outcome.claims) == 5


@pytest.mark.parametrize(
    ("question", "is_told"),
    [("What is the NDS?", False), ("NDSとは？", True)],
)
def test_a_definition_in_words_of_another_language_is_its_quote_alone(
    real_encoder: Encoder, tmp_path: Path, question: str, is_told: bool
) -> None:
    source = tmp_path / "nds.md"
    text = "国家防衛戦略(NDS)を公表した。"
    source.write_text(f"# 防衛の文書\n\n{text}", "utf-8")
    build([str(source)], str(tmp_path / "store"), real_encoder)
    over = open_pipeline(str(tmp_path / "store"), llm=NoLLM(), encoder=real_encoder)
    outcome = over.ask(question, today=TODAY)
    assert isinstance(outcome, Answer)
    assert text in outcome.text
    assert (outcome.short is not None) is is_told
