"""What runs on from one academic year to the next, and what begins again."""

import datetime as dt

from escalation.engine.backtest import run_backtest
from escalation.engine.ruleset import load_ruleset
from tests.engine.school_year import calendar_rows, marks_rows

CALENDAR = calendar_rows(two_years=True)


def found(ruleset, absences, *, start="2025-09-01", acts="same-day"):
    marks = marks_rows("A1", absences, [row[0] for row in CALENDAR])
    first, last = dt.date.fromisoformat(start), dt.date(2027, 2, 12)
    return list(run_backtest(load_ruleset(ruleset), CALENDAR, marks, first, last, acts))


def days_of(objects, kind, id, since="2025-09-01"):
    return [item["date"] for item in objects if (item["kind"], item["id"]) == (kind, id) and item["date"] >= since]


def stages_of_second_year(objects):
    return {item["id"]: item["date"] for item in objects if item["kind"] == "stage" and item["date"] >= "2026-09-01"}


ENDS_PERSISTENTLY_ABSENT = {"2026-06-01 to 2026-06-30": "I", "2026-09-07": "I"}


def test_persistently_absent_at_the_end_of_the_year_begins_the_next_at_stage_2():
    assert stages_of_second_year(found("wigston", ENDS_PERSISTENTLY_ABSENT))["2"] == "2026-09-18"
    assert "0" not in stages_of_second_year(found("wigston", ENDS_PERSISTENTLY_ABSENT))


def test_a_pupil_above_the_limit_begins_at_stage_0():
    assert stages_of_second_year(found("wigston", {"2026-09-07": "I"}))["0"] == "2026-09-18"


def test_only_what_the_run_itself_saw_is_carried_over():
    saw_the_end = found("wigston", ENDS_PERSISTENTLY_ABSENT, start="2026-07-20")
    did_not = found("wigston", ENDS_PERSISTENTLY_ABSENT, start="2026-09-01")
    assert stages_of_second_year(saw_the_end)["2"] == "2026-09-18"
    assert stages_of_second_year(did_not)["0"] == "2026-09-18"


def test_where_nothing_is_done_nothing_is_carried_over():
    assert stages_of_second_year(found("wigston", ENDS_PERSISTENTLY_ABSENT, acts="never"))["0"] == "2026-09-18"


def test_a_new_year_starts_a_new_case():
    absences = {"2025-09-08 to 2025-09-10": "I", "2026-09-07 to 2026-09-09": "I"}
    assert days_of(found("federation", absences), "stage", "1") == ["2025-09-10", "2026-09-09"]


def test_ten_school_weeks_reach_back_over_the_summer():
    absences = {"2026-07-13 to 2026-07-16": "O", "2026-09-07": "O"}
    assert days_of(found("federation", absences), "watch", "penalty-threshold") == ["2026-09-07"]


def test_a_run_crosses_the_summer():
    absences = {"2026-07-13 to 2026-07-17": "O", "2026-07-20": "O", "2026-09-02 to 2026-09-07": "O"}
    assert days_of(found("federation", absences), "watch", "attendance-return") == ["2026-09-07"]


def test_an_open_entry_runs_on_across_years_but_the_years_own_figures_start_afresh():
    absences = {"2026-07-06 to 2026-07-10": "O", "2025-09-08": "I", "2026-09-07": "I"}
    objects = found("federation", absences)
    assert days_of(objects, "watch", "penalty-threshold") == ["2026-07-10"]
    assert days_of(objects, "watch", "persistent-absence") == ["2025-09-16", "2026-09-15"]


def test_a_condition_that_already_holds_opens_on_the_first_evaluated_day():
    objects = found("federation", {"2025-09-08 to 2025-09-12": "O"}, start="2025-10-01")
    assert days_of(objects, "watch", "penalty-threshold") == ["2025-10-01"]


def test_a_pupil_is_evaluated_from_the_first_to_the_last_day_with_a_mark_in_the_year():
    gone = {"2025-09-08 to 2025-09-09": "N", "2025-09-10 to 2026-07-20": "-"}
    objects = found("federation", gone)
    assert days_of(objects, "watch", "unexplained-overdue", "2025-09-01") == ["2026-09-02"]
