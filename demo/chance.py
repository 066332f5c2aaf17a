"""Chance that comes out the same each time: a fixed number for a key, so that a second making of the demo is the same."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value")


def number(below: int, *key: object) -> int:
    """A fixed number from 0 up to ``below`` for a key."""
    return zlib.crc32(" ".join(map(str, key)).encode()) % below


def one_of(values: Sequence[Value], *key: object) -> Value:
    """One of the values, always the same for a key."""
    return values[number(len(values), *key)]
