"""``python manage.py backtest``: a ruleset over a calendar and marks from files, without a database."""

from __future__ import annotations

import csv
import datetime as dt
import json
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from escalation.engine.backtest import Act, as_json, backtest
from escalation.engine.backtest_files import CALENDAR_COLUMNS, MARKS_COLUMNS, MarksReader, Row, read_calendar
from escalation.engine.evaluate import Decision
from escalation.engine.register import Register
from escalation.engine.ruleset import SHIPPED, Ruleset, RulesetError, load_ruleset
from escalation.engine.workload import Workload, in_lines


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not a date such as 2025-09-01.") from None


class Command(BaseCommand):
    help = "Run a ruleset over a register and print what it would have proposed, or how much work that would have been."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ruleset", required=True, help=f"a shipped key ({', '.join(SHIPPED)}) or a ruleset file")
        parser.add_argument("--calendar", required=True, type=Path, help=f"CSV: {','.join(CALENDAR_COLUMNS)}; a row a school day")
        parser.add_argument("--marks", required=True, type=Path, help=f"CSV: {','.join(MARKS_COLUMNS)}; session AM or PM")
        parser.add_argument("--from", dest="start", required=True, type=_date, help="first day to evaluate, such as 2025-09-01")
        parser.add_argument("--to", dest="end", required=True, type=_date, help="last day to evaluate")
        parser.add_argument(
            "--act", choices=("same-day", "never"), default="same-day", help="does a proposed stage count as done?"
        )
        parser.add_argument("--format", dest="form", choices=("jsonl", "summary"), default="jsonl")

    def handle(
        self, *, ruleset: str, calendar: Path, marks: Path, start: dt.date, end: dt.date, act: Act, form: str, **_: object
    ) -> None:
        if end < start:
            raise CommandError(f"--to {end} lies before --from {start}: give the earlier day first.")
        rules = self._ruleset(ruleset)
        days = read_calendar(_rows(calendar, CALENDAR_COLUMNS), self._report)
        if not len(days):
            raise CommandError(f"{calendar} has no school day that can be used: expected rows of {', '.join(CALENDAR_COLUMNS)}.")
        register, upns = MarksReader(days, self._report).read_file(_bytes(marks), lambda: _rows(marks, MARKS_COLUMNS))
        decisions = backtest(rules, register, start, end, act)
        self._print(decisions, upns) if form == "jsonl" else self._summarise(decisions, rules, register, end)

    def _ruleset(self, name: str) -> Ruleset:
        try:
            return load_ruleset(name)
        except RulesetError as error:
            raise CommandError(str(error)) from error

    def _report(self, what: str, row: int, fault: str) -> None:
        self.stderr.write(f"{what}, row {row}: {fault}" if row else f"{what}: {fault}")

    def _print(self, decisions: Iterator[Decision], upns: list[str]) -> None:
        write = self.stdout.write
        for decision in decisions:
            write(json.dumps(as_json(decision, upns), ensure_ascii=False))

    def _summarise(self, decisions: Iterator[Decision], rules: Ruleset, register: Register, end: dt.date) -> None:
        load = Workload(rules)
        for decision in decisions:
            load.add(decision.date, decision.pupil, decision.kind, decision.id)
        days = register.days
        last = days.last_on_or_before(end)
        began = days.dates[0] if last is None else days.dates[int((days.year == days.year[last]).argmax())]
        for line in in_lines(load, began):
            self.stdout.write(line)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}. Check the path.") from error


def _rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows below the heading, in the order of ``columns``."""
    try:
        file = path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    with file:
        try:
            rows = csv.reader(file)
            heading = [cell.strip() for cell in next(rows, [])]
            if missing := [column for column in columns if column not in heading]:
                raise CommandError(
                    f"{path}, row 1: the column {missing[0]!r} is missing. The heading must be {','.join(columns)}."
                )
            yield from rows if heading == list(columns) else _in_order(rows, [heading.index(column) for column in columns])
        except (UnicodeDecodeError, csv.Error) as error:
            raise CommandError(f"{path} is not CSV in UTF-8: {error}. Save it as 'CSV UTF-8' and try again.") from error


def _in_order(rows: Iterator[Row], positions: list[int]) -> Iterator[Row]:
    pick = itemgetter(*positions)
    for row in rows:
        yield pick(row) if len(row) > max(positions) else row
