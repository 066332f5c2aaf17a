"""Small registers with everything in them that makes a count go wrong, as hypothesis strategies.

Calendars of one or two academic years with two to six half terms, some of a few days only, some that begin in the middle of a
week, with holidays and single closures. Marks come in spells, so that ladders are climbed: long absences and recoveries,
codes on half a day, codes that are no possible attendance, codes withdrawn years ago, missing marks, late joiners and early
leavers, and rows that have to be skipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import strategies as st

# Pupils do not touch one another: eight on one calendar are eight registers. One comes first, to be what a failure shrinks to.
PUPILS = st.sampled_from([1, 8, 8, 8, 9, 9, 10, 12])

CalendarRow = tuple[str, str, str, str]
MarkRow = tuple[str, str, str, str]
Day = tuple[str | None, str | None]  # morning and afternoon code

PRESENT: Day = ("/", "\\")
NOT_THERE: Day = (None, None)
FIRST_DAYS = (date(2024, 9, 2), date(2024, 9, 5), date(2025, 1, 29))


@dataclass(frozen=True)
class SmallRegister:
    calendar: tuple[CalendarRow, ...]
    marks: tuple[MarkRow, ...]
    start: str
    end: str


# ---- calendars ------------------------------------------------------------------------------------------------------------

# (terms of an academic year as numbers of half terms)
SHAPES = [(2,), (1, 1), (2, 1), (1, 1, 1), (2, 2), (3, 1), (2, 2, 2), (1, 2, 2)]
WEEKS = [(0, 1, 2, 3, 4), (0, 2), (1, 3), (2,), (4,), (0, 1), (3, 4), (0, 2, 4), (1, 5), (2, 6), (0, 6)]
HOLIDAYS = [0, 1, 3, 7, 10, 17, 30]  # calendar days


@st.composite
def half_term_days(draw: st.DrawFn, first: date, longest: int) -> list[date]:
    """Some weeks of school days, `longest` calendar days at most; full weeks only for short spans, to keep registers small."""
    weekdays = draw(st.sampled_from(WEEKS))
    span = draw(st.integers(longest // 4, longest // 2 if len(weekdays) > 3 else longest))
    closed = draw(st.integers(0, 60))  # a single closed day, if it falls inside
    days = [first + timedelta(days=n) for n in range(span)]
    kept = [day for n, day in enumerate(days) if day.weekday() in weekdays and n != closed]
    return kept or [first]


def names_of(style: str, year: int, term: int, half_term: int, running: int) -> tuple[str, str, str]:
    """Half term, term and year; the short names come again in each term and each year."""
    long_year = f"{2024 + year}/{25 + year}"
    if style == "short":
        return str(half_term + 1), ("Autumn", "Spring", "Summer")[term], long_year
    if style == "yearly":
        return f"HT{running + 1}", f"T{term + 1}", long_year
    return f"{long_year} HT{running + 1}", f"{long_year} T{term + 1}", long_year


@st.composite
def calendars(draw: st.DrawFn) -> list[CalendarRow]:
    """Two short years or one, or a single year that is long enough for every plan to end."""
    style = draw(st.sampled_from(["yearly", "short", "long"]))
    day = draw(st.sampled_from(FIRST_DAYS))
    years, longest = draw(st.sampled_from([(1, 56), (1, 56), (2, 24), (2, 36), (1, 70)]))
    rows = []
    for year in range(years):
        running = 0
        for term, half_terms in enumerate(draw(st.sampled_from(SHAPES[4:] if longest == 70 else SHAPES))):
            for half_term in range(half_terms):
                days = draw(half_term_days(day, longest))
                rows += [(d.isoformat(), *names_of(style, year, term, half_term, running)) for d in days]
                running += 1
                day = days[-1] + timedelta(days=1 + draw(st.sampled_from(HOLIDAYS)))
    return rows


# ---- marks ----------------------------------------------------------------------------------------------------------------

ABSENT_CODES = ["O", "I", "N", "G", "U", "M", "C", "E", "S", "C1", "C2", "J1", "T", "R", "H", "F"]
LIKELY_ABSENT = ["O", "O", "I", "I", "I", "N", "G", "U"]
NOT_POSSIBLE = ["D", "X", "Q", "Y1", "Y3", "Y6", "Y", "#", "Z"]
ANY_CODE = [*ABSENT_CODES, *NOT_POSSIBLE, "/", "\\", "L", "K", "V", "P", "W", "B", "J"]


def whole_days() -> st.SearchStrategy[Day]:
    return st.sampled_from(LIKELY_ABSENT + ABSENT_CODES[:6]).map(lambda code: (code, code))


def broken_days() -> st.SearchStrategy[Day]:
    """Half a day of one thing and half of another, of nothing, or of no possible attendance."""
    some = st.sampled_from([*LIKELY_ABSENT, None, "D", "Y1", "#", "L", "/"])
    return st.tuples(some, some)


def odd_days() -> st.SearchStrategy[Day]:
    anything = st.sampled_from([*ANY_CODE, None])
    return st.one_of(
        st.sampled_from([("L", "\\"), NOT_THERE, ("D", "D"), ("#", "#"), ("U", "\\")]), st.tuples(anything, anything)
    )


@st.composite
def spells(draw: st.DrawFn) -> list[Day]:
    """Some days of one kind in a row."""
    kind = draw(st.sampled_from(["present", "present", "whole", "whole", "whole", "broken", "odd"]))
    length = draw(st.sampled_from([1, 1, 2, 3, 4, 5, 6, 9, 10, 11, 16, 24]))
    if kind == "present":
        return [PRESENT] * length
    if kind == "whole":
        return [draw(whole_days())] * length
    return [draw(broken_days() if kind == "broken" else odd_days())] * min(length, 6)


@st.composite
def mixed(draw: st.DrawFn) -> tuple[list[Day], list[Day]]:
    """An opening, then a cycle that comes round again and again."""
    opening = [day for spell in draw(st.lists(spells(), max_size=5)) for day in spell]
    return opening, [day for spell in draw(st.lists(spells(), min_size=1, max_size=4)) for day in spell]


@st.composite
def steady(draw: st.DrawFn) -> tuple[list[Day], list[Day]]:
    """Mostly present: one day or half a day in every few is missed, so that the year's % moves about the limits."""
    code = draw(st.sampled_from(LIKELY_ABSENT))
    away = draw(st.sampled_from([(code, code), (code, "\\"), (code, None), ("/", code)]))
    return [(code, code)] * draw(st.integers(0, 3)), [PRESENT] * draw(st.integers(2, 11)) + [away] * draw(st.integers(1, 2))


@st.composite
def relapsing(draw: st.DrawFn) -> tuple[list[Day], list[Day]]:
    """Bad, then better for a while, then as bad again: plans that are met before one is missed."""
    bad = draw(steady())[1][-4:]
    better = [PRESENT] * draw(st.integers(5, 40))
    return bad * draw(st.integers(2, 6)) + better, bad + [PRESENT] * draw(st.integers(0, 3))


@st.composite
def falling(draw: st.DrawFn) -> tuple[list[Day], list[Day]]:
    """Present at first, then away for good or nearly so: everything that can be missed is missed."""
    code = draw(st.sampled_from(LIKELY_ABSENT))
    return [PRESENT] * draw(st.integers(0, 14)), [(code, code)] * draw(st.integers(4, 30)) + [PRESENT] * draw(st.integers(0, 2))


@st.composite
def ill(draw: st.DrawFn) -> tuple[list[Day], list[Day]]:
    """Periods of illness with days between on which the pupil is present, half ill, or has no mark."""
    between = draw(st.sampled_from([PRESENT, PRESENT, NOT_THERE, ("D", "D"), ("/", "I"), ("I", None)]))
    opening = [("I", "I")] * draw(st.integers(4, 16))
    return opening, [between] * draw(st.integers(1, 11)) + [("I", "I")] * draw(st.integers(1, 7))


@st.composite
def pupil_marks(draw: st.DrawFn, upn: str, days: list[str]) -> list[MarkRow]:
    """From the day of joining to the day of leaving."""
    shape = draw(st.sampled_from([mixed, mixed, mixed, steady, relapsing, falling, falling, ill]))
    opening, cycle = draw(shape())
    last = len(days) - 1
    joins = draw(st.one_of(st.just(0), st.integers(0, last)))
    leaves = draw(st.one_of(st.just(last), st.integers(0, last)))
    rows: list[MarkRow] = []
    for number, day in enumerate(days[joins : leaves + 1]):
        beyond = number - len(opening)
        codes = opening[number] if beyond < 0 else cycle[beyond % len(cycle)]
        rows += [(upn, day, session, code) for session, code in zip(("AM", "PM"), codes, strict=True) if code]
    return rows


@st.composite
def rows_to_skip(draw: st.DrawFn, rows: list[MarkRow], calendar: list[CalendarRow]) -> list[MarkRow]:
    """A few second rows for a session, unknown codes, and marks on days that are not in the calendar."""
    if not rows or draw(st.integers(0, 3)):
        return []
    school_days = {row[0] for row in calendar}
    free = date.fromisoformat(calendar[0][0])
    while free.isoformat() in school_days:
        free += timedelta(days=1)
    skipped: list[MarkRow] = []
    for upn, day, session, code in draw(st.lists(st.sampled_from(rows), max_size=3)):
        skipped.append((upn, day, session, "O" if code != "O" else "/"))
        skipped.append((upn, day, session, "??"))
        skipped.append((upn, free.isoformat(), session, "O"))
    return skipped


@st.composite
def registers(draw: st.DrawFn) -> SmallRegister:
    calendar = draw(calendars())
    days = [row[0] for row in calendar]
    marks: list[MarkRow] = []
    for number in range(draw(PUPILS)):
        marks += draw(pupil_marks(f"A82343212{number:04d}", days))
    marks += draw(rows_to_skip(marks, calendar))
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    inside = st.integers(0, (last - first).days).map(lambda n: first + timedelta(days=n))
    start = draw(st.one_of(st.just(first), st.just(first - timedelta(days=2)), inside))
    end = draw(st.one_of(st.just(last), st.just(last + timedelta(days=9)), inside))
    return SmallRegister(tuple(calendar), tuple(marks), start.isoformat(), end.isoformat())


# ---- a register written by hand -------------------------------------------------------------------------------------------


def school_days(first: date, last: date) -> Iterator[str]:
    """Every Monday to Friday of a span."""
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        if day.weekday() < 5:
            yield day.isoformat()
