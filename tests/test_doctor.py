"""What the doctor finds and how it says so; completion; answers at a terminal and piped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import ENGLISH, FakeReader, answer, evidence, summary

from konkyo.index.settings import ChatSettings, LLMSettings, Settings
from konkyo.rag.messages import removed_text
from konkyo.rag.types import Answer, Claim, Refusal, Removed, RemovedReason
from konkyo.ui.cli.terminal import clean, converse, print_outcome
from konkyo.ui.server.diagnostics import Finding, examine

ROOT = Path(__file__).resolve().parents[1]


def konkyo(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "konkyo", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=240,
        check=False,
    )


def found(name: str, findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def test_a_missing_index_names_the_command_that_makes_one(tmp_path: Path) -> None:
    finding = found("index", examine(Settings(store=str(tmp_path / "none"))))
    assert finding.level == "wrong"
    assert finding.mend == f"konkyo index build SOURCE... --store {tmp_path / 'none'}"


def test_a_model_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    llm = LLMSettings(kind="ollama", model="qwen2.5:7b", base_url="http://127.0.0.1:9")
    finding = found("language model", examine(Settings(store=str(tmp_path), llm=llm)))
    assert (finding.level, finding.mend) == ("wrong", "ollama serve")
    assert "http://127.0.0.1:9" in finding.detail


def test_a_key_that_is_not_set_is_named_and_never_shown(tmp_path: Path) -> None:
    llm = LLMSettings(kind="openai", model="m", base_url="http://x", api_key_env="NOT_SET_KEY")
    finding = found("language model", examine(Settings(store=str(tmp_path), llm=llm), {}))
    assert finding.mend == "export NOT_SET_KEY=…"


def test_a_taken_port_is_a_note(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chat = ChatSettings(port=port)
        finding = found("port", examine(Settings(store=str(tmp_path), chat=chat)))
    assert (finding.level, finding.mend) == ("note", "konkyo chat --port 0")


def test_the_command_ends_with_one_when_something_is_wrong(tmp_path: Path) -> None:
    done = konkyo("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1
    findings = json.loads(done.stdout)
    assert {"Python", "libraries", "memory", "index", "port"} <= {f["name"] for f in findings}
    assert all(f["mend"] for f in findings if f["level"] == "wrong")


def test_a_wrong_setting_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "konkyo.toml").write_text("[chat]\nprot = 1\n", "utf-8")
    done = konkyo("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "did you mean port?" in done.stdout


def test_settings_of_chat_are_read_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "konkyo.toml").write_text('[chat]\nhost = "0.0.0.0"\n', "utf-8")
    done = konkyo("chat", "--store", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "0.0.0.0" in done.stderr
    assert "password" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_each_shell_gets_its_script(tmp_path: Path, shell: str) -> None:
    done = konkyo("completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    assert "_KONKYO_COMPLETE" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True, timeout=300)


# ---- answers at a terminal


def outcome() -> Answer:
    shown = (evidence(1, ENGLISH, ENGLISH.text.split("\n")[0]),)
    return answer("How much?", (Claim("550 billion dollars.", (1,), 0.9),), shown)


def test_piped_an_answer_is_plain_with_footnotes(capsys: pytest.CaptureFixture[str]) -> None:
    print_outcome(outcome())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "550 billion dollars.[1]"
    assert lines[2] == f"[1] {ENGLISH.text.splitlines()[0]}"
    assert lines[3].strip().startswith(f"{ENGLISH.title} · Alliance Wire · 2026-02-10 · https://")
    assert not any("\x1b" in line for line in lines)


def test_a_refusal_names_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Refusal(
        "q", "en", "weak_evidence", "The articles do not say.", (), (), {}, "f", (summary(ENGLISH),)
    )
    print_outcome(refusal)
    assert capsys.readouterr().out.splitlines() == [
        "The articles do not say.",
        f"  · {ENGLISH.title} ({ENGLISH.published}, {ENGLISH.article_id})",
    ]


def test_a_removed_sentence_is_counted_and_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    false = ("About 500 companies take part.", "All is done.", "It is 800 billion dollars.")
    reasons: tuple[RemovedReason, ...] = ("number", "off_question", "number")
    removed = tuple(map(Removed, false, reasons))
    print_outcome(replace(outcome(), removed=removed))
    told = capsys.readouterr().out
    assert not any(text in told for text in false)
    why = "; ".join(removed_text(reason, "en") for reason in ("number", "off_question"))
    assert told.splitlines()[-1] == (
        f"Sentences left out because they did not pass the check: 3 ({why})"
    )


def test_articles_cannot_steer_a_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\u202ec\r\u200dd\u3000e\u00a0f\n") == "a[2Jbc\u200dd\u3000e\u00a0f\n"


def test_a_chat_at_the_terminal_answers_goes_on_and_survives_faults(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["How many turns?", "damaged", "How many turns?", "/new", "How many turns?"])

    def read(prompt: str = "") -> str:
        try:
            return next(typed)
        except StopIteration as exc:
            raise EOFError from exc

    monkeypatch.setattr("builtins.input", read)
    converse(lambda: FakeReader(0))
    told = capsys.readouterr()
    assert [line for line in told.out.splitlines() if line.startswith("Before")] == [
        "Before: .[1]",
        "Before: How many turns?.[1]",
        "Before: .[1]",
    ]
    assert "the index says <b>no</b>" in told.err
