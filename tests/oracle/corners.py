"""Registers written by hand for what chance seldom makes: ties, empty years, windows that close, plans that end in a holiday."""

from datetime import date, timedelta

from tests.oracle.registers import CalendarRow, MarkRow, SmallRegister

PUPIL = "A823432129999"
FIVE_DAYS = (0, 1, 2, 3, 4)


def span(first: str, days: int, half_term: str, term: str, year: str, weekdays: tuple[int, ...] = FIVE_DAYS) -> list[CalendarRow]:
    """So many school days from a date on."""
    rows: list[CalendarRow] = []
    day = date.fromisoformat(first)
    while len(rows) < days:
        if day.weekday() in weekdays:
            rows.append((day.isoformat(), half_term, term, year))
        day += timedelta(days=1)
    return rows


def marks(calendar: list[CalendarRow], codes: str, upn: str = PUPIL) -> list[MarkRow]:
    """One letter a school day: a code for both halves, `.` present, `-` no mark, `x` half a day of O, `i` half a day of I."""
    days = {".": "/\\", "-": "", "x": "O\\", "i": "/I"}
    rows = []
    for (day, *_), letter in zip(calendar, codes, strict=False):
        halves = days.get(letter, letter * 2)
        rows += [(upn, day, session, code) for session, code in zip(("AM", "PM"), halves, strict=False)]
    return rows


def corner(calendar: list[CalendarRow], codes: str, start: str = "", end: str = "") -> SmallRegister:
    return SmallRegister(tuple(calendar), tuple(marks(calendar, codes)), start or calendar[0][0], end or calendar[-1][0])


TWO_HALF_TERMS = span("2025-09-01", 15, "1", "Autumn", "25") + span("2025-10-06", 15, "2", "Autumn", "25")
THREE_TERMS = (
    span("2025-09-01", 15, "1", "Autumn", "25")
    + span("2026-01-05", 15, "1", "Spring", "25")
    + span("2026-04-13", 15, "1", "Summer", "25")
)
THREE_YEARS = (
    span("2024-09-02", 20, "1", "A", "24") + span("2025-09-01", 20, "1", "A", "25") + span("2026-09-07", 20, "1", "A", "26")
)
LONG_HOLIDAYS = (
    span("2025-09-01", 20, "1", "Autumn", "25")
    + span("2025-12-01", 15, "2", "Autumn", "25")
    + span("2026-02-16", 30, "3", "Spring", "25")
    + span("2026-06-01", 25, "4", "Summer", "25")
)
WEEKENDS = span("2025-08-30", 40, "1", "Autumn", "25", weekdays=(2, 5, 6))
SOME_MARKS = tuple(marks(TWO_HALF_TERMS, "OOOO..OO..NN.."))
BAD_ROWS = (
    *((upn, day, session, "??") for upn, day, session, _ in SOME_MARKS[:8]),
    (PUPIL, TWO_HALF_TERMS[20][0], "evening", "O"),
    (PUPIL, "2025-09-06", "AM", "O"),
)

CORNERS = {
    "rows to skip before the rows that count": SmallRegister(
        tuple(TWO_HALF_TERMS), BAD_ROWS + SOME_MARKS, TWO_HALF_TERMS[0][0], TWO_HALF_TERMS[-1][0]
    ),
    "rows in no order": SmallRegister(
        tuple(reversed(TWO_HALF_TERMS)), tuple(reversed(SOME_MARKS)), TWO_HALF_TERMS[0][0], TWO_HALF_TERMS[-1][0]
    ),
    "not yet on roll, then closed, then away": corner(TWO_HALF_TERMS, "ZZZZZ####NNNN..OO..NN..####"),
    "codes before and after their time": corner(
        span("2023-09-04", 30, "1", "A", "23") + span("2024-09-02", 30, "1", "A", "24"), "HJYKQ" * 12
    ),
    "one evaluated day": corner(TWO_HALF_TERMS, "O" * 30, start=TWO_HALF_TERMS[11][0], end=TWO_HALF_TERMS[11][0]),
    "two half terms with as many sessions missed": corner(TWO_HALF_TERMS, "OOOOOO........." * 2, start=TWO_HALF_TERMS[21][0]),
    "the counts of federation 2 close at the end of the next term": corner(
        THREE_TERMS, "OOx" + "." * 20 + "x" + "." * 10 + "O" + "." * 10
    ),
    "the counts of federation 2 still run on the last day of the next term": corner(
        THREE_TERMS, "OOx" + "." * 20 + "x" + "." * 5 + "x" + "." * 15
    ),
    "no marks in the year between": corner(THREE_YEARS, "OOOO................" + "-" * 20 + "." * 10 + "O" * 10),
    "persistently absent in the year before": corner(THREE_YEARS, ("OOOO................" * 2) + "." * 10 + "O" * 10),
    "the run begins after the last mark of the year before": corner(
        THREE_YEARS, "O" * 18 + "--" + "." * 10 + "O" * 10, start=THREE_YEARS[18][0]
    ),
    "the run begins on the last mark of the year before": corner(
        THREE_YEARS, "O" * 18 + "--" + "." * 10 + "O" * 10, start=THREE_YEARS[17][0]
    ),
    "plans that end in holidays": corner(LONG_HOLIDAYS, "..O." * 20 + "OOOO"),
    "plans met, without a session, and missed": corner(LONG_HOLIDAYS, "....O.O.OO" * 2 + "." * 30 + "O.O.OO" * 10),
    "a plan without a possible session": corner(LONG_HOLIDAYS, "..OO..OOO......O.OO." + "DDDDDDDDDDDDDDD" + "-" * 20 + "O." * 20),
    "school on Saturday and Sunday": corner(WEEKENDS, "O.x.i." * 7),
    "left in the middle of a week": corner(TWO_HALF_TERMS, "." * 10 + "OOO.OO.OOO.x"),
    "illness with a day without a mark, and a day of another code": corner(
        LONG_HOLIDAYS, "I" * 16 + "-II.I-IDIOIiiI..I" + "." * 20
    ),
    "a run over half days, days without a mark and no possible attendance": corner(
        THREE_TERMS, "NNN-N#DNNYN" + "." * 3 + "GGG--GGxGGGGGGGGGG" + ".N" + "-" * 9 + "N.OOOOOOOOOOO"
    ),
    "an unexplained mark from the year before": corner(THREE_YEARS, "N" + "." * 40 + "N" + "." * 15),
    "the threshold reached over two years": corner(THREE_YEARS, "." * 16 + "OOO." + "OO" + "." * 30),
    "away from the last days of one year into the next": corner(THREE_YEARS, "." * 4 + "O" * 16 + "O" * 14 + "." * 12 + "O" * 12),
    "stage 4 of federation before the year has settled": corner(TWO_HALF_TERMS, "OOOOOO" + "O.x..x." * 4),
    "a run that ends before it begins": corner(TWO_HALF_TERMS, "O" * 30, start=TWO_HALF_TERMS[9][0], end=TWO_HALF_TERMS[4][0]),
    "a run wholly after the calendar": corner(TWO_HALF_TERMS, "O" * 30, start="2026-01-01", end="2026-02-01"),
    "nobody marked at all": corner(TWO_HALF_TERMS, ""),
}
