"""Undoing a file of people: rows that it made go, columns that it altered say again what they said, while nothing has come after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models, router, transaction
from django.db.models import ProtectedError, RestrictedError
from django.db.models.deletion import Collector

from schools import audit
from schools.changes import IN_ORDER, ROWS_AT_ONCE, plain_value
from schools.models import PeopleBatch, School, User
from schools.rules import Refused

TABLES: Mapping[str, type[models.Model]] = {str(table._meta.model_name): table for table in IN_ORDER}
WORDS = {
    "pupil": "a pupil",
    "enrolment": "a time on roll",
    "placement": "a form",
    "pupilflag": "a flag",
    "parent": "a contact",
    "pupilparent": "a contact's rights",
    "contactnumber": "a number of the MIS",
}


def why_not_undo_people(batch: PeopleBatch) -> list[str]:
    """A sentence for everything that stands in the way; empty where nothing does. Statements do not grow with the pupils."""
    if batch.undone_at:
        return [f"It was undone on {batch.undone_at:%-d %B %Y} already."]
    made, altered = _made(batch), _altered(batch)
    if not any(made.values()) and not altered:
        return ["It changed nothing, so there is nothing to undo."]
    return [*_changed_since(altered), *_resting(made)]


@transaction.atomic
def undo_people(*, batch: PeopleBatch, by: User, role: str, now: dt.datetime) -> PeopleBatch:
    """Takes a file of people back, all of it or (Refused, with what stands in the way) nothing."""
    School.objects.select_for_update(no_key=True).get(pk=batch.school_id)
    batch.refresh_from_db()
    if obstacles := why_not_undo_people(batch):
        raise Refused(" ".join(obstacles))
    altered = _altered(batch)
    for table in IN_ORDER:
        rows = [(row, entry) for of, row, entry in altered if of is table]
        for row, entry in rows:
            for column, was in entry["before"].items():
                setattr(row, column, _python(table, column, was))
        columns = sorted({column for _, entry in rows for column in entry["before"]})
        if rows:
            table._base_manager.bulk_update([row for row, _ in rows], columns, batch_size=ROWS_AT_ONCE)
    for table in reversed(IN_ORDER):
        table._base_manager.filter(pk__in=_made(batch)[table]).delete()
    batch.undone_at, batch.undone_by = now, by
    batch.save(update_fields=["undone_at", "undone_by"])
    audit.record(action="people import undone", subject=batch, by=by, role=role, at=now, school=batch.school)
    return batch


def _made(batch: PeopleBatch) -> dict[type[models.Model], list[int]]:
    made = batch.before.get("made", {}) if isinstance(batch.before, dict) else {}
    return {table: list(made.get(name, ())) for name, table in TABLES.items()}


def _altered(batch: PeopleBatch) -> list[tuple[type[models.Model], Any, dict[str, Any]]]:
    """(table, the row as it is now or None, what the batch altered of it)."""
    entries = batch.before.get("altered", []) if isinstance(batch.before, dict) else []
    found = []
    for name, table in TABLES.items():
        of_table = [entry for entry in entries if entry["table"] == name]
        rows = table._base_manager.in_bulk([entry["row"] for entry in of_table])
        found += [(table, rows.get(entry["row"]), entry) for entry in of_table]
    return found


def _changed_since(altered: Sequence[tuple[type[models.Model], Any, dict[str, Any]]]) -> list[str]:
    kinds: dict[str, int] = {}
    for table, row, entry in altered:
        if row is None or any(plain_value(getattr(row, column)) != value for column, value in entry["after"].items()):
            name = str(table._meta.model_name)
            kinds[name] = kinds.get(name, 0) + 1
    return [
        f"{WORDS[name].capitalize()} that it changed was changed again since ({count} in all): put it right by hand."
        for name, count in kinds.items()
    ]


def _resting(made: Mapping[type[models.Model], Sequence[int]]) -> list[str]:
    """What else hangs on the rows that the file made: marks, letters, cases, later forms …"""
    found: dict[str, int] = {}
    for table, keys in made.items():
        rows = list(table._base_manager.filter(pk__in=keys))
        if not rows:
            continue
        for hanging in _hanging_on(table, rows):
            of = type(hanging)
            if hanging.pk not in set(made.get(of, ())):
                found[str(of._meta.verbose_name_plural)] = found.get(str(of._meta.verbose_name_plural), 0) + 1
    return [
        f"On the people whom it brought rest {name} entered since: take them off roll by hand instead." for name in sorted(found)
    ]


def _hanging_on(table: type[models.Model], rows: Sequence[models.Model]) -> list[models.Model]:
    collector = Collector(using=router.db_for_write(table))
    try:
        collector.collect(rows)
    except ProtectedError as error:
        return list(error.protected_objects)
    except RestrictedError as error:
        return list(error.restricted_objects)
    gone = [row for instances in collector.data.values() for row in instances]
    return [*gone, *(row for queryset in collector.fast_deletes for row in queryset)]


def _python(table: type[models.Model], column: str, value: Any) -> Any:
    field = table._meta.get_field(column)
    assert isinstance(field, models.Field)
    return field.to_python(value)
