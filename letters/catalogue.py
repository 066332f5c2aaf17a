"""The wordings that are shipped: one file a letter under ``wording/``, read, checked and kept as ``Wording``.

A file is a YAML head between two lines ``---`` and a body in the markup of ``letters.markup``. ``{{field}}`` merges a field of
``letters.fields``, ``{% if field %}``, ``{% elif %}``, ``{% else %}`` and ``{% endif %}`` choose, ``{{> snippet}}`` alone on a line takes a
text from ``wording/snippets``. Nothing else of a template language is let in. A school's own edited wording goes through the same
``parse_wording`` and meets the same checks; every fault is named with file, line, and the nearest name that is known.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from django.template import Engine, Template, TemplateSyntaxError
from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from letters.fields import MERGE_FIELDS
from letters.markup import TAG, to_html

FOLDER = Path(__file__).parent / "wording"
RULESETS = ("federation", "coventry", "vale", "wigston", "goldington", "national")
MESSAGE_LIMIT = 300
"""Characters of a merged message at most (wigston: weekly messages)."""

ENCLOSURES: dict[str, str] = {
    "certificate": "Attendance record",
    "support-slip": "Support slip",
    "contract-draft": "Draft of the attendance contract",
    "contract": "Attendance contract",
    "plan-draft": "Draft of the plan",
    "action-plan": "Action plan to sign",
    "attendance-guidance": "How school attendance works",
    "letters": "Copies of our letters",
}
"""Titles of what a wording may enclose, by key."""

MARKERS: dict[str, str] = {
    "figures": r"\{\{(missed|missed_sessions|percent|week_percent|period_percent)\}\}",
    "days": r"\{\{days_missed\}\}",
    "lessons": r"\{\{lessons_missed\}\}",
    "split": r"\{\{authorised\}\}[\s\S]*\{\{unauthorised\}\}",
    "contact": r"\{\{school_phone\}\}",
    "hours": r"\{\{office_hours\}\}",
    "meeting": r"\{\{meeting_date\}\}",
    "time": r"\{\{meeting_time\}\}",
    "place": r"\{\{meeting_place\}\}",
    "period": r"\{\{period_percent\}\}",
    "tried": r"\{\{support_tried\}\}",
    "help": r"\bhelp\b",
    "next": r"\bnext\b",
    "duty": r"section 7\b",
    "offence": r"section 444\b",
    "penalty": r"penalty notice",
    "prosecution": r"prosecut|\bcourt\b",
    "persistent": r"persistent(ly)? absen(t|ce)",
    "early-help": r"early help",
    "evidence": r"letter from|appointment card|prescription",
    "absence-of-parent": r"without you",
}
"""What a wording may promise to say (``says``), and the pattern that its source must hold for it."""

_SNIPPET = re.compile(r"^\{\{>\s*([a-z0-9-]+)\s*\}\}$", re.MULTILINE)
_IF = re.compile(r"\{%\s*(if|elif)\s+(.+?)\s*%\}")
_PLAIN_TAG = re.compile(r"\{%\s*(else|endif)\s*%\}")
_VALUE = re.compile(r"\{\{\s*([a-z0-9_]+)\s*\}\}")
_CONDITION_WORDS = frozenset({"and", "or", "not"})
_LISTS = frozenset(name for name, field_ in MERGE_FIELDS.items() if field_.kind == "list")


class WordingError(ValueError):
    """A wording that cannot be used. ``faults`` has one sentence each, with file and line, and what to do."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class FormField(BaseModel):
    """One field of a form: ``key`` into ``LetterFacts.record``."""

    model_config = ConfigDict(extra="forbid", strict=True)
    key: str
    label: str


class FormPart(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    heading: str
    fields: list[FormField]


class Head(BaseModel):
    """The YAML head of a wording file. ``signed_by``: in the policy's terms; ``asks``: fields that a person fills in before approval."""

    model_config = ConfigDict(extra="forbid", strict=True)
    title: str
    kind: Literal["letter", "message", "guide", "form", "leaflet"]
    signed_by: str
    encloses: list[str] = []
    may_enclose: list[str] = []
    legal: bool = False
    asks: list[str] = []
    says: list[str] = []
    closing: str = "With kind regards"
    parts: list[FormPart] = []


@dataclass(frozen=True, slots=True)
class Wording:
    """One letter's wording, checked. ``version`` is a short hash of all that it says, snippets included."""

    ruleset: str
    key: str
    head: Head
    source: str
    version: str
    body: Template = field(repr=False, compare=False)
    title: Template = field(repr=False, compare=False)

    @property
    def kind(self) -> str:
        return self.head.kind


@cache
def _engine() -> Engine:
    return Engine(autoescape=True)


@cache
def load_catalogue() -> dict[tuple[str, str], Wording]:
    """Every shipped wording by ruleset and key. Raises ``WordingError`` with the faults of all files at once."""
    found: dict[tuple[str, str], Wording] = {}
    faults: list[str] = []
    for ruleset in RULESETS:
        for path in sorted((FOLDER / ruleset).glob("*.md")):
            try:
                text = path.read_text(encoding="utf-8")
                found[ruleset, path.stem] = parse_wording(text, ruleset=ruleset, key=path.stem, file=f"{ruleset}/{path.name}")
            except WordingError as error:
                faults.extend(error.faults)
    if faults:
        raise WordingError(faults)
    return found


def wording_for(ruleset: str, key: str) -> Wording:
    """The ruleset's letter, or the national one of that key. Raises ``WordingError`` naming the nearest key where there is neither."""
    catalogue = load_catalogue()
    wording = catalogue.get((letters_of(ruleset), key)) or catalogue.get(("national", key))
    if wording is None:
        known = [name for of, name in catalogue if of in (letters_of(ruleset), "national")]
        raise WordingError([f"There is no letter {key!r} in the ladder {ruleset!r}.{_nearest(key, known)}"])
    return wording


def letters_of(ruleset: str) -> str:
    """Whose letters a ladder uses: a school's own ladder says it by the first word of its key ("coventry-oakfield": coventry's)."""
    return ruleset if ruleset in RULESETS else ruleset.partition("-")[0]


def has_wording(ruleset: str, key: str) -> bool:
    """Whether a ladder of that key finds a wording for the letter."""
    catalogue = load_catalogue()
    return (letters_of(ruleset), key) in catalogue or ("national", key) in catalogue


def parse_wording(text: str, *, ruleset: str, key: str, file: str) -> Wording:
    """The wording in ``text``, checked. ``file`` is how errors name it. Raises ``WordingError`` with every fault found."""
    head_text, body, first_line = _split(text, file)
    head = _head(head_text, file)
    faults = check_source(body, file=file, first_line=first_line)
    faults += check_source(head.title, file=file, first_line=2)
    if faults:
        raise WordingError(faults)
    source = _expand(body, file) + _signature(head)
    if faults := [*_head_faults(head, file), *_promise_faults(head, source, file)]:
        raise WordingError(faults)
    version = hashlib.sha256("\n".join((head.model_dump_json(), source)).encode()).hexdigest()[:12]
    return Wording(ruleset, key, head, source, version, _compile(to_html(source, _LISTS), file), _compile(head.title, file))


def check_source(source: str, *, file: str, first_line: int = 1) -> list[str]:
    """A sentence for each tag, field or snippet in ``source`` that is not let in or not known."""
    return [
        f"{file}, line {number}: {fault}"
        for number, line in enumerate(source.splitlines(), start=first_line)
        for fault in _line_faults(line)
    ]


def _line_faults(line: str) -> list[str]:
    if found := _SNIPPET.match(line.strip()):
        known = list(_snippets())
        return [] if found[1] in known else [f"there is no snippet {found[1]!r}.{_nearest(found[1], known)}"]
    faults = [fault for tag in TAG.findall(line) for fault in _tag_faults(tag)]
    if re.search(r"\{\{|\}\}|\{%|%\}|\{#", TAG.sub("", line)):
        faults.append("a tag is not closed on its line: write {{field}} or {% if field %} … {% endif %}.")
    return faults


def _tag_faults(tag: str) -> list[str]:
    if _PLAIN_TAG.fullmatch(tag):
        return []
    if condition := _IF.fullmatch(tag):
        names = [word for word in condition[2].split() if word not in _CONDITION_WORDS]
        return [fault for name in names for fault in _name_faults(name)]
    if value := _VALUE.fullmatch(tag):
        if (known := MERGE_FIELDS.get(value[1])) and known.kind == "flag":
            return [f"{value[1]!r} is only for {{% if {value[1]} %}}; it has no words of its own."]
        return _name_faults(value[1])
    return [f"{tag} is not let in a letter: only {{{{field}}}}, if, elif, else and endif are."]


def _name_faults(name: str) -> list[str]:
    return [] if name in MERGE_FIELDS else [f"there is no merge field {name!r}.{_nearest(name, list(MERGE_FIELDS))}"]


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" The nearest is {close[0]!r}." if close else ""


def _split(text: str, file: str) -> tuple[str, str, int]:
    """Head, body and the body's first line number."""
    match = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    if not match:
        raise WordingError([f"{file}, line 1: the file must begin with a head between two lines '---'."])
    return match[1], text[match.end() :], text[: match.end()].count("\n") + 1


def _head(text: str, file: str) -> Head:
    try:
        return Head.model_validate(YAML(typ="safe", pure=True).load(text))
    except YAMLError as error:
        raise WordingError([f"{file}: the head is not YAML: {error}"]) from error
    except ValidationError as error:
        faults = [f"{file}, head, {'.'.join(map(str, fault['loc']))}: {fault['msg']}." for fault in error.errors()]
        raise WordingError(faults) from error


@cache
def _snippets() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted((FOLDER / "snippets").glob("*.md"))}


def _expand(body: str, file: str) -> str:
    """The body with its snippets put in; a snippet may hold no further snippet."""
    snippets = _snippets()
    faults = [
        fault for name in _SNIPPET.findall(body) for fault in check_source(snippets[name], file=f"snippets/{name}.md (in {file})")
    ]
    if faults:
        raise WordingError(faults)
    return _SNIPPET.sub(lambda found: snippets[found[1]], body).strip()


def _signature(head: Head) -> str:
    return f"\n\n::: sign\n{head.closing}\n\n{{{{signer}}}}\\\n{{{{signer_role}}}}\n:::" if head.kind == "letter" else ""


def _head_faults(head: Head, file: str) -> list[str]:
    faults = [
        f"{file}, head: no enclosure is called {key!r}.{_nearest(key, list(ENCLOSURES))}"
        for key in (*head.encloses, *head.may_enclose)
        if key not in ENCLOSURES
    ]
    faults += [
        f"{file}, head: asks for {key!r}, which is not a field that a person fills in."
        for key in head.asks
        if not (key in MERGE_FIELDS and MERGE_FIELDS[key].fill)
    ]
    return faults


def _promise_faults(head: Head, source: str, file: str) -> list[str]:
    """Faults where the text does not hold what the head promises: ``says``, ``asks`` and ``legal``."""
    faults = [
        f"{file}, head: no content is called {name!r}.{_nearest(name, list(MARKERS))}"
        for name in head.says
        if name not in MARKERS
    ]
    faults += [
        f"{file}: the letter must say {name!r} (pattern {MARKERS[name]}), and does not."
        for name in head.says
        if name in MARKERS and not re.search(MARKERS[name], source, re.IGNORECASE)
    ]
    faults += [f"{file}: asks for {key!r} but never uses it." for key in head.asks if f"{{{{{key}}}}}" not in source]
    if head.legal != ("::: law" in source):
        faults.append(f"{file}: 'legal' in the head and the law block '::: law' in the body must go together.")
    return faults


def _compile(source: str, file: str) -> Template:
    try:
        return _engine().from_string(source)
    except TemplateSyntaxError as error:
        raise WordingError([f"{file}: {error}. Every {{% if %}} needs its {{% endif %}}."]) from error
