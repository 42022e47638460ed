"""Prompts for chat templates: tokens of a template inside text are found and made harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator

from konkyo.rag.generation.prompts import Prompt

__all__ = ["chat_messages", "inert", "template_tokens", "visible", "visible_offsets"]

# What chat templates take for the border of a turn: <|im_end|>, <｜User｜>, </s>, <start_of_turn>,
# <think>, <tool_call>, [INST], <<SYS>>.
_OPENS = re.compile(r"<(?=[|｜/!<A-Za-z_])")
_CLOSES = re.compile(r"(?<=[|｜])>")
_BRACKETS = re.compile(r"\[(/?[A-Z][A-Z_ ]{2,30})\]")
# Controls and invisible characters, tags among them; joiners stay, as some scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Text without controls and without characters that a reader cannot see."""
    return _UNSEEN.sub("", text)


def visible_offsets(text: str) -> list[int]:
    """Where each character of ``visible(text)`` stands in ``text``."""
    return [at for at, char in enumerate(text) if not _UNSEEN.match(char)]


def inert(text: str) -> str:
    """Text in which no chat template finds a token of its own, and nothing is invisible.

    Angle and square brackets that open such a token become their full-width twins, which read
    the same to a model and fold to the same in every check.
    """
    text = _CLOSES.sub("＞", _OPENS.sub("＜", visible(text)))
    return _BRACKETS.sub(r"［\1］", text)


_TOKEN = re.compile(
    r"<[|｜][\w▁ ]{1,40}[|｜]?>|<\|(?:im|start|end|eot|begin|assistant|user|system)"
    r"|</?(?:s|bos|eos|start_of_turn|end_of_turn|think|tool_call|tool_response)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|<</?SYS>>"
)


def template_tokens(text: str) -> Iterator[re.Match[str]]:
    """What of a text some chat template takes for the border of a turn."""
    return _TOKEN.finditer(text)


def chat_messages(prompt: Prompt, note: str = "") -> list[dict[str, str]]:
    """The two turns of a prompt, safe to put through a chat template.

    A quote, or a question, that holds such tokens as ``<|im_end|>`` cannot end its turn.
    """
    system = f"{prompt.system}\n{note}" if note else prompt.system
    return [
        {"role": "system", "content": inert(system)},
        {"role": "user", "content": inert(prompt.user)},
    ]
