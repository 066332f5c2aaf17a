"""Made facts for previews of a wording and for tests: nobody in here exists."""

from __future__ import annotations

import datetime as dt

from letters.facts import (
    Child,
    Contact,
    Correction,
    Figures,
    LateMark,
    Leave,
    LetterFacts,
    Meeting,
    Period,
    Person,
    Recipient,
    SchoolFacts,
    Session,
    Week,
)
from letters.fields import MERGE_FIELDS, Value

EXAMPLE_SCHOOL = SchoolFacts(
    name="Thornmere Academy",
    address=("Quay Road", "Thornmere", "TM4 2QX"),
    phone="01632 960140",
    email="attendance@thornmere.example",
    office_hours="from 8am to 4pm",
    headteacher="Dr R. Ferro",
    attendance_lead=Person("Ms Nair", "attendance lead"),
    local_authority="Northmoor Council",
)


def example_facts(**changes: object) -> LetterFacts:
    """Facts in which nothing is missing, so that every wording merges without a gap; ``changes`` replace fields by name."""
    values: dict[str, object] = {
        "recipient": Recipient("Ms C. Marlow", "Ms Marlow", ("14 Ropewalk Close", "Thornmere", "TM4 6LD")),
        "child": Child("Tegan", "Tegan Marlow", "9B", "Year 9"),
        "school": EXAMPLE_SCHOOL,
        "signer": Person("A. Lindqvist", "Head of Year 9"),
        "on": dt.date(2025, 11, 21),
        "letter_date": dt.date(2025, 11, 24),
        "year": Figures(
            dt.date(2025, 9, 3),
            dt.date(2025, 11, 21),
            possible=106,
            attended=94,
            authorised=7,
            unauthorised=5,
            no_reason=1,
            late=7,
        ),
        "half_term": Figures(dt.date(2025, 11, 3), dt.date(2025, 11, 21), possible=30, attended=24, authorised=2, unauthorised=4),
        "contact": Person("Ms Nair", "our attendance officer"),
        "contacts": (
            Contact("conversation", dt.date(2025, 9, 29)),
            Contact("letter", dt.date(2025, 10, 7), "letter-a"),
            Contact("meeting", dt.date(2025, 10, 23)),
            Contact("early_help", dt.date(2025, 10, 23)),
        ),
        "meeting": Meeting(dt.date(2025, 12, 9), dt.time(16, 10), "room 2", "Ms Nair and A. Lindqvist", 20),
        "missed_meeting": Meeting(dt.date(2025, 11, 12), dt.time(9, 30), "the school"),
        "old_meeting": Meeting(dt.date(2025, 12, 4), dt.time(15, 30), "room 2"),
        "period": Period(
            6,
            dt.date(2025, 10, 13),
            dt.date(2025, 11, 21),
            target=95,
            met=True,
            figures=Figures(dt.date(2025, 10, 13), dt.date(2025, 11, 21), possible=50, attended=48, authorised=2),
        ),
        "next_period": Period(4, dt.date(2025, 11, 24), dt.date(2025, 12, 19), target=95),
        "week": Week(
            Figures(dt.date(2025, 11, 17), dt.date(2025, 11, 21), possible=10, attended=9, authorised=1),
            Figures(dt.date(2025, 11, 10), dt.date(2025, 11, 14), possible=10, attended=7, unauthorised=3),
        ),
        "reply_by": dt.date(2025, 12, 3),
        "thresholds": {"stage": 90, "expected": 92, "recovery": 95},
        "phase": "secondary",
        "unexplained": (
            Session(dt.date(2025, 11, 17), "AM"),
            Session(dt.date(2025, 11, 17), "PM"),
            Session(dt.date(2025, 11, 20), "PM"),
        ),
        "unauthorised_sessions": (
            Session(dt.date(2025, 10, 16), "PM"),
            Session(dt.date(2025, 11, 17), "AM"),
            Session(dt.date(2025, 11, 17), "PM"),
            Session(dt.date(2025, 11, 12), "AM"),
            Session(dt.date(2025, 11, 20), "PM"),
        ),
        "illness": (Session(dt.date(2025, 9, 8), "AM"), Session(dt.date(2025, 9, 8), "PM"), Session(dt.date(2025, 11, 3), "AM")),
        "evidence_reason": "long",
        "late_marks": (LateMark(dt.date(2025, 9, 15), 8), LateMark(dt.date(2025, 9, 29), 12), LateMark(dt.date(2025, 11, 13))),
        "register_closes": dt.time(9, 15),
        "leave": Leave(
            dt.date(2025, 12, 8),
            dt.date(2025, 12, 10),
            6,
            authorised=True,
            reason="A close relative is getting married on these days.",
            back_on=dt.date(2025, 12, 11),
            asked_start=dt.date(2025, 12, 8),
            asked_end=dt.date(2025, 12, 12),
        ),
        "referred_on": dt.date(2025, 11, 21),
        "correction": Correction(
            "Tegan’s attendance: our first concern", dt.date(2025, 10, 7), (Session(dt.date(2025, 9, 22), "AM"),)
        ),
        "record": {
            "pupil_name": "Tegan Marlow",
            "pupil_born": "4 May 2012",
            "pupil_year": "Year 9",
            "pupil_form": "9B",
            "done_letters": "7 October 2025",
            "referrer_name": "A. Lindqvist, Head of Year 9",
            "referrer_phone": "01632 960140",
        },
    }
    return LetterFacts(**{**values, **changes})  # type: ignore[arg-type]


EXAMPLE_FILLS: dict[str, str] = {
    "support_offered": "A mentor for Tegan in school, and a call to you each Friday.",
    "improvement_means": "No absence without an agreed reason, and not more than two late marks.",
}
"""What a person would fill in where no record holds it, for previews."""


def field_examples() -> dict[str, Value]:
    """An example value for each merge field, for the list beside the editor of wordings."""
    facts = example_facts()
    return {name: EXAMPLE_FILLS.get(name) or field.value(facts) for name, field in MERGE_FIELDS.items()}
