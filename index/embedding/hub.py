"""Fetches models from the Hugging Face hub. The one owner of huggingface_hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from konkyo.index.errors import ModelUnreachable

__all__ = ["fetch_snapshot"]

_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


def fetch_snapshot(
    hub_id: str, *, folder: Path | None = None, files: Sequence[str] = _FILES, advice: str
) -> Path:
    """Fetch a model's files into ``folder``, or into the hub's own cache; returns where they are.

    Raises ModelUnreachable, whose message ends with ``advice``.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        return Path(
            huggingface_hub.snapshot_download(hub_id, local_dir=folder, allow_patterns=list(files))
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as exc:
        raise ModelUnreachable(
            f"cannot fetch {hub_id} from the model hub ({type(exc).__name__}); {advice}"
        ) from exc
