"""Between printing and posting something may happen: what has to come out of the pile is named, and has not left."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from casework.discretion import pause_letters
from escalation.adoption import adopt
from escalation.models import Case
from letters import services
from letters.models import Letter, PrintBatch
from letters.queries import not_to_post, with_everything
from schools.models import PupilParent
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
LATER = NOW + dt.timedelta(minutes=11)


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 6))
    run(made)
    return made


@pytest.fixture
def batch(cast: Cast) -> PrintBatch:
    """Letters to both of Imogen's parents, printed and not posted yet."""
    letters = with_everything(Letter.objects.values_list("pk", flat=True))
    services.approve_letters(letters=letters, by=cast.staff["head"], role="head", on=TODAY, now=NOW)
    return services.make_print_batch(school=cast.here, by=cast.alice, role="officer", now=LATER)


def post(cast: Cast, batch: PrintBatch) -> int:
    return services.mark_posted(batch=batch, on=TODAY, by=cast.alice, role="officer", now=LATER)


def test_a_letter_to_a_parent_who_was_barred_meanwhile_is_taken_out_and_withdrawn(
    cast: Cast, batch: PrintBatch, client: Client
) -> None:
    assert not_to_post([batch], TODAY) == {}
    PupilParent.objects.filter(parent=cast.parents["Piers"]).update(no_contact_from=TODAY)
    ((letter, why),) = not_to_post([batch], TODAY)[batch.pk]
    assert letter.parent == cast.parents["Piers"] and why == "An order or a no-contact note keeps this parent away."
    client.force_login(cast.alice)
    page = client.get("/post/").content.decode()
    assert "Take 1 letter out of the pile before you post it" in page and "Piers Quill" in page
    assert post(cast, batch) == 1
    states = dict(Letter.objects.values_list("parent__first_name", "state"))
    assert states == {"Morwenna": "posted", "Piers": "withdrawn"}


def test_the_letters_of_a_paused_case_wait_for_the_next_batch(cast: Cast, batch: PrintBatch) -> None:
    pause = pause_letters(
        case=Case.objects.get(), kind="bereavement", why="A funeral.", until=TODAY + dt.timedelta(days=7), by=cast.staff["head"],
        role="head", on=TODAY, now=LATER,
    )  # fmt: skip
    assert [why for _, why in not_to_post([batch], TODAY)[batch.pk]] == [
        "Letters wait until Thursday 27 November (Dr H. Hawthorn). A death in the family: A funeral."
    ] * 2
    assert post(cast, batch) == 0
    assert set(Letter.objects.values_list("state", "batch")) == {("approved", None)}
    pause.delete()
    again = services.make_print_batch(school=cast.here, by=cast.alice, role="officer", now=LATER)
    assert len(again.manifest) == 2


def test_a_letter_that_was_withdrawn_after_printing_is_named(cast: Cast, batch: PrintBatch) -> None:
    letter = Letter.objects.get(parent=cast.parents["Morwenna"])
    Letter.objects.filter(pk=letter.pk).update(state=Letter.State.WITHDRAWN, reason="A mark was corrected.")
    ((found, why),) = not_to_post([batch], TODAY)[batch.pk]
    assert found == letter and why == "It was withdrawn. A mark was corrected."
    assert post(cast, batch) == 1
    assert not_to_post([PrintBatch.objects.get()], TODAY) == {}
