"""A ladder ready for use: plain records in which every named parameter is filled in and every condition can be judged.

The loader (``ruleset``) makes them out of a file; everybody else only reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from escalation.engine.conditions import Condition
from escalation.engine.schema import Action, Band, Checklist, Policy, Prompt


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value that a school can change. ``open``: the policy leaves it open; ``note`` says what it is and what we use."""

    name: str
    value: int | float | bool
    unit: str
    note: str
    open: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a ladder; ``condition`` is ready to be judged, ``begins_period`` is in weeks, roles are role keys."""

    id: str
    name: str
    short: str
    band: str
    condition: Condition
    needs: tuple[str, ...]
    may_be_passed_over: bool
    waits_for_gap: bool
    begins_period: int | None
    period_is: str
    acts: str
    approves: str | None
    actions: tuple[Action, ...]
    clause: str
    what_school_does: str
    what_family_can_do: str
    what_brings_back: str
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WatchRule:
    """A watch or recovery rule. ``reopen_after``: evaluated days in a row on which it must have failed to hold before it opens again.

    ``afresh_each_year``: on the year's own figures; ``new_period_codes``: opens again with each new period of these codes;
    ``each_period_of``: opens again for each period of these stages that ended with its target met; ``letter``: for recovery rules;
    ``compulsory_age_only``: judged only on days on which the pupil is of compulsory school age.
    """

    id: str
    name: str
    condition: Condition
    reopen_after: int
    afresh_each_year: bool
    new_period_codes: tuple[str, ...]
    each_period_of: tuple[str, ...]
    weekly: bool
    who: str
    clause: str
    what_to_do: str
    letter: str | None
    open: tuple[str, ...]
    compulsory_age_only: bool = False


@dataclass(frozen=True, slots=True)
class CarryOver:
    condition: Condition
    stages: tuple[str, ...]
    letter: str | None
    clause: str
    note: str


@dataclass(frozen=True)
class Ruleset:
    """A checked ruleset. ``text`` is the file, ``sha256`` its hash: a version that was used is known by it for ever."""

    key: str
    name: str
    version: str
    policy: Policy
    weekly: bool
    parameters: Mapping[str, Parameter]
    bands: tuple[Band, ...]
    stages: tuple[Stage, ...]
    watch: tuple[WatchRule, ...]
    recovery: tuple[WatchRule, ...]
    carry_over: CarryOver | None
    prompts: tuple[Prompt, ...]
    checklists: tuple[Checklist, ...]
    source: str
    text: str = field(repr=False)

    @property
    def cadence(self) -> str:
        return "weekly" if self.weekly else "daily"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def gap(self) -> int:
        """School days that a stage waits after any stage was done."""
        return int(self._number("gap"))

    @property
    def settling_in(self) -> int:
        """Possible sessions in the year before its % is judged."""
        return int(self._number("settling_in"))

    @property
    def review_sessions(self) -> int:
        """Possible sessions after a stage before "no improvement" is judged."""
        return int(self._number("review_sessions"))

    @property
    def reopen_after(self) -> int:
        return int(self._number("reopen_after"))

    def _number(self, name: str) -> int | float:
        parameter = self.parameters.get(name)
        return parameter.value if parameter else 0

    def stage(self, stage_id: str) -> Stage:
        """KeyError where the ladder has no such stage."""
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        raise KeyError(stage_id)

    def band(self, stage: Stage) -> Band:
        return next(band for band in self.bands if band.id == stage.band)

    @property
    def left_open(self) -> tuple[Parameter, ...]:
        """The parameters on which the policy is silent."""
        return tuple(parameter for parameter in self.parameters.values() if parameter.open)
