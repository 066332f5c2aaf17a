"""Statutory clocks: opened by the night from watch entries (or by a person), prepared, sent or found not to be needed by a person.

``open_clocks`` takes a constant number of statements and, run again, opens nothing twice. Nothing here removes a pupil from a roll.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from attendance.grid import academic_year_of
from casework.clock_evidence import Record, Return, codes_by_day, evidence_from, run_back, title_of
from casework.clock_kinds import kind_by_rule, kinds, questions_of, rules
from casework.models import Clock
from casework.penalty.reading import marks_of
from escalation.models import WatchEntry
from escalation.recording import due_on
from escalation.services import add_event, close_watch_entry, open_case
from schools import ages, audit
from schools.models import Enrolment, Placement, Pupil, School, User
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import SchoolDays
from schools.staff import StaffDirectory


@transaction.atomic
def open_clocks(*, school: School, on: dt.date, now: dt.datetime) -> int:
    """Opens a clock for each open watch entry that asks for one and has none, and a question of removal for each run of twenty school
    days coded G, N or O. Returns how many. At most eleven statements; three where nothing is to be opened."""
    entries = list(_entries(school))
    suspects = set(_suspects(school))
    pupil_ids = {entry.pupil_id for entry in entries} | suspects
    if not pupil_ids:
        return 0
    opening = _Opening(school, on, pupil_ids)
    clocks = [clock for entry in entries if (clock := opening.from_entry(entry))]
    clocks += [clock for pupil in sorted(suspects) if (clock := opening.removal(pupil))]
    before = Clock.objects.filter(school=school).count() if clocks else 0
    Clock.objects.bulk_create(clocks, ignore_conflicts=True)
    opened = Clock.objects.filter(school=school).count() - before if clocks else 0
    if opened:
        audit.record_all(
            [
                audit.entry(action="clock opened", subject=clock.pupil, school=school, detail={"kind": clock.kind})
                for clock in clocks
            ],
            by=None,
            role="",
            at=now,
        )
    return opened


def _entries(school: School) -> QuerySet[WatchEntry]:
    """Open watch entries that ask for a clock and have none. One statement."""
    asked = WatchEntry.objects.filter(school=school, state=WatchEntry.State.OPEN, rule__in=rules(), clocks__isnull=True)
    return asked.select_related("pupil").order_by("opened_on", "pk")


def _suspects(school: School) -> Iterable[int]:
    """Pupils who may have been away for twenty school days: a running clock or an open entry for a shorter run. One statement."""
    running = Clock.objects.filter(
        school=school, state__in=Clock.RUNNING, kind__in=[Clock.Kind.ATTENDANCE, Clock.Kind.CHILD_MISSING]
    ).order_by()
    shorter = [rule for kind in ("attendance", "child_missing") for rule in kinds()[kind].opened_by]
    entries = WatchEntry.objects.filter(school=school, state=WatchEntry.State.OPEN, rule__in=shorter).order_by()
    return running.values_list("pupil", flat=True).union(entries.values_list("pupil", flat=True))


class _Opening:
    """What is read once for the night's new clocks: calendar, marks, places, staff, and the clocks that these pupils have."""

    def __init__(self, school: School, on: dt.date, pupil_ids: Collection[int]) -> None:
        self.school, self.on = school, on
        year = academic_year_of(on)
        self.days = school_days(school, [year - 1, year])
        self.marks = marks_of(school, pupil_ids, on)
        self.staff = StaffDirectory.of(school, on)
        current = Q(starts__lte=on) & (Q(ends__isnull=True) | Q(ends__gte=on))
        enrolments = Enrolment.objects.filter(current, school=school, pupil__in=pupil_ids).select_related("pupil")
        self.enrolled = {enrolment.pupil_id: enrolment for enrolment in enrolments}
        placements = Placement.objects.filter(current, enrolment__school=school, enrolment__pupil__in=pupil_ids)
        self.places = {
            pupil: (group, form) for pupil, group, form in placements.values_list("enrolment__pupil", "year_group", "form")
        }
        self.had: dict[tuple[int, str], list[tuple[str, dt.date]]] = {}
        for pupil, kind, state, opened_on in Clock.objects.filter(school=school, pupil__in=pupil_ids).values_list(
            "pupil", "kind", "state", "opened_on"
        ):
            self.had.setdefault((pupil, kind), []).append((state, opened_on))

    def _is_running(self, pupil: int, kind: str) -> bool:
        return any(state in Clock.RUNNING for state, _ in self.had.get((pupil, kind), []))

    def _starts(self, pupil: int) -> dt.date:
        """The first school day of the year, or of the enrolment where that is later."""
        number = self.days.last_on_or_before(self.on) or 0
        year = self.days.year[number] if len(self.days) else 0
        first = next(day for day, of in zip(self.days.dates, self.days.year, strict=True) if of == year)
        return max(first, self.enrolled[pupil].starts)

    def from_entry(self, entry: WatchEntry) -> Clock | None:
        """The clock of a watch entry; None where one of its kind runs, the pupil has left, or the law asks only for compulsory age."""
        kind = kind_by_rule()[entry.rule]
        if self._is_running(entry.pupil_id, kind) or entry.pupil_id not in self.enrolled:
            return None
        if kinds()[kind].compulsory_age and not ages.is_compulsory(entry.pupil.date_of_birth, self.on):
            return None
        codes = codes_by_day(self.marks[entry.pupil_id].marks)
        first = evidence_from(kind, entry.rule, self.days, codes, entry.opened_on, self._starts(entry.pupil_id))
        self.had.setdefault((entry.pupil_id, kind), []).append((Clock.State.OPEN, self.on))
        return self._clock(entry.pupil, kind, f"{entry.name}. {' '.join(entry.sentences)}".strip(), first, entry)

    def removal(self, pupil: int) -> Clock | None:
        """The question of removal, once in a run."""
        kind = kinds()[Clock.Kind.DELETION]
        if pupil not in self.enrolled or self._is_running(pupil, Clock.Kind.DELETION):
            return None
        run = run_back(self.days, codes_by_day(self.marks[pupil].marks), kind.run_codes, self.on, strict=True)
        asked = [opened for _, opened in self.had.get((pupil, Clock.Kind.DELETION), [])]
        if run.length < kind.run_days or run.starts is None or any(opened >= run.starts for opened in asked):
            return None
        why = f"{run.length} school days in a row since {_day(run.starts)}, every session coded G, N or O."
        return self._clock(self.enrolled[pupil].pupil, Clock.Kind.DELETION, why, run.starts, None)

    def _clock(self, pupil: Pupil, kind: str, because: str, first: dt.date, entry: WatchEntry | None) -> Clock:
        held = self.staff.who(kinds()[kind].role, *self.places.get(pupil.pk, (None, "")))
        return Clock(
            pupil=pupil,
            school=self.school,
            kind=kind,
            watch_entry=entry,
            opened_on=self.on,
            because=because,
            evidence_from=min(first, self.on),
            due_on=due_day(kind, self.days, self.on),
            role=kinds()[kind].role,
            owner=held.user if held else None,
        )


def due_day(kind: str, days: SchoolDays, on: dt.date) -> dt.date:
    """By when a clock that opens on ``on`` is due: never before that day."""
    due = kinds()[kind].due
    if isinstance(due, int):
        return max(due_on(days, on, due), on)
    number = days.last_on_or_before(on)
    if number is None:
        return on
    term = days.term[number]
    last = max(day for day, of in zip(days.dates, days.term, strict=True) if of == term)
    return max(last, on)


@transaction.atomic
def open_by_hand(
    *, pupil: Pupil, school: School, kind: str, because: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> Clock:
    """A person opens a clock that no rule opened: an illness expected to last, whereabouts unknown sooner than the rule says."""
    if kind not in kinds():
        raise Refused("Choose which return is due.")
    if not because.strip():
        raise Refused("Say why it is due: it stands at the head of the clock.")
    opening = _Opening(school, on, [pupil.pk])
    if pupil.pk not in opening.enrolled:
        raise Refused("The pupil is not on the school’s roll today: the new school or the authority has the return.")
    if kinds()[kind].compulsory_age and not ages.is_compulsory(pupil.date_of_birth, on):
        raise Refused("This return is only for pupils of compulsory school age.")
    codes = codes_by_day(opening.marks[pupil.pk].marks)
    first = evidence_from(kind, "", opening.days, codes, on, opening._starts(pupil.pk))
    clock = opening._clock(pupil, kind, because.strip(), first, None)
    clock.opened_by = by
    try:
        with transaction.atomic():
            clock.save(force_insert=True)
    except IntegrityError as clash:
        raise Refused(f"A clock of this kind already runs for the pupil: {clock.get_kind_display()}.") from clash
    _said(clock, f"{clock.get_kind_display()} opened: {because.strip()}", "clock opened", by=by, role=role, on=on, now=now)
    return clock


@transaction.atomic
def prepare(*, clock: Clock, answers: Mapping[str, str], by: User, role: str, on: dt.date, now: dt.datetime) -> Clock:
    """What a person adds; the return can then be looked at with its gaps. May be done again until it is sent."""
    asked = questions_of(clock.kind)
    kept = {key: str(answers.get(key, "")).strip() for key in asked}
    _move(clock, Clock.State.PREPARED, {"answers": kept, "prepared_by": by, "prepared_at": now}, from_=Clock.RUNNING)
    audit.record(action="clock prepared", subject=clock, by=by, role=role, at=now, school=clock.school)
    return clock


@transaction.atomic
def mark_sent(
    *, clock: Clock, sent_on: dt.date, sent_to: str, despite: str = "", by: User, role: str, on: dt.date, now: dt.datetime
) -> Clock:
    """A person has told the authority. The return is frozen as it was told.

    Refused while it has gaps, unless ``despite`` says why it was sent all the same; a removal is never sent with gaps.
    """
    if sent_on > on:
        raise Refused(f"The day of sending, {_day(sent_on)}, lies ahead: mark it when it has been sent.")
    if sent_on < clock.opened_on:
        raise Refused(f"The clock opened on {_day(clock.opened_on)}: the return cannot have been sent before.")
    if not sent_to.strip():
        raise Refused("Say to whom at the authority it was sent.")
    told = the_return(clock, on)
    if told.gaps and (told.hard or not despite.strip()):
        end = "It cannot be sent with gaps." if told.hard else "Fill them in, or say why it was sent with them."
        raise Refused(f"The return has gaps. {' '.join(told.gaps)} {end}")
    changes = {
        "sent_on": sent_on,
        "sent_to": sent_to.strip(),
        "closed_by": by,
        "closed_at": now,
        "reason": despite.strip(),
        "told": [list(line) for line in told.lines],
    }
    _move(clock, Clock.State.SENT, changes, from_=(Clock.State.PREPARED,))
    _said(clock, f"{clock.get_kind_display()}: told to {sent_to.strip()}.", "clock sent", by=by, role=role, on=sent_on, now=now)
    _close_entry(clock, f"{clock.get_kind_display()}: sent on {_day(sent_on)}.", by=by, role=role, now=now)
    return clock


@transaction.atomic
def not_needed(*, clock: Clock, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Clock:
    """A person has found that nothing needs to be told, and why."""
    if not reason.strip():
        raise Refused("Say why it is not needed: it is kept with the clock.")
    changes = {"reason": reason.strip(), "closed_by": by, "closed_at": now}
    _move(clock, Clock.State.NOT_NEEDED, changes, from_=Clock.RUNNING)
    _said(
        clock, f"{clock.get_kind_display()}: not needed. {reason.strip()}", "clock not needed", by=by, role=role, on=on, now=now
    )
    _close_entry(clock, f"{clock.get_kind_display()}: not needed. {reason.strip()}", by=by, role=role, now=now)
    return clock


@transaction.atomic
def hand_on(*, clock: Clock, to: User, by: User, role: str, now: dt.datetime) -> Clock:
    """The clock becomes somebody else's."""
    _move(clock, "", {"owner": to}, from_=Clock.RUNNING)
    audit.record(action="clock handed on", subject=clock, by=by, role=role, at=now, school=clock.school, detail={"to": to.pk})
    return clock


def the_return(clock: Clock, on: dt.date) -> Return:
    """What the authority is told, on today's record; as it was told where it was sent. Seven statements at most."""
    return returns([clock], clock.school, on)[clock.pk]


def returns(clocks: Sequence[Clock], school: School, on: dt.date) -> dict[int, Return]:
    """The returns of one school's clocks, by number; those that were sent as they were told. Seven statements at most."""
    told = {
        clock.pk: Return(title_of(clock), tuple((heading, words) for heading, words in clock.told), ())
        for clock in clocks
        if clock.state == Clock.State.SENT
    }
    running = [clock for clock in clocks if clock.pk not in told]
    record = Record(school, running, on) if running else None
    return told | {clock.pk: record.make(clock) for clock in running if record}


def _move(clock: Clock, after: str, changes: dict[str, Any], *, from_: Collection[str]) -> None:
    """One conditional UPDATE; ``after`` empty leaves the state. Refused with how the clock stands."""
    state = {"state": after} if after else {"state": F("state")}
    if not Clock.objects.filter(pk=clock.pk, state__in=from_).update(**state, **changes):
        clock.refresh_from_db()
        hint = " Prepare it first." if clock.state == Clock.State.OPEN else ""
        raise Refused(f"This clock is “{clock.get_state_display().lower()}”: that cannot be done now.{hint}")
    clock.refresh_from_db()


def _close_entry(clock: Clock, reason: str, *, by: User, role: str, now: dt.datetime) -> None:
    """The watch entry that opened it is seen to with it."""
    entry = clock.watch_entry
    if entry and entry.state == WatchEntry.State.OPEN:
        close_watch_entry(entry=entry, by=by, role=role, reason=reason, now=now)


def _said(clock: Clock, text: str, action: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    case = open_case(pupil=clock.pupil, school=clock.school, on=on)
    add_event(case=case, kind="clock", text=text, on=on, now=now, by=by, role=role)
    audit.record(
        action=action,
        subject=clock,
        by=by,
        role=role,
        at=now,
        school=clock.school,
        reason=clock.reason,
        detail={"kind": clock.kind},
    )


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B} {date.year}"
