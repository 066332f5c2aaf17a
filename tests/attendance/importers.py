"""Imports in processes of their own, to be killed: `python -m tests.attendance.importers` reads a file in for each line "path urn".

It forks before it has touched the database, so that an import begins within milliseconds. Prints the process id when it begins, and
"done" when it has ended; when its input ends, it goes, and the kernel ends what it started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

import django

django.setup()

from attendance.services import import_register  # noqa: E402
from schools.models import School  # noqa: E402
from tests.cast import NOW  # noqa: E402

DIE_WITH_PARENT = 1


def serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        path, urn = line.split()
        pid = os.fork()
        if pid == 0:
            ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
            print(os.getpid(), flush=True)
            import_register(
                school=School.objects.get(urn=urn), data=Path(path).read_bytes(), file_name="day.csv", by=None, now=NOW
            )
            print("done", flush=True)
            os._exit(0)


if __name__ == "__main__":
    serve()
