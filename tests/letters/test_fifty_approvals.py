"""Fifty people press Approve on one letter at the same moment, over connections of their own: one does it, the others read who was first.

And two workers take one school's night at once: it is run once. The embedded database has one writer at a time; these run on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connection

from escalation.adoption import adopt
from escalation.models import NightRun, StageRecord
from escalation.night import claim
from letters.models import Letter, LetterEvent
from letters.services import Outcome, approve_letters
from schools.models import AuditEntry, Role, User
from tests import factories as make
from tests.bars import Bar
from tests.cast import NOW, TODAY, Cast, assemble
from tests.services import database_url
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


@pytest.fixture
def cast() -> Cast:
    """Imogen and Theo are at letter 1; the night has not been run."""
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-11-03", 4))
    return made


def at_once(people: int, act: Callable[[int], T]) -> list[T]:
    """``act`` in as many threads, which begin together, each with its own connection."""
    start = Barrier(people)

    def one(number: int) -> T:
        try:
            connection.ensure_connection()
            start.wait(timeout=60)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as threads:
        return list(threads.map(one, range(people)))


def leads(cast: Cast, number: int) -> list[User]:
    """That many attendance leads of the school, each of whom may approve."""
    users = [make.UserFactory(name=f"Lead {one}") for one in range(number)]
    for user in users:
        make.StaffRoleFactory(user=user, role=Role.ATTENDANCE_LEAD, school=cast.here)
    return users


def approve_together(cast: Cast, people: int, *, render: bool) -> tuple[int, int]:
    """(letters approved, people told who was first), with everything else about the letter asserted."""
    run(cast)
    letter = Letter.objects.get(parent=cast.parents["Grace"])
    users = leads(cast, people)

    def approve(number: int) -> Outcome:
        (outcome,) = approve_letters(
            letters=[Letter.objects.get(pk=letter.pk)], by=users[number], role="attendance_lead", now=NOW, on=TODAY, render=render
        )
        return outcome

    outcomes = at_once(people, approve)
    letter.refresh_from_db()
    (first,) = [number for number, outcome in enumerate(outcomes) if outcome.ok]
    assert (letter.state, letter.approved_by) == ("approved", users[first])
    told = [outcome.sentence for outcome in outcomes if not outcome.ok]
    assert set(told) == {f"Already approved by {users[first].name} on 20 November at 16.30."}
    assert LetterEvent.objects.filter(letter=letter, after="approved").count() == 1
    assert AuditEntry.objects.filter(action="letter approved").count() == 1
    assert Letter.objects.filter(state="approved").count() == 1, "no other letter moved with it"
    return 1, len(told)


def test_of_twelve_who_approve_one_letter_one_does(cast: Cast) -> None:
    assert approve_together(cast, 12, render=False) == (1, 11)


@pytest.mark.slow
def test_of_fifty_who_approve_one_letter_one_does(cast: Cast, bar: Bar) -> None:
    approved, told = approve_together(cast, 50, render=True)
    bar(17, f"{approved + told} simultaneous approvals of one letter: {approved} letter, {told} told “Already approved by …”")


def test_of_twelve_workers_who_claim_one_night_one_has_it(cast: Cast) -> None:
    assert sum(at_once(12, lambda _: claim(cast.here, TODAY, NOW))) == 1
    assert NightRun.objects.count() == 1


def stored() -> tuple[int, int, int]:
    """Stages proposed (those passed over stand beside them), letters, and rows of the night."""
    return StageRecord.objects.filter(state="proposed").count(), Letter.objects.count(), NightRun.objects.count()


def two_nights() -> list[dict]:
    """What two processes say that are started together with the same night."""
    command = [sys.executable, "manage.py", "nightly", "--school", "900001", "--on", TODAY.isoformat(), "--format", "json"]
    environment = {**os.environ, "DATABASE_URL": database_url(), "DEBUG": "on", "HANDRAIL_TODAY": ""}
    both = [
        subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    return [report for words in said for report in json.loads(words)]


def test_two_processes_run_one_night_once(cast: Cast) -> None:
    reports = two_nights()
    assert sum(report["proposed"] for report in reports) == 2 and sum(report["drafted"] for report in reports) == 3
    assert [report["errors"] for report in reports] == [[], []]
    assert stored() == (2, 3, 1)
    kept = NightRun.objects.get()
    assert (kept.state, kept.proposed, kept.drafted) == ("done", 2, 3)


@pytest.mark.slow
def test_ten_times_two_processes_run_one_night_once(cast: Cast, bar: Bar) -> None:
    for _ in range(10):
        reports = two_nights()
        assert [report["errors"] for report in reports] == [[], []]
    assert stored() == (2, 3, 1)
    bar(17, "10 times two processes with one school's night: 2 stages and 3 letters as after one run, 1 row of the night")
