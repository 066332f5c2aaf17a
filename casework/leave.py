"""Leave of absence: what a parent asked for is entered, decided, decided again, and taken back. One atomic service a change.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulation 11. A decision enters the marks of the granted sessions
ahead and plans a letter for the parents; a later decision takes back the marks whose day has not come, and the letter that has not left.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from attendance.ahead import Entered, enter_ahead, take_back
from attendance.codes import CODES
from attendance.grid import academic_year_of
from casework.documents import add_document
from casework.leave_days import Session, Span, day_back, in_full, sessions_in
from casework.leave_rules import Ground, findings, leave_rules, why_not_in_advance
from casework.leave_states import GIVES_LEAVE, STANDING, why_not_move
from casework.models import Document, LeaveDecision, LeaveRequest
from casework.queries.leave import code_if_refused, span_of, standing_of
from escalation.models import PlannedLetter
from escalation.queries import adopted
from escalation.services import add_event, open_case
from schools import audit
from schools.models import ClosedDay, Enrolment, Parent, Pupil, Role, School, User
from schools.queries import school_days, year_label
from schools.rules import Refused
from schools.schooldays import SchoolDays

State = LeaveRequest.State
LONGEST_REASON = 2000
LETTERS = {State.GRANTED: "leave-granted", State.PART_GRANTED: "leave-granted", State.REFUSED: "leave-refused"}
"""Wording of the letter that follows each decision."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A paper that came with a request. ``kind``: a key of ``casework/data/retention.yaml``."""

    file_name: str
    content: bytes
    kind: str = "parent_letter"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and what it did to the register: ``left`` are sessions that bear another mark, which stays."""

    decision: LeaveDecision
    marks: Entered
    taken_back: list[Session]


def why_not_ask(*, pupil: Pupil, school: School, span: Span, asked_on: dt.date, on: dt.date, but: int | None = None) -> str:
    """An empty string where leave may be asked for these sessions; otherwise the sentence that says why not and what to do."""
    return (
        _why_not_dates(span, asked_on, on)
        or _why_not_calendar(school, span)
        or _why_not_roll(pupil, school, span)
        or _why_not_twice(pupil, school, span, but)
    )


def _why_not_dates(span: Span, asked_on: dt.date, on: dt.date) -> str:
    if asked_on > on:
        return f"The request cannot have come on {in_full(asked_on)}: that day lies ahead."
    if span.last_day < span.first_day:
        return f"The last day, {in_full(span.last_day)}, is before the first, {in_full(span.first_day)}: change one of the two."
    if span.first_day == span.last_day and (span.first_session, span.last_session) == ("PM", "AM"):
        return "On one day the leave cannot begin in the afternoon and end in the morning: change one of the two."
    years = academic_year_of(span.first_day), academic_year_of(span.last_day)
    if years[1] - years[0] > 1:
        return f"The leave is longer than a school year: check the last day, {in_full(span.last_day)}."
    if years[0] != years[1]:
        return f"The days lie in two school years, {year_label(years[0])} and {year_label(years[1])}: enter a request for each."
    return ""


def _why_not_calendar(school: School, span: Span) -> str:
    days = _days(school, span)
    if not len(days):
        year = year_label(academic_year_of(span.first_day))
        return f"The calendar of {year} has not been entered: ask an administrator to enter its half terms first."
    if not sessions_in(days, span):
        return f"The school is closed on {span.in_words}{_closed_why(school, span)}: leave is only needed for school days."
    return ""


def _closed_why(school: School, span: Span) -> str:
    """The kind of a single closed day, in brackets."""
    closed = ClosedDay.objects.filter(school=school, date=span.first_day).first() if span.first_day == span.last_day else None
    return f" ({closed.get_kind_display().lower()})" if closed else ""


def _why_not_roll(pupil: Pupil, school: School, span: Span) -> str:
    enrolments = list(Enrolment.objects.filter(pupil=pupil, school=school).order_by("starts"))
    if any(each.starts <= span.first_day and (each.ends is None or span.last_day <= each.ends) for each in enrolments):
        return ""
    left = [each.ends for each in enrolments if each.starts <= span.first_day and each.ends]
    if left:
        return f"{pupil.called} leaves the school on {in_full(left[-1])}: leave can be asked for until that day."
    starts = [each.starts for each in enrolments if each.starts > span.first_day]
    begins = f" before {in_full(starts[0])}" if starts else ""
    return f"{pupil.called} is not on the school's roll{begins}: no leave is needed."


def _why_not_twice(pupil: Pupil, school: School, span: Span, but: int | None) -> str:
    others = LeaveRequest.objects.filter(
        pupil=pupil, school=school, state__in=STANDING, first_day__lte=span.last_day, last_day__gte=span.first_day
    ).exclude(pk=but or 0)
    for other in others:
        if span_of(other).meets(span):
            state = other.get_state_display().lower()
            return f"There is a request for {span_of(other).in_words} already ({state}): change or withdraw that one."
    return ""


def _days(school: School, span: Span) -> SchoolDays:
    return school_days(school, [academic_year_of(span.first_day)])


@transaction.atomic
def ask_leave(
    *,
    pupil: Pupil,
    school: School,
    asked_by: Parent | None = None,
    asked_by_name: str = "",
    asked_on: dt.date,
    span: Span,
    ground: str = "",
    reason: str,
    evidence: Evidence | None = None,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> LeaveRequest:
    """Enters what a parent asked for. ``asked_by_name``: who it was, where they are not on the record. Refused with what to do about it
    for days that cannot be, days for which there is a request already, and a request without a reason."""
    Pupil.objects.select_for_update(no_key=True).get(pk=pupil.pk)  # one request a pupil at a time
    if refusal := _why_not_words(asked_by, asked_by_name, ground, reason) or why_not_ask(
        pupil=pupil, school=school, span=span, asked_on=asked_on, on=on
    ):
        raise Refused(refusal)
    request = LeaveRequest.objects.create(
        pupil=pupil, school=school, asked_by=asked_by, asked_by_name=asked_by_name.strip()[:120], asked_on=asked_on,
        first_day=span.first_day, first_session=span.first_session, last_day=span.last_day, last_session=span.last_session,
        ground=ground, reason=reason.strip(), evidence=_kept(evidence, pupil, school, asked_by, by, role, on, now),
        entered_by=by, entered_role=role, entered_at=now,
    )  # fmt: skip
    _tell(request, f"Leave asked for: {span.in_words}.", by=by, role=role, on=on, now=now)
    audit.record(action="leave asked for", subject=request, by=by, role=role, at=now, school=school, detail=_in_numbers(span))
    return request


def _why_not_words(asked_by: Parent | None, asked_by_name: str, ground: str, reason: str) -> str:
    if asked_by is None and not asked_by_name.strip():
        return "Say who asked: choose a parent, or write who it was."
    if ground and leave_rules().ground(ground) is None:
        return "Choose what the leave is for from the list."
    if not reason.strip():
        return "Write the reason as the parent gave it: the head decides on it."
    if len(reason.strip()) > LONGEST_REASON:
        return f"Shorten the reason to {LONGEST_REASON:,} characters, and add what is longer as a document."
    return ""


def _kept(
    evidence: Evidence | None,
    pupil: Pupil,
    school: School,
    parent: Parent | None,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Document | None:
    if evidence is None:
        return None
    case = open_case(pupil=pupil, school=school, on=on)
    return add_document(
        case=case, title=f"For leave asked for on {in_full(on)}", kind=evidence.kind, file_name=evidence.file_name,
        content=evidence.content, parent=parent, by=by, role=role, on=on, now=now,
    )  # fmt: skip


def why_not_decide(request: LeaveRequest, state: str, on: dt.date) -> str:
    """An empty string where the request may be decided so; otherwise the sentence that says why not."""
    if sentence := why_not_move(request.state, state):
        return sentence
    if request.state != State.ASKED and request.last_day < on:
        return f"The days were over on {in_full(request.last_day)}: correct the marks in the register instead."
    return ""


@transaction.atomic
def decide_leave(
    *,
    request: LeaveRequest,
    seen: int,
    granted: Span | None,
    ground: str = "",
    reason: str,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Decided:
    """Grants the sessions of ``granted``, all that was asked for or a part of it, or (None) refuses; also a decision made before is
    changed so. ``seen``: how often it had been decided when the person looked. ``reason`` is what the letter to the parents gives.

    Refused where a rule says no, and where somebody else has decided meanwhile.
    """
    if not reason.strip():
        raise Refused("Give the reason: the letter to the parents states it.")
    state = _state_after(request, granted)
    if refusal := _why_overtaken(request, seen) or why_not_decide(request, state, on):
        raise Refused(refusal)
    chosen = leave_rules().ground(ground)
    days = _days(request.school, span_of(request))
    if granted and (refusal := _why_not_grant(request, granted, chosen, days)):
        raise Refused(refusal)
    before = _marks_of(request)
    decision = _decision(request, seen, state, granted, chosen, reason.strip(), days, by=by, role=role, on=on, now=now)
    stays = _marks_of(request)
    lost = {session: code for session, code in before.items() if stays.get(session) != code}
    gone = _take_back(request, lost, f"Leave decided again: {reason.strip()}", by=by, role=role, now=now)
    marks = _enter(request, decision, by=by, role=role, now=now)
    _plan_letter(request, decision, days, on=on)
    words = f"Leave {request.get_state_display().lower()}: {(granted or span_of(request)).in_words}. {decision.reason}"
    _tell(request, words, by=by, role=role, on=on, now=now)
    audit.record(
        action="leave decided", subject=request, by=by, role=role, at=now, school=request.school, reason=decision.reason,
        detail={"state": state, "code": decision.code, "marks": len(marks.entered), "taken_back": len(gone)},
    )  # fmt: skip
    return Decided(decision, marks, gone)


def _state_after(request: LeaveRequest, granted: Span | None) -> str:
    if granted is None:
        return State.REFUSED
    return State.GRANTED if granted == span_of(request) else State.PART_GRANTED


def _why_overtaken(request: LeaveRequest, seen: int) -> str:
    """A sentence where somebody decided since the person looked. ``request`` then says what is stored."""
    request.refresh_from_db(fields=["state", "decided"])
    if request.decided == seen:
        return ""
    last = request.decisions.select_related("by").order_by("-number").first()
    by = f" by {last.by} on {in_full(last.at.date())}" if last else ""
    return f"The request has been decided since you looked: {request.get_state_display().lower()}{by}. Look at it again."


def _why_not_grant(request: LeaveRequest, granted: Span, ground: Ground | None, days: SchoolDays) -> str:
    if ground is None:
        return "Choose the ground on which leave is granted: the law names them, and the code follows from it."
    if not ground.code:
        return f"{ground.name} is no ground in law. {ground.means} Choose the ground that fits, or refuse."
    if granted.last_day < granted.first_day or not granted.lies_in(span_of(request)):
        return f"Leave can be granted for what was asked for, {span_of(request).in_words}, or for a part of it."
    if not sessions_in(days, granted):
        return f"The school is closed on {granted.in_words}: grant a part that holds a school day."
    return why_not_in_advance(ground, request.asked_on, granted.first_day)


def _decision(
    request: LeaveRequest, seen: int, state: str, granted: Span | None, ground: Ground | None, reason: str, days: SchoolDays, *,
    by: User, role: str, on: dt.date, now: dt.datetime,
) -> LeaveDecision:  # fmt: skip
    """Claims the request by a conditional UPDATE, and keeps the decision with what spoke against it."""
    claimed = LeaveRequest.objects.filter(pk=request.pk, decided=seen, state=request.state)
    if not claimed.update(state=state, decided=F("decided") + 1):
        raise Refused(_why_overtaken(request, seen) or "The request was changed at this moment: look at it again.")
    request.state, request.decided = state, seen + 1
    return LeaveDecision.objects.create(
        request=request, number=seen + 1, state=state, reason=reason,
        ground=ground.key if ground and granted else "", code=ground.code if ground and granted else "",
        first_day=granted.first_day if granted else None, first_session=granted.first_session if granted else "",
        last_day=granted.last_day if granted else None, last_session=granted.last_session if granted else "",
        back_on=_back(days, granted or span_of(request)),
        against=against(request, on), by=by, role=role, at=now,
    )  # fmt: skip


def _back(days: SchoolDays, granted: Span) -> dt.date:
    """The school day on which the pupil is expected (after a refusal: at the latest); at the calendar's end the day after the leave."""
    return day_back(days, granted) or granted.last_day + dt.timedelta(days=1)


def against(request: LeaveRequest, on: dt.date) -> list[dict[str, str | bool]]:
    """What law and policy say against the request, as it is kept with the decision."""
    version, _ = adopted(request.school, on)
    return [
        {"source": found.source, "clause": found.clause, "sentence": found.sentence, "refuses": found.refuses}
        for found in findings(version.key, standing_of(request, on))
    ]


def _marks_of(request: LeaveRequest) -> dict[Session, str]:
    """The code of each session that stands granted."""
    decision = request.decisions.order_by("-number").first()
    if decision is None or decision.state not in GIVES_LEAVE or request.state not in GIVES_LEAVE:
        return {}
    span = Span(decision.first_day, decision.first_session, decision.last_day, decision.last_session)  # type: ignore[arg-type]
    return dict.fromkeys(sessions_in(_days(request.school, span), span), decision.code)


def _enter(request: LeaveRequest, decision: LeaveDecision, *, by: User, role: str, now: dt.datetime) -> Entered:
    marks = _marks_of(request)
    if not marks:
        return Entered([], {})
    reason = f"Leave granted on {in_full(decision.at.date())} (request {request.pk}): {CODES[decision.code].description}."
    return enter_ahead(school=request.school, pupil=request.pupil, marks=marks, reason=reason, by=by, role=role, now=now)


def _take_back(
    request: LeaveRequest, marks: dict[Session, str], reason: str, *, by: User, role: str, now: dt.datetime
) -> list[Session]:
    """What was granted before and has not come yet goes from the register; its letter that has not left goes, too."""
    PlannedLetter.objects.filter(
        case__pupil=request.pupil_id, case__school=request.school_id, cause__startswith=f"leave {request.pk}/"
    ).exclude(cause=_cause(request)).update(state=PlannedLetter.State.WITHDRAWN)
    if not marks:
        return []
    return take_back(school=request.school, pupil=request.pupil, marks=marks, reason=reason, by=by, role=role, now=now)


def _cause(request: LeaveRequest) -> str:
    """ "leave 12/1": the first decision about request 12."""
    return f"leave {request.pk}/{request.decided}"


def _plan_letter(request: LeaveRequest, decision: LeaveDecision, days: SchoolDays, *, on: dt.date) -> None:
    version, _ = adopted(request.school, on)
    PlannedLetter.objects.create(
        case=open_case(pupil=request.pupil, school=request.school, on=on), version=version, letter=LETTERS[State(decision.state)],
        cause=_cause(request), about=letter_about(request, decision, days), on=on, approves=Role.HEAD,
    )  # fmt: skip


def letter_about(request: LeaveRequest, decision: LeaveDecision, days: SchoolDays) -> dict[str, str | bool]:
    """What the letter says of the decision, by merge field. A sensitive code (health, religion, travelling) is left out."""
    asked, code = span_of(request), decision.code
    granted = asked
    if decision.first_day and decision.last_day:
        granted = Span(decision.first_day, decision.first_session, decision.last_day, decision.last_session)
    number = len(sessions_in(days, granted))
    back = decision.back_on
    return {
        "leave_part": decision.state == State.PART_GRANTED,
        "leave_asked_from": asked.starts_in_words,
        "leave_asked_to": asked.ends_in_words,
        "leave_from": granted.starts_in_words,
        "leave_to": granted.ends_in_words,
        "leave_sessions": f"{number} {'session' if number == 1 else 'sessions'}",
        "leave_code": code_if_refused(request) if decision.state == State.REFUSED else "" if CODES[code].sensitive else code,
        "leave_reason": decision.reason,
        "leave_back": f"{back:%A} {back.day} {back:%B}" if back else "",
    }


def why_not_withdraw(request: LeaveRequest, on: dt.date) -> str:
    """An empty string where the request may be withdrawn; otherwise the sentence that says why not."""
    if request.state in GIVES_LEAVE and request.last_day < on:
        return f"The leave was over on {in_full(request.last_day)}: correct the marks in the register instead."
    return why_not_move(request.state, State.WITHDRAWN)


@transaction.atomic
def withdraw_leave(
    *, request: LeaveRequest, seen: int, reason: str, by: User, role: str, on: dt.date, now: dt.datetime
) -> list[Session]:
    """The family does not want the leave any more, or it was entered in error. Marks whose day has not come are taken back, and the letter
    that has not left; returns the sessions."""
    if not reason.strip():
        raise Refused("Say why it is withdrawn: the reason is kept with the request.")
    if refusal := _why_overtaken(request, seen) or why_not_withdraw(request, on):
        raise Refused(refusal)
    before = _marks_of(request)
    if not LeaveRequest.objects.filter(pk=request.pk, decided=seen, state=request.state).update(
        state=State.WITHDRAWN, decided=F("decided") + 1
    ):
        raise Refused(_why_overtaken(request, seen) or "The request was changed at this moment: look at it again.")
    request.state, request.decided = State.WITHDRAWN, seen + 1
    LeaveDecision.objects.create(
        request=request, number=seen + 1, state=State.WITHDRAWN, reason=reason.strip(), by=by, role=role, at=now
    )
    gone = _take_back(request, before, f"Leave withdrawn: {reason.strip()}", by=by, role=role, now=now)
    _tell(request, f"Leave withdrawn: {span_of(request).in_words}. {reason.strip()}", by=by, role=role, on=on, now=now)
    audit.record(
        action="leave withdrawn", subject=request, by=by, role=role, at=now, school=request.school, reason=reason.strip(),
        detail={"taken_back": len(gone)},
    )  # fmt: skip
    return gone


def _tell(request: LeaveRequest, text: str, *, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    case = open_case(pupil=request.pupil, school=request.school, on=on)
    add_event(case=case, kind="leave", text=text, on=on, now=now, by=by, role=role)


def _in_numbers(span: Span) -> dict[str, str]:
    return {"from": f"{span.first_day} {span.first_session}", "to": f"{span.last_day} {span.last_session}"}
