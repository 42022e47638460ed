"""Two runs compared: pure figures, and the exit code a CI job reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.eval.compare import compare, comparison_json
from konkyo.eval.metrics import Measure
from konkyo.eval.questions import Question
from konkyo.eval.scoring import Row
from konkyo.index.errors import UsageError
from konkyo.ui.cli.eval import evaluate


def row(name: str, handled: float, **scores: float) -> Row:
    question = Question(name, f"問い{name}\x1b[31m", "ja", "fact", True, ("x",))
    outcome = {"status": "answered", "answer": f"答え{handled}"}
    return Row(question, outcome, None, 1.0, {"Handled": handled, **scores}, {}, (), 0.5)


A = [row("1", 1.0, GoldCited=1.0), row("2", 1.0), row("3", 0.0, GoldCited=0.0), row("4", 1.0)]
B = [row("1", 1.0, GoldCited=0.0), row("2", 0.0), row("3", 1.0), row("5", 1.0)]


def test_what_got_better_and_worse() -> None:
    found = compare(A, B, Measure("Handled"))
    assert [c.id for c in found.better] == ["3", "5"]
    assert [c.id for c in found.worse] == ["2", "4"]
    assert (found.result.n, found.result.difference) == (5, 0.0)
    assert found.worse[1].answer_after == "(not asked)"
    assert not found.lost(0.0)
    assert compare(A, B[:2], Measure("Handled")).lost(0.4)
    assert not compare(A, B[:2], Measure("Handled")).lost(0.5)


def test_a_measure_that_an_older_run_lacks_is_not_compared() -> None:
    newer = [row("1", 1.0, Useful=1.0), row("2", 1.0, Useful=0.0)]
    assert set(compare(A, newer, Measure("Handled")).by_measure) == {"Handled"}
    with pytest.raises(UsageError, match="Useful is not scored"):
        compare(A, newer, Measure("Useful"))


def test_a_conditional_measure_is_compared_where_both_count_it() -> None:
    found = compare(A, B, Measure("GoldCited"))
    assert (found.result.n, found.result.worse) == (1, 1)
    assert [c.id for c in found.worse] == ["1"]


def test_runs_that_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="no question in common"):
        compare(A, [row("9", 1.0)], Measure("Handled"))
    with pytest.raises(UsageError, match="AURC is not scored question by question"):
        compare(A, B, Measure("AURC"))


def test_the_object_is_json() -> None:
    value = comparison_json(compare(A, B, Measure("Handled")))
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert (value["better"], value["worse"], value["measure"]) == (2, 2, "Handled")


def written(folder: Path, rows: list[Row]) -> str:
    folder.mkdir()
    lines = [json.dumps(r.to_json(), ensure_ascii=False) for r in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


def test_the_command_tells_a_loss_by_its_exit_code(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a", A), written(tmp_path / "b", B[:2])
    run = CliRunner().invoke
    shown = run(evaluate, ["compare", a, b], standalone_mode=False)
    assert shown.return_value == 0
    assert "worse: 2 問い2 [31m" in shown.output
    assert "\x1b" not in shown.output
    loss = run(evaluate, ["compare", a, b, "--max-loss", "0.1", "--json"], standalone_mode=False)
    assert loss.return_value == 1
    assert json.loads(loss.stdout)["difference"] == -0.5
    assert "Handled fell by 0.500, more than 0.100" in loss.stderr
    fine = run(evaluate, ["compare", a, b, "--max-loss", "0.5"], standalone_mode=False)
    assert fine.return_value == 0
    wrong = run(evaluate, ["compare", a, b, "--measure", "Nice"], standalone_mode=False)
    assert isinstance(wrong.exception, UsageError)


def test_help_has_examples() -> None:
    for command in ([], ["run"], ["retrieval"], ["compare"]):
        result = CliRunner().invoke(evaluate, [*command, "--help"])
        assert result.exit_code == 0
        assert "Examples:" in result.output
