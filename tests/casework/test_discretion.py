"""People depart from the ladder: letters wait, a stage is taken out of turn or left out; always with a name, a reason and an end."""

from __future__ import annotations

import datetime as dt

import pytest

from casework.discretion import lift_pause, pause_letters
from casework.models import Pause
from casework.queries.discretion import paused, why_letters_wait
from escalation.adoption import adopt
from escalation.by_hand import skip_stage, stages_above, take_stage
from escalation.models import Case, Event, PlannedLetter, StageRecord, Task
from escalation.queries import adopted
from letters import services
from letters.models import Letter
from letters.queries import with_everything
from schools.models import AuditEntry, Role
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]
UNTIL = dt.date(2025, 12, 5)
LATER = dt.timedelta(minutes=11)


@pytest.fixture
def cast() -> Cast:
    """Imogen is at letter 2 of the federation's ladder; both her parents have a draft."""
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 6))
    run(made)
    return made


def who(cast: Cast, role: str = Role.HEAD) -> dict[str, object]:
    return {"by": cast.staff[role], "role": role, "on": TODAY, "now": NOW}


def case_of(cast: Cast) -> Case:
    return Case.objects.get(pupil=cast.imogen.enrolment.pupil)


def pause(cast: Cast, **given: object) -> Pause:
    return pause_letters(
        case=case_of(cast), **{"kind": "bereavement", "why": "Her grandmother died.", "until": UNTIL, **who(cast), **given}
    )


def approve(cast: Cast) -> list[services.Outcome]:
    letters = with_everything(Letter.objects.values_list("pk", flat=True))
    return services.approve_letters(letters=letters, by=cast.staff["head"], role="head", on=TODAY, now=NOW)


def test_paused_letters_are_neither_approved_nor_sent_and_the_next_reader_sees_why(cast: Cast) -> None:
    assert all(outcome.ok for outcome in approve(cast))
    standing = pause(cast)
    with pytest.raises(Refused, match="No approved letter waits for the post"):
        services.make_print_batch(school=cast.here, by=cast.alice, role="officer", now=NOW + LATER)
    Letter.objects.update(state=Letter.State.DRAFTED)
    assert {outcome.sentence for outcome in approve(cast)} == {
        "Letters wait until Friday 5 December (Dr H. Hawthorn). A death in the family: Her grandmother died."
    }
    lift_pause(pause=standing, because="The family asked to be written to.", **who(cast))
    assert all(outcome.ok for outcome in approve(cast))
    assert services.make_print_batch(school=cast.here, by=cast.alice, role="officer", now=NOW + LATER).manifest


def test_a_pause_ends_by_itself_and_never_stops_the_night(cast: Cast) -> None:
    pause(cast)
    assert paused([case_of(cast).pk], UNTIL) and not paused([case_of(cast).pk], UNTIL + dt.timedelta(days=1))
    present(cast, theo=away(cast, "2025-11-03", 6), imogen=away(cast, "2025-11-03", 6))
    assert run(cast, now=NOW + dt.timedelta(hours=1)).proposed == 1
    assert StageRecord.objects.filter(case__pupil=cast.imogen.enrolment.pupil, state="proposed").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"why": " "}, "Say why the letters are to wait"),
        ({"kind": "no reason"}, "Choose why the letters are to wait"),
        ({"until": TODAY}, "Choose a day after today"),
        ({"until": TODAY + dt.timedelta(weeks=13)}, "A pause ends by Thursday 12 February"),
    ],
)
def test_a_pause_without_reason_or_end_is_refused(cast: Cast, given: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        pause(cast, **given)
    assert not Pause.objects.exists()


def test_two_pauses_do_not_stand_at_once_and_one_is_lifted_once(cast: Cast) -> None:
    standing = pause(cast)
    with pytest.raises(Refused, match="already wait until Friday 5 December"):
        pause(cast)
    lift_pause(pause=standing, because="Back in school.", **who(cast))
    with pytest.raises(Refused, match="in the meantime"):
        lift_pause(pause=standing, because="Again.", **who(cast))
    assert list(AuditEntry.objects.filter(action__in=["letters paused", "pause lifted"]).values_list("action", flat=True)) == [
        "pause lifted",
        "letters paused",
    ]


def test_a_safeguarding_pause_says_its_reason_to_the_lead_and_the_head_alone(cast: Cast) -> None:
    standing = pause(cast, kind="safeguarding", why="Section 47 enquiry.")
    assert why_letters_wait(standing).endswith("speak to the safeguarding lead first.")
    assert "Section 47" in why_letters_wait(standing, may_read=True)
    assert not Event.objects.filter(text__contains="Section 47").exists()
    assert not AuditEntry.objects.filter(reason__contains="Section 47").exists()
    assert {outcome.sentence for outcome in approve(cast)} == {why_letters_wait(standing)}


def test_a_stage_taken_out_of_turn_is_prepared_like_any_other_and_what_waited_below_is_passed_over(cast: Cast) -> None:
    case = case_of(cast)
    record = take_stage(case=case, stage_id="6", reason="The family asks for a contract.", **who(cast))
    assert record.state == "proposed" and record.because == [] and record.approves
    assert record.sentences == ["Taken out of turn by Dr H. Hawthorn: The family asks for a contract."]
    assert PlannedLetter.objects.get(stage_record=record).letter == "letter-4"
    assert set(case.stages.filter(stage="4").values_list("state", flat=True)) == {"passed_over"}
    run(cast, now=NOW + dt.timedelta(hours=1))
    assert set(Letter.objects.filter(wording="letter-2").values_list("state", flat=True)) == {"withdrawn"}
    assert set(Letter.objects.filter(wording="letter-4").values_list("state", flat=True)) == {"drafted"}
    assert case.stages.get(stage="6").state == "proposed"  # no correction takes it back: it does not rest on marks


def test_the_ladder_is_only_climbed(cast: Cast) -> None:
    case, ruleset = case_of(cast), adopted(cast.here, TODAY)[1]
    assert [stage.id for stage in stages_above(case, ruleset)] == ["5", "6", "7"]
    for stage in ("4", "3", "no such"):
        with pytest.raises(Refused, match=f"Stage {stage} cannot be taken"):
            take_stage(case=case, stage_id=stage, reason="Because.", **who(cast))
    with pytest.raises(Refused, match="Give a reason"):
        take_stage(case=case, stage_id="5", reason=" ", **who(cast))


def test_a_stage_left_out_cancels_what_waits_and_is_not_proposed_again(cast: Cast) -> None:
    record = case_of(cast).stages.get(stage="4")
    skip_stage(record=record, reason="A letter would do harm now.", **who(cast))
    assert not Task.objects.filter(stage_record=record, state="open").exists()
    run(cast, now=NOW + dt.timedelta(hours=1))
    assert set(Letter.objects.values_list("state", flat=True)) == {"withdrawn"}
    assert case_of(cast).stages.filter(stage="4").count() == 1
    with pytest.raises(Refused, match="already passed over"):
        skip_stage(record=record, reason="Twice.", **who(cast))
