"""An officer texts parents and answers a reply in a real browser, by keyboard alone and without JavaScript; every page is accessible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from messaging.models import Message, Reply
from schools.models import Role
from tests.accessibility import assert_accessible
from tests.cast import TODAY, Cast
from tests.fake_notify import FakeNotify, Trouble
from tests.messaging.story import MORNING, ready
from tests.stories import present

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[..., Page]
LATER = MORNING + dt.timedelta(minutes=1)


@pytest.fixture
def morning(cast: Cast, notify: FakeNotify, settings, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """A quarter past nine; Imogen and Theo are absent without a reason."""
    settings.REDIS_URL = ""
    monkeypatch.setattr(timezone, "now", lambda: MORNING)
    ready(cast, notify)
    present(cast, imogen={TODAY.isoformat(): "N"}, theo={TODAY.isoformat(): "N"})
    return cast


def press_until(page: Page, name: str, most: int = 60) -> None:
    """Tabs to the button or link of this name and presses it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_parents_are_texted_by_keyboard_alone(
    morning: Cast, notify: FakeNotify, signed_in: SignIn, live_server: LiveServer
) -> None:
    page = signed_in(morning.alice)
    page.goto(f"{live_server.url}/texts/")
    press_until(page, "Text parents")
    expect(page.get_by_role("heading", name="Absent today without a reason")).to_be_visible()
    press_until(page, "Go on to the text")
    expect(page.get_by_role("heading", name="Text parents of 2 pupils")).to_be_visible()
    press_until(page, "Send 3 texts")
    expect(page.get_by_text("3 texts on the way.")).to_be_visible()
    assert len(notify.sent) == 3


def test_a_reply_is_answered_without_javascript(
    morning: Cast, notify: FakeNotify, browser: Browser, client: Client, live_server: LiveServer
) -> None:
    client.force_login(morning.alice)
    context = browser.new_context(java_script_enabled=False)
    session = client.cookies[configured.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/texts/new/?school=900001&pupils={morning.theo.enrolment.pupil_id}&purpose=first-day")
    page.get_by_role("button", name="Send 1 text").click()
    notify.receive("447700900103", "He has a cold", LATER)
    page.get_by_role("button", name="Look for replies now").click()
    page.get_by_text("Answer", exact=False).first.click()
    page.get_by_label("Your answer to Ms Grace Okafor").fill("Thank you, get well soon.")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_text("1 text on the way.")).to_be_visible()
    assert notify.texts_to("+447700900103")[-1] == "Thank you, get well soon."
    context.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    morning: Cast, notify: FakeNotify, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    pupils = ",".join(str(row.enrolment.pupil_id) for row in (morning.imogen, morning.theo, morning.newcomer))
    page = signed_in(morning.alice)
    page.set_viewport_size({"width": width, "height": 800})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    for address in (
        "texts/",
        "texts/new/",
        "texts/new/?form=8B",
        f"texts/new/?pupils={pupils}",
        f"texts/new/?pupils={pupils}&purpose=note",
    ):
        page.goto(f"{live_server.url}/{address}")
        assert_accessible(page)
    notify.faults.append(Trouble.ERROR_AFTER)
    page.goto(f"{live_server.url}/texts/new/?pupils={pupils}")
    page.get_by_role("button", name="Send 3 texts").click()
    expect(page.get_by_role("heading", name="Fenwold Academy: texts wait")).to_be_visible()
    Message.objects.filter(parent__first_name="Piers").update(state="failed", fault="Off.", settled_at=MORNING)
    reply = Reply.objects.create(
        school=morning.here, provider_id="1", number="+447700900103", body="A cold", received_at=MORNING, stored_at=MORNING,
        parent=morning.parents["Grace"],
    )  # fmt: skip
    reply.pupils.set([morning.theo.enrolment.pupil])
    page.goto(f"{live_server.url}/texts/")
    page.get_by_text("Answer").first.click()
    assert_accessible(page)
    page = signed_in(morning.staff[Role.ADMINISTRATOR])
    page.goto(f"{live_server.url}/texts/set-up/")
    assert_accessible(page)
    page.get_by_label("Text message template").fill("nonsense")
    page.get_by_role("button", name="Store and try it").click()
    assert_accessible(page)
    assert [error for error in errors if "422" not in error] == []
