"""What a file of people would make and alter, gathered before anything is written, and then written in bulk: two statements a table.

Rows are Django's, some not yet saved; each alteration keeps what stood there before, so that the whole can be undone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import models

from schools.models import ContactNumber, Enrolment, Parent, Placement, Pupil, PupilFlag, PupilParent

IN_ORDER: tuple[type[models.Model], ...] = (Pupil, Enrolment, Placement, PupilFlag, Parent, PupilParent, ContactNumber)
"""A table comes after those to which its rows point."""
ROWS_AT_ONCE = 500
Row = TypeVar("Row", bound=models.Model)


@dataclass
class Alteration:
    row: models.Model
    before: dict[str, Any] = field(default_factory=dict)


@dataclass
class Changes:
    """New rows by table, and altered ones with what stood in their columns."""

    made: dict[type[models.Model], list[Any]] = field(default_factory=lambda: {table: [] for table in IN_ORDER})
    altered: dict[tuple[type[models.Model], int], Alteration] = field(default_factory=dict)

    def make(self, row: Row) -> Row:
        self.made[type(row)].append(row)
        return row

    def alter(self, row: models.Model, column: str, value: Any) -> bool:
        """Sets a column; False where it says so already."""
        was = getattr(row, column)
        if was == value:
            return False
        if row.pk is not None:
            self.altered.setdefault((type(row), row.pk), Alteration(row)).before.setdefault(column, was)
        setattr(row, column, value)
        return True

    def write(self) -> None:
        """Writes everything; within a transaction of the caller's."""
        for table in IN_ORDER:
            table._base_manager.bulk_create(self.made[table], batch_size=ROWS_AT_ONCE)
            rows = [alteration for (of, _), alteration in self.altered.items() if of is table]
            columns = sorted({column for alteration in rows for column in alteration.before})
            if rows:
                table._base_manager.bulk_update([each.row for each in rows], columns, batch_size=ROWS_AT_ONCE)

    def as_record(self) -> dict[str, Any]:
        """What an undo needs, as JSON: the numbers of the rows made, and each altered column before and after."""
        return {
            "made": {table._meta.model_name: [row.pk for row in rows] for table, rows in self.made.items() if rows},
            "altered": [
                {
                    "table": table._meta.model_name,
                    "row": pk,
                    "before": {column: plain_value(was) for column, was in alteration.before.items()},
                    "after": {column: plain_value(getattr(alteration.row, column)) for column in alteration.before},
                }
                for (table, pk), alteration in self.altered.items()
            ],
        }


def plain_value(value: Any) -> Any:
    """As JSON keeps it."""
    return value.isoformat() if isinstance(value, dt.date) else value
