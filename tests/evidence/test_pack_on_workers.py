"""A pack on a real Celery worker over Redis and PostgreSQL: made once it is asked for, and taken up by the beat after a kill."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import pytest

from evidence import tasks
from evidence.models import EvidencePack
from evidence.services import ask_for_pack
from schools.clock import now
from tests.cast import TODAY
from tests.evidence.court_case import as_lead, made_up
from tests.services import CeleryWorker

pytestmark = pytest.mark.django_db(transaction=True)


def done(pack: EvidencePack, seconds: float = 90) -> EvidencePack:
    deadline = time.monotonic() + seconds
    while pack.state != EvidencePack.State.DONE:
        assert time.monotonic() < deadline, f"{pack.state} after {seconds} s: {pack.error}"
        time.sleep(0.2)
        pack.refresh_from_db()
    return pack


def test_a_worker_makes_it_and_after_a_kill_the_beat_finds_it_again(settings, start_celery: Callable[..., CeleryWorker]) -> None:
    settings.HANDRAIL_TODAY = TODAY
    cast, case = made_up()
    worker = start_celery(HANDRAIL_TODAY=TODAY.isoformat())
    first = ask_for_pack(case=case, purpose="court", parent=None, **as_lead(cast))
    tasks.start_pack(first.pk)
    assert done(first).sha256

    second = ask_for_pack(case=case, purpose="panel", parent=None, **as_lead(cast))
    tasks.start_pack(second.pk)
    time.sleep(0.3)
    worker.kill()
    EvidencePack.objects.filter(pk=second.pk, state="making").update(claimed_until=now() - dt.timedelta(seconds=1))
    start_celery(HANDRAIL_TODAY=TODAY.isoformat())
    tasks.sweep_packs()
    assert done(second).pages > 5
