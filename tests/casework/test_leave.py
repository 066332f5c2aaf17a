"""Leave of absence: asked, decided, decided again, withdrawn; marks ahead that count when their day comes; a letter with the right days."""

from __future__ import annotations

import datetime as dt

import pytest

from attendance.grid import slot
from attendance.models import Figures, MarkChange, RegisterRow
from attendance.queries import verify
from attendance.services import change_mark, import_register
from casework.leave import Decided, ask_leave, decide_leave, withdraw_leave
from casework.leave_days import Span
from casework.leave_states import MOVES, State
from casework.models import LeaveDecision, LeaveRequest
from casework.queries.leave import codes_to_offer, not_back
from escalation.adoption import adopt
from escalation.models import Event, PlannedLetter
from letters.models import Letter
from letters.queries import preview
from letters.services import draft_planned
from schools.models import AuditEntry, Role
from schools.queries import school_days
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db

MONDAY, WEDNESDAY = dt.date(2025, 12, 8), dt.date(2025, 12, 10)
THREE_DAYS = Span.of_days(MONDAY, WEDNESDAY)


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    adopt(school=made.here, key="vale", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made)
    return made


def ask(
    cast: Cast, span: Span = THREE_DAYS, *, who: str = "imogen", parent: str | None = "Morwenna", **more: object
) -> LeaveRequest:
    given: dict = {
        "pupil": getattr(cast, who).enrolment.pupil, "school": cast.here, "asked_on": TODAY, "span": span, "ground": "exceptional",
        "reason": "Her grandmother is to be buried.", "by": cast.alice, "role": Role.OFFICER, "on": TODAY, "now": NOW,
        "asked_by": cast.parents[parent] if parent else None,
    }  # fmt: skip
    return ask_leave(**given | more)


def decide(cast: Cast, request: LeaveRequest, granted: Span | None = THREE_DAYS, **more: object) -> Decided:
    given: dict = {
        "request": request, "seen": request.decided, "granted": granted, "ground": "exceptional", "reason": "A funeral in the family.",
        "by": cast.staff[Role.HEAD], "role": Role.HEAD, "on": TODAY, "now": NOW,
    }  # fmt: skip
    return decide_leave(**given | more)


def marks(row: RegisterRow, *dates: dt.date) -> str:
    """The characters that are stored for the days."""
    stored = RegisterRow.objects.get(pk=row.pk).marks
    return "".join(stored[slot(date, "AM")] + stored[slot(date, "PM")] for date in dates)


def days(first: dt.date, number: int) -> list[dt.date]:
    return [first + dt.timedelta(days=each) for each in range(number)]


# What cannot be asked for: each sentence names the day and what to do.


@pytest.mark.parametrize(
    ("span", "sentence"),
    [
        (Span.of_days(WEDNESDAY, MONDAY),
         "The last day, 8 December 2025, is before the first, 10 December 2025: change one of the two."),
        (Span(MONDAY, "PM", MONDAY, "AM"),
         "On one day the leave cannot begin in the afternoon and end in the morning: change one of the "
         "two."),
        (Span.of_days(dt.date(2025, 12, 22), dt.date(2026, 1, 2)),
         "The school is closed on 22 December 2025 to 2 January 2026: leave is only needed for school "
         "days."),
        (Span.of_days(dt.date(2026, 1, 5), dt.date(2026, 1, 5)),
         "The school is closed on 5 January 2026 (staff training day): leave is only needed for school "
         "days."),
        (Span.of_days(dt.date(2026, 7, 20), dt.date(2026, 9, 4)),
         "The days lie in two school years, 2025/26 and 2026/27: enter a request for each."),
        (Span.of_days(MONDAY, dt.date(2028, 1, 7)),
         "The leave is longer than a school year: check the last day, 7 January 2028."),
        (Span.of_days(dt.date(2026, 9, 7), dt.date(2026, 9, 8)),
         "The calendar of 2026/27 has not been entered: ask an administrator to enter its half terms "
         "first."),
    ],
)  # fmt: skip
def test_days_that_cannot_be_are_refused_with_a_sentence(cast, span, sentence):
    with pytest.raises(Refused) as refused:
        ask(cast, span)
    assert str(refused.value) == sentence
    assert not LeaveRequest.objects.exists() and not Event.objects.filter(kind="leave").exists()


def test_a_second_request_for_the_same_sessions_names_the_first(cast):
    ask(cast)
    with pytest.raises(
        Refused, match="There is a request for 8 to 10 December 2025 already .waits for a decision.: change or withdraw"
    ):
        ask(cast, Span.of_days(WEDNESDAY, dt.date(2025, 12, 12)))
    ask(cast, Span.of_days(dt.date(2025, 12, 11), dt.date(2025, 12, 12)))


def test_two_halves_of_one_day_do_not_meet(cast):
    ask(cast, Span(MONDAY, "AM", MONDAY, "AM"))
    ask(cast, Span(MONDAY, "PM", MONDAY, "PM"))
    assert LeaveRequest.objects.count() == 2


def test_leave_of_a_pupil_who_has_left_or_is_not_there_yet(cast):
    with pytest.raises(Refused, match="Lee leaves the school on 17 October 2025: leave can be asked for until that day."):
        ask(cast, who="leaver", parent=None, asked_by_name="his uncle")
    with pytest.raises(Refused, match="Nia is not on the school's roll before 3 November 2025: no leave is needed."):
        ask(cast, Span.of_days(dt.date(2025, 10, 6), dt.date(2025, 10, 7)), who="newcomer", parent=None, asked_by_name="her aunt")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"asked_by": None}, "Say who asked: choose a parent, or write who it was."),
        ({"reason": " "}, "Write the reason as the parent gave it: the head decides on it."),
        ({"ground": "fun"}, "Choose what the leave is for from the list."),
        ({"asked_on": dt.date(2025, 11, 21)}, "The request cannot have come on 21 November 2025: that day lies ahead."),
    ],
)
def test_a_request_says_who_why_and_when(cast, more, sentence):
    with pytest.raises(Refused) as refused:
        ask(cast, **more)
    assert str(refused.value) == sentence


# Decisions.


def test_granted_leave_stands_in_the_register_ahead_on_school_days_only(cast):
    span = Span(dt.date(2025, 12, 18), "PM", dt.date(2026, 1, 7), "AM")
    done = decide(cast, ask(cast, span), span)
    assert marks(cast.imogen, *days(dt.date(2025, 12, 18), 2)) == ".ccc".replace("c", "C")
    assert marks(cast.imogen, dt.date(2026, 1, 5), dt.date(2026, 1, 6), dt.date(2026, 1, 7)) == "..CCC."
    assert len(done.marks.entered) == 6 and not done.marks.left
    assert done.decision.back_on == dt.date(2026, 1, 7)
    change = MarkChange.objects.order_by("date", "session").first()
    assert (change.original, change.amended, change.by, change.role) == ("", "C", cast.staff[Role.HEAD], Role.HEAD)
    assert change.reason.startswith("Leave granted on 20 November 2025 (request ")


@pytest.mark.parametrize(
    ("ground", "character"),
    [("exceptional", "C"), ("performance", "c"), ("interview", "j"), ("study", "S"), ("appointment", "M"), ("observance", "R"),
     ("travelling", "T")],
)  # fmt: skip
def test_each_ground_has_its_code(cast, ground, character):
    decide(cast, ask(cast, ground=ground), ground=ground)
    assert marks(cast.imogen, MONDAY) == character * 2


def test_a_part_of_it(cast):
    request = ask(cast)
    done = decide(cast, request, Span(MONDAY, "PM", dt.date(2025, 12, 9), "PM"))
    assert request.state == State.PART_GRANTED
    assert marks(cast.imogen, MONDAY, dt.date(2025, 12, 9), WEDNESDAY) == ".CCC.."
    assert done.decision.back_on == WEDNESDAY


@pytest.mark.parametrize(
    ("granted", "more", "sentence"),
    [
        (Span.of_days(MONDAY, dt.date(2025, 12, 11)), {},
         "Leave can be granted for what was asked for, 8 to 10 December 2025, or for a part of it."),
        (THREE_DAYS, {"ground": ""},
         "Choose the ground on which leave is granted: the law names them, and the code follows from it."),
        (THREE_DAYS, {"ground": "holiday"},
         "Family holiday is no ground in law. A holiday is not a ground. It can only be granted where the "
         "circumstances are exceptional. Choose the ground that fits, or refuse."),
        (None, {"reason": ""}, "Give the reason: the letter to the parents states it."),
    ],
)  # fmt: skip
def test_what_cannot_be_granted(cast, granted, more, sentence):
    request = ask(cast)
    with pytest.raises(Refused) as refused:
        decide(cast, request, granted, **more)
    assert str(refused.value) == sentence
    request.refresh_from_db()
    assert request.state == State.ASKED and not LeaveDecision.objects.exists()


def test_leave_that_the_law_wants_in_advance_is_granted_from_the_day_of_asking(cast):
    span = Span.of_days(dt.date(2025, 11, 18), dt.date(2025, 11, 24))
    request = ask(cast, span)
    with pytest.raises(
        Refused, match="asked for on 20 November 2025 and begins on 18 November 2025. Only sessions from 20 November 2025 on"
    ):
        decide(cast, request, span)
    decide(cast, request, Span.of_days(TODAY, dt.date(2025, 11, 24)))
    assert marks(cast.imogen, TODAY, dt.date(2025, 11, 21), dt.date(2025, 11, 24)) == "/\\CCCC"


def test_a_mark_that_stands_is_left_and_told_but_n_gives_way(cast):
    row, friday = cast.imogen, dt.date(2025, 11, 21)
    change_mark(row=row, date=friday, session="AM", to="B", reason="", by=cast.alice, role="officer", now=NOW)
    change_mark(row=row, date=friday, session="PM", to="N", reason="", by=cast.alice, role="officer", now=NOW)
    span = Span.of_days(friday, dt.date(2025, 11, 24))
    done = decide(cast, ask(cast, span), span)
    assert marks(row, friday, dt.date(2025, 11, 24)) == "BCCC"
    assert done.marks.left == {(friday, "AM"): "B"}


# Every move of the table, and none besides.


def reach(cast: Cast, state: str) -> LeaveRequest:
    request = ask(cast)
    if state == State.WITHDRAWN:
        withdraw_leave(request=request, seen=0, reason="Entered in error.", by=cast.alice, role="officer", on=TODAY, now=NOW)
    elif state != State.ASKED:
        move(cast, request, state)
    return request


def move(cast: Cast, request: LeaveRequest, state: str) -> None:
    part = Span.of_days(MONDAY, MONDAY)
    if state == State.WITHDRAWN:
        withdraw_leave(
            request=request, seen=request.decided, reason="Not needed.", by=cast.alice, role="officer", on=TODAY, now=NOW
        )
    else:
        decide(cast, request, {State.GRANTED: THREE_DAYS, State.PART_GRANTED: part, State.REFUSED: None}[State(state)])


@pytest.mark.parametrize("before", MOVES)
@pytest.mark.parametrize("after", [State.GRANTED, State.PART_GRANTED, State.REFUSED, State.WITHDRAWN])
def test_every_move(cast, before, after):
    request = reach(cast, before)
    decisions = request.decisions.count()
    if after in MOVES[before]:
        move(cast, request, after)
    else:
        with pytest.raises(Refused):
            move(cast, request, after)
    request.refresh_from_db()
    allowed = after in MOVES[before]
    assert request.state == (after if allowed else before)
    assert request.decided == request.decisions.count() == decisions + allowed
    expected = {State.GRANTED: "CCCCCC", State.PART_GRANTED: "CC...."}.get(State(request.state), "......")
    assert marks(cast.imogen, *days(MONDAY, 3)) == expected


def test_of_two_who_decide_one_wins_and_the_other_is_told(cast):
    request = ask(cast)
    other = LeaveRequest.objects.get(pk=request.pk)
    decide(cast, request)
    with pytest.raises(
        Refused, match="decided since you looked: granted by Dr H. Hawthorn on 20 November 2025. Look at it again."
    ):
        decide(cast, other, None, seen=0)
    assert LeaveDecision.objects.count() == 1 and marks(cast.imogen, MONDAY) == "CC"


def test_a_changed_decision_takes_the_marks_ahead_back_and_keeps_their_history(cast):
    request = ask(cast)
    decide(cast, request)
    done = decide(cast, request, None, reason="The funeral was moved to Saturday.")
    assert len(done.taken_back) == 6 and marks(cast.imogen, *days(MONDAY, 3)) == "......"
    history = list(
        MarkChange.objects.filter(date=MONDAY, session="AM").order_by("pk").values_list("original", "amended", "reason")
    )
    assert [change[:2] for change in history] == [("", "C"), ("C", "")]
    assert history[1][2] == "Leave decided again: The funeral was moved to Saturday."


def test_marks_whose_day_has_come_stay_and_what_was_over_is_not_decided_again(cast):
    request = ask(cast)
    decide(cast, request)
    tuesday = NOW + dt.timedelta(days=19)
    done = decide(cast, request, None, reason="They are back.", on=tuesday.date(), now=tuesday)
    assert marks(cast.imogen, *days(MONDAY, 3)) == "CCCC.." and len(done.taken_back) == 2
    later = NOW + dt.timedelta(days=30)
    with pytest.raises(Refused, match="The days were over on 10 December 2025: correct the marks in the register instead."):
        decide(cast, request, THREE_DAYS, on=later.date(), now=later)


def test_only_what_is_lost_is_taken_back(cast):
    request = ask(cast)
    decide(cast, request)
    done = decide(cast, request, Span.of_days(MONDAY, dt.date(2025, 12, 9)))
    assert len(done.taken_back) == 2 and not done.marks.entered
    assert MarkChange.objects.filter(amended="").count() == 2


def test_a_register_read_in_after_marks_were_taken_back_is_explained_by_its_history(cast):
    RegisterRow.objects.filter(pk=cast.imogen.pk).update(marks="." * 530)
    request = ask(cast)
    decide(cast, request)
    decide(cast, request, None)
    upn = cast.imogen.enrolment.pupil.upn
    file = f"upn,date,session,code\n{upn},2025-12-08,AM,/\n{upn},2025-12-08,PM,N\n{upn},2025-12-11,AM,/\n"
    batch, _ = import_register(school=cast.here, data=file.encode(), file_name="a.csv", by=cast.alice, now=NOW)
    assert (batch.new, batch.changed) == (3, 0) and marks(cast.imogen, MONDAY) == "/N"
    RegisterRow.objects.exclude(pk=cast.imogen.pk).update(marks="." * 530)
    assert verify(cast.here)[2] == []


# The letter.


def letters_of(cast: Cast) -> list[Letter]:
    draft_planned(now=NOW, on=TODAY, school=cast.here)
    return list(Letter.objects.filter(wording__startswith="leave").order_by("pk"))


def test_each_parent_who_may_be_written_to_gets_a_draft_with_days_code_and_return(cast):
    run(cast)
    decide(cast, ask(cast))
    drafts = letters_of(cast)
    assert [letter.parent.first_name for letter in drafts] == ["Morwenna", "Piers"]
    assert {letter.approves for letter in drafts} == {Role.HEAD}
    for letter in drafts:
        text = preview(letter, TODAY).text
        assert "from Monday 8 December to 10 December 2025. That is 6 sessions of school. I have said yes." in text
        assert "My reason: A funeral in the family." in text and "(authorised, code C)" in text
        assert "We expect Imogen back on Thursday 11 December." in text
    assert "Morwenna" not in preview(drafts[1], TODAY).text and "Marlow" not in preview(drafts[1], TODAY).text.replace(
        "Imogen Marlow", ""
    )


def test_a_part_and_a_sensitive_code(cast):
    decide(cast, ask(cast, ground="observance"), Span(MONDAY, "PM", MONDAY, "PM"), ground="observance")
    text = preview(letters_of(cast)[0], TODAY).text
    assert (
        "from Monday 8 December to 10 December 2025. I can say yes to a part of this: from the afternoon of Monday 8 December"
        in text
    )
    assert "I cannot agree to the other days." in text and "code" not in text


def test_a_refusal_says_the_code_that_follows(cast):
    decide(cast, ask(cast, ground="holiday"), None, reason="A holiday is not a special reason.")
    (letter, _) = letters_of(cast)
    text = preview(letter, TODAY).text
    assert letter.wording == "leave-refused"
    assert "(unauthorised, code G)" in text and "on Thursday 11 December at the latest" in text


def test_a_changed_decision_withdraws_the_letter_that_has_not_left(cast):
    request = ask(cast)
    decide(cast, request)
    first = letters_of(cast)
    decide(cast, request, None)
    after = letters_of(cast)
    assert [letter.state for letter in after] == ["withdrawn", "withdrawn", "drafted", "drafted"]
    assert after[0].pk == first[0].pk and after[0].reason == "What this letter was about has been changed or taken back."
    assert list(PlannedLetter.objects.order_by("pk").values_list("cause", flat=True)) == [
        f"leave {request.pk}/1",
        f"leave {request.pk}/2",
    ]


# A day that has not come changes nothing.


def test_leave_ahead_changes_no_figure_and_no_decision_of_the_night(cast):
    present(cast, imogen=away(cast, "2025-11-03", 3))
    run(cast)
    before = Figures.objects.values().get(row=cast.imogen)
    decide(cast, ask(cast))
    assert Figures.objects.values().get(row=cast.imogen) == before
    report = run(cast, now=NOW + dt.timedelta(minutes=5))
    assert (report.proposed, report.watched) == (0, 0)
    assert Figures.objects.values().get(row=cast.imogen) == before


def test_leave_counts_when_its_day_has_come(cast):
    decide(cast, ask(cast))
    present(cast, MONDAY)
    row = RegisterRow.objects.get(pk=cast.imogen.pk)
    kept = list(row.marks)
    kept[slot(MONDAY, "AM")] = kept[slot(MONDAY, "PM")] = "C"
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(kept))
    run(cast, on=MONDAY, now=NOW + dt.timedelta(days=18))
    figures = Figures.objects.get(row=cast.imogen)
    assert (figures.as_of, figures.authorised, figures.unauthorised) == (MONDAY, 2, 0)


def test_a_school_half_of_which_has_leave_has_no_register_yet(cast):
    """Two of four pupils on roll are away with leave: the register of the day counts as missing until somebody takes it."""
    friday = dt.date(2025, 11, 21)
    for who, parent in (("imogen", "Morwenna"), ("theo", "Grace")):
        span = Span.of_days(friday, friday)
        decide(cast, ask(cast, span, who=who, parent=parent), span)
    report = run(cast, on=friday, now=NOW + dt.timedelta(days=1))
    assert report.evaluated == 0 and report.skipped[0].startswith(
        "Put off: the morning register of Friday 21 November 2025 is missing"
    )


# Refused and taken; not back.


def test_g_is_offered_where_leave_was_refused_and_the_pupil_is_away(cast):
    decide(cast, ask(cast, ground="holiday"), None)
    pupil = cast.imogen.enrolment.pupil_id
    at, after = (pupil, cast.here.pk, MONDAY, "AM"), (pupil, cast.here.pk, dt.date(2025, 12, 11), "AM")
    offers = codes_to_offer([at, after])
    assert list(offers) == [at] and offers[at].code == "G"
    assert offers[at].why == "Leave for 8 to 10 December 2025 was refused."


def test_only_the_sessions_that_were_not_granted_are_offered_g(cast):
    decide(cast, ask(cast), Span.of_days(MONDAY, MONDAY))
    pupil = cast.imogen.enrolment.pupil_id
    places = [(pupil, cast.here.pk, date, "PM") for date in days(MONDAY, 3)]
    assert list(codes_to_offer(places)) == places[1:]


def test_who_has_not_come_back_is_listed_with_school_days_until_they_do(cast):
    decide(cast, ask(cast))
    present(cast, dt.date(2026, 1, 7), imogen={**away(cast, "2025-12-08", 3, "C"), **away(cast, "2025-12-11", 9)})

    def listed(on: dt.date) -> list:
        calendar = school_days(cast.here, [2025])
        return not_back([cast.here], on, days_of={cast.here.pk: calendar}, rulesets={cast.here.pk: "vale"})

    assert listed(WEDNESDAY) == []
    (late,) = listed(dt.date(2025, 12, 12))
    assert (late.days, late.limit, late.is_serious) == (2, 10, False)
    (late,) = listed(dt.date(2026, 1, 7))
    assert (late.days, late.source, late.is_serious) == (9, "9 (Missing children)", False)
    present(cast, dt.date(2026, 1, 8), imogen={**away(cast, "2025-12-08", 3, "C"), **away(cast, "2025-12-11", 10)})
    (late,) = listed(dt.date(2026, 1, 8))
    assert late.is_serious
    present(cast, dt.date(2026, 1, 8), imogen={**away(cast, "2025-12-08", 3, "C"), **away(cast, "2025-12-11", 8)})
    assert listed(dt.date(2026, 1, 8)) == []


def test_who_is_ill_since_has_a_reason(cast):
    decide(cast, ask(cast))
    present(cast, dt.date(2025, 12, 12), imogen={**away(cast, "2025-12-08", 3, "C"), **away(cast, "2025-12-11", 2, "I")})
    calendar = school_days(cast.here, [2025])
    assert not_back([cast.here], dt.date(2025, 12, 12), days_of={cast.here.pk: calendar}, rulesets={}) == []


def test_every_change_is_in_the_timeline_and_in_the_audit_trail_without_a_name(cast):
    request = ask(cast)
    decide(cast, request)
    withdraw_leave(request=request, seen=1, reason="Not needed.", by=cast.alice, role="officer", on=TODAY, now=NOW)
    texts = Event.objects.filter(kind="leave").order_by("pk").values_list("text", flat=True)
    assert list(texts) == [
        "Leave asked for: 8 to 10 December 2025.",
        "Leave granted: 8 to 10 December 2025. A funeral in the family.",
        "Leave withdrawn: 8 to 10 December 2025. Not needed.",
    ]
    entries = AuditEntry.objects.filter(action__startswith="leave").order_by("pk")
    assert [entry.action for entry in entries] == ["leave asked for", "leave decided", "leave withdrawn"]
    assert not any("Imogen" in f"{entry.detail}{entry.reason}" for entry in entries)
