"""Who may decide about a letter, and when: each rule answers with the sentence that stands on the disabled button."""

from __future__ import annotations

import datetime as dt

from casework.models import Pause
from casework.queries.discretion import why_letters_wait
from letters.fields import MERGE_FIELDS
from letters.models import Letter
from letters.states import WAITING
from schools.access import Scope
from schools.models import Enrolment, Role

UNDO = dt.timedelta(minutes=10)
"""How long an approval can be undone, before anything has left."""
MAY_STAND_IN = {Role.HEAD, Role.TRUST_LEAD, Role.ATTENDANCE_LEAD}
"""Roles that may approve in place of the one that the ladder names."""


def why_not_decide(letter: Letter, scope: Scope) -> str:
    """A sentence where this person may not hold, decline or approve the letter; an empty string where they may."""
    held = scope.role_keys_at(letter.school)
    if letter.approves in held or held & MAY_STAND_IN:
        return ""
    return f"This letter is decided by the {Role(letter.approves).label.lower()}."


def why_not_approve(letter: Letter, *, scope: Scope, merged_missing: tuple[str, ...] = (), pause: Pause | None = None) -> str:
    """The same for approving: its state, a pause of the case, what a person must still fill in, and the person's role."""
    if letter.state not in WAITING:
        return state_sentence(letter)
    if pause:
        return why_letters_wait(pause, may_read=not scope.refusal("see_safeguarding", letter.school))
    if letter.held_until and scope.on < letter.held_until:
        return f"Held until {letter.held_until:%-d %B %Y}: {letter.reason}"
    if merged_missing:
        return missing_sentence(merged_missing)
    return why_not_decide(letter, scope)


def state_sentence(letter: Letter) -> str:
    """What has already become of a letter."""
    if letter.approved_by and letter.state not in WAITING:
        return f"Already approved by {letter.approved_by.name} on {letter.approved_at:%-d %B at %-H.%M}."
    return f"This letter was {letter.get_state_display().lower()}."


def why_not_after_leaving(letter: Letter, enrolment: Enrolment | None, on: dt.date) -> str:
    """A stage's letter does not go once the pupil has left: the new school's ladder begins afresh. ``enrolment``: the latest at the
    letter's school."""
    if letter.stage_record_id is None or enrolment is None or enrolment.ends is None or enrolment.ends >= on:
        return ""
    name, school = letter.case.pupil.called, letter.school.name
    return f"{name} left {school} on {enrolment.ends.day} {enrolment.ends:%B %Y}: decline this letter, nothing more is sent from here."


def why_not_undo(letter: Letter, now: dt.datetime) -> str:
    if letter.state != Letter.State.APPROVED:
        return f"Only an approved letter that has not left can be undone; this one is {letter.get_state_display().lower()}."
    if letter.leaves_at and now >= letter.leaves_at:
        return f"The ten minutes to undo ended at {letter.leaves_at:%-H.%M}."
    return ""


def missing_sentence(names: tuple[str, ...]) -> str:
    """What stands in the way of a letter with gaps: what a person can fill in, or what the school's own record lacks."""
    to_fill = [MERGE_FIELDS[name].label for name in names if MERGE_FIELDS[name].fill]
    if to_fill:
        return f"Fill in first: {', '.join(to_fill)}."
    return f"The record does not hold: {', '.join(MERGE_FIELDS[name].label for name in names)}. Ask your administrator to add it."
