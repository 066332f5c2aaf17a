"""Made rulesets by the thousand: one that is accepted never raises, one that is refused names its faults with their places.

And made registers: what must be true of every decision, whatever the marks.
"""

import datetime as dt

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance.codes import CODES
from escalation.engine.backtest import backtest
from escalation.engine.conditions import (
    COUNTS,
    MEASURES,
    OPERATORS,
    PERCENTAGES,
    PLAIN_WINDOWS,
    RUNS,
    WINDOWED,
)
from escalation.engine.evaluate import evaluate, new_state
from escalation.engine.outlook import explain, next_stage, what_brings_back
from escalation.engine.register import Register
from escalation.engine.ruleset import SHIPPED, RulesetError, load_ruleset, national_rules, parse_ruleset
from escalation.engine.words import stage_in_words
from tests.engine.school_year import calendar_rows, school_days

DAYS = school_days(calendar_rows()[:90])
NATIONAL = national_rules()
CHARACTERS = [ord(code.character) for code in CODES.values()] + [ord(".")]
EVERY_DAY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
IN_THE_TORTURE = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))

codes = st.lists(st.sampled_from([*"IGNOUM" * 4, "C1", "QQ"]), min_size=1, max_size=3)
numbers = st.one_of(
    st.integers(0, 12), st.sampled_from([90, 95.5, 100, -1, 101, 2.5]), st.sampled_from(["limit", "yes_no", "nowhere"])
)
stage_ids = st.sampled_from(["1", "1", "1", "1", "1", "1", "2", "4"])
dated_windows = st.one_of(
    st.sampled_from(PLAIN_WINDOWS),
    st.builds(
        lambda kind, number: {kind: number},
        st.sampled_from(["weeks", "school_weeks", "school_days"]),
        st.sampled_from([*range(1, 21), 0]),
    ),
)
windows = st.one_of(
    dated_windows,
    st.builds(lambda kind, stage: {kind: stage}, st.sampled_from(["since", "from_half_term_of"]), stage_ids),
    st.builds(lambda stage: {"since": stage, "through": "next_term"}, stage_ids),
)


@st.composite
def comparisons(draw, windows=windows):
    """Mostly ones that make sense, since a ruleset of six must make sense in all of them."""
    measure = draw(st.sampled_from(MEASURES))
    made = {"measure": measure}
    if measure in WINDOWED:
        made["window"] = draw(windows)
    if measure in ("days_with", "age_of_mark") or (measure in (*RUNS, *COUNTS[:3]) and draw(st.booleans())):
        made["codes"] = draw(codes)
    sensible = st.integers(0, 100) if measure in PERCENTAGES else st.integers(0, 12)
    made[draw(st.sampled_from(OPERATORS))] = draw(st.one_of(*[sensible] * 12, numbers))
    return made


cases = st.builds(
    lambda kind, stage: {kind: stage},
    st.sampled_from(["done", "no_improvement_since", "plan_ended", "target_missed", "target_met"]),
    stage_ids,
)
conditions = st.recursive(
    st.one_of(comparisons(), comparisons(), comparisons(), cases, st.just({"watch": "w"})),
    lambda part: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(part, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(part, min_size=1, max_size=3)),
        st.builds(lambda inner: {"not": inner}, part),
    ),
    max_leaves=4,
)


@st.composite
def rulesets(draw):
    number = draw(st.integers(1, 4))
    stages = [
        {
            "id": draw(st.sampled_from([at + 1] * 30 + [1])),
            "name": "A stage",
            "short": "Stage",
            "band": "b",
            "when": draw(comparisons(dated_windows) if at == 0 else conditions),
            "needs": draw(st.lists(st.integers(1, max(at, 1)), max_size=1)) if at else [],
            "may_be_passed_over": draw(st.booleans()),
            "waits_for_gap": draw(st.booleans()),
            "begins_period": draw(st.integers(1, 6)),
            "acts": "tutor",
            "actions": [{"kind": "letter"}],
            "clause": "c",
            "what_school_does": "x",
            "what_family_can_do": "x",
            "what_brings_back": "x",
        }
        for at in range(number)
    ]
    settled = {
        name: {"value": draw(st.integers(0, 12)), "unit": "x", "note": "x"} for name in ("gap", "settling_in", "review_sessions")
    }
    return {
        "key": "made",
        "name": "Made",
        "policy": {"title": "x", "school": "x"},
        "judged": draw(st.sampled_from(["daily", "weekly"])),
        "parameters": {
            **settled,
            "reopen_after": {"value": 10, "unit": "x", "note": "x"},
            "limit": {"value": draw(st.integers(0, 100)), "unit": "x", "note": "x"},
            "yes_no": {"value": True, "unit": "x", "note": "x"},
        },
        "bands": [{"id": "b", "name": "B", "level": 1}],
        "stages": stages,
        "watch": [{"id": "w", "name": "W", "when": draw(comparisons()), "who": "officer", "clause": "c", "what_to_do": "x"}],
    }


def as_yaml(value):
    """JSON is YAML: one line is enough here."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def made_register(seed, pupils=4):
    chance = np.random.default_rng(seed)
    present = np.tile([ord("/"), ord("\\")], (pupils, len(DAYS)))
    other = chance.choice(CHARACTERS, size=present.shape)
    return Register(DAYS, np.where(chance.random(present.shape) < 0.3, other, present).astype(np.uint8))


def never_raises(made, seed):
    """True where the ruleset was accepted."""
    try:
        ruleset = parse_ruleset(as_yaml(made), "made.yaml")
    except RulesetError as error:
        assert error.faults and all(fault.line and fault.place and fault.message for fault in error.faults)
        return False
    register = made_register(seed)
    decisions = list(backtest(ruleset, register, DAYS.dates[0], DAYS.dates[49], "same-day"))
    assert all(decision.because or "not" in str(made) for decision in decisions)
    assert all(isinstance(text, str) for decision in decisions for text in decision.sentences())
    assert all(stage_in_words(ruleset, stage) for stage in ruleset.stages)
    return True


@EVERY_DAY
@given(made=rulesets(), seed=st.integers(0, 1000))
def test_an_accepted_ruleset_never_raises_and_a_refused_one_names_its_faults(made, seed):
    never_raises(made, seed)


@pytest.mark.slow
def test_ten_thousand_rulesets_of_which_a_fifth_are_accepted(bar):
    accepted: list[bool] = []

    @IN_THE_TORTURE
    @given(made=rulesets(), seed=st.integers(0, 1000))
    def each(made, seed):
        accepted.append(never_raises(made, seed))

    each()
    assert len(accepted) >= 10_000
    assert sum(accepted) >= len(accepted) / 5
    bar(12, f"{len(accepted):,} rulesets, {sum(accepted):,} accepted and none of them raised, every refusal with its place")


@pytest.mark.parametrize("key", SHIPPED)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_is_true_of_every_back_test(key, seed):
    """No stage twice in a year, stages only upwards, needs done before, and nothing before the gap."""
    ruleset, register = load_ruleset(key), made_register(seed)
    done: dict[int, dict[str, dt.date]] = {}
    order = [stage.id for stage in ruleset.stages]
    for decision in backtest(ruleset, register, DAYS.dates[0], DAYS.dates[-1], "same-day"):
        if decision.kind != "stage":
            continue
        earlier, stage = done.setdefault(decision.pupil, {}), ruleset.stage(decision.id)
        assert all(order.index(other) < order.index(stage.id) for other in earlier)
        assert set(stage.needs) <= set(earlier)
        if earlier and stage.waits_for_gap:
            assert DAYS.index(decision.date) - DAYS.index(max(earlier.values())) >= ruleset.gap
        earlier[stage.id] = decision.date


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.integers(0, 80), key=st.sampled_from(SHIPPED))
def test_the_outlook_never_raises(seed, day, key):
    ruleset, register = load_ruleset(key), made_register(seed, pupils=1)
    state = new_state(1, ruleset, NATIONAL)
    for number in range(day + 1):
        for decision in evaluate(register, ruleset, NATIONAL, state, DAYS.dates[number]):
            if decision.kind == "stage":
                state.mark_done(0, decision.id, decision.date)
    question = (register, ruleset, state, 0, DAYS.dates[day], NATIONAL)
    assert len(explain(*question)) == len(ruleset.stages)
    assert what_brings_back(*question)
    found = next_stage(*question)
    assert found is None or found.on > DAYS.dates[day]


def test_refused_rulesets_of_any_other_shape():
    """Not even a wrong shape deep inside raises anything but the loader's own error."""
    base = {"key": "made", "name": "Made", "policy": {"title": "x", "school": "x"}}
    for part in ("parameters", "bands", "stages", "watch", "recovery", "carry_over", "prompts", "checklists"):
        for wrong in ("[[1]]", "[{id: [1]}]", "{a: 1}", "{a: {b: [c]}}", "1", "[null]", "[{when: {all: [1, {not: {any: 3}}]}}]"):
            text = as_yaml(base)[:-1] + f", {part}: {wrong}}}"
            with pytest.raises(RulesetError):
                parse_ruleset(text, "made.yaml")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.integers(0, 89))
def test_one_day_and_many_days_count_the_same(seed, day):
    """The night asks about one day, the back-test about all of them; each has its own short cut."""
    one = made_register(seed, pupils=6)
    many, rows = Register(DAYS, one.marks, many_days=True), np.array([0, 2, 3, 5])
    start = max(day - 17, 0)
    for measured in (
        lambda register: register.run_length((), day, rows, by_session=False),
        lambda register: register.run_length(("I", "N"), day, rows, by_session=True),
        lambda register: register.run_length(("I", "G", "O"), day, rows, by_session=False),
        lambda register: register.days_absent(start, day + 1, rows),
        lambda register: register.days_with(("I", "N"), start, day + 1, rows),
        lambda register: register.count("missed", ("I", "U"), start, day + 1, rows),
        lambda register: register.words(start, day + 1, rows),
        lambda register: register.words(np.array([start, 0, start, day]), day + 1, rows),
        lambda register: register.words(start, len(DAYS), rows),
    ):
        assert measured(one).tolist() == measured(many).tolist()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_long_run_is_followed_back_to_its_beginning(seed):
    marks = made_register(seed, pupils=2).marks
    marks[:, 20:140] = ord("O")
    for register in (Register(DAYS, marks), Register(DAYS, marks, many_days=True)):
        length = int(register.run_length(("O",), 69, np.array([1]), by_session=False)[0])
        assert length >= 60
        assert register.run_begins(1, ("O",), 69, length, by_session=False) <= 10
