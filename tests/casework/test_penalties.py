"""Requests for penalty notices from the register: prepared, sent by name, answered; what stands in the way says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from attendance.grid import slot
from attendance.models import EarlierAttendance, RegisterRow
from casework.models import PenaltyGround, PenaltyMark, PenaltyNotice, PenaltyRequest
from casework.penalty.ledger import enter_notice, move_notice
from casework.penalty.reading import births_on_roll, family, pupil_window, windows
from casework.penalty.rules import Answers
from casework.penalty.services import (
    drop_request,
    prepare_ground,
    record_issued,
    record_refused,
    send_request,
    stands_today,
)
from casework.penalty.states import NOTICE, REQUEST
from escalation.adoption import adopt
from escalation.models import Event, WatchEntry
from schools.models import AuditEntry, Parent, Pupil, PupilParent
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]

ANSWERS = Answers(
    is_leave=False,
    support="Two meetings and a plan; the family did not come.",
    support_is_inappropriate=False,
    equality_by="Dr H. Hawthorn",
    equality_note="No disability is known; the SENCo was asked.",
    not_prosecuted=True,
)


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    present(made, imogen=away(made, "2025-11-03", 5), edith={}, theo=away(made, "2025-11-03", 6, "G"))
    return made


@pytest.fixture
def imogen(cast: Cast) -> Pupil:
    return cast.imogen.enrolment.pupil


def lead(cast: Cast, on: dt.date = TODAY) -> dict:
    return {"by": cast.staff["attendance_lead"], "role": "attendance_lead", "on": on, "now": NOW}


def prepare(cast: Cast, pupil: Pupil, *names: str, answers: Answers = ANSWERS, on: dt.date = TODAY) -> PenaltyGround:
    parents = {cast.parents[name].pk: "Lives with the child and kept them at home." for name in names or ("Morwenna",)}
    return prepare_ground(pupil=pupil, school=cast.here, parents=parents, answers=answers, **lead(cast, on))


def issued(cast: Cast, pupil: Pupil, name: str = "Morwenna") -> PenaltyNotice:
    request = prepare(cast, pupil, name).requests.get()
    send_request(request=request, **lead(cast))
    return record_issued(request=request, issued_on=TODAY, received_on=TODAY, **lead(cast))


def put(row: RegisterRow, date: str, code: str) -> None:
    marks = list(RegisterRow.objects.get(pk=row.pk).marks)
    day = dt.date.fromisoformat(date)
    marks[slot(day, "AM")] = marks[slot(day, "PM")] = code
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


def enter(cast: Cast, parent: Parent, pupil: Pupil, issued_on: dt.date, **more: object) -> PenaltyNotice:
    given = {"kind": "absence", "source": "authority", "issuer": "Othershire", "told_by": "Their letter of 3 March"} | more
    return enter_notice(parent=parent, pupil=pupil, school=cast.here, issued_on=issued_on, **given, **lead(cast))


def test_a_request_is_prepared_for_each_parent_and_nothing_is_sent(cast: Cast, imogen: Pupil) -> None:
    ground = prepare(cast, imogen, "Morwenna", "Piers")
    assert {request.state for request in ground.requests.all()} == {"prepared"}
    assert ground.marks.count() == 10 and ground.threshold == 10
    assert not PenaltyNotice.objects.exists()
    assert {check["key"] for check in ground.checks} == {
        *{"threshold", "open_n", "age", "on_roll", "improvement", "this_year", "support", "equality", "prosecution"}
    }
    assert AuditEntry.objects.filter(action="penalty request prepared").count() == 1
    text = Event.objects.get(kind="penalty").text
    assert "10 unauthorised sessions (10 O)" in text and "Marlow" not in text and "Quill" not in text


def test_the_night_and_the_counter_see_the_same_day(cast: Cast, imogen: Pupil) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    for day in (dt.date(2025, 11, 6), dt.date(2025, 11, 7)):
        run(cast, day)
        entry = WatchEntry.objects.filter(pupil=imogen, rule="penalty-threshold").exists()
        assert entry == pupil_window(imogen, cast.here, day).is_reached == (day == dt.date(2025, 11, 7))


def test_marks_of_one_request_cannot_carry_another(cast: Cast, imogen: Pupil) -> None:
    ground = prepare(cast, imogen)
    with pytest.raises(Refused, match="0 unauthorised sessions .* 10 more are used by an earlier request"):
        prepare(cast, imogen, "Piers")
    mark = ground.marks.first()
    assert mark is not None
    other = PenaltyGround.objects.create(
        pupil=imogen, school=cast.here, counted_on=TODAY, window_from=TODAY, threshold=10, checks=[], by=cast.alice, at=NOW
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        PenaltyMark.objects.create(ground=other, pupil=imogen, date=mark.date, session=mark.session, code="O")


def test_dropped_or_refused_they_are_free_again(cast: Cast, imogen: Pupil) -> None:
    ground = prepare(cast, imogen, "Morwenna", "Piers")
    first, second = ground.requests.order_by("pk")
    drop_request(request=first, reason="The family came to a meeting.", **lead(cast))
    assert len(pupil_window(imogen, cast.here, TODAY).free) == 0, "the other parent's request still stands on them"
    send_request(request=second, **lead(cast))
    record_refused(request=second, answered_on=TODAY, reason="Evidence of support missing.", **lead(cast))
    assert len(pupil_window(imogen, cast.here, TODAY).free) == 10
    assert prepare(cast, imogen).requests.count() == 1


def test_a_corrected_mark_shakes_it(cast: Cast, imogen: Pupil) -> None:
    ground = prepare(cast, imogen)
    put(cast.imogen, "2025-11-03", "M")
    stands = stands_today(ground, TODAY)
    assert stands.sentence == "8 of 10 remain: 2 were corrected since."
    assert stands.falls and [(gone.date.isoformat(), then, now) for gone, then, now in stands.gone] == [
        ("2025-11-03", "O", "M"),
        ("2025-11-03", "O", "M"),
    ]
    with pytest.raises(Refused, match="8 of 10 remain"):
        send_request(request=ground.requests.get(), **lead(cast))


def test_an_authorised_person_sends_and_the_answer_enters_the_ledger(cast: Cast, imogen: Pupil) -> None:
    notice = issued(cast, imogen)
    assert notice.request is not None and notice.request.sent_by == cast.staff["attendance_lead"]
    assert notice.request.answer_due_on == dt.date(2025, 12, 4), "ten school days"
    assert (notice.full, notice.reduced, notice.source, notice.issuer) == (160, 80, "here", "Fenshire")
    assert family(imogen, cast.here, TODAY).standings[notice.parent_id].number == 2


def test_second_flat_third_refused(cast: Cast, imogen: Pupil) -> None:
    mother = cast.parents["Morwenna"]
    first = enter(cast, mother, imogen, dt.date(2025, 3, 3), state="paid")
    second = enter(cast, mother, imogen, dt.date(2025, 10, 1), source="school", issuer="Another Academy", told_by="Its head")
    assert (first.full, first.reduced, second.full, second.reduced) == (160, 80, 160, None)
    with pytest.raises(Refused, match="Ms Morwenna Marlow: No third penalty notice"):
        prepare(cast, imogen)
    assert prepare(cast, imogen, "Piers").requests.get().number == 1, "the father's ladder is his own"


def test_a_third_cannot_slip_in_between_request_and_answer(cast: Cast, imogen: Pupil) -> None:
    enter(cast, cast.parents["Morwenna"], imogen, dt.date(2025, 3, 3))
    request = prepare(cast, imogen).requests.get()
    assert request.number == 2
    enter(cast, cast.parents["Morwenna"], imogen, dt.date(2025, 10, 1))
    with pytest.raises(Refused, match="No third"):
        send_request(request=request, **lead(cast))
    PenaltyRequest.objects.filter(pk=request.pk).update(state="requested", sent_on=TODAY, sent_by=cast.alice)
    request.refresh_from_db()
    with pytest.raises(Refused, match="No third"):
        record_issued(request=request, issued_on=TODAY, **lead(cast))
    assert PenaltyNotice.objects.count() == 2


def test_a_notice_from_before_august_2024_and_one_in_a_public_place_do_not_count(cast: Cast, imogen: Pupil) -> None:
    mother = cast.parents["Morwenna"]
    old = enter(cast, mother, imogen, dt.date(2024, 5, 1))
    place = enter(cast, mother, imogen, dt.date(2025, 10, 1), kind="public_place")
    assert (old.full, old.reduced, place.full, place.reduced) == (120, 60, 120, 60)
    assert family(imogen, cast.here, TODAY).standings[mother.pk].number == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"issued_on": dt.date(2025, 11, 21)}, "lies ahead"),
        ({"issued_on": dt.date(2010, 1, 1)}, "No rules are held for notices before 1 September 2013"),
        ({"told_by": " "}, "Say how we know"),
        ({"issuer": ""}, "which school or authority"),
        ({"source": "here"}, "through its request"),
        ({"state": "withdrawn"}, "Say why it was withdrawn"),
        ({"received_on": dt.date(2025, 9, 30)}, "received on or after"),
    ],
)
def test_bad_entries_are_refused_with_a_sentence(cast: Cast, imogen: Pupil, changes: dict, sentence: str) -> None:
    given = {"issued_on": dt.date(2025, 10, 1)} | changes
    with pytest.raises(Refused, match=sentence):
        enter(cast, cast.parents["Morwenna"], imogen, **given)
    assert not PenaltyNotice.objects.exists()


def test_two_notices_of_one_day_to_one_parent_about_one_child(cast: Cast, imogen: Pupil) -> None:
    day, mother = dt.date(2025, 10, 1), cast.parents["Morwenna"]
    first = enter(cast, mother, imogen, day)
    with pytest.raises(Refused, match="two of one day are one notice"):
        enter(cast, mother, imogen, day)
    enter(cast, cast.parents["Piers"], imogen, day)
    enter(cast, mother, cast.edith.enrolment.pupil, day)
    move_notice(notice=first, to="withdrawn", state_on=day, school=cast.here, reason="error", **lead(cast))
    assert enter(cast, mother, imogen, day).state == "issued", "a withdrawn one leaves the day free"


def test_somebody_who_is_no_parent_gets_no_notice(cast: Cast, imogen: Pupil) -> None:
    with pytest.raises(Refused, match="not recorded as a parent"):
        enter(cast, cast.parents["Halina"], imogen, dt.date(2025, 10, 1))
    with pytest.raises(Refused, match="no parent of this child"):
        prepare(cast, imogen, "Halina")


def test_a_barred_parent_is_shown_and_cannot_be_chosen(cast: Cast) -> None:
    theo = cast.theo.enrolment.pupil
    with pytest.raises(Refused, match="Mr Stefan Okafor: A court order or no-contact note stands today"):
        prepare(cast, theo, "Stefan")
    assert [one.may for one in family(theo, cast.here, TODAY).liabilities] == [True, False]


def test_barred_between_preparing_and_sending(cast: Cast, imogen: Pupil) -> None:
    request = prepare(cast, imogen).requests.get()
    PupilParent.objects.filter(pupil=imogen, parent=request.parent).update(no_contact_from=TODAY)
    with pytest.raises(Refused, match="court order or no-contact"):
        send_request(request=request, **lead(cast))


def test_sixteen_after_the_last_friday_in_june(cast: Cast, imogen: Pupil) -> None:
    Pupil.objects.filter(pk=imogen.pk).update(date_of_birth=dt.date(2009, 3, 1))
    imogen.refresh_from_db()
    with pytest.raises(Refused, match="ended on 27 June 2025, the last Friday in June"):
        prepare(cast, imogen)
    assert pupil_window(imogen, cast.here, TODAY).total == 0, "sessions after it do not count either"


def test_too_young(cast: Cast, imogen: Pupil) -> None:
    Pupil.objects.filter(pk=imogen.pk).update(date_of_birth=dt.date(2021, 3, 1))
    imogen.refresh_from_db()
    with pytest.raises(Refused, match="Not yet of compulsory school age"):
        prepare(cast, imogen)


def test_left_the_school(cast: Cast, imogen: Pupil) -> None:
    request = prepare(cast, imogen).requests.get()
    cast.imogen.enrolment.ends = dt.date(2025, 11, 14)
    cast.imogen.enrolment.save()
    with pytest.raises(Refused, match="Left on 14 November 2025: the new school or the authority decides now"):
        prepare(cast, imogen, "Piers")
    with pytest.raises(Refused, match="left on 14 November 2025"):
        send_request(request=request, **lead(cast))


def test_open_n_codes_stop_a_request_only_where_they_are_needed(cast: Cast) -> None:
    theo = cast.theo.enrolment.pupil
    put(cast.theo, "2025-11-03", "N")
    assert prepare(cast, theo, "Grace").marks.filter(code="N").count() == 0, "ten others are enough"
    PenaltyMark.objects.update(is_released=True)
    put(cast.theo, "2025-11-04", "N")
    with pytest.raises(Refused, match="4 of the 12 are still N .* settle them first"):
        prepare(cast, theo, "Grace")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"support": ""}, "Say what support was given"),
        ({"equality_by": ""}, "Name who considered the Equality Act 2010"),
        ({"equality_note": " "}, "Name who considered the Equality Act 2010"),
        ({"not_prosecuted": False}, "Confirm that no prosecution runs"),
    ],
)
def test_what_a_person_has_to_answer(cast: Cast, imogen: Pupil, answer: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        prepare(cast, imogen, answers=replace(ANSWERS, **answer))
    assert not PenaltyGround.objects.exists() and not PenaltyMark.objects.exists()


def at(cast: Cast, imogen: Pupil, state: str) -> PenaltyRequest:
    """A request in a state."""
    request = prepare(cast, imogen).requests.get()
    if state == "dropped":
        return drop_request(request=request, reason="Not now.", **lead(cast))
    if state != "prepared":
        send_request(request=request, **lead(cast))
    if state == "issued":
        record_issued(request=request, issued_on=TODAY, **lead(cast))
    if state == "refused":
        record_refused(request=request, answered_on=TODAY, reason="No.", **lead(cast))
    return request


ACTS = {
    "requested": lambda request, who: send_request(request=request, **who),
    "issued": lambda request, who: record_issued(request=request, issued_on=TODAY, **who),
    "refused": lambda request, who: record_refused(request=request, answered_on=TODAY, reason="No.", **who),
    "dropped": lambda request, who: drop_request(request=request, reason="No.", **who),
}


@pytest.mark.parametrize(("before", "after"), list(product(REQUEST, ACTS)))
def test_the_whole_table_of_a_request(cast: Cast, imogen: Pupil, before: str, after: str) -> None:
    request = at(cast, imogen, before)
    stored = PenaltyRequest.objects.get(pk=request.pk)
    if after in REQUEST[before]:
        ACTS[after](stored, lead(cast))
    else:
        with pytest.raises(Refused):
            ACTS[after](stored, lead(cast))
    assert PenaltyRequest.objects.get(pk=request.pk).state == (after if after in REQUEST[before] else before)


@pytest.mark.parametrize(("before", "after"), list(product(NOTICE, NOTICE)))
def test_the_whole_table_of_a_notice(cast: Cast, imogen: Pupil, before: str, after: str) -> None:
    notice = enter(cast, cast.parents["Morwenna"], imogen, dt.date(2025, 10, 1), state=before, reason="error")
    move = {"notice": notice, "to": after, "state_on": TODAY, "school": cast.here, "reason": "error"}
    if after in NOTICE[before]:
        assert move_notice(**move, **lead(cast)).state == after
    else:
        with pytest.raises(Refused, match="cannot become"):
            move_notice(**move, **lead(cast))
        assert PenaltyNotice.objects.get().state == before


def test_two_people_at_once(cast: Cast, imogen: Pupil) -> None:
    request = prepare(cast, imogen).requests.get()
    one, other = PenaltyRequest.objects.get(pk=request.pk), PenaltyRequest.objects.get(pk=request.pk)
    drop_request(request=one, reason="They came.", **lead(cast))
    with pytest.raises(Refused, match="“not pursued”"):
        send_request(request=other, **lead(cast))


def test_withdrawn_frees_marks_and_ladder_and_only_for_the_codes_reasons(cast: Cast, imogen: Pupil) -> None:
    notice = issued(cast, imogen)
    with pytest.raises(Refused, match="only for one of these reasons"):
        move_notice(notice=notice, to="withdrawn", state_on=TODAY, school=cast.here, reason="sorry", **lead(cast))
    move_notice(notice=notice, to="withdrawn", state_on=TODAY, school=cast.here, reason="wrong_person", **lead(cast))
    assert len(pupil_window(imogen, cast.here, TODAY).free) == 10
    assert family(imogen, cast.here, TODAY).standings[notice.parent_id].number == 1


def test_marks_of_an_earlier_school_count(cast: Cast) -> None:
    """Nia came on 3 November; her earlier school's file has four days of O in October, and she missed one day here."""
    nia = cast.newcomer.enrolment.pupil
    put(cast.newcomer, "2025-11-10", "O")
    marks = "/\\/\\/\\/\\/\\" + "OOOOOOOO/\\"
    EarlierAttendance.objects.create(
        pupil=nia, year=2025, school_name="Old Hill School", marks_start=dt.date(2025, 10, 6), slots_a_week=10, marks=marks, added_at=NOW
    )  # fmt: skip
    found = pupil_window(nia, cast.here, TODAY)
    assert (found.total, found.is_reached) == (10, True)
    assert {one.mark.place for one in found.counted} == {"", "Old Hill School"}
    assert found.counted[0].mark.date == dt.date(2025, 10, 13)


def test_marks_at_another_school_of_the_group_count(cast: Cast, imogen: Pupil) -> None:
    there = make.EnrolmentFactory(school=cast.there, pupil=imogen, starts=dt.date(2025, 9, 3), ends=dt.date(2025, 10, 31))
    row = make.RegisterRowFactory(enrolment=there)
    put(cast.imogen, "2025-10-13", ".")
    put(row, "2025-10-13", "U")
    assert {one.mark.place for one in pupil_window(imogen, cast.here, TODAY).counted} == {"", "Marsh Lane Primary School"}


def test_the_counter_of_a_school_takes_the_same_statements_for_more_pupils(
    cast: Cast, django_assert_num_queries: Callable[..., Any]
) -> None:
    for size in (0, 30):
        for _ in range(size):
            make.on_roll(cast.here)
        births = births_on_roll(cast.here, TODAY)
        with django_assert_num_queries(4):
            found = windows(cast.here, births, TODAY)
        assert found[cast.imogen.enrolment.pupil_id].total == 10
