"""A person departs from the ladder, with a reason, a name and an end: letters wait, a stage is taken out of turn or left out.

All five policies leave room for it: the head of school may escalate, refer, hold or personalise a case at any stage (``federation``); what
excludes letters for a time (a death, illness with evidence, safeguarding) never excludes the concern.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from casework.models import Pause
from casework.words import day
from escalation.models import Case
from escalation.services import add_event
from schools import audit
from schools.models import User
from schools.rules import Refused

LONGEST = dt.timedelta(weeks=12)
"""A pause runs no longer without somebody looking again: a family that nobody writes to is a family that nobody helps."""


@transaction.atomic
def pause_letters(
    *, case: Case, kind: str, why: str, until: dt.date, by: User, role: str, on: dt.date, now: dt.datetime
) -> Pause:
    """The case's letters wait up to and including ``until``. Refused without a reason, for a day that is over or more than twelve weeks
    ahead, and while another pause stands."""
    if kind not in Pause.Kind:
        raise Refused("Choose why the letters are to wait.")
    if not why.strip():
        raise Refused("Say why the letters are to wait: whoever decides next reads it.")
    if until <= on:
        raise Refused("Choose a day after today until which the letters wait.")
    if until > on + LONGEST:
        raise Refused(f"A pause ends by {day(on + LONGEST)}: look at the case again then, and pause once more if need be.")
    Case.objects.select_for_update().get(pk=case.pk)
    if standing := Pause.objects.filter(case=case, until__gte=on, lifted_on__isnull=True).select_related("by").first():
        raise Refused(f"The letters already wait until {day(standing.until)} ({standing.by.name}): lift that pause first.")
    pause = Pause.objects.create(
        case=case, kind=kind, why=why.strip(), starts=on, until=until, by=by, role=role, at=now
    )  # fmt: skip
    _say(pause, f"Letters wait until {day(until)}. {_open_reason(pause)}".strip(), by=by, role=role, on=on, now=now)
    audit.record(
        action="letters paused", subject=pause, by=by, role=role, at=now, school=case.school, detail={"until": until.isoformat()}
    )
    return pause


@transaction.atomic
def lift_pause(*, pause: Pause, because: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Pause:
    """Letters may be approved again from now on."""
    if not because.strip():
        raise Refused("Say why the letters need wait no longer.")
    lifted = Pause.objects.filter(pk=pause.pk, lifted_on__isnull=True).update(
        lifted_on=on, lifted_by=by, lifted_because=because.strip()
    )
    if not lifted:
        raise Refused("Somebody has lifted this pause in the meantime.")
    pause.refresh_from_db()
    _say(pause, "Letters need wait no longer.", by=by, role=role, on=on, now=now)
    audit.record(action="pause lifted", subject=pause, by=by, role=role, at=now, school=pause.case.school)
    return pause


def _open_reason(pause: Pause) -> str:
    """What the timeline may say: everyone who sees the case reads it, so nothing of safeguarding."""
    if pause.kind == Pause.Kind.SAFEGUARDING:
        return "Speak to the safeguarding lead first."
    return f"{pause.get_kind_display()}: {pause.why}"


def _say(pause: Pause, text: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    add_event(case=pause.case, kind="decision", text=text, on=on, now=now, by=by, role=role)
