"""What a pack is made of: parts with numbered exhibits, the rows of the record that each rests on, and the checklist of its cover."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Model


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the record that a part was built from: its name ("letter 12") and the SHA-256 of its values."""

    name: str
    sha256: str


def row_of(instance: Model, **instead: Any) -> Row:
    """The row with all its columns; ``instead`` takes the place of a column that grows with the days (a register row's marks)."""
    values = {item.attname: getattr(instance, item.attname) for item in instance._meta.concrete_fields} | instead
    return Row(f"{instance._meta.model_name} {instance.pk}", digest(values))


def rows_of(instances: Iterable[Model]) -> list[Row]:
    return [row_of(instance) for instance in instances]


def digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of the values, in the order of their names; moments in UTC, so that either database gives the same."""
    return hashlib.sha256(json.dumps(values, default=_plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime) and value.tzinfo:
        return value.astimezone(dt.UTC).isoformat()
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else str(value)


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` under ``headings``; the first cell of a row names it."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def words(self) -> str:
        return "\n".join([self.caption, *self.headings, *(cell for row in self.rows for cell in row)])

    def mapped(self, change: Any) -> Table:
        return replace(self, rows=[[change(cell) for cell in row] for row in self.rows])


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs as they were written."""

    paragraphs: Sequence[str]

    def words(self) -> str:
        return "\n".join(self.paragraphs)

    def mapped(self, change: Any) -> Text:
        return replace(self, paragraphs=[change(each) for each in self.paragraphs])


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that another room makes as HTML of its own, such as the attendance record."""

    html: str

    def words(self) -> str:
        return self.html

    def mapped(self, change: Any) -> Sheet:
        return self


Block = Table | Text | Sheet


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes inside the pack as it is; ``sha256`` is its own, as the record has it."""

    name: str
    content: bytes
    description: str
    made_at: dt.datetime

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Exhibit:
    """``number`` is set when the pack is put together."""

    title: str
    blocks: Sequence[Block]
    file: File | None = None
    number: int = 0

    @property
    def heading(self) -> str:
        return f"Exhibit {self.number}: {self.title}"

    @property
    def anchor(self) -> str:
        return f"exhibit-{self.number}"

    @property
    def sha256(self) -> str:
        """Of everything that the exhibit says."""
        return hashlib.sha256("\n\f".join([self.title, *(block.words() for block in self.blocks)]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the checklist: ``is_there``, and what is there or why it is missing."""

    what: str
    is_there: bool
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """``left_out``: a sentence about what this pack may not show. ``missing``: why there is no exhibit."""

    key: str
    title: str
    exhibits: Sequence[Exhibit] = ()
    rows: Sequence[Row] = ()
    checks: Sequence[Check] = ()
    left_out: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Pack:
    """A whole pack, ready to be set."""

    about: str
    parts: Sequence[Part]
    files: Sequence[File] = field(default_factory=list)

    @property
    def exhibits(self) -> list[Exhibit]:
        return [exhibit for part in self.parts for exhibit in part.exhibits]

    @property
    def checks(self) -> list[Check]:
        return [check for part in self.parts for check in part.checks]


def numbered(parts: Iterable[Part]) -> list[Part]:
    """The parts with their exhibits numbered through."""
    number, found = 0, []
    for part in parts:
        exhibits = []
        for exhibit in part.exhibits:
            number += 1
            exhibits.append(replace(exhibit, number=number))
        found.append(replace(part, exhibits=tuple(exhibits)))
    return found


def day(date: dt.date | None) -> str:
    """9 December 2025; an empty string for no day."""
    return f"{date.day} {date:%B} {date.year}" if date else ""


def counted(number: int, noun: str) -> str:
    """ "1 letter", "3 letters"; ``noun`` takes an s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
