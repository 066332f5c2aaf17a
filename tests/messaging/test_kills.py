"""Exactly once: senders are killed at random points while they send, and every text arrives once all the same.

Real processes, a real database between them, SIGKILL. The provider's own faults come on top: a message dropped after it was accepted, an
error of its own, garbage. The long form (1,500 messages, 3 senders, 40 kills, settled within 60 seconds of the last) is run by bin/torture.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.utils import timezone

from messaging.models import Message, MessageTry
from messaging.services import Letter, put_out
from tests.cast import assemble
from tests.fake_notify import FakeNotify, Trouble
from tests.messaging.story import MORNING, ready
from tests.services import database_url

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 90
"""Seconds after which what has not left is lost."""
SHAKY = [Trouble.DROPPED_AFTER, Trouble.ERROR_AFTER, Trouble.GARBAGE_AFTER, Trouble.DROPPED_BEFORE, Trouble.TOO_FAST]


class Senders:
    """Sending processes that can be killed and replaced."""

    def __init__(self, url: str) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DATABASE_CONN_MAX_AGE": "600",
            "NOTIFY_URL": url,
            "SECONDS_AHEAD": str((MORNING - timezone.now()).total_seconds()),
            "DEBUG": "on",
            "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.messaging.senders"],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.living: list[int] = []

    def start(self) -> None:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write("one\n")
        self.nursery.stdin.flush()
        self.living.append(int(self.nursery.stdout.readline()))

    def kill_one(self, chance: random.Random) -> None:
        os.kill(self.living.pop(chance.randrange(len(self.living))), signal.SIGKILL)

    def end(self) -> None:
        for pid in self.living:
            os.kill(pid, signal.SIGKILL)
        self.nursery.kill()
        self.nursery.wait()


@pytest.fixture
def notify() -> Iterator[FakeNotify]:
    with FakeNotify(latency=0.01, slow=1.5) as server:
        yield server


def put_into_the_outbox(notify: FakeNotify, number: int) -> None:
    cast = assemble()
    ready(cast, notify)
    parent, pupil = cast.parents["Grace"], cast.theo.enrolment.pupil
    letters = [Letter(parent, (pupil,), f"+4477009{each:05}", f"Text {each}", reference=uuid.uuid4()) for each in range(number)]
    put_out(school=cast.here, letters=letters, purpose="note", by=cast.alice, role="officer", now=MORNING)


def left() -> int:
    return Message.objects.exclude(state="sent").count()


def kill_while_sending(notify: FakeNotify, *, messages: int, senders: int, kills: int, seed: int) -> tuple[int, float]:
    """Kills as long as there is much to send, and at least so often. Returns how often, and the seconds from the last kill to the end."""
    chance = random.Random(seed)
    put_into_the_outbox(notify, messages)
    notify.faults.extend(SHAKY)
    work, done = Senders(notify.url), 0
    try:
        for _ in range(senders):
            work.start()
        while done < kills or left() > messages / 10:
            time.sleep(chance.uniform(0.05, 1.0))
            work.kill_one(chance)
            work.start()
            done += 1
        last = time.monotonic()
        while left():
            assert time.monotonic() < last + PATIENCE, f"{left()} of {messages} have not left"
            time.sleep(0.1)
        return done, time.monotonic() - last
    finally:
        work.end()


def check_each_arrived_once(notify: FakeNotify, messages: int) -> None:
    arrived = collections.Counter(each.reference for each in notify.sent)
    twice = [reference for reference, times in arrived.items() if times > 1]
    wanted = {str(reference) for reference in Message.objects.values_list("reference", flat=True)}
    assert (len(twice), len(wanted - set(arrived)), len(arrived)) == (0, 0, messages)
    stored = dict(Message.objects.values_list("provider_id", "body"))
    assert {each.id: each.words["message"] for each in notify.sent} == stored


def cut_short() -> int:
    """Tries that began and never ended: what the kills left behind."""
    return MessageTry.objects.filter(what="began").count() - MessageTry.objects.exclude(what="began").count()


def test_ten_kills_lose_and_double_nothing(notify: FakeNotify) -> None:
    kills, _ = kill_while_sending(notify, messages=200, senders=2, kills=10, seed=14)
    check_each_arrived_once(notify, 200)
    assert kills >= 10
    assert cut_short() > 0  # the kills met senders at work


@pytest.mark.slow
def test_forty_kills_of_three_senders_with_1500_messages(notify: FakeNotify) -> None:
    kills, seconds = kill_while_sending(notify, messages=1500, senders=3, kills=40, seed=1500)
    check_each_arrived_once(notify, 1500)
    print(f"{kills} kills, {cut_short()} of them in the middle of a try; settled {seconds:.1f} s after the last")
    assert kills >= 40
    assert cut_short() >= 10
    assert seconds <= 60
