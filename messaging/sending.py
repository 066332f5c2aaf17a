"""The outbox at work: each message leaves exactly once, whoever is killed.

A sender claims a message by a conditional UPDATE with a lease and commits that before it asks the provider for anything. A message that was
begun before is looked up by its reference first: the provider may have taken it from a sender that was killed, or whose answer was lost.
Whoever finds the lease taken over writes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Q, QuerySet

from messaging.hours import SCHOOL_TIME, next_opening
from messaging.models import Message, MessageTry, Sender
from messaging.providers import Busy, Fault, NotSendable, Opener, Provider, Standstill, Status, Unclear, WrongSetUp
from messaging.states import TRANSITIONS
from schools.models import PupilParent, School

Clock = Callable[[], dt.datetime]
State, What = Message.State, MessageTry.What

LOOKS = (
    (dt.timedelta(minutes=10), dt.timedelta(minutes=1)),
    (dt.timedelta(hours=1), dt.timedelta(minutes=5)),
    (dt.timedelta(hours=6), dt.timedelta(minutes=30)),
    (dt.timedelta(days=4), dt.timedelta(hours=4)),
)
"""How often to ask what became of a message, by its age: networks try for three days."""
log = logging.getLogger(__name__)
NO_WORD = "The network never said whether it arrived."


@dataclass(frozen=True)
class Pace:
    """How long a lease and a request last, and how the wait grows from one fault to the next, up to a cap."""

    lease: dt.timedelta = dt.timedelta(minutes=2)
    seconds: float = 20
    first_wait: dt.timedelta = dt.timedelta(seconds=30)
    longest_wait: dt.timedelta = dt.timedelta(minutes=5)
    at_once: int = 20

    def wait(self, faults: int) -> dt.timedelta:
        """How long to wait after so many faults in a row: doubled each time, capped."""
        return min(self.first_wait * 2 ** min(max(faults - 1, 0), 16), self.longest_wait)


PACE = Pace()


@dataclass(frozen=True)
class Ending:
    """How a try ended. ``values`` are the message's new columns."""

    what: str
    values: dict[str, object]
    sentence: str = ""
    status: int | None = None


@dataclass
class Claimed:
    """A message under a lease of ours. ``may_be_out``: a try may have reached the provider without our hearing."""

    message: Message
    until: dt.datetime
    may_be_out: bool


def due(moment: dt.datetime, school: School | None = None) -> QuerySet[Message]:
    """Messages that may be tried: their time has come, or the lease of whoever tried has run out; and their school can send at all."""
    ready = Q(school__sender__paused_until__isnull=True) | Q(school__sender__paused_until__lte=moment)
    messages = Message.objects.filter(_free(moment), ready, school__sender__isnull=False)
    return (messages.filter(school=school) if school else messages).order_by("try_at", "pk")


def _free(moment: dt.datetime) -> Q:
    """On the message's own columns only, so that two who claim it at once are told apart by the row itself."""
    return Q(state=State.WAITING, try_at__lte=moment) | Q(state=State.SENDING, claimed_until__lte=moment)


def send_due(
    *, clock: Clock, open_provider: Opener, school: School | None = None, pace: Pace = PACE, seconds: float | None = None
) -> int:
    """Sends what is due, of one school or of all; returns how many messages the provider took.

    May be killed at any point, and run by several at once. ``seconds``: after which no further message is begun.
    """
    stop_at = clock() + dt.timedelta(seconds=seconds) if seconds is not None else None
    taken = 0
    while found := list(due(clock(), school).values_list("pk", "school")[: pace.at_once]):
        run = _Run(clock, open_provider, pace)
        for pk, at in found:
            if stop_at and clock() >= stop_at:
                return taken
            taken += run.advance(pk, at)
    return taken


@dataclass
class _Run:
    """A few messages in a row; senders and their providers are read once."""

    clock: Clock
    open_provider: Opener
    pace: Pace
    senders: dict[int, Sender | None] = field(default_factory=dict)
    providers: dict[int, Provider] = field(default_factory=dict)

    def advance(self, pk: int, school: int) -> bool:
        """One try of one message. True where the provider has it now."""
        if self.is_paused(school) or (claimed := _claim(pk, self.clock(), self.pace)) is None:
            return False
        ending = self._ending(claimed, self.sender(school))
        if not _settle(claimed, ending, self.clock()):
            return False
        return ending.what in (What.SENT, What.FOUND)

    def is_paused(self, school: int) -> bool:
        """Whether a fault of this run, or an earlier one, makes the school wait."""
        sender = self.sender(school)
        return bool(sender and sender.paused_until and sender.paused_until > self.clock())

    def sender(self, school: int) -> Sender | None:
        if school not in self.senders:
            self.senders[school] = Sender.objects.filter(school=school).first()
        return self.senders[school]

    def _ending(self, claimed: Claimed, sender: Sender | None) -> Ending:
        message = claimed.message
        if sender is None:
            return _put_off(message, self.clock() + self.pace.longest_wait, "The school has no Notify key any more.")
        try:
            ending = self._tried(claimed, sender)
        except NotSendable as fault:
            ending = Ending(What.FAILED, _failed(str(fault), self.clock()), str(fault), fault.status)
        except Standstill as fault:
            note_fault(sender, fault, self.clock(), self.pace)
            return _put_off(message, self.clock() + self.pace.wait(message.tries), str(fault), fault.status)
        note_working(sender)
        return ending

    def _tried(self, claimed: Claimed, sender: Sender) -> Ending:
        """Looked up, kept back, or handed over. Raises the provider's Fault; one of our own is told as Unclear."""
        try:
            provider = self.provider(sender)
            return (
                self._looked_up(claimed, provider) or self._kept_back(claimed.message, sender) or self._handed(claimed, provider)
            )
        except Fault:
            raise
        except Exception as fault:
            log.exception("message %s", claimed.message.pk)
            raise Unclear("Handrail has a fault of its own; it is tried again. Tell your administrator if it stays.") from fault

    def provider(self, sender: Sender) -> Provider:
        """Opened once a run."""
        if sender.school_id not in self.providers:
            self.providers[sender.school_id] = self.open_provider(sender, self.pace.seconds)
        return self.providers[sender.school_id]

    def _looked_up(self, claimed: Claimed, provider: Provider) -> Ending | None:
        """What the provider has under the message's reference, where an earlier try may have reached it."""
        if not claimed.may_be_out:
            return None
        found = provider.find(claimed.message)
        claimed.may_be_out = False
        return Ending(What.FOUND, _sent(found, self.clock())) if found else None

    def _kept_back(self, message: Message, sender: Sender) -> Ending | None:
        """What has come between: its time is over, it is night, or an order now keeps the parent away."""
        moment = self.clock()
        if message.not_after and moment >= message.not_after:
            return _over(message, moment)
        if message.channel == Message.Channel.TEXT:
            opening = next_opening(moment, sender.opens, sender.closes)
            if message.not_after and opening >= message.not_after:
                return _over(message, moment)
            if opening > moment:
                return _put_off(message, opening, "It waits for the hours in which the school sends texts.")
        if is_barred_now(message, moment):
            sentence = "Since it was asked for, an order or no-contact note was recorded for this parent: it was not sent."
            return Ending(What.FAILED, _failed(sentence, moment), sentence)
        return None

    def _handed(self, claimed: Claimed, provider: Provider) -> Ending:
        """Hands it over, where the lease still covers the request."""
        moment = self.clock()
        if moment + dt.timedelta(seconds=self.pace.seconds) >= claimed.until:
            return _put_off(claimed.message, moment, "The sender was too slow; it is tried again.")
        claimed.may_be_out = True
        try:
            provider_id = provider.send(claimed.message)
        except (NotSendable, WrongSetUp, Busy):
            claimed.may_be_out = False
            raise
        return Ending(What.SENT, _sent(provider_id, self.clock()))


def is_barred_now(message: Message, moment: dt.datetime) -> bool:
    """Whether an order keeps the parent from one of the pupils that the message names, or the two are no longer parent and child."""
    pupils = [pupil.pk for pupil in message.pupils.all()]
    links = PupilParent.objects.filter(parent=message.parent_id, pupil__in=pupils)
    allowed = {link.pupil_id for link in links if not link.is_barred(moment.astimezone(SCHOOL_TIME).date())}
    return bool(set(pupils) - allowed)


def _over(message: Message, moment: dt.datetime) -> Ending:
    sentence = f"It could not be sent in time{f': {message.fault}' if message.fault else '.'}"
    return Ending(What.FAILED, _failed(sentence, moment), sentence)


def _sent(provider_id: str, moment: dt.datetime) -> dict[str, object]:
    return {
        "state": State.SENT,
        "provider_id": provider_id,
        "sent_at": moment,
        "look_at": moment + LOOKS[0][1],
        "fault": "",
    }


def _failed(sentence: str, moment: dt.datetime) -> dict[str, object]:
    return {"state": State.FAILED, "fault": sentence, "settled_at": moment, "look_at": None}


def _put_off(message: Message, until: dt.datetime, sentence: str, status: int | None = None) -> Ending:
    """Waits until then, but no longer than the message is worth anything."""
    if message.not_after:
        until = min(until, message.not_after)
    return Ending(What.PUT_OFF, {"state": State.WAITING, "try_at": until, "fault": sentence}, sentence, status)


@transaction.atomic(durable=True)
def _claim(pk: int, moment: dt.datetime, pace: Pace) -> Claimed | None:
    """The message under a lease, with the note that a try began: committed before anything leaves. None where another has it.

    From here on it may be out, until ``_settle`` says that it is surely not.
    """
    until = moment + pace.lease
    lease = {"state": State.SENDING, "claim": uuid.uuid4(), "claimed_until": until, "tries": F("tries") + 1, "may_be_out": True}
    free = Message.objects.filter(_free(moment), pk=pk)
    may_be_out = not free.filter(may_be_out=False).update(**lease)
    if may_be_out and not free.filter(may_be_out=True).update(**lease):
        return None
    message = Message.objects.prefetch_related("pupils").get(pk=pk)
    MessageTry.objects.create(message=message, number=message.tries, what=What.BEGAN, at=moment)
    return Claimed(message, until, may_be_out)


@transaction.atomic(durable=True)
def _settle(claimed: Claimed, ending: Ending, moment: dt.datetime) -> bool:
    """Writes how the try ended. False where the lease was taken over: then somebody else writes it."""
    message = claimed.message
    ours = Message.objects.filter(pk=message.pk, state=State.SENDING, claim=message.claim)
    may_be_out = claimed.may_be_out and ending.what == What.PUT_OFF
    if not ours.update(claim=None, claimed_until=None, may_be_out=may_be_out, **ending.values):
        return False
    MessageTry.objects.create(
        message=message, number=message.tries, what=ending.what, at=moment, status=ending.status, sentence=ending.sentence
    )
    return True


def note_fault(sender: Sender, fault: Fault, moment: dt.datetime, pace: Pace = PACE) -> None:
    """The school's sender pauses, longer with each fault in a row, and says why."""
    sender.faults, sender.fault, sender.fault_at = sender.faults + 1, str(fault), moment
    sender.paused_until = moment + pace.wait(sender.faults)
    Sender.objects.filter(pk=sender.pk, changed_at=sender.changed_at).update(
        faults=F("faults") + 1, fault=sender.fault, fault_at=moment, paused_until=sender.paused_until
    )


def note_working(sender: Sender) -> None:
    """What was wrong is over."""
    if sender.faults:
        sender.faults, sender.fault, sender.paused_until = 0, "", None
        Sender.objects.filter(pk=sender.pk).update(faults=0, fault="", fault_at=None, paused_until=None)


# What became of them


def poll(*, clock: Clock, open_provider: Opener, school: School | None = None, limit: int = 200, pace: Pace = PACE) -> int:
    """Asks what became of messages that have left; returns how many are delivered or have failed since."""
    moment = clock()
    messages = Message.objects.filter(state=State.SENT, look_at__lte=moment, school__sender__isnull=False)
    if school:
        messages = messages.filter(school=school)
    run = _Run(clock, open_provider, pace)
    return sum(_polled(message, run) for message in messages.order_by("look_at", "pk")[:limit])


def _polled(message: Message, run: _Run) -> bool:
    sender, moment = run.sender(message.school_id), run.clock()
    if sender is None or run.is_paused(message.school_id):
        return False
    try:
        status = run.provider(sender).status(message)
    except Standstill as fault:
        note_fault(sender, fault, moment, run.pace)
        return False
    except NotSendable:
        status = None
    note_working(sender)
    return _learned(message, status, moment)


def _learned(message: Message, status: Status | None, moment: dt.datetime) -> bool:
    """Writes what the provider said. True where the message is settled now."""
    if status is None or status.state not in TRANSITIONS[State.SENT]:
        look = _next_look(message, moment) if status else {"look_at": None, "fault": NO_WORD}
        Message.objects.filter(pk=message.pk, state=State.SENT).update(**look)
        return False
    settled = Message.objects.filter(pk=message.pk, state=State.SENT)
    return bool(settled.update(state=status.state, settled_at=moment, look_at=None, fault=status.sentence))


def _next_look(message: Message, moment: dt.datetime) -> dict[str, object]:
    """When to ask again; never again once the network has given up."""
    age = moment - (message.sent_at or moment)
    wait = next((wait for limit, wait in LOOKS if age < limit), None)
    return {"look_at": moment + wait} if wait else {"look_at": None, "fault": NO_WORD}
