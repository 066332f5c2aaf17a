"""The main job in a real browser: the officer sees what must be done today, the head of year reads a letter and approves it, and what
will be printed is valid PDF/UA-1 and names no other parent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from io import BytesIO

import page as validator
import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader
from pytest_django.live_server_helper import LiveServer

from escalation.adoption import adopt
from escalation.models import Task
from escalation.services import complete_task
from letters.models import Letter
from schools.models import Role
from tests.accessibility import assert_accessible
from tests.cast import Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = dt.date(2025, 10, 6)
FRIDAYS = (dt.date(2025, 9, 19), dt.date(2025, 9, 26), dt.date(2025, 10, 3))
SignIn = Callable[..., Page]


def at(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, 5, tzinfo=dt.UTC)


@pytest.fixture
def cast(settings) -> Cast:
    """A ladder that is judged weekly: on three Fridays the night runs; Bob talks with Imogen, Alice rings home, and on the third Friday
    concern letter 1 is drafted for both her parents. It is the Monday after."""
    settings.HANDRAIL_TODAY = MONDAY
    made = assemble()
    adopt(school=made.here, key="wigston", starts=dt.date(2025, 9, 1), by=None, now=at(dt.date(2025, 9, 1), 9))
    present(made, until=FRIDAYS[-1], imogen=away(made, "2025-09-08", 2, "I"))
    for friday, by in zip(FRIDAYS, (made.bob, made.alice, None), strict=True):
        run(made, on=friday, now=at(friday, 17))
        if by:
            monday = friday + dt.timedelta(days=3)
            task = Task.objects.get(case__pupil=made.imogen.enrolment.pupil, state=Task.State.OPEN)
            complete_task(task=task, by=by, role=task.role, on=monday, now=at(monday, 9), outcome="spoke")
    return made


def drafts(cast: Cast) -> list[Letter]:
    return list(Letter.objects.filter(case__pupil=cast.imogen.enrolment.pupil).order_by("id"))


def test_the_officer_sees_what_the_night_found(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/")
    expect(page).to_have_url(f"{live_server.url}/today/")
    expect(page.get_by_role("link", name="Imogen Marlow").first).to_be_visible()


def test_the_head_of_year_approves_and_the_pdf_is_right(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.staff[Role.HEAD_OF_YEAR])
    page.goto(f"{live_server.url}/")
    expect(page.get_by_role("heading", name="1 waits for you")).to_be_visible()
    expect(page.locator(".letter")).to_contain_text("Ms Morwenna Marlow")
    expect(page.locator(".why")).to_contain_text("stage 2 begins below 95")
    page.get_by_role("link", name="Mr Piers Quill").click()
    expect(page.locator(".letter")).to_contain_text("9 Low Row")
    page.get_by_role("button", name="Approve both letters").click()
    expect(page.get_by_role("status")).to_contain_text("2 letters approved: Imogen Marlow")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()

    mothers, fathers = drafts(cast)
    assert {mothers.state, fathers.state} == {Letter.State.APPROVED}
    page.goto(f"{live_server.url}/letters/{fathers.pk}/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the PDF").click()
    pdf = download.value.path().read_bytes()
    assert validator.validate_pdf_bytes(pdf, profile="ua1").failures == []
    text = " ".join(sheet.extract_text() for sheet in PdfReader(BytesIO(pdf)).pages)
    assert "Quill" in text and "9 Low Row" in text and "Imogen" in text
    assert "Morwenna" not in text and mothers.parent.address.splitlines()[0] not in text


def test_by_keyboard_alone(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.staff[Role.HEAD_OF_YEAR])
    page.goto(f"{live_server.url}/decisions/")
    page.keyboard.press("d")
    page.keyboard.type("We spoke with the family on Friday and agreed a plan.")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Why").last).not_to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("status")).to_contain_text("2 letters approved", timeout=20_000)  # two PDFs are drawn
    assert {letter.state for letter in drafts(cast)} == {Letter.State.APPROVED}


def test_keys_can_be_turned_off(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.staff[Role.HEAD_OF_YEAR])
    page.goto(f"{live_server.url}/decisions/")
    page.locator(".queue__foot").get_by_role("button", name="Turn them off").click()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Approve both letters")).to_be_visible()
    assert {letter.state for letter in drafts(cast)} == {Letter.State.DRAFTED}


def test_without_a_script_on_a_phone(cast: Cast, browser: Browser, signed_in: SignIn, live_server: LiveServer) -> None:
    cookies = signed_in(cast.staff[Role.HEAD_OF_YEAR]).context.cookies()
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}, locale="en-GB")
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{live_server.url}/decisions/")
    page.locator("summary", has_text="Hold until").click()
    form = page.locator("details[open] form")
    form.get_by_label("Hold until").fill("2025-10-13")
    form.get_by_label("Why").fill("Grandmother is ill.")
    form.get_by_role("button", name="Hold").click()
    expect(page.locator(".messages")).to_contain_text("Held until Monday 13 October: Imogen Marlow.")
    assert {letter.state for letter in drafts(cast)} == {Letter.State.HELD}
    context.close()


PAGES = ("decisions/", "decisions/{letter}/edit/", "decisions/{letter}/hold/", "decisions/review/?item={letter}", "pupils/{pupil}/",
         "ladder/", "letters/", "letters/{letter}/")  # fmt: skip


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    page = signed_in(cast.staff[Role.HEAD_OF_YEAR])
    page.set_viewport_size({"width": width, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    for address in PAGES:
        address = address.format(letter=drafts(cast)[0].pk, pupil=cast.imogen.enrolment.pupil_id)
        page.goto(f"{live_server.url}/{address}")
        assert_accessible(page)
    assert said == []
