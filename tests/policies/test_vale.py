"""Vale, stepwise, judged daily: percentages, a plan of four weeks, targets over six, the county's team, a last warning; and back to 94."""

from __future__ import annotations

import pytest

from casework.models import Meeting
from escalation.models import Event, PlannedLetter, Task
from tests.policies.telling import Story, away, day

pytestmark = [pytest.mark.django_db]


def to_the_plan(story: Story, name: str, *, parent: str, letters: int) -> None:
    talk = story.comes("2025-09-16", name, "1", acts="officer", tasks=["conversation"], says="stage 1 begins below 94 %.")
    story.talks(talk, "conversation", "2025-09-17", parent=parent)
    below = story.comes("2025-09-24", name, "2", acts="officer", letters=["below-92"], says="stage 2 begins below 92 %.")
    story.goes_out(below, "2025-09-25", by="officer", letters=letters)
    monitored = story.comes("2025-10-02", name, "3", acts="officer", letters=["below-90"], says="stage 3 begins below 90 %.")
    story.goes_out(monitored, "2025-10-03", by="officer", letters=letters)
    story.does(monitored, "call", "2025-10-06")
    story.does(monitored, "plan", "2025-10-07")
    assert story.periods(name) == [("3", "2025-10-03", "2025-10-31", "")]


def test_up_the_whole_ladder() -> None:
    story = Story(
        "vale",
        imogen=away("2025-09-08 to 2025-09-09", "2025-09-29", "2025-10-06 to 2025-10-07", "2025-10-20 to 2025-10-22")
        | away(
            "2025-11-10 to 2025-11-12",
            "2025-12-01 to 2025-12-05",
            "2025-12-18 to 2026-01-08",
            "2026-01-19 to 2026-01-23",
            "2026-02-02 to 2026-02-06",
        ),
    )
    to_the_plan(story, "imogen", parent="Morwenna", letters=2)

    # The four weeks end in the holiday; the first day of the new half term tests them.
    meeting_letter = story.comes(
        "2025-11-03", "imogen", "4", acts="officer", approves="attendance_lead", letters=["plan-meeting"]
    )
    meeting = story.asks_to(meeting_letter, "2025-11-04", "2025-11-18", kind=Meeting.Kind.PLAN, by="officer")
    story.goes_out(meeting_letter, "2025-11-04", by="attendance_lead")
    story.meets(meeting, "2025-11-18")
    assert story.periods("imogen") == [("3", "2025-10-03", "2025-10-31", "missed"), ("4", "2025-11-04", "2025-12-16", "")]

    county = story.comes("2025-12-16", "imogen", "5", acts="attendance_lead", approves="head", letters=["cat-referral"])
    assert story.case("imogen").with_authority_since is None
    story.goes_out(county, "2025-12-17", by="head")
    assert story.case("imogen").with_authority_since == day("2025-12-17")
    story.does(county, "referral", "2025-12-17")

    # Four weeks over Christmas, and four more after the last warning.
    warning = story.comes("2026-01-14", "imogen", "6", acts="head", approves="head", letters=["final-warning"])
    story.goes_out(warning, "2026-01-15", by="head")
    considered = story.comes("2026-02-12", "imogen", "7", acts="head", approves="head", tasks=["review"])
    assert story.periods("imogen") == [
        ("3", "2025-10-03", "2025-10-31", "missed"),
        ("4", "2025-11-04", "2025-12-16", "missed"),
        ("5", "2025-12-17", "2026-01-14", "missed"),
        ("6", "2026-01-15", "2026-02-12", "missed"),
    ]
    story.does(considered, "review", "2026-02-13")
    considered.refresh_from_db()
    assert (considered.state, considered.done_on) == ("done", day("2026-02-13"))

    story.is_over()
    assert [wording for wording, _ in story.letters("imogen")] == [
        "below-92", "below-90", "plan-meeting", "cat-referral", "final-warning",
    ]  # fmt: skip
    assert set(Task.objects.filter(case=story.case("imogen")).values_list("state", flat=True)) == {"done"}


def test_and_back() -> None:
    story = Story("vale", theo=away("2025-09-08 to 2025-09-09", "2025-09-29"))
    to_the_plan(story, "theo", parent="Grace", letters=1)

    # 94 % over six school weeks is reached when the first days away lie outside them.
    said = Event.objects.filter(case=story.case("theo"), kind="recovery")
    story.quiet("2025-10-17")
    assert not said.exists()
    story.quiet("2025-10-20")
    assert [event.text.split(".")[0] for event in said] == ["Attendance is stable"]

    # The four weeks are met: the senior team congratulates, and monitoring goes on four weeks at a time.
    story.quiet("2025-10-23")
    assert story.periods("theo") == [("3", "2025-10-03", "2025-10-31", "")]
    story.quiet("2025-11-03")
    assert story.periods("theo") == [("3", "2025-10-03", "2025-10-31", "met"), ("3", "2025-10-31", "2025-11-28", "")]
    (letter,) = story.praised("theo", "congratulation", "2025-11-03", by="attendance_lead")
    assert letter.parent.first_name == "Grace"

    story.quiet(
        "2025-11-28",
        "2026-01-06",
        "2026-01-23",
        "2026-02-23",
        "2026-03-20",
        "2026-04-17",
        "2026-05-15",
        "2026-06-12",
        "2026-07-10",
    )
    story.is_over()
    periods = story.periods("theo")
    assert [outcome for *_, outcome in periods] == ["met"] * 10 + [""]
    assert periods[3] == ("3", "2025-12-26", "2026-01-23", "met") and periods[-1] == ("3", "2026-07-10", "2026-08-07", "")
    assert PlannedLetter.objects.filter(case=story.case("theo"), letter="congratulation").count() == 10
    assert story.case("theo").with_authority_since is None
