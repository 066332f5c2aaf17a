"""What bin/frontend leaves under static/vendor/ can be hashed, needs nothing from elsewhere, and carries no mark of the government's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

VENDOR = Path(settings.BASE_DIR) / "static" / "vendor"
FILES = ["govuk-frontend.min.css", "moj-frontend.min.css", "govuk-frontend.min.js", "moj-frontend.min.js"]
STYLES = FILES[:2]


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_there_and_names_no_source_map(name: str) -> None:
    text = (VENDOR / name).read_text()
    assert len(text) > 20_000
    assert "sourceMappingURL" not in text


@pytest.mark.parametrize("name", STYLES)
def test_every_address_in_a_style_is_a_file_beside_it(name: str) -> None:
    addresses = re.findall(r"url\(\"?([^)\"]+)", (VENDOR / name).read_text())
    assert [address for address in addresses if not (VENDOR / address).is_file()] == []


@pytest.mark.parametrize("name", STYLES)
def test_no_crown_no_crest_no_licensed_typeface(name: str) -> None:
    text = (VENDOR / name).read_text().lower()
    assert [word for word in ["gds transport", "@font-face", "crown", "crest"] if word in text] == []
    assert 'arial,helvetica,"liberation sans"' in text


def test_no_image_or_typeface_of_the_government() -> None:
    names = [path.name for path in VENDOR.rglob("*") if path.is_file()]
    assert [name for name in names if re.search(r"crown|crest|logotype|woff|opengraph|favicon", name)] == []


def test_the_braces_of_a_mended_style_still_balance() -> None:
    for name in STYLES:
        text = re.sub(r'"[^"]*"', "", (VENDOR / name).read_text())
        assert text.count("{") == text.count("}")


def test_one_palette_holds() -> None:
    assert ":root{" in (VENDOR / STYLES[0]).read_text()
    assert ":root{" not in (VENDOR / STYLES[1]).read_text()


def test_a_second_run_finds_nothing_to_do() -> None:
    script = Path(settings.BASE_DIR) / "bin" / "frontend"
    assert subprocess.run([sys.executable, script, "--is-current"], check=False).returncode == 0
