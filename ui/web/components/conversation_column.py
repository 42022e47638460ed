"""The conversation: turns, the question box, translations and feedback.

Annotations are evaluated here, not postponed: see ``events``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from konkyo.index.records import Filter
from konkyo.rag.types import to_json
from konkyo.ui.server.feedback import REASONS, Reason
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
    from konkyo.ui.web.components.source_panel import SourcePanel

__all__ = ["ConversationColumn"]

_READERS_AT_ONCE = 32
_TRANSLATIONS_AT_ONCE = 16

Row = tuple[object, object, object, object, object]
"""What a question changes: conversation, source, question box, ask button and stop button."""


class ConversationColumn:
    """Asks questions and shows their answers as they are written.

    ``questions`` and ``translations`` are the events under way, for others to cancel.
    """

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self.conversation = html_part(
            "@@html:conversation@@",
            "k-conversation",
            "konkyo.conversation(element, trigger, watch, 'ask', 'open', 'opinion', 'translate');",
        )
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

    def wire(self, source: "SourcePanel") -> None:
        """Wire questions, whose first quote opens in ``source``, and the buttons of a turn."""
        self._wire_questions(source)
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
        buttons = [self.conversation, self.ask_button, self.stop_button]
        stop = on_request(self._context, self._stop)
        at_once(self.stop_button.click, stop, buttons, cancels=self.questions)
        opinion = on_event(self._context, self._set_opinion)
        at_once(self.conversation.opinion, opinion, self.conversation, trigger_mode="multiple")
        self.filter_bar.wire()

    def _wire_questions(self, source: "SourcePanel") -> None:
        import gradio as gr

        row = [
            self.conversation,
            source.panel,
            self._box,
            self.ask_button,
            self.stop_button,
        ]
        handler = self._questions(source)
        more: dict[str, Any] = {
            # A question sent while the last answer's end is still on its way must not be dropped.
            "trigger_mode": "multiple",
            # The same for both: of the limits that share a name, Gradio takes the lowest.
            "concurrency_limit": _READERS_AT_ONCE,
            "concurrency_id": "ask",
            **HIDDEN,
        }
        typed = gr.on([self._box.submit, self.ask_button.click], handler, self._box, row, **more)
        pressed = self.conversation.ask(handler, self._box, row, **more)
        self.questions = [typed, pressed]
        # An unexpected error: Gradio writes it to the terminal, and the page shows that it failed.
        for asking in self.questions:
            failed = on_request(self._context, self._settled)
            at_once(asking.failure, failed, [self.conversation, self.ask_button, self.stop_button])

    def _questions(self, source: "SourcePanel") -> Any:
        import gradio as gr

        def ask(typed: str, event: gr.EventData, request: gr.Request) -> Iterator[Row]:
            yield from self._ask(typed, self._context.visit(request, event), source)

        return ask

    def _translations(self) -> Any:
        import gradio as gr

        def translate(event: gr.EventData, request: gr.Request) -> Iterator[object]:
            yield from self._translate(self._context.visit(request, event))

        return translate

    def _ask(self, typed: str, visit: Visit, source: "SourcePanel") -> Iterator[Row]:
        context, conversation = self._context, visit.conversation
        named, written = visit.value("question").strip(), (typed or "").strip()
        question = named or written
        same = unchanged()
        if not question or (not named and len(written) > QUESTION_LIMIT):
            # What is too long stays in the box, where the page says so.
            yield same, same, same, same, same
            return
        opened: tuple[str, Mark] | None = None
        box: object = ""
        if visit.value("widen"):
            conversation.where = Filter()
        for turn in context.chat_service.ask(
            conversation, question, visit.language, conversation.where, context.too_many(visit)
        ):
            beside, opened = source.beside(visit, turn, opened)
            yield context.conversation(visit), beside, box, *_buttons(turn, first=box == "")
            box = same
        if not conversation.busy:
            context.chat_service.conversations.save(conversation)
            yield context.conversation(visit), same, same, visible(True), visible(False)

    def _settled(self, visit: Visit) -> tuple[str, object, object]:
        return self._context.conversation(visit), visible(True), visible(False)

    def _stop(self, visit: Visit) -> tuple[str, object, object]:
        visit.conversation.stop()
        return self._settled(visit)

    def _translate(self, visit: Visit) -> Iterator[object]:
        context = self._context
        turn, start, end = (visit.number(name) for name in ("turn", "start", "end"))
        if turn is not None and start is not None and end is not None:
            place = (visit.value("article"), start, end)
            for _ in context.chat_service.translator.translate(
                visit.conversation, turn, place, visit.language, context.too_many(visit)
            ):
                yield context.conversation(visit)
        yield unchanged()

    def _set_opinion(self, visit: Visit) -> str:
        context, conversation = self._context, visit.conversation
        number = visit.number("turn")
        verdict: Literal["up", "down"] = "down" if visit.value("verdict") == "down" else "up"
        turn = conversation.set_opinion(number, verdict) if number is not None else None
        if turn is not None and turn.outcome is not None and context.feedback is not None:
            named = visit.value("reason") if verdict == "down" else ""
            reason: Reason = next((r for r in REASONS if r == named), "other")
            context.feedback.keep(
                conversation.name,
                turn.number,
                verdict,
                to_json(turn.outcome),
                reason=reason,
                correction=visit.value("correction"),
                history=[(p.question, p.answer) for p in conversation.history(turn.number)],
            )
            context.chat_service.conversations.save(conversation)
        return context.conversation(visit)


def _buttons(turn: Turn, *, first: bool) -> tuple[object, object]:
    """Returns what happens to the ask and the stop button when a turn has changed."""
    if first:
        return visible(False), visible(True)
    if turn.state in ("done", "failed"):
        return visible(True), visible(False)
    return unchanged(), unchanged()
