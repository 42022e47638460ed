"""What an installation needs and says: declared libraries, metadata, no torch to ask."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_docs import ROOT

from konkyo.index.settings import Settings
from konkyo.ui.server import diagnostics

ASKING = """
import sys

import xllamacpp
from konkyo.rag.generation.llm import EmbeddedLLM
from konkyo.ui.cli.main import main

question = "ベネズエラに滞在していた邦人は何人？"
sys.argv = ["konkyo", "ask", question, "--store", sys.argv[1], "--llm", "none"]
try:
    main()
except SystemExit as exc:
    assert exc.code in (0, None, 3), exc.code
heavy = {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
assert not heavy, heavy
print("no torch")
"""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*lists: list[str]) -> set[str]:
    return {normal(Requirement(line).name) for lines in lists for line in lines}


def imported() -> set[str]:
    """Every module of others that the installed packages import, anywhere in them."""
    names = set()
    for package in ("index", "rag", "eval", "ui"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    names.add(node.module)
    ours = sys.stdlib_module_names | {"konkyo"}
    return {name for name in names if name.split(".")[0] not in ours}


def test_every_library_that_is_imported_is_declared() -> None:
    installed = packages_distributions()
    base = declared(PROJECT["dependencies"])
    extras = declared(*(v for k, v in PROJECT["optional-dependencies"].items() if k != "dev"))
    missing = set()
    for module in imported():
        parts = module.split(".")
        # A name shared by many distributions, as llama_index is: each names its own part of it.
        shared = {normal("-".join(parts[:n])) for n in (2, 3)}
        of = {normal(name) for name in installed.get(parts[0], [])} | {normal(parts[0])}
        if not (of if len(of) < 6 else of & shared) & (base | extras):
            missing.add(module)
    assert missing == set()


def test_metadata_is_whole() -> None:
    assert {"authors", "classifiers", "keywords", "license", "license-files", "readme"} <= set(
        PROJECT
    )
    for file in PROJECT["license-files"]:
        assert (ROOT / file).is_file()
    minor = f"Programming Language :: Python :: 3.{sys.version_info.minor}"
    assert minor in PROJECT["classifiers"]


def test_asking_needs_no_torch(tmp_path: Path) -> None:
    from konkyo.index.builder import build
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.errors import ModelMissing

    try:
        encoder = load_encoder("multilingual-e5-small")
    except ModelMissing as exc:
        pytest.skip(str(exc))
    build([str(ROOT / "seeds" / "2026-01-04-ja-venezuela-nationals.md")], tmp_path / "s", encoder)
    done = subprocess.run(
        [sys.executable, "-c", ASKING, str(tmp_path / "s")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "no torch" in done.stdout


def test_the_doctor_names_libraries_for_graphics_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    for name, version in (("torch", "2.13.0"), ("nvidia_cublas_cu13", "13.0")):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        )
        (info / "RECORD").write_text(f"{name}/lib.so,,1500000000\n")
    monkeypatch.setattr(sys, "path", [str(site)])
    said = diagnostics._torch()
    assert said.level == "note"
    assert "1 libraries for graphics cards, 1.5 GB" in said.detail
    assert "pip uninstall -y nvidia-cublas-cu13 && pip install" in said.mend
    assert said.mend.endswith("https://download.pytorch.org/whl/cpu torch==2.13.0")


def test_the_doctor_looks_at_torch(tmp_path: Path) -> None:
    names = [f.name for f in diagnostics.examine(Settings(store=str(tmp_path / "none")), {})]
    assert names[:3] == ["Python", "libraries", "torch"]
