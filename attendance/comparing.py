"""Marks to be entered beside those that are stored: arrays, a row an enrolment and year. Reads, never writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from attendance.codes import CODES, NO_MARK
from attendance.grid import EMPTY_ROW, as_grid, session_of
from attendance.models import RegisterRow
from schools.models import School

_NOTHING = ord(NO_MARK)
_CODE_OF = {NO_MARK: "", **{code.character: code.code for code in CODES.values()}}


def code_of(character: str) -> str:
    """The national code of a mark's character; empty for no mark."""
    return _CODE_OF[character]


@dataclass(frozen=True)
class Comparison:
    """Marks to be entered beside those that are stored, a row an enrolment and year.

    ``stored`` and ``wanted``: uint8[rows, slots]; where ``wanted`` has no mark nothing is to be done. ``row_ids`` has 0 where there is no
    register row yet.
    """

    keys: Sequence[tuple[int, int]]
    row_ids: np.ndarray
    stored: np.ndarray
    wanted: np.ndarray

    @cached_property
    def new(self) -> np.ndarray:
        """bool[rows, slots]: entered for the first time."""
        return (self.wanted != _NOTHING) & (self.stored == _NOTHING)

    @cached_property
    def changed(self) -> np.ndarray:
        """bool[rows, slots]: another mark stands there."""
        return (self.wanted != _NOTHING) & (self.stored != _NOTHING) & (self.wanted != self.stored)

    @property
    def unchanged(self) -> int:
        return int((self.wanted != _NOTHING).sum() - self.new.sum() - self.changed.sum())

    @cached_property
    def changes(self) -> list[tuple[int, dt.date, str, str, str]]:
        """(position, date, session, stored code, wanted code) of every changed mark."""
        return [
            (
                position,
                *session_of(self.keys[position][1], place),
                code_of(chr(self.stored[position, place])),
                code_of(chr(self.wanted[position, place])),
            )
            for position, place in np.argwhere(self.changed).tolist()
        ]


def compare(school: School, keys: Sequence[tuple[int, int]], wanted: np.ndarray) -> Comparison:
    """What is stored for each (enrolment id, year) beside what is wanted. One statement."""
    rows = RegisterRow.objects.filter(school=school, year__in={year for _, year in keys})
    found = {
        (enrolment, year): (pk, marks) for pk, enrolment, year, marks in rows.values_list("pk", "enrolment", "year", "marks")
    }
    stored = [found.get(key, (0, EMPTY_ROW)) for key in keys]
    return Comparison(
        keys=keys,
        row_ids=np.array([pk for pk, _ in stored], dtype=np.int64),
        stored=as_grid([marks for _, marks in stored]),
        wanted=wanted,
    )
