"""What a page says in JSON-LD of its own correction or retraction (schema.org)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from konkyo.index.ingest.encodings import clean
from konkyo.index.records import ArticleStatus, status_of

__all__ = ["StatedCorrection", "stated_correction"]

_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class StatedCorrection:
    """A status, and how the article is corrected; both None where nothing is said."""

    status: ArticleStatus | None = None
    text: str | None = None


def stated_correction(scripts: Iterable[str]) -> StatedCorrection:
    """Read ``correction`` and ``creativeWorkStatus`` of the first article in JSON-LD scripts.

    A correction is a text, an address or a CorrectionComment. What is not JSON is passed over.
    """
    for script in scripts:
        try:
            data = json.loads(script)
        except (ValueError, RecursionError):
            continue
        for article in _articles(data, _DEEPEST):
            text = _text(article.get("correction"))
            status = status_of(str(article.get("creativeWorkStatus", "")).strip().lower())
            if text or status:
                return StatedCorrection(status or "corrected", text)
    return StatedCorrection()


def _articles(data: object, deepest: int) -> Iterator[Mapping[str, object]]:
    """Yield every object whose type is an article, however it is nested in lists and graphs."""
    if deepest and isinstance(data, list):
        for one in data:
            yield from _articles(one, deepest - 1)
    elif deepest and isinstance(data, dict):
        kinds = data.get("@type")
        names = kinds if isinstance(kinds, list) else [kinds]
        if any(isinstance(name, str) and name.endswith("Article") for name in names):
            yield data
        yield from _articles(data.get("@graph"), deepest - 1)


def _text(value: object) -> str | None:
    """Return a correction as one line of text; several are joined."""
    if isinstance(value, list):
        return " ".join(filter(None, map(_text, value))) or None
    if isinstance(value, dict):
        value = value.get("text") or value.get("url") or value.get("@id")
    return (" ".join(clean(value).split()) or None) if isinstance(value, str) else None
