"""Reading a school's MIS through Wonde, against a service that answers over real HTTP: paging, faults, people and marks."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from attendance.mis import (
    LONGEST_WAIT,
    SPARE,
    connect,
    disconnect,
    failing_connections,
    people_in,
    read_all_again,
    read_marks,
    read_people,
    try_connection,
)
from attendance.models import ImportBatch, MarkDetail, MisConnection, RegisterRow
from attendance.remembering import remember_code
from attendance.tasks import read_register
from attendance.wonde import TRIES, WondeClient, WondeError, arrivals, day
from schools.models import AuditEntry
from schools.people import preview_people
from schools.rules import Refused
from schools.secrets import decrypt
from tests.cast import NOW, TODAY, Cast, assemble
from tests.fake_wonde import SCHOOL, TOKEN, FakeWonde, date, fake_wonde

IMOGEN, THEO = "A1039521228", "A870869351"
CODES = {"c1": "/", "c2": "\\", "c3": "I", "c4": "L", "c5": "X01", "c6": "C1"}


def student(
    number: str, forename: str, surname: str, upn: str, admission_number: str, *contacts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": number,
        "upi": "x",
        "mis_id": "17",
        "forename": forename,
        "legal_forename": forename,
        "surname": surname,
        "gender": "FEMALE",
        "date_of_birth": date("2013-10-01"),
        "updated_at": date("2025-09-01"),
        "education_details": {
            "data": {
                "upn": upn,
                "admission_number": admission_number,
                "current_nc_year": "7",
                "admission_date": date("2024-09-03"),
                "leaving_date": None,
            }
        },
        "year": {"data": {"id": "y", "name": "Year 7", "code": "7"}},
        "groups": {"data": [{"id": "g", "type": "HOUSE", "name": "Ash"}, {"id": "h", "type": "REGISTRATION", "name": "7A"}]},
        "contacts": {"data": list(contacts)},
    }


def contact(forename: str, surname: str, relationship: str, **tie: object) -> dict[str, Any]:
    return {
        "id": f"C{forename}",
        "title": "Ms",
        "forename": forename,
        "surname": surname,
        "contact_details": {
            "data": {
                "emails": {"primary": f"{forename.lower()}@home.example", "home": None},
                "phones": {"mobile": "07700 900102", "home": "01632 960102", "primary": None},
                "addresses": {
                    "home": {
                        "house_number": "2",
                        "street": "Mill Road",
                        "district": None,
                        "town": "Fenwold",
                        "postcode": "FW1 2BB",
                    }
                },
            }
        },
        "relationship": {
            **dict.fromkeys(("bill_payer", "email_bills", "copy_bills", "pupil_report"), False),
            "lives_with_pupil": True,
            "court_order": False,
            "parental_responsibility": True,
            "correspondence": True,
            "priority": 1,
            "relationship": relationship,
            **tie,
        },
    }


def mark(pupil: str, on: str, session: str, code: str, updated: str = "2025-11-19", **more: object) -> dict[str, Any]:
    return {
        "id": f"{pupil}{on}{session}",
        "date": date(on),
        "session": session,
        "student": pupil,
        "attendance_code": code,
        "comment": None,
        "minutes_late": None,
        "updated_at": date(updated),
        **more,
    }


MARKS = [
    mark(IMOGEN, "2025-11-20", "AM", "c1"),
    mark(IMOGEN, "2025-11-20", "PM", "c2"),
    mark(THEO, "2025-11-20", "AM", "c4", minutes_late=12, comment="Bus"),
    mark(THEO, "2025-11-20", "PM", "c6"),
    mark("A000", "2025-11-20", "PM", "c2"),
]


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def wonde(cast: Cast, settings: Any) -> Iterator[FakeWonde]:
    """A service that knows Imogen and Theo by their numbers here."""
    rows = {IMOGEN: cast.imogen, THEO: cast.theo}
    students = [
        student(number, row.enrolment.pupil.first_name, row.enrolment.pupil.last_name, row.enrolment.pupil.upn or "",
                row.enrolment.admission_number)
        for number, row in rows.items()
    ]  # fmt: skip
    codes = [{"id": number, "code": code, "type": "SESSION"} for number, code in CODES.items()]
    with fake_wonde(students=students, attendance_session=list(MARKS), attendance__codes=codes, deletions=[]) as served:
        settings.DEBUG, settings.WONDE_URL, settings.WONDE_PAUSE = True, served.address, 0.001
        yield served


@pytest.fixture
def connection(cast: Cast, wonde: FakeWonde) -> MisConnection:
    return connect(school=cast.here, wonde_id=SCHOOL, token=TOKEN, is_active=True, by=cast.alice, role="officer", now=NOW)


def stored(row: RegisterRow) -> str:
    return RegisterRow.objects.get(pk=row.pk).marks.strip(".")


def test_the_connection_is_tried_by_asking_for_the_schools_name(connection: MisConnection) -> None:
    assert try_connection(connection) == "Fenwold Academy"


def test_the_token_is_stored_encrypted_and_kept_when_none_is_given(cast: Cast, connection: MisConnection) -> None:
    assert TOKEN.encode() not in bytes(connection.token)
    again = connect(school=cast.here, wonde_id=SCHOOL, token="", is_active=False, by=cast.alice, role="officer", now=NOW)
    assert (decrypt(again.token), again.is_active) == (TOKEN, False)


def test_a_connection_needs_a_token_once(cast: Cast) -> None:
    with pytest.raises(Refused, match="Enter the token"):
        connect(school=cast.here, wonde_id=SCHOOL, token="", is_active=True, by=cast.alice, role="officer", now=NOW)


def test_the_audit_trail_says_who_and_holds_no_token(cast: Cast, connection: MisConnection) -> None:
    disconnect(connection=connection, by=cast.alice, role="officer", now=NOW)
    entries = AuditEntry.objects.filter(action__startswith="mis connection")
    assert {entry.action for entry in entries} == {"mis connection set", "mis connection removed"}
    assert TOKEN not in str(list(entries.values()))


def test_marks_are_read_page_by_page_into_the_register(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    read = read_marks(connection=connection, now=NOW)
    assert (read.error, read.batch and (read.batch.new, read.batch.refused, read.batch.format)) == ("", (4, 0, "wonde"))
    assert (stored(cast.imogen), stored(cast.theo)) == ("/\\", "Lc")
    assert wonde.count("attendance/session") == 3
    detail = MarkDetail.objects.get(row=cast.theo)
    assert (detail.minutes_late, detail.comment, detail.session) == (12, "Bus", "AM")
    assert (connection.last_read_at, connection.last_error, connection.busy_until) == (NOW, "", None)


def test_the_next_reading_asks_for_what_changed_since(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    read_marks(connection=connection, now=NOW)
    wonde.asked.clear()
    later = NOW + dt.timedelta(days=2)
    assert read_marks(connection=connection, now=later).batch is None
    assert wonde.asked[0][1]["updated_after"] == f"{NOW - SPARE:%Y-%m-%d %H:%M:%S}"
    assert ImportBatch.objects.count() == 1
    assert connection.last_read_at == later


def test_the_same_marks_again_change_nothing(wonde: FakeWonde, connection: MisConnection) -> None:
    read_marks(connection=connection, now=NOW)
    MisConnection.objects.update(read_from=None)
    connection.refresh_from_db()
    again = read_marks(connection=connection, now=NOW + dt.timedelta(minutes=15)).batch
    assert again
    assert (again.new, again.changed, again.unchanged) == (0, 0, 4)


def test_a_code_of_the_mis_waits_until_somebody_explains_it(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    wonde.data["attendance/session"].append(mark(IMOGEN, "2025-11-19", "AM", "c5"))
    first = read_marks(connection=connection, now=NOW).batch
    assert first
    assert (first.new, first.refused) == (4, 1)
    assert connection.read_from == NOW - LONGEST_WAIT
    remember_code(school=cast.here, raw="X01", code="X", by=cast.alice, role="officer", now=NOW)
    connection.refresh_from_db()
    second = read_marks(connection=connection, now=NOW + dt.timedelta(minutes=15)).batch
    assert second
    assert (second.new, second.refused, MarkDetail.objects.get(row=cast.imogen).raw_code) == (1, 0, "X01")


def test_reading_everything_again_is_asked_for_and_recorded(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    read_marks(connection=connection, now=NOW)
    read_all_again(connection=connection, by=cast.alice, role="officer", now=NOW)
    connection.refresh_from_db()
    wonde.asked.clear()
    read_marks(connection=connection, now=NOW)
    assert "updated_after" not in wonde.asked[0][1]


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, "hang up"])
def test_a_busy_service_is_asked_again(wonde: FakeWonde, connection: MisConnection, fault: object) -> None:
    wonde.faults["attendance/session"].extend([fault, fault])
    assert read_marks(connection=connection, now=NOW).error == ""
    assert wonde.count("attendance/session") == 5


def test_a_service_that_stays_busy_is_an_error_and_nothing_is_read_in(
    cast: Cast, wonde: FakeWonde, connection: MisConnection
) -> None:
    wonde.faults["attendance/session"].extend([503] * TRIES)
    read = read_marks(connection=connection, now=NOW)
    assert "busy or failing (HTTP 503)" in read.error
    assert (stored(cast.imogen), connection.last_read_at, connection.busy_until) == ("", None, None)


def test_a_fault_on_the_second_page_reads_nothing_in(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    half = {"data": MARKS[:2], "meta": {"pagination": {"more": True}}}
    wonde.faults["attendance/session"].extend([half, "cut"])
    assert "could not be understood" in read_marks(connection=connection, now=NOW).error
    assert (stored(cast.imogen), ImportBatch.objects.count()) == ("", 0)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("page", "could not be understood"),
        ([], "could not be understood"),
        ({"data": "x"}, "not a list of objects"),
        ({"data": [1]}, "not a list of objects"),
        ({}, "not a list of objects"),
        (401, "does not accept the token"),
        (404, "does not know the school"),
        (301, "HTTP 301"),
        (418, "HTTP 418"),
    ],
)
def test_a_strange_answer_is_a_sentence(wonde: FakeWonde, connection: MisConnection, answer: object, sentence: str) -> None:
    wonde.faults["attendance/session"].append(answer)
    assert sentence in read_marks(connection=connection, now=NOW).error


def test_an_answer_without_end_stops(wonde: FakeWonde, connection: MisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attendance.wonde.MOST_PAGES", 3)
    wonde.faults["attendance/session"].extend([{"data": MARKS[:1], "meta": {"pagination": {"more": True}}}] * 9)
    assert "has no end" in read_marks(connection=connection, now=NOW).error


def test_a_wrong_token_is_said_and_never_shown(cast: Cast, connection: MisConnection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connect(school=cast.here, wonde_id=SCHOOL, token="not-the-token", is_active=True, by=cast.alice, role="officer", now=NOW)
    connection.refresh_from_db()
    error = read_marks(connection=connection, now=NOW).error
    assert "does not accept the token" in error
    assert "not-the-token" not in error + caplog.text


def test_no_token_goes_over_plain_http_outside_development() -> None:
    with pytest.raises(WondeError, match="https"):
        WondeClient(wonde_id=SCHOOL, token=TOKEN, address="http://wonde.example")


def test_a_token_of_another_key_is_said(connection: MisConnection, settings: Any) -> None:
    settings.SECRET_KEY = "another-key"
    assert "enter it again" in read_marks(connection=connection, now=NOW).error


def test_only_one_worker_reads_a_school(connection: MisConnection) -> None:
    MisConnection.objects.update(busy_until=NOW + dt.timedelta(minutes=5))
    assert "being read at this moment" in read_marks(connection=connection, now=NOW).error
    assert read_marks(connection=connection, now=NOW + dt.timedelta(minutes=6)).error == ""


def test_another_schools_marks_are_refused_whole(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    for known in wonde.data["students"]:
        known["education_details"]["data"] |= {"upn": "Z" + known["id"], "admission_number": ""}
    assert "another school's file" in read_marks(connection=connection, now=NOW).error
    assert stored(cast.imogen) == ""


def test_the_task_reads_active_connections_of_schools_with_a_mis_only(
    cast: Cast, wonde: FakeWonde, connection: MisConnection
) -> None:
    assert read_register(connection.pk)
    assert stored(cast.imogen) == "/\\"
    cast.here.register_source = "handrail"
    cast.here.save()
    wonde.asked.clear()
    assert read_register(connection.pk)
    assert wonde.asked == []


def test_a_failing_connection_is_listed_until_it_works_again(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    wonde.faults["attendance/session"].append(401)
    read_marks(connection=connection, now=NOW)
    assert [failing.school for failing in failing_connections([cast.here, cast.there])] == [cast.here]
    read_marks(connection=connection, now=NOW)
    assert failing_connections([cast.here]) == []


# People


def test_people_come_with_year_form_and_contacts(wonde: FakeWonde, connection: MisConnection) -> None:
    wonde.data["students"][0]["contacts"]["data"] = [
        contact("Morwenna", "Marlow", "Mother"),
        contact("Piers", "Quill", "Father", priority=2, lives_with_pupil=False, court_order=True, correspondence=False),
    ]
    read = people_in(read_people(connection))
    pupil = read.pupils[0]
    assert (pupil.first_name, pupil.year_group, pupil.form, pupil.sex) == ("Imogen", 7, "7A", "F")
    assert (pupil.date_of_birth, pupil.admitted, pupil.left) == (dt.date(2013, 10, 1), dt.date(2024, 9, 3), None)
    mother, father = pupil.contacts or ()
    assert (mother.relationship, mother.telephone, mother.email) == ("Mother", "07700 900102", "morwenna@home.example")
    assert mother.address == "2 Mill Road\nFenwold\nFW1 2BB"
    assert (mother.has_parental_responsibility, mother.receives_letters, mother.lives_with_pupil, mother.court_order) == (
        *(True, True, True),
        False,
    )
    assert (father.court_order, father.receives_letters, father.priority, father.mis_id) == (True, False, 2, "CPiers")
    assert read.is_whole_roll


def test_a_pupil_to_whom_no_letter_could_be_sent_is_noticed(wonde: FakeWonde, connection: MisConnection) -> None:
    wonde.data["students"][0]["contacts"]["data"] = [contact("Morwenna", "Marlow", "Mother", correspondence=False)]
    wonde.data["students"][1]["contacts"]["data"] = [contact("Grace", "Okafor", "Mother")]
    notices = people_in(read_people(connection)).notices
    assert [notice.row for notice in notices] == [1]
    assert "No contact of this pupil is marked for correspondence" in notices[0].reason


def test_people_are_looked_at_before_they_are_taken_in(cast: Cast, connection: MisConnection) -> None:
    preview = preview_people(cast.here, people_in(read_people(connection)), TODAY)
    assert (len(preview.new), preview.refused) == (0, 0)


def test_a_pupil_that_cannot_be_read_is_refused_and_nobody_is_taken_for_a_leaver() -> None:
    broken = student("A1", "Robin", "Example", "A823432120009", "9") | {"date_of_birth": {"date": "yesterday"}}
    read = arrivals([broken, {}])
    assert [refusal.row for refusal in read.refusals] == [1, 2]
    assert not read.is_whole_roll


def test_dates_of_the_api() -> None:
    assert day(date("2002-09-29")) == dt.date(2002, 9, 29)
    assert day("2002-09-29") == dt.date(2002, 9, 29)
    assert day(None) is day({"date": None}) is None
    with pytest.raises(Refused):
        day({"date": "29/09/2002"})


def test_marks_may_come_with_what_they_point_to(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    included = mark(IMOGEN, "2025-11-20", "AM", "") | {
        "student": {"data": {"id": IMOGEN}},
        "attendance_code": {"data": {"id": "c3", "code": "I"}},
    }
    wonde.data["attendance/session"] = [included]
    assert read_marks(connection=connection, now=NOW).error == ""
    assert stored(cast.imogen) == "I"


def test_closed_days_in_the_mis_are_no_refusals(cast: Cast, wonde: FakeWonde, connection: MisConnection) -> None:
    wonde.data["attendance-codes"].append({"id": "c9", "code": "#"})
    wonde.data["attendance/session"] = [*MARKS, mark(IMOGEN, "2025-12-25", "AM", "c9"), mark(IMOGEN, "2025-10-24", "AM", "c9")]
    read = read_marks(connection=connection, now=NOW).batch
    assert read
    assert (read.new, read.refused) == (4, 0)


def test_the_command_reads_now_and_says_what_failed(
    wonde: FakeWonde, connection: MisConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("read_mis")
    assert "Fenwold Academy: 4 new, 0 changed, 0 refused." in capsys.readouterr().out
    wonde.faults["attendance/session"].append(401)
    with pytest.raises(CommandError, match="1 of 1 readings failed"):
        call_command("read_mis", "--school", "900001")
    with pytest.raises(CommandError, match="No school is read"):
        call_command("read_mis", "--school", "900002")
