"""A school adopts a ladder: the ruleset's text becomes a version, and the version is in force from a day."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.db import transaction

from escalation.engine.ruleset import load_ruleset, parse_ruleset
from escalation.models import Adoption, RulesetVersion
from schools import audit
from schools.models import School, User


def store_version(*, key: str, text: str, now: dt.datetime) -> RulesetVersion:
    """The version with exactly this text; made where there is none. Raises RulesetError for a ruleset with a fault."""
    ruleset = parse_ruleset(text, source=key)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    defaults = {"key": ruleset.key, "name": ruleset.name, "text": text, "added_at": now}
    return RulesetVersion.objects.get_or_create(sha256=sha256, defaults=defaults)[0]


@transaction.atomic
def adopt(*, school: School, key: str, starts: dt.date, by: User | None, now: dt.datetime) -> Adoption:
    """The school runs a shipped ladder from ``starts`` on."""
    version = store_version(key=key, text=load_ruleset(key).text, now=now)
    adoption, _ = Adoption.objects.update_or_create(school=school, starts=starts, defaults={"version": version, "by": by})
    audit.record(
        action="ladder adopted", subject=adoption, by=by, at=now, school=school, detail={"key": key, "sha256": version.sha256}
    )
    return adoption
