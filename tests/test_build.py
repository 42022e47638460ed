"""A build makes the store equal to its sources, and costs what changed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.index.builder import build, compact, remove, take_back, undo
from konkyo.index.chunking import embedding_text
from konkyo.index.errors import (
    ArticleMissing,
    RemovalRefused,
    SourceError,
    StoreDamaged,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
)
from konkyo.index.ingest.dedup import Stories, same_story, sketch
from konkyo.index.ingest.sources import Fetched
from konkyo.index.records import ArticleSummary
from konkyo.index.settings import ChunkSettings
from konkyo.index.stores.local.checks import verify
from konkyo.index.stores.local.reader import LocalStore
from konkyo.index.stores.open import open_writer
from konkyo.ui.cli.main import konkyo

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder, story, write_stories, write_story, yes


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_stories(tmp_path / "news", 24)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def listed(store: Path) -> list[ArticleSummary]:
    with LocalStore(store) as opened:
        return list(opened.articles())


def counts(report: object) -> tuple[int, ...]:
    names = ("added", "changed", "removed", "unchanged")
    return tuple(getattr(report, name) for name in names)


def sound(store: Path) -> bool:
    wrong = [finding for finding in verify(store) if not finding.ok]
    assert wrong == []
    return True


def test_a_first_build_then_nothing_changed(news: Path, store: Path) -> None:
    encoder = ToyEncoder()
    first = build([str(news)], store, encoder)
    assert counts(first) == (24, 0, 0, 0)
    assert (first.generation, first.failures, first.embedded) == (1, (), len(encoder.encoded))
    again = ToyEncoder()
    second = build([str(news)], store, again)
    assert counts(second) == (0, 0, 0, 24)
    assert (second.generation, again.encoded) == (1, [])
    assert sound(store)


def test_what_is_encoded_is_title_date_and_passage(news: Path, store: Path) -> None:
    encoder = ToyEncoder()
    build([str(news / "0003.md")], store, encoder)
    with LocalStore(store) as opened:
        article = opened.article(next(iter(opened.articles())).article_id)
        passages = opened.passages_of(article.article_id)
    assert [embedding_text(article, p) for p in passages] == encoder.encoded
    assert all(article.text[p.start : p.end] == p.text for p in passages)
    assert article.published == "2026-04-04"


def test_a_touched_file_is_read_but_not_changed(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    os.utime(news / "0005.md", (1, 1))
    encoder = ToyEncoder()
    report = build([str(news)], store, encoder)
    assert (counts(report), report.generation) == ((0, 0, 0, 24), 1)
    assert encoder.encoded == []


def test_a_changed_article_is_replaced_and_only_its_new_text_encoded(
    news: Path, store: Path
) -> None:
    build([str(news)], store, ToyEncoder())
    before = {a.source: a.article_id for a in listed(store)}
    path = write_story(news, 7, version=3)
    encoder = ToyEncoder()
    report = build([str(news)], store, encoder)
    assert counts(report) == (0, 1, 0, 23)
    assert report.generation == 2
    assert 0 < len(encoder.encoded) <= 2
    after = {a.source: a.article_id for a in listed(store)}
    source = path.as_posix()
    assert after[source] != before[source]
    assert {s: a for s, a in after.items() if s != source} == {
        s: a for s, a in before.items() if s != source
    }
    with LocalStore(store) as opened:
        assert "見通しは33％" in opened.article(after[source]).text
        with pytest.raises(ArticleMissing):
            opened.article(before[source])
    assert sound(store)


def test_only_the_facts_changed(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    path = news / "0002.md"
    path.write_text(path.read_text("utf-8").replace("outlet: 札幌新聞", "outlet: 北報"), "utf-8")
    encoder = ToyEncoder()
    report = build([str(news)], store, encoder)
    assert (counts(report), report.generation, encoder.encoded) == ((0, 0, 0, 24), 2, [])
    assert "北報" in {a.outlet for a in listed(store)}
    assert sound(store)


def test_a_removed_file_is_gone_at_once(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    with LocalStore(store) as opened:
        (news / "0009.md").unlink()
        report = build([str(news)], store, ToyEncoder())
        assert counts(report) == (0, 0, 1, 23)
        gone = next(a for a in opened.articles() if a.source.endswith("0009.md"))
        assert opened.refresh()
        with pytest.raises(ArticleMissing):
            opened.article(gone.article_id)
        hits = opened.lexical(gone.title, 100)
        assert gone.article_id not in {
            p.article_id for p in opened.passages([h.passage_id for h in hits])
        }


def test_build_prunes_and_add_does_not(news: Path, store: Path) -> None:
    one, two = str(news / "0001.md"), str(news / "0002.md")
    build([one], store, ToyEncoder())
    assert counts(build([two], store, ToyEncoder(), prune=False)) == (1, 0, 0, 1)
    assert {a.source for a in listed(store)} == {one, two}
    assert counts(build([two], store, ToyEncoder(), confirm=yes)) == (0, 0, 1, 1)


def test_many_articles_in_one_file(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "all.jsonl"

    def write(versions: Sequence[int]) -> None:
        lines = [
            json.dumps(
                {"title": f"第{n}報", "text": story(n, v).split("---\n")[2]}, ensure_ascii=False
            )
            for n, v in enumerate(versions)
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")

    write([0] * 30)
    build([str(path)], store, ToyEncoder())
    write([0] * 11 + [5] + [0] * 18)
    encoder = ToyEncoder()
    report = build([str(path)], store, encoder)
    assert counts(report) == (0, 1, 0, 29)
    assert len(encoder.encoded) <= 2
    write([0] * 10)
    assert counts(build([str(path)], store, ToyEncoder(), confirm=yes)) == (0, 0, 20, 10)
    assert sound(store)


def test_the_same_text_twice_in_one_file_keeps_the_first_facts(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [{"title": "訃報", "text": LONG, "published": f"2026-02-0{day}"} for day in (3, 4)]
    for extra in ("", "\n"):
        path.write_text("\n".join(json.dumps(row) for row in rows) + extra, "utf-8")
        report = build([str(path)], store, ToyEncoder())
        assert (report.generation, report.duplicates) == (1, 1)
        assert [a.published for a in listed(store)] == ["2026-02-03"]


def test_an_untitled_line_is_described_once(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "lines.txt"
    lines = [
        f"2026-02-{day:02d}，正文：{story(day).split('---')[2].strip()}" for day in range(1, 9)
    ]
    path.write_text("\n".join(lines), "utf-8")
    assert build([str(path)], store, ToyEncoder()).added == 8
    lines[4] += "続報がある。"
    path.write_text("\n".join(lines), "utf-8")
    assert counts(build([str(path)], store, ToyEncoder())) == (0, 1, 0, 7)
    build([str(path)], tmp_path / "fresh", ToyEncoder())
    assert set(listed(store)) == set(listed(tmp_path / "fresh"))


# -- the same story twice ------------------------------------------------------------------------


def test_the_same_text_twice_is_one_article_with_two_sources(news: Path, store: Path) -> None:
    (news / "0100.md").write_text(story(4), "utf-8")
    report = build([str(news)], store, ToyEncoder())
    assert (counts(report), report.duplicates) == ((24, 0, 0, 0), 1)
    with LocalStore(store) as opened:
        both = [opened.article(a.article_id) for a in opened.articles()]
    twice = [a for a in both if len(a.sources) == 2]
    assert [[Path(s).name for s in a.sources] for a in twice] == [["0004.md", "0100.md"]]
    (news / "0004.md").unlink()
    report = build([str(news)], store, ToyEncoder())
    assert counts(report) == (0, 0, 0, 24)
    assert {a.source for a in listed(store)} >= {(news / "0100.md").as_posix()}
    assert sound(store)


LONG = "".join(
    f"政府は{n}日、{word}に関する新しい方針を発表し、関係者は今後の見通しについて説明した。"
    for n, word in enumerate(
        ["半導体", "防衛費", "農業", "観光", "教育", "医療", "鉄道", "漁業"], 3
    )
)


def plain(title: str, text: str) -> str:
    return f"---\ntitle: {title}\nlanguage: ja\n---\n{text}\n"


def test_a_near_copy_is_found_again_and_takes_over_when_it_must(
    tmp_path: Path, store: Path
) -> None:
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "a.md").write_text(plain("新方針", LONG), "utf-8")
    copy = LONG.replace("新しい方針", "「新しい方針」", 1)
    (folder / "b.md").write_text(plain("政府の新方針", copy), "utf-8")
    other = LONG.replace("5日", "6日", 1)
    (folder / "c.md").write_text(plain("訂正", other), "utf-8")
    report = build([str(folder)], store, ToyEncoder())
    assert (report.added, report.duplicates) == (2, 1)
    assert [(a.title, Path(a.source).name) for a in listed(store)] == [
        ("新方針", "a.md"),
        ("訂正", "c.md"),
    ]
    (folder / "a.md").unlink()
    report = build([str(folder)], store, ToyEncoder(), confirm=yes)
    assert [a.title for a in listed(store)] == ["訂正", "政府の新方針"]
    with LocalStore(store) as opened:
        texts = {opened.article(a.article_id).text for a in opened.articles()}
    assert copy in texts
    assert LONG not in texts
    assert sound(store)


def test_removing_what_has_a_near_copy_says_what_is_read_again(tmp_path: Path, store: Path) -> None:
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "a.md").write_text(plain("新方針", LONG), "utf-8")
    (folder / "b.md").write_text(
        plain("新方針", LONG.replace("新しい方針", "「新しい方針」", 1)), "utf-8"
    )
    build([str(folder)], store, ToyEncoder())
    _, again = remove([(folder / "a.md").as_posix()], store, confirm=yes)
    assert again == [(folder / "b.md").as_posix()]
    build([str(folder / "b.md")], store, ToyEncoder(), confirm=yes)
    with LocalStore(store) as opened:
        assert [
            "「新しい方針」" in opened.article(a.article_id).text for a in opened.articles()
        ] == [True]


def test_a_small_correction_replaces_and_does_not_hide(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(plain("新方針", LONG), "utf-8")
    build([str(path)], store, ToyEncoder())
    path.write_text(plain("新方針", LONG.replace("新しい", "新たな", 1)), "utf-8")
    report = build([str(path)], store, ToyEncoder())
    assert (counts(report), report.duplicates) == ((0, 1, 0, 0), 0)
    with LocalStore(store) as opened:
        assert "新たな" in opened.article(listed(store)[0].article_id).text


@pytest.mark.parametrize(
    ("written", "corrected"),
    [
        ("説明した", "撤回した"),
        ("10日", "11日"),
        ("新しい", "新たな"),
        ("supported", "opposed"),
        ("nine months", "six months"),
        ("Harlow", "Marlow"),
        ("did", "did not"),
        ("3.5", "35"),
    ],
)
def test_a_corrected_word_makes_another_story(written: str, corrected: str) -> None:
    english = (
        "The mayor of Harlow supported the plan, which did cost 3.5 million over nine months. "
    )
    text = f"{LONG}\n{english}{'The bridge across the river is to open in spring. ' * 20}"
    assert written in text
    assert not same_story(text, text.replace(written, corrected, 1))


def test_the_same_sentences_make_the_same_story() -> None:
    text = f"{LONG}\nThe mayor called the plan “a great success”, and left."
    assert same_story(text, text.replace("“", '"').replace("”", '"'))
    assert same_story(text, f"By Jane Smith\n2026-03-02 10:15\n{text.upper()}\nShare this article")
    assert same_story(LONG, " ".join(LONG))
    assert not same_story(LONG, LONG[: len(LONG) // 2])
    assert not same_story(text, f"{text}\nThe mayor has since withdrawn the plan for good.")


def test_a_text_compared_with_many_is_cut_into_sentences_once() -> None:
    texts = [f"The index closed at {number} points. Trade was thin." for number in range(30)]
    cut: list[str] = []

    def cut_one(text: str) -> list[str]:
        cut.append(text)
        return text.split(". ")

    stories = Stories(cut_one)
    found = [(a, b) for a in texts for b in texts if stories.same(a, b)]
    assert found == [(text, text) for text in texts]
    assert sorted(cut) == sorted(texts)


def test_near_same_texts_share_a_band_of_their_sketches() -> None:
    bands = set(sketch(LONG))
    assert bands & set(sketch(LONG.replace("新しい", "新たな", 1)))
    assert not bands & set(sketch("まったく別の話である。" * 20))
    assert len(sketch("")) == len(sketch("短い")) == 12


# -- what goes wrong -----------------------------------------------------------------------------


def test_a_bad_file_is_named_and_the_rest_goes_on(news: Path, store: Path) -> None:
    (news / "bad.jsonl").write_text('{"title": "x"\n', "utf-8")
    report = build([str(news)], store, ToyEncoder())
    assert counts(report)[0] == 24
    assert [Path(f.source).name for f in report.failures] == ["bad.jsonl"]
    assert report.failures[0].reason


def test_tells_which_files_of_a_folder_were_passed_over(news: Path, store: Path) -> None:
    for name in ("a.jpg", "b.JPG", "c.xml", "LICENSE", ".hidden"):
        (news / name).write_text("<x/>", "utf-8")
    report = build([str(news)], store, ToyEncoder())
    assert report.unknown_kinds == {".jpg": 2, ".xml": 1, "": 1}
    assert report.failures == ()


def test_strict_stops_and_changes_nothing(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    (news / "0000.md").unlink()
    (news / "bad.jsonl").write_text('{"title": "x"\n', "utf-8")
    with pytest.raises(SourceError, match=r"bad\.jsonl"):
        build([str(news)], store, ToyEncoder(), strict=True)
    assert len(listed(store)) == 24


def test_a_source_that_cannot_be_read_keeps_what_was_read_before(news: Path, store: Path) -> None:
    build([str(news), str(news / "0001.md")], store, ToyEncoder())
    (news / "0001.md").write_bytes(b"")
    report = build([str(news)], store, ToyEncoder())
    assert [Path(f.source).name for f in report.failures] == ["0001.md"]
    assert len(listed(store)) == 24
    report = build([str(news / "nothing")], store, ToyEncoder(), prune=False)
    assert len(report.failures) == 1
    assert len(listed(store)) == 24


def test_an_interrupted_build_keeps_its_vectors(news: Path, store: Path) -> None:
    stopped = ToyEncoder(fail_after=10)
    with pytest.raises(KeyboardInterrupt):
        build([str(news)], store, stopped)
    with pytest.raises(StoreMissing):
        LocalStore(store)
    again = ToyEncoder()
    report = build([str(news)], store, again)
    assert counts(report)[0] == 24
    assert not set(again.encoded) & set(stopped.encoded)
    assert not (store / "staging.sqlite").exists()
    assert sound(store)


def test_another_model_or_chunking_makes_a_new_store(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    with pytest.raises(StoreMismatch, match="konkyo index build"):
        build([str(news)], store, ToyEncoder("other"), prune=False)
    encoder = ToyEncoder()
    report = build([str(news)], store, encoder, ChunkSettings(budget=100))
    assert (report.generation, report.added) == (2, 24)
    assert len(encoder.encoded) < report.added * 3
    other = ToyEncoder("other")
    assert build([str(news)], store, other, ChunkSettings(budget=100)).generation == 3
    assert other.encoded
    assert sound(store)


def test_a_rebuild_encodes_nothing_twice(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    encoder = ToyEncoder()
    report = build([str(news)], store, encoder, rebuild=True)
    assert (report.generation, encoder.encoded) == (2, [])
    assert sound(store)


def test_two_builds_at_once(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    with open_writer(store), pytest.raises(StoreLocked):
        build([str(news)], store, ToyEncoder())


def test_a_folder_that_became_a_file_keeps_what_it_held(tmp_path: Path, store: Path) -> None:
    folder = write_stories(tmp_path / "news.md", 6)
    other = write_stories(tmp_path / "other", 1)
    build([str(folder), str(other)], store, ToyEncoder())
    folder.rename(tmp_path / "away")
    folder.write_text(story(40), "utf-8")
    report = build([str(folder), str(other)], store, ToyEncoder())
    assert [f.reason for f in report.failures] == ["was a folder, and is a file now"]
    assert (report.added, len(listed(store))) == (1, 7)


def test_a_page_or_feed_that_is_gone_or_empty_keeps_what_it_held(store: Path) -> None:
    page = "https://news.example/1"
    body = f"<html><title>{'新方針' * 3}</title><body><p>{LONG}</p></body></html>".encode()
    answers: dict[str, bytes | None] = {page: body}

    def fetch(url: str) -> Fetched:
        found = answers[url]
        if found is None:
            raise SourceError(url, "HTTP 404")
        return Fetched(url, "text/html", "utf-8", found)

    build([page], store, ToyEncoder(), fetch=fetch)
    before = listed(store)
    empty_feed = b'<?xml version="1.0"?><rss version="2.0"><channel></channel></rss>'
    for harm in (None, b"", b"<html><body></body></html>", empty_feed):
        answers[page] = harm
        for rebuild in (False, True):
            report = build([page], store, ToyEncoder(), fetch=fetch, rebuild=rebuild)
            assert [f.source for f in report.failures] == [page]
            assert listed(store) == before


def test_removing_more_than_a_share_needs_consent(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    for number in range(5):
        (news / f"{number:04d}.md").unlink()
    asked: list[tuple[int, int]] = []

    def no(removed: int, total: int) -> bool:
        asked.append((removed, total))
        return False

    for rebuild in (False, True):
        with pytest.raises(RemovalRefused, match=r"remove 5 of 24 articles.*index\.removal_limit"):
            build([str(news)], store, ToyEncoder(), confirm=no, rebuild=rebuild)
    assert asked == [(5, 24)] * 2
    assert len(listed(store)) == 24
    write_story(news, 4)
    assert build([str(news)], store, ToyEncoder(), confirm=no).removed == 4
    assert asked == [(5, 24)] * 2
    # Changed articles are not removed ones, however many they are.
    for number in range(4, 24):
        write_story(news, number, version=2)
    assert build([str(news)], store, ToyEncoder(), confirm=no).changed == 20
    with pytest.raises(RemovalRefused):
        remove([str(news)], store)
    build([str(news / "0004.md")], store, ToyEncoder(), removal_limit=1.0)
    assert len(listed(store)) == 1
    assert sound(store)


def test_a_damaged_index_is_made_anew_from_what_is_left_of_it(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    with LocalStore(store) as opened:
        titles = [a.title for a in opened.articles()]
    truth = next(store.glob("truth-*.sqlite"))
    data = bytearray(truth.read_bytes())
    data[data.find(titles[5].encode())] ^= 1
    truth.write_bytes(data)
    report = build([str(news / "none")], store, ToyEncoder(), rebuild=True)
    assert report.carried == 23
    assert any("lost with the old index" in failure.reason for failure in report.failures)
    assert len(listed(store)) == 23
    assert sound(store)


@pytest.mark.parametrize("places", [1, 30])
@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_index_is_made_anew_from_its_sources(
    news: Path, store: Path, seed: int, places: int
) -> None:
    build([str(news)], store, ToyEncoder())
    before = listed(store)
    (truth,) = store.glob("truth-*.sqlite")
    chance = random.Random(seed)
    data = bytearray(truth.read_bytes())
    for _ in range(places):
        at = chance.randrange(len(data) - 64)
        data[at : at + 64] = chance.randbytes(64)
    truth.write_bytes(data)
    build([str(news)], store, ToyEncoder(), rebuild=True)
    assert listed(store) == before
    assert sound(store)


@pytest.mark.parametrize("harm", ["page", "text", "gone", "earlier version"])
def test_the_list_of_what_was_removed_survives_damage(news: Path, store: Path, harm: str) -> None:
    build([str(news)], store, ToyEncoder())
    victims = [a.article_id for a in listed(store)[:2]]
    for victim in victims:
        remove([victim], store)
    truth = next(store.glob("truth-*.sqlite"))
    if harm == "page":
        data = bytearray(truth.read_bytes())
        data[8192:] = b"\xff" * (len(data) - 8192)
        truth.write_bytes(data)
    elif harm == "text":
        truth.write_text("not an index")
    elif harm == "earlier version":
        with contextlib.closing(sqlite3.connect(truth)) as connection:
            connection.execute("ALTER TABLE excluded DROP COLUMN text_id")
            connection.execute("PRAGMA user_version = 1")
        (store / "removed.jsonl").unlink()
    else:
        truth.unlink()
    report = build([str(news)], store, ToyEncoder(), rebuild=True)
    assert (report.excluded, report.added) == (2, 22)
    with LocalStore(store) as opened:
        assert [e.article_id for e in opened.exclusions()] == sorted(victims)


def test_a_damaged_note_of_the_last_change_is_not_undone(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    title = next(a.title for a in listed(store) if a.source.endswith("0003.md"))
    (news / "0003.md").unlink()
    build([str(news)], store, ToyEncoder())
    truth = next(store.glob("truth-*.sqlite"))
    data = bytearray(truth.read_bytes())
    for at in (m.start() for m in re.finditer(re.escape(title.encode()), bytes(data))):
        data[at + 2] ^= 1
    truth.write_bytes(data)
    before = listed(store)
    assert [f.what for f in verify(store) if not f.ok] == [
        "the generation before can be gone back to"
    ]
    with pytest.raises(StoreDamaged):
        undo(store)
    assert listed(store) == before


# -- removing ------------------------------------------------------------------------------------


def test_removed_by_hand_stays_removed(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    target = listed(store)[3].article_id
    generation, again = remove([target], store)
    assert (generation, again) == (2, [])
    os.utime(news / "0001.md", (1, 1))
    report = build([str(news)], store, ToyEncoder(), rebuild=True)
    assert report.excluded == 1
    assert target not in {a.article_id for a in listed(store)}
    with pytest.raises(ArticleMissing, match="was not removed"):
        take_back(["0" * 16], store)
    take_back([target], store)
    encoder = ToyEncoder()
    assert counts(build([str(news)], store, encoder)) == (1, 0, 0, 23)
    assert target in {a.article_id for a in listed(store)}
    assert sound(store)


def test_removing_sources_and_folders(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    remove([(news / "0003.md").as_posix()], store)
    assert len(listed(store)) == 23
    with pytest.raises(ArticleMissing):
        remove([(news / "0004.md").as_posix(), "0" * 16], store)
    assert len(listed(store)) == 23
    remove([str(news)], store, confirm=yes)
    assert listed(store) == []
    assert sound(store)


def test_compacting_changes_nothing_but_the_size(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    for number in range(12):
        (news / f"{number:04d}.md").unlink()
    build([str(news)], store, ToyEncoder(), confirm=yes)
    expected = listed(store)
    before, after = compact(store)
    assert after < before
    assert listed(store) == expected
    assert sound(store)


# -- the command line ----------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(konkyo, ["index", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.stdout


def test_the_command_line_tells_and_counts(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    where = ("--store", str(store))
    code, out = run("list", *where, "--json")
    rows = json.loads(out)
    assert code == 0
    assert set(rows[0]) >= {
        "article_id",
        "title",
        "source",
        "url",
        "published",
        "language",
        "passages",
    }
    assert len(rows) == 24
    assert run("list", *where)[1].splitlines()[-1] == "24 articles"
    facts = json.loads(run("status", *where, "--json")[1])
    assert (facts["articles"], facts["generation"], facts["languages"]) == (24, 1, {"ja": 24})
    assert facts["search"]["recall_at_10"] == 1.0
    assert "generation       1" in run("status", *where)[1]
    code, out = run("remove", rows[0]["article_id"], *where, "--json")
    assert (code, json.loads(out)) == (0, {"generation": 2, "read_again": []})
    assert run("compact", *where)[0] == 0
    code, out = run("verify", *where, "--json")
    assert code == 0
    assert all(finding["ok"] for finding in json.loads(out))
    next(store.glob("seg-*/vectors.bin"), store / "none").unlink(missing_ok=True)
    truth = next(store.glob("truth-*.sqlite"))
    data = bytearray(truth.read_bytes())
    at = data.find(rows[5]["title"].encode())
    data[at] ^= 1
    truth.write_bytes(data)
    code, out = run("verify", *where)
    assert code == 1
    assert "WRONG articles are what was written" in out
    assert "to do: run `konkyo index build SOURCE... --rebuild`" in out


def test_the_command_line_refuses_a_large_removal_and_undoes(news: Path, store: Path) -> None:
    build([str(news)], store, ToyEncoder())
    where = ("--store", str(store))
    program = [sys.executable, "-c", "from konkyo.ui.cli.main import main; main()", "index"]
    told = subprocess.run(
        [*program, "remove", str(news), *where],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert told.returncode == 2
    assert "index.removal_limit = 0.2" in told.stderr
    assert "--yes" in told.stderr
    assert len(listed(store)) == 24
    assert run("remove", str(news), *where, "--yes")[0] == 0
    assert listed(store) == []
    code, out = run("undo", *where, "--json")
    changes = {"added": 24, "changed": 0, "removed": 0, "unchanged": 0, "total": 0}
    assert (code, json.loads(out)) == (0, {"generation": 3, **changes})
    assert "24 taken out" in run("undo", *where)[1]
    assert run("undo", *where)[0] == 0
    assert len(listed(store)) == 24
    assert sound(store)


def test_a_change_in_a_big_file_costs_what_changed(shared: Path, tmp_path: Path) -> None:
    """One line of five hundred changes: next to nothing is encoded, and it is quick."""
    import lzma

    with lzma.open(shared / "data" / "news-zh.txt.xz", "rt", encoding="utf-8") as packed:
        lines = [next(packed) for _ in range(500)]
    path = tmp_path / "news.txt"
    path.write_text("".join(lines), "utf-8")
    store = tmp_path / "store"
    first = build([str(path)], store, ToyEncoder())
    lines[250] = lines[250].rstrip("\n") + "记者将继续关注此事的进展。\n"
    path.write_text("".join(lines), "utf-8")
    encoder = ToyEncoder()
    started = time.monotonic()
    report = build([str(path)], store, encoder)
    assert time.monotonic() - started < first.seconds
    assert counts(report) == (0, 1, 0, first.added - 1)
    assert len(encoder.encoded) <= 3
    assert replace(report, seconds=0.0).failures == ()


def test_another_content_of_the_same_size_and_time_is_read(news: Path, store: Path) -> None:
    file = news / "0003.md"
    build([str(news)], store, ToyEncoder())
    times = file.stat()
    content = file.read_text("utf-8")
    changed = content.replace("発表", "公表")
    assert len(changed) == len(content)
    assert changed != content
    file.write_text(changed, "utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    report = build([str(news)], store, ToyEncoder())
    assert (report.unchanged, report.changed + report.added) == (23, 1)


@pytest.mark.parametrize("key", ["fingerprint", "encoder", "dimension", "created"])
@pytest.mark.parametrize("change", ["DELETE FROM meta", "UPDATE meta SET value = ''"])
def test_verify_knows_a_fact_of_the_index_that_is_missing(
    news: Path, store: Path, key: str, change: str
) -> None:
    build([str(news)], store, ToyEncoder())
    (database,) = store.glob("truth-*.sqlite")
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"{change} WHERE key = ?", (key,))
    wrong = [f for f in verify(store) if not f.ok]
    assert wrong[0].what == "the index says what it was made with"
    assert key in wrong[0].detail
    assert "--rebuild" in wrong[0].advice
