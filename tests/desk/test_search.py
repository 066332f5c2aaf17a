"""Search and the list of pupils: everything in scope, nothing outside it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attendance.services import refresh_figures
from desk.queries.search import Found, find
from schools.access import Scope
from schools.models import Role, User
from tests import factories as make
from tests.cast import TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    present(made, theo=away(made, "2025-09-03", 12))
    refresh_figures(school=made.here, as_of=TODAY)
    return made


def found(user: User, text: str) -> Found:
    return find(Scope.of(user, TODAY), text, TODAY)


def names(user: User, text: str) -> list[str]:
    return [item.pupil.name for item in found(user, text).pupils]


def test_every_word_must_fit_in_any_order(cast: Cast) -> None:
    assert names(cast.alice, "marlow imo") == ["Imogen Marlow"]
    assert names(cast.alice, "imo okafor") == []


def test_search_finds_only_in_scope(cast: Cast) -> None:
    assert names(cast.charlie, "marlow") == ["Edith Marlow"]
    assert names(cast.bob, "nowak") == []
    assert names(cast.staff[Role.TRUST_LEAD], "marlow") == ["Edith Marlow", "Imogen Marlow"]
    assert names(cast.staff[Role.GOVERNOR], "marlow") == []
    assert names(cast.staff[Role.ADMINISTRATOR], "marlow") == []


def test_a_parent_is_found_with_the_children_in_scope_only(cast: Cast) -> None:
    [parent] = found(cast.alice, "morwenna").parents
    assert [(child.name, relationship) for child, relationship in parent.children] == [("Imogen Marlow", "mother")]
    assert found(cast.bob, "halina").parents == []


def test_by_upn_and_admission_number(cast: Cast) -> None:
    enrolment = cast.theo.enrolment
    assert names(cast.alice, enrolment.pupil.upn.lower()) == ["Theo Okafor"]
    assert names(cast.alice, enrolment.admission_number) == ["Theo Okafor"]


def test_a_leaver_is_found_and_marked_as_one(cast: Cast) -> None:
    [leaver] = found(cast.alice, "gone").pupils
    assert leaver.has_left and leaver.form == "8B"


def test_one_letter_is_too_short_and_signs_are_harmless(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert "Type at least two letters." in client.get("/search/?q=m").content.decode()
    for text in ("%25%25", "'; drop table", "<script>alert(1)</script>", "x" * 5000):
        response = client.get("/search/", {"q": text})
        assert response.status_code == 200 and "<script>alert" not in response.content.decode()


def test_nobody_found_says_what_to_try(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    page = client.get("/search/?q=okafor").content.decode()
    assert "Nobody found" in page and "Theo" not in page


def test_results_alone_for_a_page_that_asks_while_typing(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    part = client.get("/search/?q=marlow", headers={"HX-Request": "true"}).content.decode()
    assert "Imogen Marlow" in part and "<html" not in part


# The list


def listed(client: Client, user: User, query: str = "") -> list[str]:
    client.force_login(user)
    return [row.line.name for row in client.get(f"/pupils/{query}").context["rows"]]


def test_the_list_holds_who_is_on_roll_today_and_in_scope(client: Client, cast: Cast) -> None:
    assert listed(client, cast.alice) == ["Imogen Marlow", "Nia Newell", "Priya Nowak", "Theo Okafor"]
    assert listed(client, cast.bob) == ["Imogen Marlow", "Nia Newell", "Theo Okafor"]
    assert listed(client, cast.charlie) == ["Edith Marlow"]
    assert listed(client, cast.staff[Role.GOVERNOR]) == []


def test_the_lowest_attendance_comes_first_when_asked(client: Client, cast: Cast) -> None:
    assert listed(client, cast.alice, "?order=attendance")[0] == "Theo Okafor"
    assert "76.5%" in client.get("/pupils/").content.decode()


def test_filters_of_the_list(client: Client, cast: Cast) -> None:
    assert listed(client, cast.alice, "?year=8") == ["Priya Nowak"]
    assert listed(client, cast.alice, "?flag=looked_after") == ["Priya Nowak"]
    assert listed(client, cast.alice, "?form=7A&flag=looked_after") == []
    assert client.get("/pupils/?school=900002").status_code == 404
    assert client.get("/pupils/?page=999&order=nonsense").status_code == 200


def test_the_number_of_statements_does_not_grow_with_the_school(client: Client, cast: Cast) -> None:
    def statements(address: str) -> int:
        client.force_login(cast.alice)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(address).status_code == 200
        return len(caught)

    addresses = ("/pupils/", "/search/?q=example")
    for number in range(6):
        make.PupilParentFactory(pupil=make.on_roll(cast.here, form=f"7{'ABC'[number % 3]}").enrolment.pupil)
    before = [statements(address) for address in addresses]
    for number in range(190):
        make.PupilParentFactory(pupil=make.on_roll(cast.here, form=f"7{'ABC'[number % 3]}").enrolment.pupil)
    assert [statements(address) for address in addresses] == before
