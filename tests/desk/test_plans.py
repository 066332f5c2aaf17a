"""Plans on the staff's pages: the list with live outcomes, printing, the letter's enclosure, the tracking sheet, weekly messages."""

from __future__ import annotations

import datetime as dt
from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from casework.models import Plan, StandingApproval
from casework.plans import Act, Content, draft_plan, put_in_force, sign_plan
from desk.queries.plans import board
from escalation.adoption import adopt
from escalation.models import StageRecord
from escalation.services import mark_stage_done
from letters.enclosures import render_plan_html
from letters.plan_sheet import plan_sheet, plan_to_enclose
from schools.access import Scope
from schools.models import Role
from tests.casework.cases import a_night, staged
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    a_night(made)
    return made


def who(cast: Cast) -> dict:
    return {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": TODAY, "now": NOW}


def plan_of(cast: Cast, pupil: str = "imogen") -> Plan:
    """A plan of three weeks in force; one of its actions names a parent."""
    record = mark_stage_done(record=staged(cast, pupil), on=TODAY, by=None, role="", now=NOW)
    weeks = TODAY + dt.timedelta(weeks=3)
    acts = [Act("Ring before nine", "parent", "Ms Morwenna Marlow"), Act("=HYPERLINK", "school")]
    content = Content("support", TODAY, 3, weeks, actions=acts, barriers={"transport": "The bus."})
    plan = draft_plan(case=record.case, record=record, content=content, **who(cast))
    return put_in_force(plan=plan, seen=plan.version, **who(cast))


def lead(client: Client, cast: Cast) -> Client:
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    return client


def test_the_list_costs_the_same_for_any_number_of_plans(cast: Cast) -> None:
    scope, costs = Scope.of(cast.staff[Role.ATTENDANCE_LEAD], TODAY), []
    for pupil in ("imogen", "theo"):
        plan_of(cast, pupil)
        Plan.objects.update(review_on=TODAY + dt.timedelta(days=1))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            shown = board(scope, [cast.here], TODAY + dt.timedelta(weeks=3))
        costs.append(len(asked))
        assert len(shown.this_week) == len(shown.reviews) == len(costs)
    assert costs[0] == costs[1]


def test_a_plan_prints_with_lines_for_those_who_have_not_signed(client: Client, cast: Cast) -> None:
    plan = plan_of(cast)
    sign_plan(plan=plan, side="pupil", name="Imogen", signed_on=TODAY, **who(cast))
    answer = lead(client, cast).get(f"/plans/{plan.pk}/plan.pdf")
    text = " ".join("".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages).split())
    assert answer["Content-Type"] == "application/pdf" and b"pdfuaid" in answer.content
    for words in (
        "Support plan",
        "Target: better than the year so far",
        "Transport",
        "Parent: Ms Morwenna Marlow",
        "20 November 2025",
    ):
        assert words in text


def test_what_goes_with_a_letter_names_no_parent(cast: Cast) -> None:
    plan = plan_of(cast)
    assert plan_to_enclose(plan.case, plan.stage_record_id, "contract") is None
    found = plan_to_enclose(plan.case, plan.stage_record_id, "plan-draft")
    assert found == plan
    html = render_plan_html(plan_sheet(plan, TODAY, for_parent=True))
    assert "Ring before nine" in html and "Morwenna" not in html


def test_the_tracking_sheet_is_a_page_a_pdf_and_a_table(client: Client, cast: Cast) -> None:
    case = plan_of(cast).case
    page = lead(client, cast).get(f"/cases/{case.pk}/tracking/").content.decode()
    assert "Autumn 1" in page and "Support plan, target: better than the year so far" in page
    table = client.get(f"/cases/{case.pk}/tracking.csv").content.decode("utf-8-sig").splitlines()
    assert table[0].startswith("Half term,From,To,Attended,Possible,Patterns") and len(table) == 7
    assert client.get(f"/cases/{case.pk}/tracking.pdf").content.startswith(b"%PDF")
    assert client.get(f"/cases/{case.pk}/tracking.doc").status_code == 404


def test_weekly_messages_are_approved_on_the_page_by_whom_the_ladder_names(client: Client, cast: Cast) -> None:
    version = adopt(school=cast.here, key="wigston", starts=dt.date(2025, 9, 2), by=None, now=NOW).version
    record = mark_stage_done(record=staged(cast, stage="2", letter="concern-1"), on=TODAY, by=None, role="", now=NOW)
    StageRecord.objects.filter(pk=record.pk).update(version=version, approves=Role.HEAD_OF_YEAR)
    client.force_login(cast.alice)
    assert "approved by the head of year" in client.get(f"/cases/weekly/{record.pk}/").content.decode()
    assert client.post(f"/cases/weekly/{record.pk}/", {"until": "2025-12-12"}).status_code == 403
    client.force_login(cast.staff[Role.HEAD_OF_YEAR])
    assert client.post(f"/cases/weekly/{record.pk}/", {"until": "2026-12-12"}).status_code == 400
    assert client.post(f"/cases/weekly/{record.pk}/", {"until": "2025-12-12"}).status_code == 302
    approval = StandingApproval.objects.get()
    assert (approval.by, approval.role) == (cast.staff[Role.HEAD_OF_YEAR], "head_of_year")
    assert "approved by Ms H. Hazel until Friday 12 December" in client.get(f"/cases/{record.case_id}/").content.decode()
