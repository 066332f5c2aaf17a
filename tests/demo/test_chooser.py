"""The demo's front door: open only in the demo, one click signs in, and nobody else is let through."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from demo.made import TableRow, found, keep
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.demo.urls"), pytest.mark.sqlite_too]


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def demo(settings: Settings) -> Settings:
    settings.DEBUG, settings.HANDRAIL_DEMO, settings.HANDRAIL_TODAY = True, True, TODAY
    return settings


@pytest.mark.parametrize(("debug", "is_demo"), [(False, True), (True, False), (False, False)])
def test_outside_the_demo_there_is_no_such_door(
    settings: Settings, client: Client, cast: Cast, debug: bool, is_demo: bool
) -> None:
    settings.DEBUG, settings.HANDRAIL_DEMO = debug, is_demo
    assert client.get("/demo/").status_code == 404
    assert client.post("/demo/sign-in/", {"person": cast.alice.pk}).status_code == 404
    assert "_auth_user_id" not in client.session


def test_it_names_everyone_with_school_and_role(demo: Settings, client: Client, cast: Cast) -> None:
    page = client.get("/demo/").content.decode()
    assert cast.here.name in page and cast.there.name in page
    assert cast.alice.name in page and cast.charlie.name in page
    assert f'value="{cast.bob.pk}"' in page, "tutors stand under their forms"
    assert "7A" in page


def test_one_click_signs_in(demo: Settings, client: Client, cast: Cast) -> None:
    answer = client.post("/demo/sign-in/", {"person": cast.alice.pk})
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(cast.alice.pk)


def test_another_click_changes_the_person(demo: Settings, client: Client, cast: Cast) -> None:
    client.post("/demo/sign-in/", {"person": cast.alice.pk})
    client.post("/demo/sign-in/", {"person": cast.bob.pk})
    assert client.session["_auth_user_id"] == str(cast.bob.pk)


@pytest.mark.parametrize("person", ["", "0", "999999", "alice", "1 or 1"])
def test_who_does_not_exist_cannot_be_chosen(demo: Settings, client: Client, cast: Cast, person: str) -> None:
    assert client.post("/demo/sign-in/", {"person": person}).status_code == 404


def test_who_may_not_sign_in_cannot_be_chosen(demo: Settings, client: Client, cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save()
    assert client.post("/demo/sign-in/", {"person": cast.bob.pk}).status_code == 404


def test_a_link_is_not_enough_and_a_foreign_form_neither(demo: Settings, cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.get(f"/demo/sign-in/?person={cast.alice.pk}").status_code == 405
    assert strict.post("/demo/sign-in/", {"person": cast.alice.pk}).status_code == 403


def test_without_schools_it_says_what_to_do(demo: Settings, client: Client) -> None:
    assert "bin/demo" in client.get("/demo/").content.decode()


def test_statements_do_not_grow_with_the_people(
    demo: Settings, client: Client, cast: Cast, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(12):
        client.get("/demo/")


def test_make_demo_is_refused_outside_the_demo(settings: Settings) -> None:
    settings.HANDRAIL_DEMO = False
    with pytest.raises(CommandError, match="use bin/demo"):
        call_command("make_demo")


def test_make_demo_leaves_the_schools_of_others_alone(demo: Settings, cast: Cast) -> None:
    with pytest.raises(CommandError, match=f"not the demo's .{cast.group.name}"):
        call_command("make_demo", "--again")
    cast.group.refresh_from_db()


def test_a_demo_counts_as_made_only_for_its_own_day(demo: Settings) -> None:
    assert found(TODAY) is None
    keep([TableRow("A", 1, 2, 3, 4, 0.5)], today=TODAY, now=NOW)
    assert found(TODAY) == [TableRow("A", 1, 2, 3, 4, 0.5)]
    assert found(TODAY.replace(year=2027)) is None
