"""What to try: which ladders, over which days, and whether proposed stages count as done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils import timezone

from escalation.models import LadderDraft
from schools.queries import year_label
from schools.schooldays import SchoolDays

SHIPPED = "shipped"
ACTS = (
    ("same-day", "Done the day it is proposed, and every plan is followed by the next"),
    ("never", "Never done: what would wait if nobody acted"),
)
DATE = forms.DateInput(attrs={"type": "date", "class": "input"})


class TrialForm(forms.Form):
    """``drafts`` and ``years`` are the school's own; the newest draft and the latest year are offered first."""

    what = forms.ChoiceField(
        label="What to compare",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose what to compare.",
            "invalid_choice": "This draft is not there any more: choose again.",
        },
    )
    year = forms.TypedChoiceField(
        label="Academic year", coerce=int, widget=forms.Select(attrs={"class": "select"}),
        error_messages={"invalid_choice": "The school has no register of this year: choose another."},
    )  # fmt: skip
    starts = forms.DateField(
        label="Only from", required=False, widget=DATE, error_messages={"invalid": "Only from: give a date, such as 3/9/2025."}
    )
    ends = forms.DateField(
        label="Only to", required=False, widget=DATE, error_messages={"invalid": "Only to: give a date, such as 17/7/2026."}
    )
    act = forms.ChoiceField(
        label="A proposed stage counts as", choices=ACTS, widget=forms.RadioSelect, initial="same-day",
        error_messages={"required": "Say whether a proposed stage counts as done."},
    )  # fmt: skip

    def __init__(self, *args: Any, drafts: Sequence[LadderDraft], years: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drafts = {f"draft-{draft.pk}": draft for draft in drafts}
        offered = [
            (key, f"In force beside the draft of {timezone.localdate(draft.changed_at):%-d %B %Y} by {draft.by}")
            for key, draft in self.drafts.items()
        ]
        self.fields["what"].choices = [*offered, (SHIPPED, "In force beside the shipped ladders")]  # type: ignore[attr-defined]
        self.fields["what"].initial = self.initial.get("what") or (offered[0][0] if offered else SHIPPED)
        self.fields["year"].choices = [(year, year_label(year)) for year in years]  # type: ignore[attr-defined]

    @property
    def draft(self) -> LadderDraft | None:
        return self.drafts.get(self.cleaned_data["what"])

    def days(self, calendar: SchoolDays, on: dt.date) -> tuple[dt.date, dt.date]:
        """The days to try: as entered, otherwise the year's school days up to today."""
        year = self.cleaned_data["year"]
        own = [day.date for day in calendar.days if day.academic_year == year_label(year)]
        first = own[0] if own else dt.date(year, 9, 1)
        last = min(own[-1] if own else dt.date(year + 1, 7, 31), on)
        return self.cleaned_data["starts"] or first, self.cleaned_data["ends"] or last
