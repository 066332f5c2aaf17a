"""A plan in a browser: put in force without the parents, printed, missed at its end, its outcome shown, the next stage proposed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from io import BytesIO

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader
from pytest_django.live_server_helper import LiveServer

from casework.models import Plan
from casework.plans import Act, Content, draft_plan, put_in_force
from escalation.adoption import adopt
from escalation.models import Period, StageRecord, Task
from escalation.services import mark_stage_done
from schools.models import Role
from tests.accessibility import assert_accessible
from tests.casework.cases import staged
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Page]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-10-06", 9, "I"))
    run(made)
    for stage in ("4", "5"):
        StageRecord.objects.filter(state="proposed").update(state="declined")
        mark_stage_done(record=staged(made, stage=stage), on=TODAY, by=None, role="", now=NOW)
    return made


def test_from_the_draft_to_the_missed_target_and_the_next_stage(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, settings
) -> None:
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    case = StageRecord.objects.filter(stage="5", state="done").get().case
    page.goto(f"{live_server.url}/cases/{case.pk}/")
    page.get_by_role("region", name="Plans and monitoring").get_by_role("link", name="Draw up a plan").click()
    page.get_by_label("Weeks").fill("0")
    page.get_by_label("Target, %").fill("50")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("alert")).to_contain_text("a support plan lasts at least one week")
    assert_accessible(page)
    page.get_by_label("Weeks").fill("3")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("alert")).to_contain_text("a target of 50% asks for no more than that")
    page.get_by_label("Target, %").fill("95")
    page.get_by_label("Review on").fill("2025-12-11")
    page.get_by_label("Transport, in words").fill("The bus comes late on Mondays.")
    page.get_by_label("Action 1", exact=True).fill("Ask for a bus pass")
    page.get_by_label("Action 1, by whom").select_option(label="The school")
    page.get_by_label("The school promises").fill("A mentor waits at the gate.\nWe ring each Friday.")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("region", name="What gets in the way")).to_contain_text("The bus comes late on Mondays.")

    page.get_by_role("link", name="Put in force").click()
    page.get_by_label("Put in place without the parents").check()
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("alert")).to_contain_text("Say how the parents were asked")
    page.get_by_label("How the parents were asked").fill("Two letters, and a call on the day.")
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("region", name="When, and what is aimed at")).to_contain_text("Two letters, and a call on the day.")
    assert Task.objects.get(kind="plan", stage_record__stage="5").state == "done"
    printed = page.request.get(f"{live_server.url}/plans/{Plan.objects.get().pk}/plan.pdf")
    text = "".join(sheet.extract_text() for sheet in PdfReader(BytesIO(printed.body())).pages)
    assert "Target: 95%" in text and "A mentor waits at the gate." in text and "Made without the parents" in text

    end = dt.date(2025, 12, 11)
    settings.HANDRAIL_TODAY = end
    absences = {**away(cast, "2025-10-06", 9, "I"), **away(cast, "2025-11-24", 5, "I")}
    present(cast, end, imogen=absences)
    run(cast, on=end)
    assert (Period.objects.get(stage="5").outcome, StageRecord.objects.get(stage="6").state) == ("missed", "proposed")
    page.goto(f"{live_server.url}/plans/")
    expect(page.get_by_role("region", name="Ending this week")).to_contain_text("20 of 30 sessions, 66.7%, target 95%: missed")
    page.get_by_role("region", name="To be reviewed").get_by_role("link", name="Imogen Marlow").click()
    page.get_by_role("link", name="Review").click()
    expect(page.locator("main")).to_contain_text("The night has proposed stage 6")
    page.get_by_label("What follows").select_option(label="The next stage")
    page.get_by_label("What was said, and why").fill("The bus pass did not help.")
    page.get_by_role("button", name="Save the review").click()
    expect(page.get_by_role("region", name="Reviews")).to_contain_text("The next stage")
    assert Plan.objects.get().state == "reviewed"


def test_rows_are_added_without_a_script_on_a_phone(
    cast: Cast, browser: Browser, signed_in: SignIn, live_server: LiveServer
) -> None:
    cookies = signed_in(cast.staff[Role.ATTENDANCE_LEAD]).context.cookies()
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}, locale="en-GB")
    context.add_cookies(cookies)
    page = context.new_page()
    case = StageRecord.objects.filter(stage="5", state="done").get().case
    page.goto(f"{live_server.url}/cases/{case.pk}/plan/")
    page.get_by_label("Action 1", exact=True).fill("Ask for a bus pass")
    page.get_by_role("button", name="Add rows").click()
    expect(page.get_by_label("Action 6", exact=True)).to_be_visible()
    expect(page.get_by_label("Action 1", exact=True)).to_have_value("Ask for a bus pass")
    page.get_by_label("Action 1, by whom").select_option(label="The school")
    page.get_by_label("Action 6", exact=True).fill("Set two alarms")
    page.get_by_label("Action 6, by whom").select_option(label="Pupil")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("region", name="What is done, and by whom")).to_contain_text("2. Set two alarms")
    context.close()


PAGES = (
    "plans/", "plans/{plan}/", "plans/{draft}/", "plans/{draft}/edit/", "plans/{draft}/force/", "plans/{plan}/sign/",
    "plans/{plan}/review/", "plans/{plan}/end/", "cases/{case}/tracking/", "cases/{case}/", "cases/{case}/plan/", "cases/weekly/{record}/",
)  # fmt: skip


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    record = StageRecord.objects.filter(stage="5", state="done").get()
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    weeks = TODAY + dt.timedelta(weeks=3)
    content = Content(
        "support", TODAY, 3, weeks, concern="Mornings.", actions=[Act("Ask for a bus pass", "school", "Ms A. Arden")]
    )
    plan = draft_plan(case=record.case, record=record, content=content, **who)
    put_in_force(plan=plan, seen=plan.version, in_absence=True, how_tried="Two letters.", **who)
    StageRecord.objects.filter(pk=record.pk).update(version=adopt(
        school=cast.here, key="wigston", starts=dt.date(2025, 9, 2), by=None, now=NOW
    ).version)  # fmt: skip
    record.refresh_from_db()
    parts = {"arrival": "Ms Hazel is at the side door."}
    days = Content("engagement", TODAY, 2, weeks, parts=parts, steps=[(TODAY, "am")], barriers={"anxiety": "Crowds."})
    draft = draft_plan(case=record.case, record=record, content=days, **who)
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.set_viewport_size({"width": width, "height": 900})
    for address in PAGES:
        page.goto(f"{live_server.url}/{address.format(plan=plan.pk, draft=draft.pk, case=record.case_id, record=record.pk)}")
        assert_accessible(page)
