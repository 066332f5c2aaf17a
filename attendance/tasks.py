"""Celery's doors of the register: reading it from the schools' MIS. Tasks carry ids and may run twice or be killed."""

from __future__ import annotations

from celery import shared_task

from attendance.mis import active_connections, read_marks
from schools.clock import now


@shared_task
def read_registers() -> int:
    """Hands every school that is read through a connection to a worker; returns how many."""
    ids = list(active_connections().values_list("pk", flat=True))
    for number in ids:
        read_register.delay(number)
    return len(ids)


@shared_task
def read_register(connection_id: int) -> bool:
    """Reads one school's marks; True where that worked or the connection is not active any more."""
    connection = active_connections().select_related("school").filter(pk=connection_id).first()
    return connection is None or not read_marks(connection=connection, now=now()).error
