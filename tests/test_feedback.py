"""Opinions are kept with what they are about, and become questions that an evaluation can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import ENGLISH, answer, evidence
from fixtures_store import ToyEncoder, yes

from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.index.builder import build, mark_article
from konkyo.index.errors import UsageError
from konkyo.index.records import Article
from konkyo.index.stores.open import open_store
from konkyo.rag.types import Claim, to_json
from konkyo.ui.cli.feedback import feedback
from konkyo.ui.server.feedback import Feedback, feedback_file, read_opinions, to_questions

ROOT = Path(__file__).resolve().parents[1]
QUOTE = ENGLISH.text.split("\n")[0]


def outcome(question: str = "How much?") -> dict[str, object]:
    shown = (evidence(1, ENGLISH, QUOTE),)
    return to_json(answer(question, (Claim("550 billion dollars.", (1,), 0.9),), shown))


def test_an_opinion_is_kept_with_the_fingerprint_and_the_last_one_counts(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    kept = Feedback(feedback_file(store))
    kept.keep("tab", 1, "down", outcome(), reason="wrong")
    kept.keep("tab", 1, "up", outcome(), history=[("Who?", "Japan.")])
    kept.keep("tab", 2, "down", outcome("When?"), reason="unproven")
    first, second = read_opinions(feedback_file(store))
    assert (first.verdict, first.fingerprint, first.history) == (
        "up",
        "0123456789ab",
        (("Who?", "Japan."),),
    )
    assert (second.question, second.reason, second.status) == ("When?", "unproven", "answered")


def test_praise_correction_and_refusals_become_questions(tmp_path: Path) -> None:
    kept = Feedback(tmp_path / "f.sqlite")
    refused = {**outcome("Weather?"), "status": "refused", "claims": [], "citations": []}
    kept.keep("a", 1, "up", outcome())
    kept.keep("a", 2, "up", refused)
    kept.keep("a", 3, "down", outcome("When?"), reason="wrong", correction="On Monday")
    kept.keep("a", 4, "down", outcome("Why?"), reason="should_refuse")
    kept.keep("a", 5, "down", outcome("Where?"), reason="other")
    rows = to_questions(read_opinions(tmp_path / "f.sqlite"))
    file = tmp_path / "set.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    made = {q.question: q for q in load_jsonl(file).questions}
    assert set(made) == {"How much?", "Weather?", "When?", "Why?"}
    assert made["How much?"].answers == ("550 billion dollars.",)
    assert made["How much?"].gold[0].quote == QUOTE
    assert made["When?"].answers == ("On Monday",)
    assert not made["Weather?"].answerable
    assert not made["Why?"].answerable


def test_a_path_may_hold_what_means_something_in_an_address(tmp_path: Path) -> None:
    file = tmp_path / "50%3F of #1?mode=rw.sqlite"
    Feedback(file).keep("a", 1, "up", outcome())
    assert len(read_opinions(file)) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_later_opinion_on_the_same_question_wins(tmp_path: Path) -> None:
    kept = Feedback(tmp_path / "f.sqlite")
    kept.keep("a", 1, "up", outcome())
    opinions = read_opinions(tmp_path / "f.sqlite")
    corrected = replace(opinions[0], verdict="down", correction="nothing")
    (row,) = to_questions([*opinions, corrected])
    assert row["answers"] == ["nothing"]


def test_the_command_exports_and_says_when_there_is_nothing(tmp_path: Path) -> None:
    def export() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "konkyo", "feedback", "export"),
                *(str(tmp_path / "out.jsonl"), "--store", str(tmp_path / "store")),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=240,
            check=False,
        )

    nothing = export()
    assert nothing.returncode == 2
    assert "no opinion" in nothing.stderr
    Feedback(feedback_file(str(tmp_path / "store"))).keep("a", 1, "up", outcome())
    assert export().returncode == 0
    assert len(load_jsonl(tmp_path / "out.jsonl").questions) == 1


STORIES = {
    "bridge": "The bridge in Oslo opened on Monday. It cost 52 million crowns.",
    "ferry": "The ferry to Bergen stops in May. It carried 900 people a day.",
    "tunnel": "The tunnel in Tromso is closed for repairs. It opens again in June.",
    "tram": "The tram in Trondheim runs until midnight. It has twelve stops.",
}


class News:
    """A folder of articles and its index, with opinions on answers that quote them."""

    def __init__(self, folder: Path) -> None:
        self.store = str(folder / "store")
        self._folder = folder / "news"
        self._folder.mkdir()
        self._kept = Feedback(feedback_file(self.store))
        for name, text in STORIES.items():
            self.write(name, text)
        self.index()

    def write(self, name: str, text: str) -> None:
        (self._folder / f"{name}.md").write_text(f"# News of the {name}\n\n{text}\n", "utf-8")

    def remove(self, name: str) -> None:
        (self._folder / f"{name}.md").unlink()

    def index(self) -> None:
        build([str(self._folder)], self.store, ToyEncoder(), confirm=yes)

    def article(self, name: str) -> Article:
        store = open_store(self.store)
        (article_id,) = store.found_at((self._folder / f"{name}.md").as_posix())
        return store.article(article_id)

    def praise(self, turn: int, name: str, **about: str) -> None:
        """Keep an opinion on an answer that quotes the second sentence of a story."""
        quote = STORIES[name].split(". ")[1]
        shown = (evidence(1, self.article(name), quote),)
        outcome = to_json(answer(f"What of the {name}?", (Claim(quote, (1,), 0.9),), shown))
        self._kept.keep("a", turn, "down" if about else "up", outcome, **about)  # type: ignore[arg-type]

    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(feedback, [*arguments, "--store", self.store])
        return str(done.exception) if done.exit_code else done.output


def test_opinions_whose_quotes_changed_or_went_are_marked_and_not_exported(tmp_path: Path) -> None:
    news, out = News(tmp_path), tmp_path / "out.jsonl"
    for turn, name in enumerate(STORIES, 1):
        news.praise(turn, name)
    assert news.run("export", str(out)) == f"{out}: 4 questions from 4 opinions\n"
    news.write("bridge", STORIES["bridge"].replace("52 million", "5.2 million"))
    news.remove("ferry")
    news.index()
    mark_article(news.article("tunnel").article_id, "retracted", news.store)
    rows = json.loads(news.run("list", "--json"))
    assert [row["quotes"] for row in rows] == [
        [{"id": 1, "state": "changed", "now": "It cost 5.2 million crowns.", "status": None}],
        [{"id": 1, "state": "gone", "now": None, "status": None}],
        [{"id": 1, "state": "same", "now": None, "status": "retracted"}],
        [{"id": 1, "state": "same", "now": None, "status": None}],
    ]
    said = news.run("export", str(out))
    assert said.startswith(f"{out}: 1 questions from 4 opinions\n3 left out: a quote has changed")
    assert [q.question for q in load_jsonl(out).questions] == ["What of the tram?"]


def test_a_correction_by_a_reader_is_exported_though_the_quote_changed(tmp_path: Path) -> None:
    news, out = News(tmp_path), tmp_path / "out.jsonl"
    news.praise(1, "bridge", reason="wrong", correction="5.2 million crowns")
    news.write("bridge", STORIES["bridge"].replace("52 million", "5.2 million"))
    news.index()
    assert news.run("export", str(out)) == f"{out}: 1 questions from 1 opinions\n"


def test_where_all_praise_is_outdated_the_export_says_so(tmp_path: Path) -> None:
    news, out = News(tmp_path), tmp_path / "out.jsonl"
    news.praise(1, "bridge", reason="wrong", correction="52 million")
    news.praise(2, "bridge")
    news.remove("bridge")
    news.index()
    assert "nothing to export; 1 left out" in news.run("export", str(out))
    assert not out.exists()


def test_opinions_without_an_index_are_not_compared(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    Feedback(feedback_file(store)).keep("a", 1, "up", outcome())
    done = CliRunner().invoke(feedback, ["list", "--json", "--store", store])
    assert [row["quotes"] for row in json.loads(done.output)] == [None]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.sqlite"
    file.write_text("not a database " * 100, "utf-8")
    with pytest.raises(UsageError, match="not a file of feedback"):
        read_opinions(file)
    with pytest.raises(UsageError, match="cannot be kept"):
        Feedback(file).keep("a", 1, "up", outcome())
