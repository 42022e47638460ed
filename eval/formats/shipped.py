"""The evaluation sets that come with the package, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path

from konkyo.eval.formats.clusters import DEV, claims_of_clusters, load_clusters
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.eval.questions import Dataset
from konkyo.index.errors import DatasetError

__all__ = ["SHIPPED", "load_shipped", "shipped_texts"]

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
    path = _path(file)
    if not path.exists():
        raise DatasetError(f"{name}: {path} is not there; reinstall konkyo")
    dataset = read(path)
    return Dataset(name, dataset.questions, dataset.articles)


def shipped_texts() -> Iterator[str]:
    """Every question of the sets of the package, in all its wordings, and every claim."""
    for name, (file, _) in SHIPPED.items():
        for question in load_shipped(name).questions:
            yield from (question.question, *question.paraphrases)
        if _path(file).is_dir():
            yield from claims_of_clusters(_path(file))


def _path(file: str) -> Path:
    return Path(str(resources.files("konkyo.eval").joinpath("datasets", file)))
