"""Senders in processes of their own, to be killed: `python -m tests.messaging.senders` starts one for each line that it reads.

It forks before it has touched the database, so that a new sender works within milliseconds. Its clock is SECONDS_AHEAD of the real one,
so that it is a Thursday morning whenever the tests are run. Each prints its process id and sends what is
due until it is killed. When its input ends, it goes, and the kernel ends what it started.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import os
import signal
import sys
import time

import django
from django.utils import timezone

django.setup()

from messaging.opening import open_provider  # noqa: E402
from messaging.sending import Pace, send_due  # noqa: E402

DIE_WITH_PARENT = 1
AHEAD = dt.timedelta(seconds=float(os.environ.get("SECONDS_AHEAD", "0")))
PACE = Pace(lease=dt.timedelta(seconds=3), seconds=1, first_wait=dt.timedelta(seconds=0.2), longest_wait=dt.timedelta(seconds=1))


def serve(orders: object) -> None:
    """One sender a line, until there are no more lines."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in orders:  # type: ignore[attr-defined]
        pid = os.fork()
        if pid == 0:
            ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
            send_until_killed()
        print(pid, flush=True)


def clock() -> dt.datetime:
    return timezone.now() + AHEAD


def send_until_killed() -> None:
    """As a worker that the beat rings again and again."""
    while True:
        send_due(clock=clock, open_provider=open_provider, pace=PACE)
        time.sleep(0.05)


if __name__ == "__main__":
    serve(sys.stdin)
