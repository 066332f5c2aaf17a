"""The record of calls about absences: what is kept, what a reason settles, what is refused; N codes confirmed; registers asked for."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import TestCase

from attendance.chasing import (
    ask_for_register,
    calls_about,
    confirm_unexplained,
    enter_same_reason,
    log_call,
    nudges,
)
from attendance.grid import slot
from attendance.models import AbsenceCall, MarkChange, RegisterRow
from schools.models import AuditEntry
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]

MORNING = NOW.replace(hour=8, minute=50)
FRIDAY = dt.date(2025, 11, 21)


@pytest.fixture
def cast(settings) -> Cast:
    """Theo has had no reason for three days, Priya none since today; Imogen is in school."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    present(made, theo=away(made, "2025-11-18", 3, "N"), priya=away(made, "2025-11-20", 1, "N"))
    return made


def call(cast: Cast, row: RegisterRow, **given):
    usual = {"about": TODAY, "outcome": "no_answer", "by": cast.alice, "role": "officer", "now": MORNING}
    return log_call(pupil=row.enrolment.pupil, school=row.school, **{**usual, **given})


def codes(row: RegisterRow, *dates: str) -> str:
    marks = RegisterRow.objects.get(pk=row.pk).marks
    return "".join(marks[slot(dt.date.fromisoformat(date), half)] for date in dates for half in ("AM", "PM"))


def refusal(cast: Cast, row: RegisterRow, **given) -> str:
    with pytest.raises(Refused) as caught:
        call(cast, row, **given)
    assert not AbsenceCall.objects.exists() and not MarkChange.objects.exists()
    return str(caught.value)


# What is kept


def test_a_try_is_kept_with_who_when_whom_and_what_comes_next(cast: Cast) -> None:
    again = MORNING.replace(hour=10, minute=0)
    kept = call(
        cast, cast.theo, outcome="left_message", parent=cast.parents["Grace"], said=" Please ring ", next_try_at=again
    ).call
    assert (kept.by, kept.role, kept.at, kept.parent, kept.about) == (
        cast.alice,
        "officer",
        MORNING,
        cast.parents["Grace"],
        TODAY,
    )
    assert (kept.channel, kept.outcome, kept.said, kept.next_try_at) == ("call", "left_message", "Please ring", again)
    entry = AuditEntry.objects.get(action="absence call")
    assert (entry.by, entry.detail["outcome"]) == (cast.alice, "left_message") and "Theo" not in str(entry.detail)
    assert codes(cast.theo, "2025-11-20") == "NN"


def test_a_reason_settles_the_days_n_codes_in_the_same_step(cast: Cast) -> None:
    logged = call(cast, cast.theo, outcome="spoke", code="I", said="Sick in the night", expected_return=FRIDAY)
    assert (logged.marks, logged.call.code, logged.call.expected_return) == (2, "I", FRIDAY)
    assert codes(cast.theo, "2025-11-18", "2025-11-19", "2025-11-20") == "NNNNII"
    changes = MarkChange.objects.values_list("original", "amended", "reason", "by", "role")
    assert set(changes) == {("N", "I", "Sick in the night", cast.alice.pk, "officer")}


def test_a_reason_may_cover_the_days_before(cast: Cast) -> None:
    assert call(cast, cast.theo, outcome="spoke", code="I", since=dt.date(2025, 11, 18)).marks == 6
    assert codes(cast.theo, "2025-11-18", "2025-11-19", "2025-11-20") == "IIIIII"


def test_other_marks_of_the_days_stand(cast: Cast) -> None:
    marks = list(RegisterRow.objects.get(pk=cast.theo.pk).marks)
    marks[slot(TODAY, "AM")] = "\\"
    RegisterRow.objects.filter(pk=cast.theo.pk).update(marks="".join(marks))
    assert call(cast, cast.theo, outcome="spoke", code="M").marks == 1
    assert codes(cast.theo, "2025-11-20") == "\\M"


def test_before_the_register_is_in_a_family_may_tell_us_and_its_reason_is_entered_later(cast: Cast) -> None:
    marks = list(RegisterRow.objects.get(pk=cast.imogen.pk).marks)
    for half in ("AM", "PM"):
        marks[slot(TODAY, half)] = "."
    RegisterRow.objects.filter(pk=cast.imogen.pk).update(marks="".join(marks))
    logged = call(cast, cast.imogen, outcome="spoke", channel="came_in", code="I", said="Cough")
    assert (logged.marks, logged.call.code) == (0, "I")
    marks[slot(TODAY, "AM")] = "N"
    RegisterRow.objects.filter(pk=cast.imogen.pk).update(marks="".join(marks))
    who = {"by": cast.alice, "role": "officer", "now": MORNING}
    assert enter_same_reason(pupil=cast.imogen.enrolment.pupil, school=cast.here, about=TODAY, **who) == 1
    assert codes(cast.imogen, "2025-11-20") == "I."
    assert MarkChange.objects.get().reason == "As told on Thursday 20 November: Cough"


def test_a_promised_return_covers_the_days_until_then_and_not_the_day_itself(cast: Cast) -> None:
    call(cast, cast.theo, about=dt.date(2025, 11, 19), outcome="spoke", code="I", expected_return=FRIDAY)
    who = {"by": cast.alice, "role": "officer", "now": MORNING}
    assert enter_same_reason(pupil=cast.theo.enrolment.pupil, school=cast.here, about=TODAY, **who) == 2
    with pytest.raises(Refused, match="has no mark N on Thursday 20 November"):
        enter_same_reason(pupil=cast.theo.enrolment.pupil, school=cast.here, about=TODAY, **who)
    with pytest.raises(Refused, match="No reason was given that covers Friday 21 November"):
        enter_same_reason(pupil=cast.theo.enrolment.pupil, school=cast.here, about=FRIDAY, **who)


def test_calls_are_read_newest_first_in_one_statement(cast: Cast) -> None:
    first, second = call(cast, cast.theo).call, call(cast, cast.theo, now=MORNING.replace(hour=9)).call
    call(cast, cast.priya)
    with TestCase().assertNumQueries(1):
        found = calls_about([cast.theo.enrolment.pupil_id, cast.priya.enrolment.pupil_id], TODAY)
        assert found[cast.theo.enrolment.pupil_id] == [second, first] and second.by.name == "Ms A. Arden"


# What is refused


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"outcome": "shouted"}, "“shouted” is not an outcome of a call: choose one of spoke, no answer"),
        ({"channel": "pigeon"}, "“pigeon” is not a way to be in touch: choose one of call, text"),
        ({"code": "I"}, "A reason can only be recorded for a call in which you spoke with somebody."),
        ({"code": "N", "outcome": "spoke"}, "N says that no reason is known yet"),
        ({"code": "Ü", "outcome": "spoke"}, "is not known: choose a national attendance code"),
        ({"expected_return": dt.date(2025, 11, 19)}, "Expected back on Wednesday 19 November: that day has passed"),
        ({"expected_return": dt.date(2025, 11, 22)}, "Saturday 22 November is not a school day"),
        ({"next_try_at": MORNING.replace(hour=8, minute=0)}, "Try again at 08:00: that time has passed"),
        ({"about": FRIDAY}, "Friday 21 November lies ahead"),
        ({"about": dt.date(2025, 11, 16)}, "Sunday 16 November is not a school day"),
        ({"about": dt.date(2025, 11, 17)}, "Theo has no absence on Monday 17 November: there is nothing to ask about."),
        ({"about": dt.date(2025, 10, 24)}, "No register of Friday 24 October is in for Theo"),
        ({"about": dt.date(2024, 7, 1)}, "Theo was not on this school’s roll on Monday 1 July"),
        ({"since": FRIDAY, "code": "I", "outcome": "spoke"}, "the first day comes after the last"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_nothing_is_kept(cast: Cast, given: dict, sentence: str) -> None:
    assert sentence in refusal(cast, cast.theo, **given)


def test_a_parent_whom_an_order_keeps_away_cannot_be_chosen(cast: Cast) -> None:
    said = refusal(cast, cast.theo, parent=cast.parents["Stefan"])
    assert said == "An order or a no-contact note stands: Mr Stefan Okafor may not be contacted about Theo."


def test_a_stranger_is_none_of_the_pupils_contacts(cast: Cast) -> None:
    assert "is not one of Theo’s contacts" in refusal(cast, cast.theo, parent=cast.parents["Halina"])


def test_where_one_mark_cannot_be_changed_nothing_is_recorded(cast: Cast) -> None:
    """A staff day whose mark should not be there: the reason for three days stops at it."""
    marks = list(RegisterRow.objects.get(pk=cast.theo.pk).marks)
    marks[slot(dt.date(2025, 10, 24), "AM")] = "N"
    RegisterRow.objects.filter(pk=cast.theo.pk).update(marks="".join(marks))
    refusal(cast, cast.theo, outcome="spoke", code="I", since=dt.date(2025, 10, 24))
    assert codes(cast.theo, "2025-11-20") == "NN"


def test_the_database_keeps_no_reason_that_nobody_gave_and_no_return_before_the_absence(cast: Cast) -> None:
    kept = call(cast, cast.theo).call
    for wrong in ({"code": "I"}, {"expected_return": dt.date(2025, 11, 1)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AbsenceCall.objects.filter(pk=kept.pk).update(**wrong)


# N codes become O


def confirm(cast: Cast, *sessions: tuple[RegisterRow, str, str], after: int = 2) -> int:
    given = [(row.pk, dt.date.fromisoformat(date), half) for row, date, half in sessions]
    return confirm_unexplained(
        school=cast.here, sessions=given, after=after, by=cast.alice, role="officer", on=TODAY, now=MORNING
    )  # fmt: skip


def test_confirmed_sessions_become_o_each_with_its_history(cast: Cast) -> None:
    assert confirm(cast, (cast.theo, "2025-11-18", "AM"), (cast.theo, "2025-11-18", "PM")) == 2
    assert codes(cast.theo, "2025-11-18", "2025-11-19") == "OONN"
    change = MarkChange.objects.first()
    assert (change.original, change.amended, change.by, change.role) == ("N", "O", cast.alice, "officer")
    assert change.reason == "No reason was established within 2 school days."
    assert confirm(cast, (cast.theo, "2025-11-18", "AM")) == 0, "somebody was faster: nothing is changed twice"


def test_a_session_that_is_too_young_or_another_schools_changes_nothing(cast: Cast) -> None:
    with pytest.raises(Refused, match="Wednesday 19 November is 1 school day ago: an N becomes O after 2"):
        confirm(cast, (cast.theo, "2025-11-18", "AM"), (cast.theo, "2025-11-19", "AM"))
    with pytest.raises(Refused, match="is not in Fenwold Academy’s register"):
        confirm(cast, (cast.theo, "2025-11-18", "AM"), (cast.edith, "2025-11-18", "AM"))
    with pytest.raises(Refused, match="Nothing is ticked"):
        confirm(cast)
    assert codes(cast.theo, "2025-11-18") == "NN" and not MarkChange.objects.exists()


# Registers that are missing


def ask(cast: Cast, **given):
    usual = {"form": "7A", "date": TODAY, "session": "AM", "to": cast.bob, "by": cast.alice, "role": "officer", "now": MORNING}
    return ask_for_register(school=cast.here, address="https://handrail.example/forms/7A/", **{**usual, **given})


def test_a_tutor_is_asked_by_e_mail_and_it_is_kept_who_was_asked_when(cast: Cast, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ask(cast)
    letter = mail.outbox[0]
    assert letter.to == ["bob@fenwold.example"] and letter.subject == "Register of 7A, morning"
    assert "https://handrail.example/forms/7A/" in letter.body and "Ms A. Arden" in letter.body
    [nudge] = nudges([cast.here], TODAY)[cast.here.pk, "7A"]
    assert (nudge.at, nudge.by, nudge.to, nudge.session) == (MORNING, "Ms A. Arden", cast.bob.pk, "AM")
    assert not nudges([cast.there], TODAY) and not nudges([cast.here], FRIDAY)


def test_asking_again_waits_ten_minutes_and_stays_visible(cast: Cast) -> None:
    ask(cast)
    with pytest.raises(Refused, match="Mr B. Birch was asked for this register at 08:50: wait ten minutes"):
        ask(cast, now=MORNING + dt.timedelta(minutes=9))
    ask(cast, now=MORNING + dt.timedelta(minutes=10))
    ask(cast, session="PM", now=MORNING + dt.timedelta(minutes=11))
    assert [nudge.session for nudge in nudges([cast.here], TODAY)[cast.here.pk, "7A"]] == ["PM", "AM", "AM"]


def test_a_form_without_a_tutor_cannot_be_asked(cast: Cast) -> None:
    with pytest.raises(Refused, match="Nobody is recorded as tutor of 7A"):
        ask(cast, to=None)
    assert not AuditEntry.objects.exists()


def test_a_leavers_absence_can_still_be_asked_about(cast: Cast) -> None:
    present(cast, leaver=away(cast, "2025-10-16", 2, "N"))
    assert call(cast, cast.leaver, about=dt.date(2025, 10, 16), outcome="spoke", code="I").marks == 2
    with pytest.raises(Refused, match="was not on this school’s roll"):
        call(cast, cast.leaver, about=TODAY)
