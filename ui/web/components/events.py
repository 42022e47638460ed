"""Turns Gradio's events into calls of handlers that take a visit.

Annotations are evaluated here, not postponed: Gradio reads those of the functions it calls to know
what to pass them, and could not resolve names of a library that is imported inside a function.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.i18n import Language

if TYPE_CHECKING:
    import gradio as gr

__all__ = [
    "HIDDEN",
    "at_once",
    "html_part",
    "in_language",
    "on_event",
    "on_request",
    "unchanged",
    "visible",
]

Result = TypeVar("Result")

HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""For every event: no progress on the page, and not part of any interface for programs."""


def on_request(
    context: PageContext, handler: Callable[[Visit], Result]
) -> Callable[["gr.Request"], Result]:
    """Returns a function for Gradio to call that hands a visit without data to the handler."""
    import gradio as gr

    def handle(request: gr.Request) -> Result:
        return handler(context.visit(request))

    return handle


def on_event(
    context: PageContext, handler: Callable[[Visit], Result]
) -> Callable[["gr.EventData", "gr.Request"], Result]:
    """Returns a function for Gradio to call that hands a visit with its data to the handler."""
    import gradio as gr

    def handle(event: gr.EventData, request: gr.Request) -> Result:
        return handler(context.visit(request, event))

    return handle


def in_language(
    context: PageContext, handler: Callable[[Language], Result]
) -> Callable[["gr.Request"], Result]:
    """Returns a function for Gradio to call that hands the language of a request to the handler.

    No conversation is read, unlike for a visit.
    """
    import gradio as gr

    def handle(request: gr.Request) -> Result:
        return handler(context.language(request))

    return handle


def at_once(
    trigger: Callable[..., Any], handler: Callable[..., object], outputs: object, **more: object
) -> None:
    """Wire an event past Gradio's queue, so that no slow answer delays it."""
    trigger(handler, None, outputs, queue=False, **HIDDEN, **more)


def unchanged() -> object:
    """Returns what tells Gradio to leave a part of the page as it is."""
    import gradio as gr

    return gr.skip()


def visible(shown: bool) -> object:
    """Returns what tells Gradio to show or to hide a part of the page."""
    import gradio as gr

    return gr.update(visible=shown)


def html_part(value: str, element_id: str, script: str) -> "gr.HTML":
    """Returns a part of the page that shows HTML; ``script`` runs once in the browser."""
    import gradio as gr

    return gr.HTML(value, elem_id=element_id, apply_default_css=False, js_on_load=script)
