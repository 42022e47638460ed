"""Keeping an index and evaluating as the page does, with the real models where they are."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from konkyo.index.embedding.model_registry import model_path
from konkyo.index.errors import ModelError, StoreLocked, UsageError
from konkyo.ui.server.evaluation_jobs import Examiner
from konkyo.ui.server.index_jobs import Job, Librarian
from konkyo.ui.web.admin import Rooms, Tickets, question_sets

ROOT = Path(__file__).resolve().parents[1]
ARTICLE = (
    "---\ntitle: {title}\npublished: 2026-03-0{n}\nlanguage: en\noutlet: Test Post\n---\n"
    "The harbour of {title} handled {n}400 containers in February, the port authority said.\n"
)


def write(folder: Path, n: int, title: str) -> Path:
    path = folder / f"{n}.md"
    path.write_text(ARTICLE.format(title=title, n=n), "utf-8")
    return path


def until(settled: Callable[[], bool]) -> None:
    for _ in range(2400):
        if settled():
            return
        time.sleep(0.1)
    raise AssertionError("it did not end")


def ended(librarian: Librarian) -> Job:
    until(lambda: librarian.job is not None and not librarian.job.running)
    assert librarian.job is not None
    return librarian.job


@pytest.fixture(scope="module")
def encoder_is_here() -> None:
    try:
        model_path("multilingual-e5-small")
    except ModelError as exc:
        pytest.skip(f"{exc}")


# ---- the real index in a process of its own


@pytest.mark.usefixtures("encoder_is_here")
def test_the_real_index_is_kept_and_readers_see_it_grow(tmp_path: Path) -> None:
    from konkyo.index.records import Filter
    from konkyo.rag.factory import open_pipeline
    from konkyo.ui.web.chat_service import Desk

    news = tmp_path / "news"
    news.mkdir()
    store = str(tmp_path / "store")
    command = [sys.executable, "-m", "konkyo"]
    first = write(news, 1, "Kobe")
    subprocess.run(
        [*command, "index", "build", str(first), "--store", store],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    from konkyo.rag.generation.llm import NoLLM

    desk = Desk(lambda: open_pipeline(store, llm=NoLLM()))
    desk.open()
    assert desk.wait(240)

    def known() -> list[str]:
        return [summary.source for summary in desk.reader.store.articles(Filter())]

    librarian = Librarian(store, known=known, changed=desk.renew)
    second = write(news, 2, "Busan")
    librarian.start("add", [str(second)])
    with pytest.raises(StoreLocked, match="wait, or cancel"):
        librarian.start("verify")
    job = ended(librarian)
    assert job.state == "done", job
    assert job.report is not None
    assert (job.report["added"], job.report["unchanged"]) == (1, 1)
    assert desk.shelf is not None
    assert desk.shelf.count == 2
    assert desk.shelf.outlets == ("Test Post",)

    librarian.start("verify")
    assert all(finding["ok"] for finding in ended(librarian).findings)

    librarian.start("remove", [str(first)])
    assert ended(librarian).state == "done"
    desk.renew()
    assert librarian.sources() == [str(second)]

    librarian.start("add", [str(tmp_path / "nowhere.md")])
    told = ended(librarian)
    assert told.state in ("done", "failed")
    assert "nowhere.md" in f"{told.message}{told.report}"
    _evaluate(tmp_path, store, desk)


def _evaluate(tmp_path: Path, store: str, desk: object) -> None:
    from konkyo.rag.pipeline import Pipeline
    from konkyo.ui.web.chat_service import Desk

    assert isinstance(desk, Desk)
    pipeline = desk.reader
    assert isinstance(pipeline, Pipeline)
    own = tmp_path / "own.jsonl"
    own.write_text(
        '{"id": "1", "question": "How many containers did the harbour of Busan handle in February?",'
        ' "language": "en", "kind": "fact", "answerable": true, "answers": ["2400"]}\n'
        '{"id": "2", "question": "Who won the football match in Lima?", "language": "en",'
        ' "kind": "absent", "answerable": false}\n',
        "utf-8",
    )
    examiner = Examiner(store, lambda: {"own.jsonl": own}, lambda: pipeline)
    with pytest.raises(UsageError, match="no such set"):
        examiner.start("other.jsonl", 0)
    examiner.start("own.jsonl", 0)
    until(lambda: examiner.examination is not None and not examiner.examination.running)
    run = examiner.examination
    assert run is not None
    assert (run.state, run.done, run.total) == ("done", 2, 2)
    assert run.figures["Handled"][1] == 2
    assert "How many containers" in examiner.report()


# ---- what needs no model


def test_files_outside_the_allowed_folders_are_refused(tmp_path: Path) -> None:
    allowed = tmp_path / "in"
    allowed.mkdir()
    librarian = Librarian(str(tmp_path / "store"), known=list, roots=[allowed])
    for source in ("/etc/passwd", str(allowed / ".." / "out.md"), "file:///etc/passwd"):
        with pytest.raises(UsageError):
            librarian.start("add", [source])
    assert librarian.job is None


def test_tickets_open_one_thing_for_a_while() -> None:
    now = [0.0]
    tickets = Tickets(seconds=10, clock=lambda: now[0])
    ticket = tickets.issue("upload")
    assert tickets.valid(ticket, "upload")
    assert not tickets.valid(ticket, "report")
    assert not tickets.valid("guess", "upload")
    now[0] = 11.0
    assert not tickets.valid(ticket, "upload")


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("../../etc/passwd", "-passwd"),
        ("a/b/report.md", "-report.md"),
        ("", "-file"),
        ("..", "-file"),
        ('x"><script>.md', "script_.md"),
        ("日本.md", "日本.md"),
        ("x" * 400 + ".html", "x.html"),
    ],
)
def test_a_file_handed_over_stays_in_its_folder(tmp_path: Path, name: str, ends: str) -> None:
    librarian = Librarian(str(tmp_path / "store"), known=list)
    rooms = Rooms(librarian, None)
    kept = rooms.receive(rooms.tickets.issue("upload"), name, b"x")
    assert kept is not None
    place = Path(kept["path"])
    assert place.parent == tmp_path / "store-files"
    assert place.name.endswith(ends)
    assert place.read_bytes() == b"x"
    assert rooms.receive("guess", name, b"x") is None


def test_the_sets_that_come_with_konkyo_are_found(tmp_path: Path) -> None:
    from konkyo.eval.formats.jsonl import load_jsonl

    found = question_sets(str(tmp_path / "store"))
    assert "alliance.jsonl" in found
    for path in found.values():
        assert load_jsonl(path).questions
