"""Which codes a person may be offered for a session: by date, by half of the day and by the pupil's age. Plain Python, no database.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulation 10. A withdrawn code is never offered; X is for pupils
who are not of compulsory school age, C2 only for those who are. Z and # stand for no pupil on roll on a school day, so nobody enters them
by hand either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from attendance.codes import CODES, Code, Meaning
from schools import ages

AT_THE_REGISTER = ("/", "\\", "N", "L", "U")
"""What whoever takes a register enters; every other code is arranged beforehand or found out later, by the attendance officer."""


def present(session: str) -> str:
    """The plain present mark of the morning or the afternoon."""
    return "/" if session == "AM" else "\\"


def offered(date: dt.date, session: str, date_of_birth: dt.date) -> list[Code]:
    """The codes that may be entered by hand for a pupil's session, in the order of the national table."""
    return [code for code in CODES.values() if not why_not_offered(code.code, date, session, date_of_birth)]


def why_not_offered(text: str, date: dt.date, session: str, date_of_birth: dt.date) -> str:
    """An empty string where the code may be entered by hand; otherwise the sentence that says why not."""
    code = CODES.get(text)
    if code is None:
        return f"Code “{text[:12]}” is not known: choose a national attendance code."
    if code.warning_on(date):
        return f"{code.warning_on(date).split(';')[0]}: choose a code that is in force on {date:%-d %B %Y}."
    if code.meaning == Meaning.NOT_COLLECTED:
        return f"Code {text} is not entered for a pupil: a closed day belongs in the school's calendar."
    if text in ("/", "\\") and text != present(session):
        return f"Code {text} is for the other half of the day: present is {present(session)} here."
    return _why_not_at_that_age(text, compulsory=ages.is_compulsory(date_of_birth, date))


def _why_not_at_that_age(text: str, *, compulsory: bool) -> str:
    if text == "X" and compulsory:
        return "X is only for pupils who are not of compulsory school age; this pupil is, so absence needs another code."
    if text == "C2" and not compulsory:
        return "C2 is a part-time timetable of a pupil of compulsory school age; this pupil is not, so choose X."
    return ""


def in_words(code: Code) -> str:
    """The code's meaning, short enough for a line of a list."""
    return code.description.split(" (")[0]


def codes_for(pupils: Iterable[dt.date], date: dt.date, session: str) -> list[Code]:
    """The codes that are offered for at least one of the pupils, given by their dates of birth."""
    births = set(pupils)
    return [code for code in CODES.values() if any(not why_not_offered(code.code, date, session, birth) for birth in births)]
