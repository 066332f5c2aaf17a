"""A penalty request and a statutory clock in a browser: prepared by the officer, sent by the attendance lead, held to axe and to 360 px."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from casework.models import Clock, PenaltyRequest
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
    adopt(school=made.here, key="goldington", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 5), theo=away(made, "2025-11-06", 11, "N"))
    run(made)
    return made


def held(page: Page) -> None:
    """The page as it stands, at both widths."""
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_accessible(page)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_from_near_ten_to_the_authority(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/penalties/")
    held(page)
    page.get_by_role("link", name="Imogen Marlow").click()
    held(page)
    page.get_by_role("link", name="Prepare a request").click()
    page.get_by_role("button", name="Prepare").click()
    expect(page.get_by_role("alert")).to_contain_text("Name who considered the Equality Act 2010.")
    held(page)
    page.get_by_label("Support first").fill("Two meetings and a plan; nobody came.")
    page.get_by_label("Equality Act 2010: considered by").fill("Dr H. Hawthorn")
    page.get_by_label("What they found").fill("No disability is known.")
    page.get_by_label("No prosecution runs").check()
    page.get_by_role("button", name="Prepare").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing has been sent")
    expect(page.get_by_role("button", name="Record as sent")).to_be_disabled()
    held(page)
    address = page.url

    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.goto(address)
    page.get_by_role("button", name="Record as sent").click()
    expect(page.get_by_text("an answer is asked after on Thursday 4 December")).to_be_visible()
    held(page)
    assert PenaltyRequest.objects.get().sent_by == cast.staff[Role.ATTENDANCE_LEAD]
    for tab in ("requests", "improve", "notices"):
        page.goto(f"{live_server.url}/penalties/?show={tab}")
        held(page)


def test_a_notice_to_improve_and_a_clock(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.staff[Role.SAFEGUARDING_LEAD])
    page.goto(f"{live_server.url}/clocks/")
    held(page)
    page.get_by_role("row", name="Child missing education").get_by_role("link", name="Theo Okafor").click()
    held(page)
    page.get_by_label("When and by whom the pupil was last seen").fill("At the gate on 5 November.")
    page.get_by_label("What was tried").fill("Calls to both parents, a visit.")
    page.get_by_role("button", name="Prepare").click()
    page.get_by_label("To whom at the authority").fill("The authority's missing children team")
    page.get_by_label("If it has gaps").fill("It cannot wait for the N codes.")
    page.get_by_role("button", name="Mark as sent").click()
    expect(page.get_by_role("status")).to_contain_text("Recorded as sent")
    held(page)
    assert Clock.objects.get(kind="child_missing").state == "sent"

    page = signed_in(cast.staff[Role.HEAD])
    page.goto(f"{live_server.url}/pupils/{cast.imogen.enrolment.pupil_id}/improvement/new/")
    page.get_by_label("The support given so far").fill("Two meetings.")
    page.get_by_label("Further support on offer").fill("A mentor each Monday.")
    page.get_by_label("What counts as improvement").fill("No session missed without an agreed reason.")
    page.get_by_label("On what grounds we may act earlier").fill("If the help is not taken up.")
    held(page)
    page.get_by_role("button", name="Begin it").click()
    expect(page.get_by_role("status")).to_contain_text("somebody approves it before it leaves")
    held(page)
