"""The bench at a small size: it runs, its rivals agree with Handrail, and statements and ratios have not grown. No seconds here."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from attendance.models import RegisterRow
from escalation.bench import measure as measuring
from escalation.bench.contestants import COUNTED
from escalation.bench.measure import BenchFault, Line, Result, measure
from escalation.management.commands.bench import BEGIN, END, as_markdown, as_text, write_into
from schools.models import School
from tests.cast import NOW

PUPILS = 100
SIZES = (100, 400)
STATEMENTS_A_NIGHT = 20
"""Of a night on which all that can happen does; lower it when the night needs fewer."""
NIGHT_TO_FLOOR = 60
"""At this size, where what does not grow with the pupils weighs most; measured about 20."""
NIGHT_TO_ORM_LOOP = 0.2
"""The night, decisions and writing and all, beside the ORM's counting alone; measured about a thirtieth."""


@pytest.fixture(scope="module")
def result(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Result:
    """One run for all tests, taken back afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():
        measured = measure(pupils=PUPILS, ladder="vale", now=NOW, sizes=SIZES)
        transaction.set_rollback(True)
    return measured


def line(result: Result, begins: str) -> Line:
    return next(line for line in (*result.comparison, *result.others) if line.name.startswith(begins))


def test_a_nights_statements_are_few_and_the_same_for_few_pupils_and_many(result: Result) -> None:
    few, many = (result.statements_a_night[size] for size in SIZES)
    assert few == many <= STATEMENTS_A_NIGHT


def test_reading_a_school_takes_two_statements(result: Result) -> None:
    assert line(result, "Handrail, the figures alone").statements == 2


def test_the_night_has_not_become_slow_beside_the_floor_and_the_rivals(result: Result) -> None:
    night, loop = line(result, "Handrail, the night"), line(result, "ORM loop")
    assert night.ratio is not None and night.ratio < NIGHT_TO_FLOOR
    assert night.milliseconds < NIGHT_TO_ORM_LOOP * loop.milliseconds
    assert loop.statements == PUPILS * len(COUNTED)


def test_every_contestant_is_in_the_table(result: Result) -> None:
    assert [line.name.split(":")[0] for line in result.comparison] == [
        "floor",
        "Handrail, the figures alone",
        "Handrail, the night",
        "pandas from a row a mark",
        "ORM loop",
    ]
    assert line(result, "back-test of a year").statements == 0


def test_the_same_numbers_come_as_text_as_a_table_and_as_json(result: Result, tmp_path: Path) -> None:
    assert f"{PUPILS} pupils, two years of marks, ladder vale" in as_text(result)
    assert json.loads(json.dumps(result.as_json()))["pupils"] == PUPILS
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(page, as_markdown(result))
    written = page.read_text()
    assert written.startswith(f"before\n{BEGIN}\n{PUPILS} pupils") and written.endswith(f"{END}\nafter\n")
    assert "old" not in written
    assert "| floor: raw read, a look-up and a sum, figures copied |" in written


def test_a_page_without_its_marks_is_not_written_over(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("other words")
    with pytest.raises(CommandError, match="has lost its marks"):
        write_into(page, "table")
    assert page.read_text() == "other words"


@pytest.mark.django_db
@pytest.mark.sqlite_too
def test_the_command_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "STATEMENT_SIZES", (12,))
    out = StringIO()
    call_command("bench", "--pupils", "12", "--json", stdout=out)
    assert json.loads(out.getvalue())["pupils"] == 12
    assert not School.objects.exists()
    assert not RegisterRow.objects.exists()


@pytest.mark.django_db
def test_rivals_that_disagree_end_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring.contestants, "orm_loop", lambda pupils, days, as_of: [dict.fromkeys(COUNTED, 0)] * pupils)
    with pytest.raises(BenchFault, match="The ORM loop and Handrail count possible differently"), transaction.atomic():
        measure(pupils=12, ladder="vale", now=NOW, sizes=())
