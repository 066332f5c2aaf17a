"""Two or more ladders over one register, side by side: who would be written to, when, and from which groups. Pure, no database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from escalation.engine.ruleset import Ruleset, Stage
from escalation.engine.workload import Workload

SMALLEST = 6
"""Groups with fewer pupils than this are shown as such and given no rate: a rate would speak of single children."""


class Proposal(NamedTuple):
    """A stage proposed for a pupil (a row of the register)."""

    date: dt.date
    row: int
    stage: str


@dataclass(frozen=True)
class Outcome:
    """What one ladder would have proposed, in order of time; ``watch`` and ``recovery``: how often each rule spoke."""

    label: str
    ruleset: Ruleset
    proposals: Sequence[Proposal]
    watch: Mapping[str, int] = field(default_factory=dict)
    recovery: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def workload(self) -> Workload:
        load = Workload(self.ruleset)
        for date, row, stage in self.proposals:
            load.add(date, row, "stage", stage)
        return load

    def first_letters(self) -> dict[int, Proposal]:
        """By row: the first stage that writes home."""
        return self.first({stage.id for stage in self.ruleset.stages if writes_home(stage)})

    def first(self, stages: Collection[str]) -> dict[int, Proposal]:
        """By row: the first proposal of one of these stages."""
        first: dict[int, Proposal] = {}
        for proposal in self.proposals:
            if proposal.stage in stages:
                first.setdefault(proposal.row, proposal)
        return first

    def furthest(self) -> dict[int, int]:
        """By row: the number of the furthest stage proposed, from 0, in the order of the ladder."""
        order = {stage.id: number for number, stage in enumerate(self.ruleset.stages)}
        furthest: dict[int, int] = {}
        for _, row, stage in self.proposals:
            furthest[row] = max(furthest.get(row, -1), order[stage])
        return furthest


def writes_home(stage: Stage) -> bool:
    """Whether the stage sends something to parents by itself."""
    return any(action.kind == "letter" and not action.when_asked for action in stage.actions)


@dataclass(frozen=True)
class Change:
    """What a pupil is proposed first under two ladders (a letter, or one stage); None: nothing."""

    row: int
    before: Proposal | None
    after: Proposal | None


@dataclass(frozen=True)
class Comparison:
    """Pupils by what another ladder would change about their first letter, or about one stage."""

    newly: tuple[Change, ...]
    no_longer: tuple[Change, ...]
    earlier: tuple[Change, ...]
    later: tuple[Change, ...]
    same_day: tuple[Change, ...]


def compare(before: Outcome, after: Outcome, stage: str = "") -> Comparison:
    """``after`` against ``before``, pupil by pupil: by the first letter, or by when ``stage`` is proposed."""
    old, new = (before.first({stage}), after.first({stage})) if stage else (before.first_letters(), after.first_letters())
    changes = [Change(row, old.get(row), new.get(row)) for row in sorted(old.keys() | new.keys())]

    def where(belongs: Callable[[Change], bool]) -> tuple[Change, ...]:
        return tuple(change for change in changes if belongs(change))

    return Comparison(
        newly=where(lambda change: change.before is None),
        no_longer=where(lambda change: change.after is None),
        earlier=where(lambda change: _days_later(change) < 0),
        later=where(lambda change: _days_later(change) > 0),
        same_day=where(lambda change: bool(change.before and change.after) and not _days_later(change)),
    )


def shared_stages(before: Outcome, after: Outcome) -> list[Stage]:
    """The stages that two versions of one ladder have in common; none of two different ladders, whose numbers mean different things."""
    if before.ruleset.key != after.ruleset.key:
        return []
    ids = {stage.id for stage in before.ruleset.stages}
    return [stage for stage in after.ruleset.stages if stage.id in ids]


def _days_later(change: Change) -> int:
    return (change.after.date - change.before.date).days if change.before and change.after else 0


@dataclass(frozen=True)
class PupilFacts:
    """What the groups are made of: figures of the days tried, form and flags on the last of them."""

    enrolment_id: int
    pupil_id: int
    label: str
    year_group: int | None
    form: str
    sex: str
    flags: tuple[str, ...]
    possible: int
    missed: int


@dataclass(frozen=True)
class GroupRates:
    """One group under one ladder. ``reached``: pupils who came as far as each stage or further, in the order of the ladder.

    Shares are of the whole school; rates of the group. All are None where the group is smaller than ``SMALLEST``.
    """

    name: str
    pupils: int
    of_pupils: float | None
    of_absence: float | None
    of_written: float | None
    written: float | None
    reached: tuple[float | None, ...]

    @property
    def is_small(self) -> bool:
        return self.pupils < SMALLEST

    @property
    def is_beyond_absence(self) -> bool:
        """Whether the group is written to clearly more often than its share of the absence would have it: 10 points or more."""
        return self.of_written is not None and self.of_absence is not None and self.of_written - self.of_absence >= 10


class _Totals(NamedTuple):
    pupils: int
    missed: int
    written: int


def group_rates(outcome: Outcome, pupils: Sequence[PupilFacts], groups: Mapping[str, Iterable[int]]) -> list[GroupRates]:
    """``groups``: rows by the group's name; only who had a possible session in the days tried counts."""
    written, furthest = outcome.first_letters().keys(), outcome.furthest()
    present = [row for row, pupil in enumerate(pupils) if pupil.possible]
    whole = _totals(present, pupils, written)
    stages = len(outcome.ruleset.stages)
    return [_rates(name, [row for row in rows if pupils[row].possible], pupils, written, furthest, whole, stages)
            for name, rows in groups.items()]  # fmt: skip


def _totals(rows: Sequence[int], pupils: Sequence[PupilFacts], written: Iterable[int]) -> _Totals:
    hit = set(written)
    return _Totals(len(rows), sum(pupils[row].missed for row in rows), sum(row in hit for row in rows))


def _rates(
    name: str,
    rows: Sequence[int],
    pupils: Sequence[PupilFacts],
    written: Iterable[int],
    furthest: Mapping[int, int],
    whole: _Totals,
    stages: int,
) -> GroupRates:
    if len(rows) < SMALLEST:
        return GroupRates(name, len(rows), None, None, None, None, (None,) * stages)
    part = _totals(rows, pupils, written)
    reached = Counter(furthest[row] for row in rows if row in furthest)
    return GroupRates(
        name=name,
        pupils=part.pupils,
        of_pupils=_share(part.pupils, whole.pupils),
        of_absence=_share(part.missed, whole.missed),
        of_written=_share(part.written, whole.written),
        written=_share(part.written, part.pupils),
        reached=tuple(
            _share(sum(count for stage, count in reached.items() if stage >= number), part.pupils) for number in range(stages)
        ),
    )


def _share(part: int, whole: int) -> float | None:
    """%, or None of nothing."""
    return 100 * part / whole if whole else None


FLAG_GROUPS = (("sen_support", "SEN support"), ("ehc_plan", "EHC plan"), ("fsm", "Free school meals"))
SEXES = (("F", "Girls"), ("M", "Boys"))


def groups_of(pupils: Sequence[PupilFacts]) -> dict[str, list[int]]:
    """Everybody, then rows by year group, SEN, EHC plan, free school meals and sex; a group without pupils is left out."""
    groups = {"Everybody": list(range(len(pupils)))}
    for year in sorted({pupil.year_group for pupil in pupils if pupil.year_group is not None}):
        name = "Reception" if year == 0 else f"Year {year}"
        groups[name] = [row for row, pupil in enumerate(pupils) if pupil.year_group == year]
    for key, name in FLAG_GROUPS:
        groups[name] = [row for row, pupil in enumerate(pupils) if key in pupil.flags]
    for key, name in SEXES:
        groups[name] = [row for row, pupil in enumerate(pupils) if pupil.sex == key]
    return {name: rows for name, rows in groups.items() if rows}
