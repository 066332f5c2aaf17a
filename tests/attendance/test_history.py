"""Packed first entries come back as they were; rows rebuilt from history are what was entered."""

from __future__ import annotations

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attendance.codes import BY_CHARACTER
from attendance.grid import SLOTS, slot
from attendance.history import Change, FirstEntries, differences, pack, rebuild, unpack

entries = st.lists(
    st.tuples(st.integers(1, 2**62), st.integers(0, SLOTS - 1), st.sampled_from([ord(mark) for mark in BY_CHARACTER])),
    max_size=40,
)
DAY = dt.date(2025, 11, 20)


def made(rows: list[tuple[int, int, int]]) -> FirstEntries:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return FirstEntries(
        np.array(columns[0], dtype=np.int64), np.array(columns[1], dtype=np.int64), np.array(columns[2], dtype=np.uint8)
    )


@given(entries)
def test_what_is_packed_comes_back(rows: list[tuple[int, int, int]]) -> None:
    back = unpack(pack(made(rows)))
    assert list(zip(*(column.tolist() for column in back), strict=True)) == rows


def test_nothing_is_packed_small() -> None:
    assert unpack(b"").row_ids.tolist() == []


def test_a_day_of_1500_pupils_takes_less_than_a_byte_a_mark() -> None:
    marks = np.random.default_rng(1).choice([ord("/"), ord("I"), ord("N")], p=[0.93, 0.05, 0.02], size=3000).astype(np.uint8)
    packed = pack(FirstEntries(np.repeat(np.arange(1500), 2), np.tile([160, 161], 1500), marks))
    assert len(packed) < 3000


def test_changes_follow_first_entries() -> None:
    first = made([(7, slot(DAY, "AM"), ord("N"))])
    changes = [Change(7, DAY, "AM", "N", "I"), Change(7, DAY, "PM", "", "L"), Change(7, DAY, "AM", "I", "M")]
    grid, faults = rebuild([7], [first], changes)
    assert faults == []
    assert chr(grid[0, slot(DAY, "AM")]) == "M"
    assert chr(grid[0, slot(DAY, "PM")]) == "L"


def test_a_change_that_does_not_follow_is_told() -> None:
    _, faults = rebuild([7], [], [Change(7, DAY, "AM", "N", "I")])
    assert faults == ["Register row 7, 20 November 2025 AM: a change from N to I does not follow from what was there before."]


def test_two_first_entries_of_one_session_are_told() -> None:
    entry = made([(7, 3, ord("N"))])
    assert rebuild([7], [entry, entry], [])[1] == ["1 marks were entered for the first time by more than one batch."]


def test_a_row_that_differs_is_named() -> None:
    rebuilt, _ = rebuild([7], [made([(7, slot(DAY, "AM"), ord("/"))])], [])
    stored = rebuilt.copy()
    stored[0, slot(DAY, "AM")] = ord("O")
    (fault,) = differences([7], [2025], stored, rebuilt)
    assert fault.sentence == "Register row 7, 20 November 2025 AM is stored as O, but its history says /."
