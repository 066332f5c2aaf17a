"""Charts as SVG files: presentation attributes only, so that a strict content security policy holds, with the same data in a table beside.

The trend shares its columns with the calendar above it: both give ``LABELS`` % of the width to the row labels, ``GAP`` % to each gap
between half terms, and divide the rest equally among the weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from desk.queries.calendar import Calendar, Column
from letters.phrases import percent

LABELS = 6.0
GAP = 1.0
WIDTH, HEIGHT = 1216.0, 132.0
TOP, BOTTOM = 12.0, 116.0
INK, MUTED, LINE, FOREST = "#1b2326", "#4a565a", "#dcdad1", "#1d5a52"
FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
HALF_A_LABEL = 150.0
"""About half the width of the longest label."""
BETWEEN_LABELS = 13.0
"""Vertical distance, in units of the picture, below which two labels would touch."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line at a % of the year, and what begins below it: "letter 1 below 95%"."""

    percent: float
    label: str


@dataclass(frozen=True, slots=True)
class Point:
    """The year's figure at the end of a week, or the best still possible then."""

    column: int
    attended: int
    possible: int

    @property
    def percent(self) -> float:
        return 100 * self.attended / self.possible


def judged_points(calendar: Calendar, settling_in: int) -> list[Point]:
    """The year's % at the end of each week with marks, once ``settling_in`` sessions were possible."""
    return [
        Point(number, column.running_attended, column.running_possible)
        for number, column in enumerate(calendar.columns)
        if column.monday and column.possible and column.running_possible >= max(settling_in, 1)
    ]


def best_points(calendar: Calendar, attended: int, possible: int) -> list[Point]:
    """The year's % at the end of each week to come if no further session is missed."""
    points = []
    for number, column in enumerate(calendar.columns):
        if column.to_come:
            attended, possible = attended + column.to_come, possible + column.to_come
            points.append(Point(number, attended, possible))
    return points


def trend_svg(
    *, calendar: Calendar, attended: int, possible: int, settling_in: int, thresholds: Sequence[Threshold], title: str
) -> str:
    """The year's % week by week, the thresholds of the ladder and the best figure still possible, as a whole SVG document."""
    judged = judged_points(calendar, settling_in)
    best = best_points(calendar, attended, possible)
    scale = _Scale(calendar.columns, [*(point.percent for point in judged), *(line.percent for line in thresholds)])
    parts = [_title(title), *_lines_behind(scale, thresholds)]
    if best:
        parts.append(_best_line(scale, judged, best))
    if judged:
        parts += _judged_line(scale, judged)
    parts += [*_threshold_labels(scale, thresholds), *_settling_note(scale, calendar, settling_in), *_best_label(scale, best)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" font-family="{FONT}" font-size="12">'
    return head + "".join(parts) + "</svg>"


class _Scale:
    """Where a column and a % lie in the picture. The lowest % lies just below everything drawn, at most at 88."""

    def __init__(self, columns: Sequence[Column], percents: Sequence[float]) -> None:
        gaps = sum(column.monday is None for column in columns)
        week = (100 - LABELS - GAP * gaps) / max(len(columns) - gaps, 1)
        self.edges = [LABELS]
        for column in columns:
            self.edges.append(self.edges[-1] + (week if column.monday else GAP))
        self.lowest = max(0, min(88, int(min(percents, default=90) - 1.5)))

    def x(self, column: int) -> float:
        return (self.edges[column] + self.edges[column + 1]) / 2 * WIDTH / 100

    def y(self, percent: float) -> float:
        return BOTTOM - (percent - self.lowest) / (100 - self.lowest) * (BOTTOM - TOP)

    @property
    def left(self) -> float:
        return self.edges[0] * WIDTH / 100


def _text(x: float, y: float, words: str, *, fill: str = MUTED, anchor: str = "start", bold: bool = False) -> str:
    """A label with a white edge, so that a line behind it does not cross its letters."""
    weight = ' font-weight="700"' if bold else ""
    edge = 'stroke="#fff" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" {edge} text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>"


def _lines_behind(scale: _Scale, thresholds: Sequence[Threshold]) -> list[str]:
    """A line at 100% and at each threshold."""
    ys = [scale.y(line.percent) for line in (Threshold(100, ""), *thresholds)]
    return [f'<path d="M{scale.left:.1f} {y:.1f}H{WIDTH:g}" stroke="{LINE}" stroke-width="1"/>' for y in ys]


def _threshold_labels(scale: _Scale, thresholds: Sequence[Threshold]) -> list[str]:
    """The % at the left and what it means at the right, moved down where two would touch."""
    parts, last = [], -BETWEEN_LABELS
    for line in (Threshold(100, ""), *sorted(thresholds, key=lambda line: -line.percent)):
        y = max(scale.y(line.percent) + 4, last + BETWEEN_LABELS)
        last = y
        parts.append(_text(scale.left - 6, y, f"{line.percent:g}", anchor="end"))
        if line.label:
            parts.append(_text(WIDTH - 1, y + 9, line.label, anchor="end"))
    return parts


def _settling_note(scale: _Scale, calendar: Calendar, settling_in: int) -> list[str]:
    waiting = [
        number
        for number, column in enumerate(calendar.columns)
        if column.monday and column.possible and column.running_possible < settling_in
    ]
    if not waiting:
        return []
    y = scale.y(100) + 16
    return [
        _text(scale.left + 2, y, f"first {settling_in} sessions"),
        _text(scale.left + 2, y + 13, "not judged"),
    ]


def _path(scale: _Scale, points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{scale.x(point.column):.1f} {scale.y(point.percent):.1f}" for point in points)


def _judged_line(scale: _Scale, judged: Sequence[Point]) -> list[str]:
    dots = [
        f'<circle cx="{scale.x(point.column):.1f}" cy="{scale.y(point.percent):.1f}" r="2.6" fill="{INK}"/>' for point in judged
    ]
    now = judged[-1]
    x, y = scale.x(now.column), scale.y(now.percent)
    return [
        f'<path d="{_path(scale, judged)}" fill="none" stroke="{INK}" stroke-width="2"/>',
        *dots,
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.2" fill="{INK}"/>',
        _text(x + 12, min(y + 12, HEIGHT - 2), f"{percent(now.attended, now.possible)} now", fill=INK, bold=True),
    ]


def _best_line(scale: _Scale, judged: Sequence[Point], best: Sequence[Point]) -> str:
    path = _path(scale, [*judged[-1:], *best])
    return f'<path d="{path}" fill="none" stroke="{FOREST}" stroke-width="1.8" stroke-dasharray="3 3"/>'


def _best_label(scale: _Scale, best: Sequence[Point]) -> list[str]:
    """Above the middle of the dotted line."""
    if not best:
        return []
    middle, end = best[len(best) // 2], best[-1]
    words = f"if every session from now is attended: {percent(end.attended, end.possible)}"
    x, y = scale.x(middle.column), max(scale.y(middle.percent) - 9, TOP + 4)
    if x + HALF_A_LABEL > WIDTH:
        return [_text(WIDTH - 1, y, words, fill=FOREST, anchor="end")]
    return [_text(x, y, words, fill=FOREST, anchor="middle")]
