"""Writes what the engine decided on one day: stage records, tasks, planned letters, watch entries, periods, the engine's memory.

Everything is written in bulk, so that the statements of a night do not grow with the pupils. The caller holds the transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q

from escalation.actions import letters_at_once, task_at_once, task_title
from escalation.engine.evaluate import Decision
from escalation.engine.reasons import Reason
from escalation.engine.ruleset import Stage
from escalation.engine.schema import Action
from escalation.engine.sentences import sentence
from escalation.loading import LoadedSchool
from escalation.models import Case, Event, Period, PlannedLetter, StageRecord, Task, WatchEntry, WatchMemory
from schools.models import Placement
from schools.schooldays import SchoolDays
from schools.staff import StaffDirectory

MARKS_KEPT = 60
"""Marks kept with a reason at most; the register has them all."""
DUE_DAYS = 5
"""School days until a task is due where the ladder does not say."""


@dataclass
class Recorded:
    """What was written, in numbers."""

    proposed: int = 0
    watched: int = 0


def reason_json(reason: Reason) -> dict[str, Any]:
    """A reason as it is kept: what the back-test prints, with the exact figures and the marks it rests on."""
    kept = reason.as_json()
    if not reason.on_the_case:
        marks = reason.marks()
        kept |= {"numerator": reason.numerator, "denominator": reason.denominator, "parameter": reason.parameter}
        kept |= {"marks": [[mark.date.isoformat(), mark.session, mark.code] for mark in marks[-MARKS_KEPT:]], "of": len(marks)}
    return kept


class Recorder:
    """One school's decisions of one day on their way into the database."""

    def __init__(self, loaded: LoadedSchool, *, on: dt.date, now: dt.datetime) -> None:
        self.loaded, self.on, self.now = loaded, on, now
        self.done = Recorded()
        self.events: list[Event] = []
        self.letters: list[PlannedLetter] = []

    def write(self, decisions: Iterable[Decision]) -> Recorded:
        """Writes them all. At most fifteen statements, whatever the number of pupils; none for a kind that did not occur."""
        by_kind: dict[str, list[Decision]] = {}
        for decision in decisions:
            if not self._seen_before(decision):
                by_kind.setdefault(decision.kind, []).append(decision)
        needing_case = [one for kind in ("stage", "recovery") for one in by_kind.get(kind, [])]
        self._acting = [one.pupil for one in needing_case]
        self._open_cases({self.loaded.enrolled[number].pupil_id for number in self._acting})
        self._periods(by_kind.get("period", []))
        self._stages(by_kind.get("stage", []))
        self._watch(by_kind.get("watch", []))
        self._recovery(by_kind.get("recovery", []))
        self._memory()
        if self.letters:
            PlannedLetter.objects.bulk_create(self.letters, ignore_conflicts=True)
        if self.events:
            Event.objects.bulk_create(self.events)
        return self.done

    def _seen_before(self, decision: Decision) -> bool:
        """Whether an earlier run of this same day decided it already. At most one stage is proposed for a pupil in one evaluation, so a
        second run of the day proposes none to whom the first did; an entry that was opened stands in the memory that was read."""
        if decision.kind == "stage":
            return self.loaded.enrolled[decision.pupil].pupil_id in self._proposed_today
        facts = self.loaded.memories.get(self.loaded.enrolled[decision.pupil].enrolment_id, {})
        return facts.get(f"{decision.kind}:{decision.id}", {}).get("opened_on") == self.on.isoformat()

    @cached_property
    def _proposed_today(self) -> set[int]:
        apart = (StageRecord.State.WITHDRAWN, StageRecord.State.CARRIED_OVER)
        return {record.pupil_id for record in self.loaded.stages if record.proposed_on == self.on and record.state not in apart}

    def _open_cases(self, pupil_ids: set[int]) -> None:
        cases = self.loaded.cases
        missing = sorted(pupil_ids - set(cases))
        if missing:
            school, year = self.loaded.school, self.loaded.year
            made = [Case(pupil_id=pupil_id, school=school, year=year, opened_on=self.on) for pupil_id in missing]
            key = ["pupil", "school", "year"]
            Case.objects.bulk_create(made, update_conflicts=True, unique_fields=key, update_fields=["year"])
            cases.update({case.pupil_id: case.pk for case in made})

    def _case(self, decision: Decision) -> int:
        return self.loaded.cases[self.loaded.enrolled[decision.pupil].pupil_id]

    @cached_property
    def _staff(self) -> StaffDirectory:
        return StaffDirectory.of(self.loaded.school, self.on)

    @cached_property
    def _placements(self) -> dict[int, tuple[int, str]]:
        """Year group and form by enrolment, of those for whom somebody has to act."""
        current = Q(starts__lte=self.on) & (Q(ends__isnull=True) | Q(ends__gte=self.on))
        acting = [self.loaded.enrolled[number].enrolment_id for number in self._acting]
        found = Placement.objects.filter(current, enrolment__in=acting).values_list("enrolment", "year_group", "form")
        return {enrolment: (year_group, form) for enrolment, year_group, form in found}

    def _owner(self, role: str, decision: Decision) -> Any:
        placed = self._placements.get(self.loaded.enrolled[decision.pupil].enrolment_id)
        held = self._staff.who(role, *(placed or (None, "")))
        return held.user if held else None

    def _stages(self, decisions: list[Decision]) -> None:
        if not decisions:
            return
        records = [self._record(decision) for decision in decisions]
        passed = [self._passed_over(decision, stage) for decision in decisions for stage in decision.passed_over]
        StageRecord.objects.bulk_create([*passed, *records])
        pairs = list(zip(decisions, records, strict=True))
        Task.objects.bulk_create([task for decision, record in pairs for task in self._tasks(decision, record)])
        self.letters += [letter for decision, record in pairs for letter in self._letters(decision, record)]
        self.events += [self._event(record, " ".join(record.sentences)) for record in records]
        self.done.proposed = len(records)

    def _stage(self, stage_id: str) -> Stage:
        return self.loaded.ruleset.stage(stage_id)

    def _record(self, decision: Decision) -> StageRecord:
        stage = self._stage(decision.id)
        band = self.loaded.ruleset.band(stage)
        return StageRecord(
            case_id=self._case(decision),
            version=self.loaded.version,
            stage=stage.id,
            name=stage.name,
            band=band.name,
            level=band.level,
            proposed_on=self.on,
            because=[reason_json(reason) for reason in decision.because],
            sentences=[sentence(reason, f"stage {stage.id}") for reason in decision.because],
            acts=stage.acts,
            approves=stage.approves or "",
        )

    def _passed_over(self, decision: Decision, stage_id: str) -> StageRecord:
        stage = self._stage(stage_id)
        band = self.loaded.ruleset.band(stage)
        return StageRecord(
            case_id=self._case(decision),
            version=self.loaded.version,
            stage=stage.id,
            name=stage.name,
            band=band.name,
            level=band.level,
            state=StageRecord.State.PASSED_OVER,
            proposed_on=self.on,
            acts=stage.acts,
            approves=stage.approves or "",
            reason=f"Stage {decision.id} was reached first.",
        )

    def _tasks(self, decision: Decision, record: StageRecord) -> list[Task]:
        stage = self._stage(decision.id)
        return [
            Task(
                case_id=record.case_id,
                stage_record=record,
                kind=action.kind,
                title=task_title(action, stage),
                role=stage.acts,
                owner=self._owner(stage.acts, decision),
                due_on=due_on(self.loaded.days, self.on, action.due_days),
            )
            for action in task_at_once(stage)
        ]

    def _letters(self, decision: Decision, record: StageRecord) -> list[PlannedLetter]:
        stage = self._stage(decision.id)
        return [planned_letter(record, stage, action, self.on) for action in letters_at_once(stage)]

    def _event(self, record: StageRecord, text: str) -> Event:
        return Event(
            case_id=record.case_id,
            kind="stage",
            on=self.on,
            at=self.now,
            text=f"Stage {record.stage} reached: {record.name}. {text}".strip(),
            stage_record=record,
        )

    def _watch(self, decisions: list[Decision]) -> None:
        rules = {rule.id: rule for rule in (*self.loaded.national.watch, *self.loaded.ruleset.watch)}
        entries = [
            WatchEntry(
                pupil_id=self.loaded.enrolled[decision.pupil].pupil_id,
                school=self.loaded.school,
                rule=decision.id,
                name=decision.name,
                opened_on=self.on,
                because=[reason_json(reason) for reason in decision.because],
                sentences=[sentence(reason, f"“{rules[decision.id].name}”") for reason in decision.because],
                role=rules[decision.id].who,
            )
            for decision in decisions
        ]
        if entries:
            WatchEntry.objects.bulk_create(entries, ignore_conflicts=True)
        self.done.watched = len(entries)

    def _recovery(self, decisions: list[Decision]) -> None:
        rules = {rule.id: rule for rule in self.loaded.ruleset.recovery}
        for decision in decisions:
            rule, case = rules[decision.id], self._case(decision)
            why = " ".join(sentence(reason, f"“{rule.name}”") for reason in decision.because)
            self.events.append(Event(case_id=case, kind="recovery", on=self.on, at=self.now, text=f"{rule.name}. {why}".strip()))
            if rule.letter:
                self.letters.append(
                    PlannedLetter(
                        case_id=case,
                        version=self.loaded.version,
                        letter=rule.letter,
                        cause=f"recovery {rule.id}",
                        on=self.on,
                        approves=rule.who,
                    )
                )

    def _periods(self, decisions: list[Decision]) -> None:
        """Outcomes of periods that ended, and the ones that follow at once; a chain that ended in one go is walked in order."""
        if not decisions:
            return
        numbers = {(period.case_id, period.stage, period.starts_on): period.pk for period in self.loaded.periods}
        ends = [(decision, decision.period) for decision in decisions if decision.period]
        keys = [(self._case(decision), decision.id, dt.date.fromordinal(end.began)) for decision, end in ends]
        stored = Period.objects.in_bulk([numbers[key] for key in keys if key in numbers])
        known = {(period.case_id, period.stage, period.starts_on): period for period in stored.values()}
        following: list[Period] = []
        for key, (_, end) in zip(keys, ends, strict=True):
            period = known[key]
            period.outcome, period.possible, period.attended = end.outcome, end.possible, end.attended
            if end.outcome != Period.Outcome.MISSED:
                follower = _follower(period)
                known[key[0], key[1], follower.starts_on] = follower
                following.append(follower)
        Period.objects.bulk_update(stored.values(), ["outcome", "possible", "attended"])
        Period.objects.bulk_create(following, ignore_conflicts=True)
        self.events += [self._period_event(known[key]) for key in keys]

    def _period_event(self, period: Period) -> Event:
        figure = f"{period.attended} of {period.possible} sessions attended" if period.possible else "no possible session"
        text = f"{period.weeks} weeks from {period.starts_on:%-d %B} ended: {figure}. {period.get_outcome_display()}."
        return Event(case_id=period.case_id, kind="period", on=self.on, at=self.now, text=text)

    def _memory(self) -> None:
        """Only what changed."""
        changed: list[WatchMemory] = []
        for number, pupil in enumerate(self.loaded.enrolled):
            if not self._touched[number]:
                continue
            facts = self._facts(number)
            if facts != self.loaded.memories.get(pupil.enrolment_id, {}):
                changed.append(WatchMemory(enrolment_id=pupil.enrolment_id, school=self.loaded.school, facts=facts))
        if changed:
            WatchMemory.objects.bulk_create(changed, update_conflicts=True, unique_fields=["enrolment"], update_fields=["facts"])

    @cached_property
    def _touched(self) -> Any:
        """bool[pupils]: a rule's memory changed today, or was changed by an earlier judgement of today that no longer stands."""
        touched = [self._changed_today(pupil.enrolment_id) for pupil in self.loaded.enrolled]
        for memory in self.loaded.state.watch.values():
            for number in memory.changed(self.on):
                touched[number] = True
        return touched

    def _changed_today(self, enrolment_id: int) -> bool:
        today = self.on.isoformat()
        return any(dates.get("changed_on") == today for dates in self.loaded.memories.get(enrolment_id, {}).values())

    def _facts(self, number: int) -> dict[str, dict[str, str]]:
        facts = {}
        for rule, memory in self.loaded.state.watch.items():
            row = memory.get(number)
            dates = {name: getattr(row, name).isoformat() for name in memory.NAMES if getattr(row, name)}
            if dates:
                facts[rule] = dates
        return facts


def planned_letter(record: StageRecord, stage: Stage, action: Action, on: dt.date) -> PlannedLetter:
    return PlannedLetter(
        case_id=record.case_id,
        stage_record=record,
        version_id=record.version_id,
        letter=action.letter or "",
        cause=f"stage {stage.id}",
        on=on,
        encloses=action.encloses or "",
        approves=stage.approves or stage.acts,
    )


def _follower(period: Period) -> Period:
    return Period(
        case_id=period.case_id,
        stage=period.stage,
        starts_on=period.ends_on,
        weeks=period.weeks,
        ends_on=period.ends_on + dt.timedelta(days=7 * period.weeks),
    )


def due_on(days: SchoolDays, on: dt.date, school_days: int | None) -> dt.date:
    """The day that lies that many school days after ``on``; where the calendar ends before, its last day."""
    number = days.first_after(on) + (DUE_DAYS if school_days is None else school_days) - 1
    return days.dates[max(0, min(number, len(days) - 1))]
