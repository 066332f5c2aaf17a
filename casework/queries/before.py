"""What was tried before a pupil came: stages and support at another school of the group, as one sentence for the new school's case.

A pupil's case begins afresh with the new school's ladder. Whoever may open it reads what was tried, and no more: no note, no name, no
letter and nothing of safeguarding; the old case stays with the old school.
"""

from __future__ import annotations

import datetime as dt
from itertools import groupby

from casework.models import SupportOffer
from casework.words import day
from escalation.models import Case, StageRecord
from schools.models import Enrolment


def tried_before(case: Case) -> str:
    """Came from Fenwold Academy, on roll there until Friday 21 November. Tried there this year: …; empty where there is nothing.
    Three statements at most; one for a pupil without a case elsewhere."""
    there = Case.objects.filter(pupil=case.pupil_id, year=case.year, school__group=case.school.group_id).exclude(
        school=case.school_id
    )
    cases = list(there.select_related("school").order_by("opened_on"))
    if not cases:
        return ""
    tried = _tried(cases)
    left = dict(
        Enrolment.objects.filter(pupil=case.pupil_id, school__in=[each.school_id for each in cases], ends__isnull=False)
        .order_by("ends")
        .values_list("school", "ends")
    )
    return " ".join(_sentence(each, left.get(each.school_id), tried.get(each.pk, [])) for each in cases)


def _tried(cases: list[Case]) -> dict[int, list[str]]:
    """What was done and what was offered, by case, in the order of the days. Two statements."""
    stages = StageRecord.objects.filter(case__in=cases, state=StageRecord.State.DONE)
    lines = [(record.case_id, record.done_on, f"{record.name} ({_date(record.done_on)})") for record in stages]
    for offer in SupportOffer.objects.filter(case__in=cases):
        answer = offer.get_answer_display().lower() if offer.answer else "not answered"
        lines.append((offer.case_id, offer.offered_on, f"{offer.get_kind_display().lower()} offered ({answer})"))
    ordered = sorted(lines, key=lambda line: (line[0], line[1] or dt.date.min))
    return {case: [words for *_, words in of_case] for case, of_case in groupby(ordered, key=lambda line: line[0])}


def _sentence(case: Case, left: dt.date | None, tried: list[str]) -> str:
    until = f", on roll there until {day(left)}" if left else ""
    what = "; ".join(tried) if tried else "nothing was done yet"
    return f"Came from {case.school.name}{until}. Tried there this year: {what}."


def _date(on: dt.date | None) -> str:
    return f"{on.day} {on:%B}" if on else ""
