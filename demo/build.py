"""Writes the demo's made-up schools, people and registers into an empty database, in bulk.

Everything comes from plain records (``structure``, ``population``, ``workforce``, ``registers``); here they become rows. Called inside one
transaction, so that an interrupted run leaves nothing half-made.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
from django.contrib.auth.hashers import make_password

from attendance.codes import BY_CHARACTER
from attendance.grid import EMPTY_ROW, SESSIONS, slots_of
from attendance.history import FirstEntries, pack
from attendance.models import ImportBatch, MarkChange, MarkDetail, RegisterRow
from demo.absence import absence_shares
from demo.foreseen import Foreseen, Reason, half_term_begins, taken_from
from demo.population import ParentPlan, PupilPlan, make_pupils, single_out
from demo.registers import NO_MARK, NOT_YET, Change, SchoolYear, make_registers
from demo.structure import YEARS, GroupPlan, SchoolPlan, read_groups
from demo.workforce import StaffPlan, make_staff
from escalation.adoption import adopt
from messaging.models import Sender
from schools.models import (
    AcademicYear,
    ClosedDay,
    Enrolment,
    Group,
    HalfTerm,
    Parent,
    Placement,
    Pupil,
    PupilFlag,
    PupilParent,
    RegisterTime,
    School,
    StaffRole,
    User,
)
from schools.secrets import encrypt

LONDON = ZoneInfo("Europe/London")
BATCH = 2000
REASONS = {
    "I": "Parent rang: unwell.",
    "M": "Appointment card seen.",
    "O": "No reason given after enquiries.",
    "G": "Holiday that was not granted.",
}
"""Why an N was corrected, by the code that it became."""


@dataclass
class Built:
    """The rows made so far, by what they were made from."""

    schools: dict[str, School] = field(default_factory=dict)
    officers: dict[str, User] = field(default_factory=dict)
    enrolments: dict[int, Enrolment] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    """Marks in the register by URN."""
    batches: list[ImportBatch] = field(default_factory=list)
    corrections: list[MarkChange] = field(default_factory=list)
    """The files that brought the marks, and the history of those that were N first, not stored yet: see ``enter_history``."""
    foreseen: dict[str, Foreseen] = field(default_factory=dict)
    """What the staff will meet in the last half term, by URN."""


def at(date: dt.date, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(date.year, date.month, date.day, hour, minute, tzinfo=LONDON)


def build(today: dt.date, only: str = "") -> Built:
    """Groups, schools, calendars, staff, pupils, parents, rulesets and registers up to the morning of ``today``; with ``only``, those of
    the group under that ladder."""
    plans, built = [plan for plan in read_groups() if only in ("", plan.ruleset)], Built()
    pupils: list[PupilPlan] = []
    for plan in plans:
        group = _group(plan, built)
        _staff(make_staff(plan), group, built)
        pupils += make_pupils(plan)
    _senders(built)
    shares = absence_shares(pupils)
    single_out(pupils, shares[YEARS[-1]])
    _people(pupils, built)
    for year in make_registers(pupils, shares, today):
        _register(year, today, built)
    return built


def enter_history(built: Built) -> None:
    """Stores files and corrections once the nights are over. Every mark that came from a file is in its row from the start as it reads
    today, so a night must not take what is dated later than itself for news."""
    ImportBatch.objects.bulk_create(built.batches)
    MarkChange.objects.bulk_create(built.corrections, BATCH)


# --- groups, schools, calendars, staff ----------------------------------------------------------------------------------------------


def _group(plan: GroupPlan, built: Built) -> Group:
    group = Group.objects.create(name=plan.name, slug=plan.slug)
    for number, school in enumerate(plan.schools):
        built.schools[school.urn] = _school(school, group, number)
        _calendar(school, built.schools[school.urn])
        starts = school.half_terms[YEARS[0]][0].starts
        adopt(school=built.schools[school.urn], key=plan.ruleset, starts=starts, by=None, now=at(starts, 9))
    return group


def _school(plan: SchoolPlan, group: Group, number: int) -> School:
    tail = int(plan.urn) % 1000
    school = School.objects.create(
        group=group,
        urn=plan.urn,
        name=plan.name,
        short_name=plan.short_name,
        phase=plan.phase,
        local_authority=plan.local_authority,
        address=f"{plan.short_name} Road\n{plan.town}\nZZ{number + 20} 1AA",
        telephone=f"01632 960{tail:03}",
        email=f"attendance@{plan.slug}.example",
        target=plan.target,
        register_source=plan.register_source,
    )
    RegisterTime.objects.bulk_create(
        RegisterTime(school=school, session=session, label=label, opens=opens, closes=closes)
        for session, label, opens, closes in plan.register_times
    )
    return school


def _calendar(plan: SchoolPlan, school: School) -> None:
    for year, half_terms in plan.half_terms.items():
        academic_year = AcademicYear.objects.create(school=school, start_year=year)
        HalfTerm.objects.bulk_create(
            HalfTerm(academic_year=academic_year, term=each.term, name=each.name, starts=each.starts, ends=each.ends)
            for each in half_terms
        )
    ClosedDay.objects.bulk_create(
        ClosedDay(school=school, date=day.date, kind=day.kind, note=day.note) for day in plan.closed_days
    )


def _staff(staff: Iterable[StaffPlan], group: Group, built: Built) -> None:
    """Accounts that nobody can sign in to with a password: the demo's chooser is their only door."""
    staff = list(staff)
    users = User.objects.bulk_create(User(email=plan.email, name=plan.name, password=make_password(None)) for plan in staff)
    roles = []
    for plan, user in zip(staff, users, strict=True):
        for role in plan.roles:
            school = built.schools[role.school.urn] if role.school else None
            roles.append(StaffRole(user=user, role=role.role, title=role.title, group=group, school=school,
                                   year_groups=role.year_groups, forms=role.forms, starts=dt.date(YEARS[0], 8, 1)))  # fmt: skip
            if role.role == "officer" and school:
                built.officers[school.urn] = user
    StaffRole.objects.bulk_create(roles)


def _senders(built: Built) -> None:
    """Every school can send texts, with a key that opens nothing: in the demo no text leaves the machine."""
    key = encrypt("demo-00000000-0000-4000-8000-000000000000-00000000-0000-4000-8000-000000000000")
    Sender.objects.bulk_create(
        Sender(
            school=school, key=key, key_name="demo", service=uuid.UUID(int=school.pk), text_template=uuid.UUID(int=school.pk),
            changed_by=built.officers[urn], changed_at=at(dt.date(YEARS[0], 9, 1), 9),
        )
        for urn, school in built.schools.items()
        if urn in built.officers
    )  # fmt: skip


# --- pupils and parents ---------------------------------------------------------------------------------------------------------------


def _people(plans: list[PupilPlan], built: Built) -> None:
    pupils = Pupil.objects.bulk_create(
        [
            Pupil(group=built.schools[plan.school.urn].group, upn=plan.upn, first_name=plan.first_name, last_name=plan.last_name,
                  known_as=plan.known_as, date_of_birth=plan.date_of_birth, sex=plan.sex)
            for plan in plans
        ],
        BATCH,
    )  # fmt: skip
    _enrolments(plans, pupils, built)
    since = dt.date(YEARS[0], 9, 1)
    PupilFlag.objects.bulk_create(
        [
            PupilFlag(pupil=pupil, kind=kind, value=value, starts=since)
            for plan, pupil in zip(plans, pupils, strict=True)
            for kind, value in plan.flags.items()
        ],
        BATCH,
    )
    _parents(plans, pupils)


def _enrolments(plans: list[PupilPlan], pupils: list[Pupil], built: Built) -> None:
    pairs = [(enrolment, pupil) for plan, pupil in zip(plans, pupils, strict=True) for enrolment in plan.enrolments]
    made = Enrolment.objects.bulk_create(
        [
            Enrolment(pupil=pupil, school=built.schools[plan.school.urn], admission_number=plan.admission_number,
                      starts=plan.starts, ends=plan.ends, is_main=plan.is_main)
            for plan, pupil in pairs
        ],
        BATCH,
    )  # fmt: skip
    built.enrolments = {id(plan): enrolment for (plan, _), enrolment in zip(pairs, made, strict=True)}
    Placement.objects.bulk_create(
        [
            Placement(enrolment=enrolment, year_group=place.year_group, form=place.form, house=place.house,
                      starts=place.starts, ends=place.ends)
            for (plan, _), enrolment in zip(pairs, made, strict=True)
            for place in plan.placements
        ],
        BATCH,
    )  # fmt: skip


def _parents(plans: list[PupilPlan], pupils: list[Pupil]) -> None:
    """One record a person, whichever children and schools they belong to."""
    groups: dict[int, tuple[ParentPlan, int]] = {}
    for plan, pupil in zip(plans, pupils, strict=True):
        for link in plan.links:
            groups.setdefault(id(link.parent), (link.parent, pupil.group_id))
    made = Parent.objects.bulk_create(
        [
            Parent(group_id=group, title=parent.title, first_name=parent.first_name, last_name=parent.last_name, email=parent.email,
                   telephone=parent.telephone, address=parent.address, language=parent.language)
            for parent, group in groups.values()
        ],
        BATCH,
    )  # fmt: skip
    parents = dict(zip(groups, made, strict=True))
    PupilParent.objects.bulk_create(
        [
            PupilParent(pupil=pupil, parent=parents[id(link.parent)], relationship=link.relationship, priority=link.priority,
                        has_parental_responsibility=link.has_parental_responsibility, lives_with_pupil=link.lives_with_pupil,
                        receives_letters=link.receives_letters, is_emergency_contact=link.is_emergency_contact,
                        no_contact_from=link.no_contact_from, no_contact_note=link.no_contact_note)
            for plan, pupil in zip(plans, pupils, strict=True)
            for link in plan.links
        ],
        BATCH,
    )  # fmt: skip


# --- registers --------------------------------------------------------------------------------------------------------------------------


def _register(year: SchoolYear, today: dt.date, built: Built) -> None:
    """One school's rows of one year, the batch that they came from, and what was corrected since."""
    school, officer = built.schools[year.school.urn], built.officers[year.school.urn]
    stays = _in_the_file(year, today)
    grid = np.where(stays, _grid(year), NO_MARK)
    rows = RegisterRow.objects.bulk_create(
        [
            RegisterRow(
                enrolment=built.enrolments[id(row.enrolment)], school=school, year=year.year, marks=line.tobytes().decode("ascii")
            )
            for row, line in zip(year.rows, grid, strict=True)
        ],
        BATCH,
    )
    ids = {id(plan): row.pk for plan, row in zip(year.rows, rows, strict=True)}
    built.marks[school.urn] = built.marks.get(school.urn, 0) + int((grid != NO_MARK).sum())
    if year.year == YEARS[-1]:
        built.foreseen[school.urn] = _foreseen(year, stays, today, built)
        _, places = slots_of(year.days)
        year.changes = [change for change in year.changes if stays[places[change.place]]]
    history = np.where(stays, _entered_first(year, grid), NO_MARK)
    _batches(year, history, [row.pk for row in rows], today, school, officer, built)
    built.corrections += [_mark_change(change, ids, year, school, officer) for change in year.changes]
    MarkDetail.objects.bulk_create(_minutes_late(year, ids, today, stays), BATCH)


def _in_the_file(year: SchoolYear, today: dt.date) -> np.ndarray:
    """bool[slots]: the sessions that came from the school's MIS: all, but for the last days of a school that takes its registers here,
    or where nothing was read in lately."""
    _, places = slots_of(year.days)
    stays = np.ones(len(EMPTY_ROW), dtype=bool)
    if year.year != YEARS[-1]:
        return stays
    if year.school.register_source == "handrail":
        stays[places[2 * taken_from(year.days, today) :]] = False
    if year.school.read_in_up_to:
        stays[places[2 * year.days.first_after(year.school.read_in_up_to) :]] = False
    return stays


def _foreseen(year: SchoolYear, stays: np.ndarray, today: dt.date, built: Built) -> Foreseen:
    """What the staff will meet from the beginning of the half term on."""
    found, begins = Foreseen(), half_term_begins(year.days, today)
    takes_here, (_, places) = year.school.register_source == "handrail", slots_of(year.days)
    for change in year.changes:
        about, enrolment = year.days.dates[change.place // 2], built.enrolments[id(change.row.enrolment)].pk
        if about >= begins and (takes_here or stays[places[change.place]]):
            found.unknown[about].add(enrolment)
            found.learned[change.on].add(Reason(enrolment, about, BY_CHARACTER[change.code].code))
    if takes_here:
        _to_take(year, found, stays, today, built)
    return found


def _to_take(year: SchoolYear, found: Foreseen, stays: np.ndarray, today: dt.date, built: Built) -> None:
    """The registers of the days that no file brought, N where the reason came later."""
    first, (_, places) = _entered_first(year, _grid(year)), slots_of(year.days)
    for day in range(taken_from(year.days, today), (year.days.index(today) or -1) + 1):
        for half, session in enumerate(SESSIONS):
            place = places[2 * day + half]
            found.to_take[year.days.dates[day], session] = {
                built.enrolments[id(row.enrolment)].pk: chr(mark)
                for row, mark in zip(year.rows, first[:, place].tolist(), strict=True)
                if mark != NO_MARK
            }


def _grid(year: SchoolYear) -> np.ndarray:
    """uint8[rows, slots]: the school year's marks at their places in a register row."""
    _, places = slots_of(year.days)
    grid = np.full((len(year.rows), len(EMPTY_ROW)), NO_MARK, dtype=np.uint8)
    if year.rows:
        grid[:, places] = np.frombuffer(b"".join(bytes(row.marks) for row in year.rows), dtype=np.uint8).reshape(
            len(year.rows), -1
        )
    return grid


def _entered_first(year: SchoolYear, grid: np.ndarray) -> np.ndarray:
    """The grid as it was first entered, with N where a reason came later."""
    _, places = slots_of(year.days)
    numbers = {id(row): number for number, row in enumerate(year.rows)}
    first = grid.copy()
    for change in year.changes:
        first[numbers[id(change.row)], places[change.place]] = NOT_YET
    return first


def _batches(
    year: SchoolYear, first: np.ndarray, row_ids: list[int], today: dt.date, school: School, officer: User, built: Built
) -> None:
    """The year up to the last school day as one batch; this morning's marks, as far as they are in, as another."""
    _, places = slots_of(year.days)
    day = year.days.index(today)
    morning = np.zeros(first.shape[1], dtype=bool)
    by_file = year.year != YEARS[-1] or year.school.register_source == "mis" and not year.school.read_in_up_to
    if day is not None and by_file:
        morning[places[2 * day : 2 * day + 2]] = True
        marks = np.where(morning, first, NO_MARK)
        built.batches.append(_batch(marks, row_ids, school, officer, f"register-{today}.csv", today, at(today, 8, 44)))
    last = year.days.dates[(year.days.last_on_or_before(today - dt.timedelta(days=1)) or 0)]
    if not by_file:
        last = year.school.read_in_up_to or year.days.dates[taken_from(year.days, today) - 1]
    marks = np.where(morning, NO_MARK, first)
    built.batches.append(_batch(marks, row_ids, school, officer, f"register-{year.year}.csv", last, at(last, 16, 5)))


def _batch(
    marks: np.ndarray, row_ids: list[int], school: School, officer: User, name: str, latest: dt.date, moment: dt.datetime
) -> ImportBatch:
    rows, slots = np.nonzero(marks != NO_MARK)
    packed = pack(FirstEntries(np.array(row_ids, dtype=np.int64)[rows], slots, marks[rows, slots]))
    count = len(rows)
    return ImportBatch(
        school=school,
        file_name=name,
        sha256=hashlib.sha256(packed).hexdigest(),
        format="demo",
        by=officer,
        at=moment,
        rows=count,
        new=count,
        changed=0,
        unchanged=0,
        refused=0,
        latest_date=latest,
        first_entries=packed,
    )


def _mark_change(change: Change, ids: dict[int, int], year: SchoolYear, school: School, officer: User) -> MarkChange:
    return MarkChange(
        row_id=ids[id(change.row)],
        school=school,
        date=year.days.dates[change.place // 2],
        session=SESSIONS[change.place % 2],
        original="N",
        amended=BY_CHARACTER[change.code].code,
        reason=REASONS[change.code],
        by=officer,
        role="officer",
        at=at(change.on, 10, 20),
    )


def _minutes_late(year: SchoolYear, ids: dict[int, int], today: dt.date, stays: np.ndarray) -> list[MarkDetail]:
    """How late each L of the current half term was."""
    day = year.days.last_on_or_before(today)
    if day is None or year.year != YEARS[-1]:
        return []
    first, (_, places) = int(np.argmax(year.days.half_term == year.days.half_term[day])), slots_of(year.days)
    return [
        MarkDetail(row_id=ids[id(row)], date=year.days.dates[place // 2], session=SESSIONS[place % 2],
                   minutes_late=3 + (place * 7 + number) % 22)
        for number, row in enumerate(year.rows)
        for place in range(2 * first, 2 * day + 2)
        if row.marks[place] == ord("L") and stays[places[place]]
    ]  # fmt: skip
