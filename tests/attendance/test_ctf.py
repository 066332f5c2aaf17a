"""Common transfer files: what is read of them in every dress they come in, and strings of marks that do not fit."""

from __future__ import annotations

import datetime as dt

import pytest

from attendance.ctf import SchoolNumber, TransferFile, read_ctf
from attendance.earlier import earlier_years, keep_earlier
from attendance.imports import read_entries
from attendance.mark_string import Totals, read_marks, write_marks
from attendance.models import EarlierAttendance, RegisterRow
from attendance.queries import roll_of
from attendance.services import import_reading
from schools.models import AuditEntry, PupilFlag
from schools.rules import FileRefused, Refused
from tests.cast import NOW, TODAY, Cast, assemble

HERE = SchoolNumber("823", "4321", "Fenwold Academy")
MONDAY = dt.date(2025, 9, 1)
WEEK = "/\\" * 5

HEADER = """<Header><DocumentName>Common Transfer File</DocumentName><CTFversion>25.0</CTFversion>
<DateTime>2025-11-19T10:00:00</DateTime>
<SourceSchool><LEA>823</LEA><Estab>2001</Estab><SchoolName>Old Mill Primary</SchoolName><AcademicYear>2025</AcademicYear></SourceSchool>
<DestSchool><LEA>823</LEA><Estab>4321</Estab></DestSchool></Header>"""
PUPIL = """<Pupil><UPN>A823432120001</UPN><Surname>Marlow</Surname><Forename>Imogen</Forename><DOB>2013-10-01</DOB><Sex>F</Sex>
<FSMhistory><FSMinstance><FSMstartDate>2024-09-01</FSMstartDate><UKcountry>ENG</UKcountry></FSMinstance></FSMhistory>
<SENhistory><SEN><StartDate>2022-09-01</StartDate><SENprovision>K</SENprovision></SEN></SENhistory>
<LookedAfter><InCare>false</InCare></LookedAfter>
<BasicDetails><PreferredForename>Immy</PreferredForename><NCyearActual>7</NCyearActual><Ethnicity>WBRI</Ethnicity>
<Languages><Type><LanguageType>F</LanguageType><Language>POL</Language></Type></Languages></BasicDetails>
<Address><BS7666Address><PAON>2</PAON><Street>Mill Road</Street><Town>Fenwold</Town></BS7666Address><PostCode>FW1 2BB</PostCode></Address>
<Contacts><Contact><Order>1</Order><Title>Ms</Title><Surname>Marlow</Surname><Forename>Morwenna</Forename><Relationship>PAM</Relationship>
<Responsibility>true</Responsibility><Address><AddressAsPupil>true</AddressAsPupil></Address>
<Phones><Phone><TelephoneType>H</TelephoneType><PhoneNo>01632 960101</PhoneNo></Phone>
<Phone><TelephoneType>M</TelephoneType><PhoneNo>07700 900101</PhoneNo></Phone></Phones><Email>morwenna@home.example</Email></Contact>
<Contact><Order>2</Order><Surname>Quill</Surname><Forename>Piers</Forename><Relationship>PAF</Relationship>
<Responsibility>false</Responsibility>
<Address><AddressLine1>9 Low Row</AddressLine1>
<AddressLine2>Fenwold</AddressLine2><PostCode>FW1 3CC</PostCode></Address></Contact></Contacts>
<Attendance>{years}</Attendance></Pupil>"""


def year(
    marks: str = "",
    starts: str = "2025-09-01",
    *,
    number: str = "2025",
    where: str = "<LEA>823</LEA><Estab>2001</Estab>",
    totals: str = "",
) -> str:
    totals = totals or "<SessionsPossible>10</SessionsPossible><SessionsAttended>10</SessionsAttended>"
    begins = f"<AttendanceStartDate>{starts}</AttendanceStartDate>"
    string = f"<AttendSessions>{begins}\n<AttendanceMarks>{marks}</AttendanceMarks></AttendSessions>"
    return f"<YearData><Year>{number}</Year>{where}<SchoolName>Old Mill Primary</SchoolName>{totals}{string if marks else ''}</YearData>"


def ctf(*years: str, pupils: str = "", header: str = HEADER, encoding: str = "utf-8") -> bytes:
    body = pupils or PUPIL.format(years="".join(years))
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<CTfile>{header}<CTFpupilData>{body}</CTFpupilData></CTfile>'
    return text.encode(encoding)


def file(*years: str, **options: str) -> TransferFile:
    return read_ctf(ctf(*years, **options), school=HERE, on=TODAY)


def test_a_pupil_comes_with_what_the_file_says() -> None:
    pupil = file().pupils[0].arriving
    assert (pupil.upn, pupil.first_name, pupil.last_name, pupil.known_as) == ("A823432120001", "Imogen", "Marlow", "Immy")
    assert (pupil.date_of_birth, pupil.sex, pupil.year_group) == (dt.date(2013, 10, 1), "F", 7)
    kind = PupilFlag.Kind
    assert pupil.flags == {
        kind.FSM: "", kind.SEN_SUPPORT: "", kind.EHC_PLAN: None, kind.LOOKED_AFTER: None, kind.ETHNICITY: "WBRI", kind.EAL: "",
    }  # fmt: skip


def test_contacts_come_with_responsibility_telephone_and_address() -> None:
    mother, father = file().pupils[0].arriving.contacts or ()
    assert (mother.title, mother.relationship, mother.priority) == ("Ms", "Mother", 1)
    assert (mother.has_parental_responsibility, mother.lives_with_pupil) == (True, True)
    assert (mother.telephone, mother.email) == ("07700 900101", "morwenna@home.example")
    assert mother.address == "2 Mill Road\nFenwold\nFW1 2BB"
    assert (father.has_parental_responsibility, father.lives_with_pupil) == (False, False)
    assert father.address == "9 Low Row\nFenwold\nFW1 3CC"


def test_what_the_file_does_not_say_is_not_said() -> None:
    bare = "<Pupil><UPN>A823432120001</UPN><Surname>Marlow</Surname><Forename>Imogen</Forename></Pupil>"
    pupil = file(pupils=bare).pupils[0].arriving
    assert (pupil.flags, pupil.contacts, pupil.year_group, pupil.known_as) == ({}, None, None, None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_every_encoding_gives_the_same_pupil(encoding: str) -> None:
    data = ctf(year(WEEK), encoding=encoding).decode(encoding).replace("Imogen", "Zoë").encode(encoding)
    read = read_ctf(data, school=HERE, on=TODAY)
    assert read.pupils[0].arriving.first_name == "Zoë"
    assert read.pupils[0].years[0].marks is not None


def test_a_namespace_changes_nothing() -> None:
    plain = ctf(year(WEEK)).decode()
    spaced = plain.replace("<CTfile>", '<CTfile xmlns="urn:example:ctf">')
    prefixed = plain.replace("</", "§").replace("<", "<c:").replace("§", "</c:").replace("<c:?xml", "<?xml")
    prefixed = prefixed.replace("<c:CTfile>", '<c:CTfile xmlns:c="urn:example:ctf">')
    read = [read_ctf(text.encode(), school=HERE, on=TODAY).pupils for text in (plain, spaced, prefixed)]
    assert read[0] == read[1] == read[2]


@pytest.mark.parametrize("version", range(19, 26))
def test_every_version_since_19_is_read(version: int) -> None:
    header = HEADER.replace("25.0", f"{version}.0")
    body = PUPIL.format(years=year(WEEK))
    body = body.replace("<Sex>F</Sex>", "<Gender>F</Gender>") if version < 25 else body
    read = file(header=header, pupils=body)
    assert (read.version, read.pupils[0].arriving.sex, list(read.notices)) == (f"{version}.0", "F", [])


def test_an_unknown_version_is_read_and_noticed() -> None:
    assert "version 41" in file(header=HEADER.replace("25.0", "41.0")).notices[0].reason


def test_totals_and_marks_of_a_year() -> None:
    found = file(year(WEEK)).pupils[0].years[0]
    assert (found.year, found.school.key, found.totals) == (2025, ("823", "2001"), Totals(10, 10, 0, 0))
    assert found.marks
    assert (found.marks.starts, found.marks.slots_a_week, found.marks.characters) == (MONDAY, 10, WEEK)


def test_totals_are_kept_where_the_marks_do_not_fit() -> None:
    read = file(year("/\\" * 4))
    found = read.pupils[0].years[0]
    assert (found.totals, found.marks) == (Totals(10, 10, 0, 0), None)
    assert found.fault == "8 marks are not a whole number of weeks of 10 or 14. Only the totals are kept."
    lines = ctf(year("/\\" * 4)).decode().splitlines()
    assert "<AttendanceMarks>" in lines[read.notices[0].row - 1]


def test_marks_that_contradict_the_totals_are_noticed() -> None:
    assert "The marks of 2025/26 give 5 of 10 sessions, the totals 10 of 10" in file(year("/O" * 5)).notices[0].reason


def test_a_file_that_names_years_by_their_end_is_understood() -> None:
    read = file(year(WEEK, number="2026"), year(number="2025", where="<LEA>823</LEA><Estab>2002</Estab>"))
    assert [found.year for found in read.pupils[0].years] == [2025, 2024]


def test_totals_that_cannot_be_are_refused_and_the_pupil_stands() -> None:
    read = file(year(totals="<SessionsPossible>10</SessionsPossible><SessionsAttended>12</SessionsAttended>"))
    assert read.pupils[0].years == []
    assert "do not go into 10" in read.refusals[0].reason


def test_a_pupil_without_a_name_is_refused_and_the_others_stand() -> None:
    nameless = "<Pupil><UPN>A823432120009</UPN><Surname>Gone</Surname></Pupil>"
    read = file(pupils=PUPIL.format(years="") + nameless)
    assert [pupil.arriving.upn for pupil in read.pupils] == ["A823432120001"]
    assert read.refusals[0].reason == "The pupil has no surname or no forename: complete the file."


def test_another_schools_file_is_refused_whole() -> None:
    header = HEADER.replace("<Estab>4321</Estab>", "<Estab>4000</Estab>")
    with pytest.raises(FileRefused, match=r"Line 2: the file is for school 823/4000, and this is 823/4321"):
        file(header=header)


def test_a_file_without_a_known_destination_is_read() -> None:
    assert file(header=HEADER.replace("<Estab>4321</Estab>", "<Estab>XXXX</Estab>")).pupils


TOTALS_OF_TEN = Totals(10, 0, 10, 0)


@pytest.mark.parametrize(
    ("string", "starts", "slots", "characters"),
    [
        (WEEK, MONDAY, 10, WEEK),
        (WEEK + "####", MONDAY, 14, WEEK + "####"),
        (("##" + WEEK + "##") * 5, dt.date(2025, 8, 31), 14, ("##" + WEEK + "##") * 5),
        (WEEK * 7, MONDAY, 10, WEEK * 7),
        ("/\\" * 4 + "C1C2", MONDAY, 10, "/\\" * 4 + "ct"),
        ("/ \\ " * 4 + "J1Y7", MONDAY, 10, "/\\" * 4 + "j7"),
        ("/\\" * 4 + "ct", MONDAY, 10, "/\\" * 4 + "ct"),
        (" " * 4 + "/\\" * 3, MONDAY, 10, "...." + "/\\" * 3),
        ("\n  " + WEEK + "\n", MONDAY, 10, WEEK),
        (WEEK, dt.date(2025, 9, 3), 10, WEEK),
    ],
)  # fmt: skip
def test_strings_that_fit(string: str, starts: dt.date, slots: int, characters: str) -> None:
    marks = read_marks(string, starts)
    assert (marks.slots_a_week, marks.characters) == (slots, characters)


@pytest.mark.parametrize(
    ("string", "starts", "reason"),
    [
        ("/\\" * 4, MONDAY, "8 marks are not a whole number of weeks of 10 or 14."),
        (WEEK + "/", MONDAY, "11 marks are not a whole number of weeks of 10 or 14."),
        ("\\/" * 5, MONDAY, "out of step"),
        (WEEK, dt.date(2025, 8, 30), "begin on a Saturday"),
        (WEEK * 54, MONDAY, "more than a year"),
        ("?" * 10, MONDAY, "no attendance code"),
        ("I " * 10, MONDAY, "in more than one way"),
        (" " * 10, MONDAY, "empty"),
    ],
)
def test_strings_that_do_not_fit_are_refused(string: str, starts: dt.date, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read_marks(string, starts)


def test_a_width_that_is_said_is_not_guessed() -> None:
    with pytest.raises(Refused, match="whole number of weeks of 14"):
        read_marks(WEEK, MONDAY, slots_a_week=14)


def test_days_of_a_string() -> None:
    ten = [date for date, session, _ in read_marks(WEEK * 2, dt.date(2025, 9, 3)).sessions() if session == "AM"]
    assert ten == [dt.date(2025, 9, day) for day in (3, 4, 5, 8, 9, 10, 11, 12, 15, 16)]
    fourteen = [date for date, session, code in read_marks("##" + WEEK + "##", dt.date(2025, 8, 31)).sessions() if code == "/"]
    assert fourteen == [dt.date(2025, 9, day) for day in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("slots", [10, 14])
def test_what_is_written_is_read_again(slots: int) -> None:
    codes = {(MONDAY, "AM"): "/", (MONDAY, "PM"): "C1", (dt.date(2025, 9, 11), "AM"): "#", (dt.date(2025, 9, 12), "PM"): "Y7"}
    starts, string = write_marks(codes, MONDAY, dt.date(2025, 9, 12), slots_a_week=slots)
    read = {(date, session): code for date, session, code in read_marks(string, starts).sessions() if date.weekday() < 5}
    assert read == codes


# With a database: marks made here, and years made elsewhere.


@pytest.fixture
def cast(db: None) -> Cast:
    made = assemble()
    made.here.la_number, made.here.establishment_number = "823", "4321"
    made.here.save()
    pupil = made.imogen.enrolment.pupil
    pupil.upn = "A823432120001"
    pupil.save()
    return made


def own(marks: str, starts: str = "2025-11-17") -> str:
    return year(marks, starts, where="<LEA>823</LEA><Estab>4321</Estab>")


def test_marks_made_here_enter_the_register(cast: Cast) -> None:
    roll = roll_of(cast.here)
    reading = read_entries(file(own("/\\/\\OO####")).entries(HERE, roll), roll, format="ctf")
    import_reading(
        school=cast.here, reading=reading, data_sha256="0" * 64, file_name="x.xml", format="ctf", by=cast.alice, now=NOW
    )
    stored = RegisterRow.objects.get(pk=cast.imogen.pk).marks.strip(".")
    assert stored == "/\\/\\OO####"


def test_closed_days_of_the_file_that_are_closed_here_are_no_refusals(cast: Cast) -> None:
    roll = roll_of(cast.here)
    reading = read_entries(file(own("##/\\/\\/\\/\\", "2026-05-04")).entries(HERE, roll), roll, format="ctf")
    assert reading.refused == 0


def test_years_elsewhere_are_kept_apart_and_once(cast: Cast) -> None:
    read = file(year(WEEK), own(WEEK))
    first = keep_earlier(school=cast.here, transfer=read, by=cast.alice, role="officer", now=NOW)
    again = keep_earlier(school=cast.here, transfer=read, by=cast.alice, role="officer", now=NOW)
    assert (len(first.new), again.unchanged, len(again.new)) == (1, 1, 0)
    kept = earlier_years(cast.imogen.enrolment.pupil)[0]
    assert (kept.school_name, kept.attended, kept.possible, kept.marks, kept.marks_start) == (
        "Old Mill Primary",
        10,
        10,
        WEEK,
        MONDAY,
    )
    assert RegisterRow.objects.get(pk=cast.imogen.pk).marks.strip(".") == ""
    assert AuditEntry.objects.filter(action="earlier years kept").count() == 1


def test_a_corrected_file_changes_what_is_kept(cast: Cast) -> None:
    keep_earlier(school=cast.here, transfer=file(year(WEEK)), by=cast.alice, now=NOW)
    better = year("/O" * 5, totals="<SessionsPossible>10</SessionsPossible><SessionsAttended>5</SessionsAttended>")
    assert len(keep_earlier(school=cast.here, transfer=file(better), by=cast.alice, now=NOW).changed) == 1
    assert EarlierAttendance.objects.get().attended == 5


def test_a_pupil_who_is_not_here_yet_is_said(cast: Cast) -> None:
    stranger = PUPIL.format(years=year(WEEK)).replace("A823432120001", "A823432120099")
    years = keep_earlier(school=cast.here, transfer=file(pupils=stranger), by=cast.alice, now=NOW)
    assert (years.new, "admit the pupil" in years.unknown[0].reason) == ([], True)
