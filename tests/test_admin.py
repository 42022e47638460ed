"""Keeping an index and evaluating as the page does, with the real models where they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from konkyo.index.embedding.model_registry import model_path
from konkyo.index.errors import ModelError, StoreError, StoreLocked, UsageError
from konkyo.rag.types import Claim, to_json
from konkyo.ui.server.evaluation_jobs import EvaluationJobs, EvaluationRun
from konkyo.ui.server.feedback import Feedback, feedback_file
from konkyo.ui.server.index_jobs import IndexJobs, Job
from konkyo.ui.web.admin import AdminPages, Tickets, question_sets
from konkyo.ui.web.pipeline_protocol import NotReady

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import ENGLISH, FakeExaminer, answer, evidence

ROOT = Path(__file__).resolve().parents[1]
PROCESS = (sys.executable, str(Path(__file__).with_name("fixtures_index_jobs.py")))
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


def handed_over(index_jobs: IndexJobs, content: bytes, name: str = "report.md") -> Path:
    admin = AdminPages(index_jobs, None)
    kept = admin.receive(admin.tickets.issue("upload"), name, content)
    assert kept is not None
    return Path(kept["path"])


def ended(index_jobs: IndexJobs) -> Job:
    until(lambda: index_jobs.job is not None and not index_jobs.job.running)
    assert index_jobs.job is not None
    return index_jobs.job


@pytest.fixture(scope="module")
def encoder_is_here() -> None:
    try:
        model_path("multilingual-e5-small")
    except ModelError as exc:
        pytest.skip(f"{exc}")


# ---- the real index in a process of its own


@pytest.mark.usefixtures("encoder_is_here")
def test_the_real_index_is_kept_and_readers_see_it_grow(tmp_path: Path) -> None:
    from konkyo.rag.factory import open_pipeline
    from konkyo.ui.web.chat_service import ChatService

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
        timeout=300,
    )
    from konkyo.rag.generation.llm import NoLLM

    chat_service = ChatService(lambda: open_pipeline(store, llm=NoLLM()))
    chat_service.open()
    assert chat_service.wait(240)

    def known() -> list[str]:
        return [place.source for place in chat_service.reader.store.kept_places()]

    index_jobs = IndexJobs(store, known=known, changed=chat_service.renew)
    second = write(news, 2, "Busan")
    index_jobs.start("add", [str(second)])
    with pytest.raises(StoreLocked, match="wait, or cancel"):
        index_jobs.start("verify")
    job = ended(index_jobs)
    assert job.state == "done", job
    assert job.report is not None
    assert (job.report["added"], job.report["unchanged"]) == (1, 1)
    assert chat_service.index_summary is not None
    assert chat_service.index_summary.count == 2
    assert chat_service.index_summary.outlets == ("Test Post",)

    index_jobs.start("verify")
    assert all(finding["ok"] for finding in ended(index_jobs).findings)

    index_jobs.start("remove", [str(first)])
    refused = ended(index_jobs)
    assert (refused.state, refused.asks) == ("failed", True)
    assert "remove 1 of 2 articles" in refused.message
    index_jobs.start("remove", [str(first)], yes=True)
    assert ended(index_jobs).state == "done"
    chat_service.renew()
    assert index_jobs.sources() == [str(second)]
    for known_now in ([str(first), str(second)], [str(second)]):
        index_jobs.start("undo")
        assert ended(index_jobs).state == "done"
        chat_service.renew()
        assert index_jobs.sources() == known_now

    other = ARTICLE.format(title="Lima", n=7)
    bad, good = handed_over(index_jobs, b""), handed_over(index_jobs, other.encode())
    index_jobs.start("add", [str(bad), str(good)])
    assert ended(index_jobs).state == "done"
    assert not bad.exists()
    assert str(good) in index_jobs.sources()
    index_jobs.start("remove", [str(good)])
    assert ended(index_jobs).asks
    assert good.exists()
    index_jobs.start("remove", [str(good)], yes=True)
    assert ended(index_jobs).state == "done"
    assert not good.exists()
    assert second.exists()

    index_jobs.start("add", [str(tmp_path / "nowhere.md")])
    told = ended(index_jobs)
    assert told.state in ("done", "failed")
    assert "nowhere.md" in f"{told.message}{told.report}"
    _evaluate(tmp_path, store, chat_service)


def _evaluate(tmp_path: Path, store: str, chat_service: object) -> None:
    from konkyo.rag.pipeline import Pipeline
    from konkyo.ui.web.chat_service import ChatService

    assert isinstance(chat_service, ChatService)
    pipeline = chat_service.reader
    assert isinstance(pipeline, Pipeline)
    own = tmp_path / "own.jsonl"
    own.write_text(
        '{"id": "1", "question": "How many containers did the harbour of Busan handle in '
        'February?",'
        ' "language": "en", "kind": "fact", "answerable": true, "answers": ["2400"]}\n'
        '{"id": "2", "question": "Who won the football match in Lima?", "language": "en",'
        ' "kind": "absent", "answerable": false}\n',
        "utf-8",
    )
    evaluation_jobs = EvaluationJobs(store, lambda: {"own.jsonl": own}, lambda: pipeline)
    with pytest.raises(UsageError, match="no such set"):
        evaluation_jobs.start("other.jsonl", 0)
    evaluation_jobs.start("own.jsonl", 0)
    until(
        lambda: evaluation_jobs.examination is not None and not evaluation_jobs.examination.running
    )
    run = evaluation_jobs.examination
    assert run is not None
    assert (run.state, run.done, run.total) == ("done", 2, 2)
    assert run.figures["Handled"][1] == 2
    assert "How many containers" in evaluation_jobs.report()


# ---- what needs no model


def test_files_outside_the_allowed_folders_are_refused(tmp_path: Path) -> None:
    allowed = tmp_path / "in"
    allowed.mkdir()
    index_jobs = IndexJobs(str(tmp_path / "store"), known=list, roots=[allowed])
    for source in ("/etc/passwd", str(allowed / ".." / "out.md"), "file:///etc/passwd"):
        with pytest.raises(UsageError):
            index_jobs.start("add", [source])
    assert index_jobs.job is None


def test_an_order_while_the_models_load_is_refused_and_starts_nothing(tmp_path: Path) -> None:
    def known() -> list[str]:
        raise NotReady("the models are still being loaded")

    index_jobs = IndexJobs(str(tmp_path / "store"), known=known, command=PROCESS)
    with pytest.raises(NotReady, match="still being loaded"):
        index_jobs.start("verify")
    assert index_jobs.job is None


def test_a_job_ends_where_the_changed_index_cannot_be_read(tmp_path: Path) -> None:
    def changed() -> None:
        raise StoreError("the database is gone")

    store = str(tmp_path / "store")
    index_jobs = IndexJobs(store, known=list, changed=changed, command=PROCESS)
    kept = handed_over(index_jobs, b"x")
    index_jobs.start("add", [str(kept)])
    assert index_jobs.wait(60).state == "done"
    # It may be indexed by now.
    assert kept.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_ends_where_nobody_foresaw_what_fails_after_it(tmp_path: Path) -> None:
    def changed() -> None:
        raise RuntimeError("nobody foresaw this")

    store = str(tmp_path / "store")
    index_jobs = IndexJobs(store, known=list, changed=changed, command=PROCESS)
    index_jobs.start("verify")
    assert index_jobs.wait(60).state == "done"


def test_a_job_ends_where_what_is_indexed_cannot_be_told(tmp_path: Path) -> None:
    told: list[list[str]] = [[]]

    def known() -> list[str]:
        if not told:
            raise StoreError("the database is gone")
        return told.pop()

    index_jobs = IndexJobs(str(tmp_path / "store"), known=known, command=PROCESS)
    index_jobs.start("add", ["missing.md"])
    job = index_jobs.wait(60)
    assert (job.state, job.message) == ("failed", "missing.md: no such file")


def test_a_job_ends_where_a_source_has_a_name_no_file_can_have(tmp_path: Path) -> None:
    index_jobs = IndexJobs(str(tmp_path / "store"), known=list, command=PROCESS)
    index_jobs.start("add", ["missing\0.md"])
    assert index_jobs.wait(60).state == "failed"


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
        ("q?1.md", "-q_1.md"),
        ("", "-file"),
        ("..", "-file"),
        ('x"><script>.md', "script_.md"),
        ("日本.md", "日本.md"),
        ("x" * 400 + ".html", "x.html"),
    ],
)
def test_a_file_handed_over_stays_in_its_folder(tmp_path: Path, name: str, ends: str) -> None:
    index_jobs = IndexJobs(str(tmp_path / "store"), known=list)
    admin = AdminPages(index_jobs, None)
    kept = admin.receive(admin.tickets.issue("upload"), name, b"x")
    assert kept is not None
    place = Path(kept["path"])
    assert place.parent == tmp_path / "store-files"
    assert place.name.endswith(ends)
    assert place.read_bytes() == b"x"
    assert admin.receive("guess", name, b"x") is None


def test_files_handed_over_replace_no_other(tmp_path: Path) -> None:
    admin = AdminPages(IndexJobs(str(tmp_path / "store"), known=list), None)
    ticket = admin.tickets.issue("upload")

    def kept(name: str, content: bytes) -> Path:
        given = admin.receive(ticket, name, content)
        assert given is not None
        return Path(given["path"])

    first, second = kept("report.md", b"one"), kept("report.md", b"two")
    third, fourth = kept("q?1.md", b"three"), kept("q*1.md", b"four")
    assert [path.read_bytes() for path in (first, second, third, fourth)] == [
        b"one",
        b"two",
        b"three",
        b"four",
    ]
    assert kept("report.md", b"one") == kept("copy.md", b"one") == first
    assert kept("report.txt", b"one") != first
    assert len(list((tmp_path / "store-files").iterdir())) == 5


@pytest.mark.parametrize("name", ["新" * 300 + ".md", "x." + "新" * 300, "新" * 300])
def test_a_long_name_in_any_script_fits_into_a_file_system(tmp_path: Path, name: str) -> None:
    place = handed_over(IndexJobs(str(tmp_path / "store"), known=list), b"x", name)
    assert place.read_bytes() == b"x"
    assert len(place.name.encode()) <= 255


def test_an_evaluation_that_cannot_be_kept_has_failed(tmp_path: Path) -> None:
    from konkyo.rag.pipeline import Pipeline

    own = tmp_path / "own.jsonl"
    own.write_text(
        '{"id": "1", "question": "Who won?", "language": "en", "kind": "absent",'
        ' "answerable": false}\n',
        "utf-8",
    )
    # A file where the folder of the evaluations would be made.
    (tmp_path / "file").write_text("")

    def pipeline() -> Pipeline:
        return Pipeline.__new__(Pipeline)

    jobs = EvaluationJobs(str(tmp_path / "file" / "store"), lambda: {"own.jsonl": own}, pipeline)
    jobs.start("own.jsonl", 0)
    until(lambda: jobs.examination is not None and not jobs.examination.running)
    run = jobs.examination
    assert run is not None
    assert run.state == "failed"
    assert "cannot be written (" in run.message


class Running(FakeExaminer):
    """An evaluation that goes on until it is cancelled; counts how often the sets are listed."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = 0
        self.run: EvaluationRun | None = EvaluationRun("own.jsonl", total=9)

    @property
    def examination(self) -> EvaluationRun | None:
        return self.run

    def sets(self) -> list[str]:
        self.listed += 1
        return ["own.jsonl"]


def test_a_running_evaluation_uses_up_no_tickets(tmp_path: Path) -> None:
    jobs = Running()
    admin = AdminPages(None, jobs)
    ticket = admin.tickets.issue("upload")
    for _ in range(1001):
        page = admin.evaluate("en", editor=True)
    assert "No set of questions" not in page
    assert (jobs.listed, admin.tickets.valid(ticket, "upload")) == (0, True)
    jobs.run = replace(EvaluationRun("own.jsonl", total=9), state="done", done=9)
    assert 'href="konkyo/report/' in admin.evaluate("en", editor=True)
    assert jobs.listed == 1


def test_questions_made_of_feedback_are_written_as_a_whole(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    shown = (evidence(1, ENGLISH, ENGLISH.text.split("\n")[0]),)
    outcome = to_json(answer("How much?", (Claim("550 billion dollars.", (1,), 0.9),), shown))
    Feedback(feedback_file(store)).keep("tab", 1, "up", outcome)
    own = question_sets(store)["store-feedback.jsonl"]
    with own.open(encoding="utf-8") as reading:
        question_sets(store)
        # The file that is being read is another one now, and whole.
        assert os.fstat(reading.fileno()).st_ino != own.stat().st_ino
        assert json.loads(reading.readline())["question"] == "How much?"
    own.unlink()
    own.mkdir()
    with pytest.raises(UsageError, match="cannot be kept"):
        question_sets(store)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "store-feedback.jsonl",
        "store-feedback.sqlite",
    ]


def test_the_sets_that_come_with_konkyo_are_found(tmp_path: Path) -> None:
    from konkyo.eval.formats.jsonl import load_jsonl

    found = question_sets(str(tmp_path / "store"))
    assert "alliance.jsonl" in found
    for path in found.values():
        assert load_jsonl(path).questions
