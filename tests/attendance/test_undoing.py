"""Undoing a whole file: what stood before stands again, with history; and what stands in the way is said in words."""

from __future__ import annotations

import datetime as dt

import pytest

from attendance import undoing
from attendance.grid import slot
from attendance.models import ImportBatch, MarkChange, MarkDetail, RegisterConflict, RegisterRow
from attendance.queries import verify
from attendance.services import change_mark, import_register
from attendance.undoing import undo_import, why_not_undo
from schools.models import AuditEntry
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture
def cast() -> Cast:
    return assemble()


def read_in(cast: Cast, code: str, *, now: dt.datetime = NOW) -> ImportBatch:
    rows = (f"{row.enrolment.pupil.upn},{TODAY},{half},{code},7" for row in (cast.imogen, cast.theo) for half in ("AM", "PM"))
    data = "\n".join(["upn,date,session,code,minutes_late", *rows]).encode()
    return import_register(school=cast.here, data=data, file_name="day.csv", by=cast.alice, role="officer", now=now)[0]


def undo(cast: Cast, batch: ImportBatch) -> ImportBatch:
    return undo_import(batch=batch, by=cast.staff["attendance_lead"], role="attendance_lead", now=LATER)


def register(cast: Cast) -> list[str]:
    return list(RegisterRow.objects.filter(school=cast.here).order_by("pk").values_list("marks", flat=True))


def test_first_entries_leave_empty_marks_with_the_history_kept(cast: Cast) -> None:
    empty = register(cast)
    undone = undo(cast, read_in(cast, "L"))
    assert register(cast) == empty
    assert (undone.undone_by, undone.undone_at) == (cast.staff["attendance_lead"], LATER)
    assert set(MarkChange.objects.values_list("original", "amended", "by__name", "reason")) == {
        ("L", "", "Mr L. Larch", "Import undone.")
    }
    assert not MarkDetail.objects.exists()
    assert verify(cast.here)[2] == []
    assert AuditEntry.objects.get(action="import undone").detail == {"marks": 4}


def test_changes_go_back_to_what_stood_before(cast: Cast) -> None:
    read_in(cast, "N")
    before = register(cast)
    undo(cast, read_in(cast, "O", now=NOW + dt.timedelta(minutes=1)))
    assert register(cast) == before
    assert verify(cast.here)[2] == []


def test_the_file_can_be_read_in_again_after_it_was_undone(cast: Cast) -> None:
    undo(cast, read_in(cast, "L"))
    again = read_in(cast, "L", now=LATER)
    assert (again.new, RegisterConflict.objects.count()) == (4, 0), "what an undo wrote is not a person's mark"
    assert verify(cast.here)[2] == []
    assert undo_import(batch=again, by=cast.alice, role="officer", now=LATER + dt.timedelta(hours=1)).undone_at


def test_a_batch_is_undone_once(cast: Cast) -> None:
    batch = undo(cast, read_in(cast, "L"))
    with pytest.raises(Refused, match="It was undone on 20 November 2025 already"):
        undo(cast, batch)


def test_a_later_change_stands_in_the_way(cast: Cast) -> None:
    batch = read_in(cast, "N")
    change_mark(row=cast.imogen, date=TODAY, session="AM", to="I", reason="Ill", by=cast.alice, role="officer", now=LATER)
    before = register(cast)
    with pytest.raises(Refused, match="1 of its marks was changed since, the earliest of 20 November 2025 AM: correct"):
        undo(cast, batch)
    assert register(cast) == before and not ImportBatch.objects.get().undone_at


def test_a_change_of_another_mark_does_not(cast: Cast) -> None:
    batch = read_in(cast, "N")
    change_mark(row=cast.priya, date=TODAY, session="AM", to="I", reason="Ill", by=cast.alice, role="officer", now=LATER)
    undo(cast, batch)
    cast.priya.refresh_from_db()
    assert cast.priya.marks[slot(TODAY, "AM")] == "I"


def test_a_file_that_changed_nothing_has_nothing_to_undo(cast: Cast) -> None:
    read_in(cast, "N")
    assert why_not_undo(read_in(cast, "N")) == ["It entered and changed no mark, so there is nothing to undo."]


def test_what_other_rooms_say_stands_in_the_way(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[undoing.Resting] = []

    def ask(resting: undoing.Resting) -> list[str]:
        asked.append(resting)
        return ["A letter rests on it."]

    batch = read_in(cast, "N")
    monkeypatch.setattr(undoing, "WHAT_RESTS", [ask])
    assert why_not_undo(batch) == ["A letter rests on it."]
    assert asked[0].days == {cast.imogen.enrolment.pupil_id: [TODAY], cast.theo.enrolment.pupil_id: [TODAY]}


def test_the_open_questions_of_the_file_are_closed(cast: Cast) -> None:
    change_mark(row=cast.imogen, date=TODAY, session="AM", to="I", reason="", by=cast.alice, role="officer", now=NOW)
    undo(cast, read_in(cast, "L", now=NOW + dt.timedelta(minutes=1)))
    assert RegisterConflict.objects.get().state == RegisterConflict.State.KEPT
    cast.imogen.refresh_from_db()
    assert cast.imogen.marks[slot(TODAY, "AM")] == "I"
