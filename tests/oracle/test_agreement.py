"""The engine and the second reading must say the same about any register, under every ladder and in both ways of acting."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from escalation.engine.backtest import run_backtest
from escalation.engine.ruleset import load_ruleset
from tests.oracle.corners import CORNERS
from tests.oracle.ladders import LADDERS, NATIONAL
from tests.oracle.reading import read_register, take_down
from tests.oracle.registers import SmallRegister, registers

ACTS = ("same-day", "never")
RULESETS = {key: load_ruleset(key) for key in LADDERS}
NAMED = {("federation", "3"), ("federation", "5")}  # the names that the specification prints
MEASURED_BACK = ("run_of_days", "run_of_sessions", "age_of_mark")  # these have dates but no window to be named
AT_LEAST = 3  # lines of each stage and rule, so that the agreement is not empty
QUIET = settings(
    derandomize=False,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    report_multiple_bugs=False,
)

Line = dict[str, Any]


def engine_lines(policy: str, register: SmallRegister, act: str) -> list[Line]:
    """What the engine would print, as it would be read back from JSON; recovery is not compared."""
    calendar, marks = [list(row) for row in register.calendar], [list(row) for row in register.marks]
    start, end = date.fromisoformat(register.start), date.fromisoformat(register.end)
    lines = [json.loads(json.dumps(line)) for line in run_backtest(RULESETS[policy], calendar, marks, start, end, act)]
    return [line for line in lines if line["kind"] != "recovery"]


def to_compare(policy: str, line: Line) -> Line:
    because = []
    for reason in line["because"]:
        assert reason.get("measure") == "percent" or not isinstance(reason.get("value"), float), (
            f"a count is an integer: {reason}"
        )
        because.append({k: v for k, v in reason.items() if k != "window" or reason["measure"] not in MEASURED_BACK})
    name = line["name"] if (policy, line["id"]) in NAMED and line["kind"] == "stage" else "any"
    return {**line, "name": name, "because": because}


def show(line: Line) -> str:
    reasons = "; ".join(" ".join(str(part) for part in reason.values()) for reason in line["because"])
    return f"{line['date']} {line['upn']} {line['kind']} {line['id']} [{reasons}]"


def difference(policy: str, register: SmallRegister, act: str, expected: list[Line], got: list[Line]) -> str:
    """The lines of one side only, then the register of the pupils concerned in rows."""
    odd = [("reading", line) for line in expected if line not in got] + [("engine", line) for line in got if line not in expected]
    upns = {line["upn"] for _, line in odd}
    return "\n".join(
        [
            f"{policy}, acting {act}, from {register.start} to {register.end}",
            *(
                f"  only the {side}: {show(line)}"
                for side, line in odd or [("order of the lines differs; the first", expected[0])]
            ),
            *register_rows(register, upns),
        ]
    )


def register_rows(register: SmallRegister, upns: set[str]) -> Iterator[str]:
    """A school day a row: date, half term, term, year, and each pupil's codes as they stand in the file."""
    marks = [row for row in register.marks if row[0] in upns]
    for day, *names in register.calendar:
        codes = [f"{upn[-4:]} {session} {code}" for upn, marked, session, code in marks if marked == day]
        yield f"  {date.fromisoformat(day):%a} {day} {' / '.join(names)}: {', '.join(codes)}"
    school_days = {row[0] for row in register.calendar}
    yield from (f"  off the calendar: {row}" for row in marks if row[1] not in school_days)


def compare(register: SmallRegister, tally: Counter[tuple[str, str, str]]) -> None:
    """Under all five ladders and both ways of acting; `tally` counts the lines by ladder, kind and id."""
    taken_down = take_down(list(register.calendar), list(register.marks))
    start, end = date.fromisoformat(register.start), date.fromisoformat(register.end)
    for policy, act in product(LADDERS, ACTS):
        expected = [to_compare(policy, line) for line in read_register(policy, taken_down, start, end, act)]
        got = [to_compare(policy, line) for line in engine_lines(policy, register, act)]
        if got != expected:
            pytest.fail(difference(policy, register, act, expected, got), pytrace=False)
        tally.update((policy, line["kind"], line["id"]) for line in expected)


def everything_that_can_happen() -> Iterator[tuple[str, str, str]]:
    for policy, ladder in LADDERS.items():
        yield from ((policy, "stage", stage["id"]) for stage in ladder["stages"])
        yield from ((policy, "watch", rule) for rule, _ in ladder["watch"] + NATIONAL)


def agree_on(pupils: int, first_seed: int) -> None:
    """Files of some eight pupils each, until so many pupils' registers have been read under every ladder."""
    tally: Counter[tuple[str, str, str]] = Counter()
    read_so_far = 0

    @seed(first_seed)
    @settings(QUIET, max_examples=pupils // 6)
    @given(registers())
    def on_each(register: SmallRegister) -> None:
        nonlocal read_so_far
        compare(register, tally)
        read_so_far += len({row[0] for row in register.marks})

    on_each()
    assert read_so_far >= pupils
    too_rare = {what: tally[what] for what in everything_that_can_happen() if tally[what] < AT_LEAST}
    assert not too_rare, f"these hardly occurred, so agreeing on them says little: {too_rare}"


@pytest.mark.parametrize("what", CORNERS)
def test_engine_and_second_reading_agree_in_the_corners(what: str) -> None:
    compare(CORNERS[what], Counter())


def test_engine_and_second_reading_agree_on_two_thousand_registers() -> None:
    agree_on(2_000, first_seed=1)


@pytest.mark.slow
def test_engine_and_second_reading_agree_on_twenty_thousand_registers() -> None:
    agree_on(20_000, first_seed=2)
