"""The few answers from which a new ladder is made: shape, number of stages, where each begins, who acts, and whose letters are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.text import slugify

from desk.rule_forms import ROLES, Choices, letter_choices, number_or_name
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.shapes import (
    ACTIONS,
    FIRST_STEPS,
    MOST_STAGES,
    SHAPES,
    USUAL_PERCENT,
    USUAL_SESSIONS,
    Answers,
    StageAnswer,
    order_faults,
    own_key,
)
from schools.models import School

USUAL = (("conversation", "tutor", ""), ("letter", "officer", "head_of_year"), ("letter", "officer", "head_of_year"),
         ("meeting", "attendance_lead", ""), ("plan", "attendance_lead", "head"), ("referral", "head", "head"))  # fmt: skip
"""What the stages usually are: action, who acts, who agrees; a starting point, shown and changed in the form."""
USUAL_NAMES = {"conversation": "First conversation", "call": "Call home", "letter": "Letter", "meeting": "Meeting", "plan": "Support plan",
               "contract": "Attendance contract", "referral": "Referral to the local authority"}  # fmt: skip


@dataclass
class WizardForm:
    """``given``: what the address or the form says; ``faults``: field name to sentence, after ``is_valid``."""

    given: Mapping[str, str]
    school: School
    faults: dict[str, str] = field(default_factory=dict)

    actions: Choices = tuple((key, key.capitalize()) for key in ACTIONS)
    roles: Choices = tuple(ROLES)
    shapes: Choices = SHAPES

    def _of(self, name: str, usual: str = "") -> str:
        return str(self.given.get(name, usual)).strip()

    @property
    def begun(self) -> bool:
        """Whether the first questions are answered."""
        return "shape" in self.given

    @property
    def name(self) -> str:
        return self._of("name", f"The ladder of {self.school.name}"[:120] if not self.begun else "")

    @property
    def shape(self) -> str:
        return self._of("shape", "counts")

    @property
    def count(self) -> int:
        wanted = self._of("count", "4")
        number = int(wanted) if wanted.isdigit() and len(wanted) < 4 else 0
        return 0 if self.shape == "blank" else max(1, min(number, MOST_STAGES))

    @property
    def counts(self) -> list[int]:
        return list(range(1, MOST_STAGES + 1))

    @property
    def weekly(self) -> bool:
        return self._of("cadence") == "weekly"

    @property
    def letters_of(self) -> str:
        return self._of("letters_of", SHIPPED[0])

    @property
    def letter_sets(self) -> Choices:
        return [(key, f"{load_ruleset(key).policy.school} ({key})") for key in SHIPPED]

    @property
    def letters(self) -> Choices:
        return [(key, words) for key, words in letter_choices(self.letters_of) if "letter" in words or "message" in words]

    @property
    def by_count(self) -> bool:
        return self.shape in ("counts", "both")

    @property
    def by_percent(self) -> bool:
        return self.shape in ("percentages", "both")

    @property
    def rows(self) -> list[dict[str, object]]:
        """The stages as the form shows them: what was given, otherwise what is usual."""
        own = [key for key, words in self.letters if "national" not in words]
        rows, letters = [], 0
        for number in range(self.count):
            action, acts, approves = USUAL[min(number * len(USUAL) // max(self.count, 1), len(USUAL) - 1) if number else 0]
            letter = own[min(letters, len(own) - 1)] if action not in FIRST_STEPS and own else ""
            letters += bool(letter)
            usual = {"name": USUAL_NAMES[action], "sessions": str(USUAL_SESSIONS[number]), "percent": str(USUAL_PERCENT[number]),
                     "action": action, "acts": acts, "approves": approves, "letter": letter}  # fmt: skip
            key = f"stage_{number}"
            rows.append({"number": number + 1, "key": key, "fault": self.faults.get(key, "")}
                        | {name: self._of(f"{key}_{name}", each) for name, each in usual.items()})  # fmt: skip
        return rows

    def is_valid(self) -> bool:
        """Fills ``faults``; a ladder can be made where there are none."""
        self.faults = {}
        if not self.name or len(self.name) > 120:
            self.faults["name"] = "Give the ladder a name of up to 120 characters."
        if self.shape not in dict(SHAPES):
            self.faults["shape"] = "Choose a shape: counts, percentages, both, or blank."
        if self.letters_of not in SHIPPED:
            self.faults["letters_of"] = "Choose whose letters are used."
        if self.faults:
            return False
        for row in self.rows:
            if fault := self._row_fault(row):
                self.faults[str(row["key"])] = fault
        if not self.faults:
            self.faults = {f"stage_{at}": words for at, words in order_faults(self.shape, self.answers().stages)}  # type: ignore[arg-type]
        return not self.faults

    def _row_fault(self, row: Mapping[str, object]) -> str:
        stage = f"Stage {row['number']}"
        sessions, percent = number_or_name(str(row["sessions"])), number_or_name(str(row["percent"]))
        if not row["name"] or len(str(row["name"])) > 120:
            return f"{stage}: give it a name of up to 120 characters."
        if self.by_count and not (isinstance(sessions, int) and 1 <= sessions <= 400):
            return f"{stage}: sessions missed are a whole number from 1 to 400."
        if self.by_percent and not (isinstance(percent, int | float) and 0 < percent <= 100):
            return f"{stage}: attendance is a number above 0 and up to 100 %."
        if row["action"] not in ACTIONS or row["acts"] not in dict(ROLES) or row["approves"] not in ("", *dict(ROLES)):
            return f"{stage}: choose what is done, who acts and who agrees from the lists."
        if row["letter"] and row["letter"] not in dict(self.letters):
            return f"{stage}: choose a letter from the list."
        return f"{stage}: choose the letter that goes." if row["action"] == "letter" and not row["letter"] else ""

    def answers(self) -> Answers:
        """The answers of a valid form."""
        slug = slugify(self.school.short_name or self.school.name) or self.school.urn
        assert own_key(self.letters_of, slug)
        return Answers(
            name=self.name, school=self.school.name, shape=self.shape, weekly=self.weekly, letters_of=self.letters_of, slug=slug,  # type: ignore[arg-type]
            stages=tuple(self._stage(row) for row in self.rows),
        )  # fmt: skip

    def _stage(self, row: Mapping[str, object]) -> StageAnswer:
        sessions, percent = number_or_name(str(row["sessions"])), number_or_name(str(row["percent"]))
        return StageAnswer(
            name=str(row["name"]),
            sessions=sessions if self.by_count and isinstance(sessions, int) else None,
            percent=percent if self.by_percent and not isinstance(percent, str) else None,
            acts=str(row["acts"]),
            approves=str(row["approves"]),
            action=str(row["action"]),
            letter=str(row["letter"]),
        )
