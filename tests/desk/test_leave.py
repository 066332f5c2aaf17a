"""Leave and part-time timetables in the desk: entered for a parent, decided by the head, seen wherever somebody has to know."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.grid import slot
from attendance.models import RegisterRow
from attendance.services import change_mark
from casework.leave import ask_leave, decide_leave
from casework.leave_days import Span
from casework.models import LeaveDecision, LeaveRequest, PartTimeTimetable
from escalation.adoption import adopt
from letters.models import Letter
from schools.models import Role
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db

MONDAY, WEDNESDAY = dt.date(2025, 12, 8), dt.date(2025, 12, 10)


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="vale", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen={**away(made, "2025-11-03", 1), **away(made, "2025-11-05", 6, "I")})
    run(made)
    return made


def as_role(client: Client, cast: Cast, role: str) -> Client:
    client.force_login(cast.staff[role])
    return client


def asked(cast: Cast, who: str = "imogen", parent: str = "Morwenna", span: Span | None = None, **more: object) -> LeaveRequest:
    given = {"ground": "holiday", "reason": "A week at the sea.", "by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    pupil = getattr(cast, who).enrolment.pupil
    return ask_leave(
        pupil=pupil, school=cast.here, asked_by=cast.parents[parent], asked_on=TODAY,
        span=span or Span.of_days(MONDAY, WEDNESDAY), **given | more,
    )  # fmt: skip


def form_of(cast: Cast, **more: object) -> dict[str, object]:
    given: dict[str, object] = {
        "school": cast.here.urn, "asked_by": cast.parents["Morwenna"].pk, "asked_on": "2025-11-20", "first_day": "2025-12-08",
        "first_session": "AM", "last_day": "2025-12-10", "last_session": "PM", "ground": "exceptional",
        "reason": "Her grandmother is to be buried.", "evidence_kind": "parent_letter",
    }  # fmt: skip
    return given | more


def new(client: Client, cast: Cast, **more: object):
    return client.post(reverse("desk:leave-new", args=[cast.imogen.enrolment.pupil_id]), form_of(cast, **more), follow=True)


def page(response) -> str:
    return " ".join(response.content.decode().replace("&#x27;", "'").split())


def test_the_officer_enters_a_request_with_its_evidence(client, cast):
    scan = SimpleUploadedFile("../funeral.exe", b"%PDF-1.7 order of service", content_type="text/html")
    response = new(as_role(client, cast, Role.OFFICER), cast, evidence=scan)
    request = LeaveRequest.objects.get()
    assert request.evidence.media_type == "application/pdf" and request.evidence.file_name == "funeral.pdf"
    assert "Entered: leave for Imogen, 8 to 10 December 2025. The head decides on it." in page(response)
    assert "Leave is granted or refused by the head: the law leaves it to the person whom the school has authorised." in page(
        response
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"first_day": ""}, "Enter the first day."),
        ({"first_day": "soon"}, "First day away: enter a date, as 8 December 2025."),
        ({"last_day": "2025-12-05"}, "The last day, 5 December 2025, is before the first, 8 December 2025: change one of the two."),
        ({"first_day": "2025-12-22", "last_day": "2025-12-24"},
         "The school is closed on 22 to 24 December 2025: leave is only needed for school days."),
        ({"asked_by": ""}, "Say who asked: choose a parent, or write who it was."),
        ({"reason": ""}, "Write the reason as the parent gave it: the head decides on it."),
        ({"evidence": SimpleUploadedFile("a.pdf", b"\x00\x01\x02")}, "This is no type of file that is kept."),
    ],
)  # fmt: skip
def test_bad_input_is_answered_by_a_sentence_and_keeps_what_was_written(client, cast, given, sentence):
    response = new(as_role(client, cast, Role.OFFICER), cast, **given)
    assert response.status_code == 400 and sentence in page(response)
    assert "There is a problem" in page(response) and not LeaveRequest.objects.exists()
    assert ("Her grandmother is to be buried." in page(response)) is ("reason" not in given)


def test_the_head_sees_the_policys_own_refusals_with_the_pupils_figures(client, cast):
    shown = page(as_role(client, cast, Role.HEAD).get(reverse("desk:leave-request", args=[asked(cast).pk])))
    assert "The policy refuses leave where any absence is unauthorised: 2 sessions this year." in shown
    assert "The policy refuses leave above 10 % authorised absence: 11.8 % (12 of 102)." in shown
    assert "The policy does not see a family holiday as exceptional." in shown and "7 (Leave of absence)" in shown
    assert "weeks' notice" not in shown
    late = asked(cast, "theo", "Grace", Span.of_days(dt.date(2025, 11, 24), dt.date(2025, 11, 24)), ground="observance")
    shown = page(client.get(reverse("desk:leave-request", args=[late.pk])))
    assert "The policy wants 2 weeks' notice: it was asked for 4 days before." in shown and "unauthorised: " not in shown


def decision(request: LeaveRequest, **more: object) -> dict[str, object]:
    return {"seen": request.decided, "decision": "all", "ground": "exceptional", "reason": "A funeral.", "extra": ""} | more


def test_the_head_grants_a_part_and_the_letter_waits_under_decisions(client, cast):
    request = asked(cast)
    as_role(client, cast, Role.HEAD)
    given = decision(
        request, decision="part", first_day="2025-12-08", first_session="PM", last_day="2025-12-09", last_session="PM"
    )
    shown = page(client.post(reverse("desk:leave-decide", args=[request.pk]), given, follow=True))
    assert "Granted in part. 3 sessions marked C ahead. The letter to each parent waits under Decisions." in shown
    marks = RegisterRow.objects.get(pk=cast.imogen.pk).marks
    assert marks[slot(MONDAY, "AM") : slot(WEDNESDAY, "PM") + 1] == ".CCC.."
    letter = Letter.objects.filter(wording="leave-granted").first()
    opened = page(client.get(reverse("desk:decisions"), {"letter": letter.pk}))
    assert "from the afternoon of Monday 8 December to 9 December 2025. That is 3 sessions of school." in opened


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"decision": ""}, "Choose whether it is granted, granted in part or refused."),
        ({"ground": ""}, "Choose the ground on which leave is granted: the code follows from it."),
        ({"reason": ""}, "Give the reason: the letter to the parents states it."),
        ({"decision": "part"}, "Enter the first day that is granted."),
    ],
)
def test_a_decision_that_lacks_something(client, cast, given, sentence):
    request = asked(cast)
    response = as_role(client, cast, Role.HEAD).post(reverse("desk:leave-decide", args=[request.pk]), decision(request, **given))
    assert response.status_code == 400 and sentence in page(response)


def test_the_second_of_two_heads_is_told(client, cast):
    request = asked(cast)
    as_role(client, cast, Role.HEAD)
    address = reverse("desk:leave-decide", args=[request.pk])
    client.post(address, decision(request))
    response = client.post(address, decision(request, decision="refuse", reason="No."))
    assert response.status_code == 409
    assert "The request has been decided since you looked: granted by Dr H. Hawthorn on 20 November 2025." in page(response)
    assert LeaveDecision.objects.count() == 1


def test_withdrawing_takes_the_marks_back(client, cast):
    request = asked(cast)
    as_role(client, cast, Role.HEAD)
    client.post(reverse("desk:leave-decide", args=[request.pk]), decision(request))
    given = {"seen": 1, "reason": "They are not going."}
    shown = page(client.post(reverse("desk:leave-withdraw", args=[request.pk]), given, follow=True))
    assert "Withdrawn. 6 marks taken back." in shown
    assert Letter.objects.filter(wording="leave-granted").values_list("state", flat=True).distinct().get() == "withdrawn"
    assert "This request was withdrawn: enter a new one if the family asks again." in shown


def test_the_list_today_and_the_pupils_page_show_it(client, cast):
    request = asked(cast)
    as_role(client, cast, Role.OFFICER)
    shown = page(client.get(reverse("desk:leave")))
    assert "1 request" in shown and "8 to 10 December 2025" in shown and "in 18 days" in shown
    assert "8 to 10 December 2025" in page(client.get(reverse("desk:pupil", args=[request.pupil_id])))
    near = asked(cast, "theo", "Grace", Span.of_days(dt.date(2025, 11, 24), dt.date(2025, 11, 25)))
    today = page(client.get(reverse("desk:today"), {"tab": "due"}))
    assert "Decide on leave, 24 to 25 November 2025" in today and reverse("desk:leave-request", args=[near.pk]) in today


def test_who_is_not_back_is_on_today_and_in_the_list(client, cast, settings):
    request = asked(cast)
    grant = {"granted": Span.of_days(MONDAY, WEDNESDAY), "ground": "exceptional", "reason": "A funeral."}
    decide_leave(request=request, seen=0, **grant, by=cast.staff[Role.HEAD], role="head", on=TODAY, now=NOW)
    settings.HANDRAIL_TODAY = dt.date(2025, 12, 12)
    present(cast, settings.HANDRAIL_TODAY, imogen={**away(cast, "2025-12-08", 3, "C"), **away(cast, "2025-12-11", 2)})
    as_role(client, cast, Role.OFFICER)
    assert "2 school days" in page(client.get(reverse("desk:leave")))
    assert "Not back from leave since 11 December 2025" in page(client.get(reverse("desk:today"), {"tab": "due"}))


def test_a_session_missed_after_a_refusal_is_offered_g(client, cast, settings):
    request = asked(cast)
    refuse = {"granted": None, "reason": "A holiday is not a special reason."}
    decide_leave(request=request, seen=0, **refuse, by=cast.staff[Role.HEAD], role="head", on=TODAY, now=NOW)
    settings.HANDRAIL_TODAY = dt.date(2025, 12, 16)
    present(cast, settings.HANDRAIL_TODAY, imogen=away(cast, "2025-12-08", 1, "N"))
    shown = page(as_role(client, cast, Role.OFFICER).get(reverse("desk:n-codes")))
    assert "Leave for 8 to 10 December 2025 was refused. Away all the same: G?" in shown


# Part-time timetables.


def terms(cast: Cast, **more: object) -> dict[str, object]:
    given: dict[str, object] = {
        "school": cast.here.urn, "starts": "2025-11-24", "ends": "2025-12-12", "review_on": "2025-11-28", "pattern": ["1", "3"],
        "why": "Back after an illness.", "objective": "Full days by the end of term.", "agreed_by": cast.parents["Morwenna"].pk,
        "agreed_on": "2025-11-20",
    }  # fmt: skip
    return given | more


def agree(client: Client, cast: Cast, **more: object):
    address = reverse("desk:part-time-new", args=[cast.imogen.enrolment.pupil_id])
    return client.post(address, terms(cast, **more), follow=True)


def test_a_timetable_is_agreed_reviewed_extended_and_ended(client, cast):
    as_role(client, cast, Role.HEAD)
    shown = page(agree(client, cast))
    assert "Agreed. 6 sessions marked ahead." in shown and "Monday and Tuesday afternoon" in shown
    timetable = PartTimeTimetable.objects.get()
    act = {name: reverse(f"desk:part-time-{name}", args=[timetable.pk]) for name in ("review", "extend", "end")}
    assert "The review is recorded." in page(client.post(act["review"], {"note": "It goes well."}, follow=True))
    more = {"ends": "2025-12-19", "review_on": "2025-12-15", "note": "Two afternoons more."}
    assert "Extended. 2 sessions marked ahead." in page(client.post(act["extend"], more, follow=True))
    early = page(client.post(act["end"], {"last_day": "2025-11-28", "note": "Full time."}, follow=True))
    assert "Ended. 6 marks taken back." in early
    assert "It was ended early, on 28 November 2025: agree a new one where it is needed again." in early
    assert client.post(act["end"], {"last_day": "2025-11-28", "note": "Again."}).status_code == 409


def test_a_timetable_longer_than_six_weeks_is_flagged(client, cast):
    shown = page(agree(as_role(client, cast, Role.HEAD), cast, ends="2026-02-13"))
    assert "12 weeks: the Department expects a part-time timetable to be short" in shown


def test_a_timetable_that_cannot_be_agreed(client, cast):
    as_role(client, cast, Role.HEAD)
    response = agree(client, cast, ends="2025-11-21")
    assert response.status_code == 400 and "The last day, 21 November 2025, is before the first" in page(response)
    assert "Choose the sessions of the week" in page(agree(client, cast, pattern=[]))


def test_the_form_asks_for_the_social_worker_and_says_x_for_the_youngest(client, cast):
    as_role(client, cast, Role.HEAD)
    address = reverse("desk:part-time-new", args=[cast.imogen.enrolment.pupil_id])
    assert "Social worker told on" not in page(client.get(address))
    pupil = cast.imogen.enrolment.pupil
    make.PupilFlagFactory(pupil=pupil, kind="social_worker")
    pupil.date_of_birth = dt.date(2021, 3, 1)
    pupil.save()
    assert "Social worker told on" in page(client.get(address)) and "marked <strong>X</strong>" in page(client.get(address))


def test_a_review_that_is_due_and_c2_without_a_timetable(client, cast):
    as_role(client, cast, Role.HEAD)
    agree(client, cast, starts="2025-11-20")
    assert "Review the part-time timetable" in page(client.get(reverse("desk:today"), {"tab": "due"}))
    change_mark(row=cast.theo, date=TODAY, session="PM", to="C2", reason="x", by=cast.alice, role="officer", now=NOW)
    shown = page(client.get(reverse("desk:leave")))
    assert "C2 without a timetable" in shown and "1 session, the first on" in shown


def test_the_lists_statements_do_not_grow_with_the_requests(client, cast):
    as_role(client, cast, Role.OFFICER)
    counts = []
    for number in (3, 12):
        for _ in range(number):
            row = make.on_roll(cast.here)
            link = make.PupilParentFactory(pupil=row.enrolment.pupil)
            given = {
                "ground": "exceptional",
                "reason": "A wedding.",
                "by": cast.alice,
                "role": "officer",
                "on": TODAY,
                "now": NOW,
            }
            request = ask_leave(
                pupil=row.enrolment.pupil, school=cast.here, asked_by=link.parent, asked_on=TODAY,
                span=Span.of_days(MONDAY, MONDAY), **given,
            )  # fmt: skip
            decide_leave(
                request=request, seen=0, granted=Span.of_days(MONDAY, MONDAY), ground="exceptional", reason="Yes.",
                by=cast.staff[Role.HEAD], role="head", on=TODAY, now=NOW,
            )  # fmt: skip
        for address in ("desk:leave", "desk:today"):
            client.get(reverse(address))
            with CaptureQueriesContext(connection) as statements:
                client.get(reverse(address))
            counts.append(len(statements))
    assert counts[:2] == counts[2:]
