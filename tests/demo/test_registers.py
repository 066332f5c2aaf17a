"""The demo's registers against England's published figures: each distance is stated here and held."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from attendance.codes import BY_CHARACTER, MEANINGS, Meaning
from demo.absence import absence_shares, bands, published
from demo.population import PupilPlan, make_pupils
from demo.registers import MISSING_LAST_AFTERNOON, Row, SchoolYear, make_registers
from demo.structure import read_groups

TODAY = dt.date(2026, 6, 15)
PHASES = ("primary", "secondary", "special")
CASES = {
    "t": "part-time timetable",
    "G": "holiday",
    "X": "not required",
    "1": "no transport",
    "E": "suspension",
    "S": "study leave",
    "R": "religious observance",
    "V": "visit",
    "W": "work experience",
    "D": "dual registration",
    "K": "provision by the authority",
    "B": "college",
}
POSSIBLE = (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED)
MISSED = (Meaning.AUTHORISED, Meaning.UNAUTHORISED)


@pytest.fixture(scope="module")
def pupils() -> list[PupilPlan]:
    return [pupil for group in read_groups() for pupil in make_pupils(group)]


@pytest.fixture(scope="module")
def registers(pupils: list[PupilPlan]) -> list[SchoolYear]:
    return make_registers(pupils, absence_shares(pupils), TODAY)


def rows_of(registers: list[SchoolYear], phase: str, year: int = 2025) -> Iterator[Row]:
    for school_year in registers:
        if school_year.school.phase == phase and school_year.year == year:
            yield from school_year.rows


def counts(row: Row) -> tuple[int, int, int]:
    """Possible, missed and unauthorised sessions of a row."""
    meanings = MEANINGS[np.frombuffer(bytes(row.marks), dtype=np.uint8)]
    return (
        int(np.isin(meanings, POSSIBLE).sum()),
        int(np.isin(meanings, MISSED).sum()),
        int((meanings == Meaning.UNAUTHORISED).sum()),
    )


def totals(rows: Iterator[Row]) -> np.ndarray:
    """int[rows, 3]: possible, missed, unauthorised."""
    return np.array([counts(row) for row in rows])


@pytest.mark.parametrize("phase", PHASES)
def test_overall_and_unauthorised_absence_are_within_a_quarter_of_a_point(registers: list[SchoolYear], phase: str) -> None:
    possible, missed, unauthorised = totals(rows_of(registers, phase)).sum(axis=0)
    england = published(2025, phase)
    assert 100 * missed / possible == pytest.approx(england["overall_absence"], abs=0.25)
    assert 100 * unauthorised / possible == pytest.approx(england["unauthorised_absence"], abs=0.25)


@pytest.mark.parametrize(("phase", "points"), [("primary", 1.5), ("secondary", 1.5), ("special", 3)])
def test_persistent_absence_is_near_the_published_share(registers: list[SchoolYear], phase: str, points: float) -> None:
    found = totals(rows_of(registers, phase))
    share = 100 * np.mean(10 * found[:, 1] >= found[:, 0])
    assert share == pytest.approx(published(2025, phase)["pa"], abs=points)


@pytest.mark.parametrize(("phase", "points"), [("primary", 0.5), ("secondary", 1), ("special", 2.5)])
def test_severe_absence_is_near_the_published_share(registers: list[SchoolYear], phase: str, points: float) -> None:
    """The daily figures have none; the bands of 2022/23 are the nearest publication."""
    found = totals(rows_of(registers, phase))
    share = 100 * np.mean(2 * found[:, 1] >= found[:, 0])
    assert share == pytest.approx(bands("all", phase, "all")["SA_pct"], abs=points)


@pytest.mark.parametrize("phase", PHASES)
def test_reasons_have_the_published_proportions(registers: list[SchoolYear], phase: str) -> None:
    marks = np.concatenate([np.frombuffer(bytes(row.marks), dtype=np.uint8) for row in rows_of(registers, phase)])
    possible = np.isin(MEANINGS[marks], POSSIBLE).sum()
    england = published(2025, phase)
    reasons = {"I": "illness", "M": "appointments", "G": "unauth_hol", "U": "unauth_late_registers_closed", "t": "auth_part_time"}
    for code, name in reasons.items():
        share = 100 * (marks == ord(code)).sum() / possible
        assert share == pytest.approx(england[name], rel=0.15, abs=0.05), name
    other = 100 * np.isin(marks, [ord("O"), ord("N")]).sum() / possible
    assert other == pytest.approx(england["unauth_oth"] + england["unauth_not_yet"], rel=0.12)


@pytest.mark.parametrize("phase", ["primary", "secondary"])
@pytest.mark.parametrize(
    ("breakdown", "flags", "one", "rest"),
    [
        ("fsm", {"fsm"}, "Eligible", "Not Eligible"),
        ("sen", {"sen_support", "ehc_plan"}, "Any special educational need", "No identified special educational need"),
    ],
)
def test_poor_and_special_needs_pupils_are_persistently_absent_as_much_more_often_as_in_england(
    registers: list[SchoolYear], phase: str, breakdown: str, flags: set[str], one: str, rest: str
) -> None:
    rows = list(rows_of(registers, phase))
    held = np.array([bool(flags & row.pupil.flags.keys()) for row in rows])
    found = totals(iter(rows))
    persistent = 10 * found[:, 1] >= found[:, 0]
    difference = 100 * (persistent[held].mean() - persistent[~held].mean())
    expected = bands(breakdown, phase, one)["PA_pct"] - bands(breakdown, phase, rest)["PA_pct"]
    assert difference == pytest.approx(expected, abs=6)


def test_older_pupils_of_secondary_schools_are_absent_more(registers: list[SchoolYear]) -> None:
    by_year = defaultdict(list)
    for row in rows_of(registers, "secondary"):
        by_year[row.pupil.form.year_group].append(counts(row))
    rates = {year: np.sum(found, axis=0)[1] / np.sum(found, axis=0)[0] for year, found in by_year.items()}
    assert rates[7] < rates[8] < rates[9] < rates[11]


def by_day(registers: list[SchoolYear], key: Callable[[dt.date], int]) -> dict[int, float]:
    """Absence rate of all schools this year by something about the date."""
    sums: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(2))
    for school_year in registers:
        if school_year.year == 2025:
            meanings = MEANINGS[np.array([np.frombuffer(bytes(row.marks), dtype=np.uint8) for row in school_year.rows])]
            for day, date in enumerate(school_year.days.dates):
                both = meanings[:, 2 * day : 2 * day + 2]
                sums[key(date)] += np.isin(both, MISSED).sum(), np.isin(both, POSSIBLE).sum()
    return {each: missed / possible for each, (missed, possible) in sums.items() if possible}


def test_mondays_and_fridays_are_worse_than_midweek(registers: list[SchoolYear]) -> None:
    rates = by_day(registers, dt.date.weekday)
    assert rates[4] > rates[2] and rates[0] > rates[2]


def test_absence_grows_from_september_to_december(registers: list[SchoolYear]) -> None:
    rates = by_day(registers, lambda date: date.month)
    assert rates[9] < rates[10] < rates[12]


def test_children_of_one_family_are_ill_together_more_often_than_by_chance(registers: list[SchoolYear]) -> None:
    school_year = next(each for each in registers if (each.school.urn, each.year) == ("900201", 2025))
    ill = np.array([np.frombuffer(bytes(row.marks), dtype=np.uint8) == ord("I") for row in school_year.rows])
    families = defaultdict(list)
    for number, row in enumerate(school_year.rows):
        families[row.pupil.family].append(number)
    pairs = [(some[0], some[1]) for some in families.values() if len(some) > 1]
    together = np.mean([(ill[one] & ill[other]).sum() for one, other in pairs])
    by_chance = np.mean([ill[one].sum() * ill[other].sum() / ill.shape[1] for one, other in pairs])
    assert together > 1.5 * by_chance


def test_every_mark_is_a_known_code_on_a_day_on_roll(registers: list[SchoolYear]) -> None:
    for school_year in registers:
        for row in school_year.rows:
            assert all(chr(mark) == "." or chr(mark) in BY_CHARACTER for mark in row.marks)
            outside = bytes(row.marks[: 2 * row.first]) + bytes(row.marks[2 * row.last + 4 :])
            assert outside.strip(b".") == b""


def test_special_cases_of_the_register_are_there(registers: list[SchoolYear]) -> None:
    marks = b"".join(bytes(row.marks) for school_year in registers for row in school_year.rows)
    for code, what in CASES.items():
        assert code.encode() in marks, what
    assert any(bytes(row.marks).count(b"I") >= 60 for school_year in registers for row in school_year.rows), "long illness"


def test_reasons_not_known_are_recent_but_for_a_few(registers: list[SchoolYear]) -> None:
    ages = [
        school_year.days.first_after(TODAY) - 1 - place // 2
        for school_year in registers
        for row in school_year.rows
        for place, mark in enumerate(row.marks)
        if mark == ord("N")
    ]
    assert len(ages) > 200 and np.mean([age <= 5 for age in ages]) > 0.85
    assert max(ages) <= 15 and any(age > 5 for age in ages), "some are overdue"


def test_this_morning_most_registers_are_in_and_one_afternoon_is_missing(registers: list[SchoolYear]) -> None:
    for school_year in registers:
        if school_year.year != 2025:
            continue
        today = school_year.days.index(TODAY)
        on_roll = [row for row in school_year.rows if row.enrolment.ends is None]
        marked = [row.marks[2 * today] != ord(".") for row in on_roll]
        assert 0.6 < np.mean(marked) < 1
        assert not any(row.marks[2 * today + 1] != ord(".") for row in on_roll)
        gap = {row.pupil.form.name for row in on_roll if row.marks[2 * today - 1] == ord(".")}
        assert gap == (
            {MISSING_LAST_AFTERNOON[school_year.school.urn]} if school_year.school.urn in MISSING_LAST_AFTERNOON else set()
        )


def test_corrections_begin_as_n_and_lie_in_the_past(registers: list[SchoolYear]) -> None:
    changes = [change for school_year in registers for change in school_year.changes]
    assert len(changes) > 10_000
    assert all(change.code in "OIMG" and change.on < TODAY for change in changes)


def test_the_same_registers_come_out_each_time(pupils: list[PupilPlan], registers: list[SchoolYear]) -> None:
    again = make_registers(pupils, absence_shares(pupils), TODAY)
    assert [bytes(row.marks) for year in again for row in year.rows] == [
        bytes(row.marks) for year in registers for row in year.rows
    ]


def test_no_single_day_gathers_what_did_not_fit_elsewhere(registers: list[SchoolYear]) -> None:
    rates = by_day([each for each in registers if each.school.phase == "secondary"], lambda date: date.toordinal())
    last = [rates[dt.date(2026, 6, day).toordinal()] for day in (8, 9, 10, 11, 12)]
    assert max(last) < 1.6 * min(last)
    assert max(rates.values()) < 0.2
