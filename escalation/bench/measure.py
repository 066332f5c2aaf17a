"""Runs the contestants over one made school and counts seconds and statements; every ratio comes from one run on one machine."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from attendance.codes import NO_MARK
from attendance.figures import compute
from attendance.grid import academic_year_of
from attendance.queries import preview_import, school_matrix
from attendance.services import import_register
from escalation.bench import contestants
from escalation.bench.made import IMPORT_DAYS, NIGHTS, YEARS, MadeSchool, make_school
from escalation.bench.storage import AMENDED, Storage, amend_some, bytes_a_row
from escalation.engine.backtest import as_json, backtest
from escalation.engine.register import Register
from escalation.loading import LoadedSchool, load_school
from escalation.night import run_night

REPEATS = 5
STATEMENT_SIZES = (100, 1000)


class BenchFault(RuntimeError):
    """Two contestants disagree, or a night failed: figures of such a run would mean nothing."""


@dataclass
class Line:
    """One row of the table. ``ratio``: times the floor, where it belongs to the comparison."""

    name: str
    milliseconds: float
    statements: int | None = None
    ratio: float | None = None
    note: str = ""


@dataclass
class Result:
    pupils: int
    database: str
    ladder: str
    comparison: list[Line] = field(default_factory=list)
    others: list[Line] = field(default_factory=list)
    statements_a_night: dict[int, int] = field(default_factory=dict)
    bytes_a_mark: dict[str, float] = field(default_factory=dict)
    load: float = 0.0
    """Of the machine when the run ended: above the number of cores, others were working too."""
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(*, pupils: int, ladder: str, now: dt.datetime, sizes: tuple[int, ...]) -> Result:
    """The whole bench; call inside a transaction that is rolled back."""
    with override_settings(DEBUG=False):  # with DEBUG on Django keeps every statement, which is a cost of its own
        return _measured(pupils, ladder, now, sizes)


def _measured(pupils: int, ladder: str, now: dt.datetime, sizes: tuple[int, ...]) -> Result:
    result = Result(pupils, connection.vendor, ladder)
    made = make_school(pupils, ladder=ladder, now=now)
    on_disk = Storage(made) if connection.vendor == "postgresql" else None
    if on_disk:
        result.bytes_a_mark["register as it was read in"] = on_disk.register()
    _compare(made, now, result)
    files = [_day_file(made, date) for date in IMPORT_DAYS]
    spent = [_timed(partial(_preview_and_read_in, made, files[0], now))[0]]
    if on_disk:
        result.bytes_a_mark["register after a day on which every row changed"] = on_disk.register()
    result.others += [*_imports(made, files, spent, now), _backtest(load_school(made.school, NIGHTS[-1]))]
    if on_disk:
        _weigh_history(on_disk, result, now)
    for size in sizes:
        smaller = make_school(size, ladder=ladder, now=now)
        result.statements_a_night[size] = _counted(partial(_night, smaller, NIGHTS[-1], now))
    result.load = round(os.getloadavg()[0], 1)
    return result


def _timed(work: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """(median milliseconds, what the work returned last)."""
    spent, answer = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        answer = work()
        spent.append(1000 * (time.perf_counter() - began))
    return statistics.median(spent), answer


def _counted(work: Callable[[], Any]) -> int:
    """Statements, COPY included; savepoints are the bench's own, since it runs inside a transaction."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE")) for query in captured)


def _night(made: MadeSchool, on: dt.date, now: dt.datetime) -> None:
    report = run_night(school=made.school, on=on, now=now)
    if report.errors or report.skipped:
        raise BenchFault(f"The night of {on} did not run: {' '.join(report.errors + report.skipped)}")


def _compare(made: MadeSchool, now: dt.datetime, result: Result) -> None:
    """The contestants over the same week, and whether they agree."""
    as_of, school = NIGHTS[-1], made.school
    opening = _counted(lambda: _night(made, NIGHTS[0], now))
    nights = [_timed(partial(_night, made, on, now))[0] for on in NIGHTS[1:]]
    loaded = load_school(school, as_of)
    floor = partial(contestants.floor, school, YEARS, as_of)
    least = _timed(floor, REPEATS)[0]
    alone, figures = _timed(partial(_figures_alone, loaded, as_of), REPEATS)
    rows = contestants.make_mark_rows(loaded.days, _this_year(loaded))
    loop, counted = _timed(partial(contestants.orm_loop, result.pupils, loaded.days, as_of))
    _agree("The ORM loop", counted, figures)
    result.comparison = [
        Line("floor: raw read, a look-up and a sum, figures copied", least, _counted(floor)),
        Line("Handrail, the figures alone: read and computed", alone, _counted(partial(_figures_alone, loaded, as_of))),
        Line("Handrail, the night: figures, ladder, national rules, all written", statistics.median(nights), opening),
        *_pandas(result, loaded, as_of, figures),
        Line(
            "ORM loop: a count a figure and pupil", loop, result.pupils * len(contestants.COUNTED), note=f"{rows:,} rows a mark"
        ),
    ]
    for line in result.comparison:
        line.ratio = line.milliseconds / least


def _figures_alone(loaded: LoadedSchool, as_of: dt.date) -> list[dict[str, int]] | Any:
    """The figures that come from marks, for every pupil, from the database on."""
    enrolled, marks = school_matrix(loaded.school, YEARS, on=as_of, days=loaded.days)
    return compute(loaded.days, marks, as_of=as_of, ends=[pupil.ends for pupil in enrolled])


def _this_year(loaded: LoadedSchool) -> Any:
    """The register without the marks of the year before."""
    marks = loaded.register.marks.copy()
    before = sum(academic_year_of(date) < YEARS[-1] for date in loaded.days.dates)
    marks[:, : 2 * before] = ord(NO_MARK)
    return marks


def _agree(who: str, counted: list[dict[str, int]], figures: Any) -> None:
    for name in contestants.COUNTED:
        if [figure[name] for figure in counted] != figures[name].tolist():
            raise BenchFault(f"{who} and Handrail count {name} differently: one of the two is wrong.")


def _pandas(result: Result, loaded: LoadedSchool, as_of: dt.date, figures: Any) -> list[Line]:
    """pandas is not needed to run Handrail: where it is missing the table says so instead."""
    if importlib.util.find_spec("pandas") is None:
        result.missing.append("pandas is not installed, so its line is missing: bin/setup --dev installs it.")
        return []
    from_rows = partial(contestants.pandas_from_rows, importlib.import_module("pandas"), result.pupils, loaded.days, as_of)
    spent, counted = _timed(from_rows)
    _agree("pandas", counted, figures)
    return [Line("pandas from a row a mark", spent, 1)]


def _weigh_history(on_disk: Storage, result: Result, now: dt.datetime) -> None:
    """What history adds to the register's size; last of all, since it changes marks."""
    amend_some(on_disk.made, now)
    register = result.bytes_a_mark["register after a day on which every row changed"]
    result.bytes_a_mark[f"the same with history, {AMENDED:.0%} of marks amended"] = register + on_disk.history()
    result.bytes_a_mark["a row a mark"] = bytes_a_row(contestants.Mark, contestants.Mark.objects.count())


def _imports(made: MadeSchool, files: list[bytes], spent: list[float], now: dt.datetime) -> list[Line]:
    """A day's register as a long CSV, previewed and read in (the median of three days, the first of them ``spent``); the last again."""
    spent = spent + [_timed(partial(_preview_and_read_in, made, data, now))[0] for data in files[1:]]
    return [
        Line("a day's register previewed and read in", statistics.median(spent), note=f"{2 * len(made.pupils):,} rows"),
        Line("the same file read in again, unchanged", _timed(partial(_again, made, files[-1], now), REPEATS)[0]),
    ]


def _day_file(made: MadeSchool, date: dt.date) -> bytes:
    rows = [f"{pupil.upn},{date},{session},/" for pupil in made.pupils for session in ("AM", "PM")]
    return "\n".join(["upn,date,session,code", *rows]).encode()


def _preview_and_read_in(made: MadeSchool, data: bytes, now: dt.datetime) -> None:
    preview_import(school=made.school, data=data)
    import_register(school=made.school, data=data, file_name="day.csv", by=None, now=now)


def _again(made: MadeSchool, data: bytes, now: dt.datetime) -> None:
    batch, _ = import_register(school=made.school, data=data, file_name="day.csv", by=None, now=now)
    if batch.new or batch.changed:
        raise BenchFault("The same file read in again changed the register.")


def _backtest(loaded: LoadedSchool) -> Line:
    """A year of the ladder and the national rules, every stage acted on the same day, written out as JSON."""
    days = loaded.days
    start, end = (date for date in (days.dates[int((days.year == days.year[-1]).argmax())], days.dates[-1]))
    register = Register(days, loaded.register.marks, loaded.register.on_roll_from, loaded.register.on_roll_to)
    upns = [str(pupil.pupil_id) for pupil in loaded.enrolled]

    def run() -> int:
        return len([json.dumps(as_json(one, upns)) for one in backtest(loaded.ruleset, register, start, end, "same-day")])

    spent, proposals = _timed(run)
    evaluated = days.first_after(end) - days.first_on_or_after(start)
    return Line("back-test of a year", spent, 0, note=f"{evaluated} days, {proposals:,} proposals")
