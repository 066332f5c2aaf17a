"""Letters that left: the words as approved, who approved and posted them, and the very files, each with its hash."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.core.files.storage import default_storage
from django.utils import timezone

from evidence.exhibits import Block, Check, Exhibit, File, Part, Table, Text, counted, day, rows_of
from evidence.scope import Scope
from letters.models import Letter, LetterEvent
from letters.referral_form import file_name
from letters.states import LEFT


def letters(scope: Scope) -> Part:
    """One exhibit a letter."""
    left = Letter.objects.filter(case=scope.case, state__in=LEFT, left_on__lte=scope.on)
    joined = left.select_related("parent", "approved_by", "batch__posted_by").order_by("left_on", "pk")
    found = [letter for letter in joined if scope.concerns(letter.parent_id)]
    others = left.count() - len(found)
    events = list(LetterEvent.objects.filter(letter__in=found, at__lt=scope.end).select_related("by"))
    exhibits = [_exhibit(letter, [event for event in events if event.letter_id == letter.pk]) for letter in found]
    return Part(
        key="letters",
        title="Letters and proof of dispatch",
        exhibits=exhibits,
        rows=[*rows_of(found), *rows_of(events)],
        checks=_checks(found, exhibits),
        left_out=f"{counted(others, 'letter')} to another parent: left out of this pack." if others else "",
        missing="" if found else "No letter has left.",
    )


def _exhibit(letter: Letter, events: list[LetterEvent]) -> Exhibit:
    file = _file(letter)
    told = [
        ("To", letter.parent.name),
        ("Title", letter.title),
        ("Figures as of", day(letter.figures_on)),
        ("Ladder and wording", f"{letter.ruleset}, {letter.wording}, version {letter.wording_version[:12]}"),
        ("Approved by", f"{letter.approved_by.name if letter.approved_by else 'not recorded'}, {_moment(letter.approved_at)}"),
        ("Left on", f"{day(letter.left_on)}, {letter.get_channel_display().lower()}"),
        ("Posted by", _posted(letter)),
        ("File", f"{file.name}, SHA-256 {file.sha256}" if file else "The file is not kept."),
    ]
    if file and letter.sha256 and file.sha256 != letter.sha256:
        told.append(("Warning", f"The file kept is not the one approved, whose SHA-256 is {letter.sha256}."))
    steps = [(_moment(event.at), event.after, event.by.name if event.by else "the night", event.reason) for event in events]
    blocks: list[Block] = [
        Table("Proof of dispatch", ("What", "On record"), told),
        *([Table("Every step of the letter", ("When", "State", "By", "Reason"), steps)] if steps else []),
        Text([part.strip() for part in letter.text.split("\n") if part.strip()]),
    ]
    return Exhibit(f"Letter of {day(letter.left_on)} to {letter.parent.name}", blocks, file)


def _file(letter: Letter) -> File | None:
    if not letter.pdf:
        return None
    with default_storage.open(str(letter.pdf)) as kept:
        content = kept.read()
    made_at = letter.approved_at or letter.drafted_at
    return File(file_name(letter), content, f"Letter of {letter.left_on}, as it was sent", made_at)


def _moment(moment: dt.datetime | None) -> str:
    return f"{timezone.localtime(moment):%-d %B %Y, %H:%M}" if moment else "time not recorded"


def _posted(letter: Letter) -> str:
    if letter.channel == Letter.Channel.PORTAL:
        return "put into the parents’ portal"
    batch = letter.batch
    return batch.posted_by.name if batch and batch.posted_by else "not recorded"


def _checks(found: list[Letter], exhibits: list[Exhibit]) -> list[Check]:
    if not found:
        return [Check("Letters", False, "No letter has left: nothing shows that the parents were told in writing.")]
    kept = sum(exhibit.file is not None for exhibit in exhibits)
    changed = [
        letter
        for letter, exhibit in zip(found, exhibits, strict=True)
        if exhibit.file and letter.sha256 not in ("", _sha(exhibit))
    ]
    unposted = sum(letter.channel == Letter.Channel.PRINT and _posted(letter) == "not recorded" for letter in found)
    proof = (
        f"{counted(unposted, 'letter')} without a record of who posted it"
        if unposted
        else "who approved and posted each is on record"
    )
    return [
        Check("Letters", kept == len(found), f"{counted(len(found), 'letter')}, {kept} with the file that was sent"),
        Check("Proof of dispatch", not unposted, proof),
        Check(
            "Files of the letters",
            not changed,
            f"{counted(len(changed), 'file')} changed since approval" if changed else "as approved",
        ),
    ]


def _sha(exhibit: Exhibit) -> str:
    return hashlib.sha256(exhibit.file.content).hexdigest() if exhibit.file else ""
