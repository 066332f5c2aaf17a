"""Reads about leave and part-time timetables: lists, what speaks against a request, who has not come back, codes to offer."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Prefetch, Q, QuerySet

from attendance.codes import CODES, Meaning
from attendance.grid import SESSIONS, academic_year_of, slot
from attendance.models import Figures, RegisterRow
from attendance.queries import code_of
from casework.leave_days import Span
from casework.leave_rules import Standing, leave_rules
from casework.leave_states import GIVES_LEAVE
from casework.models import LeaveDecision, LeaveRequest
from schools.models import PupilParent, School
from schools.queries import placement_on
from schools.schooldays import SchoolDays


def span_of(request: LeaveRequest) -> Span:
    """What was asked for."""
    return Span(request.first_day, request.first_session, request.last_day, request.last_session)


def granted_of(decision: LeaveDecision | None) -> Span | None:
    """What the decision grants; None where nothing."""
    if decision is None or decision.state not in GIVES_LEAVE or not (decision.first_day and decision.last_day):
        return None
    return Span(decision.first_day, decision.first_session, decision.last_day, decision.last_session)


def with_decisions(requests: QuerySet[LeaveRequest]) -> QuerySet[LeaveRequest]:
    """Requests with the people, the evidence and all decisions joined: two statements, whatever their number."""
    decisions = LeaveDecision.objects.select_related("by").order_by("number")
    joined = requests.select_related("pupil", "school", "asked_by", "entered_by", "evidence")
    return joined.prefetch_related(Prefetch("decisions", queryset=decisions))


def latest(request: LeaveRequest) -> LeaveDecision | None:
    """The decision that stands, of a request read by ``with_decisions``."""
    return max(request.decisions.all(), key=lambda decision: decision.number, default=None)


def standing_of(request: LeaveRequest, on: dt.date) -> Standing:
    """What the request is judged on, with the pupil's figures as of the last night. Three statements."""
    year = academic_year_of(on)
    figures = Figures.objects.filter(
        row__enrolment__pupil=request.pupil_id, row__enrolment__school=request.school_id, row__year=year
    ).order_by("-as_of").first()  # fmt: skip
    placed = placement_on(request.pupil_id, request.school_id, on)
    return Standing(
        child=request.pupil.called,
        possible=figures.possible if figures else 0,
        authorised=figures.authorised if figures else 0,
        unauthorised=figures.unauthorised if figures else 0,
        as_of=figures.as_of if figures else None,
        year_group=placed.year_group if placed else None,
        asked_on=request.asked_on,
        first_day=request.first_day,
        last_day=request.last_day,
        ground=request.ground,
        has_evidence=request.evidence_id is not None,
        lives_with_asker=_lives_with(request),
    )


def _lives_with(request: LeaveRequest) -> bool | None:
    link = PupilParent.objects.filter(pupil=request.pupil_id, parent=request.asked_by_id).first() if request.asked_by_id else None
    return link.lives_with_pupil if link else None


@dataclass(frozen=True, slots=True)
class NotBack:
    """A pupil who was expected back from leave and has not come: ``days`` school days since then, the expected one included.

    ``limit`` school days make it serious by ``source``; ``marks`` are the codes since, in order.
    """

    request: LeaveRequest
    back_on: dt.date
    days: int
    limit: int
    source: str
    marks: tuple[str, ...]

    @property
    def is_serious(self) -> bool:
        return self.days >= self.limit


def not_back(
    schools: Collection[School], on: dt.date, *, days_of: Mapping[int, SchoolDays], rulesets: Mapping[int, str]
) -> list[NotBack]:
    """Pupils who should be back from granted leave and have attended no session since, longest first. Three statements.

    ``days_of``: each school's school days; ``rulesets``: the key of its ladder. Who is ill or could not come meanwhile, by every mark
    since, is not listed: the absence has its reason.
    """
    requests = with_decisions(
        LeaveRequest.objects.filter(
            school__in=schools, state__in=GIVES_LEAVE, first_day__gte=on - dt.timedelta(days=400), first_day__lte=on
        )
    )
    expected = {
        (request.pupil_id, request.school_id): (request, decision.back_on)
        for request in requests.order_by("last_day")
        if (decision := latest(request)) and decision.back_on and decision.back_on <= on
    }
    rows = _rows(expected, on)
    found = [
        late
        for (pupil, school), (request, back_on) in expected.items()
        if (late := _late(request, back_on, rows.get((pupil, school), []), on, days_of[school], rulesets.get(school, "")))
    ]
    return sorted(found, key=lambda late: (-late.days, late.request.pupil.last_name))


def _rows(keys: Iterable[tuple[int, int]], on: dt.date) -> dict[tuple[int, int], list[RegisterRow]]:
    """This year's register rows of pupils who are still on roll, by pupil and school."""
    pupils, schools = {pupil for pupil, _ in keys}, {school for _, school in keys}
    still = Q(enrolment__ends__isnull=True) | Q(enrolment__ends__gte=on)
    rows = RegisterRow.objects.filter(still, enrolment__pupil__in=pupils, school__in=schools, year=academic_year_of(on))
    found: dict[tuple[int, int], list[RegisterRow]] = defaultdict(list)
    for row in rows.select_related("enrolment"):
        found[row.enrolment.pupil_id, row.school_id].append(row)
    return found


def _late(
    request: LeaveRequest, back_on: dt.date, rows: list[RegisterRow], on: dt.date, days: SchoolDays, ruleset: str
) -> NotBack | None:
    dates = days.dates[days.first_on_or_after(back_on) : days.first_after(on)]
    if not rows or academic_year_of(back_on) != academic_year_of(on):
        return None
    codes: list[str] = []
    for code in _codes(rows, dates):
        if code and CODES[code].meaning == Meaning.ATTENDING:
            return None
        codes.append(code)
    if not any(code and CODES[code].meaning == Meaning.UNAUTHORISED for code in codes):
        return None
    limit, source = leave_rules().overstay(ruleset)
    return NotBack(request, back_on, len(dates), limit, source, tuple(codes))


def _codes(rows: list[RegisterRow], dates: Iterable[dt.date]) -> Iterator[str]:
    """The code of each session of the days, empty for none."""
    for date in dates:
        for session in SESSIONS:
            yield next((code for row in rows if (code := code_of(row.marks[slot(date, session)]))), "")


class Offer(NamedTuple):
    """The code to offer for a session missed although leave for it was refused, and why."""

    code: str
    why: str


def codes_to_offer(places: Collection[tuple[int, int, dt.date, str]]) -> dict[tuple[int, int, dt.date, str], Offer]:
    """For each of ``places`` (pupil, school, day, session) that lies in leave which was refused, or refused in part: what to offer in
    place of N or O. Two statements, and none where there are no places."""
    if not places:
        return {}
    dates = [date for _, _, date, _ in places]
    asked = with_decisions(
        LeaveRequest.objects.filter(
            pupil__in={pupil for pupil, *_ in places}, school__in={school for _, school, *_ in places},
            state__in=(LeaveRequest.State.REFUSED, LeaveRequest.State.PART_GRANTED),
            first_day__lte=max(dates), last_day__gte=min(dates),
        )
    )  # fmt: skip
    return {place: offer for request in asked for place in places if (offer := _offer(request, place))}


def _offer(request: LeaveRequest, place: tuple[int, int, dt.date, str]) -> Offer | None:
    pupil, school, *session = place
    at = (session[0], session[1])
    if (request.pupil_id, request.school_id) != (pupil, school) or not span_of(request).holds(at):  # type: ignore[arg-type]
        return None
    granted = granted_of(latest(request))
    if granted and granted.holds(at):  # type: ignore[arg-type]
        return None
    return Offer(code_if_refused(request), f"Leave for {span_of(request).in_words} was refused.")


def code_if_refused(request: LeaveRequest) -> str:
    """The code of a session missed although leave was refused: G for a holiday or the like, otherwise O."""
    ground = leave_rules().ground(request.ground)
    return ground.if_refused if ground else "G"
