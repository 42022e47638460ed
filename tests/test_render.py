"""What the chat writes is escaped, marks exactly what was quoted, and speaks four languages."""

import re
import sys
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.index.errors import ModelMissing
from konkyo.index.records import Article, ArticlePage, Filter
from konkyo.index.text.word_data import WordDataError, parse_words
from konkyo.index.watching import WatchedSource
from konkyo.rag.generation.llm import LLM, NoLLM
from konkyo.rag.generation.translate import Translation
from konkyo.rag.messages import NoticeKey, notice_text, removed_text
from konkyo.rag.types import (
    Answer,
    Claim,
    ClaimDrafted,
    ClaimRemoved,
    EvidenceReady,
    Finished,
    Refusal,
    Removed,
    Short,
    Stretch,
)
from konkyo.ui.server.evaluation_jobs import EvaluationRun
from konkyo.ui.server.index_jobs import Job
from konkyo.ui.server.watcher import WatchState
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.export import as_markdown, plain_answer
from konkyo.ui.web.html.admin_evaluation import evaluation_page
from konkyo.ui.web.html.answer import emphasized, short_line
from konkyo.ui.web.html.article import article_page, notice_page
from konkyo.ui.web.html.checked import checked_line
from konkyo.ui.web.html.conversation import conversation
from konkyo.ui.web.html.elements import safe_url, turn_notes
from konkyo.ui.web.html.feedback import THUMB_ICON
from konkyo.ui.web.html.filters import filters
from konkyo.ui.web.html.header import file_download, status
from konkyo.ui.web.html.library import ArticleListing, article_list
from konkyo.ui.web.html.library_job import job_part
from konkyo.ui.web.html.library_watch import watch_part
from konkyo.ui.web.html.library_work import sources_part
from konkyo.ui.web.html.overview import overview
from konkyo.ui.web.html.whole_dates import whole_dates
from konkyo.ui.web.i18n import (
    LANGUAGES,
    PHRASES,
    Language,
    Message,
    Phrases,
    negotiate,
    require_same_keys,
    say,
)
from konkyo.ui.web.turns import (
    IndexSummary,
    Mark,
    QuoteTranslation,
    Turn,
    advance,
    foreign_quotes,
    quotes_of,
)
from konkyo.ui.web.views import conversation_view, status_view

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import (
    ENGLISH,
    HOSTILE,
    JAPANESE,
    LONG,
    PAYLOADS,
    SMALL_MODEL,
    FakeReader,
    Interpreter,
    answer,
    evidence,
    summary,
)

TAGS = {
    "a",
    "article",
    "blockquote",
    "bdi",
    "button",
    "details",
    "div",
    "h2",
    "h3",
    "li",
    "mark",
    "p",
    "section",
    "span",
    "strong",
    "summary",
    "time",
    "ul",
    "br",
    "input",
    "label",
    "ol",
    "option",
    "progress",
    "q",
    "select",
    "table",
    "td",
    "textarea",
    "th",
    "tr",
}
ATTRIBUTES = {
    "aria-busy",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "aria-live",
    "aria-pressed",
    "class",
    "datetime",
    "dir",
    "href",
    "id",
    "lang",
    "rel",
    "role",
    "tabindex",
    "target",
    "disabled",
    "type",
    "hidden",
    "max",
    "maxlength",
    "min",
    "multiple",
    "rows",
    "scope",
    "selected",
    "spellcheck",
    "title",
    "value",
    "webkitdirectory",
}
TAGS |= {"b", "fieldset", "form", "legend", "nav", "tbody", "td", "thead", "h2"}
ATTRIBUTES |= {"action", "checked", "open", "method", "name", "required", "step"}
OURS = re.compile(r"library(\?[A-Za-z0-9_.~%&=+*-]*)?\Z|article\?id=[0-9a-f]{16}\Z")
VOID = {"br", "input"}
TEXTS = {
    "ja": "日米は9日、合意した。対象は約300社。次は未定だ。",
    "zh": "双方达成一致。期限为三年半。其余未定。",
    "ko": "양국은 합의했다. 기간은 3년 반이다. 나머지는 미정이다.",
    "th": "ทั้งสองฝ่ายตกลงกัน ระยะเวลาสามปีครึ่ง ส่วนที่เหลือยังไม่กำหนด",
    "ar": "اتفق الجانبان يوم الاثنين. المدة ثلاث سنوات ونصف. والباقي لم يُحدَّد.",
    "he": "הצדדים הסכימו. התקופה היא שלוש שנים וחצי. השאר טרם נקבע.",
    "en": "They agreed. It lasts three and a half years. The rest is open.",
    "vi": "Ho\u0302\u0301 hai be\u0302n đo\u0300ng y\u0301. Ba na\u0306m ru\u031bo\u031bi.",
    "emoji": "一家👨‍👩‍👧‍👦は𠮷野家で合意🇯🇵した。以上。",
}


class Parsed(HTMLParser):
    """Tags, attributes, and text by the class of the element it stands in."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.marks: list[tuple[dict[str, str | None], str]] = []
        self._open: list[str] = []
        # The one drawing is ours, whole and constant; any other would be hostile.
        self.feed(html.replace(THUMB_ICON, ""))
        self.close()
        assert self._open == [], "unbalanced elements"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "mark":
            self.marks.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "mark" in self._open:
            attrs, so_far = self.marks[-1]
            self.marks[-1] = (attrs, so_far + data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def words(self) -> str:
        return "".join(self.text)


def assert_harmless(html: str) -> Parsed:
    parsed = Parsed(html)
    for tag, attributes in parsed.tags:
        assert tag in TAGS
        for name, value in attributes.items():
            assert name in ATTRIBUTES or name.startswith("data-"), name
            if name == "href":
                assert value is not None
                if value == "konkyo/report/ticket" or OURS.match(value):
                    continue
                assert value.startswith(("http://", "https://"))
                assert attributes["rel"] == "noopener noreferrer nofollow"
    return parsed


def turn_of(question: str) -> Turn:
    turn = Turn(1, question)
    for event in FakeReader(0).stream(question):
        turn = advance(turn, event)
    return turn


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_no_hostile_text_becomes_markup(number: int) -> None:
    payload, article = PAYLOADS[number], HOSTILE[number]
    turn = Turn(1, payload)
    pages = [conversation((turn,), "en", (payload,))]
    for event in FakeReader(0).stream(f"payload {number} {number}"):
        turn = advance(turn, event)
        pages.append(conversation((turn,), "en"))
    pages.append(conversation((replace(turn, state="failed", error=payload),), "ja"))
    told = Message("stale", {"date": payload})
    failed = replace(turn, state="failed", failure=told, messages=(told,))
    pages.append(conversation((failed,), "ja"))
    pages.append(conversation((), "en", (payload,)))
    foreign = replace(turn, language="ja", state="done")
    for place in foreign_quotes(foreign):
        made = Translation(payload, payload, payload, payload, doubtful=True)
        for what in (
            QuoteTranslation(*place, translation=made),
            QuoteTranslation(*place, problem=Message("stale", {"date": payload})),
        ):
            translated = replace(foreign, translations=(what,))
            pages.append(conversation((translated,), "en", translates=True))
    pages.append(article_page(article, [m for _, m in quotes_of(turn)], "ko"))
    pages.append(overview(IndexSummary(1, (summary(article),)), "zh"))
    pages.append(notice_page(payload, "en"))
    pages.append(status("failed", payload))
    pages.append(file_download(payload, payload))
    pages.append(file_download("", "", payload))
    index_summary = IndexSummary(1, (), (payload,), (payload,))
    chosen = Filter(payload, payload, frozenset({payload}), frozenset({payload}))
    pages.append(filters(index_summary, chosen, "ja"))
    failure = {"source": payload, "reason": payload}
    finding = {"what": payload, "ok": False, "detail": payload, "advice": payload}
    report = {"added": payload, "changed": 1, "removed": 1, "unchanged": 1, "failures": [failure]}
    for state in ("running", "done", "failed", "stopped"):
        job = Job(1, "add", (payload,), state, "read", 1, 2, payload, report, (finding,))
        run = EvaluationRun(payload, state, 1, 2, payload, None, {"Handled": (0.5, 2)})
        pages.append(evaluation_page([payload], run, "zh", ticket="ticket", problem=payload))
        pages.append(job_part(job, {payload: 1}, "ko", problem=payload))
    pages.append(sources_part([payload], "ko"))
    listing = ArticleListing(payload, where=chosen, page=2)
    marked = replace(summary(article), status="corrected", correction=payload, source=payload)
    listed = ArticlePage((marked,), 200)
    counted = replace(index_summary, count=1)
    pages.append(article_list(listing, listed, counted, "ja", editor=True))
    watched = WatchedSource(payload, "2026-02-09T12:00:00+00:00", "", payload)
    pages.append(watch_part([WatchState(watched, None)], 6, "zh", problem=payload))
    for page in pages:
        assert_harmless(page)
    assert payload.replace("\x00", "") in assert_harmless(pages[0]).words.replace("\x00", "")


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_out_as_the_same_text(text: str) -> None:
    said = assert_harmless(notice_page(text, "en")).words
    assert text.replace("\r", "") in said.replace("\r", "") or "\r" in text


@pytest.mark.parametrize("language", TEXTS)
def test_a_mark_holds_exactly_the_quoted_span(language: str) -> None:
    text = TEXTS[language]
    for start in range(0, len(text), 3):
        for end in range(start + 1, len(text) + 1, 4):
            article = Article("a1", "T", text, "ja", "a.md")
            page = Parsed(article_page(article, [Mark(start, end, 1, primary=True)], "en"))
            assert "".join(words for _, words in page.marks) == text[start:end]
            assert text in page.words
            assert [a.get("id") for a, _ in page.marks].count("k-here") == 1


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_overlapping_marks_across_paragraphs_cover_their_union(data: st.DataObject) -> None:
    text = JAPANESE.text
    spans = data.draw(
        st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=5)
    )
    marks = [Mark(min(s), max(s), n, primary=n == 1) for n, s in enumerate(spans, 1)]
    page = assert_harmless(article_page(JAPANESE, marks, "ja"))
    covered = {i for m in marks for i in range(m.start, m.end) if text[i] != "\n"}
    expected = "".join(text[i] for i in sorted(covered))
    assert "".join(words for _, words in page.marks) == expected
    assert page.words.replace("\n", "").count(text.replace("\n", "")) == 1


def test_a_mark_that_does_not_fit_is_told_and_not_drawn() -> None:
    page = Parsed(article_page(ENGLISH, [Mark(0, 10_000, 1, primary=True)], "en"))
    assert page.marks == []
    assert say("en", "quote_moved") in page.words


def test_an_article_shows_where_it_is_from() -> None:
    html = article_page(JAPANESE, [], "ja")
    page = assert_harmless(html)
    link = next(attrs for tag, attrs in page.tags if tag == "a")
    assert link["href"] == "https://example.org/ja/investment?a=1&b=2"
    assert link["target"] == "_blank"
    for word in (JAPANESE.title, "合同通信", "2026年2月9日", "example.org", "読者のコメント1件"):
        assert word in page.words


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "//example.org/x",
        "/local",
        "https:example.org",
        "https:///x",
        "https://example.org\\@evil.org/",
        "https://user:pw@example.org/",
        "https://[::1",
        "https://example.org/a b",
        "https://example.org/\u2028",
        "ｈttps://example.org",
    ],
)
def test_an_address_nobody_should_be_sent_to_is_no_link(url: str | None) -> None:
    assert safe_url(url) is None


@pytest.mark.parametrize(
    "url", ["http://example.org", "HTTPS://Example.org/日本?q=1#x", " https://[::1]:8080/x "]
)
def test_an_ordinary_address_is_a_link(url: str) -> None:
    assert safe_url(url) == url.strip()


def test_a_drafted_sentence_is_not_shown_before_it_is_checked() -> None:
    turn = advance(Turn(1, "q"), ClaimDrafted("SECRET"))
    html = conversation((turn,), "en")
    assert "SECRET" not in html
    assert say("en", "checking") in html
    turn = advance(turn, ClaimRemoved(Removed("SECRET", "number", "7")))
    assert "SECRET" not in conversation((turn,), "en")


def test_a_search_that_is_stopped_shows_only_passages_that_may_answer() -> None:
    near = (evidence(1, LONG, "Dock workers returned to work"),)
    for likely in (False, True):
        turn = advance(Turn(1, "q"), EvidenceReady(near, "en", likely=likely))
        html = conversation((replace(turn, state="stopped"),), "en")
        assert ("Dock workers" in html) is likely


def test_an_answer_shows_claims_citations_and_what_was_removed() -> None:
    html = conversation((turn_of("How much?"),), "en")
    page = assert_harmless(html)
    cites = [a for tag, a in page.tags if tag == "button" and a.get("class") == "k-cite"]
    assert [a["data-n"] for a in cites] == ["1", "2", "3"]
    assert cites[0]["aria-label"] == f"[1] {JAPANESE.title}, 合同通信, 9 Feb 2026"
    assert "About 500 companies take part. (the figure is not in the source: 500)" in page.words
    assert "checked · 2 sources · 3.2 s" in page.words
    assert "<s>" not in html
    page = assert_harmless(conversation((turn_of("How much?"),), "ja"))
    assert "About 500 companies take part.（数字が出典にない：500）" in page.words


def test_the_words_that_are_not_in_the_sources_are_marked_and_named() -> None:
    text = "The fund <b>wants</b> & demands a new chief on Mars."
    at = [
        Stretch(text.index(one), text.index(one) + len(one))
        for one in ("<b>wants</b> &", "on Mars")
    ]
    turn = turn_of("How much?")
    removed = (Removed(text, "meaning", "", tuple(at)), Removed("It rains.", "meaning"))
    html = conversation((replace(turn, removed=removed),), "en")
    page = assert_harmless(html)
    assert page.marks == [
        ({"class": "k-unsupported"}, "<b>wants</b> &"),
        ({"class": "k-unsupported"}, "on Mars"),
    ]
    why = removed_text("meaning", "en")
    assert f"{text} ({why}; not in the sources: <b>wants</b> & · on Mars)" in page.words
    assert f"It rains. ({why})" in page.words
    for language in LANGUAGES:
        page = assert_harmless(conversation((replace(turn, removed=removed),), language))
        assert page.words.count("on Mars") == 2


@pytest.mark.parametrize("how", ["Nothing <b>was</b> agreed.", None])
def test_a_quote_that_answers_says_that_its_article_was_retracted(how: str | None) -> None:
    item = evidence(1, ENGLISH, ENGLISH.text.split("\n")[1])
    shown = (replace(item, article=replace(item.article, status="retracted", correction=how)),)
    outcome = answer("Where does it go?", (Claim(item.text, (1,), 1.0),), shown)
    turn = Turn(1, outcome.question, "done", shown, "en", claims=outcome.claims, outcome=outcome)
    plain = replace(turn, evidence=(item,))
    for language in LANGUAGES:
        html = conversation((turn,), language)
        assert_harmless(html)
        _, _, block = html.partition('<div class="k-quoted">')
        block, _, _ = block.partition("</div>")
        said = f' <span dir="auto">{escape(how)}</span>' if how else ""
        note = f'<b lang="{language}">{say(language, "retracted")}</b>{said}</span>'
        assert block.endswith(f'</p><span class="k-status-note">{note}')
        assert "k-status-note" not in conversation((plain,), language)


class Spoken(HTMLParser):
    """The texts of a page, each with the language that the elements around it name."""

    def __init__(self, html: str, language: str) -> None:
        super().__init__()
        self.said: dict[str, str] = {}
        self._within = [language]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "input"):
            self._within.append(dict(attrs).get("lang") or self._within[-1])

    def handle_endtag(self, tag: str) -> None:
        self._within.pop()

    def handle_data(self, data: str) -> None:
        self.said[data.strip()] = self._within[-1]


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_the_words_of_the_page_are_marked_as_its_language_beside_an_answer_in_another(
    language: Language,
) -> None:
    asked, quoted = turn_of("How much?"), turn_of("quoted How much?")
    asked = replace(asked, outcome=None)
    for turn, keys in (
        (replace(asked, state="stopped"), ("stopped", "stopped_more")),
        (replace(asked, state="interrupted"), ("interrupted",)),
        (replace(asked, state="writing"), ("writing", "interrupted")),
        (replace(asked, state="failed", error_detail="no"), ("error", "error_detail")),
        (turn_of("weather?"), ("refused", "refusal_tip", "related")),
        (quoted, ("quotes_alone", "translate")),
    ):
        said = Spoken(conversation((turn,), language, translates=True), language).said
        assert {key: said.get(say(language, key)) for key in keys} == dict.fromkeys(keys, language)
    assert Spoken(conversation((quoted,), language), language).said["$550 billion"] == "en"


def test_a_chat_that_cannot_start_says_so_and_tells_editors_the_message() -> None:
    def fails() -> FakeReader:
        raise ModelMissing("<no model>; konkyo models pull")

    chat_service = ChatService(fails)
    chat_service.open()
    assert chat_service.wait(60)
    for editor in (False, True):
        page = assert_harmless(conversation_view(chat_service, (), "ja", editor=editor))
        assert say("ja", "error_not_ready") in page.words
        assert ("<no model>; konkyo models pull" in page.words) == editor
    assert "no model" not in status_view(chat_service, "ja")
    for editor in (False, True):
        *_, turn = chat_service.ask(Conversation(), "いつ？", details=editor)
        assert turn.state == "failed"
        for language in LANGUAGES:
            said = escape(say(language, "error_not_ready"))
            assert said in conversation((turn,), language)
        assert ("konkyo models pull" in turn.error_detail) == editor


@pytest.mark.parametrize(("days", "warned"), [(0, False), (1, True), (100_000, False)])
def test_old_articles_are_warned_of_where_that_is_set(days: int, warned: bool) -> None:
    chat_service = ChatService(lambda: FakeReader(0), stale_after=days)
    chat_service.open()
    assert chat_service.wait(60)
    *_, turn = chat_service.ask(Conversation(), "How much?")
    assert turn.newest == "2026-02-11"
    chat_service.failing_sources = lambda: 2
    *_, later = chat_service.ask(Conversation(), "How much?")
    assert len(turn.messages) == warned
    # In the language that the page has when they are shown, whichever it had when it was asked.
    for language, day in (("ja", "2026年2月11日"), ("en", "11 Feb 2026")):
        html = conversation((later,), language)
        assert say(language, "as_of", date=day) in html
        assert (say(language, "stale", date=day) in html) == warned
        assert say(language, "sources_failing", count=2) in html


@pytest.mark.parametrize(
    ("llm", "model"),
    [(NoLLM(), ""), *((Interpreter(name=n), n) for n in ("interpreter", SMALL_MODEL))],
)
def test_the_model_that_phrased_is_named_and_quotes_alone_name_none(llm: LLM, model: str) -> None:
    """Also the default model, which the settings may ask to phrase."""
    chat_service = ChatService(lambda: FakeReader(0, llm=llm))
    chat_service.open()
    assert chat_service.wait(60)
    *_, phrased = chat_service.ask(Conversation(), "How much?")
    *_, quoted = chat_service.ask(Conversation(), "quoted How much?")
    assert phrased.model == model
    for language in LANGUAGES:
        by = escape(say(language, "phrased_by", model=model))
        alone = say(language, "quotes_alone")
        said = checked_line(phrased, language)
        assert (by in said, alone in said) == (bool(model), False)
        said = checked_line(quoted, language)
        assert alone in said
        assert said == checked_line(replace(quoted, model=""), language)


def test_what_was_kept_as_text_and_what_is_of_another_version_is_shown_or_passed_over() -> None:
    newer = (Message("of a newer version"), Message("stale", {"day": 1}))
    turn = replace(turn_of("How much?"), notes=("Kept <before>.",), messages=newer)
    html = conversation((turn,), "ja")
    assert '<p class="k-note" dir="auto">Kept &lt;before&gt;.</p>' in html
    assert html.count('<p class="k-note" dir="auto">') == 1
    failed = replace(turn, state="failed", failure=newer[0], outcome=None)
    assert say("ja", "error_internal") in conversation((failed,), "ja")
    older = replace(failed, failure=None, error="Away.")
    assert "Away." in conversation((older,), "ja")


def test_notices_are_in_the_language_of_the_page_where_their_facts_can_be_read() -> None:
    asked = turn_of("weather")
    assert isinstance(asked.outcome, Refusal)
    keys: tuple[tuple[NoticeKey, dict[str, str]], ...] = (
        ("searched_for", {"words": "<weather> (today)"}),
        ("part_missing", {"part": "Will it rain?"}),
        ("filter_opened", {}),
        ("premise", {"asked": "800", "told": "550"}),
    )
    for written in LANGUAGES:
        told = tuple(notice_text(key, written, **facts) for key, facts in keys)
        outcome = replace(asked.outcome, language=written, notices=told)
        turn = replace(asked, language=written, outcome=outcome)
        for language in LANGUAGES:
            html = conversation((turn,), language)
            for key, facts in keys:
                said = escape(notice_text(key, language, **facts))
                assert f'<p class="k-note" lang="{language}" dir="auto">{said}</p>' in html


def test_a_notice_of_a_correction_keeps_the_articles_words_and_others_their_language() -> None:
    turn = turn_of("How much?")
    assert isinstance(turn.outcome, Answer)
    corrected = notice_text("source_corrected", "en", number="1") + " Nine, not ten."
    apart = notice_text("conflict", "en", told="9 (Wire, 2026-02-09); 10 (Post, 2026-02-10)")
    outcome = replace(turn.outcome, notices=(corrected, apart))
    html = conversation((replace(turn, language="en", outcome=outcome),), "ja")
    said = notice_text("source_corrected", "ja", number="1")
    assert f'<p class="k-note" lang="ja" dir="auto">{said} Nine, not ten.</p>' in html
    assert '<p class="k-note" lang="en" dir="auto">The articles disagree: 9 (Wire, ' in html


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("首脳会談を3月19日に開く。", "ja", "3月19日"),
        ("首脳会談は2026年2月10日", "ja", "2026年2月10日"),
        ("정상회담은 3월 19일에 열린다.", "ko", "3월 19일"),
        ("两国首脑将于3月19日会谈。", "zh", "3月19日"),
        ("They meet on March 19 in Washington.", "en", "March 19"),
        ("Ils se rencontrent le 19 mars 2026.", "fr", "19 mars 2026"),
    ],
)
def test_no_line_breaks_within_a_date_of_a_text(text: str, language: str, day: str) -> None:
    whole = f'<span class="k-whole">{day}</span>'
    written = replace(JAPANESE, title="T", text=f"{text}\n{text}", language=language)
    at = text.index(day)
    for marks in ([], [Mark(0, len(text), 1, primary=True)], [Mark(at, at + len(day), 1)]):
        html = article_page(written, marks, "en")
        assert html.count(whole) == 2
        assert assert_harmless(html).words.count(text) == 2
    shown = evidence(1, written, text)
    asked = Turn(1, "When?", "writing", (shown,), language)
    cards = conversation((asked,), "en")
    assert whole in cards
    quoted = replace(asked, claims=(Claim(text, (1,), 0.9),))
    html = conversation((quoted,), "en")
    assert whole in html
    assert re.search(rf"{re.escape(text)}\s*\[1\]", re.sub(r"<[^>]*>", "", html))


def test_a_date_at_the_end_of_a_quote_is_kept_with_its_number() -> None:
    turn = turn_of("How much?")
    claim = replace(turn.claims[0], text="会談は3月19日。", citations=(1,))
    short = Short("3月19日", "ja", exact=True)
    told = replace(turn, claims=(claim,), short=short, outcome=None, state="writing", language="ja")
    html = conversation((told,), "en")
    assert '会談は<span class="k-kept"><span class="k-whole">3月19日</span>。<button' in html
    assert '<span class="k-whole">3月19日</span></p>' in short_line(replace(told, claims=()))
    assert emphasized("会談は3月19日。", ("3月19日",), "ja") == (
        '会談は<strong><span class="k-whole">3月19日</span></strong>。'
    )


def test_a_text_without_dates_of_figures_and_a_number_alone_stay_as_they_are() -> None:
    for text in ("In May 550 came, <b> yesterday, 2026.", "9\n月", ""):
        assert whole_dates(text, "en") == escape(text)


def test_marks_inside_a_claim_become_buttons_where_they_stand_and_others_stay_text() -> None:
    turn = turn_of("How much?")
    assert turn.claims
    claim = replace(turn.claims[0], text="Half ［1］ was spent [9].", citations=(1,))
    html = conversation((replace(turn, claims=(claim,)),), "en")
    page = assert_harmless(html)
    assert "Half[1] was spent [9]." in page.words
    assert html.count('class="k-cite"') == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("정부는 새로운 계획을 발표했다고 밝혔습니다.", "밝혔습니다.[1]"),
        ("日本の対米投資は5500億ドル。", "ル。[1]"),
        ("It cost 52 million.", "million.[1]"),
        ("word", "word[1]"),
        ("…", "…[1]"),
    ],
)
def test_a_number_is_kept_in_one_line_with_the_word_before_it(text: str, kept: str) -> None:
    turn = turn_of("How much?")
    claim = replace(turn.claims[0], text=text, citations=(1,))
    html = conversation((replace(turn, claims=(claim,), outcome=None, state="writing"),), "en")
    found = re.search(r'<span class="k-kept">(.*?)</span>', html)
    assert found is not None
    assert re.sub(r"<[^>]*>", "", found[1]) == kept
    assert_harmless(html)


def test_dates_are_written_as_the_readers_language_writes_them() -> None:
    turn = turn_of("How much?")
    assert isinstance(turn.outcome, Answer)
    claim = replace(turn.claims[0], published="2026-02-09", frame="")
    told = ("Searched articles from 2025-10-01–2025-10-31.", "No date: 12025-10-01, 2025-10-01b.")
    outcome = replace(turn.outcome, notices=told)
    html = conversation((replace(turn, claims=(claim,), language="en", outcome=outcome),), "ja")
    assert '<time class="k-day" datetime="2026-02-09">2026年2月9日</time>' in html
    first, last = (
        f'<time datetime="2025-10-{iso}">2025年10月{day}日</time>'
        for iso, day in (("01", 1), ("31", 31))
    )
    assert f"期間{first}–{last}の記事から探しました。" in html
    assert told[1] in html


def test_a_refusal_has_no_citation_and_offers_what_is_near() -> None:
    turn = turn_of("weather")
    assert isinstance(turn.outcome, Refusal)
    html = conversation((turn,), "en")
    page = assert_harmless(html)
    assert "k-cite" not in html
    assert "k-card" not in html
    assert say("en", "refused") in page.words
    assert say("en", "related") in page.words
    assert ENGLISH.title in page.words
    assert 'data-kind="refused"' in html


def test_an_answer_that_numbers_other_quotes_than_the_evidence_shows_its_own() -> None:
    turn = turn_of("How much?")
    assert turn.outcome is not None
    renumbered = tuple(replace(c, id=c.id + 10) for c in turn.outcome.citations)
    turn = advance(turn, Finished(replace(turn.outcome, citations=renumbered)))
    assert [mark.number for _, mark in quotes_of(turn)] == [11, 12, 13]


def test_a_copied_answer_carries_its_sources() -> None:
    text = plain_answer(turn_of("How much?"), "en")
    assert "[1]" in text
    assert JAPANESE.title in text
    assert "https://example.org/en/investment" in text


def test_a_saved_quote_in_another_language_keeps_its_frame_and_a_dated_one_its_day() -> None:
    turn = turn_of("Is it quoted?")
    assert isinstance(turn.outcome, Answer)
    (claim,) = turn.outcome.claims
    frame = claim.frame.replace("$", r"\$")
    assert f"\n{frame} 「{claim.text}」[^1-2]\n" in as_markdown((turn,), "en")
    told = replace(claim, frame="", language="", published="2026-02-09")
    turn = replace(turn, outcome=replace(turn.outcome, claims=(told,)))
    assert f"\n2026-02-09: {claim.text}[^1-2]\n" in as_markdown((turn,), "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_beside_an_answer_is_copied_and_saved_in_the_language(
    language: Language,
) -> None:
    told = (Message("stale", {"date": "2026-02-10"}), Message("sources_failing", {"count": 2}))
    turn = replace(turn_of("How much?"), messages=told, notes=("[1] changed",))
    notes = turn_notes(turn, language)
    assert len(notes) == 3
    copied, saved = plain_answer(turn, language), as_markdown((turn,), language)
    for note in notes:
        assert f"\n{note}\n" in copied
    assert saved.count("\n> ") == 3


def test_notices_are_copied_and_saved_with_the_answer() -> None:
    turn, told = turn_of("How much?"), "The articles disagree: 550; 500."
    for outcome in (turn.outcome, turn_of("weather").outcome):
        assert outcome is not None
        noticed = replace(turn, outcome=replace(outcome, notices=(told,)))
        copied = plain_answer(noticed, "en")
        assert f"\n\n{told}" in copied
        assert f"\n> {told}\n" in as_markdown((noticed,), "en")
        if isinstance(outcome, Answer):
            assert copied.index(told) < copied.index("[1] “")
        else:
            assert copied == f"{outcome.text}\n\n{told}"


def test_what_is_said_of_quotes_stands_before_them_and_what_is_said_of_a_model_after() -> None:
    turn = turn_of("Is it 800 billion?")
    assert isinstance(turn.outcome, Answer)
    told = "The question says “800”; the article says “550”."
    for usage, first in (({}, True), ({"completion_tokens": 9}, False)):
        html = conversation(
            (replace(turn, outcome=replace(turn.outcome, notices=(told,), usage=usage)),), "en"
        )
        assert (html.index(told) < html.index("k-claim")) is first


def test_an_empty_index_leads_to_where_articles_are_added() -> None:
    refusal = Refusal("q", "en", "empty_index", "", (), (), {}, "", ())
    asked = Turn(1, "q", "done", outcome=refusal)
    for page in (
        conversation((), "en", ("never asked",), empty=True),
        conversation((asked,), "en"),
        overview(IndexSummary(0), "en"),
    ):
        assert page.count('href="library"') == 1
        assert "never asked" not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_exists_and_takes_the_same_facts(language: str) -> None:
    import string

    def facts(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, english in PHRASES["en"].items():
        other = PHRASES[language][key]  # type: ignore[index]
        assert other.strip() == other != ""
        assert facts(other) == facts(english), key
        assert not set("<>&") & set(other), key


def test_pages_in_japanese_korean_and_chinese_have_no_english_left() -> None:
    for language in ("ja", "ko", "zh"):
        turn = turn_of("いくら？")
        stopped = replace(turn, state="stopped", outcome=None)
        html = conversation((turn, stopped, replace(stopped, state="failed")), language)
        html += overview(IndexSummary(3), language) + overview(None, language)
        words = Parsed(html).words
        for text in (*(c.text for c in turn.claims), "About 500 companies take part.", "500"):
            words = words.replace(text, "")
        for item in turn.evidence:
            for text in (item.text, item.article.title, item.article.outlet or ""):
                words = words.replace(text, "")
        left = {w for w in words.replace("konkyo", "").split() if w.isascii() and w.isalpha()}
        assert left <= {"s"}, language


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, None, "en"),
        (None, "", "en"),
        (None, "ja", "ja"),
        (None, "zh-Hant-TW,zh;q=0.9", "zh"),
        (None, "fr,de;q=0.9", "en"),
        (None, "fr, ko;q=0.5, ja;q=0.7", "ja"),
        (None, "ja;q=0, en;q=0.1", "en"),
        (None, "ja;q=x", "en"),
        ("ko", "ja", "ko"),
        ("xx", "ja", "ja"),
    ],
)
def test_the_language_is_the_readers_choice_or_the_browsers(
    cookie: str | None, header: str | None, language: str
) -> None:
    assert negotiate(cookie, header) == language


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 1", "x.toml: name: "),
        ('name = "x"\n[phrases]\nask = " "\n[index_checks]\n', "x.toml: phrases.ask: "),
        ('name = "x"\n[phrases]\n[index_checks]\n[more]\n', "x.toml: more: "),
        ("name = ", "x.toml: not valid TOML"),
    ],
)
def test_a_file_of_phrases_with_another_form_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(WordDataError, match=problem):
        parse_words(Phrases, text, "x.toml")


@pytest.mark.parametrize(
    ("phrases", "problem"),
    [
        ({}, "data/ja.toml: phrases: stop: missing"),
        ({"stop": "停止", "ask": "質問"}, "data/ja.toml: phrases: ask: not in data/en.toml"),
        ({"stop": "停止 {count}"}, "data/ja.toml: phrases: stop: other facts"),
    ],
)
def test_a_language_with_other_phrases_is_an_error(phrases: dict[str, str], problem: str) -> None:
    english = Phrases("English", {"stop": "Stop"}, {})
    with pytest.raises(WordDataError, match=problem):
        require_same_keys({"en": english, "ja": Phrases("日本語", phrases, {})})
