"""Charts as inline SVG, by pure functions.

No plotting package: a chart takes a few hundred bytes, no dependency, and its colours from the style sheet of the page
(``currentColor`` and custom properties), so that it follows the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from vidbench.rendering.axes import Axis
from vidbench.rendering.numbers import tick_text
from vidbench.rendering.printable import printable_line

_LETTER, _BOLD_LETTER = 0.535, 0.635
"""Width of an average letter of a sans-serif font, as a share of the font size, rounded up."""


def text_width(text: str, font_size: float, bold: bool = False) -> float:
    """Estimate the width of a text in pixels, rather too wide than too narrow."""
    return len(text) * font_size * (_BOLD_LETTER if bold else _LETTER)


def text_at(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    """Return a text with its baseline at ``y``.

    Args:
        x: left end, middle or right end of the text, by ``anchor``.
        y: its baseline.
        text: plain text, escaped here.
        kind: class name, for the style sheet.
        anchor: ``"start"``, ``"middle"`` or ``"end"``.
    """
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchored}>{escape(printable_line(text))}</text>'


def line_between(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    """Return a straight line between two points in pixels."""
    return f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def circle_at(x: float, y: float, radius: float, kind: str, inside: str = "") -> str:
    """Return a circle; ``inside`` is markup that belongs to it, such as a ``<title>``."""
    start = f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
    return f"{start}>{inside}</circle>" if inside else f"{start}/>"


def picture(width: float, height: float, parts: Iterable[str], label: str, role: str = "img") -> str:
    """Return the SVG element.

    Args:
        width: of the drawing, in its own units; the page scales it.
        height: likewise.
        parts: markup, drawn in this order.
        label: what a screen reader says.
        role: ``"img"``, or ``"group"`` for a chart that holds links.
    """
    body = "".join(parts)
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="{role}" aria-label="{escape(printable_line(label))}">{body}</svg>'


@dataclass(frozen=True)
class Plot:
    """A plot area: two axes inside the margins of a picture.

    Attributes:
        x: horizontal axis.
        y: vertical axis, drawn upwards.
        width: of the picture.
        height: of the picture.
        top: margin above the plot area; ``bottom``, ``left`` and ``right`` likewise.
        inset: distance kept from the left and right edges of the plot area to the ends of the x axis.
    """

    x: Axis
    y: Axis
    width: float
    height: float
    top: float = 12
    bottom: float = 38
    left: float = 46
    right: float = 16
    inset: float = 0

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point."""
        start, stop = self.left + self.inset, self.width - self.right - self.inset
        floor = self.height - self.bottom
        return start + self.x.place(x) * (stop - start), floor - self.y.place(y) * (floor - self.top)

    def across(self, y: float, kind: str) -> str:
        """Return a horizontal line at ``y``, from edge to edge of the plot area."""
        height = self.at(self.x.low, y)[1]
        return line_between((self.left, height), (self.width - self.right, height), kind)

    def grid(self, x_marks: Mapping[float, str], x_title: str = "") -> list[str]:
        """Return a rule and a number for each tick of the y axis, the marks of the x axis, and its title below."""
        parts = []
        for number in self.y.ticks():
            parts.append(self.across(number, "rule"))
            parts.append(text_at(self.left - 6, self.at(self.x.low, number)[1] + 4, tick_text(number), "tick", "end"))
        below = self.height - self.bottom + 17
        parts += [
            text_at(self.at(place, self.y.low)[0], below, text, "tick", "middle") for place, text in x_marks.items()
        ]
        if x_title:
            parts.append(text_at((self.left + self.width - self.right) / 2, below + 16, x_title, "tick", "middle"))
        return parts

    def curve(self, points: Sequence[tuple[float, float]], kind: str) -> str:
        """Return a line through points in the units of the axes."""
        places = " ".join("{:.1f},{:.1f}".format(*self.at(x, y)) for x, y in points)
        return f'<polyline class="{kind}" points="{places}"/>'
