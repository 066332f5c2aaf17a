"""A letter's way: drafted, read, approved by one person, undone within ten minutes or printed and posted, once."""

from __future__ import annotations

import datetime as dt
import hashlib
from io import BytesIO

import pytest
from pypdf import PdfReader

from attendance.services import change_mark
from escalation.adoption import adopt
from escalation.models import Period, StageRecord, Task
from letters import services
from letters.enclosing import enclosures_of
from letters.models import Letter, LetterEvent
from letters.policies import why_not_approve, why_not_undo
from letters.queries import live, with_everything
from letters.states import TRANSITIONS, comes_from, may_become
from schools.access import Scope
from schools.models import AuditEntry
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
AFTER_UNDO = NOW + dt.timedelta(minutes=11)


@pytest.fixture
def cast() -> Cast:
    """Imogen is at letter 2 (twelve sessions in a half term); both her parents have a draft."""
    cast = assemble()
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 6))
    run(cast)
    return cast


def letter_to(first_name: str) -> Letter:
    return with_everything(Letter.objects.filter(parent__first_name=first_name).values_list("pk", flat=True))[0]


def approve(cast: Cast, *letters: Letter, **more: object) -> list[services.Outcome]:
    return services.approve_letters(letters=letters, by=cast.staff["head"], role="head", on=TODAY, **{"now": NOW, **more})


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).split())


def test_what_was_approved_is_frozen_with_its_pdf_and_hash(cast: Cast) -> None:
    letter = letter_to("Morwenna")
    (outcome,) = approve(cast, letter)
    assert outcome.ok and outcome.sentence == "Approved. It leaves after 16.40; until then it can be undone."
    letter.refresh_from_db()
    content = letter.pdf.open().read()
    assert letter.sha256 == hashlib.sha256(content).hexdigest()
    words = text_of(content)
    assert "12 of 102 sessions" in words and "Ms Morwenna Marlow" in words
    assert "Piers" not in words and "Quill" not in words, "no letter names the other parent"
    assert (letter.approved_by, letter.state, letter.figures_on) == (cast.staff["head"], "approved", TODAY)
    before = letter.text
    cast.imogen.refresh_from_db()
    change_mark(
        row=cast.imogen, date=TODAY, session="AM", to="I", reason="Rang in.", by=cast.alice, role="officer", now=AFTER_UNDO
    )
    assert live(with_everything([letter.pk]), TODAY)[letter.pk].merged.text == before


def test_of_two_approvals_one_is_told_who_was_first(cast: Cast) -> None:
    letter = letter_to("Morwenna")
    approve(cast, letter)
    (again,) = services.approve_letters(letters=[letter], by=cast.alice, role="officer", now=NOW, on=TODAY)
    assert not again.ok and again.sentence.startswith("Already approved by Dr H. Hawthorn on 20 November at 16.30")
    assert LetterEvent.objects.filter(letter=letter, after="approved").count() == 1


def test_changed_figures_must_be_looked_at_again(cast: Cast) -> None:
    letter = letter_to("Morwenna")
    seen = live([letter], TODAY)[letter.pk].token
    cast.imogen.refresh_from_db()
    change_mark(
        row=cast.imogen,
        date=dt.date(2025, 11, 3),
        session="AM",
        to="I",
        reason="Rang in.",
        by=cast.alice,
        role="officer",
        now=NOW,
    )
    (outcome,) = approve(cast, letter, seen={letter.pk: seen})
    assert not outcome.ok and "redrawn" in outcome.sentence
    assert Letter.objects.get(pk=letter.pk).state == "drafted"


def test_a_letter_with_a_gap_cannot_be_approved_until_a_person_fills_it(cast: Cast) -> None:
    StageRecord.objects.filter(stage="4").update(state="done", done_on=dt.date(2025, 11, 6))
    letter = letter_to("Morwenna")
    Letter.objects.filter(pk=letter.pk).update(wording="letter-3")
    letter = letter_to("Morwenna")
    (outcome,) = approve(cast, letter)
    assert outcome.sentence == "Fill in first: date of the meeting, time of the meeting, place of the meeting."
    fills = {"meeting_date": "Tuesday 9 December", "meeting_time": "4.10pm", "meeting_place": "room 2"}
    extra = "Thank you for ringing us.\n\nThe <lift> works again."
    services.edit_letter(letter=letter, fills=fills, extra_paragraph=extra, by=cast.staff["head"], role="head", now=NOW)
    (outcome,) = approve(cast, letter)
    words = text_of(letter_to("Morwenna").pdf.open().read())
    assert outcome.ok and "Tuesday 9 December at 4.10pm" in words
    assert words.index("The <lift> works again.") < words.index("Yours sincerely")
    assert "Attendance record" in words and "Absence that was not agreed" in words, "the certificate goes with it"


def test_an_approval_is_undone_within_ten_minutes_and_not_after(cast: Cast) -> None:
    letter = letter_to("Piers")
    approve(cast, letter)
    letter.refresh_from_db()
    assert why_not_undo(letter, AFTER_UNDO) == "The ten minutes to undo ended at 16.40."
    services.undo_approval(letter=letter, by=cast.staff["head"], role="head", now=NOW + dt.timedelta(minutes=9))
    assert (letter.state, letter.approved_by, letter.sha256) == ("drafted", None, "")
    approve(cast, letter)
    letter.refresh_from_db()
    with pytest.raises(Refused, match="ten minutes"):
        services.undo_approval(letter=letter, by=cast.staff["head"], role="head", now=AFTER_UNDO)


def test_posting_the_batch_makes_the_stage_done_on_that_day(cast: Cast) -> None:
    approve(cast, letter_to("Morwenna"), letter_to("Piers"))
    with pytest.raises(Refused, match="No approved letter waits"):
        services.make_print_batch(school=cast.here, by=cast.alice, role="officer", now=NOW)
    batch = services.make_print_batch(school=cast.here, by=cast.alice, role="officer", now=AFTER_UNDO)
    pages = PdfReader(BytesIO(batch.pdf.open().read())).pages
    assert [entry["pages"] % 2 for entry in batch.manifest] == [0, 0] and len(pages) == sum(e["pages"] for e in batch.manifest)
    posted = dt.date(2025, 11, 21)
    assert services.mark_posted(batch=batch, on=posted, by=cast.alice, role="officer", now=AFTER_UNDO) == 2
    record = StageRecord.objects.get(stage="4")
    assert (record.state, record.done_on) == ("done", posted)
    assert Period.objects.get().starts_on == posted
    assert Task.objects.get(kind="review").due_on > posted
    assert set(Letter.objects.values_list("state", "left_on")) == {("posted", posted)}
    with pytest.raises(Refused, match="already recorded as posted"):
        services.mark_posted(batch=batch, on=posted, by=cast.alice, role="officer", now=AFTER_UNDO)


def test_the_last_letter_declined_declines_the_stage_until_the_day_to_ask_again(cast: Cast) -> None:
    again = dt.date(2025, 12, 1)
    for name in ("Morwenna", "Piers"):
        assert StageRecord.objects.get(stage="4").state == "proposed"
        services.decline_letter(letter=letter_to(name), reason="In hospital.", ask_again_on=again, by=cast.staff["head"], role="head",
                                now=NOW)  # fmt: skip
    record = StageRecord.objects.get(stage="4")
    assert (record.state, record.ask_again_on, record.reason) == ("declined", again, "In hospital.")
    with pytest.raises(Refused, match="reason"):
        services.hold_letter(letter=letter_to("Piers"), until=again, reason=" ", by=cast.staff["head"], role="head", now=NOW)


def test_a_held_letter_waits_for_its_day(cast: Cast) -> None:
    letter, head = letter_to("Piers"), cast.staff["head"]
    services.hold_letter(letter=letter, until=dt.date(2025, 12, 1), reason="A funeral.", by=head, role="head", now=NOW)
    assert why_not_approve(letter, scope=Scope.of(head, TODAY)) == "Held until 1 December 2025: A funeral."
    assert why_not_approve(letter, scope=Scope.of(head, dt.date(2025, 12, 1))) == ""


def test_only_the_role_that_the_ladder_names_or_one_above_decides(cast: Cast) -> None:
    letter = letter_to("Piers")
    assert why_not_approve(letter, scope=Scope.of(cast.bob, TODAY)).startswith("This letter is decided by the ")
    assert why_not_approve(letter, scope=Scope.of(cast.staff["head"], TODAY)) == ""
    assert why_not_approve(letter, scope=Scope.of(cast.charlie, TODAY)) != ""


def test_every_change_of_a_letter_has_who_when_and_what(cast: Cast) -> None:
    letter = letter_to("Piers")
    approve(cast, letter)
    event = LetterEvent.objects.get(letter=letter, after="approved")
    assert (event.before, event.by, event.role, event.at) == ("drafted", cast.staff["head"], "head", NOW)
    entry = AuditEntry.objects.get(action="letter approved", subject=f"letter {letter.pk}")
    assert (entry.by, entry.school) == (cast.staff["head"], cast.here)
    assert "Quill" not in str(AuditEntry.objects.values_list("detail", "reason", "subject"))


def test_the_table_of_states_is_whole() -> None:
    states = set(Letter.State.values)
    assert set(TRANSITIONS) == states and {after for afters in TRANSITIONS.values() for after in afters} <= states
    assert not [s for s in ("declined", "withdrawn", "delivered") if TRANSITIONS[s]], "what has ended stays ended"
    assert not any(may_become(before, "approved") for before in states - {"drafted", "held"})
    assert "posted" not in comes_from("drafted")


@pytest.mark.parametrize(("ruleset", "wording"), [
    ("federation", "letter-4"), ("coventry", "letter-e"), ("vale", "plan-meeting"), ("wigston", "concern-2"),
    ("goldington", "contract-meeting"), ("coventry", "letter-a"),
])  # fmt: skip
def test_whatever_a_letter_names_as_enclosed_goes_with_it(cast: Cast, ruleset: str, wording: str) -> None:
    Letter.objects.update(ruleset=ruleset, wording=wording)
    drawn = live(with_everything(Letter.objects.values_list("pk", flat=True)[:1]), TODAY)
    (letter,) = drawn.values()
    sheets = enclosures_of(letter)
    assert len(sheets) == len(letter.merged.enclosed) == 1
    assert len(PdfReader(BytesIO(services.render_pdf(letter))).pages) >= 2
