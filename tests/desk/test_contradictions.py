"""Contradictions: the file is read strictly, each policy has its points, and what can be worked out is worked out from the ladder."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from escalation.adoption import adopt
from escalation.contradictions import KINDS, contradictions, parse_contradictions, required_before, shipped
from escalation.engine.ruleset import SHIPPED, Ruleset, RulesetError, load_ruleset, parse_ruleset
from escalation.engine.source import read_text
from schools.models import Role
from tests.cast import NOW, TODAY, Cast, assemble

KNOWN = {
    "federation": ["absence cannot", "Data Protection Act 1998", "regulations of 2006"],
    "coventry": ["60 pounds", "three years", "original entry", "H, J and Y", "K, Q, C1, C2, J1 and X", "rolling academic year",
                 "medical-evidence letter", "miss the meeting", "section 444"],
    "vale": ["February 2024", "three years", "H and Y", "40 minutes", "more than 15", "after a week", "over 50 %", "87 %",
             "one term", "notice to improve"],
    "wigston": ["60 pounds", "5 days in a school year", "K) authorised", "Covid", "H, an agreed", "above 95", "every fortnight",
                "attendance leader"],
    "goldington": ["10.30", "Principal issues", "15 school days", "summoned", "letter of stage 1", "School Action", "Equality Act 1989"],
}  # fmt: skip
"""What the project's own list of contradictions has, by a few of its words."""
GOOD = """points:
  - {id: one, policy: vale, kind: laws, point: A, prints: B, in_force: C, clause: D, source: itself, handrail: E}
references: []
"""


def everything(key: str) -> str:
    return " ".join(f"{p.point} {p.prints} {p.in_force} {p.clause}" for p in contradictions(load_ruleset(key)))


def changed(key: str, old: str, new: str) -> Ruleset:
    text = load_ruleset(key).text
    assert text.count(old) == 1, old
    return parse_ruleset(text.replace(old, new), "changed.yaml")


@pytest.mark.parametrize(("key", "words"), KNOWN.items())
def test_every_known_point_is_there(key: str, words: list[str]) -> None:
    told = everything(key).replace("the year's absence cannot", "absence cannot")
    assert [each for each in words if each not in told] == []


@pytest.mark.parametrize("key", SHIPPED)
def test_every_point_says_where_and_by_what_law(key: str) -> None:
    for point in contradictions(load_ruleset(key)):
        assert point.kind in KINDS and point.clause and point.source and point.handrail
        assert point.prints != point.in_force


def test_the_points_stand_in_the_order_of_the_kinds() -> None:
    kinds = [list(KINDS).index(point.kind) for point in contradictions(load_ruleset("wigston"))]
    assert kinds == sorted(kinds) and len(set(kinds)) > 4


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("point: A", "points: A", 2, "missing|Field required|not permitted"),
        ("kind: laws", "kind: wishes", 2, "Input should be"),
        ("policy: vale", "policy: other", 2, "Input should be"),
        ("handrail: E", "handrail: ''", 2, "at least 1 character"),
        ("references: []", "references: []\nmore: 1", 4, "not permitted"),
        ("references: []", "", 1, "Field required"),
        ("id: one", "id: 1", 2, "valid string"),
    ],
)
def test_the_file_is_read_strictly(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(RulesetError) as refused:
        parse_contradictions(GOOD.replace(old, new), "points.yaml")
    text = str(refused.value)
    assert f"points.yaml, line {line}" in text and any(each in text for each in said.split("|")), text


def test_the_same_point_twice_is_refused() -> None:
    twice = GOOD.replace("references: []", "") + GOOD.splitlines()[1] + "\nreferences: []\n"
    with pytest.raises(RulesetError, match="vale/one stands twice"):
        parse_contradictions(twice)


def test_what_is_shipped_is_what_is_read() -> None:
    points, references = shipped()
    assert len(points) == len({(point.policy, point.id) for point in points}) >= 60
    assert all(reference.stage in {stage.id for stage in load_ruleset(reference.policy).stages} for reference in references)


def worked_out(ruleset: Ruleset) -> set[str]:
    return {point.id for point in contradictions(ruleset) if point.worked_out}


def test_a_letter_may_speak_of_one_that_the_ladder_does_not_require() -> None:
    assert required_before(load_ruleset("federation"), "7") == {"4", "6"}
    assert {"speaks-of-4", "speaks-of-6"} <= worked_out(load_ruleset("federation"))
    assert "speaks-of-2" not in worked_out(load_ruleset("coventry"))
    assert "speaks-of-4" in worked_out(load_ruleset("goldington"))


def test_a_ladder_that_requires_it_has_no_such_point() -> None:
    mended = changed("federation", "when: {measure: percent, window: year, below: contract_below}\n    needs: [4]",
                     "when: {measure: percent, window: year, below: contract_below}\n    needs: [5]")  # fmt: skip
    assert "speaks-of-6" not in worked_out(mended)


def test_a_figure_that_cannot_come_first_is_found_in_the_rule() -> None:
    assert not any(each.startswith("order") for each in worked_out(load_ruleset("coventry")))
    asked = changed("coventry", "    value: 95\n", "    value: 100\n")
    found = [point for point in contradictions(asked) if point.id == "order-0"]
    assert len(found) == 1 and "never be reached before stage 1" in found[0].point


def test_a_percentage_may_come_before_a_count() -> None:
    early = next(point for point in contradictions(load_ruleset("federation")) if point.id == "early-6")
    assert "Up to 109 possible sessions, 11 sessions missed are already below 90 %" in early.in_force
    assert 100 * (109 - 11) < 90 * 109 and not 100 * (110 - 11) < 90 * 110


def test_no_sentence_is_taken_from_a_policy() -> None:
    """Where the policies are at hand, no eight words in a row of theirs stand in our points."""
    from tests.engine.test_clauses import POLICIES

    if POLICIES.is_dir():
        sources = " ".join(" ".join(path.read_text(encoding="utf-8").lower().split()) for path in POLICIES.glob("0*.txt"))
        for point in shipped()[0]:
            words = f"{point.prints} {point.in_force}".lower().split()
            runs = [" ".join(words[at : at + 8]) for at in range(max(len(words) - 7, 0))]
            assert [run for run in runs if run in sources] == [], point.id


def test_the_file_of_the_points_is_plain_text_in_our_own_folder() -> None:
    from escalation.contradictions import FILE, FOLDER

    assert read_text(FOLDER / FILE).startswith("# Where the five policies differ")


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="coventry", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    return made


@pytest.mark.django_db
def test_a_school_sees_its_own_policys_points(client: Client, cast: Cast) -> None:
    client.force_login(cast.bob)
    response = client.get(reverse("desk:contradictions"))
    page = response.content.decode()
    assert [each.ruleset.key for each in response.context["page"].policies] == ["coventry"]
    assert "Two sums for the same fine" in page and "A register open for 100 and 60 minutes" not in page


@pytest.mark.django_db
def test_a_kind_narrows_the_page_and_an_unknown_one_does_not(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    for kind, only in (("fines", {"fines"}), ("nonsense", None)):
        points = client.get(reverse("desk:contradictions"), {"kind": kind}).context["page"].policies[0].points
        kinds = {point.kind for point in points}
        assert kinds == only if only else len(kinds) > 4


@pytest.mark.django_db
def test_a_trust_lead_sees_every_school_and_may_choose_one(client: Client, cast: Cast) -> None:
    adopt(school=cast.there, key="vale", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    client.force_login(cast.staff[Role.TRUST_LEAD])
    both = client.get(reverse("desk:contradictions")).context["page"].policies
    assert {each.ruleset.key for each in both} == {"coventry", "vale"}
    one = client.get(reverse("desk:contradictions"), {"school": cast.there.urn}).context["page"].policies
    assert [each.ruleset.key for each in one] == ["vale"]


@pytest.mark.django_db
def test_another_schools_points_are_not_there(client: Client, cast: Cast) -> None:
    client.force_login(cast.charlie)
    assert client.get(reverse("desk:contradictions"), {"school": cast.here.urn}).status_code == 404
    assert "has adopted no ladder" in client.get(reverse("desk:contradictions")).content.decode()


@pytest.mark.django_db
def test_the_ladders_page_leads_there(client: Client, cast: Cast) -> None:
    client.force_login(cast.alice)
    assert reverse("desk:contradictions") in client.get(reverse("desk:ladder")).content.decode()
