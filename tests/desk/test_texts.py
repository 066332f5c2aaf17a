"""The pages about texts: what is shown before anything is sent, what becomes of it, replies, and a key that never comes out again."""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from messaging.models import Message, Reply, Sender
from schools.models import AuditEntry, Parent, PupilParent, Role
from tests import factories as make
from tests.cast import TODAY, Cast, assemble
from tests.fake_notify import TEXT_TEMPLATE, FakeNotify
from tests.messaging.story import MORNING, ready
from tests.stories import present

pytestmark = [pytest.mark.django_db]
NUMBERS = {"Morwenna": "07700 900101", "Piers": "07700 900102", "Grace": "07700 900103", "Halina": "07700 900105"}


@pytest.fixture
def cast(settings):
    settings.HANDRAIL_TODAY = TODAY
    settings.DEBUG = True
    with time_machine.travel(MORNING, tick=False):
        made = assemble()
        for name, number in NUMBERS.items():
            Parent.objects.filter(pk=made.parents[name].pk).update(telephone=number)
        present(made, imogen={"2025-11-20": "N"}, theo={"2025-11-20": "N"})
        yield made


@pytest.fixture
def notify(cast, settings):
    settings.REDIS_URL = ""
    with FakeNotify() as server:
        settings.NOTIFY_URL = server.url
        ready(cast, server)
        yield server


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    client.force_login(cast.alice)
    return client


def numbers(*rows) -> str:
    return ",".join(str(row.enrolment.pupil_id) for row in rows)


def new(client: Client, *rows, purpose: str = "first-day", urn: str = "900001"):
    return client.get(reverse("desk:texts-new"), {"school": urn, "pupils": numbers(*rows), "purpose": purpose})


def text_of(response) -> str:
    """What can be read on the page, on one line."""
    return " ".join(html.unescape(strip_tags(re.sub(r"(?s)<(style|script|title).*?</\1>", "", page_of(response)))).split())


def page_of(response) -> str:
    return response.content.decode()


def form_of(response) -> dict[str, str]:
    """The fields of the form that sends, as a browser would give them."""
    form = page_of(response).partition('aria-labelledby="what"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    words = re.search(r"(?s)<textarea[^>]*>(.*?)</textarea>", form)
    assert words
    return {**fields, "body": html.unescape(words.group(1)).strip()}


def send(client: Client, fields: dict[str, str], **changes: str):
    return client.post(reverse("desk:texts-send"), {**fields, **changes}, follow=True)


def test_the_page_says_exactly_who_reads_what_and_who_cannot(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    shown = text_of(new(alice, cast.imogen, cast.theo, cast.newcomer))
    assert "3 parents, 6 text parts in all" in shown
    assert "we expected Imogen on Thursday 20 November" in shown
    assert "An order or no-contact note stands: nothing may be sent." in shown
    assert "Nobody can be told about Nia Newell." in shown
    assert "Send 3 texts" in shown
    assert not Message.objects.exists()


def test_what_was_looked_at_is_sent_and_its_states_are_told(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    shown = text_of(send(alice, form_of(new(alice, cast.imogen, cast.theo))))
    assert "3 texts on the way." in shown
    assert sorted(each.to for each in notify.sent) == ["+447700900101", "+447700900102", "+447700900103"]
    assert "9.15, not confirmed by the phone yet" in shown
    assert Message.objects.filter(asked_by=cast.alice, asked_role="officer").count() == 3
    for each in notify.sent:
        each.status = "permanent-failure"
    with time_machine.travel(MORNING + dt.timedelta(minutes=2), tick=False):
        shown = text_of(alice.post(reverse("desk:texts-look", args=["900001"]), follow=True))
    assert "Failed. The network says that this number does not exist: ask the family for another." in shown


def test_a_second_click_sends_nothing_more(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    fields = form_of(new(alice, cast.imogen))
    send(alice, fields)
    send(alice, fields)
    assert len(notify.sent) == 2


def test_changed_words_are_looked_at_before_they_leave(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    fields = form_of(new(alice, cast.theo))
    response = send(alice, fields, body="{school}: is {pupil first name} ill?")
    assert response.status_code == 422
    assert "What would be sent has changed since you looked" in text_of(response)
    assert "Fenwold Academy: is Theo ill?" in text_of(response)
    assert notify.sent == []
    send(alice, form_of(response))
    assert notify.texts_to("+447700900103") == ["Fenwold Academy: is Theo ill?"]


def test_an_order_entered_since_is_seen_before_anything_leaves(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    fields = form_of(new(alice, cast.imogen))
    PupilParent.objects.filter(parent__first_name="Piers").update(no_contact_from=TODAY)
    response = send(alice, fields)
    assert response.status_code == 422
    assert "Send 1 text" in text_of(response)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "Write what the text should say."),
        ("Dear {parent}", "There is no field {parent}"),
        ("Theo is ill, Imogen is well.", "The wording names a pupil"),
        ("x" * 613, "shorten it by 1"),
        ("x" * 2001, "far too long"),
    ],
)
def test_words_that_cannot_be_sent_stay_with_the_reason(
    alice: Client, cast: Cast, notify: FakeNotify, body: str, told: str
) -> None:
    fields = form_of(new(alice, cast.imogen, cast.theo, purpose="note"))
    response = send(alice, fields, body=body)
    assert response.status_code == 422
    assert told in text_of(response)
    assert body[:20] in text_of(response)
    assert notify.sent == []


def test_looking_again_shows_what_each_would_read(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    fields = form_of(new(alice, cast.theo, purpose="note"))
    response = alice.post(reverse("desk:texts-new"), {**fields, "body": "Łódź trip, {pupil first name}"})
    assert response.status_code == 200
    shown = text_of(response)
    assert "Łódź trip, Theo" in shown
    assert "A plain text does not know “Ł”, “ó”, “ź”" in shown
    fields = form_of(response)
    assert alice.post(reverse("desk:texts-new"), {**fields, "body": "{nonsense}"}).status_code == 422


def test_without_a_key_the_button_says_who_can_help(alice: Client, cast: Cast) -> None:
    response = new(alice, cast.theo)
    assert re.search(r"<button[^>]* disabled>Send 1 text</button>", page_of(response))
    assert "an administrator has to enter its Notify key" in text_of(response)
    assert "cannot send texts yet" in text_of(alice.get(reverse("desk:texts")))


def test_whom_to_text_is_chosen_from_the_absent_or_a_form(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    absent = text_of(alice.get(reverse("desk:texts-new")))
    assert "Imogen Marlow" in absent
    assert "Priya Nowak" not in absent
    assert "Priya Nowak" in text_of(alice.get(reverse("desk:texts-new"), {"form": "8B"}))
    assert "Nobody is in this form" in text_of(alice.get(reverse("desk:texts-new"), {"form": "11X"}))
    chosen = {"school": "900001", "pupils": [cast.imogen.enrolment.pupil_id, cast.priya.enrolment.pupil_id], "purpose": "note"}
    assert "Text parents of 2 pupils" in text_of(alice.get(reverse("desk:texts-new"), chosen))


def test_pupils_outside_scope_do_not_exist(client: Client, cast: Cast, notify: FakeNotify) -> None:
    client.force_login(cast.charlie)
    assert new(client, cast.imogen, urn="900002").status_code == 404
    assert new(client, cast.imogen).status_code == 404
    client.force_login(cast.alice)
    assert new(client, cast.imogen, cast.edith).status_code == 404
    assert new(client, cast.imogen, purpose="advertising").status_code == 404


def test_an_evening_text_waits_and_can_be_taken_back(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    with time_machine.travel(MORNING.replace(hour=20), tick=False):
        page = new(alice, cast.theo, purpose="note")
        fields = {**form_of(page), "body": "Trip tomorrow."}
        looked = alice.post(reverse("desk:texts-new"), fields)
        assert "It leaves at 7.30 on Friday 21 November" in text_of(looked)
        assert "1 text will leave at 7.30 on Friday." in text_of(send(alice, form_of(looked)))
        message = Message.objects.get()
        shown = text_of(alice.post(reverse("desk:texts-take-back", args=[message.pk]), follow=True))
    assert "was taken back" in shown
    assert Message.objects.get().state == "cancelled"
    assert notify.sent == []


def reply(cast: Cast, **given) -> Reply:
    values = {
        "school": cast.here, "provider_id": f"r{Reply.objects.count()}", "number": "+447700900103", "body": "He has a cold",
        "received_at": MORNING, "stored_at": MORNING, "parent": cast.parents["Grace"],
    }  # fmt: skip
    made = Reply.objects.create(**{**values, **given})
    if made.parent:
        made.pupils.set([cast.theo.enrolment.pupil])
    return made


def test_a_reply_is_read_and_answered(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    notify.receive("447700900103", "He has a cold", MORNING)
    shown = text_of(alice.post(reverse("desk:texts-look", args=["900001"]), follow=True))
    assert "One new reply" in shown
    assert "1 not read yet" in shown
    assert "about Theo Okafor" in shown
    came = Reply.objects.get()
    alice.post(reverse("desk:texts-answer", args=[came.pk]), {"body": "Thank you, get well soon."})
    assert notify.texts_to("+447700900103") == ["Thank you, get well soon."]
    came.refresh_from_db()
    assert came.read_by == cast.alice
    assert "Nobody" not in text_of(alice.get(reverse("desk:texts")))


def test_a_reply_is_only_read(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    came = reply(cast)
    assert "all read" in text_of(alice.post(reverse("desk:texts-read", args=[came.pk]), follow=True))
    assert AuditEntry.objects.filter(action="reply read", subject=f"reply {came.pk}").exists()


def test_an_answer_that_cannot_be_sent_keeps_its_words(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    came = reply(cast)
    response = alice.post(reverse("desk:texts-answer", args=[came.pk]), {"body": "y" * 700})
    assert response.status_code == 422
    assert "shorten it by 88" in text_of(response)
    assert "y" * 700 in text_of(response)
    unknown = reply(cast, parent=None, number="80800")
    assert "belongs to nobody on record" in text_of(
        alice.post(reverse("desk:texts-answer", args=[unknown.pk]), {"body": "Hello"})
    )


def test_an_outage_is_told_where_people_look(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    notify.out_of_order = True
    shown = text_of(send(alice, form_of(new(alice, cast.theo))))
    assert "Notify could not be reached, or did not answer in time; it is tried again." in shown
    assert "Next try at 9.15." in shown
    with time_machine.travel(MORNING + dt.timedelta(minutes=61), tick=False):
        assert "1 text is more than an hour late: ring those families." in text_of(alice.get(reverse("desk:texts")))


def test_the_list_needs_as_many_statements_for_many_as_for_few(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    def fill(number: int) -> None:
        for each in range(number):
            row = make.on_roll(cast.here)
            parent = make.ParentFactory(group=cast.group)
            make.PupilParentFactory(pupil=row.enrolment.pupil, parent=parent)
            text = Message.objects.create(
                school=cast.here, parent=parent, purpose="note", body="x", to=f"+4477009002{each:02}", asked_by=cast.alice,
                asked_at=MORNING, not_before=MORNING, try_at=MORNING,
            )  # fmt: skip
            text.pupils.add(row.enrolment.pupil)
            reply(cast, provider_id=f"{number}-{each}", parent=parent)

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert alice.get(reverse("desk:texts")).status_code == 200
        return len(asked)

    fill(2)
    few = count()
    fill(15)
    assert count() == few


def set_up(client: Client, notify: FakeNotify, **changes: str):
    given = {"key": notify.key(), "text_template": TEXT_TEMPLATE, "email_template": "", "opens": "07:45", "closes": "18:30"}
    return client.post(reverse("desk:texts-set-up") + "?school=900001", {**given, **changes}, follow=True)


def test_a_key_goes_in_is_tried_and_never_comes_out(client: Client, cast: Cast, notify: FakeNotify) -> None:
    Sender.objects.all().delete()
    client.force_login(cast.staff[Role.ADMINISTRATOR])
    response = set_up(client, notify)
    assert "The key works, and the text template is right." in text_of(response)
    assert notify.secret not in response.content.decode()
    assert notify.secret not in client.get(reverse("desk:texts-set-up")).content.decode()
    assert Sender.objects.get().opens == dt.time(7, 45)
    assert notify.sent == []
    assert "right" in text_of(client.post(reverse("desk:texts-try", args=["900001"]), follow=True))


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"key": "nonsense"}, 422, "not a whole Notify API key"),
        ({"text_template": "x"}, 422, "This is not a template id"),
        ({"text_template": ""}, 422, "Give the id of the text message template."),
        ({"opens": "19:00", "closes": "07:00"}, 422, "The hours end before they begin"),
        ({"opens": "soon"}, 422, "Give a time, such as 7:30."),
        (
            {"text_template": "00000000-0000-0000-0000-000000000001"},
            200,
            "Stored, but it does not work yet: Notify has no template",
        ),
    ],
)
def test_a_set_up_that_cannot_work_says_what_to_do(
    client: Client, cast: Cast, notify: FakeNotify, changes: dict[str, str], status: int, told: str
) -> None:
    client.force_login(cast.staff[Role.ADMINISTRATOR])
    response = set_up(client, notify, **changes)
    assert response.status_code == status
    assert told in text_of(response)


def test_every_page_has_its_empty_state(alice: Client, cast: Cast, notify: FakeNotify) -> None:
    shown = text_of(alice.get(reverse("desk:texts")))
    assert "Nobody has written back yet" in shown
    assert "No text in these days" in shown
    assert "No text in this state" in text_of(alice.get(reverse("desk:texts"), {"state": "failed"}))
