"""Notices to improve: seven things, a clock under the local code, a test that the night makes, and what follows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from casework.models import ImprovementNotice
from casework.penalty import improvement
from casework.penalty.improvement import SEVEN, usual_length
from casework.penalty.improving import (
    begin_improvement,
    decide_improvement,
    end_improvement_notices,
    letter_about,
    stop_improvement,
)
from casework.penalty.parameters import code_of
from casework.penalty.rules import Answers
from casework.penalty.services import prepare_ground
from escalation.adoption import adopt
from escalation.models import Event, PlannedLetter
from schools.models import AuditEntry, Pupil, School
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db]

MONDAY = dt.date(2025, 11, 24)
SAYS = {
    "support_given": "Two meetings, a mentor, a plan.",
    "support_offered": "Breakfast club and a mentor each Monday.",
    "improvement_means": "No session missed without an agreed reason.",
    "grounds_earlier": "If the help is not taken up, or two more sessions are missed.",
}


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    School.objects.filter(pk=made.here.pk).update(local_authority="Bedford")
    made.here.refresh_from_db()
    adopt(school=made.here, key="goldington", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 5))
    return made


@pytest.fixture
def imogen(cast: Cast) -> Pupil:
    return cast.imogen.enrolment.pupil


def head(cast: Cast, on: dt.date = TODAY) -> dict[str, Any]:
    return {"by": cast.staff["head"], "role": "head", "on": on, "now": NOW}


def begin(cast: Cast, pupil: Pupil, **more: Any) -> ImprovementNotice:
    given = {"starts_on": MONDAY, "school_days_long": 15, "allowed": 0, **SAYS} | more
    return begin_improvement(pupil=pupil, school=cast.here, **head(cast), **given)


def test_fifteen_school_days_under_bedfords_code(cast: Cast, imogen: Pupil) -> None:
    assert usual_length(code_of("Bedford").notice_to_improve) == 15
    notice = begin(cast, imogen)
    assert (notice.starts_on, notice.ends_on) == (MONDAY, dt.date(2025, 12, 12))
    assert set(notice.contents) == set(SEVEN) and all(notice.contents.values())


def test_its_letter_is_planned_with_its_dates(cast: Cast, imogen: Pupil) -> None:
    notice = begin(cast, imogen)
    planned = PlannedLetter.objects.get(letter="notice-to-improve")
    assert planned.about == letter_about(notice)
    assert planned.about["next_from"] == "24 November" and planned.about["next_to"] == "12 December 2025"
    assert planned.about["next_weeks"] == "15 school days" and planned.approves == "head"
    assert planned.cause == f"notice to improve {notice.pk}" and planned.encloses == "certificate"


def test_the_time_runs_over_holidays(cast: Cast, imogen: Pupil) -> None:
    assert begin(cast, imogen, school_days_long=30).ends_on == dt.date(2026, 1, 19), "Christmas uses none of it"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"support_given": ""}, "The support given so far"),
        ({"support_offered": " "}, "Further support on offer"),
        ({"improvement_means": ""}, "What counts as improvement"),
        ({"grounds_earlier": ""}, "when we may act earlier"),
        ({"school_days_long": 14}, "15 to 30 school days"),
        ({"school_days_long": 31}, "15 to 30 school days"),
        ({"starts_on": dt.date(2025, 11, 19)}, "begins today or later"),
        ({"starts_on": dt.date(2026, 7, 10)}, "calendar ends before"),
        ({"is_leave": True}, "does not use a notice to improve for leave"),
    ],
)
def test_what_does_not_fit_is_refused(cast: Cast, imogen: Pupil, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        begin(cast, imogen, **changes)
    assert not ImprovementNotice.objects.exists() and not PlannedLetter.objects.exists()


def test_not_below_the_threshold_and_not_twice(cast: Cast, imogen: Pupil) -> None:
    with pytest.raises(Refused, match="0 unauthorised sessions"):
        begin(cast, cast.theo.enrolment.pupil)
    begin(cast, imogen)
    with pytest.raises(Refused, match="already runs"):
        begin(cast, imogen)


@pytest.mark.parametrize(
    ("absences", "allowed", "outcome", "sessions"),
    [({}, 0, "met", (30, 30, 0)), ({"2025-12-01": "O"}, 0, "missed", (30, 28, 2)), ({"2025-12-01": "O"}, 2, "met", (30, 28, 2)),
     ({"2025-12-01": "I"}, 0, "met", (30, 28, 0)), ({"2025-11-21": "O", "2025-12-15": "O"}, 0, "met", (30, 30, 0))],
)  # fmt: skip
def test_it_ends_by_itself_and_is_tested_on_its_own_sessions(
    cast: Cast, imogen: Pupil, absences: dict[str, str], allowed: int, outcome: str, sessions: tuple[int, int, int]
) -> None:
    notice = begin(cast, imogen, allowed=allowed)
    present(cast, until=dt.date(2025, 12, 19), imogen=away(cast, "2025-11-03", 5) | absences)
    assert end_improvement_notices(school=cast.here, on=dt.date(2025, 12, 11), now=NOW) == 0
    assert end_improvement_notices(school=cast.here, on=dt.date(2025, 12, 12), now=NOW) == 1
    assert end_improvement_notices(school=cast.here, on=dt.date(2025, 12, 12), now=NOW) == 0, "run again it changes nothing"
    notice.refresh_from_db()
    assert (notice.state, notice.outcome) == ("ended", outcome)
    assert (notice.possible, notice.attended, notice.unauthorised) == sessions
    assert Event.objects.filter(text__startswith="Notice to improve ended").count() == 1
    assert AuditEntry.objects.filter(action="notice to improve ended").count() == 1


def test_a_time_without_any_possible_session_is_no_fault(cast: Cast) -> None:
    assert improvement.tested([], MONDAY, MONDAY, 0).outcome == "no sessions"


def test_it_leads_to_thanks_or_to_a_request(cast: Cast, imogen: Pupil) -> None:
    notice = begin(cast, imogen)
    with pytest.raises(Refused, match="“running”"):
        decide_improvement(notice=notice, next_="praise", reason="", **head(cast))
    present(cast, until=dt.date(2025, 12, 19), imogen=away(cast, "2025-11-03", 5))
    end_improvement_notices(school=cast.here, on=dt.date(2025, 12, 12), now=NOW)
    with pytest.raises(Refused, match="no penalty notice follows"):
        decide_improvement(notice=notice, next_="request", reason="", **head(cast))
    assert decide_improvement(notice=notice, next_="praise", reason="Well done.", **head(cast)).state == "decided"


def test_while_it_runs_no_request_is_prepared_until_it_is_stopped_on_a_ground(cast: Cast, imogen: Pupil) -> None:
    notice = begin(cast, imogen)
    answers = Answers(False, "Meetings.", False, "Dr H. Hawthorn", "No disability.", True)
    request = {"pupil": imogen, "school": cast.here, "parents": {cast.parents["Morwenna"].pk: "Care."}, "answers": answers}
    with pytest.raises(Refused, match="One runs until 12 December 2025"):
        prepare_ground(**request, **head(cast))
    with pytest.raises(Refused, match="Name the ground"):
        stop_improvement(notice=notice, reason="", **head(cast))
    stop_improvement(notice=notice, reason="Two more sessions were missed.", **head(cast, MONDAY))
    assert prepare_ground(**request, **head(cast)).requests.count() == 1


def test_buckinghamshire_lets_the_school_act_after_three_weeks(cast: Cast, imogen: Pupil) -> None:
    School.objects.filter(pk=cast.here.pk).update(local_authority="Buckinghamshire")
    cast.here.refresh_from_db()
    notice = begin(cast, imogen, school_days_long=30)
    with pytest.raises(Refused, match="from 15 December 2025 on"):
        stop_improvement(notice=notice, reason="No contact at all.", **head(cast, dt.date(2025, 12, 12)))
    assert stop_improvement(notice=notice, reason="No contact.", **head(cast, dt.date(2025, 12, 15))).state == "stopped"


def test_the_night_takes_the_same_statements_for_more_notices(cast: Cast, imogen: Pupil) -> None:
    notice = begin(cast, imogen)
    taken = []
    for more in (0, 12):
        ImprovementNotice.objects.update(state="running", outcome="")
        for _ in range(more):
            notice.pk, notice.pupil = None, make.on_roll(cast.here).enrolment.pupil
            notice.state, notice.outcome = "running", ""
            notice.save(force_insert=True)
        with CaptureQueriesContext(connection) as statements:
            assert end_improvement_notices(school=cast.here, on=dt.date(2025, 12, 12), now=NOW) == 1 + more
        taken.append(len(statements))
    assert taken[0] == taken[1] < 12
