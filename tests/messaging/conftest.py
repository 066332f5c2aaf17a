"""The cast with telephones of their own, and a Notify to send to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schools.models import Parent
from tests.cast import TODAY, Cast, assemble
from tests.fake_notify import FakeNotify
from tests.messaging.story import Clock, ready

NUMBERS = {
    "Morwenna": "07700 900101",
    "Piers": "07700900102",
    "Grace": "+44 7700 900103",
    "Stefan": "07700 900104",
    "Halina": "07700 900105",
}


@pytest.fixture
def cast(db: None, settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    settings.DEBUG = True  # a server of one's own is not https
    made = assemble()
    for name, number in NUMBERS.items():
        Parent.objects.filter(pk=made.parents[name].pk).update(telephone=number)
        made.parents[name].refresh_from_db()
    return made


@pytest.fixture
def notify(settings) -> Iterator[FakeNotify]:
    with FakeNotify(slow=1.5) as server:
        settings.NOTIFY_URL = server.url
        yield server


@pytest.fixture
def connected(cast: Cast, notify: FakeNotify) -> Cast:
    """The cast, whose school has its key."""
    ready(cast, notify)
    return cast


@pytest.fixture
def clock() -> Clock:
    return Clock()
