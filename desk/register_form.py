"""What comes back from a register's sheet: a mark, minutes and a comment a pupil, beside the mark that the person saw.

A row has buttons for what is common and, for the officer, a list of the other codes. Without a script both can be touched, so what counts
is what differs from the mark that was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import QueryDict

from attendance.codes import CODES
from attendance.imports import MAX_COMMENT, MAX_MINUTES_LATE
from attendance.taking import TakenMark, is_arranged
from desk.queries.register_taking import Row


@dataclass
class GivenMarks:
    """``marks`` by enrolment, ``typed`` as the page shows it again, ``faults`` in words with the field that each is about."""

    marks: dict[int, TakenMark] = field(default_factory=dict)
    typed: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


def read_marks(post: QueryDict, rows: Iterable[Row]) -> GivenMarks:
    """The marks of the rows that the sheet lets the person change."""
    given = GivenMarks()
    for row in rows:
        if not row.is_locked and f"saw-{row.enrolment}" in post:
            _read_row(post, row, given)
    return given


def _read_row(post: QueryDict, row: Row, given: GivenMarks) -> None:
    key = row.enrolment
    saw, button, other = (post.get(f"{name}-{key}", "") for name in ("saw", "mark", "other"))
    minutes, comment = post.get(f"minutes-{key}", "").strip(), post.get(f"comment-{key}", "").strip()
    code = chosen_code(saw, button, other)
    given.typed[key] = (code if code in CODES else "", minutes, comment)
    fault = _fault(saw, button, other, minutes, comment)
    if fault:
        given.faults.append((f"{row.pupil.name}: {fault}", f"row-{key}"))
        return
    late = code in ("L", "U") and minutes
    given.marks[key] = TakenMark(code, int(minutes) if late else None, comment if code else "", saw)


def chosen_code(saw: str, button: str, other: str) -> str:
    """The code that a row means: the button or the list, whichever differs from the mark that was seen."""
    in_list, on_button = (saw, "") if is_arranged(saw) else ("", saw)
    return other if button == on_button and other != in_list else button or other


def _fault(saw: str, button: str, other: str, minutes: str, comment: str) -> str:
    if saw and saw not in CODES:
        return "open the register again."
    if button and other and button != saw and other != saw:
        return f"{button} and {other} are both given: choose one."
    if minutes and not (minutes.isascii() and minutes.isdigit() and len(minutes) < 4 and int(minutes) <= MAX_MINUTES_LATE):
        return f"minutes late are a whole number from 0 to {MAX_MINUTES_LATE}."
    if len(comment) > MAX_COMMENT:
        return f"shorten the comment to {MAX_COMMENT} characters."
    return ""
