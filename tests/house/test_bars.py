"""docs/reliability.md is written by the tests that measure, never by hand."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.bars import PAGE, Figure, with_figures

DAY = dt.date(2026, 11, 22)
BLANK = (
    "| # | bar | figure | made by | when, where |\n| 12 | Rulesets fuzzed | not yet | | |\n| 13 | Invariants | not yet | | |\n"
)


def test_a_figure_takes_the_row_of_its_bar():
    page = with_figures(BLANK, [Figure(12, "10,000 rulesets", "tests/a.py::test_b")], on=DAY, machine="2 cores")
    assert "| 12 | Rulesets fuzzed | 10,000 rulesets | `tests/a.py::test_b` | 22 November 2026, 2 cores |" in page
    assert "| 13 | Invariants | not yet | | |" in page


def test_a_second_run_replaces_the_figure_and_a_second_test_gets_its_own_row():
    page = with_figures(BLANK, [Figure(12, "old", "a"), Figure(12, "other", "b"), Figure(12, "new", "a")], on=DAY, machine="m")
    rows = [line for line in page.splitlines() if line.startswith("| 12 |")]
    assert [row.split(" | ")[2] for row in rows] == ["new", "other"]


def test_a_bar_that_the_page_does_not_know_is_an_error():
    with pytest.raises(LookupError, match="no row for bar 99"):
        with_figures(BLANK, [Figure(99, "x", "a")], on=DAY, machine="m")


def test_the_page_has_a_row_for_each_of_the_twenty_five_bars():
    numbers = {int(line.split("|")[1]) for line in PAGE.read_text().splitlines() if line.startswith("| ") and line[2].isdigit()}
    assert numbers == set(range(1, 26))


def test_a_figure_that_is_there_names_a_test_that_exists():
    root = PAGE.parent.parent
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and "::" in line:
            path, name = line.split("`")[1].split("::")
            assert f"def {name.split('[')[0]}(" in (root / path).read_text(), line
