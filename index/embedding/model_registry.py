"""From a model's name to its files: a catalogue name, a local path or a hub id."""

from __future__ import annotations

import re
from pathlib import Path

from konkyo.index.embedding.catalogue import CatalogueModel, Kind, find_model, is_named
from konkyo.index.embedding.model_files import place_of, state_of_model
from konkyo.index.errors import ModelDamaged, ModelMissing, ModelUnknown

__all__ = ["model_path", "resolve_embedding", "resolve_llm"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def model_path(name: str) -> Path:
    """Where a catalogue model is, its content verified.

    Raises ModelUnknown, ModelMissing, ModelDamaged.
    """
    model = find_model(name)
    state = state_of_model(model)
    if state == "not pulled":
        raise ModelMissing(
            f"{model.name} has not been pulled yet; run: konkyo models pull {model.name}"
        )
    if state == "damaged":
        raise ModelDamaged(
            f"{model.name} is damaged: {place_of(model)} does not have the content (sha256) it "
            f"was fetched with; fetch it again: konkyo models pull {model.name}"
        )
    return place_of(model)


def resolve_embedding(name: str) -> Path | str:
    """The folder of a catalogue name or of a local path; a hub id (``org/name``) as it is.

    Raises ModelUnknown, ModelMissing, ModelDamaged.
    """
    local = _local(name)
    if local is not None:
        if not local.is_dir() or not any(
            (local / f).is_file() for f in ("modules.json", "config.json")
        ):
            raise ModelUnknown(
                f"{name} is not a sentence-transformers folder (no modules.json or config.json)"
            )
        return local
    if _HUB_ID.fullmatch(name):
        return name
    return model_path(_of_kind(name, "embedding").name)


def resolve_llm(name: str) -> Path:
    """The GGUF file of a catalogue name or of a local path.

    Raises ModelUnknown, ModelMissing, ModelDamaged.
    """
    local = _local(name)
    if local is not None:
        with local.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelUnknown(f"{name} is not a GGUF file")
        return local
    if name.lower().endswith(".gguf"):
        raise ModelMissing(f"there is no file {name}; give the path of a GGUF file")
    return model_path(_of_kind(name, "llm").name)


def _of_kind(name: str, kind: Kind) -> CatalogueModel:
    model = find_model(name)
    if model.kind != kind:
        what = {"embedding": "an embedding model", "llm": "a language model"}[kind]
        raise ModelUnknown(f"{model.name} is not {what}; see: konkyo models list")
    return model


def _local(name: str) -> Path | None:
    path = Path(name).expanduser()
    return path.absolute() if path.exists() and not is_named(name) else None
