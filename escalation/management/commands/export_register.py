"""``python manage.py export_register``: a school's calendar and marks as the two files that ``backtest`` reads."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from escalation.engine.backtest_files import CALENDAR_COLUMNS, MARKS_COLUMNS
from escalation.past_register import calendar_rows, marks_rows, past_register
from schools.models import School


class Command(BaseCommand):
    help = (
        "Writes a school's calendar and marks of one or more academic years as the two files that the back-test reads, with the year "
        "before the first one, since some windows look back over the summer. A pupil without UPN stands under the admission number."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--school", required=True, metavar="URN", help="the school whose register it is")
        parser.add_argument("--year", required=True, nargs="+", type=int, help="2025 is 2025/26; several may be given")
        parser.add_argument("--calendar", required=True, type=Path, help=f"file to write: {','.join(CALENDAR_COLUMNS)}")
        parser.add_argument("--marks", required=True, type=Path, help=f"file to write: {','.join(MARKS_COLUMNS)}")

    def handle(self, *, school: str, year: list[int], calendar: Path, marks: Path, **_: object) -> None:
        found = School.objects.filter(urn=school).first()
        if found is None:
            raise CommandError(f"No school has the URN {school}: give the six digits of one that is set up.")
        past = past_register(found, range(min(year), max(year) + 1))
        if not len(past.days):
            raise CommandError(f"{found} has no calendar for {min(year)}: set up its half terms first.")
        days = _write(calendar, CALENDAR_COLUMNS, calendar_rows(past))
        sessions = _write(marks, MARKS_COLUMNS, marks_rows(past))
        self.stdout.write(f"{found}: {days} school days and {sessions} marks of {len(past.pupils)} pupils written.")


def _write(path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """The number of rows written below the heading."""
    count = 0
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            write = csv.writer(file, lineterminator="\n").writerow
            write(heading)
            for row in rows:
                write(row)
                count += 1
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}. Give a path in a folder that you may write to."
        ) from error
    return count
