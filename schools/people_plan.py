"""What a file of people means for what is stored: each row matched to a pupil, what is new, what differs, and what cannot be. No writes.

A pupil is found by UPN in the group, by admission number at the school, or, where one side has no UPN, by name and date of birth. What the
file does not say is left as it is; nothing is ever emptied or deleted by a file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schools.arrivals import Arrivals, ArrivingPupil, faults
from schools.changes import Changes
from schools.contacts_plan import ContactsPlanner, reached
from schools.known_people import Known, plain, same_name
from schools.models import Enrolment, Placement, Pupil, PupilFlag
from schools.rules import FileRefused, Refusal

MAX_ROWS = 10_000
SHOWN_REFUSALS = 1000
FEW = 5
"""So many may come over from another school of the group in one file, even if it holds nobody else."""
NAMES = {
    "first_name": "first name",
    "last_name": "surname",
    "known_as": "known as",
    "date_of_birth": "date of birth",
    "sex": "sex",
}


class Change(NamedTuple):
    """What of a pupil differs, in words: "Form", "7A", "7B"."""

    what: str
    was: str
    becomes: str


@dataclass
class PlannedPupil:
    """A row of the file that was understood. ``pupil.pk`` is None for one whom nobody knew."""

    row: int
    pupil: Pupil
    is_new: bool = False
    changes: list[Change] = field(default_factory=list)


class Leaver(NamedTuple):
    pupil: Pupil
    last_day: dt.date


class Unreachable(NamedTuple):
    """A pupil to whose parents nobody could write, or whom nobody could ring, after the file and not before it."""

    row: int
    pupil: Pupil
    why: str


@dataclass
class PeoplePlan:
    """Everything that taking the file in would do; ``writes`` does it."""

    planned: list[PlannedPupil] = field(default_factory=list)
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[Refusal] = field(default_factory=list)
    leavers: list[Leaver] = field(default_factory=list)
    unreachable: list[Unreachable] = field(default_factory=list)
    writes: Changes = field(default_factory=Changes)

    def refuse(self, row: int, reason: str) -> None:
        self.refused += 1
        if len(self.refusals) < SHOWN_REFUSALS:
            self.refusals.append(Refusal(row, reason))


class _RowRefused(ValueError):
    pass


def plan(known: Known, arrivals: Arrivals, on: dt.date) -> PeoplePlan:
    """Plans the whole file. FileRefused where it is too long, empty, or another school's."""
    if len(arrivals.pupils) > MAX_ROWS:
        raise FileRefused(f"The file has more than {MAX_ROWS:,} pupils: split it by year group and read in the parts.")
    if not arrivals.pupils and not arrivals.refusals:
        raise FileRefused("The file has no pupils: export it again, with its rows.")
    known.load_parents(contact for pupil in arrivals.pupils for contact in pupil.contacts or ())
    planner = _Planner(known, on)
    for refusal in arrivals.refusals:
        planner.plan.refuse(*refusal)
    for arriving in arrivals.pupils:
        planner.take(arriving)
    planner.plan.notices += arrivals.notices
    planner.settle(arrivals)
    return planner.plan


class _Planner:
    def __init__(self, known: Known, on: dt.date) -> None:
        self.known, self.on = known, on
        self.plan = PeoplePlan()
        self.writes = self.plan.writes
        self.contacts = ContactsPlanner(known, self.writes, on)
        self.rows: dict[int | str, int] = {}
        """By pupil id, or by UPN and admission number of a new one: the row that gives the pupil."""
        self.strangers: dict[str, int] = {}
        """By school of the group: pupils of the file who are on that roll and not on this."""

    def take(self, arriving: ArrivingPupil) -> None:
        """Plans one row, or refuses it: then nothing of it is planned."""
        try:
            if wrong := faults(arriving, self.on):
                raise _RowRefused(wrong[0])
            self._take(arriving)
        except _RowRefused as refused:
            self.plan.refuse(arriving.row, str(refused))

    def settle(self, arrivals: Arrivals) -> None:
        """Refuses another school's file, lists the leavers, and says who would become unreachable."""
        where, count = max(self.strangers.items(), key=lambda item: item[1], default=("", 0))
        if count > max(len(arrivals.pupils) / 2, FEW):
            raise FileRefused(
                f"{count} of the {len(arrivals.pupils)} pupils in this file are on the roll of {where}, not of {self.known.school}: it "
                "looks like that school's file. Nothing of it was read in.",
                self.plan.refusals,
            )
        if not self.plan.planned:
            raise FileRefused("No row of this file can be read in: see the reason beside each row.", self.plan.refusals)
        self.plan.notices += self.contacts.notices
        if arrivals.is_whole_roll:
            self._leave(self._missing())
        self.plan.unreachable = [
            Unreachable(row, pupil, why)
            for row, pupil, before in self.contacts.seen
            for why in reached(self.contacts.links_of(pupil), self.on) - before
            if self._stays(pupil)
        ]

    def _take(self, arriving: ArrivingPupil) -> None:
        pupil = self._match(arriving)
        self._once(arriving, pupil)
        if pupil is None:
            self._needs_names(arriving)
        enrolment = self._current(pupil)
        starts = self._starts(arriving, pupil, enrolment)
        planned = PlannedPupil(arriving.row, pupil or self._made(arriving), is_new=pupil is None)
        self.plan.planned.append(planned)
        self._person(planned, arriving)
        enrolment = self._enrol(planned, arriving, enrolment, starts)
        self._place(planned, arriving, enrolment)
        self._flag(planned, arriving, enrolment)
        for what, was, becomes in self.contacts.take(arriving, planned.pupil):
            planned.changes.append(Change(what, was, becomes))

    # who it is

    def _match(self, arriving: ArrivingPupil) -> Pupil | None:
        upn, number = arriving.upn, arriving.admission_number
        by_upn, by_number = self.known.by_upn.get(upn), self.known.by_number.get(number)
        if by_upn and by_number and by_upn is not by_number:
            raise _RowRefused(f"UPN “{upn}” and admission number “{number}” are two different pupils here: correct one of them.")
        if by_number and upn and by_number.upn and by_number.upn != upn:
            raise _RowRefused(
                f"Admission number “{number}” is here the pupil with UPN “{by_number.upn}”, not “{upn}”: correct one of them. A UPN "
                "that is known is changed by hand only."
            )
        found = by_upn or by_number or self._namesake(arriving)
        if found and self._is_somebody_else(found, arriving):
            raise _RowRefused(
                f"{'UPN' if by_upn else 'Admission number'} “{upn if by_upn else number}” is here a pupil of another name and date "
                "of birth: correct the number, or the name and date."
            )
        return found

    def _namesake(self, arriving: ArrivingPupil) -> Pupil | None:
        """The one pupil of that name and date of birth, where one side has no UPN to tell them apart."""
        if arriving.date_of_birth is None:
            return None
        name = same_name(arriving.first_name, arriving.last_name)
        found = [each for each in self.known.by_name.get((name, arriving.date_of_birth), ()) if not each.upn or not arriving.upn]
        if len(found) > 1:
            raise _RowRefused(
                f"{len(found)} pupils of this name and date of birth are known: give the UPN or the admission number."
            )
        return found[0] if found else None

    @staticmethod
    def _is_somebody_else(pupil: Pupil, arriving: ArrivingPupil) -> bool:
        return bool(
            arriving.date_of_birth not in (None, pupil.date_of_birth)
            and arriving.last_name
            and plain(arriving.last_name) != plain(pupil.last_name)
            and plain(arriving.first_name) not in (plain(pupil.first_name), plain(pupil.known_as))
        )

    def _once(self, arriving: ArrivingPupil, pupil: Pupil | None) -> None:
        keys: list[int | str] = [f"upn {arriving.upn}"] if arriving.upn else []
        keys += [f"number {arriving.admission_number}"] if arriving.admission_number else []
        keys += [pupil.pk] if pupil else []
        for key in keys:
            if key in self.rows:
                raise _RowRefused(f"Row {self.rows[key]} already gives this pupil: leave one of the two out.")
        self.rows.update(dict.fromkeys(keys, arriving.row))

    @staticmethod
    def _needs_names(arriving: ArrivingPupil) -> None:
        missing = [words for name, words in NAMES.items() if name != "known_as" and not getattr(arriving, name)]
        if missing:
            raise _RowRefused(f"This pupil is not known here yet, and the row gives no {', '.join(missing)}: add it.")

    # names and numbers

    def _made(self, arriving: ArrivingPupil) -> Pupil:
        assert arriving.date_of_birth is not None
        return self.writes.make(
            Pupil(
                group_id=self.known.school.group_id,
                upn=arriving.upn or None,
                first_name=arriving.first_name,
                last_name=arriving.last_name,
                known_as=arriving.known_as or "",
                date_of_birth=arriving.date_of_birth,
                sex=arriving.sex,
            )
        )

    def _person(self, planned: PlannedPupil, arriving: ArrivingPupil) -> None:
        if planned.is_new:
            return
        if arriving.upn:
            self._alter(planned, planned.pupil, "upn", arriving.upn, "UPN")
        for column, words in NAMES.items():
            value = getattr(arriving, column)
            if value and not (column == "known_as" and value == planned.pupil.called):
                self._alter(planned, planned.pupil, column, value, words.capitalize())

    def _alter(self, planned: PlannedPupil, row: Pupil | Enrolment, column: str, value: object, words: str) -> None:
        was = getattr(row, column)
        if self.writes.alter(row, column, value):
            planned.changes.append(Change(words, _said(was), _said(value)))

    # on roll

    def _current(self, pupil: Pupil | None) -> Enrolment | None:
        """The enrolment here that has not ended before today."""
        enrolments = self.known.enrolments.get(pupil.pk, []) if pupil else []
        return next((each for each in reversed(enrolments) if each.ends is None or each.ends >= self.on), None)

    def _starts(self, arriving: ArrivingPupil, pupil: Pupil | None, current: Enrolment | None) -> dt.date:
        """The first day on roll. Refused where the row contradicts what is known of the pupil's time here."""
        past = self.known.enrolments.get(pupil.pk, []) if pupil else []
        starts = arriving.admitted or (current.starts if current else self.on)
        if current and arriving.left and arriving.left < current.starts:
            raise _RowRefused(
                f"The leaving date {_said(arriving.left)} is before the admission on {_said(current.starts)}: correct one of them."
            )
        if current or _tells_of_the_past(arriving, past, self.on):
            return starts
        if arriving.left and arriving.left < self.on:
            raise _RowRefused(f"The pupil left on {_said(arriving.left)} and was never on the roll here: leave the row out.")
        if past and (not arriving.admitted or arriving.admitted <= (past[-1].ends or self.on)):
            raise _RowRefused(
                f"The pupil left on {_said(past[-1].ends)}, and the file gives no admission after that day: correct the leaving date, "
                "or give the day of the new admission."
            )
        return starts

    def _enrol(self, planned: PlannedPupil, arriving: ArrivingPupil, current: Enrolment | None, starts: dt.date) -> Enrolment:
        past = self.known.enrolments.get(planned.pupil.pk, []) if not planned.is_new else []
        if current is None and _tells_of_the_past(arriving, past, self.on):
            self._alter(planned, past[-1], "ends", arriving.left, "Last day")
            return past[-1]
        if current is None:
            return self._admit(planned, arriving, past, starts)
        if starts < current.starts and not any(each.ends and each.ends >= starts for each in past if each is not current):
            self._alter(planned, current, "starts", starts, "Admitted")
        elif starts != current.starts:
            self._notice(
                arriving.row, f"The file says admitted on {_said(starts)}; here it is {_said(current.starts)}, which stays."
            )
        if arriving.left:
            self._alter(planned, current, "ends", arriving.left, "Last day")
        number = arriving.admission_number
        if number and not current.admission_number.startswith(f"{number}-"):
            self._alter(planned, current, "admission_number", number, "Admission number")
        return current

    def _admit(self, planned: PlannedPupil, arriving: ArrivingPupil, past: list[Enrolment], starts: dt.date) -> Enrolment:
        number = arriving.admission_number or (past[-1].admission_number.split("-")[0] if past else arriving.upn)
        number = f"{number}-{len(past) + 1}" if past else number
        for school in self.known.elsewhere.get(planned.pupil.pk, []) if not planned.is_new else []:
            self.strangers[school] = self.strangers.get(school, 0) + 1
            self._notice(
                arriving.row, f"The pupil is also on the roll of {school}: end it there, unless both schools have the child."
            )
        planned.changes.append(Change("Admitted", "", _said(starts)))
        return self.writes.make(
            Enrolment(pupil=planned.pupil, school=self.known.school, admission_number=number, starts=starts, ends=arriving.left)
        )

    def _notice(self, row: int, sentence: str) -> None:
        self.plan.notices.append(Refusal(row, sentence))

    # form and flags

    def _place(self, planned: PlannedPupil, arriving: ArrivingPupil, enrolment: Enrolment) -> None:
        """A new form closes the old placement the day before."""
        from_day = max(self.on, enrolment.starts)
        if enrolment.ends and enrolment.ends < from_day:
            return
        placements = self.known.placements.get(enrolment.pk, []) if enrolment.pk else []
        now = next((each for each in reversed(placements) if _stands(each, from_day)), None)
        wanted = {
            "year_group": arriving.year_group if arriving.year_group is not None else None,
            "form": arriving.form or None,
            "house": arriving.house or None,
        }
        given = {column: value for column, value in wanted.items() if value is not None}
        if now is None:
            self._first_place(planned, arriving, enrolment, placements, given, from_day)
            return
        differing = {column: value for column, value in given.items() if getattr(now, column) != value}
        if not differing:
            return
        for column, value in differing.items():
            planned.changes.append(Change(column.replace("_", " ").capitalize(), _said(getattr(now, column)), _said(value)))
        self._move(now, enrolment, differing, from_day)

    def _first_place(
        self,
        planned: PlannedPupil,
        arriving: ArrivingPupil,
        enrolment: Enrolment,
        placements: list[Placement],
        given: Mapping[str, Any],
        from_day: dt.date,
    ) -> None:
        if placements and not given:
            return
        columns: dict[str, Any] = {"year_group": year_group_of(planned.pupil.date_of_birth, from_day), "form": "", **given}
        if not columns["form"]:
            self._notice(arriving.row, "The row gives no form: the pupil stands on the roll without one.")
        starts = enrolment.starts if not placements else from_day
        if enrolment.pk:
            planned.changes.append(Change("Form", "", _said(columns["form"])))
        self.writes.make(Placement(enrolment=enrolment, starts=starts, ends=_day_before_next(placements, starts), **columns))

    def _move(self, now: Placement, enrolment: Enrolment, differing: Mapping[str, Any], from_day: dt.date) -> None:
        if now.starts >= from_day:
            for column, value in differing.items():
                self.writes.alter(now, column, value)
            return
        columns: dict[str, Any] = {"year_group": now.year_group, "form": now.form, "house": now.house, **differing}
        self.writes.make(Placement(enrolment=enrolment, starts=from_day, ends=now.ends, **columns))
        self.writes.alter(now, "ends", from_day - dt.timedelta(days=1))

    def _flag(self, planned: PlannedPupil, arriving: ArrivingPupil, enrolment: Enrolment) -> None:
        """Flags begin on the day of the file; one that the file says does not stand ended the day before."""
        from_day = max(self.on, enrolment.starts)
        for kind, value in sorted((arriving.flags or {}).items()):
            stored = self.known.flags.get((planned.pupil.pk, kind), []) if not planned.is_new else []
            now = next((each for each in reversed(stored) if _stands(each, from_day)), None)
            if value is None and now:
                self._end_flag(planned, now, from_day)
            elif value is not None and now is None:
                if not planned.is_new:
                    planned.changes.append(Change(PupilFlag.Kind(kind).label, "", value or "yes"))
                self.writes.make(PupilFlag(pupil=planned.pupil, kind=kind, value=value[:80], starts=from_day))
            elif value and now and now.value != value[:80]:
                self._say_anew(planned, now, value[:80], from_day)

    def _end_flag(self, planned: PlannedPupil, now: PupilFlag, from_day: dt.date) -> None:
        """On the day on which it began it can only end on that day."""
        ends = max(now.starts, from_day - dt.timedelta(days=1))
        if self.writes.alter(now, "ends", ends):
            planned.changes.append(Change(PupilFlag.Kind(now.kind).label, now.value or "yes", "no"))

    def _say_anew(self, planned: PlannedPupil, now: PupilFlag, value: str, from_day: dt.date) -> None:
        planned.changes.append(Change(PupilFlag.Kind(now.kind).label, now.value or "yes", value))
        if now.starts >= from_day:
            self.writes.alter(now, "value", value)
            return
        self.writes.make(PupilFlag(pupil=planned.pupil, kind=now.kind, value=value, starts=from_day, ends=now.ends))
        self.writes.alter(now, "ends", from_day - dt.timedelta(days=1))

    # who is not in the file

    def _missing(self) -> list[Enrolment]:
        """The enrolments of today whose pupils no row gives, a refused row's numbers counted as given."""
        return [
            enrolment
            for pupil in self.known.pupils
            for enrolment in self.known.enrolments.get(pupil.pk, ())
            if pupil.pk not in self.rows and enrolment.starts < self.on and (enrolment.ends is None or enrolment.ends >= self.on)
        ]

    def _leave(self, missing: list[Enrolment]) -> None:
        """Takes those off roll whom the whole roll does not give; nobody while a row is refused, since it might be theirs."""
        if missing and self.plan.refused:
            self._notice(
                1,
                f"{len(missing)} pupils are not in the file. Nobody is taken off roll while rows are refused: mend those first.",
            )
            return
        on_roll = len(missing) + sum(1 for planned in self.plan.planned if not planned.is_new)
        if len(missing) > on_roll / 2 and len(missing) > 1:
            raise FileRefused(
                f"{len(missing)} of the {on_roll} pupils on roll are not in this file: it cannot be the whole roll. Say that it is a "
                "part of it, or export the whole."
            )
        pupils = {pupil.pk: pupil for pupil in self.known.pupils}
        for enrolment in missing:
            last_day = self.on - dt.timedelta(days=1)
            self.writes.alter(enrolment, "ends", last_day)
            self.plan.leavers.append(Leaver(pupils[enrolment.pupil_id], last_day))

    def _stays(self, pupil: Pupil) -> bool:
        enrolments = self.known.enrolments.get(pupil.pk, []) if pupil.pk else []
        return not enrolments or enrolments[-1].ends is None or enrolments[-1].ends >= self.on


def _tells_of_the_past(arriving: ArrivingPupil, past: list[Enrolment], on: dt.date) -> bool:
    """Whether the row is about the pupil's last time here, which is over: it may say when exactly that was."""
    return bool(past and arriving.left and past[-1].starts <= arriving.left < on)


def year_group_of(date_of_birth: dt.date, on: dt.date) -> int:
    """The national curriculum year of a child who is taught with others of the age; 0 is reception."""
    school_year = on.year if on.month >= 9 else on.year - 1
    born = date_of_birth.year if date_of_birth.month < 9 else date_of_birth.year + 1
    return school_year - born - 4


def _stands(dated: Placement | PupilFlag, on: dt.date) -> bool:
    return dated.starts <= on and (dated.ends is None or dated.ends >= on)


def _day_before_next(placements: Iterable[Placement], starts: dt.date) -> dt.date | None:
    later = [each.starts for each in placements if each.starts > starts]
    return min(later) - dt.timedelta(days=1) if later else None


def _said(value: object) -> str:
    """A value as a page shows it; dates in words."""
    if isinstance(value, dt.date):
        return f"{value.day} {value:%B %Y}"
    return "" if value is None else str(value)
