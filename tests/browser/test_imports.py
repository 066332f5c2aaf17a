"""Importing in a real browser: a workbook with odd headings is explained once and known the second time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from attendance.grid import slot
from attendance.models import ImportBatch, RegisterRow
from tests.accessibility import assert_accessible
from tests.cast import TODAY, Cast, assemble

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[..., Page]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    return assemble()


def workbook(cast: Cast, path: Path, code: str) -> Path:
    with xlsxwriter.Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as book:
        sheet = book.add_worksheet("Roll call")
        rows = [["Child", "On the", "Half", "Sign"]]
        rows += [[row.enrolment.pupil.upn, TODAY, "AM", code] for row in (cast.imogen, cast.theo, cast.priya)]
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


def test_odd_headings_are_explained_once(cast: Cast, signed_in: SignIn, live_server: LiveServer, tmp_path: Path) -> None:
    page = signed_in(cast.alice)
    page.goto(f"{live_server.url}/registers/import/")
    assert_accessible(page)
    page.set_input_files("#id_file", workbook(cast, tmp_path / "monday.xlsx", "N"))
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_role("heading", name="Which column is which?")).to_be_visible()
    assert_accessible(page)
    for label, heading in (("UPN", "Child"), ("Date", "On the"), ("Session", "Half"), ("Mark", "Sign")):
        page.get_by_label(label, exact=True).select_option(heading)
    page.get_by_role("button", name="Remember this and look at the file").click()
    assert_accessible(page)
    page.get_by_role("button", name="Read in 3 new marks").click()
    expect(page.get_by_text("Read in for Fenwold Academy: 3 new marks")).to_be_visible()

    page.set_input_files("#id_file", workbook(cast, tmp_path / "again.xlsx", "I"))
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_text("The headings are known from last time.")).to_be_visible()
    page.get_by_role("button", name="Read in 3 changes").click()
    assert RegisterRow.objects.get(pk=cast.theo.pk).marks[slot(TODAY, "AM")] == "I"

    page.get_by_role("link", name="Undo again.xlsx").click()
    assert_accessible(page)
    page.get_by_role("button", name="Undo the whole file").click()
    expect(page.get_by_text("again.xlsx was undone")).to_be_visible()
    assert RegisterRow.objects.get(pk=cast.theo.pk).marks[slot(TODAY, "AM")] == "N"
    assert ImportBatch.objects.filter(undone_at__isnull=False).count() == 1
