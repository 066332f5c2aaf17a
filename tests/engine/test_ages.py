"""Duties of law that end with compulsory school age: the rules that say so are judged only for those who are of it."""

from __future__ import annotations

import numpy as np
import pytest

from escalation.engine.evaluate import evaluate, new_state
from escalation.engine.ruleset import SHIPPED, RulesetError, load_ruleset, national_rules, parse_ruleset
from tests.engine.school_year import calendar_rows, date, register_of, school_days

DAYS = school_days(calendar_rows())
FEDERATION, NATIONAL = load_ruleset("federation"), national_rules()
AWAY = {"2025-09-08 to 2025-09-19": "O"}


def found(of_age: list[bool] | None) -> set[tuple[int, str]]:
    """(pupil, rule or stage) of the tenth day away, of two pupils with the same marks."""
    register, state = register_of(DAYS, AWAY, AWAY), new_state(2, FEDERATION, NATIONAL)
    known = None if of_age is None else np.array(of_age)
    decisions = evaluate(register, FEDERATION, NATIONAL, state, date("2025-09-19"), of_age=known)
    return {(decision.pupil, decision.id) for decision in decisions}


def test_which_rules_are_for_compulsory_school_age() -> None:
    only = {rule.id for key in SHIPPED for rule in load_ruleset(key).watch if rule.compulsory_age_only}
    assert {rule.id for rule in NATIONAL.watch if rule.compulsory_age_only} == {
        "penalty-threshold", "sickness-return", "attendance-return",
    }  # fmt: skip
    assert only == {"la-termly"}


def test_they_are_not_judged_for_who_is_not_of_it_and_everything_else_is() -> None:
    second = {name for number, name in found([True, False]) if number == 1}
    first = {name for number, name in found([True, False]) if number == 0}
    assert first - second == {"penalty-threshold", "attendance-return"}
    assert {"persistent-absence", "4"} <= second


def test_a_file_of_marks_knows_no_ages_so_everybody_counts() -> None:
    assert found(None) == found([True, True])
    assert {name for number, name in found(None) if number == 1} >= {"penalty-threshold", "attendance-return"}


def test_who_comes_of_age_is_judged_from_that_day() -> None:
    register, state = register_of(DAYS, AWAY), new_state(1, FEDERATION, NATIONAL)

    def watched(on: str, is_of_age: bool) -> set[str]:
        decisions = evaluate(register, FEDERATION, NATIONAL, state, date(on), of_age=np.array([is_of_age]))
        return {decision.id for decision in decisions if decision.kind == "watch"} & {"penalty-threshold"}

    assert watched("2025-09-18", False) == set() and watched("2025-09-19", True) == {"penalty-threshold"}
    assert watched("2025-09-22", True) == set(), "opened once"


def test_the_field_is_yes_or_no() -> None:
    text = FEDERATION.text + (
        "\nwatch:\n  - id: away\n    name: Away\n    when: {measure: missed, window: year, at_least: 5}\n    compulsory_age_only: VALUE\n"
        "    who: officer\n    clause: None\n    what_to_do: Ring.\n"
    )
    assert parse_ruleset(text.replace("VALUE", "true"), "own.yaml").watch[0].compulsory_age_only
    with pytest.raises(RulesetError, match="compulsory_age_only"):
        parse_ruleset(text.replace("VALUE", "sometimes"), "own.yaml")
