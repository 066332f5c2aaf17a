"""The fields of a ladder's editor: how a stage, a rule and the rows of a condition stand in a form, and how they are read back.

A form is made from the draft's plain data, which may have faults, and gives values for the same places; what was not changed is given
back as it stood, so that the file is only touched where the person touched it. Whether a value can be is the parser's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from escalation.engine.conditions import CASE_CONDITIONS, MEASURES, NUMBERED_WINDOWS, OPERATORS, PLAIN_WINDOWS, STAGE_WINDOWS
from escalation.engine.schema import Action, StageSpec, WatchSpec
from escalation.engine.source import Fault, Place
from escalation.ruleset_text import FILE
from letters.catalogue import ENCLOSURES, letters_of, load_catalogue
from schools.models import Role

Choices = Sequence[tuple[str, str]]
WHAT: Choices = (
    ("missed", "sessions missed"),
    ("authorised", "sessions missed, authorised"),
    ("unauthorised", "sessions missed, unauthorised"),
    ("possible", "possible sessions"),
    ("attended", "sessions attended"),
    ("late", "late arrivals"),
    ("percent", "attendance in %"),
    ("days_absent", "whole school days missed"),
    ("days_with", "school days with these codes"),
    ("run_of_days", "school days in a row"),
    ("run_of_sessions", "sessions in a row"),
    ("age_of_mark", "school days that a code has stood"),
    ("best_possible", "best % still possible"),
    ("change", "week's change in % points"),
)
ON_THE_CASE: Choices = (
    ("done", "stage is done"),
    ("no_improvement_since", "no improvement since stage"),
    ("plan_ended", "plan or period ended of stage"),
    ("target_missed", "target missed of stage"),
    ("target_met", "target met of stage"),
    ("watch", "watch rule holds"),
)
WINDOWS: Choices = (
    ("", "no span"),
    ("half_term", "this half term"),
    ("any_half_term", "in any half term"),
    ("term", "this term"),
    ("year", "this year"),
    ("previous_year", "last year"),
    ("monitoring", "in the present plan or period"),
    ("weeks", "in weeks (number)"),
    ("school_weeks", "in school weeks (number)"),
    ("school_days", "in school days (number)"),
    ("since", "since stage (which)"),
    ("from_half_term_of", "from the half term of stage (which)"),
)
COMPARED: Choices = (("at_least", "at least"), ("more_than", "more than"), ("below", "below"), ("at_most", "at most"))
CADENCE: Choices = (("", "as the ladder"), ("daily", "daily"), ("weekly", "weekly"))
ROLES: Choices = [(key, str(title)) for key, title in Role.choices if key not in ("governor", "administrator")]
ACTIONS: Choices = [(kind, kind.capitalize()) for kind in Action.model_fields["kind"].annotation.__args__]  # type: ignore[union-attr]
PERIODS: Choices = (("", "plan"), ("plan", "plan"), ("contract", "contract"), ("monitoring", "monitoring period"))
REOPENS: Choices = (
    ("", "once it has failed to hold for a while"),
    ("after_days", "once it has failed to hold for a while"),
    ("each_year", "the same, and afresh each year"),
    ("each_new_period", "with each new period of these codes"),
    ("each_period_met", "once for each period with its target met"),
)
JOINTS: Choices = (("all", "All of these"), ("any", "Any of these"))
assert {key for key, _ in WHAT} == set(MEASURES) and {key for key, _ in ON_THE_CASE} == set(CASE_CONDITIONS)
assert {key for key, _ in WINDOWS if key} == {*PLAIN_WINDOWS, *NUMBERED_WINDOWS, *STAGE_WINDOWS}
assert {key for key, _ in COMPARED} == set(OPERATORS)
assert "acts" in StageSpec.model_fields and "who" in WatchSpec.model_fields


@dataclass(frozen=True, slots=True)
class Field:
    """One field: ``name`` is its place below the part ("actions.0.kind"); ``kind``: text, area, lines, select, check, many."""

    name: str
    label: str
    kind: str
    value: Any
    choices: Choices = ()
    hint: str = ""
    faults: tuple[str, ...] = ()

    @property
    def known(self) -> list[str]:
        """The values of the choices."""
        return [value for value, _ in self.choices]

    @property
    def id(self) -> str:
        return f"id_{self.name.replace('.', '_')}"


@dataclass(frozen=True, slots=True)
class Row:
    """One node of a condition: a row of fields, or a group with ``parts``. ``words``: its number for people ("2", "2.1")."""

    path: str
    words: str
    joint: str = ""
    parts: tuple[Row, ...] = ()
    fields: tuple[Field, ...] = ()
    faults: tuple[str, ...] = ()
    is_first: bool = True
    is_last: bool = True

    @property
    def is_root(self) -> bool:
        return self.path == "when"


@dataclass(frozen=True)
class Offered:
    """What the selects offer: the draft's own stages, bands, numbers and watch rules, and the letters of its key."""

    stages: list[str]
    bands: Choices
    numbers: Choices
    yes_or_no: Choices
    watch: list[str]
    letters: Choices

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Offered:
        parameters = data["parameters"] if isinstance(data.get("parameters"), dict) else {}
        values = {name: given.get("value") for name, given in parameters.items() if isinstance(given, dict)}
        return cls(
            stages=[str(stage.get("id", "")) for stage in maps_of(data.get("stages"))],
            bands=[(str(band.get("id")), str(band.get("name"))) for band in maps_of(data.get("bands"))],
            numbers=[(name, f"{value}") for name, value in values.items() if not isinstance(value, bool)],
            yes_or_no=[
                (name, f"as “{name}” says: {'yes' if value else 'no'}")
                for name, value in values.items()
                if isinstance(value, bool)
            ],
            watch=[str(rule.get("id", "")) for rule in maps_of(data.get("watch"))],
            letters=letter_choices(str(data.get("key", ""))),
        )


def letter_choices(key: str) -> Choices:
    """The letters that a ladder of that key may name, its own before the national ones."""
    catalogue, own = load_catalogue(), letters_of(key)
    found = [(of, name, wording) for (of, name), wording in catalogue.items() if of in (own, "national")]
    found.sort(key=lambda each: (each[0] == "national", each[1]))
    return [(name, f"{name} ({'national ' if of == 'national' else ''}{wording.kind})") for of, name, wording in found]


def maps_of(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def place_of(path: str) -> Place:
    """The place that a field's name stands for: "actions.0.kind" is ("actions", 0, "kind")."""
    return tuple(int(step) if step.isdigit() else step for step in path.split(".") if step)


class PartForm:
    """The editor of one part: a stage, a rule, a prompt, a checklist, or the carry-over, which is one alone.

    ``place``: where it stands, ("stages", 2) or ("carry_over",); ``faults``: of the whole draft.
    """

    def __init__(self, data: Mapping[str, Any], place: Place, faults: Iterable[Fault] = ()) -> None:
        self.part = str(place[0])
        self.number = int(place[1]) if len(place) > 1 else 0
        self.item: dict[str, Any] = _look(data, place)
        self.offered = Offered.of(data)
        self.depth = len(place)
        self.faults = [fault for fault in faults if fault.place[: self.depth] == place]
        self.has_condition = self.part not in ("prompts", "checklists")

    # What is shown

    @property
    def fields(self) -> list[Field]:
        """What stands above the condition."""
        return [self._field(*each) for each in self._above()]

    @property
    def words(self) -> list[Field]:
        """The texts that people read."""
        return [self._field(*each) for each in self._texts()]

    @property
    def actions(self) -> list[tuple[str, list[Field]]]:
        given = self.item.get("actions")
        rows = given if self.part == "stages" and isinstance(given, list) else []
        return [
            (f"actions.{number}", [self._field(f"actions.{number}.{name}", *rest) for name, *rest in self._action()])
            for number in range(len(rows))
        ]

    @property
    def condition(self) -> Row:
        return self._row("when", "", self.item.get("when"), True, True)

    @property
    def general(self) -> list[str]:
        """Faults of this part that no field of the form shows."""
        shown = {field.name for field in (*self.fields, *self.words)}
        shown |= {each.name for _, fields in self.actions for each in fields}
        return [
            said(fault)
            for fault in self.faults
            if not any(_is_below(self._below(fault), name) for name in shown)
            and not (self.has_condition and _is_below(self._below(fault), "when"))
        ]

    def _below(self, fault: Fault) -> Place:
        """The fault's place below the part."""
        return fault.place[self.depth :]

    def _field(self, name: str, label: str, kind: str, choices: Choices = (), hint: str = "") -> Field:
        value = _shown(_look(self.item, place_of(name)), kind, name)
        if kind == "select" and value and value not in [key for key, _ in choices]:
            choices = [*choices, (value, f"{value} (not known)")]
        faults = tuple(fault.message for fault in self.faults if _is_below(self._below(fault), name))
        return Field(name, label, kind, value, choices, hint, faults)

    def _above(self) -> Iterator[tuple[Any, ...]]:
        if self.part != "carry_over":
            yield "id", "Number or short word", "text", (), "As in the policy: 3, clinic"
            yield "name", "Name", "text"
        yield from ABOVE[self.part](self)

    def _of_stage(self) -> Iterator[tuple[Any, ...]]:
        earlier = [(stage, stage) for stage in self.offered.stages[: self.number]]
        yield "short", "Short name", "text", (), "Up to 40 characters"
        yield "band", "Band", "select", self.offered.bands
        yield "acts", "Who acts", "select", ROLES
        yield "approves", "Who agrees before anything leaves", "select", [("", "nobody else"), *ROLES]
        yield "judged", "Judged", "select", CADENCE
        yield "needs", "Stages that must be done before", "many", earlier
        passed = [("", "no"), ("true", "yes"), *self.offered.yes_or_no]
        yield "may_be_passed_over", "May be passed over", "select", passed
        yield "waits_for_gap", "Waits for the gap after another stage", "check"
        yield "begins_period", "Begins a plan or period of (weeks)", "text", (), "A number, the name of one, or empty"
        yield "period_is", "It is a", "select", PERIODS[1:] if self.item.get("period_is") else [PERIODS[0], *PERIODS[2:]]

    def _of_watch(self) -> Iterator[tuple[Any, ...]]:
        yield "who", "Who sees to it", "select", ROLES
        yield "reopens", "Can open again", "select", self._reopens()
        yield "period_codes", "Codes of such a period", "text", (), "I, for instance; only for “each new period”"
        yield "compulsory_age_only", "Only for pupils of compulsory school age", "check"

    def _of_recovery(self) -> Iterator[tuple[Any, ...]]:
        yield "who", "Who sees to it", "select", ROLES
        yield "reopens", "Can open again", "select", self._reopens()
        yield "stages", "Stages whose periods are meant", "many", self._every_stage
        yield "letter", "Letter", "select", [("", "none"), *self.offered.letters]
        yield "judged", "Judged", "select", CADENCE

    def _of_carry_over(self) -> Iterator[tuple[Any, ...]]:
        yield "stages", "Stages that count as done in the next year", "many", self._every_stage
        yield "letter", "Letter", "select", [("", "none"), *self.offered.letters]

    def _of_prompt(self) -> Iterator[tuple[Any, ...]]:
        yield "who", "Who sees to it", "select", ROLES

    def _of_checklist(self) -> Iterator[tuple[Any, ...]]:
        yield "after_stage", "After stage", "select", self._every_stage
        yield "after_terms", "Terms after it was done", "text", (), "0 to 6; 0 is at once"

    @property
    def _every_stage(self) -> Choices:
        return [(stage, stage) for stage in self.offered.stages]

    def _reopens(self) -> Choices:
        known = ("after_days", "each_period_met") if self.part == "recovery" else ("after_days", "each_year", "each_new_period")
        return [(key, words) for key, words in REOPENS if key in known and (key != "after_days" or self.item.get("reopens"))] + (
            [] if self.item.get("reopens") else [REOPENS[0]]
        )

    def _texts(self) -> Iterator[tuple[Any, ...]]:
        yield "clause", "Its place in the policy", "text"
        for name, label in TEXTS[self.part]:
            yield name, label, "area"
        if self.part == "checklists":
            yield "steps", "Steps", "lines", (), "One on each line"
        if self.part in ("stages", "watch", "recovery"):
            yield "open", "What the policy leaves open, and what we use", "lines", (), "One on each line"

    def _action(self) -> Iterator[tuple[Any, ...]]:
        yield "kind", "What is done", "select", ACTIONS
        yield "letter", "Letter or guide", "select", [("", "none"), *self.offered.letters]
        yield "encloses", "Encloses", "select", [("", "nothing"), *ENCLOSURES.items()]
        yield "due_days", "Due in school days", "text"
        yield "repeats", "Repeats", "select", (("", "once"), ("weekly", "weekly"))
        yield "when_asked", "Only when asked for", "check"
        yield "note", "Note", "text"

    def _row(self, path: str, words: str, node: object, is_first: bool, is_last: bool) -> Row:
        joint = joint_of(node)
        ends = {"is_first": is_first, "is_last": is_last}
        if joint == "not":
            inner = self._row(f"{path}.not", f"{words}.not".strip("."), node["not"], True, True)  # type: ignore[index]
            return Row(path, words, joint, (inner,), (), self._own_faults(path), **ends)
        if joint:
            parts = node[joint]  # type: ignore[index]
            rows = tuple(
                self._row(f"{path}.{joint}.{at}", f"{words}.{at + 1}".strip("."), part, at == 0, at == len(parts) - 1)
                for at, part in enumerate(parts)
            )
            return Row(path, words, joint, rows, (), self._own_faults(path), **ends)
        leaf = leaf_fields(node if isinstance(node, dict) else {})
        faults = tuple(fault.message for fault in self.faults if _is_below(self._below(fault), path))
        return Row(path, words, "", (), tuple(self._leaf(path, leaf)), faults, **ends)

    def _own_faults(self, path: str) -> tuple[str, ...]:
        return tuple(fault.message for fault in self.faults if self._below(fault) == place_of(path))

    def _leaf(self, path: str, leaf: Mapping[str, str]) -> Iterator[Field]:
        yield Field(f"{path}.what", "What", "what", leaf["what"])
        yield Field(f"{path}.window", "Over", "select", leaf["window"], WINDOWS)
        yield Field(f"{path}.of", "How many, or which", "short", leaf["of"])
        yield Field(f"{path}.codes", "Codes", "short", leaf["codes"])
        yield Field(f"{path}.op", "Is", "select", leaf["op"], [("", "–"), *COMPARED])
        yield Field(f"{path}.threshold", "Number, or its name", "number", leaf["threshold"])
        yield Field(f"{path}.judged", "Judged", "select", leaf["judged"], CADENCE)
        yield Field(f"{path}.through", "Closes after next term", "check", leaf["through"] == "yes")

    # What is read back

    def changes(self, posted: Mapping[str, Any], many: Callable[[str], list[str]]) -> list[tuple[Place, object]]:
        """Each place below the part whose value the person changed, with the new one (None: taken away)."""
        found = []
        for each in (*self.fields, *self.words, *(each for _, fields in self.actions for each in fields)):
            given = many(each.name) if each.kind == "many" else posted.get(each.name, "")
            if _as_posted(each) != (given if isinstance(given, list) else given.replace("\r\n", "\n").strip()):
                found.append((place_of(each.name), _value(each, given)))
        return [*found, *(self._condition_changes(self.condition, posted) if self.has_condition else ())]

    def _condition_changes(self, row: Row, posted: Mapping[str, Any]) -> Iterator[tuple[Place, object]]:
        for part in row.parts:
            yield from self._condition_changes(part, posted)
        if row.joint:
            return
        before = {each.name.rsplit(".", 1)[-1]: each.value for each in row.fields}
        before["through"] = "yes" if before["through"] else ""
        now = {name: str(posted.get(f"{row.path}.{name}", "")).strip() for name in before}
        if now != before:
            yield place_of(row.path), leaf_from(now)


ABOVE: Mapping[str, Callable[[PartForm], Iterator[tuple[Any, ...]]]] = {
    "stages": PartForm._of_stage,
    "watch": PartForm._of_watch,
    "recovery": PartForm._of_recovery,
    "carry_over": PartForm._of_carry_over,
    "prompts": PartForm._of_prompt,
    "checklists": PartForm._of_checklist,
}
"""What stands above the condition, by the part."""
TEXTS: Mapping[str, Choices] = {
    "stages": (
        ("what_school_does", "What the school does"),
        ("what_family_can_do", "What the family can do"),
        ("what_brings_back", "What brings a pupil back"),
    ),
    "watch": (("what_to_do", "What to do"),),
    "recovery": (("what_to_do", "What to do"),),
    "carry_over": (("note", "What it means"),),
    "prompts": (("text", "What is asked"),),
    "checklists": (),
}


def said(fault: Fault) -> str:
    """A fault with where it is, for a list."""
    return str(fault).removeprefix(f"{FILE}, ").removeprefix(f"{FILE}: ").removeprefix(FILE).strip()


def _is_below(place: Place, name: str) -> bool:
    path = place_of(name)
    return place[: len(path)] == path


def _look(item: Any, place: Place) -> Any:
    step: Any
    for step in place:
        if not (isinstance(item, dict) and step in item) and not (
            isinstance(item, list) and isinstance(step, int) and step < len(item)
        ):
            return None
        item = item[step]
    return item


def _shown(value: Any, kind: str, name: str) -> Any:
    if kind == "check":
        return value is not False if name == "waits_for_gap" else value is True
    if kind == "many":
        return [str(each) for each in value] if isinstance(value, list) else []
    if isinstance(value, list):
        return ("\n" if kind == "lines" else " ").join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else str(value)


def _as_posted(each: Field) -> object:
    """What a browser sends for the field when nobody touches it."""
    if each.kind == "check":
        return "yes" if each.value else ""
    return each.value if each.kind == "many" else str(each.value).strip()


def _value(each: Field, given: str | list[str]) -> object:
    """What stands in the file for what was entered."""
    name = each.name.rsplit(".", 1)[-1]
    if isinstance(given, list):
        return given or None
    given = given.strip()
    if each.kind == "check":
        return bool(given) if bool(given) != (name == "waits_for_gap") else None
    if not given:
        return None
    if each.kind == "lines":
        return [line.strip() for line in given.splitlines() if line.strip()]
    if name == "period_codes":
        return given.replace(",", " ").split()
    if name == "may_be_passed_over":
        return True if given == "true" else given
    return number_or_name(given) if name in ("begins_period", "due_days", "after_terms") else given.replace("\r\n", "\n")


def number_or_name(text: str) -> int | float | str:
    """8, 97.5, or the name of a parameter."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if abs(number) < 1e9 else text


def joint_of(node: object) -> str:
    """ "all", "any" or "not" for a group, otherwise empty."""
    if not isinstance(node, dict):
        return ""
    if "not" in node:
        return "not"
    return next((joint for joint, _ in JOINTS if isinstance(node.get(joint), list)), "")


def leaf_fields(leaf: Mapping[str, Any]) -> dict[str, str]:
    """A comparison or case condition as the fields of a row."""
    fields = dict.fromkeys(("what", "window", "of", "codes", "op", "threshold", "judged", "through"), "")
    fields["judged"] = str(leaf.get("judged") or "")
    case = next((name for name in CASE_CONDITIONS if name in leaf), None)
    if case:
        return fields | {"what": case, "of": text_of(leaf[case])}
    window = leaf.get("window")
    fields |= {"what": text_of(leaf.get("measure")), "window": text_of(window) if not isinstance(window, dict) else ""}
    if isinstance(window, dict):
        kind = next((name for name in (*NUMBERED_WINDOWS, *STAGE_WINDOWS) if name in window), "")
        fields |= {"window": kind, "of": text_of(window.get(kind)), "through": "yes" if window.get("through") else ""}
    codes = leaf.get("codes")
    fields["codes"] = " ".join(map(str, codes)) if isinstance(codes, list) else text_of(codes)
    op = next((name for name in OPERATORS if name in leaf), "")
    return fields | {"op": op, "threshold": text_of(leaf.get(op))}


def text_of(value: object) -> str:
    return "" if value is None else str(value)


def leaf_from(fields: Mapping[str, str]) -> dict[str, Any]:
    """The comparison or case condition that a row's fields say; what is missing or does not fit is the parser's to name."""
    what, judged = fields["what"], {"judged": fields["judged"]} if fields["judged"] else {}
    if what in CASE_CONDITIONS:
        return {what: fields["of"] if what == "watch" else _stage(fields["of"]), **judged}
    leaf: dict[str, Any] = {"measure": what}
    if codes := fields["codes"].replace(",", " ").split():
        leaf["codes"] = codes
    if fields["window"] in (*NUMBERED_WINDOWS, *STAGE_WINDOWS):
        of = fields["of"]
        leaf["window"] = {fields["window"]: _stage(of) if fields["window"] in STAGE_WINDOWS else number_or_name(of)}
        if fields["through"]:
            leaf["window"]["through"] = "next_term"
    elif fields["window"]:
        leaf["window"] = fields["window"]
    if fields["op"]:
        leaf[fields["op"]] = number_or_name(fields["threshold"]) if fields["threshold"] else None
    return leaf | judged


def _stage(text: str) -> int | str:
    return int(text) if text.isdigit() else text
