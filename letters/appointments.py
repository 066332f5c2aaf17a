"""Where letters and meetings touch: a letter that named a time follows the meeting when it is moved; letters that wait for one get it.

A draft is drawn from the record, so it follows by itself. What was approved and has not left goes back to a draft. Where a letter has left
with the old time, a fresh one is planned; a person approves that, too.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from casework.meetings import Where, cancel_meeting, move_meeting, plan_meeting
from casework.models import Meeting, MeetingSlot
from casework.policies import NOTICE_DAYS
from casework.slots import share_out
from casework.words import local_day
from escalation.models import PlannedLetter
from escalation.queries import adopted
from letters import phrases
from letters.models import Letter
from letters.queries import LiveLetter
from letters.services import draft_planned, take_back, withdraw_without_ground
from letters.states import LEFT, WAITING
from schools.models import Role, User
from schools.rules import Refused

MOVED, CALLED_OFF = "meeting-moved", "meeting-called-off"
KINDS: dict[tuple[str, str], str] = {
    ("wigston", "concern-2"): Meeting.Kind.SURGERY,
    ("wigston", "contract"): Meeting.Kind.CONTRACT,
    ("federation", "letter-4"): Meeting.Kind.CONTRACT,
    ("coventry", "letter-c"): Meeting.Kind.PLAN,
    ("vale", "plan-meeting"): Meeting.Kind.PLAN,
    ("goldington", "contract-meeting"): Meeting.Kind.CONTRACT,
}
"""Which kind of meeting a letter asks to; every other one asks to a meeting."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the letters that named the old time: how many went back to drafts, and whether a fresh one is planned."""

    meeting: Meeting
    back: int = 0
    fresh: bool = False

    @property
    def sentence(self) -> str:
        """For the person who moved the meeting; empty where no letter had named the time."""
        parts = []
        if self.back:
            letters = "One approved letter" if self.back == 1 else f"{self.back} approved letters"
            parts.append(f"{letters} named the old time and had not left: look at {'it' if self.back == 1 else 'them'} again.")
        if self.fresh:
            parts.append("A letter with the old time has left: a fresh one waits under Decisions.")
        return " ".join(parts)


def meeting_kind(letter: Letter) -> str:
    return KINDS.get((letter.ruleset.partition("-")[0], letter.wording), Meeting.Kind.MEETING)


@transaction.atomic
def move_and_tell(
    *, meeting: Meeting, where: Where, seen: int, reason: str = "", by: User, role: str, on: dt.date, now: dt.datetime
) -> Told:
    """Moves the meeting (``casework.meetings.move_meeting``) and sees to the letters that named the old time."""
    naming = _naming(meeting)
    move_meeting(meeting=meeting, where=where, seen=seen, reason=reason, by=by, role=role, on=on, now=now)
    return _see_to(meeting, naming, MOVED, reason="The meeting was moved.", by=by, role=role, on=on, now=now)


@transaction.atomic
def cancel_and_tell(*, meeting: Meeting, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Told:
    """Calls the meeting off and sees to the letters that named it; a fresh one that only told of a move is not needed any more."""
    naming = _naming(meeting)
    cancel_meeting(meeting=meeting, reason=reason, by=by, role=role, on=on, now=now)
    _plans(meeting).filter(letter=MOVED).exclude(letters__state__in=LEFT).update(state=PlannedLetter.State.WITHDRAWN)
    told = _see_to(meeting, naming, CALLED_OFF, reason="The meeting was called off.", by=by, role=role, on=on, now=now)
    withdraw_without_ground(now=now, school=meeting.case.school)
    return told


def _naming(meeting: Meeting) -> list[Letter]:
    """Letters of the case that were approved with a time that this meeting has or had, or have left with it; the latest last."""
    times = {_stated(moment) for moment in (meeting.starts_at, *meeting.history.values_list("starts_at", flat=True))}
    approved = Letter.objects.filter(case=meeting.case_id, state__in=(Letter.State.APPROVED, Letter.State.SENDING, *LEFT))
    return [
        letter
        for letter in approved.select_related("school", "stage_record").order_by("left_on", "pk")
        if (_named(letter)["on"], _named(letter)["at"]) in times
    ]


def _stated(moment: dt.datetime) -> tuple[str, str]:
    """Date and time as a letter's frozen facts have them."""
    local = timezone.localtime(moment)
    return local.date().isoformat(), local.time().isoformat()


def _named(letter: Letter) -> dict[str, str]:
    """The meeting that the letter's frozen facts state."""
    return {"on": "", "at": "", "place": "", **(letter.facts.get("meeting") or {})}


def _see_to(
    meeting: Meeting, naming: Sequence[Letter], wording: str, *, reason: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> Told:
    back = [letter for letter in naming if take_back(letter=letter, reason=reason, by=by, role=role, now=now)]
    left = [letter for letter in naming if letter not in back]
    plans = _plans(meeting).filter(letter=wording)
    if left and wording == MOVED and _knows(left[-1], meeting):
        plans.exclude(letters__state__in=LEFT).update(state=PlannedLetter.State.WITHDRAWN)
        withdraw_without_ground(now=now, school=meeting.case.school)
        return Told(meeting, len(back))
    waits = Letter.objects.filter(planned__in=plans, state__in=WAITING)
    fresh = bool(left) and not waits.exists()
    if fresh:
        _plan(meeting, left[-1], wording, on)
        draft_planned(now=now, on=on, school=meeting.case.school)
    return Told(meeting, len(back), fresh)


def _knows(letter: Letter, meeting: Meeting) -> bool:
    """Whether the family's last letter names the time and place that the meeting has (again)."""
    named = _named(letter)
    return (named["on"], named["at"]) == _stated(meeting.starts_at) and named["place"] == meeting.place


def _plans(meeting: Meeting) -> QuerySet[PlannedLetter]:
    return PlannedLetter.objects.filter(case=meeting.case_id, cause__startswith=f"meeting {meeting.pk} ")


def _plan(meeting: Meeting, left: Letter, wording: str, on: dt.date) -> None:
    """Plans a fresh letter that says which time no longer holds: the one that the family has in hand."""
    record = meeting.stage_record
    version = record.version if record else adopted(meeting.case.school, on)[0]
    stated = _named(left)
    about = {
        "old_meeting_date": phrases.weekday_date(dt.date.fromisoformat(stated["on"])),
        "old_meeting_time": phrases.clock(dt.time.fromisoformat(stated["at"])),
    }
    PlannedLetter.objects.create(
        case=meeting.case, stage_record=record, version=version, letter=wording, about=about, on=on,
        cause=f"meeting {meeting.pk} move {meeting.moves}", approves=left.approves or Role.ATTENDANCE_LEAD,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """The letters of one case and the time that they get."""

    letters: tuple[LiveLetter, ...]
    slot: MeetingSlot

    @property
    def first(self) -> Letter:
        return self.letters[0].letter


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who gets which time; ``left``: those for whom there is none, and why."""

    given: tuple[Given, ...]
    left: tuple[tuple[LiveLetter, str], ...]


def asks_for_a_time(drawn: LiveLetter) -> bool:
    """A draft that cannot be approved for want of a meeting's date."""
    return drawn.letter.state in WAITING and "meeting_date" in drawn.merged.missing_fills


def propose_slots(drawn: Sequence[LiveLetter], slots: Sequence[MeetingSlot], on: dt.date) -> Proposal:
    """Gives each case whose letters wait for a meeting's date one of the free ``slots``, in the order of the letters. Children who share a
    parent among these letters get adjacent times or one together. ``drawn``: of one wording and school."""
    by_case: dict[int, list[LiveLetter]] = defaultdict(list)
    for each in filter(asks_for_a_time, drawn):
        by_case[each.letter.case_id].append(each)
    if not by_case:
        return Proposal((), ())
    notice = NOTICE_DAYS.get(meeting_kind(next(iter(by_case.values()))[0].letter), 0)
    early = on + dt.timedelta(days=notice or 1)
    free = [slot for slot in slots if local_day(slot.starts_at) >= early]
    times = share_out(_families(by_case), free)
    given = tuple(Given(tuple(by_case[case]), slot) for case, slot in times.items())
    short = f"No free time is left on {phrases.weekday_date(early)} or later: offer more times."
    left = tuple((letters[0], short) for case, letters in by_case.items() if case not in times)
    return Proposal(tuple(sorted(given, key=lambda each: (each.slot.starts_at, each.first.pk))), left)


def _families(by_case: Mapping[int, Sequence[LiveLetter]]) -> list[list[int]]:
    """The cases, those together whose letters go to one parent, in the order of each family's first."""
    parents = {case: {each.letter.parent_id for each in letters} for case, letters in by_case.items()}
    families: list[list[int]] = []
    for case, own in parents.items():
        kin = [family for family in families if any(own & parents[other] for other in family)]
        families = [family for family in families if family not in kin] + [[*(one for family in kin for one in family), case]]
    order = list(by_case)
    return sorted(families, key=lambda family: order.index(family[0]))


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What became of one case: ``meeting`` or the sentence that says why not."""

    letter: Letter
    meeting: Meeting | None
    sentence: str = ""


def give_slots(*, given: Sequence[Given], by: User, role: str, on: dt.date, now: dt.datetime) -> list[SlotOutcome]:
    """Plans the meeting of each case in its slot, with the parents to whom the letters go; who is refused stops none of the rest."""
    return [_give(each, by=by, role=role, on=on, now=now) for each in given]


def _give(given: Given, *, by: User, role: str, on: dt.date, now: dt.datetime) -> SlotOutcome:
    letter = given.first
    try:
        meeting = plan_meeting(
            case=letter.case, kind=meeting_kind(letter), where=Where.of(given.slot), stage_record=letter.stage_record,
            parents=[each.letter.parent for each in given.letters], by=by, role=role, on=on, now=now,
        )  # fmt: skip
    except Refused as refused:
        return SlotOutcome(letter, None, str(refused))
    return SlotOutcome(letter, meeting)
