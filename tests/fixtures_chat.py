"""A reader without models for the tests of the chat; run as a program it serves the page.

    python tests/fixtures_chat.py

prints its address. What a question contains chooses what happens: ``weather`` is refused,
``unsure`` unless less strictness is asked for, ``quoted`` is answered by a quote alone,
``retracted`` from a retracted article, ``slow`` takes seconds, ``endless`` minutes, ``line`` stands
in line before a model that takes seconds, ``damaged`` fails, ``crash`` fails in a way nobody
foresaw, ``payload N M`` puts the N-th to M-th hostile strings into everything a pipeline can hand
out, otherwise an answer. With FAKE_PIPELINE set the pipeline is a real one over one article; a
model at the address in FAKE_LLM writes its sentences.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, get_args

from konkyo.index.errors import ArticleMissing, LLMUnreachable, StoreUnreachable
from konkyo.index.records import (
    Article,
    ArticlePage,
    ArticleQuery,
    ArticleSummary,
    Filter,
    Hit,
    Passage,
    article_id_for,
)
from konkyo.index.settings import WatchSettings
from konkyo.index.watching import WatchedSource
from konkyo.rag.answer_style import Phrasing
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.generation.http_llm import openai_compatible_llm
from konkyo.rag.generation.llm import LLM, NoLLM, Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.messages import notice_text
from konkyo.rag.types import (
    Answer,
    Citation,
    Claim,
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    Evidence,
    EvidenceReady,
    Finished,
    Refusal,
    Removed,
    Short,
    ShortReady,
    Stretch,
)
from konkyo.ui.server.evaluation_jobs import EvaluationJobs, EvaluationRun
from konkyo.ui.server.llm_queue import LLMQueue
from konkyo.ui.server.watcher import Watcher, WatchState

EVERYTHING = Filter()

# Each would set window.pwned, ask for /pwned or leave this machine if it ever ran.
PAYLOADS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<img src=/pwned>",
    '"><img src=x onerror=window.pwned=1>',
    "'><img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>",
    "<body onload=window.pwned=1>",
    "<iframe src=javascript:parent.pwned=1></iframe>",
    '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
    "<object data=javascript:window.pwned=1></object>",
    "<embed src=/pwned>",
    "<link rel=stylesheet href=http://example.org/pwned.css>",
    "<style>@import 'http://example.org/pwned.css';</style>",
    "<style>body{background:url(/pwned)}</style>",
    "<base href=http://example.org/>",
    "<meta http-equiv=refresh content='0;url=http://example.org/'>",
    "<form action=http://example.org/><button autofocus onfocus=window.pwned=1>x</button></form>",
    "<input autofocus onfocus=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>x</details>",
    "<video><source onerror=window.pwned=1></video>",
    "<audio src=/pwned onerror=window.pwned=1>",
    "<marquee onstart=window.pwned=1>x</marquee>",
    "<math><mtext></form><form><mglyph><svg><mtext><style><path id=</style><img "
    "onerror=window.pwned=1 src>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
    "<textarea></textarea><img src=x onerror=window.pwned=1>",
    "<template><img src=x onerror=window.pwned=1></template>",
    "<a href=javascript:window.pwned=1 autofocus>x</a>",
    "javascript:window.pwned=1//",
    "JaVaScRiPt:window.pwned=1//",
    "java\tscript:window.pwned=1//",
    "data:text/html,<script>parent.pwned=1</script>",
    'https://example.org/"onmouseover=window.pwned=1 x="',
    "https://example.org/'onmouseover=window.pwned=1 x='",
    "x' onmouseover='window.pwned=1",
    'x" onmouseover="window.pwned=1',
    "x` onmouseover=`window.pwned=1",
    "${window.pwned=1}",
    "`${window.pwned=1}`",
    "{{constructor.constructor('window.pwned=1')()}}",
    "{{#with this}}{{lookup this 'constructor'}}{{/with}}",
    "@@html:talk@@@@title@@",
    "\\u003cimg src=x onerror=window.pwned=1\\u003e",
    "&lt;img src=x onerror=window.pwned=1&gt;",
    "%3Cscript%3Ewindow.pwned=1%3C/script%3E",
    "<!--><img src=x onerror=window.pwned=1>-->",
    "]]><img src=x onerror=window.pwned=1>",
    "![x](http://example.org/pwned.png) [y](javascript:window.pwned=1)",
    "$\\href{javascript:window.pwned=1}{x}$",
    "\u202e<img src=x onerror=window.pwned=1>\u2066",
    "\x00<img src=x onerror=window.pwned=1>",
    "＜script＞window.pwned=1＜/script＞",
)


def _article(
    title: str, text: str, language: str, source: str = "a.md", **about: object
) -> Article:
    article_id = article_id_for(title, text)
    return Article(article_id, title, text, language, source, **about)  # type: ignore[arg-type]


JAPANESE = _article(
    "日米、5500億ドルの対米投資の枠組みで合意",
    "日本と米国の両政府は9日、総額5500億ドルの対米投資の枠組みで合意したと発表した。\n"
    "対象は半導体、造船、重要鉱物など九つの分野で、期間は3年半とされる。"
    "日本側は国際協力銀行などを通じて融資や保証を行う。\n"
    "対象となる企業は約300社に上る見込みだという。\n\n"
    "採算の見通しが立たない案件が含まれるおそれを指摘する声も出ている。",
    "ja",
    published="2026-02-09",
    url="https://example.org/ja/investment?a=1&b=2",
    outlet="合同通信",
    sources=("a.md", "b.md"),
    comments=("もっと詳しく知りたい。",),
)
ENGLISH = _article(
    "Japan and the United States agree on a 550-billion-dollar investment framework",
    "Japan and the United States said on Monday that they had agreed on a framework for 550 "
    "billion dollars of Japanese investment.\n"
    "The money would go to nine fields, among them semiconductors, shipbuilding and critical "
    "minerals, over three and a half years.\n"
    "Critics said that some of the projects may never pay for themselves.",
    "en",
    published="2026-02-10",
    url="https://example.org/en/investment",
    outlet="Alliance Wire",
)
KOREAN = _article(
    "일본, 대미 투자 5500억 달러 합의",
    "일본과 미국 정부는 5500억 달러 규모의 투자에 합의했다고 발표했다. 기간은 3년 반이다.",
    "ko",
    published="2026-02-10",
    outlet="연합소식",
)
CHINESE = _article(
    "日本与美国就5500亿美元投资达成框架协议",
    "日本和美国政府宣布，就总额5500亿美元的对美投资框架达成一致。投资期限为三年半。",
    "zh",
    published="2026-02-11",
    outlet="联合新闻",
)
LONG = _article(
    "Harbour strike ends after eleven days",
    "\n".join(f"Paragraph {n}: nothing of note happened on the quays." for n in range(120))
    + "\nDock workers returned to work on Friday after eleven days.\n"
    + "\n".join(f"Paragraph {n}: ships came and went." for n in range(60)),
    "en",
    published="2026-01-30",
    outlet="Harbour Post",
)
HOSTILE = tuple(
    _article(
        f"{number} {payload}",
        f"{payload}\nBefore. The quote is {payload} here. After.\n{payload}",
        payload if number % 2 else "en",
        source=payload,
        published="2026-01-01" if number % 3 else payload,
        url=payload,
        outlet=payload,
        author=payload,
        comments=(payload,),
    )
    for number, payload in enumerate(PAYLOADS)
)
KIND = (CHINESE, ENGLISH, KOREAN, JAPANESE, LONG)


def summary(article: Article) -> ArticleSummary:
    return ArticleSummary(
        article.article_id,
        article.title,
        article.source,
        article.url,
        article.published,
        article.language,
        article.outlet,
        3,
    )


def evidence(number: int, article: Article, quote: str) -> Evidence:
    start = article.text.index(quote)
    return Evidence(number, summary(article), start, start + len(quote), quote, 0.9)


def citation(item: Evidence) -> Citation:
    a = item.article
    return Citation(
        item.number,
        a.article_id,
        a.title,
        a.source,
        a.url,
        a.published,
        a.language,
        a.outlet,
        item.text,
        item.start,
        item.end,
    )


def answer(
    question: str,
    claims: tuple[Claim, ...],
    shown: tuple[Evidence, ...],
    removed: tuple[Removed, ...] = (),
    notices: tuple[str, ...] = (),
) -> Answer:
    used = {n for claim in claims for n in claim.citations}
    return Answer(
        question=question,
        language="en",
        text=" ".join(c.text + "".join(f"[{n}]" for n in c.citations) for c in claims),
        claims=claims,
        citations=tuple(citation(e) for e in shown if e.number in used),
        removed=removed,
        notices=notices,
        timings_ms={"total": 3210.0},
        fingerprint="0123456789ab",
    )


def _passes(article: Article, where: Filter) -> bool:
    published = article.published or ""
    return (
        (not where.languages or article.language in where.languages)
        and (not where.outlets or article.outlet in where.outlets)
        and (not where.since or published >= where.since)
        and (not where.until or "" < published <= where.until)
    )


class FakeStore:
    def __init__(self, articles: tuple[Article, ...]) -> None:
        self._all = articles

    def articles(self, where: Filter = Filter()) -> Iterator[ArticleSummary]:
        return iter([summary(a) for a in self._all if _passes(a, where)])

    def article_page(self, query: ArticleQuery, where: Filter = Filter()) -> ArticlePage:
        found = [
            summary(a)
            for a in self._all
            if _passes(a, where)
            and all(word.lower() in f"{a.title} {a.text}".lower() for word in query.words)
        ]
        found.sort(key=lambda one: one.published or "", reverse=query.descending)
        end = query.offset + query.limit
        return ArticlePage(tuple(found[query.offset : end]), len(found))

    def article(self, article_id: str) -> Article:
        for article in self._all:
            if article.article_id == article_id:
                return article
        raise ArticleMissing(article_id)

    def found_at(self, place: str) -> list[str]:
        return [a.article_id for a in self._all if place == a.url or place in a.sources]


class FakeRanker:
    """Every article whose text holds the words, in one passage."""

    def retrieve(self, question: str, top_k: int = 10, where: Filter = Filter()) -> list[Hit]:
        found = [a for a in KIND if not where.languages or a.language in where.languages]
        hits = [
            Hit(
                Passage(f"{a.article_id}-0", a.article_id, 0, 0, len(a.text), a.text),
                summary(a),
                0.5,
                0.9,
                None,
            )
            for a in found
            if any(word in a.text for word in question.split())
        ]
        return hits[:top_k]


class _Sluggish:
    """A model that takes two seconds for one sentence."""

    name = "sluggish"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        time.sleep(2)
        yield "It lasted eleven days."


_LINE = LLMQueue(_Sluggish())


class _Silent:
    """A model that writes nothing."""

    name = "silent"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        yield "\n"


TRANSLATION = (
    "The governments of Japan and the United States announced on the 9th that they had agreed on a"
    " framework for investment of 550 billion dollars."
)


SMALL_MODEL = "embedded:qwen2.5-coder-1.5b-instruct-q4_k_m"
"""The name of the default model, which does not write well."""


class Interpreter:
    """A model that translates one quote right, gets others wrong and repeats hostile ones.

    ``pace`` is in seconds; a dead one cannot be reached.
    """

    def __init__(self, pace: float = 0.0, *, dead: bool = False, name: str = "interpreter") -> None:
        self.name = name
        self.pace = pace
        self.dead = dead
        self.asked: list[Prompt] = []

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        self.asked.append(prompt)
        if self.dead:
            raise LLMUnreachable("http://127.0.0.1:1: no answer; is the server running?")
        time.sleep(self.pace)
        quote = prompt.user.split("\n")[0]
        if "<" in quote:
            yield quote.removeprefix("Quotation: ")
        yield TRANSLATION if "総額5500億ドル" in quote else "It lasts two years."


def _model(pace: float) -> LLM:
    kind = os.environ.get("FAKE_LLM", "")
    if kind == "none":
        return NoLLM()
    if kind == "silent":
        return LLMQueue(_Silent())
    if kind.startswith("http:"):
        llm = openai_compatible_llm("m", kind)
        return LLMQueue(llm, check=llm.check_reachable, check_seconds=0.5)
    name = SMALL_MODEL if kind == "small" else "interpreter"
    return LLMQueue(Interpreter(pace, dead=kind == "dead", name=name))


def _require_index() -> None:
    """As if a database held the index, which is gone while the file FAKE_LOST is there."""
    lost = os.environ.get("FAKE_LOST")
    if lost and Path(lost).exists():
        raise StoreUnreachable("db.example: does not answer")


UNSURE = 0.35
"""The strictness at which what is ``unsure`` is told."""


class FakeReader:
    """Answers by the words of the question; ``pace`` is the time between events, in seconds."""

    def __init__(
        self, pace: float = 0.05, articles: tuple[Article, ...] = KIND, llm: LLM | None = None
    ) -> None:
        self.pace = pace
        self.llm = llm or _model(pace)
        self.store = FakeStore(articles)
        self.retriever = FakeRanker()
        self.changes = 0
        self.strictness = 0.5

    def is_answered(self, question: str, article_id: str, where: Filter = EVERYTHING) -> bool:
        time.sleep(float(os.environ.get("FAKE_FINDING", "0")))
        return True

    def styled(self, phrasing: Phrasing | None = None, strictness: float | None = None) -> Self:
        other = copy(self)
        other.strictness = self.strictness if strictness is None else strictness
        return other

    def refresh(self) -> bool:
        _require_index()
        self.changes, changed = 0, self.changes
        return changed > 0

    def article(self, article_id: str) -> Article:
        for article in (*KIND, *HOSTILE):
            if article.article_id == article_id:
                return article
        raise ArticleMissing(article_id)

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Past] = (),
        where: Filter = Filter(),
    ) -> Iterator[Event]:
        if question == "How many turns?":
            shown = (evidence(1, ENGLISH, ENGLISH.text.split("\n")[0]),)
            yield EvidenceReady(shown, "en")
            asked = " / ".join(turn.question for turn in history)
            yield Finished(answer(question, (Claim(f"Before: {asked}.", (1,), 0.9),), shown))
        elif "damaged" in question:
            raise LLMUnreachable("the index says <b>no</b>")
        elif "crash" in question:
            raise RuntimeError("nobody foresaw this")
        elif question.startswith("payload "):
            yield from self._hostile(question)
        elif "weather" in question or ("unsure" in question and self.strictness > UNSURE):
            yield from self._refused(question)
        elif "unsure" in question:
            shown = (evidence(1, LONG, "Dock workers returned to work"),)
            told = answer(question, (Claim(shown[0].text, (1,), 1.0),), shown)
            yield EvidenceReady(shown, "en")
            yield Finished(replace(told, notices=(notice_text("unsure", "en"),)))
        elif "quoted" in question:
            yield from self._quoted(question)
        elif "retracted" in question:
            yield from self._retracted(question)
        elif "line" in question:
            shown = (evidence(1, LONG, "Dock workers returned to work"),)
            yield EvidenceReady(shown, "en")
            text = "".join(_LINE.stream(Prompt("", question, 1)))
            yield Finished(answer(question, (Claim(text, (1,), 0.9),), shown))
        elif "harbour" in question.lower():
            yield from self._long(question)
        else:
            pace = 2.0 if "slow" in question else self.pace
            yield from self._answered(question, 60.0 if "endless" in question else pace)

    def _answered(self, question: str, pace: float) -> Iterator[Event]:
        shown = (
            evidence(1, JAPANESE, JAPANESE.text.split("\n")[0]),
            evidence(
                2, JAPANESE, "対象は半導体、造船、重要鉱物など九つの分野で、期間は3年半とされる。"
            ),
            evidence(3, ENGLISH, ENGLISH.text.split("\n")[1]),
            evidence(4, CHINESE, "投资期限为三年半。"),
        )
        yield EvidenceReady(shown, "en")
        claims = (
            Claim("Japan agreed to invest 550 billion dollars in the United States.", (1,), 0.98),
            Claim("The money goes to nine fields over three and a half years.", (2, 3), 0.93),
        )
        removed = Removed("About 500 companies take part.", "number", "500")
        if "doubted" in question:
            removed = Removed("The money goes to Mars first.", "meaning", "", (Stretch(18, 28),))
        yield from _paced(ClaimDrafted(claims[0].text), ClaimChecked(claims[0]), pace)
        yield from _paced(ClaimDrafted(removed.text), ClaimRemoved(removed), pace)
        yield from _paced(ClaimDrafted(claims[1].text), ClaimChecked(claims[1]), pace)
        yield Finished(answer(question, claims, shown, (removed,)))

    def _quoted(self, question: str) -> Iterator[Event]:
        """A quote in another language than the question's, with the answer in a few words."""
        pace = 2.0 if "slow" in question else self.pace
        shown = (
            evidence(1, ENGLISH, ENGLISH.text.split("\n")[1]),
            evidence(2, JAPANESE, JAPANESE.text.split("\n")[0]),
        )
        short = Short("$550 billion", "en", exact=True, planned="planned" in question)
        frame = f"According to {JAPANESE.outlet} (in Japanese, 9 Feb 2026): $550 billion."
        claim = Claim(shown[1].text, (2,), 1.0, frame, "ja")
        removed = Removed(shown[1].text.removesuffix("。"), "relation")
        yield EvidenceReady(shown, "en")
        yield ShortReady(short)
        yield from _paced(ClaimRemoved(removed), ClaimChecked(claim), pace)
        yield Finished(replace(answer(question, (claim,), shown, (removed,)), short=short))

    def _retracted(self, question: str) -> Iterator[Event]:
        item = evidence(1, ENGLISH, ENGLISH.text.split("\n")[1])
        status = replace(item.article, status="retracted", correction="Nothing was agreed.")
        shown = (replace(item, article=status),)
        yield EvidenceReady(shown, "en")
        yield Finished(answer(question, (Claim("It goes to nine fields.", (1,), 0.9),), shown))

    def _refused(self, question: str) -> Iterator[Event]:
        near = (evidence(1, LONG, "Dock workers returned to work"),)
        yield EvidenceReady(near, "en", likely=False)
        time.sleep(2.0 if "slow" in question else self.pace)
        refusal = Refusal(
            question=question,
            language="en",
            reason="weak_evidence",
            text="The articles do not say.",
            removed=(),
            notices=(),
            timings_ms={"total": 412.0},
            fingerprint="0123456789ab",
            related=(summary(LONG), summary(ENGLISH)),
            told_at=UNSURE if "unsure" in question else None,
        )
        yield Finished(refusal)

    def _long(self, question: str) -> Iterator[Event]:
        shown = (evidence(1, LONG, "Dock workers returned to work on Friday after eleven days."),)
        claims = (Claim("It lasted eleven days.", (1,), 0.9),)
        yield EvidenceReady(shown, "en")
        yield Finished(answer(question, claims, shown))

    def _hostile(self, question: str) -> Iterator[Event]:
        first, last = (int(n) for n in question.split()[1:3])
        numbered = list(enumerate(zip(PAYLOADS, HOSTILE, strict=True)))[first : last + 1]
        shown = tuple(evidence(n, a, f"The quote is {p} here.") for n, (p, a) in numbered)
        claims = tuple(Claim(f"{p} [{n}]{p}", (n,), 0.9) for n, (p, _) in numbered)
        removed = tuple(Removed(p, "number", p) for _, (p, _) in numbered)
        yield EvidenceReady(shown, PAYLOADS[first])
        for claim in claims:
            yield from _paced(ClaimDrafted(claim.text), ClaimChecked(claim), 0)
        notices = tuple(p for _, (p, _) in numbered)
        yield Finished(answer(question, claims, shown, removed, notices))


def _paced(first: Event, second: Event, pace: float) -> Iterator[Event]:
    yield first
    time.sleep(pace)
    yield second


class FakeExaminer(EvaluationJobs):
    """Runs through four questions in as many quarters of a second."""

    def __init__(self) -> None:
        self._ran: EvaluationRun | None = None
        self._stopped = threading.Event()

    @property
    def examination(self) -> EvaluationRun | None:
        return self._ran

    def sets(self) -> list[str]:
        return ["alliance.jsonl", "<b>own</b>.jsonl"]

    def start(self, name: str, limit: int, who: str = "") -> None:
        self._stopped.clear()
        self._ran = EvaluationRun(name, total=limit)
        pace = 60.0 if name.startswith("<b>") else 0.3

        def work() -> None:
            for done in range(1, limit + 1):
                if self._stopped.wait(pace):
                    self._ran = EvaluationRun(name, "stopped", done, limit)
                    return
                self._ran = EvaluationRun(name, "running", done, limit)
            figures = {"Handled": (0.75, 4), "Right": (1.0, 3)}
            self._ran = EvaluationRun(name, "done", limit, limit, figures=figures)

        threading.Thread(target=work, daemon=True).start()

    def cancel(self, who: str = "") -> None:
        self._stopped.set()

    def report(self) -> str:
        from konkyo.eval.report import report

        return report([], title="<b>own</b>", about={"dataset": "alliance"})


class FakeWatcher(Watcher):
    """Watches a feed that was read, one that failed and one that was never read; reads nothing."""

    def states(self) -> list[WatchState]:
        read, due = "2026-02-11T03:00:00+00:00", datetime(2026, 2, 11, 9, tzinfo=UTC)
        failed = "https://example.org/en/investment/a-very-long-name-of-a-feed-without-a-break.xml"
        error = f"{failed}: HTTP 503 Service Unavailable"
        return [
            WatchState(WatchedSource("https://example.org/feed.xml", read, read), due),
            WatchState(WatchedSource(failed, read, "", error), due),
            WatchState(WatchedSource("/news/日本"), None),
        ]

    def run(self, *, all_now: bool = False) -> None:
        pass


def main() -> None:
    from konkyo.ui.http.auth import Access, Limiter, read_keys
    from konkyo.ui.server.conversation_store import open_conversation_store
    from konkyo.ui.server.feedback import Feedback
    from konkyo.ui.server.index_jobs import IndexJobs
    from konkyo.ui.server.share_store import ShareStore
    from konkyo.ui.web.chat_server import ChatServer
    from konkyo.ui.web.chat_service import ChatService
    from konkyo.ui.web.pipeline_protocol import ChatPipeline
    from konkyo.ui.web.serving import Served, listen, serve
    from konkyo.ui.web.settings_page import SettingsPage
    from konkyo.ui.web.shares import Shares, Sharing

    pace = float(os.environ.get("FAKE_PACE", "0.05"))
    wait = float(os.environ.get("FAKE_LOAD", "0.3"))
    articles = HOSTILE if os.environ.get("FAKE_HOSTILE") else KIND
    articles = () if os.environ.get("FAKE_EMPTY") else articles
    keys = os.environ.get("FAKE_KEYS")
    access = Access(
        os.environ.get("FAKE_PASSWORD"),
        os.environ.get("FAKE_EDITOR_PASSWORD"),
        read_keys(Path(keys)) if keys else {},
        os.environ.get("FAKE_HEADER", ""),
        frozenset({"ann"}),
    )
    names = tuple(os.environ.get("FAKE_NAMES", "").split())

    def load() -> ChatPipeline:
        time.sleep(wait)
        _require_index()
        if os.environ.get("FAKE_PIPELINE"):
            from test_answer import pipeline

            return pipeline(_model(pace))
        return FakeReader(pace, articles)

    store = os.environ.get("FAKE_STORE", "/nowhere/store")
    kept = None if store.startswith("/nowhere") else open_conversation_store(store)
    stale = int(os.environ.get("FAKE_STALE", "0"))
    chat_service = ChatService(load, conversation_store=kept, stale_after=stale)
    chat_service.failing_sources = lambda: int(os.environ.get("FAKE_FAILING", "0"))
    wanted = os.environ.get("FAKE_SHARING")
    sharing = next((one for one in get_args(Sharing) if one == wanted), "off")

    def changed() -> None:
        reader = chat_service.reader
        assert isinstance(reader, FakeReader)
        reader.changes += 1
        chat_service.renew()

    def known() -> list[str]:
        """The articles' sources; files that were handed over count as indexed."""
        handed = [str(path) for path in Path(f"{store}-files").glob("*")]
        return [summary.source for summary in chat_service.reader.store.articles()] + handed

    index_jobs = IndexJobs(
        store,
        known=known,
        command=(sys.executable, str(Path(__file__).with_name("fixtures_index_jobs.py"))),
        changed=changed,
    )
    shares = Shares(ShareStore(kept), sharing) if kept is not None else Shares()
    settings_page = SettingsPage(
        Path(f"{store}.toml"), lambda settings: shares.change(settings.chat.sharing)
    )
    watches = "FAKE_WATCHED" in os.environ
    watcher = FakeWatcher(index_jobs, WatchSettings()) if watches else None
    limiter = Limiter(int(os.environ.get("FAKE_RATE", "0")), int(os.environ.get("FAKE_BUSY", "0")))

    def ready(served: Served) -> None:
        print(served.url, flush=True)

    port = int(os.environ.get("FAKE_PORT", "0"))
    with contextlib.suppress(KeyboardInterrupt):
        taken = listen("127.0.0.1", port, access, names)
        opinions = os.environ.get("FAKE_FEEDBACK")
        feedback = Feedback(Path(opinions)) if opinions else None
        grace = float(os.environ.get("FAKE_GRACE", "30"))
        serve(
            ChatServer(
                chat_service,
                access,
                limiter,
                index_jobs,
                FakeExaminer(),
                feedback,
                names,
                grace=grace,
                origins=tuple(os.environ.get("FAKE_ORIGINS", "").split()),
                settings_page=settings_page if kept is not None else None,
                watcher=watcher,
                shares=shares,
            ),
            taken,
            ready=ready,
        )
    # As the command does: an endless answer's thread is not waited for.
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
