"""What is kept under version control is our own work, small, and says nothing about the machine it was written on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
LARGEST = 1_500_000
"""Bytes. What is larger is made or fetched, not kept."""


def tracked() -> list[Path]:
    """Every tracked file that is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_large_file() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > LARGEST] == []


def test_no_file_of_somebody_elses() -> None:
    vendored = re.compile(r"(^|/)(node_modules|vendor)/|\.min\.(js|css)$|\.(woff2?|ttf|otf|whl)$")
    assert [str(path) for path in tracked() if vendored.search(str(path.relative_to(ROOT)))] == []


def test_nothing_that_a_run_makes() -> None:
    made = re.compile(r"(^|/)(var|__pycache__|\.venv)/|\.(sqlite3|pyc|log)$")
    assert [str(path) for path in tracked() if made.search(str(path.relative_to(ROOT)))] == []


def test_no_path_of_this_machine() -> None:
    here = str(ROOT)
    texts = [path for path in tracked() if path.suffix not in {".png", ".jpg", ".pdf", ".xlsx"}]
    assert here == "/" or [path.name for path in texts if here in path.read_text(errors="replace")] == []
