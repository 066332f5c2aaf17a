"""Runs the schools' years on two cores although the embedded database takes one writer: half of the schools in a copy of the file.

The copy's new rows have numbers of their own (counted from a million on), so that they can be put into the database afterwards as they are.
On any other database, or with one core, the schools simply follow one another.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import pickle
import shutil
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.apps import apps
from django.db import connection, models, transaction

from attendance.models import RegisterRow
from demo.foreseen import Foreseen
from demo.year import DemoFailed, Say, YearReport, run_year
from messaging.models import Sender
from schools.models import Enrolment, School

WORK_A_PUPIL = {"secondary": 1.0, "primary": 1.6, "special": 2.2}
"""How much work a pupil's year is: primary and special schools write more letters for each pupil."""
APART = 1_000_000
"""Distance of the copy's new numbers from the others'."""


def run_years(*, today: dt.date, jobs: int, foreseen: Mapping[str, Foreseen], say: Say) -> dict[str, YearReport]:
    """Every school's year of nights; ``foreseen`` and the reports by URN."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # a making that is interrupted is made anew
    schools = list(School.objects.select_related("group"))
    if jobs < 2 or connection.vendor != "sqlite" or connection.is_in_memory_db():  # type: ignore[attr-defined]
        return {school.urn: run_year(school, today=today, foreseen=foreseen[school.urn], say=say) for school in schools}
    here, there = _halves(schools)
    return _run_in_two(here, there, today, foreseen, say)


def _halves(schools: Sequence[School]) -> tuple[list[School], list[School]]:
    """Two lots of schools with about the same work, the biggest schools first."""
    on_roll = dict(Enrolment.objects.values_list("school").annotate(models.Count("pk")))
    work = {school.pk: on_roll.get(school.pk, 0) * WORK_A_PUPIL[school.phase] for school in schools}
    lots: tuple[list[School], list[School]] = ([], [])
    for school in sorted(schools, key=lambda school: -work[school.pk]):
        min(lots, key=lambda lot: sum(work[each.pk] for each in lot)).append(school)
    return lots


def _run_in_two(
    here: list[School], there: list[School], today: dt.date, foreseen: Mapping[str, Foreseen], say: Say
) -> dict[str, YearReport]:
    original = Path(str(connection.settings_dict["NAME"]))
    copy = original.with_name(f"{original.name}.second")
    answer = original.with_name(f"{original.name}.report")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    try:
        shutil.copyfile(original, copy)
        helper = multiprocessing.get_context("fork").Process(
            target=_in_copy, args=(copy, answer, [s.pk for s in there], today, foreseen, say)
        )
        helper.start()
        try:
            reports = {school.urn: run_year(school, today=today, foreseen=foreseen[school.urn], say=say) for school in here}
        except BaseException:
            helper.terminate()
            raise
        finally:
            helper.join()
        reports |= _answer(answer)
        _take_over(copy, [school.pk for school in there])
        return reports
    finally:
        for path in (copy, answer, *(copy.with_name(copy.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)


def _in_copy(copy: Path, answer: Path, school_ids: list[int], today: dt.date, foreseen: Mapping[str, Foreseen], say: Say) -> None:
    """The second process: its schools' years in the copy, its reports in a file."""
    connection.settings_dict["NAME"] = str(copy)
    try:
        _number_apart()
        schools = School.objects.select_related("group").filter(pk__in=school_ids)
        done: object = {school.urn: run_year(school, today=today, foreseen=foreseen[school.urn], say=say) for school in schools}
    except Exception:
        done = traceback.format_exc()
    connection.close()
    answer.write_bytes(pickle.dumps(done))
    os._exit(0)


def _answer(answer: Path) -> dict[str, YearReport]:
    done = pickle.loads(answer.read_bytes()) if answer.exists() else "The second process ended without a word."
    if isinstance(done, str):
        raise DemoFailed(done)
    return done  # type: ignore[no-any-return]


def _tables() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy]


def _number_apart() -> None:
    """From here on new rows of the copy are numbered beyond anything that the original will reach."""
    with connection.cursor() as cursor:
        for model in _tables():
            if isinstance(model._meta.pk, models.AutoField):
                table = model._meta.db_table
                cursor.execute(f'SELECT coalesce(max("{model._meta.pk.column}"), 0) FROM "{table}"')
                last = cursor.fetchone()[0]
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last + APART])


CHANGES_BY_SCHOOL: tuple[type[models.Model], ...] = (RegisterRow, Sender)
"""What is there before the nights and changes during them: registers that are taken here, and what a sender last did."""


def _take_over(copy: Path, school_ids: list[int]) -> None:
    """Puts the copy's new rows into the database, those whose number it does not have, and what changed of its schools' older ones."""
    with connection.cursor() as cursor:
        cursor.execute("ATTACH DATABASE %s AS second", [str(copy)])
    with transaction.atomic(), connection.cursor() as cursor:
        for model in _tables():
            table, key = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(model._meta.pk.column))
            columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in model._meta.local_concrete_fields)
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM second.{table} AS other"
                f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS own WHERE own.{key} = other.{key})"
            )
        for model in CHANGES_BY_SCHOOL:
            _take_over_changes(model, school_ids)
    with connection.cursor() as cursor:
        cursor.execute("DETACH DATABASE second")


def _take_over_changes(model: type[models.Model], school_ids: list[int]) -> None:
    """The schools' rows of a table as they stand in the copy."""
    table, key = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(model._meta.pk.column))
    columns = [
        connection.ops.quote_name(str(field.column)) for field in model._meta.local_concrete_fields if not field.primary_key
    ]
    values = ", ".join(f"{column} = other.{column}" for column in columns)
    schools = ", ".join("%s" for _ in school_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {values} FROM second.{table} AS other"
            f" WHERE other.{key} = {table}.{key} AND {table}.school_id IN ({schools})",
            school_ids,
        )
