"""What the pages about texts show: whom to choose, the outbox with its states, and what parents wrote back."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from desk.queries.registers import natural
from desk.queries.roll import RollLine, roll
from messaging import queries
from messaging.models import Message, Reply
from messaging.numbers import as_known
from messaging.services import why_not_answers, why_not_cancel
from messaging.states import OPEN
from schools.access import Scope
from schools.models import Pupil, School

SHOWN_DAYS = 14
"""How far back the page of texts looks."""
FILTERS = (
    ("", "All"),
    ("open", "Not left yet"),
    ("sent", "Sent"),
    ("delivered", "Delivered"),
    ("failed", "Failed"),
    ("cancelled", "Taken back"),
)


@dataclass(frozen=True)
class Choice:
    """Whom to text: today's absences without a reason, and the pupils of a form that was asked for."""

    absent: Sequence[RollLine]
    forms: Sequence[str]
    form: str
    of_form: Sequence[RollLine]


def whom_to_text(scope: Scope, school: School, on: dt.date, form: str) -> Choice:
    """Three statements."""
    lines = list(roll(scope, [school], on).values())
    return Choice(
        absent=[line for line in lines if line.codes(on)[-1:] == ["N"]],
        forms=sorted({line.form for line in lines}, key=natural),
        form=form,
        of_form=[line for line in lines if line.form == form] if form else [],
    )


def pupils_named(scope: Scope, ids: Collection[int]) -> list[Pupil]:
    """The pupils of these numbers that the person may see, in order of name. One statement."""
    return list(scope.pupils.filter(pk__in=ids))


@dataclass(frozen=True)
class Line:
    """A message in the outbox."""

    message: Message
    pupils: Sequence[Pupil]

    @property
    def number(self) -> str:
        return as_known(self.message.to)

    @property
    def can_be_taken_back(self) -> bool:
        return self.message.state in OPEN and not why_not_cancel(self.message)

    @property
    def waits_until(self) -> dt.datetime | None:
        return self.message.try_at if self.message.state == Message.State.WAITING else None


@dataclass(frozen=True)
class Came:
    """A reply as a person reads it."""

    reply: Reply
    pupils: Sequence[Pupil]
    answers: Sequence[Message]
    why_not_answer: str
    batch: uuid.UUID
    """The number of an answer written on this page: a second click sends none."""

    @property
    def number(self) -> str:
        return as_known(self.reply.number)


def outbox(messages: Sequence[Message]) -> list[Line]:
    return [Line(message, list(message.pupils.all())) for message in messages]


def tabs(schools: Collection[School], since: dt.datetime, asked: str) -> list[tuple[str, str, int, bool]]:
    """(state, words, how many, whether it is shown); those that hold nothing are left out. One statement."""
    counts = queries.states(schools, since)
    counts["open"] = sum(counts.get(state, 0) for state in OPEN)
    counts[""] = sum(counts.get(state, 0) for state in Message.State.values)
    return [(key, words, counts.get(key, 0), key == asked) for key, words in FILTERS if counts.get(key) or key in ("", asked)]


def came(replies: Sequence[Reply], on: dt.date) -> list[Came]:
    """Replies with what may be done about them. Two statements."""
    why_not = why_not_answers(replies, on)
    return [
        Came(reply, list(reply.pupils.all()), list(reply.answers.all()), why_not[reply.pk], uuid.uuid4()) for reply in replies
    ]
