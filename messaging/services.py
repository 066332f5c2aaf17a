"""What is asked of the outbox, and what a person does with replies. One atomic service a change, with its audit row.

``put_out`` is the door for every message that a person has approved: texts about a day, answers to replies, and letters that leave by text
or e-mail. Sending itself is in ``sending``, reading replies in ``replies``.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from messaging.hours import next_opening
from messaging.models import Message, Reply, Sender
from messaging.notify import split_key
from messaging.numbers import mobile
from messaging.planning import Plan, Unreached, plan_texts, why_not_text
from messaging.states import State
from messaging.wording import OFFERED, check, measure, too_long
from schools import audit
from schools.models import AuditEntry, Parent, Pupil, PupilParent, School, User
from schools.rules import Refused
from schools.secrets import encrypt

REPLY = "reply"
"""The purpose of an answer to a reply."""


@dataclass(frozen=True)
class Letter:
    """A message that is ready to leave: to one parent, about their own children. ``reference`` given twice, it is the same message."""

    parent: Parent
    pupils: tuple[Pupil, ...]
    to: str
    body: str
    channel: str = Message.Channel.TEXT
    subject: str = ""
    reference: uuid.UUID | None = None


@dataclass(frozen=True)
class Asked:
    """What was put into the outbox, and who could not be reached with the reason."""

    messages: tuple[Message, ...]
    unreached: tuple[Unreached, ...]
    leaves_at: dt.datetime


class Changed(Refused):
    """Who would get what is not what the person looked at; ``plan`` is what it would be now."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("What would be sent has changed since you looked: read it once more, then send it.")
        self.plan = plan


@transaction.atomic
def ask_for_texts(
    *,
    school: School,
    pupils: Sequence[Pupil],
    purpose: str,
    body: str,
    by: User,
    role: str,
    now: dt.datetime,
    on: dt.date,
    why: str = "",
    batch: uuid.UUID | None = None,
    seen: str | None = None,
) -> Asked:
    """One text for each parent who may be contacted about these pupils; who asks for them by name has approved them.

    ``body`` may hold the fields of ``wording.FIELDS``. ``batch``: the same one twice (a second click) makes nothing new. ``seen``: the
    plan's token that the person looked at; ``Changed`` where it would be another one by now. Refused where nothing can be sent.
    """
    School.objects.select_for_update().get(
        pk=school.pk
    )  # two people who text about the same absences: the second sees the first's
    if batch and (before := list(Message.objects.filter(batch=batch, school=school))):
        return Asked(tuple(before), (), before[0].not_before)
    if purpose not in OFFERED:
        raise Refused("Choose what the text is about.")
    plan = plan_texts(school=school, pupils=pupils, purpose=OFFERED[purpose], wording=body, on=on, now=now)
    if plan.fault:
        raise Refused(plan.fault)
    if seen is not None and seen != plan.token:
        raise Changed(plan)
    letters = [Letter(each.parent, each.pupils, each.number, each.body) for each in plan.recipients]
    messages = put_out(
        school=school, letters=letters, purpose=purpose, by=by, role=role, now=now, not_before=plan.leaves_at,
        not_after=plan.not_after, why=why, batch=batch,
    )  # fmt: skip
    return Asked(tuple(messages), plan.unreached, plan.leaves_at)


@transaction.atomic
def put_out(
    *,
    school: School,
    letters: Collection[Letter],
    purpose: str,
    by: User,
    role: str,
    now: dt.datetime,
    not_before: dt.datetime | None = None,
    not_after: dt.datetime | None = None,
    why: str = "",
    batch: uuid.UUID | None = None,
    answers: Reply | None = None,
) -> list[Message]:
    """Puts approved messages into the outbox; returns them as stored. Each is sent exactly once, at ``not_before`` or soon after.

    A letter whose ``reference`` is already there is left as it is and returned, so that the caller may ask again after a kill.
    Refused where a text is too long. Four statements for any number.
    """
    for letter in letters:
        if letter.channel == Message.Channel.TEXT and (sentence := too_long(measure(letter.body))):
            raise Refused(sentence)
    given = [letter.reference for letter in letters if letter.reference]
    there = {message.reference: message for message in Message.objects.filter(reference__in=given)} if given else {}
    starts = not_before or now
    new = [
        (letter, Message(
            school=school, parent=letter.parent, channel=letter.channel, purpose=purpose, subject=letter.subject, body=letter.body,
            to=letter.to, reference=letter.reference or uuid.uuid4(), batch=batch, answers=answers, asked_by=by, asked_role=role,
            asked_at=now, why=why, not_before=starts, not_after=not_after, try_at=starts,
        ))
        for letter in letters
        if letter.reference not in there
    ]  # fmt: skip
    messages = Message.objects.bulk_create([message for _, message in new])
    about = Message.pupils.through
    about.objects.bulk_create(
        about(message_id=message.pk, pupil_id=pupil.pk) for letter, message in new for pupil in letter.pupils
    )
    audit.record_all([_entry(message, f"{message.channel} asked for", why) for message in messages], by=by, role=role, at=now)
    return [*there.values(), *messages]


def _entry(message: Message, action: str, reason: str = "") -> AuditEntry:
    return audit.entry(
        action=action,
        subject=message,
        school=message.school,
        reason=reason,
        detail={"purpose": message.purpose, "state": message.state},
    )


@transaction.atomic
def cancel(*, message: Message, by: User, role: str, now: dt.datetime, reason: str = "") -> Message:
    """Takes back a message that has surely not left. Refused, with what it is now, where it is too late."""
    waiting = Message.objects.filter(pk=message.pk, state=State.WAITING, may_be_out=False)
    changed = waiting.update(state=State.CANCELLED, settled_at=now, fault=reason)
    message.refresh_from_db()
    if not changed:
        raise Refused(why_not_cancel(message))
    audit.record_all([_entry(message, f"{message.channel} cancelled", reason)], by=by, role=role, at=now)
    return message


def why_not_cancel(message: Message) -> str:
    """A sentence where the message can no longer be taken back; otherwise an empty string."""
    return {
        State.WAITING: "It may have left already: its last try got no answer, and Notify is asked about it."
        if message.may_be_out
        else "",
        State.SENDING: "It is being sent just now: look again in a few minutes.",
        State.SENT: "It has left already.",
        State.DELIVERED: "It was delivered already.",
        State.FAILED: "It has failed already: there is nothing to take back.",
        State.CANCELLED: "It was cancelled already.",
    }[State(message.state)]


@transaction.atomic
def mark_read(*, reply: Reply, by: User, role: str, now: dt.datetime) -> Reply:
    """Somebody has read a reply. A second person who says so changes nothing."""
    if Reply.objects.filter(pk=reply.pk, read_at__isnull=True).update(read_by=by, read_at=now):
        audit.record(action="reply read", subject=reply, by=by, role=role, at=now, school=reply.school)
    reply.refresh_from_db()
    return reply


@transaction.atomic
def answer(
    *, reply: Reply, body: str, by: User, role: str, now: dt.datetime, on: dt.date, batch: uuid.UUID | None = None
) -> Message:
    """A text back to the number that the reply came from; the reply counts as read. Refused where the parent may not be texted."""
    if batch and (before := Message.objects.filter(batch=batch, school=reply.school).first()):
        return before
    if sentence := why_not_answer(reply, on):
        raise Refused(sentence)
    assert reply.parent is not None
    text = check(body)
    if "{" in text:
        raise Refused("An answer goes to one parent: write it without fields.")
    sender = Sender.objects.get(school=reply.school)
    letter = Letter(reply.parent, tuple(reply.pupils.all()), mobile(reply.number), text)
    messages = put_out(
        school=reply.school, letters=[letter], purpose=REPLY, by=by, role=role, now=now,
        not_before=next_opening(now, sender.opens, sender.closes), batch=batch, answers=reply,
    )  # fmt: skip
    mark_read(reply=reply, by=by, role=role, now=now)
    return messages[0]


def why_not_answer(reply: Reply, on: dt.date) -> str:
    """A sentence where a reply cannot be answered by text."""
    return why_not_answers([reply], on)[reply.pk]


def why_not_answers(replies: Sequence[Reply], on: dt.date) -> dict[int, str]:
    """The same for many, by reply; an empty string where it can. Three statements at most; ``pupils`` of each reply are read beforehand."""
    able = set(Sender.objects.filter(school__in={reply.school_id for reply in replies}).values_list("school", flat=True))
    links: dict[int | None, list[PupilParent]] = defaultdict(list)
    for link in PupilParent.objects.filter(parent__in={reply.parent_id for reply in replies if reply.parent_id}):
        links[link.parent_id].append(link)
    return {reply.pk: _why_not_answer(reply, reply.school_id in able, links[reply.parent_id], on) for reply in replies}


def _why_not_answer(reply: Reply, is_able: bool, links: Sequence[PupilParent], on: dt.date) -> str:
    if not reply.parent_id:
        return "The number belongs to nobody on record: ring it, and put it right in the management information system."
    if not is_able:
        return "This school cannot send texts: an administrator has to enter its Notify key."
    about = {pupil.pk for pupil in reply.pupils.all()}
    own = [link for link in links if link.pupil_id in about]
    if len(own) < len(about):
        return "Is no longer on record as a parent of this pupil: nothing may be sent."
    return next((sentence for link in own if (sentence := why_not_text(link, on))), "")


@transaction.atomic
def set_up(
    *,
    school: School,
    key: str,
    text_template: uuid.UUID,
    email_template: uuid.UUID | None,
    opens: dt.time,
    closes: dt.time,
    by: User,
    role: str,
    now: dt.datetime,
) -> Sender:
    """How the school's texts leave from now on. An empty ``key`` keeps the one that is stored. What waited is tried again at once."""
    before = Sender.objects.filter(school=school).first()
    if closes <= opens:
        raise Refused("The hours end before they begin: give the earlier time first.")
    values: dict[str, Any] = {
        "text_template": text_template, "email_template": email_template, "opens": opens, "closes": closes,
        "changed_by": by, "changed_at": now, "fault": "", "faults": 0, "fault_at": None, "paused_until": None,
    }  # fmt: skip
    if key.strip():
        name, service = split_key(key)
        values |= {"key": encrypt(key.strip()), "key_name": name[:120], "service": service}
    elif before is None:
        raise Refused("Enter the school’s Notify API key.")
    sender, _ = Sender.objects.update_or_create(school=school, defaults=values)
    Message.objects.filter(school=school, state=State.WAITING, tries__gt=0, not_before__lte=now).update(try_at=now)
    detail = {"new key": bool(key.strip()), "opens": opens.isoformat(), "closes": closes.isoformat()}
    audit.record(action="texts set up", subject=sender, by=by, role=role, at=now, school=school, detail=detail)
    return sender
