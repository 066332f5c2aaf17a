"""The five ladders and the national rules beside their sources: a line for each stage and rule, with its number, actor and letter.

Each line of ``clauses.csv`` was read against its policy; its numbers, actors and letters were taken from the rulesets then, so they guard
against drift. Where the policies themselves are at hand, each line's phrase must stand in the policy's text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation.engine.conditions import All, Any, CaseCondition, Comparison, Condition, Not
from escalation.engine.ruleset import SHIPPED, Ruleset, Stage, WatchRule, load_ruleset, national_rules

TABLE = Path(__file__).with_name("clauses.csv")
POLICIES = Path(__file__).parents[3] / "shared" / "policies"
LONGEST_PHRASE = 6

with TABLE.open(encoding="utf-8", newline="") as _file:
    LINES = list(csv.DictReader(_file))
LADDERS: dict[str, Ruleset] = {key: load_ruleset(key) for key in SHIPPED} | {"national": national_rules()}
EVERY = pytest.mark.parametrize("line", LINES, ids=[f"{line['policy']}/{line['kind']}/{line['id']}" for line in LINES])


def entries(ruleset: Ruleset) -> dict[tuple[str, str], Stage | WatchRule]:
    """Everything that a policy has to account for, by kind and id."""
    found: dict[tuple[str, str], Stage | WatchRule] = {("stage", stage.id): stage for stage in ruleset.stages}
    found |= {("watch", rule.id): rule for rule in ruleset.watch}
    return found | {("recovery", rule.id): rule for rule in ruleset.recovery}


def numbers(condition: Condition) -> Iterator[str]:
    """ "missed at_least 5 half_term", "target_missed 3": every comparison and case condition, in the order of the ruleset."""
    if isinstance(condition, All | Any):
        for part in condition.parts:
            yield from numbers(part)
    elif isinstance(condition, Not):
        yield from (f"not {number}" for number in numbers(condition.part))
    elif isinstance(condition, CaseCondition):
        yield f"{condition.kind} {condition.ref}"
    else:
        yield compared(condition)


def compared(comparison: Comparison) -> str:
    codes = f"[{' '.join(comparison.codes)}]" if comparison.codes else ""
    window = f" {comparison.window.text}" if comparison.window else ""
    return f"{comparison.measure}{codes} {comparison.op} {comparison.threshold}{window}"


def entry_of(line: dict[str, str]) -> Stage | WatchRule:
    return entries(LADDERS[line["policy"]])[line["kind"], line["id"]]


def test_every_stage_and_every_rule_has_its_line() -> None:
    expected = {(key, *entry) for key, ruleset in LADDERS.items() for entry in entries(ruleset)}
    told = [(line["policy"], line["kind"], line["id"]) for line in LINES]
    assert set(told) == expected and len(told) == len(set(told))
    assert sum(kind == "stage" for _, kind, _ in told) == 32


@EVERY
def test_the_numbers_are_those_of_the_policy(line: dict[str, str]) -> None:
    assert "; ".join(numbers(entry_of(line).condition)) == line["numbers"]


@EVERY
def test_the_clause_is_the_one_cited(line: dict[str, str]) -> None:
    assert entry_of(line).clause == line["clause"]


@EVERY
def test_the_right_person_acts_and_agrees(line: dict[str, str]) -> None:
    entry = entry_of(line)
    if isinstance(entry, Stage):
        assert (entry.acts, entry.approves or "") == (line["acts"], line["agrees"])
    else:
        assert (entry.who, "") == (line["acts"], line["agrees"])


@EVERY
def test_the_right_letter_goes(line: dict[str, str]) -> None:
    entry = entry_of(line)
    sent = [action.letter for action in entry.actions if action.letter] if isinstance(entry, Stage) else [entry.letter or ""]
    assert " ".join(filter(None, sent)) == line["letters"]


@EVERY
def test_needs_and_weeks_are_those_of_the_policy(line: dict[str, str]) -> None:
    entry = entry_of(line)
    needs, weeks = (" ".join(entry.needs), entry.begins_period) if isinstance(entry, Stage) else ("", None)
    assert (needs, str(weeks or "")) == (line["needs"], line["weeks"])


@EVERY
def test_a_phrase_is_a_place_and_not_a_quotation(line: dict[str, str]) -> None:
    phrases = line["phrase"].split("|")
    assert all(phrase.strip() and len(phrase.split()) <= LONGEST_PHRASE for phrase in phrases)


@EVERY
def test_the_phrase_stands_in_the_source_where_it_is_at_hand(line: dict[str, str]) -> None:
    source = POLICIES / line["source"]
    if POLICIES.is_dir():
        text = " ".join(source.read_text(encoding="utf-8").split())
        assert [phrase for phrase in line["phrase"].split("|") if phrase not in text] == []
