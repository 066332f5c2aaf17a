"""A sixth school's first ladder: from a shape (counts, percentages, both, blank) and a few answers to a text that is a ladder at once.

What comes out is an ordinary ruleset file: everything in it can be changed in the editor, and every number has a name and a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ruamel.yaml.comments import CommentedMap

from escalation.engine.ruleset import FOLDER
from escalation.engine.source import read_text
from escalation.ruleset_text import add, edited, write

Shape = Literal["counts", "percentages", "both", "blank"]
SHAPES: tuple[tuple[Shape, str], ...] = (
    ("counts", "Counts of sessions missed"),
    ("percentages", "Percentages of the year"),
    ("both", "Both: whichever comes first"),
    ("blank", "Blank: I add the stages myself"),
)
USUAL_SESSIONS = (5, 8, 12, 16, 20, 26, 32, 38)
"""Sessions missed at which the stages usually begin; a starting point, shown and changed in the form."""
USUAL_PERCENT = (96, 94, 92, 90, 88, 85, 80, 75)
MOST_STAGES = 8
FIRST_STEPS = ("conversation", "call")
BANDS = ("first-help", "support", "formal", "authority")


@dataclass(frozen=True, slots=True)
class StageAnswer:
    """One stage as it was answered. ``sessions`` missed and ``percent`` of the year at which it begins; ``letter``: a key."""

    name: str
    sessions: int | None
    percent: int | float | None
    acts: str
    approves: str
    action: str
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """``letters_of``: the shipped ladder whose letters are used; ``slug``: what tells this ladder's key from others with those letters."""

    name: str
    school: str
    shape: Shape
    weekly: bool
    letters_of: str
    slug: str
    stages: tuple[StageAnswer, ...] = ()


LONGEST_KEY = 30
"""Characters of a ladder's key, as a letter keeps it."""


def own_key(letters_of: str, slug: str) -> str:
    """ "coventry-oakfield": a ladder of one's own says by the first word of its key whose letters it uses."""
    return f"{letters_of}-{slug}"[:LONGEST_KEY].strip("-_")


def order_faults(shape: Shape, stages: tuple[StageAnswer, ...]) -> list[tuple[int, str]]:
    """Where a stage would not begin after the one before it: (position, sentence)."""
    faults = []
    for number in range(1, len(stages)):
        before, here = stages[number - 1], stages[number]
        if shape != "percentages" and before.sessions and here.sessions and here.sessions <= before.sessions:
            faults.append(
                (number, f"Stage {number + 1} has to begin at more than the {before.sessions} sessions of stage {number}.")
            )
        if shape != "counts" and before.percent and here.percent and here.percent >= before.percent:
            faults.append((number, f"Stage {number + 1} has to begin below the {before.percent:g} % of stage {number}."))
    return faults


def ladder_text(answers: Answers) -> str:
    """The ruleset file of the answers; a blank one has no stage yet."""
    blank = read_text(FOLDER / "shapes" / "blank.yaml")
    return edited(blank, lambda data: _fill(data, answers))


def _fill(data: CommentedMap, answers: Answers) -> None:
    write(data, ("key",), own_key(answers.letters_of, answers.slug))
    write(data, ("name",), answers.name)
    write(data, ("policy", "school"), answers.school)
    write(data, ("judged",), "weekly" if answers.weekly else "daily")
    if answers.stages:
        data["stages"].fa.set_block_style()
    for number, stage in enumerate(answers.stages, start=1):
        for name, parameter in _parameters(number, stage, answers.shape):
            write(data, ("parameters", name), parameter)
        add(data, ("stages",), _stage(number, stage, answers))


def _parameters(number: int, stage: StageAnswer, shape: Shape) -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = []
    if shape in ("counts", "both"):
        note = f"Sessions missed in the year at which stage {number} begins."
        found.append((f"stage_{number}_sessions", {"value": stage.sessions, "unit": "sessions", "note": note}))
    if shape in ("percentages", "both"):
        note = f"Attendance in the year below which stage {number} begins."
        found.append((f"stage_{number}_below", {"value": stage.percent, "unit": "%", "note": note}))
    return found


def _stage(number: int, stage: StageAnswer, answers: Answers) -> dict[str, object]:
    first = stage.action in FIRST_STEPS
    return {
        "id": str(number),
        "name": stage.name,
        "short": stage.name[:40],
        "band": BANDS[min((number - 1) * len(BANDS) // max(len(answers.stages), 1), len(BANDS) - 1)],
        "when": _when(number, answers.shape),
        **({"needs": [str(number - 1)]} if number > 1 else {}),
        **({"waits_for_gap": False} if first else {}),
        "acts": stage.acts,
        **({"approves": stage.approves} if stage.approves else {}),
        "actions": [_action(stage)],
        "clause": f"Stage {number}",
        **_words(stage.action),
    }


def _when(number: int, shape: Shape) -> dict[str, object]:
    sessions: dict[str, object] = {"measure": "missed", "window": "year", "at_least": f"stage_{number}_sessions"}
    percent: dict[str, object] = {"measure": "percent", "window": "year", "below": f"stage_{number}_below"}
    if shape == "both":
        return {"any": [sessions, percent]}
    return sessions if shape == "counts" else percent


def _action(stage: StageAnswer) -> dict[str, object]:
    return {"kind": stage.action, **({"letter": stage.letter} if stage.letter else {}), "due_days": 5}


SCHOOL_DOES = {
    "conversation": "The school talks with the family, asks what is behind the absences and offers help.",
    "call": "The school rings home, asks what is behind the absences and offers help.",
    "letter": "The school writes to the family with the figures and an offer of help.",
    "meeting": "The school asks the family to a meeting, where help and next steps are agreed.",
    "plan": "School and family agree a plan that says who does what, and by when.",
    "contract": "School and family agree an attendance contract that says what everyone does.",
    "referral": "The school refers the case to the local authority and goes on helping.",
}
ACTIONS = tuple(SCHOOL_DOES)


def _words(action: str) -> dict[str, str]:
    return {
        "what_school_does": SCHOOL_DOES[action],
        "what_family_can_do": "Tell the school what makes coming to school hard and what would help.",
        "what_brings_back": "Better attendance from now on; a new school year starts afresh.",
    }


def new_stage(stage_id: str, band: str) -> dict[str, object]:
    """A stage to begin with, when one is added in the editor."""
    return {
        "id": stage_id,
        "name": f"Stage {stage_id}",
        "short": f"Stage {stage_id}",
        "band": band,
        "when": {"measure": "missed", "window": "year", "at_least": 10},
        "acts": "officer",
        "actions": [{"kind": "conversation", "due_days": 5}],
        "clause": "To be filled in",
        **_words("conversation"),
    }


def new_rule(rule_id: str) -> dict[str, object]:
    """A watch or recovery rule to begin with."""
    return {
        "id": rule_id,
        "name": "New rule",
        "when": {"measure": "run_of_days", "at_least": 3},
        "who": "officer",
        "clause": "To be filled in",
        "what_to_do": "To be filled in",
    }


def new_prompt(prompt_id: str) -> dict[str, object]:
    """Something that the policy asks of people, to begin with."""
    todo = "To be filled in"
    return {"id": prompt_id, "name": "New prompt", "text": todo, "who": "attendance_lead", "clause": todo}


def new_checklist(checklist_id: str, after_stage: str) -> dict[str, object]:
    """Steps on the case a term after a stage, to begin with."""
    todo = "To be filled in"
    return {
        "id": checklist_id,
        "name": "New checklist",
        "after_stage": after_stage,
        "after_terms": 1,
        "steps": [todo],
        "clause": todo,
    }


def new_carry_over(stage: str) -> dict[str, object]:
    """Whose next year begins with ``stage`` counted as done, to begin with: those who were persistently absent."""
    todo = "To be filled in"
    return {"when": {"measure": "percent", "window": "year", "at_most": 90}, "stages": [stage], "clause": todo, "note": todo}
