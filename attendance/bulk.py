"""Writing many rows at once: one door with two back ends.

On PostgreSQL rows are appended by COPY, and inserted or updated from one array a column (as fast as COPY to a temporary table and on from
there, in one statement instead of three); on the embedded database it is ``executemany``. Either way the number of statements does not grow
with the number of rows, and a row that is stored already as given is not written again. Table and column names come from the models, never
from outside.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from attendance.models import RegisterRow

_numbers = itertools.count(1)


class Patch(NamedTuple):
    """A stretch of one register row: from slot ``start`` on, ``was`` becomes ``becomes`` (both of one length)."""

    row_id: int
    start: int
    was: str
    becomes: str


def upsert(
    model: type[models.Model],
    *,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    only_new: bool = False,
) -> int:
    """Inserts rows, or updates those whose ``key`` is there already; returns how many were inserted or changed.

    ``key`` and ``columns`` are column names; ``columns`` holds those of the key too, on which the table has a unique constraint. With
    ``only_new`` a row that is there already stays as it is. Values are what the columns hold: numbers, text, dates.
    """
    table = _quote(model._meta.db_table)
    names = _list(columns)
    change = _on_conflict(table, key, [] if only_new else [column for column in columns if column not in key])
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # in the order of the key, so that two writers cannot wait for each other
            source = f"SELECT {names} FROM unnest({_casts(model, columns)}) AS given ({names}) ORDER BY {_list(key)}"
            cursor.execute(f"INSERT INTO {table} ({names}) {source} {change}", _arrays(columns, rows))
        else:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places}) {change}", _adapted(rows))
        return max(cursor.rowcount, 0)


def insert(model: type[models.Model], *, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Appends rows to a table whose other columns, its number above all, the database fills in."""
    table, names = _quote(model._meta.db_table), _list(columns)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _copy(cursor, f"{table} ({names})", rows)
        else:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", _adapted(rows))


def patch_rows(patches: Sequence[Patch]) -> int:
    """Changes stretches of register rows where they still read as ``was``; returns how many rows did. At most one patch a row."""
    table = _quote(RegisterRow._meta.db_table)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = "SELECT 0::bigint AS row_id, 0::int AS start, ''::text AS was, ''::text AS becomes"
            incoming = _copied(cursor, columns, patches)
            cursor.execute(
                f"UPDATE {table} AS row SET marks = overlay(row.marks PLACING patch.becomes FROM patch.start + 1)"
                f" FROM {incoming} AS patch WHERE row.id = patch.row_id"
                " AND substr(row.marks, patch.start + 1, length(patch.was)) = patch.was"
            )
        else:
            cursor.executemany(_patch_one(), [_substitution(patch) for patch in patches])
        return max(cursor.rowcount, 0)


def patch_row(patch: Patch) -> bool:
    """Changes a stretch of one register row where it still reads as ``was``, in one statement; False where it does not."""
    with connection.cursor() as cursor:
        cursor.execute(_patch_one(), _substitution(patch))
        return cursor.rowcount == 1


def _patch_one() -> str:
    """The statement, in words that both back ends have; see ``_substitution`` for its parameters."""
    return (
        f"UPDATE {_quote(RegisterRow._meta.db_table)} SET marks = substr(marks, 1, %s) || %s || substr(marks, %s)"
        " WHERE id = %s AND substr(marks, %s, %s) = %s"
    )


def _adapted(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Dates and times as Django stores them in the embedded database."""
    adapt = connection.ops.adapt_unknown_value
    return [[adapt(value) if isinstance(value, dt.date) else value for value in row] for row in rows]


def _substitution(patch: Patch) -> tuple[Any, ...]:
    length = len(patch.was)
    return (patch.start, patch.becomes, patch.start + length + 1, patch.row_id, patch.start + 1, length, patch.was)


def _casts(model: type[models.Model], columns: Sequence[str]) -> str:
    """A placeholder for each column's array, of the column's type."""
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    return ", ".join(f"%s::{types[column]}[]" for column in columns)


def _arrays(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Any]:
    """The rows turned into columns; numbers and dates written out here, which is much faster than the driver's way."""
    arrays = list(zip(*rows, strict=True)) or [()] * len(columns)
    return [_literal(values) if all(isinstance(value, int | dt.date) for value in values) else list(values) for values in arrays]


def _literal(values: Sequence[Any]) -> str:
    return f"{{{','.join(map(str, values))}}}"


def _copied(cursor: CursorWrapper, columns: str, rows: Iterable[Sequence[Any]]) -> str:
    """Name of a temporary table, gone with the transaction, that holds the rows."""
    name = f"incoming_{next(_numbers)}"
    cursor.execute(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {columns} WITH NO DATA")
    _copy(cursor, name, rows)
    return name


def _copy(cursor: CursorWrapper, target: str, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _on_conflict(table: str, key: Sequence[str], others: Sequence[str]) -> str:
    if not others:
        return f"ON CONFLICT ({_list(key)}) DO NOTHING"
    changes = ", ".join(f"{_quote(column)} = EXCLUDED.{_quote(column)}" for column in others)
    stored = ", ".join(f"{table}.{_quote(column)}" for column in others)
    given = ", ".join(f"EXCLUDED.{_quote(column)}" for column in others)
    differs = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
    return f"ON CONFLICT ({_list(key)}) DO UPDATE SET {changes} WHERE ({stored}) {differs} ({given})"


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quote, names))
