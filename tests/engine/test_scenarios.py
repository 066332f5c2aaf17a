"""The policies' own figures as scenario files that a head teacher can read; see scenarios/README.md."""

import datetime as dt
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from escalation.engine.backtest import run_backtest
from escalation.engine.ruleset import load_ruleset
from tests.engine.school_year import calendar_rows, marks_rows

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))


def _cases():
    return [
        pytest.param(path, number, id=f"{path.stem}: {pupil['who'][:60]}")
        for path in FILES
        for number, pupil in enumerate(_scenario(path)["pupils"])
    ]


@cache
def _scenario(path):
    return YAML(typ="safe").load(path)


def _acts(scenario, pupil):
    return pupil.get("acts", scenario.get("acts", "same-day"))


@cache
def _found(path, acts):
    """What the back-test reports of a file's pupils that share ``acts``: days by pupil, kind and id."""
    scenario, calendar = _scenario(path), calendar_rows()
    texts = [row[0] for row in calendar]
    marks = [
        row
        for number, pupil in enumerate(scenario["pupils"])
        if _acts(scenario, pupil) == acts
        for row in marks_rows(f"A{number:03d}", {str(span): codes for span, codes in pupil["absences"].items()}, texts)
    ]
    ruleset = load_ruleset(scenario["ruleset"])
    seen = defaultdict(lambda: defaultdict(list))
    for item in run_backtest(ruleset, calendar, marks, dt.date(2025, 9, 1), dt.date(2026, 7, 20), acts, _nothing_reported):
        seen[item["upn"], item["kind"]][item["id"]].append(item["date"])
    return seen


def _nothing_reported(what, row, fault):
    raise AssertionError(f"{what}, row {row}: {fault}")


@pytest.mark.parametrize(("path", "number"), _cases())
def test_scenario(path, number):
    scenario = _scenario(path)
    pupil = scenario["pupils"][number]
    seen, upn = _found(path, _acts(scenario, pupil)), f"A{number:03d}"
    if "stages" in pupil:
        assert dict(seen[upn, "stage"]) == {str(stage): [str(day)] for stage, day in pupil["stages"].items()}
    for kind in ("watch", "recovery"):
        for rule, days in pupil.get(kind, {}).items():
            assert seen[upn, kind][rule] == [str(day) for day in days], rule
