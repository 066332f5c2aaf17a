"""An import that is killed at any point leaves all of its file or nothing of it: real processes, SIGKILL, either database."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from attendance.grid import slot
from tests import factories as make
from tests.bars import Bar
from tests.cast import TODAY, Cast, assemble
from tests.services import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_too]
PUPILS = 150
CODES = "NOUIM"
PLACES = [(day, half) for day in (18, 19, 20) for half in ("AM", "PM")]
PATIENCE = 60
Ask = Callable[[str], list[tuple[Any, ...]]]


class Importers:
    """A process that forks imports; ``begin`` returns the number of one that has begun."""

    def __init__(self, url: str) -> None:
        environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "on", "LOG_LEVEL": "CRITICAL", "HANDRAIL_TODAY": ""}
        environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.attendance.importers"],
            cwd=settings.BASE_DIR, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.put(line.strip())

    def begin(self, path: Path, urn: str) -> int:
        assert self.process.stdin
        self.process.stdin.write(f"{path} {urn}\n")
        self.process.stdin.flush()
        return int(self.said.get(timeout=PATIENCE))

    def wait(self) -> None:
        assert self.said.get(timeout=PATIENCE) == "done"

    def was_done(self) -> bool:
        """Whether the last import had ended before it was killed."""
        try:
            return self.said.get(timeout=0.05) == "done"
        except queue.Empty:
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def school_of_many() -> Cast:
    cast = assemble()
    for _ in range(PUPILS):
        make.on_roll(cast.here)
    return cast


def file_of(cast: Cast, code: str, tmp_path: Path) -> Path:
    """Every pupil has the code in every session, late by as many minutes as the code's place says."""
    ask = [
        (row,)
        for row in make.models.Pupil.objects.filter(enrolments__school=cast.here, enrolments__ends=None).values_list(
            "upn", flat=True
        )
    ]
    minutes = CODES.index(code) + 1
    lines = [f"{upn},2025-11-{day},{half},{code},{minutes}" for (upn,) in ask for day, half in PLACES]
    path = tmp_path / f"{code}.csv"
    path.write_text("\n".join(["upn,date,session,code,minutes_late", *lines]) + "\n")
    return path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[Callable[[], str], Callable[[], Ask]]]:
    """(address for another process, a function that asks the database in SQL), both to be called when the school stands."""
    copy = tmp_path / "register.sqlite3"
    opened: list[sqlite3.Connection] = []

    def address() -> str:
        if connection.vendor == "postgresql":
            return database_url()
        with sqlite3.connect(copy) as target:
            connection.connection.backup(target)
        return f"sqlite:///{copy}"

    def asker() -> Ask:
        if connection.vendor == "postgresql":
            return _ask_django
        opened.append(sqlite3.connect(copy, timeout=PATIENCE))
        return lambda sql: opened[0].execute(sql).fetchall()

    yield address, asker
    for each in opened:
        each.close()


def _ask_django(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def whole(ask: Ask, school: int) -> str:
    """The code that every session has ("." before the first import); fails where the register, its history, details, audit trail or
    figures hold a part of a file."""
    rows = ask(f"SELECT marks FROM attendance_registerrow WHERE school_id = {school}")
    places = [slot(TODAY.replace(day=day), half) for day, half in PLACES]
    codes = {marks[place] for (marks,) in rows for place in places}
    codes.discard(".") if len(codes) > 1 else None
    assert len(codes) == 1, f"half an import: {codes}"
    (code,) = codes
    batches = ask(f"SELECT new, changed, unchanged FROM attendance_importbatch WHERE school_id = {school} ORDER BY id")
    pupils = len([1 for (marks,) in rows if marks[places[-1]] != "."])
    assert all(sum(counts) == pupils * len(PLACES) for counts in batches)
    (changes,) = ask(f"SELECT count(*) FROM attendance_markchange WHERE school_id = {school}")[0]
    (audited,) = ask("SELECT count(*) FROM schools_auditentry WHERE action = 'marks read in'")[0]
    assert (changes, audited) == (sum(changed for _, changed, _ in batches), len(batches))
    minutes = {late for (late,) in ask("SELECT minutes_late FROM attendance_markdetail")}
    assert minutes == ({CODES.index(code) + 1} if code != "." else set())
    figures = {count for (count,) in ask(f"SELECT count(*) FROM attendance_figures WHERE school_id = {school}")}
    assert bool(batches) == (code != ".") and (figures == {0}) == (code == ".")
    return code


def kill(cast: Cast, tmp_path: Path, url: str, ask: Ask, times: int, seed: int) -> tuple[int, int]:
    """Reads files in, each with another code, and kills each import at a random moment; returns (left nothing, left all)."""
    chance = random.Random(seed)
    files = {code: file_of(cast, code, tmp_path) for code in CODES}
    importers = Importers(url)
    nothing = everything = 0
    try:
        for code in "ON":
            began = time.monotonic()
            importers.begin(files[code], cast.here.urn)
            importers.wait()
            seconds = time.monotonic() - began
        before = whole(ask, cast.here.pk)
        for number in range(times):
            code = CODES[(CODES.index(before) + 1) % len(CODES)]
            pid = importers.begin(files[code], cast.here.urn)
            time.sleep(chance.uniform(0, 1.1 if number % 4 else 0.5) * seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            done = importers.was_done()
            after = whole(ask, cast.here.pk)
            assert after in (before, code) and (after == code or not done)
            nothing, everything = nothing + (after == before), everything + (after == code)
            before = after
        importers.begin(files["M" if before != "M" else "I"], cast.here.urn)
        importers.wait()
        assert whole(ask, cast.here.pk) == ("M" if before != "M" else "I"), "what was killed is in nobody's way"
    finally:
        importers.end()
    return nothing, everything


def test_an_import_killed_at_a_random_point_leaves_all_or_nothing(database, tmp_path: Path) -> None:
    cast = school_of_many()
    address, asker = database
    nothing, everything = kill(cast, tmp_path, address(), asker(), 4, seed=11)
    assert nothing + everything == 4 and nothing


@pytest.mark.slow
def test_twenty_imports_killed(database, tmp_path: Path, bar: Bar) -> None:
    cast = school_of_many()
    address, asker = database
    nothing, everything = kill(cast, tmp_path, address(), asker(), 20, seed=23)
    assert nothing >= 5
    bar(10, f"20 imports killed on {connection.vendor}: {nothing} left nothing, {everything} all, 0 a part")
