"""Questions drafted from articles: what is asked, what is kept, and what a person decides."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.eval.answer_match import holds
from konkyo.eval.drafts import Draft, DraftFile, draft, drafts, phrased
from konkyo.eval.formats.load import load
from konkyo.index.builder import build
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article
from konkyo.index.stores.open import open_store
from konkyo.index.text.sentences import sentences
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.ui.cli.eval import evaluate

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder


def made(text: str, language: str, title: str = "") -> Draft | None:
    return draft(Article("a" * 16, title, text, language, "a.md"), text, 0)


@pytest.mark.parametrize(
    ("language", "text", "question", "answer"),
    [
        (
            "ja",
            "日本の対米投資の規模は5500億ドルに上る。",
            "日本の対米投資の規模はいくらに上るか。",
            "5500億ドル",
        ),
        (
            "ja",
            "ベネズエラには約160人の日本人がいる。",
            "ベネズエラには約何人の日本人がいるか。",
            "160人",
        ),
        (
            "ja",
            "トランプ大統領は東京で日本の首相と会談した。",
            "誰が東京で日本の首相と会談したか。",
            "トランプ大統領",
        ),
        (
            "ja",
            "日米首脳会談は3月19日にワシントンで開かれる。",
            "日米首脳会談は何月何日にワシントンで開かれるか。",
            "3月19日",
        ),
        (
            "en",
            "Japan promised to invest $550 billion in the United States.",
            "Japan promised to invest how much money in the United States?",
            "$550 billion",
        ),
        (
            "en",
            "Takaichi will visit Washington on March 19 for talks.",
            "Takaichi will visit Washington on what date for talks?",
            "March 19",
        ),
        (
            "ko",
            "베네수엘라에 머무는 일본인은 160명이라고 정부가 밝혔다.",
            "베네수엘라에 머무는 일본인은 몇 명이라고 정부가 밝혔나요?",
            "160명",
        ),
        (
            "ko",
            "트럼프 대통령은 3월 19일 백악관에서 회담을 연다.",
            "트럼프 대통령은 몇 월 며칠 백악관에서 회담을 여나요?",
            "3월 19일",
        ),
        (
            "zh",
            "日本对美国的投资规模达到5500亿美元。",
            "日本对美国的投资规模达到多少钱？",
            "5500亿美元",
        ),
        (
            "zh",
            "特朗普将于3月19日在华盛顿与高市会谈。",
            "特朗普将于几月几日在华盛顿与高市会谈？",
            "3月19日",
        ),
    ],
)
def test_a_sentence_becomes_a_question(
    language: str, text: str, question: str, answer: str
) -> None:
    found = made(text, language)
    assert found is not None
    assert (found.question, found.answer) == (question, answer)
    assert found.answers[0] == answer
    assert not holds(found.question, answer)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "これは5500億ドルに上る規模の対米投資である。"),
        ("ja", "2月9日と2月10日に会談が東京で開かれた。"),
        ("en", "He won it."),
        ("en", "It was worth $550 billion in the end, people in the room said."),
        ("de", "Japan investiert 550 Milliarden Dollar in den USA."),
        ("zh", "今天天气很好，大家都出门散步。"),
    ],
)
def test_what_makes_no_question(language: str, text: str) -> None:
    assert made(text, language) is None


def test_a_sentence_that_names_nothing_is_placed_by_its_title() -> None:
    found = made("会談は3月19日に開かれる予定だという。", "ja", "首脳会談の日程")
    assert found is not None
    assert found.question.startswith("「首脳会談の日程」の記事によると、")


class Writer:
    name = "fake"

    def __init__(self, line: str) -> None:
        self._line = line

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        assert prompt.shown == 1
        assert "5500億ドル" in prompt.user
        yield self._line


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("日本が約束した対米投資の規模はいくらですか。 [1]\n", True),
        ("日本の対米投資は5500億ドルですか。 [1]\n", False),
        ("日本の対米投資の規模は大きい。 [1]\n", False),
        ("How large is the investment? [1]\n", False),
        ("", False),
    ],
)
def test_a_model_phrases_only_what_will_do(line: str, used: bool) -> None:
    plain = made("日本の対米投資の規模は5500億ドルに上る。", "ja")
    assert plain is not None
    found = phrased(plain, Writer(line))
    assert (found.phrased_by == "fake") is used
    assert (found == plain) is not used


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafts")
    source = folder / "news"
    source.mkdir()
    for number in range(6):
        (source / f"{number}.md").write_text(
            f"---\ntitle: 東京の発表{number}\nlanguage: ja\npublished: 2026-02-0{number + 1}\n---\n"
            f"気象庁は東京で{number + 2}万人が影響を受けたと述べた。"
            f"日銀の会合は3月1{number}日に東京で開かれる。"
            f"トランプ大統領は東京の議会で考えを述べた。\n",
            "utf-8",
        )
    build([str(source)], folder / "store", ToyEncoder())
    return folder / "store"


def test_drafts_come_from_every_article_in_an_order_a_seed_draws(store: Path) -> None:
    opened = open_store(store)
    first = list(drafts(opened, sentences=sentences))
    assert first == list(drafts(opened, sentences=sentences))
    assert first != list(drafts(opened, sentences=sentences, seed=1))
    assert len({d.article_id for d in first[:6]}) == 6
    for found in first:
        text = opened.article(found.article_id).text
        assert found.sentence in text
        assert found.sentence[found.at : found.until] == found.answer
    skip = frozenset({first[0].id})
    assert first[0].id not in {d.id for d in drafts(opened, sentences=sentences, skip=skip)}
    assert not list(drafts(opened, sentences=sentences, languages=frozenset({"ko"})))
    opened.close()


def test_a_draft_is_given_before_the_next_article_is_read(store: Path) -> None:
    opened = open_store(store)
    read: list[str] = []

    def seen(text: str, language: str | None) -> list[tuple[int, int]]:
        read.append(text)
        return sentences(text, language)

    found = drafts(opened, sentences=seen)
    assert [(next(found).article_id, len(read)) for _ in range(6)] == [
        (d.article_id, n)
        for n, d in enumerate(list(drafts(opened, sentences=sentences))[:6], start=1)
    ]
    opened.close()


def invoke(store: Path, out: Path, *more: str, said: str = "") -> str:
    arguments = ["new", "--store", str(store), "--out", str(out), "--llm", "none", *more]
    result = CliRunner().invoke(evaluate, arguments, input=said)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_person_accepts_edits_and_rejects(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.jsonl"
    said = "a\nr\ne\n何件ですか。\n7件 | 七件\na\nq\n"
    shown = invoke(store, out, said=said)
    assert "2 questions" in shown
    first, second = load(out).questions
    assert second.question == "何件ですか。"
    assert second.answers == ("7件", "七件")
    assert first.answerable
    assert first.gold[0].quote
    refused = (tmp_path / "own.jsonl.rejected").read_text("utf-8").split()
    assert len(refused) == 1
    # It goes on where it ended, and offers nothing twice.
    invoke(store, out, "--count", "4", "--yes")
    ids = [q.id for q in load(out).questions]
    assert ids[:2] == [first.id, second.id]
    assert len(ids) == len(set(ids)) == 4
    assert refused[0] not in ids
    assert "holds 4 questions already" in invoke(store, out, "--count", "3")


def test_nobody_to_ask_is_said(store: Path, tmp_path: Path) -> None:
    arguments = ["new", "--store", str(store), "--out", str(tmp_path / "x.jsonl"), "--llm", "none"]
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exit_code == 2
    assert "--yes" in result.output


def test_a_damaged_dataset_is_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"id": "1"}) + "\n")
    with pytest.raises(DatasetError, match=r"own\.jsonl:1"):
        DraftFile(path)
