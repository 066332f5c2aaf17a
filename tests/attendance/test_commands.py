"""The commands: a preview that writes nothing, an import, and a check that finds a broken row."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from attendance.grid import slot
from attendance.models import ImportBatch, MarkChange, RegisterRow
from attendance.services import change_mark, stored_code
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def day(cast: Cast, tmp_path: Path) -> Path:
    file = tmp_path / "day.csv"
    rows = [f"{row.enrolment.pupil.upn},{TODAY},AM,N\n" for row in (cast.imogen, cast.theo, cast.priya)]
    file.write_text("upn,date,session,code\n" + "".join(rows) + f"{cast.leaver.enrolment.pupil.upn},{TODAY},AM,/\n")
    return file


def run(*arguments: object) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def test_without_commit_it_shows_and_writes_nothing(cast: Cast, day: Path) -> None:
    said = run("import_register", day, "--school", cast.here.urn)
    assert "row 5 refused: The pupil left on 17 October 2025" in said
    assert "day.csv for Fenwold Academy: 4 rows, 3 marks new, 0 changed, 0 unchanged, 1 refused." in said
    assert "Nothing was written: add --commit to read it in." in said
    assert not ImportBatch.objects.exists()


def test_with_commit_it_is_read_in_once(cast: Cast, day: Path) -> None:
    assert "3 marks new" in run("import_register", day, "--school", cast.here.urn, "--format", "long", "--commit")
    assert stored_code(cast.imogen, TODAY, "AM") == "N"
    assert "0 marks new, 0 changed, 3 unchanged" in run("import_register", day, "--school", cast.here.urn, "--commit")


def test_a_contradicted_correction_is_shown(cast: Cast, day: Path) -> None:
    run("import_register", day, "--school", cast.here.urn, "--commit")
    change_mark(row=cast.theo, date=TODAY, session="AM", to="M", reason="Dentist", by=cast.alice, role="officer", now=NOW)
    said = run("import_register", day, "--school", cast.here.urn)
    assert f"corrected here by hand to M, in the file N: enrolment {cast.theo.enrolment_id}, 20 November 2025 AM" in said


def test_another_schools_file_ends_with_an_error(cast: Cast, day: Path) -> None:
    with pytest.raises(CommandError, match="looks like another school's file. Nothing of it was read in") as refused:
        run("import_register", day, "--school", cast.there.urn, "--commit")
    assert refused.value.returncode == 1
    assert not ImportBatch.objects.exists()


def test_a_school_or_file_that_is_not_there_is_told(cast: Cast, day: Path) -> None:
    with pytest.raises(CommandError, match="No school has the URN 999999"):
        run("import_register", day, "--school", "999999")
    with pytest.raises(CommandError, match="No such file or directory. Give the path of a file that can be read."):
        run("import_register", day.with_name("nothing.csv"), "--school", cast.here.urn)


def test_a_register_that_history_explains_is_in_order(cast: Cast, day: Path) -> None:
    run("import_register", day, "--school", cast.here.urn, "--commit")
    change_mark(row=cast.theo, date=TODAY, session="AM", to="M", reason="Dentist", by=cast.alice, role="officer", now=NOW)
    assert "900001: 5 register rows, 3 marks, 0 faults" in run("verify_register", "--school", cast.here.urn)


def test_a_row_changed_behind_its_history_is_found(cast: Cast, day: Path) -> None:
    run("import_register", day, "--school", cast.here.urn, "--commit")
    place = slot(TODAY, "AM")
    marks = RegisterRow.objects.get(pk=cast.imogen.pk).marks
    RegisterRow.objects.filter(pk=cast.imogen.pk).update(marks=marks[:place] + "/" + marks[place + 1 :])
    out = StringIO()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("verify_register", stdout=out)
    assert f"900001: Register row {cast.imogen.pk}, 20 November 2025 AM is stored as /, but its history says N." in out.getvalue()


def test_lost_history_is_found(cast: Cast, day: Path) -> None:
    run("import_register", day, "--school", cast.here.urn, "--commit")
    change_mark(row=cast.theo, date=TODAY, session="AM", to="M", reason="Dentist", by=cast.alice, role="officer", now=NOW)
    MarkChange.objects.all().delete()
    with pytest.raises(CommandError, match="1 faults"):
        run("verify_register", "--school", cast.here.urn)
