"""What people record about penalty notices: a ground with its requests, and what became of each.

Every change is one conditional UPDATE with its line in the audit trail (and, where there is a case, in its timeline). The product never
issues: ``send_request`` names the authorised person who asked, ``record_issued`` says that a notice was given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from attendance.grid import academic_year_of
from casework.models import PenaltyGround, PenaltyMark, PenaltyNotice, PenaltyRequest
from casework.penalty.counter import Mark, Window
from casework.penalty.ledger import add_notice, day_words, not_ahead, release
from casework.penalty.parameters import framework
from casework.penalty.reading import (
    Family,
    Shaken,
    child_of,
    family,
    history_of,
    line_of,
    local_code,
    marks_of,
    pupil_window,
    shaken,
)
from casework.penalty.rules import Answers, Check, Standing, answered_checks, standing, standing_checks
from casework.penalty.states import REQUEST, comes_from
from escalation.recording import due_on
from escalation.services import add_event, open_case
from schools import audit
from schools.models import Pupil, PupilParent, School, User
from schools.queries import school_days
from schools.rules import Refused


def checks_of(*, pupil: Pupil, school: School, on: dt.date, answers: Answers, family_: Family, window: Window) -> list[Check]:
    """The checklist of a request: what the record answers, then what a person answers. Two statements."""
    child, history = child_of(pupil, school, on), history_of(pupil, school, on, family_.notices)
    return [*standing_checks(window, child, history, local_code(school)), *answered_checks(answers)]


@transaction.atomic
def prepare_ground(
    *,
    pupil: Pupil,
    school: School,
    parents: Mapping[int, str],
    answers: Answers,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> PenaltyGround:
    """Prepares a request for each parent (``parents``: why each is liable, by parent). Nothing is sent.

    Refused with every sentence where a check stands in the way, a parent may not be asked for, or one of the sessions is in use.
    """
    window, kin = pupil_window(pupil, school, on), family(pupil, school, on)
    checks = checks_of(pupil=pupil, school=school, on=on, answers=answers, family_=kin, window=window)
    faults = [check.sentence for check in checks if check.blocks and not check.passed]
    faults += _parent_faults(parents, kin)
    if faults:
        raise Refused(" ".join(faults))
    ground = PenaltyGround.objects.create(
        pupil=pupil,
        school=school,
        counted_on=on,
        window_from=window.starts,
        threshold=window.threshold,
        is_leave=answers.is_leave,
        support=answers.support.strip(),
        support_is_inappropriate=answers.support_is_inappropriate or answers.is_leave,
        equality_by=answers.equality_by.strip(),
        equality_note=answers.equality_note.strip(),
        checks=[check.as_json() for check in checks],
        by=by,
        role=role,
        at=now,
    )
    _use_marks(ground, sessions_for(window))
    for parent, because in parents.items():
        number = kin.standings[parent].number
        PenaltyRequest.objects.create(ground=ground, parent_id=parent, because=because.strip(), number=number)
    _log(
        ground,
        f"Request for a penalty notice prepared ({_parents(len(parents))}). {window_words(window)}",
        by=by,
        role=role,
        on=on,
        now=now,
    )
    audit.record(
        action="penalty request prepared",
        subject=ground,
        by=by,
        role=role,
        at=now,
        school=school,
        detail={"sessions": len(sessions_for(window)), "parents": sorted(parents)},
    )
    return ground


def sessions_for(window: Window) -> list[Mark]:
    """The sessions that a request rests on: every free one, but those still N where the others are enough."""
    settled = [one.mark for one in window.free if one.mark.code != "N"]
    return settled if len(settled) >= window.threshold else [one.mark for one in window.free]


def window_words(window: Window) -> str:
    """ "10 unauthorised sessions (6 O, 4 G) in the ten school weeks from 8 September 2025." """
    codes = ", ".join(f"{number} {code}" for code, number in window.by_code.items())
    return f"{len(window.free)} unauthorised sessions ({codes}) in the school weeks from {window.starts:%-d %B %Y}."


def _parents(number: int) -> str:
    return "one parent" if number == 1 else f"{number} parents"


def _parent_faults(parents: Mapping[int, str], kin: Family) -> list[str]:
    if not parents:
        return ["Choose at least one parent, and say why."]
    may = {one.person.parent: one for one in kin.liabilities}
    faults = []
    for parent, because in parents.items():
        found = may.get(parent)
        if found is None:
            faults.append("One of the people chosen is no parent of this child.")
        elif not found.may:
            faults.append(f"{found.person.name}: {found.because}")
        elif kin.standings[parent].is_third:
            faults.append(f"{found.person.name}: {kin.standings[parent].sentence}")
        elif not because.strip():
            faults.append(f"{found.person.name}: say why this parent is liable.")
    return faults


def _use_marks(ground: PenaltyGround, sessions: Sequence[Mark]) -> None:
    """The database lets a session be used once; two people at the same moment are told by it."""
    rows = [
        PenaltyMark(
            ground=ground, pupil_id=ground.pupil_id, date=mark.date, session=mark.session, code=mark.code, place=mark.place
        )
        for mark in sessions
    ]
    try:
        with transaction.atomic():
            PenaltyMark.objects.bulk_create(rows)
    except IntegrityError as clash:
        raise Refused("Some of these sessions are already used by another request: look at the counter again.") from clash


@transaction.atomic
def send_request(*, request: PenaltyRequest, by: User, role: str, on: dt.date, now: dt.datetime) -> PenaltyRequest:
    """A named, authorised person sends the request. What it rests on is looked at once more: age, roll, ledger, marks, a barred parent."""
    ground = request.ground
    if faults := why_not_send(request, on):
        raise Refused(" ".join(faults))
    code = local_code(ground.school)
    answer = due_on(school_days(ground.school, [academic_year_of(on), academic_year_of(on) + 1]), on, code.answer_within)
    _move(request, PenaltyRequest.State.REQUESTED, sent_on=on, sent_by=by, sent_role=role, answer_due_on=max(answer, on))
    whom = "the authority" if code.issues == "authority" else "the headteacher"
    _said(request, f"Request for a penalty notice sent to {whom}.", "penalty request sent", by=by, role=role, on=on, now=now)
    return request


def why_not_send(request: PenaltyRequest, on: dt.date) -> list[str]:
    """Sentences that stand in the way of sending a prepared request today; empty where nothing does."""
    ground = request.ground
    child = child_of(ground.pupil, ground.school, on)
    faults = [] if child.is_of_age else ["The child is no longer of compulsory school age: no notice is asked for."]
    if child.left_on is not None:
        faults.append(f"The child left on {child.left_on:%-d %B %Y}: the new school or the authority decides now.")
    stands = stands_today(ground, on)
    if stands.falls:
        faults.append(f"{stands.sentence} {ground.threshold} are needed.")
    link = PupilParent.objects.filter(pupil=ground.pupil, parent=request.parent).first()
    if link is None or link.is_barred(on):
        faults.append("A court order or no-contact note stands against this parent today, or they are no longer a parent here.")
    now_standing = standing_without(request, on)
    if now_standing.is_third:
        faults.append(now_standing.sentence)
    return faults


def stands_today(ground: PenaltyGround, on: dt.date) -> Shaken:
    """The ground's sessions beside today's register. Three statements."""
    marks = list(ground.marks.all())
    now = marks_of(ground.school, [ground.pupil_id], on)[ground.pupil_id].marks
    return shaken(marks, now, ground.threshold)


def standing_without(request: PenaltyRequest, on: dt.date) -> Standing:
    """Where the parent stands, this request not counted."""
    notices = PenaltyNotice.objects.filter(pupil=request.ground.pupil_id, parent=request.parent_id)
    others = PenaltyRequest.objects.filter(
        ground__pupil=request.ground.pupil_id, parent=request.parent_id, state=PenaltyRequest.State.REQUESTED
    ).exclude(pk=request.pk)
    return standing(
        [line_of(notice) for notice in notices],
        parent=request.parent_id,
        pupil=request.ground.pupil_id,
        on=on,
        national=framework(),
        waiting=others.count(),
    )


@transaction.atomic
def record_issued(
    *,
    request: PenaltyRequest,
    issued_on: dt.date,
    received_on: dt.date | None = None,
    issuer: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> PenaltyNotice:
    """The authority (or the head) has issued the notice: it enters the ledger with the sums of its day."""
    ground = request.ground
    if request.sent_on and issued_on < request.sent_on:
        raise Refused(f"The request was sent on {day_words(request.sent_on)}: a notice cannot be issued before it.")
    if standing_without(request, issued_on).is_third:
        raise Refused(f"{framework().third.sentence} Ask the authority what it has issued: this cannot enter the ledger.")
    _move(request, PenaltyRequest.State.ISSUED, answered_on=issued_on)
    notice = add_notice(
        parent=request.parent,
        pupil=ground.pupil,
        kind=PenaltyNotice.Kind.ABSENCE,
        issued_on=issued_on,
        received_on=received_on,
        source=PenaltyNotice.Source.HERE,
        issuer=issuer.strip() or ground.school.local_authority,
        told_by="",
        state=PenaltyNotice.State.ISSUED,
        state_on=issued_on,
        reason="",
        number=request.number,
        request=request,
        by=by,
        role=role,
        on=on,
        now=now,
    )
    _said(request, f"Penalty notice issued on {day_words(issued_on)}.", "penalty notice issued", by=by, role=role, on=on, now=now)
    return notice


@transaction.atomic
def record_refused(
    *, request: PenaltyRequest, answered_on: dt.date, reason: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> PenaltyRequest:
    """The authority will not issue. The sessions are free again once no request on them stands."""
    _with_reason(reason, "Say why the authority refused.")
    not_ahead(answered_on, on, "The answer")
    _move(request, PenaltyRequest.State.REFUSED, answered_on=answered_on, reason=reason.strip())
    release(request.ground)
    _said(
        request,
        f"Request refused by the authority: {reason.strip()}",
        "penalty request refused",
        by=by,
        role=role,
        on=on,
        now=now,
    )
    return request


@transaction.atomic
def drop_request(*, request: PenaltyRequest, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> PenaltyRequest:
    """The request is not pursued, or taken back. The sessions are free again once no request on them stands."""
    _with_reason(reason, "Say why it is not pursued.")
    _move(request, PenaltyRequest.State.DROPPED, reason=reason.strip())
    release(request.ground)
    _said(
        request,
        f"Request for a penalty notice not pursued: {reason.strip()}",
        "penalty request dropped",
        by=by,
        role=role,
        on=on,
        now=now,
    )
    return request


def _move(request: PenaltyRequest, after: str, **changes: Any) -> None:
    """One conditional UPDATE; Refused with how the request stands where its state does not lead there."""
    if not PenaltyRequest.objects.filter(pk=request.pk, state__in=comes_from(REQUEST, after)).update(state=after, **changes):
        request.refresh_from_db()
        raise Refused(f"This request is “{request.get_state_display().lower()}”: it cannot become “{_words(after)}” now.")
    request.state = after
    for name, value in changes.items():
        setattr(request, name, value)


def _words(state: str) -> str:
    return str(PenaltyRequest.State(state).label).lower()


def _with_reason(reason: str, sentence: str) -> None:
    if not reason.strip():
        raise Refused(sentence)


def _said(request: PenaltyRequest, text: str, action: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    _log(request.ground, text, by=by, role=role, on=on, now=now)
    audit.record(action=action, subject=request, by=by, role=role, at=now, school=request.ground.school, reason=request.reason)


def _log(ground: PenaltyGround, text: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    """A line in the timeline of this year's case; it names no parent, since letters and pages to one parent may quote the timeline."""
    case = open_case(pupil=ground.pupil, school=ground.school, on=on)
    add_event(case=case, kind="penalty", text=text, on=on, now=now, by=by, role=role)
