"""The lock files pin everything by hash, agree with the short lists, and name no registry: each machine brings its own."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(settings.BASE_DIR)
LISTS = ["requirements", "requirements-dev", "requirements-node"]


def pins(name: str) -> dict[str, str]:
    """Package (normalised name) to its block of text in the compiled list."""
    text = (ROOT / f"{name}.txt").read_text()
    blocks = re.findall(r"^([A-Za-z0-9._-]+)(==.*?)(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return {canonicalize_name(package): block for package, block in blocks}


def wanted(name: str) -> set[str]:
    """The packages that the short list asks for."""
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith(("#", "-"))]
    return {canonicalize_name(found.group()) for found in names if found}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-node.txt", "package-lock.json"])
def test_no_address_of_a_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.findall(r"https?://|file://|--(?:extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("name", LISTS)
def test_every_python_package_is_pinned_by_hash(name: str) -> None:
    assert pins(name)
    assert [package for package, block in pins(name).items() if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_package_asked_for_is_locked(name: str) -> None:
    assert wanted(name) - set(pins(name)) == set(), "run bin/lock and commit what it wrote"


def test_packages_of_both_python_lists_have_one_version() -> None:
    run_time, checks = pins("requirements"), pins("requirements-dev")
    version = re.compile(r"==(\S+)")
    differing = [
        name for name in run_time.keys() & checks.keys() if version.findall(run_time[name]) != version.findall(checks[name])
    ]
    assert differing == []


@pytest.mark.parametrize("python", ["3.11.0", "3.11.2", "3.12.3", "3.13.5", "3.14.0"])
def test_the_lists_serve_every_python_from_3_11_on(python: str) -> None:
    """A package that only another Python asks for would stop `pip install --require-hashes` there, and not here."""
    locked = pins("requirements") | pins("requirements-dev")
    environment = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    missing = set()
    for name in locked:
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            asked_for = not needed.marker or needed.marker.evaluate({**environment, "extra": ""})
            if asked_for and canonicalize_name(needed.name) not in locked:
                missing.add(f"{needed.name} (for {name})")
    assert missing == set(), "name these in requirements.in, then run bin/lock"


def test_the_front_end_is_locked_by_hash_and_exact() -> None:
    asked = json.loads((ROOT / "package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    packages = {path.removeprefix("node_modules/"): about for path, about in locked.items() if path}
    assert {name: packages[name]["version"] for name in asked} == asked
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
    assert all("resolved" not in about for about in packages.values())
