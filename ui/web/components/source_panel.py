"""The source panel: an article with its quotes, the list of articles, or the evaluation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.events import at_once, html_part, on_event, on_request, unchanged
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.html.article import notice_page
from konkyo.ui.web.i18n import say
from konkyo.ui.web.turns import Mark, Turn, leading_quote

if TYPE_CHECKING:
    import gradio as gr

__all__ = ["SourcePanel"]

_ARTICLE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")


class SourcePanel:
    """Shows articles with the quotes that an answer cites, and the evaluation."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self.panel = html_part(
            "@@html:source@@",
            "k-source",
            "konkyo.source(element, trigger, watch, 'open', 'articles', 'evaluate');",
        )

    def wire(self, conversation: gr.HTML) -> None:
        """Wire the buttons that open articles, in the conversation too, and the editors' page."""
        context, panel = self._context, self.panel
        for part in (conversation, panel):
            opened = on_event(context, self._open_article)
            at_once(part.open, opened, panel, trigger_mode="multiple")
        at_once(panel.articles, on_request(context, self._list_articles), panel)
        at_once(panel.evaluate, on_event(context, self._evaluate), panel, trigger_mode="multiple")

    def beside(
        self, visit: Visit, turn: Turn, opened: tuple[str, Mark] | None
    ) -> tuple[object, tuple[str, Mark] | None]:
        """Returns what to show beside a turn, and which quote of it is open now.

        ``opened`` is the quote opened so far. What the reader has opened stays.
        """
        if visit.conversation.source_opened or visit.conversation.admin_page_open:
            return unchanged(), opened
        quote = leading_quote(turn)
        done = turn.state == "done"
        if quote is None:
            return (self._context.overview(visit) if done else unchanged()), opened
        if quote == opened or not (opened is None or done):
            return unchanged(), opened
        return self._context.source(visit, *quote, turn.number), quote

    def beside_shown(self, visit: Visit) -> str:
        """Returns what to show beside a conversation that is opened: the source of its last answer.

        The list of articles where that has none.
        """
        turn = visit.conversation.current
        quote = leading_quote(turn) if turn is not None else None
        if turn is None or quote is None:
            return self._context.overview(visit)
        return self._context.source(visit, *quote, turn.number)

    def _open_article(self, visit: Visit) -> str:
        article_id = visit.value("article")
        if not _ARTICLE_ID.match(article_id):
            gone = notice_page(say(visit.language, "article_gone"), visit.language)
            return self._context.renewed(gone)
        visit.conversation.source_opened = True
        visit.conversation.admin_page_open = False
        start, end, number, turn = (visit.number(n) or 0 for n in ("start", "end", "n", "turn"))
        mark = Mark(start, end, number, primary=True)
        return self._context.renewed(self._context.source(visit, article_id, mark, turn))

    def _list_articles(self, visit: Visit) -> str:
        visit.conversation.source_opened = True
        visit.conversation.admin_page_open = False
        return self._context.renewed(self._context.overview(visit))

    def _evaluate(self, visit: Visit) -> str:
        visit.conversation.admin_page_open = True
        page = self._context.admin.evaluate(
            visit.language,
            editor=visit.editor,
            act=visit.value("do"),
            name=visit.value("name"),
            limit=visit.number("limit") or 0,
            who=visit.user,
        )
        return self._context.renewed(page)
