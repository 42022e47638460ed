"""One suite for every store: a folder, PostgreSQL with pgvector, PostgreSQL with Milvus."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.builder import build, compact, remove, take_back, undo
from konkyo.index.errors import (
    ArticleMissing,
    StoreError,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
    StoreUnreachable,
    UsageError,
)
from konkyo.index.records import Article, Filter, Passage
from konkyo.index.settings import ChunkSettings
from konkyo.index.stores.address import masked
from konkyo.index.stores.base import SearchLimits, Store, StoreWriter
from konkyo.index.stores.bm25 import BM25_B, BM25_K1
from konkyo.index.stores.filters import conditions
from konkyo.index.stores.open import open_store, open_writer, store_size, verify_store
from konkyo.index.text.tokens import query_tokens, tokens

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import PASSWORD, Milvus, Postgres, milvus, postgres
from fixtures_store import DIMENSION, ToyEncoder, write_stories, write_story, yes
from test_store import ENCODER, FILTERS, SHAPE, article, brute, cut, put

__all__ = ["milvus", "postgres"]

ENGINES = ("folder", "postgresql", "milvus")
NUMBERS = itertools.count()


def new_address(engine: str, name: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """The address of a store that is not there yet."""
    if engine == "folder":
        return str(folder / name)
    server: Postgres = request.getfixturevalue("postgres")
    database = server.make(name)
    if engine == "postgresql":
        return database
    vectors: Milvus = request.getfixturevalue("milvus")
    return f"{vectors.address}/{name}?truth={database}"


@pytest.fixture(params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store that is not there yet, on each engine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return new_address(request.param, f"t{next(NUMBERS)}", tmp_path, request)


@pytest.fixture(scope="session", params=ENGINES)
def sixty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Sixty articles on each engine, for tests that only read."""
    address = new_address(
        request.param, f"sixty_{request.param}", tmp_path_factory.mktemp("sixty"), request
    )
    fill(address, range(60))
    with contextlib.closing(open_store(address)) as opened:
        yield opened


ALWAYS_BY_INDEX = SearchLimits(whole=0, filtered=0)


@pytest.fixture(scope="session", params=ENGINES)
def sixty_by_index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Sixty articles on each engine, searched as stores of many thousands are."""
    address = new_address(
        request.param, f"index_{request.param}", tmp_path_factory.mktemp("index"), request
    )
    fill(address, range(60), limits=ALWAYS_BY_INDEX)
    with contextlib.closing(open_store(address, limits=ALWAYS_BY_INDEX)) as opened:
        yield opened


def fill(address: str, numbers: range, *, limits: SearchLimits | None = None) -> int:
    with open_writer(
        address, fingerprint=SHAPE, encoder="toy:1", dimension=DIMENSION, limits=limits
    ) as writer:
        for number in numbers:
            put(writer, article(number))
        generation = writer.commit()
        writer.keep_up(compact=limits is not None)
    return generation


@pytest.fixture
def filled(address: str) -> str:
    fill(address, range(60))
    return address


@pytest.fixture
def store(filled: str) -> Iterator[Store]:
    with contextlib.closing(open_store(filled)) as opened:
        yield opened


def bm25(texts: dict[str, str], question: str) -> dict[str, float]:
    """Scores as the book has them, of every passage that shares a term."""
    counted = {name: tokens(text) for name, text in texts.items()}
    average = sum(map(len, counted.values())) / len(counted)
    scores: dict[str, float] = {}
    for term, weight in query_tokens(question).items():
        holding = [name for name, found in counted.items() if term in found]
        idf = np.log1p((len(counted) - len(holding) + 0.5) / (len(holding) + 0.5))
        for name in holding:
            often = counted[name].count(term)
            norm = BM25_K1 * (1 - BM25_B + BM25_B * len(counted[name]) / average)
            share = often * (BM25_K1 + 1) / (often + norm)
            scores[name] = scores.get(name, 0.0) + weight * idf * share
    return scores


def texts_of(numbers: Iterable[int]) -> dict[str, str]:
    return {p.passage_id: f"{article(n).title}\n{p.text}" for n in numbers for p in cut(article(n))}


def test_what_was_put_comes_back(sixty: Store) -> None:
    assert (sixty.generation, sixty.fingerprint, sixty.encoder) == (1, SHAPE, "toy:1")
    assert (sixty.dimension, sixty.passage_count) == (DIMENSION, 120)
    for number in (0, 9, 31):
        assert sixty.article(article(number).article_id) == article(number)
    wanted = [cut(article(n))[n % 2] for n in (5, 3, 44, 3)]
    names = [p.passage_id for p in wanted]
    assert sixty.passages(names) == wanted
    assert sixty.passages_of(article(7).article_id) == cut(article(7))
    np.testing.assert_allclose(
        sixty.vectors(names), ENCODER.passages([p.text for p in wanted]), atol=1e-3
    )
    listed = list(sixty.articles())
    dates = [s.published for s in listed if s.published]
    assert len(listed) == 60
    assert dates == sorted(dates, reverse=True)
    assert [s.published for s in listed][: len(dates)] == dates
    assert sixty.payloads(names) == [None] * 4


def test_articles_are_counted_by_language(sixty: Store) -> None:
    everything = list(sixty.articles())
    counted = sixty.languages()
    assert counted == Counter(s.language for s in everything)
    assert list(counted.values()) == sorted(counted.values(), reverse=True)
    where = Filter(since="2026-01-05")
    assert sixty.languages(where) == Counter(s.language for s in sixty.articles(where))


def test_offsets_are_exact(sixty: Store) -> None:
    for summary in sixty.articles():
        text = sixty.article(summary.article_id).text
        for passage in sixty.passages_of(summary.article_id):
            assert text[passage.start : passage.end] == passage.text


def test_unknown_names_are_errors(sixty: Store) -> None:
    with pytest.raises(ArticleMissing, match="index list"):
        sixty.article("0" * 16)
    with pytest.raises(ArticleMissing):
        sixty.summaries(["0" * 16])
    with pytest.raises(StoreError, match="no passage x"):
        sixty.passages(["x"])
    with pytest.raises(StoreMismatch, match="length 48"):
        sixty.dense(np.ones(3, np.float32), 5)


@pytest.mark.parametrize("where", FILTERS)
def test_filters_lose_nothing(sixty: Store, where: Filter) -> None:
    assert_dense_search_keeps_to_filter(sixty, where)
    passing = {s.article_id for s in sixty.articles(where)}
    owners = {p.passage_id for a in passing for p in sixty.passages_of(a)}
    everything = sixty.lexical("台風の発表", 500)
    assert [h for h in everything if h.passage_id in owners] == sixty.lexical(
        "台風の発表", 500, where
    )


@pytest.mark.parametrize("where", FILTERS)
def test_approximate_search_keeps_to_every_filter(sixty_by_index: Store, where: Filter) -> None:
    assert sixty_by_index.describe()["kind"] != "flat"
    assert_dense_search_keeps_to_filter(sixty_by_index, where)


def assert_dense_search_keeps_to_filter(store: Store, where: Filter) -> None:
    query = ENCODER.queries(["台風についての発表"])[0]
    passing = {s.article_id for s in store.articles(where)}
    wanted = brute(range(60), query, where, 7) if passing else []
    found = store.dense(query, 7, where)
    assert {p.article_id for p in store.passages([h.passage_id for h in found])} <= passing
    exact = store.vectors(wanted) @ query if wanted else np.empty(0)
    np.testing.assert_allclose([hit.score for hit in found], exact, atol=1e-4)


def test_every_field_of_a_filter_is_asked_for() -> None:
    for one in fields(Filter):
        assert any(getattr(where, one.name) != one.default for where in FILTERS), one.name


def test_every_field_of_a_filter_is_a_condition() -> None:
    names = frozenset({"b", "a"})
    for one in fields(Filter):
        value = "2026-05-01" if one.name in ("since", "until") else names
        (condition,) = conditions(Filter(**{one.name: value}))  # type: ignore[arg-type]
        assert condition.values == (("2026-05-01",) if value == "2026-05-01" else ("a", "b"))


@pytest.mark.parametrize("question", ["台風の発表", "第31号", "地震 9件", "日銀の次の文", "xyz"])
def test_scores_of_words_are_exact(sixty: Store, question: str) -> None:
    wanted = bm25(texts_of(range(60)), question)
    found = {h.passage_id: h.score for h in sixty.lexical(question, 500)}
    assert found == {name: pytest.approx(score, abs=1e-4) for name, score in wanted.items()}
    assert sixty.lexical_ceiling(question) >= max(found.values(), default=0) * 0.5


def test_a_selective_filter_in_a_large_store_loses_nothing(address: str) -> None:
    """Two passages in a hundred pass, in a store large enough for approximate search."""
    random = np.random.default_rng(3)
    count = 520
    with open_writer(address, fingerprint=SHAPE, encoder="toy:1", dimension=DIMENSION) as writer:
        vectors = random.normal(size=(count, 20, DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
        for number in range(count):
            text = "".join(f"第{number}の{n:02d}文。" for n in range(20))
            edges = [0, *(at + 1 for at, c in enumerate(text) if c == "。")]
            item = replace(
                article(number, text),
                language="fr" if number % 50 == 7 else "ja",
                comments=(),
            )
            passages = [
                Passage(f"{number}-{n}", item.article_id, n, a, b, text[a:b])
                for n, (a, b) in enumerate(itertools.pairwise(edges))
            ]
            keys = [f"{number}-{n}".encode() for n in range(20)]
            writer.put(item, passages, vectors[number], keys)
            writer.set_source(item.source, "1", [(item.article_id, item.article_id)])
        writer.commit()
        writer.keep_up()
    where = Filter(languages=frozenset({"fr"}))
    rows = vectors.reshape(-1, DIMENSION)
    french = [at for at in range(len(rows)) if (at // 20) % 50 == 7]
    reached = []
    with contextlib.closing(open_store(address)) as opened:
        for query in rows[random.choice(len(rows), 20)]:
            scores = rows @ query
            best = sorted(french, key=lambda at, s=scores: -s[at])[:10]
            found = [h.passage_id for h in opened.dense(query, 10, where)]
            assert set(found) == {f"{at // 20}-{at % 20}" for at in best}
            truly = {f"{at // 20}-{at % 20}" for at in np.argsort(-scores)[:10].tolist()}
            reached.append(len(truly & {h.passage_id for h in opened.dense(query, 10)}))
    assert np.mean(reached) >= 9.5


def test_a_running_reader_moves_only_when_asked(filled: str, store: Store) -> None:
    gone, new, changed = article(8), article(100), article(9)
    with open_writer(filled) as writer:
        writer.remove_source(gone.source)
        put(writer, new)
        put(writer, replace(changed, author="someone else"))
        assert writer.commit() == 2
        writer.keep_up()
    assert store.generation == 1
    assert store.article(gone.article_id) == gone
    assert store.article(changed.article_id) == changed
    assert cut(gone)[0].passage_id in {h.passage_id for h in store.lexical(gone.text, 500)}
    near = store.dense(ENCODER.queries([cut(gone)[0].text])[0], 3)
    assert cut(gone)[0].passage_id in {h.passage_id for h in near}
    with pytest.raises(ArticleMissing):
        store.article(new.article_id)
    assert store.refresh()
    assert not store.refresh()
    assert store.generation == 2
    assert store.article(new.article_id) == new
    assert store.article(changed.article_id).author == "someone else"
    with pytest.raises(ArticleMissing):
        store.article(gone.article_id)
    names = {h.passage_id for h in store.lexical(gone.text, 500)}
    names |= {h.passage_id for h in store.dense(ENCODER.queries([gone.text])[0], 500)}
    assert not names & {p.passage_id for p in cut(gone)}
    assert len(names) == 120
    best = store.dense(ENCODER.queries([cut(new)[0].text])[0], 1)
    assert best[0].passage_id == cut(new)[0].passage_id


def test_catching_up_gives_what_opening_afresh_gives(filled: str, store: Store) -> None:
    random = np.random.default_rng(1)
    present = set(range(60))
    for step in range(14):
        with open_writer(filled) as writer:
            for number in random.choice(sorted(present), 3, replace=False).tolist():
                writer.remove_source(f"{number}.md")
                present.discard(number)
            for number in range(1000 + 10 * step, 1003 + 10 * step):
                put(writer, article(number))
                present.add(number)
            writer.commit()
            writer.keep_up(compact=step == 9)
        assert store.refresh()
        query = ENCODER.queries(["地震の第3号"])[0]
        with contextlib.closing(open_store(filled)) as fresh:
            assert fresh.passage_count == store.passage_count == 2 * len(present)
            scores = [
                {h.passage_id: pytest.approx(h.score, abs=1e-4) for h in found}
                for s in (store, fresh)
                for found in (s.dense(query, 200), s.lexical("地震の第3号", 999))
            ]
            assert scores[:2] == scores[2:]
    wanted = bm25(texts_of(present), "地震の第3号")
    found = {h.passage_id: h.score for h in store.lexical("地震の第3号", 999)}
    assert found == {name: pytest.approx(score, abs=1e-4) for name, score in wanted.items()}
    assert [f for f in verify_store(filled) if not f.ok] == []


def test_an_uncommitted_change_leaves_no_trace(filled: str) -> None:
    def fail(writer: StoreWriter) -> None:
        writer.remove_source("3.md")
        put(writer, article(200))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError), open_writer(filled) as writer:
        fail(writer)
    with open_writer(filled) as writer:
        writer.remove_source("4.md")
    with contextlib.closing(open_store(filled)) as opened:
        assert opened.generation == 1
        assert opened.article(article(3).article_id) == article(3)
        assert opened.passage_count == 120
    with open_writer(filled) as writer:
        assert writer.commit() == 1
    assert [f for f in verify_store(filled) if not f.ok] == []


def test_an_article_lives_as_long_as_a_source_holds_it(filled: str) -> None:
    item = article(5)
    with open_writer(filled) as writer:
        writer.set_source("copy.md", None, [(item.article_id, item.article_id)])
        writer.commit()
    with contextlib.closing(open_store(filled)) as opened:
        assert opened.article(item.article_id).sources == ("5.md", "copy.md")
        assert len(list(opened.articles(Filter(sources=frozenset({"copy.md"}))))) == 1
    with open_writer(filled) as writer:
        writer.remove_source("5.md")
        assert writer.sources_to_reread() == ["copy.md"]
        assert writer.source_of_facts(item.article_id) == (
            None,
            writer.source_of_facts(item.article_id)[1],
        )
        writer.commit()
    with contextlib.closing(open_store(filled)) as opened:
        assert opened.article(item.article_id).source == "copy.md"
    with open_writer(filled) as writer:
        writer.remove_source("copy.md")
        writer.commit()
    with contextlib.closing(open_store(filled)) as opened, pytest.raises(ArticleMissing):
        opened.article(item.article_id)


def test_a_second_writer_is_told_who_writes(filled: str) -> None:
    holder = r"process \d+ on .* \(since 20"
    with open_writer(filled), pytest.raises(StoreLocked, match=holder), open_writer(filled):
        pass
    fill(filled, range(1))


def test_a_second_writer_can_wait(filled: str) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with open_writer(filled):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    with open_writer(filled, wait=20) as writer:
        assert writer.generation == 1
    holder.join(120)


def test_readers_never_see_half_an_article(filled: str) -> None:
    """Each article's passages all say which version they are of, while it changes."""
    name = "changing.md"

    def version(number: int) -> Article:
        text = "".join(f"版{number}の文{part}は台風の発表。" for part in range(6))
        return replace(article(500, text), source=name, sources=(name,))

    def write(writer: StoreWriter, number: int) -> None:
        item = version(number)
        edges = [0, *(at + 1 for at, c in enumerate(item.text) if c == "。")]
        passages = [
            Passage(f"{item.article_id}-{n}", item.article_id, n, a, b, item.text[a:b])
            for n, (a, b) in enumerate(itertools.pairwise(edges))
        ]
        keys = [f"{number}-{n}".encode() for n in range(len(passages))]
        writer.put(item, passages, ENCODER.passages([p.text for p in passages]), keys)
        writer.set_source(name, None, [(item.article_id, item.article_id)])

    wrong: list[str] = []
    seen: set[int] = set()
    stop = threading.Event()

    def ask(own: bool) -> None:
        with contextlib.closing(open_store(filled)) as reader:
            query = ENCODER.queries(["台風の発表"])[0]
            while not stop.is_set():
                reader.refresh()
                seen.add(reader.generation)
                try:
                    found = reader.dense(query, 400) if own else reader.lexical("版の文は", 400)
                    texts = [p.text for p in reader.passages([h.passage_id for h in found])]
                except StoreError as exc:
                    wrong.append(str(exc))
                    continue
                versions = [t.split("の文")[0] for t in texts if t.startswith("版")]
                if versions and (len(versions) != 6 or len(set(versions)) != 1):
                    wrong.append(str(versions))

    threads = [threading.Thread(target=ask, args=(n % 2 == 0,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for number in range(15):
        with open_writer(filled) as writer:
            write(writer, number)
            writer.commit()
            writer.keep_up()
    stop.set()
    for thread in threads:
        thread.join(120)
    assert wrong == []
    assert len(seen) > 2


def test_another_model_replaces_the_store_at_once(filled: str) -> None:
    with contextlib.closing(open_store(filled)) as reader:
        with open_writer(filled, fingerprint="other", encoder="o", dimension=DIMENSION) as writer:
            assert writer.replaces
            put(writer, article(1))
            assert not reader.refresh()
            writer.commit()
            writer.keep_up()
        assert reader.article(article(2).article_id) == article(2)
        assert reader.refresh()
        assert (reader.generation, reader.fingerprint) == (2, "other")
        assert len(list(reader.articles())) == 1
        assert reader.dense(ENCODER.queries(["台風"])[0], 9)
        for generation in (3, 4):
            with open_writer(
                filled, fingerprint=f"more {generation}", encoder="o", dimension=DIMENSION
            ) as writer:
                put(writer, article(generation))
                assert writer.commit() == generation
        assert reader.refresh()
        assert reader.article(article(4).article_id) == article(4)


def test_a_replacement_that_fails_leaves_the_old_store(filled: str) -> None:
    before = store_size(filled)

    def fail(writer: StoreWriter) -> None:
        assert writer.replaces
        raise RuntimeError("stop")

    with (
        pytest.raises(RuntimeError),
        open_writer(filled, fingerprint="other", dimension=4) as writer,
    ):
        fail(writer)
    with contextlib.closing(open_store(filled)) as opened:
        assert (opened.generation, opened.fingerprint) == (1, SHAPE)
    assert store_size(filled) <= before * 1.1 + 100_000


def test_a_missing_store_is_said_to_be_missing(address: str) -> None:
    with pytest.raises(StoreMissing, match="konkyo index build"):
        open_store(address)
    with pytest.raises(StoreMissing), open_writer(address):
        pass
    with pytest.raises(StoreMissing):
        verify_store(address)


def test_builds_are_the_same_everywhere(address: str, tmp_path: Path) -> None:
    """The whole life of a folder of articles, ending equal to a folder store's."""
    news = write_stories(tmp_path / "news", 24)
    other = str(tmp_path / "reference")
    states = []
    for where in (address, other):
        write_stories(news, 24)
        encoder = ToyEncoder()
        first = build([str(news)], where, encoder)
        assert (first.added, first.generation) == (24, 1)
        again = build([str(news)], where, encoder)
        assert (again.unchanged, again.generation, again.embedded) == (24, 1, 0)
        write_story(news, 3, version=2)
        (news / "0004.md").unlink()
        changed = build([str(news)], where, encoder)
        assert (changed.changed, changed.removed, changed.unchanged) == (1, 1, 22)
        with contextlib.closing(open_store(where)) as opened:
            victim = sorted(s.article_id for s in opened.articles())[0]
        remove([victim], where)
        passed = build([str(news)], where, encoder)
        assert (passed.added, passed.unchanged) == (0, 22)
        with contextlib.closing(open_store(where)) as opened:
            assert [e.article_id for e in opened.exclusions()] == [victim]
        count = len(encoder.encoded)
        rebuilt = build([str(news)], where, encoder, rebuild=True)
        assert (rebuilt.excluded, len(encoder.encoded)) == (1, count)
        take_back([victim], where)
        assert build([str(news)], where, encoder).added == 1
        assert min(compact(where)) > 0
        assert [f for f in verify_store(where) if not f.ok] == []
        states.append(state(where))
    assert states[0] == states[1]


def test_facts_too_long_for_an_engine_stop_no_build(address: str, tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    digits = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(60))
    for number, length in enumerate((1970, 3800)):
        (news / f"{number}.md").write_text(
            f"---\nurl: https://n.example/{digits[:length]}\noutlet: {'新' * 1000}\n---\n"
            f"{'One' if number else 'Two'} bridges were opened in Takamatsu."
        )
    assert build([str(news)], address, ToyEncoder()).failures == ()
    with contextlib.closing(open_store(address)) as store:
        kept = sorted((len(a.url or ""), a.outlet) for a in store.articles())
    assert kept == [(0, "新" * 200), (1988, "新" * 200)]


def test_the_last_change_is_undone_and_done_again(address: str, tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 24)
    encoder = ToyEncoder()
    build([str(news)], address, encoder)
    with pytest.raises(StoreError, match="no earlier generation"):
        undo(address)

    def rewrite() -> None:
        for number in range(6):
            write_story(news, number, version=2)
        for number in range(6, 12):
            (news / f"{number:04d}.md").unlink()
        for number in range(30, 33):
            write_story(news, number)
        path = news / "0020.md"
        path.write_text(path.read_text("utf-8").replace("outlet: ", "outlet: 新"), "utf-8")
        build([str(news)], address, encoder, confirm=yes)

    def take_out() -> None:
        with contextlib.closing(open_store(address)) as opened:
            victims = sorted(s.article_id for s in opened.articles())[:2]
        remove(victims, address)

    def recut() -> None:
        build([str(news)], address, encoder, ChunkSettings(budget=60))

    for change in (rewrite, take_out, recut):
        before = state(address)
        change()
        after = state(address)
        assert searched(after) != searched(before)
        with contextlib.closing(open_store(address)) as reader:
            for expected in (before, after, before, after):
                generation, _ = undo(address)
                assert searched(state(address)) == searched(expected)
                assert reader.refresh()
                assert reader.generation == generation
                (vector,) = encoder.queries(["台風についての発表"])
                assert len(reader.dense(vector, 500)) == reader.passage_count
                assert {h.passage_id for h in reader.lexical("発表", 500)} == {
                    h.passage_id for h in reader.dense(vector, 500)
                }
        assert [f for f in verify_store(address) if not f.ok] == []


def test_removed_for_good_is_known_by_its_text(address: str, tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 12)
    build([str(news)], address, ToyEncoder())
    with contextlib.closing(open_store(address)) as opened:
        victim = next(s for s in opened.articles() if s.source.endswith("0003.md"))
    remove([victim.article_id], address)
    path = news / "0003.md"
    path.write_text(path.read_text("utf-8").replace("title: ", "title: 改題 "), "utf-8")
    (news / "copy.md").write_text(path.read_text("utf-8").replace("改題", "別題"), "utf-8")
    for rebuild in (False, True):
        report = build([str(news)], address, ToyEncoder(), rebuild=rebuild)
        assert report.excluded == 2
        with contextlib.closing(open_store(address)) as opened:
            assert len(list(opened.articles())) == 11
    take_back([victim.article_id], address)
    assert build([str(news)], address, ToyEncoder()).added == 1


def test_taking_back_a_removed_article_can_be_undone(address: str, tmp_path: Path) -> None:
    build([str(write_stories(tmp_path / "news", 6))], address, ToyEncoder())
    with contextlib.closing(open_store(address)) as opened:
        victim = next(opened.articles()).article_id
    remove([victim], address)
    take_back([victim], address)
    for expected in ([victim], [], [victim]):
        undo(address)
        with contextlib.closing(open_store(address)) as opened:
            assert [e.article_id for e in opened.exclusions()] == expected


def searched(state: dict[str, object]) -> dict[str, object]:
    """A state without its generation."""
    facts = state["facts"]
    assert isinstance(facts, tuple)
    return {**state, "facts": facts[:2]}


def test_a_build_after_an_undo_reads_what_was_undone(address: str, tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 10)
    build([str(news)], address, ToyEncoder())
    write_story(news, 3, version=2)
    write_story(news, 11)
    build([str(news)], address, ToyEncoder())
    after = state(address)
    undo(address)
    report = build([str(news)], address, ToyEncoder())
    assert (report.added, report.changed, report.unchanged) == (1, 1, 9)
    assert sorted(s["article_id"] for s in state(address)["listed"]) == sorted(  # type: ignore[attr-defined]
        s["article_id"]
        for s in after["listed"]  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_mistyped_missing_or_empty_source_removes_nothing(
    address: str, tmp_path: Path, rebuild: bool
) -> None:
    news = write_stories(tmp_path / "news", 24)
    build([str(news)], address, ToyEncoder())
    before = searched(state(address))
    write_stories(tmp_path / "other", 2)
    (tmp_path / "empty").mkdir()
    for wrong in ("no/such/dir", "empty", "nothing-*.md", "x" * 300):
        report = build([str(tmp_path / wrong)], address, ToyEncoder(), rebuild=rebuild)
        assert [f.source for f in report.failures] == [str(tmp_path / wrong)]
        assert searched(state(address)) == before
    news.rename(tmp_path / "away")
    news.mkdir()
    sources = [str(news), str(tmp_path / "other" / "0001.md")]
    report = build(sources, address, ToyEncoder(), rebuild=rebuild)
    assert [f.source for f in report.failures] == [str(news)]
    with contextlib.closing(open_store(address)) as opened:
        assert len(list(opened.articles())) == 24
    assert [f for f in verify_store(address) if not f.ok] == []


def test_other_chunks_are_cut_from_the_old_text_where_sources_are_gone(
    address: str, tmp_path: Path
) -> None:
    news = write_stories(tmp_path / "news", 12)
    build([str(news)], address, ToyEncoder())
    expected = str(tmp_path / "expected")
    build([str(news)], expected, ToyEncoder(), ChunkSettings(budget=60))
    for path in news.iterdir():
        path.unlink()
    report = build([str(news)], address, ToyEncoder(), ChunkSettings(budget=60))
    assert (report.carried, len(report.failures)) == (12, 1)
    states = [searched(state(where)) for where in (address, expected)]
    assert states[0] == states[1]


def state(address: str) -> dict[str, object]:
    """All a store keeps, comparable."""
    with contextlib.closing(open_store(address)) as opened:
        articles = sorted(s.article_id for s in opened.articles())
        kept = opened.kept(articles)
        return {
            "articles": [k.article for k in kept],
            "passages": [k.passages for k in kept],
            "keys": [k.keys for k in kept],
            "bands": [k.bands for k in kept],
            "vectors": [k.vectors.tobytes() for k in kept],
            "places": opened.kept_places(),
            "sources": sorted(opened.stamps()),
            "exclusions": opened.exclusions(),
            "listed": [asdict(s) for s in opened.articles()],
            "facts": (opened.fingerprint, opened.passage_count, opened.generation),
        }


def test_a_renewed_store_leaves_the_old_one_where_it_is(filled: str) -> None:
    with contextlib.closing(open_store(filled)) as held:
        assert held.renewed() is held
        before = [asdict(s) for s in held.articles()]
        for rebuild in (False, True):
            with open_writer(
                filled, fingerprint=SHAPE, encoder="toy:1", dimension=DIMENSION, rebuild=rebuild
            ) as writer:
                for source in sorted(writer.stamps())[:5]:
                    writer.remove_source(source)
                put(writer, article(200 + rebuild))
                writer.commit()
                writer.keep_up()
            with contextlib.closing(held.renewed()) as newer:
                assert newer is not held
                assert newer.generation == 2 + rebuild
                assert newer.article(article(200 + rebuild).article_id).source
                assert held.generation == 1
                assert [asdict(s) for s in held.articles()] == before
                assert len(held.lexical("台風", 500)) == len(
                    {h.passage_id for h in held.lexical("台風", 500)}
                )
                (vector,) = ENCODER.queries(["台風"])
                assert len(held.passages([h.passage_id for h in held.dense(vector, 200)])) == 120
                if not rebuild:
                    assert newer.renewed() is newer
            if "://" in filled:
                break  # Closing one closes the connections of both.


def test_adding_with_another_model_is_refused(filled: str, tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 2)
    with pytest.raises(StoreMismatch, match="another model"):
        build([str(news)], filled, ToyEncoder("other"), prune=False)


# -- what only servers have ------------------------------------------------------------------------


def test_a_password_is_never_shown(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = postgres.dsn("postgres").replace(PASSWORD, "wr0ng-and-secret")
    with pytest.raises(StoreUnreachable, match=r"konkyo:\*\*\*@") as failure:
        open_store(wrong)
    told = [str(failure.value), repr(failure.value)]
    cause: BaseException | None = failure.value
    while cause is not None:
        told.append(str(cause))
        cause = cause.__cause__
    assert not [text for text in told if "wr0ng" in text]
    plain = postgres.dsn("nothing").replace(f":{PASSWORD}", "")
    monkeypatch.setenv("KONKYO_STORE_PASSWORD", PASSWORD)
    with pytest.raises(StoreUnreachable, match="does not exist"):
        open_store(plain)
    with pytest.raises(StoreMissing):
        open_store(postgres.dsn("postgres").replace(f":{PASSWORD}", ""))


ADDRESSES: list[tuple[str, str]] = [
    ("postgresql://u:p@ss@h/db", "postgresql://u:***@h/db"),
    (
        "postgresql://u@h/db?password=x&sslmode=require",
        "postgresql://u@h/db?password=***&sslmode=require",
    ),
    ("postgresql://a:1,b:2/db", "postgresql://a:1,b:2/db"),
    (
        "milvus://t:s@h:1/c?truth=postgresql%3A//u%3Asecret%40h/db",
        "milvus://t:***@h:1/c?truth=postgresql://u:***@h/db",
    ),
    ("milvus://h/c?truth=postgresql://u:s@h/db", "milvus://h/c?truth=postgresql://u:***@h/db"),
    (".konkyo/store", ".konkyo/store"),
]


@pytest.mark.parametrize(("plain", "shown"), ADDRESSES)
def test_addresses_are_masked(plain: str, shown: str) -> None:
    assert masked(plain) == shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("postgresql://h/db?store=No-Name", "cannot be a store's name"),
        ("milvus://h/c", "name the database of the articles"),
        ("milvus://h/c?truth=somewhere", "name the database of the articles"),
        ("redis://h/c", "not supported"),
    ],
)
def test_wrong_addresses_say_what_is_right(wrong: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_store(wrong)


def test_stores_of_one_database_do_not_meet(postgres: Postgres) -> None:
    database = postgres.make("several")
    fill(f"{database}?store=one", range(3))
    fill(f"{database}?store=two", range(5))
    with open_writer(f"{database}?store=one"):
        fill(f"{database}?store=two", range(6))
    for name, count in (("one", 3), ("two", 6)):
        with contextlib.closing(open_store(f"{database}?store={name}")) as opened:
            assert len(list(opened.articles())) == count


def test_a_rebuild_keeps_the_truth_before_and_no_more(postgres: Postgres) -> None:
    address = postgres.make("kept")
    fill(address, range(3))
    for number in range(3):
        with open_writer(
            address, fingerprint=f"f{number}", encoder="toy:1", dimension=DIMENSION
        ) as writer:
            put(writer, article(number))
            writer.commit()
    schemas = postgres.run(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'konkyo\\_%'", "kept"
    )
    (row,) = postgres.run("SELECT truth, previous FROM konkyo.stores", "kept")
    assert {name for (name,) in schemas} == set(row)


@pytest.mark.parametrize("engine", ["postgresql", "milvus"])
def test_what_was_superseded_long_ago_is_removed(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = new_address(engine, f"old_{engine}", tmp_path, request)
    fill(address, range(20))
    with contextlib.closing(open_store(address)) as reader:
        monkeypatch.setattr("konkyo.index.stores.postgres.transaction.KEEP_SECONDS", -1)
        for number in range(4):
            with open_writer(address) as writer:
                writer.remove_source(f"{number}.md")
                put(writer, article(100 + number))
                writer.commit()
                writer.keep_up(compact=number == 2)
        with pytest.raises(StoreError, match="superseded long ago"):
            reader.article(article(0).article_id)
        assert reader.refresh()
        assert reader.passage_count == 40
        assert len(reader.dense(ENCODER.queries(["台風"])[0], 100)) == 40
    assert [f for f in verify_store(address) if not f.ok] == []
    server: Postgres = request.getfixturevalue("postgres")
    ((truth,),) = server.run("SELECT truth FROM konkyo.stores", f"old_{engine}")
    ((count,),) = server.run(f'SELECT count(*) FROM "{truth}".passages', f"old_{engine}")
    assert count == 42
