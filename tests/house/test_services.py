"""The services that the other tests stand on are the real ones."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.db import connection
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from config.celery import app
from schools.models import User
from tests.services import CeleryWorker


@pytest.mark.django_db
def test_the_tests_run_on_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select version()")
        assert cursor.fetchone()[0].startswith("PostgreSQL")


@pytest.mark.django_db
@pytest.mark.sqlite_too
def test_the_database_keeps_letters_of_every_script() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select %s", ["Łucja Žofie 李 محمد"])
        assert cursor.fetchone()[0] == "Łucja Žofie 李 محمد"


def test_a_real_worker_answers_over_redis(celery_worker_process: CeleryWorker) -> None:
    answers = app.control.ping(timeout=5)
    assert [list(answer.values()) for answer in answers] == [[{"ok": "pong"}]]


def test_a_worker_serves_every_task_that_the_schedule_names(celery_worker_process: CeleryWorker) -> None:
    registered = set().union(*app.control.inspect(timeout=5).registered().values())
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= registered


def test_a_killed_worker_is_gone(celery_worker_process: CeleryWorker) -> None:
    celery_worker_process.kill()
    deadline = time.monotonic() + 5
    while app.control.ping(timeout=0.5) and time.monotonic() < deadline:
        pass
    assert celery_worker_process.process.returncode == -9


def test_a_real_browser_reads_a_page(page: Page) -> None:
    page.set_content("<h1 id='a'>Handrail</h1>")
    assert page.locator("#a").inner_text() == "Handrail"
    assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == "Europe/London"


def test_a_user_can_be_signed_in_without_the_form(signed_in: Callable[[User], Page], live_server: LiveServer) -> None:
    page = signed_in(User.objects.create_user(email="alice@handrail.example", password="correct horse battery"))
    assert page.goto(f"{live_server.url}/accounts/login/")
    assert "/accounts/login/" not in page.url  # who is signed in is sent on


def test_the_browser_gets_the_styles_that_were_fetched(page: Page, live_server: LiveServer) -> None:
    answer = page.goto(f"{live_server.url}/static/vendor/govuk-frontend.min.css")
    assert answer
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, "text/css")
