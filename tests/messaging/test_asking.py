"""Who gets a text and who does not, and that a second click, a second person and a changed record change nothing unseen."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from messaging.models import Message, Reply, Sender
from messaging.planning import Plan, plan_texts
from messaging.queries import messages_about
from messaging.services import Changed, Letter, cancel, put_out, set_up
from messaging.wording import FIRST_DAY, NOTE, Purpose
from schools.models import AuditEntry, Parent, PupilParent
from schools.rules import Refused
from schools.secrets import decrypt
from tests import factories as make
from tests.cast import TODAY, Cast
from tests.fake_notify import FakeNotify
from tests.messaging.story import MORNING, ask, pupils, ready


def plan(cast: Cast, *rows, wording: str = FIRST_DAY.wording, purpose: Purpose = FIRST_DAY, now: dt.datetime = MORNING) -> Plan:
    return plan_texts(school=cast.here, pupils=pupils(*rows), purpose=purpose, wording=wording, on=TODAY, now=now)


def reached(planned: Plan) -> dict[str, list[str]]:
    return {each.parent.first_name: [pupil.called for pupil in each.pupils] for each in planned.recipients}


def sentences(planned: Plan) -> list[tuple[str, str]]:
    return [(each.parent.first_name if each.parent else "", each.sentence) for each in planned.unreached]


def brother(cast: Cast, *parents: str):
    """A second child of these parents at the same school."""
    row = make.on_roll(cast.here, first_name="Robin", last_name="Marlow")
    for name in parents:
        make.PupilParentFactory(pupil=row.enrolment.pupil, parent=cast.parents[name])
    return row


def test_each_parent_who_may_be_written_to_gets_one(connected: Cast) -> None:
    planned = plan(connected, connected.imogen, connected.theo)
    assert reached(planned) == {"Morwenna": ["Imogen"], "Piers": ["Imogen"], "Grace": ["Theo"]}
    assert sentences(planned) == [("Stefan", "An order or no-contact note stands: nothing may be sent.")]


def test_nobody_reads_the_name_of_another_family(connected: Cast) -> None:
    planned = plan(connected, connected.imogen, connected.theo, connected.priya)
    for each in planned.recipients:
        own = {pupil.called for pupil in each.pupils}
        others = {"Imogen", "Theo", "Priya"} - own
        assert all(name in each.body for name in own)
        assert not any(name in each.body for name in others)


def test_one_text_names_two_children_where_both_are_the_parents_own(connected: Cast) -> None:
    second = brother(connected, "Morwenna")
    planned = plan(connected, connected.imogen, second)
    assert reached(planned) == {"Morwenna": ["Imogen", "Robin"], "Piers": ["Imogen"]}
    bodies = {each.parent.first_name: each.body for each in planned.recipients}
    assert "Imogen and Robin" in bodies["Morwenna"]
    assert "Robin" not in bodies["Piers"]


def test_an_order_for_one_child_leaves_that_one_out_of_the_text(connected: Cast) -> None:
    second = brother(connected, "Morwenna")
    PupilParent.objects.filter(pupil=second.enrolment.pupil).update(no_contact_from=TODAY)
    planned = plan(connected, connected.imogen, second)
    assert reached(planned)["Morwenna"] == ["Imogen"]
    assert planned.nobody == [second.enrolment.pupil]
    assert [each.parent.first_name for each in planned.nobody_told] == ["Morwenna"]


def test_a_landline_no_number_and_no_correspondence_each_say_so(connected: Cast) -> None:
    Parent.objects.filter(first_name="Grace").update(telephone="01632 960123")
    Parent.objects.filter(first_name="Halina").update(telephone="")
    PupilParent.objects.filter(parent__first_name="Piers").update(receives_letters=False)
    planned = plan(connected, connected.imogen, connected.theo, connected.priya, connected.newcomer, connected.leaver)
    told = dict(sentences(planned))
    assert told["Grace"] == "The number on record is a landline."
    assert told["Halina"] == "There is no telephone number on record."
    assert told["Piers"] == "Gets no correspondence about this pupil."
    assert ("", "No parent is on record.") in sentences(planned)
    assert ("", "Lee is not on the roll of Fenwold Academy.") in sentences(planned)
    assert reached(planned) == {"Morwenna": ["Imogen"]}


def test_one_telephone_gets_one_text(connected: Cast) -> None:
    Parent.objects.filter(first_name="Piers").update(telephone="07700 900101")
    planned = plan(connected, connected.imogen)
    assert reached(planned) == {"Morwenna": ["Imogen"]}
    assert sentences(planned) == [("Piers", f"Has the same number as {connected.parents['Morwenna'].name}.")]


def test_the_plan_needs_as_many_statements_for_many_as_for_one(connected: Cast) -> None:
    many = [make.on_roll(connected.here, form="7C") for _ in range(12)]
    for number, row in enumerate(many):
        parent = make.ParentFactory(group=connected.group, telephone=f"07700 9003{number:02}")
        make.PupilParentFactory(pupil=row.enrolment.pupil, parent=parent)

    def count(*rows) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            plan(connected, *rows)
        return len(asked)

    few = count(connected.imogen)
    assert count(connected.imogen, *many) == few <= 5


def test_who_asks_by_name_has_approved_and_it_is_in_the_audit(connected: Cast) -> None:
    asked = ask(connected, connected.imogen)
    message = asked.messages[0]
    assert (message.asked_by, message.asked_role, message.asked_at) == (connected.alice, "officer", MORNING)
    entries = AuditEntry.objects.filter(action="text asked for")
    assert {entry.subject for entry in entries} == {f"message {each.pk}" for each in asked.messages}
    assert all("Imogen" not in str(entry.detail) for entry in entries)


def test_a_second_click_makes_nothing_new(connected: Cast) -> None:
    batch = uuid.uuid4()
    first = ask(connected, connected.imogen, batch=batch)
    second = ask(connected, connected.imogen, batch=batch)
    assert {each.pk for each in first.messages} == {each.pk for each in second.messages}
    assert Message.objects.count() == 2


def test_the_day_is_told_once_whoever_asks(connected: Cast) -> None:
    ask(connected, connected.imogen)
    with pytest.raises(Refused, match="nobody to whom this text could go"):
        ask(connected, connected.imogen, by=connected.staff["attendance_lead"])
    planned = plan(connected, connected.imogen, connected.theo)
    assert ("Morwenna", "Was texted about this today already, at 9.15.") in sentences(planned)
    assert reached(planned) == {"Grace": ["Theo"]}
    assert planned.nobody == []
    assert [each.parent.first_name for each in planned.others] == ["Stefan", "Morwenna", "Piers"]


def test_a_note_may_be_sent_twice_a_day(connected: Cast) -> None:
    for _ in range(2):
        ask(connected, connected.imogen, purpose="note", body="School closes at noon.")
    assert Message.objects.count() == 4


def test_what_changed_since_it_was_looked_at_is_shown_again(connected: Cast) -> None:
    seen = plan(connected, connected.imogen).token
    PupilParent.objects.filter(parent__first_name="Piers").update(no_contact_from=TODAY)
    with pytest.raises(Changed) as changed:
        ask(connected, connected.imogen, seen=seen)
    assert reached(changed.value.plan) == {"Morwenna": ["Imogen"]}
    assert not Message.objects.exists()
    assert ask(connected, connected.imogen, seen=changed.value.plan.token).messages


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ({"body": ""}, "Write what the text should say"),
        ({"body": "Dear {parent}"}, "no field"),
        ({"body": "a" * 613, "purpose": "note"}, "shorten it by 1"),
        ({"purpose": "advertising"}, "Choose what the text is about"),
        ({"now": MORNING + dt.timedelta(hours=11)}, "too late for one about today"),
    ],
)
def test_what_cannot_be_sent_is_refused_whole(connected: Cast, given: dict, because: str) -> None:
    with pytest.raises(Refused, match=because):
        ask(connected, connected.imogen, **given)
    assert not Message.objects.exists()


def test_a_wording_that_names_a_pupil_is_refused_for_two_families_and_fine_for_one(connected: Cast) -> None:
    body = "Imogen forgot her coat."
    with pytest.raises(Refused, match="names a pupil"):
        ask(connected, connected.imogen, connected.theo, purpose="note", body=body)
    PupilParent.objects.filter(parent__first_name="Piers").update(receives_letters=False)
    assert len(ask(connected, connected.imogen, purpose="note", body=body).messages) == 1


def test_without_a_key_nothing_is_promised(cast: Cast) -> None:
    with pytest.raises(Refused, match="an administrator has to enter its Notify key"):
        ask(cast, cast.imogen)


def test_a_text_of_the_evening_waits_for_the_morning(connected: Cast) -> None:
    evening = MORNING + dt.timedelta(hours=11)
    asked = ask(connected, connected.imogen, purpose="note", body="Trip tomorrow.", now=evening)
    assert asked.leaves_at == dt.datetime(2025, 11, 21, 7, 30, tzinfo=dt.UTC)
    assert {message.try_at for message in asked.messages} == {asked.leaves_at}


def test_a_message_that_waits_can_be_taken_back_once(connected: Cast) -> None:
    message = ask(connected, connected.imogen).messages[0]
    assert cancel(message=message, by=connected.alice, role="officer", now=MORNING).state == "cancelled"
    with pytest.raises(Refused, match="cancelled already"):
        cancel(message=message, by=connected.alice, role="officer", now=MORNING)
    assert ask(connected, connected.imogen).messages  # who was cancelled may be told after all


def test_a_letter_with_its_reference_is_put_out_once(connected: Cast) -> None:
    letter = Letter(
        connected.parents["Grace"],
        tuple(pupils(connected.theo)),
        "grace@home.example",
        "Dear Ms Okafor …",
        "email",
        "Theo",
        uuid.uuid4(),
    )
    given = {
        "school": connected.here,
        "letters": [letter],
        "purpose": "letter",
        "by": connected.alice,
        "role": "officer",
        "now": MORNING,
    }
    first, second = put_out(**given), put_out(**given)
    assert [each.pk for each in first] == [each.pk for each in second]
    assert messages_about([connected.theo.enrolment.pupil_id], TODAY)[connected.theo.enrolment.pupil_id] == first


def test_the_key_is_kept_encrypted_and_empty_keeps_it(cast: Cast, notify: FakeNotify) -> None:
    sender = ready(cast, notify)
    assert notify.secret.encode() not in bytes(sender.key)
    assert decrypt(sender.key) == notify.key()
    assert (sender.key_name, str(sender.service)) == ("fenwold", notify.service)
    again = ready(cast, notify, key="", opens=dt.time(8))
    assert decrypt(again.key) == notify.key()
    assert again.opens == dt.time(8)
    assert all(notify.secret not in str(entry.detail) for entry in AuditEntry.objects.all())


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ({"key": "fenwold-1234"}, "not a whole Notify API key"),
        ({"key": ""}, "Enter the school’s Notify API key"),
        ({"opens": dt.time(19), "closes": dt.time(7)}, "end before they begin"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(cast: Cast, notify: FakeNotify, given: dict, because: str) -> None:
    with pytest.raises(Refused, match=because):
        ready(cast, notify, **given)
    assert not Sender.objects.exists()


def stored(cast: Cast, **values) -> Message:
    given = {
        "school": cast.here, "parent": cast.parents["Grace"], "purpose": "note", "body": "x", "to": "+447700900103",
        "asked_by": cast.alice, "asked_at": MORNING, "not_before": MORNING, "try_at": MORNING,
    }  # fmt: skip
    return Message.objects.create(**{**given, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"state": "lost"},
        {"state": "sending"},
        {"state": "sent", "provider_id": "1"},
        {"state": "sent", "sent_at": MORNING},
        {"state": "failed", "settled_at": MORNING},
        {"state": "failed", "fault": "why"},
        {"state": "waiting", "claim": uuid.uuid4()},
        {"to": "01632 960123"},
        {"to": "+447700900103", "channel": "email"},
        {"subject": "A text has none"},
        {"body": ""},
        {"not_after": MORNING},
    ],
)
def test_the_database_refuses_what_must_never_be(cast: Cast, values: dict) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        stored(cast, **values)


def test_a_reference_and_a_batch_are_used_once(cast: Cast) -> None:
    first = stored(cast, batch=uuid.uuid4())
    for same in ({"reference": first.reference}, {"batch": first.batch}):
        with pytest.raises(IntegrityError), transaction.atomic():
            stored(cast, **same)


def test_a_reply_is_stored_once_and_read_by_somebody(cast: Cast) -> None:
    given = {"school": cast.here, "provider_id": "1", "number": "80800", "received_at": MORNING, "stored_at": MORNING}
    Reply.objects.create(**given)
    for wrong in ({}, {"provider_id": "2", "read_at": MORNING}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Reply.objects.create(**{**given, **wrong})


def test_a_note_wants_words(connected: Cast) -> None:
    assert NOTE.wording == ""
    with pytest.raises((Refused, ObjectDoesNotExist)):
        set_up(
            school=connected.there, key="", text_template=uuid.uuid4(), email_template=None, opens=dt.time(7), closes=dt.time(8),
            by=connected.alice, role="officer", now=MORNING,
        )  # fmt: skip
