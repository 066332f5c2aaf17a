"""The ``nightly`` command, whose JSON others read."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from escalation.adoption import adopt
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
KEYS = ["urn", "school", "on", "pupils", "evaluated", "proposed", "drafted", "withdrawn", "skipped", "errors", "seconds"]


@pytest.fixture
def cast(settings: pytest.FixtureRequest) -> Cast:
    settings.HANDRAIL_TODAY = TODAY + dt.timedelta(days=2)  # type: ignore[attr-defined]  # a Saturday
    cast = assemble()
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, until=dt.date(2025, 11, 21), imogen=away(cast, "2025-11-03", 4))
    return cast


def nightly(*arguments: str) -> str:
    out = StringIO()
    call_command("nightly", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_date_it_is_for_the_last_school_day_up_to_today(cast: Cast) -> None:
    (night,) = json.loads(nightly("--school", "900001", "--format", "json"))
    assert list(night) == KEYS
    assert (night["on"], night["pupils"], night["evaluated"], night["proposed"], night["drafted"]) == ("2025-11-21", 4, 4, 1, 2)
    assert (night["urn"], night["school"], night["skipped"], night["errors"]) == ("900001", "Fenwold Academy", [], [])
    (again,) = json.loads(nightly("--school", "900001", "--format", "json"))
    assert (again["evaluated"], again["proposed"], again["drafted"], again["withdrawn"]) == (4, 0, 0, 0)


def test_all_schools_are_run_and_one_that_fails_is_named(cast: Cast) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="At least one school's night failed"):
        call_command("nightly", "--on", "2025-11-20", "--format", "json", stdout=out)
    here, there = json.loads(out.getvalue())
    assert (here["proposed"], here["errors"]) == (1, [])
    assert there["errors"] == [
        "Marsh Lane Primary School has adopted no ladder that is in force on 20 November 2025: choose one under Set-up."
    ]


def test_an_earlier_day_is_not_evaluated_after_a_later_one(cast: Cast) -> None:
    nightly("--school", "900001")
    (night,) = json.loads(nightly("--school", "900001", "--on", "2025-11-20", "--format", "json"))
    assert night["evaluated"] == 0 and night["skipped"][0].startswith("The night of 21 November 2025 has been run")


def test_bad_arguments_are_answered_in_words(cast: Cast) -> None:
    with pytest.raises(CommandError, match="There is no school with the URN 999999. Known: 900001, 900002."):
        nightly("--school", "999999")
    with pytest.raises(CommandError, match="'yesterday' is not a date: write it as 2025-11-21."):
        nightly("--on", "yesterday")


def test_a_day_without_school_is_skipped_with_a_sentence(cast: Cast) -> None:
    text = nightly("--school", "900001", "--on", "2025-11-22")
    assert "0 evaluated" in text and "put off: Saturday 22 November 2025 is not a school day." in text
