"""The policies' own figures as scenario files that a head teacher can read; see scenarios/README.md."""

import datetime as dt
from collections import defaultdict
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from escalation.engine.backtest import run_backtest
from escalation.engine.ruleset import load_ruleset
from tests.engine.school_year import calendar_rows, marks_rows

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))


def _cases():
    for path in FILES:
        scenario = YAML(typ="safe").load(path)
        for pupil in scenario["pupils"]:
            yield pytest.param(scenario, pupil, id=f"{path.stem}: {pupil['who'][:60]}")


def _seen(scenario, pupil):
    """Days by kind and id, as the back-test reports them."""
    calendar = calendar_rows()
    absences = {str(span): codes for span, codes in pupil["absences"].items()}
    marks = marks_rows("A1", absences, [row[0] for row in calendar])
    acts = pupil.get("acts", scenario.get("acts", "same-day"))
    found = run_backtest(
        load_ruleset(scenario["ruleset"]), calendar, marks, dt.date(2025, 9, 1), dt.date(2026, 7, 20), acts, _nothing_reported
    )
    seen = defaultdict(lambda: defaultdict(list))
    for item in found:
        seen[item["kind"]][item["id"]].append(item["date"])
    return seen


def _nothing_reported(what, row, fault):
    raise AssertionError(f"{what}, row {row}: {fault}")


@pytest.mark.parametrize(("scenario", "pupil"), _cases())
def test_scenario(scenario, pupil):
    seen = _seen(scenario, pupil)
    if "stages" in pupil:
        assert dict(seen["stage"]) == {str(stage): [str(day)] for stage, day in pupil["stages"].items()}
    for kind in ("watch", "recovery"):
        for rule, days in pupil.get(kind, {}).items():
            assert seen[kind][rule] == [str(day) for day in days], rule
