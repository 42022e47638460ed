"""The header: name, status, tools, and the file that a reader saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.events import at_once, html_part, on_event, on_request, visible
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.export import as_json, as_markdown
from konkyo.ui.web.html.header import file_download
from konkyo.ui.web.i18n import say

if TYPE_CHECKING:
    from konkyo.ui.web.components.conversation_column import ConversationColumn
    from konkyo.ui.web.components.source_panel import SourcePanel

__all__ = ["Header"]


class Header:
    """Starts a new conversation and saves the one there is."""

    def __init__(self, context: PageContext) -> None:
        import gradio as gr

        self._context = context
        with gr.Row(elem_id="k-top"):
            gr.HTML("@@html:brand@@", elem_id="k-brand", apply_default_css=False)
            self.status = html_part(
                "@@html:status@@", "k-state", "konkyo.state(element, trigger, 'look');"
            )
            self._tools = html_part(
                "@@html:tools@@", "k-tools", "konkyo.tools(element, trigger, 'new', 'save');"
            )
            self._file = html_part("", "k-download", "konkyo.download(element, watch);")

    def wire(self, column: ConversationColumn, source: SourcePanel) -> None:
        """Wire the tools; a new conversation ends what ``column`` has under way."""
        at_once(
            self._tools.new,
            on_request(self._context, self._start_conversation),
            [column.conversation, source.panel, column.ask_button, column.stop_button],
            cancels=[*column.questions, column.translations],
        )
        at_once(
            self.status.look,
            on_request(self._context, lambda visit: self._context.status(visit.language)),
            self.status,
        )
        save = on_event(self._context, self._save)
        at_once(self._tools.save, save, self._file, trigger_mode="multiple")

    def _start_conversation(self, visit: Visit) -> tuple[str, str, object, object]:
        visit.conversation.clear()
        visit.conversation.admin_page_open = False
        self._context.chat_service.conversations.save(visit.conversation)
        overview = self._context.overview(visit)
        return self._context.conversation(visit), overview, visible(True), visible(False)

    def _save(self, visit: Visit) -> str:
        turns = visit.conversation.turns
        if not any(turn.outcome is not None for turn in turns):
            file = file_download("", "", say(visit.language, "nothing_to_save"))
        elif visit.value("form") == "json":
            file = file_download("konkyo.json", as_json(turns))
        else:
            file = file_download("konkyo.md", as_markdown(turns))
        return self._context.renewed(file)
