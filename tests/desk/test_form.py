"""My form: what the tutor sees of each pupil, how a conversation may begin, and recording it in two clicks."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.models import RegisterRow
from attendance.services import refresh_figures
from desk.queries.form import FormPage, FormRow
from escalation.models import Event, StageRecord, Task
from escalation.services import open_case
from schools.models import Role
from tests import factories as make
from tests.cast import TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
FORM = "/forms/900001/7A/"


@pytest.fixture
def cast(settings) -> Cast:
    """Imogen missed four Mondays, Theo is away today; Nia has been in since she came."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    mondays = dict.fromkeys(("2025-09-15", "2025-09-22", "2025-10-06", "2025-11-03"), "O")
    present(made, imogen=mondays, theo=away(made, "2025-11-20", 1, "I"))
    refresh_figures(school=made.here, as_of=TODAY)
    return made


def page(client: Client, cast: Cast) -> FormPage:
    client.force_login(cast.bob)
    return client.get(FORM).context["page"]


def row(client: Client, cast: Cast, name: str) -> FormRow:
    return next(row for row in page(client, cast).rows if row.line.name.startswith(name))


def talk(cast: Cast, pupil: RegisterRow, due_on: dt.date = TODAY) -> Task:
    case = open_case(pupil=pupil.enrolment.pupil, school=cast.here, on=TODAY)
    return Task.objects.create(case=case, kind="conversation", title="Talk with the pupil", role=Role.TUTOR, due_on=due_on)


def test_the_tutor_goes_straight_to_the_form(client: Client, cast: Cast) -> None:
    client.force_login(cast.bob)
    assert client.get("/forms/")["Location"] == FORM


def test_each_pupil_has_two_weeks_of_marks_and_the_years_figure(client: Client, cast: Cast) -> None:
    theo = row(client, cast, "Theo")
    assert [mark.code for mark in theo.this_week] == ["/", "/", "/", "I", "", "\\", "\\", "\\", "I", ""]
    assert len(theo.last_week) == 10
    assert (theo.figures.attended, theo.figures.possible) == (100, 102)
    assert theo.change is not None and -2 < theo.change < 0


def test_the_form_adds_sessions_and_not_percentages(client: Client, cast: Cast) -> None:
    shown = page(client, cast)
    assert (shown.attended, shown.possible) == (102 - 8 + 100 + 28, 102 + 102 + 28)
    assert [line.name for line in shown.away_today] == ["Theo Okafor"]


def test_the_opening_fits_what_happened(client: Client, cast: Cast) -> None:
    assert row(client, cast, "Theo").opening.startswith("Not in at the moment.")
    assert "“What are Mondays like for you?”" in row(client, cast, "Imogen").opening
    assert row(client, cast, "Nia").opening == ""


def test_back_after_absence_is_welcomed(client: Client, cast: Cast) -> None:
    present(cast, theo=away(cast, "2025-11-19", 1, "I"))
    assert row(client, cast, "Theo").opening.startswith("Just back:")


def test_a_due_conversation_is_closed_with_two_clicks(client: Client, cast: Cast) -> None:
    task = talk(cast, cast.imogen)
    client.force_login(cast.bob)
    opened = client.get(f"{FORM}?open={cast.imogen.enrolment_id}").content.decode()
    assert f'name="task" value="{task.pk}"' in opened and 'name="outcome" value="spoke"' in opened
    address = reverse("desk:conversation", args=[cast.imogen.enrolment_id])
    response = client.post(address, {"task": task.pk, "outcome": "spoke", "note": "Likes art", "next": FORM})
    assert response["Location"] == FORM
    task.refresh_from_db()
    assert (task.state, task.done_by) == ("done", cast.bob)
    last = row(client, cast, "Imogen").last
    assert last is not None and "Likes art" in last.text and last.by == cast.bob.name


def test_a_conversation_outside_any_task_is_kept_too(client: Client, cast: Cast) -> None:
    client.force_login(cast.bob)
    client.post(reverse("desk:conversation", args=[cast.newcomer.enrolment_id]), {"outcome": "spoke", "next": FORM})
    assert Event.objects.get(case__pupil=cast.newcomer.enrolment.pupil).text.startswith("Conversation with Nia: spoke.")


def test_an_outcome_that_is_none_is_refused_with_a_sentence(client: Client, cast: Cast) -> None:
    task = talk(cast, cast.imogen)
    client.force_login(cast.bob)
    address = reverse("desk:conversation", args=[cast.imogen.enrolment_id])
    response = client.post(address, {"task": task.pk, "outcome": "danced", "next": FORM}, follow=True)
    assert "is not an outcome" in response.content.decode() and not Event.objects.exists()


def test_another_form_is_not_there_for_the_tutor(client: Client, cast: Cast) -> None:
    client.force_login(cast.bob)
    assert client.get("/forms/900001/8B/").status_code == 404
    assert client.get("/forms/900002/Willow/").status_code == 404
    refused = client.post(reverse("desk:conversation", args=[cast.priya.enrolment_id]), {"outcome": "spoke", "next": FORM})
    assert refused.status_code == 404


def test_the_officer_may_open_any_form_and_the_governor_reads_why_not(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert client.get("/forms/900001/8B/").status_code == 200
    assert client.get("/forms/900001/9Z/").status_code == 404
    client.force_login(cast.staff[Role.GOVERNOR])
    refused = client.get(FORM)
    assert refused.status_code == 403 and "A form&#x27;s page is for its tutor" in refused.content.decode()


def test_a_form_without_pupils_says_what_to_do(client: Client, cast: Cast) -> None:
    lonely = make.StaffRoleFactory(school=cast.here, role=Role.TUTOR, forms=["7Z"]).user
    client.force_login(lonely)
    response = client.get("/forms/", follow=True)
    assert response.status_code == 200 and "No pupil is in this form today" in response.content.decode()


def test_the_number_of_statements_does_not_grow_with_the_form(client: Client, cast: Cast) -> None:
    def statements() -> int:
        client.force_login(cast.bob)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(FORM).status_code == 200
        return len(caught)

    talk(cast, cast.imogen)
    before = statements()
    for _ in range(27):
        added = make.on_roll(cast.here)
        talk(cast, added)
    assert len(page(client, cast).rows) == 30
    assert statements() == before
    assert not StageRecord.objects.exists()
