"""The contract between Konkyo and any language model: lines of claims, each with its numbers.

A model writes one claim a line and ends it with the numbers of the quotes it rests on, as in
``The pledge is worth 550 billion dollars. [2]``. Engines that take a grammar are held to that
shape; what any other engine writes is read by the same parser, and a line that names a quote
that was not shown, or none, is a failed claim, never a repaired one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Iterable
from dataclasses import dataclass

from konkyo.index.text.dates import dates

__all__ = [
    "END_OF_ANSWER",
    "Draft",
    "claims_grammar",
    "display_text",
    "notice_lines",
    "parse_line",
    "split_lines",
    "whole",
]

END_OF_ANSWER = "\n\n---\n"
"""What stands between the sentences of an answer and what follows them: notices and sources."""

_OPEN = "[［【〔"
_CLOSE = "]］】〕"
_MARK = re.compile(
    rf"[{re.escape(_OPEN)}]\s*([0-9０-９]{{1,3}}(?:\s*[,、，;]\s*[0-9０-９]"
    rf"{{1,3}})*)\s*[{re.escape(_CLOSE)}]"
)
_IN_PARENTHESES = r"(\1)"
_BULLET = re.compile(r"(?:[-*•・‣]|\(?[0-9]{1,2}[.)](?=\s))\s*")
_CUT_OFF = re.compile(
    r"(.*[。！？])(?![」』”）])[^。！？!?.]{1,16}(?<![。！？!?.」』”）])|(.*[.!?])\s*\([^()]{0,24}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One line a model wrote: its words without marks, and the numbers it named, in order."""

    text: str
    citations: tuple[int, ...]


def claims_grammar(shown: int, *, lines: int = 3, least: int = 6) -> str:
    """GBNF for 1..``lines`` claims over quotes 1..``shown``; a number not shown cannot be written.

    A claim has ``least`` to 180 letters.

    The model may not decline: whether the quotes answer the question is not its decision.
    """
    if shown < 1:
        raise ValueError("a grammar needs at least one quote to cite")
    numbers = " | ".join(f'"{n}"' for n in range(1, shown + 1))
    return "\n".join(
        [
            f"root ::= line{{1,{lines}}}",
            'line ::= text cite cite? "\\n"',
            r"text ::= [^\[\]\n<>{}|\\*#`]" + f"{{{max(6, least)},180}}",
            f'cite ::= "[" ({numbers}) "]"',
        ]
    )


def parse_line(line: str, language: str | None = None) -> Draft | None:
    """Read one line in ``language`` (ISO 639-1); ``None`` for an empty one or a bare NONE."""
    numbers: list[int] = []
    for match in _MARK.finditer(line):
        for part in re.split(r"[,、，;]", match.group(1)):
            number = int(unicodedata.normalize("NFKC", part))
            if number not in numbers:
                numbers.append(number)
    text = _without_bullet(_MARK.sub("", line).strip(), language)
    text = re.sub(r"(?<!\s)\s++([。．.!?！？,、])", r"\1", text)
    if not text or (text.upper().strip(" .。") == "NONE" and not numbers):
        return None
    return Draft(text, tuple(numbers))


def _without_bullet(text: str, language: str | None) -> str:
    """A line without its bullet; "12." of "12. Dezember" is none."""
    bullet = _BULLET.match(text)
    if bullet is None or any(moment.start == 0 for moment in dates(text, None, language)):
        return text
    return text[bullet.end() :]


def whole(text: str) -> str:
    """A claim without the beginning of a next sentence that a grammar's bounds forced or cut.

    「カラカスで。これは」 is 「カラカスで。」; what has no end but its own is left as it is.
    """
    cut = _CUT_OFF.fullmatch(text)
    return cut[1] or cut[2] if cut else text


def split_lines(pieces: Iterable[str]) -> Generator[str]:
    """Join streamed pieces and give whole lines as soon as each is complete."""
    rest = ""
    for piece in pieces:
        rest += piece
        *whole, rest = rest.split("\n")
        yield from whole
    if rest.strip():
        yield rest


def display_text(claims: Iterable[tuple[str, tuple[int, ...]]], language: str) -> str:
    """The answer as shown: each claim followed by its marks, joined as the language joins.

    A number in brackets that a quoted article itself holds is put in parentheses: it is no mark.
    """
    joiner = "" if language in {"ja", "zh", "th"} else " "
    shown = ""
    for text, numbers in claims:
        marks = "".join(f"[{n}]" for n in numbers)
        # Also there a word in Latin letters does not stick to the mark before it.
        between = " " if shown and text[:1].isascii() else joiner if shown else ""
        shown += f"{between}{_MARK.sub(_IN_PARENTHESES, text)}{joiner}{marks}"
    return shown


def notice_lines(notices: Iterable[str]) -> list[str]:
    """Notices as lines of plain text, one a line."""
    return [" ".join(notice.split()) for notice in notices]
