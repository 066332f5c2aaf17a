"""A school's ladder on its way: the drafts, the versions that were in force with what changed, and a draft in words and in parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from desk.queries.ladder import BandInWords, ladder_page
from desk.rule_forms import said
from desk.words import stage_label
from escalation.differences import differences
from escalation.drafts import OPEN, all_faults, writers
from escalation.engine.ruleset import Fault, Ruleset
from escalation.engine.source import Place
from escalation.models import Adoption, LadderDraft
from escalation.queries import ruleset_of
from escalation.ruleset_text import plain
from letters.catalogue import has_wording
from schools.models import School, User

PARTS = (
    ("stages", "Stages", "stage"),
    ("watch", "Watch rules", "watch rule"),
    ("recovery", "When it gets better", "recovery rule"),
    ("prompts", "What no count decides", "prompt"),
    ("checklists", "Steps after a stage", "checklist"),
)
ITEMS = tuple(key for key, _, _ in PARTS)
"""Keys of the parts that can be edited one by one, what stands above them, and one of them."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version in the school's history, latest first. ``ends``: the day before the next one; ``draft``: None for a shipped ladder."""

    adoption: Adoption
    ruleset: Ruleset
    ends: dt.date | None
    draft: LadderDraft | None
    changes: tuple[str, ...]
    is_in_force: bool


def history(school: School, on: dt.date) -> list[Version]:
    """Every ladder that the school has run or will run. Two statements."""
    adoptions = list(Adoption.objects.filter(school=school).select_related("version", "by").order_by("starts"))
    drafts = LadderDraft.objects.filter(school=school, state=LadderDraft.State.PUBLISHED).select_related("by", "reviewed_by")
    published = {(draft.starts, draft.published_as_id): draft for draft in drafts}
    in_force = max((each.starts for each in adoptions if each.starts <= on), default=None)
    found = []
    for number, each in enumerate(adoptions):
        before = ruleset_of(adoptions[number - 1].version) if number else None
        ruleset = ruleset_of(each.version)
        found.append(
            Version(
                adoption=each,
                ruleset=ruleset,
                ends=adoptions[number + 1].starts - dt.timedelta(days=1) if number + 1 < len(adoptions) else None,
                draft=published.get((each.starts, each.version_id)),
                changes=tuple(differences(before, ruleset, each.starts)) if before else (),
                is_in_force=each.starts == in_force,
            )
        )
    return found[::-1]


def open_drafts(school: School) -> list[LadderDraft]:
    """The drafts that are being written or reviewed. One statement."""
    return list(LadderDraft.objects.filter(school=school, state__in=OPEN).select_related("by", "reviewed_by"))


@dataclass(frozen=True, slots=True)
class Item:
    """A stage or rule of a draft in its table; ``number`` is its place in the file."""

    part: str
    number: int
    label: str
    name: str
    faults: int


@dataclass(frozen=True, slots=True)
class ToldFault:
    """A fault in words, and where it can be mended: a part and its number, the bands, the numbers, or (empty) the text."""

    words: str
    part: str = ""
    number: int = 0


@dataclass(frozen=True)
class DraftPage:
    """A draft as its pages show it. ``ruleset``: None while it has a fault; ``bands``: the ladder in words."""

    draft: LadderDraft
    data: dict[str, Any]
    ruleset: Ruleset | None
    faults: Sequence[Fault]
    told: tuple[ToldFault, ...]
    bands: tuple[BandInWords, ...]
    parts: tuple[tuple[str, str, str, tuple[Item, ...]], ...]

    @property
    def seen(self) -> str:
        """What the forms send back, so that nobody overwrites what they have not seen."""
        return self.draft.changed_at.isoformat()

    @property
    def name(self) -> str:
        name = self.data.get("name")
        return str(name) if name else "A ladder without a name"

    @property
    def is_open(self) -> bool:
        return self.draft.state in OPEN


def draft_page(draft: LadderDraft, on: dt.date) -> DraftPage:
    """A draft with its faults and in words. One statement where it is a ladder, none where it has a fault."""
    ruleset, faults = all_faults(draft.text, has_wording)
    data = plain(draft.text)
    return DraftPage(
        draft=draft,
        data=data,
        ruleset=ruleset,
        faults=faults,
        told=tuple(_told(fault, data) for fault in faults),
        bands=ladder_page(draft.school, ruleset, on).bands if ruleset else (),
        parts=tuple((key, title, one, tuple(_items(data, key, faults))) for key, title, one in PARTS),
    )


def _told(fault: Fault, data: dict[str, Any]) -> ToldFault:
    place = fault.place
    part, number = (place[0], place[1]) if len(place) > 1 else ("", 0)
    if part in (*ITEMS, "bands") and isinstance(number, int):
        name = _label(str(part), _item(data, str(part), number), number)
        return ToldFault(f"{name}{_where(place[2:])}: {fault.message}", str(part), number)
    if part == "carry_over" or place == ("carry_over",):
        return ToldFault(f"What carries over{_where(place[1:])}: {fault.message}", "carry_over")
    if place[:1] == ("parameters",) and len(place) > 1:
        return ToldFault(f"The number “{str(place[1]).replace('_', ' ')}”: {fault.message}", "parameters")
    return ToldFault(said(fault))


def _where(steps: Place) -> str:
    """Below which keys a fault stands, in words."""
    words = ", ".join(str(step + 1) if isinstance(step, int) else step.replace("_", " ") for step in steps)
    return f": {words}" if words else ""


def _item(data: dict[str, Any], part: str, number: int) -> dict[str, Any]:
    listed = data.get(part)
    found = listed[number] if isinstance(listed, list) and number < len(listed) else {}
    return found if isinstance(found, dict) else {}


def _label(part: str, item: dict[str, Any], number: int) -> str:
    if part == "stages":
        return stage_label(str(item.get("id", "")) or f"{number + 1}")
    if part == "bands":
        return f"The band “{item.get('name') or number + 1}”"
    return f"“{item.get('name') or number + 1}”"


def _items(data: dict[str, Any], part: str, faults: Sequence[Fault]) -> Iterator[Item]:
    listed = data.get(part)
    for number in range(len(listed) if isinstance(listed, list) else 0):
        item = _item(data, part, number)
        mine = sum(fault.place[:2] == (part, number) for fault in faults)
        yield Item(part, number, _label(part, item, number), str(item.get("name") or ""), mine)


def changes_of(page: DraftPage) -> list[str]:
    """What the draft changes in the ladder that it is based on; empty where it is based on none or has a fault."""
    if page.ruleset is None or page.draft.based_on is None:
        return []
    return differences(ruleset_of(page.draft.based_on), page.ruleset, page.draft.starts)


def writer_names(draft: LadderDraft) -> list[str]:
    """Who wrote it, the one who began first. Two statements."""
    names = dict(User.objects.filter(pk__in=writers(draft)).values_list("pk", "name"))
    return [names.pop(draft.by_id), *sorted(names.values())]
