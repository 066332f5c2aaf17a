"""Redis and real Celery workers for tests that need them, as fixtures.

bin/with-services (and so bin/test) brings the servers up and names them in DATABASE_URL and REDIS_URL. A test that needs one and does not
find it fails; it is never skipped. Each of xdist's processes has a Redis database of its own, so that no test hears another one's bell.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.conf import settings
from django.db import connection

from config.celery import app

SECONDS_TO_START = 30
SECONDS_TO_STOP = 25
"""Longer than the workers' soft shutdown, after which they let go of what they were doing."""


def pytest_configure() -> None:
    """Give this process its own Redis database (of the 16): the number in its xdist name, plus one."""
    if settings.REDIS_URL:
        number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
        url = f"{settings.REDIS_URL.rsplit('/', 1)[0]}/{number}"
        settings.REDIS_URL = settings.CELERY_BROKER_URL = app.conf.broker_url = url


class CeleryWorker:
    """A worker (or the beat) in a process of its own, on the test's database and Redis."""

    def __init__(self, command: list[str], ready_when: str, log: Path, environment: dict[str, str]) -> None:
        self.log_file = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", *command],
                cwd=settings.BASE_DIR,
                env={**os.environ, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_for(ready_when)

    def _wait_for(self, words: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while words not in self.log:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"celery did not say {words!r} within {SECONDS_TO_START} s:\n{self.log}")
            time.sleep(0.1)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def stop(self) -> None:
        """A warm shutdown, as an operator would; one that has not ended in time is killed, with a warning."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.kill()
            warnings.warn(f"celery did not stop within {SECONDS_TO_STOP} s and was killed", stacklevel=2)

    def kill(self) -> None:
        """SIGKILL to the worker and its children, as when a machine loses power."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def database_url() -> str:
    """The address of the very database this test uses, for another process."""
    row = connection.settings_dict
    if connection.vendor != "postgresql":
        pytest.fail("A worker in a process of its own needs PostgreSQL: run this test through bin/test or bin/with-services.")
    return f"postgres://{quote(row['USER'])}:{quote(row['PASSWORD'])}@{row['HOST']}:{row['PORT']}/{row['NAME']}"


@pytest.fixture
def redis_server() -> redis.Redis:
    """This process's Redis database, empty."""
    if not settings.REDIS_URL:
        pytest.fail("Redis is missing: run this test through bin/test or bin/with-services.")
    client = redis.from_url(settings.REDIS_URL)
    client.flushdb()
    return client


@pytest.fixture
def start_celery(redis_server: redis.Redis, transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., CeleryWorker]]:
    """A function that starts workers: `start_celery()`, `start_celery(concurrency=2, HANDRAIL_TODAY="2026-06-15")`, or
    `start_celery(beat=True)`. Keywords in capitals go into the worker's environment. All are stopped when the test ends."""
    started: list[CeleryWorker] = []

    def start(*, beat: bool = False, concurrency: int = 1, **environment: Any) -> CeleryWorker:
        name = f"{'beat' if beat else 'worker'}{len(started)}"
        command = ["worker", "--loglevel=info", f"--concurrency={concurrency}", f"--hostname={name}@%h", "--without-gossip"]
        if beat:
            command = ["beat", "--loglevel=info", f"--schedule={tmp_path / name}", "--pidfile="]
        where = {"DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL}
        words = "beat: Starting" if beat else " ready."
        worker = CeleryWorker(command, words, tmp_path / f"{name}.log", {**where, **environment})
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def celery_worker_process(start_celery: Callable[..., CeleryWorker]) -> CeleryWorker:
    """One real worker, ready."""
    return start_celery()
