"""Texts on a real Celery worker over Redis and PostgreSQL; and what is asked for while the bell is out of order."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest

from config.celery import app
from messaging import tasks
from messaging.models import Message
from messaging.services import Letter, put_out
from tests.cast import TODAY, Cast
from tests.fake_notify import EMAIL_TEMPLATE, FakeNotify
from tests.messaging.story import MORNING, ready
from tests.services import CeleryWorker

pytestmark = pytest.mark.django_db(transaction=True)


def an_email(cast: Cast, notify: FakeNotify) -> Message:
    """An e-mail of yesterday: it is due at any hour at which the tests are run."""
    ready(cast, notify, email_template=uuid.UUID(EMAIL_TEMPLATE))
    letter = Letter(cast.parents["Grace"], (cast.theo.enrolment.pupil,), "grace@home.example", "Dear Ms Okafor", "email", "Theo")
    yesterday = MORNING.replace(day=TODAY.day - 1)
    (message,) = put_out(school=cast.here, letters=[letter], purpose="letter", by=cast.alice, role="officer", now=yesterday)
    return message


def test_a_worker_sends_what_is_due(cast: Cast, notify: FakeNotify, start_celery: Callable[..., CeleryWorker]) -> None:
    message = an_email(cast, notify)
    start_celery(HANDRAIL_TODAY=TODAY.isoformat(), NOTIFY_URL=notify.url, DEBUG="on")
    tasks.start_sending(cast.here)
    deadline = time.monotonic() + 30
    while message.state != "sent":
        assert time.monotonic() < deadline, message.state
        time.sleep(0.1)
        message.refresh_from_db()
    assert [each.to for each in notify.sent] == ["grace@home.example"]


def test_without_redis_what_was_asked_for_waits_and_nobody_sees_an_error(
    cast: Cast, notify: FakeNotify, settings, monkeypatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(app.conf, "broker_url", settings.REDIS_URL)
    message = an_email(cast, notify)
    tasks.start_sending(cast.here)
    message.refresh_from_db()
    assert message.state == "waiting"
    assert tasks.send_due_messages() == 1  # what the next beat does
