"""The pupil's page: figures with their fractions, where the pupil stands, the year, what happened, who to speak to."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.models import RegisterRow
from desk.charts import LABELS, Threshold, trend_svg
from desk.queries.calendar import year_calendar
from escalation.adoption import adopt
from escalation.models import Event, StageRecord, Task
from schools.models import ClosedDay, HalfTerm, Role, User
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]


@pytest.fixture
def cast(settings) -> Cast:
    """Imogen missed three days in November (stage 1), Theo four (stage 3)."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 3), theo=away(made, "2025-11-03", 4))
    run(made)
    return made


def address(row: RegisterRow) -> str:
    return reverse("desk:pupil", args=[row.enrolment.pupil_id])


def page_of(client: Client, user: User, row: RegisterRow, query: str = "") -> str:
    client.force_login(user)
    response = client.get(address(row) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_figures_stand_with_numerator_and_denominator(client: Client, cast: Cast) -> None:
    page = page_of(client, cast.alice, cast.imogen)
    for shown in ("96 / 102", "94.1%", "22 / 28", "78.6%", "376 / 382", "since 3 Sep"):
        assert shown in page, shown


def test_the_ladder_says_where_since_when_and_what_follows(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    response = client.get(address(cast.imogen))
    steps = [step for band in response.context["strip"] for step in band.steps]
    assert [step.id for step in steps if step.is_here] == ["1"]
    assert steps[0].note == "With Mr B. Birch since 20 Nov"
    assert {step.note for step in steps[1:]} == {"Not reached"}
    outlook = response.context["outlook"]
    assert outlook.is_on_ladder and outlook.why[0].startswith("6 of 28 sessions missed this half term")
    assert outlook.onwards[0].endswith("more sessions missed")


def test_a_pupil_on_no_stage_is_told_apart(client: Client, cast: Cast) -> None:
    page = page_of(client, cast.alice, cast.priya)
    assert "Not on the ladder" in page and "No stage was reached this year." in page


def test_the_flag_changes_what_is_said_first(client: Client, cast: Cast) -> None:
    page = page_of(client, cast.alice, cast.priya)
    assert "Looked after" in page and "Speak with the carer" in page


def test_whom_to_speak_to_first_is_the_tutor_then_the_first_who_may_be_rung(client: Client, cast: Cast) -> None:
    page = page_of(client, cast.alice, cast.theo)
    assert "Mr B. Birch, form tutor" in page and "Then ring Ms Okafor" in page


def test_the_language_that_a_parent_prefers_is_named(client: Client, cast: Cast) -> None:
    assert "Prefers Polish." in page_of(client, cast.alice, cast.priya)


def test_a_barred_parent_is_marked_and_shows_no_number(client: Client, cast: Cast) -> None:
    people = page_of(client, cast.alice, cast.theo).split('id="people"')[1].split('id="siblings"')[0]
    stefan = people.split("Stefan Okafor")[1]
    assert "Do not contact" in stefan and "tel:" not in stefan


def test_brothers_and_sisters_at_another_school_are_shown_only_within_scope(client: Client, cast: Cast) -> None:
    assert "Edith" not in page_of(client, cast.alice, cast.imogen)
    assert "Edith Marlow" in page_of(client, cast.staff[Role.TRUST_LEAD], cast.imogen)


def test_one_in_another_year_of_the_same_school_is_counted_but_not_named(client: Client, cast: Cast) -> None:
    brother = make.on_roll(cast.here, year_group=9, form="9C", first_name="Rupert", last_name="Marlow")
    make.PupilParentFactory(pupil=brother.enrolment.pupil, parent=cast.parents["Morwenna"])
    page = page_of(client, cast.bob, cast.imogen)
    assert "Rupert" not in page and "1 more in a year that is not yours" in page


def test_outside_the_schools_a_pupil_does_not_exist(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    pupil = cast.imogen.enrolment.pupil_id
    assert client.get(address(cast.imogen)).status_code == 404
    assert client.get(reverse("desk:trend", args=[pupil])).status_code == 404
    assert client.post(reverse("desk:contact", args=[pupil]), {"kind": "call", "outcome": "spoke"}).status_code == 404
    assert client.post(reverse("desk:note", args=[pupil]), {"note": "x"}).status_code == 404


def test_a_call_is_recorded_and_stands_in_the_timeline(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    grace = cast.parents["Grace"]
    sent = {"kind": "call", "outcome": "spoke", "parent": grace.pk, "note": "Back on Monday."}
    client.post(reverse("desk:contact", args=[cast.theo.enrolment.pupil_id]), sent)
    event = Event.objects.get(case__pupil=cast.theo.enrolment.pupil, kind="call")
    assert (event.by, event.role, event.parent, event.outcome) == (cast.alice, Role.OFFICER, grace, "spoke")
    page = page_of(client, cast.alice, cast.theo, "?show=calls")
    assert "Back on Monday." in page and "Stage 3 reached" not in page.split('id="happened"')[1]


def test_a_barred_parent_cannot_be_chosen_for_a_call(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    sent = {"kind": "call", "outcome": "spoke", "parent": cast.parents["Stefan"].pk}
    response = client.post(reverse("desk:contact", args=[cast.theo.enrolment.pupil_id]), sent)
    assert response.status_code == 400 and not Event.objects.filter(kind="call").exists()


def test_an_empty_note_is_refused_with_what_to_do(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    response = client.post(reverse("desk:note", args=[cast.theo.enrolment.pupil_id]), {"note": " "})
    assert response.status_code == 400 and "write what should be remembered" in response.content.decode()


def test_recording_the_task_moves_the_case_on(client: Client, cast: Cast) -> None:
    client.force_login(cast.bob)
    task = Task.objects.get(case__pupil=cast.imogen.enrolment.pupil)
    client.post(reverse("desk:task", args=[task.pk]), {"outcome": "no_answer", "note": ""})
    task.refresh_from_db()
    assert task.state == Task.State.OPEN
    client.post(reverse("desk:task", args=[task.pk]), {"outcome": "spoke", "note": "Tired in the mornings."})
    record = StageRecord.objects.get(case__pupil=cast.imogen.enrolment.pupil)
    assert (record.state, record.done_on) == (StageRecord.State.DONE, TODAY)


def test_a_task_of_another_school_does_not_exist(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    task = Task.objects.get(case__pupil=cast.imogen.enrolment.pupil)
    assert client.post(reverse("desk:task", args=[task.pk]), {"outcome": "spoke"}).status_code == 404


def test_who_may_see_but_not_record_reads_why(client: Client, cast: Cast) -> None:
    client.force_login(cast.staff[Role.TRUST_LEAD])
    response = client.post(reverse("desk:note", args=[cast.imogen.enrolment.pupil_id]), {"note": "x"})
    assert response.status_code == 403 and "recorded by staff who work with the pupil" in response.content.decode()


def calendar_of(cast: Cast, row: RegisterRow):
    return year_calendar(
        half_terms=list(HalfTerm.objects.filter(academic_year__school=cast.here)),
        closed=list(ClosedDay.objects.filter(school=cast.here)),
        marks={2025: RegisterRow.objects.get(pk=row.pk).marks},
        on=TODAY,
    )


def test_the_calendar_has_weeks_as_columns_and_sessions_as_rows(cast: Cast) -> None:
    calendar = calendar_of(cast, cast.imogen)
    assert [span.label for span in calendar.half_terms if span.label] == [
        "Autumn 1", "Autumn 2", "Spring 1", "Spring 2", "Summer 1", "Summer 2",
    ]  # fmt: skip
    assert len(calendar.lines) == 10 and {len(line.cells) for line in calendar.lines} == {len(calendar.columns)}
    november = next(number for number, column in enumerate(calendar.columns) if column.monday == dt.date(2025, 11, 3))
    assert [line.cells[november].kind for line in calendar.lines] == ["unauthorised"] * 6 + ["in"] * 4
    assert (calendar.columns[november].percent, calendar.columns[november].is_low) == (40, True)
    assert calendar.lines[0].cells[0].kind == "outside", "the year began on a Wednesday"
    assert calendar.lines[8].cells[7].kind == "closed", "a staff day"
    assert calendar.lines[0].cells[-1].kind == "to-come"


def test_a_pattern_is_named(cast: Cast) -> None:
    present(cast, imogen=dict.fromkeys(("2025-09-08", "2025-09-15", "2025-09-22"), "I"))
    assert calendar_of(cast, cast.imogen).pattern == "6 of 6 missed were Mondays"


def test_the_year_so_far_breaks_into_terms_latest_first(cast: Cast) -> None:
    pieces = calendar_of(cast, cast.imogen).by_terms()
    assert [[span.label for span in piece.half_terms if span.label] for piece in pieces] == [
        ["Summer 1", "Summer 2"], ["Spring 1", "Spring 2"], ["Autumn 1", "Autumn 2"],
    ]  # fmt: skip


def test_the_trend_is_an_svg_without_styles_or_scripts(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    response = client.get(reverse("desk:trend", args=[cast.imogen.enrolment.pupil_id]))
    picture = response.content.decode()
    assert response["Content-Type"] == "image/svg+xml" and "no-store" in response["Cache-Control"]
    assert "style=" not in picture and "<script" not in picture and "<style" not in picture
    assert "94.1% now" in picture and "if every session from now is attended: 98.4%" in picture
    assert "Imogen" not in picture


def test_the_trend_begins_after_settling_in_and_shares_the_calendars_columns(cast: Cast) -> None:
    calendar = calendar_of(cast, cast.imogen)
    picture = trend_svg(
        calendar=calendar,
        attended=96,
        possible=102,
        settling_in=20,
        thresholds=[Threshold(90, "stage 6 below 90%")],
        title="Trend",
    )
    weeks = sum(column.monday is not None for column in calendar.columns)
    width = (100 - LABELS - 5) / weeks
    third = (LABELS + 2.5 * width) * 12.16
    assert "first 20 sessions" in picture and "stage 6 below 90%" in picture
    assert f'd="M{third:.1f} ' in picture, "the third week is the first with 20 sessions behind it"


def test_the_statements_do_not_grow_with_the_record(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    counts = []
    for number in (10, 200):
        for _ in range(number):
            row = make.on_roll(cast.here)
            make.PupilParentFactory(pupil=row.enrolment.pupil, parent=cast.parents["Morwenna"])
        case = Task.objects.get(case__pupil=cast.imogen.enrolment.pupil).case
        Event.objects.bulk_create(
            Event(case=case, kind="note", on=TODAY, at=NOW, by=cast.alice, text="Seen.") for _ in range(number)
        )
        client.get(address(cast.imogen))
        with CaptureQueriesContext(connection) as statements:
            client.get(address(cast.imogen))
        counts.append(len(statements))
    assert counts[0] == counts[1] and counts[1] <= 48


def test_nobody_to_ring_is_said(client: Client, cast: Cast) -> None:
    page = page_of(client, cast.alice, cast.newcomer)
    assert "Nobody is recorded" in page
