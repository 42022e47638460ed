"""Parts that the pages for editors share."""

from __future__ import annotations

from html import escape

from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language

__all__ = ["action_button", "progress_bar"]


def action_button(
    action: str,
    language: Language,
    *,
    key: str = "",
    kind: str = "k-chip",
    name: str = "",
    **data: str,
) -> str:
    """Returns a button; ``name`` tells it from others like it, ``data`` are its data attributes."""
    carried = "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())
    said = phrase(language, key or action)
    named = f' aria-label="{said}: {escape(name)}"' if name else ""
    return (
        f'<button type="button" class="{kind}" data-act="{action}"{carried}{named}>{said}</button>'
    )


def progress_bar(done: int, total: int, language: Language) -> str:
    """Returns a progress bar, without a value while the total is not known."""
    if not total:
        return f'<progress aria-label="{phrase(language, "job_running")}"></progress>'
    return (
        f'<progress max="{total}" value="{done}"'
        f' aria-label="{phrase(language, "job_running")}"></progress>'
    )
