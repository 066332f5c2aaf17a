"""A file against what a person wrote here: never lost, decided by a person, and not asked twice."""

from __future__ import annotations

import pytest

from attendance.codes import CODES
from attendance.grid import slot
from attendance.models import MarkChange, MarkDetail, RegisterConflict, RegisterRow
from attendance.queries import preview_import, verify
from attendance.services import change_mark, decide_conflict, import_register
from schools.models import AuditEntry, School
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
State = RegisterConflict.State


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    read_in(made, "N")
    change_mark(row=made.imogen, date=TODAY, session="AM", to="I", reason="Mother rang", by=made.alice, role="officer", now=NOW)
    return made


def day(cast: Cast, code: str) -> bytes:
    rows = (f"{row.enrolment.pupil.upn},{TODAY},AM,{code},7,bus" for row in (cast.imogen, cast.theo))
    return "\n".join(["upn,date,session,code,minutes_late,comment", *rows]).encode()


def read_in(cast: Cast, code: str):
    return import_register(school=cast.here, data=day(cast, code), file_name="day.csv", by=cast.alice, role="officer", now=NOW)


def stored(row: RegisterRow) -> str:
    row.refresh_from_db()
    return row.marks[slot(TODAY, "AM")]


def decide(cast: Cast, take: bool, reason: str = "The tutor saw her") -> RegisterConflict:
    conflict = RegisterConflict.objects.get(state=State.OPEN)
    return decide_conflict(conflict=conflict, take=take, reason=reason, by=cast.alice, role="officer", now=NOW)


@pytest.mark.parametrize("source", School.RegisterSource.values)
def test_ours_stands_until_a_person_decides_wherever_the_register_is_kept(cast: Cast, source: str) -> None:
    School.objects.filter(pk=cast.here.pk).update(register_source=source)
    batch, preview = read_in(cast, "L")
    assert (batch.changed, len(preview.conflicts)) == (1, 1)
    assert (stored(cast.imogen), stored(cast.theo)) == ("I", "L")
    conflict = RegisterConflict.objects.get()
    assert (conflict.ours, conflict.theirs, conflict.state, conflict.batch) == ("I", "L", State.OPEN, batch)
    assert list(MarkDetail.objects.values_list("row", flat=True)) == [cast.theo.pk], "nothing of the file's mark beside ours"


def test_the_same_file_again_asks_once(cast: Cast) -> None:
    for _ in range(3):
        read_in(cast, "L")
    assert RegisterConflict.objects.count() == 1
    read_in(cast, "U")
    assert RegisterConflict.objects.get().theirs == "U"


def test_ours_kept_is_not_asked_again_for_the_same_pair(cast: Cast) -> None:
    read_in(cast, "L")
    kept = decide(cast, take=False)
    assert (kept.state, kept.decided_by, stored(cast.imogen)) == (State.KEPT, cast.alice, "I")
    _, preview = read_in(cast, "L")
    assert (len(preview.conflicts), len(preview.kept), RegisterConflict.objects.count()) == (0, 1, 1)
    read_in(cast, "U")
    assert RegisterConflict.objects.filter(state=State.OPEN).get().theirs == "U", "another mark is another question"


def test_the_files_taken_changes_the_mark_with_its_history(cast: Cast) -> None:
    read_in(cast, "L")
    decide(cast, take=True)
    assert stored(cast.imogen) == "L"
    change = MarkChange.objects.first()
    assert change and (change.original, change.amended, change.reason, change.by) == ("I", "L", "The tutor saw her", cast.alice)
    _, preview = read_in(cast, "L")
    assert (preview.conflicts, preview.changed, verify(cast.here)[2]) == ([], 0, [])
    assert AuditEntry.objects.filter(action="conflict decided").count() == 1


def test_a_decision_needs_a_reason_and_is_made_once(cast: Cast) -> None:
    read_in(cast, "L")
    conflict = RegisterConflict.objects.get()
    with pytest.raises(Refused, match="Give the reason"):
        decide(cast, take=True, reason=" ")
    decide(cast, take=False)
    with pytest.raises(Refused, match="decided this already"):
        decide_conflict(conflict=conflict, take=True, reason="x", by=cast.alice, role="officer", now=NOW)
    assert stored(cast.imogen) == "I"


def test_a_mark_changed_meanwhile_stops_the_files_from_being_taken(cast: Cast) -> None:
    read_in(cast, "L")
    change_mark(row=cast.imogen, date=TODAY, session="AM", to="M", reason="Dentist", by=cast.alice, role="officer", now=NOW)
    with pytest.raises(Refused, match="Somebody changed this mark"):
        decide(cast, take=True)
    assert RegisterConflict.objects.get().state == State.OPEN, "nothing is half-decided"


def test_a_file_that_comes_round_closes_the_question_without_a_name(cast: Cast) -> None:
    read_in(cast, "L")
    read_in(cast, "I")
    conflict = RegisterConflict.objects.get()
    assert (conflict.state, conflict.decided_by, conflict.reason) == (State.KEPT, None, "A later file says the same.")
    read_in(cast, "L")
    assert RegisterConflict.objects.filter(state=State.OPEN).exists(), "nobody decided, so it is asked"


def test_what_only_files_wrote_a_file_may_change(cast: Cast) -> None:
    assert preview_import(school=cast.here, data=day(cast, "O")).changed == 1
    assert stored(cast.theo) == CODES["N"].character
