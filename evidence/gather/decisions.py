"""Why each stage was reached, on which marks, under which text of the ladder; and what people decided, with name and reason.

Why letters waited for safeguarding is told to nobody here: only that they waited, and how long.
"""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from casework.models import Pause
from escalation.models import Event, StageRecord
from escalation.queries import ruleset_of
from evidence.exhibits import Block, Check, Exhibit, Part, Table, Text, counted, day, rows_of
from evidence.scope import Scope
from letters.models import LetterEvent

State = StageRecord.State


def triggers(scope: Scope) -> Part:
    """One exhibit a stage that was reached."""
    reached = StageRecord.objects.filter(case=scope.case, proposed_on__lte=scope.on).order_by("proposed_on", "pk")
    found = list(reached.select_related("version", "decided_by"))
    versions = {record.version_id: record.version for record in found}
    resting = [record for record in found if record.not_on_todays_register_since]
    ladders = ", ".join(f"{version.name}, SHA-256 {version.sha256[:12]}" for version in versions.values())
    words = f"{counted(len(found), 'stage')}, under {ladders}"
    checks = [Check("Triggers", bool(found), words if found else "No stage of the ladder was reached.")]
    if resting:
        stages = ", ".join(record.stage for record in resting)
        checks.append(Check("Ground today", False, f"Stage {stages} would not be reached on today’s register."))
    return Part(
        key="triggers", title="Stages reached, and why", exhibits=[_stage(record) for record in found],
        rows=[*rows_of(found), *rows_of(versions.values())], checks=checks, missing="" if found else "No stage of the ladder was reached.",
    )  # fmt: skip


def _stage(record: StageRecord) -> Exhibit:
    told = [
        ("Stage", f"{record.stage}, {record.name} ({record.band})"),
        ("Reached on", day(record.proposed_on)),
        ("Clause", _clause(record)),
        ("Ladder", f"{record.version.name} ({record.version.key}), SHA-256 {record.version.sha256}"),
        ("What became of it", _became(record)),
        ("Decided by", f"{record.decided_by.name}, {_moment(record.decided_at)}" if record.decided_by else "nobody by name"),
        ("Reason given", record.reason),
    ]
    if record.not_on_todays_register_since:
        told.append(("On today’s register", f"its ground has not stood since {day(record.not_on_todays_register_since)}"))
    blocks: list[Block] = [Table("The stage as it was recorded", ("What", "On record"), [row for row in told if row[1]])]
    blocks += [Text(list(map(str, record.sentences)))] if record.sentences else []
    blocks += [table for number, reason in enumerate(record.because, 1) if (table := _reason(number, reason))]
    return Exhibit(f"Stage {record.stage}: {record.name}", blocks)


def _clause(record: StageRecord) -> str:
    """The clause of the policy as the ladder's text of that day names it."""
    stage = next((stage for stage in ruleset_of(record.version).stages if stage.id == record.stage), None)
    return stage.clause if stage else ""


def _became(record: StageRecord) -> str:
    done = f", {day(record.done_on)}" if record.done_on else ""
    return f"{record.get_state_display()}{done}"


def _reason(number: int, reason: dict) -> Table | None:
    """The engine's own figures of one reason, and the very marks where it names them."""
    told = [(key.replace("_", " "), _plain(value)) for key, value in reason.items() if value not in (None, "", [], {})]
    return Table(f"Reason {number}, as it was judged", ("What", "Value"), told) if told else None


def _plain(value: object) -> str:
    """A value of the engine's record in words: marks as "2025-10-06 AM I; …", numbers and days as they are."""
    if isinstance(value, dict):
        return "; ".join(f"{key.replace('_', ' ')}: {_plain(item)}" for key, item in value.items() if item not in (None, ""))
    if isinstance(value, list):
        apart = "; " if any(isinstance(item, list) for item in value) else " "
        return apart.join(_plain(item) for item in value)
    return str(value).replace("_", " ")


def _moment(moment: dt.datetime | None) -> str:
    return f"{timezone.localtime(moment):%-d %B %Y, %H:%M}" if moment else "time not recorded"


def decisions(scope: Scope) -> Part:
    """Stages held or declined, letters held or declined, letters that waited, and what else was decided by name."""
    records = [
        record
        for record in StageRecord.objects.filter(case=scope.case, state__in=(State.HELD, State.DECLINED, State.PASSED_OVER))
        if record.proposed_on <= scope.on
    ]
    events = [event for event in _events(scope) if scope.concerns(event.parent_id)]
    letters = [event for event in _letter_events(scope) if scope.concerns(event.letter.parent_id)]
    pauses = list(Pause.objects.filter(case=scope.case, starts__lte=scope.on, at__lt=scope.end).select_related("by", "lifted_by"))
    blocks = [
        *([_said(events)] if events else []),
        *([_of_letters(letters)] if letters else []),
        *([_waited(pauses)] if pauses else []),
    ]
    number = len(events) + len(letters) + len(pauses)
    return Part(
        key="decisions",
        title="Decisions and who took them",
        exhibits=[Exhibit("Decisions by name", blocks)] if blocks else [],
        rows=[*rows_of(records), *rows_of(events), *rows_of(letters), *rows_of(pauses)],
        checks=[
            Check("Decisions", True, f"{counted(number, 'decision')} by name" if number else "none departed from the ladder")
        ],
        missing="" if blocks else "Nobody departed from the ladder.",
    )


def _events(scope: Scope) -> list[Event]:
    """Decisions of the timeline; the lines about letters that wait are told below, without what is nobody's business."""
    found = Event.objects.filter(case=scope.case, kind__in=("decision", "leave"), on__lte=scope.on, at__lt=scope.end)
    told = found.select_related("by", "parent").order_by("on", "at", "pk")
    return [event for event in told if not event.text.startswith(("Letters wait until", "Letters need wait"))]


def _letter_events(scope: Scope) -> list[LetterEvent]:
    found = LetterEvent.objects.filter(letter__case=scope.case, after__in=("held", "declined", "withdrawn"), at__lt=scope.end)
    return list(found.select_related("by", "letter").order_by("at", "pk"))


def _said(events: list[Event]) -> Table:
    rows = [(day(event.on), event.text, event.by.name if event.by else "the night") for event in events]
    return Table("Decided in the case", ("Day", "What", "By"), rows)


def _of_letters(events: list[LetterEvent]) -> Table:
    rows = [
        (_moment(event.at), event.letter.title, event.after, event.reason, event.by.name if event.by else "the night")
        for event in events
    ]
    return Table("Letters that were not sent as drafted", ("When", "Letter", "What", "Reason", "By"), rows)


def _waited(pauses: list[Pause]) -> Table:
    rows = [(day(pause.starts), day(pause.until), _why(pause), pause.by.name, _lifted(pause)) for pause in pauses]
    return Table("Times in which letters waited", ("From", "Until", "Why", "By", "Lifted"), rows)


def _why(pause: Pause) -> str:
    if pause.kind == Pause.Kind.SAFEGUARDING:
        return "the reason is not told in a pack"
    return f"{pause.get_kind_display()}: {pause.why}"


def _lifted(pause: Pause) -> str:
    """Of a safeguarding pause only that it was lifted."""
    if not pause.lifted_on:
        return ""
    because = "" if pause.kind == Pause.Kind.SAFEGUARDING else f". {pause.lifted_because}"
    return f"{day(pause.lifted_on)}, {pause.lifted_by.name if pause.lifted_by else ''}{because}"
