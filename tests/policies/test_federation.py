"""Federation (Bilton), counted in sessions, judged daily: one pupil goes up all seven stages to the attendance service, one comes back."""

from __future__ import annotations

import pytest

from casework.models import Meeting
from escalation.models import PlannedLetter, Task
from tests.policies.telling import Story, away, day

pytestmark = [pytest.mark.django_db]


def test_up_the_whole_ladder() -> None:
    story = Story(
        "federation",
        imogen=away("2025-09-08 to 2025-09-09", "2025-09-15", "2025-09-22", "2025-10-06 to 2025-10-07")
        | away("2025-10-16", code="O")
        | away("2025-10-20 to 2025-10-23", "2025-11-03 to 2025-11-06", "2025-11-17 to 2025-11-20", "2025-12-01 to 2025-12-10"),
    )
    # Three days away in the first half term: the tutor talks with the family, after one call that nobody answers.
    first = story.comes("2025-09-15", "imogen", "1", acts="tutor", tasks=["conversation"], says="stage 1 begins at 5.")
    story.talks(first, "conversation", "2025-09-16", parent="Morwenna")

    # Eight sessions: a second talk comes at once, and the letter waits until the fifth school day after it.
    second = story.comes("2025-09-22", "imogen", "2", acts="tutor", tasks=["conversation"], says="stage 2 begins at 2.")
    story.talks(second, "conversation", "2025-09-23", parent="Morwenna")
    third = story.comes("2025-09-30", "imogen", "3", acts="tutor", letters=["letter-1"], says="stage 3 begins at 8.")
    story.goes_out(third, "2025-10-01", by="tutor")

    # Twelve sessions on 7 October; the gap ends the day after. Four weeks of monitoring begin with the letter's leaving.
    fourth = story.comes("2025-10-08", "imogen", "4", acts="officer", letters=["letter-2"], says="stage 4 begins at 12.")
    story.goes_out(fourth, "2025-10-09", by="officer")
    assert story.periods("imogen") == [("4", "2025-10-09", "2025-11-06", "")]

    # One session without permission; 90 % is long past, but the formal notice comes before the contract.
    fifth = story.comes(
        "2025-10-16", "imogen", "5", acts="attendance_lead", approves="head", letters=["letter-3"], says="stage 5 begins at 1."
    )
    meeting = story.asks_to(fifth, "2025-10-17", "2025-11-04", by="attendance_lead")
    story.goes_out(fifth, "2025-10-17", by="head")
    assert set(Task.objects.filter(stage_record=fifth).values_list("kind", "state")) == {("meeting", "open"), ("plan", "open")}
    story.does(fifth, "plan", "2025-10-20")

    # Four more school days, a holiday, and on the fifth the contract.
    sixth = story.comes(
        "2025-11-03",
        "imogen",
        "6",
        acts="attendance_lead",
        approves="head",
        letters=["letter-4"],
        says="stage 6 begins below 90 %.",
    )
    story.meets(meeting, "2025-11-04", came=False)
    assert Task.objects.get(stage_record=fifth, kind="meeting").outcome == "held_in_absence"
    signing = story.asks_to(sixth, "2025-11-04", "2025-11-18", kind=Meeting.Kind.CONTRACT, by="attendance_lead")
    story.goes_out(sixth, "2025-11-04", by="head")
    story.meets(signing, "2025-11-18")
    story.does(sixth, "contract", "2025-11-18")

    # Monitoring, the plan and the contract end by themselves, each on its own day and tested on its own sessions.
    story.quiet("2025-11-06", "2025-11-28")
    assert story.periods("imogen") == [
        ("4", "2025-10-09", "2025-11-06", "missed"),
        ("5", "2025-10-17", "2025-11-28", "missed"),
        ("6", "2025-11-04", "2025-12-16", ""),
    ]
    seventh = story.comes(
        "2025-12-16",
        "imogen",
        "7",
        acts="trust_lead",
        approves="trust_lead",
        letters=["letter-5"],
        says="stage 7 begins below 90 %.",
    )
    assert story.periods("imogen")[-1] == ("6", "2025-11-04", "2025-12-16", "missed")
    assert story.case("imogen").with_authority_since is None
    story.goes_out(seventh, "2025-12-17", by="trust_lead")
    assert story.case("imogen").with_authority_since == day("2025-12-17")

    story.is_over()
    assert story.letters("imogen") == [
        ("letter-1", "2025-10-01"),
        ("letter-2", "2025-10-09"),
        ("letter-3", "2025-10-17"),
        ("letter-4", "2025-11-04"),
        ("letter-5", "2025-12-17"),
    ]
    assert not PlannedLetter.objects.filter(letter="praise").exists(), "nothing improved, nobody is praised"


def test_and_back() -> None:
    """In March, when the year's figure can bear a week away: below 90 % the contract would follow whatever the family does."""
    story = Story("federation", theo=away("2026-03-09 to 2026-03-13", "2026-03-16"))
    first = story.comes("2026-03-11", "theo", "1", acts="tutor", tasks=["conversation"])
    story.talks(first, "conversation", "2026-03-11", parent="Grace")
    second = story.comes("2026-03-12", "theo", "2", acts="tutor", tasks=["conversation"])
    story.talks(second, "conversation", "2026-03-13", parent="Grace")

    # Twelve sessions in the half term: letter 2, with letter 1 passed over. Only one of the two parents may be written to.
    fourth = story.comes("2026-03-20", "theo", "4", acts="officer", letters=["letter-2"], over=["3"])
    story.goes_out(fourth, "2026-03-23", by="officer", letters=1)

    # Four weeks, Easter among them, without a day away: the target is met, the family reads so, and monitoring goes on.
    story.quiet("2026-04-17")
    assert story.periods("theo") == [("4", "2026-03-23", "2026-04-20", "")]
    story.quiet("2026-04-20")
    assert story.periods("theo") == [("4", "2026-03-23", "2026-04-20", "met"), ("4", "2026-04-20", "2026-05-18", "")]
    (praise,) = story.praised("theo", "praise", "2026-04-20", by="attendance_lead")
    assert praise.parent.first_name == "Grace"
    praise.refresh_from_db()
    assert "From 23 March to 20 April" in praise.text and "100" in praise.text

    # And every four weeks again, to the end of the year; nothing else comes.
    story.quiet("2026-05-15", "2026-05-18", "2026-06-15", "2026-07-13")
    story.is_over()
    begun = ["2026-03-23", "2026-04-20", "2026-05-18", "2026-06-15", "2026-07-13", "2026-08-10"]
    outcomes = ["met", "met", "met", "met", ""]
    assert story.periods("theo") == [("4", *pair, outcome) for *pair, outcome in zip(begun, begun[1:], outcomes, strict=False)]
    assert PlannedLetter.objects.filter(case=story.case("theo"), letter="praise").count() == 4
    assert story.case("theo").with_authority_since is None
