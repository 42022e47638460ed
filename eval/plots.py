"""Two small plots as SVG trees; no plotting library, no text from outside."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from konkyo.eval.statistics import RiskCoverage

__all__ = ["reliability_plot", "risk_coverage_plot"]

_SIZE = 260
_LEFT, _TOP, _ROOM = 40, 10, 40
_BINS = 10


def risk_coverage_plot(curve: RiskCoverage) -> Element:
    """Risk (up) over coverage (across), both shares, as steps between the points reached."""
    svg = _frame("coverage", "risk")
    points = " ".join(
        f"{_x(c):.1f},{_y(r):.1f}" for c, r in zip(curve.coverage, curve.risk, strict=True)
    )
    if points:
        line = {"fill": "none", "stroke": "#4a83b8", "stroke-width": "2", "points": points}
        SubElement(svg, "polyline", line)
        for c, r in ((curve.coverage[0], curve.risk[0]), (curve.coverage[-1], curve.risk[-1])):
            _dot(svg, c, r, 3)
    return svg


def reliability_plot(answered: Sequence[tuple[float, bool]]) -> Element:
    """Share right (up) over stated confidence (across), in ten bins of equal width."""
    svg = _frame("stated confidence", "share handled")
    diagonal = {"x1": f"{_x(0)}", "y1": f"{_y(0)}", "x2": f"{_x(1)}", "y2": f"{_y(1)}"}
    SubElement(svg, "line", {**diagonal, "stroke": "#999", "stroke-dasharray": "4 4"})
    for number in range(_BINS):
        held = [
            (share, right)
            for share, right in answered
            if min(int(share * _BINS), _BINS - 1) == number
        ]
        if held:
            stated = sum(share for share, _ in held) / len(held)
            right = sum(right for _, right in held) / len(held)
            _dot(svg, stated, right, 3 + 9 * (len(held) / len(answered)) ** 0.5)
    return svg


def _x(share: float) -> float:
    return _LEFT + share * _SIZE


def _y(share: float) -> float:
    return _TOP + (1 - share) * _SIZE


def _dot(svg: Element, x: float, y: float, radius: float) -> None:
    place = {"cx": f"{_x(x):.1f}", "cy": f"{_y(y):.1f}", "r": f"{radius:.1f}"}
    SubElement(svg, "circle", {**place, "fill": "#4a83b8", "fill-opacity": "0.8"})


def _frame(across: str, up: str) -> Element:
    width, height = _LEFT + _SIZE + 15, _TOP + _SIZE + _ROOM
    svg = Element(
        "svg",
        {
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "aria-label": f"{up} over {across}",
        },
    )
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        line = {"stroke": "#8884", "stroke-width": "1"}
        SubElement(
            svg,
            "line",
            {**line, "x1": f"{_x(0)}", "x2": f"{_x(1)}", "y1": f"{_y(tick)}", "y2": f"{_y(tick)}"},
        )
        SubElement(
            svg,
            "line",
            {**line, "x1": f"{_x(tick)}", "x2": f"{_x(tick)}", "y1": f"{_y(0)}", "y2": f"{_y(1)}"},
        )
        _label(svg, _x(0) - 6, _y(tick) + 4, f"{tick:g}", "end")
        _label(svg, _x(tick), _y(0) + 16, f"{tick:g}", "middle")
    _label(svg, _x(0.5), _y(0) + 33, across, "middle")
    name = _label(svg, 10, _y(0.5), up, "middle")
    name.set("transform", f"rotate(-90 10 {_y(0.5)})")
    return svg


def _label(svg: Element, x: float, y: float, text: str, anchor: str) -> Element:
    label = SubElement(svg, "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor})
    label.text = text
    return label
