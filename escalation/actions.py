"""What a stage's actions become: letters that are planned at once, a task at once, and tasks that follow once the stage is done."""

from __future__ import annotations

from escalation.engine.ruleset import Stage
from escalation.engine.schema import Action

TITLES = {
    "conversation": "Conversation",
    "call": "Call home",
    "meeting": "Meeting",
    "clinic": "Clinic",
    "review": "Look at the case",
    "plan": "Open the plan",
    "contract": "Draw up the contract",
    "referral": "Referral",
}


def begins_with_letter(stage: Stage) -> bool:
    """The first action named is the one that makes the stage done: a letter that leaves, or something that a person does."""
    return _is_letter(stage.actions[0])


def letters_at_once(stage: Stage) -> list[Action]:
    """Letters to the parents that are planned when the stage is proposed."""
    return _letters(stage) if begins_with_letter(stage) else []


def letters_that_follow(stage: Stage) -> list[Action]:
    """Letters to the parents that are planned once the stage is done."""
    return [] if begins_with_letter(stage) else _letters(stage)


def task_at_once(stage: Stage) -> list[Action]:
    """The conversation, call or meeting with which a stage begins that does not begin with a letter."""
    return [] if begins_with_letter(stage) else _tasks(stage)[:1]


def tasks_that_follow(stage: Stage) -> list[Action]:
    """What has to be done once the letter has left, or the first task is done."""
    return _tasks(stage) if begins_with_letter(stage) else _tasks(stage)[1:]


def _letters(stage: Stage) -> list[Action]:
    return [action for action in stage.actions if _is_letter(action)]


def _is_letter(action: Action) -> bool:
    """Those sent each week, or only when somebody asks, are planned elsewhere."""
    return bool(action.letter) and action.kind in ("letter", "referral") and not action.repeats and not action.when_asked


def _tasks(stage: Stage) -> list[Action]:
    return [action for action in stage.actions if action.kind in TITLES and not action.when_asked]


def task_title(action: Action, stage: Stage) -> str:
    return f"{TITLES[action.kind]}, stage {stage.id}: {stage.name}"[:120]
