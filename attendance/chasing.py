"""Chasing an absence: the one record of first-day calling, N codes that are settled as O, and registers that are asked for.

Law and guidance: parents are contacted on the first day of an absence that nobody explained, and again while it goes on (Working together
to improve school attendance, chapter 2); a code N is replaced when its reason is known, within five school days, and otherwise becomes O
(School Attendance (Pupil Registration) (England) Regulations 2024, regulation 10). What is tried is kept whether it succeeds or not.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from attendance.codes import BY_CHARACTER, Meaning
from attendance.grid import SESSIONS, academic_year_of, slot
from attendance.models import AbsenceCall, RegisterRow
from attendance.services import change_mark
from schools import audit
from schools.models import AuditEntry, Parent, Pupil, PupilFlag, PupilParent, School, User
from schools.queries import school_days
from schools.rules import Refused

Flag = PupilFlag.Kind
RUNG_FIRST: tuple[str, ...] = (Flag.CHILD_PROTECTION, Flag.FIRST_DAY_LIST, Flag.SOCIAL_WORKER, Flag.LOOKED_AFTER)
"""Pupils with one of these flags are rung before all others, in this order. No policy ranks them; see decision 91."""
TRIES_ENOUGH = 3
"""With so many tries without an answer in a day, every number among them, nobody is taken to be reached."""
BY_WHEN = dt.time(10, 30)
"""With every number tried once and no answer, nobody is taken to be reached from this time on."""
BY_WHEN_RUNG_FIRST = dt.time(9, 30)
"""The same for pupils who are rung first."""
NUDGE_AGAIN_AFTER = dt.timedelta(minutes=10)
NUDGED = "register asked for"
MISSED = {Meaning.AUTHORISED, Meaning.UNAUTHORISED}

Session = tuple[int, dt.date, str]
"""(register row, day, AM or PM)"""


class Logged(NamedTuple):
    """A call as it was kept, and how many marks its reason settled."""

    call: AbsenceCall
    marks: int


@transaction.atomic
def log_call(
    *,
    pupil: Pupil,
    school: School,
    about: dt.date,
    outcome: str,
    by: User,
    role: str,
    now: dt.datetime,
    parent: Parent | None = None,
    channel: str = AbsenceCall.Channel.CALL,
    said: str = "",
    expected_return: dt.date | None = None,
    next_try_at: dt.datetime | None = None,
    code: str = "",
    since: dt.date | None = None,
) -> Logged:
    """Keeps one try to learn why a pupil is away; where a reason was given, the pupil's N codes become its code in the same transaction.

    ``about``: the day of absence asked about; ``code``: the reason's national code, given only where somebody was spoken with; it settles
    every N from ``since`` (otherwise that day alone) to ``about``. ``parent`` None: somebody else was tried. Opens no case. Refused with
    a sentence for an unknown outcome, a day without absence, a return in the past, a parent who may not be contacted.
    """
    today = now.date()
    _refuse_odd_words(outcome, channel, code)
    _refuse_barred(pupil, parent, today)
    _refuse_bad_times(school, about, expected_return, next_try_at, now)
    rows = _rows(pupil, school, about, since or about)
    _refuse_present(pupil, rows, about, today)
    marks = _settle(rows, since or about, about, code, said, by=by, role=role, now=now) if code else 0
    call = AbsenceCall.objects.create(
        pupil=pupil, school=school, about=about, at=now, by=by, role=role, channel=channel, parent=parent, outcome=outcome,
        code=code, said=said.strip(), expected_return=expected_return, next_try_at=next_try_at,
    )  # fmt: skip
    detail = {"outcome": outcome, "channel": str(channel), "about": about.isoformat(), "marks": marks}
    audit.record(action="absence call", subject=call, by=by, role=role, at=now, school=school, detail=detail)
    return Logged(call, marks)


def _refuse_odd_words(outcome: str, channel: str, code: str) -> None:
    if outcome not in AbsenceCall.Outcome.values:
        known = ", ".join(label.lower() for label in AbsenceCall.Outcome.labels)
        raise Refused(f"“{outcome}” is not an outcome of a call: choose one of {known}.")
    if channel not in AbsenceCall.Channel.values:
        known = ", ".join(label.lower() for label in AbsenceCall.Channel.labels)
        raise Refused(f"“{channel}” is not a way to be in touch: choose one of {known}.")
    if code and outcome != AbsenceCall.Outcome.SPOKE:
        raise Refused("A reason can only be recorded for a call in which you spoke with somebody.")
    if code == "N":
        raise Refused("N says that no reason is known yet: leave the reason empty.")


def _refuse_barred(pupil: Pupil, parent: Parent | None, on: dt.date) -> None:
    """A parent whom an order keeps away is never rung, and a stranger is none of the pupil's contacts."""
    if parent is None:
        return
    link = PupilParent.objects.filter(pupil=pupil, parent=parent).first()
    if link is None:
        raise Refused(f"This person is not one of {pupil.called}’s contacts: choose one of those on the pupil’s page.")
    if link.is_barred(on):
        raise Refused(f"An order or a no-contact note stands: {parent.name} may not be contacted about {pupil.called}.")


def _refuse_bad_times(
    school: School, about: dt.date, expected_return: dt.date | None, next_try_at: dt.datetime | None, now: dt.datetime
) -> None:
    if about > now.date():
        raise Refused(f"{_day(about)} lies ahead: ask about an absence once it has begun.")
    if next_try_at is not None and next_try_at <= now:
        raise Refused(f"Try again at {next_try_at:%H:%M}: that time has passed, choose a later one.")
    if expected_return is None:
        return
    if expected_return < now.date():
        raise Refused(f"Expected back on {_day(expected_return)}: that day has passed, choose today or a later day.")
    if school_days(school, [academic_year_of(expected_return)]).index(expected_return) is None:
        raise Refused(f"{_day(expected_return)} is not a school day: choose the day on which school begins again.")


def _rows(pupil: Pupil, school: School, about: dt.date, since: dt.date) -> list[RegisterRow]:
    """The pupil's register rows at the school over those days, of one or two years and enrolments."""
    if since > about:
        raise Refused(f"From {_day(since)} to {_day(about)}: the first day comes after the last.")
    on_roll = Q(enrolment__ends__isnull=True) | Q(enrolment__ends__gte=since)
    rows = RegisterRow.objects.filter(
        on_roll,
        enrolment__pupil=pupil,
        enrolment__starts__lte=about,
        school=school,
        year__in={academic_year_of(since), academic_year_of(about)},
    )
    return list(rows.select_related("enrolment__pupil", "school"))


def _refuse_present(pupil: Pupil, rows: Collection[RegisterRow], about: dt.date, today: dt.date) -> None:
    """A call is about an absence. Before today's register is in, a family may still tell us of one."""
    if about.weekday() > 4:
        raise Refused(f"{_day(about)} is not a school day: there is no absence to ask about.")
    here = [row for row in rows if row.year == academic_year_of(about) and _was_on_roll(row, about)]
    if not here:
        raise Refused(f"{pupil.called} was not on this school’s roll on {_day(about)}.")
    meanings = [BY_CHARACTER[mark].meaning for row in here for mark in _marks_on(row, about) if mark in BY_CHARACTER]
    if not meanings and about != today:
        raise Refused(f"No register of {_day(about)} is in for {pupil.called}: there is no absence to ask about.")
    if meanings and not MISSED.intersection(meanings):
        raise Refused(f"{pupil.called} has no absence on {_day(about)}: there is nothing to ask about.")


def _was_on_roll(row: RegisterRow, on: dt.date) -> bool:
    return row.enrolment.starts <= on and (row.enrolment.ends is None or row.enrolment.ends >= on)


def _marks_on(row: RegisterRow, date: dt.date) -> str:
    place = slot(date, "AM")
    return row.marks[place : place + 2]


def _settle(
    rows: Collection[RegisterRow], since: dt.date, about: dt.date, code: str, said: str, *, by: User, role: str, now: dt.datetime
) -> int:
    """The N codes of those days become the reason's code; how many."""
    days = [since + dt.timedelta(days=number) for number in range((about - since).days + 1)]
    changed = 0
    for row in rows:
        for date in days:
            for session in _no_reason_on(row, date):
                reason = said.strip()[:200] or "Reason given on the telephone."
                change_mark(
                    row=row, date=date, session=session, to=code, was="N", reason=reason, by=by, role=role, now=now
                )  # fmt: skip
                changed += 1
    return changed


def _no_reason_on(row: RegisterRow, date: dt.date) -> list[str]:
    if date.weekday() > 4 or academic_year_of(date) != row.year:
        return []
    return [session for session, mark in zip(SESSIONS, _marks_on(row, date), strict=True) if mark == "N"]


@transaction.atomic
def enter_same_reason(*, pupil: Pupil, school: School, about: dt.date, by: User, role: str, now: dt.datetime) -> int:
    """A day's N codes take the code of the reason that a parent gave for an absence that goes on; returns how many marks changed.

    Refused where no call gave a reason that covers the day: it was given for a return after it, on or before the day itself.
    """
    given = AbsenceCall.objects.filter(
        pupil=pupil, school=school, about__lte=about, expected_return__gt=about, outcome=AbsenceCall.Outcome.SPOKE
    )
    call = given.exclude(code="").select_related("parent").first() or _told_today(pupil, school, about)
    if call is None:
        raise Refused(f"No reason was given that covers {_day(about)}: record a call.")
    reason = f"As told on {_day(call.about)}: {call.said}".rstrip(": ")
    changed = _settle(_rows(pupil, school, about, about), about, about, call.code, reason, by=by, role=role, now=now)
    if not changed:
        raise Refused(f"{pupil.called} has no mark N on {_day(about)}: somebody has settled it in the meantime.")
    return changed


def _told_today(pupil: Pupil, school: School, about: dt.date) -> AbsenceCall | None:
    """A reason for the day itself, told before its register was in."""
    return AbsenceCall.objects.filter(pupil=pupil, school=school, about=about).exclude(code="").first()


@transaction.atomic
def confirm_unexplained(
    *, school: School, sessions: Collection[Session], after: int, by: User, role: str, on: dt.date, now: dt.datetime
) -> int:
    """Sessions that nobody explained in ``after`` school days become O, each with its history in the person's name; returns how many.

    A session that is no longer N is left as it is. Nothing is changed where one of them is another school's, or too young.
    """
    if not sessions:
        raise Refused("Nothing is ticked: tick the sessions that become O.")
    rows = RegisterRow.objects.select_related("enrolment", "school").in_bulk([row for row, _, _ in sessions])
    if len({row for row, _, _ in sessions}) != len([row for row in rows.values() if row.school_id == school.pk]):
        raise Refused(f"One of the sessions is not in {school.name}’s register: open the list again.")
    _refuse_young(school, {date for _, date, _ in sessions}, after, on)
    reason = f"No reason was established within {after} school days."
    changed = 0
    for number, date, session in sorted(set(sessions)):
        if session in _no_reason_on(rows[number], date):
            change_mark(
                row=rows[number], date=date, session=session, to="O", was="N", reason=reason, by=by, role=role, now=now
            )  # fmt: skip
            changed += 1
    return changed


def _refuse_young(school: School, dates: Collection[dt.date], after: int, on: dt.date) -> None:
    days = school_days(school, {academic_year_of(on), *map(academic_year_of, dates)})
    for date in sorted(dates):
        age = days.first_after(on) - days.first_after(date)
        if age < after:
            days_ago = f"{age} school day{'' if age == 1 else 's'} ago"
            raise Refused(f"{_day(date)} is {days_ago}: an N becomes O after {after}. Nothing was changed.")


@transaction.atomic
def ask_for_register(
    *,
    school: School,
    form: str,
    date: dt.date,
    session: str,
    to: User | None,
    by: User,
    role: str,
    now: dt.datetime,
    address: str,
) -> AuditEntry:
    """Asks a form's tutor by e-mail for a register that is missing, and keeps who was asked when. ``address``: where it is taken.

    Refused where nobody is known as the form's tutor or the tutor was asked a few minutes ago.
    """
    if to is None:
        raise Refused(f"Nobody is recorded as tutor of {form}: ask whoever takes the form, and see to the role under Set-up.")
    before = [nudge for nudge in nudges([school], date)[school.pk, form] if nudge.session == session]
    if before and now - before[0].at < NUDGE_AGAIN_AFTER:
        raise Refused(f"{to.name} was asked for this register at {before[0].at:%H:%M}: wait ten minutes before asking again.")
    half = "morning" if session == "AM" else "afternoon"
    lines = [
        f"The {half} register of {form} on {_day(date)} is not in yet.",
        "Until it is, nobody can ring the families of those who are missing. Please take it now:",
        address,
        f"{by.name}, {school.name}",
    ]
    transaction.on_commit(lambda: send_mail(f"Register of {form}, {half}", "\n\n".join(lines), None, [to.email]), robust=True)
    detail = {"form": form, "date": date.isoformat(), "session": session, "to": to.pk}
    return audit.record(action=NUDGED, subject=to, by=by, role=role, at=now, school=school, detail=detail)


class Nudge(NamedTuple):
    """A register that was asked for: when, by whom, of whom (the number of a user)."""

    at: dt.datetime
    by: str
    to: int
    session: str


def nudges(schools: Collection[School], date: dt.date) -> Mapping[tuple[int, str], list[Nudge]]:
    """The day's reminders by school and form, newest first. One statement."""
    found: dict[tuple[int, str], list[Nudge]] = defaultdict(list)
    midnight = timezone.make_aware(dt.datetime.combine(date, dt.time()))
    entries = AuditEntry.objects.filter(action=NUDGED, school__in=schools, at__gte=midnight, detail__date=date.isoformat())
    for entry in entries.select_related("by"):
        nudge = Nudge(entry.at, entry.by.name if entry.by else "", entry.detail["to"], entry.detail["session"])
        found[entry.school_id or 0, entry.detail["form"]].append(nudge)
    return found


def calls_about(pupils: Collection[int], since: dt.date) -> dict[int, list[AbsenceCall]]:
    """What was tried about absences from ``since`` on, by pupil, newest first. One statement."""
    found: dict[int, list[AbsenceCall]] = defaultdict(list)
    calls = AbsenceCall.objects.filter(pupil__in=pupils, about__gte=since)
    for call in calls.select_related("by", "parent"):
        found[call.pupil_id].append(call)
    return found


def _day(date: dt.date) -> str:
    return f"{date:%A} {date.day} {date:%B}"
