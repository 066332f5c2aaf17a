"""What a person enters about a plan: its words, rows of actions and steps, how it came into force, a signature, a review."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms

from casework.models import Document, Plan, PlanReview, Side
from casework.monitoring import choices
from casework.plan_kinds import SIDES, Kind, barrier_names, kind_of, part_names
from casework.plans import SESSIONS, Act, Content
from casework.queries.plans import Tested
from desk.case_forms import Choices, _choice, _date, _Filled, _text, _words
from schools.models import PupilParent

ROWS = 3
"""Empty rows of a new plan; a button adds as many."""
STEPS = 2
MOST_ROWS = 20
PROMISES = {"school": "The school promises", "parent": "The parents promise", "pupil": "The pupil promises"}


def _short(label: str, **attributes: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=200, widget=forms.TextInput(attrs={"class": "input", **attributes})
    )


def _tick(label: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=forms.CheckboxInput(attrs={"class": "box"}))


def _number(value: Any, least: int) -> int:
    try:
        return max(least, min(int(value), MOST_ROWS))
    except (TypeError, ValueError):
        return least


class PlanForm(forms.Form):
    """A plan of one kind. Rows of actions and steps grow by a button, without a script: what stands in them is kept."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    starts_on = _date("First day")
    weeks = forms.IntegerField(
        label="Weeks", widget=forms.NumberInput(attrs={"class": "input input--short"}),
        error_messages={"required": "Weeks: say how long the plan lasts.", "invalid": "Weeks: give a whole number."},
    )  # fmt: skip
    review_on = _date("Review on")
    target = forms.DecimalField(
        label="Target, %", required=False, max_digits=5, decimal_places=2, help_text="Empty: better than the year so far.",
        widget=forms.NumberInput(attrs={"class": "input input--short", "step": "any"}),
        error_messages={"invalid": "Target: give a number, such as 92 or 92.5."},
    )  # fmt: skip
    low_target_meant = _tick("A target at or below today’s figure is meant")
    concern = _words("Why the plan is made, and what is wanted")

    def __init__(self, *args: Any, kind: str, rows: int = ROWS, steps: int = STEPS, **named: Any) -> None:
        super().__init__(*args, **named)
        self.kind, self.about = kind, kind_of(kind)
        self.rows = _number(self.data.get("rows"), rows) if self.is_bound else rows
        self.step_rows = (_number(self.data.get("step_rows"), steps) if self.is_bound else steps) if self.about.parts else 0
        if self.is_bound and "more" in self.data:
            self.rows = min(self.rows + ROWS, MOST_ROWS)
        if self.is_bound and "more_steps" in self.data:
            self.step_rows = min(self.step_rows + STEPS, MOST_ROWS)
        self._add_fields()

    def _add_fields(self) -> None:
        for key, name in barrier_names(self.kind).items():
            self.fields[f"barrier-{key}"] = _tick(name)
            self.fields[f"said-{key}"] = _short(f"{name}, in words")
        for side, label in PROMISES.items():
            self.fields[f"promise-{side}"] = _words(label, hint="One a line.")
        for key, name in part_names(self.kind).items():
            self.fields[f"part-{key}"] = _short(name)
        for number in range(1, self.step_rows + 1):
            self.fields[f"step-{number}-from"] = _date(f"Step {number}, from", required=False)
            self.fields[f"step-{number}-sessions"] = _choice(
                f"Step {number}, sessions", [("", "–"), *SESSIONS.items()], required=False
            )
        for number in range(1, self.rows + 1):
            self.fields[f"act-{number}-what"] = _short(f"Action {number}")
            self.fields[f"act-{number}-side"] = _choice(f"Action {number}, by whom", [("", "–"), *Side.choices], required=False)
            self.fields[f"act-{number}-name"] = _short(f"Action {number}, name")
            self.fields[f"act-{number}-due"] = _date(f"Action {number}, by when", required=False)
        if self.about.authority_weeks:
            self.fields["authority_from"] = _date(
                "The local authority monitors from", required=False,
                hint=f"For {self.about.authority_weeks} weeks, beside the plan. Empty: it was not asked.",
            )  # fmt: skip

    @property
    def asks_for_more(self) -> bool:
        """A button asked for rows: nothing is saved."""
        return "more" in self.data or "more_steps" in self.data

    def barriers(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"barrier-{key}"], self[f"said-{key}"]) for key in barrier_names(self.kind)]

    def promises(self) -> list[forms.BoundField]:
        return [self[f"promise-{side}"] for side in SIDES]

    def parts(self) -> list[forms.BoundField]:
        return [self[f"part-{key}"] for key in part_names(self.kind)]

    def steps(self) -> list[tuple[forms.BoundField, ...]]:
        return [(self[f"step-{number}-from"], self[f"step-{number}-sessions"]) for number in range(1, self.step_rows + 1)]

    def actions(self) -> list[tuple[forms.BoundField, ...]]:
        names = ("what", "side", "name", "due")
        return [tuple(self[f"act-{number}-{name}"] for name in names) for number in range(1, self.rows + 1)]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for key in barrier_names(self.kind):
            if values.get(f"said-{key}"):
                values[f"barrier-{key}"] = True
        for number in range(1, self.step_rows + 1):
            if bool(values.get(f"step-{number}-from")) != bool(values.get(f"step-{number}-sessions")):
                self.add_error(f"step-{number}-from", f"Step {number}: give both its day and its sessions, or neither.")
        return values

    def content(self) -> Content:
        """The plan as it was written. Call once the form is valid."""
        given = self.cleaned_data
        return Content(
            kind=self.kind,
            starts_on=given["starts_on"],
            weeks=given["weeks"],
            review_on=given["review_on"],
            target=given["target"],
            concern=given["concern"],
            barriers={key: given[f"said-{key}"] for key in barrier_names(self.kind) if given[f"barrier-{key}"]},
            promises={side: given[f"promise-{side}"].splitlines() for side in SIDES},
            parts={key: given[f"part-{key}"] for key in part_names(self.kind)},
            steps=[
                (given[f"step-{number}-from"], given[f"step-{number}-sessions"])
                for number in range(1, self.step_rows + 1)
                if given[f"step-{number}-from"]
            ],
            actions=[self._act(number) for number in range(1, self.rows + 1) if self._is_filled(number)],
            authority_from=given.get("authority_from"),
            low_target_meant=given["low_target_meant"],
        )

    def _is_filled(self, number: int) -> bool:
        return any(self.cleaned_data[f"act-{number}-{name}"] for name in ("what", "side", "name", "due"))

    def _act(self, number: int) -> Act:
        what, side, name, due = (self.cleaned_data[f"act-{number}-{part}"] for part in ("what", "side", "name", "due"))
        return Act(what, side, name, due)


def new_plan(kind: Kind, starts_on: dt.date, weeks: int) -> dict[str, Any]:
    """What a new plan's form begins with."""
    return {"starts_on": starts_on, "weeks": weeks, "review_on": starts_on + dt.timedelta(days=7 * weeks)}


def written(plan: Plan) -> dict[str, Any]:
    """A draft as its form has it."""
    values: dict[str, Any] = {
        "seen": plan.version, "starts_on": plan.starts_on, "weeks": plan.weeks, "review_on": plan.review_on,
        "target": _plain(plan.target), "concern": plan.concern, "authority_from": plan.authority_from,
    }  # fmt: skip
    for key, words in plan.barriers.items():
        values |= {f"barrier-{key}": True, f"said-{key}": words}
    values |= {f"promise-{side}": "\n".join(lines) for side, lines in plan.promises.items()}
    values |= {f"part-{key}": words for key, words in plan.parts.items()}
    for number, step in enumerate(plan.steps, start=1):
        values |= {f"step-{number}-from": dt.date.fromisoformat(step["from"]), f"step-{number}-sessions": step["sessions"]}
    for action in plan.actions.all():
        for name, value in (("what", action.what), ("side", action.side), ("name", action.name), ("due", action.due_on)):
            values[f"act-{action.number}-{name}"] = value
    return values


def _plain(target: Decimal | None) -> str:
    return "" if target is None else f"{target.normalize():f}"


class ForceForm(forms.Form):
    """A draft comes into force. ``replaces``: the name of the plan that it takes the place of."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    in_absence = _tick("Put in place without the parents")
    how_tried = _words("How the parents were asked", hint="By letter, by telephone, to which times. It stands in the case.")

    def __init__(self, *args: Any, replaces: str = "", **named: Any) -> None:
        super().__init__(*args, **named)
        if replaces:
            self.fields["replaces_because"] = _words(f"{replaces} is in force. Why it is replaced")


class SignForm(_Filled):
    who = _choice("Who signed", missing="Say who signed.")
    name = _text("Name, of somebody else", required=False)
    signed_on = _date("Signed on")
    document = _choice("The signed paper", required=False, hint="Add it to the case’s documents first.")

    def person(self, links: Iterable[PupilParent]) -> dict[str, Any]:
        """Side, name and parent as the service asks for them."""
        side, _, number = self.cleaned_data["who"].partition(":")
        parent = next((link.parent for link in links if str(link.parent_id) == number), None)
        return {"side": side, "parent": parent, "name": self.cleaned_data["name"] or (number if not parent else "")}


def signers(links: Iterable[PupilParent], pupil: str, me: str) -> Choices:
    """(side and who, as it reads)."""
    parents = [(f"parent:{link.parent_id}", f"{link.parent.name}, {link.relationship}") for link in links]
    return [("", "Choose"), *parents, (f"pupil:{pupil}", f"{pupil} (the pupil)"), (f"school:{me}", f"{me}, for the school"),
            ("school:", "A colleague, by name"), ("other:", "Somebody else, by name")]  # fmt: skip


def papers(documents: Iterable[Document]) -> Choices:
    return [("", "On paper, not kept here"), *((str(one.pk), one.title) for one in documents if one.deleted_at is None)]


class ReviewForm(forms.Form):
    """A plan is looked at; what may follow depends on its outcome."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    decision = _choice("What follows", missing="Choose what follows.")
    next_stage = _choice("The next stage", required=False, hint="Only where the ladder has not proposed one itself.")
    note = _words("What was said, and why", hint="For more time, the next stage and an end it has to be given.")

    def __init__(self, *args: Any, result: Tested, stages: Choices = (), **named: Any) -> None:  # type: ignore[assignment]
        super().__init__(*args, **named)
        open_to = choices(result)
        self.fields["decision"].choices = [  # type: ignore[attr-defined]
            ("", "Choose"), *((key, PlanReview.Decision(key).label) for key in open_to)
        ] if len(open_to) > 1 else [(open_to[0], PlanReview.Decision(open_to[0]).label)]  # fmt: skip
        if PlanReview.Decision.NEXT_STAGE in open_to and stages:
            self.fields["next_stage"].choices = stages  # type: ignore[attr-defined]
        else:
            del self.fields["next_stage"]


class SeenReasonForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput)
    reason = _words("Why", required=True, missing="Say why: it is kept with the case.")


class SeriesForm(forms.Form):
    until = _date("Until", hint="Twelve weeks ahead at most.")


class EndSeriesForm(forms.Form):
    because = _text("Why", longest=200, missing="Say why the weekly messages stop: it is kept with the case.")
    no_longer_a_concern = _tick("No longer a concern: the postcard goes home")


class CarryForm(forms.Form):
    weeks = forms.IntegerField(
        label="For how many weeks", min_value=1, max_value=26, widget=forms.NumberInput(attrs={"class": "input input--short"})
    )
