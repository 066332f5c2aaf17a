"""Reads about letters: the live draft, its marks for the certificate, and the frozen facts of one that was approved."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter

from attendance.codes import BY_CHARACTER, NO_MARK
from attendance.grid import session_of
from attendance.models import RegisterRow
from casework.models import Pause
from casework.queries.discretion import paused, why_letters_wait
from letters.catalogue import wording_for
from letters.certificate import Mark, render_certificate_html
from letters.facts import LetterFacts
from letters.merge import MergedLetter, merge
from letters.models import Letter, PrintBatch
from letters.record import Record
from letters.states import WAITING
from schools.models import PupilParent

_FACTS = TypeAdapter(LetterFacts)


def facts_to_json(facts: LetterFacts) -> dict:
    """Facts as they are kept with a letter."""
    return _FACTS.dump_python(facts, mode="json")  # type: ignore[no-any-return]


def facts_from_json(kept: dict) -> LetterFacts:
    return _FACTS.validate_python(kept)


@dataclass(frozen=True, slots=True)
class LiveLetter:
    """A letter as it stands now. ``token`` changes when the figures or the meeting do: an approval names the one that was looked at.

    ``pause``: why no letter of the case may leave now. ``barred``: its reader may not be written to any more."""

    letter: Letter
    facts: LetterFacts
    merged: MergedLetter
    pause: Pause | None = None
    barred: bool = False

    @property
    def token(self) -> str:
        year, meeting = self.facts.year, self.facts.meeting
        figures = f"{year.end.isoformat()}:{year.attended}/{year.possible}:{year.authorised}"
        return f"{figures}:{meeting.on}T{meeting.at}:{meeting.place}" if meeting.on else figures


def live(letters: Iterable[Letter], on: dt.date) -> dict[int, LiveLetter]:
    """Drafts drawn afresh from the record, approved letters from what was frozen; by letter. A constant number of statements a school."""
    found: dict[int, LiveLetter] = {}
    waiting: dict[int, list[Letter]] = defaultdict(list)
    for letter in letters:
        if letter.state in WAITING:
            waiting[letter.school_id].append(letter)
        else:
            found[letter.pk] = _merged(letter, facts_from_json(letter.facts))
    for of_school in waiting.values():
        found |= _drawn(of_school, on)
    return found


def _drawn(letters: list[Letter], on: dt.date) -> dict[int, LiveLetter]:
    record = Record(letters[0].school, [letter.planned for letter in letters], on)
    pupils, parents = {letter.case.pupil_id for letter in letters}, {letter.parent_id for letter in letters}
    links = PupilParent.objects.filter(pupil__in=pupils, parent__in=parents).select_related("parent")
    link_of = {(link.pupil_id, link.parent_id): link for link in links}
    waits = paused({letter.case_id for letter in letters}, on)
    drawn = {}
    for letter in letters:
        key = letter.case.pupil_id, letter.parent_id
        link = link_of.get(key) or PupilParent(pupil_id=letter.case.pupil_id, parent=letter.parent)
        facts = record.facts(letter.planned, link, wording_for(letter.ruleset, letter.wording))
        drawn[letter.pk] = _merged(letter, facts, waits.get(letter.case_id), key not in link_of or link.is_barred(on))
    return drawn


def _merged(letter: Letter, facts: LetterFacts, pause: Pause | None = None, barred: bool = False) -> LiveLetter:
    wording = wording_for(letter.ruleset, letter.wording)
    merged = merge(wording, facts, fills_of(letter, facts), extra=letter.extra_paragraph)
    return LiveLetter(letter, facts, merged, pause, barred)


OF_THE_MEETING = ("meeting_date", "meeting_time", "meeting_place", "meeting_with")


def fills_of(letter: Letter, facts: LetterFacts) -> dict[str, str]:
    """What a person filled in, without what a planned meeting says by itself: when it is moved, the letter follows."""
    planned = OF_THE_MEETING if facts.meeting.on else ()
    return {name: words for name, words in letter.fills.items() if name not in planned}


def with_everything(letters: Iterable[int]) -> list[Letter]:
    """Letters with what drawing them needs already joined."""
    joined = Letter.objects.select_related("school__group", "case__pupil", "planned__version", "planned__case__pupil",
                                           "planned__stage_record", "stage_record", "parent", "approved_by")  # fmt: skip
    return list(joined.filter(pk__in=list(letters)))


def preview(letter: Letter, on: dt.date) -> MergedLetter:
    """The letter as it will print (or was printed)."""
    return live([letter], on)[letter.pk].merged


def certificate_of(letter: Letter, facts: LetterFacts) -> str:
    """The parents' copy of the year's register, up to the day of the letter's figures, as an enclosure's HTML."""
    row = RegisterRow.objects.get(enrolment__pupil=letter.case.pupil_id, school=letter.school_id, year=letter.case.year)
    marks = marks_until(row, facts.year.end)
    return render_certificate_html(facts.child, facts.school, marks, facts.year, as_of=facts.year.end)


def marks_until(row: RegisterRow, last: dt.date) -> list[Mark]:
    """Every mark of a register row up to and including a day."""
    marks = []
    for number, character in enumerate(row.marks):
        if character != NO_MARK:
            date, session = session_of(row.year, number)
            if date <= last:
                marks.append(Mark(date, session, BY_CHARACTER[character].code))
    return marks


def not_to_post(batches: Collection[PrintBatch], on: dt.date) -> dict[int, list[tuple[Letter, str]]]:
    """By batch, the letters to take out of a pile that was printed and not posted yet, each with why. Three statements."""
    letters = Letter.objects.filter(batch__in=[batch.pk for batch in batches if not batch.posted_on])
    joined = list(letters.select_related("parent", "case__pupil"))
    waits = paused({letter.case_id for letter in joined}, on)
    links = PupilParent.objects.filter(pupil__in={letter.case.pupil_id for letter in joined})
    barred = {(link.pupil_id, link.parent_id) for link in links if link.is_barred(on)}
    found: dict[int, list[tuple[Letter, str]]] = defaultdict(list)
    for letter in joined:
        why = ""
        if letter.state != Letter.State.APPROVED:
            why = f"It was {letter.get_state_display().lower()}. {letter.reason}".strip()
        elif (letter.case.pupil_id, letter.parent_id) in barred:
            why = "An order or a no-contact note keeps this parent away."
        elif letter.case_id in waits:
            why = why_letters_wait(waits[letter.case_id])
        if why and letter.batch_id:
            found[letter.batch_id].append((letter, why))
    return dict(found)
