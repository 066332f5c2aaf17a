"""A ruleset file that cannot be used is refused with every fault in it: file, line, place and what was expected."""

import pytest

from escalation.engine.ruleset import SHIPPED, RulesetError, load_ruleset, national_rules, parse_ruleset
from escalation.engine.schema import RulesetSpec

GOOD = """\
key: example
name: An example
policy: {title: A policy, school: A school}
parameters:
  gap: {value: 5, unit: school days, note: "Open: five.", open: true}
  settling_in: {value: 20, unit: sessions, note: Twenty.}
  review_sessions: {value: 10, unit: sessions, note: Ten.}
  reopen_after: {value: 10, unit: days, note: Ten.}
  limit: {value: 90, unit: "%", note: Ninety.}
bands:
  - {id: first, name: First, level: 1}
stages:
  - id: 1
    name: A talk
    short: Talk
    band: first
    when: {measure: percent, window: year, below: limit}
    begins_period: 4
    acts: tutor
    actions: [{kind: conversation}]
    clause: "1"
    what_school_does: Talks.
    what_family_can_do: Talk.
    what_brings_back: Attendance.
  - id: 2
    name: A letter
    short: Letter
    band: first
    when: {target_missed: 1}
    needs: [1]
    acts: officer
    actions: [{kind: letter, letter: letter-1}]
    clause: "2"
    what_school_does: Writes.
    what_family_can_do: Talk.
    what_brings_back: Attendance.
"""


def faults_of(text):
    with pytest.raises(RulesetError) as caught:
        parse_ruleset(text, "example.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_the_example_itself_is_good():
    ruleset = parse_ruleset(GOOD, "example.yaml")
    assert [stage.id for stage in ruleset.stages] == ["1", "2"]
    assert ruleset.stages[0].condition.threshold == 90
    assert ruleset.stages[0].condition.parameter == "limit"
    assert [parameter.name for parameter in ruleset.left_open] == ["gap"]


@pytest.mark.parametrize(
    ("change", "line", "expected"),
    [
        (("measure: percent", "measure: procent"), 17, "unknown measure; expected one of 'missed'"),
        (("window: year", "window: fortnight"), 17, "expected one of 'half_term'"),
        (("window: year", "window: {weeks: 0}"), 17, "impossible window: weeks is a whole number from 1 to 400, not 0"),
        (("window: year", "window: {weeks: 2, school_days: 3}"), 17, "impossible window: expected exactly one of"),
        (("window: year", "window: {weeks: 2, through: next_term}"), 17, "impossible window: 'through' closes since"),
        (("window: year, ", ""), 17, "'percent' is counted in a window; 'window:' is missing"),
        (("needs: [1]", "needs: [3]"), 30, "unknown stage '3'; expected one of 1, 2"),
        (("needs: [1]", "needs: [2]"), 30, "stage '2' cannot lean on stage '2': expected an earlier stage"),
        (("begins_period: 4", "needs: [2]"), 18, "stage '1' cannot lean on stage '2': expected an earlier stage"),
        (("id: 2", "id: 1"), 25, "the id '1' stands twice (first on line 13)"),
        (("value: 90", "value: 101"), 17, "the threshold 101 is outside 0 to 100 %"),
        (("below: limit", "below: -1"), 17, "the threshold -1 is outside 0 to 100 %"),
        (("value: 90, ", ""), 9, "the parameter 'limit' has no value"),
        (("below: limit", "below: limits"), 17, "unknown parameter 'limits'; expected a number, or one of gap"),
        (("below: limit", "below: limit, at_least: 3"), 17, "expected exactly one of at_least, more_than, below, at_most, found 2"),
        (("measure: percent", "measure: missed, codes: [QQ]"), 17, "unknown attendance code 'QQ'"),
        (("measure: percent", "measure: days_with"), 17, "'days_with' needs 'codes:'"),
        (("percent, window: year, below: limit", "missed, window: year, at_least: 8.5"), 17, "a whole number from 0, not 8.5"),
        (("acts: tutor", "acts: teacher"), 19, "expected one of 'officer', 'tutor'"),
        (("band: first\n    when: {target", "band: second\n    when: {target"), 28, "unknown band 'second'; expected one of first"),
        (("{target_missed: 1}", "{watch: nothing}"), 29, "unknown watch rule 'nothing'"),
        (("begins_period: 4", "waits_for_gap: false"), 29, "stage '1' begins no plan or period"),
        (("begins_period: 4", "begins_period: 0"), 18, "greater than or equal to 1"),
        (("short: Talk", "shorts: Talk"), 15, "'shorts' is not known here"),
        (("  gap:", "  gape:"), 4, "the parameter 'gap' is missing"),
        (("name: A letter", "name: A letter\n    name: Again"), 27, "'name' stands twice here"),
        (("kind: conversation", "kind: chat"), 20, "expected one of 'conversation'"),
        (("{measure: percent, window: year, below: limit}", "[]"), 17, "expected a condition"),
        (("{measure: percent, window: year, below: limit}", "{all: []}"), 17, "at least 1 item"),
        (("{target_missed: 1}", "{target_missed: 1, done: 1}"), 29, "two conditions in one place"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_what_was_expected(change, line, expected):
    assert change[0] in GOOD
    faults = faults_of(GOOD.replace(*change, 1))
    assert any(fault.startswith(f"example.yaml, line {line} ") and expected in fault for fault in faults), faults


def test_all_faults_are_reported_at_once_in_the_order_of_the_file():
    text = (
        GOOD.replace("measure: percent", "measure: procent")
        .replace("needs: [1]", "needs: [9]")
        .replace("acts: officer", "acts: cook")
    )
    faults = faults_of(text)
    assert [fault.split(" (")[0] for fault in faults] == [f"example.yaml, line {line}" for line in (17, 30, 31)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a ruleset begins with 'key:'"),
        ("- 1", "a ruleset begins with 'key:'"),
        ("key: [", "not readable as YAML"),
        ("a: &x [1]\nb: *x", "line 2: aliases"),
        ("a: " + "[" * 40, "nested more than"),
        ("a: \x00", "not readable as YAML"),
        ("x" * 400_001, "a ruleset has at most"),
        ("value: .inf", "not a number that can be used"),
        ("? [a]\n: 1", "a key is one word"),
    ],
)
def test_what_is_no_ruleset_at_all(text, expected):
    assert expected in "\n".join(faults_of(text))


def test_a_name_that_is_neither_shipped_nor_a_file():
    with pytest.raises(RulesetError, match="no such ruleset; expected a file, or one of federation, coventry"):
        load_ruleset("federatoin")


@pytest.mark.parametrize("key", SHIPPED)
def test_the_shipped_ladders_are_complete(key):
    ruleset = load_ruleset(key)
    assert ruleset.key == key
    assert all(stage.clause and stage.what_family_can_do for stage in ruleset.stages)
    assert {"gap", "settling_in", "review_sessions", "reopen_after"} <= {parameter.name for parameter in ruleset.left_open}
    assert len({stage.short for stage in ruleset.stages}) == len(ruleset.stages)
    assert not {rule.id for rule in ruleset.watch} & {rule.id for rule in national_rules().watch}
    assert len(ruleset.sha256) == 64


def test_the_ladders_are_those_of_the_policies():
    assert {key: [stage.id for stage in load_ruleset(key).stages] for key in SHIPPED} == {
        "federation": ["1", "2", "3", "4", "5", "6", "7"],
        "coventry": ["0", "1", "2", "3", "4"],
        "vale": ["1", "2", "3", "4", "5", "6", "7"],
        "wigston": ["0", "1", "2", "clinic", "3", "4", "5", "6"],
        "goldington": ["1", "2", "3", "4", "5"],
    }


def test_the_stages_that_do_not_wait_for_the_gap_are_the_conversations_and_calls():
    waiting = {key: [stage.id for stage in load_ruleset(key).stages if not stage.waits_for_gap] for key in SHIPPED}
    assert waiting == {"federation": ["1", "2"], "coventry": [], "vale": ["1"], "wigston": ["0", "1"], "goldington": ["1", "2"]}


def test_every_model_refuses_what_it_does_not_know():
    assert RulesetSpec.model_config["extra"] == "forbid"
