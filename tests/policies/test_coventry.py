"""Coventry (Blue Coat), stepwise on the year's figure, judged daily: letters A, B and C and the referral; a plan that is met."""

from __future__ import annotations

import pytest

from casework.models import Meeting
from escalation.models import Event
from tests.policies.telling import Story, away, day

pytestmark = [pytest.mark.django_db]


def to_the_plan(story: Story, name: str, *, letters: int) -> None:
    """Two days away in the second week and two later on: the pre-stage on the 20th session, letters A and B, and the plan of letter C."""
    pre = story.comes("2025-09-16", name, "0", acts="tutor", letters=["pre-pa"], says="stage 0 begins below 96 %.")
    story.goes_out(pre, "2025-09-17", by="tutor", letters=letters)
    story.does(pre, "conversation", "2025-09-18")

    letter_a = story.comes(
        "2025-09-24", name, "1", acts="officer", approves="head", letters=["letter-a"], says="stage 1 begins below 95 %."
    )
    story.goes_out(letter_a, "2025-09-25", by="head", letters=letters)
    story.does(letter_a, "conversation", "2025-09-26")

    # Ten sessions after letter A, one day away among them: no better than before.
    letter_b = story.comes(
        "2025-10-02", name, "2", acts="head_of_year", approves="head", letters=["letter-b"], says="stage 2 begins below 90 %."
    )
    meeting = story.asks_to(letter_b, "2025-10-03", "2025-10-14", by="head_of_year")
    story.goes_out(letter_b, "2025-10-03", by="head", letters=letters)

    letter_c = story.comes("2025-10-10", name, "3", acts="head_of_year", approves="head", letters=["letter-c"])
    planning = story.asks_to(letter_c, "2025-10-13", "2025-10-22", kind=Meeting.Kind.PLAN, by="head_of_year")
    story.goes_out(letter_c, "2025-10-13", by="head", letters=letters)
    story.meets(meeting, "2025-10-14")
    story.meets(planning, "2025-10-22", came=False)
    story.does(letter_c, "plan", "2025-10-22")
    assert story.periods(name) == [("3", "2025-10-13", "2025-11-24", "")]


def test_up_the_whole_ladder() -> None:
    story = Story(
        "coventry",
        imogen=away("2025-09-08 to 2025-09-09", "2025-09-29", "2025-10-06 to 2025-10-07", "2025-10-20 to 2025-10-22")
        | away("2025-11-10 to 2025-11-12", "2025-12-01 to 2025-12-12"),
    )
    to_the_plan(story, "imogen", letters=2)

    # Six weeks on, the plan is tested on its own sessions; held in the parents' absence, it binds the school all the same.
    referral = story.comes("2025-11-24", "imogen", "4", acts="attendance_lead", approves="head", letters=["referral"])
    assert story.periods("imogen") == [("3", "2025-10-13", "2025-11-24", "missed")]
    assert story.case("imogen").with_authority_since is None
    story.goes_out(referral, "2025-11-25", by="head")
    assert story.case("imogen").with_authority_since == day("2025-11-25")

    story.is_over()
    assert story.letters("imogen") == [
        ("pre-pa", "2025-09-17"),
        ("letter-a", "2025-09-25"),
        ("letter-b", "2025-10-03"),
        ("letter-c", "2025-10-13"),
        ("referral", "2025-11-25"),
    ]


def test_and_back() -> None:
    story = Story("coventry", theo=away("2025-09-08 to 2025-09-09", "2025-09-29", "2025-10-06 to 2025-10-07"))
    to_the_plan(story, "theo", letters=1)

    # There every day from then on: the plan is met, the head of year hears so, and the next six weeks begin at once.
    story.quiet("2025-11-21")
    assert not Event.objects.filter(case=story.case("theo"), kind="recovery").exists()
    story.quiet("2025-11-24")
    (met,) = Event.objects.filter(case=story.case("theo"), kind="recovery")
    assert (met.on, met.text.split(".")[0]) == (day("2025-11-24"), "Improvement plan met")
    assert story.periods("theo") == [("3", "2025-10-13", "2025-11-24", "met"), ("3", "2025-11-24", "2026-01-05", "")]

    # A staff day, half term and Easter: each period ends on the next day with a register.
    story.quiet("2025-12-19", "2026-01-06", "2026-02-23", "2026-04-13", "2026-05-11", "2026-06-22")
    story.is_over()
    begun = ["2025-10-13", "2025-11-24", "2026-01-05", "2026-02-16", "2026-03-30", "2026-05-11", "2026-06-22", "2026-08-03"]
    outcomes = ["met"] * 6 + [""]
    assert story.periods("theo") == [("3", *pair, outcome) for *pair, outcome in zip(begun, begun[1:], outcomes, strict=False)]
    assert Event.objects.filter(case=story.case("theo"), kind="recovery").count() == 6
    assert story.case("theo").with_authority_since is None
