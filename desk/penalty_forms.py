"""What is filled in about penalty notices and notices to improve. The rules are the services'; here is only what a field can hold."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from casework.models import ImprovementNotice, PenaltyNotice
from casework.penalty.rules import Answers, Liability
from casework.penalty.states import NOTICE, WITHDRAWN_BECAUSE

DATES = ["%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%d %b %Y"]


def day_field(label: str, missing: str, **more: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input"})
    faults = {"required": missing, "invalid": f"{label}: enter a date, as 8 December 2025."}
    return forms.DateField(label=label, widget=widget, input_formats=DATES, error_messages=faults, **more)


def area(label: str, missing: str, *, rows: int = 3, longest: int = 1000, **more: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"class": "area", "rows": rows})
    return forms.CharField(label=label, widget=widget, max_length=longest, error_messages={"required": missing}, **more)


def line(label: str, missing: str, *, longest: int = 120, **more: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "input input--wide"})
    return forms.CharField(label=label, widget=widget, max_length=longest, error_messages={"required": missing}, **more)


def select(label: str, choices: list[tuple[str, str]], **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, widget=forms.Select(attrs={"class": "select"}), **more)


class RequestForm(forms.Form):
    """What a person answers before a request is prepared, and for which parents with what reason."""

    is_leave = forms.BooleanField(label="The absence was leave in term time", required=False)
    support = area(
        "Support first", "Say what support was given, or why none is appropriate.",
        help_text="What was given and did not work or was not taken up, with dates. For leave in term time: why none is appropriate.",
    )  # fmt: skip
    support_is_inappropriate = forms.BooleanField(label="Support is not appropriate here", required=False)
    equality_by = line("Equality Act 2010: considered by", "Name who considered the Equality Act 2010.", longest=80)
    equality_note = area(
        "What they found", "Write what was considered and found under the Equality Act 2010.", rows=2,
        help_text="Disability, SEN, health, faith, race: whether a notice would be fair, and what was adjusted before.",
    )  # fmt: skip
    not_prosecuted = forms.BooleanField(
        label="No prosecution runs for this absence, and none is meant",
        error_messages={"required": "Confirm that no prosecution runs for this absence."},
    )

    def __init__(self, *args: Any, liabilities: list[Liability], thirds: set[int], **named: Any) -> None:
        super().__init__(*args, **named)
        self.liabilities, self.thirds = liabilities, thirds
        for one in liabilities:
            if self.may(one):
                self._offer(one)

    def may(self, one: Liability) -> bool:
        return one.may and one.person.parent not in self.thirds

    def _offer(self, one: Liability) -> None:
        key = one.person.parent
        self.fields[f"parent_{key}"] = forms.BooleanField(label=one.person.name, required=False, initial=one.offered)
        self.fields[f"because_{key}"] = line(
            f"Why {one.person.name} is liable", "", longest=200, required=False, initial=one.because
        )

    @property
    def choosable(self) -> list[tuple[Liability, forms.BoundField, forms.BoundField]]:
        return [
            (one, self[f"parent_{one.person.parent}"], self[f"because_{one.person.parent}"])
            for one in self.liabilities
            if self.may(one)
        ]

    @property
    def parents(self) -> dict[int, str]:
        """Why each chosen parent is liable, by parent."""
        given = self.cleaned_data
        chosen = [one.person.parent for one in self.liabilities if given.get(f"parent_{one.person.parent}")]
        return {parent: given.get(f"because_{parent}", "") for parent in chosen}

    @property
    def answers(self) -> Answers:
        given = self.cleaned_data
        return Answers(
            is_leave=given["is_leave"],
            support=given["support"],
            support_is_inappropriate=given["support_is_inappropriate"],
            equality_by=given["equality_by"],
            equality_note=given["equality_note"],
            not_prosecuted=given["not_prosecuted"],
        )


class IssuedForm(forms.Form):
    """The authority has issued."""

    issued_on = day_field("Issued on", "Enter the day on which the notice was issued.")
    received_on = day_field("Received on (if known)", "", required=False, help_text="The days to pay begin with it.")
    issuer = line("Issued by (if not the authority)", "", required=False)


class RefusedForm(forms.Form):
    """The authority has refused."""

    answered_on = day_field("Answered on", "Enter the day of the answer.")
    reason = area("Why", "Say why the authority refused.", rows=2, longest=500)


class ReasonOnlyForm(forms.Form):
    reason = area("Why", "Say why: it is kept with the record.", rows=2, longest=500)


class NoticeForm(forms.Form):
    """A notice from elsewhere, entered by hand."""

    parent = select("To", [], error_messages={"required": "Choose the parent."})
    kind = select("Kind", [*PenaltyNotice.Kind.choices])
    issued_on = day_field("Issued on", "Enter the day of issue.")
    source = select("From", [("school", "Another school"), ("authority", "Another authority, or the police")])
    issuer = line("Which school, authority or force", "Say who issued it.")
    told_by = line("How we know", "Say how we know of it: who told us, and when.", longest=200)
    state = select("What became of it", [*PenaltyNotice.State.choices])
    reason = line("If withdrawn, why", "", longest=200, required=False)

    def __init__(self, *args: Any, parents: list[tuple[int, str]], **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["parent"].choices = [(str(pk), name) for pk, name in parents]  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    """What became of a notice."""

    to = select("What became of it", [])
    state_on = day_field("On", "Enter the day.")
    reason = select("If withdrawn, why", [("", "Not withdrawn"), *WITHDRAWN_BECAUSE.items()], required=False)

    def __init__(self, *args: Any, state: str, **named: Any) -> None:
        super().__init__(*args, **named)
        labels = dict(PenaltyNotice.State.choices)
        self.fields["to"].choices = [(after, labels[after]) for after in NOTICE[state]]  # type: ignore[attr-defined]
        if "withdrawn" not in NOTICE[state]:
            del self.fields["reason"]


class ImprovementForm(forms.Form):
    """A notice to improve: what the person adds to the seven things, and its clock."""

    starts_on = day_field("First day", "Enter the first day of the time to improve.")
    school_days_long = forms.IntegerField(
        label="School days", min_value=1, max_value=60, widget=forms.NumberInput(attrs={"class": "input"}),
        error_messages={"required": "Enter how many school days it lasts."},
    )  # fmt: skip
    allowed = forms.IntegerField(
        label="Unauthorised sessions still allowed", min_value=0, max_value=60, widget=forms.NumberInput(attrs={"class": "input"}),
        error_messages={"required": "Enter how many are allowed; 0 for none."},
    )  # fmt: skip
    support_given = area("The support given so far", "Say what support was given so far, with dates.")
    support_offered = area(
        "Further support on offer", "Say what support is offered from now on.", help_text="The letter says it to the family."
    )
    improvement_means = area(
        "What counts as improvement",
        "Say what counts as improvement.",
        rows=2,
        help_text="The letter says it to the family, in plain words.",
    )
    grounds_earlier = area("On what grounds we may act earlier", "Say on what grounds you may act before the end.", rows=2)
    is_leave = forms.BooleanField(label="The absence was leave in term time", required=False)


class DecideForm(forms.Form):
    """What follows a notice to improve that has ended."""

    next_ = select("What follows", [*ImprovementNotice.Next.choices])
    reason = area("In a sentence (optional)", "", rows=2, longest=500, required=False)


def first_fault(form: forms.Form) -> str:
    """The first fault of a form, for the message above the page it goes back to."""
    return next((str(error) for errors in form.errors.values() for error in errors), "Look at what was entered.")


def begins_with(on: dt.date) -> dict[str, Any]:
    """What a form about a new notice to improve begins with."""
    return {"allowed": 0, "starts_on": on}
