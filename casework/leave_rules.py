"""The grounds on which leave may be granted, and what each policy says against it: dated, cited data behind a strict reader. No database.

File: ``casework/data/leave_rules.yaml``. Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulations 10 and 11.
What speaks against a request is a ``Finding``: a sentence with the pupil's own figures and the clause that it comes from.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attendance.codes import CODES
from escalation.engine.schema import Key, Words
from escalation.engine.source import Fault, RulesetError, read_source, read_text

FILE = "leave_rules.yaml"
FOLDER = Path(__file__).parent / "data"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Ground(_Strict):
    """``code``: of the granted sessions, empty where this is no ground; ``if_refused``: offered where the pupil is away all the same."""

    key: Key
    name: Words
    code: str
    in_advance: bool
    lives_with: bool
    if_refused: Literal["G", "O"]
    law: Words
    means: Words


class AnyUnauthorised(_Strict):
    rule: Literal["any_unauthorised"]
    clause: Words


class AuthorisedAbove(_Strict):
    rule: Literal["authorised_above"]
    percent: int = Field(gt=0, lt=100)
    clause: Words


class Notice(_Strict):
    """``days``: calendar days between asking and the first day."""

    rule: Literal["notice"]
    days: int = Field(gt=0, le=60)
    clause: Words


class InRetrospect(_Strict):
    rule: Literal["in_retrospect"]
    clause: Words


class Examinations(_Strict):
    """``months``: in which the examinations lie; the product knows no timetable of them."""

    rule: Literal["examinations"]
    year_groups: list[int]
    months: list[int]
    clause: Words


class Holiday(_Strict):
    rule: Literal["holiday"]
    clause: Words


class Evidence(_Strict):
    rule: Literal["evidence"]
    clause: Words


class Remember(_Strict):
    """Something that no register can answer: shown, never counted as a refusal."""

    rule: Literal["remember"]
    clause: Words
    text: Words


Rule = Annotated[
    AnyUnauthorised | AuthorisedAbove | Notice | InRetrospect | Examinations | Holiday | Evidence | Remember,
    Field(discriminator="rule"),
]


class Policy(_Strict):
    refuses: list[Rule]
    overstay_days: int | None = None
    overstay_source: Words | None = None


class _National(_Strict):
    overstay_days: int
    overstay_source: Words


class LeaveRules(_Strict):
    grounds: list[Ground]
    national: _National
    policies: dict[Key, Policy]

    def ground(self, key: str) -> Ground | None:
        return next((ground for ground in self.grounds if ground.key == key), None)

    def policy(self, ruleset: str) -> Policy:
        """The policy behind a ladder's key; a school's own ladder names it in its first word."""
        return self.policies.get(ruleset) or self.policies.get(ruleset.partition("-")[0]) or Policy(refuses=[])

    def overstay(self, ruleset: str) -> tuple[int, str]:
        """(school days after which not coming back is serious, the clause that says so)."""
        policy = self.policy(ruleset)
        if policy.overstay_days is None:
            return self.national.overstay_days, self.national.overstay_source
        return policy.overstay_days, policy.overstay_source or self.national.overstay_source


def parse_leave_rules(text: str, file: str = FILE) -> LeaveRules:
    """Strictly: RulesetError names the line of everything unknown, missing or twice."""
    read = read_source(text, file)
    if read.faults:
        raise RulesetError(read.faults)
    try:
        rules = LeaveRules.model_validate(read.data)
    except ValidationError as error:
        raise RulesetError([read.fault(tuple(each["loc"]), each["msg"]) for each in error.errors(include_url=False)]) from error
    if faults := [Fault(file, read.line(("grounds", number)), ("grounds", number), words) for number, words in _wrong(rules)]:
        raise RulesetError(faults)
    return rules


def _wrong(rules: LeaveRules) -> list[tuple[int, str]]:
    """(number of the ground, what is wrong with it)."""
    keys = [ground.key for ground in rules.grounds]
    twice = [(number, f"the ground {key} stands twice.") for number, key in enumerate(keys) if key in keys[:number]]
    unknown = [
        (number, f"code {ground.code!r} is not an attendance code.")
        for number, ground in enumerate(rules.grounds)
        if ground.code and ground.code not in CODES
    ]
    return [*twice, *unknown]


@cache
def leave_rules() -> LeaveRules:
    return parse_leave_rules(read_text(FOLDER / FILE))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a request is judged on: the pupil's sessions of the year up to ``as_of``, and the request itself.

    ``as_of`` is None before any night has counted.
    """

    child: str
    possible: int
    authorised: int
    unauthorised: int
    as_of: dt.date | None
    year_group: int | None
    asked_on: dt.date
    first_day: dt.date
    last_day: dt.date
    ground: str
    has_evidence: bool
    lives_with_asker: bool | None

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1


@dataclass(frozen=True, slots=True)
class Finding:
    """``refuses``: the policy or the law says no; otherwise it is to be remembered. ``source``: whose word it is."""

    source: str
    clause: str
    sentence: str
    refuses: bool


def findings(ruleset: str, standing: Standing) -> list[Finding]:
    """What law and policy say against granting the request, refusals first."""
    by_policy = [found for rule in leave_rules().policy(ruleset).refuses if (found := _judge(rule, standing))]
    return sorted([*_by_law(standing), *by_policy], key=lambda finding: not finding.refuses)


def _by_law(standing: Standing) -> list[Finding]:
    ground = leave_rules().ground(standing.ground)
    if ground is None:
        return []
    found = []
    if ground.lives_with and standing.lives_with_asker is False:
        words = f"The parent who asked is recorded as not living with {standing.child}: the law wants a parent who does."
        found.append(Finding("The law", ground.law, words, refuses=True))
    if sentence := why_not_in_advance(ground, standing.asked_on, standing.first_day):
        found.append(Finding("The law", ground.law, sentence, refuses=True))
    return found


def why_not_in_advance(ground: Ground, asked_on: dt.date, first_day: dt.date) -> str:
    """A sentence where the ground wants to be asked for before the first day, and was not."""
    if not ground.in_advance or asked_on <= first_day:
        return ""
    return (
        f"{ground.name} must be asked for in advance: it was asked for on {_day(asked_on)} and begins on {_day(first_day)}. "
        f"Only sessions from {_day(asked_on)} on can be granted."
    )


def _judge(rule: Rule, standing: Standing) -> Finding | None:
    """The policy's word on the request, or None where the rule does not hold."""
    sentence = _SENTENCES[type(rule)](rule, standing)  # type: ignore[operator]
    return Finding("The policy", rule.clause, sentence, refuses=not isinstance(rule, Remember)) if sentence else None


def _any_unauthorised(rule: AnyUnauthorised, standing: Standing) -> str:
    if not standing.unauthorised:
        return ""
    return f"The policy refuses leave where any absence is unauthorised: {_sessions(standing.unauthorised)} this year."


def _authorised_above(rule: AuthorisedAbove, standing: Standing) -> str:
    if 100 * standing.authorised <= rule.percent * standing.possible:
        return ""
    share = f"{_tenths(standing.authorised, standing.possible, rule.percent)} % ({standing.authorised} of {standing.possible})"
    return f"The policy refuses leave above {rule.percent} % authorised absence: {share}."


def _notice(rule: Notice, standing: Standing) -> str:
    days = (standing.first_day - standing.asked_on).days
    if days >= rule.days:
        return ""
    asked = f"{days} {'day' if days == 1 else 'days'} before" if days >= 0 else "after it had begun"
    return f"The policy wants {rule.days // 7} weeks' notice: it was asked for {asked}."


def _in_retrospect(rule: InRetrospect, standing: Standing) -> str:
    late = standing.asked_on > standing.first_day
    return "The policy grants nothing in retrospect: the first day was over when it was asked for." if late else ""


def _examinations(rule: Examinations, standing: Standing) -> str:
    """Between its first and last day, a day of an examination month."""
    months = {(standing.first_day + dt.timedelta(days=number)).month for number in range(standing.days)}
    if standing.year_group not in rule.year_groups or not months & set(rule.months):
        return ""
    where = f"the pupil is in Year {standing.year_group}, and the days lie in their months"
    return f"The policy refuses leave during public examinations: {where}."


def _holiday(rule: Holiday, standing: Standing) -> str:
    return "The policy does not see a family holiday as exceptional." if standing.ground == "holiday" else ""


def _evidence(rule: Evidence, standing: Standing) -> str:
    return "" if standing.has_evidence else "The policy wants evidence with the request: none was handed in."


def _remember(rule: Remember, standing: Standing) -> str:
    return rule.text


_SENTENCES = {
    AnyUnauthorised: _any_unauthorised,
    AuthorisedAbove: _authorised_above,
    Notice: _notice,
    InRetrospect: _in_retrospect,
    Examinations: _examinations,
    Holiday: _holiday,
    Evidence: _evidence,
    Remember: _remember,
}


def _sessions(number: int) -> str:
    return f"{number} {'session' if number == 1 else 'sessions'}"


def _tenths(part: int, whole: int, limit: int) -> str:
    """Percent with one decimal; with two where one would read as the limit that it is above."""
    exact = 100 * part / whole
    return f"{exact:.2f}" if f"{exact:.1f}" == f"{limit:.1f}" else f"{exact:.1f}"


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"
