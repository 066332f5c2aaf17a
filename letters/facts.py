"""Everything that a letter may state, as plain frozen data: no Django, no clock, no database.

The letters' queries fill a ``LetterFacts`` from the record, ``letters.merge`` puts it into a wording, and the same facts are frozen with
the letter that was approved. What is not in here cannot be said: there is no other parent, no other child, no health detail and no
register code. Contacts are only those that this recipient took part in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

LESSONS_A_DAY = 5
"""Federation procedures, introduction: a day missed is usually five lessons."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The parent written to: ``name`` as on the envelope, ``salutation`` as after "Dear", ``address`` line by line (no name)."""

    name: str
    salutation: str
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """``known_name`` is what the school calls the child; letters use no pronoun for a child."""

    known_name: str
    full_name: str
    form: str = ""
    year_group: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class SchoolFacts:
    """The letterhead. ``office_hours`` reads after "on a school day": "from 8am to 4pm". ``logo``: PNG or JPEG bytes, or None."""

    name: str
    address: tuple[str, ...]
    phone: str
    email: str
    office_hours: str
    headteacher: str = ""
    attendance_lead: Person = Person("", "")
    local_authority: str = ""
    logo: bytes | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Sessions from ``start`` to ``end``, both included. ``no_reason`` (still N) is part of ``unauthorised``, ``late`` of ``attended``."""

    start: dt.date
    end: dt.date
    possible: int
    attended: int
    authorised: int = 0
    unauthorised: int = 0
    no_reason: int = 0
    late: int = 0

    @property
    def missed(self) -> int:
        return self.authorised + self.unauthorised

    @property
    def lessons(self) -> int:
        """About how many lessons were missed, rounded down to whole ones."""
        return self.missed * LESSONS_A_DAY // 2

    def misses_at_least(self, percent: int) -> bool:
        """Whether ``percent`` in a hundred sessions or more were missed, compared exactly."""
        return self.possible > 0 and 100 * self.missed >= percent * self.possible


@dataclass(frozen=True, slots=True)
class Contact:
    """One earlier contact with this recipient. ``kind`` is a key of ``letters.phrases.CONTACT_PHRASES``; ``key`` the letter's key where it
    was one. ``what`` replaces the kind's phrase and is read by the parent: a phrase after "we", never a staff note."""

    kind: str
    on: dt.date
    key: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Meeting:
    """``minutes``: how long it takes, where that is known."""

    on: dt.date | None = None
    at: dt.time | None = None
    place: str = ""
    with_whom: str = ""
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A plan, contract or monitoring period. ``target`` in percent; ``figures`` are the period's own, once it has sessions."""

    weeks: int
    start: dt.date
    end: dt.date
    target: Decimal | int | None = None
    figures: Figures | None = None
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """This school week's figures and the last one's, for the weekly messages."""

    this: Figures
    last: Figures | None = None


@dataclass(frozen=True, slots=True)
class LateMark:
    on: dt.date
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Half a day: ``half`` is "AM" or "PM"."""

    on: dt.date
    half: str


@dataclass(frozen=True, slots=True)
class Leave:
    """A request for leave. ``authorised`` as decided; ``back_on`` the day the child is expected. ``asked_start`` and ``asked_end`` where
    only a part was granted; ``code`` is the register's, left out where it would tell of health, religion or the like."""

    start: dt.date
    end: dt.date
    sessions: int
    authorised: bool
    reason: str = ""
    back_on: dt.date | None = None
    asked_start: dt.date | None = None
    asked_end: dt.date | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """The letter that was wrong, and the sessions whose marks were corrected."""

    letter_title: str
    letter_date: dt.date
    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What one letter to one recipient about one child may state, as of ``on``.

    ``period`` is the latest that has ended, with its figures; ``next_period`` the one that begins with this letter.
    ``thresholds``: percentages in force by name; letters use ``stage`` (the stage's own), ``expected`` and ``recovery``.
    ``evidence_reason``: "long", "doubt" or "after-meeting". ``record``: the fields of a form by key, for letters of kind ``form``.
    ``old_meeting``: the time that an earlier letter named, where it no longer holds.
    ``enclosed``: titles of what goes with the letter; None takes the wording's own list. ``about``: what the plan of this very letter
    says, by merge field (``PlannedLetter.about``); it goes before what the record says, and after what a person filled in.
    """

    recipient: Recipient
    child: Child
    school: SchoolFacts
    signer: Person
    on: dt.date
    letter_date: dt.date
    year: Figures
    half_term: Figures | None = None
    contact: Person = Person("", "")
    contacts: tuple[Contact, ...] = ()
    meeting: Meeting = Meeting()
    missed_meeting: Meeting = Meeting()
    old_meeting: Meeting = Meeting()
    period: Period | None = None
    next_period: Period | None = None
    week: Week | None = None
    reply_by: dt.date | None = None
    next_step: str = ""
    help: tuple[str, ...] = ()
    thresholds: Mapping[str, Decimal | int] = field(default_factory=dict)
    phase: str = "primary"
    unexplained: tuple[Session, ...] = ()
    unauthorised_sessions: tuple[Session, ...] = ()
    illness: tuple[Session, ...] = ()
    evidence_reason: str = ""
    late_marks: tuple[LateMark, ...] = ()
    register_closes: dt.time | None = None
    leave: Leave | None = None
    referred_on: dt.date | None = None
    correction: Correction | None = None
    record: Mapping[str, str] = field(default_factory=dict)
    enclosed: tuple[str, ...] | None = None
    about: Mapping[str, str | bool | tuple[str, ...]] = field(default_factory=dict)
