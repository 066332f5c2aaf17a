"""First-day calling: pupils absent today without a reason, in the order in which they are rung, why each stands there, and what was tried.

Order: pupils rung first (``attendance.chasing.RUNG_FIRST``), then those who are not back when they were expected, then the longest without
a reason, then by form and name. Who was reached, is expected back later or is to be tried again at a time leaves the list until then.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from attendance.chasing import BY_WHEN, BY_WHEN_RUNG_FIRST, RUNG_FIRST, TRIES_ENOUGH, calls_about
from attendance.codes import CODES, Meaning
from attendance.models import AbsenceCall
from desk.queries.chasing import Chasing
from desk.queries.registers import natural
from desk.queries.roll import Place, RollLine
from desk.queries.todo import Reader
from escalation.models import Task
from messaging.models import Message, Reply
from messaging.queries import messages_about, replies_about
from schools.models import PupilFlag, PupilParent

Flag = PupilFlag.Kind
SPOKE = AbsenceCall.Outcome.SPOKE
LOOK_BACK = dt.timedelta(days=42)
"""So far back calls are read: what was promised before that no longer says anything about today."""
NOON = 12
NOT_OUT = (Message.State.CANCELLED, Message.State.FAILED)
"""Texts in these states reached nobody: they are no try."""
SAFEGUARDING = "safeguarding"
"""Kind of the task that tells the safeguarding lead."""

IF_NOBODY_ANSWERS = {
    Flag.CHILD_PROTECTION: "If nobody is reached, tell the safeguarding lead and the social worker today.",
    Flag.SOCIAL_WORKER: "If nobody is reached, tell the social worker today.",
    Flag.LOOKED_AFTER: "If the carer is not reached, tell the social worker and the virtual school today.",
    Flag.YOUNG_CARER: "Looks after someone at home: ask how things are.",
    Flag.EHC_PLAN: "Has an EHC plan: ask whether something in school is hard.",
}
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}
OUTCOMES = {"no_answer": "no answer", "left_message": "message left", "wrong_number": "wrong number", "spoke": "spoke"}


class State(enum.StrEnum):
    """Where a pupil's calling stands this moment."""

    RING = "ring"
    LATER = "later"
    EXPECTED = "expected"
    REACHED = "reached"


@dataclass(frozen=True, slots=True)
class Try:
    """A call, a text or a family's answer, as a list shows one. ``waits``: an answer that nobody has read."""

    at: dt.datetime
    on: dt.date
    channel: str
    outcome: str
    whom: str
    by: str
    said: str = ""
    expected_return: dt.date | None = None
    waits: bool = False

    @property
    def is_today(self) -> bool:
        return timezone.localdate(self.at) == self.on

    @property
    def when(self) -> str:
        """ "8.41" today, "Fri 14 Nov" before."""
        at = timezone.localtime(self.at)
        return f"{at.hour}.{at.minute:02}" if self.is_today else f"{at:%a} {at.day} {at:%b}"


def _try_of(call: AbsenceCall, on: dt.date) -> Try:
    whom = call.parent.name if call.parent else "somebody else"
    channel, outcome = call.get_channel_display().lower(), OUTCOMES.get(call.outcome, call.outcome)
    return Try(call.at, on, channel, outcome, whom, call.by.name, call.said, call.expected_return)


def _text_of(message: Message, on: dt.date) -> Try:
    outcome = message.get_state_display().lower()
    return Try(
        message.asked_at, on, message.get_channel_display().lower(), outcome, message.parent.name, message.asked_by.name
    )  # fmt: skip


def _answer_of(reply: Reply, on: dt.date) -> Try:
    whom = reply.parent.name if reply.parent else reply.number
    by = reply.read_by.name if reply.read_by else ""
    return Try(reply.received_at, on, "answer", "read" if by else "not read yet", whom, by, reply.body, waits=not by)


@dataclass(frozen=True, slots=True)
class Ring:
    """One row. ``days`` counts school days in a row without a reason, today included, since ``since``; ``calls`` newest first."""

    line: RollLine
    days: int
    since: dt.date
    away_since: dt.date
    place: Place
    now: dt.datetime
    rules: Chasing
    contacts: list[PupilParent] = field(default_factory=list)
    calls: list[AbsenceCall] = field(default_factory=list)
    told: list[Task] = field(default_factory=list)
    texts: list[Message] = field(default_factory=list)
    answers: list[Reply] = field(default_factory=list)

    @property
    def on(self) -> dt.date:
        return self.place.on

    @property
    def school(self) -> str:
        return self.place.school.short_name or self.place.school.name

    @property
    def tries(self) -> list[Try]:
        """Calls and texts about this run of days without a reason, newest first."""
        calls = [_try_of(call, self.on) for call in self.calls if call.about >= self.since]
        texts = [_text_of(text, self.on) for text in self.texts if timezone.localdate(text.asked_at) >= self.since]
        return sorted([*calls, *texts], key=lambda one: one.at, reverse=True)

    @property
    def tries_today(self) -> list[AbsenceCall]:
        return [call for call in self.calls if _is_on(call, self.on)]

    @property
    def shown_tries(self) -> list[Try]:
        """Everything about the absence that goes on, answers too, newest first."""
        calls = [_try_of(call, self.on) for call in self.calls if call.about >= self.away_since]
        texts = [_text_of(text, self.on) for text in self.texts if timezone.localdate(text.asked_at) >= self.away_since]
        answers = [
            _answer_of(reply, self.on) for reply in self.answers if timezone.localdate(reply.received_at) >= self.away_since
        ]
        return sorted([*calls, *texts, *answers], key=lambda one: one.at, reverse=True)

    @property
    def answer(self) -> Try | None:
        """The latest answer that nobody has read."""
        return next((one for one in self.shown_tries if one.waits), None)

    @property
    def answered_today(self) -> bool:
        return any(timezone.localdate(reply.received_at) == self.on for reply in self.answers)

    @property
    def rank(self) -> int:
        """Place among those who are rung first; past their number for everybody else."""
        return min((RUNG_FIRST.index(flag) for flag in self.line.flags if flag in RUNG_FIRST), default=len(RUNG_FIRST))

    @property
    def is_first(self) -> bool:
        return self.rank < len(RUNG_FIRST)

    @property
    def promise(self) -> AbsenceCall | None:
        """The latest call about this absence in which a day of return was named."""
        said = (call for call in self.calls if call.expected_return and call.about >= self.away_since)
        return next(said, None)

    @property
    def is_expected(self) -> bool:
        """Whether the promised return still lies ahead. "Later today", said this morning, does until the afternoon's register."""
        promise = self.promise
        if promise is None or promise.expected_return is None or promise.expected_return > self.on:
            return promise is not None
        was_morning = timezone.localtime(promise.at).hour < NOON
        afternoon_is_in = bool(self.line.code(self.on, "PM"))
        return promise.expected_return == self.on and _is_on(promise, self.on) and not (was_morning and afternoon_is_in)

    @property
    def not_back(self) -> bool:
        """Expected back before now."""
        return self.promise is not None and not self.is_expected

    @property
    def state(self) -> State:
        if self.is_expected:
            return State.EXPECTED
        if self._spoke_since_promise:
            return State.REACHED
        return State.LATER if self._waits else State.RING

    @property
    def _spoke_since_promise(self) -> bool:
        promise = self.promise
        return any(call.outcome == SPOKE and (promise is None or call.at > promise.at) for call in self.tries_today)

    @property
    def _waits(self) -> bool:
        """Whether the latest try set a time that has not come yet."""
        last = self.tries_today[0] if self.tries_today else None
        return bool(last and last.next_try_at and last.next_try_at > self.now)

    @property
    def next_try(self) -> dt.datetime | None:
        """The time set by the latest try of today."""
        return self.tries_today[0].next_try_at if self.tries_today else None

    @property
    def why(self) -> str:
        """The bold words: what puts the pupil in this place."""
        if Flag.FIRST_DAY_LIST in self.line.flags and self.rank >= RUNG_FIRST.index(Flag.FIRST_DAY_LIST):
            return "First-day list"
        if self.is_first:
            return Flag(RUNG_FIRST[self.rank]).label
        if self.not_back:
            return self.not_back_words
        return f"{ORDINALS.get(self.days, f'{self.days}th')} day without a reason" if self.days > 1 else ""

    @property
    def not_back_words(self) -> str:
        """ "Expected back Thu 20 Nov, not back"."""
        day = self.promise.expected_return if self.promise else None
        return f"Expected back {day:%a} {day.day} {day:%b}, not back" if day else ""

    @property
    def then(self) -> str:
        """What the flags ask for, or that it began this morning."""
        advice = next((IF_NOBODY_ANSWERS[Flag(flag)] for flag in self.line.flags if flag in IF_NOBODY_ANSWERS), "")
        if advice:
            return advice
        if self.days == 1:
            return "Absent this morning." if self.line.code(self.on, "AM") == "N" else "Absent this afternoon."
        return "If nobody answers today, ask for a home visit." if self.days >= 4 and not self.may_be_missing else ""

    @property
    def failed(self) -> set[int | None]:
        """Parents who were tried today without speaking with them."""
        return {call.parent_id for call in self.tries_today if call.outcome != SPOKE and call.parent_id}

    @property
    def wrong_numbers(self) -> set[int]:
        return {call.parent_id for call in self.calls if call.outcome == AbsenceCall.Outcome.WRONG_NUMBER and call.parent_id}

    @property
    def whom(self) -> PupilParent | None:
        """Whom to ring next: the first who was not tried today and whose number is right; when all were, the first again."""
        right = [link for link in self.contacts if link.parent_id not in self.wrong_numbers] or self.contacts
        return next((link for link in right if link.parent_id not in self.failed), right[0] if right else None)

    @property
    def otherwise(self) -> list[PupilParent]:
        whom = self.whom
        return [link for link in self.contacts if link is not whom]

    @property
    def all_tried(self) -> bool:
        """Every number was tried today, or is known to be wrong."""
        return all(link.parent_id in self.failed | self.wrong_numbers for link in self.contacts)

    @property
    def nobody_reached(self) -> str:
        """Why nobody is taken to be reached: a sentence, or an empty string while there is still somebody to try."""
        if self.state not in (State.RING, State.LATER) or self.answered_today:
            return ""
        if not self.contacts:
            return "No number that may be rung is held."
        tries = [call for call in self.tries_today if call.outcome != SPOKE]
        by_when = BY_WHEN_RUNG_FIRST if self.is_first else BY_WHEN
        if not self.all_tried or not (len(tries) >= TRIES_ENOUGH or timezone.localtime(self.now).time() >= by_when):
            return ""
        numbers = len(self.contacts)
        return f"No answer from {'the only number' if numbers == 1 else f'any of {numbers} numbers'} today."

    @property
    def no_contact_days(self) -> int:
        """School days of the run on which nobody was spoken with; 0 as soon as somebody was."""
        spoke = any(call.outcome == SPOKE and call.about >= self.since for call in self.calls)
        answered = any(timezone.localdate(reply.received_at) >= self.since for reply in self.answers)
        return 0 if spoke or answered else self.days

    @property
    def may_be_missing(self) -> bool:
        """So long without any contact that a referral as missing education is considered."""
        return self.no_contact_days >= self.rules.no_contact.days

    @property
    def told_words(self) -> str:
        """ "With Ms S. Sorrel", where the safeguarding lead has been told."""
        return f"With {self.told[0].owner or 'the safeguarding lead'}" if self.told else ""

    @property
    def tried(self) -> str:
        """ "none yet", "1 today", "6 since Wed"."""
        if not self.tries:
            return "none yet"
        first = min(timezone.localdate(one.at) for one in self.tries)
        return f"{len(self.tries)} {'today' if first == self.on else f'since {first:%a}'}"

    @property
    def last_try(self) -> str:
        """ "8.41, no answer", "Fri, message left"."""
        if not self.tries:
            return ""
        last = self.tries[0]
        when = last.when if last.is_today else f"last {timezone.localtime(last.at):%a}"
        return f"{when}, {f'{last.channel} ' if last.channel == 'text' else ''}{last.outcome}"

    @property
    def told_reason(self) -> str:
        """The code of a reason that covers today although the mark is still N, or an empty string."""
        covers = (call for call in self.calls if call.code and call.about >= self.away_since)
        call = next(covers, None)
        if call is None:
            return ""
        goes_on = call.expected_return is not None and call.expected_return > self.on
        return call.code if goes_on or call.about == self.on else ""


def _is_on(call: AbsenceCall, on: dt.date) -> bool:
    return timezone.localdate(call.at) == on


def ring_list(reader: Reader, lines: Iterable[RollLine], rules: Mapping[int, Chasing], now: dt.datetime) -> list[Ring]:
    """Everyone absent today without a reason, in the order in which they are rung, whatever their state. Eight statements."""
    rings = [ring for line in lines if (ring := _ring(line, reader.places[line.school], rules[line.school], now))]
    pupils = [ring.line.pupil for ring in rings]
    contacts = numbers_of(pupils, reader.on)
    calls = calls_about(pupils, reader.on - LOOK_BACK) if rings else {}
    told = _told(reader, pupils)
    texts, answers = messages_about(pupils, reader.on - LOOK_BACK), replies_about(pupils, reader.on - LOOK_BACK)
    for ring in rings:
        ring.contacts.extend(contacts.get(ring.line.pupil, []))
        ring.calls.extend(call for call in calls.get(ring.line.pupil, []) if call.school_id == ring.line.school)
        ring.told.extend(told.get(ring.line.key, []))
        ring.texts.extend(text for text in texts.get(ring.line.pupil, []) if text.state not in NOT_OUT)
        ring.answers.extend(answers.get(ring.line.pupil, []))
    return sorted(rings, key=_order)


def _order(ring: Ring) -> tuple[int, bool, int, tuple[int, str], str]:
    return (ring.rank, not ring.not_back, -ring.days, natural(ring.line.form), ring.line.name)


def _ring(line: RollLine, place: Place, rules: Chasing, now: dt.datetime) -> Ring | None:
    """None where the pupil's last mark of today is not an N."""
    if not place.is_school_day or line.codes(place.on)[-1:] != ["N"]:
        return None
    days, since = _without_reason(line, place)
    return Ring(line, days, since, _away_since(line, place), place, now, rules)


def _without_reason(line: RollLine, place: Place) -> tuple[int, dt.date]:
    """(days, first day) of the run without a reason that ends today. An N that became O unexplained still counts; days without a mark
    are stepped over."""
    since, days = place.on, 0
    for date in place.until_now():
        codes = line.codes(date)
        if not codes:
            continue
        if "N" not in codes and set(codes) != {"O"}:
            break
        since, days = date, days + 1
    return days, since


def _away_since(line: RollLine, place: Place) -> dt.date:
    """First day of the absence that goes on today, whatever its codes: the day after the last session attended."""
    since = place.on
    for date in place.until_now():
        codes = line.codes(date)
        if date < place.on and any(CODES[code].meaning == Meaning.ATTENDING for code in codes):
            break
        since = date if codes else since
    return since


def numbers_of(pupils: list[int], on: dt.date) -> dict[int, list[PupilParent]]:
    """Whom to ring, by pupil in order of priority: with a number, and kept away by no order that day. One statement."""
    found: dict[int, list[PupilParent]] = {pupil: [] for pupil in pupils}
    links = PupilParent.objects.filter(pupil__in=pupils).exclude(parent__telephone="").order_by("priority", "id")
    for link in links.select_related("parent"):
        if not link.is_barred(on):
            found[link.pupil_id].append(link)
    return found


def _told(reader: Reader, pupils: list[int]) -> dict[tuple[int, int], list[Task]]:
    """Open tasks of the safeguarding lead that calling made, by pupil and school. One statement."""
    tasks = Task.objects.filter(kind=SAFEGUARDING, state=Task.State.OPEN, case__pupil__in=pupils, case__school__in=reader.schools)
    found: dict[tuple[int, int], list[Task]] = {}
    for task in tasks.select_related("case", "owner"):
        found.setdefault((task.case.pupil_id, task.case.school_id), []).append(task)
    return found
