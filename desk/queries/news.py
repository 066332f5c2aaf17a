"""New since last night: the stages that the night proposed and the watch entries that it opened, each with its reason and who has it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from desk.queries.todo import About, Draft, Open, Owner, Reader
from desk.words import stage_label
from escalation.models import StageRecord, Task, WatchEntry


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


def news_of_the_night(reader: Reader, opened: Open) -> list[News]:
    """Open stages and watch entries of each school's last night, gravest stage first. Two statements."""
    fresh, fresh_entries = Q(pk__in=[]), Q(pk__in=[])
    for school, night in opened.last_nights.items():
        fresh |= Q(case__school=school, proposed_on__gte=night)
        fresh_entries |= Q(school=school, opened_on__gte=night)
    stages = StageRecord.objects.filter(fresh, state=StageRecord.State.PROPOSED).select_related("case__pupil")
    entries = WatchEntry.objects.filter(fresh_entries, state=WatchEntry.State.OPEN).select_related("pupil")
    task_of = {task.stage_record_id: task for task in reversed(opened.tasks)}
    draft_of = {draft.stage_record: draft for draft in opened.drafts}
    found = [_stage_news(reader, record, task_of.get(record.pk), draft_of.get(record.pk)) for record in stages]
    found += [_watch_news(reader, entry) for entry in entries]
    return sorted(found, key=lambda item: (-item.level, item.about.name))


def _stage_news(reader: Reader, record: StageRecord, task: Task | None, draft: Draft | None) -> News:
    school = record.case.school_id
    about = reader.about(record.case.pupil, school)
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
    about = reader.about(entry.pupil, entry.school_id)
    owner = reader.owner(entry.school_id, entry.role, about.line)
    return News(about, entry.pk, True, f"Watch · {entry.name}", 0, entry.sentences, owner)
