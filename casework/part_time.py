"""Part-time timetables: agreed with a parent from a day to a day, reviewed, extended with a reason, ended early. One service a change.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulation 11(6): for a pupil of compulsory school age, because of
exceptional circumstances, temporarily, by agreement with a parent whom the pupil normally lives with, the times and dates agreed. The
sessions not attended are coded C2, which still counts as absence; for a pupil who is not of that age they are X, which does not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q

from attendance.ahead import Entered, enter_ahead, take_back
from attendance.grid import academic_year_of
from casework.leave_days import Session, in_full, weekly_sessions
from casework.models import PartTimeReview, PartTimeTimetable
from escalation.services import add_event, open_case
from schools import ages, audit
from schools.models import Enrolment, Parent, Pupil, PupilFlag, PupilParent, School, User
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import SchoolDays

State = PartTimeTimetable.State
WHOLE_WEEK = 10
SHORT_WEEKS = 6
"""Weeks beyond which a timetable is flagged: the Department expects it to be short and sets no number (our reading)."""
TOLD_FLAGS = (PupilFlag.Kind.SOCIAL_WORKER, PupilFlag.Kind.CHILD_PROTECTION)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed. ``pattern``: the sessions of a week not attended, 0 Monday morning to 9 Friday afternoon."""

    starts: dt.date
    ends: dt.date
    review_on: dt.date
    pattern: tuple[int, ...]
    why: str
    objective: str
    agreed_by: Parent | None
    agreed_on: dt.date
    social_worker_told_on: dt.date | None = None


def code_on(pupil: Pupil, date: dt.date) -> str:
    """C2 while the pupil is of compulsory school age, X otherwise."""
    return "C2" if ages.is_compulsory(pupil.date_of_birth, date) else "X"


def too_long(starts: dt.date, ends: dt.date) -> str:
    """A sentence where the timetable lasts longer than is expected; an empty string otherwise."""
    weeks = -(-((ends - starts).days + 1) // 7)
    if weeks <= SHORT_WEEKS:
        return ""
    return f"{weeks} weeks: the Department expects a part-time timetable to be short, and six weeks are what most schools plan at most."


def why_not_agree(*, pupil: Pupil, school: School, terms: Terms, on: dt.date) -> str:
    """An empty string where the timetable may be agreed; otherwise the sentence that says why not and what to do."""
    return (
        _why_not_dates(terms, on)
        or _why_not_week(terms.pattern)
        or _why_not_words(terms)
        or _why_not_calendar(school, terms)
        or _why_not_people(pupil, school, terms)
        or _why_not_twice(pupil, school, terms)
    )


def _why_not_dates(terms: Terms, on: dt.date) -> str:
    if terms.ends < terms.starts:
        return f"The last day, {in_full(terms.ends)}, is before the first, {in_full(terms.starts)}: change one of the two."
    if terms.agreed_on > on:
        return f"The parent cannot have agreed on {in_full(terms.agreed_on)}: that day lies ahead."
    if terms.starts < terms.agreed_on:
        return f"It begins on {in_full(terms.starts)}, before the parent agreed on {in_full(terms.agreed_on)}: begin it later."
    if academic_year_of(terms.starts) != academic_year_of(terms.ends):
        return "It ends with the school year at the latest: a timetable of the next year is agreed afresh."
    if not terms.starts <= terms.review_on <= terms.ends:
        return f"The first review lies between the first day and the last: {in_full(terms.starts)} to {in_full(terms.ends)}."
    return ""


def _why_not_week(pattern: Collection[int]) -> str:
    if not pattern:
        return "Choose the sessions of the week that the pupil does not attend."
    if not set(pattern) <= set(range(WHOLE_WEEK)):
        return "A session of the week is not known: choose from Monday morning to Friday afternoon."
    if len(set(pattern)) == WHOLE_WEEK:
        return "Every session of the week is chosen: a part-time timetable leaves at least one in which the pupil is in school."
    return ""


def _why_not_words(terms: Terms) -> str:
    if not terms.why.strip():
        return "Say why: the law asks for exceptional circumstances."
    return "" if terms.objective.strip() else "Say what it is to achieve: how the pupil comes back to full time."


def _why_not_calendar(school: School, terms: Terms) -> str:
    days = _days(school, terms.starts)
    if weekly_sessions(days, terms.pattern, terms.starts, terms.ends):
        return ""
    return f"From {in_full(terms.starts)} to {in_full(terms.ends)} the school is open in none of these sessions: check days and week."


def _why_not_people(pupil: Pupil, school: School, terms: Terms) -> str:
    link = PupilParent.objects.filter(pupil=pupil, parent=terms.agreed_by).first() if terms.agreed_by else None
    if link is None:
        return f"Choose the parent who agreed: without a parent's agreement {pupil.called} attends full time."
    if not link.lives_with_pupil:
        return f"{link.parent.name} is recorded as not living with {pupil.called}: the law asks for the agreement of a parent who does."
    on_roll = Enrolment.objects.filter(pupil=pupil, school=school, starts__lte=terms.starts).order_by("-starts").first()
    if on_roll is None or (on_roll.ends and on_roll.ends < terms.ends):
        until = f" until {in_full(on_roll.ends)}" if on_roll and on_roll.ends else ""
        return f"{pupil.called} is{'' if until else ' not'} on the school's roll{until}: the timetable cannot last longer."
    if terms.social_worker_told_on is None and _has_social_worker(pupil, terms.agreed_on):
        return f"{pupil.called} has a social worker: tell them first, and enter the day on which they were told."
    return ""


def _has_social_worker(pupil: Pupil, on: dt.date) -> bool:
    flags = PupilFlag.objects.filter(pupil=pupil, kind__in=TOLD_FLAGS, starts__lte=on)
    return any(flag.ends is None or flag.ends >= on for flag in flags)


def _why_not_twice(pupil: Pupil, school: School, terms: Terms) -> str:
    others = PartTimeTimetable.objects.filter(pupil=pupil, school=school, starts__lte=terms.ends, ends__gte=terms.starts)
    called_off = Q(state=State.ENDED, ends=F("starts"))
    other = others.exclude(called_off).first()
    if other is None:
        return ""
    return f"There is a timetable from {in_full(other.starts)} to {in_full(other.ends)} already: extend or end that one."


def _days(school: School, date: dt.date) -> SchoolDays:
    return school_days(school, [academic_year_of(date)])


@transaction.atomic
def agree_timetable(
    *, pupil: Pupil, school: School, terms: Terms, by: User, role: str, on: dt.date, now: dt.datetime
) -> tuple[PartTimeTimetable, Entered]:
    """Keeps what was agreed, and enters C2 (or X) ahead for its sessions. Refused with what to do where the law or a date says no."""
    Pupil.objects.select_for_update(no_key=True).get(pk=pupil.pk)  # one timetable a pupil at a time
    refusal, parent = why_not_agree(pupil=pupil, school=school, terms=terms, on=on), terms.agreed_by
    if refusal or parent is None:
        raise Refused(refusal)
    timetable = PartTimeTimetable.objects.create(
        pupil=pupil, school=school, starts=terms.starts, ends=terms.ends, review_on=terms.review_on,
        pattern=sorted(set(terms.pattern)), why=terms.why.strip(), objective=terms.objective.strip(), agreed_by=parent,
        agreed_on=terms.agreed_on, social_worker_told_on=terms.social_worker_told_on, entered_by=by, entered_role=role, entered_at=now,
    )  # fmt: skip
    entered = _enter(timetable, terms.starts, by=by, role=role, now=now)
    words = f"Part-time timetable agreed, {in_full(terms.starts)} to {in_full(terms.ends)}."
    _tell(timetable, words, action="part-time agreed", by=by, role=role, on=on, now=now, reason=timetable.why)
    return timetable, entered


def _marks(timetable: PartTimeTimetable, starts: dt.date, ends: dt.date) -> dict[Session, str]:
    sessions = weekly_sessions(_days(timetable.school, starts), timetable.pattern, starts, ends)
    return {session: code_on(timetable.pupil, session[0]) for session in sessions}


def _enter(timetable: PartTimeTimetable, starts: dt.date, *, by: User, role: str, now: dt.datetime) -> Entered:
    reason = f"Part-time timetable {timetable.pk}, agreed on {in_full(timetable.agreed_on)}."
    marks = _marks(timetable, starts, timetable.ends)
    return enter_ahead(school=timetable.school, pupil=timetable.pupil, marks=marks, reason=reason, by=by, role=role, now=now)


def why_not_change(timetable: PartTimeTimetable, on: dt.date) -> str:
    """An empty string where it may be reviewed, extended or ended; otherwise the sentence that says why not."""
    if timetable.state == State.ENDED:
        return f"It was ended early, on {in_full(timetable.ends)}: agree a new one where it is needed again."
    return f"It ended by itself on {in_full(timetable.ends)}: agree a new one." if timetable.ends < on else ""


@transaction.atomic
def review_timetable(
    *, timetable: PartTimeTimetable, note: str, review_on: dt.date | None, by: User, role: str, on: dt.date, now: dt.datetime
) -> PartTimeReview:
    """A review took place. ``review_on``: the next one; None where it ends before another is needed."""
    _refuse(
        why_not_change(timetable, on) or ("" if note.strip() else "Write what the review found: it is kept with the timetable.")
    )
    following = review_on or timetable.ends
    if not on < following <= timetable.ends and following != timetable.ends:
        raise Refused(f"The next review lies after today and by the last day, {in_full(timetable.ends)}.")
    return _change(timetable, PartTimeReview.Kind.REVIEWED, note, timetable.ends, following, by=by, role=role, on=on, now=now)


@transaction.atomic
def extend_timetable(
    *,
    timetable: PartTimeTimetable,
    ends: dt.date,
    review_on: dt.date,
    note: str,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> tuple[PartTimeReview, Entered]:
    """More time, with its reason; the marks of the added weeks are entered ahead."""
    _refuse(why_not_change(timetable, on) or _why_not_extend(timetable, ends, review_on, note, on))
    before = timetable.ends
    review = _change(timetable, PartTimeReview.Kind.EXTENDED, note, ends, review_on, by=by, role=role, on=on, now=now)
    return review, _enter(timetable, before + dt.timedelta(days=1), by=by, role=role, now=now)


def _why_not_extend(timetable: PartTimeTimetable, ends: dt.date, review_on: dt.date, note: str, on: dt.date) -> str:
    if not note.strip():
        return "Say why more time is needed: it is kept with the timetable."
    if ends <= timetable.ends:
        return f"It lasts until {in_full(timetable.ends)} already: choose a later day, or end it early."
    if academic_year_of(ends) != academic_year_of(timetable.starts):
        return "It ends with the school year at the latest: a timetable of the next year is agreed afresh."
    if not on < review_on <= ends:
        return f"The next review lies after today and by the last day, {in_full(ends)}."
    left = Enrolment.objects.filter(pupil=timetable.pupil, school=timetable.school).order_by("-starts").first()
    if left and left.ends and left.ends < ends:
        return f"{timetable.pupil.called} leaves the school on {in_full(left.ends)}: the timetable cannot last longer."
    return ""


@transaction.atomic
def end_timetable(
    *, timetable: PartTimeTimetable, last_day: dt.date, note: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> tuple[PartTimeReview, list[Session]]:
    """Ends it early: full time from the day after ``last_day``. Marks ahead of later days are taken back; returns their sessions.

    With a day before its first it is called off: none of its marks stays.
    """
    _refuse(why_not_change(timetable, on) or _why_not_end(timetable, last_day, note, on))
    first_full = max(last_day + dt.timedelta(days=1), timetable.starts)
    marks = _marks(timetable, first_full, timetable.ends) if first_full <= timetable.ends else {}
    ends = max(last_day, timetable.starts)
    review = _change(
        timetable, PartTimeReview.Kind.ENDED, note, ends, min(timetable.review_on, ends), by=by, role=role, on=on, now=now
    )
    reason = f"Part-time timetable {timetable.pk} ended early: {note.strip()}"
    gone = take_back(
        school=timetable.school, pupil=timetable.pupil, marks=marks, reason=reason, by=by, role=role, now=now
    )  # fmt: skip
    return review, gone


def _why_not_end(timetable: PartTimeTimetable, last_day: dt.date, note: str, on: dt.date) -> str:
    if not note.strip():
        return "Say why it ends: it is kept with the timetable."
    if last_day < on and timetable.starts <= on:
        return (
            f"{in_full(last_day)} has passed: choose today or a later day, and correct what was marked wrongly in the register."
        )
    return "" if last_day < timetable.ends else f"It ends on {in_full(timetable.ends)} by itself: nothing needs to be done."


def _refuse(sentence: str) -> None:
    if sentence:
        raise Refused(sentence)


def _change(
    timetable: PartTimeTimetable, kind: str, note: str, ends: dt.date, review_on: dt.date, *, by: User, role: str, on: dt.date,
    now: dt.datetime,
) -> PartTimeReview:  # fmt: skip
    """Claims the timetable as it was seen by a conditional UPDATE, and keeps what was done."""
    before = timetable.ends
    state = State.ENDED if kind == PartTimeReview.Kind.ENDED else State.AGREED
    unchanged = PartTimeTimetable.objects.filter(
        pk=timetable.pk, state=State.AGREED, ends=before, review_on=timetable.review_on
    )  # fmt: skip
    if not unchanged.update(ends=ends, review_on=review_on, state=state):
        timetable.refresh_from_db()
        raise Refused("Somebody changed this timetable in the meantime: look at it again.")
    timetable.ends, timetable.review_on, timetable.state = ends, review_on, state
    review = PartTimeReview.objects.create(
        timetable=timetable, kind=kind, on=on, note=note.strip(), ended_before=before, ends_now=ends, by=by, role=role, at=now
    )
    words = f"Part-time timetable {review.get_kind_display().lower()}{_until(before, ends)}. {review.note}"
    _tell(timetable, words, action=f"part-time {kind}", by=by, role=role, on=on, now=now, reason=review.note)
    return review


def _until(before: dt.date, ends: dt.date) -> str:
    return "" if before == ends else f", until {in_full(ends)} instead of {in_full(before)}"


def _tell(
    timetable: PartTimeTimetable, text: str, *, action: str, by: User, role: str, on: dt.date, now: dt.datetime, reason: str
) -> None:
    case = open_case(pupil=timetable.pupil, school=timetable.school, on=on)
    add_event(case=case, kind="leave", text=text, on=on, now=now, by=by, role=role)
    audit.record(
        action=action, subject=timetable, by=by, role=role, at=now, school=timetable.school, reason=reason,
        detail={"from": str(timetable.starts), "to": str(timetable.ends), "sessions_a_week": len(timetable.pattern)},
    )  # fmt: skip
