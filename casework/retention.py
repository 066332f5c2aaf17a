"""The kinds of document and how long each is kept, read from ``data/retention.yaml`` and checked once."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

FILE = Path(__file__).parent / "data" / "retention.yaml"


class Rule(BaseModel):
    """``years`` from the end of the case's academic year."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    name: str = Field(min_length=1)
    years: int = Field(ge=0, le=30)
    because: str = Field(min_length=1)


@cache
def retention() -> dict[str, Rule]:
    """Every kind by its key, in the order of the file."""
    return {key: Rule.model_validate(rule) for key, rule in YAML(typ="safe", pure=True).load(FILE.read_text("utf-8")).items()}


def retain_until(kind: str, year: int) -> dt.date:
    """The last day on which a document of this kind is kept; ``year`` 2025 is 2025/26. KeyError for an unknown kind."""
    return dt.date(year + 1 + retention()[kind].years, 8, 31)
