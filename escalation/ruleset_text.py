"""Changing a ruleset file without rewriting it: every edit keeps the comments, the order and the quotes of all that it does not touch.

A place is the path of keys and list positions as faults give it (``engine.source``). Nothing here asks whether the result is a ladder:
``faults_of`` says what is wrong with it, since a draft may stand half-written.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from escalation.engine.conditions import NUMBERED_WINDOWS, OPERATORS
from escalation.engine.ruleset import Ruleset, parse_ruleset
from escalation.engine.source import Fault, Place, RulesetError, read_source

FILE = "the draft"
"""What faults call a text that has no file name."""
UNFIT = "This text cannot be changed field by field until it reads as a ruleset: mend it under “As text”."


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def faults_of(text: str, file: str = FILE) -> tuple[Ruleset | None, list[Fault]]:
    """The ladder, or what is wrong with the text; one of the two is always empty."""
    try:
        return parse_ruleset(text, file), []
    except RulesetError as error:
        return None, error.faults


def plain(text: str) -> dict[str, Any]:
    """The file's plain data as far as it reads as one; empty where it is not YAML at all."""
    try:
        data = read_source(text, FILE).data
    except RulesetError:
        return {}
    return data if isinstance(data, dict) else {}


def edited(text: str, change: Callable[[CommentedMap], None]) -> str:
    """``text`` after ``change``. Raises ValueError with a sentence where the text cannot be changed so."""
    read_source(text, FILE)
    try:
        data = _round_trip().load(text)
    except YAMLError as error:
        raise ValueError(UNFIT) from error
    if not isinstance(data, CommentedMap):
        raise ValueError(UNFIT)
    change(data)
    written = io.StringIO()
    _round_trip().dump(data, written)
    return written.getvalue()


def at(data: Any, place: Place) -> Any:
    """What stands at a place. Raises ValueError where nothing does."""
    for step in place:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError("That part of the draft is no longer there: load the page again.") from error
    return data


def write(data: CommentedMap, place: Place, value: object) -> None:
    """Puts a value at a place; None takes the key away. What is already so is left as it is written."""
    parent, last = at(data, place[:-1]), place[-1]
    if value is None:
        if isinstance(parent, dict):
            parent.pop(last, None)
        return
    if isinstance(parent, dict) and last in parent and _same(parent[last], value):
        return
    if not isinstance(parent, dict):
        at(parent, (last,))
    below = _take_what_follows(parent) if last not in parent else None
    parent[last] = _in_one_line(value)
    _put_what_follows(parent, below)


def _same(old: object, new: object) -> bool:
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _in_one_line(value: object) -> object:
    """Short lists and maps stand on one line, as they do in the shipped files."""
    if isinstance(value, dict):
        mapped = CommentedMap({key: _in_one_line(part) for key, part in value.items()})
        if not any(isinstance(part, list) and any(isinstance(each, dict) for each in part) for part in value.values()):
            mapped.fa.set_flow_style()
        return mapped
    if isinstance(value, list):
        listed = CommentedSeq([_in_one_line(part) for part in value])
        if not any(isinstance(part, dict | list) or (isinstance(part, str) and len(part) > 40) for part in value):
            listed.fa.set_flow_style()
        return listed
    return value


def add(data: CommentedMap, place: Place, value: object, at_position: int | None = None) -> int:
    """Adds to the list at a place (made where there is none); gives the position."""
    parent = at(data, place[:-1])
    if isinstance(parent, dict) and not isinstance(parent.get(place[-1]), list):
        parent[place[-1]] = CommentedSeq()
    listed = at(data, place)
    if isinstance(listed, CommentedSeq) and isinstance(value, dict):
        listed.fa.set_block_style()
    position = len(listed) if at_position is None else min(at_position, len(listed))
    below = _take_what_follows(listed) if position == len(listed) else None
    listed.insert(position, _block(value))
    _put_what_follows(listed, below)
    return position


def _block(value: object) -> object:
    """A part of its own (a stage, a rule) stands on lines of its own; a row of a condition on one."""
    if isinstance(value, dict) and "id" in value:
        return CommentedMap({key: _in_one_line(part) for key, part in value.items()})
    return _in_one_line(value)


def remove(data: CommentedMap, place: Place) -> None:
    """Takes an item out of its list, or a key out of its map; a list without items goes with its last one."""
    parent = at(data, place[:-1])
    at(parent, place[-1:])
    below = _take_what_follows(parent) if place[-1] == _last_key(parent) else None
    del parent[place[-1]]
    _put_what_follows(parent, below)
    if isinstance(parent, list) and not parent and len(place) == 2:
        del data[place[0]]


def _last_key(parent: Any) -> Any:
    keys = list(parent) if isinstance(parent, dict) else range(len(parent))
    return keys[-1] if keys else None


def _last_leaf(parent: Any) -> tuple[Any, Any]:
    """The map or list, and the key in it, at which ruamel keeps the blank line and the comments below ``parent``."""
    last = _last_key(parent)
    inner = parent[last] if last is not None else None
    is_block = isinstance(inner, CommentedMap | CommentedSeq) and inner and not inner.fa.flow_style()
    return _last_leaf(inner) if is_block else (parent, last)


def _slot(parent: Any) -> int:
    return 2 if isinstance(parent, CommentedMap) else 0


def _take_what_follows(parent: Any) -> Any:
    """The blank line and the comments below a part, which belong to what comes next; None where there are none."""
    if not isinstance(parent, CommentedMap | CommentedSeq):
        return None
    holder, last = _last_leaf(parent)
    kept = holder.ca.items.get(last)
    token = kept[_slot(holder)] if kept else None
    if token is None or not token.value.startswith("\n"):
        return None
    kept[_slot(holder)] = None
    return token


def _put_what_follows(parent: Any, token: Any) -> None:
    if token is None or not parent:
        return
    holder, last = _last_leaf(parent)
    holder.ca.items.setdefault(last, [None, None, None, None])[_slot(holder)] = token


def move(data: CommentedMap, place: Place, step: int) -> None:
    """Moves an item of a list up (-1) or down (1); at the end of the list it stays."""
    listed, position = at(data, place[:-1]), place[-1]
    at(listed, (position,))
    if not isinstance(listed, list) or not isinstance(position, int):
        raise ValueError("Only the items of a list can be moved.")
    target = position + step
    if 0 <= target < len(listed):
        listed[position], listed[target] = listed[target], listed[position]


def place_part(data: CommentedMap, key: str, value: dict[str, Any], before: tuple[str, ...] = ()) -> None:
    """Puts a part that stands by itself (the carry-over, a named number's list) into the file: ahead of the first of ``before`` that is
    there, otherwise at the end. One that is there already stays as it is."""
    if isinstance(data.get(key), dict):
        return
    data.pop(key, None)
    keys = list(data)
    position = min((keys.index(each) for each in before if each in data), default=len(keys))
    data.insert(position, key, CommentedMap({name: _in_one_line(part) for name, part in value.items()}))


# What is used where

NAMES_A_NUMBER = frozenset({*OPERATORS, *NUMBERED_WINDOWS, "begins_period", "may_be_passed_over"})
"""Keys whose value may be the name of a parameter."""


def uses_of_number(data: dict[str, Any], name: str) -> list[Place]:
    """Every place at which the draft names the parameter; in the order of the file."""
    return [place for place, value in _in_parts(data) if place[-1] in NAMES_A_NUMBER and value == name]


def uses_of_band(data: dict[str, Any], band: str) -> list[Place]:
    """The stages that stand in the band."""
    return [place for place, value in _in_parts(data) if place[:1] == ("stages",) and place[2:] == ("band",) and value == band]


def _in_parts(data: dict[str, Any]) -> Iterator[tuple[Place, object]]:
    """What stands in the stages, the rules and the carry-over, as far as they have the shape of such."""
    for part in ("stages", "watch", "recovery"):
        listed = data.get(part)
        for number, item in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(item, dict):
                yield from _leaves(item, (part, number))
    if isinstance(data.get("carry_over"), dict):
        yield from _leaves(data["carry_over"], ("carry_over",))


def _leaves(data: object, place: Place) -> Iterator[tuple[Place, object]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*place, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _leaves(value, (*place, number))
    else:
        yield place, data
