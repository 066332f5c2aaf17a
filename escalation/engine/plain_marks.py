"""Marks out of a plain file at the speed of its bytes: no quotes, no surprises, every row the same shape.

A year of a large school is half a million rows, and splitting each into Python strings takes longer than the whole back-test. A file of
the usual shape is therefore read as one array of bytes. Whatever is unusual in it, down to one unknown code, and this room declines:
the file is then read row by row (``backtest_files``), which reports each row that cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from attendance.codes import CODES
from schools.schooldays import SchoolDays

_HEADING = b"upn,date,session,code"
_AT_ONCE = 65_536
_NEWLINE, _COMMA, _HYPHEN, _ZERO = 10, 44, 45, 48
_LONGEST_UPN = 32


def _code_table() -> np.ndarray:
    """uint8[65536]: the mark's character for the two bytes of a code (the second 0 where it has one), 0 for what is no code."""
    table = np.zeros(65_536, dtype=np.uint8)
    for code in CODES.values():
        first, second = ord(code.code[0]), ord(code.code[1]) if len(code.code) == 2 else 0
        table[256 * first + second] = ord(code.character)
    return table


_CODES = _code_table()


@dataclass(frozen=True, slots=True)
class PlainBlock:
    """Rows one after another: UPNs of the runs of rows that belong together and their lengths, day numbers, halves (0 or 1), characters."""

    upns: list[str]
    lengths: np.ndarray
    days: np.ndarray
    halves: np.ndarray
    marks: np.ndarray


def plain_blocks(data: bytes, days: SchoolDays) -> Iterator[PlainBlock] | None:
    """The rows of a marks file, block by block; None where the file is not plain enough. A later block may still be None's reason:
    then the iterator raises ``NotPlain``, and nothing of it may be used."""
    body = _body(data)
    if body is None or not len(days):
        return None
    text = np.frombuffer(body, dtype=np.uint8)
    ends = np.flatnonzero(text == _NEWLINE)
    commas = np.flatnonzero(text == _COMMA)
    if len(ends) == 0 or len(commas) != 3 * len(ends):
        return None
    return _blocks(text, ends, commas.reshape(-1, 3), days)


class NotPlain(ValueError):
    """The file has a row of another shape, an unknown code or a day outside the calendar."""


def _body(data: bytes) -> bytes | None:
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if not data.startswith(_HEADING + b"\n") or b'"' in data or not data.isascii():
        return None
    body = data[len(_HEADING) + 1 :]
    return body if body.endswith(b"\n") else body + b"\n"


def _blocks(text: np.ndarray, ends: np.ndarray, commas: np.ndarray, days: SchoolDays) -> Iterator[PlainBlock]:
    numbers = np.array([date.year * 10_000 + date.month * 100 + date.day for date in days.dates])
    begins = np.concatenate([[0], ends[:-1] + 1])
    for at in range(0, len(ends), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        yield _block(text, begins[part], ends[part], commas[part], numbers)


def _block(text: np.ndarray, begins: np.ndarray, ends: np.ndarray, commas: np.ndarray, numbers: np.ndarray) -> PlainBlock:
    first, second, third = commas.T
    width = int(first[0] - begins[0])
    _insist((first - begins == width) & (second - first == 11) & (third - second == 3))
    _insist((ends - third >= 2) & (ends - third <= 3))
    if not 1 <= width <= _LONGEST_UPN:
        raise NotPlain
    upns, lengths = _runs(text[begins[:, None] + np.arange(width)])
    return PlainBlock(upns, lengths, _days(text, first + 1, numbers), _halves(text, second + 1), _marks(text, third, ends))


def _insist(condition: np.ndarray) -> None:
    if not condition.all():
        raise NotPlain


def _runs(letters: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The UPNs of the runs of equal rows, and how long each run is."""
    _insist(letters > 32)
    changes = np.flatnonzero((letters[1:] != letters[:-1]).any(axis=1)) + 1
    starts = np.concatenate([[0], changes])
    names = [bytes(name).decode() for name in letters[starts]]
    return names, np.diff(np.append(starts, len(letters)))


def _days(text: np.ndarray, at: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Day numbers in the calendar of dates written 2025-09-03."""
    letters = text[at[:, None] + np.arange(10)]
    _insist(letters[:, [4, 7]] == _HYPHEN)
    digits = letters[:, [0, 1, 2, 3, 5, 6, 8, 9]].astype(np.int64) - _ZERO
    _insist((digits >= 0) & (digits <= 9))
    dates = digits @ 10 ** np.arange(7, -1, -1)
    days = np.minimum(np.searchsorted(numbers, dates), len(numbers) - 1)
    _insist(numbers[days] == dates)
    return days


def _halves(text: np.ndarray, at: np.ndarray) -> np.ndarray:
    morning = text[at] == ord("A")
    _insist((morning | (text[at] == ord("P"))) & (text[at + 1] == ord("M")))
    return (~morning).astype(np.int64)


def _marks(text: np.ndarray, commas: np.ndarray, ends: np.ndarray) -> np.ndarray:
    second = np.where(ends - commas == 3, text[np.minimum(commas + 2, len(text) - 1)], 0)
    marks = _CODES[256 * text[commas + 1].astype(np.int64) + second]
    _insist(marks > 0)
    return marks
