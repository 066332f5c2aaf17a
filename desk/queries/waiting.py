"""Waiting for others: drafted letters by who decides them, and how old the oldest is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from desk.queries.todo import Draft, Owner, Reader

LETTERS_AIM = 3
"""School days within which a draft should be decided; older ones stand in red."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Letters with one approver at one school. ``oldest`` in school days."""

    school: str
    owner: Owner
    letters: int
    oldest: int

    @property
    def is_late(self) -> bool:
        return self.oldest > LETTERS_AIM


def waiting_for_others(reader: Reader, drafts: Collection[Draft]) -> list[Waiting]:
    """Drafted letters by who approves them, the oldest first."""
    found: dict[tuple[int, Owner], list[int]] = defaultdict(list)
    for draft in drafts:
        owner = reader.owner(draft.school, draft.approves, reader.lines.get((draft.pupil, draft.school)))
        found[(draft.school, owner)].append(reader.places[draft.school].age(draft.drafted_on))
    rows = [Waiting(reader.places[school].school.name, owner, len(ages), max(ages)) for (school, owner), ages in found.items()]
    return sorted(rows, key=lambda row: (-row.oldest, row.owner.name))
