"""``manage.py backtest`` from files: what it prints, what it reports, and that it needs no database."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from escalation.engine.ruleset import load_ruleset
from tests.engine.school_year import calendar_rows, marks_rows

ROOT = Path(__file__).parents[2]
HEADINGS = {"calendar": ["date", "half_term", "term", "academic_year"], "marks": ["upn", "date", "session", "code"]}


@pytest.fixture
def files(tmp_path):
    """A calendar and two pupils' marks as files."""
    days = [row[0] for row in calendar_rows()]
    write(tmp_path / "calendar.csv", "calendar", calendar_rows())
    marks = marks_rows("B1", {"2025-09-08 to 2025-09-11": "I"}, days) + marks_rows("A1", {"2025-09-08": "I"}, days)
    write(tmp_path / "marks.csv", "marks", marks)
    return tmp_path


def write(path, kind, rows, heading=None):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([heading or HEADINGS[kind], *rows])


def add(path, *rows):
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def backtest(folder, **options):
    """(lines printed, lines of standard error)."""
    out, err = io.StringIO(), io.StringIO()
    given = {"ruleset": "federation", "start": "2025-09-01", "end": "2026-07-20", "act": "never", "form": "jsonl", **options}
    arguments = ["--ruleset", given["ruleset"], "--from", given["start"], "--to", given["end"], "--act", given["act"]]
    arguments += ["--format", given["form"], "--calendar", str(folder / "calendar.csv"), "--marks", str(folder / "marks.csv")]
    call_command("backtest", *arguments, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_a_line_an_object_by_date_then_upn_then_kind_then_id(files):
    lines, reported = backtest(files)
    found = [(item["date"], item["upn"], item["kind"], item["id"]) for item in map(json.loads, lines)]
    assert found == [
        ("2025-09-10", "B1", "stage", "1"),
        ("2025-09-11", "B1", "stage", "3"),
        ("2025-09-16", "A1", "watch", "persistent-absence"),
        ("2025-09-16", "B1", "watch", "persistent-absence"),
    ]
    assert reported == []
    assert list(json.loads(lines[0])) == ["date", "upn", "kind", "id", "name", "because"]
    assert list(json.loads(lines[0])["because"][0]) == ["measure", "window", "from", "to", "value", "op", "threshold"]


@pytest.mark.parametrize(
    ("row", "reported"),
    [
        (("A1", "2025-09-06", "AM", "/"), "'2025-09-06' is not a school day in the calendar. The row is skipped."),
        (("A1", "yesterday", "AM", "/"), "'yesterday' is not a date such as 2025-09-03. The row is skipped."),
        (("A1", "2025-09-08", "XX", "/"), "The session 'XX' is neither AM nor PM. The row is skipped."),
        (("A1", "2025-09-08", "AM", "QQ"), "'QQ' is not an attendance code. The row is skipped."),
        (("", "2025-09-08", "AM", "/"), "There is no UPN. The row is skipped."),
        (("A1", "2025-09-08", "AM"), "3 columns; expected upn, date, session, code. The row is skipped."),
        (("A1", "2025-09-08", "AM", "/"), "A second row for one pupil's session. The row is skipped."),
    ],
)
def test_a_row_that_cannot_be_used_is_skipped_and_reported_with_its_number(files, row, reported):
    before, _ = backtest(files)
    number = len((files / "marks.csv").read_text().splitlines()) + 1
    add(files / "marks.csv", row)
    lines, errors = backtest(files)
    assert errors == [f"marks, row {number}: {reported}"]
    assert lines == before


def test_faulty_calendar_rows(files):
    add(
        files / "calendar.csv", ("2025-09-03", "a", "b", "c"), ("31/12/2025", "a", "b", "c"), ("2026-08-01", "", "b", "c"), ("x",)
    )
    _, errors = backtest(files)
    assert [error.split(":")[0] for error in errors] == [f"calendar, row {number}" for number in (196, 197, 198, 199)]


def test_a_withdrawn_code_keeps_its_meaning_with_a_warning(files):
    add(files / "marks.csv", *(("C1", f"2025-09-{day:02}", half, "H") for day in (8, 9, 10) for half in ("AM", "PM")))
    lines, errors = backtest(files)
    assert '"C1", "kind": "stage", "id": "1"' in "".join(lines)
    assert errors == ["marks: Code H was withdrawn after 18 August 2024; it is accepted and keeps its meaning. Use C instead."]


def test_plain_and_quoted_files_of_any_column_order_say_the_same(files):
    plain, _ = backtest(files)
    rows = list(csv.reader((files / "marks.csv").open()))
    with (files / "marks.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([row[3], row[0], row[2], row[1]] for row in rows)
    assert backtest(files)[0] == plain
    (files / "marks.csv").write_bytes(b"\xef\xbb\xbf" + "".join(f"{','.join(row)}\r\n" for row in rows).encode())
    assert backtest(files)[0] == plain


def test_the_summary_is_the_workload(files):
    lines, _ = backtest(files, form="summary")
    assert lines[1:] == [
        "2025-09-08      1       tutor                     1",
        "2025-09-08      3       tutor                     1",
        "peak week: 2025-09-08, 2 proposals",
        "case load at the end: 1 pupil",
        "  stage 3 (Letter 1: support): 1",
        "watch list, persistent-absence: 2",
    ]


def test_a_ruleset_from_a_file(files):
    text = load_ruleset("federation").text.replace("first_talk: {value: 5", "first_talk: {value: 2")
    (files / "mine.yaml").write_text(text, encoding="utf-8")
    lines, _ = backtest(files, ruleset=str(files / "mine.yaml"))
    assert json.loads(lines[0])["date"] == "2025-09-08"


def test_a_faulty_ruleset_is_refused_with_its_line(files):
    (files / "mine.yaml").write_text(
        load_ruleset("federation").text.replace("measure: missed", "measure: mist", 1), encoding="utf-8"
    )
    with pytest.raises(CommandError, match=r"mine.yaml, line \d+ \(stages > 1 > when > measure\): unknown measure"):
        backtest(files, ruleset=str(files / "mine.yaml"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ruleset": "nowhere"}, "no such ruleset"),
        ({"start": "2026-01-01", "end": "2025-09-01"}, "lies before"),
        ({"start": "soon"}, "is not a date such as"),
    ],
)
def test_what_was_asked_wrongly(files, options, message):
    with pytest.raises(CommandError, match=message):
        backtest(files, **options)


def test_files_that_are_not_there_or_not_csv(files):
    write(files / "calendar.csv", "calendar", calendar_rows(), heading=["day", "half_term", "term", "academic_year"])
    with pytest.raises(CommandError, match="row 1: the column 'date' is missing"):
        backtest(files)
    (files / "calendar.csv").write_bytes(b"date,half_term,term,academic_year\n\xff\xfe\n")
    with pytest.raises(CommandError, match="is not CSV in UTF-8"):
        backtest(files)
    (files / "calendar.csv").unlink()
    with pytest.raises(CommandError, match="cannot be read"):
        backtest(files)


def test_a_calendar_without_a_day_is_refused(files):
    write(files / "calendar.csv", "calendar", [])
    with pytest.raises(CommandError, match="no school day that can be used"):
        backtest(files)


def test_marks_without_a_row_give_an_empty_answer(files):
    write(files / "marks.csv", "marks", [])
    assert backtest(files) == ([], [])


def test_it_runs_without_a_database(files):
    """As a process of its own, with a database address at which nothing listens."""
    command = [sys.executable, "manage.py", "backtest", "--ruleset", "vale", "--calendar", str(files / "calendar.csv")]
    command += ["--marks", str(files / "marks.csv"), "--from", "2025-09-01", "--to", "2026-07-20"]
    nowhere = {**os.environ, "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/none"}
    done = subprocess.run(command, cwd=ROOT, env=nowhere, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["kind"] in ("stage", "watch")
