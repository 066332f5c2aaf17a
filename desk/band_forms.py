"""The form of a ladder's bands: their names and colours, a new one, and which stages stand in each, since only an empty one can go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from desk.number_forms import in_a_row, part_in_words
from desk.rule_forms import Choices, Field, maps_of, number_or_name, text_of
from escalation.engine.source import Fault, Place
from escalation.ruleset_text import uses_of_band

LEVELS: Choices = (("1", "1, the lightest"), ("2", "2"), ("3", "3"), ("4", "4"), ("5", "5, the darkest"))


@dataclass(frozen=True, slots=True)
class BandRow:
    """A band of the draft; ``stages``: the stages in it, in words, empty where it can be removed."""

    number: int
    path: str
    title: str
    level: int
    fields: tuple[Field, ...]
    faults: tuple[str, ...]
    stages: str


@dataclass
class BandsForm:
    """The draft's bands in their order. ``faults``: of the whole draft; ``wrong``: of a band to be added, by field."""

    data: Mapping[str, Any]
    faults: Sequence[Fault] = ()
    posted: Mapping[str, str] | None = None
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[BandRow]:
        listed = self.data.get("bands")
        return (
            [self._row(number, band if isinstance(band, dict) else {}) for number, band in enumerate(listed)]
            if isinstance(listed, list)
            else []
        )

    @property
    def general(self) -> list[str]:
        """Faults of the bands as a whole."""
        return [fault.message for fault in self.faults if fault.place == ("bands",)]

    @property
    def new(self) -> list[Field]:
        given = {name: str((self.posted or {}).get(f"new.{name}", "")).strip() for name in ("name", "level")}
        faults = {name: (self.wrong[name],) if name in self.wrong else () for name in given}
        return [
            Field("new.name", "Name", "text", given["name"], (), "As the pages and the leaflet show it", faults["name"]),
            Field("new.level", "Colour", "select", given["level"] or "3", LEVELS, "", faults["level"]),
        ]

    def _row(self, number: int, band: dict[str, Any]) -> BandRow:
        path = f"bands.{number}"
        mine = {fault.place[2:]: fault.message for fault in self.faults if fault.place[:2] == ("bands", number)}
        name, level = text_of(band.get("name")), text_of(band.get("level"))
        choices = LEVELS if level in dict(LEVELS) else (*LEVELS, (level, f"{level} (not possible)"))
        fields = (
            Field(f"{path}.name", "Name", "text", name, (), "", _at(mine, "name")),
            Field(f"{path}.level", "Colour", "select", level, choices, "", _at(mine, "level")),
        )
        others = tuple(message for place, message in mine.items() if place not in (("name",), ("level",)))
        title = name or f"Band {number + 1}"
        return BandRow(number, path, title, int(level) if level in dict(LEVELS) else 0, fields, others, self._stages(band))

    def _stages(self, band: dict[str, Any]) -> str:
        places = uses_of_band(dict(self.data), str(band.get("id")))
        return in_a_row([part_in_words(self.data, place) for place in places]) if places else ""

    def changes(self, posted: Mapping[str, str]) -> list[tuple[Place, object]]:
        """Each place whose value the person changed, with the new one."""
        found: list[tuple[Place, object]] = []
        for row in self.rows:
            for each in row.fields:
                name = each.name.rsplit(".", 1)[-1]
                given = str(posted.get(each.name, each.value)).strip()
                if given != each.value.strip():
                    found.append((("bands", row.number, name), number_or_name(given) if name == "level" else given))
        return found

    def added(self, posted: Mapping[str, str]) -> dict[str, object] | None:
        """The band to be added, or None where ``wrong`` says why not."""
        self.posted = posted
        name, level = (str(posted.get(f"new.{key}", "")).strip() for key in ("name", "level"))
        if not name:
            self.wrong["name"] = "Give the band a name."
        if level not in dict(LEVELS):
            self.wrong["level"] = "Choose a colour from 1 to 5."
        return None if self.wrong else {"id": self._new_id(name), "name": name, "level": int(level)}

    def _new_id(self, name: str) -> str:
        """A short word of the name that no band has yet; it stays when the name changes."""
        taken = {str(band.get("id")) for band in maps_of(self.data.get("bands"))}
        word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
        word = word if word[:1].isalpha() else f"band-{word}".strip("-")
        return next(each for each in self._candidates(word) if each not in taken)

    @staticmethod
    def _candidates(word: str) -> Iterator[str]:
        yield word
        number = 2
        while True:
            yield f"{word}-{number}"
            number += 1


def _at(faults: Mapping[Place, str], name: str) -> tuple[str, ...]:
    return (faults[name,],) if (name,) in faults else ()
