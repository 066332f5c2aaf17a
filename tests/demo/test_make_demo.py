"""The demo as a newcomer makes it: one command on the embedded database, then looked at from outside. Made once for all tests here."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from demo.structure import GroupPlan, read_groups
from escalation.engine.ruleset import load_ruleset

ROOT = Path(__file__).resolve().parents[2]


def manage(database: Path, *arguments: str) -> str:
    """What ``manage.py`` prints, with the settings of ``bin/demo``."""
    settings = dict(line.split("=", 1) for line in (ROOT / "config/demo.env").read_text().splitlines() if line and line[0] != "#")
    environment = os.environ | settings | {"DATABASE_URL": f"sqlite:///{database}", "REDIS_URL": "", "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Made(NamedTuple):
    """The demo's database file, what its making printed, and the ladder of the one group that was made (empty: all of them)."""

    database: Path
    printed: str
    only: str

    @property
    def groups(self) -> list[GroupPlan]:
        return [group for group in read_groups() if self.only in ("", group.ruleset)]


@pytest.fixture(scope="session", params=["vale", pytest.param("", marks=pytest.mark.slow, id="all")])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The two smallest schools every day, the whole demo among the slow tests; whichever test process comes first makes it."""
    only = request.param
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    database, printed = shared / f"demo{only}.sqlite3", shared / f"demo{only}.txt"
    with (shared / f"demo{only}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            manage(database, "migrate", "--verbosity", "0")
            printed.write_text(manage(database, "make_demo", "--only", only))
    return Made(database, printed.read_text(), only)


@pytest.fixture
def rows(made: Made) -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(f"file:{made.database}?mode=ro", uri=True) as connection:
        yield connection


def count(rows: sqlite3.Connection, sql: str, *values: object) -> int:
    return int(rows.execute(sql, values).fetchone()[0])


def test_the_table_names_every_school_with_its_figures(made: Made) -> None:
    table = made.printed[made.printed.index("School ") :]
    for school in [school for group in made.groups for school in group.schools]:
        line = next(line for line in table.splitlines() if line.startswith(school.name + " "))
        pupils, marks, reached, drafted, seconds = re.split(r" {2,}", line[len(school.name) :].strip())
        assert int(pupils.replace(",", "")) > 80 and int(marks.replace(",", "")) > 50_000
        assert int(reached) >= 0 and int(drafted) >= 0 and float(seconds) > 0


def test_pupils_stand_at_every_stage_of_every_ladder(rows: sqlite3.Connection, made: Made) -> None:
    found = set(
        rows.execute(
            "SELECT DISTINCT version.key, record.stage FROM escalation_stagerecord record JOIN escalation_rulesetversion version"
            " ON version.id = record.version_id WHERE record.state IN ('proposed', 'held', 'done')"
        )
    )
    assert found == {(group.ruleset, stage.id) for group in made.groups for stage in load_ruleset(group.ruleset).stages}


def test_letters_are_in_every_state_that_staff_bring_about(rows: sqlite3.Connection, made: Made) -> None:
    states = dict(rows.execute("SELECT state, count(*) FROM letters_letter GROUP BY state"))
    assert {"drafted", "posted", "declined"} | (set() if made.only else {"held", "approved"}) <= set(states)
    assert states["posted"] > (200 if made.only else 5000)


def test_every_letter_that_left_was_approved_by_a_person_and_stage_done_by_their_act(rows: sqlite3.Connection) -> None:
    assert count(rows, "SELECT count(*) FROM letters_letter WHERE state IN ('posted', 'sent') AND approved_by_id IS NULL") == 0
    assert count(rows, "SELECT count(*) FROM letters_letter WHERE state = 'posted' AND (text = '' OR sha256 = '')") == 0
    assert count(rows, "SELECT count(*) FROM escalation_stagerecord WHERE state = 'done' AND decided_by_id IS NULL") == 0


def test_pdfs_are_of_the_last_half_term_only(rows: sqlite3.Connection) -> None:
    assert count(rows, "SELECT count(*) FROM letters_letter WHERE pdf <> '' AND approved_at < '2026-05-31'") == 0
    assert count(rows, "SELECT count(*) FROM letters_letter WHERE pdf = '' AND approved_at > '2026-06-03'") == 0
    assert count(rows, "SELECT count(*) FROM letters_letter WHERE pdf <> ''") > 20


def test_meetings_took_place_with_and_without_parents(rows: sqlite3.Connection) -> None:
    outcomes = {outcome for (outcome,) in rows.execute("SELECT DISTINCT outcome FROM escalation_task WHERE kind = 'meeting'")}
    assert {"attended", "held_in_absence", ""} <= outcomes
    assert count(rows, "SELECT count(*) FROM escalation_event WHERE outcome = 'no_answer'") > 20


def test_periods_were_met_and_missed(rows: sqlite3.Connection) -> None:
    outcomes = {outcome for (outcome,) in rows.execute("SELECT DISTINCT outcome FROM escalation_period")}
    assert {"met", "missed", ""} <= outcomes


def test_the_night_says_where_nobody_may_be_written_to(rows: sqlite3.Connection, made: Made) -> None:
    assert made.only or count(rows, "SELECT count(*) FROM escalation_plannedletter WHERE state = 'nobody'") > 0
    barred = """SELECT count(*) FROM letters_letter letter JOIN escalation_case c ON c.id = letter.case_id
                JOIN schools_pupilparent link ON link.pupil_id = c.pupil_id AND link.parent_id = letter.parent_id
                WHERE link.no_contact_from IS NOT NULL OR NOT link.receives_letters"""
    assert count(rows, barred) == 0


def test_every_school_was_run_every_night_up_to_friday(rows: sqlite3.Connection, made: Made) -> None:
    sql = """SELECT count(*), max("on"), group_concat(DISTINCT state) FROM escalation_nightrun GROUP BY school_id"""
    nights = rows.execute(sql).fetchall()
    assert len(nights) == sum(len(group.schools) for group in made.groups)
    for number, last, states in nights:
        assert number >= 160 and last == "2026-06-12" and states == "done"


def test_the_history_explains_every_mark(made: Made) -> None:
    manage(made.database, "verify_register")


def test_run_again_it_only_prints_the_table(made: Made, rows: sqlite3.Connection) -> None:
    before = count(rows, "SELECT count(*) FROM letters_letterevent")
    again = manage(made.database, "make_demo")
    assert again.strip() == made.printed[made.printed.index("School ") :].strip()
    assert count(rows, "SELECT count(*) FROM letters_letterevent") == before


def test_the_last_night_run_again_changes_nothing(made: Made, rows: sqlite3.Connection) -> None:
    tables = ("escalation_stagerecord", "escalation_plannedletter", "letters_letter", "escalation_watchentry", "escalation_event")
    before = [count(rows, f"SELECT count(*) FROM {table}") for table in tables]
    manage(made.database, "nightly", "--on", "2026-06-12")
    assert [count(rows, f"SELECT count(*) FROM {table}") for table in tables] == before


# --- what a visitor meets in the last half term ---------------------------------------------------------------------------------------


def outcomes(rows: sqlite3.Connection, table: str, column: str) -> set[str]:
    return {value for (value,) in rows.execute(f"SELECT DISTINCT {column} FROM {table}")}


def test_absences_are_rung_about_every_day_of_the_last_half_term(rows: sqlite3.Connection) -> None:
    assert outcomes(rows, "attendance_absencecall", "outcome") >= {"spoke", "no_answer", "left_message"}
    assert count(rows, "SELECT count(DISTINCT about) FROM attendance_absencecall WHERE about >= '2026-06-01'") >= 8
    assert count(rows, "SELECT count(*) FROM attendance_absencecall WHERE expected_return IS NOT NULL") > 0


def test_leave_was_asked_for_granted_and_refused_and_some_waits(rows: sqlite3.Connection) -> None:
    assert outcomes(rows, "casework_leaverequest", "state") >= {"asked", "granted", "refused"}
    first = "SELECT count(*) FROM casework_leaverequest WHERE asked_on > first_day"
    assert count(rows, first) == 0, "leave is asked for in advance"


def test_nearly_every_c2_has_its_timetable(rows: sqlite3.Connection) -> None:
    with_c2 = count(
        rows, "SELECT count(DISTINCT enrolment_id) FROM attendance_registerrow WHERE year = 2025 AND instr(marks, 't') > 0"
    )
    agreed = count(rows, "SELECT count(DISTINCT pupil_id) FROM casework_parttimetimetable")
    assert agreed > 0 and with_c2 - agreed <= max(3, with_c2 // 4)


def test_meetings_returns_and_notices_are_under_way(rows: sqlite3.Connection) -> None:
    assert outcomes(rows, "casework_meeting", "state") >= {"planned", "held"}
    assert outcomes(rows, "casework_clock", "state") >= {"open", "prepared", "sent"}
    assert outcomes(rows, "casework_penaltyrequest", "state") >= {"prepared", "issued"}
    assert count(rows, "SELECT count(*) FROM casework_improvementnotice") > 0
    assert count(rows, "SELECT count(*) FROM casework_safeguardingnote WHERE read_at IS NULL") > 0
    assert count(rows, "SELECT count(*) FROM casework_pause WHERE lifted_on IS NULL") > 0


def test_texts_left_and_replies_came(rows: sqlite3.Connection) -> None:
    assert count(rows, "SELECT count(*) FROM messaging_message WHERE state = 'delivered'") > 0
    assert count(rows, "SELECT count(*) FROM messaging_reply WHERE read_at IS NULL") > 0


def test_registers_are_taken_here_and_one_file_disagrees(rows: sqlite3.Connection, made: Made) -> None:
    if made.only:  # the two smallest schools have their registers in an MIS
        assert count(rows, "SELECT count(*) FROM attendance_formregister") == 0
        return
    assert count(rows, "SELECT count(*) FROM attendance_formregister WHERE date >= '2026-06-11'") > 100
    assert count(rows, "SELECT count(*) FROM attendance_registerconflict WHERE state = 'open'") > 0
