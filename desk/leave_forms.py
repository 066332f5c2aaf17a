"""What is filled in about leave and part-time timetables. The rules themselves are the services': here is only what a field can hold."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from casework.contents import KEPT, media_type_of
from casework.leave import LONGEST_REASON, Evidence
from casework.leave_days import Span
from casework.leave_rules import Ground, leave_rules
from casework.part_time import Terms
from casework.retention import retention
from schools.models import Parent, PupilParent
from schools.rules import Refused

STARTS_IN = [("AM", "from the morning"), ("PM", "from the afternoon")]
ENDS_IN = [("PM", "to the afternoon"), ("AM", "to the morning only")]
EVIDENCE_KINDS = ("parent_letter", "medical_evidence", "travel", "other")
SOMEBODY_ELSE = ""
WEEK = [
    (2 * number + half, f"{day} {words}")
    for number, day in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"))
    for half, words in enumerate(("morning", "afternoon"))
]


def _date(label: str, missing: str, **more: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input"})
    unreadable = f"{label}: enter a date, as 8 December 2025."
    return forms.DateField(
        label=label,
        widget=widget,
        input_formats=["%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%d %b %Y"],
        error_messages={"required": missing, "invalid": unreadable},
        **more,
    )


def _area(label: str, missing: str, *, rows: int = 3, longest: int = LONGEST_REASON, **more: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"class": "area", "rows": rows})
    return forms.CharField(label=label, widget=widget, max_length=longest, error_messages={"required": missing}, **more)


def _select(label: str, choices: list[tuple[str, str]], **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, widget=forms.Select(attrs={"class": "select"}), **more)


def _grounds(*, only_lawful: bool) -> list[tuple[str, str]]:
    return [(ground.key, _shown(ground)) for ground in leave_rules().grounds if ground.code or not only_lawful]


def _shown(ground: Ground) -> str:
    return f"{ground.name} ({ground.code})" if ground.code else ground.name


class LeaveForm(forms.Form):
    """A request as a parent made it. ``links``: the pupil's parents."""

    asked_by = _select("Who asked", [], required=False)
    asked_by_name = forms.CharField(
        label="Their name, if they are not in the list", required=False, max_length=120,
        widget=forms.TextInput(attrs={"class": "input input--wide"}),
    )  # fmt: skip
    asked_on = _date("Asked on", "Enter the day on which the request came.")
    first_day = _date("First day away", "Enter the first day.")
    first_session = _select("Beginning", STARTS_IN)
    last_day = _date("Last day away", "Enter the last day.")
    last_session = _select("Ending", ENDS_IN)
    ground = _select("What it is for", [("", "Not said"), *_grounds(only_lawful=False)], required=False)
    reason = _area("The reason, as the parent gave it", "Write the reason as the parent gave it: the head decides on it.")
    evidence = forms.FileField(label="Evidence (optional)", required=False, help_text=f"{KEPT}, up to 10 MB. Kept with the case.")
    evidence_kind = _select("What the evidence is", [], required=False)

    def __init__(self, *args: Any, links: list[PupilParent], **named: Any) -> None:
        super().__init__(*args, **named)
        self.parents = {str(link.parent_id): link.parent for link in links}
        offered = [(str(link.parent_id), f"{link.parent.name}, {link.relationship}") for link in links]
        self.fields["asked_by"].choices = [*offered, (SOMEBODY_ELSE, "Somebody else")]  # type: ignore[attr-defined]
        self.fields["evidence_kind"].choices = [(kind, retention()[kind].name) for kind in EVIDENCE_KINDS]  # type: ignore[attr-defined]

    def clean_evidence(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data.get("evidence")
        if file:
            try:
                media_type_of(file.read())
            except Refused as refused:
                raise forms.ValidationError(str(refused)) from refused
            file.seek(0)
        return file

    @property
    def parent(self) -> Parent | None:
        return self.parents.get(self.cleaned_data["asked_by"])

    @property
    def span(self) -> Span:
        given = self.cleaned_data
        return Span(given["first_day"], given["first_session"], given["last_day"], given["last_session"])

    @property
    def kept(self) -> Evidence | None:
        file = self.cleaned_data.get("evidence")
        kind = self.cleaned_data.get("evidence_kind") or "other"
        return Evidence(file.name, file.read(), kind) if file else None


class DecideForm(forms.Form):
    """All of it, a part of it, or nothing. ``asked``: what was asked for, which is also where a part begins."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    decision = forms.ChoiceField(
        label="Decision", choices=[("all", "Grant it"), ("part", "Grant a part"), ("refuse", "Refuse")],
        widget=forms.RadioSelect, error_messages={"required": "Choose whether it is granted, granted in part or refused."},
    )  # fmt: skip
    ground = _select("Ground", [("", "Choose the ground"), *_grounds(only_lawful=True)], required=False)
    first_day = _date("First day granted", "", required=False)
    first_session = _select("Beginning", STARTS_IN, required=False)
    last_day = _date("Last day granted", "", required=False)
    last_session = _select("Ending", ENDS_IN, required=False)
    reason = _area(
        "Your reason", "Give the reason: the letter to the parents states it.", longest=600,
        help_text="The letter to each parent states it. Write nothing about health, other children or other parents.",
    )  # fmt: skip

    def __init__(self, *args: Any, asked: Span, **named: Any) -> None:
        super().__init__(*args, **named)
        self.asked = asked

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        decision = given.get("decision")
        if decision in ("all", "part") and not given.get("ground"):
            self.add_error("ground", "Choose the ground on which leave is granted: the code follows from it.")
        for name, words in (("first_day", "first"), ("last_day", "last")):
            if decision == "part" and name not in self.errors and not given.get(name):
                self.add_error(name, f"Enter the {words} day that is granted.")
        return given

    @property
    def granted(self) -> Span | None:
        given = self.cleaned_data
        if given["decision"] == "refuse":
            return None
        if given["decision"] == "all":
            return self.asked
        return Span(given["first_day"], given["first_session"] or "AM", given["last_day"], given["last_session"] or "PM")


class WithdrawForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput)
    reason = _area("Why", "Say why it is withdrawn: the reason is kept with the request.", rows=2, longest=500)


class PartTimeForm(forms.Form):
    """What is agreed. ``has_social_worker`` adds the day on which they were told."""

    starts = _date("First day", "Enter the first day.")
    ends = _date("Last day", "Enter the last day: a part-time timetable is temporary.")
    review_on = _date("First review on", "Enter the day of the first review.")
    pattern = forms.TypedMultipleChoiceField(
        label="Sessions not attended", choices=WEEK, coerce=int, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose the sessions of the week that the pupil does not attend."},
    )  # fmt: skip
    why = _area("Why", "Say why: the law asks for exceptional circumstances.")
    objective = _area("What it is to achieve, and how", "Say what it is to achieve: how the pupil comes back to full time.")
    agreed_by = _select("Agreed by", [], error_messages={"required": "Choose the parent who agreed."})
    agreed_on = _date("Agreed on", "Enter the day on which the parent agreed.")
    social_worker_told_on = _date("Social worker told on", "", required=False)

    def __init__(self, *args: Any, links: list[PupilParent], has_social_worker: bool, **named: Any) -> None:
        super().__init__(*args, **named)
        self.parents = {str(link.parent_id): link.parent for link in links}
        offered = [(str(link.parent_id), f"{link.parent.name}, {link.relationship}") for link in links]
        self.fields["agreed_by"].choices = [("", "Choose the parent"), *offered]  # type: ignore[attr-defined]
        if not has_social_worker:
            del self.fields["social_worker_told_on"]

    @property
    def terms(self) -> Terms:
        given = self.cleaned_data
        return Terms(
            starts=given["starts"], ends=given["ends"], review_on=given["review_on"], pattern=tuple(given["pattern"]),
            why=given["why"], objective=given["objective"], agreed_by=self.parents.get(given["agreed_by"]),
            agreed_on=given["agreed_on"], social_worker_told_on=given.get("social_worker_told_on"),
        )  # fmt: skip


class ReviewForm(forms.Form):
    note = _area("What the review found", "Write what the review found: it is kept with the timetable.")
    review_on = _date("Next review on (optional)", "", required=False, help_text="Left empty, none is planned before it ends.")


class ExtendForm(forms.Form):
    ends = _date("New last day", "Enter the new last day.")
    review_on = _date("Next review on", "Enter the day of the next review.")
    note = _area("Why more time is needed", "Say why more time is needed: it is kept with the timetable.")


class EndForm(forms.Form):
    last_day = _date("Last day", "Enter the last day: from the next one the pupil attends full time.")
    note = _area("Why it ends", "Say why it ends: it is kept with the timetable.", rows=2)


def first_error(form: forms.Form) -> str:
    """The first fault of a form, for the message above the page it goes back to."""
    return next(str(error) for errors in form.errors.values() for error in errors)


def today_or(first: dt.date, on: dt.date) -> dt.date:
    """The later of two days, for what a field begins with."""
    return max(first, on)
