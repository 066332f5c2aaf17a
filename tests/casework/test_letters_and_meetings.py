"""A letter says the time of its meeting and follows it when it is moved; one that has left is followed by a fresh one."""

from __future__ import annotations

import datetime as dt

import pytest

from casework.meetings import Where, move_meeting
from casework.models import Meeting, MeetingSlot
from casework.queries.meetings import free_slots
from casework.slots import Block, make_slots
from escalation.models import PlannedLetter, StageRecord
from letters.appointments import cancel_and_tell, give_slots, move_and_tell, propose_slots
from letters.models import Letter
from letters.queries import LiveLetter, live, with_everything
from letters.services import TO_BARRED, approve_letters, draft_planned, edit_letter, make_print_batch, mark_posted
from schools.models import PupilParent, Role
from tests import factories as make
from tests.casework.cases import AT, a_night, drafts, planned, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]
LATER = Where(AT + dt.timedelta(days=1), 20, "the hall")


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    a_night(made)
    return made


@pytest.fixture
def record(cast: Cast) -> StageRecord:
    return staged(cast)


def who(cast: Cast) -> dict:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "now": NOW, "on": TODAY}


def drawn(letters: list[Letter]) -> list[LiveLetter]:
    found = live(with_everything([letter.pk for letter in letters]), TODAY)
    return [found[letter.pk] for letter in letters]


def test_planning_the_meeting_fills_the_letters(cast: Cast, record: StageRecord) -> None:
    assert {"meeting_date", "meeting_time", "meeting_place"} <= set(drawn(drafts(record.case))[0].merged.missing_fills)
    planned(cast, record)
    for each in drawn(drafts(record.case)):
        assert not each.merged.missing_fills
        assert "Tuesday 9 December at 4.10pm" in each.merged.text
        assert "room 2. You will meet Mr L. Larch, attendance lead." in each.merged.text


def test_a_draft_follows_a_meeting_that_is_moved_even_against_what_was_typed(cast: Cast, record: StageRecord) -> None:
    letter = drafts(record.case)[0]
    edit_letter(letter=letter, fills={"meeting_place": "room 1"}, by=cast.alice, role="officer", now=NOW)
    meeting = planned(cast, record)
    before = drawn([letter])[0].token
    move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    after = drawn([letter])[0]
    assert "Wednesday 10 December at 4.10pm" in after.merged.text and "the hall" in after.merged.text
    assert after.token != before


def test_who_looked_at_the_old_time_must_look_again(cast: Cast, record: StageRecord) -> None:
    meeting, letter = planned(cast, record), drafts(record.case)[0]
    seen = {letter.pk: drawn([letter])[0].token}
    move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    (outcome,) = approve_letters(letters=[letter], seen=seen, render=False, **who(cast))
    assert not outcome.ok and "the letter was redrawn" in outcome.sentence


def test_a_parent_who_is_barred_meanwhile_gets_no_letter_whatever_its_state(cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    mothers, fathers = sorted(drafts(record.case), key=lambda letter: letter.parent != cast.parents["Morwenna"])
    PupilParent.objects.filter(parent=cast.parents["Piers"]).update(no_contact_from=TODAY)
    first, second = approve_letters(letters=[mothers, fathers], render=False, **who(cast))
    assert first.ok and second.sentence == "An order or a no-contact note stands: this parent is not written to."
    PupilParent.objects.filter(parent=cast.parents["Morwenna"]).update(no_contact_from=TODAY)
    with pytest.raises(ValueError, match="No approved letter waits for the post"):
        make_print_batch(school=cast.here, by=cast.alice, role="officer", now=NOW + dt.timedelta(minutes=11))
    draft_planned(now=NOW, on=TODAY, school=cast.here)
    letters = Letter.objects.order_by("pk")
    assert [(letter.state, letter.reason) for letter in letters] == [("withdrawn", TO_BARRED)] * 2
    assert PlannedLetter.objects.get().state == "nobody"


def test_a_parent_who_was_taken_off_the_pupil_gets_no_letter_and_no_error(cast: Cast, record: StageRecord) -> None:
    PupilParent.objects.filter(parent=cast.parents["Piers"], pupil=record.case.pupil).delete()
    gone = [each for each in drawn(drafts(record.case)) if each.letter.parent == cast.parents["Piers"]]
    assert [each.barred for each in gone] == [True]


def test_a_parent_who_is_not_asked_to_it_gets_no_time(cast: Cast, record: StageRecord) -> None:
    planned(cast, record, parents=[cast.parents["Morwenna"]])
    gaps = {each.letter.parent: each.merged.missing_fills for each in drawn(drafts(record.case))}
    assert gaps[cast.parents["Morwenna"]] == ()
    assert "meeting_date" in gaps[cast.parents["Piers"]]


def test_a_meeting_that_has_passed_invites_nobody(cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    letter = drafts(record.case)[0]
    after = live(with_everything([letter.pk]), AT.date() + dt.timedelta(days=1))[letter.pk]
    assert "meeting_date" in after.merged.missing_fills


def approved(cast: Cast, record: StageRecord) -> list[Letter]:
    letters = drafts(record.case)
    outcomes = approve_letters(letters=letters, render=False, **who(cast))
    assert [outcome.sentence for outcome in outcomes if not outcome.ok] == []
    return letters


def posted(cast: Cast, record: StageRecord) -> None:
    approved(cast, record)
    later = NOW + dt.timedelta(minutes=11)
    batch = make_print_batch(school=cast.here, by=cast.alice, role="officer", now=later)
    mark_posted(batch=batch, on=TODAY, by=cast.alice, role="officer", now=later)


def test_an_approved_letter_that_has_not_left_goes_back_to_a_draft(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    approved(cast, record)
    told = move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    assert (told.back, told.fresh) == (2, False)
    assert told.sentence == "2 approved letters named the old time and had not left: look at them again."
    assert {letter.state for letter in Letter.objects.all()} == {"drafted"}


def fresh(cast: Cast, wording: str) -> list[LiveLetter]:
    return drawn(list(Letter.objects.filter(wording=wording, state="drafted").order_by("pk")))


def test_where_the_letter_has_left_a_fresh_one_says_the_new_time(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    posted(cast, record)
    told = move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    assert told.sentence == "A letter with the old time has left: a fresh one waits under Decisions."
    letters = fresh(cast, "meeting-moved")
    assert {each.letter.parent for each in letters} == {cast.parents["Morwenna"], cast.parents["Piers"]}
    for each in letters:
        assert "on Tuesday 9 December. I am sorry" in each.merged.text
        assert "Please come on Wednesday 10 December at 4.10pm." in each.merged.text
        assert not each.merged.missing_fills


def test_moved_twice_there_is_one_fresh_letter_and_it_names_the_time_that_the_family_has(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    posted(cast, record)
    move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    told = move_and_tell(meeting=meeting, where=Where(AT + dt.timedelta(days=2), 20, "room 2"), seen=1, **who(cast))
    assert not told.fresh
    letters = fresh(cast, "meeting-moved")
    assert len(letters) == 2
    assert "on Tuesday 9 December." in letters[0].merged.text and "Thursday 11 December" in letters[0].merged.text


def test_called_off_it_is_told_and_the_letter_about_the_move_goes(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    posted(cast, record)
    move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    cancel_and_tell(meeting=meeting, reason="Back at 97%.", **who(cast))
    assert fresh(cast, "meeting-moved") == []
    (first, _) = fresh(cast, "meeting-called-off")
    assert "on Tuesday 9 December at 4.10pm. This meeting will not take place" in first.merged.text
    assert not first.merged.missing_fills


def test_moved_back_there_is_nothing_to_tell(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    posted(cast, record)
    move_and_tell(meeting=meeting, where=LATER, seen=0, **who(cast))
    told = move_and_tell(meeting=meeting, where=Where(AT, 20, "room 2"), seen=1, **who(cast))
    assert (told.back, told.fresh, fresh(cast, "meeting-moved")) == (0, False, [])


def test_a_move_that_is_refused_leaves_the_letters_alone(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    approved(cast, record)
    move_meeting(meeting=Meeting.objects.get(), where=LATER, seen=0, **who(cast))
    with pytest.raises(ValueError, match="while you looked"):
        move_and_tell(meeting=meeting, where=Where(AT, 20, "room 9"), seen=0, **who(cast))
    assert {letter.state for letter in Letter.objects.all()} == {"approved"}
    assert PlannedLetter.objects.count() == 1


def offered(cast: Cast, minutes: int = 20) -> list[MeetingSlot]:
    block = Block(AT.date(), dt.time(15, 30), dt.time(17, 30), minutes)
    return make_slots(school=cast.here, block=block, place="room 2", led_by=cast.alice, **who(cast))


def test_letters_that_wait_get_their_times_in_one_act(cast: Cast) -> None:
    for pupil in ("imogen", "theo", "priya"):
        staged(cast, pupil)
    offered(cast)
    letters = list(Letter.objects.order_by("pk"))
    proposal = propose_slots(drawn(letters), list(free_slots(cast.here, first=TODAY)), TODAY)
    outcomes = give_slots(given=proposal.given, **who(cast))
    assert [outcome.sentence for outcome in outcomes] == ["", "", ""]
    times = [meeting.starts_at.strftime("%H.%M") for meeting in Meeting.objects.order_by("starts_at")]
    assert times == ["15.30", "15.50", "16.10"]
    done = approve_letters(letters=letters, render=False, **who(cast))
    assert {(outcome.ok) for outcome in done} == {True} and len(done) == 4


def test_a_brother_and_a_sister_come_one_after_the_other(cast: Cast) -> None:
    brother = make.on_roll(cast.here, year_group=8, form="8B", first_name="Jago", last_name="Marlow", sex="M")
    PupilParent.objects.create(pupil=brother.enrolment.pupil, parent=cast.parents["Morwenna"], relationship="mother")
    object.__setattr__(cast, "leaver", brother)
    for pupil in ("imogen", "theo", "leaver"):
        staged(cast, pupil)
    offered(cast)
    proposal = propose_slots(drawn(list(Letter.objects.order_by("pk"))), list(free_slots(cast.here, first=TODAY)), TODAY)
    order = [each.first.case.pupil.first_name for each in proposal.given]
    assert order == ["Imogen", "Jago", "Theo"]


def test_who_gets_no_time_is_named_with_the_reason(cast: Cast) -> None:
    for pupil in ("imogen", "theo"):
        staged(cast, pupil)
    offered(cast, minutes=70)
    proposal = propose_slots(drawn(list(Letter.objects.order_by("pk"))), list(free_slots(cast.here, first=TODAY)), TODAY)
    assert len(proposal.given) == 1
    ((left, sentence),) = proposal.left
    assert left.letter.case.pupil.first_name == "Theo"
    assert sentence == "No free time is left on Friday 21 November or later: offer more times."


def test_a_time_that_somebody_took_meanwhile_is_said_and_stops_none_of_the_rest(cast: Cast) -> None:
    for pupil in ("imogen", "theo"):
        staged(cast, pupil)
    slot = offered(cast)[0]
    proposal = propose_slots(drawn(list(Letter.objects.order_by("pk"))), list(free_slots(cast.here, first=TODAY)), TODAY)
    planned(cast, staged(cast, "priya"), where=Where.of(slot))
    first, second = give_slots(given=proposal.given, **who(cast))
    assert first.sentence == "Tuesday 9 December at 3.30pm has just been given to another family: choose another time."
    assert second.meeting
