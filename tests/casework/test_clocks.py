"""Statutory clocks: opened by the night from what the register shows, told to the authority by a person, never by themselves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from attendance.grid import slot
from attendance.models import AbsenceCall, RegisterRow
from casework.clock_evidence import codes_by_day, period_back, run_back
from casework.clock_kinds import kinds, questions_of
from casework.clocks import due_day, hand_on, mark_sent, not_needed, open_by_hand, open_clocks, prepare, the_return
from casework.models import Clock
from casework.penalty.counter import Mark
from escalation.adoption import adopt
from escalation.models import Event, WatchEntry
from schools.models import AuditEntry, Enrolment, Parent, Pupil
from schools.queries import school_days
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    adopt(school=made.here, key="goldington", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    return made


@pytest.fixture
def imogen(cast: Cast) -> Pupil:
    return cast.imogen.enrolment.pupil


def officer(cast: Cast, on: dt.date = TODAY) -> dict[str, Any]:
    return {"by": cast.alice, "role": "officer", "on": on, "now": NOW}


def clock_of(pupil: Pupil, kind: str) -> Clock:
    return Clock.objects.select_related("pupil", "school").get(pupil=pupil, kind=kind)


def put(row: RegisterRow, day: str, session: str, code: str) -> None:
    marks = list(RegisterRow.objects.get(pk=row.pk).marks)
    marks[slot(dt.date.fromisoformat(day), session)] = code
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


def test_fifteen_days_of_illness_open_a_sickness_return(cast: Cast, imogen: Pupil) -> None:
    ill = away(cast, "2025-10-06", 10, "I") | away(cast, "2025-11-12", 5, "I")
    present(cast, imogen=ill)
    run(cast, dt.date(2025, 11, 17))
    assert not Clock.objects.exists()
    run(cast, dt.date(2025, 11, 18))
    clock = clock_of(imogen, "sickness")
    assert clock.evidence_from == dt.date(2025, 11, 12), "this continuous period; the year's days stand beside it"
    assert clock.due_on == dt.date(2025, 11, 25) and clock.owner == cast.alice
    lines = dict(the_return(clock, dt.date(2025, 11, 18)).lines)
    assert lines["This period of illness"] == "12 November 2025 to 18 November 2025: 5 school days with a session coded I"
    assert lines["Illness this year"] == "15 school days with a session coded I"
    assert "Parents" not in lines, "no more is told than the law asks for"
    later = dict(the_return(clock, TODAY).lines)
    assert later["This period of illness"] == lines["This period of illness"], "back in school: the period has ended"


def test_ten_days_without_authorisation_open_an_attendance_return(cast: Cast, imogen: Pupil) -> None:
    present(cast, imogen=away(cast, "2025-11-06", 11, "O"), priya=away(cast, "2025-11-06", 9, "O"))
    run(cast)
    clock = clock_of(imogen, "attendance")
    assert clock.evidence_from == dt.date(2025, 11, 6)
    lines = dict(the_return(clock, TODAY).lines)
    assert lines["Without a break"] == "11 school days since 6 November 2025"
    assert lines["Address"] == "2 Mill Road, Fenwold, FW1 2BB"
    assert Clock.objects.count() == 1


def test_nobody_reached_opens_a_child_missing_referral_for_the_safeguarding_lead(cast: Cast, imogen: Pupil) -> None:
    present(cast, imogen=away(cast, "2025-11-06", 11, "N"))
    run(cast)
    clock = clock_of(imogen, "child_missing")
    assert clock.role == "safeguarding_lead" and clock.owner == cast.staff["safeguarding_lead"]
    assert clock.due_on == dt.date(2025, 11, 21)
    AbsenceCall.objects.create(
        pupil=imogen, school=cast.here, about=TODAY, at=NOW, by=cast.alice, channel="call", outcome="no_answer"
    )  # fmt: skip
    told = the_return(clock, TODAY)
    assert dict(told.lines)["Calls and visits on record"] == "20 November 2025: call, no answer"
    assert dict(told.lines)["Parents"] == "Ms Morwenna Marlow (mother); Mr Piers Quill (father)"
    assert "What was tried: nobody has said it yet." in told.gaps
    assert "Sessions of its time that are still N: 22. Find out the reason, or confirm them as O." in told.gaps


def test_wigstons_rules_open_a_pupil_missing_form(cast: Cast, imogen: Pupil) -> None:
    adopt(school=cast.here, key="wigston", starts=dt.date(2025, 9, 2), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-10-13", 9, "I") | away(cast, "2025-11-03", 10, "I"))
    run(cast, dt.date(2025, 11, 14))
    run(cast, dt.date(2025, 11, 17))
    clock = clock_of(imogen, "pupil_missing")
    assert clock.watch_entry is not None and clock.watch_entry.rule in {"pme-month", "pme-15"}
    assert set(questions_of("pupil_missing")) == {"category", "cause"}
    assert WatchEntry.objects.filter(pupil=imogen, rule__startswith="pme").count() == 2
    assert Clock.objects.filter(kind="pupil_missing").count() == 1, "two rules, one form at a time"


def test_vales_termly_list_is_due_at_the_terms_end(cast: Cast, imogen: Pupil) -> None:
    adopt(school=cast.here, key="vale", starts=dt.date(2025, 9, 2), by=None, now=NOW)
    days = [d for number, d in enumerate(away(cast, "2025-09-03", 40, "O")) if number % 3 == 0]
    present(cast, imogen=dict.fromkeys(days, "O"))
    run(cast)
    assert clock_of(imogen, "termly").due_on == dt.date(2025, 12, 19)


def test_twenty_days_ask_the_question_of_removal_and_remove_nobody(cast: Cast, imogen: Pupil) -> None:
    present(cast, imogen=away(cast, "2025-10-15", 20, "N"))
    for day in (dt.date(2025, 11, 18), dt.date(2025, 11, 19)):
        run(cast, day)
    assert Clock.objects.filter(kind="deletion").count() == 1
    clock = clock_of(imogen, "deletion")
    assert clock.evidence_from == dt.date(2025, 10, 15) and "every session coded G, N or O" in clock.because
    told = the_return(clock, dt.date(2025, 11, 19))
    assert told.hard and any("authority agrees" in gap for gap in told.gaps)
    assert Enrolment.objects.get(pupil=imogen).ends is None
    run(cast, TODAY)
    assert Clock.objects.filter(kind="deletion").count() == 1


@pytest.mark.parametrize("code", ["U", "I", "L", "Y7", "."])
def test_any_other_code_breaks_the_run_of_removal(cast: Cast, imogen: Pupil, code: str) -> None:
    present(cast, imogen=away(cast, "2025-10-15", 20, "O"))
    put(cast.imogen, "2025-11-05", "PM", {"Y7": "7"}.get(code, code))
    run(cast, dt.date(2025, 11, 19))
    assert not Clock.objects.filter(kind="deletion").exists()


def test_runs_in_plain_python(cast: Cast) -> None:
    days = school_days(cast.here, [2025])
    week = days.dates[:5]
    marks = [Mark(day, session, "O") for day in week for session in ("AM", "PM")]
    marks[4] = Mark(marks[4].date, "AM", "Y4")
    assert run_back(days, codes_by_day(marks), ("O",), week[-1], strict=False).length == 5
    assert run_back(days, codes_by_day(marks), ("O",), week[-1], strict=True).length == 2
    assert period_back(days, codes_by_day(marks), "I", week[-1]).starts is None
    assert due_day("termly", days, dt.date(2025, 8, 20)) == dt.date(2025, 8, 20), "before the calendar begins it is due at once"


def test_the_night_run_again_opens_nothing_twice(cast: Cast, imogen: Pupil) -> None:
    present(cast, imogen=away(cast, "2025-11-06", 11, "O"))
    run(cast)
    run(cast)
    assert open_clocks(school=cast.here, on=TODAY, now=NOW) == 0
    assert Clock.objects.count() == 1 and AuditEntry.objects.filter(action="clock opened").count() == 1


def test_only_of_compulsory_school_age(cast: Cast, imogen: Pupil) -> None:
    Pupil.objects.filter(pk=imogen.pk).update(date_of_birth=dt.date(2021, 3, 1))
    present(cast, imogen=away(cast, "2025-11-06", 11, "O"))
    run(cast)
    rules = set(WatchEntry.objects.filter(pupil=imogen).values_list("rule", flat=True))
    assert rules <= {"persistent-absence", "severe-absence", "unexplained-overdue"} and not Clock.objects.exists(), (
        "only what the law asks ends with that age"
    )
    imogen.refresh_from_db()
    with pytest.raises(Refused, match="only for pupils of compulsory school age"):
        open_by_hand(pupil=imogen, school=cast.here, kind="sickness", because="Operation", **officer(cast))


def test_a_person_opens_one_before_any_rule(cast: Cast, imogen: Pupil) -> None:
    present(cast, imogen=away(cast, "2025-11-19", 2, "I"))
    clock = open_by_hand(
        pupil=imogen, school=cast.here, kind="sickness", because="An operation: away until January.", **officer(cast)
    )
    assert clock.opened_by == cast.alice and clock.evidence_from == dt.date(2025, 11, 19)
    for changes, sentence in (
        ({}, "already runs"),
        ({"because": " "}, "Say why"),
        ({"kind": "holiday"}, "Choose which return"),
        ({"pupil": cast.leaver.enrolment.pupil, "kind": "attendance"}, "not on the school’s roll"),
    ):
        given = {"pupil": imogen, "school": cast.here, "kind": "sickness", "because": "Again."} | changes
        with pytest.raises(Refused, match=sentence):
            open_by_hand(**given, **officer(cast))


@pytest.fixture
def opened(cast: Cast, imogen: Pupil) -> Clock:
    present(cast, imogen=away(cast, "2025-11-06", 11, "O"))
    run(cast)
    return clock_of(imogen, "attendance")


def test_prepared_then_sent_and_frozen(cast: Cast, imogen: Pupil, opened: Clock) -> None:
    with pytest.raises(Refused, match="Prepare it first"):
        mark_sent(clock=opened, sent_on=TODAY, sent_to="Attendance team", **officer(cast))
    prepare(clock=opened, answers={"cause": "A move within town.", "other": "left out"}, **officer(cast))
    mark_sent(clock=opened, sent_on=TODAY, sent_to="Attendance team", **officer(cast))
    assert opened.state == "sent" and opened.answers == {"cause": "A move within town."}
    Parent.objects.update(address="Elsewhere")
    assert dict(the_return(opened, TODAY).lines)["Address"] == "2 Mill Road, Fenwold, FW1 2BB"
    entry = WatchEntry.objects.get(pupil=imogen, rule="attendance-return")
    assert entry.state == "closed" and entry.reason == "Attendance return: sent on 20 November 2025."
    assert Event.objects.filter(kind="clock").count() == 1
    with pytest.raises(Refused, match="“sent”"):
        not_needed(clock=opened, reason="Late", **officer(cast))


def test_gaps_are_named_and_sent_only_with_a_reason(cast: Cast, imogen: Pupil, opened: Clock) -> None:
    Parent.objects.update(address="")
    Pupil.objects.filter(pk=imogen.pk).update(upn=None)
    prepare(clock=opened, answers={}, **officer(cast))
    with pytest.raises(Refused, match="The UPN is missing.* No address is known.*say why it was sent with them"):
        mark_sent(clock=opened, sent_on=TODAY, sent_to="Attendance team", **officer(cast))
    mark_sent(
        clock=opened, sent_on=TODAY, sent_to="Attendance team", despite="The family moved; nobody knows where.", **officer(cast)
    )
    assert opened.reason == "The family moved; nobody knows where."


def test_a_removal_is_never_sent_with_gaps(cast: Cast, imogen: Pupil) -> None:
    present(cast, imogen=away(cast, "2025-10-15", 20, "O"))
    run(cast, dt.date(2025, 11, 19))
    clock = clock_of(imogen, "deletion")
    answers = dict.fromkeys(questions_of("deletion"), "Asked and checked on 18 November.")
    prepare(clock=clock, answers=answers | {"authority_agrees": ""}, **officer(cast))
    send = {"clock": clock, "sent_on": TODAY, "sent_to": "Ms Reed", "despite": "In a hurry"}
    with pytest.raises(Refused, match="cannot be sent with gaps"):
        mark_sent(**send, **officer(cast))
    prepare(clock=clock, answers=answers, **officer(cast))
    with pytest.raises(Refused, match="the run is 0 school days"):
        mark_sent(**send, **officer(cast))
    on_the_day = officer(cast, dt.date(2025, 11, 19))
    assert mark_sent(**send | {"sent_on": dt.date(2025, 11, 19)}, **on_the_day).state == "sent"
    assert Enrolment.objects.get(pupil=imogen).ends is None, "a person removes, not the product"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sent_on": dt.date(2025, 11, 21)}, "lies ahead"),
        ({"sent_on": dt.date(2025, 11, 19)}, "cannot have been sent before"),
        ({"sent_to": " "}, "to whom"),
    ],
)
def test_bad_input_when_sending(cast: Cast, opened: Clock, changes: dict[str, Any], sentence: str) -> None:
    prepare(clock=opened, answers={}, **officer(cast))
    given = {"clock": opened, "sent_on": TODAY, "sent_to": "Attendance team"} | changes
    with pytest.raises(Refused, match=sentence):
        mark_sent(**given, **officer(cast))


def test_not_needed_asks_why_and_closes_the_entry(cast: Cast, imogen: Pupil, opened: Clock) -> None:
    with pytest.raises(Refused, match="Say why"):
        not_needed(clock=opened, reason=" ", **officer(cast))
    stale = Clock.objects.get(pk=opened.pk)
    not_needed(clock=opened, reason="Back in school since Thursday.", **officer(cast))
    with pytest.raises(Refused, match="“not needed”"):
        hand_on(clock=stale, to=cast.bob, by=cast.alice, role="officer", now=NOW)
    assert WatchEntry.objects.get(pupil=imogen, rule="attendance-return").state == "closed"


def test_the_barred_parents_address_is_never_told(cast: Cast) -> None:
    theo = cast.theo.enrolment.pupil
    present(cast, theo=away(cast, "2025-11-06", 11, "N"))
    Parent.objects.filter(pk=cast.parents["Stefan"].pk).update(address="SECRET LANE")
    run(cast)
    lines = dict(the_return(clock_of(theo, "child_missing"), TODAY).lines)
    assert "SECRET" not in str(lines) and "Stefan" not in str(lines)


def test_constraints_hold_without_the_services(cast: Cast, imogen: Pupil, opened: Clock) -> None:
    same = {
        "pupil": imogen,
        "school": cast.here,
        "kind": "attendance",
        "opened_on": TODAY,
        "evidence_from": TODAY,
        "due_on": TODAY,
    }
    for more in ({}, {"kind": "sickness", "state": "sent"}, {"kind": "sickness", "state": "not_needed"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Clock.objects.create(**same | more, because="x", role="officer")


def test_the_statements_do_not_grow_with_the_pupils(cast: Cast) -> None:
    taken = []
    for size in (1, 12):
        Clock.objects.all().delete()
        WatchEntry.objects.all().delete()
        for _ in range(size):
            row = make.on_roll(cast.here)
            make.PupilParentFactory(pupil=row.enrolment.pupil)
            WatchEntry.objects.create(
                pupil=row.enrolment.pupil, school=cast.here, rule="attendance-return", name="Attendance", opened_on=TODAY, role="officer"
            )  # fmt: skip
        with CaptureQueriesContext(connection) as statements:
            assert open_clocks(school=cast.here, on=TODAY, now=NOW) == size
        taken.append(len(statements))
    assert taken[0] == taken[1]


def test_every_kind_has_its_source_and_a_role() -> None:
    assert set(kinds()) == set(Clock.Kind.values)
    assert all(kind.source and kind.why for kind in kinds().values())
