"""Papers are told by their content, kept by rule, shown with a trace, and deleted by a person once their time is over."""

from __future__ import annotations

import datetime as dt
import zipfile
from io import BytesIO

import pytest
from PIL import Image

from casework.contents import LARGEST, media_type_of, safe_name
from casework.documents import add_document, delete_document, read_document
from casework.models import Document
from casework.queries.documents import documents_of, expired
from casework.retention import retain_until, retention
from escalation.models import Case, Event
from escalation.services import open_case
from letters.models import StoredFile
from schools.models import AuditEntry
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble

PDF = b"%PDF-1.7\n1 0 obj\n%%EOF"


def picture(format: str) -> bytes:
    made = BytesIO()
    Image.new("RGB", (2, 2)).save(made, format)
    return made.getvalue()


def archive(*names: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (PDF, ".pdf"),
        (picture("PNG"), ".png"),
        (picture("JPEG"), ".jpg"),
        (archive("[Content_Types].xml", "word/document.xml"), ".docx"),
        ("Dear Ms Arden, Łucja was ill.".encode(), ".txt"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, ending: str) -> None:
    assert safe_name("C:\\Users\\scan.exe", media_type_of(content)) == f"scan{ending}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"%PDF-" + b"x" * LARGEST, "The file has 10.0 MB; 10 MB are kept at most"),
        (b"PK\x03\x04 not really", "The file is damaged"),
        (archive("xl/workbook.xml"), "a ZIP or another Office file"),
        (archive("word/document.xml", "word/vbaProject.bin"), "holds macros"),
        (b"MZ\x90\x00\x03", "no type of file that is kept. What is kept: PDF, PNG, JPEG"),
        (picture("GIF"), "no type of file that is kept"),
        (b"a\x00b", "no type of file that is kept"),
    ],
)
def test_a_file_that_is_not_kept_says_why(content: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        media_type_of(content)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd.pdf", "passwd.pdf"), ('a"b\r\nX: y.pdf', "a b X y.pdf"), ("...", "document.pdf"), ("note", "note.pdf")],
)
def test_a_name_is_made_safe(given: str, kept: str) -> None:
    assert safe_name(given, "application/pdf") == kept


def test_every_kind_has_its_years_from_the_end_of_the_cases_year() -> None:
    assert retain_until("medical_evidence", 2025) == dt.date(2028, 8, 31)
    assert retain_until("signed_contract", 2025) == dt.date(2032, 8, 31)
    assert all(rule.because for rule in retention().values())


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def case(cast: Cast) -> Case:
    return open_case(pupil=cast.imogen.enrolment.pupil, school=cast.here, on=TODAY)


def added(cast: Cast, case: Case, **changes: object) -> Document:
    given = {"case": case, "title": "Appointment card", "kind": "medical_evidence", "file_name": "card.pdf", "content": PDF}
    return add_document(**{**given, "by": cast.alice, "role": "officer", "on": TODAY, "now": NOW, **changes})  # type: ignore[arg-type]


def test_a_document_is_kept_with_its_hash_and_stands_in_the_timeline(cast: Cast, case: Case) -> None:
    document = added(cast, case, parent=cast.parents["Morwenna"])
    assert (document.size, document.media_type, document.retain_until) == (len(PDF), "application/pdf", dt.date(2028, 8, 31))
    assert Event.objects.get().text == "Document added: Appointment card (medical evidence)."
    assert list(documents_of(case)) == [document]


def test_a_look_is_in_the_audit_trail(cast: Cast, case: Case) -> None:
    document = added(cast, case)
    assert read_document(document=document, by=cast.bob, role="tutor", now=NOW) == PDF
    seen = AuditEntry.objects.get(action="document seen")
    assert (seen.by, seen.subject, seen.school) == (cast.bob, f"document {document.pk}", cast.here)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "secret"}, "Choose what kind of document it is"),
        ({"title": " "}, "Give the document a title"),
        ({"content": b"MZ\x90\x00"}, "no type of file that is kept"),
    ],
)
def test_a_refused_document_leaves_nothing_behind(cast: Cast, case: Case, changes: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        added(cast, case, **changes)
    assert (Document.objects.count(), StoredFile.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_the_same_file_twice_is_said_to_be_there(cast: Cast, case: Case) -> None:
    added(cast, case)
    with pytest.raises(Refused, match="in the case already: “Appointment card”, added by Ms A. Arden"):
        added(cast, case, title="Another name")


def test_it_is_deleted_by_a_person_after_its_time_and_not_before(cast: Cast, case: Case) -> None:
    document, adela = added(cast, case), cast.staff["administrator"]
    who = {"by": adela, "role": "administrator", "now": NOW}
    last = document.retain_until
    with pytest.raises(Refused, match="It is kept until 31 August 2028"):
        delete_document(document=document, on=last, **who)
    assert list(expired([cast.here], last)) == []
    after = last + dt.timedelta(days=1)
    assert list(expired([cast.here], after)) == [document] and list(expired([cast.there], after)) == []
    delete_document(document=document, on=after, **who)
    assert (StoredFile.objects.count(), Document.objects.get().deleted_by) == (0, adela)
    assert AuditEntry.objects.get(action="document deleted").detail == {"sha256": document.sha256}
    with pytest.raises(Refused, match="Already deleted by Ms A. Alder"):
        delete_document(document=document, on=after, **who)
    with pytest.raises(Refused, match="was deleted on 20 November 2025"):
        read_document(document=document, by=cast.alice, role="officer", now=NOW)
