"""Why, and why not: every stage and rule of a date with its figures, what it waits for, and the marks behind it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.codes import CODES
from attendance.models import RegisterRow
from desk.queries.why import Judged, WhyPage
from escalation.adoption import adopt
from escalation.engine.ruleset import SHIPPED, load_ruleset, national_rules
from escalation.models import StageRecord
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

Y1 = CODES["Y1"].character
pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    """Imogen missed three days in November (stage 1), Theo four (stage 3)."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 3), theo=away(made, "2025-11-03", 4), priya=away(made, "2025-10-06", 2, Y1))
    run(made)
    return made


def shown(client: Client, cast: Cast, row: RegisterRow, on: str = "") -> WhyPage:
    client.force_login(cast.alice)
    response = client.get(reverse("desk:why", args=[row.enrolment.pupil_id]), {"on": on} if on else {})
    assert response.status_code == 200
    return response.context["page"]


def stage(page: WhyPage, number: str) -> Judged:
    return next(each for each in page.stages if each.id == f"stage-{number}")


def test_what_held_stands_with_its_figure_and_its_marks(client: Client, cast: Cast) -> None:
    first = stage(shown(client, cast, cast.imogen), "1")
    line = first.lines[0]
    assert (first.verdict, first.holds) == ("Proposed on this date", True)
    assert (line.found, line.parameter, line.missed_by) == ("6 of 28", "first talk", "")
    assert line.group and [(mark.date.isoformat(), mark.session, mark.code) for mark in line.group.marks] == [
        (f"2025-11-{day}", session, "O") for day in ("03", "04", "05") for session in ("AM", "PM")
    ]


def test_what_did_not_hold_says_by_how_much(client: Client, cast: Cast) -> None:
    page = shown(client, cast, cast.imogen)
    third = stage(page, "3")
    assert [line.missed_by for line in third.lines] == ["2 sessions too few", "4 sessions too few"]
    assert third.joint == "One of these is enough." and third.verdict == "Not reached"
    contract = stage(page, "6")
    assert contract.lines[0].found == "94.12 % (96 of 102)"
    assert contract.lines[0].missed_by == "4.12 percentage points too high"
    assert contract.waits[0] == "Stage 4 must be done first."


def test_every_rule_is_there_in_order_and_nothing_else(client: Client, cast: Cast) -> None:
    page, ladder = shown(client, cast, cast.theo), load_ruleset("federation")
    assert [each.id for each in page.stages] == [f"stage-{each.id}" for each in ladder.stages]
    assert [each.id for each in page.watch] == [f"rule-{each.id}" for each in (*national_rules().watch, *ladder.watch)]
    assert len(page.parameters) == len(ladder.parameters)


def test_an_earlier_date_knows_neither_later_marks_nor_later_decisions(client: Client, cast: Cast) -> None:
    record = StageRecord.objects.get(case__pupil=cast.imogen.enrolment.pupil, stage="1")
    StageRecord.objects.filter(pk=record.pk).update(state="done", done_on=TODAY)
    page = shown(client, cast, cast.imogen, "2025-11-04")
    assert stage(page, "1").lines[0].missed_by == "1 session too few"
    assert stage(page, "1").verdict == "Not reached"
    later = [each for each in page.uncounted if each.why.startswith("After the date")]
    assert [each.number for each in later] == [24]
    assert "earliest" in page.next_words and "stage 1" in page.next_words


def test_a_done_stage_says_when_and_the_next_what_it_waits_for(client: Client, cast: Cast) -> None:
    StageRecord.objects.filter(case__pupil=cast.theo.enrolment.pupil, stage="3").update(
        state="done", done_on=dt.date(2025, 11, 19)
    )
    page = shown(client, cast, cast.theo)
    assert stage(page, "3").verdict == "Done on Wednesday 19 November"
    assert stage(page, "1").verdict.startswith("Passed over")
    assert any("waits for the gap" in wait and "Wednesday 26 November" in wait for wait in stage(page, "4").waits)


def test_a_stage_declined_later_stands_as_it_stood_on_the_date(client: Client, cast: Cast) -> None:
    stage_three = StageRecord.objects.filter(case__pupil=cast.theo.enrolment.pupil, stage="3")
    declined_at = dt.datetime(2025, 11, 18, 23, 30, tzinfo=dt.UTC)
    again = dt.date(2025, 12, 1)
    stage_three.update(state="declined", proposed_on=dt.date(2025, 11, 12), decided_at=declined_at, ask_again_on=again)
    assert stage(shown(client, cast, cast.theo, "2025-11-12"), "3").verdict == "Proposed on this date"
    assert stage(shown(client, cast, cast.theo, "2025-11-17"), "3").verdict == (
        "Proposed on Wednesday 12 November, not done before this date"
    )
    declined = "Proposed on Wednesday 12 November and declined on Tuesday 18 November; it may come again after Monday 1 December"
    for date in ("2025-11-18", "2025-11-20"):
        assert stage(shown(client, cast, cast.theo, date), "3").verdict == declined


def test_a_stage_that_came_again_stands_declined_in_between(client: Client, cast: Cast) -> None:
    record = StageRecord.objects.get(case__pupil=cast.theo.enrolment.pupil, stage="3")
    first = dt.datetime(2025, 11, 11, 9, tzinfo=dt.UTC)
    values = {"state": "declined", "proposed_on": dt.date(2025, 11, 10), "decided_at": first, "ask_again_on": None}
    StageRecord.objects.filter(pk=record.pk).update(**values)
    record.pk, record.state, record.proposed_on = None, "proposed", dt.date(2025, 11, 19)
    record.save(force_insert=True)
    assert stage(shown(client, cast, cast.theo, "2025-11-14"), "3").verdict == (
        "Proposed on Monday 10 November and declined on Tuesday 11 November"
    )
    assert stage(shown(client, cast, cast.theo), "3").verdict == "Proposed on Wednesday 19 November, not done before this date"


def test_a_stage_left_out_later_was_still_open_on_the_date(client: Client, cast: Cast) -> None:
    stage_three = StageRecord.objects.filter(case__pupil=cast.theo.enrolment.pupil, stage="3")
    decided_at = dt.datetime(2025, 11, 18, 9, tzinfo=dt.UTC)
    stage_three.update(state="passed_over", proposed_on=dt.date(2025, 11, 12), decided_at=decided_at)
    assert "not done before" in stage(shown(client, cast, cast.theo, "2025-11-14"), "3").verdict
    assert stage(shown(client, cast, cast.theo, "2025-11-19"), "3").verdict == "Passed over on Tuesday 18 November"


def test_what_is_not_possible_is_listed_apart(client: Client, cast: Cast) -> None:
    page = shown(client, cast, cast.priya)
    apart = [each for each in page.uncounted if each.why.startswith("Not a possible session")]
    assert [each.number for each in apart] == [4] and {mark.code for mark in apart[0].marks} == {"Y1"}
    assert "98 of 98" in page.figures


def test_a_criminal_justice_code_is_not_named(client: Client, cast: Cast) -> None:
    present(cast, priya=away(cast, "2025-10-06", 1, CODES["Y5"].character))
    client.force_login(cast.alice)
    page = client.get(reverse("desk:why", args=[cast.priya.enrolment.pupil_id])).content.decode()
    assert "Not a possible session" in page and "Y5," not in page and "detention" not in page.lower()


def test_a_day_without_school_shows_how_it_stood(client: Client, cast: Cast) -> None:
    page = shown(client, cast, cast.imogen, "2025-11-09")
    assert page.as_of == "Sunday 9 November 2025 was not a school day: this is how it stood after Friday 7 November."
    assert "no school" in stage(page, "1").waits[0]


def test_the_version_and_its_first_day_are_named(client: Client, cast: Cast) -> None:
    page = shown(client, cast, cast.imogen)
    assert page.version and page.version.sha256 == load_ruleset("federation").sha256
    assert page.in_force_since == dt.date(2025, 9, 1)


def test_a_date_is_judged_by_the_ladder_of_that_date(client: Client, cast: Cast) -> None:
    adopt(school=cast.here, key="vale", starts=dt.date(2025, 11, 17), by=None, now=NOW)
    assert len(shown(client, cast, cast.imogen, "2025-11-14").stages) == len(load_ruleset("federation").stages)
    assert shown(client, cast, cast.imogen, "2025-11-17").version.key == "vale"


@pytest.mark.parametrize("key", SHIPPED)
def test_every_ladder_can_be_explained(client: Client, cast: Cast, key: str) -> None:
    adopt(school=cast.here, key=key, starts=dt.date(2025, 11, 3), by=None, now=NOW)
    page = shown(client, cast, cast.theo)
    assert len(page.stages) == len(load_ruleset(key).stages)
    assert all(line.rule and (line.found or line.holds in (True, False)) for each in page.stages for line in each.lines)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("yesterday", "is not a date"),
        ("2025-02-30", "is not a date"),
        ("2026-01-05", "is still to come"),
        ("0001-01-01", "before any"),
    ],
)
def test_a_bad_date_is_answered_clearly(client: Client, cast: Cast, given: str, said: str) -> None:
    client.force_login(cast.alice)
    response = client.get(reverse("desk:why", args=[cast.imogen.enrolment.pupil_id]), {"on": given})
    assert response.status_code == 400 and said in response.content.decode()


@pytest.mark.parametrize(
    ("on", "said"),
    [("2025-09-02", "had not begun"), ("2025-10-06", "was not on roll")],
)
def test_before_the_first_register_there_is_nothing(client: Client, cast: Cast, on: str, said: str) -> None:
    row = cast.newcomer if "roll" in said else cast.imogen
    assert said in shown(client, cast, row, on).empty


def test_without_a_mark_there_is_nothing(client: Client, cast: Cast) -> None:
    row = cast.imogen
    RegisterRow.objects.filter(pk=row.pk).update(marks="." * len(row.marks))
    assert "No register" in shown(client, cast, row, "2025-11-20").empty


def test_before_any_ladder_the_page_says_so(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    response = client.get(reverse("desk:why", args=[cast.imogen.enrolment.pupil_id]), {"on": "2025-07-01"})
    assert "has adopted no ladder" in response.content.decode()


def test_the_statements_do_not_grow_with_the_record(client: Client, cast: Cast) -> None:
    counts = []
    shown(client, cast, cast.imogen, "2025-11-20")
    for row in (cast.priya, cast.theo):
        with CaptureQueriesContext(connection) as statements:
            shown(client, cast, row, "2025-11-20")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 26


def test_outside_the_scope_it_does_not_exist(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    assert client.get(reverse("desk:why", args=[cast.imogen.enrolment.pupil_id])).status_code == 404
    client.force_login(cast.bob)
    assert client.get(reverse("desk:why", args=[cast.priya.enrolment.pupil_id])).status_code == 404


def test_the_pupils_page_leads_there(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("desk:pupil", args=[cast.imogen.enrolment.pupil_id])).content.decode()
    assert reverse("desk:why", args=[cast.imogen.enrolment.pupil_id]) in page


def test_what_waits_for_a_stage_that_is_not_done_says_so(client: Client, cast: Cast) -> None:
    StageRecord.objects.filter(case__pupil=cast.theo.enrolment.pupil, stage="3").update(
        stage="4", proposed_on=dt.date(2025, 11, 19)
    )
    page = shown(client, cast, cast.theo)
    assert stage(page, "4").verdict == "Proposed on Wednesday 19 November, not done before this date"
    assert page.next_words == "Stage 5 comes only once stage 4 is done."
