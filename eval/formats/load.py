"""Read an evaluation set in any known form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from konkyo.eval.formats.beir import load_beir
from konkyo.eval.formats.clusters import load_clusters
from konkyo.eval.formats.fields import json_lines, read_text
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.eval.formats.rgb import load_rgb
from konkyo.eval.formats.shipped import SHIPPED, load_shipped
from konkyo.eval.formats.squad import load_squad
from konkyo.eval.formats.table import load_csv
from konkyo.eval.questions import Dataset
from konkyo.index.errors import DatasetError, UsageError

__all__ = ["FORMS", "load"]

FORMS = ("auto", "jsonl", "squad", "beir", "rgb", "csv", "clusters")


def load(
    path: Path,
    *,
    form: str = "auto",
    language: str | None = None,
    noise: float | None = None,
    counterfactual: bool = False,
) -> Dataset:
    """Read a dataset by its path, or by the name of one that comes with the package.

    ``form`` is one of ``FORMS``.

    ``noise`` and ``counterfactual`` are for ``rgb`` alone (``load_rgb``). Raises DatasetError,
    UsageError.
    """
    if not path.exists() and str(path) in SHIPPED:
        return load_shipped(str(path))
    if not path.exists():
        raise DatasetError(
            f"{path}: no such file or folder; give a path or one of {', '.join(SHIPPED)}"
        )
    if form not in FORMS:
        raise UsageError(f"unknown dataset form {form!r}: use one of {', '.join(FORMS)}")
    chosen = _form_of(path) if form == "auto" else form
    if chosen == "rgb":
        share = 0.4 if noise is None else noise
        return load_rgb(path, language=language, noise=share, counterfactual=counterfactual)
    if noise is not None or counterfactual:
        raise UsageError(f"{path}: noise and counterfactual are for JSONL in RGB's form only")
    if chosen == "jsonl":
        return load_jsonl(path)
    readers: dict[str, Callable[..., Dataset]] = {
        "squad": load_squad,
        "beir": load_beir,
        "csv": load_csv,
        "clusters": load_clusters,
    }
    return readers[chosen](path, language=language)


def _form_of(path: Path) -> str:
    if path.is_dir():
        return "beir" if (path / "corpus.jsonl").exists() else "clusters"
    suffixes = [s for s in path.suffixes if s != ".xz"]
    if suffixes[-1:] == [".csv"]:
        return "csv"
    whole = _whole_object(path) if suffixes[-1:] == [".json"] else None
    if whole is not None:
        return "clusters" if "articles" in whole else "squad"
    first = next(json_lines(path), None)
    return "rgb" if first is not None and {"query", "positive"} <= first[1].keys() else "jsonl"


def _whole_object(path: Path) -> Mapping[str, object] | None:
    """The object a JSON file is; ``None`` where it is one object a line (RGB's own files).

    Empty where it is not JSON, for the reader to say where.
    """
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as exc:
        return None if exc.msg == "Extra data" else {}
    return value if isinstance(value, dict) else None
