"""The header: name, status, tools, and the file that a reader saves."""

from __future__ import annotations

from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.events import at_once, html_part, in_language, on_event
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.export import as_json, as_markdown, file_name
from konkyo.ui.web.html.header import file_download
from konkyo.ui.web.i18n import say

__all__ = ["Header"]


class Header:
    """Says what the server is doing and saves the conversation."""

    def __init__(self, context: PageContext) -> None:
        import gradio as gr

        self._context = context
        with gr.Row(elem_id="k-top"):
            gr.HTML("@@html:brand@@", elem_id="k-brand", apply_default_css=False)
            self.status = html_part(
                "@@html:status@@",
                "k-state",
                "konkyo.state(element, trigger, watch, 'look', 'returned');",
            )
            self._tools = html_part(
                "@@html:tools@@", "k-tools", "konkyo.tools(element, trigger, 'save');"
            )
            self._file = html_part("", "k-download", "konkyo.download(element, watch);")

    def wire(self) -> None:
        """Wire the tools."""
        look = in_language(self._context, self._context.status)
        at_once(self.status.look, look, self.status)
        save = on_event(self._context, self._save)
        at_once(self._tools.save, save, self._file, trigger_mode="multiple")

    def _save(self, visit: Visit) -> str:
        turns = visit.conversation.turns
        if not any(turn.outcome is not None for turn in turns):
            file = file_download("", "", say(visit.language, "nothing_to_save"))
        elif visit.value("form") == "json":
            file = file_download(file_name(turns, "json"), as_json(turns))
        else:
            noted = self._context.chat_service.citations.noted
            told = [noted(turn, visit.language) for turn in turns]
            file = file_download(file_name(told, "md"), as_markdown(told, visit.language))
        return self._context.renewed(file)
