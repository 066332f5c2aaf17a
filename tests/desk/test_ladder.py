"""The ladder as a page: every stage in words, open to all staff of the school and to nobody else."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from escalation.adoption import adopt
from escalation.engine.ruleset import SHIPPED, load_ruleset
from schools.models import Role
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    return assemble()


@pytest.mark.parametrize("key", SHIPPED)
def test_every_stage_of_every_ladder_is_there_in_words(client: Client, cast: Cast, key: str) -> None:
    adopt(school=cast.here, key=key, starts=dt.date(2025, 9, 1), by=None, now=NOW)
    client.force_login(cast.bob)
    response = client.get(reverse("desk:ladder"))
    page, ruleset = response.content.decode(), load_ruleset(key)
    shown = [each.stage for band in response.context["page"].bands for each in band.stages]
    assert shown == sorted(shown, key=ruleset.stages.index) and len(shown) == len(ruleset.stages)
    for stage in ruleset.stages:
        assert f'id="stage-{stage.id}"' in page
    assert len(response.context["page"].parameters) == len(ruleset.parameters)
    assert page.count("Left open") == len(ruleset.left_open)
    assert "Penalty notice to be considered" in page


@pytest.mark.parametrize("role", [Role.GOVERNOR, Role.ADMINISTRATOR, Role.TUTOR, Role.OFFICER])
def test_all_staff_may_read_it(client: Client, cast: Cast, role: str) -> None:
    adopt(school=cast.here, key="vale", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    client.force_login(cast.staff[role])
    assert client.get(reverse("desk:ladder")).status_code == 200


def test_another_schools_ladder_is_not_there(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    assert client.get(reverse("desk:ladder"), {"school": cast.here.urn}).status_code == 404


def test_a_school_without_a_ladder_says_what_to_do(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("desk:ladder")).content.decode()
    assert "has adopted no ladder" in page
