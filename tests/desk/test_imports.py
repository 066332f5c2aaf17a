"""Importing a register in the browser: a preview that writes nothing, numbered refusals, a commit, and the same file twice."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attendance.grid import slot
from attendance.models import ImportBatch, RegisterRow
from letters.models import StoredFile
from schools.models import Role, User
from tests.cast import TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
UPLOAD, PREVIEW, COMMIT = "/registers/import/", "/registers/import/preview/", "/registers/import/commit/"


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    return assemble()


def long_file(cast: Cast, *more: str) -> str:
    upn = cast.imogen.enrolment.pupil.upn
    rows = [f"{upn},2025-11-20,AM,/", f"{upn},2025-11-20,PM,\\", f"{cast.theo.enrolment.pupil.upn},2025-11-20,AM,N", *more]
    return "\n".join(["upn,date,session,code", *rows]) + "\n"


def upload(client: Client, user: User, text: str, **given: str):
    client.force_login(user)
    file = SimpleUploadedFile("register.csv", text.encode(), content_type="text/csv")
    return client.post(UPLOAD, {"school": "900001", "kind": "", "file": file, **given})


def test_the_preview_counts_and_writes_nothing(client: Client, cast: Cast) -> None:
    response = upload(client, cast.alice, long_file(cast, "A999999999999,2025-11-20,AM,/"))
    assert response.status_code == 302 and response["Location"] == PREVIEW
    page = client.get(PREVIEW)
    preview = page.context["preview"]
    assert (preview.rows, preview.new, preview.changed, preview.refused) == (4, 3, 0, 1)
    assert '<td class="number">5</td>' in page.content.decode(), "the refused row's number, the header being row 1"
    assert not ImportBatch.objects.exists()
    assert set(RegisterRow.objects.filter(school=cast.here).values_list("marks", flat=True)) == {"." * 530}


def test_the_commit_reads_in_and_takes_the_kept_file_away(client: Client, cast: Cast) -> None:
    upload(client, cast.alice, long_file(cast))
    assert StoredFile.objects.count() == 1
    response = client.post(COMMIT, {"decision": "commit"}, follow=True)
    assert "3 new marks" in response.content.decode()
    batch = ImportBatch.objects.get()
    assert (batch.new, batch.by, batch.file_name) == (3, cast.alice, "register.csv")
    assert RegisterRow.objects.get(pk=cast.theo.pk).marks[slot(dt.date(2025, 11, 20), "AM")] == "N"
    assert not StoredFile.objects.exists() and "register.csv" in response.content.decode()


def test_the_same_file_twice_changes_nothing_and_says_so(client: Client, cast: Cast) -> None:
    for _ in range(2):
        upload(client, cast.alice, long_file(cast))
        page = client.get(PREVIEW).content.decode()
        response = client.post(COMMIT, {"decision": "commit"}, follow=True)
    assert "This file changes nothing" in page and "nothing changed" in response.content.decode()
    assert ImportBatch.objects.latest("pk").unchanged == 3


def test_thinking_better_of_it_forgets_the_file(client: Client, cast: Cast) -> None:
    upload(client, cast.alice, long_file(cast))
    client.post(COMMIT, {"decision": "forget"})
    assert not ImportBatch.objects.exists() and not StoredFile.objects.exists()
    assert client.get(PREVIEW)["Location"] == UPLOAD


def test_a_second_file_takes_the_place_of_the_first(client: Client, cast: Cast) -> None:
    upload(client, cast.alice, long_file(cast))
    upload(client, cast.alice, long_file(cast, f"{cast.priya.enrolment.pupil.upn},2025-11-20,AM,/"))
    assert StoredFile.objects.count() == 1
    assert client.get(PREVIEW).context["preview"].new == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file is empty"),
        ("name,day\nx,y\n", "The header has no column"),
        ("upn,date,session,code\n", "no rows"),
        ("PK\x03\x04 a workbook", "damaged or not an XLSX file"),
    ],
)
def test_a_file_refused_whole_says_why_and_what_to_do(client: Client, cast: Cast, text: str, sentence: str) -> None:
    response = upload(client, cast.alice, text)
    assert response.status_code == 422 and sentence in response.content.decode()
    assert not StoredFile.objects.exists()


def test_another_schools_file_is_refused_whole(client: Client, cast: Cast) -> None:
    strangers = "\n".join(["upn,date,session,code", *(f"B{number:012},2025-11-20,AM,/" for number in range(5))])
    response = upload(client, cast.alice, strangers)
    assert response.status_code == 422 and "another school" in response.content.decode()


def test_no_file_and_no_school_are_named_at_their_fields(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    page = client.post(UPLOAD, {"school": "", "format": ""})
    assert page.status_code == 422
    assert "Choose a file." in page.content.decode() and "Choose the school" in page.content.decode()


def test_a_school_outside_the_scope_cannot_be_chosen(client: Client, cast: Cast) -> None:
    response = upload(client, cast.charlie, long_file(cast))
    assert response.status_code == 422 and not StoredFile.objects.exists()


def test_who_may_not_import_reads_why(client: Client, cast: Cast) -> None:
    for role in (Role.TUTOR, Role.HEAD_OF_YEAR, Role.GOVERNOR):
        client.force_login(cast.staff[role])
        response = client.get(UPLOAD)
        assert response.status_code == 403 and "Registers are imported by" in response.content.decode()


def test_one_persons_file_is_nobody_elses(client: Client, cast: Cast) -> None:
    upload(client, cast.alice, long_file(cast))
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    assert client.get(PREVIEW)["Location"] == UPLOAD
    client.post(COMMIT, {"decision": "commit"})
    assert not ImportBatch.objects.exists()


def test_a_withdrawn_role_stops_the_commit(client: Client, cast: Cast) -> None:
    upload(client, cast.alice, long_file(cast))
    cast.alice.roles.update(ends=dt.date(2025, 11, 1))
    assert client.post(COMMIT, {"decision": "commit"}).status_code == 403
    assert not ImportBatch.objects.exists()


def test_a_kept_file_that_is_gone_asks_for_it_again(client: Client, cast: Cast) -> None:
    upload(client, cast.alice, long_file(cast))
    default_storage.delete(StoredFile.objects.get().name)
    response = client.get(PREVIEW, follow=True)
    assert "choose it again" in response.content.decode()
