"""Sums, days and limits of penalty notices, and the authorities' local codes: dated and cited data behind a strict reader. No Django.

Files: ``casework/data/penalty_notices.yaml`` and ``local_codes.yaml``. What does not fit is a ``ParameterError`` that names file and field.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[1] / "data"


class ParameterError(ValueError):
    """A data file that cannot be used; the message names file, field and what was expected."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Sum(Strict):
    """Pounds. ``within`` and ``reduced_within``: days beginning with the day on which the notice is received."""

    full: int
    within: int
    reduced: int | None = None
    reduced_within: int | None = None

    @property
    def words(self) -> str:
        if self.reduced is None:
            return f"£{self.full} within {self.within} days, with no reduction"
        return f"£{self.full} within {self.within} days, £{self.reduced} if paid within {self.reduced_within} days"


class Threshold(Strict):
    sessions: int
    school_weeks: int
    source: str


class Edition(Strict):
    """The rules from a day on. ``counts``: whether notices of this time count towards the limit."""

    starts: dt.date = Field(alias="from")
    counts: bool
    why_not: str = ""
    threshold: Threshold | None = None
    first: Sum
    second: Sum
    public_place: Sum
    public_place_days: int = 5
    most: int = 0
    in_years: int = 0
    source: str


class Third(Strict):
    sentence: str
    instead: list[str]
    source: str


class Framework(Strict):
    editions: list[Edition]
    third: Third

    def on(self, date: dt.date) -> Edition:
        """The edition in force on a day. ParameterError before the first one."""
        found = [edition for edition in self.editions if edition.starts <= date]
        if not found:
            first = min(edition.starts for edition in self.editions)
            raise ParameterError(f"No rules are held for notices before {first:%-d %B %Y}: leave such a notice out.")
        return max(found, key=lambda edition: edition.starts)

    @property
    def starts_counting(self) -> dt.date:
        """The first day whose notices and sessions count: 19 August 2024."""
        return min(edition.starts for edition in self.editions if edition.counts)


class NoticeToImprove(Strict):
    """``length``, ``shortest``, ``longest`` and ``may_act_after`` in ``unit``."""

    length: int
    unit: Literal["school days", "weeks"]
    shortest: int
    longest: int
    may_act_after: int


class LocalCode(Strict):
    """An authority's code of conduct. ``issues``: who gives the notice; ``answer_within``: school days until we ask what became of it."""

    name: str
    issues: Literal["authority", "head"]
    threshold: int
    notice_to_improve: NoticeToImprove
    allowed_unauthorised: int
    not_for_leave: bool
    every_parent_with_responsibility: bool
    one_a_year: bool
    answer_within: int
    source: str
    open: list[str] = []
    is_known: bool = True


class _Codes(Strict):
    national: LocalCode
    authorities: list[LocalCode]


_Model = TypeVar("_Model", bound=BaseModel)


def read(path: Path, model: type[_Model]) -> _Model:
    """The file as ``model``. ParameterError with every fault."""
    with path.open(encoding="utf-8") as file:
        data: Any = YAML(typ="safe", pure=True).load(file)
    try:
        return model.model_validate(data)
    except ValidationError as fault:
        lines = [f"{path.name}, {' > '.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors()]
        raise ParameterError("\n".join(lines)) from fault


@cache
def framework() -> Framework:
    """The national rules, edition by edition."""
    return read(FOLDER / "penalty_notices.yaml", Framework)


@cache
def local_codes() -> dict[str, LocalCode]:
    """The codes that we hold, by the authority's name in lower case. ParameterError where one asks for less than the national rule."""
    return check_codes(read(FOLDER / "local_codes.yaml", _Codes), framework())


def check_codes(codes: _Codes, national: Framework) -> dict[str, LocalCode]:
    least = max(edition.threshold.sessions for edition in national.editions if edition.threshold)
    for code in [codes.national, *codes.authorities]:
        if code.threshold < least:
            raise ParameterError(
                f"local_codes.yaml, {code.name}: a threshold of {code.threshold} sessions is below the national {least}."
            )
        times = code.notice_to_improve
        if not times.shortest <= times.length <= times.longest:
            raise ParameterError(
                f"local_codes.yaml, {code.name}: the notice to improve's length lies outside {times.shortest} to {times.longest}."
            )
    return {"": codes.national, **{code.name.lower(): code for code in codes.authorities}}


def code_of(authority: str) -> LocalCode:
    """The authority's code ("Bedford", "Bedford Borough Council"); the national framework under its name where we hold none."""
    name = authority.lower().strip()
    held = local_codes()
    for key, code in held.items():
        if key and (name == key or name.startswith(f"{key} ")):
            return code
    unknown = (
        f"We do not hold {authority or 'this authority'}’s code of conduct: the national framework stands in. Ask the authority."
    )
    national = held[""]
    return national.model_copy(update={"name": authority or national.name, "is_known": False, "open": [unknown, *national.open]})
