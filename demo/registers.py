"""The demo's registers: for every pupil and year the marks of a year that looks like England's, seeded and repeatable, no database.

How many sessions a pupil misses is settled before (``absence``); here they become spells with a reason and a place in the year. The
reasons keep the published proportions of the phase; illness comes in runs, often at the same time as a brother's or sister's, holidays in
blocks beside the school's own, Mondays, Fridays and December are worse, and many pupils have a year that grows better or worse.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from attendance.codes import CODES
from demo.absence import published
from demo.population import SEED, EnrolmentPlan, PupilPlan, heritages
from demo.structure import YEARS, SchoolPlan
from schools.schooldays import SchoolDays

FREE, NO_MARK = ord("_"), ord(".")
AM, PM, LATE, NOT_YET = ord("/"), ord("\\"), ord("L"), ord("N")
EIDS = (dt.date(2025, 3, 31), dt.date(2025, 6, 6), dt.date(2026, 3, 20), dt.date(2026, 5, 27))
SEASON = {8: 0.7, 9: 0.75, 10: 1.0, 11: 1.1, 12: 1.35, 1: 1.0, 2: 1.05, 3: 1.05, 4: 0.92, 5: 0.95, 6: 1.0, 7: 1.15}
WEEKDAY = (1.07, 0.95, 0.93, 0.96, 1.12)
LATE_SHARE = {"primary": 0.0112, "secondary": 0.0279, "special": 0.0077}
"""Sessions coded L, share of possible ones, England 2025/26, derived from the department's daily files."""
NOT_YET_FIRST = {"O": 0.85, "I": 0.22, "M": 0.1, "G": 0.2}
"""Share of days entered as N first and corrected when the reason was known."""
MISSING_LAST_AFTERNOON = {"900401": "8C", "900501": "10P", "900101": "4B"}
"""Forms whose register is missing for the afternoon of the last school day before today."""
DUAL_REGISTERED, PROVIDED_FOR, AT_COLLEGE = 137, 411, (641, 702, 773)
"""Numbers of the pupils of each secondary school who are at another school on Wednesdays (D), at provision arranged by the authority on
Fridays (K), at a college on Tuesday afternoons (B)."""
STILL_MISSING_THIS_MORNING = 0.08


@dataclass(slots=True)
class Row:
    """An enrolment's marks in one academic year; ``marks`` has two places a school day of the calendar, ``first`` to ``last`` on roll."""

    pupil: PupilPlan
    enrolment: EnrolmentPlan
    year: int
    first: int
    last: int
    marks: bytearray
    target: int = 0
    spells: list[Spell] = field(default_factory=list)


@dataclass(slots=True)
class Spell:
    """So many sessions of one code; ``start`` a day number where it is fixed; ``half`` 1 for afternoons only."""

    code: int
    sessions: int
    start: int | None = None
    half: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """An N of ``row`` that was corrected to ``code`` on a later day; ``place`` counts sessions of the calendar."""

    row: Row
    place: int
    code: str
    on: dt.date


@dataclass
class SchoolYear:
    school: SchoolPlan
    year: int
    days: SchoolDays
    rows: list[Row]
    changes: list[Change] = field(default_factory=list)


def make_registers(pupils: Sequence[PupilPlan], shares: Mapping[int, np.ndarray], today: dt.date) -> list[SchoolYear]:
    """Every school's registers of every year up to the morning of ``today``."""
    rows: dict[tuple[str, int], list[Row]] = defaultdict(list)
    schools: dict[str, SchoolPlan] = {}
    for number, pupil in enumerate(pupils):
        for enrolment in pupil.enrolments:
            schools[enrolment.school.urn] = enrolment.school
            for year in YEARS:
                if row := _row(pupil, enrolment, year, shares[year][number], today):
                    rows[enrolment.school.urn, year].append(row)
    return [
        _Maker(schools[urn], year, found, today).make() for (urn, year), found in sorted(rows.items(), key=lambda item: item[0])
    ]


def _row(pupil: PupilPlan, enrolment: EnrolmentPlan, year: int, share: float, today: dt.date) -> Row | None:
    """An empty row with its number of sessions to miss; None where the enrolment does not touch the year."""
    days = enrolment.school.days[year]
    first = days.first_on_or_after(enrolment.starts)
    last = days.first_on_or_after(min(enrolment.ends or today, today)) - 1 if not enrolment.ends or enrolment.ends >= today else (
        days.first_after(enrolment.ends) - 1)  # fmt: skip
    if first > last:
        return None
    marks = bytearray([NO_MARK]) * (2 * len(days))
    marks[2 * first : 2 * last + 2] = bytes([FREE]) * (2 * (last - first + 1))
    row = Row(pupil, enrolment, year, first, last, marks)
    _not_required(row, days)
    row.target = round(share * row.marks.count(FREE))
    return row


def _not_required(row: Row, days: SchoolDays) -> None:
    """Sessions that are not possible ones: first fortnight's afternoons in reception (X), no transport in the snow (Y1)."""
    place = row.enrolment.placement_in(row.year)
    if place and place.year_group == 0 and row.first < 10:
        for day in range(row.first, min(row.first + 8, row.last)):
            row.marks[2 * day + 1] = ord("X")
    for date in row.enrolment.school.no_transport:
        without = days.index(date)
        if without is not None and row.first <= without <= row.last and len(row.pupil.last_name) % 2:
            row.marks[2 * without] = row.marks[2 * without + 1] = ord(CODES["Y1"].character)
    if place and row.pupil.school.phase == "secondary" and row.pupil.number == DUAL_REGISTERED:
        for day in range(row.first, row.last + 1):
            if days.dates[day].weekday() == 2:
                row.marks[2 * day] = row.marks[2 * day + 1] = ord("D")


class _Maker:
    """Makes one school's year. Its steps run in the order of ``make``; each takes sessions from what a pupil has left to miss."""

    def __init__(self, school: SchoolPlan, year: int, rows: list[Row], today: dt.date) -> None:
        self.school, self.year, self.rows, self.today = school, year, rows, today
        self.days = school.days[year]
        self.stop = self.days.first_on_or_after(today)
        self.rng = np.random.default_rng([SEED, int(school.urn), year])
        self.left = np.array([row.target for row in rows])
        self.possible = np.array([row.marks.count(FREE) for row in rows])
        england = published(year, school.phase)
        scale = self.left.sum() / max(self.possible.sum(), 1) / (england["overall_absence"] / 100)
        self.budget = {key: value / 100 * scale * self.possible.sum() for key, value in england.items()}
        self.weights = self._day_weights()
        self.half_term_ends = self._half_term_ends()
        self.families = self._families()
        self._drawn: Iterator[float] = iter(())

    def draw(self) -> float:
        """The next of the seeded uniform numbers, drawn by the thousand because one at a time is slow."""
        for value in self._drawn:
            return value
        self._drawn = iter(self.rng.random(20_000).tolist())
        return next(self._drawn)

    def make(self) -> SchoolYear:
        self._part_time()
        self._excluded()
        self._study_leave()
        self._religious()
        self._holidays()
        self._scattered("M", "appointments", (1, 1, 1, 2))
        self._scattered("U", "unauth_late_registers_closed", (1,), spread=0.6, concentrated=True)
        self._scattered("C", "auth_other", (1, 2, 2, 4), spread=0.5)
        self._ill_or_unexplained()
        for row in self.rows:
            self._place(row)
        self._present()
        made = SchoolYear(self.school, self.year, self.days, self.rows)
        if self.year == YEARS[-1]:
            made.changes = self._corrections()
            self._last_afternoon()
            self._this_morning()
        return made

    # --- what there is to place -----------------------------------------------------------------------------------------------

    def _take(self, number: int, code: str, sessions: int, start: int | None = None, half: int | None = None) -> int:
        """Plans a spell, at most of what the pupil has left to miss; its length."""
        sessions = int(min(sessions, self.left[number]))
        if sessions > 0:
            self.rows[number].spells.append(Spell(ord(CODES[code].character), sessions, start, half))
            self.left[number] -= sessions
        return sessions

    def _until_spent(self, key: str, numbers: np.ndarray, spend: Callable[[int], int]) -> None:
        """Calls ``spend`` for one pupil after another until the published number of sessions is reached."""
        budget = self.budget[key]
        for number in numbers:
            if budget <= 0:
                return
            budget -= spend(int(number))

    def _part_time(self) -> None:
        """Temporary part-time timetables: afternoons off for some weeks (C2)."""
        fits = np.flatnonzero(self.left >= (24 if self.school.phase == "special" else 36))
        self._until_spent(
            "auth_part_time",
            self.rng.permutation(fits),
            lambda number: self._take(number, "C2", min(int(20 + 40 * self.draw()), int(self.left[number] * 0.8)), half=1),
        )

    def _excluded(self) -> None:
        fits = self._by_weight((self.left / np.maximum(self.possible, 1)) ** 0.7 * (self.left >= 6))
        self._until_spent("auth_excluded", fits, lambda number: self._take(number, "E", (2, 2, 4, 6, 10)[int(5 * self.draw())]))

    def _study_leave(self) -> None:
        leavers = [number for number, row in enumerate(self.rows) if row.pupil.form.year_group == 11 and row.year == YEARS[-1]]
        june = self.days.first_on_or_after(dt.date(self.year + 1, 6, 1))
        for number in leavers:
            if self.draw() < 0.6 and self.rows[number].last >= june:
                self._take(number, "S", 2, start=june + int(self.draw() * max(self.rows[number].last - june, 1)))

    def _religious(self) -> None:
        for day in [self.days.index(date) for date in EIDS]:
            for number, row in enumerate(self.rows):
                observes = heritages()[row.pupil.heritage]["observes_eid"] == "yes"
                if day is not None and observes and row.first <= day <= row.last and self.draw() < 0.75:
                    self._take(number, "R", 2, start=day)

    def _holidays(self) -> None:
        """Holidays in term time that were not granted (G): blocks beside the school's own holidays, the whole family at once."""
        weights = np.where(self._near_holiday(), 4.0, 0.6)[: self.stop]
        sums = np.cumsum(weights / weights.sum())

        def go(number: int) -> int:
            start, sessions = bisect_right(sums, self.draw()), 2 * (3, 4, 5, 5, 5, 7, 8, 10)[int(8 * self.draw())]
            return sum(self._take(child, "G", sessions, start=start) for child in self.families[self.rows[number].pupil.family])

        self._until_spent("unauth_hol", self.rng.permutation(np.flatnonzero(self.left >= 6)), go)

    def _scattered(self, code: str, key: str, lengths: tuple[int, ...], spread: float = 1.0, concentrated: bool = False) -> None:
        """Short spells of one code over a share of the pupils; ``concentrated`` on those who miss much."""
        weight = self.left.astype(float) if concentrated else np.minimum(self.left, 12).astype(float)
        fits = self._by_weight(weight * (self.rng.random(len(self.rows)) < spread))
        rounds = np.concatenate([fits] * 12) if len(fits) else fits
        self._until_spent(key, rounds, lambda number: self._take(number, code, lengths[int(len(lengths) * self.draw())]))

    def _ill_or_unexplained(self) -> None:
        """What is left: illness, and absence without a good reason (O), whose share grows with absence."""
        share = self.left / np.maximum(self.possible, 1)
        lean = share**0.6 * self.rng.lognormal(0, 0.5, len(self.rows))
        wanted = self.budget["unauth_oth"] + self.budget["unauth_not_yet"]
        low, high = 0.0, 50.0
        for _ in range(40):
            factor = (low + high) / 2
            low, high = (low, factor) if (self.left * np.minimum(lean * factor, 0.93)).sum() > wanted else (factor, high)
        for number, part in enumerate(np.minimum(lean * low, 0.93)):
            self._spells(number, "O", int(self.left[number] * part + self.draw()))
            self._spells(number, "I", int(self.left[number]))

    def _spells(self, number: int, code: str, sessions: int) -> None:
        """Cuts a number of sessions into spells; one long one where there is much."""
        if code == "I" and sessions >= 60 and self.draw() < 0.6:
            sessions -= self._take(number, code, sessions // 2)
        lengths = (
            (1, 2, 2, 2, 4, 4, 6, 8, 10) if code == "I" else (1, 1, 2, 2, 2, 4, max(2, sessions // 8), max(2, sessions // 5))
        )
        while sessions > 0:
            taken = self._take(number, code, min(lengths[int(len(lengths) * self.draw())], sessions))
            if not taken:
                return
            sessions -= taken

    def _by_weight(self, weights: np.ndarray) -> np.ndarray:
        """int[n]: rows of positive weight in random order, heavier ones rather earlier."""
        fits = np.flatnonzero(weights > 0)
        return fits[np.argsort(self.rng.exponential(size=len(fits)) / weights[fits])]

    # --- where in the year ------------------------------------------------------------------------------------------------------

    def _day_weights(self) -> np.ndarray:
        weights = np.array([SEASON[date.month] * WEEKDAY[date.weekday()] for date in self.days.dates])
        last_week = np.zeros(len(self.days), dtype=bool)
        for number in range(1, len(self.days)):
            if (self.days.dates[number] - self.days.dates[number - 1]).days > 4:
                last_week[max(0, number - 5) : number] = True
        return np.where(last_week, weights * 1.2, weights)

    def _near_holiday(self) -> np.ndarray:
        """bool[days]: from six days before a school holiday or in the first two after one; also September and from June on."""
        near = np.array([date.month in (6, 7, 9) for date in self.days.dates])
        for number in range(1, len(self.days)):
            if (self.days.dates[number] - self.days.dates[number - 1]).days > 4:
                near[max(0, number - 6) : number + 2] = True
        return near

    def _half_term_ends(self) -> list[int]:
        """For each school day the number of the day after its half term."""
        changes = [
            number for number in range(1, len(self.days)) if self.days.half_term[number] != self.days.half_term[number - 1]
        ]
        ends = [*changes, len(self.days)]
        return [ends[bisect_right(changes, number)] for number in range(len(self.days))]

    def _families(self) -> dict[int, list[int]]:
        families = defaultdict(list)
        for number, row in enumerate(self.rows):
            families[row.pupil.family].append(number)
        return families

    def _family_days(self, family: int) -> list[int]:
        """Days on which the whole family falls ill, the same for each child in whatever school."""
        rng = np.random.default_rng([SEED, family, self.year])
        sums = np.cumsum(self.weights[: self.stop])
        return [int(value) for value in np.searchsorted(sums, rng.random(6) * sums[-1])]

    def _profile(self, row: Row) -> np.ndarray:
        """float[days]: how this pupil's year goes: steady, worse and worse, better from some week on, or one bad half term."""
        kind, size = self.draw(), row.last - row.first + 1
        if kind < 0.42:
            shape = np.ones(size)
        elif kind < 0.62:
            shape = np.linspace(0.3, 2.0, size)
        elif kind < 0.82:
            shape = np.where(np.arange(size) < size * (0.25 + 0.45 * self.draw()), 1.0, 0.1)
        else:
            chosen = self.days.half_term[row.first + int(self.draw() * size)]
            shape = np.where(self.days.half_term[row.first : row.last + 1] == chosen, 5.0, 0.7)
        return self.weights[row.first : row.last + 1] * shape

    def _place(self, row: Row) -> None:
        """Puts the row's spells into its year: fixed ones first, then the long ones."""
        if not row.spells:
            return
        sums = np.cumsum(self._profile(row)).tolist()
        siblings = len(self.families[row.pupil.family]) > 1
        together = self._family_days(row.pupil.family) if siblings else []
        for spell in sorted(row.spells, key=lambda spell: (spell.start is None, spell.half is None, -spell.sessions)):
            start = spell.start
            if start is None and together and spell.code == ord("I") and self.draw() < 0.4:
                start = together[int(6 * self.draw())]
            self._put(row, spell, start, sums)

    def _put(self, row: Row, spell: Spell, start: int | None, sums: list[float]) -> None:
        left, tries = spell.sessions, 0
        start = start if start is not None and row.first <= start <= row.last else None
        while left and tries < 20:
            day = row.first + min(bisect_right(sums, self.draw() * sums[-1]), len(sums) - 1) if start is None else start
            start, tries = None, tries + 1
            left -= self._fill(row, spell, day, left)
        for place in range(2 * row.first, 2 * row.last + 2):
            if left and row.marks[place] == FREE:
                row.marks[place] = spell.code
                left -= 1

    def _fill(self, row: Row, spell: Spell, day: int, sessions: int) -> int:
        """Fills free sessions from a day on, not beyond its half term (part-time timetables go on after it); the number filled."""
        stop = 2 * min(self.half_term_ends[day] if spell.half is None else row.last + 1, row.last + 1)
        step = 1 if spell.half is None else 2
        begin = 2 * day + (spell.half if spell.half is not None else int(sessions == 1 and self.draw() < 0.4))
        filled, marks, code = 0, row.marks, spell.code
        for place in range(begin, stop, step):
            if marks[place] == FREE:
                marks[place] = code
                filled += 1
                if filled == sessions:
                    break
        return filled

    # --- who is there ------------------------------------------------------------------------------------------------------------

    def _present(self) -> None:
        """Marks of those who are there: present, late, out on a visit, on work experience."""
        late = self.rng.gamma(0.4, 2.5, len(self.rows)) * LATE_SHARE[self.school.phase] * 2.1
        trips = self._trips()
        for number, row in enumerate(self.rows):
            place = row.enrolment.placement_in(self.year)
            out = trips.get(place.form if place else "", {})
            marks, often = row.marks, float(late[number])
            for spot in range(2 * row.first, 2 * row.last + 2):
                if marks[spot] == FREE:
                    code = out.get(spot >> 1, 0)
                    code = code or self._elsewhere(row, spot)
                    marks[spot] = code or (PM if spot & 1 else (LATE if self.draw() < often else AM))

    def _elsewhere(self, row: Row, spot: int) -> int:
        """The code of a pupil who is taught somewhere else in this session; 0 for nearly everyone."""
        number, weekday = row.pupil.number, self.days.dates[spot >> 1].weekday()
        if self.school.phase != "secondary" or number not in (PROVIDED_FOR, *AT_COLLEGE):
            return 0
        if number == PROVIDED_FOR:
            return ord("K") if weekday == 4 else 0
        return ord("B") if weekday == 1 and spot & 1 else 0

    def _trips(self) -> dict[str, dict[int, int]]:
        """By form, the days out: visits (V), a sports day (P), a week of work experience in year 10 (W)."""
        trips: dict[str, dict[int, int]] = {}
        share = {"primary": 1.9, "secondary": 1.7, "special": 2.8}[self.school.phase]
        for form in self.school.forms:
            days = {int(day): ord("V") for day in self.rng.integers(10, len(self.days), int(self.rng.poisson(share)))}
            if form.year_group in (5, 8):
                days[self.days.first_on_or_after(dt.date(self.year + 1, 5, 6))] = ord("P")
            if form.year_group == 10:
                first = self.days.first_on_or_after(dt.date(self.year + 1, 3, 9))
                days.update({first + day: ord("W") for day in range(5)})
            trips[form.name] = days
        return trips

    # --- how it was entered --------------------------------------------------------------------------------------------------------

    def _corrections(self) -> list[Change]:
        """Days that were entered as N and corrected some days later; those not yet corrected today are N in the row."""
        changes = []
        odds = {ord(code): share for code, share in NOT_YET_FIRST.items()}
        for row in self.rows:
            for day in range(row.first, row.last + 1):
                codes = {row.marks[2 * day], row.marks[2 * day + 1]} & odds.keys()
                if codes and self.draw() < max(odds[code] for code in codes):
                    changes += self._corrected(row, day, odds)
        return changes

    def _corrected(self, row: Row, day: int, odds: Mapping[int, float]) -> list[Change]:
        after = day + 1 + int(5 * self.draw() ** 2)
        on = self.days.dates[after] if after < len(self.days) else self.today
        forgotten = self.days.ordinals[day] > self.today.toordinal() - 17 and self.draw() < 0.02
        spots = [spot for spot in (2 * day, 2 * day + 1) if row.marks[spot] in odds]
        changes = []
        for spot in spots:
            if on >= self.today or forgotten:
                row.marks[spot] = NOT_YET
            else:
                changes.append(Change(row, spot, chr(row.marks[spot]), on))
        return changes

    def _last_afternoon(self) -> None:
        """A form whose register is missing for the afternoon of the last school day before today."""
        missing = MISSING_LAST_AFTERNOON.get(self.school.urn)
        last = self.days.first_on_or_after(self.today) - 1
        for row in self.rows:
            if row.pupil.form.name == missing and row.last == last:
                row.marks[2 * last + 1] = NO_MARK

    def _this_morning(self) -> None:
        """This morning's registers as far as they are in: who was away on the last day often still is; most reasons are not known yet."""
        today = self.days.index(self.today)
        if today is None:
            return
        forms = [form.name for form in self.school.forms]
        late_forms = set(self.rng.choice(forms, max(1, round(STILL_MISSING_THIS_MORNING * len(forms))), replace=False))
        for row in self.rows:
            if row.last == today - 1 and row.enrolment.ends is None and row.pupil.form.name not in late_forms:
                row.marks[2 * today] = self._mark_this_morning(row, today)

    def _mark_this_morning(self, row: Row, today: int) -> int:
        before = row.marks[2 * today - 2]
        if before in (ord("I"), NOT_YET) and self.draw() < 0.5:
            return before
        if self.draw() < 0.6 * row.target / (2 * (today - row.first)):
            return NOT_YET if self.draw() < 0.3 else (ord("M") if self.draw() < 0.08 else ord("I"))
        return LATE if self.draw() < LATE_SHARE[self.school.phase] else AM
