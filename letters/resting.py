"""What stands in the way of undoing a file of marks: stages that a person decided about, and letters that a person approved, on its marks.

What nobody has decided yet does not: the next night withdraws it, as after any corrected mark.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from attendance.undoing import Resting
from casework.models import PenaltyMark
from escalation.models import StageRecord
from letters.models import Letter
from letters.states import LEFT

DECIDED = (
    StageRecord.State.DONE,
    StageRecord.State.HELD,
    StageRecord.State.DECLINED,
    StageRecord.State.PASSED_OVER,
)
APPROVED = (Letter.State.APPROVED, Letter.State.SENDING, Letter.State.FAILED, *LEFT)


def what_rests(resting: Resting) -> list[str]:
    """A sentence for stages, letters and penalty notices; empty where nothing rests on the batch's marks. Three statements."""
    return [*_stages(resting), *_letters(resting), *_penalties(resting)]


def _stages(resting: Resting) -> Iterable[str]:
    records = StageRecord.objects.filter(
        case__school=resting.batch.school_id, case__pupil__in=resting.days, state__in=DECIDED, decided_at__gte=resting.batch.at
    )
    found = [
        record
        for record in records.select_related("case").order_by("proposed_on", "pk")
        if _rests(record, resting.days[record.case.pupil_id])
    ]
    if found:
        first = found[0]
        stages = "1 stage was" if len(found) == 1 else f"{len(found)} stages were"
        yield (
            f"{stages} decided on its marks, the first “{first.name}” of {first.proposed_on:%-d %B %Y}: correct the marks by hand, so "
            "that each decision is looked at again."
        )


def _rests(record: StageRecord, days: Sequence[dt.date]) -> bool:
    """Whether one of the reasons counts a mark of those days; where not all marks were kept, whether it may."""
    given = {day.isoformat() for day in days}
    for reason in record.because:
        marks = reason.get("marks") or []
        if given & {mark[0] for mark in marks}:
            return True
        if (reason.get("of", 0) > len(marks) or not marks) and days[0] <= record.proposed_on:
            return True
    return False


def _letters(resting: Resting) -> Iterable[str]:
    letters = Letter.objects.filter(
        school=resting.batch.school_id, case__pupil__in=resting.days, state__in=APPROVED, drafted_at__gte=resting.batch.at
    )
    found = [
        letter
        for letter in letters.select_related("case").defer("facts").order_by("figures_on", "pk")
        if resting.days[letter.case.pupil_id][0] <= letter.figures_on
    ]
    if found:
        letters_are = "1 letter that was approved states" if len(found) == 1 else f"{len(found)} letters that were approved state"
        yield f"{letters_are} figures with its marks, the first of {found[0].figures_on:%-d %B %Y}: correct the marks by hand."


def _penalties(resting: Resting) -> Iterable[str]:
    marks = PenaltyMark.objects.filter(pupil__in=resting.days, is_released=False, ground__at__gte=resting.batch.at)
    count = sum(1 for pupil, date in marks.values_list("pupil", "date") if date in resting.days[pupil])
    if count:
        yield f"A penalty notice was prepared on {count} of its marks: drop the request first."
