"""What the lists of Today share: who looks and at which schools, whom an item is about and who has it, and what several of them read.

Read once a page, in a fixed number of statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from attendance.models import ImportBatch
from desk.queries.roll import Key, Place, RollLine, Staff
from escalation.models import NightRun, Task
from letters.models import Letter
from schools.models import Pupil, Role, School, User

NIGHTS_BACK = 60
"""Days back in which a school's last night is looked for: longer than the summer holiday."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has something, as a list names them: "You", a name, or that nobody holds the role."""

    name: str
    title: str = ""
    email: str = ""
    is_mine: bool = False
    is_nobodys: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """The pupil that an item is about; one who has left has no line on the roll."""

    pupil: int
    school: int
    name: str
    line: RollLine | None

    @property
    def form(self) -> str:
        return self.line.form if self.line else "left"

    @property
    def flags(self) -> tuple[str, ...]:
        return self.line.flags if self.line else ()


@dataclass(frozen=True)
class Reader:
    """Who looks, at which schools, and what was read once for the page."""

    user: User
    on: dt.date
    places: Mapping[int, Place]
    lines: Mapping[Key, RollLine]
    staff: Staff

    @property
    def schools(self) -> list[School]:
        return [place.school for place in self.places.values()]

    def owner(self, school: int, role: str, line: RollLine | None, given: User | None = None) -> Owner:
        """Who has something for the pupil: the person it was given to, or else whoever holds the role for the pupil."""
        held = None if given else self.staff.holder(school, role, line)
        user = given or (held.user if held else None)
        if user is None:
            return Owner(f"No {Role(role).label.lower()}", is_nobodys=True)
        name = "You" if user.pk == self.user.pk else user.name
        return Owner(name, held.shown_title.lower() if held else "", user.email, is_mine=user.pk == self.user.pk)

    def about(self, pupil: Pupil, school: int) -> About:
        return About(pupil.pk, school, pupil.name, self.lines.get((pupil.pk, school)))


class Draft(NamedTuple):
    """A drafted letter, as much of it as lists need."""

    school: int
    pupil: int
    approves: str
    drafted_on: dt.date
    stage_record: int | None


@dataclass(frozen=True)
class Open:
    """Open tasks by day, drafted letters, each school's nights (newest first) and last import."""

    tasks: list[Task]
    drafts: list[Draft]
    runs: list[NightRun]
    imports: list[ImportBatch]

    @property
    def last_nights(self) -> dict[int, dt.date]:
        """The last day whose night is done, by school."""
        return {run.school_id: run.on for run in reversed(self.runs) if run.state == NightRun.State.DONE}

    @property
    def last_import(self) -> ImportBatch | None:
        return max(self.imports, key=lambda batch: batch.at, default=None)


def what_is_open(schools: Collection[School], on: dt.date) -> Open:
    """Four statements."""
    tasks = Task.objects.filter(state=Task.State.OPEN, case__school__in=schools)
    drafts = Letter.objects.filter(state=Letter.State.DRAFTED, school__in=schools)
    runs = NightRun.objects.filter(school__in=schools, on__gte=on - dt.timedelta(days=NIGHTS_BACK), on__lte=on)
    of_school = ImportBatch.objects.filter(school=OuterRef("pk")).order_by("-at", "-pk").values("pk")[:1]
    newest = School.objects.filter(pk__in=[school.pk for school in schools]).values_list(Subquery(of_school))
    return Open(
        tasks=list(tasks.select_related("case__pupil", "owner", "stage_record").order_by("due_on", "id")),
        drafts=[Draft(*row) for row in drafts.values_list("school", "case__pupil", "approves", "drafted_on", "stage_record")],
        runs=list(runs.order_by("-on")),
        imports=list(ImportBatch.objects.filter(pk__in=newest).defer("first_entries")),
    )
