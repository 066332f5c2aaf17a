"""The nights' reports and the post: what ran, what was put off, what is printed and when it left."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from escalation.adoption import adopt
from escalation.models import NightRun, StageRecord
from letters.models import Letter, PrintBatch
from letters.services import approve_letters
from schools.models import Role
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4))
    return made


def nights(client: Client, cast: Cast) -> str:
    client.force_login(cast.alice)
    response = client.get("/nights/")
    assert response.status_code == 200
    return response.content.decode()


def test_before_the_first_night_the_page_says_what_comes(client: Client, cast: Cast) -> None:
    assert "No night has run yet" in nights(client, cast)


def test_a_run_is_reported_in_numbers(client: Client, cast: Cast) -> None:
    run(cast)
    page = nights(client, cast)
    assert "Thu 20 Nov" in page and "Done" in page
    row = NightRun.objects.get(school=cast.here)
    assert f'data-label="Looked at">{row.evaluated}</td>' in page and row.evaluated == 4


def test_what_was_put_off_says_why_and_what_failed_says_what_to_do(client: Client, cast: Cast) -> None:
    run(cast)
    NightRun.objects.update(state=NightRun.State.PUT_OFF, skipped=["8B has no register for the afternoon."])
    assert "8B has no register for the afternoon." in nights(client, cast)
    NightRun.objects.update(state=NightRun.State.FAILED, skipped=[], errors=["The calendar has no half term."])
    page = nights(client, cast)
    assert "the night of Thursday 20 November failed" in page and "The calendar has no half term." in page


def test_a_night_started_by_hand_says_what_it_did_and_twice_changes_nothing(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    address = reverse("desk:run-night", args=["900001"])
    assert "4 pupils looked at" in client.post(address, follow=True).content.decode()
    proposed = StageRecord.objects.count()
    client.post(address)
    assert StageRecord.objects.count() == proposed > 0


def test_who_may_not_start_a_night_reads_why_and_elsewhere_it_is_not_there(client: Client, cast: Cast) -> None:
    client.force_login(cast.staff[Role.HEAD])
    refused = client.post(reverse("desk:run-night", args=["900001"]))
    assert refused.status_code == 403 and "A night is started by hand by" in refused.content.decode()
    client.force_login(cast.charlie)
    assert client.post(reverse("desk:run-night", args=["900001"])).status_code == 404
    assert not NightRun.objects.exists()


# The post


def approve(cast: Cast, now: dt.datetime = NOW - dt.timedelta(hours=8)) -> list[Letter]:
    """Approved in the morning, so that the ten minutes are over at whatever time of day the test runs."""
    run(cast)
    letters = list(Letter.objects.filter(school=cast.here).order_by("pk"))
    outcomes = approve_letters(letters=letters, by=cast.bob, role="tutor", now=now, on=TODAY)
    assert all(outcome.ok for outcome in outcomes), [outcome.sentence for outcome in outcomes]
    Letter.objects.update(leaves_at=NOW.replace(hour=0, minute=0))
    return letters


def test_the_post_page_when_there_is_nothing(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert "Nothing to post" in client.get("/post/").content.decode()
    response = client.post(reverse("desk:make-batch", args=["900001"]), follow=True)
    assert "No approved letter waits for the post." in response.content.decode()


def test_from_approved_letters_to_the_day_they_left(client: Client, cast: Cast) -> None:
    letters = approve(cast)
    client.force_login(cast.alice)
    assert "Put 2 letters together" in client.get("/post/").content.decode()
    client.post(reverse("desk:make-batch", args=["900001"]))
    batch = PrintBatch.objects.get()
    pdf = client.get(reverse("desk:batch-pdf", args=[batch.pk]))
    assert pdf["Content-Type"] == "application/pdf" and pdf.content.startswith(b"%PDF-")
    client.post(reverse("desk:batch-posted", args=[batch.pk]), {"on": TODAY.isoformat()})
    batch.refresh_from_db()
    assert (batch.posted_on, batch.posted_by) == (TODAY, cast.alice)
    assert {letter.state for letter in Letter.objects.filter(pk__in=[letter.pk for letter in letters])} == {"posted"}
    assert StageRecord.objects.get(pk=letters[0].stage_record_id).done_on == TODAY


def test_letters_cannot_have_been_posted_tomorrow_or_before_they_were_made(client: Client, cast: Cast) -> None:
    approve(cast)
    client.force_login(cast.alice)
    client.post(reverse("desk:make-batch", args=["900001"]))
    batch = PrintBatch.objects.get()
    address = reverse("desk:batch-posted", args=[batch.pk])
    for day, sentence in (("2025-11-21", "lies ahead"), ("2025-11-19", "cannot have been posted before"), ("x", "Give a date")):
        assert sentence in client.post(address, {"on": day}, follow=True).content.decode()
    batch.refresh_from_db()
    assert batch.posted_on is None


def test_a_batch_is_not_there_for_another_school_and_refused_to_who_does_not_print(client: Client, cast: Cast) -> None:
    approve(cast)
    client.force_login(cast.alice)
    client.post(reverse("desk:make-batch", args=["900001"]))
    address = reverse("desk:batch-pdf", args=[PrintBatch.objects.get().pk])
    client.force_login(cast.charlie)
    assert client.get(address).status_code == 404
    client.force_login(cast.bob)
    assert client.get(address).status_code == 403
