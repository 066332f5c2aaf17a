"""The attendance lead's work in a real browser: from the board to a case, a meeting planned, moved and held, and its stage done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from casework.documents import add_document
from casework.models import Document, Meeting, MeetingSlot
from casework.support import offer_support
from escalation.adoption import adopt
from escalation.models import StageRecord, Task
from schools.models import Role
from tests.accessibility import assert_accessible
from tests.casework.cases import a_night, planned, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Page]
LATER = dt.date(2025, 11, 21)


@pytest.fixture
def cast(settings) -> Cast:
    """Imogen stands at the stage of the surgery, which begins with the meeting itself."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    a_night(made)
    adopt(school=made.here, key="wigston", starts=dt.date(2025, 9, 2), by=None, now=NOW)
    record = staged(made, stage="4", letter="medical-evidence")
    Task.objects.create(
        case=record.case, stage_record=record, kind="meeting", title="Meeting, stage 4: surgery", role="head_of_year",
        owner=made.staff[Role.ATTENDANCE_LEAD], due_on=dt.date(2025, 11, 17),
    )  # fmt: skip
    return made


def test_from_the_board_to_a_stage_that_is_done(cast: Cast, signed_in: SignIn, live_server: LiveServer, settings) -> None:
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.goto(f"{live_server.url}/cases/")
    expect(page.get_by_role("region", name="By what is due")).to_contain_text("3 days over")
    page.get_by_role("region", name="By what is due").get_by_role("link", name="Imogen Marlow").click()
    page.get_by_role("link", name="Plan a meeting").click()
    page.get_by_label("Date").fill("2025-12-09")
    page.get_by_label("Time", exact=True).fill("16:10")
    page.get_by_label("Place").fill("room 2")
    page.get_by_role("button", name="Plan the meeting").click()
    meetings = page.get_by_role("region", name="Meetings")
    expect(meetings).to_contain_text("Tue 9 Dec, 16.10, 20 minutes, room 2")

    meetings.get_by_role("link", name="Move").click()
    page.get_by_label("Date").fill(LATER.isoformat())
    page.get_by_role("button", name="Move it").click()
    expect(page.get_by_role("region", name="Meetings")).to_contain_text("Moved from Tue 9 Dec, 16.10, room 2.")

    settings.HANDRAIL_TODAY = LATER
    page.get_by_role("region", name="Meetings").get_by_role("link", name="Record").click()
    page.get_by_label("How did it go?").select_option("held")
    page.get_by_label("Ms Morwenna Marlow").select_option("came")
    page.get_by_label("What was agreed").fill("A mentor meets Imogen at the gate.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Meetings")).to_contain_text("Held")
    expect(page.get_by_role("region", name="Due")).not_to_contain_text("Meeting, stage 4")
    expect(page.get_by_role("region", name="What has happened")).to_contain_text("Stage 4 done")
    record = StageRecord.objects.get(stage="4")
    assert (record.state, record.done_on) == ("done", LATER)
    assert [move.place for move in Meeting.objects.get().history.all()] == ["room 2"]


def test_times_are_offered_and_given_without_a_script_on_a_phone(
    cast: Cast, browser: Browser, signed_in: SignIn, live_server: LiveServer
) -> None:
    staged(cast, stage="3", letter="concern-2")
    cookies = signed_in(cast.staff[Role.ATTENDANCE_LEAD]).context.cookies()
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}, locale="en-GB")
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{live_server.url}/meetings/times/")
    page.get_by_label("Day").fill("2025-12-09")
    page.get_by_label("From", exact=True).fill("15:30")
    page.get_by_label("To", exact=True).fill("16:30")
    page.get_by_label("Place").fill("room 2")
    page.get_by_role("button", name="Offer these times").click()
    assert MeetingSlot.objects.count() == 3
    page.goto(f"{live_server.url}/decisions/?whose=all")
    page.get_by_role("link", name="Give times").first.click()
    page.get_by_role("button", name="Give these slots").click()
    expect(page.locator(".messages")).to_contain_text("1 meeting is planned. Its letters name it, and can be approved together.")
    context.close()


PAGES = (
    "cases/", "cases/?show=stuck", "cases/{case}/", "cases/{case}/task/", "cases/{case}/visit/", "cases/{case}/offer/",
    "cases/{case}/meeting/", "cases/{case}/document/", "cases/tasks/{task}/close/", "meetings/{meeting}/move/",
    "meetings/{meeting}/record/", "meetings/{meeting}/cancel/", "meetings/times/",
    "decisions/times/?school=900001&wording=concern-2",
)  # fmt: skip


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    record = StageRecord.objects.get()
    meeting = planned(cast, record, others=["Welfare officer"])
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    offer_support(case=record.case, kind="mentoring", offered_on=TODAY, **who)
    add_document(case=record.case, title="Note", kind="parent_letter", file_name="a.txt", content=b"Ill.", **who)
    staged(cast, stage="3", letter="concern-2")
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.set_viewport_size({"width": width, "height": 900})
    for address in PAGES:
        task = Task.objects.get(kind="meeting").pk
        page.goto(f"{live_server.url}/{address.format(case=record.case_id, meeting=meeting.pk, task=task)}")
        assert_accessible(page)
    Document.objects.update(retain_until=TODAY - dt.timedelta(days=1))
    page = signed_in(cast.staff[Role.ADMINISTRATOR])
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{live_server.url}/documents/")
    expect(page.get_by_role("button", name="Delete number")).to_be_visible()
    assert_accessible(page)
