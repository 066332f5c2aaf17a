"""The outbox against a server that speaks as Notify does: every fault ends with the message once at the parent's, or with a reason."""

from __future__ import annotations

import datetime as dt
import socket
import time
import uuid

import pytest

from messaging.models import Message, MessageTry, Sender
from messaging.opening import open_provider
from messaging.providers import Fault, WrongSetUp
from messaging.queries import health, late
from messaging.replies import read_replies
from messaging.sending import NO_WORD, Ending, _claim, _settle, due, poll
from messaging.services import Letter, cancel, put_out
from schools.models import PupilParent
from schools.rules import Refused
from tests.cast import TODAY, Cast
from tests.fake_notify import EMAIL_TEMPLATE, TEXT_TEMPLATE, WRONG_TEMPLATE, FakeNotify, Trouble
from tests.messaging.story import MORNING, QUICK, Clock, ask, ready, send, states


def one(cast: Cast) -> Message:
    """One text, to Theo's mother."""
    return ask(cast, cast.theo).messages[0]


def tries(message: Message) -> list[tuple[int, str]]:
    return list(MessageTry.objects.filter(message=message).order_by("pk").values_list("number", "what"))


def looked_up(notify: FakeNotify) -> int:
    return notify.requests.count("GET /v2/notifications")


def test_a_text_reaches_its_parent(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = one(connected)
    assert send(clock) == 1
    message.refresh_from_db()
    assert notify.texts_to("+447700900103") == [message.body]
    assert (message.state, message.provider_id, message.sent_at) == ("sent", notify.sent[0].id, MORNING)
    assert notify.sent[0].reference == str(message.reference)
    assert tries(message) == [(1, "began"), (1, "sent")]
    assert looked_up(notify) == 0
    assert send(clock) == 0


@pytest.mark.parametrize(
    ("trouble", "told", "is_looked_up"),
    [
        (Trouble.DROPPED_BEFORE, "could not be reached, or did not answer in time", True),
        (Trouble.DROPPED_AFTER, "could not be reached, or did not answer in time", True),
        (Trouble.SLOW_AFTER, "could not be reached, or did not answer in time", True),
        (Trouble.ERROR_BEFORE, "has a fault of its own (500)", True),
        (Trouble.ERROR_AFTER, "has a fault of its own (500)", True),
        (Trouble.GARBAGE_BEFORE, "makes no sense", True),
        (Trouble.GARBAGE_AFTER, "makes no sense", True),
        (Trouble.NONSENSE_AFTER, "makes no sense", True),
        (Trouble.TOO_FAST, "asks us to wait (too much at once)", False),
        (Trouble.DAY_USED_UP, "the day’s limit of the school’s Notify account is used up", False),
    ],
)
def test_a_fault_that_passes_ends_with_the_text_at_the_parents_once(
    connected: Cast, notify: FakeNotify, clock: Clock, trouble: Trouble, told: str, is_looked_up: bool
) -> None:
    message = one(connected)
    notify.faults.append(trouble)
    assert send(clock) == 0
    message.refresh_from_db()
    assert message.state == "waiting"
    assert told in message.fault
    assert message.may_be_out == is_looked_up
    sender = Sender.objects.get(school=connected.here)
    assert told in sender.fault
    assert sender.paused_until == MORNING + dt.timedelta(seconds=30)

    clock.on(seconds=29)
    assert send(clock) == 0
    clock.on(seconds=1)
    assert send(clock) == 1
    message.refresh_from_db()
    assert (message.state, message.fault, message.may_be_out) == ("sent", "", False)
    assert len(notify.texts_to("+447700900103")) == 1
    assert looked_up(notify) == is_looked_up
    sender.refresh_from_db()
    assert (sender.fault, sender.faults, sender.paused_until) == ("", 0, None)


def test_a_wrong_key_stops_the_school_and_says_who_mends_it(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    ready(connected, notify, key=notify.key(secret=str(uuid.uuid4())))
    ask(connected, connected.imogen, connected.theo)
    assert send(clock) == 0
    sender = Sender.objects.get(school=connected.here)
    assert sender.fault == "Notify does not accept the school’s key: an administrator has to enter a new one."
    assert len([each for each in notify.requests if each.startswith("POST")]) == 1  # the others do not knock on a closed door
    ready(connected, notify, now=MORNING + dt.timedelta(minutes=1))
    clock.on(minutes=1)
    assert send(clock) == 3
    assert len(notify.sent) == 3


def test_a_template_that_is_not_there_fails_no_text(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    ready(connected, notify, text_template=uuid.uuid4())
    ask(connected, connected.imogen)
    send(clock)
    assert states() == {"waiting": 2}
    assert "an administrator has to check it" in Sender.objects.get(school=connected.here).fault


def test_a_refused_number_fails_alone(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    messages = ask(connected, connected.imogen).messages
    Message.objects.filter(pk=messages[0].pk).update(to="+44770090010")
    assert send(clock) == 1
    messages[0].refresh_from_db()
    assert (messages[0].state, messages[0].fault) == ("failed", "Notify does not accept this number: ask the family for another.")
    assert Sender.objects.get(school=connected.here).faults == 0


def test_a_service_on_trial_says_so(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = one(connected)
    notify.faults.append(Trouble.ON_TRIAL)
    send(clock)
    message.refresh_from_db()
    assert message.state == "failed"
    assert "still on trial" in message.fault


def test_ten_minutes_without_notify_lose_nothing_and_knock_seldom(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    ask(connected, connected.imogen, connected.theo, connected.priya)
    notify.out_of_order = True
    until = MORNING + dt.timedelta(minutes=10)
    while clock.on(seconds=5) < until:
        send(clock)
    assert len(notify.requests) <= 8
    notify.out_of_order = False
    back = clock.moment
    while Message.objects.exclude(state="sent").exists():
        send(clock)
        clock.on(seconds=5)
        assert clock.moment < back + dt.timedelta(minutes=11)
    assert sorted(each.to[-3:] for each in notify.sent) == ["101", "102", "103", "105"]


def test_nobody_listens_at_all(connected: Cast, notify: FakeNotify, clock: Clock, settings) -> None:
    with socket.socket() as empty:
        empty.bind(("127.0.0.1", 0))
        settings.NOTIFY_URL = f"http://127.0.0.1:{empty.getsockname()[1]}"
        message = one(connected)
        send(clock)
    message.refresh_from_db()
    assert "could not be reached" in message.fault


def test_a_plain_line_is_refused_without_debug(connected: Cast, notify: FakeNotify, clock: Clock, settings) -> None:
    settings.DEBUG = False
    message = one(connected)
    assert send(clock) == 0
    message.refresh_from_db()
    assert "https://" in message.fault
    assert notify.requests == []


def test_a_key_of_another_installation_is_asked_for_again(connected: Cast, clock: Clock, settings) -> None:
    settings.SECRET_KEY = "another-installations-own-secret-key"
    message = one(connected)
    send(clock)
    message.refresh_from_db()
    assert "enter it again" in message.fault


def killed_while_sending(message: Message, clock: Clock) -> None:
    """As a sender leaves a message that is killed: claimed, and nothing more."""
    lease = {"state": "sending", "claim": uuid.uuid4(), "claimed_until": clock() + QUICK.lease, "may_be_out": True, "tries": 1}
    Message.objects.filter(pk=message.pk).update(**lease)
    MessageTry.objects.create(message=message, number=1, what="began", at=clock())


@pytest.mark.parametrize("had_arrived", [True, False])
def test_what_a_killed_sender_left_is_looked_up_before_it_is_sent_again(
    connected: Cast, notify: FakeNotify, clock: Clock, had_arrived: bool
) -> None:
    message = one(connected)
    killed_while_sending(message, clock)
    if had_arrived:
        notify.accept(
            "sms", {"phone_number": message.to, "reference": str(message.reference), "personalisation": {"message": message.body}}
        )
    assert send(clock) == 0  # its lease still runs
    clock.on(seconds=4)
    assert send(clock) == 1
    assert len(notify.sent) == 1
    assert looked_up(notify) == 1
    message.refresh_from_db()
    assert (message.state, message.provider_id) == ("sent", notify.sent[0].id)
    assert tries(message)[-1] == (2, "found" if had_arrived else "sent")


def test_whose_lease_was_taken_over_writes_nothing(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = one(connected)
    first = _claim(message.pk, clock(), QUICK)
    assert _claim(message.pk, clock(), QUICK) is None
    second = _claim(message.pk, clock.on(seconds=4), QUICK)
    assert first
    assert second
    failed = {"state": "failed", "fault": "late", "settled_at": clock()}
    assert not _settle(first, Ending("failed", failed), clock())
    assert Message.objects.get().state == "sending"
    assert _settle(second, Ending("failed", failed), clock())


def test_a_text_about_today_is_not_sent_tomorrow(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = one(connected)
    notify.faults.append(Trouble.ERROR_BEFORE)
    send(clock)
    clock.on(hours=24)
    send(clock)
    message.refresh_from_db()
    assert message.state == "failed"
    assert message.fault == "It could not be sent in time: Notify has a fault of its own (500); it is tried again."
    assert notify.sent == []


def test_a_note_that_missed_the_evening_waits_for_the_morning(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = ask(connected, connected.theo, purpose="note", body="Trip tomorrow.").messages[0]
    clock.on(hours=10)
    assert send(clock) == 0
    message.refresh_from_db()
    assert message.try_at == dt.datetime(2025, 11, 21, 7, 30, tzinfo=dt.UTC)
    clock.moment = message.try_at
    assert send(clock) == 1


def test_an_order_that_came_between_holds_the_text_back(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    messages = ask(connected, connected.imogen).messages
    PupilParent.objects.filter(parent__first_name="Piers").update(no_contact_from=TODAY)
    assert send(clock) == 1
    held = next(each for each in messages if each.parent.first_name == "Piers")
    held.refresh_from_db()
    assert held.state == "failed"
    assert "an order or no-contact note was recorded" in held.fault
    assert [each.to for each in notify.sent] == ["+447700900101"]


def test_what_may_have_left_cannot_be_taken_back(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = one(connected)
    notify.faults.append(Trouble.DROPPED_AFTER)
    send(clock)
    with pytest.raises(Refused, match="may have left already"):
        cancel(message=message, by=connected.alice, role="officer", now=clock())
    clock.on(minutes=1)
    send(clock)
    with pytest.raises(Refused, match="has left already"):
        cancel(message=message, by=connected.alice, role="officer", now=clock())


def test_an_hour_late_is_late_and_an_evening_is_not(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    notify.out_of_order = True
    one(connected)
    ask(connected, connected.theo, purpose="note", body="Trip.", now=MORNING + dt.timedelta(hours=12))
    send(clock)
    assert not late([connected.here], clock.on(minutes=60)).exists()
    assert late([connected.here], clock.on(minutes=1)).count() == 1
    (state,) = health([connected.here], clock())
    assert (state.late, state.is_troubled) == (1, True)
    assert "could not be reached" in state.sender.fault


def test_a_school_in_trouble_stops_no_other(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    ready(connected, notify, key=notify.key(secret=str(uuid.uuid4())))
    one(connected)
    Sender.objects.create(
        school=connected.there, key=Sender.objects.get().key, service=uuid.uuid4(), text_template=uuid.UUID(TEXT_TEMPLATE),
        changed_by=connected.charlie, changed_at=MORNING, paused_until=MORNING + dt.timedelta(minutes=1),
    )  # fmt: skip
    send(clock)
    assert not due(clock()).exists()
    assert states() == {"waiting": 1}


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [
        ("delivered", "delivered", ""),
        ("permanent-failure", "failed", "this number does not exist"),
        ("temporary-failure", "failed", "off or out of reach for three days"),
        ("technical-failure", "failed", "send it again"),
        ("virus-scan-failed", "failed", "gave it up"),
        ("sending", "sent", ""),
    ],
)
def test_what_became_of_it_is_asked_and_told(
    connected: Cast, notify: FakeNotify, clock: Clock, status: str, state: str, told: str
) -> None:
    message = one(connected)
    send(clock)
    notify.sent[0].status = status
    given = {"clock": clock, "open_provider": open_provider, "pace": QUICK}
    assert poll(**given) == 0  # not before a minute has passed
    clock.on(minutes=1)
    assert poll(**given) == (state != "sent")
    message.refresh_from_db()
    assert message.state == state
    assert told in message.fault
    assert bool(message.look_at) == (state == "sent")


def test_the_network_that_never_answers_is_asked_less_and_less_and_then_no_more(
    connected: Cast, notify: FakeNotify, clock: Clock
) -> None:
    message = one(connected)
    send(clock)
    looks = 0
    message.refresh_from_db()
    while message.look_at:
        clock.moment = message.look_at
        poll(clock=clock, open_provider=open_provider, pace=QUICK)
        message.refresh_from_db()
        looks += 1
        assert looks < 80
    assert dt.timedelta(days=4) <= clock.moment - MORNING < dt.timedelta(days=5)
    assert (message.state, message.fault) == ("sent", NO_WORD)


def test_a_poll_in_an_outage_changes_nothing(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    message = one(connected)
    send(clock)
    notify.out_of_order = True
    clock.on(minutes=1)
    assert poll(clock=clock, open_provider=open_provider, pace=QUICK) == 0
    message.refresh_from_db()
    assert message.state == "sent"
    assert "could not be reached" in Sender.objects.get().fault


def test_an_e_mail_leaves_through_the_same_outbox(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    ready(connected, notify, email_template=uuid.UUID(EMAIL_TEMPLATE))
    pupil = connected.theo.enrolment.pupil
    letter = Letter(connected.parents["Grace"], (pupil,), "grace@home.example", "Dear Ms Okafor …", "email", "About Theo")
    put_out(school=connected.here, letters=[letter], purpose="letter", by=connected.alice, role="officer", now=MORNING)
    clock.on(hours=11)  # an e-mail wakes nobody
    assert send(clock) == 1
    assert (notify.sent[0].kind, notify.sent[0].words) == ("email", {"subject": "About Theo", "message": "Dear Ms Okafor …"})


def test_an_e_mail_without_a_template_fails_with_the_reason(connected: Cast, notify: FakeNotify, clock: Clock) -> None:
    pupil = connected.theo.enrolment.pupil
    letter = Letter(connected.parents["Grace"], (pupil,), "grace@home.example", "Dear …", "email", "About Theo")
    (message,) = put_out(
        school=connected.here, letters=[letter], purpose="letter", by=connected.alice, role="officer", now=MORNING
    )
    send(clock)
    message.refresh_from_db()
    assert "names no e-mail template" in message.fault


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "The key works, and the text template is right."),
        ({"email_template": uuid.UUID(EMAIL_TEMPLATE)}, "both templates are right"),
        ({"text_template": uuid.UUID(WRONG_TEMPLATE)}, "lacks ((message))"),
        ({"text_template": uuid.UUID(EMAIL_TEMPLATE)}, "is not a text message template"),
        ({"text_template": uuid.UUID(int=1)}, "Notify has no template"),
    ],
)
def test_the_set_up_is_tried_without_sending(connected: Cast, notify: FakeNotify, given: dict, told: str) -> None:
    sender = ready(connected, notify, **given)
    try:
        found = open_provider(sender, 2).check()
    except WrongSetUp as fault:
        found = str(fault)
    assert told in found
    assert notify.sent == []


def test_a_wrong_clock_is_told_apart_from_a_wrong_key(connected: Cast, notify: FakeNotify, monkeypatch) -> None:
    sender = ready(connected, notify)
    real = time.time
    monkeypatch.setattr("tests.fake_notify.time.time", lambda: real() + 60)
    with pytest.raises(Fault, match="clock is wrong"):
        open_provider(sender, 2).check()


def test_the_demo_sends_nothing(connected: Cast, notify: FakeNotify, clock: Clock, settings) -> None:
    settings.HANDRAIL_DEMO = True
    message = one(connected)
    assert send(clock) == 1
    poll(clock=Clock(clock.on(minutes=1)), open_provider=open_provider)
    message.refresh_from_db()
    assert message.state == "delivered"
    assert read_replies(clock=clock, open_provider=open_provider) in (0, 1)
    assert read_replies(clock=clock, open_provider=open_provider) == 0
    assert notify.requests == []


def test_no_number_and_no_name_gets_into_the_log(
    connected: Cast, notify: FakeNotify, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    one(connected)
    notify.faults.extend([Trouble.ERROR_AFTER, Trouble.TOO_FAST])
    for _ in range(3):
        send(clock)
        clock.on(minutes=1)
    assert caplog.text
    for word in ("900103", "Theo", "Okafor", notify.secret):
        assert word not in caplog.text
