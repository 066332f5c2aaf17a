"""The ledger: notices from here and elsewhere, what becomes of each, and the sums of their day. Every write is atomic and audited.

A notice's marks are free again only when no request on them stands.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction

from casework.models import PenaltyGround, PenaltyNotice
from casework.penalty.parameters import ParameterError, framework
from casework.penalty.reading import line_of
from casework.penalty.rules import sum_of, why_not_counted
from casework.penalty.states import NOTICE, STANDING, WITHDRAWN_BECAUSE, comes_from
from schools import audit
from schools.models import Parent, Pupil, PupilParent, School, User
from schools.rules import Refused


@transaction.atomic
def enter_notice(
    *,
    parent: Parent,
    pupil: Pupil,
    school: School,
    kind: str,
    issued_on: dt.date,
    source: str,
    issuer: str,
    told_by: str,
    state: str = PenaltyNotice.State.ISSUED,
    received_on: dt.date | None = None,
    reason: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> PenaltyNotice:
    """A notice from another school or authority (or one that the police gave), entered by hand with how we know of it."""
    if source == PenaltyNotice.Source.HERE:
        raise Refused("A notice that was asked for here enters the ledger through its request.")
    if not told_by.strip():
        raise Refused("Say how we know of it: who told us, and when.")
    if not issuer.strip():
        raise Refused("Say which school or authority issued it.")
    if not PupilParent.objects.filter(pupil=pupil, parent=parent).exists():
        raise Refused(f"{parent.name} is not recorded as a parent of this child: add the tie first.")
    if state == PenaltyNotice.State.WITHDRAWN and not reason.strip():
        raise Refused("Say why it was withdrawn.")
    notice = add_notice(
        parent=parent,
        pupil=pupil,
        kind=kind,
        issued_on=issued_on,
        received_on=received_on,
        source=source,
        issuer=issuer.strip(),
        told_by=told_by.strip(),
        state=state,
        state_on=issued_on,
        reason=reason.strip(),
        number=number_on(parent, pupil, issued_on),
        request=None,
        by=by,
        role=role,
        on=on,
        now=now,
    )
    audit.record(
        action="penalty notice entered",
        subject=notice,
        by=by,
        role=role,
        at=now,
        school=school,
        detail={"source": source, "kind": kind},
    )
    return notice


def number_on(parent: Parent, pupil: Pupil, on: dt.date) -> int:
    """Which notice of the three years one of that day would be (3 for a third that somebody else issued: it is kept as a fact)."""
    notices = PenaltyNotice.objects.filter(parent=parent, pupil=pupil)
    counting = [notice for notice in notices if not why_not_counted(line_of(notice), on, framework())]
    return len(counting) + 1


def add_notice(*, number: int, on: dt.date, by: User, role: str, now: dt.datetime, **fields: Any) -> PenaltyNotice:
    """The row itself, with the sums of its day. Refused for a day to come, a second one of the same day, or a day before any rules."""
    issued_on, received_on = fields["issued_on"], fields["received_on"]
    not_ahead(issued_on, on, "The day of issue")
    if received_on:
        not_ahead(received_on, on, "The day of receipt")
        if received_on < issued_on:
            raise Refused("A notice is received on or after the day on which it was issued.")
    try:
        sums = sum_of(framework().on(issued_on), kind=fields["kind"], number=number)
    except ParameterError as fault:
        raise Refused(str(fault)) from fault
    notice = PenaltyNotice(**fields, full=sums.full, reduced=sums.reduced, entered_by=by, entered_role=role, entered_at=now)
    try:
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError as clash:
        raise Refused(
            f"A notice of {day_words(issued_on)} to this parent about this child is already in the ledger: two of one day are one notice."
        ) from clash
    return notice


@transaction.atomic
def move_notice(
    *,
    notice: PenaltyNotice,
    to: str,
    state_on: dt.date,
    school: School,
    reason: str = "",
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> PenaltyNotice:
    """Paid, not paid in time, prosecuted, found not guilty or withdrawn. ``reason``: for a withdrawal one of ``WITHDRAWN_BECAUSE``."""
    not_ahead(state_on, on, "The day")
    if state_on < notice.issued_on:
        raise Refused(f"The notice was issued on {day_words(notice.issued_on)}: nothing became of it before.")
    if to == PenaltyNotice.State.WITHDRAWN and reason not in WITHDRAWN_BECAUSE:
        raise Refused(f"A notice is withdrawn only for one of these reasons: {'; '.join(WITHDRAWN_BECAUSE.values())}.")
    words = WITHDRAWN_BECAUSE.get(reason, reason.strip())
    changes: dict[str, Any] = {"state": to, "state_on": state_on, "reason": words}
    if not PenaltyNotice.objects.filter(pk=notice.pk, state__in=comes_from(NOTICE, to)).update(**changes):
        notice.refresh_from_db()
        after = str(PenaltyNotice.State(to).label).lower()
        raise Refused(f"This notice is “{notice.get_state_display().lower()}”: it cannot become “{after}” now.")
    notice.refresh_from_db()
    if to == PenaltyNotice.State.WITHDRAWN and notice.request:
        release(notice.request.ground)
    audit.record(action=f"penalty notice {to}", subject=notice, by=by, role=role, at=now, school=school, reason=words)
    return notice


def not_ahead(date: dt.date, on: dt.date, what: str) -> None:
    if date > on:
        raise Refused(f"{what}, {day_words(date)}, lies ahead: enter it when it has come.")


def release(ground: PenaltyGround) -> None:
    if ground.requests.filter(state__in=STANDING).exclude(notice__state=PenaltyNotice.State.WITHDRAWN).exists():
        return
    ground.marks.update(is_released=True)


def day_words(date: dt.date) -> str:
    return f"{date.day} {date:%B} {date.year}"
