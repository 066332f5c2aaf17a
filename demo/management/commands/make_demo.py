"""Makes the demo's database: five groups, a year of registers, the nights with scripted staff; prints the table. Once made, it is kept."""

from __future__ import annotations

import gc
import os
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from demo.build import build, enter_history
from demo.made import TableRow, found, keep, strangers
from demo.processes import run_years
from schools.clock import now, today
from schools.models import Group, School

RARELY = (200_000, 20, 20)
"""Thresholds of the garbage collector while millions of short-lived records are made."""


class Command(BaseCommand):
    help = "Makes the demo's database, or says what is in it when it is there already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--again", action="store_true", help="Make it anew even if it is there.")
        parser.add_argument(
            "--only", default="", metavar="LADDER", help="Only the group under this ladder, while working on the demo."
        )
        parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="Processes to use, at most two.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_where_it_is_not_ours()
        self.began = time.perf_counter()
        rows = None if options["again"] else found(today())
        if rows is None:
            rows = self._make(options["jobs"], options["only"])
        self._print(rows)

    def _refuse_where_it_is_not_ours(self) -> None:
        if not (settings.DEBUG and settings.HANDRAIL_DEMO and settings.HANDRAIL_TODAY):
            raise CommandError("The demo is made only with DEBUG=on, HANDRAIL_DEMO=on and HANDRAIL_TODAY set: use bin/demo.")
        if names := strangers():
            raise CommandError(
                f"This database holds schools that are not the demo's ({', '.join(names)}): set DATABASE_URL to a database of its own."
            )

    def _make(self, jobs: int, only: str) -> list[TableRow]:
        if Group.objects.exists():
            self._say("clearing what an earlier making left")
            call_command("flush", interactive=False, verbosity=0)
        self._say("making schools, pupils and registers")
        settings.DEBUG = False  # or every statement of the year would be kept in the query log
        gc.set_threshold(*RARELY)
        with transaction.atomic():
            built = build(today(), only)
        self._say(f"{sum(built.marks.values()):,} marks of {len(built.enrolments):,} enrolments are in; the nights begin")
        reports = run_years(today=today(), jobs=jobs, foreseen=built.foreseen, say=self._say)
        with transaction.atomic():
            enter_history(built)
        pupils = {urn: report.last.pupils for urn, report in reports.items()}
        rows = [
            TableRow(
                school.name,
                pupils[school.urn],
                built.marks[school.urn],
                report.last.proposed,
                report.last.drafted,
                report.seconds,
            )
            for school in School.objects.order_by("urn")
            for report in [reports[school.urn]]
        ]
        keep(rows, today=today(), now=now())
        return rows

    def _say(self, text: str) -> None:
        self.stdout.write(f"[{time.perf_counter() - self.began:3.0f} s] {text}")
        self.stdout.flush()

    def _print(self, rows: list[TableRow]) -> None:
        """The table: the night is that of the last school day before today."""
        head = ("School", "Pupils", "Marks", "Stages newly reached", "Letters drafted", "Seconds")
        body = [_cells(row) for row in [*rows, _total(rows)]]
        widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
        self.stdout.write("")
        for line in (head, *body):
            cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
            self.stdout.write("  ".join(cells))
        self.stdout.write("")
        self.stdout.write(
            "Stages and letters are those of the last night; seconds are those of the school's whole year of nights."
        )


def _total(rows: list[TableRow]) -> TableRow:
    """All schools; schools run side by side, so the seconds are more than the clock's."""
    sums = {name: sum(getattr(row, name) for row in rows) for name in ("pupils", "marks", "reached", "drafted", "seconds")}
    return TableRow("All", **sums)


def _cells(row: TableRow) -> tuple[str, ...]:
    return row.school, f"{row.pupils:,}", f"{row.marks:,}", str(row.reached), str(row.drafted), f"{row.seconds:.1f}"
