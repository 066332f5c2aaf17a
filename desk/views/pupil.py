"""One pupil: how the year stands, where on the ladder and why, what happened, who to speak to; and recording a contact or a task."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_POST

from attendance.earlier import earlier_years
from desk.charts import best_points, judged_points, trend_svg
from desk.contact_form import ContactForm, NoteForm, TaskForm
from desk.queries.apart import apart_of
from desk.queries.calendar import Calendar
from desk.queries.clocks import statutory_context
from desk.queries.ground import ground_lost, load_for
from desk.queries.ladder import outlook_of, owners, strip, thresholds
from desk.queries.leave import pupil_leave
from desk.queries.pupil import (
    HOW_TO_ACT,
    TABS,
    PupilLine,
    PupilPage,
    TimelineEntry,
    Year,
    enrolment_for,
    figure_panels,
    in_force,
    people,
    pupil_lines,
    pupil_page,
    year_of,
)
from desk.requests import StaffRequest
from escalation.engine.ruleset import Ruleset
from escalation.models import Task
from escalation.queries import adopted
from escalation.services import complete_task, record_contact
from schools.clock import now, today
from schools.models import Enrolment, PupilFlag, Role, School, StaffRole
from schools.queries import year_label
from schools.rules import Refused
from schools.schooldays import CalendarError

DIRECT_FIRST = 25
"""Lines of the timeline that are shown before "show all"."""


@login_required
@require_GET
def pupil(request: StaffRequest, pk: int) -> HttpResponse:
    """The pupil's page. Http404 outside the viewer's scope."""
    enrolment = enrolment_for(request.scope, pk, request.GET.get("school", ""), today())
    page = pupil_page(request.scope, enrolment, today())
    return render(request, "desk/pupil.html", _context(request, page, enrolment))


def _context(request: StaffRequest, page: PupilPage, enrolment: Enrolment) -> dict[str, object]:
    line, calendar = page.line, page.year.calendar()
    ruleset = _ruleset(page.school)
    return {
        "page": page,
        "line": line,
        "pupil": line.pupil,
        "school": page.school,
        "panels": figure_panels(line.figures, page.year),
        "advice": [(flag, HOW_TO_ACT[PupilFlag.Kind(flag.kind)]) for flag in line.act_flags],
        "calendar": calendar,
        "now_in_school": _now_in_words(calendar, today()),
        "apart": apart_of(request.scope, line.pupil, page.school, today()),
        "may_record": not request.scope.refusal("record_contact", page.school),
        "may_correct": not request.scope.refusal("change_marks", page.school),
        "contact_form": _contact_form(page.people, line),
        "note_form": NoteForm(auto_id="note_%s"),
        "tasks": [(task, TaskForm(kind=task.kind, auto_id=f"task{task.pk}_%s")) for task in page.tasks],
        "missed_marks": page.year.missed,
        "may_give_record": not request.scope.refusal("give_record", page.school),
        "earlier": [(year_label(year.year), year) for year in earlier_years(line.pupil)],
        "leave": pupil_leave(line.pupil, page.school, today()),
        **statutory_context(request.scope, line.pupil, page.school),
        **{f"may_{act}": not request.scope.refusal(act, page.school) for act in ("see_leave", "enter_leave", "agree_part_time")},
        **_ladder_context(page, enrolment, ruleset),
        **_trend_context(line, page.year, ruleset),
        **_timeline_context(page.timeline, request.GET.get("show", ""), "all" in request.GET),
    }


def _ruleset(school: School) -> Ruleset | None:
    """The ladder in force; None where the school has adopted none yet, which the page says."""
    try:
        return adopted(school, today())[1]
    except Refused:
        return None


def _ladder_context(page: PupilPage, enrolment: Enrolment, ruleset: Ruleset | None) -> dict[str, object]:
    if ruleset is None:
        return {"strip": [], "outlook": None}
    staff = StaffRole.objects.filter(in_force(today()), school=page.school).select_related("user")
    holders = owners(list(staff), page.line.form, page.line.year_group)
    figures = page.line.figures
    shown: dict[str, object] = {"strip": strip(ruleset, page.records, holders), "outlook": None}
    try:
        if figures is None:
            return shown
        loaded = load_for(enrolment, figures.as_of)
        lost = ground_lost(loaded, enrolment, page.records, today())
        return shown | {"outlook": outlook_of(loaded, page.records, figures.as_of), "lost": lost}
    except (Refused, CalendarError) as fault:
        return shown | {"outlook_fault": str(fault)}


def _trend_context(line: PupilLine, year: Year, ruleset: Ruleset | None) -> dict[str, object]:
    """The trend's data as a table, for those who do not see the picture."""
    if line.figures is None:
        return {"trend_rows": [], "trend_best": None}
    calendar = year.calendar(as_of=line.figures.as_of)
    judged = judged_points(calendar, ruleset.settling_in if ruleset else 0)
    best = best_points(calendar, line.figures.attended, line.figures.possible)
    return {
        "trend_rows": [(calendar.columns[point.column].monday, point) for point in judged],
        "trend_best": best[-1] if best else None,
    }


def _timeline_context(entries: tuple[TimelineEntry, ...], show: str, everything: bool) -> dict[str, object]:
    """The timeline under one tab, and the tabs with how many each has."""
    counts = {tab: sum(entry.tab == tab for entry in entries) for tab in TABS}
    tab = show if show in TABS else ""
    shown = [entry for entry in entries if not tab or entry.tab == tab]
    return {
        "tabs": [(key, title, counts[key]) for key, title in TABS.items() if counts[key]],
        "tab": tab,
        "entries": shown if everything else shown[:DIRECT_FIRST],
        "more_entries": 0 if everything else len(shown[DIRECT_FIRST:]),
        "all_entries": len(entries),
    }


def _now_in_words(calendar: Calendar, on: dt.date) -> str:
    """Today's last mark in a phrase beside the name; empty on a day without one."""
    cells = [cell for line in calendar.lines for cell in line.cells if cell.date == on and cell.kind != "to-come"]
    if not cells:
        return ""
    session = "this morning" if len(cells) == 1 else "this afternoon"
    words = {"in": "in school", "late": "in school, late", "no-reason": "away without a reason"}
    return f"{words.get(cells[-1].kind, 'away')} {session}" if cells[-1].kind != "unmarked" else ""


@login_required
@require_GET
def trend(request: StaffRequest, pk: int) -> HttpResponse:
    """The trend as an SVG file, to stand under the calendar."""
    enrolment = enrolment_for(request.scope, pk, request.GET.get("school", ""), today())
    line = pupil_lines(Enrolment.objects.filter(pk=enrolment.pk), today())[enrolment.pupil_id, enrolment.school_id]
    if line.figures is None:
        raise Http404("No figures yet.")
    ruleset = _ruleset(enrolment.school)
    picture = trend_svg(
        calendar=year_of(enrolment, today()).calendar(as_of=line.figures.as_of),
        attended=line.figures.attended,
        possible=line.figures.possible,
        settling_in=ruleset.settling_in if ruleset else 0,
        thresholds=thresholds(ruleset) if ruleset else [],
        title="Attendance for the year at the end of each week",
    )
    response = HttpResponse(picture, content_type="image/svg+xml")
    add_never_cache_headers(response)
    return response


def _contact_form(contacts: tuple, line: PupilLine, data: object = None) -> ContactForm:
    choices = [(str(person.parent.pk), person.parent.name) for person in contacts if not person.barred]
    return ContactForm(data, contacts=choices, pupil=f"{line.pupil.called} (in school)", auto_id="contact_%s")


def _to_pupil(enrolment: Enrolment) -> HttpResponse:
    return redirect(f"{reverse('desk:pupil', args=[enrolment.pupil_id])}?school={enrolment.school.urn}")


def _authorised(request: StaffRequest, pk: int) -> tuple[Enrolment, str]:
    """The enrolment and the role in which a contact is recorded. 404 outside scope, 403 without the right."""
    enrolment = enrolment_for(request.scope, pk, request.POST.get("school", ""), today())
    request.scope.authorise("record_contact", enrolment.school)
    return enrolment, request.scope.acting_as(enrolment.school, Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR)


@login_required
@require_POST
def contact(request: StaffRequest, pk: int) -> HttpResponse:
    """Records a call, conversation or meeting."""
    enrolment, role = _authorised(request, pk)
    contacts = tuple(people(enrolment.pupil, today()))
    line = pupil_lines(Enrolment.objects.filter(pk=enrolment.pk), today())[enrolment.pupil_id, enrolment.school_id]
    form = _contact_form(contacts, line, request.POST)
    if not form.is_valid():
        return _again(request, enrolment, form, "Record a call", "desk:contact")
    by_id = {str(person.parent.pk): person.parent for person in contacts}
    given = form.cleaned_data
    parent = by_id.get(given["parent"])
    try:
        record_contact(
            pupil=enrolment.pupil, school=enrolment.school, kind=given["kind"], by=request.user, role=role, on=today(), now=now(),
            outcome=given["outcome"], note=given["note"], parent=parent, with_whom="" if parent else enrolment.pupil.called,
        )  # fmt: skip
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Recorded. It stands at the head of the timeline.")
    return _to_pupil(enrolment)


@login_required
@require_POST
def note(request: StaffRequest, pk: int) -> HttpResponse:
    """Adds a note to the timeline."""
    enrolment, role = _authorised(request, pk)
    form = NoteForm(request.POST, auto_id="note_%s")
    if not form.is_valid():
        return _again(request, enrolment, form, "Add a note", "desk:note")
    record_contact(
        pupil=enrolment.pupil, school=enrolment.school, kind="note", by=request.user, role=role, on=today(), now=now(),
        note=form.cleaned_data["note"],
    )  # fmt: skip
    messages.success(request, "Note added.")
    return _to_pupil(enrolment)


@login_required
@require_POST
def task(request: StaffRequest, pk: int) -> HttpResponse:
    """Records how a task went; a try without an answer leaves it open."""
    found = Task.objects.select_related("case__school", "case__pupil", "stage_record").filter(pk=pk).first()
    if found is None:
        raise Http404("No such task.")
    enrolment = enrolment_for(request.scope, found.case.pupil_id, found.case.school.urn, today())
    request.scope.authorise("record_contact", enrolment.school)
    form = TaskForm(request.POST, kind=found.kind, auto_id=f"task{pk}_%s")
    if not form.is_valid():
        return _again(request, enrolment, form, found.title, "desk:task", pk)
    try:
        done = complete_task(
            task=found, by=request.user, role=request.scope.acting_as(enrolment.school, found.role), on=today(), now=now(),
            outcome=form.cleaned_data["outcome"], note=form.cleaned_data["note"],
        )  # fmt: skip
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        done_words = (
            "Recorded: the task is done." if done.state == Task.State.DONE else "The try is recorded; the task stays open."
        )
        messages.success(request, done_words)
    return _to_pupil(enrolment)


def _again(
    request: StaffRequest, enrolment: Enrolment, form: ContactForm | NoteForm | TaskForm, title: str, view: str, pk: int = 0
) -> HttpResponse:
    """The form by itself with what is wrong in it, so that nothing written is lost."""
    context = {
        "form": form,
        "title": title,
        "pupil": enrolment.pupil,
        "school": enrolment.school,
        "action": reverse(view, args=[pk or enrolment.pupil_id]),
    }
    return render(request, "desk/pupil_form.html", context, status=400)
