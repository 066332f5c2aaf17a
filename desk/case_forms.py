"""What a person enters in a case: tasks, meetings and how they went, visits, offers, documents, blocks of times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils import timezone

from casework.errands import KINDS
from casework.meetings import Where
from casework.models import Attendee, HomeVisit, Meeting, MeetingSlot, SupportOffer
from casework.retention import retention
from casework.slots import LONDON, Block
from casework.words import day_and_time
from escalation.models import StageRecord
from schools.models import PupilParent, StaffRole, User

Choices = list[tuple[str, str]]
NOBODY: tuple[str, str] = ("", "Nobody in particular")


def _text(label: str, *, required: bool = True, longest: int = 120, hint: str = "", missing: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=longest, help_text=hint,
        widget=forms.TextInput(attrs={"class": "input input--wide"}), error_messages={"required": missing} if missing else None,
    )  # fmt: skip


def _words(label: str, *, hint: str = "", rows: int = 3, required: bool = False, missing: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=4000, help_text=hint,
        widget=forms.Textarea(attrs={"class": "area", "rows": rows}), error_messages={"required": missing} if missing else None,
    )  # fmt: skip


def _date(label: str, *, required: bool = True, hint: str = "") -> forms.DateField:
    return forms.DateField(
        label=label, required=required, help_text=hint,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input"}),
        error_messages={"required": f"{label}: choose a day.", "invalid": f"{label}: give a date, such as 9/12/2026."},
    )  # fmt: skip


def _time(label: str, *, required: bool = True) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=required, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "input"}),
        error_messages={"required": f"{label}: choose a time.", "invalid": f"{label}: give a time, such as 16:10."},
    )  # fmt: skip


def _choice(label: str, choices: Any = (), *, required: bool = True, hint: str = "", missing: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=choices, required=required, help_text=hint, widget=forms.Select(attrs={"class": "select"}),
        error_messages={"required": missing or f"{label}: choose one."},
    )  # fmt: skip


def _boxes(label: str, *, hint: str = "") -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, help_text=hint, widget=forms.CheckboxSelectMultiple(attrs={"class": "box"})
    )


def _minutes() -> forms.IntegerField:
    return forms.IntegerField(
        label="Minutes", min_value=5, max_value=240, initial=20, widget=forms.NumberInput(attrs={"class": "input input--short"})
    )


def colleagues(roles: Iterable[StaffRole]) -> Choices:
    """(number of the role, name and title) of everyone to whom something can be given."""
    return [(str(role.pk), f"{role.user.name}, {role.shown_title.lower()}") for role in roles]


def users(roles: Iterable[StaffRole]) -> Choices:
    return [(str(role.user_id), f"{role.user.name}, {role.shown_title.lower()}") for role in roles]


def parents(links: Iterable[PupilParent]) -> Choices:
    return [(str(link.parent_id), f"{link.parent.name}, {link.relationship}") for link in links]


class _Filled(forms.Form):
    """A form whose choices come with it: ``offers`` by field."""

    def __init__(self, *args: Any, offers: dict[str, Choices], **named: Any) -> None:
        super().__init__(*args, **named)
        for name, choices in offers.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]


class TaskByHandForm(_Filled):
    title = _text("What is to be done", missing="Say what is to be done.")
    kind = _choice("Kind", list(KINDS.items()))
    owner = _choice("By whom", missing="Choose who does it.")
    due_on = _date("Due on")


class ReasonForm(forms.Form):
    """A change that needs a reason, and nothing else."""

    reason = _words("Why", required=True, missing="Say why: it is kept with the case.")


class _WhenForm(_Filled):
    """A time from the school's own block, or another one with its place."""

    slot = _choice("A time that is offered", required=False, hint="Or give another time below.")
    date = _date("Date", required=False)
    time = _time("Time", required=False)
    minutes = _minutes()
    place = _text("Place", required=False, hint="As the letter names it: room 2, the main hall.")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("slot"):
            for name in ("date", "time", "place"):
                if not values.get(name) and name not in self.errors:
                    self.add_error(name, f"{self.fields[name].label}: fill it in, or choose a time that is offered.")
        return values

    def where(self, slots: Iterable[MeetingSlot], leader: User | None) -> Where:
        """The time and place that were chosen."""
        values = self.cleaned_data
        chosen = next((slot for slot in slots if str(slot.pk) == values["slot"]), None)
        if chosen:
            return Where.of(chosen)
        starts = dt.datetime.combine(values["date"], values["time"], tzinfo=LONDON)
        return Where(starts, values["minutes"], values["place"], leader)


class MeetingForm(_WhenForm):
    kind = _choice("Kind", Meeting.Kind.choices)
    stage = _choice("For the stage", required=False)
    led_by = _choice("Led by", required=False)
    parents = _boxes(
        "Parents who are invited", hint="Parents who come apart get a meeting each: untick one here, and plan a second."
    )
    colleagues = _boxes("Colleagues")
    others = _text("Others, by name or role", required=False, hint="Parted by commas: welfare officer, the pupil.")
    field_order = ("kind", "stage", "slot", "date", "time", "minutes", "place", "led_by", "parents", "colleagues", "others")

    @property
    def named(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["others"].split(",")]


class MoveForm(_WhenForm):
    seen = forms.IntegerField(widget=forms.HiddenInput)
    reason = _text("Why (optional)", required=False, longest=300)


OUTCOMES: Choices = [("held", "Held"), ("in_absence", "Held in the parents’ absence"), ("not_held", "Nobody came")]


class RecordForm(forms.Form):
    """How a meeting went: the outcome, and of each who was invited whether they came."""

    def __init__(self, *args: Any, attendees: Sequence[Attendee], **named: Any) -> None:
        super().__init__(*args, **named)
        self.attendees = [person for person in attendees if person.is_invited]
        self.fields["outcome"] = _choice("How did it go?", [("", "Choose"), *OUTCOMES], missing="Choose how the meeting went.")
        for person in self.attendees:
            self.fields[f"came-{person.pk}"] = _choice(attendee_name(person), Attendee.Came.choices)
            self.initial.setdefault(f"came-{person.pk}", Attendee.Came.CAME if person.user_id else Attendee.Came.ABSENT)
        self.fields["summary"] = _words("What was said")
        self.fields["agreed"] = _words("What was agreed, and by whom it is done")

    def came(self) -> dict[int, str]:
        return {person.pk: self.cleaned_data[f"came-{person.pk}"] for person in self.attendees}


def attendee_name(person: Attendee) -> str:
    return person.parent.name if person.parent else person.user.name if person.user else person.name


class VisitForm(_Filled):
    visited_on = _date("Day of the visit")
    visitor = _choice("Who went")
    accompanied_by = _text("Accompanied by", required=False, hint="Two go together where it can be arranged.")
    outcome = _choice("How did it go?", [("", "Choose"), *HomeVisit.Outcome.choices], missing="Choose how the visit went.")
    parent = _choice("Parent who was spoken to", required=False)
    note = _words("What was seen and said")
    next_step = _text("What comes next", required=False, longest=200)


class OfferForm(_Filled):
    kind = _choice("What was offered", [("", "Choose"), *SupportOffer.Kind.choices], missing="Choose what was offered.")
    detail = _text("What exactly", required=False, longest=200, hint="For other help, say what. Letters do not quote this.")
    offered_on = _date("Offered on")
    parent = _choice("To whom")
    answer = _choice("Answer", [("", "Not yet"), *SupportOffer.Answer.choices], required=False)
    field_order = ("kind", "detail", "offered_on", "parent", "answer")


class EndForm(forms.Form):
    ended_on = _date("Ended on")
    because = _text("Why (optional)", required=False, longest=200)


class DocumentForm(_Filled):
    file = forms.FileField(
        label="File", help_text="PDF, PNG, JPEG, Word (.docx) or plain text, 10 MB at most. What it is shows from its content.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty: choose it again."},
        widget=forms.ClearableFileInput(attrs={"class": "input"}),
    )  # fmt: skip
    title = _text("Title", missing="Give the document a title, so that others find it.")
    kind = _choice("Kind", missing="Choose what kind of document it is: how long it is kept follows from that.")
    parent = _choice("Brought by", required=False)
    meeting = _choice("For the meeting", required=False)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        years = [(key, f"{rule.name} (kept {rule.years} years)") for key, rule in retention().items()]
        self.fields["kind"].choices = [("", "Choose"), *years]  # type: ignore[attr-defined]


class BlockForm(_Filled):
    """A block of times on one day."""

    date = _date("Day")
    starts = _time("From")
    ends = _time("To")
    minutes = _minutes()
    break_from = _time("Break from", required=False)
    break_to = _time("to", required=False)
    place = _text("Place", hint="As the letter names it.", missing="Say where the meetings take place: the letters name it.")
    led_by = _choice("Led by", required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if bool(values.get("break_from")) != bool(values.get("break_to")):
            self.add_error("break_from", "Give both times of the break, or neither.")
        return values

    def block(self) -> Block:
        values = self.cleaned_data
        pause = ((values["break_from"], values["break_to"]),) if values["break_from"] else ()
        return Block(values["date"], values["starts"], values["ends"], values["minutes"], pause)


def slot_choices(slots: Iterable[MeetingSlot]) -> Choices:
    return [("", "Another time"), *((str(slot.pk), f"{day_and_time(slot.starts_at)}, {slot.place}") for slot in slots)]


def stage_choices(records: Iterable[StageRecord]) -> Choices:
    """Stages that stand, the latest first, and none."""
    standing = [record for record in records if record.state in StageRecord.STANDING and record.state != "passed_over"]
    return [*((str(record.pk), f"{record.stage}: {record.name}") for record in reversed(standing)), ("", "No stage")]


def when_of(meeting: Meeting) -> dict[str, Any]:
    """The meeting's time and place as the form has them."""
    starts = timezone.localtime(meeting.starts_at)
    return {
        "date": starts.date(),
        "time": starts.time(),
        "minutes": meeting.minutes,
        "place": meeting.place,
        "seen": meeting.moves,
    }
