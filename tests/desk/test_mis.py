"""The page of the connection to a MIS, as an officer uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from attendance.models import MisConnection, RawCode, RegisterRow
from schools.models import PeopleBatch, Pupil
from tests.attendance.test_wonde import CODES, IMOGEN, contact, mark, student
from tests.cast import TODAY, Cast, assemble
from tests.fake_wonde import SCHOOL, TOKEN, FakeWonde, fake_wonde

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def wonde(cast: Cast, settings: Any) -> Iterator[FakeWonde]:
    """A service with Imogen, whose form has changed, and a pupil who is new; the newcomer is not in it any more."""
    known = [
        student(number, row.enrolment.pupil.first_name, row.enrolment.pupil.last_name, row.enrolment.pupil.upn or "",
                row.enrolment.admission_number)
        for number, row in {IMOGEN: cast.imogen, "A3": cast.theo, "A4": cast.priya}.items()
    ]  # fmt: skip
    known[0]["groups"]["data"][1]["name"] = "7C"
    new = student("A2", "Robin", "New", "A823432129999", "009999", contact("Sam", "New", "Mother"))
    codes = [{"id": number, "code": code} for number, code in CODES.items()]
    marks = [mark(IMOGEN, "2025-11-20", "AM", "c1")]
    with fake_wonde(students=[*known, new], attendance_session=marks, attendance__codes=codes) as served:
        settings.DEBUG, settings.WONDE_URL, settings.WONDE_PAUSE, settings.HANDRAIL_TODAY = True, served.address, 0.001, TODAY
        yield served


@pytest.fixture
def officer(client: Client, cast: Cast, wonde: FakeWonde) -> Client:
    client.force_login(cast.alice)
    return client


def post(client: Client, name: str, **data: str) -> str:
    """Sends a form of the page; returns the page that follows."""
    return client.post(reverse(f"desk:mis-{name}", args=["900001"]), data, follow=True).content.decode()


def connected(client: Client, token: str = TOKEN) -> None:
    post(client, "save", wonde_id=SCHOOL, token=token, is_active="on")


def test_an_empty_page_says_what_is_needed(officer: Client) -> None:
    page = officer.get(reverse("desk:mis")).content.decode()
    assert "Nothing to read from yet" in page


def test_a_connection_is_set_up_and_tried(officer: Client, cast: Cast) -> None:
    connected(officer)
    assert MisConnection.objects.get(school=cast.here).is_active
    assert "knows the school as “Fenwold Academy”" in post(officer, "try")


def test_a_form_without_a_token_says_so_and_shows_no_other(officer: Client) -> None:
    page = post(officer, "save", wonde_id=SCHOOL, token="")
    assert "Token: enter the one that Wonde gave" in page


def test_the_token_is_never_shown_again(officer: Client) -> None:
    connected(officer)
    page = officer.get(reverse("desk:mis")).content.decode()
    assert TOKEN not in page
    assert "A token is kept" in page


def test_a_wrong_token_is_said_on_the_page(officer: Client) -> None:
    connected(officer, token="wrong")
    assert "does not accept the token" in post(officer, "try")
    assert "The last reading failed" in post(officer, "read")


def test_marks_are_read_now(officer: Client, cast: Cast) -> None:
    connected(officer)
    assert "1 new mark, 0 changed marks" in post(officer, "read")
    assert RegisterRow.objects.get(pk=cast.imogen.pk).marks.strip(".") == "/"
    assert "nothing has changed" in post(officer, "read")


def test_a_code_is_explained_and_taken_back(officer: Client, cast: Cast) -> None:
    assert "“X01” is read as X" in post(officer, "code", raw="X01", code="X")
    assert RawCode.objects.get(school=cast.here).code == "X"
    assert "Code in the MIS: type it" in post(officer, "code", raw="", code="X")
    post(officer, "code", forget="X01")
    assert not RawCode.objects.exists()


def test_people_are_looked_at_before_they_are_taken_in(officer: Client, cast: Cast) -> None:
    connected(officer)
    page = post(officer, "fetch-people")
    assert "Robin New" in page
    assert "7C" in page
    assert "Would leave the roll" in page
    assert not Pupil.objects.filter(last_name="New").exists()
    officer.post(reverse("desk:mis-people"), {"decision": "forget"})
    assert not PeopleBatch.objects.exists()
    post(officer, "fetch-people")
    officer.post(reverse("desk:mis-people"), {"decision": "commit"})
    assert PeopleBatch.objects.get().format == "wonde"
    assert Pupil.objects.get(last_name="New").enrolments.get().school == cast.here


def test_a_connection_is_removed_with_its_token(officer: Client, cast: Cast) -> None:
    connected(officer)
    post(officer, "remove")
    assert not MisConnection.objects.exists()


def test_a_failed_reading_is_an_exception_on_today(officer: Client, cast: Cast) -> None:
    connected(officer, token="wrong")
    post(officer, "read")
    page = officer.get(reverse("desk:today")).content.decode()
    assert "The MIS was not read" in page
    assert "See the connection" in page
