"""Celery's doors of this room. Redis only rings the bell: which message is due stands in its table, and the beat looks there."""

from __future__ import annotations

from contextlib import suppress

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from messaging import replies, sending
from messaging.opening import open_provider
from schools.clock import now
from schools.models import School

WITHOUT_WORKERS = 3.0
"""Seconds that a page spends on sending where there are no workers (the demo); the rest goes with the next look."""
A_RUN = 120.0
"""Seconds after which a worker begins no further message: the beat rings again."""


@shared_task
def send_due_messages() -> int:
    """Sends what is due; may run twice, at once, or be killed. Returns how many the provider took."""
    return sending.send_due(clock=now, open_provider=open_provider, seconds=A_RUN)


@shared_task
def poll_messages() -> int:
    """Asks what became of what has left; returns how many are settled since."""
    return sending.poll(clock=now, open_provider=open_provider)


@shared_task
def read_replies() -> int:
    """Reads what parents wrote back; returns how many replies are new."""
    return replies.read_replies(clock=now, open_provider=open_provider)


def has_workers() -> bool:
    """Whether workers send; without Redis (the demo) whoever looks at the page moves it on."""
    return bool(settings.REDIS_URL)


def start_sending(school: School) -> None:
    """Rings for a worker once the messages are committed; where the bell is out of order the next beat finds them."""
    if has_workers():
        with suppress(OperationalError):
            send_due_messages.delay_on_commit()
    else:
        sending.send_due(clock=now, open_provider=open_provider, school=school, seconds=WITHOUT_WORKERS)


def look_now(school: School) -> int:
    """Sends what is due, asks after what has left and reads replies, here and now; returns how many replies are new."""
    sending.send_due(clock=now, open_provider=open_provider, school=school, seconds=WITHOUT_WORKERS)
    sending.poll(clock=now, open_provider=open_provider, school=school, limit=50)
    return replies.read_replies(clock=now, open_provider=open_provider, school=school)
