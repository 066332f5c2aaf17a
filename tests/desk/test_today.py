"""Today: whom to ring and in what order, what is new, due, waiting and wrong, and what is recorded from it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.grid import slot
from attendance.models import AbsenceCall, MarkChange, RegisterRow
from desk.queries.registers import registers_now
from desk.queries.roll import places, roll
from escalation.adoption import adopt
from escalation.models import Case, Event, NightRun, StageRecord, Task, WatchEntry
from letters.models import Letter
from schools.access import Scope
from schools.models import PupilFlag, Role
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]


@pytest.fixture
def quiet(settings) -> Cast:
    """Everybody is in, no night has run."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made)
    return made


@pytest.fixture
def cast(quiet: Cast) -> Cast:
    """Theo has had no reason for three days, Priya (looked after) none since today, Imogen missed four days in November."""
    present(
        quiet,
        imogen=away(quiet, "2025-11-03", 4),
        theo=away(quiet, "2025-11-18", 3, "N"),
        priya=away(quiet, "2025-11-20", 1, "N"),
    )
    run(quiet)
    return quiet


def today(client: Client, cast: Cast, query: str = "") -> str:
    client.force_login(cast.alice)
    response = client.get(f"/today/{query}")
    assert response.status_code == 200
    return response.content.decode()


def shown(client: Client, cast: Cast, query: str = ""):
    client.force_login(cast.alice)
    return client.get(f"/today/{query}").context["shown"]


def mark(row: RegisterRow, date: str, session: str, code: str) -> None:
    marks = list(RegisterRow.objects.get(pk=row.pk).marks)
    marks[slot(dt.date.fromisoformat(date), session)] = code
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


def stored(row: RegisterRow, date: dt.date, session: str) -> str:
    return RegisterRow.objects.get(pk=row.pk).marks[slot(date, session)]


# The line of figures


def test_the_line_of_figures(client: Client, cast: Cast) -> None:
    page = shown(client, cast)
    assert page.place.where == "Day 14 of 35 in autumn 2"
    now = page.registers
    assert (now.are_in, now.registers, now.missing) == (2, 2, ())
    assert (now.now.present, now.now.expected) == (2, 4)
    assert (now.last_week.present, now.last_week.expected) == (4, 4)
    assert now.change == -50.0


def test_a_form_without_marks_is_named_as_missing(client: Client, cast: Cast) -> None:
    for session in ("AM", "PM"):
        mark(cast.priya, "2025-11-20", session, ".")
    page = shown(client, cast)
    assert [register.form for register in page.registers.missing] == ["8B"]
    assert "/pupils/?school=900001&amp;form=8B" in today(client, cast)


def test_one_code_entered_ahead_does_not_make_an_afternoon(cast: Cast) -> None:
    for row in (cast.imogen, cast.theo, cast.newcomer, cast.priya):
        mark(row, "2025-11-20", "PM", ".")
    mark(cast.imogen, "2025-11-20", "PM", "V")
    lines = roll(Scope.of(cast.alice, TODAY), [cast.here], TODAY)
    assert registers_now(places([cast.here], TODAY), lines.values()).session == "AM"


# Ring now


def test_flags_come_first_then_the_longest_without_a_reason(client: Client, cast: Cast) -> None:
    rings = shown(client, cast).ring
    assert [(ring.line.name, ring.why, ring.days) for ring in rings] == [
        ("Priya Nowak", "Looked after", 1),
        ("Theo Okafor", "3rd day without a reason", 3),
    ]
    make.PupilFlagFactory(pupil=cast.theo.enrolment.pupil, kind=PupilFlag.Kind.FIRST_DAY_LIST)
    assert [ring.line.name for ring in shown(client, cast).ring] == ["Theo Okafor", "Priya Nowak"]


def test_who_is_kept_away_by_an_order_is_never_offered(client: Client, cast: Cast) -> None:
    page = today(client, cast, f"?open={cast.theo.enrolment_id}")
    assert "Grace Okafor" in page and "Stefan" not in page


def test_without_a_number_the_row_says_so(client: Client, cast: Cast) -> None:
    mark(cast.newcomer, "2025-11-20", "AM", "N")
    mark(cast.newcomer, "2025-11-20", "PM", "N")
    assert "No number that may be rung." in today(client, cast)


def test_who_came_in_the_afternoon_is_not_rung(client: Client, cast: Cast) -> None:
    mark(cast.priya, "2025-11-20", "PM", "\\")
    assert [ring.line.name for ring in shown(client, cast).ring] == ["Theo Okafor"]


def test_a_call_with_a_reason_changes_todays_marks_and_opens_the_next_row(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    given = {
        "outcome": "spoke",
        "code": "I",
        "back": "2025-11-21",
        "note": "Sick in the night",
        "parent": cast.parents["Halina"].pk,
        "next": f"/today/?open={cast.theo.enrolment_id}#row",
    }
    response = client.post(reverse("desk:call", args=[cast.priya.enrolment_id]), given)
    assert response["Location"] == given["next"]
    assert [stored(cast.priya, TODAY, session) for session in ("AM", "PM")] == ["I", "I"]
    call = AbsenceCall.objects.get(pupil=cast.priya.enrolment.pupil)
    assert (call.by, call.role, call.outcome, call.parent) == (cast.alice, "officer", "spoke", cast.parents["Halina"])
    assert (call.code, call.said, call.expected_return) == ("I", "Sick in the night", dt.date(2025, 11, 21))
    assert not Event.objects.filter(kind="call").exists() and not Case.objects.filter(pupil=call.pupil).exists()
    changes = MarkChange.objects.filter(row=cast.priya)
    assert {(change.original, change.amended, change.by, change.role) for change in changes} == {
        ("N", "I", cast.alice, "officer")
    }
    assert [ring.line.name for ring in shown(client, cast).ring] == ["Theo Okafor"]


def test_a_try_without_an_answer_stays_on_the_list_and_is_counted(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    client.post(reverse("desk:call", args=[cast.priya.enrolment_id]), {"outcome": "no_answer", "next": "/today/"})
    ring = shown(client, cast).ring[0]
    assert (ring.line.name, ring.tried) == ("Priya Nowak", "1 today")
    assert ring.last_try.endswith(", no answer")
    assert stored(cast.priya, TODAY, "AM") == "N"


def test_a_reason_without_a_conversation_is_refused(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    given = {"outcome": "no_answer", "code": "I", "next": "/today/", "again": "/today/?open=1"}
    response = client.post(reverse("desk:call", args=[cast.priya.enrolment_id]), given, follow=True)
    assert "A reason can only be recorded for a call in which you spoke" in response.content.decode()
    assert not AbsenceCall.objects.exists() and stored(cast.priya, TODAY, "AM") == "N"


def test_a_call_for_another_schools_pupil_is_not_there(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    response = client.post(reverse("desk:call", args=[cast.priya.enrolment_id]), {"outcome": "spoke", "next": "/today/"})
    assert response.status_code == 404 and not AbsenceCall.objects.exists()


def test_a_call_whose_reason_may_not_be_entered_records_nothing(client: Client, cast: Cast) -> None:
    client.force_login(cast.staff[Role.HEAD])
    response = client.post(
        reverse("desk:call", args=[cast.priya.enrolment_id]), {"outcome": "spoke", "code": "I", "next": "/today/"}
    )
    assert response.status_code == 403
    assert "Only the attendance officer or lead changes marks." in response.content.decode()
    assert not AbsenceCall.objects.exists() and stored(cast.priya, TODAY, "AM") == "N"


# New, due, waiting, exceptions, done


def test_new_since_last_night_shows_the_reason_and_who_has_it(client: Client, cast: Cast) -> None:
    items = shown(client, cast).news
    stage = next(item for item in items if item.about.name == "Imogen Marlow" and not item.is_watch)
    assert stage.sentences and "sessions missed" in stage.sentences[0]
    assert stage.with_whom == "Draft waits for Mr B. Birch"
    assert stage.title.startswith("Stage 3")


def test_declining_needs_a_reason_and_takes_the_stage_off_the_list(client: Client, cast: Cast) -> None:
    record = StageRecord.objects.get(case__pupil=cast.imogen.enrolment.pupil, state="proposed")
    client.force_login(cast.alice)
    address = reverse("desk:decline-stage", args=[record.pk])
    refused = client.post(address, {"reason": " ", "next": "/today/"}, follow=True)
    assert "Give a reason: it is kept with the case." in refused.content.decode()
    client.post(address, {"reason": "In hospital until Monday", "next": "/today/"})
    record.refresh_from_db()
    assert (record.state, record.reason, record.decided_by) == ("declined", "In hospital until Monday", cast.alice)
    assert not [item for item in shown(client, cast).news if item.about.name == "Imogen Marlow" and not item.is_watch]


def test_a_watch_entry_is_closed_with_what_was_done(client: Client, cast: Cast) -> None:
    entry = WatchEntry.objects.create(
        pupil=cast.theo.enrolment.pupil, school=cast.here, rule="first-day", name="First day", opened_on=TODAY,
        sentences=["3 days in a row coded N."], role=Role.OFFICER,
    )  # fmt: skip
    assert "3 days in a row coded N." in today(client, cast, "?tab=new")
    client.post(reverse("desk:close-watch", args=[entry.pk]), {"reason": "Spoke with the aunt", "next": "/today/"})
    entry.refresh_from_db()
    assert (entry.state, entry.reason) == ("closed", "Spoke with the aunt")


def due_task(cast: Cast, due_on: dt.date = TODAY, owner=None, role: str = Role.TUTOR) -> Task:
    record = StageRecord.objects.filter(case__pupil=cast.imogen.enrolment.pupil).first()
    return Task.objects.create(
        case=record.case, kind="conversation", title="Talk with Imogen", role=role, owner=owner, due_on=due_on
    )


def test_overdue_comes_first_with_its_days_and_a_nudge_for_its_owner(client: Client, cast: Cast) -> None:
    due_task(cast, due_on=dt.date(2025, 11, 18))
    item = shown(client, cast).due[0]
    assert (item.late, item.verb, item.owner.name, item.owner.email) == (2, "Nudge", "Mr B. Birch", "bob@fenwold.example")
    assert "2 days over" in today(client, cast)


def test_long_neglect_does_not_push_today_off_the_page(client: Client, cast: Cast) -> None:
    for number in range(9):
        due_task(cast, due_on=dt.date(2025, 10, 1) + dt.timedelta(days=number))
    due_task(cast, due_on=TODAY, role=Role.OFFICER)
    page = shown(client, cast)
    assert (page.overdue, len(page.overdue_items)) == (9, 4)
    assert [item.verb for item in page.coming_items if item.on == TODAY] == ["Record"]
    assert len(shown(client, cast, "?tab=due").overdue_items) == 9


def test_a_filter_by_owner(client: Client, cast: Cast) -> None:
    due_task(cast)
    due_task(cast, role=Role.OFFICER)
    assert [item.owner.name for item in shown(client, cast, "?owner=mine").due] == ["You"]
    Task.objects.filter(role=Role.OFFICER).update(role=Role.GOVERNOR)
    cast.staff[Role.GOVERNOR].roles.all().delete()
    assert [item.owner.name for item in shown(client, cast, "?owner=mine-and-nobodys").due] == ["No governor"]


def test_handing_on_makes_it_somebody_elses(client: Client, cast: Cast) -> None:
    task = due_task(cast)
    client.force_login(cast.alice)
    to = cast.staff[Role.HEAD_OF_YEAR]
    client.post(reverse("desk:hand-on", args=[task.pk]), {"to": to.pk, "next": "/today/"})
    task.refresh_from_db()
    assert task.owner == to
    stranger = client.post(reverse("desk:hand-on", args=[task.pk]), {"to": cast.charlie.pk, "next": "/today/"}, follow=True)
    assert "Choose a colleague at this school" in stranger.content.decode()


def test_a_due_conversation_is_recorded_in_its_row(client: Client, cast: Cast) -> None:
    task = due_task(cast, role=Role.OFFICER)
    page = today(client, cast, f"?act=record-{task.pk}")
    assert reverse("desk:task-done", args=[task.pk]) in page
    client.post(reverse("desk:task-done", args=[task.pk]), {"outcome": "spoke", "note": "Tired", "next": "/today/"})
    task.refresh_from_db()
    assert (task.state, task.outcome, task.done_by) == ("done", "spoke", cast.alice)


def test_n_codes_past_five_school_days_become_o_with_name_and_role(client: Client, cast: Cast) -> None:
    mark(cast.imogen, "2025-11-13", "AM", "N")
    mark(cast.imogen, "2025-11-14", "AM", "N")
    page = today(client, cast)
    assert "1 N code past day 4 becomes O" in page and "1 N code on day 4: last day to ask" in page
    client.post(
        reverse("desk:confirm-n-codes", args=["900001"]), {"session": f"{cast.imogen.pk}:2025-11-13:AM", "next": "/today/"}
    )
    change = MarkChange.objects.get(row=cast.imogen)
    assert (change.date, change.original, change.amended, change.by, change.role) == (
        dt.date(2025, 11, 13), "N", "O", cast.alice, "officer",
    )  # fmt: skip
    assert stored(cast.imogen, dt.date(2025, 11, 14), "AM") == "N"


def test_waiting_names_who_has_the_letters_and_the_oldest_in_school_days(client: Client, cast: Cast) -> None:
    Letter.objects.update(drafted_on=dt.date(2025, 11, 13))
    item = shown(client, cast).waiting[0]
    assert (item.owner.name, item.letters, item.oldest, item.is_late) == ("Mr B. Birch", 2, 5, True)


def test_exceptions_say_what_went_wrong(client: Client, cast: Cast) -> None:
    make.ImportBatchFactory(school=cast.here, rows=10, refused=4, refusals=[{"row": 3, "reason": "UPN not known."}])
    NightRun.objects.filter(school=cast.here).update(state=NightRun.State.PUT_OFF, skipped=["8B has no register."])
    kinds = {trouble.kind: trouble.text for trouble in shown(client, cast).troubles}
    assert kinds["Refused in the import"] == "4 of 10 rows, the first because: UPN not known."
    assert kinds["Put off by the night"] == "Thursday 20 November. 8B has no register."


def test_nobody_to_write_to_is_an_exception_and_never_silence(client: Client, quiet: Cast) -> None:
    present(quiet, newcomer=away(quiet, "2025-11-03", 5))
    run(quiet)
    assert "Nia Newell" in [
        trouble.about.name for trouble in shown(client, quiet).troubles if trouble.kind == "Nobody to write to"
    ]


def test_done_today_lists_what_people_did_and_not_the_night(client: Client, cast: Cast) -> None:
    assert shown(client, cast).done.number == 0
    client.post(reverse("desk:call", args=[cast.priya.enrolment_id]), {"outcome": "no_answer", "next": "/today/"})
    done = shown(client, cast).done
    assert (done.number, done.summary, done.items[0].by) == (1, "1 call recorded", "You")


# Empty and gone wrong


def test_empty_lists_say_what_to_expect(client: Client, quiet: Cast) -> None:
    page = today(client, quiet)
    for sentence in ("Nobody to ring", "No night has run yet", "Nothing is due", "No letter waits", "No exceptions"):
        assert sentence in page, sentence


def test_a_weekend_and_a_holiday_say_when_school_begins_again(client: Client, quiet: Cast, settings) -> None:
    settings.HANDRAIL_TODAY = dt.date(2025, 11, 22)
    page = today(client, quiet)
    assert "the next school day is Monday 24 November" in page and "nobody to ring" in page
    settings.HANDRAIL_TODAY = dt.date(2026, 8, 3)
    assert today(client, quiet)


# Filters, scope, statements


def test_filters_stand_in_the_address_and_narrow_every_list(client: Client, cast: Cast) -> None:
    page = shown(client, cast, "?year=8")
    assert [ring.line.name for ring in page.ring] == ["Priya Nowak"]
    assert not [item for item in page.news if item.about.name == "Imogen Marlow"]
    assert [ring.line.name for ring in shown(client, cast, "?flag=looked_after").ring] == ["Priya Nowak"]
    assert "year=8&amp;tab=new" in today(client, cast, "?year=8")


def test_who_may_look_but_not_record_sees_the_rule_in_place_of_the_button(client: Client, cast: Cast) -> None:
    client.force_login(cast.staff[Role.TRUST_LEAD])
    page = client.get(f"/today/?open={cast.theo.enrolment_id}").content.decode()
    assert "Conversations, calls and meetings are recorded by staff who work with the pupil." in page
    assert 'name="outcome"' not in page and ">Record<span" not in page and ">Decline<span" not in page
    client.force_login(cast.staff[Role.HEAD])
    page = client.get(f"/today/?open={cast.theo.enrolment_id}").content.decode()
    assert 'name="outcome"' in page and 'name="code"' not in page
    assert "Only the attendance officer or lead changes marks." in page


def test_charlie_finds_nothing_of_here(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    page = client.get("/today/").content.decode()
    for name in ("Theo", "Priya", "Imogen", "Nia"):
        assert name not in page
    assert client.get("/today/?school=900001").status_code == 404


def test_who_may_not_see_today_reads_why(client: Client, cast: Cast) -> None:
    client.force_login(cast.bob)
    response = client.get("/today/")
    assert response.status_code == 403
    assert "Today is the attendance officer&#x27;s page" in response.content.decode()


def statements(client: Client, cast: Cast) -> int:
    client.force_login(cast.alice)
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get("/today/").status_code == 200
    return len(caught)


def test_the_number_of_statements_does_not_grow_with_the_school(client: Client, cast: Cast) -> None:
    def add(pupils: int) -> None:
        for number in range(pupils):
            row = make.on_roll(cast.here, form=f"7{'ABCD'[number % 4]}")
            make.PupilParentFactory(pupil=row.enrolment.pupil)
            row.marks = cast_marks
            row.save()

    marks = list(RegisterRow.objects.get(pk=cast.theo.pk).marks)
    cast_marks = "".join(marks)
    add(6)
    run(cast)
    at_ten = statements(client, cast)
    add(190)
    run(cast)
    assert len(shown(client, cast).ring) > 190
    assert statements(client, cast) == at_ten <= 39
