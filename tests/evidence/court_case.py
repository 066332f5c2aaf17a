"""A made-up court case: a term of absence under the federation's ladder, with letters that left by post, a meeting held in absence, help
that was declined, a plan that failed, a corrected mark, and things that a pack may never show."""

from __future__ import annotations

import datetime as dt
from typing import Any

from attendance.models import RegisterRow
from attendance.services import change_mark
from casework.discretion import lift_pause, pause_letters
from casework.documents import add_document
from casework.meetings import Where, plan_meeting, record_meeting
from casework.safeguarding import take_to_the_lead
from casework.support import offer_support, record_visit
from escalation.adoption import adopt
from escalation.models import Case, Period
from escalation.services import open_case, record_contact
from evidence.models import EvidencePack
from evidence.seal import private_key
from evidence.services import ask_for_pack, make_pack
from letters.models import Letter
from letters.services import approve_letters, make_print_batch, mark_posted
from schools.models import Parent, Role
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

KEY = private_key("a secret of the tests")
SECRET_WORDS = "The child said something about home."
PAUSE_WORDS = "Section 47 enquiry runs."
LATER = NOW + dt.timedelta(minutes=15)


def made_up(pupil: str = "imogen") -> tuple[Cast, Case]:
    """The cast, and the case as it stands on 20 November 2025."""
    cast = assemble()
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, **{pupil: away(cast, "2025-10-06", 12)})
    run(cast)
    row = getattr(cast, pupil)
    case = open_case(pupil=row.enrolment.pupil, school=cast.here, on=TODAY)
    _letters_leave(cast, case)
    _family_is_met(cast, case)
    _marks_are_corrected(cast, row)
    _what_stays_inside(cast, case)
    return cast, case


def as_lead(cast: Cast) -> dict[str, Any]:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": TODAY, "now": NOW}


def _letters_leave(cast: Cast, case: Case) -> None:
    letters = list(Letter.objects.filter(case=case, state="drafted"))
    done = approve_letters(letters=letters, by=cast.staff["head"], role="head", on=TODAY, now=NOW)
    assert letters and all(outcome.ok for outcome in done), done
    batch = make_print_batch(school=cast.here, by=cast.alice, role="officer", now=LATER)
    mark_posted(batch=batch, on=TODAY, by=cast.alice, role="officer", now=LATER)


def _family_is_met(cast: Cast, case: Case) -> None:
    who, parent = as_lead(cast), _first_parent(case)
    record_contact(
        pupil=case.pupil, school=case.school, kind="call", outcome="spoke", parent=parent, note="Mornings are hard.", **who
    )
    meeting = plan_meeting(case=case, kind="meeting", where=Where(NOW, 30, "room 2"), **who)
    away_from_it = {person.pk: "absent" for person in meeting.attendees.filter(is_invited=True, parent__isnull=False)}
    record_meeting(
        meeting=meeting, came=away_from_it, outcome="in_absence", summary="Nobody came.", agreed="A plan all the same.", **who
    )
    offer_support(case=case, kind="early_help", offered_on=TODAY, parent=parent, answer="declined", **who)
    record_visit(
        case=case, visited_on=TODAY, visitor=cast.alice, parent=parent, outcome="spoke", note="Spoke at the door.", **who
    )
    Period.objects.create(
        case=case, stage="5", starts_on=dt.date(2025, 10, 6), weeks=6, ends_on=dt.date(2025, 11, 17), outcome="missed", possible=50,
        attended=30,
    )  # fmt: skip
    paper = {"title": "Note from home", "kind": "parent_letter", "file_name": "note.txt", "content": b"He was ill."}
    add_document(case=case, **paper, **who)


def _first_parent(case: Case) -> Parent:
    return case.pupil.parent_links.select_related("parent").order_by("priority")[0].parent


def _marks_are_corrected(cast: Cast, row: RegisterRow) -> None:
    change_mark(
        row=RegisterRow.objects.get(pk=row.pk), date=dt.date(2025, 10, 7), session="AM", to="I", reason="A note was brought.",
        by=cast.alice, role="officer", now=NOW,
    )  # fmt: skip


def _what_stays_inside(cast: Cast, case: Case) -> None:
    """A safeguarding note, and letters that waited for a safeguarding reason."""
    lead = cast.staff[Role.SAFEGUARDING_LEAD]
    take_to_the_lead(pupil=case.pupil, school=case.school, text=SECRET_WORDS, by=cast.bob, role="tutor", now=NOW)
    until = TODAY + dt.timedelta(days=7)
    who = {"by": lead, "role": "safeguarding_lead", "on": TODAY, "now": NOW}
    pause = pause_letters(case=case, kind="safeguarding", why=PAUSE_WORDS, until=until, **who)
    lift_pause(pause=pause, because="The enquiry has ended.", **who)


def packed(cast: Cast, case: Case, parent: Parent | None = None) -> EvidencePack:
    """A pack for a court, made."""
    pack = ask_for_pack(case=case, purpose="court", parent=parent, **as_lead(cast))
    assert make_pack(pack_id=pack.pk, clock=lambda: LATER, key=KEY)
    pack.refresh_from_db()
    assert pack.state == "done", pack.error
    return pack
