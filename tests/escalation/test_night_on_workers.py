"""The night on real Celery workers over Redis and PostgreSQL: claimed by the beat's task, run by a worker, whole after a kill."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import pytest

from escalation.adoption import adopt
from escalation.models import NightRun, StageRecord
from letters import tasks
from letters.models import Letter
from tests.cast import NOW, TODAY, Cast, assemble
from tests.services import CeleryWorker
from tests.stories import away, present

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    cast = assemble()
    for school in (cast.here, cast.there):
        adopt(school=school, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, until=dt.date(2025, 11, 21), imogen=away(cast, "2025-11-03", 4), theo=away(cast, "2025-11-03", 4))
    return cast


def wait_until(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not done within {seconds} s"
        time.sleep(0.1)


def night_of(cast: Cast) -> NightRun:
    return NightRun.objects.get(school=cast.here, on=TODAY)


def test_the_beats_task_claims_what_is_due_and_a_worker_runs_it(
    cast: Cast, start_celery: Callable[..., CeleryWorker], settings: pytest.FixtureRequest
) -> None:
    settings.HANDRAIL_TODAY = TODAY + dt.timedelta(days=1)  # type: ignore[attr-defined]
    worker = start_celery(HANDRAIL_TODAY="2025-11-21")
    NightRun.objects.create(school=cast.here, on=TODAY)
    assert tasks.claim_due_nights() >= 1
    wait_until(lambda: night_of(cast).state == NightRun.State.DONE)
    wait_until(lambda: Letter.objects.count() == 3)
    tasks.claim_due_nights()
    again = tasks.run_nights.delay([cast.here.pk])
    wait_until(lambda: f"{again.id}] succeeded" in worker.log)
    assert (StageRecord.objects.filter(state="proposed").count(), Letter.objects.count()) == (2, 3)


def test_a_worker_killed_in_its_night_leaves_nothing_half_done(cast: Cast, start_celery: Callable[..., CeleryWorker]) -> None:
    NightRun.objects.create(school=cast.here, on=TODAY, claimed_until=NOW)
    for _ in range(3):
        worker = start_celery(HANDRAIL_TODAY="2025-11-21")
        tasks.run_nights.delay([cast.here.pk])
        time.sleep(0.2)
        worker.kill()
        states = set(StageRecord.objects.values_list("state", flat=True))
        run = NightRun.objects.get(school=cast.here, on=TODAY)
        assert states <= {"proposed", "passed_over"} and (run.state == NightRun.State.DONE) == bool(states)
        NightRun.objects.filter(pk=run.pk).update(claimed_until=None)
    start_celery(HANDRAIL_TODAY="2025-11-21")
    tasks.run_nights.delay([cast.here.pk])
    wait_until(lambda: night_of(cast).state == NightRun.State.DONE)
    tasks.draft_planned_letters.delay()
    wait_until(lambda: Letter.objects.count() == 3)
    assert StageRecord.objects.filter(state="proposed").count() == 2
