"""Registers on the staff's pages: the day's list, the sheet without a script, a mark's history and correction, and what they take back."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from attendance.grid import slot
from attendance.models import FormRegister, MarkChange, MarkDetail, RegisterEntry, RegisterRow
from attendance.queries import verify
from attendance.services import change_mark, stored_code
from attendance.taking import TakenMark, take_register
from desk.register_form import chosen_code
from escalation.adoption import adopt
from escalation.models import NightRun, StageRecord
from letters.models import Letter
from schools.models import RegisterTime, School, User
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]

MORNING = NOW.replace(hour=9, minute=0)


@pytest.fixture
def cast(settings, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """It is nine o'clock: the morning's registers are open."""
    settings.HANDRAIL_TODAY = TODAY
    at(monkeypatch, MORNING)
    made = assemble()
    School.objects.filter(pk=made.here.pk).update(register_source=School.RegisterSource.HANDRAIL)
    made.here.refresh_from_db()
    for session, opens, closes in (("AM", (8, 50), (9, 20)), ("PM", (13, 10), (13, 30))):
        RegisterTime.objects.create(
            school=made.here, session=session, label="All", opens=dt.time(*opens), closes=dt.time(*closes)
        )
    return made


def at(monkeypatch: pytest.MonkeyPatch, moment: dt.datetime) -> None:
    """The wall clock, whose time of day HANDRAIL_TODAY does not fix."""
    monkeypatch.setattr(timezone, "now", lambda: moment)


def sheet(form: str = "7A", session: str = "AM", date: dt.date = TODAY) -> str:
    return reverse("desk:register", args=["900001", date.isoformat(), session, form])


def sent(client: Client, marks: dict[RegisterRow, dict[str, str]], address: str = "", **more: str) -> HttpResponse:
    """What a browser without a script sends: every row's fields, those that nobody touched as they were."""
    fields: dict[str, str] = dict(more)
    for row, given in marks.items():
        for name in ("saw", "mark", "other", "minutes", "comment"):
            fields[f"{name}-{row.enrolment_id}"] = given.get(name, "")
    return client.post(address or sheet(), fields)


def everyone(cast: Cast, mark: str = "/", saw: str = "") -> dict[RegisterRow, dict[str, str]]:
    return {row: {"mark": mark, "saw": saw} for row in (cast.imogen, cast.theo, cast.newcomer)}


def code(row: RegisterRow, date: dt.date = TODAY, session: str = "AM") -> str:
    return stored_code(row, date, session)


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


# The list


def test_a_tutor_finds_the_own_form_first_with_both_sessions(client: Client, cast: Cast) -> None:
    page = text(signed_in(client, cast.bob).get(reverse("desk:registers")))
    assert "Your form" in page and sheet() in page and sheet(session="PM") in page
    assert "to be taken by 9.20" in page and "opens at 13.10" in page
    assert "8B" not in page


def test_the_list_says_who_took_what_and_what_is_missing(client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = {row.enrolment_id: TakenMark("/") for row in (cast.imogen, cast.theo, cast.newcomer)}
    given = {"school": cast.here, "form": "7A", "date": TODAY, "session": "AM", "by": cast.bob, "role": "tutor", "now": MORNING}
    take_register(marks=everybody, **given)
    at(monkeypatch, NOW.replace(hour=9, minute=30))
    page = text(signed_in(client, cast.alice).get(reverse("desk:registers")))
    assert "taken at 9.00 by Mr B. Birch" in page
    assert "missing since 9.20" in page  # 8B's
    assert "1 register missing" in page


def test_a_register_open_for_too_long_is_flagged_on_the_list_and_on_the_sheet(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(client, cast.bob)
    sent(client, {cast.imogen: {"mark": "/"}})
    at(monkeypatch, NOW.replace(hour=9, minute=45))
    for address in (reverse("desk:registers"), sheet()):
        assert "Open for 45 minutes: national guidance asks for 30 at most." in text(client.get(address))


def test_times_that_leave_a_register_open_for_too_long_are_told(client: Client, cast: Cast) -> None:
    RegisterTime.objects.filter(session="AM").update(closes=dt.time(10, 30))
    signed_in(client, cast.bob)
    for address in (reverse("desk:registers"), sheet()):
        assert "leave this register open for 100 minutes, from 8.50 to 10.30" in text(client.get(address))


def test_the_statements_of_list_and_sheet_do_not_grow(client: Client, cast: Cast) -> None:
    counts = []
    signed_in(client, cast.alice)
    for form, size in (("6X", 6), ("60X", 60)):
        rows = [make.on_roll(cast.here, form=form) for _ in range(size)]
        marks = {row.enrolment_id: TakenMark("N") for row in rows}
        given = {"school": cast.here, "form": form, "date": TODAY, "session": "AM", "by": cast.alice, "role": "officer"}
        take_register(marks=marks, now=MORNING, **given)
        take_register(marks={key: TakenMark("L", 4, "Bus", saw="N") for key in marks}, now=MORNING, **given)
        with CaptureQueriesContext(connection) as listed:
            client.get(reverse("desk:registers"))
        with CaptureQueriesContext(connection) as opened:
            client.get(sheet(form))
        counts.append((len(listed), len(opened)))
    assert counts[0] == counts[1]


# The sheet, without a script


def test_a_register_is_taken_without_a_script(client: Client, cast: Cast) -> None:
    signed_in(client, cast.bob)
    page = client.get(sheet())
    assert text(page).count('value="N"') == 3
    given = everyone(cast) | {cast.theo: {"mark": "N"}, cast.imogen: {"mark": "L", "minutes": "7", "comment": "Bus"}}
    answer = sent(client, given, opened=page.context["opened"])
    assert answer.status_code == 302
    assert [code(row) for row in (cast.imogen, cast.theo, cast.newcomer)] == ["L", "N", "/"]
    assert MarkDetail.objects.get().minutes_late == 7
    assert FormRegister.objects.get().opened_at == MORNING
    page = text(client.get(sheet()))
    assert "The register is complete." in page and "9.00 Mr B. Birch" in page
    assert verify(cast.here)[2] == []


def test_all_others_present_is_looked_at_before_it_is_saved(client: Client, cast: Cast) -> None:
    signed_in(client, cast.bob)
    answer = sent(client, everyone(cast, mark="") | {cast.theo: {"mark": "N"}}, others="present")
    assert answer.status_code == 200
    assert "Look through the list, then save." in text(answer)
    assert text(answer).count('value="/" checked') == 2
    assert not RegisterEntry.objects.exists()


def test_a_fault_names_the_pupil_and_loses_nothing(client: Client, cast: Cast) -> None:
    signed_in(client, cast.bob)
    answer = sent(client, everyone(cast) | {cast.theo: {"mark": "L", "minutes": "soon"}})
    assert answer.status_code == 422
    assert "Theo Okafor: minutes late are a whole number" in text(answer)
    assert 'value="soon"' in text(answer) and text(answer).count('value="/" checked') == 2
    assert code(cast.imogen) == ""


def test_a_tutor_has_three_buttons_and_the_officer_every_code(client: Client, cast: Cast) -> None:
    tutor = text(signed_in(client, cast.bob).get(sheet()))
    assert 'value="I"' not in tutor and 'value="U"' not in tutor
    officer = text(signed_in(client, cast.alice).get(sheet()))
    assert 'value="I"' in officer and 'value="C2"' in officer and 'value="U"' in officer
    assert 'value="H"' not in officer and 'value="X"' not in officer


def test_after_closing_the_tutor_has_u(client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOW.replace(hour=9, minute=40))
    assert 'value="U"' in text(signed_in(client, cast.bob).get(sheet()))


def test_what_was_arranged_stands_as_it_is(client: Client, cast: Cast) -> None:
    change_mark(row=cast.theo, date=TODAY, session="AM", to="M", reason="", by=cast.alice, role="officer", now=MORNING)
    signed_in(client, cast.bob)
    page = text(client.get(sheet()))
    assert "medical or dental appointment" in page and f'name="mark-{cast.theo.enrolment_id}"' not in page
    sent(client, everyone(cast))  # forged: the row is not in the sheet
    assert (code(cast.theo), code(cast.imogen)) == ("M", "/")


def test_the_officer_enters_a_code_of_the_list(client: Client, cast: Cast) -> None:
    signed_in(client, cast.alice)
    sent(client, everyone(cast) | {cast.theo: {"other": "C2"}, cast.imogen: {"other": "I"}})
    assert (code(cast.theo), code(cast.imogen)) == ("C2", "I")


@pytest.mark.parametrize(
    ("saw", "button", "other", "means"),
    [
        ("", "/", "", "/"), ("", "", "I", "I"), ("I", "/", "I", "/"), ("I", "", "M", "M"), ("N", "N", "M", "M"), ("N", "L", "", "L"),
        ("I", "", "I", "I"), ("", "", "", ""), ("/", "/", "", "/"), ("I", "", "", ""),
    ],
)  # fmt: skip
def test_what_differs_from_what_was_seen_counts(saw: str, button: str, other: str, means: str) -> None:
    assert chosen_code(saw, button, other) == means


def test_two_codes_for_one_pupil_are_a_fault(client: Client, cast: Cast) -> None:
    answer = sent(signed_in(client, cast.alice), {cast.theo: {"mark": "/", "other": "I"}})
    assert answer.status_code == 422 and "Theo Okafor: / and I are both given: choose one." in text(answer)


def test_who_comes_second_sees_what_changed(client: Client, cast: Cast) -> None:
    take_register(
        school=cast.here, form="7A", date=TODAY, session="AM", marks={cast.theo.enrolment_id: TakenMark("N")},
        by=cast.staff["head_of_year"], role="head_of_year", now=MORNING,
    )  # fmt: skip
    answer = sent(signed_in(client, cast.bob), everyone(cast))
    assert answer.status_code == 409
    assert "You gave /. In the meantime it became N (9.00 Ms H. Hazel)" in text(answer)
    assert (code(cast.theo), code(cast.imogen)) == ("N", "/")
    assert sent(client, {cast.theo: {"saw": "N", "mark": "/"}}).status_code == 302
    assert code(cast.theo) == "/"


def test_a_school_with_its_register_elsewhere_says_so(client: Client, cast: Cast) -> None:
    School.objects.update(register_source=School.RegisterSource.MIS)
    page = text(signed_in(client, cast.bob).get(sheet()))
    assert "takes its registers in its management information system" in page and "disabled" in page
    assert sent(client, everyone(cast)).status_code == 422


def test_addresses_that_name_no_register_are_not_found(client: Client, cast: Cast) -> None:
    signed_in(client, cast.bob)
    saturday, wrong = dt.date(2025, 11, 22), sheet().replace("2025-11-20", "yesterday")
    for address in (sheet("8B"), sheet("9Z"), sheet(session="EV"), sheet(date=saturday), wrong):
        assert client.get(address).status_code == 404, address
    client.force_login(cast.charlie)
    assert client.get(sheet()).status_code == 404


# One mark


def mark(row: RegisterRow, date: dt.date = TODAY, session: str = "AM") -> str:
    return reverse("desk:mark", args=[row.enrolment_id, date.isoformat(), session])


def test_a_correction_keeps_its_history(client: Client, cast: Cast) -> None:
    signed_in(client, cast.bob)
    sent(client, everyone(cast) | {cast.theo: {"mark": "N"}})
    assert "Only the attendance officer or lead changes marks." in text(client.get(mark(cast.theo)))
    assert client.post(mark(cast.theo), {"code": "I"}).status_code == 403

    signed_in(client, cast.alice)
    answer = client.post(mark(cast.theo), {"code": "I", "reason": "Mother rang", "saw": "N", "comment": "Cold"}, follow=True)
    page = text(answer)
    assert code(cast.theo) == "I"
    for words in ("Mother rang", "Ms A. Arden", "Attendance officer", "Register taken", "Mr B. Birch", "Cold"):
        assert words in page


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"code": "I"}, "Give the reason"), ({"code": ""}, "Choose the code"),
        ({"code": "X", "reason": "x"}, "not of compulsory school age"),
        ({"code": "J", "reason": "x"}, "withdrawn"), ({"code": "I", "reason": "x", "saw": "O"}, "Somebody changed this mark"),
        ({"code": "L", "reason": "x", "minutes": "50"}, "the code is U"), ({"code": "L", "reason": "x", "minutes": "x"}, "whole number"),
    ],
)  # fmt: skip
def test_a_correction_that_may_not_be_says_why(client: Client, cast: Cast, given: dict[str, str], sentence: str) -> None:
    answer = signed_in(client, cast.alice).post(mark(cast.theo), given)
    assert answer.status_code == 422 and sentence in text(answer)
    assert not MarkChange.objects.exists()


def test_a_mark_that_cannot_be_says_why_instead_of_a_form(client: Client, cast: Cast) -> None:
    signed_in(client, cast.alice)
    assert "has not come yet" in text(client.get(mark(cast.theo, TODAY + dt.timedelta(days=1))))
    assert "admitted on 03 November 2025" in text(client.get(mark(cast.newcomer, dt.date(2025, 10, 1))))


def test_a_span_of_illness_is_corrected_with_one_reason(client: Client, cast: Cast) -> None:
    present(cast, theo=away(cast, "2025-11-03", 5, "N"))
    signed_in(client, cast.alice)
    address = reverse("desk:marks", args=[cast.theo.enrolment_id]) + "?from=2025-11-03&to=2025-11-10"
    page = client.get(address)
    lines = page.context["span"].lines
    assert sum(line.is_chosen for line in lines) == 10 and len(lines) == 12
    fields = {"from": "2025-11-03", "to": "2025-11-10", "code": "I", "reason": "Ill from 3 to 7 November"}
    fields |= {f"saw-{line.key}": line.code for line in lines} | {"session": [line.key for line in lines if line.is_chosen]}
    answer = client.post(address, fields, follow=True)
    assert "10 marks changed to I." in text(answer)
    assert {code(cast.theo, dt.date(2025, 11, day)) for day in range(3, 8)} == {"I"}
    assert code(cast.theo, dt.date(2025, 11, 10)) == "/"


# What rests on a mark


@pytest.fixture
def on_the_ladder(cast: Cast) -> StageRecord:
    """Four unauthorised days took Imogen to a stage, and letters to her parents were drafted."""
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 4))
    run(cast)
    return StageRecord.objects.filter(case__pupil=cast.imogen.enrolment.pupil, state="proposed").latest("level")


def correct(cast: Cast, dates: int, now: dt.datetime) -> None:
    """So many of the four days turn out to have been spent in school."""
    for number in range(dates):
        for session, to in (("AM", "/"), ("PM", "\\")):
            day = dt.date(2025, 11, 3) + dt.timedelta(days=number)
            change_mark(
                row=cast.imogen, date=day, session=session, to=to, reason="On a trip", by=cast.alice, role="officer", now=now
            )


def test_a_mark_names_the_stages_and_letters_that_rest_on_it(client: Client, cast: Cast, on_the_ladder: StageRecord) -> None:
    page = text(signed_in(client, cast.alice).get(mark(cast.imogen, dt.date(2025, 11, 3))))
    assert on_the_ladder.name in page and "It still stands on today’s register." in page
    assert f"Letter to {cast.parents['Morwenna'].name}" in page
    assert "No stage and no letter" in text(client.get(mark(cast.imogen, dt.date(2025, 11, 17))))


def test_a_correction_shows_at_once_what_lost_its_ground(client: Client, cast: Cast, on_the_ladder: StageRecord) -> None:
    signed_in(client, cast.alice)
    pupil = reverse("desk:pupil", args=[cast.imogen.enrolment.pupil_id])
    assert "On today’s register" not in text(client.get(pupil))
    correct(cast, 4, NOW + dt.timedelta(hours=1))
    for address in (pupil, mark(cast.imogen, dt.date(2025, 11, 3))):
        page = text(client.get(address))
        assert (
            "It would not be proposed on today&#x27;s register: tonight it is withdrawn, and its letter that has not left with it."
            in page
        )
    run(cast, now=NOW + dt.timedelta(hours=2))
    on_the_ladder.refresh_from_db()
    assert on_the_ladder.state == StageRecord.State.WITHDRAWN
    assert set(Letter.objects.filter(stage_record=on_the_ladder).values_list("state", flat=True)) == {"withdrawn"}


def test_a_letter_that_left_is_flagged_and_stays(client: Client, cast: Cast, on_the_ladder: StageRecord) -> None:
    StageRecord.objects.filter(pk=on_the_ladder.pk).update(state=StageRecord.State.DONE, done_on=TODAY)
    Letter.objects.filter(stage_record=on_the_ladder).update(state="posted", left_on=TODAY, approved_by=cast.alice)
    correct(cast, 4, NOW + dt.timedelta(hours=1))
    signed_in(client, cast.alice)
    pupil = reverse("desk:pupil", args=[cast.imogen.enrolment.pupil_id])
    assert "It would not have been sent on today&#x27;s register. Tonight it is flagged" in text(client.get(pupil))
    run(cast, now=NOW + dt.timedelta(hours=2))
    assert "It has been flagged since 20 November." in text(client.get(pupil))
    assert Letter.objects.filter(stage_record=on_the_ladder, state="posted").exists()


def test_a_mark_that_was_missing_and_came_late_is_held_against_the_stage(client: Client, cast: Cast) -> None:
    """94 of 98 attended is below 96%; four marks that came in late show that it was 98 of 102."""
    adopt(school=cast.here, key="coventry", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 2, "I"))
    late = [dt.date(2025, 11, 12), dt.date(2025, 11, 13)]
    marks = RegisterRow.objects.get(pk=cast.imogen.pk).marks
    RegisterRow.objects.filter(pk=cast.imogen.pk).update(marks=put(put(marks, late[0], ".."), late[1], ".."))
    run(cast)
    standing = StageRecord.objects.filter(case__pupil=cast.imogen.enrolment.pupil, state="proposed")
    assert standing.get().stage == "0"
    for day in late:
        for session in ("AM", "PM"):
            take_register(
                school=cast.here, form="7A", date=day, session=session, by=cast.alice, role="officer", now=NOW + dt.timedelta(hours=1),
                marks={cast.imogen.enrolment_id: TakenMark("/" if session == "AM" else "\\")},
            )  # fmt: skip
    page = text(signed_in(client, cast.alice).get(reverse("desk:pupil", args=[cast.imogen.enrolment.pupil_id])))
    assert "It would not be proposed on today&#x27;s register" in page
    assert run(cast, now=NOW + dt.timedelta(hours=2)).withdrawn == 1


def put(marks: str, day: dt.date, both: str) -> str:
    """A register row with these two characters on the day."""
    place = slot(day, "AM")
    return f"{marks[:place]}{both}{marks[place + 2 :]}"


def test_a_night_that_was_put_off_runs_once_the_register_is_taken(client: Client, cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, until=TODAY - dt.timedelta(days=1), imogen=away(cast, "2025-11-03", 4))
    assert "Put off" in run(cast).skipped[0]
    for form, rows in (("7A", (cast.imogen, cast.theo, cast.newcomer)), ("8B", (cast.priya,))):
        for session, code in (("AM", "/"), ("PM", "\\")):
            take_register(
                school=cast.here, form=form, date=TODAY, session=session, by=cast.alice, role="officer", now=NOW,
                marks={row.enrolment_id: TakenMark(code) for row in rows},
            )  # fmt: skip
    assert run(cast, now=NOW + dt.timedelta(hours=1)).proposed >= 1
    assert NightRun.objects.get().state == NightRun.State.DONE
