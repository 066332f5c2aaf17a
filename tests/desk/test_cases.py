"""The board of cases and one case's page: what stands still, what is due, what no longer fits; and every act from the page."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from casework.errands import add_task
from casework.meetings import Where
from casework.models import Document, HomeVisit, Meeting, MeetingSlot, SupportOffer
from casework.queries.cases import overdue_by_school
from desk.queries.cases import Filters, board
from desk.queries.pupil import HOW_TO_ACT
from escalation.models import Case, Event, Period, StageRecord, Task
from escalation.services import decline_stage, mark_stage_done, open_case
from letters.models import Letter
from schools.access import Scope
from schools.models import AuditEntry, Enrolment, PupilFlag, PupilParent, Role, StaffRole
from tests import factories as make
from tests.casework.cases import AT, a_night, drafts, planned, staged
from tests.cast import NOW, TODAY, Cast, assemble
from tests.pages import Element, read
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    a_night(made)
    return made


@pytest.fixture
def record(cast: Cast) -> StageRecord:
    return staged(cast)


def lead(client: Client, cast: Cast) -> Client:
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    return client


def soup(client: Client, address: str, status: int = 200) -> Element:
    answer = client.get(address)
    assert answer.status_code == status
    return read(answer.content)


def words(page: Element, selector: str) -> str:
    return page.one(selector).words


def case_address(case: Case) -> str:
    return reverse("desk:case", args=[case.pk])


def seen(cast: Cast, role: str = Role.ATTENDANCE_LEAD, on: dt.date = TODAY, **chosen: str):
    user = cast.staff[role]
    return board(
        scope=Scope.of(user, on), user=user, schools=[cast.here], on=on, filters=Filters(**chosen), all_schools=[cast.here]
    )


# The board


def test_an_empty_board_says_when_a_case_opens(client: Client, cast: Cast) -> None:
    assert "A case opens with the first stage of the ladder" in words(soup(lead(client, cast), "/cases/"), "main")


def test_a_case_that_stands_still_is_stuck_and_the_longest_comes_first(cast: Cast, record: StageRecord) -> None:
    other = staged(cast, "theo")
    Event.objects.create(case=record.case, kind="note", on=dt.date(2025, 10, 10), at=NOW, text="Quiet since.")
    Event.objects.create(case=other.case, kind="note", on=dt.date(2025, 11, 3), at=NOW, text="Quiet since.")
    shown = seen(cast)
    assert [(case.pupil.first_name, case.quiet) for case in shown.stuck] == [("Imogen", 23), ("Theo", 13)]
    Event.objects.create(case=record.case, kind="note", on=TODAY, at=NOW, text="Something happened.")
    assert [case.pupil.first_name for case in seen(cast).stuck] == ["Theo"]


def test_what_is_done_and_waits_for_nothing_is_not_stuck(cast: Cast, record: StageRecord) -> None:
    StageRecord.objects.update(state="done", done_on=dt.date(2025, 9, 10))
    Event.objects.create(case=record.case, kind="note", on=dt.date(2025, 9, 10), at=NOW, text="Done.")
    assert seen(cast).stuck == [] and len(seen(cast).cases) == 1


def test_by_what_is_due_overdue_ones_come_first(cast: Cast, record: StageRecord) -> None:
    who = {"by": cast.alice, "role": "officer", "on": dt.date(2025, 11, 10), "now": NOW}
    bob = StaffRole.objects.get(user=cast.bob)
    add_task(case=staged(cast, "theo").case, title="Ring", owner=bob, due_on=dt.date(2025, 11, 25), **who)
    add_task(case=record.case, title="Ask the nurse", owner=bob, due_on=dt.date(2025, 11, 17), **who)
    shown = seen(cast)
    assert [(case.pupil.first_name, case.late, case.owner.name) for case in shown.due] == [
        ("Imogen", 3, "Mr B. Birch"), ("Theo", 0, "Mr B. Birch"),
    ]  # fmt: skip
    assert (shown.late, overdue_by_school([cast.here, cast.there], TODAY)) == (1, {cast.here.pk: 1, cast.there.pk: 0})


def test_plans_that_end_this_week_show_the_figure_so_far_and_then_the_outcome(cast: Cast, record: StageRecord) -> None:
    period = Period.objects.create(
        case=record.case, stage="4", starts_on=dt.date(2025, 10, 24), weeks=4, ends_on=dt.date(2025, 11, 21)
    )
    Period.objects.create(case=record.case, stage="4", starts_on=dt.date(2025, 11, 21), weeks=4, ends_on=dt.date(2025, 12, 19))
    (plan,) = seen(cast).plans
    assert (plan.attended, plan.possible, plan.outcome) == (24, 28, "so far")
    Period.objects.filter(pk=period.pk).update(outcome="missed", possible=30, attended=25)
    (plan,) = seen(cast).plans
    assert (plan.figure, plan.outcome) == ("83.3%", "Target missed")


def test_a_counter_near_ten_is_shown_with_its_marks(cast: Cast) -> None:
    present(cast, theo=away(cast, "2025-11-03", 4, "O"), imogen=away(cast, "2025-11-03", 3, "O"))
    run(cast)
    (line,) = seen(cast).penalty
    assert (line.about.pupil.first_name, line.free, line.window.threshold, line.window.by_code) == ("Theo", 8, 10, {"O": 8})


def test_who_is_with_the_authority_stands_apart(client: Client, cast: Cast, record: StageRecord) -> None:
    Case.objects.update(with_authority_since=dt.date(2025, 11, 10))
    page = soup(lead(client, cast), "/cases/")
    assert "Imogen Marlow 7A since Mon 10 Nov" in words(page, "section[aria-labelledby=authority]")


def test_filters_narrow_the_board(cast: Cast, record: StageRecord) -> None:
    staged(cast, "priya")
    assert [case.pupil.first_name for case in seen(cast, year="8").cases] == ["Priya"]
    assert [case.pupil.first_name for case in seen(cast, form="7A").cases] == ["Imogen"]
    assert [case.pupil.first_name for case in seen(cast, flag="looked_after").cases] == ["Priya"]
    assert {case.pupil.first_name for case in seen(cast, owner="me").cases} == {"Imogen", "Priya"}
    assert seen(cast, owner="nobody").cases == [] == seen(cast, stage="6").cases
    assert seen(cast, stage="5").by_stage == [("5", "Stage 5", 3, 2)]


def test_the_board_keeps_its_filters_in_the_address(client: Client, cast: Cast, record: StageRecord) -> None:
    page = soup(lead(client, cast), "/cases/?year=7&stage=5&show=stuck")
    assert page.select("a[href='?year=7&show=stuck&']")  # every stage
    assert page.select("section[aria-labelledby=stuck]") and not page.select("section[aria-labelledby=penalty]")
    assert "No case fits" in words(soup(client, "/cases/?year=11"), "main")


def test_another_school_is_not_on_the_board(client: Client, cast: Cast, record: StageRecord) -> None:
    client.force_login(cast.charlie)
    assert "Imogen" not in words(soup(client, "/cases/"), "main")
    assert client.get("/cases/?school=900001").status_code == 404


def more_cases(cast: Cast, number: int) -> None:
    for count in range(number):
        row = make.on_roll(cast.here, first_name=f"Pat{count}")
        case = open_case(pupil=row.enrolment.pupil, school=cast.here, on=TODAY)
        Task.objects.create(case=case, kind="call", title="Ring", role="tutor", due_on=TODAY)
        Period.objects.create(case=case, stage="4", starts_on=dt.date(2025, 10, 24), weeks=4, ends_on=dt.date(2025, 11, 21))


def test_the_board_costs_the_same_at_two_sizes(
    client: Client, cast: Cast, record: StageRecord, django_assert_num_queries
) -> None:
    more_cases(cast, 3)
    lead(client, cast).get("/cases/")
    with CaptureQueriesContext(connection) as small:
        client.get("/cases/")
    cost = len(small)
    more_cases(cast, 30)
    with django_assert_num_queries(cost):
        client.get("/cases/")


# One case


def test_the_page_says_where_why_what_is_due_and_by_whom(client: Client, cast: Cast, record: StageRecord) -> None:
    mark_stage_done(record=record, on=TODAY, by=None, role="", now=NOW)
    page = soup(lead(client, cast), case_address(record.case))
    assert words(page, "h1") == "Imogen Marlow: case 2025/26"
    assert words(page, ".step--here").startswith("Stage 5")
    due = words(page, "section[aria-labelledby=due]")
    assert "Meeting, stage 5" in due and "due Thu 11 Dec" in due and "You" in due


def test_flags_say_what_they_ask_for(client: Client, cast: Cast) -> None:
    case = staged(cast, "priya").case
    make.PupilFlagFactory(pupil=case.pupil, kind=PupilFlag.Kind.EHC_PLAN)
    advice = words(soup(lead(client, cast), case_address(case)), ".pupil-head__advice")
    assert HOW_TO_ACT[PupilFlag.Kind.LOOKED_AFTER] in advice and HOW_TO_ACT[PupilFlag.Kind.EHC_PLAN] in advice


def test_a_sister_at_another_school_is_not_named_but_to_whom_sees_her(client: Client, cast: Cast, record: StageRecord) -> None:
    here = words(soup(lead(client, cast), case_address(record.case)), "section[aria-labelledby=siblings]")
    assert here.endswith("A brother or sister is at another school: ask Ms T. Thorne, trust attendance lead.")
    assert "Edith" not in here and "Marsh Lane" not in here
    client.force_login(cast.staff[Role.TRUST_LEAD])
    trust = words(soup(client, case_address(record.case)), "section[aria-labelledby=siblings]")
    assert "Edith Marlow" in trust and "another school: ask" not in trust


def test_a_pupil_who_left_keeps_the_case_and_the_page_says_what_is_open(client: Client, cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    Enrolment.objects.filter(pk=cast.imogen.enrolment_id).update(ends=dt.date(2025, 11, 19))
    make.on_roll(cast.there, pupil=record.case.pupil, starts=TODAY, form="Oak")
    said = words(soup(lead(client, cast), case_address(record.case)), ".loose")
    assert "Imogen left Fenwold Academy on Wednesday 19 November and is now at Marsh Lane Primary School." in said
    assert "Still open here: 1 meeting." in said
    answer = client.post(reverse("desk:meeting-plan", args=[record.case_id]), meeting_form(cast))
    assert answer.status_code == 400 and "plan nothing new here" in answer.content.decode()


def test_a_withdrawn_decision_leaves_a_sentence(client: Client, cast: Cast, record: StageRecord) -> None:
    planned(cast, record)
    decline_stage(record=record, by=cast.alice, role="officer", reason="Bereavement.", now=NOW)
    assert "Stage 5 was declined, and its meeting" in words(soup(lead(client, cast), case_address(record.case)), ".loose")


def test_a_barred_parent_is_taken_off_the_list_in_one_click(client: Client, cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    PupilParent.objects.filter(parent=cast.parents["Piers"]).update(no_contact_from=TODAY)
    page = soup(lead(client, cast), case_address(record.case))
    assert "Mr Piers Quill is invited" in words(page, ".loose")
    form = page.one(".loose form")
    client.post(form["action"], {field["name"]: field["value"] for field in form.select("input[type=hidden]")})
    assert meeting.attendees.get(parent=cast.parents["Piers"]).is_invited is False
    assert not soup(client, case_address(record.case)).select(".loose")


def meeting_form(cast: Cast, **changes: object) -> dict:
    return {
        "kind": "meeting", "stage": "", "slot": "", "date": "2025-12-09", "time": "16:10", "minutes": "20", "place": "room 2",
        "led_by": str(cast.staff[Role.ATTENDANCE_LEAD].pk), "parents": [str(cast.parents["Morwenna"].pk)], "others": "",
        **changes,
    }  # fmt: skip


def test_a_meeting_is_planned_moved_and_recorded_from_the_page(client: Client, cast: Cast, record: StageRecord) -> None:
    mark_stage_done(record=record, on=TODAY, by=None, role="", now=NOW)
    address = reverse("desk:meeting-plan", args=[record.case_id])
    lead(client, cast).post(address, meeting_form(cast, stage=str(record.pk), others="welfare officer"))
    meeting = Meeting.objects.get()
    assert (meeting.starts_at, meeting.stage_record, meeting.place) == (AT, record, "room 2")
    moved = {"slot": "", "date": "2025-11-20", "time": "16:00", "minutes": "20", "place": "the hall", "seen": "0", "reason": ""}
    client.post(reverse("desk:meeting-move", args=[meeting.pk]), moved)
    again = client.post(reverse("desk:meeting-move", args=[meeting.pk]), {**moved, "place": "room 9"})
    assert again.status_code == 400 and "was moved by Mr L. Larch while you looked" in again.content.decode()
    mother = meeting.attendees.get(parent=cast.parents["Morwenna"])
    answer = client.post(
        reverse("desk:meeting-record", args=[meeting.pk]),
        {
            "outcome": "held",
            "summary": "Good talk.",
            "agreed": "A mentor.",
            **{f"came-{person.pk}": "came" for person in meeting.attendees.filter(is_invited=True)},
        },
    )
    assert answer.status_code == 302
    mother.refresh_from_db()
    assert (mother.came, Task.objects.get(kind="meeting").state) == ("came", "done")
    shown = words(soup(client, case_address(record.case)), f"#meeting-{meeting.pk}")
    assert "Held" in shown and "Moved from Tue 9 Dec , 16.10 , room 2" in shown.replace(",", " ,").replace("  ", " ")


def test_a_form_with_a_fault_keeps_what_was_written(client: Client, cast: Cast, record: StageRecord) -> None:
    address = reverse("desk:meeting-plan", args=[record.case_id])
    answer = lead(client, cast).post(address, meeting_form(cast, date="", others="welfare officer"))
    page = read(answer.content)
    assert answer.status_code == 400
    assert "Date: fill it in, or choose a time that is offered." in words(page, ".wrong")
    assert page.one("input[name=others]")["value"] == "welfare officer"


def test_calling_off_needs_a_reason(client: Client, cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    address = reverse("desk:meeting-cancel", args=[meeting.pk])
    assert lead(client, cast).post(address, {"reason": ""}).status_code == 400
    client.post(address, {"reason": "Back at 97%."})
    assert Meeting.objects.get().state == "cancelled"


def test_the_meeting_for_a_calendar_names_nobody(client: Client, cast: Cast, record: StageRecord) -> None:
    meeting = planned(cast, record)
    answer = lead(client, cast).get(reverse("desk:meeting-ics", args=[meeting.pk]))
    text = answer.content.decode()
    assert answer["Content-Type"].startswith("text/calendar") and "attachment" in answer["Content-Disposition"]
    assert "DTSTART:20251209T161000Z" in text and "SUMMARY:Meeting at Fenwold Academy" in text and "Imogen" not in text


def test_tasks_are_set_handed_on_closed_and_done_from_the_page(client: Client, cast: Cast, record: StageRecord) -> None:
    bob = StaffRole.objects.get(user=cast.bob)
    new = {"title": "Ask the nurse", "kind": "task", "owner": str(bob.pk), "due_on": "2025-11-24"}
    lead(client, cast).post(reverse("desk:case-task", args=[record.case_id]), new)
    task = Task.objects.get(title="Ask the nurse")
    assert (task.owner, task.due_on) == (cast.bob, dt.date(2025, 11, 24))
    client.post(reverse("desk:hand-on", args=[task.pk]), {"to": cast.alice.pk, "next": case_address(record.case)})
    answer = client.post(
        reverse("desk:task-done", args=[task.pk]), {"outcome": "done", "note": "Rang.", "next": case_address(record.case)}
    )
    assert answer["Location"] == case_address(record.case)
    task.refresh_from_db()
    assert (task.owner, task.state) == (cast.alice, "done")
    late = client.post(reverse("desk:task-close", args=[task.pk]), {"reason": "Not needed."})
    assert late.status_code == 400 and "Already recorded by Mr L. Larch: done." in late.content.decode()


def test_visits_and_offers_are_recorded_from_the_page(client: Client, cast: Cast, record: StageRecord) -> None:
    case = record.case
    mother = str(cast.parents["Morwenna"].pk)
    visit = {"visited_on": "2025-11-19", "visitor": str(cast.bob.pk), "outcome": "spoke", "parent": mother, "note": "Warm."}
    lead(client, cast).post(reverse("desk:case-visit", args=[case.pk]), visit)
    offer = {"kind": "mentoring", "detail": "Tuesdays", "offered_on": "2025-11-19", "parent": mother, "answer": ""}
    client.post(reverse("desk:case-offer", args=[case.pk]), offer)
    given = SupportOffer.objects.get()
    client.post(reverse("desk:offer-answer", args=[given.pk]), {"answer": "accepted"})
    tried = words(soup(client, case_address(case)), "section[aria-labelledby=tried]")
    assert "Mentoring: Tuesdays" in tried and "Accepted" in tried and "Spoke with a parent" in tried
    client.post(reverse("desk:offer-end", args=[given.pk]), {"ended_on": "2025-11-20", "because": ""})
    given.refresh_from_db()
    assert (given.ended_on, HomeVisit.objects.get().visitor) == (TODAY, cast.bob)


def added(client: Client, case: Case, content: bytes = b"%PDF-1.7\n%%EOF", name: str = "card.html") -> int:
    paper = {"file": SimpleUploadedFile(name, content), "title": "Card", "kind": "medical_evidence", "parent": "", "meeting": ""}
    return client.post(reverse("desk:document-add", args=[case.pk]), paper).status_code


def test_a_document_is_handed_out_as_what_it_is_and_who_saw_it_is_kept(client: Client, cast: Cast, record: StageRecord) -> None:
    assert added(lead(client, cast), record.case) == 302
    answer = client.get(reverse("desk:document", args=[Document.objects.get().pk]))
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="card.pdf"'
    assert (answer["X-Content-Type-Options"], answer["Content-Security-Policy"]) == ("nosniff", "default-src 'none'; sandbox")
    assert "no-store" in answer["Cache-Control"]
    assert AuditEntry.objects.get(action="document seen").by == cast.staff[Role.ATTENDANCE_LEAD]


def test_a_file_that_is_not_kept_says_why_in_the_form(client: Client, cast: Cast, record: StageRecord) -> None:
    address = reverse("desk:document-add", args=[record.case_id])
    paper = {"file": SimpleUploadedFile("a.pdf", b"MZ\x90\x00"), "title": "Card", "kind": "other"}
    answer = lead(client, cast).post(address, paper)
    assert answer.status_code == 400 and "no type of file that is kept" in answer.content.decode()


def test_a_tutor_sees_that_there_is_a_document_but_not_what(client: Client, cast: Cast, record: StageRecord) -> None:
    added(lead(client, cast), record.case)
    client.force_login(cast.bob)
    shown = words(soup(client, case_address(record.case)), "section[aria-labelledby=documents]")
    assert "Medical evidence" in shown and "Card" not in shown and "ask the attendance officer" in shown


def test_an_administrator_deletes_what_is_over_without_seeing_whose_it_is(
    client: Client, cast: Cast, record: StageRecord
) -> None:
    added(lead(client, cast), record.case)
    client.force_login(cast.staff[Role.ADMINISTRATOR])
    assert "Nothing is over its time" in words(soup(client, "/documents/"), "main")
    Document.objects.update(retain_until=TODAY - dt.timedelta(days=1))
    page = words(soup(client, "/documents/"), "main")
    assert "Number" in page and "Imogen" not in page and "Card" not in page
    client.post(reverse("desk:document-delete", args=[Document.objects.get().pk]))
    assert Document.objects.get().deleted_by == cast.staff[Role.ADMINISTRATOR]


# Times in blocks


def test_times_are_offered_and_given_to_all_waiting_letters(client: Client, cast: Cast) -> None:
    for pupil in ("imogen", "theo", "priya"):
        staged(cast, pupil)
    block = {"date": "2025-12-09", "starts": "15:30", "ends": "17:00", "minutes": "20", "place": "room 2", "led_by": ""}
    lead(client, cast).post(reverse("desk:slots-make", args=["900001"]), block)
    assert MeetingSlot.objects.count() == 4
    queue = soup(client, "/decisions/")
    link = queue.one("a[href*='/decisions/times/']")
    assert link.words.startswith("Give times")
    page = soup(client, link["href"])
    form = {"school": "900001", "wording": "letter-3", "give": [box["value"] for box in page.select("input[name=give]")]}
    answer = client.post("/decisions/times/", form, follow=True)
    assert "3 meetings are planned. Their letters name them, and can be approved together." in answer.content.decode()
    case = Case.objects.get(pupil__first_name="Imogen")
    assert Meeting.objects.filter(state="planned").count() == 3
    assert [letter.state for letter in drafts(case)] == ["drafted", "drafted"]
    review = soup(client, f"/decisions/review/?item={','.join(str(pk) for pk in Letter.objects.values_list('pk', flat=True))}")
    assert words(review, "h1") == "Approve 4 letters about 3 pupils?"


def test_a_block_that_clashes_says_so_in_the_form(client: Client, cast: Cast) -> None:
    block = {"date": "2025-12-09", "starts": "15:30", "ends": "17:00", "minutes": "20", "place": "room 2", "led_by": ""}
    address = reverse("desk:slots-make", args=["900001"])
    lead(client, cast).post(address, block)
    answer = client.post(address, block)
    assert answer.status_code == 400 and "3.30pm in room 2 is already offered" in answer.content.decode()


def test_without_free_times_the_page_leads_to_offering_some(client: Client, cast: Cast, record: StageRecord) -> None:
    page = soup(lead(client, cast), "/decisions/times/?school=900001&wording=letter-3")
    assert words(page, "h1") == "There is no free time" and page.select("a[href='/meetings/times/?school=900001']")


def test_a_planned_meeting_is_not_typed_over_in_the_letter(client: Client, cast: Cast, record: StageRecord) -> None:
    letter = drafts(record.case)[0]
    before = soup(lead(client, cast), reverse("desk:edit", args=[letter.pk]))
    assert before.select("input[name=meeting_date]")
    planned(cast, record, where=Where(AT, 20, "room 2"))
    after = soup(client, reverse("desk:edit", args=[letter.pk]))
    assert not after.select("input[name=meeting_date]") and "room 2, stands in the letter" in words(after, "main")


def test_the_pupils_page_leads_to_the_case_or_opens_one(client: Client, cast: Cast, record: StageRecord) -> None:
    page = soup(lead(client, cast), reverse("desk:pupil", args=[cast.imogen.enrolment.pupil_id]))
    assert page.select(f"a[href='{case_address(record.case)}']")
    theo = cast.theo.enrolment.pupil_id
    assert soup(client, reverse("desk:pupil", args=[theo])).select(f"form[action='/pupils/{theo}/case/']")
    client.post(f"/pupils/{theo}/case/", {"school": "900001"})
    assert Case.objects.filter(pupil=theo).count() == 1


def test_a_long_case_costs_no_more_statements_than_a_short_one(
    client: Client, cast: Cast, record: StageRecord, django_assert_num_queries
):
    planned(cast, record)
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    bob = StaffRole.objects.get(user=cast.bob)
    add_task(case=record.case, title="One", owner=bob, due_on=TODAY, **who)
    added(lead(client, cast), record.case)
    client.get(case_address(record.case))
    with CaptureQueriesContext(connection) as short:
        client.get(case_address(record.case))
    cost = len(short)
    for number in range(10):
        add_task(case=record.case, title=f"Task {number}", owner=bob, due_on=TODAY, **who)
        added(client, record.case, f"%PDF-1.7 {number}".encode())
        planned(cast, record, stage_record=None, where=Where(AT + dt.timedelta(days=number), 20, "room 2"))
    with django_assert_num_queries(cost):
        client.get(case_address(record.case))
