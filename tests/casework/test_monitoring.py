"""What becomes of periods: tested at their end, looked at early, thanked for, extended, followed by the next stage, carried over."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from casework.models import Plan, PlanReview, StandingApproval
from casework.monitoring import approve_series, carry_plan, end_series, extend_period, proposed_after, review_plan
from casework.plans import Content, draft_plan, put_in_force
from casework.queries.plans import over_the_summer, recovery_of, to_review
from escalation.adoption import adopt
from escalation.models import Event, Period, PlannedLetter, RulesetVersion, StageRecord
from escalation.services import mark_stage_done, open_case
from letters.models import Letter
from schools.models import AcademicYear, Role
from schools.rules import Refused
from tests import factories as make
from tests.casework.cases import staged
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]
BEGAN = dt.date(2025, 10, 6)
ENDS = BEGAN + dt.timedelta(weeks=6)
"""A Monday, three days before TODAY."""


@pytest.fixture
def cast() -> Cast:
    return assemble()


def who(cast: Cast, on: dt.date = TODAY) -> dict:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": on, "now": NOW}


def planned(cast: Cast, key: str, stage: str, kind: str, *, until: dt.date, absences: dict, target: int | None = None) -> Plan:
    """A plan of six weeks from 6 October on that stage, in force; the night of ``until`` has been run."""
    adopt(school=cast.here, key=key, starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, BEGAN, imogen=absences)
    run(cast, on=BEGAN)
    record = staged(cast, stage=stage, letter="letter-1", on=BEGAN) if key == "federation" else _record(cast, stage)
    mark_stage_done(record=record, on=BEGAN, by=None, role="", now=NOW)
    given = Content(
        kind=kind,
        starts_on=BEGAN,
        weeks=6,
        review_on=ENDS,
        target=None if target is None else Decimal(target),
        low_target_meant=True,
    )
    plan = draft_plan(case=record.case, record=record, content=given, **who(cast, BEGAN))
    plan = put_in_force(plan=plan, seen=plan.version, **who(cast, BEGAN))
    present(cast, until, imogen=absences)
    run(cast, on=until)
    plan.refresh_from_db()
    return plan


def _record(cast: Cast, stage: str) -> StageRecord:
    case = open_case(pupil=cast.imogen.enrolment.pupil, school=cast.here, on=BEGAN)
    return StageRecord.objects.create(
        case=case, version=RulesetVersion.objects.latest("pk"), stage=stage, name="Plan", band="Plan", level=4, proposed_on=BEGAN,
        acts=Role.ATTENDANCE_LEAD, approves=Role.ATTENDANCE_LEAD,
    )  # fmt: skip


BEFORE_AND_IN_IT = {**dict.fromkeys(("2025-09-10", "2025-09-11", "2025-09-12"), "O"), "2025-10-15": "I", "2025-10-16": "I"}


def test_a_persons_target_decides_what_was_met(cast: Cast) -> None:
    """44 of 48 sessions are better than the year before (42 of 48) and short of a target of 95."""
    plan = planned(cast, "coventry", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT, target=95)
    period = Period.objects.get(pk=plan.period_id)
    assert (period.outcome, period.attended, period.possible) == ("missed", 44, 48)
    assert proposed_after(period) is not None and proposed_after(period).stage == "4"


def test_without_a_target_the_same_weeks_are_met(cast: Cast) -> None:
    plan = planned(cast, "coventry", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT)
    assert Period.objects.get(pk=plan.period_id).outcome == "met"
    assert Period.objects.get(outcome="").starts_on == ENDS, "another of the same length follows"


def test_a_review_before_the_end_is_recorded_as_early_and_the_period_goes_on(cast: Cast) -> None:
    early = dt.date(2025, 10, 20)
    plan = planned(cast, "coventry", "3", "improvement", until=early, absences=BEFORE_AND_IN_IT, target=95)
    with pytest.raises(Refused, match="The period runs until Monday 17 November: until then the plan goes on"):
        review_plan(plan=plan, seen=plan.version, decision="extend", note="x", **who(cast, early))
    review = review_plan(plan=plan, seen=plan.version, decision="goes_on", note="A good start.", **who(cast, early))
    plan.refresh_from_db()
    assert (review.is_early, review.attended, review.possible) == (True, 16, 20)
    assert (plan.state, Period.objects.get().outcome) == ("in_force", "")
    assert "reviewed early, before its end: 16 of 20 sessions attended, target 95%. The plan goes on. A good start." in _said(
        "plan"
    )


def _said(kind: str) -> str:
    return " ".join(Event.objects.filter(kind=kind).values_list("text", flat=True))


def test_a_missed_target_is_extended_and_the_ladder_waits(cast: Cast) -> None:
    plan = planned(cast, "coventry", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT, target=95)
    assert [each.pk for each in to_review([cast.here], TODAY)] == [plan.pk]
    with pytest.raises(Refused, match="Choose what follows"):
        review_plan(plan=plan, seen=plan.version, decision="praise", **who(cast))
    with pytest.raises(Refused, match="Say why"):
        review_plan(plan=plan, seen=plan.version, decision="extend", **who(cast))
    review_plan(plan=plan, seen=plan.version, decision="extend", note="Ill in the second week.", **who(cast))
    plan.refresh_from_db()
    period = Period.objects.get()
    assert (plan.state, plan.starts_on, plan.review_on) == ("in_force", TODAY, TODAY + dt.timedelta(weeks=6))
    assert (period.starts_on, period.outcome, period.target) == (TODAY, "", 95)
    assert StageRecord.objects.get(stage="4").state == "declined"
    assert "44 of 48 sessions attended, target 95%: missed. The same again. Ill in the second week." in _said("plan")
    present(cast, dt.date(2025, 12, 19), imogen=BEFORE_AND_IN_IT)
    for day in (dt.date(2025, 11, 21), dt.date(2025, 12, 19)):
        run(cast, on=day)
    assert not StageRecord.objects.filter(stage="4", state="proposed").exists(), "the ladder waits for the new end"


def test_an_extended_period_that_is_missed_again_leads_on(cast: Cast) -> None:
    plan = planned(cast, "coventry", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT, target=95)
    extend_period(period=plan.period, reason="Ill in the second week.", **who(cast))
    with pytest.raises(Refused, match="Only a period that has ended with its target missed"):
        extend_period(period=plan.period, reason="Once more.", **who(cast))
    later = dt.date(2026, 1, 6)
    present(cast, later, imogen={**BEFORE_AND_IN_IT, **away(cast, "2025-12-01", 4)})
    run(cast, on=later)
    assert Period.objects.get().outcome == "missed"
    assert StageRecord.objects.filter(stage="4", state="proposed").exists()


def test_the_next_stage_is_the_ladders_where_it_has_proposed_it(cast: Cast) -> None:
    plan = planned(cast, "coventry", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT, target=95)
    review_plan(plan=plan, seen=plan.version, decision="next_stage", note="It did not help.", next_stage="4", **who(cast))
    plan.refresh_from_db()
    assert (plan.state, StageRecord.objects.filter(stage="4").count()) == ("reviewed", 1)
    with pytest.raises(Refused, match="The plan is reviewed already by Mr L. Larch"):
        review_plan(plan=plan, seen=plan.version, decision="closed", note="x", **who(cast))
    assert PlanReview.objects.count() == 1


def test_praise_is_planned_once_whoever_asks_for_it(cast: Cast) -> None:
    """``vale``: the night plans the congratulation; the review finds it there."""
    plan = planned(cast, "vale", "4", "improvement", until=TODAY, absences={"2025-09-10": "O"}, target=95)
    assert PlannedLetter.objects.filter(letter="congratulation").count() == 1
    review_plan(plan=plan, seen=plan.version, decision="praise", **who(cast))
    plan.refresh_from_db()
    assert (plan.state, PlannedLetter.objects.filter(letter="congratulation").count()) == ("reviewed", 1)


def test_recovery_says_how_far_it_is(cast: Cast) -> None:
    """``vale``: 94 % over six school weeks once stage 3 is done."""
    plan = planned(cast, "vale", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT)
    (stable,) = recovery_of(plan.case, TODAY)
    assert (stable.name, stable.holds) == ("Attendance is stable", False)
    ((attended, possible, limit),) = stable.parts
    assert (possible - attended, limit) == (4, 94)
    assert possible == 56 and 100 * attended < 94 * possible


# The weekly series


def focus(cast: Cast, absences: dict[str, str], until: dt.date = dt.date(2025, 11, 14)) -> StageRecord:
    """Imogen's concern letter 1 left on 3 November; the night of ``until``, a Friday, has been run."""
    adopt(school=cast.here, key="wigston", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, dt.date(2025, 11, 7), imogen=absences)
    run(cast, on=dt.date(2025, 11, 7))
    record = StageRecord.objects.filter(stage="2").first() or _record(cast, "2")
    mark_stage_done(record=record, on=dt.date(2025, 11, 3), by=None, role="", now=NOW)
    present(cast, until, imogen=absences)
    return record


def approved(cast: Cast, record: StageRecord, until: dt.date = dt.date(2025, 12, 19)) -> StandingApproval:
    head_of_year = {"by": cast.staff[Role.HEAD_OF_YEAR], "role": "head_of_year", "on": dt.date(2025, 11, 10), "now": NOW}
    return approve_series(record=record, until=until, **head_of_year)


OFTEN_AWAY = {f"2025-09-{day:02}": "O" for day in (8, 9, 15, 16, 22)} | {"2025-11-05": "O", "2025-11-12": "O", "2025-11-13": "O"}


def weekly() -> list[tuple[str, str, str]]:
    found = Letter.objects.filter(planned__cause__startswith="weekly ").order_by("pk").select_related("approved_by")
    return [(letter.wording, letter.state, letter.approved_by.name if letter.approved_by else "") for letter in found]


def test_each_week_a_message_leaves_under_the_standing_approval(cast: Cast) -> None:
    record = focus(cast, OFTEN_AWAY)
    approved(cast, record)
    run(cast, on=dt.date(2025, 11, 13))
    assert weekly() == [], "only after the weekly judgement"
    run(cast, on=dt.date(2025, 11, 14))
    assert weekly() == [("weekly-down", "approved", "Ms H. Hazel")] * 2
    assert "60% of this week, down 20 points on last week" in Letter.objects.filter(wording="weekly-down").first().text
    run(cast, on=dt.date(2025, 11, 14))
    assert len(weekly()) == 2, "run again, it changes nothing"


def test_without_an_approval_nothing_is_written_and_an_expired_one_is_none(cast: Cast) -> None:
    record = focus(cast, OFTEN_AWAY)
    run(cast, on=dt.date(2025, 11, 14))
    assert weekly() == []
    approved(cast, record, until=dt.date(2025, 11, 18))
    present(cast, dt.date(2025, 11, 21), imogen=OFTEN_AWAY)
    run(cast, on=dt.date(2025, 11, 21))
    assert weekly() == []
    approve_series(record=record, until=dt.date(2025, 12, 19), **who(cast, dt.date(2025, 11, 22)))
    assert [one.ended_because for one in StandingApproval.objects.all()] == ["", "Its time was over."]


def test_a_colleague_who_has_left_approves_no_more(cast: Cast) -> None:
    record = focus(cast, OFTEN_AWAY)
    approved(cast, record)
    cast.staff[Role.HEAD_OF_YEAR].roles.update(ends=dt.date(2025, 11, 12))
    run(cast, on=dt.date(2025, 11, 14))
    assert weekly() == [("weekly-down", "drafted", "")] * 2, "they wait for a person"


def test_back_at_95_the_series_ends_and_the_postcard_comes(cast: Cast) -> None:
    record = focus(cast, {"2025-09-08": "O"})
    approval = approved(cast, record)
    run(cast, on=dt.date(2025, 11, 14))
    approval.refresh_from_db()
    assert weekly() == [] and (approval.ended_on, approval.ended_because) == (dt.date(2025, 11, 14), "Back to 95 %")
    assert PlannedLetter.objects.filter(letter="postcard").count() == 1


def test_no_longer_a_concern_ends_it_with_a_postcard(cast: Cast) -> None:
    record = focus(cast, OFTEN_AWAY)
    approval = approved(cast, record)
    with pytest.raises(Refused, match="Say why"):
        end_series(approval=approval, because=" ", **who(cast))
    end_series(approval=approval, because="All is well at home.", no_longer_a_concern=True, **who(cast))
    with pytest.raises(Refused, match="were stopped on Thursday 20 November already"):
        end_series(approval=approval, because="Again.", **who(cast))
    assert PlannedLetter.objects.filter(letter="postcard").count() == 1
    assert "No longer a concern. Weekly messages stopped: All is well at home." in _said("decision")


@pytest.mark.parametrize(
    ("until", "sentence"),
    [(TODAY, "Choose a day ahead"), (TODAY + dt.timedelta(weeks=13), "twelve weeks at most")],
)
def test_a_standing_approval_has_its_time(cast: Cast, until: dt.date, sentence: str) -> None:
    record = focus(cast, OFTEN_AWAY)
    with pytest.raises(Refused, match=sentence):
        approve_series(record=record, until=until, **who(cast))
    approve_series(record=record, until=TODAY + dt.timedelta(weeks=2), **who(cast))
    with pytest.raises(Refused, match="Mr L. Larch has approved the weekly messages until Thursday 4 December already"):
        approve_series(record=record, until=TODAY + dt.timedelta(weeks=3), **who(cast))


# Into a new year


def next_year(cast: Cast) -> dt.date:
    """A calendar for 2026/27; its first week."""
    year = AcademicYear.objects.create(school=cast.here, start_year=2026)
    make.HalfTermFactory(academic_year=year, starts=dt.date(2026, 9, 2), ends=dt.date(2026, 10, 23))
    return dt.date(2026, 9, 7)


def test_a_plan_that_runs_over_the_summer_is_offered_and_carried(cast: Cast) -> None:
    plan = planned(cast, "coventry", "3", "improvement", until=TODAY, absences=BEFORE_AND_IN_IT, target=95)
    assert over_the_summer([cast.here], TODAY) == []
    begins = next_year(cast)
    assert [each.pk for each in over_the_summer([cast.here], begins)] == [plan.pk]
    carried = carry_plan(plan=plan, weeks=3, **who(cast, begins))
    with pytest.raises(Refused, match="closed the plan or carried it over already"):
        carry_plan(plan=plan, weeks=3, **who(cast, begins))
    plan.refresh_from_db()
    assert (plan.state, plan.reason, carried.case.year, carried.replaces) == ("ended", "Carried into 2026/27.", 2026, plan)
    assert (carried.period.stage, carried.period.target) == ("3 of 2025/26", 95)
    assert over_the_summer([cast.here], begins) == []
