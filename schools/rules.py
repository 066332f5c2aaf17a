"""How a rule says no: with a sentence that the person can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Refused(ValueError):
    """A change that a rule does not allow; ``str()`` is the sentence for the person who asked."""


class Refusal(NamedTuple):
    """A numbered sentence about a row of a file; in a table the headings are row 1."""

    row: int
    reason: str


class FileRefused(Refused):
    """The whole file is refused and nothing of it is read in; ``refusals`` holds the rows' own reasons, where it came that far."""

    def __init__(self, sentence: str, refusals: Sequence[Refusal] = ()) -> None:
        super().__init__(sentence)
        self.refusals = tuple(refusals)
