"""Which column of a file is which: guessed from its headings, or as a person said. No database.

A guess is made only where it is certain: a heading that is one of a column's known names, and no second heading that is. What is not
guessed is asked on a page, once; the school's answer is remembered by the headings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schools.rules import FileRefused
from schools.tables import same_headings


@dataclass(frozen=True, slots=True)
class Column:
    """One of ours. ``name`` comes first among ``known``, the headings that mean it (without capitals, spaces and signs)."""

    name: str
    words: str
    also: tuple[str, ...] = ()
    hint: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        return (self.name, *self.also)


def guessed(headings: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """The position of each column that the headings certainly give. FileRefused where one name stands twice."""
    plain = same_headings(headings)
    _refuse_doubles(headings, plain, columns)
    found = {}
    for column in columns:
        exact = [plain.index(column.name)] if column.name in plain else []
        places = exact or [position for position, heading in enumerate(plain) if heading in column.also]
        if len(places) == 1:
            found[column.name] = places[0]
    return found


def _refuse_doubles(headings: Sequence[str], plain: Sequence[str], columns: Sequence[Column]) -> None:
    known = {name for column in columns for name in column.known}
    for heading, name in zip(headings, plain, strict=True):
        if name in known and plain.count(name) > 1:
            raise FileRefused(f"The header names column “{heading.lower()[:40]}” twice: leave one of them out.")


def placed(headings: Sequence[str], said: Mapping[str, str]) -> dict[str, int]:
    """The position of each column as somebody said it: our name to their heading. A heading that is not there is left out."""
    plain = same_headings(headings)
    wanted = {name: same_headings([heading])[0] for name, heading in said.items()}
    return {name: plain.index(heading) for name, heading in wanted.items() if heading and heading in plain}


def fingerprint(headings: Sequence[str]) -> str:
    """By which the same headings are known again: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(same_headings(headings)).encode()).hexdigest()
