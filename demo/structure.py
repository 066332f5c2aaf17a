"""The demo's groups, schools and calendars, read from ``data/groups.yaml`` into plain records: no database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import holidays
from ruamel.yaml import YAML

from schools.queries import year_label
from schools.schooldays import SchoolDay, SchoolDays

DATA = Path(__file__).parent / "data"
YEARS = (2024, 2025)
"""Academic years of the demo: last year's and this year's."""


@dataclass(frozen=True)
class Form:
    name: str
    year_group: int
    house: str


@dataclass(frozen=True)
class Closed:
    date: dt.date
    kind: str
    note: str


@dataclass(frozen=True)
class HalfTermPlan:
    term: str
    name: str
    starts: dt.date
    ends: dt.date


@dataclass(frozen=True, eq=False)
class SchoolPlan:
    """One school: its forms, times and days. ``absence`` moves latent absence, in standard deviations."""

    urn: str
    name: str
    short_name: str
    phase: str
    years: tuple[int, int]
    form_letters: tuple[str, ...]
    form_size: int
    target: float
    absence: float
    register_times: tuple[tuple[str, str, dt.time, dt.time], ...]
    titles: Mapping[str, str]
    heads_of_year: Any
    staff_days: tuple[dt.date, ...]
    local_authority: str
    town: str
    half_terms: Mapping[int, tuple[HalfTermPlan, ...]]
    houses: Mapping[str, str] = field(default_factory=dict)
    closures: tuple[tuple[dt.date, str], ...] = ()
    no_transport: tuple[dt.date, ...] = ()
    previous: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    register_source: str = "mis"
    """Where registers are taken: in the MIS, or here ("handrail")."""
    read_in_up_to: dt.date | None = None
    """The last day whose register came from the MIS, where nothing has come since."""

    @property
    def slug(self) -> str:
        """The school's mail domain before ``.example``."""
        return self.short_name.lower().replace(" ", "-")

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        first, last = self.years
        return tuple(
            Form(f"{'R' if year == 0 else year}{' ' if len(letter) > 2 else ''}{letter}", year, self.houses.get(letter[0], ""))
            for year in range(first, last + 1)
            for letter in self.form_letters
        )

    @cached_property
    def closed_days(self) -> tuple[Closed, ...]:
        """Bank holidays that fall into a half term, staff days and closures, by date."""
        bank = holidays.country_holidays("GB", subdiv="ENG", years=range(YEARS[0], YEARS[-1] + 2))
        days = [Closed(date, "bank_holiday", name) for date, name in bank.items() if self._in_half_term(date)]
        days += [Closed(date, "staff", "Staff training day") for date in self.staff_days]
        days += [Closed(date, "closure", note) for date, note in self.closures]
        return tuple(sorted(days, key=lambda day: day.date))

    def _in_half_term(self, date: dt.date) -> bool:
        return date.weekday() < 5 and any(
            half_term.starts <= date <= half_term.ends for half_terms in self.half_terms.values() for half_term in half_terms
        )

    @cached_property
    def days(self) -> Mapping[int, SchoolDays]:
        """The school days by academic year, as ``schools.queries.school_days`` reads them back from the database."""
        return {year: self._days(year) for year in self.half_terms}

    def _days(self, year: int) -> SchoolDays:
        closed = {day.date for day in self.closed_days}
        return SchoolDays(
            SchoolDay(date=date, half_term=half_term.name, term=half_term.term, academic_year=year_label(year))
            for half_term in self.half_terms[year]
            for date in _weekdays(half_term)
            if date not in closed
        )


@dataclass(frozen=True, eq=False)
class GroupPlan:
    slug: str
    name: str
    ruleset: str
    trust_lead: str
    heritages: Mapping[str, int]
    schools: tuple[SchoolPlan, ...]


def _weekdays(half_term: HalfTermPlan) -> list[dt.date]:
    days = (half_term.starts + dt.timedelta(days=number) for number in range((half_term.ends - half_term.starts).days + 1))
    return [day for day in days if day.weekday() < 5]


def read_groups(path: Path = DATA / "groups.yaml") -> tuple[GroupPlan, ...]:
    """Every group of the demo, in the order of the file."""
    with path.open(encoding="utf-8") as file:
        return tuple(_group(entry) for entry in YAML(typ="safe", pure=True).load(file)["groups"])


def _group(entry: dict[str, Any]) -> GroupPlan:
    half_terms = {
        year: tuple(HalfTermPlan(term, name, starts, ends) for term, name, starts, ends in rows)
        for year, rows in entry["calendar"].items()
    }
    return GroupPlan(
        slug=entry["slug"],
        name=entry["name"],
        ruleset=entry["ruleset"],
        trust_lead=entry["trust_lead"],
        heritages=entry["heritages"],
        schools=tuple(_school(school, entry, half_terms) for school in entry["schools"]),
    )


def _school(entry: dict[str, Any], group: dict[str, Any], half_terms: dict[int, tuple[HalfTermPlan, ...]]) -> SchoolPlan:
    entry = dict(entry)
    times = tuple(
        (session, label, dt.time.fromisoformat(opens), dt.time.fromisoformat(closes))
        for session, label, opens, closes in entry.pop("register_times")
    )
    as_written: dict[str, Any] = {
        key: tuple(value) if key in ("years", "staff_days", "no_transport", "previous") else value
        for key, value in entry.items()
        if key not in ("forms", "closures")
    }
    return SchoolPlan(
        **as_written,
        form_letters=tuple(entry["forms"]),
        register_times=times,
        closures=tuple((date, note) for date, note in entry.get("closures", [])),
        local_authority=group["local_authority"],
        town=group["town"],
        half_terms=half_terms,
    )  # fmt: skip
