"""What is filled in about a statutory clock: what only a person knows, to whom it was sent, why it is not needed."""

from __future__ import annotations

from typing import Any

from django import forms

from casework.clock_kinds import questions_of
from casework.models import Clock
from desk.penalty_forms import area, day_field, line, select


class PrepareForm(forms.Form):
    """The questions of a kind of clock; none is required here, since a gap is named before sending."""

    def __init__(self, *args: Any, kind: str, **named: Any) -> None:
        super().__init__(*args, **named)
        for key, question in questions_of(kind).items():
            self.fields[key] = area(question.label, "", rows=2, required=False, help_text=question.hint)


class SentForm(forms.Form):
    sent_on = day_field("Sent on", "Enter the day on which it was sent.")
    sent_to = line("To whom at the authority", "Say to whom at the authority it was sent.")
    despite = line("If it has gaps: why it was sent with them", "", longest=300, required=False)


class NotNeededForm(forms.Form):
    reason = area("Why", "Say why it is not needed: it is kept with the clock.", rows=2, longest=500)


class HandOnForm(forms.Form):
    to = select("To", [], error_messages={"required": "Choose who has it now."})

    def __init__(self, *args: Any, people: list[tuple[int, str]], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["to"].choices = [(str(pk), name) for pk, name in people]  # type: ignore[attr-defined]


class OpenForm(forms.Form):
    """A clock that a person opens before any rule does."""

    kind = select("Which return", [*Clock.Kind.choices])
    because = area("Why it is due", "Say why it is due: it stands at the head of the clock.", rows=2, longest=500)
