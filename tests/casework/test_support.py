"""Visits and offers of help: recorded, answered, ended, and told to letters in words that name no health matter."""

from __future__ import annotations

import datetime as dt

import pytest

from casework.errands import add_task, close_task
from casework.models import SupportOffer
from casework.queries.support import support_of
from casework.support import answer_offer, end_support, offer_support, record_visit
from escalation.models import Case, Event, Task
from escalation.services import complete_task, open_case
from letters.models import Letter
from letters.queries import live, with_everything
from schools.models import StaffRole
from schools.rules import Refused
from tests.casework.cases import a_night, drafts, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]
YESTERDAY = TODAY - dt.timedelta(days=1)


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def case(cast: Cast) -> Case:
    return open_case(pupil=cast.imogen.enrolment.pupil, school=cast.here, on=TODAY)


def who(cast: Cast) -> dict:
    return {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}


def test_a_visit_stands_in_the_timeline_on_its_own_day(cast: Cast, case: Case) -> None:
    record_visit(
        case=case, visited_on=YESTERDAY, outcome="spoke", accompanied_by="Ms H. Hazel", parent=cast.parents["Morwenna"],
        note="A warm welcome.", next_step="Ring on Friday.", visitor=cast.bob, **who(cast),
    )  # fmt: skip
    event = Event.objects.get()
    assert (event.kind, event.on, event.parent) == ("visit", YESTERDAY, cast.parents["Morwenna"])
    assert event.text == (
        "Home visit by Mr B. Birch with Ms H. Hazel: spoke with a parent (Ms Morwenna Marlow). A warm welcome. Next: Ring on Friday."
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"outcome": "fine"}, "Choose how the visit went"),
        ({"visited_on": TODAY + dt.timedelta(days=1)}, "Friday 21 November lies ahead"),
        ({"outcome": "spoke"}, "Say which parent was spoken to"),
    ],
)
def test_a_visit_that_cannot_be_is_refused(cast: Cast, case: Case, changes: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        record_visit(**{"case": case, "visited_on": TODAY, "outcome": "no_answer", "visitor": cast.bob, **who(cast), **changes})
    assert not Event.objects.exists()


def mentoring(cast: Cast, case: Case, **changes: object) -> SupportOffer:
    given = {"case": case, "kind": "mentoring", "detail": "Tuesdays", "offered_on": YESTERDAY, **who(cast)}
    return offer_support(**{**given, **changes})  # type: ignore[arg-type]


def test_an_offer_is_answered_and_ends(cast: Cast, case: Case) -> None:
    offer = mentoring(cast, case, parent=cast.parents["Morwenna"])
    answer_offer(offer=offer, answer="no_answer", **who(cast))
    answer_offer(offer=offer, answer="accepted", **who(cast))
    (tried,) = support_of([case.pk])[case.pk]
    assert (tried.what, tried.outcome, tried.is_open, tried.by) == ("Mentoring: Tuesdays", "Accepted", True, "Ms A. Arden")
    end_support(offer=offer, ended_on=TODAY, because="It has done its work.", **who(cast))
    (tried,) = support_of([case.pk])[case.pk]
    assert (tried.until, tried.is_open) == (TODAY, False)
    assert [event.text for event in Event.objects.order_by("id")] == [
        "Mentoring: Tuesdays offered to Ms Morwenna Marlow.",
        "Mentoring: Tuesdays: no answer.",
        "Mentoring: Tuesdays: accepted.",
        "Mentoring: Tuesdays ended. It has done its work.",
    ]


def test_of_two_who_answer_the_second_reads_what_is_recorded(cast: Cast, case: Case) -> None:
    offer = mentoring(cast, case)
    as_bob_saw_it = SupportOffer.objects.get()
    answer_offer(offer=offer, answer="declined", **who(cast))
    with pytest.raises(Refused, match="already recorded as declined"):
        answer_offer(offer=as_bob_saw_it, answer="accepted", **who(cast))
    with pytest.raises(Refused, match="Only support that was accepted"):
        end_support(offer=offer, ended_on=TODAY, **who(cast))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "gold"}, "Choose what was offered"),
        ({"kind": "other", "detail": " "}, "Say what was offered"),
        ({"offered_on": TODAY + dt.timedelta(days=1)}, "lies ahead"),
        ({"answer": "perhaps"}, "Choose an answer"),
    ],
)
def test_an_offer_that_says_too_little_is_refused(cast: Cast, case: Case, changes: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        mentoring(cast, case, **changes)


def test_an_offer_goes_to_the_pupils_own_parents(cast: Cast, case: Case) -> None:
    with pytest.raises(Refused, match="Ms Grace Okafor is no parent or contact of this pupil"):
        mentoring(cast, case, parent=cast.parents["Grace"])


def test_letters_name_what_was_offered_to_their_own_reader_and_no_health_matter(cast: Cast) -> None:
    a_night(cast)
    record = staged(cast, letter="letter-5")
    mother = cast.parents["Morwenna"]
    for kind, detail in (("early_help", ""), ("counselling", "weekly"), ("other", "Speech therapy")):
        mentoring(cast, record.case, kind=kind, detail=detail, parent=mother)
    record_visit(
        case=record.case, visited_on=YESTERDAY, outcome="spoke", parent=mother, visitor=cast.bob, **who(cast)
    )  # fmt: skip
    said = {letter.parent: contacts(letter) for letter in drafts(record.case)}
    assert sorted(said[mother]) == ["offered you early help", "offered you help", "offered you help", "visit"]
    assert said[cast.parents["Piers"]] == []


def contacts(letter: Letter) -> list[str]:
    facts = live(with_everything([letter.pk]), TODAY)[letter.pk].facts
    return [contact.what or contact.kind for contact in facts.contacts]


def test_support_of_many_cases_is_two_statements(cast: Cast, case: Case, django_assert_num_queries) -> None:
    other = open_case(pupil=cast.theo.enrolment.pupil, school=cast.here, on=TODAY)
    mentoring(cast, case)
    mentoring(cast, other)
    with django_assert_num_queries(2):
        assert set(support_of([case.pk, other.pk])) == {case.pk, other.pk}


def test_a_task_by_hand_has_an_owner_and_a_day(cast: Cast, case: Case) -> None:
    bob = StaffRole.objects.get(user=cast.bob)
    task = add_task(case=case, title="Ask the nurse to ring", owner=bob, due_on=TODAY, **who(cast))
    assert (task.owner, task.role, task.kind) == (cast.bob, "tutor", "task")
    complete_task(task=task, by=cast.bob, role="tutor", on=TODAY, now=NOW, outcome="done", note="She will ring on Friday.")
    assert [event.text for event in Event.objects.order_by("id")] == [
        "Task for Mr B. Birch: Ask the nurse to ring, due 20 November.",
        "Task: done. Ask the nurse to ring. She will ring on Friday.",
    ]
    with pytest.raises(Refused, match="Already recorded by Mr B. Birch: done"):
        close_task(task=task, reason="Not needed.", **who(cast))


def test_a_task_needs_a_title_and_a_day_to_come(cast: Cast, case: Case) -> None:
    bob = StaffRole.objects.get(user=cast.bob)
    with pytest.raises(Refused, match="Say what is to be done"):
        add_task(case=case, title=" ", owner=bob, due_on=TODAY, **who(cast))
    with pytest.raises(Refused, match="19 November 2025 has passed"):
        add_task(case=case, title="Ring", owner=bob, due_on=YESTERDAY, **who(cast))
    with pytest.raises(Refused, match="Choose what kind of task"):
        add_task(case=case, title="Ring", owner=bob, due_on=TODAY, kind="penalty", **who(cast))


def test_a_task_that_nobody_needs_is_closed_with_a_reason(cast: Cast, case: Case) -> None:
    task = add_task(case=case, title="Ring", owner=StaffRole.objects.get(user=cast.bob), due_on=TODAY, **who(cast))
    with pytest.raises(Refused, match="Say why the task is not needed"):
        close_task(task=task, reason="", **who(cast))
    close_task(task=task, reason="The pupil has left.", **who(cast))
    assert (Task.objects.get().state, Task.objects.get().done_by) == ("cancelled", cast.alice)
