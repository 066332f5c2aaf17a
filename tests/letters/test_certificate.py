"""The attendance certificate: totals that agree with the letter, absences in words, and codes only where they are evidence."""

from __future__ import annotations

import datetime as dt
import io
import re

import page
import pytest
from pypdf import PdfReader

from letters.catalogue import load_catalogue
from letters.certificate import Mark, figures_of, render_certificate_html
from letters.examples import EXAMPLE_FILLS, EXAMPLE_SCHOOL, example_facts
from letters.facts import Child
from letters.markup import to_text
from letters.merge import merge
from letters.pdf import render_certificate_pdf, render_letter_pdf

TEGAN = Child("Tegan", "Tegan Marlow", "9B", "Year 9")
MONDAY = dt.date(2025, 11, 3)
ON = dt.date(2025, 11, 21)
SENSITIVE = ("M", "C2", "T", "R", "I", "E", "Y5")


def marks(*days: str, start: dt.date = MONDAY) -> list[Mark]:
    """One string a school day, morning and afternoon: ``"/ \\\\"``, ``"I I"``; weekends are stepped over."""
    found, date = [], start
    for day in days:
        found += [Mark(date, half, code) for half, code in zip(("AM", "PM"), day.split(), strict=True)]
        date += dt.timedelta(3 if date.weekday() == 4 else 1)
    return found


def certificate(of: list[Mark], copy="parent", child=TEGAN):
    figures = figures_of(of, start=of[0].on, end=of[-1].on)
    return render_certificate_html(child, EXAMPLE_SCHOOL, of, figures, as_of=ON, copy=copy)


def rows(html):
    body = re.search(r'<table class="certificate__absences.*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    return [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", body[1])] if body else []


def test_totals_count_each_session_once():
    figures = figures_of(marks("/ \\", "L \\", "I I", "O N", "V Y3", "U \\"), start=MONDAY, end=ON)
    assert (figures.possible, figures.attended, figures.authorised, figures.unauthorised) == (11, 6, 2, 3)
    assert (figures.late, figures.no_reason) == (1, 1)


def test_the_totals_table_adds_up_in_words():
    text = to_text(certificate(marks("/ \\", "L \\", "I I", "O N", "V Y3", "U \\")))
    for line in (
        "Possible 11 100%",
        "In school 6 54.5%",
        "Of these: late, before the register closed 1",
        "Absence that we agreed (authorised) 2",
        "Absence that was not agreed (unauthorised) 3",
        "Of these: no reason known yet 1",
    ):
        assert line in text
    assert "1 session more could not be attended" in text


def test_parents_read_days_in_a_row_as_one_line():
    html = certificate(marks("/ \\", "O O", "O O", "O O", "O O", "/ \\"))
    assert rows(html) == [
        ["Tue 4 November to Fri 7 November 2025", "all day (4 days)", "Absence that was not agreed (unauthorised)"]
    ]


def test_a_weekend_does_not_part_a_row_but_a_day_in_school_does():
    html = certificate(marks("/ \\", "/ \\", "/ \\", "O O", "O O", "O O", "/ \\", "O O"))
    assert [row[0] for row in rows(html)] == ["Thu 6 November to Mon 10 November 2025", "Wed 12 November 2025"]


def test_half_days_and_mixed_days_keep_their_own_lines():
    html = certificate(marks("/ O", "I G"))
    assert rows(html) == [
        ["Mon 3 November 2025", "afternoon", "Absence that was not agreed (unauthorised)"],
        ["Tue 4 November 2025", "morning", "Absence that we agreed (authorised)"],
        ["Tue 4 November 2025", "afternoon", "Holiday that was not agreed (unauthorised)"],
    ]


@pytest.mark.parametrize("code", SENSITIVE)
def test_the_parents_copy_gives_a_category_for_a_sensitive_code(code):
    text = to_text(certificate(marks("/ \\", f"{code} {code}")))
    assert not re.search(r"illness|medical|dental|religio|travel|suspen|exclu|part-time|detention|justice", text, re.IGNORECASE)
    assert not re.search(rf"\b{code}\b", text.replace("Dr R. Ferro", ""))


def test_two_sensitive_reasons_cannot_be_told_apart_by_parents():
    assert certificate(marks("/ \\", "I I")) == certificate(marks("/ \\", "E E"))


def test_the_evidence_copy_shows_each_day_with_its_code():
    html = certificate(marks("/ \\", "I I", "I I", "Y5 Y5"), copy="evidence")
    assert rows(html) == [
        ["Tue 4 November 2025", "all day", "I", "Illness"],
        ["Wed 5 November 2025", "all day", "I", "Illness"],
        ["Thu 6 November 2025", "all day", "Y5", "Unable to attend: criminal justice detention"],
    ]
    assert "for the local authority or a court only" in html


def test_late_marks_are_named_by_date():
    assert "Late, but before the register closed, on: 3 November and 5 November." in certificate(marks("L \\", "/ \\", "L L"))


def test_a_full_year_in_school_says_so():
    assert "No absence is on the register." in certificate(marks("/ \\"))


def test_a_certificate_that_would_contradict_the_letter_is_refused():
    of = marks("/ \\", "O O")
    figures = figures_of(of, start=MONDAY, end=ON)
    with pytest.raises(ValueError, match="its marks give 2 of 2 sessions, the figures 2 of 4"):
        render_certificate_html(TEGAN, EXAMPLE_SCHOOL, of[:2], figures, as_of=ON)


def test_an_unknown_code_is_named_with_its_date():
    with pytest.raises(ValueError, match="'QQ' of 3 November 2025, AM, is no national code"):
        figures_of(marks("QQ \\"), start=MONDAY, end=ON)


def test_markup_in_a_name_is_text():
    html = certificate(marks("O O"), child=Child("x", "<b>Kai</b>"))
    assert "&lt;b&gt;Kai&lt;/b&gt;" in html


@pytest.mark.parametrize("copy", ["parent", "evidence"])
def test_a_letter_with_its_certificate_is_one_valid_file_with_headers_that_have_a_scope(copy):
    of = marks(*["/ \\", "O O", "I \\", "/ N", "L \\"] * 12)
    figures = figures_of(of, start=of[0].on, end=of[-1].on)
    facts = example_facts(year=figures)
    enclosure = render_certificate_html(facts.child, facts.school, of, figures, as_of=ON, copy=copy)
    pdf = render_letter_pdf(merge(load_catalogue()["coventry", "letter-a"], facts, EXAMPLE_FILLS), facts, enclosures=[enclosure])
    assert page.validate_pdf_bytes(pdf, profile="ua1").failures == []
    assert page.validate_pdf_bytes(pdf, profile="2a").failures == []
    objects = [item for item in _structure(pdf) if item.get("/S") == "/TH"]
    assert {str(item["/A"]["/Scope"]) for item in objects} == {"/Column", "/Row"}


def _structure(pdf):
    reader = PdfReader(io.BytesIO(pdf))
    todo = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while todo:
        item = todo.pop().get_object()
        if isinstance(item, dict):
            yield item
            kids = item.get("/K", [])
            todo += kids if isinstance(kids, list) else [kids]


def test_the_certificate_alone_is_a_valid_file():
    pdf = render_certificate_pdf(
        certificate(marks("/ \\", "O O"), copy="evidence"),
        title="Attendance record: evidence copy",
        running="Tegan Marlow",
        author="Thornmere Academy",
    )
    assert page.is_pdf_compliant_bytes(pdf, profile="ua1")
    assert page.is_pdf_compliant_bytes(pdf, profile="2a")
