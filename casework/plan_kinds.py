"""What a plan of each kind asks about, and which kinds a ladder's stages use, read from ``data/plan_kinds.yaml`` and checked once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

FILE = Path(__file__).parent / "data" / "plan_kinds.yaml"
SIDES = ("school", "parent", "pupil")
"""Who promises something."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(_Strict):
    """``weeks``: how long where the stage begins no period; ``authority_weeks``: how long the local authority may monitor beside it."""

    name: str
    title: str
    weeks: int = Field(ge=1, le=26)
    longest: int = Field(ge=1, le=26)
    barriers: list[str] = Field(min_length=1)
    parts: list[str] = []
    absent: list[str] = []
    authority_weeks: int | None = Field(default=None, ge=1, le=26)


class Offer(_Strict):
    """The kinds that a ladder's stages use, the usual one first."""

    clause: str
    stages: dict[str, list[str]]
    any: list[str]

    @model_validator(mode="before")
    @classmethod
    def _stages_as_text(cls, values: dict) -> dict:
        return {**values, "stages": {str(stage): kinds for stage, kinds in values["stages"].items()}}


class PlanKinds(_Strict):
    barriers: dict[str, str]
    parts: dict[str, str]
    kinds: dict[str, Kind]
    policies: dict[str, Offer]

    @model_validator(mode="after")
    def _all_known(self) -> PlanKinds:
        for key, kind in self.kinds.items():
            unknown = (set(kind.barriers) - set(self.barriers)) | (set(kind.parts) - set(self.parts))
            if unknown:
                raise ValueError(f"kinds, {key}: no barrier or part is called {', '.join(sorted(unknown))}.")
        for key, offer in self.policies.items():
            named = {kind for kinds in (*offer.stages.values(), offer.any) for kind in kinds}
            if unknown := named - set(self.kinds):
                raise ValueError(f"policies, {key}: no kind is called {', '.join(sorted(unknown))}.")
        return self


@cache
def plan_kinds() -> PlanKinds:
    """The file, checked. Raises pydantic's ValidationError naming the place."""
    return PlanKinds.model_validate(YAML(typ="safe", pure=True).load(FILE.read_text("utf-8")))


def kind_of(key: str) -> Kind:
    """KeyError for an unknown one."""
    return plan_kinds().kinds[key]


def offered(ladder: str, stage: str) -> dict[str, Kind]:
    """The kinds that a stage of a ladder offers, by key, the usual one first; a ladder of the school's own offers the common ones."""
    known = plan_kinds()
    offer = known.policies.get(ladder, known.policies["other"])
    return {key: known.kinds[key] for key in offer.stages.get(stage, offer.any)}


def barrier_names(kind: str) -> dict[str, str]:
    """The kinds of difficulty that a plan of this kind talks through, by key, in order."""
    names = plan_kinds().barriers
    return {key: names[key] for key in kind_of(kind).barriers}


def part_names(kind: str) -> dict[str, str]:
    """The parts of the first day, by key, in order; empty for a kind that has none."""
    names = plan_kinds().parts
    return {key: names[key] for key in kind_of(kind).parts}
