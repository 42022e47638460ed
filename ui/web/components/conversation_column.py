"""The conversation: turns, the question box, translations and feedback.

Annotations are evaluated here, not postponed: see ``events``.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from konkyo.index.errors import KonkyoError
from konkyo.index.records import Filter
from konkyo.rag.types import to_json
from konkyo.ui.server.feedback import REASONS, Reason, Verdict
from konkyo.ui.web.chat_service import QUESTION_LIMIT
from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.events import (
    HIDDEN,
    at_once,
    html_part,
    on_event,
    on_request,
    unchanged,
    visible,
)
from konkyo.ui.web.components.filter_bar import FilterBar
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.turns import Mark, Turn

if TYPE_CHECKING:
    from konkyo.ui.web.components.conversation_list import ConversationList
    from konkyo.ui.web.components.source_panel import SourcePanel

__all__ = ["ConversationColumn"]

_log = logging.getLogger(__name__)

_READERS_AT_ONCE = 200
_TRANSLATIONS_AT_ONCE = 16
_LOOK_SECONDS = 0.05

Row = tuple[object, object, object, object]
"""What a question changes: conversation, question box, stop button and list of conversations."""
Followed = tuple[object, object, object]
"""What an answer changes: conversation, source and stop button."""


class ConversationColumn:
    """Asks questions and shows their answers as they are written.

    ``followed`` and ``translations`` are the events under way, for others to cancel.
    """

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self.conversation = html_part(
            "@@html:conversation@@",
            "k-conversation",
            "konkyo.conversation(element, trigger, watch,"
            " 'ask', 'open', 'opinion', 'translate', 'follow', 'publish');",
        )
        self.shared = html_part("", "k-shared", "konkyo.shared(element, watch);")
        self.filter_bar = FilterBar(context)
        self._build_composer()

    def _build_composer(self) -> None:
        import gradio as gr

        html_part("@@html:count@@", "k-count", "konkyo.count(element);")
        with gr.Row(elem_id="k-composer"):
            self._box = gr.Textbox(
                elem_id="k-box",
                label="@@question_label@@",
                show_label=False,
                container=False,
                placeholder="@@placeholder@@",
                lines=1,
                max_lines=6,
                autofocus=True,
                scale=1,
            )
            self.ask_button = gr.Button("@@ask@@", elem_id="k-ask", variant="primary", scale=0)
            self.stop_button = gr.Button("@@stop@@", elem_id="k-stop", visible=False, scale=0)

    def wire(self, source: "SourcePanel", listed: "ConversationList") -> None:
        """Wire questions, whose first quote opens in ``source``, and the buttons of a turn."""
        self._wire_questions(source, listed)
        translations: Any = self.conversation.translate(
            self._translations(),
            None,
            self.conversation,
            trigger_mode="multiple",
            # Through the queue, as it waits for the language model.
            concurrency_limit=_TRANSLATIONS_AT_ONCE,
            **HIDDEN,
        )
        self.translations = translations
        stop = on_request(self._context, self._stop)
        at_once(self.stop_button.click, stop, [self.conversation, self.stop_button])
        opinion = on_event(self._context, self._set_opinion)
        at_once(self.conversation.opinion, opinion, self.conversation, trigger_mode="multiple")
        self.filter_bar.wire()

    def _wire_questions(self, source: "SourcePanel", listed: "ConversationList") -> None:
        """Wire asking, which answers at once, and following what becomes of the questions."""
        import gradio as gr

        def ask(typed: str, event: gr.EventData, request: gr.Request) -> Row:
            return self._ask(typed, self._context.visit(request, event), listed)

        row = [self.conversation, self._box, self.stop_button, listed.list]
        more: dict[str, Any] = {"trigger_mode": "multiple", "queue": False, **HIDDEN}
        gr.on([self._box.submit, self.ask_button.click], ask, self._box, row, **more)
        self.conversation.ask(ask, self._box, row, **more)
        self.followed: Any = self.conversation.follow(
            self._changes(source),
            None,
            [self.conversation, source.panel, self.stop_button],
            trigger_mode="multiple",
            concurrency_limit=_READERS_AT_ONCE,
            **HIDDEN,
        )

    def _ask(self, typed: str, visit: Visit, listed: "ConversationList") -> Row:
        context, conversation = self._context, visit.conversation
        named, written = visit.value("question").strip(), (typed or "").strip()
        question = named or written
        if not question or (not named and len(written) > QUESTION_LIMIT):
            # What is too long stays in the box, where the page says so.
            return (unchanged(),) * 4
        if visit.value("widen"):
            conversation.where = Filter()
        context.answers.submit(
            conversation,
            question,
            visit.language,
            conversation.where,
            context.too_many(visit),
            details=visit.editor,
            lenient=bool(visit.value("lenient")),
        )
        return context.conversation(visit), "", visible(conversation.busy), listed.listed(visit)

    def _changes(self, source: "SourcePanel") -> Any:
        import gradio as gr

        async def changes(request: gr.Request) -> AsyncIterator[Followed]:
            # A conversation may have to be fetched from a database.
            visit = await asyncio.to_thread(self._context.visit, request)
            conversations = self._context.chat_service.conversations
            seen, opened, shown = (True, -1), None, 0
            while True:
                # In this order: a change between the two is found the next time.
                state = (visit.conversation.changing, visit.conversation.version)
                if not conversations.shows(visit.session, visit.conversation):
                    return
                if state != seen:
                    turn = visit.conversation.current
                    if turn is not None and turn.number != shown:
                        opened, shown = None, turn.number
                    seen = state
                    parts, opened = await asyncio.to_thread(self._view, visit, source, opened)
                    yield parts
                if not state[0]:
                    return
                # Looked at like this, a reader who waits holds no thread.
                await asyncio.sleep(_LOOK_SECONDS)

        return changes

    def _view(
        self, visit: Visit, source: "SourcePanel", opened: tuple[str, Mark] | None
    ) -> tuple[Followed, tuple[str, Mark] | None]:
        turn, busy = visit.conversation.current, visit.conversation.busy
        beside: object = unchanged()
        if turn is not None:
            beside, opened = source.beside(visit, turn, opened)
        said = self._context.conversation(visit, followed=True)
        return (said, beside, visible(busy)), opened

    def _stop(self, visit: Visit) -> tuple[str, object]:
        conversation = visit.conversation
        stopped = conversation.stop()
        if stopped is not None:
            self._context.chat_service.conversations.save(conversation, stopped)
        return self._context.conversation(visit), visible(conversation.busy)

    def _translations(self) -> Any:
        import gradio as gr

        def translate(event: gr.EventData, request: gr.Request) -> Iterator[object]:
            yield from self._translate(self._context.visit(request, event))

        return translate

    def _translate(self, visit: Visit) -> Iterator[object]:
        context = self._context
        turn, start, end = (visit.number(name) for name in ("turn", "start", "end"))
        if turn is not None and start is not None and end is not None:
            place = (visit.value("article"), start, end)
            for _ in context.chat_service.translator.translate(
                visit.conversation, turn, place, context.too_many(visit)
            ):
                yield context.conversation(visit)
        yield unchanged()

    def _set_opinion(self, visit: Visit) -> str:
        context, conversation = self._context, visit.conversation
        verdict: Verdict = "down" if visit.value("verdict") == "down" else "up"
        turn = conversation.turn(visit.number("turn") or 0)
        if turn is not None and self._keep_opinion(visit, turn, verdict):
            # The page thanks for an opinion that is set: only for one that was kept.
            rated = conversation.set_opinion(turn.number, verdict)
            if rated is not None:
                context.chat_service.conversations.save(conversation, rated)
        return context.conversation(visit)

    def _keep_opinion(self, visit: Visit, turn: Turn, verdict: Verdict) -> bool:
        """Keep an opinion on a finished turn, where feedback is kept; False if that failed."""
        feedback, conversation = self._context.feedback, visit.conversation
        if turn.outcome is None or feedback is None:
            return True
        named = visit.value("reason") if verdict == "down" else ""
        reason: Reason = next((r for r in REASONS if r == named), "other")
        try:
            feedback.keep(
                conversation.name,
                turn.number,
                verdict,
                to_json(turn.outcome),
                reason=reason,
                correction=visit.value("correction"),
                history=[(p.question, p.answer) for p in conversation.history(turn.number)],
            )
        except KonkyoError as exc:
            _log.error("an opinion was not kept: %s", exc)
            return False
        return True
