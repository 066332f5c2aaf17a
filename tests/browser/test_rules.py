"""A threshold is changed in a real browser, reviewed by a second person and published; every page of it is accessible on a phone too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from escalation.adoption import adopt
from escalation.drafts import begin_draft
from escalation.engine.ruleset import load_ruleset
from escalation.models import LadderDraft
from escalation.queries import adopted
from schools.models import Role
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[..., Page]
NEXT_DAY = dt.date(2025, 11, 21)


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    settings.REDIS_URL = ""  # as in the demo: whoever looks at a trial moves it on
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, until=NEXT_DAY, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-11-03", 3))
    return made


def test_a_threshold_is_changed_tried_reviewed_and_published(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    run(cast)
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.goto(f"{live_server.url}/rules/")
    page.get_by_role("button", name="Change the ladder in force").click()
    page.get_by_role("link", name="All its numbers").click()
    page.get_by_label("Support half term", exact=True).fill("6")
    page.get_by_role("button", name="Save the numbers").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.get_by_role("link", name="Draft", exact=False).first.click()
    expect(page.get_by_text("Stage 3 began at 8 sessions missed this half term, now at 6.")).to_be_visible()
    expect(page.get_by_text("a second person has to review it")).to_be_visible()
    page.get_by_role("link", name="Stage 3: Letter 1: support").click()
    page.get_by_role("button", name="Add a row to the condition").click()
    expect(page.get_by_role("group", name="Row 3")).to_be_visible()
    page.get_by_role("button", name="Remove row 3").click()
    expect(page.get_by_role("group", name="Row 3")).not_to_be_visible()

    page.get_by_role("link", name="Draft", exact=False).first.click()
    page.get_by_role("link", name="whom it would have reached, week by week").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="Who would be written to, and who would not")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Stage 3: Letter 1: support").click()
    page.get_by_text("Newly: 1 pupil").click()
    expect(page.get_by_role("link", name=cast.theo.enrolment.pupil.name)).to_be_visible()

    page = signed_in(cast.staff[Role.HEAD])
    draft = LadderDraft.objects.get()
    page.goto(f"{live_server.url}/rules/drafts/{draft.pk}/")
    page.get_by_label("What you looked at").fill("Read with the year heads.")
    page.get_by_role("button", name="I have read it and agree").click()
    page.get_by_role("link", name="Choose the day").click()
    page.get_by_label("In force from").fill("2025-11-21")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status")).to_contain_text("in force from Friday 21 November 2025")
    expect(page.get_by_text("from 21 November 2025 at 6.")).to_be_visible()
    assert adopted(cast.here, dt.date(2025, 11, 21))[1].parameters["support_half_term"].value == 6
    assert adopted(cast.here, TODAY)[1].parameters["support_half_term"].value == 8

    assert run(cast, on=NEXT_DAY, now=NOW + dt.timedelta(days=1)).proposed == 1
    page.goto(f"{live_server.url}/pupils/{cast.theo.enrolment.pupil_id}/")
    expect(page.get_by_text("stage 3 begins at 6.").first).to_be_visible()
    page.goto(f"{live_server.url}/pupils/{cast.imogen.enrolment.pupil_id}/")
    expect(page.get_by_text("stage 3 begins at 8.").first).to_be_visible()


PAGES = ("rules/", "rules/history/", "rules/900001/new/?shape=both&count=3&name=Ours&letters_of=coventry", "rules/drafts/{draft}/",
         "rules/drafts/{draft}/numbers/", "rules/drafts/{draft}/stages/4/", "rules/drafts/{draft}/text/")  # fmt: skip


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    lead = cast.staff[Role.ATTENDANCE_LEAD]
    text = load_ruleset("federation").text.replace("band: further", "band: farther", 1)
    draft = begin_draft(
        school=cast.here, text=text, based_on=adopted(cast.here, TODAY)[0], by=lead, role="attendance_lead", now=NOW
    )
    page = signed_in(lead)
    page.set_viewport_size({"width": width, "height": 900})
    for address in PAGES:
        address = address.format(draft=draft.pk)
        page.goto(f"{live_server.url}/{address}")
        faults = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        assert [
            (fault["id"], [node["target"] for node in fault["nodes"]][:3]) for fault in faults.response["violations"]
        ] == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
