"""Reads about rulesets in force and cases that more than one room needs."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from escalation.engine.ruleset import Ruleset, parse_ruleset
from escalation.models import RulesetVersion
from schools.models import School
from schools.rules import Refused


@lru_cache(maxsize=64)
def _parsed(sha256: str, key: str, text: str) -> Ruleset:
    return parse_ruleset(text, source=key)


def ruleset_of(version: RulesetVersion) -> Ruleset:
    """The version's text, parsed; kept, since a version never changes."""
    return _parsed(version.sha256, version.key, version.text)


def adopted(school: School, on: dt.date) -> tuple[RulesetVersion, Ruleset]:
    """The ruleset that the school runs on a day. One statement. Raises Refused where it has adopted none."""
    version = (
        RulesetVersion.objects.filter(adoptions__school=school, adoptions__starts__lte=on).order_by("-adoptions__starts").first()
    )
    if version is None:
        raise Refused(f"{school.name} has adopted no ladder that is in force on {on:%-d %B %Y}: choose one under Set-up.")
    return version, ruleset_of(version)
