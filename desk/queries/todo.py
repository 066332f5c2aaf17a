"""What stands on Today below the telephone list: new since last night, due, waiting for others, exceptions, done.

Each list takes a fixed number of statements; forms, flags and names come from the roll and the staff that were read once.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from attendance.models import ImportBatch, MarkChange
from desk.contact_form import TASK_OUTCOMES, outcome_choices
from desk.queries.registers import BECOMES_O, OldN
from desk.queries.roll import Key, Place, RollLine, Staff
from desk.words import stage_label
from escalation.models import Event, NightRun, Period, PlannedLetter, StageRecord, Task, WatchEntry
from letters.models import Letter
from letters.phrases import count, joined
from schools.models import Role, School, User

LETTERS_AIM = 3
"""School days within which a draft should be decided; older ones stand in red."""
LOOK_AHEAD = 14
"""Days ahead that Due shows."""
NIGHTS_BACK = 60
"""Days back in which a school's last night is looked for: longer than the summer holiday."""

REFUSED = "Refused in the import"
VERBS = {"review": "Open", "plan": "Prepare", "contract": "Prepare", "referral": "Prepare"}
"""Every other kind of task is recorded."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has something, as a list names them: "You", a name, or that nobody holds the role."""

    name: str
    title: str = ""
    email: str = ""
    is_mine: bool = False
    is_nobodys: bool = False


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


def _about(reader: Reader, pupil: object, school: int) -> About:
    key = (pupil.pk, school)  # type: ignore[attr-defined]
    return About(*key, pupil.name, reader.lines.get(key))  # type: ignore[attr-defined]


# Read once, and looked at by several lists


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


# New since last night


@dataclass(frozen=True, slots=True)
class News:
    """A stage that the night proposed, or a watch entry that it opened."""

    about: About
    number: int
    is_watch: bool
    title: str
    level: int
    sentences: list[str]
    owner: Owner
    task: int | None = None
    has_draft: bool = False

    @property
    def with_whom(self) -> str:
        if not self.has_draft:
            return self.owner.name
        return f"Draft waits for {'you' if self.owner.is_mine else self.owner.name}"

    @property
    def act(self) -> str:
        """How the address names the item."""
        return f"{'watch' if self.is_watch else 'stage'}-{self.number}"

    @property
    def handing_on(self) -> str:
        return f"hand-{self.task}"

    @property
    def declining(self) -> str:
        return f"decline-{self.act}"


def news(reader: Reader, waiting: Open) -> list[News]:
    """Open stages and watch entries of each school's last night, gravest stage first. Two statements."""
    fresh, fresh_entries = Q(pk__in=[]), Q(pk__in=[])
    for school, night in waiting.last_nights.items():
        fresh |= Q(case__school=school, proposed_on__gte=night)
        fresh_entries |= Q(school=school, opened_on__gte=night)
    stages = StageRecord.objects.filter(fresh, state=StageRecord.State.PROPOSED).select_related("case__pupil")
    entries = WatchEntry.objects.filter(fresh_entries, state=WatchEntry.State.OPEN).select_related("pupil")
    task_of = {task.stage_record_id: task for task in reversed(waiting.tasks)}
    draft_of = {draft.stage_record: draft for draft in waiting.drafts}
    found = [_stage_news(reader, record, task_of.get(record.pk), draft_of.get(record.pk)) for record in stages]
    found += [_watch_news(reader, entry) for entry in entries]
    return sorted(found, key=lambda item: (-item.level, item.about.name))


def _stage_news(reader: Reader, record: StageRecord, task: Task | None, draft: Draft | None) -> News:
    school = record.case.school_id
    about = _about(reader, record.case.pupil, school)
    owner = (
        reader.owner(school, draft.approves, about.line)
        if draft
        else reader.owner(school, record.acts, about.line, task.owner if task else None)
    )
    return News(
        about=about,
        number=record.pk,
        is_watch=False,
        title=f"{stage_label(record.stage)} · {record.name}",
        level=record.level,
        sentences=record.sentences,
        owner=owner,
        task=task.pk if task else None,
        has_draft=draft is not None,
    )


def _watch_news(reader: Reader, entry: WatchEntry) -> News:
    about = _about(reader, entry.pupil, entry.school_id)
    owner = reader.owner(entry.school_id, entry.role, about.line)
    return News(about, entry.pk, True, f"Watch · {entry.name}", 0, entry.sentences, owner)


# Due


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

    @property
    def recording(self) -> str:
        """How the address asks for the item's form."""
        return f"record-{self.task}"

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return outcome_choices(TASK_OUTCOMES.get(self.kind, ("done",)))


def due(reader: Reader, waiting: Open) -> list[Due]:
    """Open tasks and periods that end, to two weeks ahead, overdue first. One statement."""
    until = reader.on + dt.timedelta(days=LOOK_AHEAD)
    periods = Period.objects.filter(case__school__in=reader.schools, outcome="", ends_on__gte=reader.on, ends_on__lte=until)
    items = [_due_task(reader, task) for task in waiting.tasks if task.due_on <= until]
    items += [_due_period(reader, period) for period in periods.select_related("case__pupil")]
    return sorted(items, key=lambda item: (item.on, item.title, item.about.name))


def _due_task(reader: Reader, task: Task) -> Due:
    school = task.case.school_id
    about = _about(reader, task.case.pupil, school)
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
    about = _about(reader, period.case.pupil, period.case.school_id)
    title = f"{count(period.weeks, 'week')} of monitoring end, {stage_label(period.stage).lower()}"
    return Due(period.ends_on, 0, title, about, Owner("The night tests it", is_nobodys=True), "Open")


@dataclass(frozen=True, slots=True)
class NCodes:
    """N codes of one age: the last day to ask, or due to become O."""

    school: School
    becomes_o: bool
    number: int
    pupils: list[RollLine]

    @property
    def title(self) -> str:
        codes = count(self.number, "N code")
        if self.becomes_o:
            return f"{codes} past day {BECOMES_O - 1} {'becomes' if self.number == 1 else 'become'} O"
        return f"{codes} on day 4: last day to ask"

    @property
    def names(self) -> str:
        """The first three, and how many more."""
        surnames = [line.name for line in self.pupils]
        return joined(surnames) if len(surnames) <= 3 else f"{', '.join(surnames[:3])} and {len(surnames) - 3} more"


def n_codes(reader: Reader, old: Iterable[OldN]) -> list[NCodes]:
    """Old N codes by school, those due to become O first."""
    found: dict[tuple[int, bool], list[OldN]] = defaultdict(list)
    for code in old:
        found[(code.line.school, code.age >= BECOMES_O)].append(code)
    return [
        NCodes(reader.places[school].school, becomes_o, len(codes), list({code.line.key: code.line for code in codes}.values()))
        for (school, becomes_o), codes in sorted(found.items(), key=lambda item: (not item[0][1], item[0][0]))
    ]


# Waiting for others


@dataclass(frozen=True, slots=True)
class Waiting:
    """Letters with one approver at one school. ``oldest`` in school days."""

    school: str
    owner: Owner
    letters: int
    oldest: int

    @property
    def is_late(self) -> bool:
        return self.oldest > LETTERS_AIM


def waiting(reader: Reader, drafts: Collection[Draft]) -> list[Waiting]:
    """Drafted letters by who approves them, the oldest first."""
    found: dict[tuple[int, Owner], list[int]] = defaultdict(list)
    for draft in drafts:
        owner = reader.owner(draft.school, draft.approves, reader.lines.get((draft.pupil, draft.school)))
        found[(draft.school, owner)].append(reader.places[draft.school].age(draft.drafted_on))
    rows = [Waiting(reader.places[school].school.name, owner, len(ages), max(ages)) for (school, owner), ages in found.items()]
    return sorted(rows, key=lambda row: (-row.oldest, row.owner.name))


# Exceptions


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong or cannot go on by itself. ``kind`` chooses the words and the link."""

    kind: str
    text: str
    about: About | None = None
    school: str = ""

    @property
    def is_import(self) -> bool:
        return self.kind == REFUSED


def troubles(reader: Reader, waiting: Open) -> list[Trouble]:
    """Nobody to write to, came back, refused in an import, nights put off or failed. Two statements."""
    return [*_nobody(reader), *_came_back(reader), *_refused(reader, waiting.imports), *_nights(reader, waiting.runs)]


def _nobody(reader: Reader) -> Iterable[Trouble]:
    planned = PlannedLetter.objects.filter(state=PlannedLetter.State.NOBODY, case__school__in=reader.schools)
    latest = planned.select_related("case__pupil").order_by("-on")
    seen = set()
    for letter in latest:
        if letter.case_id not in seen:
            seen.add(letter.case_id)
            about = _about(reader, letter.case.pupil, letter.case.school_id)
            text = "A letter is due, but no parent may be written to. Check the contacts, or record a conversation instead."
            yield Trouble("Nobody to write to", text, about)


def _came_back(reader: Reader) -> Iterable[Trouble]:
    failed = Letter.objects.filter(state=Letter.State.FAILED, school__in=reader.schools).select_related("case__pupil")
    for letter in failed:
        about = _about(reader, letter.case.pupil, letter.school_id)
        yield Trouble("Came back", f"{letter.title}. {letter.reason}".strip(), about)


def _refused(reader: Reader, imports: Collection[ImportBatch]) -> Iterable[Trouble]:
    """The last import of each school, where rows of it were refused."""
    for batch in imports:
        if not batch.refused:
            continue
        place = reader.places[batch.school_id]
        why = batch.refusals[0]["reason"] if batch.refusals else ""
        text = f"{batch.refused:,} of {count(batch.rows, 'row')}, the first because: {why}"
        yield Trouble(REFUSED, text, school=place.school.name)


def _nights(reader: Reader, runs: Collection[NightRun]) -> Iterable[Trouble]:
    """The last night of each school, where it did not run."""
    last_of: dict[int, NightRun] = {}
    for run in runs:
        last_of.setdefault(run.school_id, run)
    for school, last in last_of.items():
        place = reader.places[school]
        if last.state == NightRun.State.PUT_OFF:
            text = " ".join(map(str, last.skipped)) or "The register is missing."
            yield Trouble("Put off by the night", f"{last.on:%A} {last.on.day} {last.on:%B}. {text}", school=place.school.name)
        elif last.state == NightRun.State.FAILED:
            text = "It ended with an error. The next run starts it again."
            yield Trouble("Night failed", f"{last.on:%A} {last.on.day} {last.on:%B}. {text}", school=place.school.name)


# Done today


@dataclass(frozen=True, slots=True)
class Done:
    kind: str
    at: dt.datetime
    text: str
    about: About
    by: str


@dataclass(frozen=True)
class DoneToday:
    items: list[Done] = field(default_factory=list)
    marks_changed: int = 0
    letters_approved: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return len(self.items) + self.marks_changed + self.letters_approved

    @property
    def summary(self) -> str:
        """ "7 calls recorded, 3 codes changed, 2 letters approved"."""
        words = [f"{count(number, kind)} recorded" for kind, number in self.kinds.items()]
        words += [f"{count(self.marks_changed, 'code')} changed"] if self.marks_changed else []
        words += [f"{count(self.letters_approved, 'letter')} approved"] if self.letters_approved else []
        return ", ".join(words)


def done_today(reader: Reader) -> DoneToday:
    """What people (not the night) recorded, changed and approved today. Three statements."""
    events = Event.objects.filter(case__school__in=reader.schools, on=reader.on, by__isnull=False)
    items = [
        Done(event.kind, event.at, event.text, _about(reader, event.case.pupil, event.case.school_id), _by(reader, event))
        for event in events.select_related("case__pupil", "by")
    ]
    kinds = Counter(item.kind for item in items)
    midnight = timezone.make_aware(dt.datetime.combine(reader.on, dt.time()))
    today = (midnight, midnight + dt.timedelta(days=1))
    changed = MarkChange.objects.filter(school__in=reader.schools, at__range=today, by__isnull=False).count()
    approved = Letter.objects.filter(school__in=reader.schools, approved_at__range=today).count()
    return DoneToday(items, changed, approved, dict(kinds))


def _by(reader: Reader, event: Event) -> str:
    return "You" if event.by_id == reader.user.pk else str(event.by)
