"""File names come from others: what in them steers a terminal is shown, not obeyed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.index.builder import build
from konkyo.index.errors import SourceError
from konkyo.index.text.unicode import escaped
from konkyo.ui.cli.main import konkyo, main

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder, story

STEERING = "\x1b[2J\x1b]0;owned\x07\u202egpj.exe\n\x9b31mfaked line"
SHOWN = r"\x1b[2J\x1b]0;owned\x07\u202egpj.exe\n\x9b31mfaked line"


def test_control_and_direction_characters_are_escaped() -> None:
    assert escaped(STEERING) == SHOWN
    assert escaped("a\nb\tc", keep="\n\t") == "a\nb\tc"
    plain = "記事 ｱ/نسخه\u200cها 👩\u200d👩 déjà\u3000vu.md"
    assert escaped(plain) == plain


def test_a_failed_file_is_told_by_its_escaped_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = STEERING.replace("/", "")
    try:
        (tmp_path / f"{name}.md").write_bytes(b"\xff\xfe\xff" * 5)
        (tmp_path / f"{name}.pdf").write_bytes(b"%PDF-nothing")
    except OSError as exc:
        pytest.skip(f"such a name cannot be written here: {exc}")
    monkeypatch.setattr(sys, "argv", ["konkyo", "index", "build", str(tmp_path / f"{name}.pdf")])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main()
    printed = "".join(capfd.readouterr())
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert r"\x1b[2J" in printed


def test_an_article_is_listed_and_shown_by_its_escaped_name(tmp_path: Path) -> None:
    folder = tmp_path / "news\x1b[2J"
    folder.mkdir()
    (folder / "a.md").write_text(story(1).replace("# ", "# \x1b[31m", 1), "utf-8")
    build([os.fspath(folder)], tmp_path / "store", ToyEncoder())
    runner = CliRunner()
    listed = runner.invoke(konkyo, ["index", "list", "--store", str(tmp_path / "store")]).output
    article = listed.split()[0]
    shown = runner.invoke(konkyo, ["show", article, "--store", str(tmp_path / "store")]).output
    assert "\x1b" not in listed + shown
    assert r"news\x1b[2J/a.md" in shown


def test_the_name_itself_is_kept_as_it_is() -> None:
    assert SourceError("a\x1b", "gone").source == "a\x1b"
