"""The penalty and clock pages: what they show, what they refuse with a sentence, and that no list asks a question a row."""

from __future__ import annotations

import csv
import datetime as dt
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pypdf import PdfReader

from casework.clocks import open_by_hand
from casework.models import Clock, ImprovementNotice, PenaltyGround, PenaltyNotice, PenaltyRequest
from casework.penalty.improving import begin_improvement
from desk.queries.clocks import clock_due, clocks_due
from desk.queries.roll import Staff, places, roll
from desk.queries.todo import Reader
from escalation.adoption import adopt
from escalation.services import open_case
from letters.models import Letter
from letters.queries import live, with_everything
from letters.services import draft_planned
from schools.access import Scope
from schools.models import Parent
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings: Any) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="goldington", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(
        made, imogen=away(made, "2025-11-03", 5), theo=away(made, "2025-11-06", 11, "N"), priya=away(made, "2025-11-12", 3, "U")
    )
    run(made)
    return made


@pytest.fixture
def lead(client: Client, cast: Cast) -> Client:
    client.force_login(cast.staff["attendance_lead"])
    return client


def pupil(cast: Cast, name: str = "imogen") -> int:
    return getattr(cast, name).enrolment.pupil_id


def answers(cast: Cast, **more: str) -> dict[str, str]:
    mother = cast.parents["Morwenna"].pk
    return {
        "support": "Two meetings and a plan.", "equality_by": "Dr H. Hawthorn", "equality_note": "None known.", "not_prosecuted": "on",
        f"parent_{mother}": "on", f"because_{mother}": "Kept at home.",
    } | more  # fmt: skip


def test_the_list_names_who_is_near_ten(lead: Client, cast: Cast) -> None:
    page = lead.get(reverse("desk:penalties"))
    assert [(near.line.name, near.free) for near in page.context["rows"]] == [
        ("Theo Okafor", 22), ("Imogen Marlow", 10), ("Priya Nowak", 6),
    ]  # fmt: skip
    assert "22 N" in page.content.decode()
    for tab in ("requests", "improve", "notices"):
        empty = lead.get(reverse("desk:penalties"), {"show": tab}).content.decode()
        assert "stand here" in empty or "One is begun" in empty


def test_a_familys_page_shows_the_window_and_each_ledger(lead: Client, cast: Cast) -> None:
    words = lead.get(reverse("desk:pupil-penalties", args=[pupil(cast)])).content.decode()
    for shown in (
        "10 of 10",
        "1 week without school: not counted",
        "Ms Morwenna Marlow",
        "Mr Piers Quill",
        "next would be the first",
    ):
        assert shown in words, shown


def test_from_the_form_to_the_ledger(lead: Client, cast: Cast) -> None:
    address = reverse("desk:penalty-request-new", args=[pupil(cast)])
    done = lead.post(address, answers(cast), follow=True)
    assert "Nothing has been sent" in done.content.decode()
    request = PenaltyRequest.objects.get()
    act = lambda name, **given: lead.post(reverse("desk:penalty-request-act", args=[request.pk, name]), given, follow=True)  # noqa: E731
    assert "Recorded as sent." in act("send").content.decode()
    assert "lies ahead" in act("issued", issued_on="2025-11-21").content.decode()
    assert "The notice stands in the ledger." in act("issued", issued_on="20/11/2025").content.decode()
    notice = PenaltyNotice.objects.get()
    moved = lead.post(
        reverse("desk:penalty-notice-move", args=[notice.pk]), {"to": "paid", "state_on": "2025-11-20"}, follow=True
    )
    assert "Recorded." in moved.content.decode() and PenaltyNotice.objects.get().state == "paid"


def test_the_form_says_what_is_missing_and_changes_nothing(lead: Client, cast: Cast) -> None:
    address = reverse("desk:penalty-request-new", args=[pupil(cast)])
    bare = lead.post(address, {})
    assert bare.status_code == 422 and "Name who considered the Equality Act 2010" in bare.content.decode()
    nobody = lead.post(address, {key: value for key, value in answers(cast).items() if "_" not in key or "parent" not in key})
    assert "Choose at least one parent" in nobody.content.decode()
    assert not PenaltyGround.objects.exists()


def test_what_stands_in_the_way_disables_the_button_with_its_sentence(lead: Client, cast: Cast) -> None:
    page = lead.get(reverse("desk:penalty-request-new", args=[pupil(cast, "theo")])).content.decode()
    assert "Without them the threshold is not reached: settle them first." in page and "disabled>Prepare" in page
    assert "Mr Stefan Okafor" in page and "A court order or no-contact note stands today" in page


def test_an_officer_prepares_but_does_not_send(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    client.post(reverse("desk:penalty-request-new", args=[pupil(cast)]), answers(cast))
    request = PenaltyRequest.objects.get()
    assert client.post(reverse("desk:penalty-request-act", args=[request.pk, "send"])).status_code == 403
    assert "by name: ask one of them" in client.get(reverse("desk:penalty-ground", args=[request.ground_id])).content.decode()


def test_a_notice_from_elsewhere_is_entered(lead: Client, cast: Cast) -> None:
    given = {
        "parent": cast.parents["Morwenna"].pk, "kind": "absence", "issued_on": "2025-03-03", "source": "authority", "issuer": "Othershire",
        "told_by": "Their letter", "state": "paid",
    }  # fmt: skip
    address = reverse("desk:penalty-notice-enter", args=[pupil(cast)])
    assert "next would be the second" in lead.post(address, given, follow=True).content.decode()
    assert "two of one day are one notice" in lead.post(address, given, follow=True).content.decode()


def test_a_notice_to_improve_from_form_to_letter(lead: Client, cast: Cast) -> None:
    given = {
        "starts_on": "2025-11-24", "school_days_long": 30, "allowed": 0, "support_given": "Two meetings.", "support_offered": "A mentor.",
        "improvement_means": "No session missed.", "grounds_earlier": "If help is not taken up.",
    }  # fmt: skip
    page = lead.post(reverse("desk:improvement-new", args=[pupil(cast)]), given, follow=True).content.decode()
    assert "Its letter is not drafted yet." in page and "The seven things it says" in page
    draft_planned(now=NOW, on=TODAY, school=cast.here)
    letter = Letter.objects.filter(wording="notice-to-improve").first()
    assert letter is not None
    merged = live(with_everything([letter.pk]), TODAY)[letter.pk].merged
    assert "from 24 November to 19 January 2026" in merged.text.replace("**", "") and "A mentor." in merged.text
    assert not {"next_from", "next_to", "next_weeks", "support_offered", "improvement_means"} & set(merged.missing_fills)
    notice = ImprovementNotice.objects.get()
    stopped = lead.post(reverse("desk:improvement-act", args=[notice.pk, "stop"]), {"reason": "No help taken up."}, follow=True)
    assert "Stopped." in stopped.content.decode()


def test_clocks_from_open_to_sent(lead: Client, cast: Cast) -> None:
    clock = Clock.objects.get(kind="child_missing", pupil=pupil(cast, "theo"))
    listed = lead.get(reverse("desk:clocks")).content.decode()
    assert "Child missing education" in listed and "Theo Okafor" in listed
    act = lambda name, **given: lead.post(reverse("desk:clock-act", args=[clock.pk, name]), given, follow=True).content.decode()  # noqa: E731
    assert "Prepare it first" in act("sent", sent_on="2025-11-20", sent_to="The team", despite="Urgent")
    assert "Prepared." in act("prepare", last_seen="At the gate on 5 November", tried="Calls to both, a visit.")
    assert "The return has gaps." in act("sent", sent_on="2025-11-20", sent_to="The team")
    assert "Recorded as sent" in act("sent", sent_on="2025-11-20", sent_to="The team", despite="The N are being settled.")


def test_the_return_as_pdf_and_csv(lead: Client, cast: Cast) -> None:
    clock = Clock.objects.get(kind="child_missing")
    Parent.objects.filter(pk=cast.parents["Grace"].pk).update(address="=cmd()\nFenwold")
    table = lead.get(reverse("desk:clock-file", args=[clock.pk, "csv"]))
    headings, row = list(csv.reader(StringIO(table.content.decode("utf-8-sig"))))
    told = dict(zip(headings, row, strict=True))
    assert told["Pupil"] == "Theo Okafor" and told["Address"].startswith("'=cmd()")
    pdf = lead.get(reverse("desk:clock-file", args=[clock.pk, "pdf"]))
    reader = PdfReader(BytesIO(pdf.content))
    assert pdf["Content-Type"] == "application/pdf" and "no-store" in pdf["Cache-Control"]
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"] and "Theo Okafor" in reader.pages[0].extract_text()
    assert lead.get(reverse("desk:clock-file", args=[clock.pk, "txt"])).status_code == 404
    assert lead.get(reverse("desk:termly-file", args=["900001", "pdf"])).status_code == 404


def test_a_person_opens_a_clock_and_the_list_is_short_of_nothing(lead: Client, cast: Cast) -> None:
    address = reverse("desk:clock-new", args=[pupil(cast)])
    assert lead.post(address, {"kind": "sickness"}).status_code == 422
    assert "Opened." in lead.post(address, {"kind": "sickness", "because": "An operation."}, follow=True).content.decode()
    assert "already runs" in lead.post(address, {"kind": "sickness", "because": "Again."}).content.decode()


def test_todays_due_has_clocks_chances_and_answers(cast: Cast) -> None:
    who = {"by": cast.staff["head"], "role": "head", "on": TODAY, "now": NOW}
    begin_improvement(
        pupil=cast.imogen.enrolment.pupil, school=cast.here, starts_on=dt.date(2025, 11, 24), school_days_long=15, allowed=0,
        support_offered="a", improvement_means="b", grounds_earlier="c", support_given="d", **who,
    )  # fmt: skip
    scope = Scope.of(cast.alice, TODAY)
    reader = Reader(cast.alice, TODAY, places([cast.here], TODAY), roll(scope, [cast.here], TODAY), Staff([cast.here], TODAY))
    due = [(item.title, item.about.name, item.owner.name) for item in clock_due(reader)]
    assert ("Child missing education", "Theo Okafor", "Ms S. Sorrel") in due
    assert ("Notice to improve ends", "Imogen Marlow", "Mr L. Larch") in due


def statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as taken:
        assert client.get(address).status_code == 200
    return len(taken)


@pytest.mark.parametrize("tab", ["near", "requests", "improve", "notices"])
def test_the_lists_take_the_same_statements_for_more_rows(lead: Client, cast: Cast, tab: str) -> None:
    address, taken = f"{reverse('desk:penalties')}?show={tab}", []
    for size in (1, 12):
        for _ in range(size):
            row = make.on_roll(cast.here)
            type(row).objects.filter(pk=row.pk).update(marks=type(row).objects.get(pk=cast.imogen.pk).marks)
            _everything(cast, row.enrolment.pupil)
        taken.append(statements(lead, address))
    assert taken[0] == taken[1]


def _everything(cast: Cast, pupil: Any) -> None:
    """A sent request with its notice, and a notice to improve, of one more pupil."""
    parent, user = make.PupilParentFactory(pupil=pupil).parent, cast.alice
    about = {"pupil": pupil, "school": cast.here, "by": user, "role": "officer", "at": NOW}
    ground = PenaltyGround.objects.create(counted_on=TODAY, window_from=TODAY, threshold=10, checks=[], **about)
    sent = {"sent_on": TODAY, "sent_by": user, "number": 1}
    request = PenaltyRequest.objects.create(ground=ground, parent=parent, state="issued", **sent)
    PenaltyRequest.objects.create(ground=ground, parent=make.PupilParentFactory(pupil=pupil).parent, state="requested", **sent)
    PenaltyNotice.objects.create(
        parent=parent, pupil=pupil, issued_on=TODAY, source="here", issuer="x", request=request, state_on=TODAY, entered_by=user,
        entered_at=NOW, full=160, reduced=80,
    )  # fmt: skip
    ImprovementNotice.objects.create(
        case=open_case(pupil=pupil, school=cast.here, on=TODAY),
        starts_on=TODAY,
        ends_on=TODAY,
        school_days=1,
        contents={},
        **about,
    )


def test_the_clocks_take_the_same_statements_for_more_rows(lead: Client, cast: Cast) -> None:
    taken = []
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    for size in (1, 12):
        for _ in range(size):
            one = make.on_roll(cast.here).enrolment.pupil
            open_by_hand(pupil=one, school=cast.here, kind="termly", because="Named.", **who)
        taken.append(
            (statements(lead, reverse("desk:clocks")), statements(lead, reverse("desk:termly-file", args=["900001", "csv"])))
        )
    assert taken[0] == taken[1]
    assert len(clocks_due([cast.here], TODAY)) == 13 + 2, "and the two of Theo, for whom nobody has a reason"
