"""The weeks of a trial as an SVG file: a row of bars for each ladder on one scale, so that it reads in greyscale and with any number."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from desk.charts import FONT, FOREST, INK, LINE, MUTED
from desk.queries.trials import WeekRow

WIDTH, ROW, BARS = 760.0, 108.0, 56.0
FOOT = 20.0
"""Heights: of a ladder's row, of its highest bar, and of the line of months below all rows."""


def weeks_svg(labels: Sequence[str], weeks: Sequence[WeekRow]) -> str:
    """Proposals by week, a row a ladder; the peak of each is dark and bears its number."""
    height = ROW * len(labels) + FOOT
    step = WIDTH / max(len(weeks), 1)
    most = max((number for week in weeks for number in week.numbers), default=0) or 1
    parts = ["<title>Proposals by week under each ladder</title>"]
    for row, label in enumerate(labels):
        parts += _row(row, label, [week.numbers[row] for week in weeks], step, most)
    parts += _months(weeks, step, height)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" font-family="{FONT}" font-size="13">'
    return head + "".join(parts) + "</svg>"


def _row(row: int, label: str, numbers: Sequence[int], step: float, most: int) -> list[str]:
    base, peak = ROW * (row + 1) - 8, max(numbers, default=0)
    parts = [
        f'<text x="0" y="{ROW * row + 15:.1f}" fill="{INK}" font-weight="700">{escape(label)}</text>',
        f'<path d="M0 {base:.1f}H{WIDTH:g}" stroke="{LINE}"/>',
    ]
    at_peak = numbers.index(peak) if peak else -1
    for week, number in enumerate(numbers):
        if number:
            high = BARS * number / most
            fill = INK if week == at_peak else FOREST
            parts.append(
                f'<rect x="{week * step + 1:.1f}" y="{base - high:.1f}" width="{max(step - 2, 1):.1f}" height="{high:.1f}" fill="{fill}"/>'
            )
        if week == at_peak:
            parts.append(_peak(week * step, step, base - high - 4, number))
    return parts


def _peak(x: float, step: float, y: float, number: int) -> str:
    anchor, at = ("end", x + step) if x > WIDTH - 60 else ("start", x)
    return f'<text x="{at:.1f}" y="{y:.1f}" fill="{INK}" font-size="12" text-anchor="{anchor}">peak {number}</text>'


def _months(weeks: Sequence[WeekRow], step: float, height: float) -> list[str]:
    """The month's name under its first week."""
    parts, last = [], None
    for number, week in enumerate(weeks):
        month = f"{week.monday:%b}"
        if month != last:
            parts.append(f'<text x="{number * step:.1f}" y="{height - 5:.1f}" fill="{MUTED}">{month}</text>')
        last = month
    return parts
