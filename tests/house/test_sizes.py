"""The code stays in small pieces: what is admired elsewhere differs from the rest in its longest function, not in its average."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
ROOMS = ["config", "schools", "messaging", "attendance", "escalation", "letters", "evidence", "desk", "demo"]
MEDIAN_FUNCTION = 9
"""Lines, with signature and docstring."""
LONGEST_FUNCTION = 60
LONGEST_FILE = 700
WRITTEN_OUT = {"letters/examples.py:example_facts"}
"""One long literal each, without a branch: they would not be easier to read in pieces."""


def files() -> list[Path]:
    return [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]


def functions() -> dict[str, int]:
    """`file:function` to its number of lines."""
    sizes = {}
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                sizes[f"{path.relative_to(ROOT)}:{node.name}"] = node.end_lineno - node.lineno + 1
    return sizes


def test_functions_are_short_on_the_whole() -> None:
    assert median(functions().values()) <= MEDIAN_FUNCTION


def test_no_function_is_long() -> None:
    assert {name: lines for name, lines in functions().items() if lines > LONGEST_FUNCTION and name not in WRITTEN_OUT} == {}


def test_no_file_is_long() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}
