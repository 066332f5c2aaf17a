"""Four people's work on cases in a real browser: the officer, the head of year, the attendance lead and the safeguarding lead.

Every page that a story passes through is held to axe's rules at 1280 and at 360, without sideways scroll.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from attendance.models import RegisterRow
from casework.models import SafeguardingNote
from escalation.adoption import adopt
from escalation.models import Case, Event, PlannedLetter, RulesetVersion, StageRecord, Task
from escalation.services import complete_task, open_case
from letters.models import Letter
from letters.services import draft_planned
from schools.models import Role
from tests import factories as make
from tests.accessibility import assert_accessible
from tests.cast import Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Page]
FIRST_FRIDAY, SECOND_FRIDAY = dt.date(2025, 9, 19), dt.date(2025, 9, 26)
MONDAY = dt.date(2025, 9, 29)


def at(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, 5, tzinfo=dt.UTC)


@pytest.fixture
def cast(settings) -> Cast:  # type: ignore[no-untyped-def]
    """Wigston's ladder, judged on Fridays; it is the Monday after the second. Imogen's tutor has talked with her, and the call home is
    due; Theo has come to the tutor's talk."""
    settings.HANDRAIL_TODAY = MONDAY
    made = assemble()
    adopt(school=made.here, key="wigston", starts=dt.date(2025, 9, 1), by=None, now=at(dt.date(2025, 9, 1), 9))
    present(made, until=SECOND_FRIDAY, imogen=away(made, "2025-09-08", 2, "I"), theo=away(made, "2025-09-23", 1, "I"))
    run(made, on=FIRST_FRIDAY, now=at(FIRST_FRIDAY, 17))
    talk = Task.objects.get(case__pupil=made.imogen.enrolment.pupil)
    after = FIRST_FRIDAY + dt.timedelta(days=3)
    complete_task(task=talk, by=made.bob, role="tutor", on=after, now=at(after, 9), outcome="spoke")
    run(made, on=SECOND_FRIDAY, now=at(SECOND_FRIDAY, 17))
    return made


def held_to_the_rules(page: Page) -> None:
    """The page as it stands, on a screen and on a phone."""
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert_accessible(page)


def test_the_officer_hands_a_talk_on_and_records_a_call(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/today/")
    held_to_the_rules(page)
    new = page.get_by_role("region", name="New since Friday night")
    expect(new).to_contain_text("Theo Okafor")
    new.get_by_role("link", name="Hand on Theo Okafor").click()
    held_to_the_rules(page)
    page.get_by_label("Hand on to").select_option(label="Ms H. Hazel")
    page.get_by_role("button", name="Hand on").click()
    expect(page.get_by_role("region", name="New since Friday night")).to_contain_text("Hazel")
    assert Task.objects.get(case__pupil=cast.theo.enrolment.pupil).owner == cast.staff[Role.HEAD_OF_YEAR]

    due = page.get_by_role("region", name="Due", exact=True)
    due.get_by_role("listitem").filter(has_text="Imogen Marlow").get_by_role("link", name="Call home").click()
    held_to_the_rules(page)
    page.get_by_label("Spoke").check()
    page.get_by_label("What was said and agreed").fill("Her mother will walk her to the gate this week.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Due", exact=True)).not_to_contain_text("Call home")
    record = StageRecord.objects.get(case__pupil=cast.imogen.enrolment.pupil, stage="1")
    assert (record.state, record.done_on) == ("done", MONDAY)
    assert "gate" in Event.objects.get(stage_record=record, kind="call").text


def four_letters(cast: Cast) -> list[Letter]:
    """Four pupils of the year stand at concern letter 1, one letter each."""
    version = RulesetVersion.objects.get()
    rows = [cast.theo, *(make.on_roll(cast.here, first_name=name, last_name="Ames") for name in ("Ada", "Ben", "Cleo"))]
    marks = RegisterRow.objects.get(pk=cast.theo.pk).marks
    for row in rows:
        pupil = row.enrolment.pupil
        RegisterRow.objects.filter(pk=row.pk).update(marks=marks)
        if row != cast.theo:
            make.PupilParentFactory(pupil=pupil)
        case = open_case(pupil=pupil, school=cast.here, on=SECOND_FRIDAY)
        case.stages.update(state="done", done_on=SECOND_FRIDAY)
        record = StageRecord.objects.create(
            case=case, version=version, stage="2", name="Concern letter 1", band="Concern", level=3, proposed_on=SECOND_FRIDAY,
            acts=Role.HEAD_OF_YEAR, approves=Role.HEAD_OF_YEAR,
        )  # fmt: skip
        PlannedLetter.objects.create(
            case=case, stage_record=record, version=version, letter="concern-1", cause="stage 2", on=SECOND_FRIDAY,
            approves=Role.HEAD_OF_YEAR,
        )  # fmt: skip
    run(cast, on=SECOND_FRIDAY, now=at(SECOND_FRIDAY, 18))
    draft_planned(now=at(SECOND_FRIDAY, 19), on=SECOND_FRIDAY, school=cast.here)
    return list(Letter.objects.filter(wording="concern-1"))


def test_the_head_of_year_decides_four_letters_by_keys(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    assert len(four_letters(cast)) == 4
    page = signed_in(cast.staff[Role.HEAD_OF_YEAR])
    page.goto(f"{live_server.url}/decisions/")
    expect(page.get_by_role("heading", name="4 wait for you")).to_be_visible()
    held_to_the_rules(page)

    for left in ("3 wait for you", "2 wait for you"):
        page.keyboard.press("a")
        expect(page.get_by_role("heading", name=left)).to_be_visible()
    page.keyboard.press("h")
    page.get_by_label("Hold until").last.fill("2025-10-13")
    page.get_by_label("Why").locator("visible=true").fill("Grandmother is ill.")
    page.locator("details[open]").get_by_role("button", name="Hold").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Held until Monday 13 October")
    expect(page.get_by_role("heading", name="1 waits for you")).to_be_visible()
    page.keyboard.press("d")
    page.get_by_label("Why").locator("visible=true").fill("We spoke with the family and agreed a plan.")
    held_to_the_rules(page)
    page.locator("details[open]").get_by_role("button", name="Decline").press("Enter")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    held_to_the_rules(page)

    states = sorted(Letter.objects.filter(wording="concern-1").values_list("state", flat=True))
    assert states == ["approved", "approved", "declined", "held"]
    declined = Letter.objects.get(state="declined")
    assert (declined.stage_record.state, declined.reason) == ("declined", "We spoke with the family and agreed a plan.")  # type: ignore[union-attr]


def test_the_attendance_lead_goes_from_the_board_to_a_case(cast: Cast, signed_in: SignIn, live_server: LiveServer) -> None:
    page = signed_in(cast.staff[Role.ATTENDANCE_LEAD])
    page.goto(f"{live_server.url}/cases/")
    held_to_the_rules(page)
    page.get_by_role("link", name="Imogen Marlow").first.click()
    case = Case.objects.get(pupil=cast.imogen.enrolment.pupil)
    expect(page).to_have_url(f"{live_server.url}/cases/{case.pk}/")
    expect(page.get_by_role("region", name="Where Imogen stands")).to_contain_text("With Ms A. Arden since 26 Sep")
    expect(page.get_by_role("region", name="Due", exact=True)).to_contain_text("Ms A. Arden")
    expect(page.get_by_role("region", name="What has happened")).to_contain_text("Stage 0 done")
    held_to_the_rules(page)
    page.get_by_role("link", name="Why, and why not").click()
    expect(page.locator("main")).to_contain_text("stage 1", ignore_case=True)
    held_to_the_rules(page)


SAID = "On Friday Theo told me that he sleeps at a friend’s house since Monday."


def test_a_concern_is_raised_read_and_closed_and_nobody_else_reads_it(
    cast: Cast, signed_in: SignIn, live_server: LiveServer, client: Client
) -> None:
    pupil = cast.theo.enrolment.pupil
    page = signed_in(cast.bob)
    page.goto(f"{live_server.url}/pupils/{pupil.pk}/")
    page.get_by_role("link", name="To the safeguarding lead").click()
    held_to_the_rules(page)
    page.get_by_label("What you have seen or heard").fill(SAID)
    page.get_by_role("button", name="Send to the lead").click()
    expect(page.get_by_role("status")).to_contain_text("Ms S. Sorrel has it.")
    expect(page.locator("main")).to_contain_text("Speak to the safeguarding lead first")
    expect(page.locator("main")).not_to_contain_text("sleeps")
    held_to_the_rules(page)

    page = signed_in(cast.staff[Role.SAFEGUARDING_LEAD])
    page.goto(f"{live_server.url}/safeguarding/")
    expect(page.locator("main")).to_contain_text("1 not read")
    held_to_the_rules(page)
    page.get_by_role("link", name="Theo Okafor").click()
    expect(page.locator("main")).to_contain_text(SAID)
    page.get_by_label("What you have seen or heard").fill("Rang the mother; he is at home again tonight.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("region")).to_have_count(2)
    held_to_the_rules(page)
    for _ in range(2):
        page.get_by_label("What was done").first.fill("Spoke with the family and the school nurse.")
        page.get_by_role("button", name="Close").first.click()
    expect(page.get_by_role("button", name="Close")).to_have_count(0)
    assert set(SafeguardingNote.objects.values_list("closed_by__name", flat=True)) == {"Ms S. Sorrel"}


def test_others_see_the_sentence_and_none_of_the_words(cast: Cast, client: Client) -> None:
    pupil = cast.theo.enrolment.pupil
    SafeguardingNote.objects.create(
        pupil=pupil, school=cast.here, kind="concern", text=SAID, by=cast.bob, role="tutor", at=at(MONDAY, 9)
    )
    for role in (Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD):
        client.force_login(cast.staff[role])
        words = client.get(f"/pupils/{pupil.pk}/").content.decode()
        assert "Speak to the safeguarding lead first" in words and "sleeps" not in words, role
        refused = client.get(f"/safeguarding/{pupil.pk}/")
        assert refused.status_code == 403 and "sleeps" not in refused.content.decode(), role
    client.force_login(cast.charlie)
    assert client.get(f"/safeguarding/{pupil.pk}/").status_code == 404
