"""Runs the examples of a documentation page as a reader would: over an index of seeds/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run_examples(page: str, mark: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the blocks of ``docs/page`` fenced as ``mark``, one after another; say how many.

    They see the names of those before them. Skips where the embedding model is not there.
    """
    from konkyo.index.builder import build
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.errors import ModelMissing

    try:
        encoder = load_encoder("multilingual-e5-small")
    except ModelMissing as exc:
        pytest.skip(str(exc))
    monkeypatch.chdir(folder)
    build([str(ROOT / "seeds")], folder / ".konkyo" / "store", encoder)
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(rf"```{mark}\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, f"docs/{page}", "exec"), names)
    return len(blocks)
