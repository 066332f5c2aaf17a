"""Registers: the day's list, and the sheet on which one is taken, by keyboard, on a tablet, or without a script."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from attendance.grid import SESSIONS
from attendance.opening import clock
from attendance.taking import Taken, take_register
from desk.queries.register_taking import HALVES, RegistersPage, Sheet, register_sheet, registers_page, with_marks
from desk.register_form import GivenMarks, read_marks
from desk.requests import StaffRequest, chosen, school_or_404, schools_for
from letters.phrases import count
from schools.clock import now, today
from schools.models import Role, School
from schools.rules import Refused

SALT = "register-opened"


@login_required
@require_GET
def registers(request: StaffRequest) -> HttpResponse:
    """The forms of a day with both sessions; ``?date=`` for an earlier day, ``?school=URN``."""
    allowed = schools_for(request.scope, "take_register")
    schools = chosen(allowed, request.GET.get("school", ""))
    date = _date_or_404(request.GET.get("date") or today().isoformat())
    page = registers_page(request.scope, schools, min(date, today()), now())
    own = [line for line in page.lines if line.is_own]
    context = {
        "page": page,
        "groups": _groups(page),
        "schools": allowed,
        "chosen": schools[0].urn if len(schools) == 1 else "",
        "own": own[0] if len(own) == 1 else None,
        "may_correct": any(not request.scope.refusal("change_marks", school) for school in schools),
    }
    return render(request, "desk/registers.html", context)


def _groups(page: RegistersPage) -> list[tuple[str, list]]:
    """Own forms, then each school's."""
    groups: dict[str, list] = {}
    for line in page.lines:
        groups.setdefault("Your form" if line.is_own else line.school.name, []).append(line)
    return list(groups.items())


def _date_or_404(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as fault:
        raise Http404("No such day.") from fault


@login_required
@require_http_methods(["GET", "POST"])
def register(request: StaffRequest, urn: str, date: str, session: str, form: str) -> HttpResponse:
    """One form's register of one session. 404 where the person may see none of its pupils."""
    school = school_or_404(request.scope, urn, "take_register")
    day = _date_or_404(date)
    if session not in SESSIONS:
        raise Http404("No such session.")
    sheet = _sheet(request, school, day, session, form)
    if not sheet.rows and not _is_own(request, school, form):
        raise Http404("No such form.")
    return _save(request, sheet) if request.method == "POST" else _shown(request, sheet)


def _role(request: StaffRequest, school: School) -> str:
    return request.scope.acting_as(school, Role.OFFICER, Role.ATTENDANCE_LEAD, Role.TUTOR, Role.HEAD_OF_YEAR)


def _sheet(request: StaffRequest, school: School, day: dt.date, session: str, form: str) -> Sheet:
    if day.weekday() > 4:
        raise Http404("No register on a weekend.")
    return register_sheet(request.scope, school, form, day, session, role=_role(request, school), now=now())


def _is_own(request: StaffRequest, school: School, form: str) -> bool:
    return any(role.school_id == school.pk and form in role.forms for role in request.scope.roles)


def _shown(
    request: StaffRequest, sheet: Sheet, *, faults: list[tuple[str, str]] | None = None, status: int = 200
) -> HttpResponse:
    opened = request.POST.get("opened") or signing.dumps(now().isoformat(), salt=SALT)
    context = {
        "sheet": sheet,
        "faults": faults or [],
        "opened": opened,
        "reason": request.POST.get("reason", ""),
        "other_session": "PM" if sheet.session == "AM" else "AM",
        "other_half": HALVES["PM" if sheet.session == "AM" else "AM"],
        "closes": clock(sheet.opening.closes) if sheet.opening else "",
        "opens": clock(sheet.opening.opens) if sheet.opening else "",
    }
    return render(request, "desk/register.html", context, status=status)


def _save(request: StaffRequest, sheet: Sheet) -> HttpResponse:
    given = read_marks(request.POST, sheet.rows)
    if "others" in request.POST:
        return _others_present(request, sheet, given)
    typed = with_marks(sheet, given.typed)
    if given.faults:
        return _shown(request, typed, faults=given.faults, status=422)
    try:
        taken = take_register(
            school=sheet.school, form=sheet.form, date=sheet.date, session=sheet.session, marks=given.marks, by=request.user,
            role=_role(request, sheet.school), now=now(), opened_at=_opened(request), reason=request.POST.get("reason", ""),
        )  # fmt: skip
    except Refused as refused:
        return _shown(request, typed, faults=[(str(refused), "sheet")], status=422)
    if taken.overtaken:
        return _overtaken(request, sheet, taken)
    messages.success(request, _saved(sheet, taken))
    return redirect(request.path)


def _others_present(request: StaffRequest, sheet: Sheet, given: GivenMarks) -> HttpResponse:
    """Fills in present for all who have no mark yet and shows the sheet again: nothing is saved until the person has looked."""
    filled = {key: (code or sheet.present, minutes, comment) for key, (code, minutes, comment) in given.typed.items()}
    messages.info(request, "Everybody without a mark is filled in as present. Look through the list, then save.")
    return _shown(request, with_marks(sheet, filled), faults=given.faults)


def _opened(request: StaffRequest) -> dt.datetime | None:
    """When the sheet was opened, as the page said when it was first shown; None where that is not in our own hand."""
    try:
        return dt.datetime.fromisoformat(signing.loads(request.POST.get("opened", ""), salt=SALT))
    except (signing.BadSignature, ValueError, TypeError):
        return None


def _overtaken(request: StaffRequest, before: Sheet, taken: Taken) -> HttpResponse:
    """The sheet as it stands now, with what a colleague did in the meantime beside each mark that was not entered."""
    sheet = _sheet(request, before.school, before.date, before.session, before.form)
    notes = {row.enrolment: row.note for row in sheet.rows}
    told = {
        over.enrolment_id: f"You gave {over.wanted}. In the meantime it became {over.now_is or 'empty'}"
        + (f" ({notes[over.enrolment_id]})" if notes.get(over.enrolment_id) else "")
        + ": give yours again if it is right."
        for over in taken.overtaken
    }
    names = {row.enrolment: row.pupil.name for row in sheet.rows}
    faults = [(f"{names[key]}: {sentence}", f"row-{key}") for key, sentence in told.items()]
    messages.warning(request, f"{_saved(sheet, taken)} {count(len(told), 'mark')} not entered: a colleague was faster.")
    return _shown(request, with_marks(sheet, {}, told), faults=faults, status=409)


def _saved(sheet: Sheet, taken: Taken) -> str:
    done = [f"{count(taken.entered, 'mark')} entered"] if taken.entered or not taken.changed else []
    done += [f"{count(taken.changed, 'mark')} changed"] if taken.changed else []
    left = f"{count(taken.without_mark, 'pupil')} still without a mark." if taken.without_mark else "The register is complete."
    at = clock(timezone.localtime(now()))
    return f"{sheet.form}, {sheet.half}: saved at {at}, {' and '.join(done)}. {left}"
