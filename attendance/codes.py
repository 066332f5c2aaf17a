"""The national attendance codes, effective-dated, from ``data/codes.csv``: plain Python, no database.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulation 10, in force from 19 August 2024; codes withdrawn
then or before are kept, since stray marks still arrive. Each code has one statistical meaning. A withdrawn code after its last day
keeps its meaning and is accepted with a warning.

In a register row every mark is one printable character: one-character codes stand for themselves, two-character codes have the
character given in ``_CHARACTERS``, and ``NO_MARK`` is a session without a mark.
"""

from __future__ import annotations

import csv
import datetime as dt
import enum
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NO_MARK = "."

_CHARACTERS = {
    "C1": "c",
    "C2": "t",
    "J1": "j",
    "Y1": "1",
    "Y2": "2",
    "Y3": "3",
    "Y4": "4",
    "Y5": "5",
    "Y6": "6",
    "Y7": "7",
}


class Meaning(enum.IntEnum):
    """Statistical meaning of a mark. ``possible`` = attending + authorised + unauthorised; ``missed`` = authorised + unauthorised."""

    NO_MARK = 0
    ATTENDING = 1
    AUTHORISED = 2
    UNAUTHORISED = 3
    NOT_POSSIBLE = 4
    NOT_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    character: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    meaning: Meaning
    counts_for_penalty_notice: bool
    sensitive: bool
    replaced_by: str
    description: str

    def warning_on(self, date: dt.date) -> str:
        """A sentence where the code was not in force on ``date``, or an empty string."""
        if self.valid_to and date > self.valid_to:
            instead = f" Use {self.replaced_by} instead." if self.replaced_by else ""
            return (
                f"Code {self.code} was withdrawn after {self.valid_to:%d %B %Y}; it is accepted and keeps its meaning.{instead}"
            )
        if self.valid_from and date < self.valid_from:
            return f"Code {self.code} began on {self.valid_from:%d %B %Y}; it is accepted with its present meaning."
        return ""


def _date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _read(path: Path) -> dict[str, Code]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: Code(
                code=row["code"],
                character=_CHARACTERS.get(row["code"], row["code"]),
                valid_from=_date(row["valid_from"]),
                valid_to=_date(row["valid_to"]),
                meaning=Meaning[row["statistical_meaning"].upper()],
                counts_for_penalty_notice=row["counts_for_penalty_notice"] == "yes",
                sensitive=row["sensitive"] == "yes",
                replaced_by=row["replaced_by"],
                description=row["meaning"],
            )
            for row in csv.DictReader(file)
        }


CODES: dict[str, Code] = _read(Path(__file__).parent / "data" / "codes.csv")
BY_CHARACTER: dict[str, Code] = {code.character: code for code in CODES.values()}
PENALTY_CODES: tuple[str, ...] = tuple(code.code for code in CODES.values() if code.counts_for_penalty_notice)
"""G, N, O and U: the codes that count towards ten sessions in ten school weeks."""

MEANINGS: np.ndarray = np.zeros(256, dtype=np.uint8)
"""uint8[256]: the ``Meaning`` of each mark's character, for look-ups over whole registers."""
for _code in CODES.values():
    MEANINGS[ord(_code.character)] = _code.meaning


ENTERED_AHEAD = ("C", "C1", "C2", "J1", "M", "R", "S", "T", "X")
"""Codes that stand in the register before the day: leave, part-time timetables, study. They say nothing about whether it was taken."""
IS_AHEAD: np.ndarray = np.zeros(256, dtype=bool)
"""bool[256]: whether a mark's character is one of ``ENTERED_AHEAD``."""
for _ahead in ENTERED_AHEAD:
    IS_AHEAD[ord(CODES[_ahead].character)] = True


def characters(codes: list[str] | tuple[str, ...]) -> np.ndarray:
    """uint8[n]: the characters of the given codes; KeyError for a code that is not in the table."""
    return np.array([ord(CODES[code].character) for code in codes], dtype=np.uint8)
