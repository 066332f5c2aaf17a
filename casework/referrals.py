"""Referrals on their way: written, made ready, sent by a person, with the service, and back with the school.

Every step is a conditional update on the states of ``TRANSITIONS``, with a line in the case's timeline, in the referral's own history and
in the audit trail. What was made ready is frozen with its file; what the service leads is marked on the case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from casework.models import Clock, Referral, ReferralEvent
from casework.policies import why_not_begin
from casework.queries.meetings import enrolment_of
from casework.queries.referrals import Filled, day
from casework.referral_forms import form_of, forms, questions_of
from escalation.models import Case, StageRecord, Task
from escalation.services import add_event, complete_task
from schools import audit
from schools.models import User
from schools.rules import Refused

State = Referral.State
TRANSITIONS: dict[str, frozenset[str]] = {
    State.DRAFT: frozenset({State.READY, State.WITHDRAWN}),
    State.READY: frozenset({State.DRAFT, State.SENT, State.WITHDRAWN}),
    State.SENT: frozenset({State.ACKNOWLEDGED, State.WITH_AUTHORITY, State.RETURNED, State.WITHDRAWN}),
    State.ACKNOWLEDGED: frozenset({State.WITH_AUTHORITY, State.RETURNED, State.WITHDRAWN}),
    State.WITH_AUTHORITY: frozenset({State.RETURNED}),
    State.RETURNED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
"""From each state, where a referral may go. Once the service leads, only the service ends it."""
HOW = ("Secure e-mail", "The service’s own portal", "Post", "By hand")


def comes_from(after: str) -> list[str]:
    """Every state from which ``after`` can be reached."""
    return [before for before, afters in TRANSITIONS.items() if after in afters]


@transaction.atomic
def open_referral(*, case: Case, form: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Referral:
    """A draft on one of the forms. Refused for a pupil who has left and while one on the same form is under way."""
    if form not in forms():
        raise Refused("Choose which service the referral goes to.")
    if sentence := why_not_begin(case, enrolment_of(case), on):
        raise Refused(sentence)
    chosen = form_of(form)
    referral = Referral(
        case=case, form=form, service=chosen.service, stage_record=_stage(case, chosen.stage), clock=_clock(case),
        opened_by=by, opened_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            referral.save(force_insert=True)
    except IntegrityError as clash:
        raise Refused("A referral on this form is under way already: open that one from the case.") from clash
    _note(referral, "", f"{chosen.title}: begun.", by=by, role=role, on=on, now=now)
    return referral


def _stage(case: Case, stage: str) -> StageRecord | None:
    return StageRecord.objects.filter(case=case, stage=stage, state__in=StageRecord.STANDING).first() if stage else None


def _clock(case: Case) -> Clock | None:
    """The running return about the child's attendance, which goes beside the referral and is not repeated in it."""
    running = Clock.objects.filter(pupil=case.pupil_id, school=case.school_id, state__in=Clock.RUNNING)
    return running.filter(kind__in=(Clock.Kind.CHILD_MISSING, Clock.Kind.ATTENDANCE)).order_by("due_on").first()


@transaction.atomic
def answer(*, referral: Referral, answers: Mapping[str, str], by: User, role: str, on: dt.date, now: dt.datetime) -> Referral:
    """What a person adds to the form; may be done again while it is being written."""
    kept = {key: str(answers.get(key, "")).strip() for key in questions_of(form_of(referral.form))}
    if not Referral.objects.filter(pk=referral.pk, state=State.DRAFT).update(answers=kept):
        _too_late(referral, "Take it back to writing first." if referral.state == State.READY else "")
    referral.refresh_from_db()
    audit.record(action="referral written", subject=referral, by=by, role=role, at=now, school=referral.case.school)
    return referral


def why_not_ready(filled: Filled, despite: str) -> str:
    """The sentence that stops a form with gaps, or before the policy's conditions hold; empty where it may go."""
    if despite.strip() or not (filled.gaps or filled.unmet):
        return ""
    open_ends = [*filled.gaps, *(gate.sentence for gate in filled.unmet)]
    return f"{' '.join(open_ends)} Put it right, or say why it goes all the same."


@transaction.atomic
def make_ready(
    *, referral: Referral, filled: Filled, pdf: str, sha256: str, despite: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> Referral:
    """The form is frozen as it will be sent. Refused with its gaps and unmet conditions, unless ``despite`` says why it goes."""
    if sentence := why_not_ready(filled, despite):
        raise Refused(sentence)
    changes = {
        "told": [list(line) for line in filled.lines],
        "gaps": list(filled.gaps),
        "gates": [gate.stored() for gate in filled.gates],
        "despite": despite.strip(),
        "pdf": pdf,
        "sha256": sha256,
        "ready_by": by,
        "ready_at": now,
    }
    _move(referral, State.READY, changes, despite.strip(), by=by, role=role, on=on, now=now)
    return referral


@transaction.atomic
def back_to_writing(*, referral: Referral, by: User, role: str, on: dt.date, now: dt.datetime) -> Referral:
    """What was made ready is written further; the file that was made stays in the store and is no longer the one to send."""
    changes: dict[str, Any] = {"told": [], "gaps": [], "gates": [], "pdf": "", "sha256": "", "ready_by": None, "ready_at": None}
    _move(referral, State.DRAFT, changes, "Taken back to writing.", by=by, role=role, on=on, now=now)
    return referral


@transaction.atomic
def mark_sent(
    *, referral: Referral, sent_on: dt.date, how: str, to: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> Referral:
    """A person has sent the file that was made ready. The stage's referral task is done with it."""
    if how not in HOW:
        raise Refused("Say how it was sent.")
    if not to.strip():
        raise Refused("Say to whom at the service it was sent.")
    _check_day(referral, sent_on, on)
    changes = {"sent_on": sent_on, "sent_by": by, "sent_how": how, "sent_to": to.strip()}
    _move(referral, State.SENT, changes, f"{how}, to {to.strip()}.", by=by, role=role, on=sent_on, now=now)
    if task := _task(referral):
        complete_task(task=task, by=by, role=role, on=sent_on, now=now, outcome="done", note=f"Sent to {to.strip()}.")
    return referral


def _check_day(referral: Referral, sent_on: dt.date, on: dt.date) -> None:
    if sent_on > on:
        raise Refused(f"The day of sending, {day(sent_on)}, lies ahead: say so when it has been sent.")
    if referral.ready_at and sent_on < referral.ready_at.date():
        raise Refused(f"The form was made ready on {day(referral.ready_at.date())}: it cannot have been sent before.")


def _task(referral: Referral) -> Task | None:
    """The open referral task of the form's stage. One statement."""
    stage = form_of(referral.form).stage
    tasks = Task.objects.filter(case=referral.case_id, kind="referral", state=Task.State.OPEN, stage_record__stage=stage)
    return tasks.select_related("case__school", "stage_record__version", "stage_record__case__school").first() if stage else None


@transaction.atomic
def acknowledge(
    *, referral: Referral, answered_on: dt.date, reference: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> Referral:
    """The service has said that it has it."""
    _check_answer(referral, answered_on, on)
    changes = {"acknowledged_on": answered_on, "reference": reference.strip()}
    _move(referral, State.ACKNOWLEDGED, changes, f"Reference {reference.strip()}." if reference.strip() else "", by=by, role=role,
          on=answered_on, now=now)  # fmt: skip
    return referral


@transaction.atomic
def hand_over(*, referral: Referral, taken_on: dt.date, by: User, role: str, on: dt.date, now: dt.datetime) -> Referral:
    """The service leads from that day. A referral about attendance marks the case "with the local authority"."""
    _check_answer(referral, taken_on, on)
    _move(referral, State.WITH_AUTHORITY, {"taken_on": taken_on}, "", by=by, role=role, on=taken_on, now=now)
    if form_of(referral.form).kind == "attendance":
        marked = Case.objects.filter(pk=referral.case_id, with_authority_since__isnull=True).update(with_authority_since=taken_on)
        if marked:
            _say(referral, f"With the local authority from {day(taken_on)}.", by=by, role=role, on=taken_on, now=now)
    return referral


@transaction.atomic
def take_back(
    *, referral: Referral, ended_on: dt.date, outcome: str, reason: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> Referral:
    """The service has ended its work, or did not take the case: the school leads again."""
    if outcome not in Referral.Outcome:
        raise Refused("Choose what came of it.")
    _check_answer(referral, ended_on, on)
    changes = {"ended_on": ended_on, "outcome": outcome, "reason": reason.strip()}
    said = f"{Referral.Outcome(outcome).label}. {reason.strip()}".strip()
    _move(referral, State.RETURNED, changes, said, by=by, role=role, on=ended_on, now=now)
    _school_leads(referral, by=by, role=role, on=ended_on, now=now)
    return referral


@transaction.atomic
def withdraw(*, referral: Referral, reason: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Referral:
    """The school takes the referral back before the service leads."""
    if not reason.strip():
        raise Refused("Say why it is withdrawn: it is kept with the case.")
    was_sent = referral.sent_on is not None
    changes = {"ended_on": on, "reason": reason.strip()}
    _move(referral, State.WITHDRAWN, changes, reason.strip(), by=by, role=role, on=on, now=now)
    if was_sent:
        _school_leads(referral, by=by, role=role, on=on, now=now)
    return referral


def _check_answer(referral: Referral, date: dt.date, on: dt.date) -> None:
    if date > on:
        raise Refused(f"{day(date)} lies ahead: record it when it has happened.")
    if referral.sent_on and date < referral.sent_on:
        raise Refused(f"The referral was sent on {day(referral.sent_on)}: the service cannot have answered before.")


def _school_leads(referral: Referral, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    """The case is no longer "with the local authority", unless another referral about attendance is with it; the time stays on record."""
    if form_of(referral.form).kind != "attendance":
        return
    case = Case.objects.get(pk=referral.case_id)
    others = Referral.objects.filter(case=case, state=State.WITH_AUTHORITY).exclude(pk=referral.pk).values_list("form", flat=True)
    if case.with_authority_since is None or any(form_of(other).kind == "attendance" for other in others):
        return
    Case.objects.filter(pk=case.pk, with_authority_since=case.with_authority_since).update(with_authority_since=None)
    text = f"Back from the local authority: with it from {day(case.with_authority_since)} to {day(on)}."
    _say(referral, text, by=by, role=role, on=on, now=now)
    detail = {"since": case.with_authority_since.isoformat(), "until": on.isoformat()}
    audit.record(action="back from authority", subject=case, by=by, role=role, at=now, school=case.school, detail=detail)


def _move(
    referral: Referral, after: str, changes: dict[str, Any], note: str, *, by: User, role: str, on: dt.date, now: dt.datetime
) -> None:
    """One conditional UPDATE; Refused with how the referral stands."""
    before = referral.state
    changed = Referral.objects.filter(pk=referral.pk, state=before).update(state=after, **changes) if _may(before, after) else 0
    if not changed:
        _too_late(referral, "")
    referral.refresh_from_db()
    title = form_of(referral.form).title
    text = f"{title}, {referral.service}: {referral.get_state_display().lower()}. {note}".strip()
    _note(referral, before, text, by=by, role=role, on=on, now=now, note=note)


def _may(before: str, after: str) -> bool:
    return after in TRANSITIONS[before]


def _too_late(referral: Referral, hint: str) -> None:
    referral.refresh_from_db()
    raise Refused(f"This referral is “{referral.get_state_display().lower()}”: that cannot be done now. {hint}".strip())


def _say(referral: Referral, text: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    add_event(case=referral.case, kind="referral", text=text, on=on, now=now, by=by, role=role, record=referral.stage_record)


def _note(
    referral: Referral, before: str, text: str, *, by: User, role: str, on: dt.date, now: dt.datetime, note: str = ""
) -> None:
    """The step in the referral's history, in the timeline and in the audit trail."""
    ReferralEvent.objects.create(
        referral=referral, before=before, after=referral.state, on=on, by=by, role=role, at=now, note=note
    )
    _say(referral, text, by=by, role=role, on=on, now=now)
    audit.record(
        action=f"referral {referral.state}", subject=referral, by=by, role=role, at=now, school=referral.case.school,
        reason=referral.reason or referral.despite, detail={"form": referral.form, "before": before},
    )  # fmt: skip
