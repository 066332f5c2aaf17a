"""What a school's ladder in force says about chasing absences: when an N is settled, from when illness is followed up weekly, when no
contact at all means that a child may be missing education. Where the ladder is silent, the national rule or a default of ours stands in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from escalation.engine.conditions import Comparison, leaves
from escalation.engine.ladder import Ruleset, WatchRule
from escalation.engine.ruleset import national_rules
from escalation.models import Adoption
from escalation.queries import ruleset_of
from schools.models import School

ILL_FOR = 6
"""School days of illness in a row from which the family is called at least weekly, where the ladder says nothing (more than five)."""
NO_CONTACT_FOR = 5
"""School days without contact from which a referral as missing education is considered, where the ladder says nothing."""
CONTACT_EVERY = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Limit:
    """From how many school days on something is due. ``is_own``: the ladder says so, in ``clause``; otherwise a national or own default."""

    days: int
    what_to_do: str
    clause: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class Chasing:
    settle: Limit
    illness: Limit
    no_contact: Limit
    first_day: str
    """What the ladder asks for on the first day, with its clause, or an empty string."""
    law: int
    """School days within which the law has an N settled."""

    @property
    def waits_longer(self) -> bool:
        """The ladder's own limit for an N is later than the law's."""
        return self.settle.days > self.law


def chasing_rules(schools: Collection[School], on: dt.date) -> dict[int, Chasing]:
    """By school. One statement."""
    adoptions = Adoption.objects.filter(school__in=schools, starts__lte=on).select_related("version").order_by("starts")
    in_force = {adoption.school_id: adoption.version for adoption in adoptions}
    return {
        school.pk: _chasing(ruleset_of(in_force[school.pk]) if school.pk in in_force else None) for school in schools
    }  # fmt: skip


def _chasing(ladder: Ruleset | None) -> Chasing:
    national = _limit(national_rules(), "age_of_mark", "N", is_own=False) or Limit(5, "", "", is_own=False)
    prompts = {prompt.id: prompt for prompt in ladder.prompts} if ladder else {}
    first = prompts.get("first-day")
    return Chasing(
        settle=_own(ladder, "age_of_mark", "N") or national,
        illness=_own(ladder, "run_of_days", "I")
        or Limit(ILL_FOR, "Be in touch with the family at least once a week.", "", False),
        no_contact=_own(ladder, "run_of_days", "N")
        or Limit(NO_CONTACT_FOR, "Consider a referral to the local authority as a child missing education.", "", False),
        first_day=f"{first.text} ({first.clause})" if first else "",
        law=national.days,
    )


def _own(ladder: Ruleset | None, measure: str, code: str) -> Limit | None:
    return _limit(ladder, measure, code, is_own=True) if ladder else None


def _limit(ladder: Ruleset, measure: str, code: str, *, is_own: bool) -> Limit | None:
    """The first watch rule that counts that one code by that measure."""
    for rule in ladder.watch:
        for leaf in leaves(rule.condition):
            if isinstance(leaf, Comparison) and leaf.measure == measure and leaf.codes == (code,):
                return _as_limit(rule, leaf, is_own)
    return None


def _as_limit(rule: WatchRule, leaf: Comparison, is_own: bool) -> Limit:
    days = int(leaf.threshold) + (leaf.op == "more_than")
    return Limit(days, rule.what_to_do, rule.clause, is_own)
