"""What makes an answer useful, the sheet for a person, and several systems in one table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.eval.questions import Gold, Question
from konkyo.eval.report import report
from konkyo.eval.scoring import Row, judge_outcome, skipped
from konkyo.eval.sheet import COLUMNS, read_sheet, write_sheet
from konkyo.eval.summary import summarise, summary_json
from konkyo.eval.systems_table import systems_table
from konkyo.eval.usefulness import FLAWS
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article
from konkyo.rag.types import Answer, Citation, Claim, Outcome, Refusal, Short
from konkyo.ui.cli.eval import evaluate

FIRST = "The bridge cost 1.2 billion yen, the town said on Monday."
SECOND = "The opposition puts the cost of the bridge at 1.5 billion yen."
THIRD = "The bridge was opened on 3 May by the mayor and two children."
ARTICLE = Article("a1", "Bridge", "\n".join((FIRST, SECOND, THIRD)), "en", "bridge.md")
JAPANESE = Article("a2", "橋", "橋の費用は12億円だったと町が月曜日に発表した。", "ja", "hashi.md")
FACT = Question(
    "q1", "What did the bridge cost?", "en", "number", True, ("1.2 billion yen", "12億円"),
    gold=(Gold("bridge.md", FIRST), Gold("hashi.md", JAPANESE.text)),
)  # fmt: skip
LIST = Question(
    "q2", "What figures are given for the bridge?", "en", "list", True,
    all_of=(("1.2 billion",), ("1.5 billion",)),
    gold=(Gold("bridge.md", FIRST), Gold("bridge.md", SECOND)),
)  # fmt: skip
ABSENT = Question("q3", "Who designed the bridge?", "en", "absent", False)


def cited(number: int, quote: str, article: Article = ARTICLE) -> Citation:
    start = article.text.index(quote)
    place = (article.article_id, article.title, article.source, None, None, article.language, None)
    return Citation(number, *place, quote, start, start + len(quote))


def answered(*claims: Claim, quotes: tuple[Citation, ...], short: Short | None = None) -> Answer:
    text = " ".join(f"{claim.frame} {claim.text}".strip() for claim in claims)
    return Answer("?", "en", text, claims, quotes, (), (), {}, "0", short=short)


def quoted(*quotes: str) -> Answer:
    found = tuple(cited(n, quote) for n, quote in enumerate(quotes, 1))
    return answered(*(Claim(c.quote, (c.id,), 1.0) for c in found), quotes=found)


REFUSED = Refusal("?", "en", "weak_evidence", "The articles do not say.", (), (), {}, "0")


def judged(question: Question, outcome: Outcome) -> Row:
    articles = {a.article_id: a for a in (ARTICLE, JAPANESE)}
    return judge_outcome(question, outcome, 1.0, article=articles.__getitem__)


def own(text: str) -> Answer:
    return answered(Claim(text, (1,), 0.9), quotes=(cited(1, FIRST),))


@pytest.mark.parametrize(
    ("question", "outcome", "flaws"),
    [
        (FACT, quoted(FIRST), ()),
        (FACT, quoted(SECOND), ("wrong",)),
        (FACT, REFUSED, ("refused",)),
        (ABSENT, REFUSED, ()),
        (ABSENT, quoted(FIRST), ("wrong",)),
        (LIST, quoted(FIRST, SECOND), ()),
        (LIST, own("It is 1.2 billion or 1.5 billion yen."), ("incomplete",)),
        (FACT, own("橋の費用は12億円だったと町の人々に向けて発表されました。"), ("language",)),
        (FACT, own("It cost 1.2 billion yen <b>in all</b>."), ("garbled",)),
        (FACT, own("It cost 1.2 billion yen. It cost 1.2 billion yen."), ("repeated",)),
        (FACT, quoted(FIRST, FIRST), ("repeated",)),
        (FACT, own("It cost 1.2 billion yen. " + "And so on, they wrote at length. " * 30),
         ("repeated", "long")),
    ],
)  # fmt: skip
def test_flaws_of_an_answer(question: Question, outcome: Outcome, flaws: tuple[str, ...]) -> None:
    row = judged(question, outcome)
    assert row.flaws == flaws
    assert row.scores["Useful"] == float(not flaws)
    assert set(flaws) <= set(FLAWS)


def test_a_sentence_without_answer_or_gold_article_is_beside_the_question() -> None:
    other = replace(FACT, gold=(Gold("hashi.md", JAPANESE.text),))
    assert judged(other, quoted(FIRST, THIRD)).flaws == ("beside",)


def test_a_quote_in_another_language_needs_a_short_answer_in_the_askers() -> None:
    quote = cited(1, JAPANESE.text, JAPANESE)
    claim = Claim(quote.quote, (1,), 1.0, "According to hashi.md (in Japanese):", "ja")
    told = Short("1.2 billion yen", "en", True)
    assert judged(FACT, answered(claim, quotes=(quote,), short=told)).flaws == ()
    left = replace(told, text="12億円", language="ja")
    assert judged(FACT, answered(claim, quotes=(quote,), short=left)).flaws == ("language",)


def test_the_share_of_gold_places_that_are_quoted() -> None:
    assert judged(LIST, quoted(FIRST)).scores["PlacesCited"] == 0.5
    assert judged(LIST, quoted(FIRST, SECOND)).scores["PlacesCited"] == 1.0
    assert judged(LIST, REFUSED).scores["PlacesCited"] == 0.0
    assert "PlacesCited" not in judged(FACT, quoted(FIRST)).scores


ROWS = [
    judged(FACT, quoted(FIRST)),
    judged(LIST, quoted(FIRST)),
    judged(ABSENT, REFUSED),
    skipped(replace(FACT, id="q4", question="=cmd()"), "gone", 1.0),
]


def test_flaws_are_counted_and_kept_in_rows() -> None:
    summary = summarise(ROWS)
    assert summary.measures["Useful"].value == 0.5
    assert summary.flaws == {"wrong": 1, "incomplete": 1, "failed": 1}
    assert summary_json(summary)["flaws"] == summary.flaws
    for row in ROWS:
        kept = json.loads(json.dumps(row.to_json()))
        assert Row.from_json("x", kept).flaws == row.flaws
    old = {name: value for name, value in ROWS[1].to_json().items() if name != "flaws"}
    assert Row.from_json("x", json.loads(json.dumps(old))).flaws == ()


def test_a_sheet_is_written_for_a_person_and_read_back() -> None:
    text = write_sheet(ROWS)
    lines = [line.split("\t") for line in text.splitlines()]
    assert tuple(lines[0]) == COLUMNS
    assert [len(line) for line in lines] == [len(COLUMNS)] * 5
    assert lines[1][4:8] == [FIRST, f"[1] {FIRST}", "useful", ""]
    assert lines[2][6] == "wrong, incomplete"
    assert lines[4][3] == "'=cmd()"
    for line, verdict in zip(lines[1:], ("Useful", "wrong", "useful", ""), strict=True):
        line[7] = verdict
    found = read_sheet("x.tsv", "\n".join("\t".join(line) for line in lines))
    assert found.verdicts == {"useful": 2, "wrong": 1}
    assert (found.useful.value, found.useful.n, found.left) == (pytest.approx(2 / 3), 3, 1)
    assert found.wrong_or_garbled.value == pytest.approx(1 / 3)
    assert found.agreement == 1.0
    assert list(found.by_language) == ["en"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\tquestion\n", "no column 'language'"),
        ("language\tmeasured\tverdict\nen\tuseful\tgreat\n", "row 2: 'great' is none of useful"),
    ],
)
def test_a_sheet_that_is_none_is_refused_with_its_row(text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read_sheet("x.tsv", text)


def test_the_command_writes_and_reads_a_sheet(tmp_path: Path) -> None:
    lines = [json.dumps(row.to_json(), ensure_ascii=False) for row in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sheet = str(tmp_path / "answers.tsv")
    write = ["label", str(tmp_path), "--sheet", sheet]
    first = CliRunner().invoke(evaluate, write)
    assert first.exit_code == 0, first.output
    assert "4 answers" in first.output
    again = CliRunner().invoke(evaluate, write)
    assert again.exit_code == 2
    assert "would be lost" in again.output
    read = CliRunner().invoke(evaluate, ["label", "--read", sheet])
    assert "no verdict yet, 4 left" in read.output
    blank = Path(sheet).read_text("utf-8-sig")
    Path(sheet).write_text(blank.replace("\tuseful\t\t", "\tuseful\tgarbled\t"), "utf-8-sig")
    read = CliRunner().invoke(evaluate, ["label", "--read", sheet])
    assert "2 verdicts, 2 left" in read.output
    assert "garbled 2" in read.output
    assert CliRunner().invoke(evaluate, ["label", str(tmp_path)]).exit_code == 2


def test_systems_are_compared_over_the_questions_all_were_asked() -> None:
    uncited = answered(Claim("It cost 1.2 billion yen.", (), 0.5), quotes=())
    other = [judged(FACT, uncited), judged(ABSENT, quoted(FIRST))]
    table = systems_table({"ours": ROWS, "theirs": other})
    assert table.heads == ("measure", "ours", "theirs", "not checked")
    assert (table.questions, table.answerable) == (2, 1)
    lines = {line[0]: line[1:] for line in table.lines}
    assert [cell[:5] for cell in lines["Useful"][:2]] == ["1.000", "0.500"]
    assert lines["Useful"][2] == "0"
    assert lines["Right"][2] == "1"
    assert lines["sentences that cite nothing"] == ("0 of 1", "1 of 2", "")
    assert "PlacesCited" not in lines


def test_the_report_has_the_other_systems_beside_it(tmp_path: Path) -> None:
    page = report(ROWS, title="x", about={}, others={"quotes <alone>": ROWS[:2]})
    assert "<th>quotes &lt;alone&gt;</th><th>not checked</th>" in page
    assert "2 questions that all were asked" in page
    assert "What kept questions from a useful answer: failed 1, incomplete 1, wrong 1" in page
    lines = [json.dumps(row.to_json(), ensure_ascii=False) for row in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = ["report", str(tmp_path), "--beside", f"again={tmp_path}"]
    assert CliRunner().invoke(evaluate, told).exit_code == 0
    assert "Beside other systems" in (tmp_path / "report.html").read_text("utf-8")
    assert CliRunner().invoke(evaluate, [*told[:2], "--beside", "nothing"]).exit_code == 2
