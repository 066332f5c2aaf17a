"""The bars of reliability, and the figures with which they were last held.

A test that measures a bar says so: ``bar(12, "10,000 rulesets, 3,412 accepted, 0 raised")``. Run with ``--write-figures`` (``bin/torture``
does) the figures go into ``docs/reliability.md`` with the day, the machine and the test that made them; nobody writes them by hand.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
NOT_YET = "not yet"
Bar = Callable[[int, str], None]


class Figure(NamedTuple):
    number: int
    figure: str
    test: str


FIGURES = pytest.StashKey[list[Figure]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-figures", action="store_true", help="Write the figures of the bars into docs/reliability.md.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


@pytest.fixture
def bar(request: pytest.FixtureRequest) -> Bar:
    """Says with which figure a bar was held. Called after the assertions, so that a bar that fails has none."""

    def say(number: int, figure: str) -> None:
        request.config.stash[FIGURES].append(Figure(number, figure, request.node.nodeid))

    return say


def pytest_sessionfinish(session: pytest.Session) -> None:
    figures = session.config.stash[FIGURES]
    if figures and session.config.getoption("--write-figures"):
        PAGE.write_text(with_figures(PAGE.read_text(), figures, on=dt.date.today(), machine=machine()))


def machine() -> str:
    """What the figures were measured on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def with_figures(page: str, figures: list[Figure], *, on: dt.date, machine: str) -> str:
    """The page with these figures in the rows of their bars; a bar that several tests hold has one row a test."""
    lines = page.splitlines()
    for number, figure, test in figures:
        rows = [at for at, line in enumerate(lines) if line.startswith(f"| {number} |")]
        if not rows:
            raise LookupError(f"{PAGE.name} has no row for bar {number}: add it to the table.")
        own = [at for at in rows if f"`{test}`" in lines[at]] or [at for at in rows if f"| {NOT_YET} |" in lines[at]]
        what = lines[rows[0]].split(" | ")[1]
        row = f"| {number} | {what} | {figure} | `{test}` | {on:%d %B %Y}, {machine} |"
        if own:
            lines[own[0]] = row
        else:
            lines.insert(rows[-1] + 1, row)
    return "\n".join(lines) + "\n"
