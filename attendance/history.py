"""First entries, packed, and the rebuilding of register rows from them and from the changes: NumPy, no database.

A mark is entered once for the first time, by an import batch or by hand, and is never taken away; every change after that is a row of
its own. So a register row can be rebuilt from history alone, and ``verify_register`` compares the two.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from attendance.codes import BY_CHARACTER, CODES, NO_MARK
from attendance.grid import SLOTS, session_of, slot

_COLUMNS = (("row_ids", "<i8"), ("slots", "<i2"), ("characters", "u1"))


class FirstEntries(NamedTuple):
    """Three arrays of one length: register row ids, slots, mark characters."""

    row_ids: np.ndarray
    slots: np.ndarray
    characters: np.ndarray


class Change(NamedTuple):
    """A change as history needs it. ``original`` and ``amended`` are codes, empty for no mark."""

    row_id: int
    date: dt.date
    session: str
    original: str
    amended: str


class Fault(NamedTuple):
    """A session of a register row that history does not explain. ``stored`` and ``rebuilt`` are mark characters."""

    row_id: int
    date: dt.date
    session: str
    stored: str
    rebuilt: str

    @property
    def sentence(self) -> str:
        return (
            f"{_where(self.row_id, self.date, self.session)} is stored as {_name(self.stored)}, "
            f"but its history says {_name(self.rebuilt)}."
        )


def pack(entries: FirstEntries) -> bytes:
    """Each column as differences from entry to entry, compressed: in order of row and slot, about half a byte a mark."""
    columns = [
        np.diff(column.astype(kind), prepend=column.dtype.type(0)) for column, (_, kind) in zip(entries, _COLUMNS, strict=True)
    ]
    return zlib.compress(b"".join(column.astype(kind).tobytes() for column, (_, kind) in zip(columns, _COLUMNS, strict=True)), 6)


def unpack(packed: bytes) -> FirstEntries:
    """The reverse of ``pack``; no bytes are no entries."""
    raw = zlib.decompress(packed) if packed else b""
    sizes = [np.dtype(kind).itemsize for _, kind in _COLUMNS]
    count, at, columns = len(raw) // sum(sizes), 0, []
    for (_, kind), size in zip(_COLUMNS, sizes, strict=True):
        columns.append(np.cumsum(np.frombuffer(raw, dtype=kind, count=count, offset=at), dtype=kind))
        at += count * size
    return FirstEntries(*columns)


def rebuild(row_ids: Sequence[int], first: Iterable[FirstEntries], changes: Iterable[Change]) -> tuple[np.ndarray, list[str]]:
    """(uint8[rows, slots] as history has them, sentences about history that contradicts itself).

    ``row_ids`` in ascending order; ``changes`` in the order in which they were made.
    """
    ids = np.asarray(row_ids, dtype=np.int64)
    grid = np.full((len(ids), SLOTS), ord(NO_MARK), dtype=np.uint8)
    faults: list[str] = []
    for entries in first:
        known = np.isin(entries.row_ids, ids)
        places = np.searchsorted(ids, entries.row_ids[known])
        twice = int((grid[places, entries.slots[known]] != ord(NO_MARK)).sum())
        if twice:
            faults.append(f"{twice} marks were entered for the first time by more than one batch.")
        grid[places, entries.slots[known]] = entries.characters[known]
    for change in changes:
        at = int(np.searchsorted(ids, change.row_id)), slot(change.date, change.session)
        if chr(grid[at]) != _character(change.original):
            faults.append(
                f"{_where(change.row_id, change.date, change.session)}: a change from {change.original or 'no mark'} "
                f"to {change.amended} does not follow from what was there before."
            )
        grid[at] = ord(_character(change.amended))
    return grid, faults


def differences(row_ids: Sequence[int], years: Sequence[int], stored: np.ndarray, rebuilt: np.ndarray) -> list[Fault]:
    """The sessions in which the stored rows are not what history says."""
    return [
        Fault(row_ids[row], *session_of(years[row], int(place)), chr(stored[row, place]), chr(rebuilt[row, place]))
        for row, place in np.argwhere(stored != rebuilt)
    ]


def _character(code: str) -> str:
    return CODES[code].character if code else NO_MARK


def _name(character: str) -> str:
    code = BY_CHARACTER.get(character)
    return code.code if code else "no mark" if character == NO_MARK else f"the unknown character {character!r}"


def _where(row_id: int, date: dt.date, session: str) -> str:
    return f"Register row {row_id}, {date:%d %B %Y} {session}"
