"""The pages of referrals and packs: gaps and conditions are read before anything goes, and the lists ask no more for more rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from casework.models import Referral
from casework.referrals import open_referral
from escalation.adoption import adopt
from escalation.models import Case
from escalation.services import open_case
from evidence.models import EvidencePack
from schools.models import AuditEntry, Role
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings: Any) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="goldington", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-10-13", 12))
    run(made)
    return made


@pytest.fixture
def case(cast: Cast) -> Case:
    return open_case(pupil=cast.imogen.enrolment.pupil, school=cast.here, on=TODAY)


@pytest.fixture
def lead(client: Client, cast: Cast) -> Client:
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    return client


def act(client: Client, referral: Referral, name: str, **given: str) -> str:
    answer = client.post(reverse("desk:referral-act", args=[referral.pk, name]), given, follow=True)
    return answer.content.decode()


def test_a_referral_from_the_case_to_the_service_and_back(lead: Client, case: Case) -> None:
    page = lead.get(reverse("desk:referral-new", args=[case.pk])).content.decode()
    assert "Attendance referral" in page and "Not met" in page and "Appendix 6" in page and "Open its clock" in page
    lead.post(reverse("desk:referral-new", args=[case.pk]), {"form": "goldington-ews"})
    referral = Referral.objects.get()
    assert "Staff safety: nobody has said it yet." in lead.get(reverse("desk:referral", args=[referral.pk])).content.decode()
    assert "Saved." in act(lead, referral, "write", staff_safety="None known.")
    assert "Put it right, or say why it goes all the same." in act(lead, referral, "ready")
    assert "Ready: download the file" in act(lead, referral, "ready", despite="The officer asked for it.")
    assert lead.get(reverse("desk:referral-file", args=[referral.pk, "pdf"])).content.startswith(b"%PDF")
    assert "Recorded as sent" in act(lead, referral, "sent", sent_on="2025-11-20", how="Secure e-mail", to="the officer")
    assert "the service leads" in act(lead, referral, "taken", taken_on="2025-11-20")
    assert "With the local authority since 20 Nov" in lead.get(reverse("desk:case", args=[case.pk])).content.decode()
    said = act(lead, referral, "returned", ended_on="2025-11-20", outcome="improved", reason="Back at 96%.")
    assert "the school leads again" in said and "Attendance has improved" in said


def test_the_officer_writes_and_does_not_send(client: Client, cast: Cast, case: Case) -> None:
    who = {"by": cast.alice, "role": "officer", "on": TODAY, "now": NOW}
    referral = open_referral(case=case, form="early-help", **who)
    client.force_login(cast.alice)
    act(client, referral, "ready", despite="Now.")
    assert (
        "A referral is sent by the attendance lead" in client.get(reverse("desk:referral", args=[referral.pk])).content.decode()
    )
    given = {"sent_on": "2025-11-20", "how": "Post", "to": "early help"}
    assert client.post(reverse("desk:referral-act", args=[referral.pk, "sent"]), given).status_code == 403


def test_a_pack_is_made_by_whoever_looks_where_there_are_no_workers(lead: Client, case: Case, settings: Any) -> None:
    settings.REDIS_URL = ""
    asked = lead.post(reverse("desk:packs", args=[case.pk]), {"purpose": "court", "parent": ""})
    pack = EvidencePack.objects.get()
    assert asked["Location"] == reverse("desk:pack", args=[pack.pk])
    assert "Waiting for its turn" in lead.get(asked["Location"]).content.decode()
    assert lead.get(reverse("desk:pack-progress", args=[pack.pk]))["HX-Refresh"] == "true"
    page = lead.get(f"{asked['Location']}?verify=1").content.decode()
    assert "The file is as it was sealed." in page and "No letter has left: nothing shows" in page
    got = lead.get(reverse("desk:pack-file", args=[pack.pk, "pdf"]))
    assert got.content.startswith(b"%PDF") and got["Content-Disposition"] == f'attachment; filename="evidence-pack-{pack.pk}.pdf"'
    assert AuditEntry.objects.filter(action="pack opened").count() == 1


def test_a_pack_that_is_not_made_cannot_be_opened(lead: Client, case: Case) -> None:
    lead.post(reverse("desk:packs", args=[case.pk]), {"purpose": "court", "parent": ""})
    assert lead.get(reverse("desk:pack-file", args=[EvidencePack.objects.get().pk, "pdf"])).status_code == 409


def test_the_list_asks_no_more_for_more_rows(lead: Client, cast: Cast) -> None:
    def asked(number: int) -> int:
        for _ in range(number):
            row = make.on_roll(cast.here)
            of = open_case(pupil=row.enrolment.pupil, school=cast.here, on=TODAY)
            Referral.objects.create(
                case=of, form="early-help", service="Early help", state="sent", opened_by=cast.alice, opened_at=NOW, sent_on=TODAY,
                sent_by=cast.alice, sha256="0" * 64,
            )  # fmt: skip
        with CaptureQueriesContext(connection) as few:
            assert lead.get(reverse("desk:referrals")).status_code == 200
        return len(few)

    asked(1)
    assert asked(3) == asked(20)


def test_the_empty_list_says_where_a_referral_begins(lead: Client) -> None:
    assert "A referral is begun from a pupil’s case" in lead.get(reverse("desk:referrals")).content.decode()
