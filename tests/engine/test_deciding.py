"""The proposing rule, the gap, people's decisions, periods with a target, and the same day judged twice."""

import datetime as dt
from copy import deepcopy

import numpy as np
import pytest

from escalation.engine.evaluate import evaluate, new_state
from escalation.engine.ruleset import load_ruleset, national_rules, parse_ruleset
from escalation.engine.state import WatchRow
from tests.engine.school_year import calendar_rows, date, register_of, school_days

DAYS = school_days(calendar_rows())
FEDERATION, VALE, NATIONAL = load_ruleset("federation"), load_ruleset("vale"), national_rules()


def decided(ruleset, absences, on, state=None, kind="stage"):
    register = register_of(DAYS, absences)
    state = state or new_state(1, ruleset, NATIONAL)
    return [decision for decision in evaluate(register, ruleset, NATIONAL, state, date(on)) if decision.kind == kind]


def ids(decisions):
    return [decision.id for decision in decisions]


def case(ruleset, **done):
    state = new_state(1, ruleset, NATIONAL)
    for stage, day in done.items():
        state.mark_done(0, stage.removeprefix("s"), date(day))
    return state


TWELVE = {"2025-09-08 to 2025-09-15": "I"}


def test_the_highest_candidate_is_proposed_and_says_what_it_passed_over():
    (decision,) = decided(FEDERATION, TWELVE, "2025-09-15")
    assert (decision.id, decision.passed_over) == ("4", ("1", "2", "3"))
    assert decision.sentences() == ["12 of 18 sessions missed in one half term (3 Sep – 15 Sep); stage 4 begins at 12."]


def test_nothing_at_or_below_the_highest_reached_comes_again():
    state = case(FEDERATION)
    state.mark_proposed(0, "4")
    assert ids(decided(FEDERATION, TWELVE, "2025-09-15", state)) == []


def test_a_declined_stage_may_come_again_after_its_date():
    state = case(FEDERATION)
    for stage in ("1", "2", "3"):
        state.mark_passed_over(0, stage)
    state.decline(0, "4", until=date("2025-09-19"))
    assert ids(decided(FEDERATION, TWELVE, "2025-09-19", state)) == []
    assert ids(decided(FEDERATION, TWELVE, "2025-09-22", state)) == ["4"]


def test_a_stage_declined_for_the_year_does_not_come_again():
    state = case(FEDERATION)
    state.decline(0, "4")
    assert ids(decided(FEDERATION, TWELVE, "2025-12-01", state)) == []


@pytest.mark.parametrize(("on", "proposed"), [("2025-09-22", []), ("2025-09-23", ["2"])])
def test_a_stage_waits_until_the_fifth_school_day(on, proposed):
    state = case(VALE, s1="2025-09-16")
    assert ids(decided(VALE, {"2025-09-08 to 2025-09-10": "I"}, on, state)) == proposed


def test_a_gap_of_0_turns_it_off():
    at_once = parse_ruleset(VALE.text.replace("gap:\n    value: 5", "gap:\n    value: 0"), "vale.yaml")
    state = case(at_once, s1="2025-09-16")
    assert ids(decided(at_once, {"2025-09-08 to 2025-09-10": "I"}, "2025-09-17", state)) == ["2"]


def test_no_gap_runs_from_a_stage_carried_over():
    state = new_state(1, VALE, NATIONAL)
    state.mark_done(0, "1", date("2025-09-16"), carried=True)
    assert ids(decided(VALE, {"2025-09-08 to 2025-09-10": "I"}, "2025-09-17", state)) == ["2"]


def test_a_lower_stage_that_may_not_be_passed_over_holds_the_higher_one_back_even_while_it_waits():
    """After stage 4 both 5 and 6 hold; while 5 waits for the gap 6 is not proposed, and then 5 comes first."""
    absences = {"2025-09-08 to 2025-12-19": "O"}
    assert ids(decided(FEDERATION, absences, "2025-09-24", case(FEDERATION, s4="2025-09-18"))) == []
    assert ids(decided(FEDERATION, absences, "2025-09-25", case(FEDERATION, s4="2025-09-18"))) == ["5"]


def test_where_only_6_holds_6_comes():
    absences = {"2025-09-08 to 2025-09-18": "I"}
    state = case(FEDERATION, s4="2025-09-18")
    assert ids(decided(FEDERATION, absences, "2025-09-25", state)) == ["6"]


def test_an_evaluation_on_a_day_without_school_looks_at_the_half_term_just_ended():
    assert ids(decided(FEDERATION, {"2025-10-20 to 2025-10-22": "I"}, "2025-10-29")) == ["1"]


def period_decisions(target, absences=None, on="2025-10-28"):
    state = case(VALE, s1="2025-09-16", s2="2025-09-23", s3="2025-09-30")
    state.begin_period(0, "3", date("2025-09-30"), 4, target)
    return decided(VALE, absences or {"2025-10-06": "I"}, on, state, kind="period"), state


@pytest.mark.parametrize(("target", "outcome"), [(94, "met"), (94.5, "missed"), (95, "missed"), (None, "missed")])
def test_a_target_set_by_a_person_is_judged_on_the_periods_own_sessions(target, outcome):
    """34 of 36 sessions of the four weeks are attended, 94.44 %; the year before it was all attended, which nobody improves on."""
    (decision,), _ = period_decisions(target)
    assert decision.period.outcome == outcome
    assert (decision.period.attended, decision.period.possible) == (34, 36)


def test_a_period_that_was_met_is_followed_by_another_without_the_persons_target():
    _, state = period_decisions(94)
    assert dt.date.fromordinal(int(state.periods.start[0, 2])) == date("2025-10-28")
    assert state.periods.target == {}
    assert state.periods.active[0, 2]


def test_a_period_that_was_missed_is_followed_by_none():
    _, state = period_decisions(95)
    assert not state.periods.active[0, 2]
    assert dt.date.fromordinal(int(state.periods.missed[0, 2])) == date("2025-10-28")


def test_a_period_without_a_possible_session_is_neither_met_nor_missed_and_the_next_follows():
    (decision,), state = period_decisions(None, {"2025-10-01 to 2025-10-24": "Y4"})
    assert decision.period.outcome == "no sessions"
    assert state.periods.active[0, 2]


def test_several_periods_that_ended_while_nobody_looked_are_judged_one_after_another():
    found, state = period_decisions(90, {"2025-10-06": "I", "2025-12-01": "I"}, on="2026-01-05")
    assert [decision.period.outcome for decision in found] == ["met", "met", "missed"]
    assert not state.periods.active[0, 2]


def test_the_same_day_judged_twice_gives_the_same_answer():
    absences = {"2025-09-08 to 2025-09-12": "O", "2025-09-24": "I"}
    register, state = register_of(DAYS, absences), new_state(1, FEDERATION, NATIONAL)
    for day in DAYS.dates[:60]:
        first = evaluate(register, FEDERATION, NATIONAL, state, day)
        kept = deepcopy(vars(state.watch["watch:penalty-threshold"]))
        assert evaluate(register, FEDERATION, NATIONAL, state, day) == first
        again = vars(state.watch["watch:penalty-threshold"])
        assert all(np.array_equal(kept[name], again[name]) for name in kept)


def test_a_day_judged_again_on_a_corrected_register_leaves_no_trace_of_the_first_judgement():
    rule = "watch:penalty-threshold"
    state, never_wrong = new_state(1, FEDERATION, NATIONAL), new_state(1, FEDERATION, NATIONAL)
    wrong, right = register_of(DAYS, {"2025-09-08 to 2025-09-12": "O"}), register_of(DAYS, {"2025-09-08 to 2025-09-12": "I"})
    assert "penalty-threshold" in ids(evaluate(wrong, FEDERATION, NATIONAL, state, date("2025-09-12")))
    assert state.watch[rule].get(0).opened_on == date("2025-09-12")
    assert "penalty-threshold" not in ids(evaluate(right, FEDERATION, NATIONAL, state, date("2025-09-12")))
    evaluate(right, FEDERATION, NATIONAL, never_wrong, date("2025-09-12"))
    assert state.watch[rule].get(0) == never_wrong.watch[rule].get(0) == WatchRow()


def test_watch_facts_go_into_rows_and_come_back():
    absences = {"2025-09-08 to 2025-09-12": "G", "2025-12-02 to 2025-12-08": "G"}
    register, rule = register_of(DAYS, absences), "watch:penalty-threshold"
    stored, opened, written = WatchRow(), [], 0
    for day in DAYS.dates[:70]:
        state = new_state(1, FEDERATION, NATIONAL)
        state.watch[rule].set(0, stored)
        opened += [
            day.isoformat()
            for decision in evaluate(register, FEDERATION, NATIONAL, state, day)
            if decision.id == "penalty-threshold"
        ]
        written += bool(state.watch[rule].changed(day))
        stored = state.watch[rule].get(0)
    assert opened == ["2025-09-12", "2025-12-08"]
    assert written == 3, "rows change only when an entry opens or its condition stops holding"


def test_a_pupil_off_roll_is_not_evaluated():
    register = register_of(DAYS, TWELVE, TWELVE)
    register.on_roll_to[1, 0] = 5
    state = new_state(2, FEDERATION, NATIONAL)
    assert {decision.pupil for decision in evaluate(register, FEDERATION, NATIONAL, state, date("2025-09-15"))} == {0}


def test_a_date_before_the_calendar_is_refused():
    with pytest.raises(ValueError, match="no school day on or before 1 September 2025|01 September 2025"):
        decided(FEDERATION, {}, "2025-09-01")
