"""What a school's export holds of the cases: leave that was asked for and how it was decided, and part-time timetables.

Safeguarding notes are not among it: they are read by the safeguarding lead and the head, in the case.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from attendance.export_tables import TABLES, pupil_columns
from attendance.exports import ROWS_AT_ONCE, Column, Table
from casework.models import LeaveDecision, LeaveRequest, PartTimeReview, PartTimeTimetable
from schools.models import School

_SPAN = [
    Column("first_day", "first day", "first_day"),
    Column("first_session", "AM or PM", "first_session"),
    Column("last_day", "last day", "last_day"),
    Column("last_session", "AM or PM", "last_session"),
]


def _by(path: str = "by") -> Column:
    return Column("by", "e-mail of who did it", f"{path}.email")


def _requests(school: School) -> Iterable[Any]:
    rows = LeaveRequest.objects.filter(school=school).select_related("pupil", "entered_by").order_by("pk")
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _decisions(school: School) -> Iterable[Any]:
    rows = (
        LeaveDecision.objects.filter(request__school=school).select_related("request__pupil", "by").order_by("request", "number")
    )
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _timetables(school: School) -> Iterable[Any]:
    rows = PartTimeTimetable.objects.filter(school=school).select_related("pupil", "entered_by").order_by("pk")
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _reviews(school: School) -> Iterable[Any]:
    rows = PartTimeReview.objects.filter(timetable__school=school).select_related("timetable__pupil", "by").order_by("pk")
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


_LEAVE = Table(
    "leave",
    "Leave of absence that parents asked for, and where it stands.",
    [
        Column("request", "our number of the request", "pk"),
        *pupil_columns("pupil"),
        Column("asked_by", "our number of the parent", "asked_by_id"),
        Column("asked_by_name", "who asked, where it is nobody on the record", "asked_by_name", is_text=True),
        Column("asked_on", "day", "asked_on"),
        *_SPAN,
        Column("ground", "what it is for", "ground"),
        Column("reason", "in the parent's words", "reason", is_text=True),
        Column("state", "asked, granted, part_granted, refused or withdrawn", "state"),
        _by("entered_by"),
        Column("at", "when it was entered", "entered_at"),
    ],
    _requests,
)
_DECISIONS = Table(
    "leave_decisions",
    "Every decision about leave; a later one takes an earlier one's place.",
    [
        Column("request", "our number of the request", "request_id"),
        *pupil_columns("request.pupil"),
        Column("number", "1 for the first", "number"),
        Column("state", "what was decided", "state"),
        Column("code", "register code of what was granted", "code"),
        *_SPAN,
        Column("back_on", "day of return", "back_on"),
        Column("reason", "as the letter gives it", "reason", is_text=True),
        Column("against", "what spoke against it", lambda row: json.dumps(row.against, ensure_ascii=False)),
        _by(),
        Column("role", "the role in which it was done", "role"),
        Column("at", "when", "at"),
    ],
    _decisions,
)
_PART_TIME = Table(
    "part_time_timetables",
    "Temporary part-time timetables.",
    [
        Column("timetable", "our number of it", "pk"),
        *pupil_columns("pupil"),
        Column("starts", "first day", "starts"),
        Column("ends", "last day", "ends"),
        Column("review_on", "next review", "review_on"),
        Column("pattern", "sessions of a week not attended: 0 is Monday morning", lambda row: " ".join(map(str, row.pattern))),
        Column("why", "why", "why", is_text=True),
        Column("objective", "how full attendance is reached again", "objective", is_text=True),
        Column("agreed_by", "our number of the parent", "agreed_by_id"),
        Column("agreed_on", "day", "agreed_on"),
        Column("state", "agreed or ended", "state"),
        _by("entered_by"),
        Column("at", "when it was entered", "entered_at"),
    ],
    _timetables,
)
_REVIEWS = Table(
    "part_time_reviews",
    "What was done about part-time timetables after they were agreed.",
    [
        Column("timetable", "our number of it", "timetable_id"),
        *pupil_columns("timetable.pupil"),
        Column("kind", "reviewed, extended or ended", "kind"),
        Column("on", "day", "on"),
        Column("note", "what was said", "note", is_text=True),
        Column("ended_before", "last day as it was", "ended_before"),
        Column("ends_now", "last day from then on", "ends_now"),
        _by(),
        Column("at", "when", "at"),
    ],
    _reviews,
)

ALL_TABLES: tuple[Table, ...] = (*TABLES, _LEAVE, _DECISIONS, _PART_TIME, _REVIEWS)
"""Every file of a school's export."""
