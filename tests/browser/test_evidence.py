"""The attendance lead makes an evidence pack in a real browser, sees it done, tests its seal, and refers the case; wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from evidence.models import EvidencePack
from schools.models import Role
from tests.accessibility import assert_accessible
from tests.cast import TODAY
from tests.evidence.court_case import made_up

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Page]


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways at 360 px."""
    page.set_viewport_size({"width": 360, "height": 800})
    return bool(page.evaluate("document.documentElement.scrollWidth <= 360"))


def test_from_the_case_to_a_sealed_file_and_a_referral(signed_in: SignIn, live_server: LiveServer, settings) -> None:
    settings.HANDRAIL_TODAY = TODAY
    settings.REDIS_URL = ""
    cast, case = made_up()
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.goto(f"{live_server.url}/cases/{case.pk}/")
    page.get_by_role("link", name="Make an evidence pack").click()
    assert_accessible(page)
    page.get_by_role("button", name="Make the pack").click()
    expect(page.get_by_role("link", name="Download the pack")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Test the seal").click()
    expect(page.get_by_text("The file is as it was sealed.")).to_be_visible()
    assert_accessible(page)
    assert fits(page)
    assert EvidencePack.objects.get().state == "done"

    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{live_server.url}/cases/{case.pk}/refer/")
    assert_accessible(page)
    page.get_by_role("button", name=re.compile("Begin.*Referral to the attendance service")).click()
    expect(page.get_by_role("heading", name="What the policy asks for first")).to_be_visible()
    assert_accessible(page)
    assert fits(page)
    page.get_by_label("Why it goes all the same").fill("The service asked for it at once.")
    page.get_by_role("button", name="Make it ready").click()
    expect(page.get_by_role("heading", name="3. Send it, then say so")).to_be_visible(timeout=30_000)
    page.get_by_label("To whom at the service").fill("the duty officer")
    page.get_by_role("button", name="Mark as sent").click()
    page.goto(f"{live_server.url}/referrals/")
    expect(page.get_by_role("region", name="Under way")).to_contain_text("Imogen Marlow")
    assert_accessible(page)
    assert fits(page)
