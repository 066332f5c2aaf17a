"""Celery's doors of this room: packs. Redis only rings the bell; which pack waits stands in its table, and the beat looks there."""

from __future__ import annotations

from contextlib import suppress

from celery import shared_task
from kombu.exceptions import OperationalError

from escalation.tasks import has_workers
from evidence import services
from evidence.keys import sealing_key
from schools.clock import now


@shared_task
def make_pack(pack_id: int) -> bool:
    """Makes one pack; may run twice or be killed."""
    return services.make_pack(pack_id=pack_id, clock=now, key=sealing_key())


@shared_task
def sweep_packs() -> int:
    """Starts the packs that nobody makes; returns how many."""
    ids = list(services.waiting(now()).values_list("pk", flat=True))
    for pack_id in ids:
        make_pack.delay(pack_id)
    return len(ids)


def start_pack(pack_id: int) -> None:
    """Rings for a worker once the row is committed. Where the bell is out of order the next beat finds the pack."""
    if has_workers():
        with suppress(OperationalError):
            make_pack.delay_on_commit(pack_id)
