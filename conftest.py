"""What every test stands on: a browser, and the services that bin/with-services brought up (tests/services.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

# The browser's driver keeps an event loop in the test's own thread, where Django would otherwise refuse to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytest_plugins = ["tests.services", "tests.bars"]

CHROMIUM_FLAGS = [
    "--no-sandbox",  # Chromium refuses to start as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's own Chromium; where it has none (Ubuntu), the one that bin/setup fetched for the driver."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    place = {"executable_path": chromium} if chromium else {}
    return {**browser_type_launch_args, **place, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A British visitor with the office's smallest common screen."""
    viewport = {"width": 1280, "height": 900}
    return {**browser_context_args, "locale": "en-GB", "timezone_id": "Europe/London", "viewport": viewport}


@pytest.fixture
def signed_in(page: Page, live_server: LiveServer, client: Client) -> Callable[[AbstractBaseUser], Page]:
    """A function that signs a user in without the form and gives the browser's page: `signed_in(alice).goto(live_server.url)`."""

    def sign_in(user: AbstractBaseUser) -> Page:
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        return page

    return sign_in
