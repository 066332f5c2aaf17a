"""With DEBUG off every default that is not safe is refused, by the name of the variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

REAL = {
    "DEBUG": "off",
    "SECRET_KEY": "a-key-of-this-test-and-of-nothing-else-0123456789-abcdefgh",
    "ALLOWED_HOSTS": "handrail.example",
    "DATABASE_URL": "postgres://handrail:secret@127.0.0.1:5432/handrail",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}
READ_BY_SETTINGS = {*REAL, "HANDRAIL_TODAY", "HANDRAIL_DEMO", "EMAIL_URL"}


def read_settings(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Import the settings in a process of its own, with only these of their variables."""
    others = {name: value for name, value in os.environ.items() if name not in READ_BY_SETTINGS}
    command = [sys.executable, "-c", "import config.settings"]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env={**others, **environment}, capture_output=True, text=True, check=False
    )


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in REAL.items() if key != name}


def test_an_installation_that_says_everything_is_accepted() -> None:
    assert read_settings(REAL).returncode == 0


def test_the_embedded_defaults_run_with_debug_on() -> None:
    assert read_settings({"DEBUG": "on"}).returncode == 0


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"])
def test_a_variable_without_a_safe_default_is_asked_for(name: str) -> None:
    done = read_settings(without(name))
    assert done.returncode == 1
    assert f"ImproperlyConfigured: {name} is not set" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HANDRAIL_TODAY", "2026-06-15"),
        ("HANDRAIL_DEMO", "on"),
        ("DATABASE_URL", "sqlite:////tmp/handrail.sqlite3"),
        ("SECRET_KEY", "embedded-development-key-never-used-with-debug-off"),
    ],
)
def test_what_only_the_demo_may_have_is_refused(name: str, value: str) -> None:
    done = read_settings({**REAL, name: value})
    assert done.returncode == 1
    assert "ImproperlyConfigured" in done.stderr
    assert name in done.stderr.splitlines()[-1]


def test_the_secret_itself_is_never_in_the_message() -> None:
    done = read_settings({**REAL, "HANDRAIL_DEMO": "on"})
    assert REAL["SECRET_KEY"] not in done.stderr
    assert "secret@" not in done.stderr
