"""The kinds of statutory clocks as dated, cited data (``data/clocks.yaml``): what opens each, when it is due, who has it, what is asked.

Read once, strictly; what does not fit is a ``ParameterError`` that names file and field.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Literal

from casework.penalty.parameters import FOLDER, ParameterError, Strict, read
from schools.models import Role


class Question(Strict):
    """What only a person can say. ``needed``: without it the return has a gap."""

    label: str
    hint: str
    needed: bool


class ClockKind(Strict):
    """``due``: school days after the day on which it opened, or the term's last school day."""

    opened_by: list[str]
    due: int | Literal["term"]
    role: str
    compulsory_age: bool
    asks: list[str]
    source: str
    why: str
    open: list[str] = []
    run_days: int = 0
    run_codes: list[str] = []


class _Clocks(Strict):
    kinds: dict[str, ClockKind]
    questions: dict[str, Question]


@cache
def _read() -> _Clocks:
    found = read(FOLDER / "clocks.yaml", _Clocks)
    for name, kind in found.kinds.items():
        if unknown := set(kind.asks) - set(found.questions):
            raise ParameterError(f"clocks.yaml, {name}: asks {sorted(unknown)}, which is no question of the file.")
        if kind.role not in Role.values:
            raise ParameterError(f"clocks.yaml, {name}: {kind.role!r} is no role.")
    return found


def kinds() -> dict[str, ClockKind]:
    """Every kind by its key, as in ``Clock.Kind``."""
    return _read().kinds


def questions_of(kind: str) -> dict[str, Question]:
    """What a person adds to a return of that kind, by key, in the order of the form."""
    return {key: _read().questions[key] for key in kinds()[kind].asks}


@cache
def kind_by_rule() -> dict[str, str]:
    """Which kind of clock each watch rule opens."""
    return {rule: name for name, kind in kinds().items() for rule in kind.opened_by}


def rules() -> Collection[str]:
    return kind_by_rule().keys()
