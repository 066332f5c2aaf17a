"""N codes on their way to a reason or to O: by age in school days, with what speaks against confirming one without another look.

Law: an N is replaced within five school days of its session, by the reason's code or by O (Regulations 2024, regulation 10). A ladder may
have a week of its own (``chasing``). A person confirms the list; what may have a reason after all is not ticked beforehand.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from attendance.chasing import calls_about
from attendance.codes import CODES, Meaning
from attendance.models import AbsenceCall
from casework.queries.leave import Offer, codes_to_offer
from desk.queries.chasing import Chasing
from desk.queries.registers import OldN
from desk.queries.roll import RollLine
from desk.queries.todo import Reader
from letters.phrases import count, joined
from schools.models import School

BEFORE = dt.timedelta(days=42)
"""So long before a session a call is looked for whose promise may cover it."""


@dataclass(frozen=True, slots=True)
class Session:
    """An N code in the list, or the two of a day.

    ``look``: why it is not ticked beforehand, or an empty string; ``hint``: a code that may be the right one.
    """

    old: OldN
    look: str = ""
    hint: str = ""
    note: str = ""
    is_whole_day: bool = False

    @property
    def value(self) -> str:
        """How a form names it: "12:2025-11-13:AM", or the whole day "12:2025-11-13:AM+PM"."""
        half = "AM+PM" if self.is_whole_day else self.old.session
        return f"{self.old.row}:{self.old.date.isoformat()}:{half}"

    @property
    def half(self) -> str:
        return "all day" if self.is_whole_day else self.old.half

    @property
    def number(self) -> int:
        return 2 if self.is_whole_day else 1


@dataclass(frozen=True)
class Settling:
    """A school's N codes: those that become O, those on their last day to ask, and the younger ones."""

    school: School
    rules: Chasing
    becomes_o: list[Session]
    last_day: list[Session]
    younger: list[Session]

    @property
    def ticked(self) -> int:
        return sum(session.number for session in self.becomes_o if not session.look)

    @property
    def due(self) -> int:
        return sum(session.number for session in self.becomes_o)

    @property
    def number(self) -> int:
        return sum(session.number for session in (*self.becomes_o, *self.last_day, *self.younger))

    @property
    def groups(self) -> list[tuple[str, str, list[Session]]]:
        """(anchor, heading, sessions) of those that wait for a reason."""
        both = [
            ("ask", f"Day {self.rules.settle.days - 1}: last day to ask", self.last_day),
            ("younger", "Younger", self.younger),
        ]
        return [group for group in both if group[2]]


def settling(reader: Reader, old: Sequence[OldN], rules: Mapping[int, Chasing]) -> list[Settling]:
    """By school, schools with nothing left out. Three statements."""
    earliest = min((code.date for code in old), default=reader.on) - BEFORE
    calls = calls_about({code.line.pupil for code in old}, earliest) if old else {}
    offers = codes_to_offer([_place(code) for code in old])
    by_school: dict[int, list[Session]] = defaultdict(list)
    for code in old:
        if code.beside != "N" or code.session == "AM":
            by_school[code.line.school].append(_session(code, calls.get(code.line.pupil, []), offers.get(_place(code))))
    return [
        _settling(reader.places[school].school, rules[school], by_school[school])
        for school in sorted(by_school, key=lambda pk: reader.places[pk].school.name)
    ]


def _settling(school: School, rules: Chasing, sessions: Sequence[Session]) -> Settling:
    limit = rules.settle.days
    return Settling(
        school,
        rules,
        becomes_o=[session for session in sessions if session.old.age >= limit],
        last_day=[session for session in sessions if session.old.age == limit - 1],
        younger=[session for session in sessions if session.old.age < limit - 1],
    )


def _place(old: OldN) -> tuple[int, int, dt.date, str]:
    return old.line.pupil, old.line.school, old.date, old.session


def _session(old: OldN, calls: Iterable[AbsenceCall], offer: Offer | None) -> Session:
    told, whole = next((call for call in calls if covers(call, old)), None), old.beside == "N"
    if told is not None:
        at = timezone.localdate(told.at)
        said = f": “{told.said}”" if told.said else ""
        return Session(old, f"Spoke on {at:%a} {at.day} {at:%b}{said}. Is this the reason?", told.code, is_whole_day=whole)
    if offer is not None:
        return Session(old, f"{offer.why} Away all the same: {offer.code}?", offer.code, is_whole_day=whole)
    beside = CODES.get(old.beside)
    if beside is None or whole:
        return Session(old, is_whole_day=whole)
    if beside.meaning == Meaning.AUTHORISED:
        return Session(old, f"The {old.other_half} is {beside.code}: the same reason?", beside.code)
    if beside.meaning == Meaning.ATTENDING and old.session == "AM":
        return Session(old, "In school in the afternoon: came after the register closed (U)?", "U")
    if beside.meaning == Meaning.ATTENDING:
        return Session(old, note="In school in the morning.")
    return Session(old, note=f"The {old.other_half} is {beside.code}.")


def covers(call: AbsenceCall, old: OldN) -> bool:
    """Whether somebody was spoken with about that day, or promised a return after it."""
    if call.outcome != AbsenceCall.Outcome.SPOKE or call.school_id != old.line.school or call.about > old.date:
        return False
    return call.about == old.date or (call.expected_return is not None and old.date < call.expected_return)


class NCodes(NamedTuple):
    """N codes of one school and stage of ageing, as Today's Due shows them."""

    school: School
    becomes_o: bool
    number: int
    after: int
    pupils: list[RollLine]

    @property
    def title(self) -> str:
        codes = count(self.number, "N code")
        if self.becomes_o:
            return f"{codes} past day {self.after - 1} {'becomes' if self.number == 1 else 'become'} O"
        return f"{codes} on day {self.after - 1}: last day to ask"

    @property
    def names(self) -> str:
        return first_names(self.pupils)


def first_names(lines: Collection[RollLine]) -> str:
    """The first three, and how many more."""
    names = [line.name for line in lines]
    return joined(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def ageing(reader: Reader, old: Iterable[OldN], rules: Mapping[int, Chasing]) -> list[NCodes]:
    """What of it is due today, by school, those that become O first."""
    found: dict[tuple[int, bool], list[OldN]] = defaultdict(list)
    for code in old:
        limit = rules[code.line.school].settle.days
        if code.age >= limit - 1:
            found[(code.line.school, code.age >= limit)].append(code)
    return [
        NCodes(
            reader.places[school].school,
            becomes_o,
            len(codes),
            rules[school].settle.days,
            list({code.line.key: code.line for code in codes}.values()),
        )
        for (school, becomes_o), codes in sorted(found.items(), key=lambda item: (not item[0][1], item[0][0]))
    ]
