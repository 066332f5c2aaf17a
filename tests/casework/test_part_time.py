"""Part-time timetables: agreed, entered ahead as C2 (or X), reviewed, extended, ended; and C2 that no timetable explains."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from attendance.grid import slot
from attendance.models import MarkChange, RegisterRow
from attendance.services import change_mark
from casework.models import PartTimeReview, PartTimeTimetable
from casework.part_time import Terms, agree_timetable, end_timetable, extend_timetable, review_timetable, too_long
from casework.queries.part_time import c2_without_timetable, reviews_due, running, week_in_words
from escalation.models import Event
from schools.models import Role
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = pytest.mark.django_db

MONDAY, FRIDAY = dt.date(2025, 11, 24), dt.date(2025, 12, 12)
AFTERNOONS = (1, 3, 5, 7, 9)


@pytest.fixture
def cast() -> Cast:
    return assemble()


def terms(cast: Cast, **more: object) -> Terms:
    given = Terms(
        starts=MONDAY, ends=FRIDAY, review_on=dt.date(2025, 12, 5), pattern=AFTERNOONS, why="Back after a long illness.",
        objective="Full days again from 15 December.", agreed_by=cast.parents["Morwenna"], agreed_on=TODAY,
    )  # fmt: skip
    return replace(given, **more)  # type: ignore[arg-type]


def agree(cast: Cast, who: str = "imogen", **more: object):
    by = {"by": cast.staff[Role.HEAD], "role": Role.HEAD, "on": TODAY, "now": NOW}
    return agree_timetable(pupil=getattr(cast, who).enrolment.pupil, school=cast.here, terms=terms(cast, **more), **by)


def by(cast: Cast, on: dt.date = TODAY) -> dict:
    return {"by": cast.staff[Role.HEAD], "role": Role.HEAD, "on": on, "now": NOW + (on - TODAY)}


def marks(row: RegisterRow, *dates: dt.date) -> str:
    stored = RegisterRow.objects.get(pk=row.pk).marks
    return "".join(stored[slot(date, "AM")] + stored[slot(date, "PM")] for date in dates)


def test_its_sessions_stand_ahead_as_c2_until_its_last_day(cast):
    _, entered = agree(cast)
    assert len(entered.entered) == 15
    assert marks(cast.imogen, MONDAY, FRIDAY, dt.date(2025, 12, 15)) == ".t.t.."


def test_a_pupil_who_is_not_of_compulsory_school_age_has_x(cast):
    pupil = cast.imogen.enrolment.pupil
    pupil.date_of_birth = dt.date(2020, 12, 4)
    pupil.save()
    agree(cast, ends=dt.date(2026, 1, 9), review_on=FRIDAY)
    assert marks(cast.imogen, FRIDAY, dt.date(2026, 1, 6)) == ".X.t"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"ends": dt.date(2025, 11, 21)}, "The last day, 21 November 2025, is before the first, 24 November 2025: change one of the two."),
        ({"agreed_on": dt.date(2025, 12, 1)}, "The parent cannot have agreed on 1 December 2025: that day lies ahead."),
        ({"starts": dt.date(2025, 11, 17)}, "It begins on 17 November 2025, before the parent agreed on 20 November 2025: begin it later."),
        ({"ends": dt.date(2026, 9, 11)}, "It ends with the school year at the latest: a timetable of the next year is agreed afresh."),
        ({"review_on": TODAY}, "The first review lies between the first day and the last: 24 November 2025 to 12 December 2025."),
        ({"pattern": ()}, "Choose the sessions of the week that the pupil does not attend."),
        ({"pattern": (10,)}, "A session of the week is not known: choose from Monday morning to Friday afternoon."),
        ({"why": ""}, "Say why: the law asks for exceptional circumstances."),
        ({"objective": " "}, "Say what it is to achieve: how the pupil comes back to full time."),
        ({"agreed_by": None}, "Choose the parent who agreed: without a parent's agreement Imogen attends full time."),
    ],
)  # fmt: skip
def test_what_the_law_or_a_date_does_not_allow(cast, more, sentence):
    with pytest.raises(Refused) as refused:
        agree(cast, **more)
    assert str(refused.value) == sentence
    assert not PartTimeTimetable.objects.exists() and not MarkChange.objects.exists()


def test_a_week_without_any_session_in_school_is_no_timetable(cast):
    with pytest.raises(Refused, match="leaves at least one in which the pupil is in school"):
        agree(cast, pattern=tuple(range(10)))


def test_a_parent_who_does_not_live_with_the_pupil_cannot_agree(cast):
    with pytest.raises(Refused, match="Mr Piers Quill is recorded as not living with Imogen"):
        agree(cast, agreed_by=cast.parents["Piers"])


def test_the_social_worker_is_told_first(cast):
    make.PupilFlagFactory(pupil=cast.imogen.enrolment.pupil, kind="social_worker")
    with pytest.raises(Refused, match="Imogen has a social worker: tell them first, and enter the day on which they were told."):
        agree(cast)
    agree(cast, social_worker_told_on=TODAY)


def test_days_on_which_the_school_is_closed(cast):
    with pytest.raises(Refused, match="From 20 December 2025 to 5 January 2026 the school is open in none of these sessions"):
        agree(cast, starts=dt.date(2025, 12, 20), ends=dt.date(2026, 1, 5), review_on=dt.date(2026, 1, 2))


def test_one_timetable_at_a_time(cast):
    agree(cast)
    with pytest.raises(
        Refused, match="There is a timetable from 24 November 2025 to 12 December 2025 already: extend or end that one."
    ):
        agree(cast, starts=FRIDAY, ends=dt.date(2025, 12, 19), review_on=dt.date(2025, 12, 19))


def test_more_time_has_a_reason_and_its_marks(cast):
    timetable, _ = agree(cast)
    until = dt.date(2025, 12, 19)
    with pytest.raises(Refused, match="Say why more time is needed"):
        extend_timetable(timetable=timetable, ends=until, review_on=until, note="", **by(cast))
    review, entered = extend_timetable(timetable=timetable, ends=until, review_on=until, note="Still tired.", **by(cast))
    assert (review.ended_before, review.ends_now, len(entered.entered)) == (FRIDAY, until, 5)
    assert marks(cast.imogen, until) == ".t"
    assert Event.objects.filter(kind="leave").latest("pk").text == (
        "Part-time timetable extended, until 19 December 2025 instead of 12 December 2025. Still tired."
    )


def test_ending_it_early_takes_the_marks_ahead_back(cast):
    timetable, _ = agree(cast)
    wednesday = dt.date(2025, 12, 3)
    _, gone = end_timetable(timetable=timetable, last_day=wednesday, note="She manages full days.", **by(cast, wednesday))
    timetable.refresh_from_db()
    assert (timetable.state, timetable.ends, timetable.review_on) == ("ended", wednesday, wednesday)
    assert len(gone) == 7 and marks(cast.imogen, wednesday, dt.date(2025, 12, 4), FRIDAY) == ".t...."
    with pytest.raises(Refused, match="It was ended early, on 3 December 2025: agree a new one where it is needed again."):
        extend_timetable(timetable=timetable, ends=FRIDAY, review_on=FRIDAY, note="x", **by(cast, wednesday))


def test_one_that_has_not_begun_is_called_off_and_may_be_agreed_again(cast):
    timetable, _ = agree(cast)
    end_timetable(timetable=timetable, last_day=TODAY, note="The family changed its mind.", **by(cast))
    assert marks(cast.imogen, MONDAY, FRIDAY) == "...."
    agree(cast)
    assert marks(cast.imogen, MONDAY) == ".t"


def test_it_ends_by_itself(cast):
    timetable, _ = agree(cast)
    after = dt.date(2025, 12, 15)
    assert list(running([cast.here], FRIDAY)) == [timetable] and not running([cast.here], after)
    with pytest.raises(Refused, match="It ended by itself on 12 December 2025: agree a new one."):
        review_timetable(timetable=timetable, note="x", review_on=None, **by(cast, after))


def test_a_review_is_due_and_moves_on(cast):
    timetable, _ = agree(cast)
    assert reviews_due([cast.here], MONDAY) == [timetable]
    friday = dt.date(2025, 12, 5)
    review_timetable(timetable=timetable, note="Two hours more from Monday.", review_on=FRIDAY, **by(cast, friday))
    timetable.refresh_from_db()
    assert timetable.review_on == FRIDAY and PartTimeReview.objects.get().kind == "reviewed"
    with pytest.raises(Refused, match="The next review lies after today and by the last day, 12 December 2025."):
        review_timetable(timetable=timetable, note="x", review_on=dt.date(2025, 12, 19), **by(cast, friday))


def test_two_who_change_it_at_once(cast):
    timetable, _ = agree(cast)
    other = PartTimeTimetable.objects.get(pk=timetable.pk)
    end_timetable(timetable=timetable, last_day=MONDAY, note="Enough.", **by(cast, MONDAY))
    with pytest.raises(Refused, match="Somebody changed this timetable in the meantime: look at it again."):
        extend_timetable(timetable=other, ends=dt.date(2025, 12, 19), review_on=FRIDAY, note="More.", **by(cast, MONDAY))


def test_longer_than_six_weeks_is_said_and_not_refused(cast):
    assert too_long(MONDAY, MONDAY + dt.timedelta(days=41)) == ""
    assert too_long(MONDAY, MONDAY + dt.timedelta(days=42)).startswith("7 weeks: the Department expects")


def test_c2_without_a_timetable_is_listed_with_its_sessions(cast):
    agree(cast)
    change_mark(row=cast.imogen, date=TODAY, session="AM", to="C2", reason="", by=cast.alice, role="officer", now=NOW)
    change_mark(row=cast.theo, date=TODAY, session="PM", to="T", reason="", by=cast.alice, role="officer", now=NOW)
    (stray,) = c2_without_timetable([cast.here], TODAY)
    assert stray.pupil == cast.imogen.enrolment.pupil and stray.sessions == [(TODAY, "AM")]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ((0, 1), "Monday"),
        ((1, 3), "Monday and Tuesday afternoon"),
        ((0, 1, 8, 9, 5), "Monday and Friday, Wednesday afternoon"),
    ],
)
def test_a_week_in_words(pattern, words):
    assert week_in_words(pattern) == words
