"""The list of conversations beside the chat, and moving from one to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.events import at_once, html_part, on_event, visible
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.conversations import Change
from konkyo.ui.web.html.conversation_list import conversation_list, share_made

if TYPE_CHECKING:
    from konkyo.ui.web.components.conversation_column import ConversationColumn
    from konkyo.ui.web.components.source_panel import SourcePanel

__all__ = ["ConversationList", "Shown"]

Shown = tuple[object, object, object, object, object]
"""Conversation, source, filters, stop button and list: what another conversation changes."""

_SEARCH_LIMIT = 200


class ConversationList:
    """Shows a reader's conversations; opens, searches, renames, pins and deletes them."""

    def __init__(self, context: PageContext) -> None:
        import gradio as gr

        self._context = context
        html_part("@@html:search@@", "k-side-search", "konkyo.search(element);")
        self.list = html_part(
            "", "k-side-list", "konkyo.conversations(element, trigger, watch, 'show', 'list');"
        )
        gr.HTML("@@html:leave@@", elem_id="k-side-foot", apply_default_css=False)

    def wire(self, column: ConversationColumn, source: SourcePanel) -> None:
        """Wire the list; to show another conversation ends what follows the one before."""
        self._source = source
        self.outputs = [
            column.conversation,
            source.panel,
            column.filter_bar.filters,
            column.stop_button,
            self.list,
        ]
        at_once(
            self.list.show,
            on_event(self._context, self.show),
            self.outputs,
            trigger_mode="multiple",
            cancels=[column.followed, column.translations],
        )
        change = on_event(self._context, self._change)
        at_once(self.list.list, change, self.list, trigger_mode="multiple")
        share = on_event(self._context, self._share)
        parts = [column.shared, self.list]
        # The framework keeps the name "share" to itself.
        at_once(column.conversation.publish, share, parts, trigger_mode="multiple")

    def show(self, visit: Visit) -> Shown:
        """Returns the conversation of a visit with all that stands around it.

        Before that, another may be deleted or restored.
        """
        deleted = self._changed(visit)
        former = visit.conversation
        conversations = self._context.chat_service.conversations
        # It may just have been restored.
        conversation = conversations.open(former.key, former.reader, visit.session)
        visit = replace(visit, conversation=conversation)
        conversation.source_opened = conversation.admin_page_open = False
        return (
            self._context.conversation(visit),
            self._source.beside_shown(visit),
            self._context.filters(visit),
            visible(conversation.busy),
            self.listed(visit, deleted),
        )

    def _change(self, visit: Visit) -> str:
        self._changed(visit)
        return self.listed(visit)

    def _share(self, visit: Visit) -> tuple[str, str]:
        shares = self._context.shares
        token = shares.share(visit.conversation, visit.number("turn") or 0)
        made = share_made(token, visit.language, for_anyone=shares.for_anyone)
        return self._context.renewed(made), self.listed(visit)

    def _changed(self, visit: Visit) -> str:
        """Do what a visit asks for with one conversation; returns which has been deleted."""
        wanted = visit.value("change")
        if wanted == "revoke":
            self._context.shares.revoke(visit.conversation.reader, visit.value("token"))
        changes: tuple[Change, ...] = ("rename", "pin", "unpin", "delete", "restore")
        change = next((c for c in changes if c == wanted), None)
        if change is None:
            return ""
        key = visit.value("conversation")
        conversations = self._context.chat_service.conversations
        conversations.change(visit.conversation.reader, key, change, visit.value("title"))
        return key if change == "delete" else ""

    def listed(self, visit: Visit, deleted: str = "") -> str:
        """Returns the list, of those found where a visit searches."""
        search = visit.value("search")[:_SEARCH_LIMIT]
        conversation = visit.conversation
        entries = self._context.chat_service.conversations.entries(conversation.reader, search)
        return self._context.renewed(
            conversation_list(
                entries,
                conversation.key,
                visit.language,
                search=search,
                deleted=deleted,
                shares=self._context.shares.entries(conversation.reader),
            )
        )
