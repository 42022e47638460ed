"""The evaluation sets that come with the package, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path

from konkyo.eval.formats.clusters import DEV, load_clusters
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.eval.questions import Dataset
from konkyo.index.errors import DatasetError

__all__ = ["SHIPPED", "load_shipped"]

SHIPPED: dict[str, tuple[str, Callable[[Path], Dataset]]] = {
    "alliance": ("alliance.jsonl", load_jsonl),
    "injected": ("injected.jsonl", load_jsonl),
    "shared-pages": ("shared-pages.jsonl", load_jsonl),
    "asked-seeds": ("asked-seeds.jsonl", load_jsonl),
    "asked-pages": ("asked-pages.jsonl", load_jsonl),
    "news": ("news/clusters", load_clusters),
    "news-dev": ("news/clusters", partial(load_clusters, numbers=DEV)),
}
"""Names, each with its file or folder and its reader."""


def load_shipped(name: str) -> Dataset:
    """Read a set of the package by its name. Raises DatasetError."""
    file, read = SHIPPED[name]
    path = Path(str(resources.files("konkyo.eval").joinpath("datasets", file)))
    if not path.exists():
        raise DatasetError(f"{name}: {path} is not there; reinstall konkyo")
    dataset = read(path)
    return Dataset(name, dataset.questions, dataset.articles)
