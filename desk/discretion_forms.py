"""What a person gives when departing from the ladder: until when, which stage, and always why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms

from casework.discretion import LONGEST
from casework.models import Pause
from desk.words import stage_label
from escalation.models import StageRecord


def _why(label: str, missing: str, **named: Any) -> forms.CharField:
    area = forms.Textarea(attrs={"class": "area", "rows": 2})
    return forms.CharField(label=label, max_length=1000, widget=area, error_messages={"required": missing}, **named)


class PauseForm(forms.Form):
    kind = forms.ChoiceField(
        label="Because of", choices=[("", "Choose"), *Pause.Kind.choices], widget=forms.Select(attrs={"class": "select"}),
        error_messages={"required": "Choose why the letters are to wait."},
    )  # fmt: skip
    until = forms.DateField(
        label="Letters wait until", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input"}),
        error_messages={"required": "Choose the last day on which letters wait.", "invalid": "Give a date, such as 12/12/2025."},
    )  # fmt: skip
    why = _why(
        "What the next reader must know",
        "Say why the letters are to wait: whoever decides next reads it.",
        help_text="Of a safeguarding pause only the safeguarding lead and the head read this; others are told to speak to the lead.",
    )

    def __init__(self, *args: Any, on: dt.date, **named: Any) -> None:
        super().__init__(*args, **named)
        latest = on + LONGEST
        self.fields["until"].help_text = f"At most {LONGEST.days // 7} weeks, to {latest.day} {latest:%B %Y}."


class LiftForm(forms.Form):
    because = _why("Why letters need wait no longer", "Say why the letters need wait no longer.")


class TakeForm(forms.Form):
    stage = forms.ChoiceField(
        label="Stage", widget=forms.Select(attrs={"class": "select"}), error_messages={"required": "Choose the stage to take."}
    )
    reason = _why("Why now", "Say why the ladder is not waited for: the reason is kept with the case.")

    def __init__(self, *args: Any, stages: Iterable[tuple[str, str]], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["stage"].choices = [("", "Choose"), *stages]  # type: ignore[attr-defined]


class SkipForm(forms.Form):
    record = forms.TypedChoiceField(
        label="Stage", coerce=int, widget=forms.Select(attrs={"class": "select"}),
        error_messages={"required": "Choose the stage to leave out.", "invalid_choice": "This stage is no longer open."},
    )  # fmt: skip
    reason = _why("Why it does not fit", "Say why the stage is left out: the reason is kept with the case.")

    def __init__(self, *args: Any, records: Iterable[StageRecord], **named: Any) -> None:
        super().__init__(*args, **named)
        offered = [(record.pk, f"{stage_label(record.stage)}: {record.name}") for record in records]
        self.fields["record"].choices = offered  # type: ignore[attr-defined]
