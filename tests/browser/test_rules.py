"""A threshold is changed in a real browser, reviewed by a second person and published; every page of it is accessible on a phone too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from escalation.adoption import adopt
from escalation.drafts import begin_draft, review_draft
from escalation.engine.ruleset import load_ruleset
from escalation.models import LadderDraft
from escalation.queries import adopted
from escalation.ruleset_text import add, edited
from escalation.shapes import new_checklist
from escalation.trials import ask_for_trial, run_trial, shipped_beside
from letters.catalogue import has_wording
from schools.models import Role
from tests.accessibility import assert_accessible
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


PAGES = ("rules/", "rules/history/", "rules/900001/new/?shape=both&count=3&name=Ours&letters_of=coventry", "rules/drafts/{faulty}/",
         "rules/drafts/{faulty}/numbers/", "rules/drafts/{faulty}/bands/", "rules/drafts/{faulty}/carry-over/",
         "rules/drafts/{ready}/prompts/0/", "rules/drafts/{carrying}/carry-over/", "rules/drafts/{carrying}/bands/",
         "rules/drafts/{carrying}/checklists/0/", "rules/drafts/{faulty}/stages/4/", "rules/drafts/{faulty}/text/",
         "rules/drafts/{ready}/publish/", "ladder/", "ladder/contradictions/", "ladder/try/", "ladder/try/{waiting}/",
         "ladder/try/{trial}/", "ladder/try/{trial}/?stage=3", "pupils/{pupil}/why/", "pupils/{pupil}/why/?on=2025-11-05")  # fmt: skip


@pytest.fixture
def places(cast: Cast) -> dict[str, int]:
    """A draft with a fault, one that waits to be published, a trial that waits and one that is done, and a pupil at a stage."""
    run(cast)
    lead, head = cast.staff[Role.ATTENDANCE_LEAD], cast.staff[Role.HEAD]
    text = load_ruleset("federation").text
    mine = {"school": cast.here, "based_on": adopted(cast.here, TODAY)[0], "by": lead, "role": Role.ATTENDANCE_LEAD, "now": NOW}
    faulty = begin_draft(text=text.replace("band: further", "band: farther", 1), **mine)
    wigston = edited(load_ruleset("wigston").text, lambda data: add(data, ("checklists",), new_checklist("after-a-term", "5")))
    carrying = begin_draft(text=wigston, **mine)
    ready = begin_draft(text=text.replace("note: ", "note: Ours. ", 1), **mine)
    review_draft(draft=ready, seen=ready.changed_at, note="Read.", has_letter=has_wording, by=head, role=Role.HEAD, now=NOW)
    asked = {"school": cast.here, "act": "same-day", "by": lead, "role": Role.ATTENDANCE_LEAD, "now": NOW, "ends": TODAY}
    done = ask_for_trial(ladders=shipped_beside(cast.here, TODAY), starts=dt.date(2025, 10, 1), **asked)
    run_trial(trial_id=done.pk, clock=lambda: NOW)
    waiting = ask_for_trial(ladders=shipped_beside(cast.here, TODAY)[:2], starts=dt.date(2025, 9, 1), **asked)
    pupil = cast.imogen.enrolment.pupil_id
    return {
        "faulty": faulty.pk,
        "carrying": carrying.pk,
        "ready": ready.pk,
        "trial": done.pk,
        "waiting": waiting.pk,
        "pupil": pupil,
    }


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_accessible_and_has_no_sideways_scroll(
    cast: Cast, places: dict[str, int], signed_in: SignIn, live_server: LiveServer, width: int
) -> None:
    page = signed_in(cast.staff[Role.HEAD])
    page.set_viewport_size({"width": width, "height": 900})
    for address in PAGES:
        answer = page.goto(f"{live_server.url}/{address.format(**places)}")
        assert answer and answer.status == 200, address
        assert_accessible(page)
