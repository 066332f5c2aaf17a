"""A register of thirty is taken by keyboard alone, and a mark is corrected, in a real browser; on a phone and a tablet, too."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from attendance.grid import slot
from attendance.models import FormRegister, MarkChange, MarkDetail, RegisterRow
from attendance.queries import verify
from attendance.services import stored_code
from attendance.taking import TakenMark, take_register
from schools.models import RegisterTime, School
from tests import factories as make
from tests.accessibility import assert_accessible
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[..., Page]
MORNING = NOW.replace(hour=9, minute=0)


class Keys:
    """A keyboard that counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.presses = page, 0

    def __call__(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.presses += 1


@pytest.fixture
def cast(settings, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Nine o'clock; 7A has thirty pupils."""
    settings.HANDRAIL_TODAY = TODAY
    monkeypatch.setattr(timezone, "now", lambda: MORNING)
    made = assemble()
    School.objects.update(register_source=School.RegisterSource.HANDRAIL)
    made.here.refresh_from_db()
    for session, opens, closes in (("AM", (8, 50), (9, 20)), ("PM", (13, 10), (13, 30))):
        RegisterTime.objects.create(
            school=made.here, session=session, label="All", opens=dt.time(*opens), closes=dt.time(*closes)
        )
    for _ in range(27):
        make.on_roll(made.here)
    return made


def codes() -> Counter[str]:
    place = slot(TODAY, "AM")
    marks = RegisterRow.objects.filter(enrolment__placements__form="7A").values_list("marks", flat=True)
    return Counter(row[place] for row in marks)


def opened(page: Page, live_server: LiveServer) -> Keys:
    page.goto(f"{live_server.url}/registers/900001/2025-11-20/AM/7A/")
    expect(page.locator("input[type=radio]:focus")).to_have_count(1)
    return Keys(page)


def test_thirty_marks_are_thirty_keys_and_one_to_save(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.bob)
    keys = opened(page, live_server)
    keys(*["/", "p"] * 13, "n", "/", "l", "/")
    expect(page.get_by_text("0 without a mark")).to_be_visible()
    keys("Enter")
    expect(page.get_by_text("The register is complete.")).to_be_visible()
    assert keys.presses == 31
    assert codes() == {"/": 28, "N": 1, "L": 1}
    assert FormRegister.objects.get().closed_by == cast.bob
    assert verify(cast.here)[2] == []


def test_two_absences_late_minutes_and_all_others_present(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.bob)
    keys = opened(page, live_server)
    keys("ArrowDown", "n", "l", "1", "2", "n", "Backspace", "l", "4", "5", "ArrowUp", "a", "Enter")
    # The third row's N was taken back; 45 minutes are after closing, where a tutor has no U before it closes: it stays L and is refused.
    expect(page.get_by_role("alert")).to_contain_text(
        "45 minutes late is 9.35, after the register closed at 9.20: the code is U."
    )
    assert codes() == {".": 30}
    page.get_by_label("minutes late").locator("visible=true").nth(1).fill("20")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("The register is complete.")).to_be_visible()
    assert codes() == {"/": 27, "N": 1, "L": 2}
    assert sorted(MarkDetail.objects.values_list("minutes_late", flat=True)) == [12, 20]


def test_the_officer_types_codes_of_two_characters(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    keys = opened(page, live_server)
    keys("i", "c", "c", "2", "y", "1", "j", "1", "Shift+P", "u", "a", "Enter")
    expect(page.get_by_text("The register is complete.")).to_be_visible()
    assert keys.presses == 12
    stored = codes()
    assert [stored[each] for each in ("I", "C", "t", "1", "j", "P", "U", "/")] == [1, 1, 1, 1, 1, 1, 1, 23]


def test_keys_that_are_turned_off_do_nothing(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    cast.bob.uses_shortcuts = False
    cast.bob.save()
    page = signed_in(cast.bob)
    opened(page, live_server)("n", "a", "/")
    expect(page.get_by_text("30 without a mark")).to_be_visible()


def test_who_comes_second_sees_what_changed(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.bob)
    keys = opened(page, live_server)
    take_register(
        school=cast.here, form="7A", date=TODAY, session="AM", marks={cast.theo.enrolment_id: TakenMark("N")},
        by=cast.alice, role="officer", now=MORNING,
    )  # fmt: skip
    keys("a", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("Theo Okafor: You gave /. In the meantime it became N (9.00 Ms A. Arden)")
    assert codes() == {"/": 29, "N": 1}
    assert_accessible(page)


def test_a_mark_is_corrected_with_its_history(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    take_register(
        school=cast.here, form="7A", date=TODAY, session="AM", marks={cast.theo.enrolment_id: TakenMark("N")},
        by=cast.bob, role="tutor", now=MORNING,
    )  # fmt: skip
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/pupils/{cast.theo.enrolment.pupil_id}/")
    page.get_by_text("missed, by date").click()
    page.get_by_role("link", name="Thu 20 Nov, morning").click()
    page.get_by_label("Code").select_option("I")
    page.get_by_label("Reason for the correction").fill("Mother rang: a cold")
    page.get_by_role("button", name="Correct the mark").click()
    expect(page.get_by_role("row", name="Mother rang: a cold")).to_contain_text("Ms A. Arden")
    expect(page.get_by_role("row", name="Register taken")).to_contain_text("Mr B. Birch")
    assert stored_code(cast.theo, TODAY, "AM") == "I"
    assert MarkChange.objects.get().role == "officer"


PAGES = ("registers/", "registers/900001/2025-11-20/AM/7A/", "registers/900001/2025-11-20/PM/7A/", "registers/?date=2025-11-22",
         "marks/{theo}/", "marks/{theo}/2025-11-20/AM/", "pupils/{pupil}/")  # fmt: skip


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    given = {cast.theo.enrolment_id: TakenMark("L", 5, "Bus"), cast.imogen.enrolment_id: TakenMark("I")}
    take_register(school=cast.here, form="7A", date=TODAY, session="AM", marks=given, by=cast.alice, role="officer", now=MORNING)
    page = signed_in(cast.alice)
    page.set_viewport_size({"width": width, "height": 800})
    for address in PAGES:
        page.goto(f"{live_server.url}/{address.format(theo=cast.theo.enrolment_id, pupil=cast.theo.enrolment.pupil_id)}")
        assert_accessible(page)


def test_a_register_prints_on_one_page(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.bob)
    opened(page, live_server)
    page.emulate_media(media="print")
    sheet = page.pdf(format="A4", prefer_css_page_size=True)
    assert sheet.count(b"/Type /Page\n") + sheet.count(b"/Type /Page ") == 1
    expect(page.get_by_role("button", name="Save").last).not_to_be_visible()
