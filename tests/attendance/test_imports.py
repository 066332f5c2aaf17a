"""Reading a register file: what is accepted, and the numbered sentence for everything that is not. No database."""

from __future__ import annotations

import datetime as dt

import pytest

from attendance.grid import slot
from attendance.imports import FileRefused, OnRoll, Reading, Roll, read
from schools.schooldays import SchoolDay, SchoolDays
from tests.factories import BANK_HOLIDAYS, HALF_TERMS, STAFF_DAYS

IMOGEN, THEO, LEAVER, NEWCOMER = "A823432120001", "A823432120002", "A823432120003", "A823432120004"
DAY = dt.date(2025, 11, 20)
HEADER = "upn,date,session,code\n"
WEEKS = "UPN,WeekBeginning,MonAM,MonPM,TueAM,TuePM,WedAM,WedPM,ThuAM,ThuPM,FriAM,FriPM\n"


def school_days() -> SchoolDays:
    closed = {*STAFF_DAYS, *BANK_HOLIDAYS}
    return SchoolDays(
        SchoolDay(date, half_term, term, "2025/26")
        for term, half_term, starts, ends in HALF_TERMS
        for date in (starts + dt.timedelta(days=number) for number in range((ends - starts).days + 1))
        if date.weekday() < 5 and date not in closed
    )


def pupil(number: int, upn: str, starts: dt.date = dt.date(2024, 9, 3), ends: dt.date | None = None) -> OnRoll:
    return OnRoll(number, upn, f"00{number}", starts, ends, dt.date(2013, 10, 1))


PUPILS = [
    pupil(1, IMOGEN),
    pupil(2, THEO),
    pupil(3, LEAVER, ends=dt.date(2025, 10, 17)),
    pupil(4, NEWCOMER, starts=dt.date(2025, 11, 3)),
    pupil(5, ""),
]
ROLL = Roll(
    "Fenwold Academy",
    {enrolled.upn: [enrolled] for enrolled in PUPILS if enrolled.upn},
    {enrolled.admission_number: [enrolled] for enrolled in PUPILS},
    school_days(),
    {**dict.fromkeys(STAFF_DAYS, "Staff training day"), **dict.fromkeys(BANK_HOLIDAYS, "Bank holiday")},
)
GOOD = f"{IMOGEN},2025-11-20,AM,/\n{THEO},2025-11-20,AM,/\n"


def reading(text: str, **options: str) -> Reading:
    return read(text.encode(), ROLL, **options)


def only_refusal(row: str, header: str = HEADER) -> str:
    """The sentence for one bad row (row 4) after two good ones."""
    result = reading(header + GOOD + row + "\n")
    assert (result.refused, [refusal.row for refusal in result.refusals]) == (1, [4])
    assert len(result.marks) == 2
    return result.refusals[0].reason


def mark(result: Reading, enrolment: int, date: dt.date, session: str) -> str:
    return chr(result.marks[enrolment, 2025][slot(date, session)])


def test_a_long_file_is_read() -> None:
    result = reading(HEADER + GOOD + f"{IMOGEN},2025-11-20,PM,C2\n")
    assert (result.format, result.rows, result.refused) == ("long", 3, 0)
    assert mark(result, 1, DAY, "AM") == "/"
    assert mark(result, 1, DAY, "PM") == "t"
    assert result.latest_date == DAY


def test_a_week_file_is_read() -> None:
    result = reading(WEEKS + f"{IMOGEN},2025-11-17,/,\\,,,-,-,N,I,L,U\n")
    assert (result.format, result.rows, result.refused) == ("weeks", 1, 0)
    marks = "".join(mark(result, 1, dt.date(2025, 11, day), session) for day in range(17, 22) for session in ("AM", "PM"))
    assert marks == "/\\....NILU"
    assert result.latest_date == dt.date(2025, 11, 21)


def test_a_week_file_may_give_admission_numbers() -> None:
    result = reading(WEEKS.replace("UPN", "StudentId") + "001,2025-11-17,/,/,/,/,/,/,/,/,/,/\n")
    assert list(result.marks) == [(1, 2025)]


@pytest.mark.parametrize(
    "header",
    ["UPN,Date,Session,Code\n", "upn, DATE ,SESSION,code\n", "\ufeffupn,date,session,code\n", "session,code,upn,date\n"],
)
def test_header_names_come_in_any_case_and_order_with_or_without_a_byte_order_mark(header: str) -> None:
    values = {"upn": IMOGEN, "date": "2025-11-20", "session": "am", "code": "I"}
    row = ",".join(values[name.strip("\ufeff ").lower()] for name in header.strip().split(","))
    assert mark(reading(f"{header}{row}\n"), 1, DAY, "AM") == "I"


@pytest.mark.parametrize("written", ["2025-11-20", "20/11/2025", "2025-11-20T00:00:00", "2025-11-20 00:00:00"])
def test_dates_may_be_written_in_the_english_way(written: str) -> None:
    assert mark(reading(f"{HEADER}{IMOGEN},{written},AM,/\n"), 1, DAY, "AM") == "/"


@pytest.mark.parametrize("empty", ["", "-", " "])
def test_an_empty_code_is_no_mark(empty: str) -> None:
    result = reading(HEADER + GOOD + f"{IMOGEN},2025-11-20,PM,{empty}\n")
    assert result.refused == 0
    assert mark(result, 1, DAY, "PM") == "."


def test_minutes_and_comments_are_read() -> None:
    header = "upn,date,session,code,minutes_late,comment\n"
    result = reading(f'{header}{IMOGEN},2025-11-20,AM,L,12,"bus, late"\n{THEO},2025-11-20,AM,/,,\n')
    assert result.details == {(1, DAY, "AM"): (12, "bus, late", "")}


def test_a_pupil_without_upn_is_found_by_admission_number() -> None:
    result = reading("upn,admission_no,date,session,code\nZ999999999999,005,2025-11-20,AM,/\n,001,2025-11-20,AM,/\n")
    assert [enrolment for enrolment, _ in result.marks] == [5, 1]


UNKNOWN = (
    "use a national attendance code, such as /, L, I or N, or say once on the import page which national code it stands for."
)
REFUSED_ROWS = {
    f"{IMOGEN},2025-11-20,PM,QQ": f"Code “QQ” is not known: {UNKNOWN}",
    f"{IMOGEN},2025-11-20,PM,n": "Code “n” is not known: did you mean N?",
    f"{IMOGEN},2025-11-20,PM,.": f"Code “.” is not known: {UNKNOWN}",
    f"{IMOGEN},2025-11-20,PM,t": "Code “t” is not known: did you mean T?",
    f"{IMOGEN},2025-11-22,AM,/": "Saturday 22 November 2025 is a weekend day: correct the date.",
    f"{IMOGEN},2025-10-24,AM,/": "24 October 2025 is not a school day (staff training day): correct the date or the school's calendar.",
    f"{IMOGEN},2026-05-04,AM,/": "04 May 2026 is not a school day (bank holiday): correct the date or the school's calendar.",
    f"{IMOGEN},2025-10-28,AM,/": "28 October 2025 is in a school holiday: correct the date or the school's calendar.",
    f"{IMOGEN},2024-11-20,AM,/": (
        "20 November 2024 is outside the school's calendar: correct the date, or enter that year's half terms first."
    ),
    f"{IMOGEN},1900-01-02,AM,/": (
        "02 January 1900 is outside the school's calendar: correct the date, or enter that year's half terms first."
    ),
    f"{IMOGEN},2100-02-02,AM,/": (
        "02 February 2100 is outside the school's calendar: correct the date, or enter that year's half terms first."
    ),
    f"{IMOGEN},2025-02-30,AM,/": "date “2025-02-30” is not a date: write it as 2025-09-03.",
    f"{IMOGEN},soon,AM,/": "date “soon” is not a date: write it as 2025-09-03.",
    f"{IMOGEN},2025-11-20,EVE,/": "Session “EVE” is neither AM nor PM: write one of them.",
    "A999999999999,2025-11-20,AM,/": (
        "UPN “A999999999999” is not on the roll of Fenwold Academy: check the number, or admit the pupil first."
    ),
    f"{IMOGEN}\u200f,2025-11-20,AM,/": (
        "UPN “A823432120001\\u200f” is not on the roll of Fenwold Academy: check the number, or admit the pupil first."
    ),
    ",2025-11-20,AM,/": "The row names no pupil: give a UPN or an admission number.",
    f"{LEAVER},2025-11-20,AM,/": (
        "The pupil left on 17 October 2025, before 20 November 2025: take the mark out or correct the leaving date."
    ),
    f"{NEWCOMER},2025-10-20,AM,/": (
        "The pupil was admitted on 03 November 2025, after 20 October 2025: take the mark out or correct the admission."
    ),
    f"{IMOGEN},2025-11-20,AM,I": "An earlier row already gives a mark for this pupil on 20 November 2025 AM: leave one out.",
    f"{IMOGEN},2025-11-20,AM,/,extra": "The row has 5 values but the header names 4 columns: check its commas.",
    f"{IMOGEN}": "date “” is not a date: write it as 2025-09-03.",
}


@pytest.mark.parametrize("row", REFUSED_ROWS)
def test_a_bad_row_is_refused_with_its_number_and_the_others_go_on(row: str) -> None:
    assert only_refusal(row) == REFUSED_ROWS[row]


def test_minutes_that_are_no_number_and_endless_comments_are_refused() -> None:
    header = "upn,date,session,code,minutes_late,comment\n"
    result = reading(
        f"{header}{IMOGEN},2025-11-20,AM,L,twelve,\n{IMOGEN},2025-11-20,AM,L,-1,\n"
        f"{IMOGEN},2025-11-20,AM,L,,{'x' * 201}\n{THEO},2025-11-20,AM,/,,\n"
    )
    assert [refusal.reason for refusal in result.refusals] == [
        "minutes_late “twelve” is not a whole number of minutes from 0 to 600: correct it.",
        "minutes_late “-1” is not a whole number of minutes from 0 to 600: correct it.",
        "The comment has 201 characters: shorten it to 200.",
    ]


def test_two_numbers_of_two_pupils_are_refused() -> None:
    header = "upn,admission_no,date,session,code\n"
    result = reading(f"{header}{IMOGEN},002,2025-11-20,AM,/\n{THEO},002,2025-11-20,AM,/\n")
    assert [refusal.reason for refusal in result.refusals] == [
        "UPN “A823432120001” and admission number “002” are two different pupils: correct one of them."
    ]


def test_another_schools_upn_is_not_saved_by_a_like_admission_number() -> None:
    header = "upn,admission_no,date,session,code\n"
    result = reading(f"{header}A999999999999,001,2025-11-20,AM,I\n{THEO},002,2025-11-20,AM,/\n{IMOGEN},001,2025-11-20,AM,/\n")
    assert [refusal.row for refusal in result.refusals] == [2]
    assert mark(result, 1, DAY, "AM") == "/"


def test_a_bad_cell_of_a_week_is_refused_and_its_others_stand() -> None:
    result = reading(WEEKS + f"{IMOGEN},2025-11-17,/,/,/,/,??,/,/,/,/,/\n")
    assert result.refusals == [
        (
            2,
            f"WedAM: Code “??” is not known: {UNKNOWN}",
        )
    ]
    assert mark(result, 1, dt.date(2025, 11, 19), "PM") == "/"


def test_a_week_begins_on_a_monday() -> None:
    result = reading(WEEKS + f"{IMOGEN},2025-11-18,/,/,/,/,/,/,/,/,/,/\n{THEO},2025-11-17,/,/,/,/,/,/,/,/,/,/\n")
    assert result.refusals == [(2, "WeekBeginning 18 November 2025 is a Tuesday: give the date of the Monday.")]


def test_a_withdrawn_code_is_accepted_with_a_notice() -> None:
    result = reading(f"{HEADER}{IMOGEN},2025-11-20,AM,H\n{IMOGEN},2025-11-20,PM,H\n")
    assert result.refused == 0
    assert result.notices == [
        (
            2,
            "Code H was withdrawn after 18 August 2024; it is accepted and keeps its meaning. Use C instead."
            " (2 marks; the first in this row)",
        )
    ]


def test_x_for_a_pupil_of_compulsory_school_age_is_noticed() -> None:
    (notice,) = reading(f"{HEADER}{IMOGEN},2025-11-20,AM,X\n").notices
    assert notice.reason.startswith("Code X is for pupils who are not of compulsory school age, and this pupil is")


REFUSED_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The file is empty or has no header"),
    "blank lines": (b"\n\n", "The file is empty or has no header"),
    "header only": (HEADER.encode(), "The file has a header and no rows"),
    "workbook": (b"PK\x03\x04rest", "The workbook is damaged or not an XLSX file"),
    "old workbook": (b"\xd0\xcf\x11\xe0rest", "This is a workbook of the old kind"),
    "nul": ((HEADER + "\0").encode(), "Row 2 holds a NUL byte"),
    "too large": (b"x" * (32 * 1024 * 1024 + 1), "The file is larger than 32 MB"),
    "open quote": ((HEADER + GOOD + '"never closed').encode(), "Row 4 cannot be read as CSV"),
    "a quote left open for pages": ((HEADER + GOOD + '"' + "never closed\n" * 30).encode(), "so a quotation mark may be missing"),
    "endless value": ((HEADER + "x" * 200_000).encode(), "Row 2 has more than 50,000 characters"),
    "no code": (b"upn,date,session\n", "The header has no column code."),
    "no pupil": (b"date,session,code\n", "The header has no column upn."),
    "no marks": (b"upn,WeekBeginning\n", "The header has no column monam … fripm."),
    "two codes": (b"upn,date,session,code,Code\n", "The header names column “code” twice"),
    "a hundred and one columns": (b"," * 100 + b"x\n", "The header names 101 columns; a file has at most 100"),
    "a million columns": (b"," * 1_000_000 + b"x\n", "Row 1 has more than 50,000 characters"),
    "not a register": (b"<html><body>sign in</body></html>\n", "The header has no column"),
    "another school's": (
        (HEADER + GOOD + "".join(f"B{number},2025-11-20,AM,/\n" for number in range(3))).encode(),
        "3 of the 5 pupils in this file are not on the roll of Fenwold Academy: it looks like another school's file. "
        "Nothing of it was read in.",
    ),
    "no good row": (f"{HEADER}{IMOGEN},2025-11-22,AM,/\n".encode(), "No row of this file can be read in"),
}


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_a_file_that_is_not_this_schools_register_is_refused_whole(name: str) -> None:
    data, sentence = REFUSED_FILES[name]
    with pytest.raises(FileRefused) as refused:
        read(data, ROLL)
    assert sentence in str(refused.value)


def test_a_file_refused_whole_still_says_what_is_wrong_with_its_rows() -> None:
    with pytest.raises(FileRefused) as refused:
        reading(f"{HEADER}{IMOGEN},2025-11-22,AM,/\n")
    assert refused.value.refusals == ((2, "Saturday 22 November 2025 is a weekend day: correct the date."),)


def test_a_format_that_the_header_contradicts_is_refused() -> None:
    with pytest.raises(FileRefused, match="not that of format “weeks” but looks like “long”"):
        reading(HEADER + GOOD, file_format="weeks")


def test_all_refusals_are_counted_and_a_thousand_kept() -> None:
    bad = "".join(f"{IMOGEN},2025-11-22,AM,/\n" for _ in range(1500))
    result = reading(HEADER + GOOD + bad)
    assert (result.refused, len(result.refusals)) == (1500, 1000)
