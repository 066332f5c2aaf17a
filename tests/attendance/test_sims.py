"""Reports of SIMS: people with their flags, and totals that are compared and never become marks."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from attendance.models import EarlierAttendance, ImportBatch, RegisterRow
from attendance.services import refresh_figures
from attendance.sims import read_sims
from attendance.transfer import preview_xml, take_in_xml
from schools.models import AuditEntry, PeopleBatch, Pupil, PupilFlag
from schools.rules import FileRefused
from tests.attendance.test_ctf import ctf, own, year
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import present

PERSON = """<Record><UPN>A823432120001</UPN><Adno>004711</Adno><Legal_x0020_Surname>Marlow-Quill</Legal_x0020_Surname>
<Surname>Marlow</Surname><Legal_x0020_Forename>Imogen</Legal_x0020_Forename><Forename>Immy</Forename>
<Year_x0020_taught_x0020_in_x0020_Code>07</Year_x0020_taught_x0020_in_x0020_Code><Reg_x0020_group>7A</Reg_x0020_group>
<DOB>2013-10-01T00:00:00+01:00</DOB><Gender>Female</Gender><FSM>T</FSM><SEN_x0020_Code>K</SEN_x0020_Code><EAL>F</EAL>
<Ethnicity>WBRI</Ethnicity></Record>"""
TOTALS = """<Record><UPN>{upn}</UPN><Adno>1</Adno><Possible_marks>{possible}</Possible_marks><Present_marks>{present}</Present_marks>
<Approved_ed_activity>2</Approved_ed_activity><Authorised_absences>0</Authorised_absences>
<Unauthorised_absences>0</Unauthorised_absences></Record>"""


def report(*records: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<SuperStarReport>{"".join(records)}</SuperStarReport>'.encode()


def test_a_pupil_with_legal_and_usual_names() -> None:
    (pupil,) = read_sims(report(PERSON)).pupils
    assert (pupil.first_name, pupil.last_name, pupil.known_as) == ("Imogen", "Marlow", "Immy")
    assert (pupil.upn, pupil.admission_number, pupil.year_group, pupil.form) == ("A823432120001", "004711", 7, "7A")
    assert (pupil.date_of_birth, pupil.sex) == (dt.date(2013, 10, 1), "F")


def test_flags_are_what_the_columns_say() -> None:
    kind = PupilFlag.Kind
    (pupil,) = read_sims(report(PERSON)).pupils
    assert pupil.flags == {kind.FSM: "", kind.SEN_SUPPORT: "", kind.EHC_PLAN: None, kind.EAL: None, kind.ETHNICITY: "WBRI"}


def test_totals_with_the_parts_of_attendance_added() -> None:
    (line,) = read_sims(report(TOTALS.format(upn="A823432120001", possible=100, present=90))).totals
    assert (line.possible, line.attended, line.authorised, line.late) == (100, 92, 0, None)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("<Record><Surname>Gone</Surname></Record>", "neither a UPN nor an admission number"),
        ("<Record><UPN>A1</UPN><Surname>Gone</Surname></Record>", "no surname or no forename"),
        ("<Record><UPN>A1</UPN><Surname>Gone</Surname><Forename>Lee</Forename><DOB>soon</DOB></Record>", "is not a date"),
        (PERSON, "An earlier record is about the same pupil"),
    ],
)
def test_a_record_that_cannot_be_is_refused_with_its_line(record: str, reason: str) -> None:
    read = read_sims(report(PERSON, "\n", record))
    assert len(read.pupils) == 1
    assert [refusal.row for refusal in read.refusals] == [7]
    assert reason in read.refusals[0].reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<Report/>", "it is no report of SIMS|is no report|not a report"),
        (report(), "no column UPN or Adno"),
        (report("<Record><UPN>A1</UPN><Room>12</Room></Record>"), "neither surnames nor Possible_marks"),
    ],
)
def test_a_report_that_says_nothing_is_refused_whole(data: bytes, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        read_sims(data)


@pytest.fixture
def cast(db: None) -> Cast:
    made = assemble()
    made.here.la_number, made.here.establishment_number = "823", "4321"
    made.here.save()
    Pupil.objects.filter(pk=made.imogen.enrolment.pupil_id).update(upn="A823432120001")
    return made


def given(cast: Cast) -> dict[str, object]:
    return {"school": cast.here, "file_name": "x.xml", "by": cast.alice, "role": "officer", "now": NOW, "on": TODAY}


def test_totals_are_compared_and_nothing_is_stored(cast: Cast) -> None:
    present(cast)
    refresh_figures(school=cast.here, as_of=TODAY)
    data = report(TOTALS.format(upn="A823432120001", possible=102, present=90), TOTALS.format(upn="Z1", possible=1, present=1))
    seen = preview_xml(data=data, **given(cast))  # type: ignore[arg-type]
    assert [(line.what, line.theirs, line.ours) for line in seen.differences] == [("sessions attended", 92, 102)]
    assert len(seen.unknown) == 1
    assert (seen.people, ImportBatch.objects.count(), PeopleBatch.objects.count()) == (None, 0, 0)


# One page for both kinds of XML


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (PeopleBatch, ImportBatch, EarlierAttendance, AuditEntry, Pupil))


def test_a_preview_says_what_a_commit_does_and_writes_nothing(cast: Cast) -> None:
    data = ctf(own("/\\/\\OO####"), year("/\\" * 5))
    before = counts()
    seen = preview_xml(data=data, **given(cast))  # type: ignore[arg-type]
    assert counts() == before
    assert seen.done.marks
    assert (seen.done.marks.new, len(seen.done.earlier.new), seen.people and len(seen.people.changed)) == (10, 1, 1)
    done = take_in_xml(data=data, **given(cast))  # type: ignore[arg-type]
    assert done.marks
    assert (done.marks.new, len(done.earlier.new)) == (10, 1)
    assert RegisterRow.objects.get(pk=cast.imogen.pk).marks.strip(".") == "/\\/\\OO####"


def test_the_same_file_twice_changes_nothing(cast: Cast) -> None:
    data = ctf(own("/\\/\\OO####"), year("/\\" * 5))
    take_in_xml(data=data, **given(cast))  # type: ignore[arg-type]
    again = take_in_xml(data=data, **given(cast))  # type: ignore[arg-type]
    assert again.people
    assert again.marks
    assert (again.people.new, again.people.changed, again.marks.new, again.marks.changed) == (0, 0, 0, 0)
    assert (again.earlier.new, again.earlier.changed, again.earlier.unchanged) == ([], [], 1)


@pytest.fixture
def officer(client: Client, cast: Cast, settings: object) -> Client:
    settings.HANDRAIL_TODAY = TODAY  # type: ignore[attr-defined]
    client.force_login(cast.alice)
    return client


def upload(client: Client, data: bytes) -> object:
    file = SimpleUploadedFile("marlow.xml", data, content_type="text/xml")
    return client.post(reverse("desk:import"), {"school": "900001", "file": file, "kind": ""}, follow=True)


def test_a_transfer_file_is_uploaded_looked_at_and_taken_in(officer: Client, cast: Cast) -> None:
    page = upload(officer, ctf(own("/\\/\\OO####"), year("/\\" * 5))).content.decode()  # type: ignore[attr-defined]
    assert "Common transfer file for Fenwold Academy, from Old Mill Primary" in page
    assert EarlierAttendance.objects.count() == 0
    officer.post(reverse("desk:import-xml"), {"decision": "commit"})
    assert EarlierAttendance.objects.count() == 1
    assert PeopleBatch.objects.get().format == "ctf"
    assert "no file to look at any more" in officer.get(reverse("desk:import-xml"), follow=True).content.decode()


def test_a_file_that_is_not_taken_in_is_forgotten(officer: Client, cast: Cast) -> None:
    upload(officer, ctf(year("/\\" * 5)))
    officer.post(reverse("desk:import-xml"), {"decision": "forget"})
    assert EarlierAttendance.objects.count() == 0


def test_a_hostile_file_is_refused_on_the_page(officer: Client, cast: Cast) -> None:
    answer = upload(officer, b'<!DOCTYPE x [<!ENTITY a "b">]><CTfile>&a;</CTfile>')
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "declares a document type" in answer.content.decode()  # type: ignore[attr-defined]


def test_a_totals_report_shows_the_differences(officer: Client, cast: Cast) -> None:
    present(cast)
    refresh_figures(school=cast.here, as_of=TODAY)
    page = upload(officer, report(TOTALS.format(upn="A823432120001", possible=102, present=90))).content.decode()  # type: ignore[attr-defined]
    assert "sessions attended" in page
    assert "Imogen Marlow" in page
