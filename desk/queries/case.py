"""One case: where the pupil stands and why, what is due and by whom, meetings, what was tried, what was brought, and what no longer fits.

The pupil's page has the figures; this one has the work. The number of statements does not grow with the length of the case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Q
from django.http import Http404

from casework.models import Document, Meeting
from casework.queries.before import tried_before
from casework.queries.documents import documents_of
from casework.queries.meetings import Loose, enrolment_of, loose_ends, meetings_of
from casework.queries.support import Tried, support_of
from casework.retention import retention
from desk.queries.pupil import (
    HOW_TO_ACT,
    PersonLine,
    PupilLine,
    Siblings,
    TimelineEntry,
    Year,
    in_force,
    open_watch,
    people,
    pupil_lines,
    siblings,
    timeline,
)
from desk.queries.roll import Staff
from desk.words import stage_label
from escalation.models import Case, Period, StageRecord, Task, WatchEntry
from letters.models import Letter
from letters.states import WAITING
from schools.access import Scope
from schools.models import Enrolment, Placement, PupilFlag, PupilParent, Role, School, StaffRole
from schools.queries import placement_on, year_label

HEALTH_RULES = {"sickness-return", "illness-5", "health-15"}
HEALTH_ADVICE = "Ask the school nurse before you ask for evidence, and plan the return together."
NOT_HERE = (StageRecord.State.WITHDRAWN, StageRecord.State.DECLINED, StageRecord.State.PASSED_OVER)


@dataclass(frozen=True, slots=True)
class DocumentLine:
    document: Document

    @property
    def kind(self) -> str:
        rule = retention().get(self.document.kind)
        return rule.name if rule else self.document.kind

    @property
    def size(self) -> str:
        """ "84 KB" or "2.1 MB"."""
        size = self.document.size
        return f"{size / 1024 / 1024:.1f} MB" if size >= 1024 * 1024 else f"{max(1, round(size / 1024))} KB"


@dataclass(frozen=True)
class CasePage:
    """All that the page shows apart from the ladder. ``elsewhere_in_group``: brothers and sisters at schools outside the scope."""

    case: Case
    line: PupilLine
    school: School
    enrolment: Enrolment | None
    records: tuple[StageRecord, ...]
    tasks: tuple[Task, ...]
    meetings: tuple[Meeting, ...]
    loose: tuple[Loose, ...]
    tried: tuple[Tried, ...]
    documents: tuple[DocumentLine, ...]
    periods: tuple[Period, ...]
    waiting: tuple[Letter, ...]
    watch: tuple[WatchEntry, ...]
    siblings: Siblings
    elsewhere_in_group: int
    ask_about_siblings: str
    people: tuple[PersonLine, ...]
    timeline: tuple[TimelineEntry, ...] = field(default=())
    before: str = ""
    """What another school of the group tried."""

    @property
    def year(self) -> str:
        return year_label(self.case.year)

    @property
    def planned(self) -> list[Meeting]:
        """Meetings to come or to be recorded, the next first."""
        return sorted((one for one in self.meetings if one.state == Meeting.State.PLANNED), key=lambda one: one.starts_at)

    @property
    def past(self) -> list[Meeting]:
        return [one for one in self.meetings if one.state != Meeting.State.PLANNED]

    @property
    def stage(self) -> StageRecord | None:
        """The stage that the pupil stands at."""
        standing = [record for record in self.records if record.state not in NOT_HERE]
        return standing[-1] if standing else None

    @property
    def stage_label(self) -> str:
        return stage_label(self.stage.stage) if self.stage else "No stage"

    @property
    def advice(self) -> list[tuple[str, str, str]]:
        """(kind of flag, its name, what it asks for), gravest first; a long illness last."""
        flags = [(flag.kind, flag.get_kind_display(), HOW_TO_ACT[PupilFlag.Kind(flag.kind)]) for flag in self.line.act_flags]
        ill = any(entry.rule in HEALTH_RULES for entry in self.watch)
        return flags + ([("", "Long illness", HEALTH_ADVICE)] if ill else [])

    @property
    def may_be_invited(self) -> list[PersonLine]:
        return [person for person in self.people if not person.barred and person.link.receives_letters]


def case_in_scope(scope: Scope, pk: int) -> Case:
    """The case, where the viewer may see its pupil at its school. Http404 otherwise."""
    case = Case.objects.select_related("pupil", "school__group").filter(pk=pk).first()
    if case is None or not scope.enrolments.filter(pupil=case.pupil_id, school=case.school_id).exists():
        raise Http404("No such case.")
    return case


def case_page(scope: Scope, case: Case, on: dt.date) -> CasePage:
    """Everything for one case; about thirty statements, however much has happened."""
    pupil, school = case.pupil, case.school
    enrolment = enrolment_of(case)
    line = pupil_lines(Enrolment.objects.filter(pk__in=[enrolment.pk] if enrolment else []), on)[pupil.pk, school.pk]
    contacts = people(pupil, on)
    meetings = meetings_of([case.pk]).get(case.pk, [])
    tasks = list(Task.objects.filter(case=case, state=Task.State.OPEN).select_related("owner", "stage_record"))
    return CasePage(
        case=case,
        line=line,
        school=school,
        enrolment=enrolment,
        records=tuple(StageRecord.objects.filter(case=case).select_related("decided_by")),
        tasks=tuple(tasks),
        meetings=tuple(meetings),
        loose=tuple(_loose(case, enrolment, meetings, tasks, [person.link for person in contacts], on)),
        tried=tuple(reversed(support_of([case.pk]).get(case.pk, []))),
        documents=tuple(DocumentLine(document) for document in documents_of(case)),
        periods=tuple(Period.objects.filter(case=case).order_by("-starts_on")),
        waiting=tuple(Letter.objects.filter(case=case, state__in=WAITING).select_related("parent", "stage_record")),
        watch=open_watch(pupil, school),
        siblings=siblings(scope, pupil, school, on),
        elsewhere_in_group=_elsewhere(scope, case, on),
        ask_about_siblings=_whom_to_ask(school, on),
        people=tuple(contacts),
        timeline=tuple(timeline([case.pk], Year((), (), {}, (), on))),
        before=tried_before(case),
    )


def _loose(
    case: Case,
    enrolment: Enrolment | None,
    meetings: Sequence[Meeting],
    tasks: Sequence[Task],
    links: Sequence[PupilParent],
    on: dt.date,
) -> list[Loose]:
    now_at = None
    if enrolment and enrolment.ends and enrolment.ends < on:
        other = Enrolment.objects.filter(in_force(on), pupil=case.pupil_id).exclude(school=case.school_id)
        found = other.select_related("school").first()
        now_at = found.school if found else None
    return loose_ends(
        case, meetings=meetings, tasks=tasks, links=links, enrolment=enrolment, elsewhere=now_at, on=on
    )  # fmt: skip


def _elsewhere(scope: Scope, case: Case, on: dt.date) -> int:
    """How many brothers and sisters are on roll at other schools of the group that the viewer may not open. One statement."""
    shared = Q(pupil__parent_links__parent__in=PupilParent.objects.filter(pupil=case.pupil_id).values("parent"))
    others = Enrolment.objects.filter(shared & in_force(on), school__group=case.school.group_id).exclude(pupil=case.pupil_id)
    hidden = others.exclude(school=case.school_id).exclude(pk__in=scope.enrolments.values("pk"))
    return hidden.values("pupil").distinct().count()


def staff_around(case: Case, on: dt.date) -> list[StaffRole]:
    """The colleagues who have to do with the pupil, one role a person: not the tutor of another form. Two statements."""
    placement, staff = placement_on(case.pupil_id, case.school_id, on), Staff([case.school], on)
    around = {held.user_id for held in staff.roles if _covers(held, placement)}
    return [held for held in staff.at(case.school_id) if held.user_id in around]


def _covers(held: StaffRole, placement: Placement | None) -> bool:
    in_year = not held.year_groups or (placement is not None and placement.year_group in held.year_groups)
    return in_year and (not held.forms or (placement is not None and placement.form in held.forms))


def _whom_to_ask(school: School, on: dt.date) -> str:
    """The trust's attendance lead, who sees every school of the group. One statement."""
    leads = StaffRole.objects.filter(in_force(on), role=Role.TRUST_LEAD, group=school.group_id, user__is_active=True)
    held = leads.select_related("user").first()
    return f"{held.user.name}, {held.shown_title.lower()}" if held else "the trust’s attendance lead"
