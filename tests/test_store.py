"""A store keeps what it was given, shows one generation at a time and never answers from damage."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import (
    ArticleMissing,
    KonkyoError,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
    UsageError,
)
from konkyo.index.records import Article, Filter, Passage, article_id_for
from konkyo.index.stores.base import SearchLimits, Store, StoreWriter
from konkyo.index.stores.findings import PassageOrder
from konkyo.index.stores.local.checks import verify
from konkyo.index.stores.local.database import connect
from konkyo.index.stores.local.lock import write_lock
from konkyo.index.stores.local.reader import LocalStore
from konkyo.index.stores.local.segment_writer import keep_up
from konkyo.index.stores.local.snapshot import CheckedRows, Snapshot, SnapshotWriter, _row_sums
from konkyo.index.stores.local.vector_index import DenseIndex, build_ivf, unit_scores
from konkyo.index.stores.open import encoder_of, open_store, open_writer, store_fingerprint

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import DIMENSION, SUBJECTS, ToyEncoder

ENCODER = ToyEncoder()
SHAPE = "toy:1 chunks=1:64:0"


def article(number: int, text: str | None = None, **facts: str) -> Article:
    title = f"第{number}報"
    body = text or (
        f"{SUBJECTS[number % 8]}について第{number}号の発表があった。"
        f"次の文は{number * 3}件を数える。終わり。"
    )
    plain = Article(
        article_id=article_id_for(title, body),
        title=title,
        text=body,
        language=("ja", "en", "ko")[number % 3],
        source=f"{number}.md",
        published=None if number % 10 == 9 else f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        outlet=("曙新聞", "Wire")[number % 2],
        url=f"https://example.org/{number}",
        sources=(f"{number}.md",),
        comments=("> 読者の声",),
    )
    return replace(plain, **facts)


def cut(item: Article) -> list[Passage]:
    edge = item.text.index("。") + 1
    spans = [(0, edge), (edge, len(item.text))]
    return [
        Passage(f"{item.article_id}-{n}", item.article_id, n, a, b, item.text[a:b])
        for n, (a, b) in enumerate(spans)
    ]


def put(writer: StoreWriter, item: Article) -> None:
    passages = cut(item)
    texts = [p.text for p in passages]
    keys = [hashlib.blake2b(t.encode(), digest_size=16).digest() for t in texts]
    writer.put(item, passages, ENCODER.passages(texts), keys)
    writer.set_source(item.source, "1", [(item.article_id, item.article_id)])


def fill(folder: Path, numbers: range, *, keep_up: bool = True) -> int:
    with open_writer(folder, fingerprint=SHAPE, encoder="toy:1", dimension=DIMENSION) as writer:
        for number in numbers:
            put(writer, article(number))
        generation = writer.commit()
        if keep_up:
            writer.keep_up()
    return generation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "store", range(60))
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[LocalStore]:
    with LocalStore(folder) as opened:
        yield opened


def brute(numbers: range, query: Vectors, where: Filter, k: int) -> list[str]:
    """What flat search over everything that passes the filter would find."""
    rows = []
    for item in map(article, numbers):
        date = item.published
        if where.since and (date is None or date < where.since):
            continue
        if where.until and (date is None or date > where.until):
            continue
        if where.languages and item.language not in where.languages:
            continue
        if item.language in where.other_languages_than:
            continue
        if where.outlets and item.outlet not in where.outlets:
            continue
        if where.sources and item.source not in where.sources:
            continue
        for passage in cut(item):
            rows.append((passage.passage_id, ENCODER.passages([passage.text])[0]))
    scores = unit_scores(np.stack([v for _, v in rows]).astype(np.float16), query)
    return [rows[i][0] for i in np.argsort(-scores, kind="stable")[:k]]


def test_a_store_is_a_store(store: LocalStore) -> None:
    seen: Store = store
    assert (seen.generation, seen.fingerprint, encoder_of(seen.fingerprint)) == (1, SHAPE, "toy:1")
    assert store_fingerprint("toy:1", 64, 0) == SHAPE


def test_articles_come_back_whole(store: LocalStore) -> None:
    for number in (0, 9, 31):
        assert store.article(article(number).article_id) == article(number)


def test_passages_and_vectors_come_in_the_order_asked_for(store: LocalStore) -> None:
    wanted = [cut(article(n))[n % 2] for n in (5, 3, 44, 3)]
    names = [p.passage_id for p in wanted]
    assert store.passages(names) == wanted
    assert store.passages_of(article(7).article_id) == cut(article(7))
    vectors = store.vectors(names)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors, ENCODER.passages([p.text for p in wanted]), atol=1e-3)


def test_summaries_and_lists(store: LocalStore) -> None:
    items = [article(4), article(2)]
    summaries = store.summaries([a.article_id for a in items])
    assert [(s.title, s.passages, s.outlet) for s in summaries] == [
        ("第4報", 2, "曙新聞"),
        ("第2報", 2, "曙新聞"),
    ]
    dates = [s.published for s in store.articles()]
    dated = [d for d in dates if d]
    assert len(dates) == 60
    assert dated == sorted(dated, reverse=True)
    assert dates[: len(dated)] == dated
    assert {s.language for s in store.articles(Filter(languages=frozenset({"ko"})))} == {"ko"}


def test_unknown_names_are_errors(store: LocalStore) -> None:
    with pytest.raises(ArticleMissing, match="index list"):
        store.article("0" * 16)
    with pytest.raises(ArticleMissing):
        store.summaries(["0" * 16])
    with pytest.raises(StoreError, match="no passage x"):
        store.passages(["x"])
    with pytest.raises(StoreMismatch, match="length 48"):
        store.dense(np.ones(3, np.float32), 5)


FILTERS = [
    Filter(),
    Filter(since="2026-05-01"),
    Filter(since="2026-02-01", until="2026-03-31"),
    Filter(languages=frozenset({"ja", "ko"})),
    Filter(other_languages_than=frozenset({"ja"})),
    Filter(since="2026-02-01", other_languages_than=frozenset({"ja", "en"})),
    Filter(outlets=frozenset({"曙新聞", 'a "quoted\\ name'})),
    Filter(outlets=frozenset({"Wire"}), until="2026-06-30"),
    Filter(sources=frozenset({"17.md"})),
    Filter(sources=frozenset({"no such"})),
]


@pytest.mark.parametrize("where", FILTERS)
def test_filters_lose_nothing(store: LocalStore, where: Filter) -> None:
    query = ENCODER.queries(["台風についての発表"])[0]
    passing = {s.article_id for s in store.articles(where)}
    if not passing:
        assert store.dense(query, 7, where) == []
        assert store.lexical("台風の発表", 7, where) == []
        return
    found = store.dense(query, 7, where)
    wanted = brute(range(60), query, where, 7)
    assert len(found) == len(wanted)
    assert found == sorted(found, key=lambda hit: -hit.score)
    texts = store.passages([hit.passage_id for hit in found])
    assert {p.article_id for p in texts} <= passing
    exact = unit_scores(store.vectors(wanted).astype(np.float16), query)
    np.testing.assert_allclose([hit.score for hit in found], exact, atol=2e-3)
    lexical = store.lexical("台風の発表", 500, where)
    everything = store.lexical("台風の発表", 500)
    owners = dict(
        zip(
            [h.passage_id for h in everything],
            [p.article_id for p in store.passages([h.passage_id for h in everything])],
            strict=True,
        )
    )
    assert lexical == [hit for hit in everything if owners[hit.passage_id] in passing]


def test_a_running_reader_moves_only_when_asked(folder: Path, store: LocalStore) -> None:
    gone, new = article(8), article(100)
    with open_writer(folder) as writer:
        writer.remove_source(gone.source)
        put(writer, new)
        writer.commit()
        writer.keep_up()
    assert store.generation == 1
    assert store.article(gone.article_id) == gone
    with pytest.raises(ArticleMissing):
        store.article(new.article_id)
    assert store.refresh()
    assert not store.refresh()
    assert store.generation == 2
    assert store.article(new.article_id) == new
    with pytest.raises(ArticleMissing):
        store.article(gone.article_id)
    names = {h.passage_id for h in store.lexical(gone.text, 500)}
    names |= {h.passage_id for h in store.dense(ENCODER.queries([gone.text])[0], 500)}
    assert not names & {p.passage_id for p in cut(gone)}
    assert (
        cut(new)[0].passage_id
        == store.dense(ENCODER.queries([cut(new)[0].text])[0], 1)[0].passage_id
    )


def test_catching_up_gives_what_opening_afresh_gives(folder: Path, store: LocalStore) -> None:
    random = np.random.default_rng(1)
    present = set(range(60))
    for step in range(14):
        with open_writer(folder) as writer:
            for number in random.choice(sorted(present), 3, replace=False):
                writer.remove_source(f"{number}.md")
                present.discard(int(number))
            for number in range(1000 + 40 * step, 1000 + 40 * step + 5 + 30 * (step % 3)):
                put(writer, article(number))
                present.add(number)
            writer.commit()
            if step % 2:
                writer.keep_up()
        assert store.refresh()
        query = ENCODER.queries(["地震の第3号"])[0]
        with LocalStore(folder) as fresh:
            assert fresh.passage_count == store.passage_count == 2 * len(present)
            assert {h.passage_id for h in store.dense(query, 20)} == {
                h.passage_id for h in fresh.dense(query, 20)
            }
            lexical = [
                {
                    h.passage_id: pytest.approx(h.score, rel=1e-4)
                    for h in s.lexical("地震の第3号", 9999)
                }
                for s in (store, fresh)
            ]
            assert lexical[0] == lexical[1]
    assert all(finding.ok for finding in verify(folder))


def test_an_uncommitted_change_leaves_no_trace(folder: Path) -> None:
    with open_writer(folder) as writer:
        writer.remove_source("3.md")
        put(writer, article(200))
    with LocalStore(folder) as opened:
        assert opened.generation == 1
        assert opened.article(article(3).article_id) == article(3)


def test_nothing_changed_is_no_new_generation(folder: Path) -> None:
    with open_writer(folder) as writer:
        assert writer.commit() == 1


def test_an_article_lives_as_long_as_a_source_holds_it(folder: Path) -> None:
    item = article(5)
    with open_writer(folder) as writer:
        writer.set_source("copy.md", "1", [(item.article_id, item.article_id)])
        writer.commit()
    with LocalStore(folder) as opened:
        assert opened.article(item.article_id).sources == ("5.md", "copy.md")
    with open_writer(folder) as writer:
        writer.remove_source("5.md")
        assert writer.sources_to_reread() == ["copy.md"]
        writer.commit()
    with LocalStore(folder) as opened:
        assert opened.article(item.article_id).sources == ("copy.md",)
        assert opened.article(item.article_id).source == "copy.md"
    with open_writer(folder) as writer:
        writer.remove_source("copy.md")
        writer.commit()
    with LocalStore(folder) as opened, pytest.raises(ArticleMissing):
        opened.article(item.article_id)


def test_a_second_writer_is_told_who_writes(folder: Path) -> None:
    holder = rf"process {os.getpid()} on .* \(since 20"
    with open_writer(folder), pytest.raises(StoreLocked, match=holder):
        fill(folder, range(1))
    fill(folder, range(1))


def test_a_second_writer_can_wait(folder: Path) -> None:
    entered = threading.Event()
    leave = threading.Event()

    def hold() -> None:
        with open_writer(folder):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    with open_writer(folder, wait=20) as writer:
        assert writer.generation == 1
    holder.join(120)


def test_threads_share_a_store_while_it_changes(folder: Path) -> None:
    wrong: list[str] = []
    stop = threading.Event()
    with LocalStore(folder) as shared:

        def ask() -> None:
            query = ENCODER.queries(["台風"])[0]
            while not stop.is_set():
                for hit in [*shared.dense(query, 5), *shared.lexical("台風の発表", 5)]:
                    try:
                        passage = shared.passages([hit.passage_id])[0]
                        text = shared.article(passage.article_id).text
                    except StoreError as exc:
                        # Refreshed by another thread in between: said, never made up.
                        if "no passage" not in str(exc) and not isinstance(exc, ArticleMissing):
                            wrong.append(str(exc))
                        continue
                    if text[passage.start : passage.end] != passage.text:
                        wrong.append(passage.passage_id)

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(300, 320):
            fill(folder, range(number, number + 1))
            shared.refresh()
        stop.set()
        for thread in threads:
            thread.join(120)
        assert shared.generation == 21
    assert wrong == []


def test_no_search_names_passages_of_another_generation(folder: Path) -> None:
    """Rebuilds give every passage another number; a search knows only its own numbers."""
    wrong: list[str] = []
    stop = threading.Event()
    expected = {f"{article(n).title}": article(n).article_id for n in range(20)}

    with LocalStore(folder) as shared:

        def ask() -> None:
            while not stop.is_set():
                for title, article_id in expected.items():
                    (hit, *_) = shared.lexical(title, 1) or [None]
                    if hit is None or not hit.passage_id.startswith(article_id):
                        wrong.append(f"{title}: {hit}")

        titles = list(expected)
        expected = {
            title: shared.lexical(title, 1)[0].passage_id.rpartition("-")[0] for title in titles
        }
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for swap in range(30):
            with open_writer(
                folder, fingerprint=f"{SHAPE}{swap}", encoder="toy:1", dimension=DIMENSION
            ) as writer:
                for number in sorted(range(60), key=lambda n: (n * 37 + swap * 11) % 60):
                    put(writer, article(number))
                writer.commit()
            shared.refresh()
        stop.set()
        for thread in threads:
            thread.join(120)
    assert wrong == []


def test_another_model_replaces_the_store_with_one_rename(folder: Path) -> None:
    with LocalStore(folder) as reader:
        with open_writer(folder, fingerprint="other", encoder="o", dimension=DIMENSION) as writer:
            put(writer, article(1))
            assert not reader.refresh()
            writer.commit()
            writer.keep_up()
        assert reader.article(article(2).article_id) == article(2)
        assert reader.refresh()
        assert (reader.generation, reader.fingerprint) == (2, "other")
        assert len(list(reader.articles())) == 1
    # The one before is kept until the next change.
    assert len(list(folder.glob("truth-*.sqlite"))) == 2
    with open_writer(folder) as writer:
        put(writer, article(3))
        writer.commit()
    assert len(list(folder.glob("truth-*.sqlite"))) == 1


def test_a_replacement_that_fails_leaves_the_old_store(folder: Path) -> None:
    with pytest.raises(RuntimeError), open_writer(folder, fingerprint="other", dimension=4):
        raise RuntimeError("stop")
    with LocalStore(folder) as opened:
        assert (opened.generation, opened.fingerprint) == (1, SHAPE)
    assert len(list(folder.glob("truth-*.sqlite"))) == 1


# -- addresses -----------------------------------------------------------------------------------


def test_addresses(folder: Path, tmp_path: Path) -> None:
    open_store(str(folder)).close()
    open_store(f"file://{folder}").close()
    with pytest.raises(UsageError, match="not supported"):
        open_store("s3://bucket/news")
    with pytest.raises(StoreMissing, match="konkyo index build"):
        open_store(tmp_path / "nothing")
    with pytest.raises(StoreMissing), open_writer(tmp_path / "nothing"):
        pass
    assert not (tmp_path / "nothing").exists()


# -- damage --------------------------------------------------------------------------------------

QUESTIONS = ["台風についての発表", "第31号", "地震 9件", "日銀の次の文"]


def answers(folder: Path) -> list[object]:
    with LocalStore(folder) as opened:
        found: list[object] = []
        for question in QUESTIONS:
            for hits in (
                opened.dense(ENCODER.queries([question])[0], 10),
                opened.lexical(question, 10),
            ):
                # Which of several last ones with one score comes in is nobody's promise.
                sure = [h for h in hits if h.score > hits[-1].score + 1e-4]
                names = sorted(h.passage_id for h in sure)
                passages = opened.passages(names)
                found.append([round(h.score, 3) for h in hits])
                found.append({h.passage_id: round(h.score, 3) for h in sure})
                found.append(passages)
                found.append(opened.summaries([p.article_id for p in passages]))
            found.append(round(opened.lexical_ceiling(question), 3))
        return found


def test_any_damage_to_caches_changes_no_answer(tmp_path: Path) -> None:
    """Flip, cut, empty, remove and swap every file of every cache: the truth answers instead."""
    healthy = tmp_path / "healthy"
    fill(healthy, range(300))
    expected = answers(healthy)
    foreign = tmp_path / "foreign"
    fill(foreign, range(500, 900))
    random = np.random.default_rng(7)
    files = sorted(p.relative_to(healthy) for p in healthy.glob("seg-*/*"))
    assert len(files) > 10
    for name in files:
        for harm in ("flip", "cut", "empty", "gone", "foreign"):
            folder = tmp_path / "harmed"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(healthy, folder)
            path = folder / name
            data = bytearray(path.read_bytes())
            if harm == "flip" and data:
                data[random.integers(len(data))] ^= 1 << int(random.integers(8))
                path.write_bytes(data)
            elif harm == "cut":
                path.write_bytes(data[: len(data) // 2])
            elif harm == "empty":
                path.write_bytes(b"")
            elif harm == "gone":
                path.unlink()
            elif harm == "foreign":
                other = next(foreign.glob(f"seg-*/{path.name}"))
                path.write_bytes(other.read_bytes())
            assert answers(folder) == expected, (name, harm)


def test_a_segment_of_another_store_is_not_believed(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(200))
    fill(tmp_path / "b", range(500, 700))
    expected = answers(tmp_path / "a")
    ours = next((tmp_path / "a").glob("seg-*"))
    theirs = next((tmp_path / "b").glob("seg-*"))
    shutil.rmtree(ours)
    shutil.copytree(theirs, ours)
    assert any("another store" in f.detail for f in verify(tmp_path / "a") if not f.ok)
    assert answers(tmp_path / "a") == expected
    fill(tmp_path / "a", range(200, 201))
    assert all(f.ok for f in verify(tmp_path / "a"))


def test_no_bit_of_the_truth_flips_unnoticed(tmp_path: Path) -> None:
    """Whatever bit flips, an answer is right or an error; it is never quietly another one."""
    healthy = tmp_path / "healthy"
    fill(healthy, range(40), keep_up=False)
    expected = answers(healthy)
    truth = next(healthy.glob("truth-*.sqlite"))
    random = np.random.default_rng(11)
    noticed = 0
    for _ in range(150):
        folder = tmp_path / "harmed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(healthy, folder)
        path = folder / truth.name
        data = bytearray(path.read_bytes())
        data[random.integers(len(data))] ^= 1 << int(random.integers(8))
        path.write_bytes(data)
        try:
            assert answers(folder) == expected
        except StoreError:
            noticed += 1
    assert noticed > 5


@pytest.mark.parametrize("harm", ["empty", "text", "half", "other sqlite", "pointer", "gone"])
def test_a_lost_truth_is_said_and_can_be_rebuilt(folder: Path, harm: str) -> None:
    truth = next(folder.glob("truth-*.sqlite"))
    for end in ("-wal", "-shm"):
        truth.with_name(truth.name + end).unlink(missing_ok=True)
    if harm == "empty":
        truth.write_bytes(b"")
    elif harm == "text":
        truth.write_text("not a database, " * 100)
    elif harm == "half":
        truth.write_bytes(truth.read_bytes()[: truth.stat().st_size // 3])
    elif harm == "other sqlite":
        truth.unlink()
        with sqlite3.connect(truth) as other:
            other.execute("CREATE TABLE meta (key, value)")
        other.close()
    elif harm == "pointer":
        (folder / "CURRENT").write_text("../../etc/passwd\n")
    else:
        truth.unlink()
    with pytest.raises(StoreDamaged, match=r"rebuild|Konkyo index"):
        answers(folder)
    findings = verify(folder)
    assert any(not f.ok and "--rebuild" in f.advice for f in findings)
    with open_writer(
        folder, fingerprint=SHAPE, encoder="toy:1", dimension=DIMENSION, rebuild=True
    ) as writer:
        put(writer, article(1))
        writer.commit()
        writer.keep_up()
    with LocalStore(folder) as opened:
        assert opened.article(article(1).article_id) == article(1)
    assert all(f.ok for f in verify(folder))


def test_a_truth_of_a_later_version_is_left_alone(folder: Path) -> None:
    truth = next(folder.glob("truth-*.sqlite"))
    with sqlite3.connect(truth) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreMismatch, match="later version"):
        LocalStore(folder)
    with pytest.raises(StoreMismatch, match="later version"):
        fill(folder, range(1))


def in_a_child(run: Callable[[], object]) -> str:
    """What a function returns or raises in a process of a user who owns nothing."""
    reader, sender = os.pipe()
    child = os.fork()
    if child == 0:
        said = "failed"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            said = repr(run())
        except KonkyoError as exc:
            said = f"{type(exc).__name__}: {exc}"
        finally:
            os.write(sender, said.encode())
            os._exit(0)
    os.close(sender)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_a_read_only_folder_is_read_and_says_so_when_written(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in list(folder.parents)[:4]:
        parent.chmod(parent.stat().st_mode | 0o055)

    def read() -> object:
        with LocalStore(folder) as opened:
            return opened.generation, len(opened.lexical("台風", 5)), opened.refresh()

    def write() -> object:
        return fill(folder, range(1))

    try:
        assert in_a_child(read) == "(1, 5, False)"
        assert in_a_child(write).startswith("StoreError")
        assert "may not be written to" in in_a_child(write)
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_full_disk_is_said_and_keeps_the_old_generation(folder: Path) -> None:
    code = (
        "import resource, signal, sys; sys.path[:0] = [sys.argv[2], sys.argv[3]]\n"
        "from pathlib import Path; from test_store import fill; from konkyo.index.errors import "
        "StoreError\n"
        "size = max(p.stat().st_size for p in Path(sys.argv[1]).rglob('*'))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20000, size + 20000))\n"
        "try: fill(Path(sys.argv[1]), range(60, 2000))\n"
        "except StoreError as exc: print('told:', exc)\n"
    )
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(here), str(here.parent)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.startswith("told:"), done.stdout + done.stderr
    with LocalStore(folder) as opened:
        assert (opened.generation, opened.passage_count) == (1, 120)
    fill(folder, range(60, 70))
    assert all(f.ok for f in verify(folder))


# -- arrays and indexes --------------------------------------------------------------------------


def test_a_snapshot_reads_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    writer = SnapshotWriter(tmp_path, "seg")
    values = np.arange(100_000, dtype=np.uint64) * 3
    writer.array("values", values)
    folder = writer.commit({"a": 1})
    opened = Snapshot(folder)
    assert opened.facts == {"a": 1}
    array = opened.array("values", np.uint64)
    assert array.find(2997) == 999
    assert array.find(2998) is None
    assert array.find(-1) is None
    assert array.find(10**9) is None
    np.testing.assert_array_equal(array.span(5, 9), values[5:9])


def test_an_inverted_file_finds_what_flat_search_finds(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    centres = random.normal(size=(60, 64))
    points = centres[random.integers(60, size=6000)] + 0.35 * random.normal(size=(6000, 64))
    rows = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float16)
    checked = CheckedRows(rows, _row_sums(rows), "rows")
    tuning = build_ivf(rows, tmp_path / "ivf.faiss")
    assert tuning.recall >= 0.98
    flat, ivf = DenseIndex(checked, None, None), DenseIndex(checked, tmp_path / "ivf.faiss", tuning)
    hits = 0
    for number in range(0, 6000, 60):
        query = rows[number].astype(np.float32)
        for mask in (None, random.random(6000) < 0.8, np.arange(6000) % 97 == 0):
            wanted, best = flat.search(query, 10, mask)
            found, scores = ivf.search(query, 10, mask)
            assert mask is None or mask[found].all()
            assert len(found) == 10
            np.testing.assert_allclose(scores, unit_scores(rows[found], query), atol=1e-6)
            assert scores[0] == pytest.approx(best[0], abs=1e-3) or mask is not None
            hits += len(np.intersect1d(found, wanted))
    assert hits / 3000 >= 0.97


def with_codes(folder: Path) -> Path:
    """Make the caches again as those of a large store are made; the file of codes."""
    truth = next(folder.glob("truth-*.sqlite"))
    with write_lock(folder):
        connection = connect(truth, write=True)
        connection.execute("BEGIN")
        for path in folder.glob("seg-*"):
            shutil.rmtree(path)
        keep_up(folder, truth, connection, limits=SearchLimits(100, 4_000))
        connection.close()
    return next(folder.glob("seg-*/dense.faiss"))


def test_a_large_store_is_searched_by_codes_and_survives_their_damage(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    fill(folder, range(300))
    expected = answers(folder)
    whole = with_codes(folder).read_bytes()
    query = ENCODER.queries([QUESTIONS[0]])[0]
    with LocalStore(folder) as opened:
        facts = opened.describe()
        best = opened.dense(query, 3)
    assert str(facts["kind"]).startswith("IVF")
    assert float(str(facts["recall_at_10"])) >= 0.95
    assert [round(h.score, 3) for h in best] == expected[0][:3]  # type: ignore[index]
    flipped = whole[:500] + bytes([whole[500] ^ 4]) + whole[501:]
    for harm in (whole[:100], whole[:-9], b"", flipped):
        with_codes(folder).write_bytes(harm)
        assert answers(folder) == expected
    fill(folder, range(300, 301))
    assert all(f.ok for f in verify(folder))


def test_rows_with_a_flipped_bit_are_refused() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 8)).astype(np.float16)
    sums = _row_sums(rows)
    for row in range(50):
        harmed = rows.copy()
        harmed.view(np.uint16)[row, row % 8] ^= np.uint16(1 << (row % 16))
        assert not np.array_equal(_row_sums(harmed), sums)


def test_passages_that_are_missing_out_of_order_or_outside_are_told() -> None:
    text, order = "一つ目。二つ目。", PassageOrder()
    first = Passage("p0", "a", 0, 0, 4, "一つ目。")
    assert list(order.problems(7, first, text)) == []
    assert list(order.missing(7, "a", 1)) == []
    assert list(order.problems(7, replace(first, passage_id="p1", ordinal=2), text)) == [
        "passage p1 is out of order"
    ]
    outside = replace(first, passage_id="p2", ordinal=3, end=9)
    assert list(order.problems(7, outside, text)) == ["passage p2 reaches outside its article"]
    assert list(order.missing(7, "a", 2)) == ["passages of article a: 4 instead of 2"]
