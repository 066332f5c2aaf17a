"""What people enter on the staff's pages, checked; every fault says which field and what to do."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms


class ReasonForm(forms.Form):
    """A decision with its reason, and perhaps a day on which to ask again."""

    reason = forms.CharField(max_length=500, error_messages={"required": "Give a reason: it is kept with the case."})
    ask_again_on = forms.DateField(required=False, error_messages={"invalid": "Ask again on: give a date, such as 12/1/2026."})

    def __init__(self, *args: Any, on: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on = on

    def clean_ask_again_on(self) -> dt.date | None:
        day = self.cleaned_data["ask_again_on"]
        if day and day <= self.on:
            raise forms.ValidationError("Ask again on: give a day after today.")
        return day


def first_fault(form: forms.Form) -> str:
    """The first sentence that is wrong with a form, for a message at the head of the page."""
    return next((str(message) for messages in form.errors.values() for message in messages), "")


class PostedForm(forms.Form):
    """The day on which a batch of letters was posted."""

    on = forms.DateField(
        error_messages={"required": "Say on which day the letters were posted.", "invalid": "Give a date, such as 25/11/2025."}
    )

    def __init__(self, *args: Any, made: dt.date, on: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made, self.today = made, on

    def clean_on(self) -> dt.date:
        day = self.cleaned_data["on"]
        if day > self.today:
            raise forms.ValidationError("The day of posting lies ahead: record it once the letters have been posted.")
        if day < self.made:
            raise forms.ValidationError(
                f"The letters were put together on {self.made:%-d %B}: they cannot have been posted before."
            )
        return day


class ImportForm(forms.Form):
    """A file, what is in it, and the school that it is for."""

    school = forms.ChoiceField(label="School", error_messages={"required": "Choose the school that the file is for."})
    file = forms.FileField(
        label="File (CSV or XLSX)",
        error_messages={"required": "Choose a file.", "empty": "The file is empty: export the register again."},
    )
    kind = forms.ChoiceField(
        label="What is in it",
        required=False,
        choices=[("", "Tell from the headings"), ("register", "A register"), ("people", "Pupils and contacts")],
    )
    whole = forms.BooleanField(label="It lists the whole roll: who is not in it has left", required=False)

    def __init__(self, *args: Any, schools: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["school"].choices = schools  # type: ignore[attr-defined]
        if len(schools) == 1:
            self.fields["school"].initial = schools[0][0]
