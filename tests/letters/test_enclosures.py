"""Plans, reply slips and invitations that go with a letter."""

from __future__ import annotations

import datetime as dt
import re

import page
import pytest

from letters.catalogue import load_catalogue
from letters.enclosures import EIGHT_DIFFICULTIES, Action, NoMeeting, PlanSheet, render_meeting_slip_html, render_plan_html
from letters.examples import EXAMPLE_FILLS, example_facts
from letters.facts import Child, Meeting
from letters.invitation import local, meeting_ics
from letters.markup import to_text
from letters.merge import merge
from letters.pdf import render_letter_pdf
from letters.sheet import letter_html_fragment

FACTS = example_facts()
PLAN = PlanSheet(
    "Attendance contract",
    FACTS.child,
    "Thornmere Academy",
    start=dt.date(2025, 12, 9),
    end=dt.date(2026, 1, 30),
    target=95,
    review_on=dt.date(2026, 1, 30),
    figures=FACTS.year,
    barriers=("The bus on Mondays",),
    actions=(Action("Meet Tegan at the door", "Ms Nair", "each Monday"),),
    promises={"school": ("Ring each Friday",), "parent": ("Ring on the first morning",), "pupil": ("Come in, or say why not",)},
    difficulties={kind: kind == "Transport" for kind in EIGHT_DIFFICULTIES},
    draft=False,
)


def test_a_plan_says_who_does_what_until_when():
    text = to_text(render_plan_html(PLAN))
    for words in (
        "Attendance 88.7% (94 of 106 sessions); authorised absence 6.6%, unauthorised 4.7%",
        "From 9 December 2025 to 30 January 2026",
        "Target: 95%",
        "1 Meet Tegan at the door Ms Nair each Monday",
        "Tegan promises",
        "Transport Yes",
        "Bullying No",
        "We look at this again on Friday 30 January.",
    ):
        assert words in text


def test_a_draft_has_lines_to_write_on():
    html = render_plan_html(
        PlanSheet("Action plan", FACTS.child, "Thornmere Academy", difficulties=dict.fromkeys(EIGHT_DIFFICULTIES))
    )
    assert "Action plan: draft" in html
    assert html.count("<td></td><td></td><td></td>") == 4


def test_markup_in_a_plan_is_text():
    plan = PlanSheet("<i>x</i>", Child("<b>", "<b>"), "<script>", barriers=("<img>",), actions=(Action("<a>", "<p>"),))
    assert not re.search(r"<(i|b|script|img|a)>", render_plan_html(plan))


def test_a_reply_slip_needs_its_meeting():
    assert "Meeting on Tuesday 9 December at 4.10pm, room 2" in to_text(render_meeting_slip_html(FACTS))
    with pytest.raises(NoMeeting, match="set them first"):
        render_meeting_slip_html(example_facts(meeting=Meeting()))


def test_a_letter_with_all_its_enclosures_is_one_valid_file():
    catalogue = load_catalogue()
    leaflet = letter_html_fragment(merge(catalogue["wigston", "attendance-guidance"], FACTS), FACTS, heading_level=1)
    enclosures = [render_plan_html(PLAN), render_meeting_slip_html(FACTS), leaflet]
    pdf = render_letter_pdf(merge(catalogue["wigston", "contract"], FACTS, EXAMPLE_FILLS), FACTS, enclosures=enclosures)
    assert page.validate_pdf_bytes(pdf, profile="ua1").failures == []
    assert page.validate_pdf_bytes(pdf, profile="2a").failures == []


def ics(**changes):
    values = {
        "uid": "meeting-7@thornmere.example",
        "title": "Meeting at school, room 2; with Ms Nair",
        "place": "Thornmere Academy",
        "starts": local(dt.date(2026, 6, 9), dt.time(16, 10)),
        "minutes": 20,
        "now": local(dt.date(2026, 5, 1), dt.time(9)),
    }
    return meeting_ics(**(values | changes))


def test_an_invitation_is_in_universal_time_and_escapes_its_words():
    text = ics()
    assert "DTSTART:20260609T151000Z\r\n" in text and "DTEND:20260609T153000Z\r\n" in text
    assert "SUMMARY:Meeting at school\\, room 2\\; with Ms Nair\r\n" in text


def test_a_meeting_that_is_called_off_says_so():
    text = ics(cancelled=True, sequence=2)
    assert "METHOD:CANCEL" in text and "STATUS:CANCELLED" in text and "SEQUENCE:2" in text


def test_long_lines_are_folded_between_characters():
    text = ics(title="Ọ" * 60 + "\r\nATTENDEE:x")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "Ọ" * 60 in text.replace("\r\n ", "")
    assert "\r\nATTENDEE" not in text


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="needs its zone"):
        ics(starts=dt.datetime(2026, 6, 9, 16, 10))
