"""Trying a ladder: what to compare on the school's own past register, how far the trial is, and what it found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from desk.queries.trials import (
    csv_lines,
    drafts_to_try,
    side_by_side,
    trial_in_scope,
    trial_page,
    trials_of,
    years_with_marks,
)
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from desk.trial_chart import weeks_svg
from desk.trial_form import TrialForm
from escalation.engine.backtest import Act
from escalation.models import Trial
from escalation.tasks import has_workers, start_trial
from escalation.trials import Ladder, ask_for_trial, draft_beside, kept_until, lines_of, outcomes_of, run_trial, shipped_beside
from schools.clock import now, today
from schools.models import Role, School
from schools.queries import school_days
from schools.rules import Refused

TRYING_ROLES = (Role.ATTENDANCE_LEAD, Role.HEAD, Role.OFFICER, Role.TRUST_LEAD)
SLICE = 0.5
"""Seconds after which a look at a trial takes up no further ladder, where there are no workers."""


@login_required
@require_GET
def trials(request: StaffRequest) -> HttpResponse:
    """What to try, and the trials so far, of one school: the address names it, otherwise the first."""
    schools = schools_for(request.scope, "try_ladder")
    school = chosen(schools, request.GET.get("school", ""))[0]
    draft = request.GET.get("draft", "")
    return _asking(request, school, _form(school, initial={"what": f"draft-{draft}"} if draft.isdigit() else None))


@login_required
@require_POST
def ask(request: StaffRequest, urn: str) -> HttpResponse:
    """Makes a trial and shows how far it is; asked twice it is the same one."""
    school = school_or_404(request.scope, urn, "try_ladder")
    form = _form(school, request.POST)
    if form.is_valid():
        try:
            return redirect("desk:trial", _asked(request, school, form).pk)
        except Refused as refused:
            form.add_error(None, str(refused))
    return _asking(request, school, form, status=422)


def _form(school: School, data: object = None, initial: dict[str, str] | None = None) -> TrialForm:
    return TrialForm(data, drafts=drafts_to_try(school), years=years_with_marks(school), initial=initial)


def _asked(request: StaffRequest, school: School, form: TrialForm) -> Trial:
    starts, ends = form.days(school_days(school, [form.cleaned_data["year"]]), today())
    trial = ask_for_trial(
        school=school,
        ladders=_ladders(school, form),
        starts=starts,
        ends=ends,
        act=cast(Act, form.cleaned_data["act"]),
        by=request.user,
        role=request.scope.acting_as(school, *TRYING_ROLES),
        now=now(),
        draft=form.draft,
    )
    start_trial(trial.pk)
    return trial


def _ladders(school: School, form: TrialForm) -> list[Ladder]:
    return draft_beside(form.draft, today()) if form.draft else shipped_beside(school, today())


def _asking(request: StaffRequest, school: School, form: TrialForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "school": school,
        "schools": schools_for(request.scope, "try_ladder"),
        "trials": trials_of(school),
        "has_register": bool(form.fields["year"].choices),  # type: ignore[attr-defined]
    }
    return render(request, "desk/trials.html", context, status=status)


@login_required
@require_GET
def trial(request: StaffRequest, pk: int) -> HttpResponse:
    """How far a trial is, or what it found. ``?again`` is a look without JavaScript, which moves it on where nobody else does."""
    found = trial_in_scope(request.scope, pk)
    if "again" in request.GET and _moved_on(found):
        found.refresh_from_db()
    if found.state != Trial.State.DONE:
        return render(request, "desk/trial_waiting.html", {"trial": found, "kept_until": kept_until(found)})
    beside = request.GET.get("beside", "")
    number = int(beside) if beside.isdecimal() and len(beside) < 3 else 0
    page = trial_page(request.scope, found, number, request.GET.get("stage", ""), today())
    context = {"trial": found, "page": page, "act": found.ladders[0]["act"], "kept_until": kept_until(found)}
    return render(request, "desk/trial.html", context)


@login_required
@require_GET
def progress(request: StaffRequest, pk: int) -> HttpResponse:
    """The part of the page that says how far the trial is; once it is over, the browser is told to read the page anew."""
    found = trial_in_scope(request.scope, pk, with_result=False)
    if _moved_on(found):
        found.refresh_from_db(fields=["state", "done_days", "error"])
    response = render(request, "desk/trial_progress.html", {"trial": found})
    if found.state in (Trial.State.DONE, Trial.State.FAILED):
        response["HX-Refresh"] = "true"
    return response


def _moved_on(found: Trial) -> bool:
    """Without workers whoever looks at a trial moves it on by a ladder; it is the same work, whoever does it."""
    return not has_workers() and run_trial(trial_id=found.pk, clock=now, seconds=SLICE)


@login_required
@require_GET
def chart(request: StaffRequest, pk: int) -> HttpResponse:
    """The weeks as an SVG file."""
    outcomes = outcomes_of(_done(request, pk))
    picture = weeks_svg([outcome.label for outcome in outcomes], side_by_side(outcomes))
    return HttpResponse(picture, content_type="image/svg+xml")


@login_required
@require_GET
def table(request: StaffRequest, pk: int) -> StreamingHttpResponse:
    """Every proposal of every ladder as CSV."""
    return _file(csv_lines(_done(request, pk)), "text/csv; charset=utf-8", f"trial-{pk}.csv")


@login_required
@require_GET
def lines(request: StaffRequest, pk: int, number: int) -> StreamingHttpResponse:
    """One ladder's lines, exactly as the ``backtest`` command prints them."""
    found = _done(request, pk)
    if number >= len(found.ladders):
        raise Http404("The trial has no such ladder.")
    name = f"trial-{pk}-{slugify(found.ladders[number]['file'])}.jsonl"
    return _file([lines_of(found, number)], "application/jsonl; charset=utf-8", name)


def _done(request: StaffRequest, pk: int) -> Trial:
    """Http404 for a trial that has not found anything yet."""
    found = trial_in_scope(request.scope, pk)
    if found.state != Trial.State.DONE:
        raise Http404("The trial is not done yet.")
    return found


def _file(parts: Iterable[str], content_type: str, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(parts, content_type=content_type, headers=headers)
