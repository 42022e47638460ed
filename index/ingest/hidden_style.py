"""What style declarations hide from a reader, and in which colours they show text."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["Colour", "colours_of", "declarations", "hides", "indistinct"]

Colour = tuple[int, int, int]

_NUMBER = re.compile(r"[-+]?+(?:\d++(?:\.\d*+)?|\.\d++)")
_LENGTH = re.compile(rf"({_NUMBER.pattern})\s*+([a-z%]*+)")
_NAMED: Mapping[str, Colour] = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
    "ghostwhite": (248, 248, 255),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "green": (0, 128, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
}
_SMALL = {"px": 2.0, "pt": 2.0, "em": 0.2, "rem": 0.2, "%": 20.0}
_FAINT = 0.1
_NEAR = 24
"""Channels (of 255) by which a text must differ from its ground to be seen at all."""
_OUTSIDE = {"px": 100.0, "em": 100.0, "rem": 100.0, "vw": 100.0, "vh": 100.0, "%": 200.0}
_FAR = {"px": 1000.0, "em": 100.0, "rem": 100.0, "vw": 100.0, "vh": 100.0, "%": 200.0}
_BEYOND = 3000.0
_SIDES = ("left", "top", "right", "bottom")
_FLAT = frozenset({"rotatex", "rotatey"})


def declarations(style: str) -> dict[str, str]:
    """Properties and values of a style, lower case, without ``!important``."""
    found: dict[str, str] = {}
    for part in style.lower().split(";"):
        name, colon, value = part.partition(":")
        if colon:
            found[name.strip()] = value.split("!", 1)[0].strip()
    return found


def hides(declared: Mapping[str, str], *, sizes: bool = True) -> bool:
    """Whether an element with these declarations is not seen.

    ``sizes`` says whether a height or width of nothing counts: in a style sheet it is as often an
    animation's beginning.
    """
    return (
        declared.get("display") == "none"
        or declared.get("visibility") in ("hidden", "collapse")
        or declared.get("content-visibility") == "hidden"
        or _faint(declared)
        or _outside(declared)
        or _clipped(declared)
        or _transformed(declared)
        or any(_alpha(declared.get(name, "")) == 0 for name in ("color", "-webkit-text-fill-color"))
        or (sizes and any(_nothing(declared.get(name, "")) for name in _SIZES))
    )


_SIZES = ("height", "width", "max-height", "max-width")


def colours_of(declared: Mapping[str, str]) -> tuple[str, str]:
    """The words for the colour of the text and of its ground; empty where nothing is said."""
    return declared.get("color", ""), declared.get("background-color") or declared.get(
        "background", ""
    )


def indistinct(ink: str, paper: str) -> bool:
    """Whether text of one colour cannot be told from its ground (white where nothing is said)."""
    one, other = _colour(ink), _colour(paper or "white")
    if one is None or other is None:
        return bool(ink) and ink == paper and one is not None
    return all(abs(a - b) <= _NEAR for a, b in zip(one, other, strict=True))


def _faint(declared: Mapping[str, str]) -> bool:
    """Whether a text is too faint or too small to be seen."""
    opacity = _length(declared.get("opacity", ""))
    if opacity and (opacity[0] / 100 if opacity[1] == "%" else opacity[0]) < _FAINT:
        return True
    for name, inside in _calls(declared.get("filter", "")):
        share = _length(inside)
        if name == "opacity" and share and share[0] / (100 if share[1] == "%" else 1) < _FAINT:
            return True
    size = _length(declared.get("font-size", ""))
    return size is not None and (size[0] <= 0 or size[0] < _SMALL.get(size[1], 0.0))


def _outside(declared: Mapping[str, str]) -> bool:
    """Whether an element lies outside of the page."""
    for name in (*_SIDES, "text-indent", "margin-left"):
        found = _length(declared.get(name, ""))
        if found and -found[0] >= _OUTSIDE.get(found[1], float("inf")):
            return True
    if declared.get("position") in ("absolute", "fixed"):
        for name in _SIDES:
            found = _length(declared.get(name, ""))
            if found and found[1] == "px" and found[0] >= _BEYOND:
                return True
    return any(_far(declared.get(name, "")) for name in ("margin", "margin-top", "margin-right"))


def _far(value: str) -> bool:
    """Whether any length of a value leads far off to the left or the top."""
    return any(-float(n) >= _FAR.get(unit, float("inf")) for n, unit in _LENGTH.findall(value))


def _clipped(declared: Mapping[str, str]) -> bool:
    """Whether everything is cut away from an element."""
    for name, inside in _calls(declared.get("clip", "")):
        edges = [float(n) for n in _NUMBER.findall(inside)]
        if name == "rect" and len(edges) == 4 and "auto" not in inside:
            top, right, bottom, left = edges
            if bottom - top <= 1 or right - left <= 1:
                return True
    for name, inside in _calls(declared.get("clip-path", "")):
        found = [(float(n), unit) for n, unit in _LENGTH.findall(inside)]
        if name == "inset" and any(unit == "%" and n >= 50 for n, unit in found):
            return True
        if name in ("circle", "ellipse") and found and found[0][0] == 0:
            return True
        if name == "polygon" and found:
            across, down = {n for n, _ in found[::2]}, {n for n, _ in found[1::2]}
            if len(across) < 2 or len(down) < 2:
                return True
    return False


def _transformed(declared: Mapping[str, str]) -> bool:
    """Whether a transformation makes an element nothing or takes it off the page."""
    if _far(declared.get("translate", "")):
        return True
    scale = _length(declared.get("scale", ""))
    if scale and abs(scale[0]) < _FAINT:
        return True
    for name, inside in _calls(declared.get("transform", "")):
        numbers = [float(n) for n in _NUMBER.findall(inside)]
        if name.startswith("translate") and _far(inside):
            return True
        if name.startswith("scale") and any(abs(n) < _FAINT for n in numbers):
            return True
        if name in _FLAT and numbers and abs(numbers[0]) in (90.0, 270.0):
            return True
        if name == "matrix" and len(numbers) == 6 and abs(numbers[0]) + abs(numbers[3]) < _FAINT:
            return True
    return False


def _nothing(value: str) -> bool:
    found = _length(value)
    return found is not None and found[0] in (0.0, 1.0) and found[1] in ("", "px")


def _length(value: str) -> tuple[float, str] | None:
    """The one number of a value and its unit."""
    found = _LENGTH.fullmatch(value)
    return (float(found[1]), found[2]) if found else None


def _alpha(value: str) -> float:
    """How opaque a colour is (share)."""
    if value == "transparent":
        return 0.0
    if value.startswith("#") and len(value) in (5, 9):
        digits = value[4:] if len(value) == 5 else value[7:]
        return 0.0 if set(digits) == {"0"} else 1.0
    for name, inside in _calls(value):
        numbers = _LENGTH.findall(inside)
        if name in ("rgb", "rgba", "hsl", "hsla") and len(numbers) == 4:
            return float(numbers[3][0])
    return 1.0


def _colour(value: str) -> Colour | None:
    """A colour that is stated plainly; None for pictures, variables and names not known."""
    value = value.strip()
    if value in _NAMED:
        return _NAMED[value]
    digits = value[1:]
    if value.startswith("#") and all(c in "0123456789abcdef" for c in digits):
        if len(digits) in (3, 4):
            digits = "".join(c * 2 for c in digits)
        if len(digits) in (6, 8):
            return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
    calls = _calls(value)
    if len(calls) != 1 or not value.startswith(calls[0][0]) or not value.endswith(")"):
        return None
    ((name, inside),) = calls
    numbers = [float(n) for n in _NUMBER.findall(inside)]
    if name in ("rgb", "rgba") and len(numbers) >= 3:
        return (int(numbers[0]), int(numbers[1]), int(numbers[2]))
    if name in ("hsl", "hsla") and len(numbers) >= 3 and numbers[2] in (0.0, 100.0):
        return _NAMED["white" if numbers[2] else "black"]
    return None


def _calls(value: str) -> list[tuple[str, str]]:
    """The functions of a value, each its name and what stands between its brackets."""
    found = []
    for piece in value.split(")")[:-1]:
        head, bracket, inside = piece.rpartition("(")
        words = head.replace(",", " ").split()
        if bracket and words:
            found.append((words[-1], inside))
    return found
