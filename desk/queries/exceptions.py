"""Exceptions: what cannot go on by itself.

Nobody reached, nobody to write to, letters that came back, refused rows, nights that did not run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Count

from attendance.freshness import STALE as MAY_BE_ON_ITS_WAY
from attendance.mis import failing_connections
from attendance.models import ImportBatch
from desk.queries.imports import open_conflicts
from desk.queries.ringing import Ring
from desk.queries.todo import About, Open, Reader
from escalation.models import NightRun, PlannedLetter
from letters.models import Letter
from letters.phrases import count
from schools.models import School

REFUSED = "Refused in the import"
NOBODY_REACHED = "Nobody reached"
MIS_NOT_READ = "The MIS was not read"
STALE = "The register is old"
CONTRADICTED = "A file contradicts us"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong or cannot go on by itself. ``kind`` chooses the words and the link."""

    kind: str
    text: str
    about: About | None = None
    school: str = ""

    @property
    def is_import(self) -> bool:
        return self.kind in (REFUSED, STALE)

    @property
    def is_conflict(self) -> bool:
        return self.kind == CONTRADICTED

    @property
    def is_connection(self) -> bool:
        return self.kind == MIS_NOT_READ

    @property
    def is_calling(self) -> bool:
        return self.kind == NOBODY_REACHED


def troubles(reader: Reader, opened: Open, rings: Iterable[Ring]) -> list[Trouble]:
    """Nobody reached, nobody to write to, came back, refused in an import, a MIS that was not read, nights put off
    or failed. Four statements."""
    return [
        *_not_reached(rings),
        *_nobody(reader),
        *_came_back(reader),
        *_contradicted(reader),
        *_old(reader, opened.imports),
        *_refused(reader, opened.imports),
        *_not_read(reader),
        *_nights(reader, opened.runs),
    ]


def _not_reached(rings: Iterable[Ring]) -> Iterable[Trouble]:
    """Pupils away without a reason about whom nobody could be reached, until the safeguarding lead has been told."""
    for ring in rings:
        if ring.nobody_reached and not ring.told:
            line = ring.line
            text = f"{ring.nobody_reached} Tell the safeguarding lead."
            yield Trouble(NOBODY_REACHED, text, About(line.pupil, line.school, line.name, line))


def _nobody(reader: Reader) -> Iterable[Trouble]:
    planned = PlannedLetter.objects.filter(state=PlannedLetter.State.NOBODY, case__school__in=reader.schools)
    latest = planned.select_related("case__pupil").order_by("-on")
    seen = set()
    for letter in latest:
        if letter.case_id not in seen:
            seen.add(letter.case_id)
            about = reader.about(letter.case.pupil, letter.case.school_id)
            text = "A letter is due, but no parent may be written to. Check the contacts, or record a conversation instead."
            yield Trouble("Nobody to write to", text, about)


def _came_back(reader: Reader) -> Iterable[Trouble]:
    failed = Letter.objects.filter(state=Letter.State.FAILED, school__in=reader.schools).select_related("case__pupil")
    for letter in failed:
        about = reader.about(letter.case.pupil, letter.school_id)
        yield Trouble("Came back", f"{letter.title}. {letter.reason}".strip(), about)


def _refused(reader: Reader, imports: Collection[ImportBatch]) -> Iterable[Trouble]:
    """The last import of each school, where rows of it were refused."""
    for batch in imports:
        if not batch.refused:
            continue
        place = reader.places[batch.school_id]
        why = batch.refusals[0]["reason"] if batch.refusals else ""
        text = f"{batch.refused:,} of {count(batch.rows, 'row')}, the first because: {why}"
        yield Trouble(REFUSED, text, school=place.school.name)


def _old(reader: Reader, imports: Collection[ImportBatch]) -> Iterable[Trouble]:
    """Schools whose register is kept in the MIS and whose last file ends before the last school day."""
    for batch in imports:
        place = reader.places[batch.school_id]
        if batch.latest_date is None or place.school.register_source != School.RegisterSource.MIS:
            continue
        behind = place.days.first_after(place.on) - place.days.first_after(batch.latest_date)
        if behind > MAY_BE_ON_ITS_WAY:
            text = f"The last file ends on {batch.latest_date:%-d %B}: {count(behind, 'school day')} since then."
            yield Trouble(STALE, text, school=place.school.name)


def _contradicted(reader: Reader) -> Iterable[Trouble]:
    """Marks entered here that a file contradicts, until somebody decides."""
    open_of = open_conflicts(reader.schools).order_by().values_list("school").annotate(marks=Count("pk"))
    for school, marks in open_of:
        text = f"{count(marks, 'mark')} entered here {'waits' if marks == 1 else 'wait'} for a decision."
        yield Trouble(CONTRADICTED, text, school=reader.places[school].school.name)


def _not_read(reader: Reader) -> Iterable[Trouble]:
    """Connections to a MIS whose last reading failed."""
    for connection in failing_connections(reader.schools):
        yield Trouble(MIS_NOT_READ, connection.last_error, school=connection.school.name)


def _nights(reader: Reader, runs: Collection[NightRun]) -> Iterable[Trouble]:
    """The last night of each school, where it did not run."""
    last_of: dict[int, NightRun] = {}
    for run in runs:
        last_of.setdefault(run.school_id, run)
    for school, last in last_of.items():
        place = reader.places[school]
        if last.state == NightRun.State.PUT_OFF:
            text = " ".join(map(str, last.skipped)) or "The register is missing."
            yield Trouble("Put off by the night", f"{last.on:%A} {last.on.day} {last.on:%B}. {text}", school=place.school.name)
        elif last.state == NightRun.State.FAILED:
            text = "It ended with an error. The next run starts it again."
            yield Trouble("Night failed", f"{last.on:%A} {last.on.day} {last.on:%B}. {text}", school=place.school.name)
