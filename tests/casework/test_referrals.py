"""Referrals: filled from the record, gaps and conditions named before they go, and every step of the way to the service and back."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import page as validator
import pytest
from django.core.files.storage import default_storage
from pypdf import PdfReader

from casework import referrals
from casework.meetings import Where, plan_meeting, record_meeting
from casework.models import Referral
from casework.referral_forms import forms, offered
from casework.referrals import TRANSITIONS
from casework.support import offer_support
from escalation.adoption import adopt
from escalation.engine.ruleset import load_ruleset
from escalation.models import Case, Event, Period, RulesetVersion, StageRecord, Task
from escalation.services import open_case, record_contact
from letters.referral_form import file_of, fill, make_ready, referral_csv
from schools.models import AuditEntry, Role
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]

ANSWERS = {
    "discussed": "18 November 2025, with Ms Marlow.",
    "summary": "Two letters, a meeting and a plan.",
    "staff_safety": "None known.",
    "learning": "At home with numbers, behind in reading.",
}


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    adopt(school=made.here, key="goldington", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-10-13", 15), theo=away(made, "2025-10-13", 15))
    run(made)
    return made


@pytest.fixture
def case(cast: Cast) -> Case:
    return open_case(pupil=cast.imogen.enrolment.pupil, school=cast.here, on=TODAY)


def lead(cast: Cast) -> dict[str, Any]:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": TODAY, "now": NOW}


def done(case: Case, stage: str, on: dt.date) -> StageRecord:
    """A stage as it was done: the case's own record where the night made one."""
    StageRecord.objects.filter(case=case, stage=stage).delete()
    return StageRecord.objects.create(
        case=case, version=RulesetVersion.objects.latest("pk"), stage=stage, name=f"Stage {stage}", band="Further", level=3,
        state="done", proposed_on=on, done_on=on, acts=Role.HEAD_OF_YEAR,
    )  # fmt: skip


def ready_case(cast: Cast, case: Case) -> Case:
    """What appendix 6 asks for: stages 3 and 4, a plan that failed, a call, a meeting to which nobody came."""
    Task.objects.filter(case=case).delete()
    Event.objects.filter(case=case).update(stage_record=None)
    done(case, "3", dt.date(2025, 10, 6))
    done(case, "4", dt.date(2025, 10, 13))
    Period.objects.create(
        case=case, stage="4", starts_on=dt.date(2025, 10, 13), weeks=3, ends_on=dt.date(2025, 11, 3), outcome="missed", possible=20,
        attended=8,
    )  # fmt: skip
    who = lead(cast)
    record_contact(
        pupil=case.pupil, school=case.school, kind="call", outcome="spoke", parent=cast.parents["Morwenna"], note="Tired.", **who
    )
    meeting = plan_meeting(case=case, kind="meeting", where=Where(NOW, 30, "room 2"), **who)
    record_meeting(meeting=meeting, came={}, outcome="in_absence", summary="Nobody came.", agreed="A plan all the same.", **who)
    return case


def begun(cast: Cast, case: Case, form: str = "goldington-ews", **answers: str) -> Referral:
    made = referrals.open_referral(case=case, form=form, **lead(cast))
    return referrals.answer(referral=made, answers=ANSWERS | answers, **lead(cast))


def test_every_policy_has_its_form_and_its_stages_exist() -> None:
    for key in ("federation", "coventry", "vale", "wigston", "goldington"):
        own = [form for form in offered(key).values() if form.ruleset == key]
        stages = {stage.id for stage in load_ruleset(key).stages}
        asked = {stage for form in own for gate in form.gates for stage in (*gate.stages, gate.stage) if stage}
        assert own and asked <= stages and {form.stage for form in own} <= stages


def test_no_form_goes_without_its_services_name_and_clause() -> None:
    assert all(form.service and form.clause and form.title for form in forms().values())


def test_gaps_are_named_before_it_goes(cast: Cast, case: Case) -> None:
    filled = fill(referrals.open_referral(case=case, form="goldington-ews", **lead(cast)), TODAY)
    assert "No meeting is recorded: the form asks for its date and what came of it." in filled.gaps
    assert "Discussed with the parents: nobody has said it yet." in filled.gaps
    lines = dict(filled.lines)
    assert lines["Pupil"] == "Imogen Marlow" and lines["Address"] == "2 Mill Road, Fenwold, FW1 2BB"
    assert lines["Attendance this year"].startswith(
        "70.6%: 72 of 102 sessions attended from 3 September 2025 to 20 November 2025."
    )
    assert lines["Parents living elsewhere"].startswith(
        "Mr Piers Quill (father, parental responsibility), 07700 900100, 9 Low Row"
    )


def test_the_policys_conditions_are_shown_and_need_a_reason_to_go_on_regardless(cast: Cast, case: Case) -> None:
    referral = begun(cast, case)
    stages = next(gate for gate in fill(referral, TODAY).gates if gate.clause == "Attendance procedures, stages 3 and 4")
    assert not stages.met and stages.sentence.startswith("Not done this year: stage 3")
    with pytest.raises(Refused, match="Put it right, or say why it goes all the same"):
        make_ready(referral=referral, despite=" ", **lead(cast))
    ready = make_ready(referral=referral, despite="The officer asked for it at once.", **lead(cast))
    assert ready.state == "ready" and ready.despite and not ready.gates[0]["met"]


def test_a_complete_case_goes_without_a_word_more(cast: Cast, case: Case) -> None:
    referral = begun(cast, ready_case(cast, case))
    referral.refresh_from_db()
    filled = fill(referral, TODAY)
    assert filled.gaps == ("No letter home has left: the service asks for the dates and for copies.",)
    assert [gate.sentence for gate in filled.unmet] == []
    assert "Stage 4, Stage 4: done, 13 October 2025" in dict(filled.lines)["Stages of the policy"]
    plan = "Monitoring of stage 4, 13 October 2025 to 3 November 2025, target: to improve: target missed, 40.0% (8 of 20)"
    assert dict(filled.lines)["Plan and how it ended"] == plan
    assert "held in the parents’ absence" in dict(filled.lines)["Meetings with parents"]


def test_a_barred_parent_is_named_nowhere(cast: Cast) -> None:
    theo = open_case(pupil=cast.theo.enrolment.pupil, school=cast.here, on=TODAY)
    cast.parents["Stefan"].address = "44 Hidden Row\nElsewhere\nZZ9 9ZZ"
    cast.parents["Stefan"].save()
    filled = fill(begun(cast, theo), TODAY)
    words = "\n".join(words for _, words in filled.lines)
    assert "Hidden Row" not in words and "Stefan" not in words
    assert "An order or a no-contact note stands about another parent" in words


def test_what_is_ready_is_frozen_with_its_file(cast: Cast, case: Case) -> None:
    ready = make_ready(referral=begun(cast, ready_case(cast, case)), despite="No letter: spoken with at the door.", **lead(cast))
    pdf = file_of(ready, TODAY, NOW)
    assert validator.validate_pdf_bytes(pdf, profile="ua1").failures == []
    text = "\n".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages)
    assert "Attendance referral" in text and "evidence copy" in text and "Draft" not in text
    case.pupil.last_name = "Changed"
    case.pupil.save()
    kept = Referral.objects.select_related("case__pupil").get(pk=ready.pk)
    assert dict(fill(kept, TODAY).lines)["Pupil"] == "Imogen Marlow"
    with default_storage.open(kept.pdf.name) as stored:
        assert stored.read() == pdf
    assert "Imogen Marlow" in referral_csv(kept, fill(kept, TODAY))


def test_a_draft_says_that_it_is_one(cast: Cast, case: Case) -> None:
    pdf = file_of(begun(cast, case), TODAY, NOW)
    text = "\n".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages)
    assert "It has not been sent." in text and "Gaps in this draft" in text


def sent(cast: Cast, case: Case, **how: Any) -> Referral:
    ready = make_ready(referral=begun(cast, case), despite="Asked for at once.", **lead(cast))
    given = {"sent_on": TODAY, "how": "Secure e-mail", "to": "the duty officer"} | how
    return referrals.mark_sent(referral=ready, **given, **lead(cast))


def test_sending_completes_the_stages_task_and_says_by_whom(cast: Cast, case: Case) -> None:
    Task.objects.filter(case=case).delete()
    record = done(case, "5", TODAY)
    task = Task.objects.create(
        case=case, stage_record=record, kind="referral", title="Referral", role="head_of_year", due_on=TODAY
    )
    referral = sent(cast, case)
    task.refresh_from_db()
    assert task.state == "done" and task.note == "Sent to the duty officer."
    assert (referral.state, referral.sent_by, referral.stage_record) == ("sent", cast.staff[Role.ATTENDANCE_LEAD], record)
    assert AuditEntry.objects.filter(action="referral sent").count() == 1


def test_with_the_authority_and_back_leaves_its_history(cast: Cast, case: Case) -> None:
    referral = sent(cast, case)
    referrals.acknowledge(referral=referral, answered_on=TODAY, reference="EWS 17", **lead(cast))
    referrals.hand_over(referral=referral, taken_on=TODAY, **lead(cast))
    case.refresh_from_db()
    assert case.with_authority_since == TODAY
    referrals.take_back(referral=referral, ended_on=TODAY, outcome="improved", reason="Back at 96%.", **lead(cast))
    case.refresh_from_db()
    assert case.with_authority_since is None
    said = list(Event.objects.filter(case=case, kind="referral").order_by("pk").values_list("text", flat=True))
    assert "With the local authority from 20 November 2025." in said
    assert "Back from the local authority: with it from 20 November 2025 to 20 November 2025." in said
    assert [event.after for event in referral.events.all()] == [
        "draft", "ready", "sent", "acknowledged", "with_authority", "returned",
    ]  # fmt: skip


def test_early_help_does_not_hand_the_case_over(cast: Cast, case: Case) -> None:
    made = begun(cast, case, "early-help", consent="Ms Marlow, 19 November 2025.")
    ready = make_ready(referral=made, despite="Soon.", **lead(cast))
    gone = referrals.mark_sent(referral=ready, sent_on=TODAY, how="Post", to="early help", **lead(cast))
    referrals.hand_over(referral=gone, taken_on=TODAY, **lead(cast))
    case.refresh_from_db()
    assert case.with_authority_since is None


def test_a_second_referral_on_one_form_is_refused_while_the_first_runs(cast: Cast, case: Case) -> None:
    first = begun(cast, case)
    with pytest.raises(Refused, match="under way already"):
        begun(cast, case)
    referrals.withdraw(referral=first, reason="The wrong form.", **lead(cast))
    assert begun(cast, case).state == "draft"


def test_two_people_at_one_referral(cast: Cast, case: Case) -> None:
    referral = begun(cast, case)
    same = Referral.objects.get(pk=referral.pk)
    referrals.withdraw(referral=referral, reason="Not now.", **lead(cast))
    with pytest.raises(Refused, match="“withdrawn”: that cannot be done now"):
        make_ready(referral=same, despite="Now.", **lead(cast))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sent_on": TODAY + dt.timedelta(days=1)}, "lies ahead"),
        ({"sent_on": TODAY - dt.timedelta(days=1)}, "made ready on 20 November 2025"),
        ({"how": "Pigeon"}, "Say how it was sent"),
        ({"to": " "}, "Say to whom"),
    ],
)
def test_what_is_said_of_sending_must_be_possible(cast: Cast, case: Case, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        sent(cast, case, **given)


STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "draft": ("back_to_writing", {}),
    "sent": ("mark_sent", {"sent_on": TODAY, "how": "Post", "to": "the officer"}),
    "acknowledged": ("acknowledge", {"answered_on": TODAY, "reference": "1"}),
    "with_authority": ("hand_over", {"taken_on": TODAY}),
    "returned": ("take_back", {"ended_on": TODAY, "outcome": "legal", "reason": "Fined."}),
    "withdrawn": ("withdraw", {"reason": "Wrong form."}),
}
"""By the state that each service leads to; ``ready`` is made with a file, below."""


@pytest.mark.parametrize("before", list(TRANSITIONS))
@pytest.mark.parametrize("after", ["ready", *STEPS])
def test_the_whole_table_of_states(cast: Cast, case: Case, before: str, after: str) -> None:
    told = {"sha256": "0" * 64, "sent_on": TODAY, "sent_by": cast.alice, "ended_on": TODAY, "outcome": "left", "reason": "x"}
    referral = begun(cast, case)
    Referral.objects.filter(pk=referral.pk).update(state=before, **told)
    referral.refresh_from_db()

    def step() -> Referral:
        if after == "ready":
            return make_ready(referral=referral, despite="Now.", **lead(cast))
        name, given = STEPS[after]
        return getattr(referrals, name)(referral=referral, **given, **lead(cast))  # type: ignore[no-any-return]

    if after in TRANSITIONS[before]:
        assert step().state == after
    else:
        with pytest.raises(Refused):
            step()
        assert Referral.objects.get(pk=referral.pk).state == before


def test_support_that_was_offered_stands_with_its_answer(cast: Cast, case: Case) -> None:
    offer_support(
        case=case, kind="early_help", offered_on=TODAY, parent=cast.parents["Morwenna"], answer="declined", **lead(cast)
    )
    lines = dict(fill(begun(cast, case), TODAY).lines)
    assert "20 November 2025: Early help. Declined." in lines["Other steps"]
