"""Decisions: who sees which letters, what stands beside one, and what becomes of it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attendance.grid import slot
from attendance.models import RegisterRow
from desk.decision_forms import EditForm, date_in_words, time_in_words
from desk.queries.decisions import count_waiting, provisional_sentence, queue
from escalation.adoption import adopt
from escalation.models import StageRecord
from letters.models import Letter, LetterEvent
from letters.services import approve_letters
from schools.access import Scope
from schools.models import Role, User
from schools.queries import school_days
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
QUEUE = "/decisions/"


@pytest.fixture
def cast(settings) -> Cast:
    """Imogen and Theo have reached the federation's letter 1, which their tutor Bob decides; both of Imogen's parents are written to."""
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-11-03", 4, "I"))
    run(made)
    return made


def as_(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def letters_of(row: RegisterRow) -> list[Letter]:
    return list(Letter.objects.filter(case__pupil=row.enrolment.pupil).order_by("id"))


def ids(letters: list[Letter]) -> list[int]:
    return [letter.pk for letter in letters]


def test_the_queue_shows_each_decision_once_with_its_figure_and_age(client: Client, cast: Cast) -> None:
    page = as_(client, cast.bob).get(QUEUE).content.decode()
    assert "2 wait for you" in page
    assert page.count('name="item"') == 2
    assert "Imogen Marlow" in page and "Theo Okafor" in page
    assert count_waiting(Scope.of(cast.bob, TODAY), TODAY) == 2


def test_one_tab_for_each_parent_and_each_letter_names_only_its_own(client: Client, cast: Cast) -> None:
    first, second = letters_of(cast.imogen)
    for letter, other in ((first, second), (second, first)):
        response = as_(client, cast.bob).get(QUEUE, {"letter": letter.pk})
        sheet = response.context["sheet"]
        assert letter.parent.last_name in sheet and other.parent.first_name not in sheet
        tabs = response.content.decode().split('class="paper__tabs"')[1].split("</ul>")[0]
        assert first.parent.name in tabs and second.parent.name in tabs


def test_the_reasons_stand_beside_the_letter(client: Client, cast: Cast) -> None:
    page = as_(client, cast.bob).get(QUEUE, {"letter": letters_of(cast.imogen)[0].pk}).content.decode()
    assert "8 of 28 sessions missed this half term" in page
    assert "stage 3 begins at 8." in page


def test_a_session_without_a_reason_is_weighed(cast: Cast) -> None:
    marks = list(RegisterRow.objects.get(pk=cast.imogen.pk).marks)
    marks[slot(dt.date(2025, 11, 6), "PM")] = "N"
    because = [{"measure": "missed", "from": "2025-11-03", "to": "2025-11-20", "value": 8, "op": "at_least", "threshold": 8}]
    sentence = provisional_sentence(because, {2025: "".join(marks)}, TODAY)
    assert sentence == "The session still coded N may change. Marked present: 7 missed, no longer at least 8."
    percent = [{"measure": "percent", "from": "2025-09-03", "to": "2025-11-20", "value": 92.0, "op": "below", "threshold": 96}]
    assert provisional_sentence(percent, {2025: "".join(marks)}, TODAY).endswith("still below 96%.")


def test_no_session_without_a_reason_no_sentence(cast: Cast) -> None:
    marks = RegisterRow.objects.get(pk=cast.imogen.pk).marks
    because = [{"measure": "missed", "from": "2025-11-03", "to": "2025-11-20", "value": 8, "op": "at_least", "threshold": 8}]
    assert provisional_sentence(because, {2025: marks}, TODAY) == ""


def test_approving_freezes_every_letter_of_the_decision(client: Client, cast: Cast) -> None:
    letters = letters_of(cast.imogen)
    response = as_(client, cast.bob).post(reverse("desk:approve"), {"letter": ids(letters)})
    assert response.status_code == 302
    for letter in letters_of(cast.imogen):
        assert (letter.state, letter.approved_by) == (Letter.State.APPROVED, cast.bob)
        assert letter.pdf and letter.sha256 and letter.text
    page = client.get(QUEUE).content.decode()
    assert "2 letters approved: Imogen Marlow" in page and "Decided today: 1" in page


def test_who_comes_second_is_told_who_approved(client: Client, cast: Cast) -> None:
    letters = letters_of(cast.theo)
    approve_letters(letters=letters, by=cast.staff[Role.HEAD], role=Role.HEAD, now=NOW, on=TODAY, render=False)
    as_(client, cast.bob).post(reverse("desk:approve"), {"letter": ids(letters)})
    assert "Already approved by Dr H. Hawthorn" in client.get(QUEUE).content.decode()
    assert LetterEvent.objects.filter(letter__in=letters, after="approved").count() == len(letters)


def test_figures_that_changed_since_they_were_looked_at_stop_the_approval(client: Client, cast: Cast) -> None:
    letter = letters_of(cast.theo)[0]
    as_(client, cast.bob).post(reverse("desk:approve"), {"letter": letter.pk, f"seen-{letter.pk}": "2025-11-19:1/2:0"})
    letter.refresh_from_db()
    assert letter.state == Letter.State.DRAFTED
    assert "The register has changed since you looked" in client.get(QUEUE).content.decode()


def test_an_approval_is_undone_within_ten_minutes(client: Client, cast: Cast) -> None:
    letters = letters_of(cast.imogen)
    as_(client, cast.bob).post(reverse("desk:approve"), {"letter": ids(letters)})
    assert "Undo the last one" in client.get(QUEUE).content.decode()
    client.post(reverse("desk:undo"), {"letter": ids(letters)})
    assert {letter.state for letter in letters_of(cast.imogen)} == {Letter.State.DRAFTED}


def test_holding_takes_it_out_of_the_queue_until_its_day(client: Client, cast: Cast) -> None:
    letter = letters_of(cast.imogen)[0]
    until = TODAY + dt.timedelta(days=7)
    as_(client, cast.bob).post(reverse("desk:hold", args=[letter.pk]), {"until": until, "reason": "Meeting on Monday first."})
    assert {(each.state, each.held_until) for each in letters_of(cast.imogen)} == {(Letter.State.HELD, until)}
    scope = Scope.of(cast.bob, TODAY)
    assert [item.line.pupil.first_name for item in queue(scope, TODAY).items] == ["Theo"]
    assert [item.line.pupil.first_name for item in queue(scope, TODAY).held] == ["Imogen"]
    assert len(queue(scope, until).items) == 2


def test_holding_needs_a_later_day_and_a_reason(client: Client, cast: Cast) -> None:
    letter = letters_of(cast.imogen)[0]
    response = as_(client, cast.bob).post(reverse("desk:hold", args=[letter.pk]), {"until": TODAY, "reason": ""})
    page = response.content.decode()
    assert response.status_code == 400
    assert "Choose a day after today" in page and "Say why it is held" in page
    letter.refresh_from_db()
    assert letter.state == Letter.State.DRAFTED


def test_declining_every_letter_declines_the_stage_until_the_day_to_ask_again(client: Client, cast: Cast) -> None:
    letter = letters_of(cast.imogen)[0]
    again = TODAY + dt.timedelta(days=21)
    as_(client, cast.bob).post(reverse("desk:decline", args=[letter.pk]), {"reason": "In hospital.", "ask_again_on": again})
    assert {each.state for each in letters_of(cast.imogen)} == {Letter.State.DECLINED}
    record = StageRecord.objects.get(pk=letter.stage_record_id)
    assert (record.state, record.reason, record.ask_again_on) == (StageRecord.State.DECLINED, "In hospital.", again)


def test_the_summary_before_many_names_each_letter_and_what_cannot_go(client: Client, cast: Cast) -> None:
    both = letters_of(cast.imogen) + letters_of(cast.theo)
    approve_letters(letters=letters_of(cast.theo), by=cast.staff[Role.HEAD], role=Role.HEAD, now=NOW, on=TODAY, render=False)
    page = as_(client, cast.bob).get(reverse("desk:decisions-review"), {"item": [",".join(map(str, ids(both)))]}).content.decode()
    assert "Approve 2 letters about 1 pupil?" in page
    assert "These stay in the queue" in page and "Already approved by Dr H. Hawthorn" in page


def test_select_all_leaves_flagged_pupils_to_be_looked_at(client: Client, cast: Cast) -> None:
    make.PupilFlagFactory(pupil=cast.theo.enrolment.pupil, kind="social_worker")
    page = as_(client, cast.bob).get(QUEUE, {"select": 1}).content.decode()
    assert "Select 1" in page and page.count(" checked") == 1


def test_another_role_sees_the_letter_with_the_rules_sentence_and_cannot_approve(client: Client, cast: Cast) -> None:
    letters = letters_of(cast.imogen)
    page = as_(client, cast.alice).get(QUEUE, {"whose": "all", "letter": letters[0].pk}).content.decode()
    assert "This letter is decided by the form tutor." in page and "disabled" in page
    response = client.post(reverse("desk:approve"), {"letter": ids(letters)})
    assert response.status_code == 403
    assert "This letter is decided by the form tutor." in response.content.decode()
    assert {letter.state for letter in letters_of(cast.imogen)} == {Letter.State.DRAFTED}


@pytest.mark.parametrize("view", ["hold", "decline", "edit"])
def test_outside_the_schools_a_letter_does_not_exist(client: Client, cast: Cast, view: str) -> None:
    letter = letters_of(cast.imogen)[0]
    as_(client, cast.charlie)
    assert client.get(reverse(f"desk:{view}", args=[letter.pk])).status_code == 404
    assert client.get(QUEUE, {"letter": letter.pk}).status_code == 404
    assert client.post(reverse("desk:approve"), {"letter": letter.pk}).status_code == 404
    assert client.get(reverse("desk:decisions-review"), {"item": letter.pk}).status_code == 404


@pytest.mark.parametrize("number", ["x", "²", "-1", "99999999999999999999999", "%00"])
def test_what_is_no_letters_number_is_nobodys_letter(client: Client, cast: Cast, number: str) -> None:
    as_(client, cast.bob)
    assert client.get(QUEUE, {"letter": number}).status_code == 404
    assert client.post(reverse("desk:approve"), {"letter": number}).status_code == 404
    assert client.get(reverse("desk:decisions-review"), {"item": number}).status_code == 404


def test_another_forms_letters_do_not_exist_for_a_tutor(client: Client, cast: Cast) -> None:
    stranger = make.UserFactory()
    make.StaffRoleFactory(user=stranger, role=Role.TUTOR, school=cast.here, forms=["8B"])
    response = as_(client, stranger).get(QUEUE, {"letter": letters_of(cast.imogen)[0].pk})
    assert response.status_code == 404


def test_a_governor_is_told_that_letters_are_not_theirs(client: Client, cast: Cast) -> None:
    response = as_(client, cast.staff[Role.GOVERNOR]).get(QUEUE)
    assert response.status_code == 403
    assert "Letters are decided by the staff named in the school’s ladder." in response.content.decode().replace("&#x27;", "’")


def test_an_empty_queue_says_what_to_do_next(client: Client, cast: Cast) -> None:
    page = as_(client, cast.staff[Role.HEAD]).get(QUEUE).content.decode()
    assert "Nothing waits for you" in page and "See what waits for others" in page


def test_keys_stand_on_the_buttons(client: Client, cast: Cast) -> None:
    page = as_(client, cast.bob).get(QUEUE).content.decode()
    for key in "aehdn":
        assert f'data-key="{key}"' in page


def test_dates_and_times_come_back_from_the_letters_words() -> None:
    assert date_in_words("Tuesday 9 December", TODAY) == dt.date(2025, 12, 9)
    assert date_in_words("Friday 9 January", TODAY) == dt.date(2026, 1, 9)
    assert date_in_words("next week", TODAY) is None
    assert (time_in_words("4.10pm"), time_in_words("9am"), time_in_words("12 noon")) == (dt.time(16, 10), dt.time(9), dt.time(12))
    assert time_in_words("soon") is None


def test_what_is_filled_in_is_kept_as_the_letter_says_it() -> None:
    names = ["meeting_date", "meeting_time", "meeting_place"]
    form = EditForm(
        {"meeting_date": "2025-12-09", "meeting_time": "16:10", "meeting_place": "room 2"}, on=TODAY, names=names, fills={}
    )
    assert form.is_valid()
    assert form.fills() == {"meeting_date": "Tuesday 9 December", "meeting_time": "4.10pm", "meeting_place": "room 2"}


@pytest.fixture
def invitations(cast: Cast) -> list[Letter]:
    """Imogen's two letters, as the one that invites to a meeting."""
    Letter.objects.filter(case__pupil=cast.imogen.enrolment.pupil).update(wording="letter-3")
    return letters_of(cast.imogen)


FILLED = {"meeting_date": "2025-12-09", "meeting_time": "16:10", "meeting_place": "room 2"}


def test_a_letter_with_a_gap_cannot_be_approved_and_says_which(client: Client, cast: Cast, invitations: list[Letter]) -> None:
    page = as_(client, cast.bob).get(QUEUE, {"letter": invitations[0].pk}).content.decode()
    assert "Fill in first: date of the meeting" in page and "disabled" in page
    client.post(reverse("desk:approve"), {"letter": ids(invitations)})
    assert {letter.state for letter in letters_of(cast.imogen)} == {Letter.State.DRAFTED}


def test_the_meeting_goes_into_both_letters_and_a_paragraph_into_one(
    client: Client, cast: Cast, invitations: list[Letter]
) -> None:
    hers, his = invitations
    sent = {**FILLED, "both": "yes", "extra_paragraph": "You told us that mornings are hard."}
    as_(client, cast.bob).post(reverse("desk:edit", args=[hers.pk]), sent)
    for letter, has_paragraph in ((hers, True), (his, False)):
        sheet = client.get(QUEUE, {"letter": letter.pk}).context["sheet"]
        assert "Tuesday 9 December" in sheet and "4.10pm" in sheet and "room 2" in sheet
        assert ("mornings are hard" in sheet) is has_paragraph
    client.post(reverse("desk:approve"), {"letter": ids(invitations)})
    assert {letter.state for letter in letters_of(cast.imogen)} == {Letter.State.APPROVED}


def test_what_was_filled_in_stands_in_the_form_again(client: Client, cast: Cast, invitations: list[Letter]) -> None:
    edit = reverse("desk:edit", args=[invitations[0].pk])
    as_(client, cast.bob).post(edit, FILLED)
    page = client.get(edit).content.decode()
    assert 'value="2025-12-09"' in page and 'value="16:10"' in page and 'value="room 2"' in page


def test_markup_in_a_paragraph_is_text(client: Client, cast: Cast, invitations: list[Letter]) -> None:
    sent = {**FILLED, "extra_paragraph": "<script>alert(1)</script> & <b>more</b>"}
    as_(client, cast.bob).post(reverse("desk:edit", args=[invitations[0].pk]), sent)
    sheet = client.get(QUEUE, {"letter": invitations[0].pk}).context["sheet"]
    assert "<script>" not in sheet and "&lt;script&gt;" in sheet


def test_a_letter_that_cannot_be_drawn_says_so_and_stays(client: Client, cast: Cast) -> None:
    Letter.objects.filter(case__pupil=cast.imogen.enrolment.pupil).update(wording="letter-99")
    letter = letters_of(cast.imogen)[0]
    page = as_(client, cast.bob).get(QUEUE, {"letter": letter.pk})
    assert page.status_code == 200 and "This letter cannot be drawn." in page.content.decode()
    assert "There is no letter" in page.content.decode() and "disabled" in page.content.decode()
    assert client.get(reverse("desk:edit", args=[letter.pk])).status_code == 302
    assert "cannot be drawn" in client.get(reverse("desk:letter", args=[letter.pk])).content.decode()
    client.post(reverse("desk:approve"), {"letter": ids(letters_of(cast.imogen))})
    assert "Nothing was approved: " in client.get(QUEUE).content.decode()
    assert {each.state for each in letters_of(cast.imogen)} == {Letter.State.DRAFTED}


def crowd(cast: Cast, number: int) -> None:
    """So many more pupils of 7A who reach letter 1 tonight."""
    days = [date for date in school_days(cast.here, [2025]).dates if date <= TODAY]
    gone = {dt.date.fromisoformat(day) for day in away(cast, "2025-11-03", 4)}
    for _ in range(number):
        row = make.on_roll(cast.here)
        make.PupilParentFactory(pupil=row.enrolment.pupil)
        marks = list(row.marks)
        for date in days:
            marks[slot(date, "AM")], marks[slot(date, "PM")] = ("O", "O") if date in gone else ("/", "\\")
        RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))
    run(cast, now=NOW + dt.timedelta(hours=1))


def test_the_statements_do_not_grow_with_the_queue(client: Client, cast: Cast) -> None:
    as_(client, cast.bob)
    counts = []
    for number in (8, 190):
        crowd(cast, number)
        client.get(QUEUE)
        with CaptureQueriesContext(connection) as statements:
            page = client.get(QUEUE)
        counts.append(len(statements))
    assert page.content.decode().count('name="item"') == 200
    assert counts[0] == counts[1] and counts[1] <= 40
