"""What parents write back: stored once, beside the right family, read and answered by a person."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from messaging.models import Message, Reply, Sender
from messaging.opening import open_provider
from messaging.queries import count_unread, read_lately, replies_about, unread_replies
from messaging.replies import read_replies
from messaging.services import answer, mark_read, why_not_answer
from schools.models import AuditEntry, Parent, PupilParent
from schools.rules import Refused
from tests import factories as make
from tests.cast import TODAY, Cast
from tests.fake_notify import TEXT_TEMPLATE, FakeNotify
from tests.messaging.story import MORNING, QUICK, Clock, ask, pupils, send

LATER = MORNING + dt.timedelta(minutes=10)


def read(clock: Clock) -> int:
    return read_replies(clock=clock, open_provider=open_provider, pace=QUICK)


@pytest.fixture
def texted(connected: Cast, clock: Clock) -> Cast:
    """Everybody was texted this morning."""
    ask(connected, connected.imogen, connected.theo)
    send(clock)
    clock.on(minutes=30)
    return connected


def test_a_reply_stands_beside_the_pupil_it_is_about(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.receive("447700900103", "Theo has a temperature", LATER)
    assert read(clock) == 1
    (reply,) = unread_replies([texted.here])
    assert (reply.parent, reply.body, reply.number) == (texted.parents["Grace"], "Theo has a temperature", "+447700900103")
    assert list(reply.pupils.all()) == pupils(texted.theo)
    assert reply.message == Message.objects.get(parent=texted.parents["Grace"])
    assert replies_about([texted.theo.enrolment.pupil_id], TODAY) == {texted.theo.enrolment.pupil_id: [reply]}
    assert read(clock) == 0
    assert Reply.objects.count() == 1


def test_many_pages_are_read_once_each_and_in_order(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.page = 5
    for number in range(23):
        notify.receive("447700900103", f"message {number}", LATER + dt.timedelta(seconds=number))
    assert read(clock) == 23
    notify.receive("447700900101", "one more", LATER + dt.timedelta(minutes=5))
    notify.requests.clear()
    assert read(clock) == 1
    assert len(notify.requests) == 2
    assert [reply.body for reply in unread_replies([texted.here])][:2] == ["one more", "message 22"]


def test_a_killed_reading_is_made_up(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.page = 3
    for number in range(9):
        notify.receive("447700900103", f"message {number}", LATER + dt.timedelta(seconds=number))
    read(clock)
    Reply.objects.filter(body__in=["message 1", "message 4", "message 8"]).delete()
    assert read(clock) >= 1
    assert Reply.objects.filter(body="message 8").exists()


def test_a_parent_who_writes_first_is_known_by_the_number(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.receive("447700900105", "Priya is at the dentist", MORNING)
    read(clock)
    (reply,) = unread_replies([connected.here])
    assert (reply.parent, reply.message) == (connected.parents["Halina"], None)
    assert list(reply.pupils.all()) == pupils(connected.priya)


@pytest.mark.parametrize("number", ["447700900999", "80800", "", "33600000000"])
def test_a_number_that_nobody_has_is_shown_all_the_same(connected: Cast, notify: FakeNotify, clock: Clock, number: str) -> None:
    notify.receive(number, "Who is this?", MORNING)
    assert read(clock) == 1
    (reply,) = unread_replies([connected.here])
    assert (reply.parent, reply.pupils.count()) == (None, 0)
    assert "belongs to nobody on record" in why_not_answer(reply, TODAY)


def test_a_number_of_two_parents_is_not_guessed(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    Parent.objects.filter(first_name__in=["Grace", "Halina"]).update(telephone="07700 900155")
    notify.receive("447700900155", "ill", MORNING)
    read(clock)
    assert unread_replies([connected.here])[0].parent is None


def test_schools_that_share_a_service_get_their_own_replies(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    here = Sender.objects.get(school=texted.here)
    Sender.objects.create(
        school=texted.there, key=here.key, service=here.service, text_template=uuid.UUID(TEXT_TEMPLATE),
        changed_by=texted.charlie, changed_at=MORNING,
    )  # fmt: skip
    own = make.on_roll(texted.there, first_name="Otto", last_name="Vale")
    parent = make.ParentFactory(group=texted.group, telephone="07700 900177")
    make.PupilParentFactory(pupil=own.enrolment.pupil, parent=parent)
    notify.receive("447700900103", "about Theo", LATER)
    notify.receive("447700900177", "about Otto", LATER)
    assert read(clock) == 2
    assert notify.requests.count("GET /v2/received-text-messages") == 2
    assert [reply.body for reply in unread_replies([texted.here])] == ["about Theo"]
    assert [reply.body for reply in unread_replies([texted.there])] == ["about Otto"]


def test_an_outage_while_replies_are_read_is_told_and_made_up(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.receive("447700900103", "ill", LATER)
    notify.out_of_order = True
    assert read(clock) == 0
    assert "could not be reached" in Sender.objects.get().fault
    notify.out_of_order = False
    clock.on(minutes=1)
    assert read(clock) == 1
    assert Sender.objects.get().fault == ""


def test_who_reads_a_reply_is_kept_and_the_second_changes_nothing(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.receive("447700900103", "ill", LATER)
    read(clock)
    (reply,) = unread_replies([texted.here])
    lead = texted.staff["attendance_lead"]
    mark_read(reply=reply, by=texted.alice, role="officer", now=clock())
    mark_read(reply=reply, by=lead, role="attendance_lead", now=clock.on(minutes=1))
    (reply,) = read_lately([texted.here], MORNING)
    assert reply.read_by == texted.alice
    assert AuditEntry.objects.filter(action="reply read").count() == 1
    assert count_unread([texted.here]) == 0


def test_an_answer_goes_to_the_parent_once_and_reads_the_reply(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.receive("447700900103", "ill", LATER)
    read(clock)
    (reply,) = unread_replies([texted.here])
    given = {
        "reply": reply,
        "body": "Thank you. Get well soon!",
        "by": texted.alice,
        "role": "officer",
        "on": TODAY,
        "batch": uuid.uuid4(),
    }
    first = answer(**given, now=clock())
    assert answer(**given, now=clock()) == first
    send(clock)
    assert notify.texts_to("+447700900103")[-1] == "Thank you. Get well soon!"
    assert (first.purpose, first.answers) == ("reply", reply)
    (read_one,) = read_lately([texted.here], MORNING)
    assert [each.body for each in read_one.answers.all()] == ["Thank you. Get well soon!"]


@pytest.mark.parametrize(
    ("body", "because"), [("", "Write what"), ("Dear {pupil first name}", "without fields"), ("a" * 700, "shorten it")]
)
def test_an_answer_is_checked_as_any_text(texted: Cast, notify: FakeNotify, clock: Clock, body: str, because: str) -> None:
    notify.receive("447700900103", "ill", LATER)
    read(clock)
    (reply,) = unread_replies([texted.here])
    with pytest.raises(Refused, match=because):
        answer(reply=reply, body=body, by=texted.alice, role="officer", on=TODAY, now=clock())
    assert reply in unread_replies([texted.here])


def test_whom_an_order_keeps_away_is_not_answered(texted: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.receive("447700900103", "ill", LATER)
    read(clock)
    PupilParent.objects.filter(parent=texted.parents["Grace"]).update(no_contact_from=TODAY)
    (reply,) = unread_replies([texted.here])
    with pytest.raises(Refused, match="nothing may be sent"):
        answer(reply=reply, body="Thank you.", by=texted.alice, role="officer", on=TODAY, now=clock())
