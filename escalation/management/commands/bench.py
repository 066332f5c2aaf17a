"""``python manage.py bench``: what a night costs on this machine, beside the least and the most that it could cost."""

from __future__ import annotations

import json
import os
import platform
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from escalation.bench import measure as measuring
from escalation.bench.measure import BenchFault, Line, Result, measure
from escalation.engine.ruleset import SHIPPED
from schools import clock

GOALS = {
    "a day's register previewed and read in": 300,
    "the same file read in again, unchanged": 100,
    "back-test of a year": 2000,
}
"""Milliseconds for 1,500 pupils."""
STATEMENTS = 20
BEGIN, END = "<!-- bench: written by `python manage.py bench --write` -->", "<!-- end of bench -->"


class Command(BaseCommand):
    help = (
        "Makes a school in the configured database, runs the night and its rivals over it, prints seconds, ratios and statements, and "
        "takes everything back. It holds one transaction meanwhile: run it where nobody works, as in `bin/with-services`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pupils", type=int, default=1500)
        parser.add_argument("--ladder", choices=SHIPPED, default="vale", help="the shipped ruleset that the school runs")
        parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
        parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["pupils"] < 1:
            raise CommandError("--pupils must be 1 or more.")
        try:
            with transaction.atomic():
                result = measure(
                    pupils=options["pupils"], ladder=options["ladder"], now=clock.now(), sizes=measuring.STATEMENT_SIZES
                )
                transaction.set_rollback(True)
        except BenchFault as fault:
            raise CommandError(str(fault)) from None
        self.stdout.write(json.dumps(result.as_json()) if options["json"] else as_text(result))
        if options["write"]:
            write_into(settings.BASE_DIR / "docs" / "performance.md", as_markdown(result))


def as_text(result: Result) -> str:
    lines = [f"{result.pupils:,} pupils, two years of marks, ladder {result.ladder}, {machine(result)}"]
    lines.append(f"{'ms':>15} {'x floor':>9}  {'SQL':>7}")
    lines += [
        f"{line.milliseconds:>12,.1f} ms {_times(line):>9}  {_statements(line):>7}  {line.name}{_note(line)}"
        for line in (*result.comparison, *result.others)
    ]
    return "\n".join([*lines, *sentences(result)])


def as_markdown(result: Result) -> str:
    rows = [
        f"| {line.name}{_note(line)} | {line.milliseconds:,.1f} | {_times(line)} | {_statements(line)} | {_goal(line, result)} |"
        for line in (*result.comparison, *result.others)
    ]
    head = ["| what | ms | times the floor | statements | goal |", "| --- | ---: | ---: | ---: | --- |"]
    title = f"{result.pupils:,} pupils, two years of marks, ladder `{result.ladder}`, {machine(result)}."
    return "\n".join([title, "", *head, *rows, "", *sentences(result)])


def machine(result: Result) -> str:
    return f"{result.database}, Python {platform.python_version()}, {os.cpu_count()} cores, load {result.load}"


def sentences(result: Result) -> list[str]:
    """What is said below the table."""
    counted = ", ".join(f"{count} at {size:,} pupils" for size, count in result.statements_a_night.items())
    said = [f"Statements of a school's night: {counted} (goal: {STATEMENTS} at most, and equal)."]
    if result.bytes_a_mark:
        weighed = "; ".join(f"{name} {count:.1f}" for name, count in result.bytes_a_mark.items())
        said.append(f"Bytes a mark on disk: {weighed} (goals: register 3.5, with history 9).")
    return said + result.missing


def write_into(page: Path, table: str) -> None:
    """Replaces what stands between the page's two marks."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise CommandError(f"{page.name} has lost its marks: it must hold the lines {BEGIN} and {END}.")
    before, rest = text.split(BEGIN, 1)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def _times(line: Line) -> str:
    return f"{line.ratio:,.1f} x" if line.ratio is not None else ""


def _statements(line: Line) -> str:
    return f"{line.statements:,}" if line.statements is not None else ""


def _note(line: Line) -> str:
    return f" ({line.note})" if line.note else ""


def _goal(line: Line, result: Result) -> str:
    return f"{GOALS[line.name]:,} ms at 1,500 pupils" if line.name in GOALS else ""
