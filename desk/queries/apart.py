"""What sets a family apart from the ladder's course, for whoever opens the pupil or the case: letters that wait, whom to speak to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from casework.queries.discretion import standing_pauses, why_letters_wait
from casework.queries.safeguarding import SPEAK_FIRST, speak_first
from schools.access import Scope
from schools.models import Pupil, School


@dataclass(frozen=True, slots=True)
class Apart:
    """``sentences`` stand at the head of the page; the rest says which acts are offered."""

    sentences: tuple[str, ...]
    may_decide: bool
    may_raise: bool
    may_read: bool


def apart_of(scope: Scope, pupil: Pupil, school: School, on: dt.date) -> Apart:
    """Two statements."""
    may_read = not scope.refusal("see_safeguarding", school)
    pause = standing_pauses(on).filter(case__pupil=pupil, case__school=school).select_related("by").first()
    first = SPEAK_FIRST if speak_first([pupil.pk], [school]) else ""
    return Apart(
        sentences=tuple(filter(None, (first, why_letters_wait(pause, may_read=may_read)))),
        may_decide=not scope.refusal("use_discretion", school),
        may_raise=not scope.refusal("raise_concern", school),
        may_read=may_read,
    )
