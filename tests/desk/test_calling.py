"""The officer's work on absences: the calling list and its states, N codes by age, long illness, missing registers, safeguarding."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.chasing import ask_for_register, log_call
from attendance.grid import slot
from attendance.models import AbsenceCall, MarkChange, RegisterRow
from escalation.adoption import adopt
from escalation.models import Case, Event, PlannedLetter, Task
from letters.record import Record
from messaging.models import Message, Reply
from schools.models import PupilFlag, RegisterTime, Role
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]

FRIDAY = dt.date(2025, 11, 21)


def at(hour: int, minute: int = 0, day: dt.date = TODAY) -> dt.datetime:
    return NOW.replace(year=day.year, month=day.month, day=day.day, hour=hour, minute=minute)


@pytest.fixture
def it_is(time_machine):
    """Sets the day and the time of day."""

    def set_to(moment: dt.datetime) -> None:
        time_machine.move_to(moment, tick=False)

    set_to(at(8, 50))
    return set_to


@pytest.fixture
def cast(it_is) -> Cast:
    """8.50 on Thursday. Theo has had no reason for three days, Priya (looked after) and Imogen none since today."""
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(
        made,
        imogen=away(made, "2025-11-20", 1, "N"),
        theo=away(made, "2025-11-18", 3, "N"),
        priya=away(made, "2025-11-20", 1, "N"),
    )
    return made


def page(client: Client, cast: Cast, query: str = "", name: str = "calling"):
    client.force_login(cast.alice)
    response = client.get(reverse(f"desk:{name}") + query)
    assert response.status_code == 200
    return response


def shown(client: Client, cast: Cast, query: str = "", name: str = "calling"):
    return page(client, cast, query, name).context["shown"]


def names(client: Client, cast: Cast, tab: str = "ring") -> list[str]:
    return [ring.line.name.split()[0] for ring in shown(client, cast, f"?tab={tab}").shown]


def ring(client: Client, cast: Cast, first_name: str):
    return next(one for one in shown(client, cast).rings if one.line.name.startswith(first_name))


def call(cast: Cast, row: RegisterRow, moment: dt.datetime, outcome: str = "no_answer", parent: str = "", **given) -> AbsenceCall:
    who = {"by": cast.alice, "role": "officer", "now": moment, "parent": cast.parents.get(parent)}
    about = given.pop("about", moment.date())
    logged = log_call(pupil=row.enrolment.pupil, school=row.school, about=about, outcome=outcome, **who, **given)
    return logged.call


def set_mark(row: RegisterRow, date: str, session: str, code: str) -> None:
    marks = list(RegisterRow.objects.get(pk=row.pk).marks)
    marks[slot(dt.date.fromisoformat(date), session)] = code
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


def stored(row: RegisterRow, date: str) -> str:
    marks = RegisterRow.objects.get(pk=row.pk).marks
    return "".join(marks[slot(dt.date.fromisoformat(date), half)] for half in ("AM", "PM"))


def post(client: Client, cast: Cast, name: str, argument: object, **given):
    client.force_login(cast.alice)
    return client.post(reverse(f"desk:{name}", args=[argument]), {"next": "/today/calling/", **given}, follow=True)


# Order and states of the calling list


def test_who_is_rung_first_and_then_the_longest_without_a_reason(client: Client, cast: Cast) -> None:
    assert names(client, cast) == ["Priya", "Theo", "Imogen"]
    make.PupilFlagFactory(pupil=cast.imogen.enrolment.pupil, kind=PupilFlag.Kind.CHILD_PROTECTION)
    make.PupilFlagFactory(pupil=cast.theo.enrolment.pupil, kind=PupilFlag.Kind.FIRST_DAY_LIST)
    assert names(client, cast) == ["Imogen", "Theo", "Priya"]
    assert ring(client, cast, "Imogen").why == "Child protection plan" and ring(client, cast, "Theo").why == "First-day list"


def test_the_ladders_own_first_day_rule_stands_on_the_page(client: Client, cast: Cast) -> None:
    assert "The policy:" not in page(client, cast).content.decode()
    adopt(school=cast.here, key="coventry", starts=dt.date(2025, 11, 1), by=None, now=NOW)
    assert "5.5.1" in page(client, cast).content.decode()


def test_an_n_that_became_o_still_counts_as_a_day_without_a_reason(client: Client, cast: Cast) -> None:
    for half in ("AM", "PM"):
        set_mark(cast.theo, "2025-11-18", half, "O")
    assert (ring(client, cast, "Theo").days, ring(client, cast, "Theo").since) == (3, dt.date(2025, 11, 18))
    for half in ("AM", "PM"):
        set_mark(cast.theo, "2025-11-19", half, ".")
    assert (ring(client, cast, "Theo").days, ring(client, cast, "Theo").since) == (2, dt.date(2025, 11, 18))


def test_who_is_tried_again_at_a_time_leaves_the_list_and_rises_again(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.theo, at(8, 45), next_try_at=at(9, 30))
    assert names(client, cast) == ["Priya", "Imogen"] and names(client, cast, "later") == ["Theo"]
    assert "Next at 9.30" in page(client, cast, "?tab=later").content.decode()
    it_is(at(9, 30))
    assert names(client, cast) == ["Priya", "Theo", "Imogen"] and names(client, cast, "later") == []
    assert "Due since</strong> 9.30" in page(client, cast).content.decode()


def test_who_was_spoken_with_is_reached_for_today_and_asked_again_tomorrow(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.theo, at(8, 45), "spoke", "Grace", said="Will ring back")
    assert names(client, cast, "reached") == ["Theo"] and "Theo" not in names(client, cast)
    present(cast, until=FRIDAY, theo=away(cast, "2025-11-18", 4, "N"))
    it_is(at(8, 50, FRIDAY))
    assert names(client, cast) == ["Theo"] and ring(client, cast, "Theo").tried == "1 since Thu"


def test_expected_back_sleeps_until_then_and_comes_back_when_the_pupil_does_not(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.imogen, at(8, 45), "spoke", "Morwenna", expected_return=FRIDAY, said="Bad cold")
    assert names(client, cast, "expected") == ["Imogen"]
    present(cast, until=FRIDAY, imogen=away(cast, "2025-11-20", 2, "N"), theo=away(cast, "2025-11-18", 4, "N"))
    it_is(at(8, 50, FRIDAY))
    assert names(client, cast) == ["Imogen", "Theo"], "not back comes before a longer absence"
    assert ring(client, cast, "Imogen").why == "Expected back Fri 21 Nov, not back"


def test_not_back_is_seen_after_days_of_agreed_illness(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.imogen, at(8, 45), "spoke", "Morwenna", expected_return=FRIDAY, code="I")
    present(cast, until=FRIDAY, imogen={"2025-11-20": "I", "2025-11-21": "N"})
    it_is(at(8, 50, FRIDAY))
    assert ring(client, cast, "Imogen").not_back


def test_a_promise_that_was_kept_says_nothing_about_the_next_absence(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.theo, at(8, 45, dt.date(2025, 11, 18)), "spoke", "Grace", expected_return=dt.date(2025, 11, 19))
    present(cast, theo={"2025-11-18": "N", "2025-11-20": "N"})
    assert not ring(client, cast, "Theo").not_back and ring(client, cast, "Theo").why == ""


def test_later_today_holds_until_the_afternoon_register(client: Client, cast: Cast, it_is) -> None:
    set_mark(cast.imogen, "2025-11-20", "PM", ".")
    call(cast, cast.imogen, at(8, 45), "spoke", "Morwenna", expected_return=TODAY, said="At the dentist")
    assert names(client, cast, "expected") == ["Imogen"]
    set_mark(cast.imogen, "2025-11-20", "PM", "N")
    it_is(at(13, 30))
    assert ring(client, cast, "Imogen").not_back and "Imogen" in names(client, cast)


def test_a_reason_that_covers_today_is_entered_with_one_click(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.imogen, at(8, 45), "spoke", "Morwenna", expected_return=dt.date(2025, 11, 24), code="I", said="Flu")
    present(cast, until=FRIDAY, imogen={"2025-11-20": "I", "2025-11-21": "N"})
    it_is(at(8, 50, FRIDAY))
    assert "Enter I again" in page(client, cast, "?tab=expected").content.decode()
    said = post(client, cast, "same-reason", cast.imogen.enrolment_id).content.decode()
    assert "2 marks of Imogen Marlow settled" in said and stored(cast.imogen, "2025-11-21") == "II"
    assert "record a call" in post(client, cast, "same-reason", cast.theo.enrolment_id).content.decode()


# Whom to ring


def test_the_next_to_ring_is_the_first_who_was_not_tried_today(client: Client, cast: Cast) -> None:
    assert ring(client, cast, "Imogen").whom.parent.first_name == "Morwenna"
    call(cast, cast.imogen, at(8, 45), "no_answer", "Morwenna")
    assert ring(client, cast, "Imogen").whom.parent.first_name == "Piers"
    call(cast, cast.imogen, at(8, 46), "wrong_number", "Piers")
    assert ring(client, cast, "Imogen").whom.parent.first_name == "Morwenna"
    assert "wrong number" in page(client, cast).content.decode()


def test_every_try_is_shown_with_who_when_whom_and_what_was_said(client: Client, cast: Cast) -> None:
    call(cast, cast.theo, at(8, 41), "left_message", "Grace", said="Please ring")
    text = " ".join(page(client, cast).content.decode().split())
    assert (
        "8.41 call, <strong>message left</strong>: Ms Grace Okafor" in text and "“Please ring”" in text and "Ms A. Arden" in text
    )


def test_who_is_kept_away_by_an_order_is_neither_shown_nor_accepted(client: Client, cast: Cast) -> None:
    assert "Stefan" not in page(client, cast, f"?open={cast.theo.enrolment_id}").content.decode()
    said = post(client, cast, "call", cast.theo.enrolment_id, outcome="no_answer", parent=cast.parents["Stefan"].pk)
    assert "An order or a no-contact note stands" in said.content.decode() and not AbsenceCall.objects.exists()


# What is recorded


def test_a_call_opens_no_case_and_stands_on_the_timeline_and_in_what_was_done(client: Client, cast: Cast) -> None:
    given = {"outcome": "spoke", "parent": cast.parents["Grace"].pk, "code": "I", "since": "2025-11-18", "note": "Tonsillitis"}
    said = post(client, cast, "call", cast.theo.enrolment_id, **given).content.decode()
    assert "Call for Theo Okafor recorded and 6 marks changed to I." in said
    assert not Case.objects.exists() and not Event.objects.exists()
    pupil = client.get(reverse("desk:pupil", args=[cast.theo.enrolment.pupil_id])).content.decode()
    assert "Call with Ms Grace Okafor: spoke. Tonsillitis" in pupil
    today = client.get("/today/").context["shown"].done
    assert today.summary == "1 call recorded, 6 codes changed" and today.items[0].by == "You"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"outcome": "sang"}, "Choose how the call went: spoke, no answer, left a message or wrong number."),
        ({"outcome": "spoke", "back": "2025-11-19"}, "Expected back on Wednesday 19 November: that day has passed"),
        ({"outcome": "spoke", "back": "soon"}, "Expected back: give a date, such as 25/11/2025."),
        ({"outcome": "no_answer", "try_at": "late"}, "Try again at: give a time, such as 10:30."),
        ({"outcome": "no_answer", "try_at": "08:00"}, "Try again at 08:00: that time has passed"),
        ({"outcome": "spoke", "about": "2025-11-17"}, "Theo has no absence on Monday 17 November"),
        ({"outcome": "spoke", "parent": "999999"}, "this person is none of Theo’s contacts"),
    ],
)
def test_bad_input_is_a_sentence_and_nothing_is_kept(client: Client, cast: Cast, given: dict, sentence: str) -> None:
    assert sentence in post(client, cast, "call", cast.theo.enrolment_id, **given).content.decode()
    assert not AbsenceCall.objects.exists() and not MarkChange.objects.exists()


def test_texts_and_answers_stand_among_the_tries(client: Client, cast: Cast) -> None:
    given = {
        "school": cast.here,
        "parent": cast.parents["Grace"],
        "purpose": "first-day",
        "to": "+447700900103",
        "asked_by": cast.alice,
    }
    moments = dict.fromkeys(("asked_at", "not_before", "try_at"), at(8, 40))
    text = Message.objects.create(body="Theo is not in school.", **given, **moments)
    text.pupils.set([cast.theo.enrolment.pupil])
    assert (ring(client, cast, "Theo").tried, ring(client, cast, "Theo").last_try) == ("1 today", "8.40, text waiting")
    reply = Reply.objects.create(
        school=cast.here, provider_id="1", number="+447700900103", body="He has a cold", received_at=at(8, 48), stored_at=at(8, 48),
        parent=cast.parents["Grace"],
    )  # fmt: skip
    reply.pupils.set([cast.theo.enrolment.pupil])
    for address in ("/today/", "/today/calling/"):
        assert "He has a cold" in client.get(address).content.decode()
    assert ring(client, cast, "Theo").no_contact_days == 0
    text.pupils.clear()
    Message.objects.filter(pk=text.pk).update(state="cancelled", settled_at=at(8, 45))
    assert ring(client, cast, "Theo").tried == "none yet"


def test_the_others_are_offered_for_a_text_and_those_rung_first_are_not(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    listed = client.get("/today/").context["shown"].to_text.split(",")
    assert set(map(int, listed)) == {cast.theo.enrolment.pupil_id, cast.imogen.enrolment.pupil_id}
    assert 'form="texts" data-group="texts" data-flagged' in page(client, cast).content.decode()


def test_a_letter_states_a_call_only_to_the_parent_who_was_spoken_with(client: Client, cast: Cast) -> None:
    present(cast, imogen=away(cast, "2025-11-03", 4))
    run(cast)
    monday = dt.date(2025, 11, 3)
    call(cast, cast.imogen, at(9, 0, monday), "spoke", "Morwenna", about=monday)
    call(cast, cast.imogen, at(9, 5, monday), "no_answer", "Piers", about=monday)
    planned = PlannedLetter.objects.get(case__pupil=cast.imogen.enrolment.pupil)
    drafts = Record(cast.here, [planned], TODAY).drafts()[planned.pk]
    stated = {draft.link.parent.first_name: [(contact.kind, contact.on) for contact in draft.facts.contacts] for draft in drafts}
    assert stated == {"Morwenna": [("call", monday)], "Piers": []}


# Nobody reached


def test_when_every_number_was_tried_today_says_whom_to_tell(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.theo, at(8, 45), "no_answer", "Grace")
    assert ring(client, cast, "Theo").nobody_reached == "", "one try at 8.45 is not the end of it"
    it_is(at(10, 30))
    assert ring(client, cast, "Theo").nobody_reached == "No answer from the only number today."
    kinds = [(trouble.kind, trouble.about.name) for trouble in client.get("/today/").context["shown"].troubles if trouble.about]
    assert ("Nobody reached", "Theo Okafor") in kinds
    assert ring(client, cast, "Imogen").nobody_reached == "", "nobody has rung about Imogen yet"


def test_three_tries_are_enough_and_those_rung_first_wait_less(client: Client, cast: Cast, it_is) -> None:
    for minute in (41, 45, 49):
        call(cast, cast.theo, at(8, minute), "no_answer", "Grace")
    assert ring(client, cast, "Theo").nobody_reached
    call(cast, cast.priya, at(8, 45), "left_message", "Halina")
    assert not ring(client, cast, "Priya").nobody_reached
    it_is(at(9, 30))
    assert ring(client, cast, "Priya").nobody_reached


def test_a_pupil_without_any_number_is_prompted_at_once(client: Client, cast: Cast) -> None:
    for half in ("AM", "PM"):
        set_mark(cast.newcomer, "2025-11-20", half, "N")
    assert ring(client, cast, "Nia").nobody_reached == "No number that may be rung is held."
    text = page(client, cast).content.decode()
    assert "No number that may be rung." in text and "Tell the safeguarding lead" in text


def test_telling_the_safeguarding_lead_is_a_task_for_today_and_is_asked_once(client: Client, cast: Cast, it_is) -> None:
    call(cast, cast.theo, at(8, 45), "no_answer", "Grace")
    it_is(at(10, 31))
    said = post(client, cast, "tell-safeguarding", cast.theo.enrolment_id).content.decode()
    assert "Theo Okafor is with Ms S. Sorrel, due today." in said
    task = Task.objects.get(kind="safeguarding")
    assert (task.role, task.owner, task.due_on) == (Role.SAFEGUARDING_LEAD, cast.staff[Role.SAFEGUARDING_LEAD], TODAY)
    why = Event.objects.get(case=task.case).text
    assert "3 school days without a reason. No answer from the only number today. 1 call since Tuesday 18 November." in why
    assert ring(client, cast, "Theo").told_words == "With Ms S. Sorrel" and "Theo" in names(client, cast)
    assert not [trouble for trouble in client.get("/today/").context["shown"].troubles if trouble.kind == "Nobody reached"]
    again = post(client, cast, "tell-safeguarding", cast.theo.enrolment_id).content.decode()
    assert "This is with Ms S. Sorrel already." in again and Task.objects.filter(kind="safeguarding").count() == 1


def test_nobody_is_handed_on_who_is_not_away(client: Client, cast: Cast) -> None:
    present(cast)
    said = post(client, cast, "tell-safeguarding", cast.theo.enrolment_id).content.decode()
    assert "Theo Okafor is not away without a reason today" in said and not Task.objects.exists()


@pytest.mark.parametrize(("ladder", "days", "words"), [("coventry", 5, "6.3.4"), ("federation", 5, "child missing education")])
def test_days_without_any_contact_lead_to_missing_education(
    client: Client, cast: Cast, ladder: str, days: int, words: str
) -> None:
    adopt(school=cast.here, key=ladder, starts=dt.date(2025, 11, 1), by=None, now=NOW)
    present(cast, theo=away(cast, "2025-11-14", days, "N"))
    assert ring(client, cast, "Theo").may_be_missing and words in page(client, cast).content.decode()
    call(cast, cast.theo, at(8, 45), "spoke", "Grace")
    assert not ring(client, cast, "Theo").may_be_missing


# N codes


@pytest.fixture
def ageing(cast: Cast) -> Cast:
    """N codes of six, five, four and three school days ago: Theo's; one of Imogen's whose other half is I."""
    present(cast, theo=away(cast, "2025-11-12", 4, "N"))
    set_mark(cast.imogen, "2025-11-12", "AM", "N")
    set_mark(cast.imogen, "2025-11-12", "PM", "I")
    return cast


def test_n_codes_stand_by_age_and_exceptions_are_not_ticked(client: Client, ageing: Cast) -> None:
    [one] = shown(client, ageing, name="n-codes").settling
    listed = [(session.old.line.name.split()[0], session.old.age, bool(session.look)) for session in one.becomes_o]
    assert listed == [("Imogen", 6, True), ("Theo", 6, False), ("Theo", 5, False)]
    assert [session.old.age for session in one.last_day] == [4] and [session.old.age for session in one.younger] == [3]
    assert [(session.half, session.number) for session in one.becomes_o] == [("morning", 1), ("all day", 2), ("all day", 2)]
    assert one.becomes_o[0].look == "The afternoon is I: the same reason?" and one.becomes_o[0].hint == "I"
    text = page(client, ageing, name="n-codes").content.decode()
    assert "4 of 5 N codes ticked" in text and "Day 4: last day to ask" in text


def test_the_ticked_become_o_in_the_officers_name_and_the_others_wait(client: Client, ageing: Cast) -> None:
    [one] = shown(client, ageing, name="n-codes").settling
    ticked = [session.value for session in one.becomes_o if not session.look]
    said = post(client, ageing, "confirm-n-codes", "900001", session=ticked).content.decode()
    assert "4 N codes are now O, in your name." in said
    assert stored(ageing.theo, "2025-11-12") + stored(ageing.theo, "2025-11-13") + stored(ageing.theo, "2025-11-14") == "OOOONN"
    assert stored(ageing.imogen, "2025-11-12") == "NI"
    assert {(change.by, change.role) for change in MarkChange.objects.all()} == {(ageing.alice, "officer")}


@pytest.mark.parametrize("session", ["", "1:2025-11-12", "x:2025-11-12:AM", "1:12 November:AM", "1:2025-11-12:XM"])
def test_a_list_that_cannot_be_read_changes_nothing(client: Client, ageing: Cast, session: str) -> None:
    said = post(client, ageing, "confirm-n-codes", "900001", session=session).content.decode()
    assert "could not be read" in said and not MarkChange.objects.exists()


def test_a_policy_with_its_own_week_confirms_on_the_sixth_day_and_says_what_the_law_says(client: Client, ageing: Cast) -> None:
    adopt(school=ageing.here, key="vale", starts=dt.date(2025, 11, 1), by=None, now=NOW)
    [one] = shown(client, ageing, name="n-codes").settling
    assert (one.rules.settle.days, one.rules.law) == (6, 5)
    assert {session.old.age for session in one.becomes_o} == {6} and {session.old.age for session in one.last_day} == {5}
    text = page(client, ageing, name="n-codes").content.decode()
    assert "within 6 school days (Appendix A, 3)" in text and "The law says 5." in text
    young = [session.value for session in one.last_day]
    said = post(client, ageing, "confirm-n-codes", "900001", session=young).content.decode()
    assert "an N becomes O after 6" in said and not MarkChange.objects.exists()


def test_what_speaks_against_confirming_without_another_look(client: Client, cast: Cast) -> None:
    present(cast)
    set_mark(cast.imogen, "2025-11-12", "AM", "N")
    set_mark(cast.theo, "2025-11-12", "PM", "N")
    for half in ("AM", "PM"):
        set_mark(cast.priya, "2025-11-12", half, "N")
    call(cast, cast.priya, at(9, 0, dt.date(2025, 11, 12)), "spoke", "Halina", said="Stomach")
    [one] = shown(client, cast, name="n-codes").settling
    found = {(session.old.line.name.split()[0], session.old.session): session for session in one.becomes_o}
    assert found["Imogen", "AM"].hint == "U" and "came after the register closed" in found["Imogen", "AM"].look
    assert (found["Theo", "PM"].look, found["Theo", "PM"].note) == ("", "In school in the morning.")
    assert found["Priya", "AM"].look == "Spoke on Wed 12 Nov: “Stomach”. Is this the reason?"


def test_a_reason_found_late_settles_the_session_from_the_list(client: Client, ageing: Cast) -> None:
    value = f"{ageing.imogen.pk}:2025-11-12:AM"
    text = page(client, ageing, f"?open={value}", "n-codes").content.decode()
    assert 'name="about" value="2025-11-12"' in text and '<option value="I" selected>' in text
    given = {"outcome": "spoke", "code": "I", "about": "2025-11-12", "parent": ageing.parents["Morwenna"].pk}
    post(client, ageing, "call", ageing.imogen.enrolment_id, **given)
    assert stored(ageing.imogen, "2025-11-12") == "II"


def test_a_leavers_n_code_is_settled_too(client: Client, cast: Cast) -> None:
    present(cast)
    set_mark(cast.leaver, "2025-10-16", "AM", "N")
    [one] = shown(client, cast, name="n-codes").settling
    assert [session.old.line.form for session in one.becomes_o] == ["left"]
    post(client, cast, "confirm-n-codes", "900001", session=one.becomes_o[0].value)
    assert stored(cast.leaver, "2025-10-16") == "O\\"


def test_last_years_n_codes_are_not_forgotten(client: Client, cast: Cast) -> None:
    year = make.AcademicYearFactory(school=cast.here, start_year=2024)
    make.HalfTermFactory(
        academic_year=year, term="Summer", name="Summer 2", starts=dt.date(2025, 6, 2), ends=dt.date(2025, 7, 18)
    )
    row = make.RegisterRowFactory(enrolment=cast.theo.enrolment, year=2024)
    set_mark(row, "2025-07-17", "AM", "N")
    [one] = shown(client, cast, name="n-codes").settling
    assert (one.becomes_o[0].old.date, one.becomes_o[0].old.age) == (dt.date(2025, 7, 17), 52)
    post(client, cast, "confirm-n-codes", "900001", session=one.becomes_o[0].value)
    assert stored(row, "2025-07-17") == "O."


# Long illness


def test_illness_for_more_than_five_days_is_followed_up_weekly(client: Client, cast: Cast, it_is) -> None:
    present(cast, theo=away(cast, "2025-11-12", 7, "I"), imogen=away(cast, "2025-11-14", 5, "I"))
    [ill] = shown(client, cast, name="illness").ill
    assert (ill.line.name, ill.days, ill.since, ill.due) == ("Theo Okafor", 7, dt.date(2025, 11, 12), dt.date(2025, 11, 19))
    assert ill.days_over == 1 and "1 day over" in page(client, cast, name="illness").content.decode()
    assert "1 family of a long illness to be called this week" in client.get("/today/").content.decode()
    given = {"outcome": "spoke", "about": "2025-11-20", "note": "Getting better", "nurse": "on"}
    post(client, cast, "call", cast.theo.enrolment_id, **given)
    [ill] = shown(client, cast, name="illness").ill
    assert (ill.due, ill.is_due, ill.contact.said) == (dt.date(2025, 11, 27), False, "School nurse: Getting better")
    assert "long illness to be called" not in client.get("/today/").content.decode()
    assert stored(cast.theo, "2025-11-20") == "II"


def test_a_try_without_an_answer_leaves_the_weekly_contact_due(client: Client, cast: Cast) -> None:
    present(cast, theo=away(cast, "2025-11-12", 7, "I"))
    call(cast, cast.theo, at(8, 45), "no_answer", "Grace")
    assert shown(client, cast, name="illness").ill[0].is_due


def test_days_without_a_mark_or_a_possible_session_are_stepped_over(client: Client, cast: Cast) -> None:
    present(cast, theo=away(cast, "2025-11-11", 8, "I"))
    for half in ("AM", "PM"):
        set_mark(cast.theo, "2025-11-14", half, ".")
        set_mark(cast.theo, "2025-11-13", half, "7")
    [ill] = shown(client, cast, name="illness").ill
    assert (ill.days, ill.since) == (6, dt.date(2025, 11, 11))


def test_medical_evidence_is_asked_for_only_where_the_policy_does(client: Client, cast: Cast) -> None:
    present(cast, theo=away(cast, "2025-11-12", 7, "I"))
    assert "evidence" not in page(client, cast, name="illness").content.decode()
    adopt(school=cast.here, key="goldington", starts=dt.date(2025, 11, 1), by=None, now=NOW)
    assert "Ask for medical evidence" in page(client, cast, name="illness").content.decode()


# Missing registers


@pytest.fixture
def late(cast: Cast) -> Cast:
    """8B's morning register is not in; registers close at 9.15."""
    RegisterTime.objects.create(school=cast.here, session="AM", opens=dt.time(8, 45), closes=dt.time(9, 15))
    for half in ("AM", "PM"):
        set_mark(cast.priya, "2025-11-20", half, ".")
    for row in (cast.imogen, cast.theo, cast.newcomer):
        set_mark(row, "2025-11-20", "PM", ".")
    return cast


def test_a_missing_register_says_since_when_and_whose_it_is(client: Client, late: Cast, it_is) -> None:
    [register] = shown(client, late, name="missing-registers").missing
    assert (register.form, register.session, register.marked, register.pupils, register.is_late) == ("8B", "AM", 0, 1, False)
    assert register.tutor is None
    assert "open until 9.15" in page(client, late, name="missing-registers").content.decode()
    it_is(at(9, 57))
    make.StaffRoleFactory(user=late.staff[Role.HEAD], role=Role.TUTOR, school=late.here, forms=["8B"])
    [register] = shown(client, late, name="missing-registers").missing
    assert register.tutor == late.staff[Role.HEAD]
    assert "closed 9.15, 42 minutes ago" in page(client, late, name="missing-registers").content.decode()


def test_a_nudge_goes_to_the_tutor_and_stays_visible(
    client: Client, late: Cast, it_is, django_capture_on_commit_callbacks
) -> None:
    nobody = post(client, late, "nudge", "900001", register="AM 8B").content.decode()
    assert "Nobody is recorded as tutor of 8B" in nobody
    make.StaffRoleFactory(user=late.staff[Role.HEAD], role=Role.TUTOR, school=late.here, forms=["8B"])
    with django_capture_on_commit_callbacks(execute=True):
        said = post(client, late, "nudge", "900001", register="AM 8B").content.decode()
    assert "Asked by e-mail for the register: Dr H. Hawthorn (8B)." in said
    assert mail.outbox[0].to == ["henrik@fenwold.example"] and "/registers/900001/2025-11-20/AM/8B/" in mail.outbox[0].body
    assert '8.50 <span class="soft">by Ms A. Arden' in page(client, late, name="missing-registers").content.decode()
    assert "wait ten minutes" in post(client, late, "nudge", "900001", register="AM 8B").content.decode()
    assert "is in by now" in post(client, late, "nudge", "900001", register="AM 7A").content.decode()


def test_the_tutor_finds_the_question_on_the_forms_page_until_the_register_is_in(client: Client, cast: Cast) -> None:
    pupils = (cast.imogen, cast.theo, cast.newcomer)
    for row in pupils:
        set_mark(row, "2025-11-20", "PM", ".")
    who = {"school": cast.here, "form": "7A", "date": TODAY, "to": cast.bob, "by": cast.alice, "role": "officer"}
    ask_for_register(session="PM", now=at(13, 40), address="https://handrail.example/", **who)
    client.force_login(cast.bob)
    address = reverse("desk:form", args=["900001", "7A"])
    assert "Ms A. Arden asked for this afternoon’s register at 13.40." in client.get(address).content.decode()
    for row in pupils[:2]:
        set_mark(row, "2025-11-20", "PM", "\\")
    assert "asked for" not in client.get(address).content.decode()


# Scope, rights, empty pages, statements


PAGES = ("calling", "n-codes", "illness", "missing-registers")


def test_charlie_finds_nothing_of_here(client: Client, ageing: Cast) -> None:
    client.force_login(ageing.charlie)
    for name in PAGES:
        text = client.get(reverse(f"desk:{name}")).content.decode()
        assert not any(pupil in text for pupil in ("Theo", "Priya", "Imogen", "Nia", "8B")), name
        assert client.get(reverse(f"desk:{name}") + "?school=900001").status_code == 404
    assert client.get(reverse("desk:n-codes") + f"?open={ageing.theo.pk}:2025-11-12:AM").context["open_contacts"] == []


def test_who_may_look_but_not_change_reads_why(client: Client, ageing: Cast) -> None:
    client.force_login(ageing.staff[Role.TRUST_LEAD])
    text = client.get(reverse("desk:n-codes")).content.decode()
    assert "Only the attendance officer or lead changes marks." in text and "disabled" in text
    text = client.get(reverse("desk:calling") + f"?open={ageing.theo.enrolment_id}").content.decode()
    assert 'name="outcome"' not in text and "recorded by staff who work with the pupil" in text


def test_empty_pages_say_what_would_stand_there(client: Client, cast: Cast, it_is) -> None:
    present(cast)
    said = [page(client, cast, name=name).content.decode() for name in PAGES]
    for text, sentence in zip(
        said, ("Nobody to ring", "No N code is open", "Nobody is ill for that long", "Every register is in"), strict=True
    ):
        assert sentence in text
    it_is(at(9, 0, dt.date(2025, 11, 22)))
    assert "No school today" in page(client, cast).content.decode()
    assert "No school today" in page(client, cast, name="missing-registers").content.decode()


def test_filters_narrow_every_page(client: Client, ageing: Cast) -> None:
    present(ageing, theo=away(ageing, "2025-11-12", 7, "N"), priya=away(ageing, "2025-11-20", 1, "N"))
    assert [one.line.name for one in shown(client, ageing, "?year=8").rings] == ["Priya Nowak"]
    assert [one.line.name for one in shown(client, ageing, "?flag=looked_after").rings] == ["Priya Nowak"]
    assert {session.old.line.form for session in shown(client, ageing, "?form=7A", "n-codes").settling[0].becomes_o} == {"7A"}


@pytest.mark.parametrize("name", PAGES)
def test_the_number_of_statements_does_not_grow_with_the_school(client: Client, cast: Cast, name: str) -> None:
    def add(pupils: int) -> None:
        marks = RegisterRow.objects.get(pk=cast.theo.pk).marks
        for number in range(pupils):
            row = make.on_roll(cast.here, form=f"7{'ABCD'[number % 4]}")
            make.PupilParentFactory(pupil=row.enrolment.pupil)
            RegisterRow.objects.filter(pk=row.pk).update(marks=marks.replace("N", "I") if number % 3 else marks)
            call(cast, cast.theo, at(8, 45), "no_answer", "Grace")

    def statements() -> int:
        client.force_login(cast.alice)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(reverse(f"desk:{name}") + "?tab=all").status_code == 200
        return len(caught)

    present(cast, theo=away(cast, "2025-11-11", 8, "N"))
    add(6)
    at_ten = statements()
    add(120)
    assert statements() == at_ten <= 30
