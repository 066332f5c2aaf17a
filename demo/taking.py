"""Registers taken in the browser, as the tutors of a school do that keeps its register here: the office enters what was arranged, the
tutor who is there, and the office the reasons."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING

from attendance.codes import BY_CHARACTER
from attendance.offered import AT_THE_REGISTER
from attendance.taking import TakenMark, take_register
from demo.build import at
from demo.chance import number
from schools.models import Placement, RegisterTime, Role

if TYPE_CHECKING:
    from demo.staff import ScriptedStaff

FORGOTTEN_LAST_AFTERNOON = ("8C",)
"""Forms whose last afternoon's register nobody has taken."""


def take_registers(staff: ScriptedStaff, on: dt.date, session: str, leave_out: tuple[str, ...] = ()) -> None:
    """Every form's register of a session that is taken here."""
    marks = staff.foreseen.to_take.get((on, session))
    if not marks:
        return
    opens = RegisterTime.objects.filter(school=staff.school, session=session).order_by("opens")[0].opens
    for (form, year_group), enrolments in sorted(_forms(staff, on).items()):
        codes = {enrolment: _offered(marks[enrolment]) for enrolment in enrolments if enrolment in marks}
        if codes and form not in leave_out:
            _take(staff, (form, year_group), on, session, codes, at(on, opens.hour, opens.minute))


def _take(
    staff: ScriptedStaff, of: tuple[str, int], on: dt.date, session: str, codes: dict[int, str], opens: dt.datetime
) -> None:
    form, year_group = of
    arranged = {enrolment: TakenMark(code) for enrolment, code in codes.items() if code not in AT_THE_REGISTER}
    present = {enrolment: TakenMark(code) for enrolment, code in codes.items() if code in AT_THE_REGISTER}
    if arranged:
        take_register(
            school=staff.school, form=form, date=on, session=session, marks=arranged, by=staff.officer.user, role=Role.OFFICER,
            now=opens - dt.timedelta(minutes=5),
        )  # fmt: skip
    if present:
        tutor = staff.held(Role.TUTOR, year_group, form)
        began = opens + dt.timedelta(minutes=number(6, "begins", form, on, session))
        take_register(
            school=staff.school, form=form, date=on, session=session, marks=present, by=tutor.user, role=Role.TUTOR,
            now=began + dt.timedelta(minutes=4 + number(8, "takes", form, on)), opened_at=began,
        )  # fmt: skip


def _offered(character: str) -> str:
    """The code that may be entered by hand: who came after the register closed is there by the end of it (L), a trip stays a trip."""
    code = BY_CHARACTER[character].code
    return "L" if code == "U" else code


def _forms(staff: ScriptedStaff, on: dt.date) -> dict[tuple[str, int], list[int]]:
    """Enrolments by form and year group on the day."""
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    placed = (
        Placement.objects.filter(enrolment__school=staff.school, starts__lte=on)
        .exclude(ends__lt=on)
        .exclude(enrolment__ends__lt=on)
    )
    for form, year_group, enrolment in placed.filter(enrolment__starts__lte=on).values_list("form", "year_group", "enrolment"):
        found[form, year_group].append(enrolment)
    return found
