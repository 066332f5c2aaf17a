"""What a person writes down after a call, a conversation or a meeting, or as a note."""

from __future__ import annotations

from typing import Any

from django import forms

from escalation.services import OUTCOME_WORDS

KINDS = (("call", "Call"), ("conversation", "Conversation"), ("meeting", "Meeting"))
OUTCOMES = ("spoke", "no_answer", "left_message", "wrong_number")
MEETING_OUTCOMES = ("attended", "not_attended", "held_in_absence")
TASK_OUTCOMES = {
    "call": OUTCOMES,
    "conversation": ("spoke", "guide_given", "no_answer", "left_message"),
    "meeting": MEETING_OUTCOMES,
    "clinic": ("attended", "not_attended"),
}
"""Outcomes offered by kind of task; other kinds are done or not."""


def outcome_choices(keys: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(key, OUTCOME_WORDS[key].capitalize()) for key in keys]


def _note(label: str, rows: int = 2) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=2000, widget=forms.Textarea(attrs={"class": "area", "rows": rows})
    )


class ContactForm(forms.Form):
    """A call, conversation or meeting outside any task. ``contacts``: (id, name) of the people who may be rung."""

    kind = forms.ChoiceField(label="What", choices=KINDS, initial="call", widget=forms.Select(attrs={"class": "select"}))
    parent = forms.ChoiceField(label="With", required=False, widget=forms.Select(attrs={"class": "select"}))
    outcome = forms.ChoiceField(
        label="How did it go?",
        choices=[("", "Choose"), *outcome_choices((*OUTCOMES, *MEETING_OUTCOMES))],
        widget=forms.Select(attrs={"class": "select"}),
        error_messages={"required": "Choose how it went."},
    )
    note = _note("What was said")

    def __init__(self, *args: Any, contacts: list[tuple[str, str]], pupil: str, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["parent"].choices = [*contacts, ("", pupil)]  # type: ignore[attr-defined]


class NoteForm(forms.Form):
    note = forms.CharField(
        label="Note", max_length=2000, widget=forms.Textarea(attrs={"class": "area", "rows": 3}),
        error_messages={"required": "The note is empty: write what should be remembered."},
    )  # fmt: skip


class TaskForm(forms.Form):
    """How a task went. ``kind`` chooses the outcomes that fit."""

    outcome = forms.ChoiceField(
        label="How did it go?", widget=forms.Select(attrs={"class": "select"}), error_messages={"required": "Choose how it went."}
    )
    note = _note("What was said or agreed")

    def __init__(self, *args: Any, kind: str, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["outcome"].choices = outcome_choices(TASK_OUTCOMES.get(kind, ("done",)))  # type: ignore[attr-defined]
