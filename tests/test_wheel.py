"""The wheel: one import name, beside a user's own folders of the same names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email import message_from_string
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

import konkyo
from konkyo.ui.cli.main import konkyo as command

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE*", "konkyo", "index", "rag", "eval", "ui")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tracked sources, so that no build folder stays behind."""
    folder: Path = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *SOURCES],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if not (ROOT / name).exists():
            continue
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        else:
            shutil.copyfile(ROOT / name, target)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(copy)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (built,) = folder.glob("konkyo-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and this one's libraries."""
    folder: Path = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    names = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=names))
    # What a .pth file names is only searched: hooks of an editable install there do not run.
    libraries = [p for p in sys.path if p.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), wheel],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder / "bin" / "python"


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A user's folder whose own files have the names of our folders."""
    for name in ("index", "rag"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    for name in ("eval.py", "ui.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')\n")
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "bridge.md").write_text(
        "---\ntitle: 北浜大橋が開通\nlanguage: ja\ndate: 2026-02-09\n---\n"
        "北浜大橋の開通式は2019年5月3日に西港市で開かれた。市長が出席した。\n",
        encoding="utf-8",
    )
    return tmp_path


def run(python: Path, folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [python, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_answers_a_question_beside_folders_of_the_same_names(python: Path, crowded: Path) -> None:
    where = run(python, crowded, "-c", "import konkyo; print(konkyo.__file__)").strip()
    assert Path(where).is_relative_to(python.parent.parent)
    run(python, crowded, "-m", "konkyo", "index", "build", "news", "--store", "store")
    said = run(
        python,
        crowded,
        "-m",
        "konkyo",
        "ask",
        "北浜大橋の開通式はいつ？",
        "--store",
        "store",
        "--llm",
        "none",
        "--json",
    )
    answer = json.loads(said)
    assert answer["status"] == "answered"
    assert "2019年5月3日" in answer["answer"]


def test_evaluates_a_shipped_set_by_its_name_from_any_folder(python: Path, crowded: Path) -> None:
    run(python, crowded, "-m", "konkyo", "index", "build", "news", "--store", "store")
    asked = ["eval", "run", "alliance", "--limit", "1", "--llm", "none", "--store", "store"]
    run(python, crowded, "-m", "konkyo", *asked, "--out", "out")
    assert len((crowded / "out" / "rows.jsonl").read_text("utf-8").splitlines()) == 1


def test_installs_one_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        tops = {n.split("/")[0] for n in file.namelist()}
        assert tops == {"konkyo", next(t for t in tops if t.endswith(".dist-info"))}
        assert "konkyo/py.typed" in file.namelist()
        assert "konkyo/eval/datasets/news/clusters/A03.json" in file.namelist()


def test_names_both_licences_and_ships_their_texts(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        inside = next(n for n in file.namelist() if n.endswith("/METADATA"))
        metadata = message_from_string(file.read(inside).decode())
        assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-SA-4.0"
        files = metadata.get_all("License-File") or []
        assert "LICENSE" in files
        assert any("CC-BY-SA-4.0" in name for name in files)


@pytest.mark.parametrize("name", ["index", "rag", "eval", "ui"])
def test_old_import_name_says_the_new_one(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert f"import konkyo.{name} instead of {name}" in done.stderr


def test_versions_agree() -> None:
    said = CliRunner().invoke(command, ["--version"])
    assert konkyo.__version__ == version("konkyo")
    assert version("konkyo") in said.output
