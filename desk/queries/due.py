"""Due: conversations, meetings and reviews by day, and periods that end. Each has its own verb.

N codes that are ageing come from ``settling``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from desk.contact_form import TASK_OUTCOMES, outcome_choices
from desk.queries.todo import About, Open, Owner, Reader
from desk.words import stage_label
from escalation.models import Period, Task
from letters.phrases import count

LOOK_AHEAD = 14
"""Days ahead that the list shows."""
VERBS = {"review": "Open", "plan": "Prepare", "contract": "Prepare", "referral": "Prepare"}
"""Every other kind of task is recorded."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something with a day. ``late`` counts school days since it was due; ``verb`` is what the person does with it."""

    on: dt.date
    late: int
    title: str
    about: About
    owner: Owner
    verb: str
    task: int | None = None
    kind: str = ""
    address: str = ""
    """Where "Open" leads, where it is not the pupil's page."""

    @property
    def recording(self) -> str:
        """How the address asks for the item's form."""
        return f"record-{self.task}"

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return outcome_choices(TASK_OUTCOMES.get(self.kind, ("done",)))


def due_items(reader: Reader, opened: Open, others: Iterable[Due] = ()) -> list[Due]:
    """Open tasks, periods that end, and ``others``, to two weeks ahead, overdue first. One statement."""
    until = reader.on + dt.timedelta(days=LOOK_AHEAD)
    periods = Period.objects.filter(case__school__in=reader.schools, outcome="", ends_on__gte=reader.on, ends_on__lte=until)
    items = [_due_task(reader, task) for task in opened.tasks if task.due_on <= until]
    items += [_due_period(reader, period) for period in periods.select_related("case__pupil")]
    items += [item for item in others if item.on <= until]
    return sorted(items, key=lambda item: (item.on, item.title, item.about.name))


def _due_task(reader: Reader, task: Task) -> Due:
    school = task.case.school_id
    about = reader.about(task.case.pupil, school)
    owner = reader.owner(school, task.role, about.line, task.owner)
    late = reader.places[school].age(task.due_on) if task.due_on < reader.on else 0
    is_others = not owner.is_mine and not owner.is_nobodys
    return Due(
        on=task.due_on,
        late=late,
        title=task.title,
        about=about,
        owner=owner,
        verb="Nudge" if late and is_others else VERBS.get(task.kind, "Record"),
        task=task.pk,
        kind=task.kind,
    )


def _due_period(reader: Reader, period: Period) -> Due:
    about = reader.about(period.case.pupil, period.case.school_id)
    title = f"{count(period.weeks, 'week')} of monitoring end, {stage_label(period.stage).lower()}"
    return Due(period.ends_on, 0, title, about, Owner("The night tests it", is_nobodys=True), "Open")
