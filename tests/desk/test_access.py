"""Every address of the desk and every role: who opens it, who reads why not (403), and for whom it does not exist (404).

An address that is not in the table fails: a new page has to say who may open it.
"""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from attendance.models import ImportBatch
from casework.documents import add_document
from casework.leave import ask_leave
from casework.leave_days import Span
from casework.meetings import Where, plan_meeting
from casework.models import (
    Clock,
    ImprovementNotice,
    PenaltyGround,
    PenaltyNotice,
    PenaltyRequest,
    SafeguardingNote,
    StandingApproval,
)
from casework.part_time import Terms, agree_timetable
from casework.plans import Act, Content, draft_plan
from casework.referrals import open_referral
from casework.slots import Block, make_slots
from casework.support import offer_support
from desk.urls import urlpatterns
from escalation.adoption import adopt
from escalation.drafts import begin_draft
from escalation.engine.ruleset import load_ruleset
from escalation.models import Adoption, Case, Period, StageRecord, Task, WatchEntry
from escalation.trials import Ladder, ask_for_trial, run_trial
from evidence.models import EvidencePack
from evidence.services import ask_for_pack
from letters.models import Letter, PrintBatch
from messaging.models import Message, Reply
from schools.models import PeopleBatch, Role
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]

WHO = (
    "officer",
    "tutor",
    "head_of_year",
    "attendance_lead",
    "safeguarding_lead",
    "head",
    "trust_lead",
    "governor",
    "administrator",
)
"""Alice, Bob and the others here; Charlie, the officer of another school, comes last in every row."""

# Columns: officer, tutor, head of year, lead, safeguarding, head, trust lead, governor, administrator; then Charlie.
GET = {
    "home": "302 302 302 302 302 302 302 302 302 302",
    "today": "200 403 403 200 200 200 200 403 403 200",
    "calling": "200 403 403 200 200 200 200 403 403 200",
    "n-codes": "200 403 403 200 200 200 200 403 403 200",
    "illness": "200 403 403 200 200 200 200 403 403 200",
    "missing-registers": "200 403 403 200 200 200 200 403 403 200",
    "forms": "200 302 200 200 403 200 403 403 403 200",
    "form": "200 200 200 200 403 200 403 403 403 404",
    "search": "200 200 200 200 200 200 200 200 200 200",
    "pupils": "200 200 200 200 200 200 200 200 200 200",
    "import": "200 403 403 200 403 403 403 403 200 200",
    "import-xml": "302 403 403 302 403 403 403 403 302 302",
    "import-preview": "302 403 403 302 403 403 403 403 302 302",
    "import-columns": "302 403 403 302 403 403 403 403 302 302",
    "import-conflicts": "200 403 403 200 403 403 403 403 403 200",
    "import-undo": "200 403 403 200 403 403 403 403 200 404",
    "people-undo": "200 403 403 200 403 403 403 403 200 404",
    "export": "403 403 403 403 403 200 403 403 200 403",
    "mis": "200 403 403 403 403 403 403 403 200 200",
    "mis-people": "302 403 403 403 403 403 403 403 302 302",
    "registers": "200 200 200 200 403 200 403 403 403 200",
    "register": "200 200 200 200 403 200 403 403 403 404",
    "mark": "200 200 200 200 200 200 200 404 404 404",
    "marks": "200 403 403 200 403 403 403 404 404 404",
    "referrals": "200 403 200 200 200 200 200 403 403 200",
    "referral-new": "200 403 200 200 200 200 403 404 404 404",
    "referral": "200 403 200 200 200 200 200 404 404 404",
    "referral-file": "200 403 200 200 200 200 403 404 404 404",
    **dict.fromkeys(("packs", "pack", "pack-progress", "pack-file"), "403 403 403 200 403 200 403 404 404 404"),
    "nights": "200 403 403 200 403 200 200 403 200 200",
    "batches": "200 403 403 200 403 403 403 403 403 200",
    "batch-pdf": "200 403 403 200 403 403 403 403 403 404",
    "decisions": "200 200 200 200 403 200 200 403 403 200",
    "decisions-review": "302 302 302 302 403 302 302 403 403 302",
    "hold": "403 200 403 200 403 200 200 404 404 404",
    "decline": "403 200 403 200 403 200 200 404 404 404",
    "edit": "403 200 403 200 403 200 200 404 404 404",
    "pupil": "200 200 200 200 200 200 200 404 404 404",
    "trend": "200 200 200 200 200 200 200 404 404 404",
    "why": "200 200 200 200 200 200 200 404 404 404",
    "ladder": "200 200 200 200 200 200 200 200 200 200",
    "contradictions": "200 200 200 200 200 200 200 200 200 200",
    "leaflet": "200 200 200 200 200 200 200 200 200 404",
    "trials": "200 403 403 200 403 200 200 403 403 200",
    "trial": "200 403 403 200 403 200 200 403 403 404",
    "trial-progress": "200 403 403 200 403 200 200 403 403 404",
    "trial-chart": "200 403 403 200 403 200 200 403 403 404",
    "trial-table": "200 403 403 200 403 200 200 403 403 404",
    "trial-lines": "200 403 403 200 403 200 200 403 403 404",
    "rules": "403 403 403 200 403 200 200 403 200 403",
    "rules-history": "200 200 200 200 200 200 200 200 200 200",
    "rules-version": "200 200 200 200 200 200 200 200 200 404",
    "rules-new": "403 403 403 200 403 200 200 403 200 404",
    "rules-draft": "403 403 403 200 403 200 200 403 200 404",
    "rules-numbers": "403 403 403 200 403 200 200 403 200 404",
    "rules-bands": "403 403 403 200 403 200 200 403 200 404",
    "rules-carry-over": "403 403 403 200 403 200 200 403 200 404",
    "rules-item": "403 403 403 200 403 200 200 403 200 404",
    "rules-text": "403 403 403 200 403 200 200 403 200 404",
    "rules-file": "403 403 403 200 403 200 200 403 200 404",
    "rules-publish": "403 403 403 302 403 302 302 403 403 404",
    "discretion": "403 403 200 200 403 200 200 404 404 404",
    "concern": "200 200 200 200 200 200 200 404 404 404",
    "safeguarding": "403 403 403 403 200 200 403 403 403 403",
    "safeguarding-notes": "403 403 403 403 200 200 403 404 404 404",
    "penalties": "200 403 403 200 200 200 200 403 403 200",
    "pupil-penalties": "200 403 403 200 200 200 200 404 404 404",
    "penalty-request-new": "200 403 403 200 403 200 403 404 404 404",
    "penalty-ground": "200 403 403 200 200 200 200 404 404 404",
    "improvement": "200 403 403 200 200 200 200 404 404 404",
    "improvement-new": "200 403 403 200 403 200 403 404 404 404",
    "clocks": "200 403 403 200 200 200 200 403 403 200",
    "clock": "200 403 403 200 200 200 200 404 404 404",
    "clock-file": "200 403 403 200 200 200 200 404 404 404",
    "termly-file": "200 403 403 200 200 200 200 403 403 404",
    "clock-new": "200 403 403 200 200 200 403 404 404 404",
    "leave": "200 403 403 200 200 200 200 403 403 200",
    "leave-request": "200 403 403 200 200 200 200 404 404 404",
    "leave-new": "200 403 403 200 403 200 403 404 404 404",
    "part-time": "200 403 403 200 200 200 200 404 404 404",
    "part-time-new": "403 403 403 200 403 200 403 404 404 404",
    "cases": "200 403 403 200 200 200 200 403 403 200",
    "case": "200 200 200 200 200 200 200 404 404 404",
    "case-task": "200 200 200 200 200 200 403 404 404 404",
    "task-close": "200 200 200 200 200 200 403 404 404 404",
    "case-visit": "200 200 200 200 200 200 403 404 404 404",
    "case-offer": "200 200 200 200 200 200 403 404 404 404",
    "offer-end": "200 200 200 200 200 200 403 404 404 404",
    "meeting-plan": "200 200 200 200 200 200 403 404 404 404",
    "meeting-move": "200 200 200 200 200 200 403 404 404 404",
    "meeting-record": "200 200 200 200 200 200 403 404 404 404",
    "meeting-cancel": "200 200 200 200 200 200 403 404 404 404",
    "meeting-ics": "200 200 200 200 200 200 200 404 404 404",
    "plans": "200 403 403 200 200 200 200 403 403 200",
    **dict.fromkeys(("plan", "plan-sheet", "tracking", "tracking-file"), "200 200 200 200 200 200 200 404 404 404"),
    "plan-new": "302 302 302 302 302 302 403 404 404 404",
    **dict.fromkeys(
        ("plan-edit", "plan-force", "plan-sign", "plan-end", "plan-carry", "series", "series-end"),
        "200 200 200 200 200 200 403 404 404 404",
    ),
    "plan-review": "302 302 302 302 302 302 403 404 404 404",
    "period-extend": "403 403 200 200 403 200 403 404 404 404",
    "slots": "200 403 200 200 403 200 403 403 403 200",
    "slots-give": "200 403 200 200 403 200 403 403 403 200",
    "document-add": "200 403 200 200 200 200 403 404 404 404",
    "document": "200 403 200 200 200 200 403 404 404 404",
    "documents": "403 403 403 403 403 403 403 403 200 403",
    "letters": "200 200 200 200 403 200 200 403 403 200",
    "letter": "200 200 200 200 200 200 200 404 404 404",
    "texts": "200 403 403 200 403 403 403 403 403 200",
    "texts-new": "200 403 403 200 403 403 403 403 403 200",
    "texts-set-up": "403 403 403 403 403 403 403 403 200 403",
    "file": "404 404 404 404 404 404 404 404 404 404",
}
POST = {
    "keys": "302 302 302 302 302 302 302 302 302 302",
    "call": "302 302 302 302 302 302 403 404 404 404",
    "conversation": "302 302 302 302 302 302 403 404 404 404",
    "confirm-n-codes": "302 403 403 302 403 403 403 403 403 404",
    "nudge": "302 403 403 302 302 302 302 403 403 404",
    "same-reason": "302 403 403 302 403 403 403 404 404 404",
    "tell-safeguarding": "302 302 302 302 302 302 403 404 404 404",
    "decline-stage": "302 302 403 302 302 302 403 404 404 404",
    "close-watch": "302 302 302 302 302 302 403 404 404 404",
    "hand-on": "302 302 302 302 302 302 403 404 404 404",
    "task-done": "302 302 302 302 302 302 403 404 404 404",
    "import-commit": "302 403 403 302 403 403 403 403 302 302",
    "import-columns": "302 403 403 302 403 403 403 403 302 302",
    "import-code": "302 403 403 302 403 403 403 403 302 302",
    "import-decide": "302 403 403 302 403 403 403 403 403 302",
    "import-undo": "302 403 403 302 403 403 403 403 302 404",
    "people-undo": "302 403 403 302 403 403 403 403 302 404",
    **dict.fromkeys(("mis-try", "mis-read", "mis-remove", "mis-fetch-people"), "404 403 403 403 403 403 403 403 404 404"),
    "export-school": "403 403 403 403 403 200 403 403 200 404",
    **dict.fromkeys(("certificate", "transfer"), "200 403 403 200 200 200 403 404 404 404"),
    "mis-save": "422 403 403 403 403 403 403 403 422 404",
    "mis-code": "302 403 403 403 403 403 403 403 302 404",
    "trial-ask": "422 403 403 422 403 422 422 403 403 404",
    "run-night": "302 403 403 302 403 403 403 403 302 404",
    "make-batch": "302 403 403 302 403 403 403 403 403 404",
    "batch-posted": "302 403 403 302 403 403 403 403 403 404",
    "rules-start": "403 403 403 302 403 302 302 403 302 404",
    "rules-about": "403 403 403 302 403 302 302 403 302 404",
    "rules-part": "403 403 403 302 403 302 302 403 302 404",
    "rules-discard": "403 403 403 302 403 302 302 403 302 404",
    "rules-review": "403 403 403 302 403 302 302 403 403 404",
    "texts-send": "404 404 404 404 404 404 404 404 404 404",
    "texts-look": "302 403 403 302 403 403 403 403 403 404",
    "texts-take-back": "302 403 403 302 403 403 403 403 403 404",
    "texts-read": "302 403 403 302 403 403 403 403 403 404",
    "texts-answer": "422 403 403 422 403 403 403 403 403 404",
    "texts-try": "403 403 403 403 403 403 403 403 302 404",
    "discretion-pause": "403 403 422 422 403 422 422 404 404 404",
    "discretion-lift": "403 403 422 422 403 422 422 404 404 404",
    "discretion-take": "403 403 422 422 403 422 422 404 404 404",
    "discretion-skip": "403 403 422 422 403 422 422 404 404 404",
    "safeguarding-close": "403 403 403 403 302 302 403 404 404 404",
    "penalty-request-act": "403 403 403 302 403 302 403 404 404 404",
    "penalty-notice-enter": "302 403 403 302 403 302 403 404 404 404",
    "penalty-notice-move": "302 403 403 302 403 302 403 404 404 404",
    "improvement-act": "302 403 403 302 403 302 403 404 404 404",
    "clock-act": "302 403 403 302 302 302 403 404 404 404",
    "referral-act": "403 403 403 302 302 302 403 404 404 404",
    "leave-decide": "403 403 403 403 403 400 403 404 404 404",
    "leave-withdraw": "400 403 403 400 403 400 403 404 404 404",
    "part-time-review": "403 403 403 400 403 400 403 404 404 404",
    "part-time-extend": "403 403 403 400 403 400 403 404 404 404",
    "part-time-end": "403 403 403 400 403 400 403 404 404 404",
    "case-open": "302 302 302 302 302 302 403 404 404 404",
    "offer-answer": "302 302 302 302 302 302 403 404 404 404",
    "meeting-invitation": "302 302 302 302 302 302 403 404 404 404",
    **dict.fromkeys(
        ("plan-new", "plan-review"),
        "302 302 302 302 302 302 403 404 404 404",
    ),
    **dict.fromkeys(
        ("plan-edit", "plan-force", "plan-sign", "plan-end", "plan-carry", "series-end"),
        "400 400 400 400 400 400 403 404 404 404",
    ),
    "period-extend": "403 403 400 400 403 400 403 404 404 404",
    "series": "403 400 403 400 403 400 403 404 404 404",
    "plan-action": "302 302 302 302 302 302 403 404 404 404",
    "slots-make": "400 403 400 400 403 400 403 403 403 404",
    "slot-withdraw": "302 403 302 302 403 302 403 403 403 404",
    "document-delete": "403 403 403 403 403 403 403 403 302 404",
    "approve": "404 404 404 404 404 404 404 404 404 404",
    "undo": "404 404 404 404 404 404 404 404 404 404",
    "contact": "400 400 400 400 400 400 403 404 404 404",
    "note": "400 400 400 400 400 400 403 404 404 404",
    "task": "400 400 400 400 400 400 403 404 404 404",
}
"""Sent without what the form needs, so that an answer of 302 changes nothing: it goes back to the page with what is missing.

What names no letter at all finds none (404)."""


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4))
    run(made)
    return made


def numbers(cast: Cast) -> dict[str, dict[str, object]]:
    """What stands in each address that names something."""
    pupil, enrolment = cast.imogen.enrolment.pupil_id, cast.imogen.enrolment_id
    record = StageRecord.objects.filter(case__pupil=pupil).latest("pk")
    task = Task.objects.create(case=record.case, kind="conversation", title="Talk", role=Role.TUTOR, due_on=TODAY)
    watch = WatchEntry.objects.create(
        pupil=cast.imogen.enrolment.pupil,
        school=cast.here,
        rule="first-day",
        name="First day",
        opened_on=TODAY,
        role=Role.OFFICER,
    )
    letter = Letter.objects.filter(case__pupil=pupil).latest("pk")
    batch = PrintBatch.objects.create(school=cast.here, made_by=cast.alice, made_at=NOW, pdf="batches/none.pdf")
    by_name: dict[str, dict[str, object]] = {"form": {"urn": "900001", "form": "7A"}, "file": {"name": "letters/none.pdf"}}
    draft, version = drafted(cast), Adoption.objects.get(school=cast.here).version_id
    by_name |= {"rules-start": {"urn": "900001"}, "rules-new": {"urn": "900001"}, "rules-version": {"pk": version}}
    by_name |= {
        f"rules-{name}": {"pk": draft} for name in ("draft", "about", "numbers", "bands", "carry-over", "part", "text", "file")
    }
    by_name |= {f"rules-{name}": {"pk": draft} for name in ("review", "discard", "publish")}
    by_name |= {"rules-item": {"pk": draft, "part": "stages", "number": 0}}
    by_name |= {name: {"urn": "900001"} for name in ("confirm-n-codes", "run-night", "make-batch", "nudge")}
    by_name |= {name: {"enrolment": enrolment} for name in ("call", "conversation", "same-reason", "tell-safeguarding")}
    by_name |= {name: {"pk": pupil} for name in ("pupil", "trend", "why", "contact", "note")}
    by_name |= {name: {"pk": pupil} for name in ("discretion", "concern", "safeguarding-notes")}
    by_name |= {f"discretion-{name}": {"pk": pupil} for name in ("pause", "lift", "take", "skip")}
    note = SafeguardingNote.objects.create(
        pupil_id=pupil, school=cast.here, kind="concern", text="x", by=cast.alice, role="officer", at=NOW
    )
    by_name |= {"safeguarding-close": {"pk": pupil, "number": note.pk}}
    by_name |= {name: {"letter_id": letter.pk} for name in ("hold", "decline", "edit")}
    by_name |= {name: {"number": batch.pk} for name in ("batch-pdf", "batch-posted")}
    by_name |= {name: {"number": task.pk} for name in ("hand-on", "task-done")}
    by_name |= {"decline-stage": {"number": record.pk}, "close-watch": {"number": watch.pk}}
    by_name |= {name: {"pk": tried(cast)} for name in ("trial", "trial-progress", "trial-chart", "trial-table")}
    by_name |= {"trial-ask": {"urn": "900001"}, "trial-lines": {"pk": tried(cast), "number": 0}}
    text, reply = texted(cast)
    by_name |= {"texts-take-back": {"pk": text}, "texts-read": {"pk": reply}, "texts-answer": {"pk": reply}}
    by_name |= {name: {"urn": "900001"} for name in ("texts-look", "texts-try")}
    by_name |= {"certificate": {"pk": pupil}, "transfer": {"pk": pupil}, "export-school": {"urn": "900001"}}
    by_name |= {f"mis-{name}": {"urn": "900001"} for name in ("save", "try", "read", "remove", "code", "fetch-people")}
    by_name |= {"register": {"urn": "900001", "date": TODAY.isoformat(), "session": "AM", "form": "7A"}}
    by_name |= {"mark": {"enrolment": enrolment, "date": TODAY.isoformat(), "session": "AM"}, "marks": {"enrolment": enrolment}}
    request = asked(cast)
    by_name |= {name: {"pk": request} for name in ("leave-request", "leave-decide", "leave-withdraw")}
    timetable = agreed(cast)
    by_name |= {f"part-time{name}": {"pk": timetable} for name in ("", "-review", "-extend", "-end")}
    by_name |= {"leave-new": {"pk": pupil}, "part-time-new": {"pk": pupil}}
    by_name |= penalties_of(cast, record.case)
    by_name |= planned_for(cast, record)
    by_name |= worked_on(cast, record.case, task)
    by_name |= files_read_in(cast)
    by_name |= referred(cast, record.case)
    return by_name | {"task": {"pk": task.pk}, "letter": {"pk": letter.pk}}


def referred(cast: Cast, case: Case) -> dict[str, dict[str, object]]:
    """A referral that is being written, and an evidence pack that is made."""
    lead = {"by": cast.staff[Role.ATTENDANCE_LEAD], "role": "attendance_lead", "on": TODAY, "now": NOW}
    referral = open_referral(case=case, form="early-help", **lead)
    pack = ask_for_pack(case=case, purpose="court", parent=None, **lead)
    kept = default_storage.save(f"packs/{pack.pk}.pdf", ContentFile(b"%PDF-1.7"))
    EvidencePack.objects.filter(pk=pack.pk).update(state="done", pdf=kept, sha256="0" * 64, finished_at=NOW)
    by_name: dict[str, dict[str, object]] = {"referral-new": {"pk": case.pk}, "packs": {"pk": case.pk}}
    by_name |= {"referral": {"pk": referral.pk}, "referral-file": {"pk": referral.pk, "ending": "csv"}}
    by_name |= {"referral-act": {"pk": referral.pk, "act": "sent"}, "pack-file": {"pk": pack.pk, "ending": "pdf"}}
    return by_name | {name: {"pk": pack.pk} for name in ("pack", "pack-progress")}


def files_read_in(cast: Cast) -> dict[str, dict[str, object]]:
    """A file of marks and one of people, of which nothing can be undone: they changed nothing."""
    counted = {"rows": 1, "new": 0, "changed": 0, "unchanged": 1, "refused": 0, "by": cast.alice, "at": NOW, "school": cast.here}
    marks = ImportBatch.objects.create(file_name="marks.csv", format="long", sha256="0" * 64, **counted)
    people = PeopleBatch.objects.create(file_name="people.csv", format="table", sha256="0" * 64, **counted)
    return {"import-undo": {"pk": marks.pk}, "people-undo": {"pk": people.pk}}


def planned_for(cast: Cast, record: StageRecord) -> dict[str, dict[str, object]]:
    """A draft of a plan with an action, monitoring, and a standing approval."""
    content = Content("support", TODAY, 4, TODAY + dt.timedelta(weeks=4), actions=[Act("Ring on Monday", "school")])
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    plan = draft_plan(case=record.case, record=record, content=content, **who)
    period = Period.objects.create(case=record.case, stage="4", starts_on=TODAY, weeks=4, ends_on=TODAY + dt.timedelta(weeks=4))
    approval = StandingApproval.objects.create(
        case=record.case, stage_record=record, series="weekly-up", by=cast.alice, role="officer", given_on=TODAY, given_at=NOW,
        until=TODAY,
    )  # fmt: skip
    by_name = {f"plan-{name}": {"pk": plan.pk} for name in ("sheet", "edit", "force", "sign", "review", "end", "carry")}
    by_name |= {"plan": {"pk": plan.pk}, "plan-action": {"pk": plan.actions.get().pk}, "period-extend": {"pk": period.pk}}
    by_name |= {"series": {"pk": record.pk}, "series-end": {"pk": approval.pk}, "plan-new": {"pk": record.case_id}}
    return by_name | {"tracking": {"pk": record.case_id}, "tracking-file": {"pk": record.case_id, "ending": "csv"}}


def penalties_of(cast: Cast, case: Case) -> dict[str, dict[str, object]]:
    """A request, a notice, a notice to improve and two clocks."""
    pupil, lead = case.pupil, cast.staff[Role.ATTENDANCE_LEAD]
    about = {"pupil": pupil, "school": cast.here}
    by = {"by": lead, "role": "attendance_lead", "at": NOW}
    ground = PenaltyGround.objects.create(counted_on=TODAY, window_from=TODAY, threshold=10, checks=[], **about, **by)
    request = PenaltyRequest.objects.create(ground=ground, parent=cast.parents["Morwenna"], number=1)
    notice = PenaltyNotice.objects.create(
        parent=cast.parents["Morwenna"], pupil=pupil, issued_on=TODAY, source="school", issuer="Elsewhere", told_by="Its head",
        state_on=TODAY, entered_by=lead, entered_at=NOW,
    )  # fmt: skip
    chance = ImprovementNotice.objects.create(
        case=case, starts_on=TODAY, ends_on=dt.date(2025, 12, 12), school_days=15, contents={}, **about, **by
    )
    opened = {"opened_on": TODAY, "evidence_from": TODAY, "due_on": TODAY, "role": Role.OFFICER, "because": "Ten days."}
    clock = Clock.objects.create(kind="attendance", **about, **opened)
    Clock.objects.create(kind="termly", **about, **opened)
    by_name = {name: {"pk": pupil.pk} for name in ("pupil-penalties", "penalty-request-new", "penalty-notice-enter")}
    by_name |= {"improvement-new": {"pk": pupil.pk}, "clock-new": {"pk": pupil.pk}, "penalty-ground": {"pk": ground.pk}}
    by_name |= {"penalty-request-act": {"pk": request.pk, "act": "send"}, "penalty-notice-move": {"pk": notice.pk}}
    by_name |= {"improvement": {"pk": chance.pk}, "improvement-act": {"pk": chance.pk, "act": "stop"}}
    by_name |= {"clock": {"pk": clock.pk}, "clock-act": {"pk": clock.pk, "act": "sent"}}
    return by_name | {"clock-file": {"pk": clock.pk, "ending": "csv"}, "termly-file": {"urn": "900001", "ending": "pdf"}}


def asked(cast: Cast) -> int:
    """A request for leave that waits for the head."""
    given = {"asked_on": TODAY, "reason": "A funeral.", "by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    asked_by = {"asked_by": cast.parents["Morwenna"], "span": Span.of_days(dt.date(2025, 12, 8), dt.date(2025, 12, 10))}
    return ask_leave(pupil=cast.imogen.enrolment.pupil, school=cast.here, **asked_by, **given).pk


def agreed(cast: Cast) -> int:
    """A part-time timetable."""
    until = TODAY + dt.timedelta(days=21)
    about = {"why": "Back after an illness.", "objective": "Full time again.", "agreed_on": TODAY, "social_worker_told_on": None}
    terms = Terms(starts=TODAY, ends=until, review_on=until, pattern=(9,), agreed_by=cast.parents["Morwenna"], **about)
    made = {"by": cast.staff[Role.HEAD], "role": "head", "on": TODAY, "now": NOW}
    return agree_timetable(pupil=cast.imogen.enrolment.pupil, school=cast.here, terms=terms, **made)[0].pk


def texted(cast: Cast) -> tuple[int, int]:
    """A text that waits, and a reply."""
    parent, moment = cast.parents["Morwenna"], {"not_before": NOW, "try_at": NOW, "asked_at": NOW}
    about = {"school": cast.here, "parent": parent, "purpose": "note", "body": "Trip.", "to": "+447700900101"}
    text = Message.objects.create(asked_by=cast.alice, **about, **moment)
    came = {"provider_id": f"one {text.pk}", "number": text.to, "received_at": NOW, "stored_at": NOW}
    return text.pk, Reply.objects.create(school=cast.here, parent=parent, **came).pk


def worked_on(cast: Cast, case: Case, task: Task) -> dict[str, dict[str, object]]:
    """A meeting, an offer of help, a document and a free time."""
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    meeting = plan_meeting(case=case, kind="meeting", where=Where(NOW, 20, "room 2"), **who)
    offer = offer_support(case=case, kind="mentoring", offered_on=TODAY, answer="accepted", **who)
    paper = {"title": "Note", "kind": "parent_letter", "file_name": "note.txt", "content": b"Ill."}
    document = add_document(case=case, **paper, **who)
    block = Block(TODAY, dt.time(15), dt.time(16), 20)
    slot = make_slots(school=cast.here, block=block, place="room 2", led_by=None, **who)[0]
    by_name = {
        name: {"pk": case.pk} for name in ("case", "case-task", "case-visit", "case-offer", "meeting-plan", "document-add")
    }
    by_name |= {f"meeting-{name}": {"pk": meeting.pk} for name in ("move", "record", "cancel", "invitation", "ics")}
    by_name |= {name: {"pk": offer.pk} for name in ("offer-answer", "offer-end")}
    by_name |= {name: {"pk": document.pk} for name in ("document", "document-delete")}
    by_name |= {"slots-make": {"urn": "900001"}, "slot-withdraw": {"pk": slot.pk}, "case-open": {"pk": case.pupil_id}}
    return by_name | {"task-close": {"number": task.pk}}


def tried(cast: Cast) -> int:
    """A trial that is done."""
    ladder = Ladder("Tried", load_ruleset("vale").text, "vale")
    day = {"starts": TODAY, "ends": TODAY, "act": "never", "by": cast.alice, "role": "officer", "now": NOW}
    trial = ask_for_trial(school=cast.here, ladders=[ladder], **day)
    assert run_trial(trial_id=trial.pk, clock=lambda: NOW)
    return trial.pk


def drafted(cast: Cast) -> int:
    """A change of the ladder that is being written."""
    lead = cast.staff[Role.ATTENDANCE_LEAD]
    given = {"text": load_ruleset("federation").text, "based_on": None, "role": "attendance_lead", "now": NOW}
    return begin_draft(school=cast.here, by=lead, **given).pk


def answers(client: Client, cast: Cast, name: str, kwargs: dict[str, object], method: str) -> str:
    codes = []
    for user in [*(cast.staff[role] for role in WHO), cast.charlie]:
        client.force_login(user)
        codes.append(getattr(client, method)(reverse(f"desk:{name}", kwargs=kwargs)).status_code)
    return " ".join(map(str, codes))


def test_every_address_is_in_the_table() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(GET) | set(POST)


def test_who_opens_what(client: Client, cast: Cast) -> None:
    given = numbers(cast)
    PrintBatch.objects.update(pdf=default_storage.save("batches/one.pdf", ContentFile(b"%PDF-1.7")))
    found = {name: answers(client, cast, name, given.get(name, {}), "get") for name in GET}
    assert found == GET


def test_who_may_do_what(client: Client, cast: Cast) -> None:
    given = numbers(cast)
    found = {name: answers(client, cast, name, given.get(name, {}), "post") for name in POST}
    assert found == POST


def test_what_changes_something_is_never_a_get(client: Client, cast: Cast) -> None:
    given = numbers(cast)
    for name in set(POST) - set(GET):
        assert answers(client, cast, name, given.get(name, {}), "get") == " ".join(["405"] * 10), name
