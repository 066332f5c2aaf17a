"""Leave in a browser: entered by the officer, decided by the head, its letter among the decisions, its marks ahead in the register."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from attendance.grid import slot
from attendance.models import RegisterRow
from casework.models import LeaveRequest, PartTimeTimetable
from escalation.adoption import adopt
from schools.models import Role
from tests.accessibility import assert_accessible
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Page]
NARROW = {"width": 360, "height": 740}


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="vale", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 1))
    run(made)
    return made


def on_a_phone(page: Page) -> None:
    """The page as it stands, held to the same rules at the width of a phone."""
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_from_the_request_to_the_letter_and_the_marks_ahead(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/pupils/{cast.imogen.enrolment.pupil_id}/")
    page.get_by_role("link", name="Leave asked for").click()
    page.get_by_label("Who asked").select_option(label="Ms Morwenna Marlow, mother")
    page.get_by_label("First day away").fill("2025-12-08")
    page.get_by_label("Last day away").fill("2025-12-05")
    page.get_by_label("What it is for").select_option(label="Exceptional circumstances (C)")
    page.get_by_label("The reason, as the parent gave it").fill("Her grandmother is to be buried.")
    page.get_by_role("button", name="Enter the request").click()
    expect(page.get_by_role("alert")).to_contain_text("The last day, 5 December 2025, is before the first, 8 December 2025")
    assert_accessible(page)
    page.get_by_label("Last day away").fill("2025-12-10")
    page.get_by_role("button", name="Enter the request").click()
    expect(page.get_by_role("status")).to_contain_text("The head decides on it.")
    expect(page.get_by_role("button", name="Decide")).to_be_disabled()
    on_a_phone(page)

    page = signed_in(cast.staff[Role.HEAD])
    page.goto(f"{live_server.url}/leave/")
    on_a_phone(page)
    page.get_by_role("link", name="Imogen Marlow").click()
    expect(page.get_by_role("region", name="What speaks against it")).to_contain_text("any absence is unauthorised: 2 sessions")
    page.get_by_label("Grant it").check()
    page.get_by_label("Your reason").fill("A funeral in the close family.")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("status")).to_contain_text("Granted. 6 sessions marked C ahead.")
    on_a_phone(page)

    page.goto(f"{live_server.url}/decisions/")
    expect(page.locator(".letter")).to_contain_text("My reason: A funeral in the close family.")
    expect(page.locator(".letter")).to_contain_text("We expect Imogen back on Thursday 11 December.")
    marks = RegisterRow.objects.get(pk=cast.imogen.pk).marks
    assert marks[slot(dt.date(2025, 12, 8), "AM") : slot(dt.date(2025, 12, 11), "AM")] == "CCCCCC"
    assert LeaveRequest.objects.get().state == "granted"


def test_a_part_time_timetable_is_agreed_and_ended(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.staff[Role.HEAD])
    page.goto(f"{live_server.url}/pupils/{cast.imogen.enrolment.pupil_id}/")
    page.get_by_role("link", name="Part-time timetable").click()
    on_a_phone(page)
    for label, date in (("First day", "2025-11-24"), ("Last day", "2025-12-12"), ("First review on", "2025-12-05")):
        page.get_by_label(label, exact=True).fill(date)
    page.get_by_label("Monday afternoon").check()
    page.get_by_label("Why").fill("Back after an illness.")
    page.get_by_label("What it is to achieve, and how").fill("Full days by the end of term.")
    page.get_by_label("Agreed by").select_option(label="Ms Morwenna Marlow, mother")
    page.get_by_role("button", name="Agree and mark ahead").click()
    expect(page.get_by_role("status")).to_contain_text("Agreed. 3 sessions marked ahead.")
    on_a_phone(page)
    page.get_by_text("End it early").click()
    page.get_by_label("Last day", exact=True).fill("2025-11-28")
    page.get_by_label("Why it ends").fill("She manages full days.")
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("status")).to_contain_text("Ended. 2 marks taken back.")
    assert PartTimeTimetable.objects.get().ends == dt.date(2025, 11, 28)
    page.goto(f"{live_server.url}/leave/")
    assert_accessible(page)
