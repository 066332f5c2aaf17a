"""A trial on real Celery workers over Redis and PostgreSQL: started once it is committed, and taken up by the beat after a kill."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import pytest

from escalation import tasks
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.models import Trial
from escalation.trials import Ladder, ask_for_trial, run_trial
from schools.clock import now
from tests.cast import NOW, TODAY, Cast, assemble
from tests.services import CeleryWorker
from tests.stories import away, present

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    cast = assemble()
    present(cast, imogen=away(cast, "2025-11-03", 4), theo=away(cast, "2025-09-15", 10, "I"))
    return cast


def ask(cast: Cast) -> Trial:
    ladders = [Ladder(key, load_ruleset(key).text, key) for key in SHIPPED]
    days = {"starts": dt.date(2025, 9, 1), "ends": TODAY}
    return ask_for_trial(school=cast.here, ladders=ladders, act="same-day", by=cast.alice, role="officer", now=NOW, **days)


def result_of(trial: Trial, seconds: float = 40) -> dict[str, object]:
    deadline = time.monotonic() + seconds
    while trial.state != Trial.State.DONE:
        assert time.monotonic() < deadline, f"{trial.state} after {seconds} s: {trial.error}"
        time.sleep(0.1)
        trial.refresh_from_db()
    return trial.result


def test_a_worker_runs_it_and_after_a_kill_the_beat_finds_it_again(cast: Cast, start_celery: Callable[..., CeleryWorker]) -> None:
    here = ask(cast)
    assert run_trial(trial_id=here.pk, clock=now)
    here.refresh_from_db()

    worker = start_celery(HANDRAIL_TODAY=TODAY.isoformat())
    trial = ask(cast)
    tasks.start_trial(trial.pk)
    assert result_of(trial) == here.result

    again = ask(cast)
    tasks.start_trial(again.pk)
    time.sleep(0.1)
    worker.kill()
    Trial.objects.filter(pk=again.pk, state=Trial.State.RUNNING).update(claimed_until=now() - dt.timedelta(seconds=1))
    start_celery(HANDRAIL_TODAY=TODAY.isoformat())
    tasks.sweep_trials()
    assert result_of(again) == here.result
