"""Which letters wait for a decision, and beside the one that is open everything that bears on it.

The queue costs the same number of statements at ten pupils and at a thousand. A letter outside the viewer's scope does not exist.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from attendance.codes import BY_CHARACTER, CODES, Meaning
from attendance.grid import session_of
from desk.queries.pupil import (
    PupilLine,
    Ratio,
    Siblings,
    TimelineEntry,
    Year,
    absence_calls,
    open_watch,
    pupil_lines,
    siblings,
    timeline,
    year_of,
)
from desk.words import stage_label
from escalation.engine.words import rule_in_words
from escalation.models import Period, StageRecord, Task, WatchEntry
from escalation.queries import ruleset_of
from letters.catalogue import wording_for
from letters.models import Letter, LetterEvent
from letters.phrases import percent
from letters.queries import LiveLetter, live
from letters.states import WAITING
from schools.access import Scope
from schools.models import Enrolment, PupilParent, School, User
from schools.queries import school_days
from schools.schooldays import SchoolDays

WITH = (
    "school__group", "case__pupil", "parent", "approved_by", "stage_record__version",
    "planned__case__pupil", "planned__version", "planned__stage_record",
)  # fmt: skip
"""What showing and drawing a letter needs, joined."""
AIM = 3
"""School days within which a letter is meant to be decided."""


@dataclass(frozen=True)
class Item:
    """One decision: all letters of a pupil's stage that wait, one a parent, and the pupil as lists show one."""

    letters: tuple[Letter, ...]
    line: PupilLine
    age: int
    """School days since it was drafted."""

    @property
    def first(self) -> Letter:
        return self.letters[0]

    @property
    def record(self) -> StageRecord | None:
        return self.first.stage_record

    @property
    def is_late(self) -> bool:
        return self.age > AIM

    @property
    def title(self) -> str:
        """ "Stage 3 · Concern letter 2"."""
        record = self.record
        return f"{stage_label(record.stage)} · {record.name}" if record else f"{_apart(self.first)} · {wording_title(self.first)}"

    @property
    def level(self) -> int:
        return self.record.level if self.record else 1

    @property
    def age_words(self) -> str:
        return "today" if self.age == 0 else f"{self.age} day{'' if self.age == 1 else 's'}"

    @property
    def held_until(self) -> dt.date | None:
        return self.first.held_until if self.first.state == Letter.State.HELD else None

    @property
    def group_key(self) -> tuple[int, int, str, str]:
        """Gravest band first, then the highest stage, then the letter's key."""
        record = self.record
        if record is None:
            return (0, 0, "", self.first.wording)
        return (-record.level, -int(record.stage) if record.stage.isdecimal() else 0, record.stage, "")

    def has(self, letter: int) -> bool:
        return any(waiting.pk == letter for waiting in self.letters)


@dataclass(frozen=True)
class Group:
    """Items of one stage, by form."""

    number: int
    items: tuple[Item, ...]

    @property
    def title(self) -> str:
        record = self.items[0].record
        return stage_label(record.stage) if record else _apart(self.items[0].first)

    @property
    def level(self) -> int:
        record = self.items[0].record
        return record.level if record else 1

    @property
    def letter_title(self) -> str:
        record = self.items[0].record
        return record.name if record else wording_title(self.items[0].first)

    @property
    def asks_for_a_time(self) -> bool:
        """Whether the letter asks to a meeting: then times can be given to all who still lack one."""
        letter = self.items[0].first
        return "meeting_date" in wording_for(letter.ruleset, letter.wording).head.asks

    @property
    def selectable(self) -> list[Item]:
        """Those without a flag that changes how to act: "select all" leaves the others to be looked at one by one."""
        return [item for item in self.items if not item.line.act_flags]


@dataclass(frozen=True)
class Queue:
    groups: tuple[Group, ...]
    held: tuple[Item, ...]

    @cached_property
    def items(self) -> list[Item]:
        """In the order in which they are shown."""
        return [item for group in self.groups for item in group.items]

    @property
    def oldest(self) -> int:
        return max((item.age for item in self.items), default=0)

    def find(self, letter: int) -> Item | None:
        return next((item for item in [*self.items, *self.held] if item.has(letter)), None)

    def after(self, item: Item) -> Item | None:
        """The one below, or the first where there is none below."""
        others = [other for other in self.items if other is not item]
        if item not in self.items:
            return others[0] if others else None
        below = self.items[self.items.index(item) + 1 :]
        return next(iter([*below, *others]), None)

    def group_of(self, item: Item) -> Group | None:
        return next((group for group in self.groups if item in group.items), None)


def wording_title(letter: Letter) -> str:
    return letter.wording.replace("-", " ").capitalize()


def _apart(letter: Letter) -> str:
    """What a letter without a stage is: praise, or what asked for it (leave, a meeting)."""
    cause = letter.planned.cause.partition(" ")[0]
    return "Praise" if cause == "recovery" else cause.capitalize()


def letters_in_scope(scope: Scope) -> QuerySet[Letter]:
    """Letters about pupils that the viewer may see at the school that wrote them."""
    seen = scope.enrolments.filter(pupil=OuterRef("case__pupil"), school=OuterRef("school"))
    return Letter.objects.filter(Exists(seen))


def letter_in_scope(scope: Scope, letter: int) -> Letter:
    """Http404 outside the viewer's scope."""
    found = letters_in_scope(scope).filter(pk=letter).select_related(*WITH, "batch").first()
    if found is None:
        raise Http404("No such letter.")
    return found


def approvable_by(scope: Scope) -> Q:
    """Letters whose approving role the viewer holds at the letter's school."""
    mine = Q(pk__in=[])
    for role in scope.roles:
        at = Q(school=role.school_id) if role.school_id else Q(school__group=role.group_id)
        mine |= at & Q(approves=role.role)
    return mine


def waiting_letters(scope: Scope, *, everyone: bool = False, school: School | None = None) -> QuerySet[Letter]:
    """Letters that nobody has approved, the viewer's own to decide or ``everyone``'s within scope."""
    waiting = letters_in_scope(scope).filter(state__in=WAITING)
    if not everyone:
        waiting = waiting.filter(approvable_by(scope))
    return waiting.filter(school=school) if school else waiting


def count_waiting(scope: Scope, on: dt.date) -> int:
    """How many decisions (not letters) wait for the viewer today: for the count on the tab. One statement."""
    due = waiting_letters(scope).filter(Q(held_until__isnull=True) | Q(held_until__lte=on))
    return due.values("case", "stage_record", "planned__cause").distinct().count()


def queue(scope: Scope, on: dt.date, *, everyone: bool = False, school: School | None = None) -> Queue:
    """The decisions that wait, by stage and form; held ones apart until their day."""
    letters = list(
        waiting_letters(scope, everyone=everyone, school=school).select_related(*WITH).order_by("case", "stage_record", "id")
    )
    lines = _lines(scope, letters, on)
    days = _calendars(letters, on)
    items = [
        _item(tuple(group), lines, days, on)
        for _, group in groupby(letters, key=lambda letter: (letter.case_id, _decision(letter)))
    ]
    due = [item for item in items if not (item.held_until and item.held_until > on)]
    due.sort(key=lambda item: (item.group_key, item.line.form, item.line.pupil.last_name, item.line.pupil.pk))
    groups = [tuple(group) for _, group in groupby(due, key=lambda item: item.group_key)]
    return Queue(
        groups=tuple(Group(number, group) for number, group in enumerate(groups, start=1)),
        held=tuple(sorted((item for item in items if item not in due), key=lambda item: item.held_until or on)),
    )


def _decision(letter: Letter) -> tuple[str, int]:
    """What is decided at once: a stage's letters together; without a stage each planned letter by itself."""
    return ("stage", letter.stage_record_id) if letter.stage_record_id else ("planned", letter.planned_id)


def _item(
    letters: tuple[Letter, ...], lines: Mapping[tuple[int, int], PupilLine], days: Mapping[int, SchoolDays], on: dt.date
) -> Item:
    letter = letters[0]
    calendar = days[letter.school_id]
    age = calendar.first_after(on) - calendar.first_after(letter.drafted_on)
    by_place = sorted(letters, key=lambda each: (each.planned_id, each.pk))
    return Item(tuple(by_place), lines[letter.case.pupil_id, letter.school_id], max(age, 0))


def _lines(scope: Scope, letters: Sequence[Letter], on: dt.date) -> dict[tuple[int, int], PupilLine]:
    seen = scope.enrolments.filter(
        pupil__in={letter.case.pupil_id for letter in letters}, school__in={letter.school_id for letter in letters}
    )
    return pupil_lines(Enrolment.objects.filter(pk__in=seen.values("pk")), on)


def _calendars(letters: Iterable[Letter], on: dt.date) -> dict[int, SchoolDays]:
    """The school days of this academic year and the last, by school. Two statements a school."""
    schools = {letter.school_id: letter.school for letter in letters}
    year = on.year if on.month >= 8 else on.year - 1
    return {pk: school_days(school, (year - 1, year)) for pk, school in schools.items()}


@dataclass(frozen=True, slots=True)
class Why:
    """One line of the reasons: what stands out (a figure, a day), and the sentence."""

    lead: str
    sentence: str


@dataclass(frozen=True)
class Beside:
    """What stands beside the letter: why, the register, before this, brothers and sisters, also open."""

    why: tuple[Why, ...]
    provisional: str
    year: Year
    before: tuple[TimelineEntry, ...]
    siblings: Siblings
    tasks: tuple[Task, ...]
    watch: tuple[WatchEntry, ...]
    periods: tuple[Period, ...]
    others: tuple[Letter, ...]
    at_home: frozenset[int]
    """Parents who live with the pupil."""

    @property
    def nothing_open(self) -> bool:
        return not (self.tasks or self.watch or self.periods or self.others)


def beside(scope: Scope, item: Item, on: dt.date) -> Beside:
    """Everything that bears on one decision."""
    letter = item.first
    case, pupil, school = letter.case, item.line.pupil, letter.school
    year = year_of(item.line.enrolment, on)
    record = item.record
    open_letters = Letter.objects.filter(case=case, state__in=WAITING).exclude(pk__in=[each.pk for each in item.letters])
    entries = [
        entry
        for entry in timeline([case.pk], Year((), (), {}, (), on), absence_calls(case.pupil, case.school))
        if entry.kind not in ("stage", "watch")
    ]
    return Beside(
        why=tuple([*_reasons(record), *_needed(record)] if record else _recovery(letter)),
        provisional=provisional_sentence(record.because if record else [], year.marks, on),
        year=year,
        before=tuple(entries[:6]),
        siblings=siblings(scope, pupil, school, on),
        tasks=tuple(Task.objects.filter(case=case, state=Task.State.OPEN).select_related("owner")),
        watch=open_watch(pupil, school),
        periods=tuple(Period.objects.filter(case=case, outcome="", ends_on__gte=on)),
        others=tuple(open_letters.select_related("parent")),
        at_home=frozenset(PupilParent.objects.filter(pupil=pupil, lives_with_pupil=True).values_list("parent", flat=True)),
    )


def _reasons(record: StageRecord) -> list[Why]:
    """The sentences that the stage was proposed on, each with its figure before it."""
    because = record.because if len(record.because) == len(record.sentences) else [{}] * len(record.sentences)
    return [Why(_figure(reason), sentence) for reason, sentence in zip(because, record.sentences, strict=True)]


def _figure(reason: Mapping) -> str:
    """ "88.7%" or "8"; empty for a condition on the case."""
    if reason.get("measure") == "percent" and reason.get("denominator"):
        return percent(reason["numerator"], reason["denominator"])
    return f"{reason['value']:g}" if reason.get("value") is not None else ""


def _needed(record: StageRecord) -> list[Why]:
    """The stages that had to be done first, and when they were. One statement."""
    needs = ruleset_of(record.version).stage(record.stage).needs
    done = StageRecord.objects.filter(case=record.case_id, stage__in=needs, done_on__isnull=False).order_by("done_on")
    return [
        Why(f"{each.done_on.day} {each.done_on:%b}", f"{stage_label(each.stage)} was done; it must come first.")
        for each in done
        if each.done_on
    ]


def _recovery(letter: Letter) -> list[Why]:
    """Why a letter without a stage was drafted: the ladder's rule in words."""
    rule_id = letter.planned.cause.rsplit(maxsplit=1)[-1]
    rules = ruleset_of(letter.planned.version).recovery
    return [Why("", f"{rule.name}. {rule_in_words(rule)}") for rule in rules if rule.id == rule_id]


# Whether a session that still has no reason could change the result


_HOLDS = {
    "at_least": lambda value, limit: value >= limit,
    "more_than": lambda value, limit: value > limit,
    "below": lambda value, limit: value < limit,
    "at_most": lambda value, limit: value <= limit,
}
_STILL = {"at_least": "still at least", "more_than": "still more than", "below": "still below", "at_most": "still at most"}
_NO_LONGER = {key: words.replace("still", "no longer") for key, words in _STILL.items()}


def provisional_sentence(because: Sequence[Mapping], marks: Mapping[int, str], on: dt.date) -> str:
    """Says what the first reason that rests on sessions still coded N would be if they became present; empty where there is none."""
    for reason in because:
        if reason.get("measure") in ("percent", "missed", "unauthorised") and reason.get("from") and reason.get("to"):
            sentence = _if_marked_in(reason, marks, on)
            if sentence:
                return sentence
    return ""


def _if_marked_in(reason: Mapping, marks: Mapping[int, str], on: dt.date) -> str:
    counts = _counts(marks, dt.date.fromisoformat(reason["from"]), min(dt.date.fromisoformat(reason["to"]), on))
    unsettled = counts["N"]
    if not unsettled or (reason.get("codes") and "N" not in reason["codes"]):
        return ""
    what = (
        "The session still coded N may change." if unsettled == 1 else f"{unsettled} sessions are still coded N and may change."
    )
    op, limit = reason["op"], reason["threshold"]
    if reason["measure"] == "percent":
        ratio = Ratio(counts["attended"] + unsettled, counts["possible"])
        holds = _HOLDS[op](100 * ratio.part, limit * ratio.whole)
        return f"{what} Marked present: {ratio.part} of {ratio.whole}, {ratio.percent}, {(_STILL if holds else _NO_LONGER)[op]} {limit:g}%."
    value = reason["value"] - unsettled
    return f"{what} Marked present: {value} {reason['measure']}, {(_STILL if _HOLDS[op](value, limit) else _NO_LONGER)[op]} {limit:g}."


def _counts(marks: Mapping[int, str], start: dt.date, end: dt.date) -> dict[str, int]:
    """Sessions from ``start`` to ``end``: attended, possible, and those coded N."""
    counts = {"attended": 0, "possible": 0, "N": 0}
    for year, row in marks.items():
        for number, mark in enumerate(row):
            code = BY_CHARACTER.get(mark)
            if code is None or not start <= session_of(year, number)[0] <= end:
                continue
            counts["attended"] += code.meaning == Meaning.ATTENDING
            counts["possible"] += code.meaning in (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED)
            counts["N"] += code is CODES["N"]
    return counts


# The letters themselves


def drawn_letters(letters: Iterable[Letter], on: dt.date) -> tuple[dict[int, LiveLetter], str]:
    """The letters as they stand now, by number; or nothing and a sentence that says why not (a wording with a fault)."""
    try:
        return live(letters, on), ""
    except ValueError as fault:
        return {}, f"This letter cannot be drawn. {fault} Nothing was changed; tell your administrator."


# What the viewer has decided


@dataclass(frozen=True)
class DecidedToday:
    """``last``: letters of the latest approval that can still be undone, ``until`` when."""

    count: int
    last: tuple[Letter, ...]
    until: dt.datetime | None


def decided_today(scope: Scope, user: User, on: dt.date, now: dt.datetime) -> DecidedToday:
    """Two statements."""
    decided = LetterEvent.objects.filter(by=user, at__date=on, after__in=["approved", "declined", "held"])
    count = decided.values("letter__case", "letter__stage_record", "letter__planned__cause").distinct().count()
    undoable = list(
        letters_in_scope(scope)
        .filter(approved_by=user, state=Letter.State.APPROVED, leaves_at__gt=now)
        .select_related("case__pupil", "school")
        .order_by("-approved_at", "-id")
    )
    last = tuple(letter for letter in undoable if _decision(letter) == _decision(undoable[0]))
    return DecidedToday(count, last, last[0].leaves_at if last else None)
