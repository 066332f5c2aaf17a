"""What is entered about a call home: how it went, who was tried, the reason, the day of return, when to try again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from attendance.models import AbsenceCall

Outcome, Channel = AbsenceCall.Outcome, AbsenceCall.Channel

CALL_OUTCOMES = tuple((value, label, key) for (value, label), key in zip(Outcome.choices, "snmw", strict=True))
"""(outcome, words, the key that chooses it)."""
REASON_CODES = (
    ("", "None yet"),
    ("I", "Illness (I)"),
    ("M", "Medical appointment (M)"),
    ("C", "Other, agreed (C)"),
    ("O", "Not agreed (O)"),
    ("G", "Holiday, not agreed (G)"),
    ("U", "Came late, after registers closed (U)"),
)
"""What a parent may say on the telephone, with the code that it leads to; whether a reason is accepted is the school's to decide."""
TRY_TIMES = tuple(dt.time(hour, minute) for hour in range(8, 16) for minute in (0, 15, 30, 45))
TIMES_OFFERED = 10
BY_THE_NURSE = "School nurse: "


def try_times(now: dt.datetime) -> list[dt.time]:
    """The next times of the school day at which somebody may be tried again."""
    local = timezone.localtime(now).time()
    return [time for time in TRY_TIMES if time > local][:TIMES_OFFERED]


class CallForm(forms.Form):
    """A call about an absence. What it means for the register and the list is ``attendance.chasing``'s to say."""

    outcome = forms.ChoiceField(
        label="How did the call go?",
        choices=Outcome.choices,
        error_messages={
            "required": "Choose how the call went.",
            "invalid_choice": "Choose how the call went: spoke, no answer, left a message or wrong number.",
        },
    )
    channel = forms.ChoiceField(choices=Channel.choices, required=False)
    parent = forms.IntegerField(required=False, error_messages={"invalid": "Whom: choose one of the contacts."})
    about = forms.DateField(required=False, error_messages={"invalid": "About: give the day of the absence, such as 25/11/2025."})
    since = forms.DateField(required=False, error_messages={"invalid": "Reason covers: give a date, such as 25/11/2025."})
    code = forms.ChoiceField(label="Reason given", choices=REASON_CODES, required=False)
    back = forms.DateField(
        label="Expected back", required=False, error_messages={"invalid": "Expected back: give a date, such as 25/11/2025."}
    )
    try_at = forms.TimeField(
        label="Try again at", required=False, error_messages={"invalid": "Try again at: give a time, such as 10:30."}
    )
    note = forms.CharField(label="What was said", required=False, max_length=500)
    nurse = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("code") and values.get("outcome") != Outcome.SPOKE:
            raise forms.ValidationError("A reason can only be recorded for a call in which you spoke with somebody.")
        if values.get("nurse"):
            values["note"] = f"{BY_THE_NURSE}{values.get('note', '')}".rstrip(": ")
        values["channel"] = values.get("channel") or Channel.CALL
        return values

    def next_try_at(self, on: dt.date) -> dt.datetime | None:
        """The chosen time on that day."""
        time = self.cleaned_data["try_at"]
        return timezone.make_aware(dt.datetime.combine(on, time)) if time else None
