"""Leave and part-time timetables as the desk shows them: the list, one request with what bears on it, a pupil's own, and what is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from django.http import Http404
from django.urls import reverse

from attendance.codes import CODES
from attendance.grid import academic_year_of
from casework.leave import against, why_not_decide, why_not_withdraw
from casework.leave_days import Span, in_full, sessions_in
from casework.leave_rules import Standing, leave_rules
from casework.leave_states import GIVES_LEAVE
from casework.models import LeaveDecision, LeaveRequest, PartTimeTimetable
from casework.part_time import why_not_change
from casework.queries.leave import NotBack, granted_of, latest, not_back, span_of, standing_of, with_decisions
from casework.queries.part_time import (
    Unexplained,
    c2_without_timetable,
    flag_of,
    reviews_due,
    running,
    week_in_words,
    with_reviews,
)
from desk.queries.due import Due
from desk.queries.todo import Reader
from escalation.models import Adoption
from schools.access import Scope
from schools.models import Pupil, Role, School
from schools.queries import school_days

LOOK_BACK = dt.timedelta(days=28)
"""How long decided leave that is over stays on the list."""
CHIPS = {"asked": "soon", "granted": "good", "part_granted": "good", "refused": "bad", "withdrawn": "soft"}


@dataclass(frozen=True)
class RequestLine:
    """A request as lists show it."""

    request: LeaveRequest
    on: dt.date

    @property
    def asked(self) -> Span:
        return span_of(self.request)

    @cached_property
    def decision(self) -> LeaveDecision | None:
        return latest(self.request)

    @property
    def granted(self) -> Span | None:
        return granted_of(self.decision)

    @property
    def tone(self) -> str:
        return CHIPS[self.request.state]

    @property
    def who_asked(self) -> str:
        return self.request.asked_by.name if self.request.asked_by else self.request.asked_by_name

    @property
    def ground(self) -> str:
        found = leave_rules().ground((self.decision and self.decision.ground) or self.request.ground)
        return found.name if found else "Not said"

    @property
    def code(self) -> str:
        return self.decision.code if self.decision else ""

    @property
    def when(self) -> str:
        """ "In 18 days", "Began 2 days ago", "Now"."""
        away = (self.request.first_day - self.on).days
        if away > 0:
            return f"in {away} {'day' if away == 1 else 'days'}"
        return "now" if self.request.last_day >= self.on else "over"


@dataclass(frozen=True)
class TimetableLine:
    """A timetable as lists show it."""

    timetable: PartTimeTimetable
    on: dt.date

    @property
    def week(self) -> str:
        return week_in_words(self.timetable.pattern)

    @property
    def flag(self) -> str:
        return flag_of(self.timetable)

    @property
    def is_overdue(self) -> bool:
        return self.timetable.state == "agreed" and self.timetable.review_on < self.on <= self.timetable.ends

    @property
    def state(self) -> str:
        if self.timetable.state == "ended":
            return "Ended early"
        if self.timetable.ends < self.on:
            return "Ended"
        return "Runs" if self.timetable.starts <= self.on else "Begins"


@dataclass(frozen=True)
class LeaveList:
    """Everything about leave at the schools: what waits, what is decided, who is not back, timetables, and C2 without one."""

    waiting: list[RequestLine]
    decided: list[RequestLine]
    missing: list[NotBack]
    timetables: list[TimetableLine]
    unexplained: list[Unexplained]


def leave_list(schools: Collection[School], on: dt.date) -> LeaveList:
    """A fixed number of statements, and two a school for its calendar."""
    recent = with_decisions(LeaveRequest.objects.filter(school__in=schools, last_day__gte=on - LOOK_BACK))
    waiting = with_decisions(LeaveRequest.objects.filter(school__in=schools, state=LeaveRequest.State.ASKED))
    return LeaveList(
        waiting=[RequestLine(request, on) for request in waiting],
        decided=[RequestLine(request, on) for request in recent.exclude(state=LeaveRequest.State.ASKED)],
        missing=missing(schools, on),
        timetables=[TimetableLine(timetable, on) for timetable in running(schools, on)],
        unexplained=c2_without_timetable(schools, on),
    )


def missing(schools: Collection[School], on: dt.date) -> list[NotBack]:
    """Pupils who have not come back from leave."""
    if not LeaveRequest.objects.filter(school__in=schools, state__in=GIVES_LEAVE).exists():
        return []
    year = academic_year_of(on)
    calendars = {school.pk: school_days(school, [year]) for school in schools}
    return not_back(schools, on, days_of=calendars, rulesets=_rulesets(schools, on))


def _rulesets(schools: Iterable[School], on: dt.date) -> dict[int, str]:
    """The key of each school's ladder. One statement."""
    adoptions = Adoption.objects.filter(school__in=list(schools), starts__lte=on).order_by("starts")
    return dict(adoptions.values_list("school", "version__key"))


def request_in_scope(scope: Scope, pk: int) -> LeaveRequest:
    """A request about a pupil of the person's schools; Http404 for any other."""
    found = with_decisions(LeaveRequest.objects.filter(pk=pk, pupil__in=scope.pupils, school__in=scope.schools)).first()
    if found is None:
        raise Http404("No such request.")
    return found


def timetable_in_scope(scope: Scope, pk: int) -> PartTimeTimetable:
    found = with_reviews(PartTimeTimetable.objects.filter(pk=pk, pupil__in=scope.pupils, school__in=scope.schools)).first()
    if found is None:
        raise Http404("No such timetable.")
    return found


@dataclass(frozen=True)
class RequestPage:
    """One request with all that the head decides on."""

    line: RequestLine
    standing: Standing
    findings: list[dict[str, str | bool]]
    fault: str
    sessions: int
    others: list[RequestLine]
    why_not_decide: str
    why_not_withdraw: str

    @property
    def percent_of(self) -> tuple[int, int]:
        attended = self.standing.possible - self.standing.authorised - self.standing.unauthorised
        return attended, self.standing.possible

    @property
    def decisions(self) -> list[tuple[LeaveDecision, Span | None]]:
        """Every decision, the first one first, with what it granted."""
        return [(decision, granted_of(decision)) for decision in self.line.request.decisions.all()]

    @property
    def refusals(self) -> list[dict[str, str | bool]]:
        return [finding for finding in self.findings if finding["refuses"]]

    @property
    def reminders(self) -> list[dict[str, str | bool]]:
        return [finding for finding in self.findings if not finding["refuses"]]


def request_page(request: LeaveRequest, on: dt.date) -> RequestPage:
    """What bears on the request; ``fault`` where the school has no ladder, so that nobody knows its policy."""
    year = academic_year_of(request.first_day)
    others = with_decisions(LeaveRequest.objects.filter(pupil=request.pupil_id, school=request.school_id).exclude(pk=request.pk))
    try:
        found, fault = against(request, on), ""
    except ValueError as refused:
        found, fault = [], str(refused)
    still = LeaveRequest.State.REFUSED if request.state != LeaveRequest.State.REFUSED else LeaveRequest.State.GRANTED
    return RequestPage(
        line=RequestLine(request, on),
        standing=standing_of(request, on),
        findings=found,
        fault=fault,
        sessions=len(sessions_in(school_days(request.school, [year]), span_of(request))),
        others=[RequestLine(other, on) for other in others.order_by("-first_day")[:10]],
        why_not_decide=fault or why_not_decide(request, still, on),
        why_not_withdraw=why_not_withdraw(request, on),
    )


@dataclass(frozen=True)
class PupilLeave:
    """A pupil's own requests and timetables, latest first."""

    requests: list[RequestLine]
    timetables: list[TimetableLine]


def pupil_leave(pupil: Pupil, school: School, on: dt.date) -> PupilLeave:
    """For the pupil's page. Three statements."""
    requests = with_decisions(LeaveRequest.objects.filter(pupil=pupil, school=school)).order_by("-first_day")
    timetables = PartTimeTimetable.objects.filter(pupil=pupil, school=school).select_related("agreed_by")
    return PupilLeave([RequestLine(each, on) for each in requests], [TimetableLine(each, on) for each in timetables])


@dataclass(frozen=True)
class TimetablePage:
    line: TimetableLine
    why_not_change: str


def timetable_page(timetable: PartTimeTimetable, on: dt.date) -> TimetablePage:
    return TimetablePage(TimetableLine(timetable, on), why_not_change(timetable, on))


def leave_due(reader: Reader) -> list[Due]:
    """What leave asks of somebody: requests to decide, pupils who are not back, reviews of part-time timetables."""
    waiting = with_decisions(LeaveRequest.objects.filter(school__in=reader.schools, state=LeaveRequest.State.ASKED))
    return [
        *(_due_request(reader, request) for request in waiting),
        *(_due_return(reader, late) for late in missing(reader.schools, reader.on)),
        *(_due_review(reader, timetable) for timetable in reviews_due(reader.schools, reader.on)),
    ]


def _due_request(reader: Reader, request: LeaveRequest) -> Due:
    about = reader.about(request.pupil, request.school_id)
    title = f"Decide on leave, {span_of(request).in_words}"
    owner = reader.owner(request.school_id, Role.HEAD, about.line)
    late = reader.places[request.school_id].age(request.first_day) if request.first_day < reader.on else 0
    return Due(request.first_day, late, title, about, owner, "Open", address=reverse("desk:leave-request", args=[request.pk]))


def _due_return(reader: Reader, late: NotBack) -> Due:
    about = reader.about(late.request.pupil, late.request.school_id)
    title = f"Not back from leave since {in_full(late.back_on)}"
    if late.is_serious:
        title += f": {late.limit} school days ({late.source})"
    owner = reader.owner(late.request.school_id, Role.OFFICER, about.line)
    return Due(
        late.back_on, late.days, title, about, owner, "Open", address=reverse("desk:leave-request", args=[late.request.pk])
    )


def _due_review(reader: Reader, timetable: PartTimeTimetable) -> Due:
    about = reader.about(timetable.pupil, timetable.school_id)
    owner = reader.owner(timetable.school_id, Role.ATTENDANCE_LEAD, about.line)
    late = reader.places[timetable.school_id].age(timetable.review_on) if timetable.review_on < reader.on else 0
    return Due(
        timetable.review_on,
        late,
        "Review the part-time timetable",
        about,
        owner,
        "Open",
        address=reverse("desk:part-time", args=[timetable.pk]),
    )


def code_words(code: str) -> str:
    """ "C, leave in other exceptional circumstances"."""
    return f"{code}, {CODES[code].description}" if code else ""
