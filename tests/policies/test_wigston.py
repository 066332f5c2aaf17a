"""Wigston, stepwise on weekly data: talk, call, letter, clinic, surgery, contract and the welfare officer; and a postcard home."""

from __future__ import annotations

import pytest

from casework.models import Meeting
from escalation.models import PlannedLetter, Task
from tests.policies.telling import Story, away, day

pytestmark = [pytest.mark.django_db]


def to_the_letter(story: Story, name: str, *, parent: str, letters: int) -> None:
    """Judged on Fridays: the figure counts from the 20th session, which is a Tuesday."""
    story.quiet("2025-09-12", "2025-09-16")
    talk = story.comes("2025-09-19", name, "0", acts="tutor", tasks=["conversation"], says="stage 0 begins below 98 %.")
    story.talks(talk, "conversation", "2025-09-22", parent=parent)
    call = story.comes("2025-09-26", name, "1", acts="officer", tasks=["call"], says="stage 1 begins below 95 %.")
    story.talks(call, "call", "2025-09-29", parent=parent)
    letter = story.comes(
        "2025-10-03",
        name,
        "2",
        acts="head_of_year",
        approves="head_of_year",
        letters=["concern-1"],
        says="stage 2 begins below 95 %.",
    )
    story.goes_out(letter, "2025-10-06", by="head_of_year", letters=letters)


def test_up_the_whole_ladder() -> None:
    story = Story(
        "wigston",
        imogen=away(
            "2025-09-08 to 2025-09-09", "2025-09-29 to 2025-09-30", "2025-10-20 to 2025-10-22", "2025-12-01 to 2025-12-12"
        ),
    )
    to_the_letter(story, "imogen", parent="Morwenna", letters=2)

    # Below 92 and below 90 in one week: the clinic comes first, the second letter a week later.
    clinic = story.comes(
        "2025-10-10", "imogen", "clinic", acts="officer", tasks=["clinic"], says="stage clinic begins below 92 %."
    )
    story.does(clinic, "clinic", "2025-10-13")
    second = story.comes(
        "2025-10-17",
        "imogen",
        "3",
        acts="head_of_year",
        approves="head_of_year",
        letters=["concern-2"],
        says="stage 3 begins below 90 %.",
    )

    # The letter invites to a surgery two weeks ahead, which is where stage 4 takes place.
    surgery = story.asks_to(second, "2025-10-20", "2025-11-11", kind=Meeting.Kind.SURGERY, by="head_of_year")
    story.goes_out(second, "2025-10-20", by="head_of_year")
    story.quiet("2025-10-23")
    fourth = story.comes("2025-11-07", "imogen", "4", acts="head_of_year", approves="head_of_year", tasks=["meeting"])
    story.meets(surgery, "2025-11-11")
    fourth.refresh_from_db()
    assert (fourth.state, fourth.done_on) == ("done", day("2025-11-11"))

    # What follows the surgery: a letter that asks for evidence of each illness.
    story.quiet("2025-11-12")
    story.goes_out(fourth, "2025-11-13", by="head_of_year", done="2025-11-11")
    contract = story.comes(
        "2025-11-21",
        "imogen",
        "5",
        acts="head_of_year",
        approves="head_of_year",
        letters=["contract"],
        says="stage 5 begins at 10.",
    )
    signing = story.asks_to(contract, "2025-11-24", "2025-12-02", kind=Meeting.Kind.CONTRACT, by="head_of_year")
    story.goes_out(contract, "2025-11-24", by="head_of_year")
    story.quiet("2025-11-28")
    story.meets(signing, "2025-12-02", came=False)
    story.does(contract, "contract", "2025-12-02")

    # Ten more sessions on, the welfare officer opens a case, and the school follows.
    last = story.comes(
        "2025-12-05",
        "imogen",
        "6",
        acts="attendance_lead",
        approves="head_of_year",
        tasks=["referral"],
        says="stage 6 begins at 10.",
    )
    assert story.case("imogen").with_authority_since is None
    story.does(last, "referral", "2025-12-08")
    assert story.case("imogen").with_authority_since == day("2025-12-08")

    story.is_over()
    assert story.letters("imogen") == [
        ("concern-1", "2025-10-06"),
        ("concern-2", "2025-10-20"),
        ("medical-evidence", "2025-11-13"),
        ("contract", "2025-11-24"),
    ]
    assert not Task.objects.filter(case=story.case("imogen"), stage_record__isnull=False, state="open").exists()


def test_and_back() -> None:
    story = Story("wigston", theo=away("2025-09-08 to 2025-09-09"))
    to_the_letter(story, "theo", parent="Grace", letters=1)
    planned = PlannedLetter.objects.filter(case=story.case("theo"))

    # At 95 % on the Wednesday, and on the Friday the week's figures say so: a postcard comes home.
    story.quiet("2025-10-10", "2025-10-17", "2025-10-23", "2025-11-05", "2025-11-06")
    assert not planned.filter(letter="postcard").exists()
    story.quiet("2025-11-07")
    (postcard,) = story.praised("theo", "postcard", "2025-11-07", by="head_of_year")
    assert postcard.parent.first_name == "Grace"

    story.quiet("2025-11-14", "2025-12-19", "2026-02-13", "2026-03-27", "2026-05-22")
    story.is_over()
    assert planned.filter(letter="postcard").count() == 1, "one postcard for one recovery"
    assert [stage for _, stage, _ in story.told] == ["0", "1", "2"]
    assert story.case("theo").with_authority_since is None
