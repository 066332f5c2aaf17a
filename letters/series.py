"""A weekly series of messages under a standing approval: planned after the weekly judgement, drafted, and approved under its name.

Without a standing approval nothing is planned. Where the person who gave it no longer holds the role, the messages wait as any letter
does. Delivery is a letter's own: its states, its ten minutes, its exceptions.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from django.db import transaction
from django.db.models import Q

from attendance.grid import academic_year_of
from casework.models import StandingApproval
from casework.monitoring import recovery_of_series
from escalation.engine.evaluate import judge_for
from escalation.engine.register import field
from escalation.loading import LoadedSchool, load_school
from escalation.models import Event, PlannedLetter
from escalation.queries import ruleset_of
from letters.models import Letter
from letters.phrases import percent
from letters.services import approve_letters
from schools import audit
from schools.models import Enrolment, School, StaffRole
from schools.queries import school_days

CAUSE = "weekly "
DIRECTIONS = ("up", "down", "same")


@transaction.atomic
def plan_weekly(*, school: School, on: dt.date, now: dt.datetime) -> int:
    """Plans this week's message for every case with a standing approval, on the last school day of a week; returns how many.

    A series whose rule of recovery holds (``wigston``: back at 95 %) ends instead. One statement where no approval stands; run again, it
    changes nothing."""
    approvals = list(_standing(school, on))
    if not approvals:
        return 0
    days = school_days(school, [academic_year_of(on)])
    number = days.index(on)
    if number is None or not days.ends_week[number]:
        return 0
    pupils = [approval.case.pupil_id for approval in approvals]
    here = Enrolment.objects.filter(Q(ends__isnull=True) | Q(ends__gte=on), school=school, pupil__in=pupils, starts__lte=on)
    loaded = load_school(school, on, enrolment_ids=list(here.values_list("pk", flat=True)))
    on_roll = [approval for approval in approvals if approval.case.pupil_id in loaded.by_pupil]
    going_on = [approval for approval in on_roll if not _recovered(approval, loaded, on, now)]
    planned = [letter for approval in going_on if (letter := _message(approval, loaded, on))]
    PlannedLetter.objects.bulk_create(planned, ignore_conflicts=True)
    return len(planned)


def _standing(school: School, on: dt.date) -> Iterable[StandingApproval]:
    found = StandingApproval.objects.filter(
        case__school=school, case__year=academic_year_of(on), ended_on=None, until__gte=on, given_on__lte=on
    )
    return found.select_related("case__school", "stage_record__version", "by")


def _recovered(approval: StandingApproval, loaded: LoadedSchool, on: dt.date, now: dt.datetime) -> bool:
    """Ends the series where the pupil has recovered; the night has planned the postcard by the same rule."""
    rule = recovery_of_series(ruleset_of(approval.stage_record.version), approval.stage_record.stage)
    if rule is None:
        return False
    judge = judge_for(loaded.register, loaded.ruleset, loaded.national, loaded.state, on)
    if not judge.as_it_stands(rule.condition, np.array([loaded.by_pupil[approval.case.pupil_id]]))[0]:
        return False
    if StandingApproval.objects.filter(pk=approval.pk, ended_on=None).update(ended_on=on, ended_because=rule.name):
        Event.objects.create(case=approval.case, kind="recovery", on=on, at=now, text=f"Weekly messages end: {rule.name}.")
        audit.record(action="series ended", subject=approval, by=None, at=now, school=loaded.school, reason=rule.name)
    return True


def _message(approval: StandingApproval, loaded: LoadedSchool, on: dt.date) -> PlannedLetter | None:
    """None for a week in which no session was possible."""
    this, last = (_week(loaded, loaded.by_pupil[approval.case.pupil_id], on - dt.timedelta(days=back)) for back in (0, 7))
    if not this[1]:
        return None
    apart = this[0] * last[1] - last[0] * this[1]
    direction = "up" if apart > 0 else "down" if apart < 0 else "same"
    if not last[1]:
        direction = "up" if this[0] == this[1] else "down"
    record = approval.stage_record
    return PlannedLetter(
        case=approval.case, stage_record=record, version=record.version, letter=_in_direction(approval.series, direction),
        cause=f"{CAUSE}{record.stage}", on=on, approves=record.approves or record.acts,
        about={
            "week_percent": percent(*this),
            "week_points": percent(abs(apart), this[1] * last[1]).removesuffix("%") if apart and last[1] else "",
        },
    )  # fmt: skip


def _in_direction(series: str, direction: str) -> str:
    """``weekly-up`` names its series: the wordings are called by the direction."""
    stem, _, ending = series.rpartition("-")
    return f"{stem}-{direction}" if ending in DIRECTIONS else series


def _week(loaded: LoadedSchool, row: int, on: dt.date) -> tuple[int, int]:
    """(attended, possible) of the Monday-Sunday week of ``on``."""
    monday = on - dt.timedelta(days=on.weekday())
    start, stop = (loaded.days.first_on_or_after(monday + dt.timedelta(days=days)) for days in (0, 7))
    words = loaded.register.words(start, stop, np.array([row]))
    return int(field(words, "attended")[0]), int(field(words, "possible")[0])


def approve_standing(*, school: School, on: dt.date, now: dt.datetime) -> int:
    """Approves the drafted messages of this year's series under the standing approval of their case; returns how many."""
    waiting = Letter.objects.filter(school=school, state=Letter.State.DRAFTED, planned__cause__startswith=CAUSE)
    by_case: dict[int, list[Letter]] = defaultdict(list)
    for letter in waiting.select_related("planned"):
        by_case[letter.case_id].append(letter)
    if not by_case:
        return 0
    count = 0
    for approval in _standing(school, on):
        letters = [letter for letter in by_case[approval.case_id] if letter.planned.on <= approval.until]
        if letters and _still_holds(approval, school, on):
            outcomes = approve_letters(letters=letters, by=approval.by, role=approval.role, now=now, on=on)
            count += sum(outcome.ok for outcome in outcomes)
    return count


def _still_holds(approval: StandingApproval, school: School, on: dt.date) -> bool:
    """Whether who gave it still holds that role for the school."""
    roles = StaffRole.objects.filter(Q(ends__isnull=True) | Q(ends__gte=on), user=approval.by, role=approval.role, starts__lte=on)
    held = Q(school=school) | Q(school__isnull=True, group=school.group_id)
    return approval.by.is_active and roles.filter(held).exists()
