"""What leaves the house comes in again: the ZIP of everything, a pupil's record, and the transfer file."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from itertools import islice

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pypdf import PdfReader

from attendance.ctf import SchoolNumber, read_ctf
from attendance.ctf_out import write_transfer
from attendance.earlier import keep_earlier, number_of
from attendance.export_tables import TABLES
from attendance.exports import csv_lines, export_school, zipped
from attendance.grid import as_grid, slot
from attendance.imports import read_entries
from attendance.models import AbsenceCall, EarlierAttendance, MarkDetail, RawCode, RegisterRow
from attendance.queries import roll_of
from attendance.services import change_mark, import_reading, import_register
from casework.exports import ALL_TABLES
from casework.models import LeaveRequest
from letters.give_out import certificate_pdf
from schools.models import AuditEntry, Pupil, PupilFlag, School
from schools.people import take_in_people
from schools.people_table import arrivals_of, guessed_columns
from schools.rules import Refused
from schools.tables import open_table
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast() -> Cast:
    """Marks until today, with two-character codes among them, a correction, minutes, a comment and a code of the MIS."""
    made = assemble()
    present(made, imogen=away(made, "2025-11-03", 4) | {"2025-11-10": "C"}, theo=away(made, "2025-10-06", 2, "I"))
    row = RegisterRow.objects.get(pk=made.imogen.pk)
    marks = list(row.marks)
    marks[slot(dt.date(2025, 11, 11), "AM")], marks[slot(dt.date(2025, 11, 11), "PM")] = "c", "7"
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))
    MarkDetail.objects.create(row=row, date=dt.date(2025, 11, 12), session="AM", minutes_late=12, comment="=1+1", raw_code="X01")
    row.refresh_from_db()
    change_mark(
        row=row, date=dt.date(2025, 11, 13), session="AM", to="I", reason="Mother rang", by=made.alice, role="officer", now=NOW
    )
    return made


def files(school: School) -> dict[str, list[dict[str, str]]]:
    """Every file of the export by its name, as rows."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(school, ALL_TABLES, NOW))))
    assert archive.testzip() is None
    return {
        name.removesuffix(".csv"): list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")))
        for name in archive.namelist()
    }


def table(school: School, name: str) -> bytes:
    """One file of the export as its bytes."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(school, ALL_TABLES, NOW))))
    return archive.read(f"{name}.csv")


def empty_school(like: School) -> School:
    """A school with the same calendar and nobody in it."""
    school = make.SchoolFactory(
        urn="900009", name="Empty Academy", la_number=like.la_number, establishment_number=like.establishment_number
    )
    make.calendar(school)
    return school


def fill(school: School, exported: School) -> None:
    """Reads people, as of the first day of the year that is brought along, and then the register of another school's export in."""
    people = open_table(table(exported, "people"))
    arrivals = arrivals_of(people, guessed_columns(people.headings))
    given = {"by": None, "role": "", "now": NOW}
    take_in_people(school=school, arrivals=arrivals, file_name="people.csv", sha256="0" * 64, on=dt.date(2025, 9, 3), **given)
    import_register(school=school, data=table(exported, "register"), file_name="register.csv", **given)


def test_every_file_is_there_with_every_column_explained(cast: Cast) -> None:
    exported = files(cast.here)
    assert set(exported) == {"columns", *(table.name for table in ALL_TABLES)}
    explained = {(line["file"], line["column"]) for line in exported["columns"] if line["column"]}
    assert explained == {(f"{table.name}.csv", column.name) for table in ALL_TABLES for column in table.columns}
    assert all(line["meaning"] for line in exported["columns"])


def test_the_register_says_code_minutes_comment_and_the_miss_own_code(cast: Cast) -> None:
    register = {(line["upn"], line["date"], line["session"]): line for line in files(cast.here)["register"]}
    upn = cast.imogen.enrolment.pupil.upn
    assert register[upn, "2025-11-11", "AM"]["code"] == "C1"
    assert register[upn, "2025-11-11", "PM"]["code"] == "Y7"
    late = register[upn, "2025-11-12", "AM"]
    assert (late["minutes_late"], late["raw_code"]) == ("12", "X01")


def test_a_text_that_a_spreadsheet_would_run_is_guarded(cast: Cast) -> None:
    assert "'=1+1" in {line["comment"] for line in files(cast.here)["register"]}


def test_the_history_keeps_who_changed_what_and_why(cast: Cast) -> None:
    (line,) = files(cast.here)["mark_history"]
    assert (line["original"], line["amended"], line["reason"], line["by"]) == ("/", "I", "Mother rang", cast.alice.email)


def test_calls_and_leave_are_in_it(cast: Cast) -> None:
    pupil = cast.imogen.enrolment.pupil
    AbsenceCall.objects.create(
        pupil=pupil, school=cast.here, about=TODAY, at=NOW, by=cast.alice, outcome="spoke", said="Better tomorrow",
        parent=cast.parents["Morwenna"],
    )  # fmt: skip
    LeaveRequest.objects.create(
        pupil=pupil, school=cast.here, asked_on=TODAY, first_day=TODAY, last_day=TODAY, reason="A wedding", entered_by=cast.alice,
        entered_at=NOW,
    )  # fmt: skip
    exported = files(cast.here)
    assert exported["calls"][0]["said"] == "Better tomorrow"
    assert exported["leave"][0]["reason"] == "A wedding"


def test_nothing_of_another_school_is_in_it(cast: Cast) -> None:
    exported = files(cast.here)
    edith = cast.edith.enrolment.pupil
    for name in ("pupils", "enrolments", "people", "register", "flags", "parent_links", "placements"):
        assert edith.upn not in {line["upn"] for line in exported[name]}
    assert cast.charlie.email not in {line["email"] for line in exported["staff_roles"]}


def people_of(school: School) -> list[tuple[object, ...]]:
    """Everybody on roll of a school, with form, flags and contacts, as plain values."""
    found = []
    for pupil in Pupil.objects.filter(enrolments__school=school).order_by("upn"):
        enrolment = pupil.enrolments.get(school=school)
        placement = enrolment.placements.latest("starts")
        flags = sorted(pupil.flags.values_list("kind", "value"))
        contacts = [
            (link.parent.name, link.parent.email, link.parent.address, link.relationship, link.priority, link.receives_letters,
             link.has_parental_responsibility, link.lives_with_pupil, link.parent.language)
            for link in pupil.parent_links.select_related("parent").order_by("priority")
        ]  # fmt: skip
        found.append(
            (pupil.upn, pupil.name, pupil.date_of_birth, pupil.sex, enrolment.admission_number, enrolment.starts, enrolment.ends,
             placement.year_group, placement.form, flags, contacts)
        )  # fmt: skip
    return found


def test_an_empty_school_filled_from_an_export_has_the_same_people(cast: Cast) -> None:
    make.PupilFlagFactory(pupil=cast.theo.enrolment.pupil, kind=PupilFlag.Kind.SEN_SUPPORT)
    school = empty_school(cast.here)
    fill(school, cast.here)
    assert people_of(school) == people_of(cast.here)


def marks_of(school: School) -> dict[str, str]:
    rows = RegisterRow.objects.filter(school=school).values_list("enrolment__pupil__upn", "marks")
    return {upn: marks for upn, marks in rows if marks.strip(".")}


def test_an_empty_school_filled_from_an_export_has_the_same_marks(cast: Cast) -> None:
    school = empty_school(cast.here)
    fill(school, cast.here)
    assert marks_of(school) == marks_of(cast.here)
    assert len(marks_of(school)) == 5


def test_the_export_of_the_export_is_the_same(cast: Cast) -> None:
    school = empty_school(cast.here)
    fill(school, cast.here)

    def without_our_numbers(lines: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{name: text for name, text in line.items() if name not in ("raw_code", "comment")} for line in lines]

    for name in ("people", "register"):
        ours, theirs = files(cast.here)[name], files(school)[name]
        key = lambda line: tuple(line.values())  # noqa: E731
        assert sorted(without_our_numbers(ours), key=key) == sorted(without_our_numbers(theirs), key=key)


def test_who_took_it_is_recorded_before_the_first_byte(cast: Cast) -> None:
    pieces = export_school(school=cast.here, tables=ALL_TABLES, by=cast.alice, role="head", now=NOW)
    entry = AuditEntry.objects.get(action="export")
    assert (entry.by, entry.role, entry.school) == (cast.alice, "head", cast.here)
    assert next(pieces)[:2] == b"PK"


def statements(school: School) -> int:
    with CaptureQueriesContext(connection) as asked:
        for _ in zipped(school, ALL_TABLES, NOW):
            pass
    return len(asked)


def test_statements_do_not_grow_with_pupils(cast: Cast) -> None:
    few = statements(cast.here)
    for _ in range(30):
        make.PupilParentFactory(pupil=make.on_roll(cast.here).enrolment.pupil)
    assert statements(cast.here) == few


def test_it_is_written_while_it_is_sent(cast: Cast) -> None:
    """The register of thirty more pupils leaves in several pieces, and no piece waits for the whole."""
    full = as_grid([RegisterRow.objects.get(pk=cast.theo.pk).marks]).tobytes().decode()
    for _ in range(30):
        RegisterRow.objects.filter(pk=make.on_roll(cast.here).pk).update(marks=full)
    pieces = list(zipped(cast.here, TABLES, NOW))
    assert len([piece for piece in pieces if piece]) > 3
    register = next(table for table in TABLES if table.name == "register")
    assert len(list(islice(csv_lines(register, cast.here), 10))) == 10


def test_the_page_sends_the_zip_to_the_head(client: Client, cast: Cast, settings: object) -> None:
    client.force_login(cast.staff["head"])
    response = client.post(reverse("desk:export-school", args=["900001"]))
    assert response.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))).testzip() is None  # type: ignore[attr-defined]
    assert "Dr H. Hawthorn" in client.get(reverse("desk:export")).content.decode()


def test_the_command_writes_a_file_once(cast: Cast, tmp_path: object) -> None:
    path = f"{tmp_path}/school.zip"
    call_command("export_school", "900001", "--to", path)
    assert zipfile.is_zipfile(path)
    with pytest.raises(CommandError, match="does not exist yet"):
        call_command("export_school", "900001", "--to", path)
    with pytest.raises(CommandError, match="No school has the URN"):
        call_command("export_school", "1", "--to", f"{path}2")


def test_the_import_command_reads_a_transfer_file(cast: Cast, tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"{tmp_path}/imogen.xml"
    with open(path, "wb") as file:
        file.write(transfer(cast, cast.imogen))
    call_command("import_register", path, "--school", "900001")
    call_command("import_register", path, "--school", "900001", "--commit")
    said = capsys.readouterr().out
    assert "Nothing was written" in said
    assert said.endswith("Read in.\n")


# The transfer file


@pytest.fixture
def numbered(cast: Cast) -> Cast:
    cast.here.la_number, cast.here.establishment_number = "823", "4321"
    cast.here.save()
    for row in cast.pupils_here:
        row.enrolment.school = cast.here
    return cast


def transfer(cast: Cast, row: RegisterRow, **options: int) -> bytes:
    _, data = write_transfer(enrolment=row.enrolment, by=cast.alice, role="officer", on=TODAY, now=NOW, **options)
    return data


@pytest.mark.parametrize("slots_a_week", [10, 14])
def test_our_own_transfer_file_gives_the_same_marks(numbered: Cast, slots_a_week: int) -> None:
    before = RegisterRow.objects.get(pk=numbered.imogen.pk).marks
    school = empty_school(numbered.here)
    make.EnrolmentFactory(school=school, pupil__upn=numbered.imogen.enrolment.pupil.upn)
    read = read_ctf(transfer(numbered, numbered.imogen, slots_a_week=slots_a_week), school=number_of(school), on=TODAY)
    assert read.notices == []
    roll = roll_of(school)
    reading = read_entries(read.entries(number_of(school), roll), roll, format="ctf")
    import_reading(school=school, reading=reading, data_sha256="0" * 64, file_name="x.xml", format="ctf", by=None, now=NOW)
    assert reading.refused == 0
    assert RegisterRow.objects.get(school=school).marks == before


def test_our_own_transfer_file_gives_the_same_pupil_and_contacts(numbered: Cast) -> None:
    pupil = numbered.imogen.enrolment.pupil
    make.PupilFlagFactory(pupil=pupil, kind=PupilFlag.Kind.FSM)
    make.PupilFlagFactory(pupil=pupil, kind=PupilFlag.Kind.SEN_SUPPORT)
    read = read_ctf(transfer(numbered, numbered.imogen), school=number_of(numbered.here), on=TODAY).pupils[0].arriving
    assert (read.upn, read.first_name, read.last_name, read.date_of_birth) == (
        pupil.upn,
        pupil.first_name,
        pupil.last_name,
        pupil.date_of_birth,
    )
    assert (read.year_group, read.admitted) == (7, numbered.imogen.enrolment.starts)
    assert read.flags == {"fsm": "", "sen_support": "", "ehc_plan": None}
    mother, father = read.contacts or ()
    assert (mother.first_name, mother.relationship, mother.lives_with_pupil) == ("Morwenna", "Mother", True)
    assert (father.first_name, father.address, father.lives_with_pupil) == ("Piers", "9 Low Row\nFenwold", False)


def test_a_barred_contact_is_not_handed_on(numbered: Cast) -> None:
    data = transfer(numbered, numbered.theo).decode()
    assert "Grace" in data
    assert "Stefan" not in data


def test_years_at_earlier_schools_are_handed_on(numbered: Cast) -> None:
    pupil = numbered.imogen.enrolment.pupil
    EarlierAttendance.objects.create(
        pupil=pupil, year=2023, local_authority="823", establishment="2001", school_name="Old Mill", possible=380, attended=350,
        authorised=20, unauthorised=10, marks_start=dt.date(2023, 9, 4), slots_a_week=10, marks="/\\" * 4 + "c7", added_at=NOW,
    )  # fmt: skip
    read = read_ctf(transfer(numbered, numbered.imogen), school=number_of(numbered.here), on=TODAY)
    assert keep_earlier(school=numbered.here, transfer=read, by=None, now=NOW).unchanged == 1


def test_a_pupil_without_a_upn_has_no_transfer_file(cast: Cast) -> None:
    Pupil.objects.filter(pk=cast.imogen.enrolment.pupil_id).update(upn=None)
    cast.imogen.enrolment.pupil.refresh_from_db()
    with pytest.raises(Refused, match="enter the UPN first"):
        transfer(cast, cast.imogen)


def test_a_name_that_xml_cannot_write_does_not_break_the_file(numbered: Cast) -> None:
    Pupil.objects.filter(pk=numbered.imogen.enrolment.pupil_id).update(known_as="Im\x07my <&>")
    numbered.imogen.enrolment.pupil.refresh_from_db()
    read = read_ctf(transfer(numbered, numbered.imogen), school=SchoolNumber("823", "4321"), on=TODAY)
    assert read.pupils[0].arriving.known_as == "Im my <&>"


# The attendance record


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_the_parents_copy_has_categories_and_the_evidence_copy_codes(cast: Cast) -> None:
    enrolment = cast.theo.enrolment
    parents, evidence = (text_of(certificate_pdf(enrolment, copy=copy, on=TODAY)) for copy in ("parent", "evidence"))
    assert "Theo Okafor" in parents
    assert "illness" not in parents.lower()
    assert "Illness" in evidence


def test_a_year_without_marks_has_no_record(cast: Cast) -> None:
    with pytest.raises(Refused, match="no marks of 2025/26 yet"):
        certificate_pdf(make.on_roll(cast.here).enrolment, copy="parent", on=TODAY)


@pytest.fixture
def officer(client: Client, cast: Cast, settings: object) -> Iterator[Client]:
    settings.HANDRAIL_TODAY = TODAY  # type: ignore[attr-defined]
    client.force_login(cast.alice)
    return client


@pytest.mark.parametrize(("name", "kind"), [("certificate", "application/pdf"), ("transfer", "application/xml")])
def test_what_is_given_out_is_a_file_and_is_recorded(officer: Client, cast: Cast, name: str, kind: str) -> None:
    response = officer.post(
        reverse(f"desk:{name}", args=[cast.imogen.enrolment.pupil_id]), {"copy": "evidence", "school": "900001"}
    )
    assert (response.status_code, response["Content-Type"]) == (200, kind)
    assert "attachment" in response["Content-Disposition"]
    assert AuditEntry.objects.filter(action__in=["record given out", "transfer file written"], by=cast.alice).count() == 1


def test_the_pupils_page_offers_the_record_and_shows_earlier_schools(officer: Client, cast: Cast) -> None:
    pupil = cast.imogen.enrolment.pupil
    EarlierAttendance.objects.create(pupil=pupil, year=2023, school_name="Old Mill Primary", possible=380, attended=350, authorised=20,
                                     unauthorised=10, added_at=NOW)  # fmt: skip
    page = officer.get(reverse("desk:pupil", args=[pupil.pk])).content.decode()
    assert "Evidence copy with codes" in page
    assert "Old Mill Primary" in page
    assert "2023/24" in page


def test_codes_that_were_explained_are_in_it(cast: Cast) -> None:
    RawCode.objects.create(school=cast.here, raw="X01", code="X", by=cast.alice, at=NOW)
    assert files(cast.here)["mis_codes"][0]["code"] == "X"
