"""The form of a ladder's named numbers: changing them, adding one, and what each is used for, since only an unused one can go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from desk.rule_forms import Field, number_or_name, text_of
from desk.words import stage_label
from escalation.engine.crosscheck import REQUIRED_FOR_STAGES, REQUIRED_PARAMETERS
from escalation.engine.source import Fault, Place
from escalation.ruleset_text import uses_of_number

READ_BY_NAME = {**REQUIRED_PARAMETERS, **REQUIRED_FOR_STAGES}
"""Numbers that every ladder needs, used or not."""
STATED_BY_LETTERS = ("school_expectation",)
"""Numbers that no condition needs and that letters state."""
KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def title_of(name: str) -> str:
    """A number's name as people read it."""
    return name.replace("_", " ").capitalize()


def part_in_words(data: Mapping[str, Any], place: Place) -> str:
    """What stands at the beginning of a place: "stage 3", "“Away three days”", "the carry-over"."""
    if place[0] == "carry_over":
        return "the carry-over"
    item = data[str(place[0])][place[1]]
    return stage_label(str(item.get("id", ""))).lower() if place[0] == "stages" else f"“{item.get('name') or item.get('id')}”"


def in_a_row(words: Sequence[str]) -> str:
    """Words as a list in a sentence, each once."""
    once = list(dict.fromkeys(words))
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} and {once[-1]}"


def why_kept(data: Mapping[str, Any], name: str) -> str:
    """Why a number cannot be removed, as a sentence; empty where nothing uses it."""
    if name in READ_BY_NAME:
        return "Every ladder needs it."
    if name in STATED_BY_LETTERS:
        return "Letters state it."
    if uses := uses_of_number(dict(data), name):
        return f"It is used by {in_a_row([part_in_words(data, place) for place in uses])}."
    return ""


@dataclass
class NumbersForm:
    """The ladder's named numbers: value, unit and what it means. ``faults``: of the whole draft, then of what was entered."""

    data: Mapping[str, Any]
    faults: Sequence[Fault] = ()
    posted: Mapping[str, str] | None = None
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        given = self.data.get("parameters")
        return {name: each for name, each in given.items() if isinstance(each, dict)} if isinstance(given, dict) else {}

    def rows(self) -> Iterator[dict[str, Any]]:
        for name, each in self.parameters.items():
            faults = [fault.message for fault in self.faults if fault.place[:2] == ("parameters", name)]
            yes_or_no = isinstance(each.get("value"), bool)
            shown = {key: text_of(each.get(key)) for key in ("unit", "note")} | {"value": _words(each.get("value"))}
            shown["open"] = "yes" if each.get("open") is True else ""
            shown |= {key: self.posted.get(f"{name}.{key}", value) for key, value in shown.items()} if self.posted else {}
            wrong = [self.wrong[name]] if name in self.wrong else faults
            kept = why_kept(self.data, name)
            yield {"name": name, "title": title_of(name), "faults": wrong, "yes_or_no": yes_or_no, "kept": kept, **shown}

    def changes(self, posted: Mapping[str, str]) -> list[tuple[Place, object]]:
        """Each place whose value was changed; ``wrong`` names what cannot be a number."""
        self.posted = posted
        found: list[tuple[Place, object]] = []
        for row in list(NumbersForm(self.data).rows()):
            for key in ("value", "unit", "note", "open"):
                given = str(posted.get(f"{row['name']}.{key}", row[key])).strip()
                if given != str(row[key]).strip():
                    found.append((("parameters", row["name"], key), self._entered(row, key, given)))
        return found

    def _entered(self, row: Mapping[str, Any], key: str, given: str) -> object:
        if key == "open":
            return True if given else None
        return self._value(row, given) if key == "value" else given

    def _value(self, row: Mapping[str, Any], given: str) -> object:
        if row["yes_or_no"]:
            return given == "yes"
        number = number_or_name(given)
        if isinstance(number, str) or number != number:
            self.wrong[row["name"]] = f"{row['title']}: give a number, such as {row['value'] or 5}; “{given}” is none."
        return number


def _words(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else text_of(value)


@dataclass
class NewNumber:
    """A number to be added. ``taken``: the names that there are."""

    taken: Sequence[str]
    posted: Mapping[str, str] | None = None
    wrong: dict[str, str] = field(default_factory=dict)
    ASKED: ClassVar = (
        ("key", "Name", "text", "Letters and digits: first letter"),
        ("value", "We use", "text", "A number, or yes or no"),
        ("unit", "Unit", "text", "sessions, weeks, %"),
        ("note", "What it means", "area", "Where the policy leaves it open: what we use, and why"),
        ("open", "The policy leaves it open", "check", ""),
    )

    def given(self, name: str) -> str:
        return str(self.posted.get(f"new.{name}", "")).strip() if self.posted else ""

    @property
    def fields(self) -> list[Field]:
        return [
            Field(f"new.{name}", label, kind, self.given(name), (), hint, (self.wrong[name],) if name in self.wrong else ())
            for name, label, kind, hint in self.ASKED
        ]

    @property
    def key(self) -> str:
        """The name as it stands in the file: "First letter" is first_letter."""
        return "_".join(self.given("key").lower().split())

    def parameter(self) -> dict[str, object] | None:
        """What is added, or None where ``wrong`` says why not."""
        self.wrong = dict(self._faults())
        if self.wrong:
            return None
        found = {"value": self._value(), "unit": self.given("unit"), "note": self.given("note")}
        return found | ({"open": True} if self.given("open") else {})

    def _value(self) -> object:
        given = self.given("value").lower()
        return given == "yes" if given in ("yes", "no") else number_or_name(given)

    def _faults(self) -> Iterator[tuple[str, str]]:
        if not KEY.fullmatch(self.key):
            yield (
                "key",
                "Give it a name of letters a to z and digits that begins with a letter, such as first letter; at most 40.",
            )
        elif self.key in self.taken:
            yield "key", f"There is a number called “{title_of(self.key)}” already: change that one, or choose another name."
        value = self._value()
        if isinstance(value, str) or value != value:
            yield "value", f"Give a number, or yes or no; “{self.given('value')}” is none."
        if not self.given("unit"):
            yield "unit", "Say what is counted: sessions, weeks, %."
        if not self.given("note"):
            yield "note", "Say what it means, and where the policy leaves it open what we use."
