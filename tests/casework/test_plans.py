"""Plans and contracts: written, put in force, bound to the period that the night tests, signed, replaced; and what is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from casework.documents import add_document
from casework.models import Plan, PlanSignature
from casework.plan_kinds import barrier_names, kind_of, offered, part_names, plan_kinds
from casework.plans import Act, Content, change_plan, draft_plan, end_plan, finish_action, put_in_force, sign_plan
from casework.queries import plans as queries
from casework.queries.plans import ending, plans_of
from escalation.adoption import adopt
from escalation.engine.ruleset import load_ruleset
from escalation.models import Case, Event, Period, StageRecord, Task
from escalation.services import mark_stage_done
from schools.models import AuditEntry, Role
from schools.rules import Refused
from tests.casework.cases import a_night, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]
WEEK = dt.timedelta(days=7)


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    a_night(made)
    return made


def who(cast: Cast, on: dt.date = TODAY) -> dict:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": on, "now": NOW}


@pytest.fixture
def record(cast: Cast) -> StageRecord:
    """Imogen's stage 5 is done: six weeks run from today."""
    made = staged(cast)
    return mark_stage_done(record=made, on=TODAY, by=None, role="", now=NOW)


def content(**changes: object) -> Content:
    plain = Content(
        kind="support",
        starts_on=TODAY,
        weeks=6,
        review_on=TODAY + 6 * WEEK,
        target=Decimal(98),
        barriers={"transport": "The bus comes late.", "home": ""},
        promises={
            "school": ["A mentor meets Imogen at the gate."],
            "parent": ["We ring before nine."],
            "pupil": ["I pack my bag."],
        },
        actions=[Act("Ask for a bus pass", "school", "Ms A. Arden", TODAY + WEEK), Act("Set two alarms", "pupil")],
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def drafted(cast: Cast, record: StageRecord, **changes: object) -> Plan:
    return draft_plan(case=record.case, record=record, content=content(**changes), **who(cast))


def in_force(cast: Cast, record: StageRecord, **changes: object) -> Plan:
    plan = drafted(cast, record, **changes)
    return put_in_force(plan=plan, seen=plan.version, **who(cast))


def test_every_ladder_offers_kinds_that_exist_for_stages_that_it_has() -> None:
    for key, offer in plan_kinds().policies.items():
        if key != "other":
            stages = {stage.id for stage in load_ruleset(key).stages}
            assert set(offer.stages) <= stages
    assert list(barrier_names("action")) == [
        "bullying", "medical", "home", "transport", "relationships", "academic", "behaviour", "other",
    ]  # fmt: skip
    assert (kind_of("engagement").longest, len(part_names("engagement"))) == (3, 8)
    assert kind_of("improvement").authority_weeks == 4
    assert list(offered("goldington", "4")) == ["action"] and list(offered("an-own-one", "x")) == ["support", "contract"]


def test_a_plan_in_force_gives_its_stages_period_its_dates_and_target(cast: Cast, record: StageRecord) -> None:
    plan = in_force(cast, record, starts_on=TODAY + WEEK, weeks=4, review_on=TODAY + 5 * WEEK)
    period = Period.objects.get()
    assert plan.period == period and plan.state == "in_force"
    assert (period.starts_on, period.weeks, period.ends_on, period.target) == (TODAY + WEEK, 4, TODAY + 5 * WEEK, 98)
    assert [(task.state, task.outcome) for task in Task.objects.filter(kind="plan")] == [("done", "done")]
    assert Event.objects.filter(kind="plan", text__startswith="Support plan in force: 4 weeks from").exists()
    assert AuditEntry.objects.filter(action="plan in force", by=cast.staff[Role.ATTENDANCE_LEAD]).count() == 1


def test_without_the_parents_it_says_how_they_were_asked(cast: Cast, record: StageRecord) -> None:
    plan = drafted(cast, record)
    with pytest.raises(Refused, match="Say how the parents were asked"):
        put_in_force(plan=plan, seen=plan.version, in_absence=True, **who(cast))
    assert Task.objects.get(kind="plan").state == "open"
    plan = put_in_force(plan=plan, seen=plan.version, in_absence=True, how_tried="Two letters and a call.", **who(cast))
    assert (plan.in_absence, Task.objects.get(kind="plan").outcome) == (True, "held_in_absence")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weeks": 0}, "lasts at least one week"),
        ({"weeks": 27}, "lasts 26 weeks at most"),
        ({"review_on": TODAY}, "is not after the first day"),
        ({"starts_on": TODAY - WEEK, "review_on": TODAY + WEEK}, "cannot begin before stage 5 was done, on 20 November 2025"),
        ({"starts_on": TODAY + 5 * WEEK, "review_on": TODAY + 8 * WEEK}, "more than four weeks ahead"),
        ({"target": Decimal(0)}, "above 0 and up to 100"),
        ({"target": Decimal("100.5")}, "above 0 and up to 100"),
        ({"target": Decimal(90)}, "98 of 102 sessions today: a target of 90% asks for no more than that"),
        ({"kind": "action"}, "Choose which plan it is"),
        ({"barriers": {"weather": "x"}}, "not one of this plan’s"),
        ({"barriers": {"other": " "}}, "Other: say what gets in the way"),
        ({"actions": [Act(" ", "school")]}, "Action 1: say what is to be done"),
        ({"actions": [Act("Ring", "other")]}, "Action 1: say who exactly does it"),
        ({"actions": [Act("Ring", "somebody")]}, "Action 1: say who does it"),
        ({"actions": [Act("Ring", "school", due_on=TODAY - WEEK)]}, "is before the plan begins"),
        ({"steps": [(TODAY, "am")]}, "has no steps from day to day"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(cast: Cast, record: StageRecord, changes: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        drafted(cast, record, **changes)
    assert not Plan.objects.exists()


def test_a_low_target_may_be_meant(cast: Cast, record: StageRecord) -> None:
    assert in_force(cast, record, target=Decimal(90), low_target_meant=True).period.target == 90


def test_two_people_at_once_one_of_them_reads_who_was_first(cast: Cast, record: StageRecord) -> None:
    plan = drafted(cast, record)
    seen = plan.version
    change_plan(plan=Plan.objects.get(), content=content(weeks=5), seen=seen, **who(cast))
    with pytest.raises(Refused, match="Somebody has changed the plan while you looked"):
        change_plan(plan=plan, content=content(weeks=3), seen=seen, **who(cast))
    with pytest.raises(Refused, match="Somebody has changed the plan while you looked"):
        put_in_force(plan=plan, seen=seen, **who(cast))
    assert Plan.objects.get().weeks == 5 and Task.objects.get(kind="plan").state == "open"
    put_in_force(plan=plan, seen=seen + 1, **who(cast))
    with pytest.raises(Refused, match="The plan is in force already"):
        change_plan(plan=plan, content=content(), seen=plan.version, **who(cast))


def test_a_second_draft_waits_for_the_first(cast: Cast, record: StageRecord) -> None:
    drafted(cast, record)
    with pytest.raises(Refused, match="A draft of a plan stands in this case already"):
        drafted(cast, record)


def test_the_letter_of_the_stage_leaves_first(cast: Cast) -> None:
    plan = drafted(cast, staged(cast))
    with pytest.raises(Refused, match="Stage 5 is not done: its letter leaves first"):
        put_in_force(plan=plan, seen=plan.version, **who(cast))
    assert not Period.objects.exists()


def test_a_new_plan_replaces_the_one_in_force_with_a_reason(cast: Cast, record: StageRecord) -> None:
    old = in_force(cast, record)
    new = drafted(cast, record, weeks=3, review_on=TODAY + 3 * WEEK)
    with pytest.raises(Refused, match="Support plan of Thursday 20 November is in force: say why it is replaced"):
        put_in_force(plan=new, seen=new.version, **who(cast))
    new = put_in_force(plan=new, seen=new.version, replaces_because="The family has moved.", **who(cast))
    old.refresh_from_db()
    assert (old.state, old.reason, new.replaces, old.weeks) == ("replaced", "The family has moved.", old, 6)
    assert Period.objects.get().weeks == 3
    assert [plan.pk for plan in plans_of(record.case)] == [new.pk, old.pk]


def test_each_person_signs_once_and_the_paper_is_the_cases_own(cast: Cast, record: StageRecord) -> None:
    plan = in_force(cast, record)
    paper = add_document(
        case=record.case, title="Signed", kind="signed_plan", file_name="a.txt", content=b"Signed.", **who(cast)
    )  # fmt: skip
    mother = cast.parents["Morwenna"]
    sign_plan(plan=plan, side="parent", parent=mother, signed_on=TODAY, document=paper, **who(cast))
    with pytest.raises(Refused, match="Ms Morwenna Marlow signed on Thursday 20 November already, recorded by Mr L. Larch"):
        sign_plan(plan=plan, side="parent", parent=mother, signed_on=TODAY, **who(cast))
    with pytest.raises(Refused, match="is no parent of this pupil"):
        sign_plan(plan=plan, side="parent", parent=cast.parents["Grace"], signed_on=TODAY, **who(cast))
    with pytest.raises(Refused, match="lies ahead"):
        sign_plan(plan=plan, side="pupil", name="Imogen", signed_on=TODAY + WEEK, **who(cast))
    assert [(one.name, one.document) for one in PlanSignature.objects.all()] == [("Ms Morwenna Marlow", paper)]


def test_actions_are_done_once_and_only_while_the_plan_holds(cast: Cast, record: StageRecord) -> None:
    plan = in_force(cast, record)
    action = plan.actions.get(number=1)
    finish_action(action=action, done_on=TODAY, **who(cast))
    with pytest.raises(Refused, match="Already recorded by Mr L. Larch"):
        finish_action(action=action, done_on=TODAY, **who(cast))
    end_plan(plan=plan, seen=plan.version, reason="The family moves away.", **who(cast))
    with pytest.raises(Refused, match="The plan is ended"):
        finish_action(action=plan.actions.get(number=2), done_on=TODAY, **who(cast))
    assert Period.objects.get().outcome == "", "monitoring goes on"


def test_an_engagement_plan_says_which_sessions_from_which_day(cast: Cast, record: StageRecord) -> None:
    StageRecord.objects.update(version=_version_of(cast, "wigston"))
    record.refresh_from_db()
    steps = [(TODAY, "am"), (TODAY + WEEK, "day")]
    given = {"kind": "engagement", "weeks": 2, "review_on": TODAY + 2 * WEEK, "barriers": {"anxiety": "Crowds."}}
    with pytest.raises(Refused, match="Each step begins on a day of its own"):
        drafted(cast, record, steps=list(reversed(steps)), **given)
    with pytest.raises(Refused, match="lies outside the plan"):
        drafted(cast, record, steps=[(TODAY + 9 * WEEK, "am")], **given)
    plan = drafted(cast, record, steps=steps, parts={"arrival": "Ms Hazel is at the side door at 9.", "lunch": " "}, **given)
    assert plan.parts == {"arrival": "Ms Hazel is at the side door at 9."}
    assert plan.steps == [{"from": "2025-11-20", "sessions": "am"}, {"from": "2025-11-27", "sessions": "day"}]
    with pytest.raises(Refused, match="lasts 3 weeks at most"):
        change_plan(plan=plan, content=content(**{**given, "weeks": 4}), seen=plan.version, **who(cast))


def _version_of(cast: Cast, key: str):
    return adopt(school=cast.here, key=key, starts=dt.date(2025, 9, 2), by=None, now=NOW).version


def test_figures_are_counted_as_the_night_counts_them(cast: Cast, record: StageRecord, django_assert_num_queries) -> None:
    Period.objects.update(starts_on=dt.date(2025, 10, 31), ends_on=dt.date(2025, 11, 28), weeks=4)
    (period,) = ending([cast.here], TODAY, TODAY + 2 * WEEK)
    result = queries.tested([period], TODAY)[period.pk]
    assert (result.attended, result.possible, result.ended, result.outcome) == (24, 28, False, "missed")
    assert result.before_attended == result.before_possible == 74
    other = Case.objects.create(pupil=cast.theo.enrolment.pupil, school=cast.here, year=2025, opened_on=TODAY)
    Period.objects.create(case=other, stage="5", starts_on=dt.date(2025, 10, 31), ends_on=dt.date(2025, 11, 28), weeks=4)
    for number in (1, 2):
        periods = ending([cast.here], TODAY, TODAY + 2 * WEEK)[:number]
        with django_assert_num_queries(5):
            queries.tested(periods, TODAY)
