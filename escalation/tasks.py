"""Celery's doors of this room: trials. Redis only rings the bell; which trial waits stands in its table, and the beat looks there."""

from __future__ import annotations

from contextlib import suppress

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from escalation import trials
from schools.clock import now


@shared_task
def run_trial(trial_id: int) -> bool:
    """Works on one trial to its end; may run twice or be killed."""
    return trials.run_trial(trial_id=trial_id, clock=now)


@shared_task
def sweep_trials() -> int:
    """Starts the trials that nobody works on; returns how many."""
    ids = list(trials.waiting(now()).values_list("pk", flat=True))
    for trial_id in ids:
        run_trial.delay(trial_id)
    return len(ids)


@shared_task
def tidy_trials() -> int:
    """Deletes the trials whose time is over; returns how many. Run again, it finds nothing."""
    return trials.tidy_trials(now=now())


def has_workers() -> bool:
    """Whether workers take the trials; without Redis (the demo) whoever looks at a trial moves it on."""
    return bool(settings.REDIS_URL)


def start_trial(trial_id: int) -> None:
    """Rings for a worker once the trial is committed. Where the bell is out of order the next beat finds the trial."""
    if has_workers():
        with suppress(OperationalError):
            run_trial.delay_on_commit(trial_id)
