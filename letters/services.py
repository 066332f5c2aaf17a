"""What happens to letters: drafted from what escalation planned, decided by a person, printed, posted. One atomic service a change.

Every change of state is a conditional UPDATE on the states it may come from, so that of fifty people who approve one letter one does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F, Q
from pypdf import PdfReader, PdfWriter

from casework.queries.discretion import standing_pauses, why_letters_wait
from casework.queries.meetings import enrolment_of
from escalation.models import Event, PlannedLetter, StageRecord
from escalation.services import decline_stage, mark_stage_done
from letters.enclosing import enclosures_of
from letters.models import Letter, LetterEvent, PrintBatch
from letters.pdf import MissingGlyphs, render_letter_pdf
from letters.policies import UNDO, missing_sentence, state_sentence, why_not_after_leaving, why_not_undo
from letters.queries import LiveLetter, facts_to_json, live, with_everything
from letters.record import Draft, Record
from letters.states import WAITING, comes_from
from schools import audit
from schools.models import AuditEntry, School, User
from schools.rules import Refused

TO_BARRED = "An order or a no-contact note stands: this parent is not written to."
PLAN_TAKEN_BACK = "What this letter was about has been changed or taken back."
UNDONE: dict[str, Any] = {"approved_by": None, "approved_at": None, "leaves_at": None, "text": "", "sha256": "", "pdf": ""}
"""What an approval froze, taken back."""
TO_PARENTS = ("letter", "message")
"""Kinds of wording that are drafted for each parent; guides and forms are for staff."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one letter in an approval: ``sentence`` says why not, or when it leaves."""

    letter: Letter
    ok: bool
    sentence: str


def draft_planned(*, now: dt.datetime, on: dt.date, school: School | None = None) -> int:
    """Drafts what escalation planned, one letter for each parent who may be written to; returns how many were drafted.

    Where nobody may be written to the plan says so, and the pupil is an exception on Today. Letters whose stage was withdrawn or declined
    in the meantime are withdrawn. Safe to run twice and at the same time: a parent gets one letter of a plan.
    """
    withdraw_without_ground(now=now, school=school)
    planned = PlannedLetter.objects.filter(state=PlannedLetter.State.PLANNED).select_related(
        "case__pupil", "case__school__group", "version", "stage_record"
    )
    if school:
        planned = planned.filter(case__school=school)
    by_school: dict[int, list[PlannedLetter]] = defaultdict(list)
    for letter in planned.order_by("pk"):
        by_school[letter.case.school_id].append(letter)
    return sum(_draft_school(letters, now=now, on=on) for letters in by_school.values())


@transaction.atomic
def _draft_school(planned: list[PlannedLetter], *, now: dt.datetime, on: dt.date) -> int:
    drafts = Record(planned[0].case.school, planned, on).drafts()
    chosen = [draft for of_plan in drafts.values() for draft in of_plan if draft.wording.kind in TO_PARENTS]
    letters = [_letter(draft, now=now, on=on) for draft in chosen]
    before = set(Letter.objects.filter(planned__in=planned).values_list("pk", flat=True))
    Letter.objects.bulk_create(letters, ignore_conflicts=True)
    made = Letter.objects.filter(planned__in=planned).exclude(pk__in=before).values_list("pk", flat=True)
    LetterEvent.objects.bulk_create([LetterEvent(letter_id=pk, after=Letter.State.DRAFTED, at=now) for pk in made])
    nobody = [letter.pk for letter in planned if not drafts[letter.pk]]
    open_plans = PlannedLetter.objects.filter(state=PlannedLetter.State.PLANNED)
    open_plans.filter(pk__in=nobody).update(state=PlannedLetter.State.NOBODY)
    open_plans.filter(pk__in=[letter.pk for letter in planned if drafts[letter.pk]]).update(state=PlannedLetter.State.DRAFTED)
    return len(made)


def _letter(draft: Draft, *, now: dt.datetime, on: dt.date) -> Letter:
    planned = draft.planned
    channel = Letter.Channel.PRINT if draft.link.parent.address else Letter.Channel.PORTAL
    return Letter(
        case=planned.case,
        school=planned.case.school,
        planned=planned,
        stage_record=planned.stage_record,
        parent=draft.link.parent,
        ruleset=planned.version.key,
        wording=planned.letter,
        wording_version=draft.wording.version,
        title=draft.wording.key,  # the merged title is frozen at approval
        channel=channel,
        approves=planned.approves,
        drafted_on=on,
        drafted_at=now,
        facts=facts_to_json(draft.facts),
        figures_on=draft.facts.year.end,
    )


def withdraw_without_ground(*, now: dt.datetime, school: School | None = None) -> int:
    """Letters that have not left are withdrawn where their stage no longer stands or their plan was taken back; returns how many."""
    no_longer = (StageRecord.State.WITHDRAWN, StageRecord.State.DECLINED, StageRecord.State.PASSED_OVER)
    gone = Q(stage_record__state__in=no_longer)
    taken_back = Q(planned__state=PlannedLetter.State.WITHDRAWN)
    letters = Letter.objects.filter(gone | taken_back, state__in=comes_from(Letter.State.WITHDRAWN))
    if school:
        letters = letters.filter(school=school)
    return withdraw_to_barred(now=now, school=school) + sum(
        _move(letter, Letter.State.WITHDRAWN, by=None, role="", now=now, reason=_why_withdrawn(letter))
        for letter in letters.select_related("stage_record")
    )


def withdraw_to_barred(*, now: dt.datetime, school: School | None = None) -> int:
    """Letters that have not left, to a parent whom an order or a no-contact note keeps away by now, are withdrawn; returns how many.

    Where nobody is left to write to, the plan says so, and the pupil is an exception on Today. One statement where there is none."""
    on, link = now.date(), "parent__pupil_links__"
    stands = Q(**{f"{link}pupil": F("case__pupil"), f"{link}no_contact_from__lte": on}) & (
        Q(**{f"{link}no_contact_until__isnull": True}) | Q(**{f"{link}no_contact_until__gte": on})
    )
    letters = Letter.objects.filter(stands, state__in=comes_from(Letter.State.WITHDRAWN), batch__posted_on__isnull=True)
    found = list(letters.filter(school=school) if school else letters)
    gone = [letter for letter in found if _move(letter, Letter.State.WITHDRAWN, by=None, role="", now=now, reason=TO_BARRED)]
    if gone:
        plans = PlannedLetter.objects.filter(pk__in=[letter.planned_id for letter in gone])
        others = Letter.objects.exclude(state=Letter.State.WITHDRAWN)
        plans.exclude(letters__in=others).update(state=PlannedLetter.State.NOBODY)
    return len(gone)


def _why_withdrawn(letter: Letter) -> str:
    return (letter.stage_record.reason if letter.stage_record else "") or PLAN_TAKEN_BACK


def _move(letter: Letter, after: str, *, by: User | None, role: str, now: dt.datetime, reason: str = "", **changes: Any) -> bool:
    """One conditional UPDATE with its event and audit row; False where the letter is no longer in a state that leads there. Either way
    ``letter`` then says what is stored."""
    before = letter.state
    changes |= {"state": after} | ({"reason": reason} if reason else {})
    with transaction.atomic():
        moved = Letter.objects.filter(pk=letter.pk, state__in=comes_from(after)).update(**changes)
        if moved:
            LetterEvent.objects.create(letter=letter, before=before, after=after, by=by, role=role, at=now, reason=reason)
            audit.record_all([letter_entry(letter, f"letter {after}", {"from": before}, reason)], by=by, role=role, at=now)
    if not moved:
        letter.refresh_from_db()
        return False
    for name, value in changes.items():
        setattr(letter, name, value)
    return True


def letter_entry(letter: Letter, action: str, detail: dict[str, Any], reason: str = "") -> AuditEntry:
    return audit.entry(action=action, subject=letter, school=letter.school, reason=reason, detail=detail)


def approve_letters(
    *,
    letters: Sequence[Letter],
    by: User,
    role: str,
    now: dt.datetime,
    on: dt.date,
    seen: Mapping[int, str] | None = None,
    render: bool = True,
) -> list[Outcome]:
    """Approves each letter that may be approved; the others say why not, and stop none of the rest.

    ``seen``: the token of the figures that the person looked at, by letter; where the register has changed since, the letter is redrawn
    and must be looked at again. ``render`` False keeps the words without a PDF (the demo's older letters).
    """
    drawn = live(with_everything([letter.pk for letter in letters]), on)
    return [
        _approve(drawn[letter.pk], by=by, role=role, now=now, on=on, seen=(seen or {}).get(letter.pk), render=render)
        for letter in letters
    ]


def _approve(drawn: LiveLetter, *, by: User, role: str, now: dt.datetime, on: dt.date, seen: str | None, render: bool) -> Outcome:
    letter = drawn.letter
    if letter.state not in WAITING:
        return Outcome(letter, False, state_sentence(letter))
    if drawn.barred:
        return Outcome(letter, False, TO_BARRED)
    if left := why_not_after_leaving(letter, enrolment_of(letter.case), on):
        return Outcome(letter, False, left)
    if drawn.pause:
        return Outcome(letter, False, why_letters_wait(drawn.pause))
    if seen is not None and seen != drawn.token:
        return Outcome(letter, False, "The register has changed since you looked: the letter was redrawn. Read it once more.")
    if drawn.merged.missing_fills:
        return Outcome(letter, False, missing_sentence(drawn.merged.missing_fills))
    try:
        pdf = render_pdf(drawn) if render else b""
    except (MissingGlyphs, ValueError) as fault:
        return Outcome(letter, False, str(fault))
    return _freeze(drawn, pdf, by=by, role=role, now=now)


def render_pdf(drawn: LiveLetter) -> bytes:
    """The letter with its enclosures as it will be printed."""
    return render_letter_pdf(drawn.merged, drawn.facts, enclosures=enclosures_of(drawn))


def _freeze(drawn: LiveLetter, pdf: bytes, *, by: User, role: str, now: dt.datetime) -> Outcome:
    letter = drawn.letter
    with transaction.atomic():
        moved = _move(
            letter,
            Letter.State.APPROVED,
            by=by,
            role=role,
            now=now,
            approved_by=by,
            approved_at=now,
            leaves_at=now + UNDO,
            facts=facts_to_json(drawn.facts),
            figures_on=drawn.facts.year.end,
            title=drawn.merged.title,
            text=drawn.merged.text,
            sha256=hashlib.sha256(pdf or drawn.merged.text.encode()).hexdigest(),
            held_until=None,
        )
        if moved and pdf:
            letter.pdf.save(f"letters/{letter.school.urn}/{letter.pk}-{letter.sha256[:12]}.pdf", ContentFile(pdf), save=False)
            Letter.objects.filter(pk=letter.pk).update(pdf=letter.pdf.name)
    if not moved:
        return Outcome(letter, False, state_sentence(letter))
    return Outcome(letter, True, f"Approved. It leaves after {letter.leaves_at:%-H.%M}; until then it can be undone.")


def undo_approval(*, letter: Letter, by: User, role: str, now: dt.datetime) -> Letter:
    """Back to a draft, within ten minutes and before anything has left. The PDF that was made is kept in the file store, unused."""
    if sentence := why_not_undo(letter, now):
        raise Refused(sentence)
    if not _move(letter, Letter.State.DRAFTED, by=by, role=role, now=now, reason="Approval undone.", **UNDONE):
        raise Refused(state_sentence(letter))
    return letter


def take_back(*, letter: Letter, reason: str, by: User, role: str, now: dt.datetime) -> bool:
    """What was approved and has not left goes back to a draft, since what it states no longer holds; False where it has left, or lies in a
    print batch."""
    if letter.batch_id:
        return False
    return letter.state == Letter.State.APPROVED and _move(
        letter, Letter.State.DRAFTED, by=by, role=role, now=now, reason=reason, **UNDONE
    )


@transaction.atomic
def edit_letter(
    *, letter: Letter, fills: Mapping[str, str], extra_paragraph: str = "", by: User, role: str, now: dt.datetime
) -> Letter:
    """What a person fills in (date, time and place of a meeting). Only a draft can be edited."""
    changed = Letter.objects.filter(pk=letter.pk, state__in=WAITING).update(fills=dict(fills), extra_paragraph=extra_paragraph)
    if not changed:
        letter.refresh_from_db()
        raise Refused(state_sentence(letter))
    audit.record(
        action="letter edited", subject=letter, by=by, role=role, at=now, school=letter.school, detail={"fields": sorted(fills)}
    )
    letter.refresh_from_db()
    return letter


def hold_letter(*, letter: Letter, until: dt.date, reason: str, by: User, role: str, now: dt.datetime) -> Letter:
    """Not before ``until``; the reason is kept."""
    _with_reason(reason)
    if until <= now.date():
        raise Refused("Choose a day after today to hold the letter until.")
    if not _move(letter, Letter.State.HELD, by=by, role=role, now=now, reason=reason, held_until=until):
        raise Refused(state_sentence(letter))
    return letter


@transaction.atomic
def decline_letter(
    *, letter: Letter, reason: str, ask_again_on: dt.date | None = None, by: User, role: str, now: dt.datetime
) -> Letter:
    """This letter will not be sent. When none of a stage's letters is left, the stage is declined too, until the day to ask again."""
    _with_reason(reason)
    if not _move(letter, Letter.State.DECLINED, by=by, role=role, now=now, reason=reason, ask_again_on=ask_again_on):
        raise Refused(state_sentence(letter))
    record = letter.stage_record
    others = Letter.objects.filter(stage_record=record).exclude(state__in=[Letter.State.DECLINED, Letter.State.WITHDRAWN])
    if record and record.state in StageRecord.OPEN and not others.exists():
        decline_stage(record=record, by=by, role=role, reason=reason, ask_again_on=ask_again_on, now=now)
    return letter


def _with_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("Give a reason: it is kept with the letter.")


def _leave(letters: Sequence[Letter], state: str, *, on: dt.date, by: User | None, role: str, now: dt.datetime) -> int:
    """The letters are out of the house: the first one of a stage makes the stage done on that day. The caller holds the transaction.

    A constant number of statements but for the stages that are done; Refused where one of the letters was changed in the meantime.
    """
    left = Letter.objects.filter(pk__in=[letter.pk for letter in letters], state__in=comes_from(state)).update(
        state=state, left_on=on
    )
    if left != len(letters):
        raise Refused("One of these letters was withdrawn or undone in the meantime: look at the list again.")
    who: dict[str, Any] = {"by": by, "role": role, "at": now}
    LetterEvent.objects.bulk_create([LetterEvent(letter=letter, before=letter.state, after=state, **who) for letter in letters])
    how = "posted" if state == Letter.State.POSTED else "put into the parents’ portal"
    Event.objects.bulk_create(
        Event(
            case_id=letter.case_id,
            kind="letter",
            text=f"Letter {how}: {letter.title}.",
            on=on,
            stage_record=letter.stage_record,
            **who,
        )
        for letter in letters
    )
    audit.record_all([letter_entry(letter, f"letter {state}", {"from": letter.state}) for letter in letters], **who)
    for letter in letters:
        letter.state, letter.left_on = state, on
    first = {letter.stage_record_id: letter for letter in reversed(letters) if letter.stage_record_id}
    for letter in first.values():
        if letter.stage_record and letter.stage_record.state in StageRecord.OPEN:
            mark_stage_done(record=letter.stage_record, on=on, by=letter.approved_by, role=letter.approves, now=now)
    return left


WITH_STAGE = ("school__group", "case__school__group", "stage_record__version", "stage_record__case__school", "approved_by")


def release_due(*, now: dt.datetime, on: dt.date, school: School | None = None) -> int:
    """Approved letters for the portal whose ten minutes are over become visible there; returns how many."""
    withdraw_to_barred(now=now, school=school)
    due = Letter.objects.filter(state=Letter.State.APPROVED, channel=Letter.Channel.PORTAL, leaves_at__lte=now)
    due = due.exclude(case__pauses__in=standing_pauses(on))
    if school:
        due = due.filter(school=school)
    with transaction.atomic():
        letters = list(due.select_related(*WITH_STAGE))
        return _leave(letters, Letter.State.SENT, on=on, by=None, role="", now=now) if letters else 0


@transaction.atomic
def make_print_batch(*, school: School, by: User, role: str, now: dt.datetime) -> PrintBatch:
    """Every approved letter for the post whose ten minutes are over, as one PDF in posting order with its manifest."""
    withdraw_to_barred(now=now, school=school)
    due = (
        Letter.objects.filter(
            school=school, state=Letter.State.APPROVED, channel=Letter.Channel.PRINT, leaves_at__lte=now, batch__isnull=True
        )
        .exclude(sha256="")
        .exclude(case__pauses__in=standing_pauses(now.date()))
    )
    letters = sorted(due.select_related("parent", "case"), key=posting_order)
    if not letters:
        raise Refused("No approved letter waits for the post. A letter can be printed ten minutes after its approval.")
    batch = PrintBatch.objects.create(school=school, made_by=by, made_at=now)
    Letter.objects.filter(pk__in=[letter.pk for letter in letters], batch__isnull=True).update(batch=batch)
    pdf, batch.manifest = merge_for_printer(letters)
    if pdf:
        batch.pdf.save(f"batches/{school.urn}/{batch.pk}.pdf", ContentFile(pdf), save=False)
    batch.save()
    audit.record(
        action="print batch made", subject=batch, by=by, role=role, at=now, school=school, detail={"letters": len(letters)}
    )
    return batch


def posting_order(letter: Letter) -> tuple[str, str, int]:
    """By postcode, then address, so that what goes to one house lies together."""
    lines = letter.parent.address.splitlines()
    return (lines[-1] if lines else "", lines[0] if lines else "", letter.pk)


def merge_for_printer(letters: Iterable[Letter]) -> tuple[bytes, list[dict[str, Any]]]:
    """One PDF for a duplex printer (each letter begins on a front page) and what lies where in it."""
    writer, manifest = PdfWriter(), []
    for letter in letters:
        first = len(writer.pages) + 1
        if letter.pdf:
            with letter.pdf.open() as file:
                reader = PdfReader(BytesIO(file.read()))
            writer.append(reader)
            if len(reader.pages) % 2:
                writer.add_blank_page()
        manifest.append(
            {"letter": letter.pk, "first_page": first, "pages": len(writer.pages) + 1 - first, "sha256": letter.sha256}
        )
    if not len(writer.pages):
        return b"", manifest
    merged = BytesIO()
    writer.write(merged)
    return merged.getvalue(), manifest


@transaction.atomic
def mark_posted(*, batch: PrintBatch, on: dt.date, by: User, role: str, now: dt.datetime) -> int:
    """A person says that the batch was posted: its letters have left, and their stages are done. Returns how many letters.

    What the page told them to take out of the pile has not left: a letter to somebody whom an order keeps away by now is withdrawn, one
    of a case that is paused waits for the next batch."""
    if batch.posted_on:
        raise Refused(f"This batch was already recorded as posted on {batch.posted_on:%-d %B %Y}.")
    withdraw_to_barred(now=now, school=batch.school)
    batch.letters.filter(state=Letter.State.APPROVED, case__pauses__in=standing_pauses(on)).update(batch=None)
    letters = list(batch.letters.filter(state=Letter.State.APPROVED).select_related(*WITH_STAGE))
    posted = _leave(letters, Letter.State.POSTED, on=on, by=by, role=role, now=now)
    PrintBatch.objects.filter(pk=batch.pk).update(posted_on=on, posted_by=by)
    audit.record(
        action="print batch posted", subject=batch, by=by, role=role, at=now, school=batch.school, detail={"letters": posted}
    )
    batch.refresh_from_db()
    return posted
