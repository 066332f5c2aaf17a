"""A case to work on: Imogen stands at a stage whose letter asks her parents to a meeting, with the figures of a real night."""

from __future__ import annotations

import datetime as dt

from casework.meetings import Where, plan_meeting
from casework.models import Meeting
from casework.slots import LONDON
from escalation.adoption import adopt
from escalation.models import Case, PlannedLetter, RulesetVersion, StageRecord
from escalation.services import open_case
from letters.models import Letter
from letters.services import draft_planned
from schools.models import Role
from tests.cast import NOW, TODAY, Cast
from tests.stories import away, present, run

AT = dt.datetime(2025, 12, 9, 16, 10, tzinfo=LONDON)
"""A Tuesday, nineteen days ahead."""


def a_night(cast: Cast, key: str = "federation") -> None:
    """Figures for everybody; nobody reaches a stage."""
    adopt(school=cast.here, key=key, starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 2, "I"), priya=away(cast, "2025-11-03", 2, "I"))
    run(cast)


def staged(cast: Cast, pupil: str = "imogen", stage: str = "5", letter: str = "letter-3", on: dt.date = TODAY) -> StageRecord:
    """The pupil has reached ``stage``, and its letter is drafted for each parent who may be written to."""
    row = getattr(cast, pupil)
    case = open_case(pupil=row.enrolment.pupil, school=cast.here, on=on)
    record = StageRecord.objects.create(
        case=case, version=RulesetVersion.objects.latest("pk"), stage=stage, name="Formal notice of concern", band="Engaged support",
        level=3, proposed_on=on, acts=Role.ATTENDANCE_LEAD, approves=Role.ATTENDANCE_LEAD,
    )  # fmt: skip
    PlannedLetter.objects.create(
        case=case, stage_record=record, version=record.version, letter=letter, cause=f"stage {stage}", on=on,
        approves=Role.ATTENDANCE_LEAD,
    )  # fmt: skip
    draft_planned(now=NOW, on=on, school=cast.here)
    return record


def planned(cast: Cast, record: StageRecord, **changes: object) -> Meeting:
    """A meeting of the stage on 9 December at 4.10pm in room 2, led by the attendance lead."""
    lead = cast.staff[Role.ATTENDANCE_LEAD]
    given = {
        "case": record.case,
        "kind": "meeting",
        "where": Where(AT, 20, "room 2", lead),
        "stage_record": record,
        "role": "attendance_lead",
        "by": lead,
        "on": TODAY,
        "now": NOW,
    }
    return plan_meeting(**{**given, **changes})  # type: ignore[arg-type]


def drafts(case: Case) -> list[Letter]:
    return list(Letter.objects.filter(case=case, state="drafted").order_by("pk"))
