"""How much work a ladder would have made, for whom and when: what a school asks before it adopts or changes a policy."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from escalation.engine.ruleset import Ruleset
from escalation.engine.sentences import plural


@dataclass
class Workload:
    """How much work a ladder would have made: proposals by week, stage and role, the peak week, and the case load at the end.

    A week is named by its Monday; watch entries are work for whoever looks at the watch list and are counted apart.
    """

    ruleset: Ruleset
    by_week: Counter[tuple[dt.date, str, str]] = field(default_factory=Counter)
    watch: Counter[tuple[dt.date, str]] = field(default_factory=Counter)
    recovery: Counter[str] = field(default_factory=Counter)
    latest: dict[object, tuple[int, str]] = field(default_factory=dict)

    def add(self, date: dt.date, pupil: object, kind: str, id: str) -> None:
        """Count one proposal; ``pupil`` is whatever tells pupils apart. The year's later stages replace its earlier ones."""
        monday = date - dt.timedelta(days=date.weekday())
        if kind == "stage":
            self.by_week[monday, id, self.ruleset.stage(id).acts] += 1
            self.latest[pupil] = (date.toordinal(), id)
        elif kind == "watch":
            self.watch[monday, id] += 1
        else:
            self.recovery[id] += 1

    @property
    def weeks(self) -> list[dt.date]:
        return sorted({monday for monday, _, _ in self.by_week})

    def proposals_in(self, monday: dt.date) -> int:
        return sum(number for (week, _, _), number in self.by_week.items() if week == monday)

    @property
    def peak(self) -> tuple[dt.date, int] | None:
        """The week with the most proposals (the first of equal ones), and how many."""
        return max(((week, self.proposals_in(week)) for week in self.weeks), key=lambda pair: pair[1], default=None)

    def case_load(self, since: dt.date) -> Counter[str]:
        """Pupils by the stage last proposed on or after ``since`` (the first day of the year in which the run ends)."""
        return Counter(stage for ordinal, stage in self.latest.values() if ordinal >= since.toordinal())


def workload(ruleset: Ruleset, objects: Iterable[dict[str, object]]) -> Workload:
    """The workload of the objects that ``run_backtest`` yields."""
    load = Workload(ruleset)
    for item in objects:
        load.add(dt.date.fromisoformat(str(item["date"])), item["upn"], str(item["kind"]), str(item["id"]))
    return load


def in_lines(load: Workload, year_began: dt.date) -> Iterator[str]:
    """The workload as plain text: a line for each week, stage and role, then the peak week and the case load at the end."""
    order = {stage.id: number for number, stage in enumerate(load.ruleset.stages)}
    yield "week beginning  stage   role              proposals"
    for monday, id, role in sorted(load.by_week, key=lambda key: (key[0], order[key[1]])):
        yield f"{monday}      {id:<7} {role:<17} {load.by_week[monday, id, role]:>9}"
    peak = load.peak
    yield f"peak week: {peak[0]}, {plural(peak[1], 'proposal')}" if peak else "peak week: none, nothing was proposed"
    cases = load.case_load(year_began)
    yield f"case load at the end: {plural(sum(cases.values()), 'pupil')}"
    for stage in load.ruleset.stages:
        if cases[stage.id]:
            yield f"  stage {stage.id} ({stage.name}): {cases[stage.id]}"
    entries: Counter[str] = Counter()
    for (_, rule), opened in load.watch.items():
        entries[rule] += opened
    for rule, opened in sorted(entries.items()):
        yield f"watch list, {rule}: {opened}"
    for rule, seen in sorted(load.recovery.items()):
        yield f"recovery, {rule}: {seen}"
