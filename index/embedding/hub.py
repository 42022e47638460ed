"""Fetches models from the Hugging Face hub. The one owner of huggingface_hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from konkyo.index.errors import ModelUnreachable

__all__ = ["HUB_FILES", "fetch_snapshot"]

HUB_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""The files of a sentence-transformers folder; none of them is a pickle."""


def fetch_snapshot(
    hub_id: str,
    *,
    folder: Path | None = None,
    files: Sequence[str] = HUB_FILES,
    revision: str | None = None,
    advice: str,
) -> Path:
    """Fetch a model's files into ``folder``, or into the hub's own cache; returns where they are.

    ``revision`` is the commit; without one, the newest of the main branch. Raises
    ModelUnreachable, whose message ends with ``advice``.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        return Path(
            huggingface_hub.snapshot_download(
                hub_id, revision=revision, local_dir=folder, allow_patterns=list(files)
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as exc:
        raise ModelUnreachable(
            f"cannot fetch {hub_id} from the model hub ({type(exc).__name__}); {advice}"
        ) from exc
