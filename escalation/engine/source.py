"""Reading a ruleset's YAML so that every part of it remembers its line.

Plain YAML 1.2 only: no aliases (a small file may otherwise unfold into a huge one), no tags, no key twice, not too deep, not too long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

LONGEST_FILE = 400_000
"""Characters; the shipped rulesets have about 20,000."""
DEEPEST = 24

Place = tuple[str | int, ...]
"""Where in the file: the keys and list positions that lead there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a ruleset: file, line (from 1; 0 where the file as a whole is meant), place and what was expected."""

    file: str
    line: int
    place: Place
    message: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        path = " > ".join(str(step + 1) if isinstance(step, int) else step for step in self.place)
        return f"{where} ({path}): {self.message}" if path else f"{where}: {self.message}"


class RulesetError(ValueError):
    """A ruleset that cannot be used. ``faults`` holds every fault found, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.line)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(slots=True)
class Source:
    """A file's plain data, the line of each place in it, and what was found wrong while reading."""

    file: str
    text: str
    data: object
    lines: dict[Place, int]
    faults: list[Fault]

    def line(self, place: Place) -> int:
        """Line of the nearest place that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def fault(self, place: Place, message: str) -> Fault:
        return Fault(self.file, self.line(place), place, message)


def read_source(text: str, file: str) -> Source:
    """Parse YAML; RulesetError with file and line where it is not plain YAML. Lesser faults are kept in ``faults`` of what is returned."""
    if len(text) > LONGEST_FILE:
        raise RulesetError(
            [Fault(file, 0, (), f"the file has {len(text):,} characters; a ruleset has at most {LONGEST_FILE:,}.")]
        )
    try:
        _refuse_aliases(text, file)
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise RulesetError([Fault(file, line, (), f"this is not readable as YAML: {error.problem}.")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise RulesetError([Fault(file, 0, (), f"this is not readable as YAML: {str(error).splitlines()[0]}.")]) from error
    reader = _Reader(file)
    data = reader.plain(node, ()) if node is not None else None
    return Source(file, text, data, reader.lines, reader.faults)


def read_text(path: Path) -> str:
    """The file's text; RulesetError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RulesetError([Fault(str(path), 0, (), f"the file cannot be read: {error.strerror or error}.")]) from error
    except UnicodeDecodeError as error:
        raise RulesetError([Fault(str(path), 0, (), "the file is not UTF-8 text; save it as UTF-8 and try again.")]) from error


def _refuse_aliases(text: str, file: str) -> None:
    """Stop at the first alias, and before nesting goes deeper than a ruleset ever is."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, AliasEvent):
            raise RulesetError([Fault(file, line, (), "aliases (*name) are not used in rulesets: write the part out again.")])
        name = type(event).__name__
        depth += name.endswith(("MappingStartEvent", "SequenceStartEvent"))
        depth -= name.endswith(("MappingEndEvent", "SequenceEndEvent"))
        if depth > DEEPEST:
            raise RulesetError([Fault(file, line, (), f"conditions are nested more than {DEEPEST} levels deep.")])


class _Reader:
    """Turns YAML nodes into plain data and notes the line of each."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Place, int] = {}
        self.faults: list[Fault] = []

    def plain(self, node: Node, place: Place) -> object:
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        return [self.plain(child, (*place, number)) for number, child in enumerate(node.value)]

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, object]:
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.faults.append(Fault(self.file, key_node.start_mark.line + 1, place, "a key is one word."))
                continue
            key = str(key_node.value)
            here = (*place, key)
            if key in data:
                self.faults.append(Fault(self.file, key_node.start_mark.line + 1, here, f"'{key}' stands twice here; keep one."))
                continue
            self.lines[here] = key_node.start_mark.line + 1
            data[key] = self.plain(value_node, here)
        return data

    def _scalar(self, node: ScalarNode, place: Place) -> object:
        kind = str(node.tag).rsplit(":", 1)[-1]
        try:
            return _SCALARS.get(kind, str)(node.value)
        except ValueError:
            self.faults.append(
                Fault(self.file, node.start_mark.line + 1, place, f"'{node.value}' is not a number that can be used.")
            )
            return None


def _whole(text: str) -> int:
    return int(text.replace("_", ""), 0 if text.lstrip("+-").startswith(("0x", "0o")) else 10)


def _finite(text: str) -> float:
    number = float(text.replace("_", ""))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_SCALARS = {
    "int": _whole,
    "float": _finite,
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
}
