"""The filters above the question."""

from __future__ import annotations

import re

from konkyo.index.records import Filter
from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.events import at_once, html_part, on_event, on_request
from konkyo.ui.web.components.visit import Visit

__all__ = ["FilterBar"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_LONGEST_CHOICE = 300


class FilterBar:
    """Sets which articles the reader's next question may use."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self.filters = html_part(
            "@@html:filters@@",
            "k-filter-bar",
            "konkyo.filters(element, trigger, watch, 'narrow', 'widened');",
        )

    def wire(self) -> None:
        """Wire the choice of filters, and the button that clears them."""
        choose = on_event(self._context, self._choose)
        at_once(self.filters.narrow, choose, self.filters, trigger_mode="multiple")
        at_once(self.filters.widened, on_request(self._context, self._clear), self.filters)

    def _choose(self, visit: Visit) -> str:
        dates = [visit.value(name) for name in ("since", "until")]
        since, until = (date if _ISO_DATE.match(date) else None for date in dates)
        if since and until and since > until:
            since, until = until, since
        chosen = [visit.value(name)[:_LONGEST_CHOICE] for name in ("language", "outlet")]
        languages, outlets = (frozenset({c}) if c else frozenset() for c in chosen)
        visit.conversation.where = Filter(since, until, languages, outlets)
        self._context.chat_service.conversations.save(visit.conversation)
        return self._context.filters(visit)

    def _clear(self, visit: Visit) -> str:
        visit.conversation.where = Filter()
        self._context.chat_service.conversations.save(visit.conversation)
        return self._context.filters(visit)
