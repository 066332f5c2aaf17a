"""A meeting is planned, moved twice, held; two people act at once; a parent is barred, a stage withdrawn. No time is ever lost."""

from __future__ import annotations

import datetime as dt

import pytest

from casework.meetings import Where, cancel_meeting, invite, move_meeting, record_meeting, uninvite
from casework.models import Attendee, Meeting
from casework.queries.meetings import enrolment_of, loose_ends, meetings_of, task_of
from escalation.adoption import adopt
from escalation.models import Event, StageRecord, Task
from escalation.services import decline_stage, mark_stage_done
from schools.models import AuditEntry, Enrolment, PupilParent, Role
from schools.rules import Refused
from tests import factories as make
from tests.casework.cases import AT, a_night, planned, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]
THE_DAY = AT.date()


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    a_night(made)
    return made


@pytest.fixture
def record(cast: Cast) -> StageRecord:
    return staged(cast)


def who(cast: Cast, role: str = Role.ATTENDANCE_LEAD, on: dt.date = TODAY) -> dict:
    return {"by": cast.staff[role], "role": str(role), "on": on, "now": dt.datetime.combine(on, NOW.timetz())}


def test_everyone_who_may_be_invited_is(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record, others=["Welfare officer"], colleagues=[cast.alice])
    parents = {person.parent.first_name: person.is_invited for person in meeting.attendees.all() if person.parent}
    assert parents == {"Morwenna": True, "Piers": True}
    assert [person.user or person.name for person in meeting.attendees.filter(parent=None)] == [
        cast.staff[Role.ATTENDANCE_LEAD], cast.alice, "Welfare officer",
    ]  # fmt: skip
    event = Event.objects.filter(kind="meeting").get()
    assert event.text == "Meeting planned for Tuesday 9 December at 4.10pm, room 2."
    assert AuditEntry.objects.filter(action="meeting planned", subject=f"meeting {meeting.pk}").count() == 1


def test_a_barred_parent_stands_in_the_list_and_is_not_invited(cast: Cast) -> None:
    meeting = planned(cast, staged(cast, "theo"))
    stefan = meeting.attendees.get(parent=cast.parents["Stefan"])
    assert (stefan.is_invited, stefan.why_not_invited) == (False, "An order or a no-contact note stands: not invited.")


def test_naming_a_barred_parent_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="Mr Stefan Okafor cannot be invited. An order or a no-contact note stands"):
        planned(cast, staged(cast, "theo"), parents=[cast.parents["Stefan"]])
    assert not Meeting.objects.exists()


def test_a_second_meeting_for_the_same_stage_and_parent_is_refused(cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    with pytest.raises(Refused, match="already planned for Tuesday 9 December at 4.10pm, room 2, by Mr L. Larch"):
        planned(cast, record, where=Where(AT + dt.timedelta(days=1), 20, "room 3"))


def test_parents_who_come_apart_have_a_meeting_each(cast: Cast, record: StageRecord) -> None:
    first = planned(cast, record, parents=[cast.parents["Morwenna"]])
    planned(cast, record, parents=[cast.parents["Piers"]], where=Where(AT + dt.timedelta(minutes=30), 20, "room 2"))
    assert first.attendees.get(parent=cast.parents["Piers"]).why_not_invited == "Not asked to this meeting."
    assert Meeting.objects.filter(state="planned").count() == 2


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (Where(dt.datetime(2025, 11, 19, 9, tzinfo=AT.tzinfo), 20, "room 2"), "Wednesday 19 November has passed"),
        (Where(AT, 20, " "), "Say where the meeting takes place"),
        (Where(AT, 0, "room 2"), "between 5 and 240 minutes"),
    ],
)
def test_a_meeting_needs_a_time_to_come_and_a_place(cast: Cast, record: StageRecord, where: Where, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        planned(cast, record, where=where)


def test_a_surgery_is_two_weeks_ahead(cast: Cast, record: StageRecord) -> None:
    with pytest.raises(Refused, match="choose Thursday 4 December or later"):
        planned(cast, record, kind="surgery", where=Where(AT - dt.timedelta(days=7), 20, "room 2"))
    assert planned(cast, record, kind="surgery").kind == "surgery"


def test_a_meeting_moved_twice_keeps_both_old_times(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    move_meeting(meeting=meeting, where=Where(AT + dt.timedelta(days=1), 20, "room 2"), seen=0, reason="A trip.", **who(cast))
    move_meeting(meeting=meeting, where=Where(AT + dt.timedelta(days=2), 30, "the hall"), seen=1, **who(cast))
    before = [(move.number, move.starts_at, move.place, move.reason) for move in meeting.history.all()]
    assert before == [(1, AT, "room 2", "A trip."), (2, AT + dt.timedelta(days=1), "room 2", "")]
    meeting.refresh_from_db()
    assert (meeting.starts_at, meeting.minutes, meeting.place, meeting.moves) == (AT + dt.timedelta(days=2), 30, "the hall", 2)
    assert Event.objects.filter(text__startswith="Meeting of Tuesday 9 December at 4.10pm, room 2 moved to Wednesday").exists()


def test_of_two_who_move_it_at_once_the_second_reads_who_was_first(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    as_alice_saw_it = Meeting.objects.get(pk=meeting.pk)
    move_meeting(meeting=meeting, where=Where(AT + dt.timedelta(days=1), 20, "room 2"), seen=0, **who(cast))
    with pytest.raises(Refused, match="was moved by Mr L. Larch while you looked: it is now on Wednesday 10 December at 4.10pm"):
        move_meeting(meeting=as_alice_saw_it, where=Where(AT + dt.timedelta(days=3), 20, "x"), seen=0, **who(cast, Role.OFFICER))
    assert meeting.history.count() == 1


def test_moving_to_the_same_time_is_refused(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    with pytest.raises(Refused, match="That is the time and place that the meeting has"):
        move_meeting(meeting=meeting, where=Where(AT, 45, "room 2 "), seen=0, **who(cast))


def done_with_task(record: StageRecord) -> Task:
    """The letter of federation's stage 5 has left: its meeting is now a task."""
    mark_stage_done(record=record, on=TODAY, by=None, role="", now=NOW)
    return Task.objects.get(stage_record=record, kind="meeting")


def test_holding_it_completes_the_stages_task_and_says_who_came(cast: Cast, record: StageRecord) -> None:
    task = done_with_task(record)
    meeting = planned(cast, record)
    people = {person.parent_id: person.pk for person in meeting.attendees.all()}
    came = {people[cast.parents["Morwenna"].pk]: "came", people[cast.parents["Piers"].pk]: "apologies"}
    said = {"summary": "Mornings are hard.", "agreed": "A mentor meets Imogen at the gate."}
    record_meeting(meeting=meeting, outcome="held", came=came, **said, **who(cast, on=THE_DAY))
    task.refresh_from_db()
    assert (task.state, task.outcome, task.done_by) == ("done", "attended", cast.staff[Role.ATTENDANCE_LEAD])
    event = Event.objects.get(kind="meeting", outcome="attended")
    assert event.text == (
        "Meeting with Ms Morwenna Marlow: they came. Mornings are hard. Agreed: A mentor meets Imogen at the gate."
    )
    assert event.parent == cast.parents["Morwenna"]
    assert [person.came for person in meeting.attendees.order_by("pk")] == ["came", "apologies", "absent"]


def test_holding_it_makes_a_stage_done_that_begins_with_the_meeting(cast: Cast) -> None:
    adopt(school=cast.here, key="wigston", starts=dt.date(2025, 9, 2), by=None, now=NOW)
    record = staged(cast, stage="4", letter="medical-evidence")
    Task.objects.create(case=record.case, stage_record=record, kind="meeting", title="Surgery", role="head_of_year", due_on=TODAY)
    meeting = planned(cast, record, kind="surgery")
    mother = meeting.attendees.get(parent=cast.parents["Morwenna"])
    record_meeting(meeting=meeting, outcome="held", came={mother.pk: "came"}, **who(cast, on=THE_DAY))
    record.refresh_from_db()
    assert (record.state, record.done_on) == ("done", THE_DAY)


def test_held_in_absence_is_said_to_each_parent_who_was_asked(cast: Cast, record: StageRecord) -> None:
    task = done_with_task(record)
    meeting = planned(cast, record)
    record_meeting(meeting=meeting, outcome="in_absence", came={}, **who(cast, on=THE_DAY))
    task.refresh_from_db()
    events = Event.objects.filter(outcome="held_in_absence")
    assert (task.state, {event.parent for event in events}) == ("done", {cast.parents["Morwenna"], cast.parents["Piers"]})


def test_nobody_came_leaves_the_task_open(cast: Cast, record: StageRecord) -> None:
    task = done_with_task(record)
    record_meeting(meeting=planned(cast, record), outcome="not_held", came={}, **who(cast, on=THE_DAY))
    task.refresh_from_db()
    assert task.state == "open"
    planned(cast, record, where=Where(AT + dt.timedelta(days=7), 20, "room 2"))  # a second try is possible


def test_it_cannot_be_recorded_before_its_day_nor_against_who_came(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    mother = meeting.attendees.get(parent=cast.parents["Morwenna"])
    with pytest.raises(Refused, match="record how it went once it is over"):
        record_meeting(meeting=meeting, outcome="held", came={mother.pk: "came"}, **who(cast))
    with pytest.raises(Refused, match="Nobody of the family is ticked"):
        record_meeting(meeting=meeting, outcome="held", came={}, **who(cast, on=THE_DAY))
    with pytest.raises(Refused, match="A parent is ticked as having come"):
        record_meeting(meeting=meeting, outcome="in_absence", came={mother.pk: "came"}, **who(cast, on=THE_DAY))
    with pytest.raises(Refused, match="Choose how the meeting went"):
        record_meeting(meeting=meeting, outcome="good", came={}, **who(cast, on=THE_DAY))


def test_of_two_who_record_it_the_second_reads_who_was_first(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    as_alice_saw_it = Meeting.objects.get(pk=meeting.pk)
    record_meeting(meeting=meeting, outcome="not_held", came={}, **who(cast, on=THE_DAY))
    with pytest.raises(Refused, match="Already recorded by Mr L. Larch on Tuesday 9 December at 4.30pm: nobody came."):
        record_meeting(meeting=as_alice_saw_it, outcome="in_absence", came={}, **who(cast, Role.OFFICER, THE_DAY))
    with pytest.raises(Refused, match="Already recorded by Mr L. Larch"):
        cancel_meeting(meeting=as_alice_saw_it, reason="Too late", **who(cast))
    assert Meeting.objects.get().state == "not_held"


def test_calling_off_needs_a_reason_and_keeps_the_task(cast: Cast, record: StageRecord) -> None:
    task = done_with_task(record)
    meeting = planned(cast, record)
    with pytest.raises(Refused, match="Say why the meeting is called off"):
        cancel_meeting(meeting=meeting, reason=" ", **who(cast))
    cancel_meeting(meeting=meeting, reason="Back at 97%.", **who(cast))
    assert (Meeting.objects.get().state, Task.objects.get(pk=task.pk).state) == ("cancelled", "open")
    assert task_of(meeting) == task


def ends(cast: Cast, case, on: dt.date = TODAY) -> list[str]:
    meetings = meetings_of([case.pk])[case.pk]
    links = list(PupilParent.objects.filter(pupil=case.pupil).select_related("parent"))
    tasks = Task.objects.filter(case=case, state="open")
    found = loose_ends(
        case, meetings=meetings, tasks=tasks, links=links, enrolment=enrolment_of(case), elsewhere=cast.there, on=on
    )
    return [each.sentence for each in found]


def test_a_parent_barred_in_mid_case_is_named_and_no_longer_invited_once_it_is_moved(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    PupilParent.objects.filter(pupil=record.case.pupil, parent=cast.parents["Piers"]).update(no_contact_from=TODAY)
    assert ends(cast, record.case) == [
        "Mr Piers Quill is invited for Tuesday 9 December at 4.10pm and may no longer be: "
        "An order or a no-contact note stands: not invited."
    ]
    piers = meeting.attendees.get(parent=cast.parents["Piers"])
    uninvite(attendee=piers, reason="A court order of 20 November.", by=cast.alice, role="officer", now=NOW)
    assert ends(cast, record.case) == []
    Attendee.objects.filter(pk=piers.pk).update(is_invited=True)
    move_meeting(meeting=meeting, where=Where(AT + dt.timedelta(days=1), 20, "room 2"), seen=0, **who(cast))
    piers.refresh_from_db()
    assert (piers.is_invited, piers.why_not_invited) == (False, "An order or a no-contact note stands: not invited.")
    with pytest.raises(Refused, match="Mr Piers Quill cannot be invited"):
        invite(meeting=meeting, parent=cast.parents["Piers"], **who(cast))


def test_a_parent_added_in_mid_case_can_be_invited(cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    link = make.PupilParentFactory(pupil=record.case.pupil, parent=make.ParentFactory(group=cast.group, last_name="Newly"))
    assert ends(cast, record.case) == [
        "Ms Sam Newly was added after the meeting of Tuesday 9 December at 4.10pm was planned, and is not invited."
    ]
    invite(meeting=meeting, parent=link.parent, **who(cast))
    assert ends(cast, record.case) == []


def test_a_stranger_is_not_invited(cast: Cast, record: StageRecord) -> None:
    with pytest.raises(Refused, match="is no parent or contact of this pupil"):
        invite(meeting=planned(cast, record), parent=cast.parents["Grace"], **who(cast))


def test_a_pupil_who_leaves_in_mid_case_keeps_the_case_and_what_is_open_is_flagged(cast: Cast, record: StageRecord) -> None:
    done_with_task(record)
    planned(cast, record)
    Enrolment.objects.filter(pk=cast.imogen.enrolment_id).update(ends=dt.date(2025, 11, 19))
    assert ends(cast, record.case) == [
        "Imogen left Fenwold Academy on Wednesday 19 November and is now at Marsh Lane Primary School. The case is kept. "
        "Still open here: 1 meeting and 2 tasks. Close them, or say why not."
    ]
    with pytest.raises(Refused, match="left Fenwold Academy on Wednesday 19 November 2025: plan nothing new here"):
        planned(cast, record, stage_record=None)
    assert Meeting.objects.filter(state="planned").count() == 1


def test_a_stage_that_is_withdrawn_leaves_its_meeting_flagged(cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    decline_stage(record=record, by=cast.alice, role="officer", reason="Bereavement.", now=NOW)
    assert ends(cast, record.case) == [
        "Stage 5 was declined, and its meeting of Tuesday 9 December at 4.10pm is still planned. Call it off, or say why it is kept."
    ]
    record.refresh_from_db()
    with pytest.raises(Refused, match="Stage 5 was declined: plan the meeting without a stage"):
        planned(cast, record)


def test_a_meeting_that_has_passed_asks_to_be_recorded(cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    later = THE_DAY + dt.timedelta(days=1)
    assert ends(cast, record.case, later) == ["The meeting of Tuesday 9 December at 4.10pm is over: record how it went."]


def test_meetings_of_many_cases_are_three_statements(cast: Cast, record: StageRecord, django_assert_num_queries) -> None:
    planned(cast, record)
    planned(cast, staged(cast, "theo"))
    cases = list(StageRecord.objects.values_list("case", flat=True))
    with django_assert_num_queries(3):
        found = meetings_of(cases)
        assert {len(list(meeting.attendees.all())) for meetings in found.values() for meeting in meetings} == {3}
