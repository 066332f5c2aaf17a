"""Writes everything that a school put in to a ZIP of CSV files."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.exports import export_school
from casework.exports import ALL_TABLES
from schools import clock
from schools.models import School


class Command(BaseCommand):
    help = (
        "Writes a school's pupils, parents, registers with their history, calls, leave, calendar and staff to a ZIP of CSV files."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("school", metavar="URN", help="the school")
        parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="the ZIP to write; it must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        school = School.objects.filter(urn=options["school"]).first()
        if school is None:
            raise CommandError(f"No school has the URN {options['school']}: give the six digits of one that is set up.")
        path: Path = options["to"]
        try:
            with path.open("xb") as file:
                for piece in export_school(school=school, tables=ALL_TABLES, by=None, now=clock.now()):
                    file.write(piece)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}. Give the path of a file that does not exist yet.") from None
        self.stdout.write(f"{path}: {len(ALL_TABLES) + 1} files of {school}, {path.stat().st_size:,} bytes.")
