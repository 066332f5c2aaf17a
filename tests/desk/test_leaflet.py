"""The leaflet for parents: one page for each ladder, valid for assistive technology, and the whole ladder on it."""

from __future__ import annotations

import datetime as dt
import io

import page
import pytest
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from escalation.adoption import adopt
from escalation.engine.ruleset import SHIPPED, load_ruleset
from letters.leaflet import POINTS, codes_named, leaflet_html, leaflet_pdf, steps
from letters.pdf import pages_of
from schools.models import Role, School
from tests.cast import NOW, TODAY, Cast, assemble

TITLES = {key: str(title) for key, title in Role.choices}
SCHOOL = School(
    urn="900001", name="Fenwold Academy", telephone="01632 960001", email="office@fenwold.example", office_hours="from 8am to 4pm"
)


@pytest.fixture(scope="module", params=SHIPPED)
def leaflet(request) -> tuple[str, bytes]:
    return request.param, leaflet_pdf(SCHOOL, load_ruleset(request.param), titles=TITLES, on=TODAY)


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages).split())


def test_it_is_one_a4_page(leaflet: tuple[str, bytes]) -> None:
    sheets = PdfReader(io.BytesIO(leaflet[1])).pages
    assert len(sheets) == 1
    assert (round(float(sheets[0].mediabox.width)), round(float(sheets[0].mediabox.height))) == (595, 842)


def test_it_is_valid_for_assistive_technology(leaflet: tuple[str, bytes]) -> None:
    assert [(fault.rule_id, fault.message) for fault in page.validate_pdf_bytes(leaflet[1], profile="ua1").failures] == []


def test_every_stage_is_on_it_with_its_band_in_words(leaflet: tuple[str, bytes]) -> None:
    key, pdf = leaflet
    ruleset, drawn = load_ruleset(key), "".join(text_of(pdf).split())
    for stage, step in zip(ruleset.stages, steps(ruleset), strict=True):
        assert step.band == ruleset.band(stage).name and step.level == ruleset.band(stage).level
        for said in (step.band, step.name, step.when, step.school_does, step.family_can, step.brings_back):
            assert "".join(said.split()) in drawn, said
    assert "01632960001" in drawn and "onaschooldayfrom8amto4pm" in drawn


def test_the_small_print_of_counting_stays_on_the_schools_page() -> None:
    assert "judged once" not in "".join(step.when for step in steps(load_ruleset("federation")))
    assert steps(load_ruleset("federation"))[2].when == (
        "When there are 8 or more sessions missed this half term, or there are 10 or more sessions missed this year."
    )


def test_a_short_ladder_is_set_larger_than_a_long_one() -> None:
    def largest(key: str) -> float:
        fits = [
            points
            for points in POINTS
            if pages_of(leaflet_html(SCHOOL, load_ruleset(key), titles=TITLES, on=TODAY, points=points)) == 1
        ]
        return max(fits)

    assert largest("goldington") > largest("federation") >= 8


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    return assemble()


@pytest.mark.django_db
def test_the_ladders_page_leads_to_it_and_it_bears_the_schools_name(client: Client, cast: Cast) -> None:
    adopt(school=cast.here, key="coventry", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    client.force_login(cast.bob)
    address = f"{reverse('desk:leaflet')}?school={cast.here.urn}"
    assert address in client.get(reverse("desk:ladder")).content.decode()
    response = client.get(address)
    assert response["Content-Type"] == "application/pdf"
    assert "Fenwold Academy" in text_of(response.content)


@pytest.mark.django_db
def test_no_ladder_no_leaflet_and_none_of_another_school(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert client.get(reverse("desk:leaflet")).status_code == 404
    client.force_login(cast.charlie)
    assert client.get(reverse("desk:leaflet"), {"school": cast.here.urn}).status_code == 404


def test_codes_and_watch_rules_are_told_in_a_parents_words() -> None:
    assert codes_named(load_ruleset("federation"))[:1] == ["G: holiday not granted by the school"]
    assert "arrived after the register closed" in text_of(
        leaflet_pdf(SCHOOL, load_ruleset("federation"), titles=TITLES, on=TODAY)
    )
    first = steps(load_ruleset("wigston"))[1].when
    assert "watch rule" not in first and "school days in a row coded I, G, N, O or U" in first
    assert {code.split(":")[0] for code in codes_named(load_ruleset("wigston"))} == set("IGNOU")
