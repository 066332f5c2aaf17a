"""Trying a ladder in the browser: asked, moved on, left and come back to; who is named, what is told of small groups, and the files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from escalation.adoption import adopt
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.models import Adoption, LadderDraft, Trial
from escalation.trials import LEASE, lines_of
from schools.models import Role
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db]

ASKED = {"what": "shipped", "year": "2025", "starts": "", "ends": "", "act": "same-day"}


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    settings.REDIS_URL = ""
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-09-15", 10, "I"))
    return made


@pytest.fixture
def draft(cast: Cast) -> LadderDraft:
    """A draft that is stricter than what is in force: the shipped ladder of another school."""
    text = load_ruleset("vale").text
    return LadderDraft.objects.create(school=cast.here, text=text, by=cast.staff[Role.HEAD], changed_at=NOW)


def ask(client: Client, cast: Cast, **more: str) -> Trial:
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    response = client.post(reverse("desk:trial-ask", args=["900001"]), {**ASKED, **more})
    trial = Trial.objects.latest("pk")
    assert response.status_code == 302 and response.url == reverse("desk:trial", args=[trial.pk])
    return trial


def done(client: Client, cast: Cast, **more: str) -> Trial:
    """Asked, and looked at until it is over, as the page does."""
    trial = ask(client, cast, **more)
    for _ in range(len(trial.ladders)):
        response = client.get(reverse("desk:trial-progress", args=[trial.pk]))
    assert response["HX-Refresh"] == "true"
    trial.refresh_from_db()
    return trial


def page_of(client: Client, trial: Trial, **query: int) -> str:
    response = client.get(reverse("desk:trial", args=[trial.pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def test_what_can_be_tried_is_offered(client: Client, cast: Cast, draft: LadderDraft) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("desk:trials")).content.decode()
    assert "In force beside the draft of 20 November 2025 by Dr H. Hawthorn" in page and "2025/26" in page
    assert "Nothing tried yet" in page


def test_from_the_question_to_the_answer_without_workers(client: Client, cast: Cast, draft: LadderDraft, monkeypatch) -> None:
    monkeypatch.setattr("desk.views.trials.SLICE", 0)
    trial = ask(client, cast, what=f"draft-{draft.pk}")
    assert (trial.draft, trial.starts, trial.ends) == (draft, dt.date(2025, 9, 3), TODAY)
    waiting = page_of(client, trial)
    assert "Waiting for its turn" in waiting and '<meta http-equiv="refresh" content="2; url=?again=1">' in waiting
    first = client.get(reverse("desk:trial-progress", args=[trial.pk]))
    assert f"{trial.all_days // 2} of {trial.all_days} school days" in first.content.decode() and "HX-Refresh" not in first
    page = page_of(client, trial, again=1)
    assert "What each ladder would have done" in page and "In force: " in page and "Draft of 20 November 2025" in page
    assert "In force beside the draft" in client.get(reverse("desk:trials")).content.decode()


def test_with_workers_a_look_moves_nothing(client: Client, cast: Cast, settings, monkeypatch) -> None:
    settings.REDIS_URL = "redis://bell"
    rung: list[int] = []
    monkeypatch.setattr("escalation.tasks.run_trial.delay_on_commit", rung.append)
    trial = ask(client, cast)
    assert rung == [trial.pk]
    client.get(reverse("desk:trial-progress", args=[trial.pk]))
    trial.refresh_from_db()
    assert trial.state == Trial.State.WAITING


def test_while_somebody_works_on_it_a_look_only_looks(client: Client, cast: Cast) -> None:
    trial = ask(client, cast)
    Trial.objects.update(state=Trial.State.RUNNING, claimed_until=NOW + dt.timedelta(days=1) + LEASE, done_days=20)
    assert "20 of" in client.get(reverse("desk:trial-progress", args=[trial.pk])).content.decode()
    assert Trial.objects.get().result == {}


def test_the_answer_names_who_would_be_written_to(client: Client, cast: Cast, draft: LadderDraft) -> None:
    trial = done(client, cast, what=f"draft-{draft.pk}")
    response = client.get(reverse("desk:trial", args=[trial.pk]))
    page = response.context["page"]
    named = {each.pupil.first_name for one in page.lists for _, pupils in one.forms for each in pupils}
    assert len(page.ladders) == 2 and sum(one.count for one in page.lists) + page.same_day >= len(named) > 0
    assert named <= {"Imogen", "Theo", "Priya", "Lee", "Nia"}
    for name in named:
        assert name in response.content.decode()
    assert all(one.unnamed == 0 for one in page.lists)


def test_a_new_threshold_shows_at_its_stage(client: Client, cast: Cast, draft: LadderDraft) -> None:
    text = load_ruleset("federation").text
    LadderDraft.objects.update(text=text.replace("first_talk: {value: 5,", "first_talk: {value: 9,"))
    trial = done(client, cast, what=f"draft-{draft.pk}")
    page = client.get(reverse("desk:trial", args=[trial.pk]), {"stage": "1"}).context["page"]
    assert [each.id for each in page.stages] == [stage.id for stage in load_ruleset("federation").stages] and page.stage == "1"
    assert (page.stages[0].no_longer, page.stages[0].later, page.stages[0].newly) == (2, 0, 0)  # letter 1 at 8 comes first
    gone = next(one for one in page.lists if one.title == "No longer")
    assert [each.pupil.first_name for _, pupils in gone.forms for each in pupils] == ["Imogen", "Theo"]
    assert client.get(reverse("desk:trial", args=[trial.pk]), {"stage": "no such"}).context["page"].stage == ""


def test_groups_too_small_are_shown_as_such(client: Client, cast: Cast) -> None:
    page = page_of(client, done(client, cast))
    assert "too few for a rate" in page and "fewer than 6" in page and "Year 8" in page


def test_the_shipped_ladders_stand_side_by_side_and_each_can_be_set_against_the_first(client: Client, cast: Cast) -> None:
    trial = done(client, cast)
    assert len(trial.ladders) == len(SHIPPED)
    assert client.get(reverse("desk:trial", args=[trial.pk]), {"beside": 3}).context["page"].beside == 3
    for odd in ("0", "99", "x", "99999999999"):
        assert client.get(reverse("desk:trial", args=[trial.pk]), {"beside": odd}).context["page"].beside == 1


def test_the_chart_and_the_files(client: Client, cast: Cast) -> None:
    trial = done(client, cast)
    chart = client.get(reverse("desk:trial-chart", args=[trial.pk]))
    assert chart["Content-Type"] == "image/svg+xml" and chart.content.decode().count('font-weight="700"') == len(SHIPPED)
    lines = client.get(reverse("desk:trial-lines", args=[trial.pk, 0]))
    text = b"".join(lines.streaming_content).decode()
    assert text == lines_of(trial, 0) and json.loads(text.splitlines()[0])["date"]
    table = b"".join(client.get(reverse("desk:trial-table", args=[trial.pk])).streaming_content).decode()
    rows = list(csv.reader(io.StringIO(table)))
    assert rows[0] == ["ladder", "date", "upn", "kind", "id", "name", "because"]
    assert len(rows) - 1 == sum(lines_of(trial, number).count("\n") for number in range(len(SHIPPED)))
    assert client.get(reverse("desk:trial-lines", args=[trial.pk, 9])).status_code == 404


def test_what_cannot_be_tried_is_said_at_the_form(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    address = reverse("desk:trial-ask", args=["900001"])
    for more, said in (
        ({"starts": "2025-11-10", "ends": "2025-11-03"}, "lies before the first, 10 November 2025"),
        ({"what": ""}, "Choose what to compare."),
        ({"what": "draft-99"}, "This draft is not there any more"),
        ({"year": "1999"}, "The school has no register of this year"),
        ({"starts": "soon"}, "Only from: give a date"),
    ):
        response = client.post(address, {**ASKED, **more})
        assert response.status_code == 422 and said in response.content.decode(), more
    assert not Trial.objects.exists()


def test_a_draft_with_a_fault_is_refused_with_the_fault(client: Client, cast: Cast, draft: LadderDraft) -> None:
    LadderDraft.objects.update(text="key: half")
    client.force_login(cast.alice)
    response = client.post(reverse("desk:trial-ask", args=["900001"]), {**ASKED, "what": f"draft-{draft.pk}"})
    assert response.status_code == 422 and "still has a fault" in response.content.decode()


def test_a_trial_that_failed_says_so(client: Client, cast: Cast) -> None:
    trial = ask(client, cast)
    Trial.objects.update(state=Trial.State.FAILED, error="The calendar contradicts itself.")
    assert "The calendar contradicts itself." in page_of(client, trial)
    assert client.get(reverse("desk:trial-table", args=[trial.pk])).status_code == 404


def test_a_trial_says_until_when_it_is_kept(client: Client, cast: Cast, draft: LadderDraft) -> None:
    trial = done(client, cast, what=f"draft-{draft.pk}")
    Trial.objects.update(finished_at=NOW)
    assert "kept until 18 February 2026, and for good once its draft is published" in page_of(client, trial)
    LadderDraft.objects.update(state="published", starts=TODAY, published_as=Adoption.objects.first().version)
    assert "kept for good: its draft was published" in page_of(client, trial)
    LadderDraft.objects.update(state="draft", starts=None, published_as=None)
    Trial.objects.update(state=Trial.State.FAILED)
    assert "kept until 18 February 2026" in page_of(client, trial)


def test_another_schools_trial_is_not_there_and_without_the_role_it_is_refused(client: Client, cast: Cast) -> None:
    trial = done(client, cast)
    names = [("trial", []), ("trial-progress", []), ("trial-chart", []), ("trial-table", []), ("trial-lines", [0])]
    for user, status in ((cast.charlie, 404), (cast.bob, 403), (cast.staff[Role.GOVERNOR], 403), (cast.staff[Role.HEAD], 200)):
        client.force_login(user)
        got = {client.get(reverse(f"desk:{name}", args=[trial.pk, *more])).status_code for name, more in names}
        assert got == {status}, user
    client.force_login(cast.charlie)
    assert client.post(reverse("desk:trial-ask", args=["900001"]), ASKED).status_code == 404
    assert "Fenwold" not in client.get(reverse("desk:trials")).content.decode()


def test_a_draft_of_another_school_cannot_be_tried(client: Client, cast: Cast, draft: LadderDraft) -> None:
    client.force_login(cast.charlie)
    response = client.post(reverse("desk:trial-ask", args=["900002"]), {**ASKED, "what": f"draft-{draft.pk}"})
    assert response.status_code == 422 and not Trial.objects.exists()


def test_few_statements_whatever_was_found(client: Client, cast: Cast) -> None:
    trial = done(client, cast)
    with CaptureQueriesContext(connection) as asked:
        page_of(client, trial)
    assert len(asked) <= 10
    with CaptureQueriesContext(connection) as asked:
        client.get(reverse("desk:trials"))
    assert len(asked) <= 12


def test_the_ladders_page_leads_here_for_who_may_try(client: Client, cast: Cast) -> None:
    for user, offered in ((cast.staff[Role.HEAD], True), (cast.bob, False)):
        client.force_login(user)
        assert ("Try a change" in client.get(reverse("desk:ladder")).content.decode()) is offered
