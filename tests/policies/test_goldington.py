"""Goldington, stepwise on weekly data and led by the head of year: call, letter, an action plan of three weeks, the welfare officer."""

from __future__ import annotations

import pytest

from casework import referrals
from casework.models import Meeting
from escalation.models import Event, Task
from letters.referral_form import make_ready
from schools.rules import Refused
from tests.policies.telling import Story, at, away, day

pytestmark = [pytest.mark.django_db]

FIRST = away("2025-09-08 to 2025-09-09", "2025-09-29", "2025-10-06 to 2025-10-07", "2025-10-20 to 2025-10-21")


def to_the_plan(story: Story, name: str, *, parent: str, letters: int) -> None:
    listed = story.comes("2025-09-19", name, "1", acts="head_of_year", tasks=["review"], says="stage 1 begins below 93 %.")
    story.does(listed, "review", "2025-09-22")
    call = story.comes("2025-09-26", name, "2", acts="head_of_year", tasks=["call"], says="stage 2 begins below 93 %.")
    story.talks(call, "call", "2025-09-29", parent=parent)

    # Four days are too few to judge the call by; a week later there are nine, two of them missed.
    story.quiet("2025-10-03")
    letter = story.comes("2025-10-10", name, "3", acts="head_of_year", letters=["letter-1"], says="stage 3 begins below 90 %.")
    story.goes_out(letter, "2025-10-13", by="head_of_year", letters=letters)

    # The last week before half term ends on a Thursday: that is the day on which it is judged.
    story.quiet("2025-10-17")
    plan = story.comes("2025-10-23", name, "4", acts="head_of_year", letters=["contract-meeting"])
    meeting = story.asks_to(plan, "2025-11-03", "2025-11-11", kind=Meeting.Kind.CONTRACT, by="head_of_year")
    story.goes_out(plan, "2025-11-03", by="head_of_year", letters=letters)
    story.meets(meeting, "2025-11-11")
    story.does(plan, "contract", "2025-11-11")
    assert story.periods(name) == [("4", "2025-11-03", "2025-11-24", "")]


def refers_to_the_service(story: Story) -> None:
    lead = {"by": story.cast.staff["attendance_lead"], "role": "attendance_lead"}
    written = lead | {"on": day("2025-12-10"), "now": at(day("2025-12-10"), 10)}
    referral = referrals.open_referral(case=story.case("imogen"), form="goldington-ews", **written)
    with pytest.raises(Refused, match="Discussed with the parents: nobody has said it yet"):
        make_ready(referral=referral, despite="", **written)
    answers = {
        "discussed": "9 December, by telephone with Ms Marlow.",
        "summary": "Calls, a letter, a plan of three weeks, a meeting.",
    }
    answers |= {"staff_safety": "None known.", "learning": "Behind in reading."}
    referrals.answer(referral=referral, answers=answers, **written)
    make_ready(referral=referral, despite="The action plan lies beside it on paper.", **written)
    referrals.mark_sent(referral=referral, sent_on=written["on"], how="Secure e-mail", to="Education Welfare Service", **written)
    assert story.case("imogen").with_authority_since is None, "sent is not yet taken"
    answered = lead | {"on": day("2025-12-15"), "now": at(day("2025-12-15"), 9)}
    referrals.acknowledge(referral=referral, answered_on=day("2025-12-12"), reference="EWS 41", **answered)
    referrals.hand_over(referral=referral, taken_on=day("2025-12-15"), **answered)


def test_up_the_whole_ladder() -> None:
    story = Story("goldington", imogen=FIRST | away("2025-11-12 to 2025-11-18", "2025-12-08 to 2025-12-12"))
    to_the_plan(story, "imogen", parent="Morwenna", letters=2)

    # The three weeks are tested on their Monday; the ladder is judged at the week's end.
    story.quiet("2025-11-21", "2025-11-24")
    assert story.periods("imogen") == [("4", "2025-11-03", "2025-11-24", "missed")]
    last = story.comes("2025-11-28", "imogen", "5", acts="attendance_lead", approves="head_of_year", letters=["ewo-letter"])
    meeting = story.asks_to(last, "2025-12-01", "2025-12-09", by="attendance_lead")
    story.goes_out(last, "2025-12-01", by="head_of_year")

    # The parents do not come. Nothing refers by itself: the form is a person's next step, and it names what it lacks.
    story.meets(meeting, "2025-12-09", came=False)
    assert set(Task.objects.filter(stage_record=last).values_list("kind", "outcome")) == {("meeting", "held_in_absence")}
    assert story.case("imogen").with_authority_since is None
    refers_to_the_service(story)
    assert story.case("imogen").with_authority_since == day("2025-12-15")

    story.is_over()
    assert story.letters("imogen") == [
        ("letter-1", "2025-10-13"),
        ("contract-meeting", "2025-11-03"),
        ("ewo-letter", "2025-12-01"),
    ]


def test_and_back() -> None:
    story = Story("goldington", theo=FIRST)
    to_the_plan(story, "theo", parent="Grace", letters=1)

    # There every day of the three weeks: the plan is met, and the head of year hears so with the week's figures.
    said = Event.objects.filter(case=story.case("theo"), kind="recovery")
    story.quiet("2025-11-21", "2025-11-24")
    assert story.periods("theo") == [("4", "2025-11-03", "2025-11-24", "met"), ("4", "2025-11-24", "2025-12-15", "")]
    assert not said.exists()
    story.quiet("2025-11-28")
    assert [(event.on, event.text.split(".")[0]) for event in said] == [(day("2025-11-28"), "Action plan met")]

    story.quiet("2025-12-19", "2026-02-13", "2026-03-27", "2026-05-22")
    story.is_over()
    periods = story.periods("theo")
    assert [outcome for *_, outcome in periods] == ["met"] * 12 + [""]
    assert periods[2] == ("4", "2025-12-15", "2026-01-05", "met"), "it ends on a staff day and is tested on the next school day"
    assert [stage for _, stage, _ in story.told] == ["1", "2", "3", "4"]
    assert story.case("theo").with_authority_since is None
