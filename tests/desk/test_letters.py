"""The list of letters, one letter's page, and the files: what has become of each, for those who may see it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from escalation.adoption import adopt
from letters.models import Letter
from letters.services import approve_letters
from schools.models import Parent, Role
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-11-03", 4))
    run(made)
    return made


@pytest.fixture
def approved(cast: Cast) -> Letter:
    """The letter to Imogen's mother, approved by her tutor."""
    letter = Letter.objects.get(case__pupil=cast.imogen.enrolment.pupil, parent=cast.parents["Morwenna"])
    (outcome,) = approve_letters(letters=[letter], by=cast.bob, role=Role.TUTOR, now=NOW, on=TODAY)
    assert outcome.ok
    return outcome.letter


def test_the_list_shows_letters_by_state(client: Client, cast: Cast, approved: Letter) -> None:
    client.force_login(cast.alice)
    everything = client.get(reverse("desk:letters"))
    assert len(everything.context["page"].object_list) == 3
    only = client.get(reverse("desk:letters"), {"state": "approved"}).context["page"].object_list
    assert [letter.pk for letter in only] == [approved.pk]
    assert "No letters here" in client.get(reverse("desk:letters"), {"state": "failed"}).content.decode()


def test_a_letters_page_has_its_history_and_its_words(client: Client, cast: Cast, approved: Letter) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("desk:letter", args=[approved.pk])).content.decode()
    for shown in ("Approved", "Drafted", "Mr B. Birch", approved.sha256[:16], "Download the PDF", "The words as approved"):
        assert shown in page, shown


def test_a_draft_leads_to_its_decision(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    draft = Letter.objects.filter(case__pupil=cast.theo.enrolment.pupil).get()
    assert "Open in Decisions" in client.get(reverse("desk:letter", args=[draft.pk])).content.decode()


def test_the_pdf_is_a_download_that_is_never_cached(client: Client, cast: Cast, approved: Letter) -> None:
    client.force_login(cast.alice)
    response = client.get(reverse("desk:file", args=[approved.pdf.name]))
    assert response["Content-Type"] == "application/pdf" and response.content.startswith(b"%PDF")
    assert response["Content-Disposition"].startswith("attachment") and "no-store" in response["Cache-Control"]
    assert "Marlow" not in response["Content-Disposition"]


def test_outside_the_schools_neither_letter_nor_file_exists(client: Client, cast: Cast, approved: Letter) -> None:
    client.force_login(cast.charlie)
    assert client.get(reverse("desk:letter", args=[approved.pk])).status_code == 404
    assert client.get(reverse("desk:file", args=[approved.pdf.name])).status_code == 404
    assert client.get(reverse("desk:file", args=["letters/900001/nothing.pdf"])).status_code == 404
    assert list(client.get(reverse("desk:letters")).context["page"].object_list) == []


def test_a_name_with_a_nul_is_no_file(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert client.get("/files/letters/%00.pdf").status_code == 404
    assert client.get(f"/pupils/{cast.imogen.enrolment.pupil_id}/?school=%00").status_code == 404


def test_signed_out_nothing_is_shown(client: Client, cast: Cast, approved: Letter) -> None:
    response = client.get(reverse("desk:file", args=[approved.pdf.name]))
    assert response.status_code == 302 and "/accounts/login/" in response["Location"]


def test_the_statements_of_the_list_do_not_grow(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    counts = []
    pattern = Letter.objects.filter(case__pupil=cast.theo.enrolment.pupil).get()
    for number in (10, 200):
        for parent in range(number):
            made = Letter.objects.get(pk=pattern.pk)
            made.pk, made.parent = None, _parent(cast, f"{number}-{parent}")
            made.save()
        with CaptureQueriesContext(connection) as statements:
            client.get(reverse("desk:letters"))
        counts.append(len(statements))
    assert counts[0] == counts[1] and counts[1] <= 15


def _parent(cast: Cast, name: str) -> Parent:
    return make.ParentFactory(group=cast.group, last_name=name)
