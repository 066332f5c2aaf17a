"""A concern goes to the safeguarding lead from anywhere; nobody else ever reads it, and everybody is told whom to speak to."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from casework.models import SafeguardingNote
from casework.queries.safeguarding import count_unread, leads_list, speak_first
from casework.safeguarding import close_note, read_notes, take_to_the_lead
from escalation.adoption import adopt
from schools.models import AuditEntry, Role
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import present, run

pytestmark = [pytest.mark.django_db]
SECRET = "A bruise on the left arm"


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made)
    run(made)
    return made


@pytest.fixture
def note(cast: Cast) -> SafeguardingNote:
    return take_to_the_lead(
        pupil=cast.imogen.enrolment.pupil, school=cast.here, text=SECRET, by=cast.bob, role=Role.TUTOR, now=NOW
    )


def open_page(client: Client, user: object, name: str, *args: object) -> tuple[int, str]:
    client.force_login(user)
    answer = client.get(reverse(f"desk:{name}", args=args))
    return answer.status_code, answer.content.decode()


def test_a_tutor_writes_and_only_the_lead_and_the_head_read(cast: Cast, client: Client) -> None:
    pupil = cast.imogen.enrolment.pupil_id
    client.force_login(cast.bob)
    answer = client.post(reverse("desk:concern", args=[pupil]), {"text": SECRET}, follow=True)
    assert "Ms S. Sorrel has it." in answer.content.decode() and SECRET not in answer.content.decode()
    for role in (Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.TRUST_LEAD):
        status, page = open_page(client, cast.staff[role], "pupil", pupil)
        assert status == 200 and "Speak to the safeguarding lead first." in page and SECRET not in page
        assert open_page(client, cast.staff[role], "safeguarding-notes", pupil)[0] == 403
    for role in (Role.SAFEGUARDING_LEAD, Role.HEAD):
        status, page = open_page(client, cast.staff[role], "safeguarding-notes", pupil)
        assert (
            status == 200 and SECRET in page and "no-store" in client.get(reverse("desk:safeguarding")).headers["Cache-Control"]
        )
    assert open_page(client, cast.charlie, "safeguarding-notes", pupil)[0] == 404


def test_the_concern_without_words_is_asked_for_again(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    answer = client.post(reverse("desk:concern", args=[cast.imogen.enrolment.pupil_id]), {"text": "  "})
    assert answer.status_code == 422 and "Write what you have seen or heard." in answer.content.decode()
    assert not SafeguardingNote.objects.exists()


def test_reading_is_kept_and_the_writer_s_own_look_does_not_count_as_read(cast: Cast, note: SafeguardingNote) -> None:
    lead = cast.staff[Role.SAFEGUARDING_LEAD]
    assert count_unread([cast.here]) == 1
    given = {"pupil": note.pupil, "school": cast.here, "role": Role.SAFEGUARDING_LEAD, "now": NOW}
    read_notes(by=cast.bob, **given)
    assert count_unread([cast.here]) == 1
    (read,) = read_notes(by=lead, **given)
    assert read.read_by == lead and count_unread([cast.here]) == 0
    assert AuditEntry.objects.filter(action="safeguarding notes read").count() == 2


def test_nothing_of_the_text_goes_anywhere_else(cast: Cast, note: SafeguardingNote, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    close_note(note=note, because=f"{SECRET}: seen to", by=cast.staff[Role.HEAD], role=Role.HEAD, now=NOW)
    logged = [record.getMessage() for record in caplog.records if record.name != "django.db.backends"]
    kept = [str(row) for row in AuditEntry.objects.values()] + logged
    assert kept and not [row for row in kept if SECRET in row]


def test_the_mark_goes_when_every_note_is_closed_and_the_notes_stay(cast: Cast, note: SafeguardingNote) -> None:
    pupil = note.pupil_id
    assert speak_first([pupil, cast.theo.enrolment.pupil_id], [cast.here]) == {pupil}
    assert speak_first([pupil], [cast.there]) == set()
    with pytest.raises(Refused, match="Say what was done"):
        close_note(note=note, because=" ", by=cast.staff[Role.HEAD], role=Role.HEAD, now=NOW)
    close_note(note=note, because="Referred.", by=cast.staff[Role.HEAD], role=Role.HEAD, now=NOW)
    with pytest.raises(Refused, match="has closed this note already"):
        close_note(note=note, because="Again.", by=cast.staff[Role.HEAD], role=Role.HEAD, now=NOW)
    assert speak_first([pupil], [cast.here]) == set() and SafeguardingNote.objects.get().text == SECRET


def test_the_lead_s_list_takes_three_statements_however_many_notes(cast: Cast, note: SafeguardingNote) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert leads_list([cast.here])
        return len(captured)

    few = statements()
    for row in (cast.theo, cast.priya, cast.newcomer):
        take_to_the_lead(pupil=row.enrolment.pupil, school=cast.here, text="x", by=cast.alice, role=Role.OFFICER, now=NOW)
    assert statements() == few == 2
    assert leads_list([cast.here])[0].unread == 1
