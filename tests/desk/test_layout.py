"""What holds on every page: a strict policy with nothing inline, landmarks, titles, the way in by role, keys that can be turned off."""

from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from desk.errors import forbidden, not_found, server_error
from escalation.adoption import adopt
from schools.models import Role, User
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-11-18", 3, "N"))
    run(made)
    return made


class Inline(HTMLParser):
    """Collects what a strict policy would refuse, and the page's skeleton."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes.append(given)
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self.found += [f"{tag} {name}={value}" for name, value in given.items() if (value or "").startswith("javascript:")]


def read(html: str) -> Inline:
    page = Inline()
    page.feed(html)
    return page


def addresses(cast: Cast) -> list[str]:
    """Every page of the desk that is looked at, and some of their open states."""
    pupil = cast.imogen.enrolment.pupil_id
    return [
        "/today/",
        f"/today/?open={cast.theo.enrolment_id}",
        "/today/?tab=new",
        "/today/?tab=due",
        "/decisions/",
        "/forms/",
        "/forms/900001/7A/",
        f"/forms/900001/7A/?open={cast.imogen.enrolment_id}",
        "/pupils/",
        f"/pupils/{pupil}/",
        "/search/?q=mar",
        "/registers/import/",
        "/nights/",
        "/post/",
        "/letters/",
        "/ladder/",
        "/accounts/logout/",
    ]


def test_nothing_inline_and_a_strict_policy_on_every_page(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    for address in addresses(cast):
        response = client.get(address)
        assert response.status_code == 200, address
        page = read(response.content.decode())
        assert page.found == [], address
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, address
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy, address


def test_every_page_has_its_landmarks_and_one_heading(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    for address in addresses(cast):
        html = client.get(address).content.decode()
        page = read(html)
        assert page.tags.count("main") == 1 and page.tags.count("h1") == 1, address
        assert page.tags.count("title") == 1 and " – Handrail</title>" in html, address
        assert 'href="#main"' in html and '<html lang="en-GB"' in html, address


def test_every_field_has_a_name_that_can_be_read_out(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    for address in ("/today/", f"/today/?open={cast.theo.enrolment_id}", "/registers/import/", "/pupils/", "/search/", "/post/"):
        html = client.get(address).content.decode()
        assert unlabelled(html) == [], address


def unlabelled(html: str) -> list[str | None]:
    """Names of visible fields that neither stand inside a label nor are named by one."""
    labels = Labels()
    labels.feed(html)
    return [name for name, identifier in labels.bare if identifier not in labels.named]


class Labels(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.named: set[str | None] = set()
        self.bare: list[tuple[str | None, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "label":
            self.depth += 1
            self.named.add(given.get("for"))
        is_field = tag in ("input", "select", "textarea") and given.get("type") != "hidden"
        if is_field and not self.depth and "aria-label" not in given:
            self.bare.append((given.get("name"), given.get("id")))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "label"


def test_the_sign_in_page_takes_nobody_without_a_password(client: Client, cast: Cast) -> None:
    response = client.get("/accounts/login/")
    assert read(response.content.decode()).found == []
    refused = client.post("/accounts/login/", {"login": cast.alice.email, "password": "not the one"})
    assert refused.status_code == 200 and "There is a problem" in refused.content.decode()


def test_without_signing_in_every_page_leads_to_the_door(client: Client, cast: Cast) -> None:
    for address in addresses(cast)[:-1]:
        response = client.get(address)
        assert response.status_code == 302 and response["Location"].startswith("/accounts/login/"), address


@pytest.mark.parametrize(
    ("role", "first"),
    [
        (Role.OFFICER, "/today/"),
        (Role.TUTOR, "/forms/"),
        (Role.HEAD_OF_YEAR, "/decisions/"),
        (Role.ATTENDANCE_LEAD, "/today/"),
        (Role.SAFEGUARDING_LEAD, "/today/"),
        (Role.HEAD, "/decisions/"),
        (Role.TRUST_LEAD, "/today/"),
        (Role.ADMINISTRATOR, "/nights/"),
        (Role.GOVERNOR, "/ladder/"),
    ],
)
def test_each_role_begins_at_its_own_page_and_may_open_it(client: Client, cast: Cast, role: str, first: str) -> None:
    client.force_login(cast.staff[role])
    response = client.get("/")
    assert response.status_code == 302 and response["Location"] == first
    assert client.get(first, follow=True).status_code == 200


def test_a_person_without_a_role_is_told_what_to_do(client: Client, cast: Cast) -> None:
    client.force_login(User.objects.create_user("nobody@fenwold.example", name="Mr N. Body"))
    response = client.get("/")
    assert response.status_code == 200 and "Ask your school’s administrator" in response.content.decode()


def test_the_navigation_offers_only_pages_that_open(client: Client, cast: Cast) -> None:
    for user in cast.staff.values():
        client.force_login(user)
        html = client.get("/", follow=True).content.decode()
        links = [given["href"] for given in read(html).attributes if given.get("class") == "nav__link"]
        assert links
        for link in links:
            assert client.get(link or "", follow=True).status_code == 200, (user.email, link)


def test_the_fixed_date_stands_in_a_banner(client: Client, cast: Cast, settings) -> None:
    client.force_login(cast.alice)
    assert "the date is fixed at Thursday 20 November 2025" in client.get("/today/").content.decode()
    settings.HANDRAIL_TODAY = None
    assert "the date is fixed" not in client.get("/pupils/").content.decode()


def test_keys_can_be_turned_off_and_on_again(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert 'data-keys="on"' in client.get("/pupils/").content.decode()
    response = client.post(reverse("desk:keys"), {"keys": "off", "next": "/pupils/"})
    assert response["Location"] == "/pupils/"
    assert 'data-keys="off"' in client.get("/pupils/").content.decode()
    client.post(reverse("desk:keys"), {"keys": "on", "next": "/pupils/"})
    assert 'data-keys="on"' in client.get("/pupils/").content.decode()


def test_forms_send_nobody_to_a_foreign_address(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    for foreign in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"):
        assert client.post(reverse("desk:keys"), {"keys": "on", "next": foreign})["Location"] == "/"


def test_a_page_that_is_not_there_says_what_to_do(client: Client, cast: Cast, settings) -> None:
    settings.DEBUG = False
    client.force_login(cast.alice)
    response = client.get("/no-such-page/")
    assert response.status_code == 404 and "search for the pupil by name" in response.content.decode()


class TestWithoutADatabase:
    """Error pages must stand when the database does not."""

    pytestmark: list[pytest.MarkDecorator] = []

    def test_error_pages_ask_nothing(self, django_assert_num_queries) -> None:
        request = RequestFactory().get("/somewhere/")
        with django_assert_num_queries(0):
            pages = [
                server_error(request),
                not_found(request, Exception()),
                forbidden(request, Exception("Only the officer may.")),
            ]
        assert [page.status_code for page in pages] == [500, 404, 403]
        assert "Nothing was changed." in pages[0].content.decode()
        assert "Only the officer may." in pages[2].content.decode()
        assert all(read(page.content.decode()).found == [] for page in pages)
