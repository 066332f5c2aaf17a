"""Notices to improve: begun by a named person with their letter, tested by the night when they end, decided on by a person.

``end_improvement_notices`` is the night's: a constant number of statements, and run again it changes nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction

from attendance.grid import academic_year_of
from casework.models import ImprovementNotice
from casework.penalty.improvement import SCHOOL_DAYS_A_WEEK, Result, last_day, length_in_school_days, missing_of_seven, tested
from casework.penalty.reading import local_code, marks_of, pupil_window
from escalation.models import Case, Event, PlannedLetter
from escalation.queries import adopted
from escalation.services import add_event, open_case
from schools import ages, audit
from schools.models import Pupil, Role, School, User
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import SchoolDays

LETTER = "notice-to-improve"


@transaction.atomic
def begin_improvement(
    *,
    pupil: Pupil,
    school: School,
    starts_on: dt.date,
    school_days_long: int,
    allowed: int,
    support_offered: str,
    improvement_means: str,
    grounds_earlier: str,
    support_given: str,
    is_leave: bool = False,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> ImprovementNotice:
    """Begins a notice to improve and plans its letter with the dates; somebody approves that letter before it leaves.

    Refused where one of the seven things says nothing, the length lies outside the local code, another one runs, the threshold is not
    reached, the code does not use it for leave, or the child is not of compulsory school age.
    """
    code = local_code(school)
    if is_leave and code.not_for_leave:
        raise Refused(f"{code.name}’s code does not use a notice to improve for leave in term time.")
    if starts_on < on:
        raise Refused("The time to improve begins today or later: a family cannot improve in days that have passed.")
    _worth_it(pupil, school, on)
    length = length_in_school_days(school_days_long, code.notice_to_improve)
    ends_on = last_day(_calendar(school, on), starts_on, length)
    contents = _seven(support_given, support_offered, improvement_means, grounds_earlier, length, starts_on, ends_on)
    if missing := missing_of_seven(contents):
        raise Refused(f"A notice to improve must say seven things. Still missing: {'; '.join(missing)}.")
    case = open_case(pupil=pupil, school=school, on=on)
    notice = _save(
        ImprovementNotice(
            case=case,
            pupil=pupil,
            school=school,
            starts_on=starts_on,
            ends_on=ends_on,
            school_days=length,
            allowed=allowed,
            support_offered=support_offered.strip(),
            improvement_means=improvement_means.strip(),
            grounds_earlier=grounds_earlier.strip(),
            contents=contents,
            by=by,
            role=role,
            at=now,
        )
    )
    _plan_letter(notice, on)
    text = f"Notice to improve: {length} school days, from {_day(starts_on)} to {_day(ends_on)}. {improvement_means.strip()}"
    _said(notice, text, "notice to improve begun", by=by, role=role, on=on, now=now)
    return notice


def _worth_it(pupil: Pupil, school: School, on: dt.date) -> None:
    if not ages.is_compulsory(pupil.date_of_birth, on):
        raise Refused("The child is not of compulsory school age today: a notice to improve leads nowhere.")
    window = pupil_window(pupil, school, on)
    if not window.is_reached:
        raise Refused(
            f"{len(window.free)} unauthorised sessions in ten school weeks: a notice to improve is for {window.threshold} or more."
        )


def _seven(
    support_given: str, further: str, means: str, grounds: str, length: int, starts_on: dt.date, ends_on: dt.date
) -> dict[str, str]:
    """What the notice says of each of the seven things; record, duty and warning are the letter's own paragraphs."""
    return {
        "record": "The attendance record goes with the letter, and each session without agreed reason stands in it.",
        "duty": "The letter says why being in school matters, and what section 7 asks.",
        "support": support_given.strip(),
        "further": further.strip(),
        "warning": "The letter warns of a penalty notice or prosecution.",
        "timeframe": f"{length} school days, from {_day(starts_on)} to {_day(ends_on)}.",
        "improvement": f"{means.strip()} {grounds.strip()}".strip() if means.strip() and grounds.strip() else "",
    }


def _save(notice: ImprovementNotice) -> ImprovementNotice:
    try:
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError as clash:
        raise Refused("A notice to improve already runs for this child: let it end, or stop it first.") from clash
    return notice


def _plan_letter(notice: ImprovementNotice, on: dt.date) -> None:
    """One letter a parent; the merge fields that the notice fills stand in ``about``."""
    version, _ = adopted(notice.school, on)
    PlannedLetter.objects.create(
        case=notice.case,
        version=version,
        letter=LETTER,
        cause=f"notice to improve {notice.pk}",
        about=letter_about(notice),
        on=on,
        encloses="certificate",
        approves=Role.HEAD,
    )


def letter_about(notice: ImprovementNotice) -> dict[str, str]:
    """The merge fields of the letter: the clock, the offer, and what counts."""
    return {
        "next_weeks": f"{notice.school_days} school days",
        "next_from": f"{notice.starts_on.day} {notice.starts_on:%B}",
        "next_to": _day(notice.ends_on),
        "support_offered": notice.support_offered,
        "improvement_means": notice.improvement_means,
    }


@transaction.atomic
def end_improvement_notices(*, school: School, on: dt.date, now: dt.datetime) -> int:
    """The night: each notice whose last day has passed (or is this day) is tested on its own sessions. Returns how many ended.

    Six statements however many end; none but the first where none does.
    """
    running = ImprovementNotice.objects.filter(school=school, state=ImprovementNotice.State.RUNNING, ends_on__lte=on)
    due = list(running.select_related("school"))
    if not due:
        return 0
    marks = marks_of(school, {notice.pupil_id for notice in due}, on)
    ended = []
    for notice in due:
        result = tested(marks[notice.pupil_id].marks, notice.starts_on, notice.ends_on, notice.allowed)
        notice.state, notice.outcome = ImprovementNotice.State.ENDED, result.outcome
        notice.possible, notice.attended, notice.unauthorised = result.possible, result.attended, result.unauthorised
        ended.append((notice, result))
    ImprovementNotice.objects.bulk_update(due, ["state", "outcome", "possible", "attended", "unauthorised"])
    Event.objects.bulk_create(_ended(notice, result, on, now) for notice, result in ended)
    audit.record_all([_entry(notice, "notice to improve ended") for notice in due], by=None, role="", at=now)
    return len(due)


def _ended(notice: ImprovementNotice, result: Result, on: dt.date, now: dt.datetime) -> Event:
    text = f"Notice to improve ended: {notice.get_outcome_display().lower()}. {result.sentence}"
    return Event(case_id=notice.case_id, kind="penalty", on=on, at=now, text=text)


def progress(notices: list[ImprovementNotice], school: School, on: dt.date) -> dict[int, Result]:
    """How each notice stands on its own sessions so far. Two statements."""
    marks = marks_of(school, {notice.pupil_id for notice in notices}, on)
    return {
        notice.pk: tested(marks[notice.pupil_id].marks, notice.starts_on, min(notice.ends_on, on), notice.allowed)
        for notice in notices
    }


def days_left(days: SchoolDays, notice: ImprovementNotice, on: dt.date) -> int:
    """School days of the time still to come after ``on``."""
    return max(days.first_after(notice.ends_on) - max(days.first_after(on), days.first_on_or_after(notice.starts_on)), 0)


@transaction.atomic
def stop_improvement(
    *, notice: ImprovementNotice, reason: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> ImprovementNotice:
    """Ends it early, on a ground that it names; a penalty notice may then be asked for."""
    if not reason.strip():
        raise Refused("Name the ground on which you act before the end: the notice says which there are.")
    times = local_code(notice.school).notice_to_improve
    wait = times.may_act_after * SCHOOL_DAYS_A_WEEK if times.unit == "weeks" else times.may_act_after
    if wait and on < (earliest := _may_act_from(notice, wait)):
        raise Refused(f"The local code lets the school act from {_day(earliest)} on.")
    _move(notice, ImprovementNotice.State.STOPPED, {"reason": reason.strip(), "decided_by": by, "decided_on": on})
    _said(
        notice,
        f"Notice to improve stopped early: {reason.strip()}",
        "notice to improve stopped",
        by=by,
        role=role,
        on=on,
        now=now,
    )
    return notice


def _may_act_from(notice: ImprovementNotice, school_days_first: int) -> dt.date:
    days = _calendar(notice.school, notice.starts_on)
    number = days.first_on_or_after(notice.starts_on) + school_days_first
    return days.dates[min(number, len(days) - 1)]


@transaction.atomic
def decide_improvement(
    *, notice: ImprovementNotice, next_: str, reason: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> ImprovementNotice:
    """What follows a notice that has ended: a request for a penalty notice, thanks, or more support."""
    if next_ not in ImprovementNotice.Next.values:
        raise Refused("Choose what follows: a request, thanks to the family, or more support.")
    notice.refresh_from_db()
    if next_ == ImprovementNotice.Next.REQUEST and notice.outcome == ImprovementNotice.Outcome.MET:
        raise Refused("The time ended with enough improvement: no penalty notice follows from it.")
    _move(notice, ImprovementNotice.State.DECIDED, {"next": next_, "reason": reason.strip(), "decided_by": by, "decided_on": on})
    text = f"After the notice to improve: {notice.get_next_display().lower()}. {reason.strip()}".strip()
    _said(notice, text, "notice to improve decided", by=by, role=role, on=on, now=now)
    return notice


FROM = {
    ImprovementNotice.State.STOPPED: [ImprovementNotice.State.RUNNING],
    ImprovementNotice.State.DECIDED: [ImprovementNotice.State.ENDED],
}
"""The states from which a person's act leads to each; ``ended`` is the night's."""


def _move(notice: ImprovementNotice, after: str, changes: dict[str, Any]) -> None:
    allowed = FROM[ImprovementNotice.State(after)]
    if not ImprovementNotice.objects.filter(pk=notice.pk, state__in=allowed).update(state=after, **changes):
        notice.refresh_from_db()
        raise Refused(f"This notice to improve is “{notice.get_state_display().lower()}”: look at it again.")
    notice.refresh_from_db()


def _calendar(school: School, on: dt.date) -> SchoolDays:
    return school_days(school, [academic_year_of(on), academic_year_of(on) + 1])


def _said(notice: ImprovementNotice, text: str, action: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    case: Case = notice.case
    add_event(case=case, kind="penalty", text=text, on=on, now=now, by=by, role=role)
    audit.record_all([_entry(notice, action)], by=by, role=role, at=now)


def _entry(notice: ImprovementNotice, action: str) -> Any:
    return audit.entry(action=action, subject=notice, school=notice.school, reason=notice.reason)


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B} {date.year}"
