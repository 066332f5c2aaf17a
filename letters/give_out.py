"""A pupil's attendance record as a PDF, given out without a letter: the parents' copy with categories, or the evidence copy with codes."""

from __future__ import annotations

import datetime as dt
from itertools import chain

from attendance.grid import academic_year_of
from attendance.models import RegisterRow
from letters.certificate import TITLE, Copy, Mark, figures_of, joined_about, render_certificate_html
from letters.facts import Child, SchoolFacts
from letters.pdf import render_certificate_pdf
from letters.queries import marks_until
from letters.record import year_name
from schools.models import Enrolment, Role, School
from schools.queries import placement_on, year_label
from schools.rules import Refused
from schools.staff import StaffDirectory


def certificate_pdf(enrolment: Enrolment, *, copy: Copy, on: dt.date) -> bytes:
    """The record of the academic year of ``on``, up to and with that day, as PDF/UA-1. Refused where the year has no marks yet."""
    html = certificate_html(enrolment, copy=copy, on=on)
    title = f"{TITLE}: evidence copy" if copy == "evidence" else TITLE
    return render_certificate_pdf(html, title=title, running=joined_about(_child(enrolment, on)), author=enrolment.school.name)


def certificate_html(enrolment: Enrolment, *, copy: Copy, on: dt.date) -> str:
    """The record of the academic year of ``on`` as an enclosure's HTML. Refused where the year has no marks yet."""
    year = academic_year_of(on)
    marks = _marks(enrolment, year, on)
    if not marks:
        raise Refused(f"There are no marks of {year_label(year)} yet: there is nothing to put on a record.")
    first = min(mark.on for mark in marks)
    child, school = _child(enrolment, on), _school(enrolment.school, on)
    return render_certificate_html(child, school, marks, figures_of(marks, start=first, end=on), as_of=on, copy=copy)


def _marks(enrolment: Enrolment, year: int, on: dt.date) -> list[Mark]:
    """Every mark of the pupil at the school in that year; a pupil who came back has more than one row."""
    rows = RegisterRow.objects.filter(enrolment__pupil=enrolment.pupil_id, school=enrolment.school_id, year=year)
    return list(chain.from_iterable(marks_until(row, on) for row in rows))


def _child(enrolment: Enrolment, on: dt.date) -> Child:
    pupil, placement = enrolment.pupil, placement_on(enrolment.pupil_id, enrolment.school_id, on)
    form, year_group = (placement.form, placement.year_group) if placement else ("", None)
    return Child(pupil.called, pupil.name, form, year_name(year_group))


def _school(school: School, on: dt.date) -> SchoolFacts:
    head = StaffDirectory.of(school, on).who(Role.HEAD)
    return SchoolFacts(
        name=school.name,
        address=tuple(school.address.splitlines()),
        phone=school.telephone,
        email=school.email,
        office_hours=school.office_hours,
        headteacher=head.user.name if head else "",
        local_authority=school.local_authority,
    )
