"""The file of grounds and refusals: strict, cited, and each rule at its limit."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from attendance.codes import CODES, Meaning
from casework.leave_rules import FOLDER, Standing, findings, leave_rules, parse_leave_rules
from escalation.engine.source import RulesetError

TEXT = (FOLDER / "leave_rules.yaml").read_text(encoding="utf-8")
STANDING = Standing(
    child="Imogen", possible=250, authorised=25, unauthorised=0, as_of=dt.date(2026, 3, 2), year_group=11, asked_on=dt.date(2026, 3, 3),
    first_day=dt.date(2026, 3, 17), last_day=dt.date(2026, 3, 18), ground="exceptional", has_evidence=True, lives_with_asker=True,
)  # fmt: skip


def refusals(ruleset: str, **changes: object) -> list[str]:
    return [found.sentence for found in findings(ruleset, replace(STANDING, **changes)) if found.refuses]  # type: ignore[arg-type]


def test_every_ground_that_can_be_granted_has_an_authorised_code():
    codes = {ground.code for ground in leave_rules().grounds if ground.code}
    assert codes == {"C", "C1", "J1", "S", "M", "R", "T"}
    assert {CODES[code].meaning for code in codes} == {Meaning.AUTHORISED}


@pytest.mark.parametrize("ruleset", ["federation", "coventry", "vale", "wigston", "goldington"])
def test_every_policy_is_there_and_lets_a_good_request_pass(ruleset):
    assert ruleset in leave_rules().policies and refusals(ruleset) == []


def test_a_schools_own_ladder_keeps_its_policys_rules():
    assert refusals("vale-beechlea", unauthorised=1) == refusals("vale", unauthorised=1) != []


def test_vale_at_its_limits():
    assert refusals("vale", unauthorised=3) == [
        "The policy refuses leave where any absence is unauthorised: 3 sessions this year."
    ]
    assert refusals("vale", authorised=25) == []
    assert refusals("vale", authorised=31) == ["The policy refuses leave above 10 % authorised absence: 12.4 % (31 of 250)."]
    barely = refusals("vale", authorised=251, possible=2500)
    assert barely == ["The policy refuses leave above 10 % authorised absence: 10.04 % (251 of 2500)."]
    late = refusals("vale", asked_on=dt.date(2026, 3, 4))
    assert late == ["The policy wants 2 weeks' notice: it was asked for 13 days before."]


def test_wigston_refuses_examinations_and_wants_evidence():
    may = {"first_day": dt.date(2026, 4, 30), "last_day": dt.date(2026, 5, 1)}
    (sentence,) = refusals("wigston", **may)
    assert sentence.startswith("The policy refuses leave during public examinations: the pupil is in Year 11")
    assert refusals("wigston", **may, year_group=9) == []
    assert refusals("wigston", has_evidence=False) == ["The policy wants evidence with the request: none was handed in."]


def test_the_law_wants_exceptional_leave_in_advance_from_a_parent_at_home():
    (sentence,) = refusals("federation", asked_on=dt.date(2026, 3, 18))
    assert sentence.startswith("Exceptional circumstances must be asked for in advance")
    (sentence,) = refusals("federation", lives_with_asker=False)
    assert "not living with Imogen" in sentence
    assert refusals("federation", ground="observance", asked_on=dt.date(2026, 3, 18), lives_with_asker=False) == []


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("code: C1", "code: C9", "line 17 (grounds > 2): code 'C9' is not an attendance code."),
        ("key: performance", "key: exceptional", "line 16 (grounds > 2): the ground exceptional stands twice."),
        ("percent: 10", "percent: 100", "Input should be less than 100"),
        ("rule: any_unauthorised", "rule: any_absence", "any_absence"),
        ("    in_advance: true\n", "", "in_advance"),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_line(was, becomes, fault):
    with pytest.raises(RulesetError) as refused:
        parse_leave_rules(TEXT.replace(was, becomes, 1))
    assert "leave_rules.yaml, line " in str(refused.value) and fault.split(": ")[-1] in str(refused.value)


def test_ten_days_by_the_vale_policy_and_by_the_older_rule_elsewhere():
    assert leave_rules().overstay("vale") == (10, "9 (Missing children)")
    assert leave_rules().overstay("coventry")[0] == 10 and "Regulations 2024" in leave_rules().overstay("coventry")[1]
