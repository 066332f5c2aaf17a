"""What a provider of texts and e-mails must be able to do, and the ways in which it may fail. GOV.UK Notify is one (``notify``).

A fault says whether the message may have been accepted all the same, and whether it is this message's fault or everybody's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from messaging.models import Message, Sender

State = Message.State


class Fault(Exception):
    """A request that did not do what it should; ``str()`` is a sentence for the person who waits. ``status`` is the HTTP status."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class NotSendable(Fault):
    """The provider will never take this message: it has failed. Others may go."""


class Standstill(Fault):
    """Nothing goes for now, and trying the next message at once would not help: the school's sender pauses."""


class WrongSetUp(Standstill):
    """A key or template that a person must mend. Surely not accepted."""


class Busy(Standstill):
    """The provider asks us to wait. Surely not accepted."""


class Unclear(Standstill):
    """No answer, or one that makes no sense: the message may have been accepted. Its reference is looked up before it is tried again."""


@dataclass(frozen=True)
class Status:
    """What became of a message: SENT while the network still tries, DELIVERED, or FAILED with a sentence."""

    state: str
    sentence: str = ""


@dataclass(frozen=True)
class Incoming:
    """A text that came in."""

    provider_id: str
    number: str
    body: str
    at: dt.datetime


class Provider(Protocol):
    """Every call may raise a ``Fault``, takes at most as long as it was told, and logs neither numbers nor words."""

    def send(self, message: Message) -> str:
        """Hands the message over under its reference; returns the provider's id."""

    def find(self, message: Message) -> str | None:
        """The provider's id of what was handed over under the message's reference, or None where it has nothing."""

    def status(self, message: Message) -> Status | None:
        """What became of it; None where the provider no longer knows."""

    def replies(self, known: Callable[[list[str]], set[str]]) -> list[Incoming]:
        """Texts that came in and that ``known`` (ids → those that are stored) does not know, oldest first."""

    def check(self) -> str:
        """Tries the key and the templates without sending anything; returns a sentence that says what works."""


ANSWERS = (
    "Sorry, forgot to ring. A temperature since last night, back tomorrow I hope.",
    "Dentist at 9, will bring them in after.",
    "They left the house at 8?? Please ring me",
    "Overslept, on the way now",
    "Sick bug. 48 hours rule so back on the day after tomorrow. Thanks for asking",
)
"""What the demo's parents write back."""


class Rehearsal:
    """The demo's provider: nothing leaves the machine, every message counts as delivered, and two of three parents answer."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def send(self, message: Message) -> str:
        return f"rehearsal-{message.reference}"

    def find(self, message: Message) -> str | None:
        return None

    def status(self, message: Message) -> Status | None:
        return Status(State.DELIVERED)

    def replies(self, known: Callable[[list[str]], set[str]]) -> list[Incoming]:
        asked = Message.objects.filter(school=self.sender.school_id, purpose="first-day", state__in=[State.SENT, State.DELIVERED])
        found = [
            Incoming(each.provider_id, each.to, ANSWERS[each.pk % len(ANSWERS)], each.sent_at)
            for each in asked.order_by("-asked_at")[:100]
            if each.pk % 3 and each.sent_at
        ]
        stored = known([text.provider_id for text in found])
        return [text for text in found if text.provider_id not in stored]

    def check(self) -> str:
        return "This is the demo: no key is needed, and nothing leaves this machine."


Opener = Callable[[Sender, float], Provider]
"""Gives the provider of a school's sender; the second argument is how many seconds a request may take."""
