"""What a person fills in when deciding: until when a letter is held, why it is declined, what is still missing in it.

Dates are chosen as dates and kept as the words that the letter says ("Tuesday 9 December").
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from letters import phrases
from letters.fields import MERGE_FIELDS

DATES = {"meeting_date", "missed_meeting_date", "reply_by", "period_from", "period_to", "referred_on", "leave_back"}
TIMES = {"meeting_time", "register_closes"}
LONG = {"support_offered", "improvement_means", "leave_reason"}
LONGEST_REASON = 500


def _date_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input"})


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "area", "rows": rows})


def _reason(label: str, missing: str) -> forms.CharField:
    return forms.CharField(label=label, max_length=LONGEST_REASON, widget=_area(2), error_messages={"required": missing})


class _Dated(forms.Form):
    """A form that knows the day on which it is filled in."""

    def __init__(self, *args: Any, on: dt.date, **named: Any) -> None:
        super().__init__(*args, **named)
        self.on = on

    def later(self, name: str) -> dt.date | None:
        """The field's date; an error where it is not after today."""
        date: dt.date | None = self.cleaned_data.get(name)
        if date and date <= self.on:
            raise forms.ValidationError(f"Choose a day after today, {phrases.weekday_date(self.on)}.")
        return date


class HoldForm(_Dated):
    until = forms.DateField(
        label="Hold until", widget=_date_input(), error_messages={"required": "Choose the day on which it comes back to you."}
    )
    reason = _reason("Why", "Say why it is held: the reason is kept with the case.")

    def clean_until(self) -> dt.date | None:
        return self.later("until")


class DeclineForm(_Dated):
    reason = _reason("Why", "Say why it is declined: the reason is kept with the case.")
    ask_again_on = forms.DateField(
        label="Ask again on (optional)", required=False, widget=_date_input(),
        help_text="Left empty, this stage is not proposed again this year.",
    )  # fmt: skip

    def clean_ask_again_on(self) -> dt.date | None:
        return self.later("ask_again_on")


class EditForm(_Dated):
    """The gaps of one letter, by merge field, and a paragraph of the person's own."""

    def __init__(self, *args: Any, names: Iterable[str], fills: Mapping[str, str], **named: Any) -> None:
        super().__init__(*args, **named)
        self.names = list(names)
        for name in self.names:
            self.fields[name] = _fill_field(name)
            self.initial.setdefault(name, self._initial(name, fills.get(name, "")))
        self.fields["extra_paragraph"] = forms.CharField(
            label="A paragraph of your own (optional)", required=False, max_length=1200, widget=_area(4),
            help_text="It stands before the closing. Write nothing about health, other children or other parents.",
        )  # fmt: skip

    def _initial(self, name: str, words: str) -> str | dt.date | dt.time | None:
        if name in DATES:
            return date_in_words(words, self.on)
        return time_in_words(words) if name in TIMES else words

    @property
    def gaps(self) -> list[forms.BoundField]:
        return [self[name] for name in self.names]

    def fills(self) -> dict[str, str]:
        """The values as the letter says them; an empty one leaves the gap open."""
        return {name: _words(self.cleaned_data.get(name)) for name in self.names}


def _fill_field(name: str) -> forms.Field:
    label = MERGE_FIELDS[name].label.capitalize()
    if name in DATES:
        return forms.DateField(label=label, required=False, widget=_date_input())
    if name in TIMES:
        return forms.TimeField(
            label=label, required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "input"})
        )
    widget = _area(2) if name in LONG else forms.TextInput(attrs={"class": "input input--wide"})
    return forms.CharField(label=label, required=False, max_length=300, widget=widget)


def _words(value: object) -> str:
    if isinstance(value, dt.date):
        return phrases.weekday_date(value)
    if isinstance(value, dt.time):
        return phrases.clock(value)
    return str(value or "").strip()


def date_in_words(words: str, on: dt.date) -> dt.date | None:
    """The date behind "Tuesday 9 December": of this year, the next or the last, the one whose weekday fits."""
    for year in (on.year, on.year + 1, on.year - 1):
        try:
            date = dt.datetime.strptime(f"{words} {year}", "%A %d %B %Y").date()
        except ValueError:
            continue
        if phrases.weekday_date(date) == words:
            return date
    return None


def time_in_words(words: str) -> dt.time | None:
    """The time behind "4.10pm" or "9am"."""
    if words == "12 noon":
        return dt.time(12)
    for shape in ("%I.%M%p", "%I%p"):
        try:
            return dt.datetime.strptime(words, shape).time()
        except ValueError:
            continue
    return None
