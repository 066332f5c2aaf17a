"""The officer's morning in a real browser: the calling list worked through by keyboard, the N codes confirmed, on a screen and a phone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from attendance.grid import slot
from attendance.models import AbsenceCall, MarkChange, RegisterRow
from escalation.adoption import adopt
from schools.models import RegisterTime
from tests.accessibility import assert_accessible
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Page]


@pytest.fixture
def cast(settings) -> Cast:
    """Thursday: Priya (looked after), Theo (third day) and Imogen are away without a reason; older N codes wait."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="vale", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(
        made,
        imogen=away(made, "2025-11-20", 1, "N") | away(made, "2025-11-12", 1, "N"),
        theo=away(made, "2025-11-18", 3, "N"),
        priya=away(made, "2025-11-20", 1, "N"),
        newcomer=away(made, "2025-11-11", 8, "I"),
    )
    set_mark(made.theo, "2025-11-12", "AM", "N")
    RegisterTime.objects.create(school=made.here, session="AM", opens=dt.time(0, 5), closes=dt.time(0, 10))
    return made


def set_mark(row: RegisterRow, date: str, session: str, code: str) -> None:
    marks = list(RegisterRow.objects.get(pk=row.pk).marks)
    marks[slot(dt.date.fromisoformat(date), session)] = code
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


def stored(row: RegisterRow, date: str) -> str:
    marks = RegisterRow.objects.get(pk=row.pk).marks
    return "".join(marks[slot(dt.date.fromisoformat(date), half)] for half in ("AM", "PM"))


def test_the_list_is_worked_through_by_keyboard(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/today/calling/")
    page.keyboard.press("r")
    expect(page.locator("tr.is-open").first).to_contain_text("Priya Nowak")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Call for Priya Nowak recorded.")

    expect(page.locator("tr.is-open").first).to_contain_text("Theo Okafor")
    page.get_by_label("Reason given").select_option("I")
    page.locator("select[name=since]").select_option("2025-11-18")
    page.get_by_label("Expected back").select_option("2025-11-21")
    page.get_by_label("What was said").fill("Tonsillitis")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Call for Theo Okafor recorded and 6 marks changed to I.")

    expect(page.locator("tr.is-open").first).to_contain_text("Imogen Marlow")
    page.get_by_label("Whom").select_option(label="Piers Quill")
    page.keyboard.press("Escape")
    page.get_by_label("What was said").fill("On the bus, late")
    page.get_by_label("Expected back").select_option(label="later today")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Call for Imogen Marlow recorded.")

    calls = {call.pupil.first_name: call for call in AbsenceCall.objects.select_related("pupil", "parent")}
    assert [calls[name].outcome for name in ("Priya", "Theo", "Imogen")] == ["no_answer", "spoke", "spoke"]
    assert calls["Imogen"].parent == cast.parents["Piers"] and calls["Theo"].expected_return == dt.date(2025, 11, 21)
    assert [stored(cast.theo, f"2025-11-{day}") for day in (18, 19, 20)] == ["II", "II", "II"]


def test_the_n_codes_are_confirmed_and_an_exception_waits(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/today/")
    page.get_by_role("link", name="Confirm that 3 N codes past day 5 become O").click()
    box = page.get_by_role("checkbox", name="Theo Okafor, Wed 12 Nov morning becomes O")
    expect(box).not_to_be_checked()
    expect(page.get_by_text("came after the register closed (U)?")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Imogen Marlow, Wed 12 Nov all day becomes O")).to_be_checked()
    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_contain_text("2 N codes are now O, in your name.")
    assert (stored(cast.imogen, "2025-11-12"), stored(cast.theo, "2025-11-12")) == ("OO", "N\\")
    assert {change.by for change in MarkChange.objects.all()} == {cast.alice}

    page.get_by_role("link", name="Reason for Theo Okafor, Wed 12 Nov morning").click()
    expect(page.get_by_label("Reason given")).to_have_value("U")
    page.get_by_label("What was said").fill("Came at ten")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("1 mark changed to U.")
    assert stored(cast.theo, "2025-11-12") == "U\\"


def test_a_long_illness_is_logged_in_two_clicks_and_nobody_reached_is_handed_on(
    cast: Cast, signed_in: SignIn, live_server: LiveServer
) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/today/illness/")
    page.get_by_role("link", name="Record a contact about Nia Newell").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Call for Nia Newell recorded.")
    expect(page.get_by_role("row", name="Nia Newell")).to_contain_text("Thu 27 Nov")

    cast.parents["Grace"].telephone = ""
    cast.parents["Grace"].save()
    page.goto(f"{live_server.url}/today/")
    page.get_by_role("button", name="Tell the safeguarding lead about Theo Okafor").click()
    expect(page.get_by_role("status")).to_contain_text("Theo Okafor is with Ms S. Sorrel, due today.")
    expect(page.locator(".calling__told")).to_contain_text("With Ms S. Sorrel")


def test_without_a_script_on_a_phone(cast: Cast, browser: Browser, signed_in: SignIn, live_server: LiveServer) -> None:
    cookies = signed_in(cast.alice).context.cookies()
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}, locale="en-GB")
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{live_server.url}/today/calling/")
    page.get_by_role("link", name="Record a call for Theo Okafor").click()
    page.get_by_role("radio", name="Left a message").check()
    page.get_by_label("What was said").fill("Asked to ring back")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("Call for Theo Okafor recorded.")
    assert AbsenceCall.objects.get().outcome == "left_message"
    context.close()


ADDRESSES = (
    "today/calling/",
    "today/calling/?open={theo}",
    "today/calling/?tab=expected",
    "today/n-codes/",
    "today/n-codes/?open={row}:2025-11-12:AM",
    "today/illness/?open={nia}",
    "today/registers/",
    "today/?open={theo}",
)


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    for half in ("AM", "PM"):
        set_mark(cast.priya, "2025-11-20", half, ".")
    page = signed_in(cast.alice)
    page.set_viewport_size({"width": width, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    named = {"theo": cast.theo.enrolment_id, "nia": cast.newcomer.enrolment_id, "row": cast.theo.pk}
    for address in ADDRESSES:
        page.goto(f"{live_server.url}/{address.format(**named)}")
        assert_accessible(page)
    assert said == []
