"""The night as a command: every school, or one, in this process; no Redis needed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from escalation.night import NightReport, last_school_day
from letters.night import whole_night
from schools.clock import now, today
from schools.models import School


class Command(BaseCommand):
    help = "Evaluates every pupil after the register is in and drafts letters and tasks. Run again, it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--school", metavar="URN", help="One school; without it, all.")
        parser.add_argument(
            "--on", type=_date, metavar="DATE", help="A school day, as 2025-11-21; without it, the last one up to today."
        )
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        schools = self._schools(options["school"])
        reports = [self._night(school, options["on"]) for school in schools]
        if options["format"] == "json":
            self.stdout.write(json.dumps([_as_json(report) for report in reports], indent=1))
        else:
            for report in reports:
                self.stdout.write(_as_text(report))
        if any(report.errors for report in reports):
            raise CommandError("At least one school's night failed; its errors are above. Mend them and run it again.")

    def _schools(self, urn: str | None) -> list[School]:
        schools = list(School.objects.select_related("group").filter(**({"urn": urn} if urn else {})))
        if urn and not schools:
            raise CommandError(
                f"There is no school with the URN {urn}. Known: {', '.join(School.objects.values_list('urn', flat=True))}."
            )
        return schools

    def _night(self, school: School, on: dt.date | None) -> NightReport:
        day = on or last_school_day(school, today())
        if day is None:
            report = NightReport(school.urn, school.name, today())
            report.skipped.append("The school's calendar has no school day up to today: add its half terms.")
            return report
        return whole_night(school=school, on=day, now=now(), today=max(day, today()) if on is None else day)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as fault:
        raise ArgumentTypeError(f"{text!r} is not a date: write it as 2025-11-21.") from fault


def _as_json(report: NightReport) -> dict[str, Any]:
    keys = ("urn", "school", "on", "pupils", "evaluated", "proposed", "drafted", "withdrawn", "skipped", "errors", "seconds")
    values = dataclasses.asdict(report) | {"on": report.on.isoformat()}
    return {key: values[key] for key in keys}


def _as_text(report: NightReport) -> str:
    line = (
        f"{report.urn} {report.school}, {report.on:%a %-d %b %Y}: {report.pupils} pupils, {report.evaluated} evaluated, "
        f"{report.proposed} stages proposed, {report.drafted} letters drafted, {report.withdrawn} withdrawn, {report.seconds:.2f} s"
    )
    return "\n".join(
        [line, *(f"  put off: {sentence}" for sentence in report.skipped), *(f"  error: {fault}" for fault in report.errors)]
    )
