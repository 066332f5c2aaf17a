"""The ladder of three years, who is liable, and what is looked at before a notice is asked for. Plain Python: each answer a sentence.

Law: SI 2007/1867 as amended by SI 2024/210; Education Act 1996, sections 444, 444A and 576; Working together to improve school
attendance, chapter 6.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from casework.penalty.counter import Window
from casework.penalty.parameters import Edition, Framework, LocalCode, Sum
from casework.penalty.states import COUNTS


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger: a notice to a parent about a child (both by number), ``kind`` "absence" or "public_place"."""

    parent: int
    pupil: int
    kind: str
    issued_on: dt.date
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a parent stands about one child on a day. ``number``: which notice the next one would be; 3 means that none may be given.

    ``sum``: what it would cost; None for a third. ``counting`` and ``apart`` (with the reason) are the lines that count and do not.
    """

    number: int
    sentence: str
    sum: Sum | None
    counting: tuple[Line, ...]
    apart: tuple[tuple[Line, str], ...]
    free_from: dt.date | None = None

    @property
    def is_third(self) -> bool:
        return self.number >= 3


def years_before(day: dt.date, years: int) -> dt.date:
    """The same day ``years`` earlier; 28 February for a 29 February that year does not have."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def why_not_counted(line: Line, on: dt.date, national: Framework) -> str:
    """Why a notice does not count towards the limit on a day; an empty string where it does.

    Three years run back from the day on which the new notice is proposed (WT: three years of the first notice): a notice of that very
    day three years ago no longer counts.
    """
    if line.kind == "public_place":
        return "A public-place notice stands apart from the national framework and is not counted."
    if line.state not in COUNTS:
        return "It was withdrawn: not counted." if line.state == "withdrawn" else "The court did not convict: not counted."
    edition = national.on(line.issued_on)
    if not edition.counts:
        return edition.why_not
    if line.issued_on > on:
        return f"It was issued after {_day(on)}."
    if line.issued_on <= years_before(on, national.on(on).in_years):
        return "It is more than three years old: not counted."
    return ""


def standing(lines: Iterable[Line], *, parent: int, pupil: int, on: dt.date, national: Framework, waiting: int = 0) -> Standing:
    """Where the parent stands about the child. ``waiting``: requests that an authority has not answered yet; each may become a notice."""
    own = sorted(
        (line for line in lines if (line.parent, line.pupil) == (parent, pupil)), key=lambda line: (line.issued_on, line.state)
    )
    reasons = [(line, why_not_counted(line, on, national)) for line in own]
    counting = tuple(line for line, reason in reasons if not reason)
    apart = tuple((line, reason) for line, reason in reasons if reason)
    edition = national.on(on)
    number = min(len(counting) + waiting + 1, 3) if edition.most else 1
    if number > edition.most > 0:
        return _third(counting, apart, waiting, edition, national)
    sum_ = edition.first if number == 1 else edition.second
    return Standing(number, _next(number, counting, waiting, sum_), sum_, counting, apart)


def _next(number: int, counting: Sequence[Line], waiting: int, sum_: Sum) -> str:
    if number == 1:
        return f"No notice to this parent about this child counts in the last three years: a notice would be the first, {sum_.words}."
    if not counting and waiting:
        return f"A request is under way already: if a notice follows it, another would be the second, {sum_.words}."
    return f"One notice counts ({_day(counting[-1].issued_on)}): a notice would be the second, {sum_.words}."


def _third(
    counting: tuple[Line, ...], apart: tuple[tuple[Line, str], ...], waiting: int, edition: Edition, national: Framework
) -> Standing:
    days = " and ".join(_day(line.issued_on) for line in counting)
    said = [f"{_number(len(counting))} ({days})"] if counting else []
    said += [f"{_number(waiting, 'request')} still under way"] if waiting else []
    free = None
    if not waiting and len(counting) >= edition.most:
        free = _years_after(counting[-edition.most].issued_on, edition.in_years)
    return Standing(
        3, f"{national.third.sentence} There {_is(counting, waiting)} {' and '.join(said)}.", None, counting, apart, free
    )


def _number(number: int, noun: str = "notice") -> str:
    return f"one {noun}" if number == 1 else f"{number} {noun}s"


def _is(counting: Sequence[Line], waiting: int) -> str:
    return "is" if (len(counting) or waiting) == 1 else "are"


def _years_after(day: dt.date, years: int) -> dt.date:
    """The first day on which a notice of ``day`` no longer counts."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return dt.date(day.year + years, 3, 1)


def days_to_pay(sum_: Sum, begins: dt.date) -> tuple[dt.date | None, dt.date]:
    """(last day of the reduced sum, last day of all): the days begin with ``begins``, when the notice was received."""
    reduced = begins + dt.timedelta(days=sum_.reduced_within - 1) if sum_.reduced_within else None
    return reduced, begins + dt.timedelta(days=sum_.within - 1)


def sum_of(edition: Edition, *, kind: str, number: int) -> Sum:
    if kind == "public_place":
        return edition.public_place
    return edition.first if number == 1 else edition.second


@dataclass(frozen=True, slots=True)
class Person:
    """What liability follows from: a person's tie to the child on a day."""

    parent: int
    name: str
    relationship: str
    has_responsibility: bool
    lives_with: bool
    is_barred: bool
    has_address: bool


@dataclass(frozen=True, slots=True)
class Liability:
    """``may``: a request may be prepared; ``offered``: ticked from the start. ``because`` says why, or why not."""

    person: Person
    may: bool
    offered: bool
    because: str


def liability(person: Person, code: LocalCode) -> Liability:
    """Whether somebody is liable as a parent (section 576): parental responsibility, or care of the child. Usually only who allowed the
    absence is asked for, unless the local code names every parent with responsibility."""
    if person.is_barred:
        return Liability(
            person, False, False, "A court order or no-contact note stands today: nothing is asked against this person here."
        )
    if not (person.has_responsibility or person.lives_with):
        return Liability(person, False, False, "Neither parental responsibility nor care of the child is recorded: not liable.")
    if not person.has_address:
        return Liability(
            person, False, False, "No address is recorded: the authority cannot serve a notice. Add the address first."
        )
    if person.lives_with:
        held = "has parental responsibility and " if person.has_responsibility else ""
        return Liability(person, True, True, f"{held}lives with the child.".capitalize())
    offered = code.every_parent_with_responsibility
    usual = (
        f"{code.name}’s code asks for every parent with responsibility."
        if offered
        else "Choose only if this parent allowed the absence."
    )
    return Liability(person, True, offered, f"Has parental responsibility and lives elsewhere. {usual}")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``blocks``: while it is not passed, no request is prepared."""

    key: str
    name: str
    passed: bool
    sentence: str
    blocks: bool = True

    def as_json(self) -> dict[str, object]:
        return {"key": self.key, "name": self.name, "passed": self.passed, "sentence": self.sentence, "blocks": self.blocks}


@dataclass(frozen=True, slots=True)
class Child:
    """What the checks need of the child. ``left_on``: the last day on roll where it lies before today."""

    age_ends: dt.date
    is_of_age: bool
    left_on: dt.date | None


@dataclass(frozen=True, slots=True)
class History:
    """``improvement``: "" for none, "running", "met", "missed", "no sessions" of the latest notice to improve; ``this_year``: notices of
    this academic year that were paid or prosecuted."""

    improvement: str = ""
    improvement_ends: dt.date | None = None
    this_year: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person says before a request: support, equality (by name), and that no prosecution runs for the same sessions."""

    is_leave: bool
    support: str
    support_is_inappropriate: bool
    equality_by: str
    equality_note: str
    not_prosecuted: bool


def standing_checks(window: Window, child: Child, history: History, code: LocalCode) -> list[Check]:
    """What the record itself answers."""
    return [
        _threshold(window),
        _open_n(window),
        _age(child, window.on),
        _on_roll(child),
        _improvement(history, code),
        _this_year(history, code),
    ]


def answered_checks(answers: Answers) -> list[Check]:
    """What a person answers."""
    return [_support(answers), _equality(answers), _prosecution(answers)]


def _threshold(window: Window) -> Check:
    used = window.total - len(window.free)
    said = f"{len(window.free)} unauthorised sessions since {_day(window.starts)} that no request rests on; {window.threshold} are needed."
    if used:
        said += f" {used} more are used by an earlier request and cannot be used again."
    return Check("threshold", "Threshold", window.is_reached, said)


def _open_n(window: Window) -> Check:
    settled = len(window.free) - window.still_n
    if not window.still_n:
        return Check("open_n", "No open N", True, "None of the sessions is still N.")
    said = f"{window.still_n} of the {len(window.free)} are still N and may yet have a reason."
    if settled < window.threshold:
        return Check("open_n", "No open N", False, f"{said} Without them the threshold is not reached: settle them first.")
    return Check("open_n", "No open N", False, f"{said} The other {settled} are enough; the N are left out.", blocks=False)


def _age(child: Child, on: dt.date) -> Check:
    if child.is_of_age:
        return Check("age", "Compulsory school age", True, f"Of compulsory school age until {_day(child.age_ends)}.")
    past = on > child.age_ends
    said = (
        f"Compulsory school age ended on {_day(child.age_ends)}, the last Friday in June: no notice is asked for after it."
        if past
        else "Not yet of compulsory school age: the law asks nobody to attend, and no notice can be given."
    )
    return Check("age", "Compulsory school age", False, said)


def _on_roll(child: Child) -> Check:
    if child.left_on is None:
        return Check("on_roll", "On roll", True, "On the school’s roll today.")
    said = f"Left on {_day(child.left_on)}: the new school or the authority decides now. Tell it what stands in this ledger."
    return Check("on_roll", "On roll", False, said)


def _improvement(history: History, code: LocalCode) -> Check:
    name = "Notice to improve"
    if history.improvement == "running" and history.improvement_ends:
        said = f"One runs until {_day(history.improvement_ends)}: let it end, or stop it on a ground that it names."
        return Check("improvement", name, False, said)
    if history.improvement == "met":
        return Check("improvement", name, False, "The last one ended well: is a notice fair now?", blocks=False)
    if history.improvement:
        return Check("improvement", name, True, "The last one ended without enough improvement.")
    not_for = " It is not used for leave in term time." if code.not_for_leave else ""
    return Check("improvement", name, False, f"None was given. Where support is appropriate it is usual.{not_for}", blocks=False)


def _this_year(history: History, code: LocalCode) -> Check:
    if not code.one_a_year or not history.this_year:
        return Check(
            "this_year", "Once in a year", True, "No other notice of this academic year stands in the way.", blocks=False
        )
    said = (
        f"{code.name} usually gives one in an academic year (leave in term time apart), and one was paid or prosecuted this year."
    )
    return Check("this_year", "Once in a year", False, said, blocks=False)


def _support(answers: Answers) -> Check:
    given = bool(answers.support.strip())
    if not given:
        said = "Say what support was given and did not work, or why none is appropriate (leave in term time)."
        return Check("support", "Support first", False, said)
    kind = (
        "Not appropriate"
        if answers.support_is_inappropriate or answers.is_leave
        else "Given, and did not work or was not taken up"
    )
    return Check("support", "Support first", True, f"{kind}: {answers.support.strip()}")


def _equality(answers: Answers) -> Check:
    by, note = answers.equality_by.strip(), answers.equality_note.strip()
    if not (by and note):
        return Check("equality", "Equality Act 2010", False, "Name who considered the Equality Act 2010, and what they found.")
    return Check("equality", "Equality Act 2010", True, f"Considered by {by}: {note}")


def _prosecution(answers: Answers) -> Check:
    said = (
        "No prosecution runs for the same absence."
        if answers.not_prosecuted
        else "Confirm that no prosecution runs for this absence."
    )
    return Check("prosecution", "Not also prosecuted", answers.not_prosecuted, said)


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B} {date.year}"
