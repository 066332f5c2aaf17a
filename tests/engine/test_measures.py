"""Measures and windows one by one, on figures that can be counted on one's fingers."""

import datetime as dt

import numpy as np
import pytest

from escalation.engine.conditions import CaseCondition, Comparison, Not, Window
from escalation.engine.judge import Judge
from escalation.engine.outlook import best_possible
from escalation.engine.reasons import comparison_reason, rounded_ratio
from escalation.engine.register import SeenMark
from escalation.engine.state import CaseState
from escalation.engine.windows import Moment
from schools.schooldays import SchoolDay, SchoolDays
from tests.engine.school_year import calendar_rows, date, register_of, school_days

DAYS = school_days(calendar_rows(two_years=True))
ROW = np.array([0])


def comparison(measure, window=None, op="at_least", threshold=0, codes=(), settling_in=0):
    if isinstance(window, str):
        window = Window(window)
    return Comparison(measure, window, tuple(codes), op, threshold, "", False, settling_in)


def seen(absences, on, measure, window=None, *, codes=(), state=None, settling_in=0, days=DAYS):
    """(value, first day, last day) of a measure for one pupil, or None where it is undefined."""
    judge = judge_of(absences, on, state, days)
    leaf = comparison(measure, window, codes=codes, settling_in=settling_in)
    figure = judge.figures(leaf, ROW)
    if figure.defined is not None and not figure.defined[0]:
        return None
    reason = comparison_reason(judge, leaf, figure, ROW, 0)
    return reason.value, reason.start and reason.start.isoformat(), reason.end.isoformat()


def judge_of(absences, on, state=None, days=DAYS):
    return Judge(register_of(days, absences), state or case(), Moment(days, date(on)), {})


def case(**done):
    """A case with stages a, b, c, done on the given days."""
    state = CaseState(1, ("a", "b", "c"))
    for stage, day in done.items():
        state.mark_done(0, stage, date(day))
    return state


@pytest.mark.parametrize(
    ("measure", "value"),
    [("missed", 5), ("authorised", 2), ("unauthorised", 3), ("possible", 10), ("attended", 5), ("late", 1)],
)
def test_counts_of_sessions(measure, value):
    absences = {
        "2025-09-03": "I M",
        "2025-09-04": "G U",
        "2025-09-05": "L N",
        "2025-09-08": "Y1 /",
        "2025-09-09": "- #",
        "2025-09-10": "V D",
    }
    assert seen(absences, "2025-09-11", measure, "year")[0] == value


def test_a_count_is_narrowed_to_codes():
    absences = {"2025-09-03": "I M", "2025-09-04": "G U"}
    assert seen(absences, "2025-09-05", "missed", "year", codes=["I", "U"])[0] == 2
    assert seen(absences, "2025-09-05", "authorised", "year", codes=["U"])[0] == 0


@pytest.mark.parametrize(
    ("window", "value", "first"),
    [
        (Window("half_term"), 2, "2025-11-03"),
        (Window("term"), 4, "2025-09-03"),
        (Window("year"), 4, "2025-09-03"),
        (Window("weeks", number=4), 2, "2025-10-18"),
        (Window("weeks", number=8), 4, "2025-09-20"),
        (Window("school_weeks", number=2), 2, "2025-11-03"),
        (Window("school_weeks", number=4), 4, "2025-10-13"),
        (Window("school_weeks", number=400), 4, "2025-09-01"),
        (Window("school_days", number=5), 0, "2025-11-10"),
        (Window("school_days", number=10), 2, "2025-11-03"),
    ],
)
def test_windows_that_end_on_the_date(window, value, first):
    absences = {"2025-10-14": "I", "2025-11-03": "I", "2025-11-17": "I"}
    assert seen(absences, "2025-11-14", "missed", window) == (value, first, "2025-11-14")


def test_in_a_holiday_the_half_term_is_the_one_just_ended():
    assert seen({"2025-10-24": "I"}, "2025-10-29", "missed", "half_term") == (2, "2025-09-03", "2025-10-29")


def test_later_marks_do_not_exist():
    assert seen({"2025-09-10 to 2025-12-19": "I"}, "2025-09-10", "missed", "year")[0] == 2


def test_the_greatest_half_term_of_the_year_so_far_gives_its_own_dates():
    absences = {"2025-09-08 to 2025-09-10": "I", "2025-11-03": "I"}
    assert seen(absences, "2025-11-14", "missed", "any_half_term") == (6, "2025-09-03", "2025-10-24")
    assert seen({"2025-11-03": "I"}, "2025-11-14", "missed", "any_half_term") == (2, "2025-11-03", "2025-11-14")


def test_the_previous_year_is_the_whole_of_it():
    absences = {"2025-09-08": "I", "2026-07-20": "I", "2026-09-02": "I"}
    assert seen(absences, "2026-09-10", "missed", "previous_year") == (4, "2025-09-03", "2026-07-20")
    assert seen(absences, "2025-09-10", "missed", "previous_year")[0] == 0


def test_since_a_stage_begins_on_the_day_after_it_was_done():
    absences = {"2025-09-08": "I", "2025-09-09": "I"}
    assert seen(absences, "2025-09-12", "missed", Window("since", stage="a"), state=case(a="2025-09-08")) == (
        2,
        "2025-09-09",
        "2025-09-12",
    )
    assert seen(absences, "2025-09-12", "percent", Window("since", stage="b"), state=case(a="2025-09-08")) is None


def test_since_a_stage_done_in_a_holiday():
    absences = {"2025-10-24": "I", "2025-11-03": "I"}
    assert seen(absences, "2025-11-04", "missed", Window("since", stage="a"), state=case(a="2025-10-28"))[:2] == (2, "2025-10-29")


def test_a_closed_count_keeps_its_value_and_its_last_day():
    since = Window("since", stage="a", closes_next_term=True)
    absences = {"2026-03-27": "I", "2026-04-13": "I"}
    state = case(a="2025-09-08")
    assert seen(absences, "2026-03-27", "missed", since, state=state) == (2, "2025-09-09", "2026-03-27")
    assert seen(absences, "2026-05-01", "missed", since, state=state) == (2, "2025-09-09", "2026-03-27")


def test_from_the_half_term_of_a_stage():
    absences = {"2025-09-03": "I", "2025-11-03": "I"}
    window = Window("from_half_term_of", stage="a")
    assert seen(absences, "2025-11-14", "missed", window, state=case(a="2025-11-10")) == (2, "2025-11-03", "2025-11-14")


def test_the_current_plan_or_period_ends_with_it():
    state = case(a="2025-09-08", b="2025-10-01")
    state.begin_period(0, "a", date("2025-09-08"), 2)
    state.begin_period(0, "b", date("2025-10-01"), 1)
    absences = {"2025-10-01 to 2025-10-02": "I", "2025-10-08 to 2025-10-09": "I"}
    assert seen(absences, "2025-10-20", "missed", "monitoring", state=state) == (4, "2025-10-02", "2025-10-08")
    assert seen(absences, "2025-10-20", "percent", "monitoring", state=case()) is None


def test_percent_is_undefined_without_a_possible_session_and_before_settling_in():
    assert seen({"2025-09-03 to 2025-09-05": "Y1"}, "2025-09-05", "percent", "year") is None
    assert seen({"2025-09-08": "I"}, "2025-09-15", "percent", "year", settling_in=20) is None
    assert seen({"2025-09-08": "I"}, "2025-09-16", "percent", "year", settling_in=20)[0] == 90.0
    assert seen({"2025-09-08": "I"}, "2025-09-09", "percent", "half_term", settling_in=20)[0] == 80.0


@pytest.mark.parametrize(("op", "held"), [("below", False), ("at_most", True), ("at_least", True), ("more_than", False)])
def test_percentages_are_compared_exactly(op, held):
    """18 of 20 is 90 %, neither below nor above it; 359 of 399 shows as 89.97 %, 2 of 3 is never 66.67 %."""
    judge = judge_of({"2025-09-08": "I"}, "2025-09-16")
    assert judge.holds(comparison("percent", "year", op, 90), ROW)[0] == held
    assert judge.holds(comparison("percent", "year", op, 90.0), ROW)[0] == held


def test_a_shown_figure_is_rounded_half_up_and_the_exact_one_compared():
    absences = {"2025-09-03": "I /", "2025-09-04 to 2025-09-09": "-"}
    judge = judge_of({**absences, "2025-09-05": "- /"}, "2025-09-05")
    assert rounded_ratio(2, 3) == 66.67
    assert rounded_ratio(1, 800) == 0.13
    assert judge.holds(comparison("percent", "year", "below", 66.67), ROW)[0]


def test_days_absent_are_days_wholly_missed():
    absences = {
        "2025-09-03": "I",
        "2025-09-04": "I /",
        "2025-09-05": "- G",
        "2025-09-08": "Y1 I",
        "2025-09-09": "#",
        "2025-09-10": "-",
    }
    assert seen(absences, "2025-09-12", "days_absent", "year")[0] == 3


def test_days_with_codes():
    assert (
        seen({"2025-09-03": "I", "2025-09-04": "/ I", "2025-09-05": "M"}, "2025-09-12", "days_with", "year", codes=["I"])[0] == 2
    )


def test_runs_of_days_end_on_the_date_step_over_what_was_not_possible_and_cross_holidays():
    absences = {"2025-10-22 to 2025-10-24": "I", "2025-11-03": "-", "2025-11-04": "Y4", "2025-11-05": "- I"}
    assert seen(absences, "2025-11-05", "run_of_days") == (4, "2025-10-22", "2025-11-05")
    assert seen(absences, "2025-11-04", "run_of_days") == (3, "2025-10-22", "2025-11-04")
    assert seen(absences, "2025-11-06", "run_of_days")[0] == 0


def test_runs_with_codes_are_broken_by_another_code():
    absences = {"2025-10-20": "I", "2025-10-21": "M", "2025-10-22": "I", "2025-10-23": "I"}
    assert seen(absences, "2025-10-23", "run_of_days", codes=["I"])[:2] == (2, "2025-10-22")
    assert seen(absences, "2025-10-23", "run_of_days")[:2] == (4, "2025-10-20")


def test_runs_of_sessions():
    absences = {"2025-10-20": "/ G", "2025-10-21": "G -", "2025-10-22": "G G"}
    assert seen(absences, "2025-10-22", "run_of_sessions", codes=["G"])[:2] == (4, "2025-10-20")
    assert seen({"2025-10-21": "G /"}, "2025-10-21", "run_of_sessions", codes=["G"])[0] == 0


def test_a_run_crosses_the_year():
    absences = {"2026-07-17 to 2026-07-20": "O", "2026-09-02": "O"}
    assert seen(absences, "2026-09-02", "run_of_days", codes=["O"])[:2] == (3, "2026-07-17")


def test_the_age_of_the_oldest_mark_in_school_days():
    absences = {"2025-10-23": "N /", "2025-11-04": "N"}
    assert seen(absences, "2025-11-05", "age_of_mark", codes=["N"]) == (4, "2025-10-23", "2025-11-05")
    assert seen(absences, "2025-10-23", "age_of_mark", codes=["N"])[0] == 0
    assert seen(absences, "2025-10-22", "age_of_mark", codes=["N"]) is None


def test_the_change_of_the_week_in_percentage_points():
    """Eight days to Friday 12 September, two sessions missed in the first week: 75 % then, 90.91 % at the end of the next two."""
    absences = {"2025-09-03": "I"}
    assert seen(absences, "2025-09-12", "change", settling_in=0)[0] == round(100 * 14 / 16 - 100 * 4 / 6, 2)
    assert seen(absences, "2025-09-12", "change", settling_in=20) is None


@pytest.mark.parametrize(
    ("school_days_in_year", "missed", "best"),
    [(195, 10, 97.4), (195, 16, 95.9), (190, 10, 97.4), (190, 16, 95.8)],
)
def test_the_best_figure_still_possible_of_the_federations_policy(school_days_in_year, missed, best):
    first = dt.date(2025, 9, 3)
    year = SchoolDays(SchoolDay(first + dt.timedelta(days=day), "1", "1", "2025/26") for day in range(school_days_in_year))
    absent = {day.isoformat(): "I" for day in year.dates[: missed // 2]}
    attended, possible = best_possible(register_of(year, absent), 0, year.dates[20])
    assert possible == 2 * school_days_in_year
    assert round(rounded_ratio(attended, possible), 1) == best
    assert seen(absent, year.dates[20].isoformat(), "best_possible", days=year)[0] == rounded_ratio(attended, possible)


def test_no_improvement_needs_ten_possible_sessions_and_is_exact():
    """Up to 12 September 10 of 16 sessions are attended, 62.5 %."""
    before = {"2025-09-03": "I /", "2025-09-08 to 2025-09-12": "I /"}
    condition = CaseCondition("no_improvement_since", "a", False, 10)

    def judged(on, *mornings_missed):
        later = dict.fromkeys(mornings_missed, "I /")
        return bool(judge_of({**before, **later}, on, case(a="2025-09-12")).holds(condition, ROW)[0])

    assert not judged("2025-09-18", "2025-09-15 to 2025-09-18"), "only eight sessions yet"
    assert judged("2025-09-19", "2025-09-15 to 2025-09-18"), "6 of 10"
    assert not judged("2025-09-19", "2025-09-15 to 2025-09-17"), "7 of 10"
    assert judged("2025-09-24", "2025-09-15 to 2025-09-22"), "10 of 16 again: not above it"
    assert not judged("2025-09-24", "2025-09-15 to 2025-09-19"), "11 of 16"


def test_not_turns_a_comparison_round():
    judge = judge_of({"2025-09-08": "I"}, "2025-09-16")
    assert judge.holds(Not(comparison("missed", "year", "at_least", 3), False), ROW)[0]


def test_what_is_judged_weekly_holds_on_the_last_school_day_of_the_week_only():
    days = school_days(calendar_rows(without=["2025-09-12"]))
    leaf = Comparison("missed", Window("year"), (), "at_least", 1, "", True, 0)
    held = [
        day.isoformat()
        for day in days.dates[:12]
        if Judge(register_of(days, {"2025-09-03": "I"}), case(), Moment(days, day), {}).holds(leaf, ROW)[0]
    ]
    assert held == ["2025-09-05", "2025-09-11", "2025-09-19"]


def test_a_reason_lists_the_marks_that_it_rests_on():
    absences = {"2025-09-08": "I /", "2025-09-09": "G O"}
    judge = judge_of(absences, "2025-09-10")
    leaf = comparison("unauthorised", "half_term")
    reason = comparison_reason(judge, leaf, judge.figures(leaf, ROW), ROW, 0)
    assert reason.marks() == [SeenMark(date("2025-09-09"), "AM", "G"), SeenMark(date("2025-09-09"), "PM", "O")]
    assert (reason.numerator, reason.denominator) == (2, 12)
