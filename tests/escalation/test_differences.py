"""Two ladders, and what changed from one to the next in words."""

from __future__ import annotations

import datetime as dt

import pytest

from escalation.differences import differences
from escalation.engine.ruleset import SHIPPED, Ruleset, load_ruleset, parse_ruleset
from escalation.ruleset_text import add, edited, move, remove, write

NEW_YEAR = dt.date(2026, 1, 1)


def told(change, starts: dt.date | None = NEW_YEAR) -> list[str]:  # type: ignore[no-untyped-def]
    old = load_ruleset("federation")
    return differences(old, parse_ruleset(edited(old.text, change), "changed"), starts)


@pytest.mark.parametrize("key", SHIPPED)
def test_a_ladder_does_not_differ_from_itself(key: str) -> None:
    assert differences(load_ruleset(key), load_ruleset(key)) == []


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("parameters", "support_half_term", "value"), 6, "Stage 3 began at 8 sessions missed this half term, from 1 January 2026 at 6."),
        (("parameters", "concern_year", "value"), 20, "Stage 4 began above 16 sessions missed this year, from 1 January 2026 above 20."),
        (("parameters", "contract_below", "value"), 88, "Stage 6 began below 90 % attendance this year, from 1 January 2026 below 88 %."),
        (("parameters", "formal_unauthorised", "value"), 2,
         "Stage 5 began at 1 sessions missed without authorisation coded G, O or U since stage 4 was done, from 1 January 2026 at 2."),
        (("parameters", "gap", "value"), 3, "“Gap” was 5 school days, from 1 January 2026 3 school days."),
        (("parameters", "plan_weeks", "value"), 3,
         "Stage 5: the period that it begins was a plan of 6 weeks, from 1 January 2026 a plan of 3 weeks."),
        (("stages", 2, "acts"), "officer", "Stage 3: who acts was the tutor, from 1 January 2026 the attendance officer."),
        (("stages", 4, "approves"), None, "Stage 5: who agrees was the headteacher, from 1 January 2026 nobody."),
        (("stages", 4, "needs"), ["3"], "Stage 5: what is needed before was stage 4, from 1 January 2026 stage 3."),
        (("stages", 2, "waits_for_gap"), False, "Stage 3: whether it waits for the gap was yes, from 1 January 2026 no."),
        (("stages", 2, "name"), "Letter 1", "Stage 3 was called “Letter 1: support”, from 1 January 2026 “Letter 1”."),
        (("stages", 2, "what_school_does"), "It writes.", "Stage 3 has new words for what the school does."),
        (("stages", 3, "judged"), "weekly", "Stage 4 was judged daily, from 1 January 2026 weekly."),
        (("recovery", 0, "who"), "head",
         "The recovery rule “Attendance improved in a monitoring period”: who sees to it was the attendance lead, "
         "from 1 January 2026 the headteacher."),
        (("name",), "Ours", "The ladder was called “Seven stages, counted in sessions”, from 1 January 2026 “Ours”."),
    ],
)  # fmt: skip
def test_each_change_is_a_sentence_with_both_numbers(place: tuple, value: object, sentence: str) -> None:
    assert sentence in told(lambda data: write(data, place, value))


def test_a_changed_condition_is_told_whole_before_and_after() -> None:
    found = told(lambda data: write(data, ("stages", 2, "when"), {"measure": "percent", "window": "year", "below": 95}))
    assert found[0] == (
        "Stage 3 was reached when there are 8 or more sessions missed this half term, or there are 10 or more sessions missed this year; "
        "from 1 January 2026 when attendance this year is below 95 %."
    )


def test_stages_and_rules_that_come_and_go() -> None:
    assert told(lambda data: remove(data, ("stages", 6)))[0] == (
        "Stage 7 (Letter 5: referral to the local authority) falls away from 1 January 2026."
    )
    rule = {"id": "ill", "name": "Ill for long", "when": {"measure": "run_of_days", "codes": ["I"], "at_least": 6}, "who": "officer",
            "clause": "3", "what_to_do": "Ring."}  # fmt: skip
    assert told(lambda data: add(data, ("watch",), rule) and None)[0] == (
        "The watch rule “Ill for long” is new: opened when there are 6 or more school days in a row coded I."
    )
    assert "The order of the stages was 1, 2, 3, 4, 5, 6, 7, now 1, 2, 4, 3, 5, 6, 7." in told(
        lambda data: move(data, ("stages", 2), 1), None
    )


def test_a_number_that_only_got_a_name_is_no_difference() -> None:
    assert told(lambda data: write(data, ("stages", 2, "when", "any", 0, "at_least"), 8)) == []


def test_any_two_shipped_ladders_can_be_told_apart() -> None:
    def between(one: Ruleset, other: Ruleset) -> list[str]:
        return differences(one, other)

    for one in SHIPPED:
        for other in SHIPPED:
            found = between(load_ruleset(one), load_ruleset(other))
            assert (found == []) == (one == other) and all(sentence.endswith(".") for sentence in found)
