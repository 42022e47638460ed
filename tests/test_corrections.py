"""What becomes of a cited article: changed, corrected, retracted or gone."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from konkyo.index.builder import build, mark_article, remove, undo
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.errors import ArticleGone, ArticleMissing
from konkyo.index.ingest.articles import to_articles
from konkyo.index.ingest.sources import RawDocument
from konkyo.index.records import Article, ArticleQuery, ArticleSummary, Filter, Hit, Passage
from konkyo.index.settings import ChunkSettings
from konkyo.index.stores.base import Store
from konkyo.index.stores.open import open_store, verify_store
from konkyo.rag.citation_state import Changed, CitationState, Gone, Same, Unknown, citation_state
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.outcome import correction_notices
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.question import understand
from konkyo.rag.retrieval.corrections import superseded, without_superseded
from konkyo.rag.types import Answer, Citation

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import Postgres, postgres
from fixtures_store import ToyEncoder, write_story, yes

__all__ = ["postgres"]

NUMBERS = itertools.count()
URL = "https://news.example/bridge"
BODY = "The bridge in Oslo opened on Monday. It cost 52 million crowns. Ferries stop in May.\n"
MENDED = BODY.replace("52 million", "5.2 million")


@pytest.fixture(params=["folder", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store that is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param == "folder":
        return str(tmp_path / "store")
    server: Postgres = request.getfixturevalue("postgres")
    return server.make(f"c{next(NUMBERS)}")


@pytest.fixture
def news(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    for number in range(6):
        write_story(folder, number)
    return folder


def write(folder: Path, body: str = BODY, **facts: str) -> Path:
    matter = {"title": "Bridge opens", "published": "2026-02-09", "url": URL, **facts}
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in matter.items() if value)
    path = folder / "bridge.md"
    path.write_text(f"---\n{lines}---\n{body}", "utf-8")
    return path


def index(news: Path, place: str, *, rebuild: bool = False) -> None:
    build([str(news)], place, ToyEncoder(), ChunkSettings(), rebuild=rebuild, confirm=yes)


@contextlib.contextmanager
def opened(place: str) -> Iterator[Store]:
    with contextlib.closing(open_store(place)) as store:
        yield store


def bridge(place: str) -> Article:
    with opened(place) as store:
        (article_id,) = store.found_at(URL)
        return store.article(article_id)


def cited(place: str, quote: str = "It cost 52 million crowns.") -> Citation:
    article = bridge(place)
    start = article.text.index(quote)
    facts = (article.article_id, article.title, article.source, article.url)
    return Citation(1, *facts, None, "en", None, quote, start, start + len(quote))


def state(place: str, citation: Citation) -> CitationState:
    with opened(place) as store:
        return citation_state(store, citation)


def test_a_changed_sentence_is_told_with_what_it_says_now(news: Path, place: str) -> None:
    write(news)
    index(news, place)
    citation = cited(place)
    assert state(place, citation) == Same(bridge(place), citation.start, citation.end)
    write(news, MENDED)
    index(news, place)
    found = state(place, citation)
    assert isinstance(found, Changed)
    assert found.now == "It cost 5.2 million crowns."
    assert bridge(place).text[found.start : found.end] == found.now


def test_a_quote_survives_changes_around_it_and_a_rebuild(news: Path, place: str) -> None:
    write(news)
    index(news, place)
    citation = cited(place, "Ferries stop in May.")
    write(news, "Late at night. " + MENDED)
    index(news, place, rebuild=True)
    found = state(place, citation)
    assert isinstance(found, Same)
    assert bridge(place).text[found.start : found.end] == citation.quote


def test_an_article_without_address_is_known_by_its_source(news: Path, place: str) -> None:
    path = write(news, url="")
    index(news, place)
    with opened(place) as store:
        (article_id,) = store.found_at(path.as_posix())
        article = store.article(article_id)
    facts = (article_id, article.title, article.source, None)
    citation = Citation(1, *facts, None, "en", None, "It cost 52 million crowns.", 37, 63)
    write(news, MENDED, url="", title="Bridge opens (corrected)")
    index(news, place)
    assert isinstance(state(place, citation), Changed)


def test_no_longer_there_is_told_from_never_there(news: Path, place: str) -> None:
    path = write(news)
    index(news, place)
    citation = cited(place)
    path.unlink()
    index(news, place)
    assert state(place, citation) == Gone()
    with opened(place) as store:
        with pytest.raises(ArticleGone, match="no longer in"):
            store.article(citation.article_id)
        with pytest.raises(ArticleMissing, match="no article") as never:
            store.article("0123456789abcdef")
    assert not isinstance(never.value, ArticleGone)
    other = Citation(1, "0123456789abcdef", "x", "y.md", None, None, "en", None, "Never.", 0, 6)
    assert state(place, other) == Unknown()


def test_what_was_removed_by_hand_is_gone_also_after_a_rebuild(news: Path, place: str) -> None:
    write(news)
    index(news, place)
    citation = cited(place)
    remove([citation.article_id], place, confirm=yes)
    assert state(place, citation) == Gone()
    index(news, place, rebuild=True)
    assert state(place, citation) == Gone()


def test_an_article_that_a_rebuild_leaves_out_is_gone(news: Path, place: str) -> None:
    path = write(news)
    index(news, place)
    citation = cited(place)
    path.unlink()
    index(news, place, rebuild=True)
    assert state(place, citation) == Gone()


def test_undo_brings_back_the_article_and_forgets_the_other(news: Path, place: str) -> None:
    write(news)
    index(news, place)
    before = cited(place)
    write(news, MENDED)
    index(news, place)
    after = cited(place, "It cost 5.2 million crowns.")
    undo(place)
    assert isinstance(state(place, before), Same)
    with opened(place) as store, pytest.raises(ArticleGone):
        store.article(after.article_id)


def test_front_matter_says_that_an_article_was_corrected(news: Path, place: str) -> None:
    write(news)
    index(news, place)
    citation = cited(place)
    write(news, status="Corrected", correction="It was 5.2 million.")
    index(news, place)
    now = bridge(place)
    assert (now.article_id, now.status, now.correction) == (
        citation.article_id,
        "corrected",
        "It was 5.2 million.",
    )
    assert [f.what for f in verify_store(place) if not f.ok] == []
    with opened(place) as store:
        (summary,) = store.summaries([now.article_id])
    assert (summary.status, summary.length) == ("corrected", len(now.text))


def test_what_an_editor_says_holds_for_the_text_that_takes_its_place(
    news: Path, place: str
) -> None:
    write(news)
    index(news, place)
    old = bridge(place).article_id
    mark_article(old, "retracted", place, correction="The mayor never said so.")
    assert [f.what for f in verify_store(place) if not f.ok] == []
    write(news, MENDED)
    for rebuild in (False, True):
        index(news, place, rebuild=rebuild)
        now = bridge(place)
        assert now.article_id != old
        assert (now.status, now.correction, now.status_by_editor) == (
            "retracted",
            "The mayor never said so.",
            True,
        )
    mark_article(now.article_id, None, place)
    assert bridge(place).status is None
    undo(place)
    assert bridge(place).status == "retracted"


def test_a_list_is_searched_sorted_filtered_and_paged(news: Path, place: str) -> None:
    write(news, outlet="Oslo 100%_Daily")
    index(news, place)

    def titles(query: ArticleQuery, where: Filter = Filter()) -> tuple[list[str], int]:
        with opened(place) as store:
            page = store.article_page(query, where)
        return [a.title for a in page.articles], page.total

    assert titles(ArticleQuery(("BRIDGE", "oslo"))) == (["Bridge opens"], 1)
    assert titles(ArticleQuery(("bridge.md",))) == (["Bridge opens"], 1)
    assert titles(ArticleQuery(("100%_",)))[1] == 0
    assert titles(ArticleQuery(("%",)))[1] == 0
    with opened(place) as store:
        everything = list(store.articles())
        lengths = sorted(a.length for a in everything)
        by_length = store.article_page(ArticleQuery(order="length", descending=False)).articles
    assert [a.length for a in by_length] == lengths
    first, total = titles(ArticleQuery(limit=2))
    second, _ = titles(ArticleQuery(offset=2, limit=2))
    assert (first + second, total) == ([a.title for a in everything][:4], 7)
    only = Filter(outlets=frozenset({"Oslo 100%_Daily"}), languages=frozenset({"en", "ja"}))
    assert titles(ArticleQuery(), only) == (["Bridge opens"], 1)


def test_a_database_of_the_version_before_is_read_and_changed(news: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "store")
    write(news)
    index(news, place)
    database = next((tmp_path / "store").glob("truth-*.sqlite"))
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE former_articles")
        connection.execute("DROP INDEX articles_url")
        for table in ("articles", "undo_articles"):
            there = connection.execute(f"PRAGMA table_info({table})").fetchall()
            for column in ("status", "correction", "status_by_editor") if there else ():
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()
    assert bridge(place).status is None
    assert [f.what for f in verify_store(place) if not f.ok] == []
    mark_article(bridge(place).article_id, "corrected", place)
    assert bridge(place).status == "corrected"
    undo(place)
    assert bridge(place).status is None


# ---- what sources say


def test_a_page_says_in_json_ld_that_it_was_corrected() -> None:
    data = {
        "@graph": [
            {"@type": "WebSite", "correction": "not this"},
            {"@type": ["NewsArticle"], "correction": [{"text": "It was  5.2 million."}, "Sorry."]},
        ]
    }
    page = (
        f'<html><head><script type="application/ld+json">not json</script>'
        f'<script type="application/ld+json">{json.dumps(data)}</script></head>'
        f"<body><article><h1>Bridge opens</h1><p>{BODY * 4}</p></article></body></html>"
    )
    (read,) = to_articles(RawDocument("a.html", "text/html", page.encode()))
    assert (read.status, read.correction) == ("corrected", "It was 5.2 million. Sorry.")


def test_rows_and_nitf_say_what_became_of_an_article() -> None:
    row = {"title": "Bridge", "text": BODY, "status": "retracted"}
    (read,) = to_articles(RawDocument("a.jsonl", "application/jsonl", json.dumps(row).encode()))
    assert (read.status, read.correction) == ("retracted", None)
    row |= {"status": "published"}
    (read,) = to_articles(RawDocument("a.jsonl", "application/jsonl", json.dumps(row).encode()))
    assert read.status is None
    nitf = (
        '<nitf><head><docdata><correction info="It was 5.2 million."/></docdata></head><body>'
        f"<body.content><p>{BODY}</p></body.content></body></nitf>"
    )
    (read,) = to_articles(RawDocument("a.xml", "application/feed+xml", nitf.encode()))
    assert (read.status, read.correction) == ("corrected", "It was 5.2 million.")


# ---- what agencies withdraw


def item(text: str, *, status: str = "usable", title: str = "Bridge opens", guid: str = URL) -> str:
    content = f"<inlineData>{text}</inlineData>" if text else ""
    return (
        f'<newsItem guid="{guid}"><itemMeta><pubStatus qcode="stat:{status}"/></itemMeta>'
        f'<contentMeta><headline>{title}</headline><language tag="en"/></contentMeta>'
        f"<contentSet>{content}</contentSet></newsItem>"
    )


def send(path: Path, *items: str) -> None:
    path.write_text(
        '<newsMessage xmlns="http://iptc.org/std/nar/2006-10-01/"><itemSet>'
        f"{''.join(items)}</itemSet></newsMessage>"
    )


def statuses(place: str) -> dict[str, str | None]:
    """What the index says of the articles in English, by their texts."""
    with opened(place) as store:
        found = [store.article(a.article_id) for a in store.articles()]
    return {article.text: article.status for article in found if article.language == "en"}


def built(news: Path, place: str, *, rebuild: bool = False) -> list[str]:
    """Builds; returns what failed. The index keeps its promises."""
    report = build([str(news)], place, ToyEncoder(), rebuild=rebuild, confirm=yes)
    assert [f.what for f in verify_store(place) if not f.ok] == []
    return [failure.reason for failure in report.failures]


TEXT = BODY.strip()
OTHER = "The ferry stops in May."


@pytest.mark.parametrize("text", [TEXT, ""])
@pytest.mark.parametrize("guid", [URL, "urn:agency:1"])
def test_an_item_cancelled_in_its_file_is_retracted(
    news: Path, place: str, text: str, guid: str
) -> None:
    ferry = item(OTHER, title="Ferry stops", guid="urn:agency:2")
    send(news / "a.xml", item(TEXT, guid=guid), ferry)
    assert built(news, place) == []
    assert statuses(place) == {TEXT: None, OTHER: None}
    send(news / "a.xml", item(text, status="canceled", guid=guid), ferry)
    for rebuild in (False, False, True):
        assert built(news, place, rebuild=rebuild) == []
        assert statuses(place) == {TEXT: "retracted", OTHER: None}
    send(news / "a.xml", item(TEXT, guid=guid), ferry)
    built(news, place)
    assert statuses(place) == {TEXT: None, OTHER: None}


@pytest.mark.parametrize("text", [TEXT, "", "This item is cancelled."])
@pytest.mark.parametrize("name", ["a.xml", "c.xml"])
def test_an_item_cancelled_in_another_file_is_retracted(
    news: Path, place: str, text: str, name: str
) -> None:
    first, cancelling = news / "b.xml", news / name
    send(first, item(TEXT))
    built(news, place)
    send(cancelling, item(text, status="withheld"))
    told = dict.fromkeys(filter(None, (TEXT, text)), "retracted")
    for rebuild in (False, True):
        assert built(news, place, rebuild=rebuild) == []
        assert statuses(place) == told
    send(first, item(TEXT), item(OTHER, title="Ferry stops", guid="urn:agency:2"))
    built(news, place)
    assert statuses(place) == told | {OTHER: None}
    cancelling.unlink()
    built(news, place)
    assert statuses(place) == {TEXT: None, OTHER: None}


def test_a_copy_that_is_read_with_its_cancellation_is_retracted(news: Path, place: str) -> None:
    send(news / "a.xml", item(TEXT))
    send(news / "b.xml", item(TEXT, status="canceled"))
    send(news / "c.xml", item(TEXT))
    assert built(news, place) == []
    assert statuses(place) == {TEXT: "retracted"}


def test_the_only_article_of_a_file_is_retracted_without_text_title_or_address(
    news: Path, place: str
) -> None:
    send(news / "a.xml", item(TEXT, guid="urn:agency:1"))
    built(news, place)
    send(news / "a.xml", item("", status="canceled", guid="urn:agency:1", title=""))
    assert built(news, place) == []
    assert statuses(place) == {TEXT: "retracted"}


def test_a_cancellation_of_what_is_not_there_says_what_to_do(news: Path, place: str) -> None:
    send(news / "a.xml", item(TEXT), item(OTHER, title="Ferry stops", guid="urn:agency:2"))
    built(news, place)
    send(news / "a.xml", item("", status="canceled", title="Tunnel floods", guid="urn:agency:3"))
    for _ in range(2):
        (reason,) = built(news, place)
        assert reason.startswith("Tunnel floods: its source has withdrawn this article")
        assert reason.endswith("mark that as retracted on the page of articles")
        assert statuses(place) == {TEXT: None, OTHER: None}


# ---- answering


def hit(name: str, status: str | None = None, correction: str | None = None) -> Hit:
    article = ArticleSummary(
        name, name, f"{name}.md", f"https://a.example/{name}", None, "en", None, 1, 9,
        status, correction,  # type: ignore[arg-type]
    )  # fmt: skip
    return Hit(Passage(f"{name}-0", name, 0, 0, 4, "Text"), article, 1.0, None, None)


@pytest.mark.parametrize(
    ("status", "correction", "answering", "passed_over"),
    [
        ("corrected", "See https://a.example/new today", {"new"}, {"old"}),
        ("retracted", "new.md", {"new"}, {"old"}),
        ("corrected", "new.md", {"old"}, set()),
        ("corrected", "new.md", {"other"}, set()),
        ("corrected", "renew.mdx", {"new"}, set()),
        ("retracted", None, {"new"}, set()),
        (None, "new.md", {"new"}, set()),
    ],
)
def test_a_corrected_article_is_passed_over_where_its_correction_answers(
    status: str | None, correction: str | None, answering: set[str], passed_over: set[str]
) -> None:
    articles = [hit("old", status, correction).article, hit("new").article, hit("other").article]
    assert superseded(articles, answering) == passed_over


def test_of_articles_that_name_each_other_as_corrections_none_is_passed_over() -> None:
    hits = [hit("old", "corrected", "new.md"), hit("new", "corrected", "old.md"), hit("other")]
    assert without_superseded(hits) == hits


Story = tuple[str, str, Mapping[str, str]]
"""A title, a text, and front matter."""

DAMS: dict[str, Story] = {
    "oak-dam": (
        "Work on the Oak Dam begins in Vermont",
        "The Oak Dam is a dam of the state of Vermont. The Oak Dam will cost 52 million dollars.",
        {"status": "corrected", "correction": "See https://news.example/oak-dam-cost today"},
    ),
    "oak-dam-cost": (
        "What the dam of Vermont costs",
        "The Oak Dam is a dam of the state of Vermont. The Oak Dam will cost 5.2 million dollars.",
        {},
    ),
    "elm-dam": (
        "Elm Dam opens in Maine",
        "The Elm Dam is a dam of the state of Maine. The Elm Dam cost 70 million dollars.",
        {"status": "corrected", "correction": "https://news.example/photograph"},
    ),
    "photograph": (
        "A photograph was of another place",
        "The photograph beside our report on the Elm Dam was taken in Ohio. We are sorry.",
        {},
    ),
}


def reports(folder: Path, encoder: Encoder, stories: Mapping[str, Story]) -> Pipeline:
    """A pipeline over some articles; each has its name in its address."""
    for name, (title, text, marks) in stories.items():
        facts = {"title": title, "url": f"https://news.example/{name}", "language": "en", **marks}
        lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in facts.items())
        matter = f"---\n{lines}published: 2026-02-09\n---\n"
        (folder / f"{name}.md").write_text(f"{matter}{text}\n", "utf-8")
    store = str(folder / "store")
    build([str(folder)], store, encoder, confirm=yes)
    return open_pipeline(store, llm=NoLLM(), encoder=encoder)


@pytest.fixture(scope="module")
def dams(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Over two corrected articles; the correction of the first one tells the matter anew."""
    return reports(tmp_path_factory.mktemp("dams"), real_encoder, DAMS)


def quoted_of(over: Pipeline, asked: str) -> set[str]:
    """The names of the articles that the answer to a question quotes."""
    outcome = over.ask(asked, today=date(2026, 2, 10))
    assert isinstance(outcome, Answer)
    return {str(citation.url).rsplit("/", 1)[-1] for citation in outcome.citations}


@pytest.mark.parametrize(
    "asked",
    [
        "How much will the Oak Dam cost?",
        "Summarise the news about the Oak Dam",
        "Give me a timeline of the Oak Dam",
        "What is the Oak Dam?",
        "What is new?",
    ],
)
def test_no_answer_of_any_kind_quotes_what_its_correction_tells_anew(
    dams: Pipeline, asked: str
) -> None:
    quoted = quoted_of(dams, asked)
    assert "oak-dam" not in quoted
    assert "oak-dam-cost" in quoted


def test_an_article_does_not_disagree_with_its_correction_in_another_language(
    real_encoder: Encoder, tmp_path: Path
) -> None:
    marks = {"status": "corrected", "correction": "https://news.example/oak-dam-cost"}
    text = "オーク・ダムはバーモント州のダムだ。オーク・ダムの費用は5200万ドルだ。"
    old = ("オーク・ダムの費用", text, {"language": "ja", **marks})
    stories = {"oak-dam": old, "oak-dam-cost": DAMS["oak-dam-cost"]}
    asked = "Do the articles disagree on how much the Oak Dam will cost?"
    assert quoted_of(reports(tmp_path, real_encoder, stories), asked) == {"oak-dam-cost"}


def test_a_corrected_article_that_is_named_by_its_title_is_told_and_marked(dams: Pipeline) -> None:
    asked = f"What does the article “{DAMS['oak-dam'][0]}” say?"
    assert quoted_of(dams, asked) == {"oak-dam"}
    outcome = dams.ask(asked)
    assert isinstance(outcome, Answer)
    assert any("was corrected" in notice for notice in outcome.notices)


@pytest.mark.parametrize(
    ("asked", "corrected", "counted"),
    [
        ("How much will the Oak Dam cost?", "oak-dam", False),
        ("How much did the Elm Dam cost?", "elm-dam", True),
    ],
)
def test_a_corrected_article_is_counted_only_where_its_correction_does_not_answer(
    dams: Pipeline, asked: str, corrected: str, counted: bool
) -> None:
    hits = dams._search.wider(understand(asked, (), "en"), Filter())
    found = {str(hit.article.url).rsplit("/", 1)[-1] for hit in hits}
    assert {"oak-dam-cost", "photograph"} <= found
    assert (corrected in found) is counted


def test_an_answer_says_which_of_its_sources_were_corrected() -> None:
    facts = ("a", "A", "a.md", None, None, "en", None, "Text.", 0, 5)
    citations = (
        Citation(1, *facts),
        Citation(2, *facts, "corrected", "It was 5."),
        Citation(3, *facts, "retracted"),
    )
    assert correction_notices(citations, "en") == (
        "The article cited as [2] was corrected after publication. It was 5.",
        "The article cited as [3] was retracted.",
    )
