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


def letters_at_once(stage: Stage) -> list[Action]:
    """Letters to the parents that the stage itself asks for; those sent each week, or only when somebody asks, are not among them."""
    return [
        action
        for action in stage.actions
        if action.letter and action.kind in ("letter", "referral") and not action.repeats and not action.when_asked
    ]


def task_at_once(stage: Stage) -> list[Action]:
    """The conversation, call or meeting with which a stage without a letter begins; at most one."""
    return [] if letters_at_once(stage) else _tasks(stage)[:1]


def tasks_that_follow(stage: Stage) -> list[Action]:
    """What has to be done once the letter has left, or the first task is done."""
    return _tasks(stage) if letters_at_once(stage) else _tasks(stage)[1:]


def _tasks(stage: Stage) -> list[Action]:
    return [action for action in stage.actions if action.kind in TITLES and not action.when_asked]


def task_title(action: Action, stage: Stage) -> str:
    return f"{TITLES[action.kind]}, stage {stage.id}: {stage.name}"[:120]
