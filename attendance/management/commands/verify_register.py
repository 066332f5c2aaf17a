"""Rebuilds register rows from their history and compares: finds a row that was changed by anything but the services."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.queries import verify
from schools.models import School

SHOWN = 50
"""Faults of a school that are spelt out; all are counted."""


class Command(BaseCommand):
    help = "Compares every register row with what its import batches and changes say. Exit code 1 where they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--school", metavar="URN", help="only this school")

    def handle(self, *args: Any, **options: Any) -> None:
        schools = School.objects.filter(urn=options["school"]) if options["school"] else School.objects.all()
        if options["school"] and not schools:
            raise CommandError(f"No school has the URN {options['school']}: give the six digits of one that is set up.")
        faults = 0
        for school in schools:
            rows, marks, sentences = verify(school)
            for sentence in sentences[:SHOWN]:
                self.stdout.write(f"{school.urn}: {sentence}")
            if len(sentences) > SHOWN:
                self.stdout.write(f"{school.urn}: and {len(sentences) - SHOWN} more like these")
            self.stdout.write(f"{school.urn}: {rows} register rows, {marks} marks, {len(sentences)} faults")
            faults += len(sentences)
        if faults:
            raise CommandError(
                f"{faults} faults: these register rows were changed other than through Handrail, or history is missing. "
                "Restore them from a back-up or correct the marks with a reason."
            )
