"""From anywhere to the designated safeguarding lead: a concern is written once, and then only the lead and the head can read it.

Nothing of a note's text goes into the timeline, the audit trail or a log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from casework.models import SafeguardingNote
from schools import audit
from schools.models import Pupil, School, User
from schools.rules import Refused


@transaction.atomic
def take_to_the_lead(
    *, pupil: Pupil, school: School, text: str, by: User, role: str, now: dt.datetime, kind: str = SafeguardingNote.Kind.CONCERN
) -> SafeguardingNote:
    """Keeps a concern (or the lead's own note). The writer cannot read it again; the pupil is marked "speak to the lead first"."""
    if not text.strip():
        raise Refused("Write what you have seen or heard, in the child’s own words where you can.")
    note = SafeguardingNote.objects.create(pupil=pupil, school=school, kind=kind, text=text.strip(), by=by, role=role, at=now)
    audit.record(action=f"safeguarding {kind}", subject=note, by=by, role=role, at=now, school=school)
    return note


@transaction.atomic
def read_notes(*, pupil: Pupil, school: School, by: User, role: str, now: dt.datetime) -> Sequence[SafeguardingNote]:
    """The pupil's notes at the school, newest first; that they were read, and by whom, is kept."""
    notes = SafeguardingNote.objects.filter(pupil=pupil, school=school)
    notes.filter(read_at__isnull=True).exclude(by=by).update(read_by=by, read_at=now)
    audit.record(action="safeguarding notes read", subject=pupil, by=by, role=role, at=now, school=school)
    return list(notes.select_related("by", "read_by", "closed_by"))


@transaction.atomic
def close_note(*, note: SafeguardingNote, because: str, by: User, role: str, now: dt.datetime) -> SafeguardingNote:
    """Seen to. When no note of the pupil is open the mark beside the name goes; the notes stay."""
    if not because.strip():
        raise Refused("Say what was done: it is kept with the note.")
    closed = SafeguardingNote.objects.filter(pk=note.pk, closed_at__isnull=True).update(
        closed_by=by, closed_at=now, closed_because=because.strip()
    )
    note.refresh_from_db()
    if not closed:
        raise Refused(f"{note.closed_by} has closed this note already.")
    audit.record(action="safeguarding note closed", subject=note, by=by, role=role, at=now, school=note.school)
    return note
