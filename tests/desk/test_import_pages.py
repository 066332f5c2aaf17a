"""The rest of importing in the browser: workbooks, columns asked once, people, codes, conflicts, undo, and how fresh the register is."""

from __future__ import annotations

import io

import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attendance.models import ColumnMap, ImportBatch, MarkDetail, RawCode, RegisterConflict, RegisterRow
from attendance.services import change_mark
from schools.models import PeopleBatch, Placement, Pupil, User
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]
UPLOAD, COLUMNS, PREVIEW = "/registers/import/", "/registers/import/columns/", "/registers/import/preview/"
COMMIT, CONFLICTS = "/registers/import/commit/", "/imports/conflicts/"


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    return assemble()


def workbook(*sheets: list[list]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "default_date_format": "dd/mm/yyyy"}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return made.getvalue()


def send(client: Client, user: User, data: bytes, name: str = "register.xlsx", **given: str):
    client.force_login(user)
    return client.post(UPLOAD, {"school": "900001", "kind": "", "file": SimpleUploadedFile(name, data), **given})


def odd(cast: Cast, code: str = "/") -> list[list]:
    """Headings that nobody could guess."""
    return [
        ["Child", "On the", "Half", "Sign"],
        *([row.enrolment.pupil.upn, TODAY, "AM", code] for row in (cast.imogen, cast.theo)),
    ]


ODD = {
    "step": "columns",
    "kind": "long",
    "column-upn": "Child",
    "column-date": "On the",
    "column-session": "Half",
    "column-code": "Sign",
}


def test_odd_headings_are_asked_once_and_known_the_second_time(client: Client, cast: Cast) -> None:
    assert send(client, cast.alice, workbook(odd(cast)))["Location"] == COLUMNS
    page = client.get(COLUMNS).content.decode()
    assert "Which column is which?" in page and "<option>On the</option>" in page
    assert client.post(COLUMNS, ODD)["Location"] == PREVIEW
    assert client.get(PREVIEW).context["preview"].new == 2
    assert "known from last time" in client.get(PREVIEW).content.decode()
    client.post(COMMIT, {"decision": "commit"})
    assert send(client, cast.alice, workbook(odd(cast, "N")))["Location"] == PREVIEW, "not asked again"
    assert client.get(PREVIEW).context["preview"].changed == 2
    assert ColumnMap.objects.get().by == cast.alice


@pytest.mark.parametrize(
    ("more", "sentence"),
    [({"column-code": ""}, "Say which column holds: code."), ({"column-code": "Half"}, "Column “Half” was given two meanings")],
)
def test_what_cannot_be_so_is_said_and_nothing_is_remembered(client: Client, cast: Cast, more: dict, sentence: str) -> None:
    send(client, cast.alice, workbook(odd(cast)))
    response = client.post(COLUMNS, ODD | more)
    assert response.status_code == 422 and sentence in response.content.decode()
    assert not ColumnMap.objects.exists()
    assert client.get(PREVIEW)["Location"] == COLUMNS


def test_one_schools_columns_are_not_anothers(client: Client, cast: Cast) -> None:
    send(client, cast.alice, workbook(odd(cast)))
    client.post(COLUMNS, ODD)
    assert send(client, cast.charlie, workbook(odd(cast)), school="900002")["Location"] == COLUMNS


def test_several_sheets_are_asked_about(client: Client, cast: Cast) -> None:
    known = [["upn", "date", "session", "code"], [cast.imogen.enrolment.pupil.upn, TODAY, "AM", "/"]]
    assert send(client, cast.alice, workbook([["Notes", "for", "staff"], ["a", "b", "c"]], known))["Location"] == COLUMNS
    assert "<option>Sheet2</option>" in client.get(COLUMNS).content.decode()
    assert client.post(COLUMNS, {"step": "kind", "sheet": "Sheet2", "kind": "long"})["Location"] == COLUMNS
    said = {"step": "columns", "sheet": "Sheet2", "kind": "long"} | {
        f"column-{name}": name for name in ("upn", "date", "session", "code")
    }
    assert client.post(COLUMNS, said)["Location"] == PREVIEW
    assert client.get(PREVIEW).context["preview"].new == 1


def people(cast: Cast) -> bytes:
    rows = [
        [
            "UPN",
            "Adno",
            "Legal Forename",
            "Legal Surname",
            "DOB",
            "Gender",
            "Year",
            "Reg Group",
            "FSM",
            "Contact1 Name",
            "Contact1 Email",
        ],
        [cast.imogen.enrolment.pupil.upn, "", "", "", "", "", "", "7B", "Yes", "", ""],
        ["B823432120001", "900", "Wilf", "Fen", "05/01/2014", "Male", "Year 7", "7A", "No", "Mrs Ada Fen", "ada@home.example"],
        ["B823432120002", "901", "", "", "", "", "", "7A", "", "", ""],
    ]
    return "\n".join(",".join(row) for row in rows).encode()


def test_pupils_are_looked_at_and_taken_in(client: Client, cast: Cast) -> None:
    assert send(client, cast.alice, people(cast), "pupils.csv")["Location"] == PREVIEW
    page = client.get(PREVIEW)
    seen = page.context["people"]
    assert (len(seen.new), len(seen.changed), seen.refused) == (1, 1, 1)
    text = page.content.decode()
    assert "Nobody to ring" in text and "gives no first name, surname, date of birth, sex: add it" in text
    assert not PeopleBatch.objects.exists() and not Pupil.objects.filter(upn="B823432120001").exists()
    done = client.post(COMMIT, {"decision": "commit"}, follow=True).content.decode()
    assert "1 new pupil, 1 changed pupil. 1 row refused." in done and "Last lists of pupils" in done
    assert Placement.objects.get(enrolment=cast.imogen.enrolment, ends=None).form == "7B"
    again = send(client, cast.alice, people(cast), "pupils.csv")
    assert again["Location"] == PREVIEW and "This file changes nothing" in client.get(PREVIEW).content.decode()


def test_the_whole_roll_names_its_leavers(client: Client, cast: Cast) -> None:
    rows = [["UPN", "Form", "Surname"]] + [[row.enrolment.pupil.upn, "7A", ""] for row in (cast.imogen, cast.theo, cast.newcomer)]
    data = "\n".join(",".join(row) for row in rows).encode()
    send(client, cast.alice, data, "roll.csv", whole="on")
    page = client.get(PREVIEW).content.decode()
    assert "Not in the file, so they have left" in page and "Priya Nowak" in page


def test_a_code_of_the_mis_is_explained_on_the_preview(client: Client, cast: Cast) -> None:
    upn = cast.imogen.enrolment.pupil.upn
    send(client, cast.alice, f"upn,date,session,code\n{upn},{TODAY},AM,X01\n".encode(), "day.csv")
    assert "X01" in client.get(PREVIEW).content.decode()
    client.post("/registers/import/code/", {"raw": "X01", "code": "X"})
    assert client.get(PREVIEW).context["preview"].new == 1
    client.post(COMMIT, {"decision": "commit"})
    assert RawCode.objects.get().code == "X"
    assert MarkDetail.objects.get().raw_code == "X01"


def contradicted(client: Client, cast: Cast) -> RegisterConflict:
    change_mark(row=cast.imogen, date=TODAY, session="AM", to="I", reason="", by=cast.alice, role="officer", now=NOW)
    upn = cast.imogen.enrolment.pupil.upn
    send(client, cast.alice, f"upn,date,session,code\n{upn},{TODAY},AM,O\n{upn},{TODAY},PM,O\n".encode(), "day.csv")
    assert "ours stays until somebody decides" in client.get(PREVIEW).content.decode()
    client.post(COMMIT, {"decision": "commit"})
    return RegisterConflict.objects.get()


@pytest.mark.parametrize(("decision", "said", "mark"), [("keep", "ours was kept", "I"), ("take", "the file’s was taken", "O")])
def test_a_contradicted_mark_is_decided_by_a_person(client: Client, cast: Cast, decision: str, said: str, mark: str) -> None:
    conflict = contradicted(client, cast)
    page = client.get(CONFLICTS).content.decode()
    assert "Imogen Marlow" in page and "day.csv" in page
    response = client.post(
        f"{CONFLICTS}decide/", {"conflict": conflict.pk, "decision": decision, "reason": "Her tutor"}, follow=True
    )
    assert said in response.content.decode() and "Nothing waits for a decision" in response.content.decode()
    assert mark in RegisterRow.objects.get(pk=cast.imogen.pk).marks


def test_another_schools_conflict_cannot_be_decided(client: Client, cast: Cast) -> None:
    conflict = contradicted(client, cast)
    client.force_login(cast.charlie)
    assert "Imogen" not in client.get(CONFLICTS).content.decode()
    client.post(f"{CONFLICTS}decide/", {"conflict": conflict.pk, "decision": "take", "reason": "x"})
    conflict.refresh_from_db()
    assert conflict.state == RegisterConflict.State.OPEN


def test_a_whole_file_is_undone_after_a_question(client: Client, cast: Cast) -> None:
    upn = cast.imogen.enrolment.pupil.upn
    send(client, cast.alice, f"upn,date,session,code\n{upn},{TODAY},AM,O\n".encode(), "day.csv")
    client.post(COMMIT, {"decision": "commit"})
    address = f"/imports/{ImportBatch.objects.get().pk}/undo/"
    assert address in client.get(UPLOAD).content.decode()
    assert "1 mark that it entered would be empty again" in client.get(address).content.decode()
    page = client.post(address, follow=True).content.decode()
    assert "day.csv was undone" in page and "by Ms A. Arden" in page
    assert RegisterRow.objects.get(pk=cast.imogen.pk).marks == "." * 530
    again = client.get(address).content.decode()
    assert "disabled" in again and "already" in again


def test_the_page_says_how_fresh_the_register_is(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert "No register has been read in yet." in client.get(UPLOAD).content.decode()
    upn = cast.imogen.enrolment.pupil.upn
    send(client, cast.alice, f"upn,date,session,code\n{upn},2025-11-17,AM,O\n".encode(), "day.csv")
    client.post(COMMIT, {"decision": "commit"})
    assert "Read in up to Mon 17 Nov; 3 school days since then." in client.get(UPLOAD).content.decode()
