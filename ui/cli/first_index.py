"""Whether there is an index, and one without articles where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from konkyo.index.settings import Settings

__all__ = ["make_empty_index", "require_store", "store_exists"]


def make_empty_index(settings: Settings) -> None:
    """Make an index without articles, with the encoder of the settings."""
    from konkyo.index.builder import make_empty
    from konkyo.index.embedding.encoders import load_encoder

    encoder = load_encoder(settings.embedding.model, threads=settings.embedding.threads or None)
    make_empty(settings.store, encoder, settings.chunks)


def store_exists(store: str) -> bool:
    """Whether there is an index; one on a server is looked at when it is opened."""
    from konkyo.index.stores.address import kind_of, without_scheme

    return kind_of(store) != "local" or without_scheme(store).exists()


def require_store(store: str) -> None:
    """Raise StoreMissing, with the command that makes one, where there is no index."""
    from konkyo.index.errors import StoreMissing

    if not store_exists(store):
        raise StoreMissing(
            f"{store}: there is no index here; make one with "
            f"`konkyo index build SOURCE... --store {store}`"
        )
