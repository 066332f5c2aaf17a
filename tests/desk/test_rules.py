"""Changing the ladder in the browser without a script: every button is a form that is sent, and every fault stands where it is."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk.band_forms import BandsForm
from desk.number_forms import NumbersForm
from desk.rule_forms import PartForm, joint_of, leaf_fields, leaf_from
from escalation.adoption import adopt
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.models import Adoption, LadderDraft
from escalation.ruleset_text import faults_of, plain
from schools.models import Role
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    return made


@pytest.fixture
def lead(client: Client, cast: Cast) -> Client:
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    return client


def begin(client: Client, **given: object) -> LadderDraft:
    response = client.post("/rules/900001/start/", {"source": "in-force", **given})
    draft = LadderDraft.objects.latest("pk")
    assert response["Location"] == f"/rules/drafts/{draft.pk}/"
    return draft


def sent(client: Client, draft: LadderDraft, path: str, **given: object):
    draft.refresh_from_db()
    return client.post(f"/rules/drafts/{draft.pk}/{path}", {"seen": draft.changed_at.isoformat(), **given}, follow=True)


def as_posted(form: PartForm) -> dict[str, object]:
    """What a browser sends when nothing was touched."""
    found: dict[str, object] = {}

    def rows(row) -> None:
        for part in row.parts:
            rows(part)
        for field in row.fields:
            found[field.name] = ("yes" if field.value else "") if field.kind == "check" else field.value

    if form.has_condition:
        rows(form.condition)
    for field in (*form.fields, *form.words, *(each for _, fields in form.actions for each in fields)):
        found[field.name] = ("yes" if field.value else "") if field.kind == "check" else field.value
    return found


def edit_item(client: Client, draft: LadderDraft, part: str, number: int, **changes: object):
    draft.refresh_from_db()
    form = PartForm(plain(draft.text), (part, number))
    given = as_posted(form) | {key.replace("__", "."): value for key, value in changes.items()}
    return sent(client, draft, f"{part}/{number}/", **given)


def stage(draft: LadderDraft, number: int) -> dict:
    draft.refresh_from_db()
    return plain(draft.text)["stages"][number]


@pytest.mark.parametrize("key", SHIPPED)
def test_a_form_that_nobody_touched_changes_nothing_in_any_shipped_ladder(key: str) -> None:
    data = plain(load_ruleset(key).text)
    for part in ("stages", "watch", "recovery"):
        for number, item in enumerate(data.get(part, [])):
            form = PartForm(data, (part, number))
            given = as_posted(form)
            many = {name: value for name, value in given.items() if isinstance(value, list)}
            assert form.changes(given, lambda name, many=many: many.get(name, [])) == []
            for leaf in leaves_of(item["when"]):
                assert leaf_from(leaf_fields(leaf)) == leaf


@pytest.mark.parametrize("key", SHIPPED)
def test_the_other_forms_change_nothing_either_and_show_every_part(key: str) -> None:
    data = plain(load_ruleset(key).text)
    places = [(part, number) for part in ("prompts", "checklists") for number in range(len(data.get(part, [])))]
    for place in [*places, *([("carry_over",)] if "carry_over" in data else [])]:
        form = PartForm(data, place)
        given = as_posted(form)
        many = {name: value for name, value in given.items() if isinstance(value, list)}
        assert form.changes(given, lambda name, many=many: many.get(name, [])) == [] and form.words
    assert NumbersForm(data).changes({}) == [] and BandsForm(data).changes({}) == []
    assert len(BandsForm(data).rows) == len(data["bands"]) and all(row.stages for row in BandsForm(data).rows)


def leaves_of(node: dict):
    joint = joint_of(node)
    if joint == "not":
        yield from leaves_of(node["not"])
    elif joint:
        for part in node[joint]:
            yield from leaves_of(part)
    else:
        yield node


def test_a_draft_is_begun_from_what_is_in_force_a_shipped_ladder_or_a_file(lead: Client) -> None:
    assert begin(lead).text == load_ruleset("federation").text
    assert begin(lead, source="wigston").text == load_ruleset("wigston").text
    text = load_ruleset("vale").text
    file = SimpleUploadedFile("ours.yaml", text.encode())
    assert begin(lead, source="file", file=file).text == text
    page = lead.get("/rules/?school=900001").content.decode()
    assert page.count("Being written") == 3


@pytest.mark.parametrize(
    ("data", "sentence"), [(b"", "Choose the ladder"), (b"\xff\xfe\x00", "not UTF-8"), (b"- 1\n", "begins with &#x27;key:&#x27;")]
)
def test_a_file_that_cannot_be_read_says_why(lead: Client, data: bytes, sentence: str) -> None:
    files = {"file": SimpleUploadedFile("x.yaml", data)} if data else {}
    response = lead.post("/rules/900001/start/", {"source": "file", **files}, follow=True)
    assert sentence in response.content.decode() and not LadderDraft.objects.exists()


def test_numbers_are_changed_and_what_is_no_number_is_named(lead: Client) -> None:
    draft = begin(lead)
    page = sent(lead, draft, "numbers/", **{"support_half_term.value": "6"})
    assert (
        "at 6" not in page.content.decode().split("In words")[0]
        and "6 or more sessions missed this half term" in page.content.decode()
    )
    refused = sent(lead, draft, "numbers/", **{"support_half_term.value": "six"})
    assert (
        refused.status_code == 422 and "give a number" in refused.content.decode() and 'value="six"' in refused.content.decode()
    )
    beyond = sent(lead, draft, "numbers/", **{"contract_below.value": "190"}).content.decode()
    assert "outside 0 to 100 %" in beyond and "once it has no fault" in beyond
    draft.refresh_from_db()
    assert faults_of(draft.text)[0] is None and "value: 190" in draft.text


def test_a_stages_fields_are_saved_one_by_one(lead: Client) -> None:
    draft = begin(lead)
    edit_item(lead, draft, "stages", 2, name="Letter 1: help", acts="officer", approves="head", needs=["1"], begins_period="4",
              period_is="monitoring", waits_for_gap="", may_be_passed_over="true", judged="weekly", open="One.\nTwo.")  # fmt: skip
    found = stage(draft, 2)
    assert (found["name"], found["acts"], found["approves"], found["needs"]) == ("Letter 1: help", "officer", "head", ["1"])
    assert (found["begins_period"], found["period_is"], found["waits_for_gap"]) == (4, "monitoring", False)
    assert (found["may_be_passed_over"], found["judged"], found["open"]) == (True, "weekly", ["One.", "Two."])
    ruleset, faults = faults_of(draft.text)
    assert faults == [] and ruleset.stage("3").begins_period == 4
    assert "# Both counts close" in draft.text


def test_the_rows_of_a_condition_are_added_changed_moved_and_removed(lead: Client) -> None:
    draft = begin(lead)
    edit_item(lead, draft, "stages", 2, do="row:when")
    assert stage(draft, 2)["when"]["any"][2] == {"measure": "missed", "window": "year", "at_least": 10}
    changed = {"when.any.2.what": "unauthorised", "when.any.2.window": "school_weeks", "when.any.2.of": "4", "when.any.2.codes": "G, O",
               "when.any.2.threshold": "3", "do": "up:when.any.2"}  # fmt: skip
    edit_item(lead, draft, "stages", 2, **changed)
    assert stage(draft, 2)["when"]["any"][1] == {
        "measure": "unauthorised", "codes": ["G", "O"], "window": {"school_weeks": 4}, "at_least": 3,
    }  # fmt: skip
    edit_item(lead, draft, "stages", 2, do="remove:when.any.0")
    assert [row["measure"] for row in stage(draft, 2)["when"]["any"]] == ["unauthorised", "missed"]
    edit_item(lead, draft, "stages", 2, do="all:when")
    edit_item(lead, draft, "stages", 2, do="any:when.all.0")
    edit_item(lead, draft, "stages", 2, do="not:when.all.1")
    assert list(stage(draft, 2)["when"]) == ["all"] and joint_of(stage(draft, 2)["when"]["all"][0]) == "any"
    assert faults_of(draft.text)[1] == [] and joint_of(stage(draft, 2)["when"]["all"][1]) == "not"
    edit_item(lead, draft, "stages", 2, do="not:when.all.1")
    assert stage(draft, 2)["when"]["all"][1]["measure"] == "missed"


def test_a_row_that_cannot_be_is_kept_and_named_beside_it(lead: Client) -> None:
    draft = begin(lead)
    page = edit_item(lead, draft, "stages", 2, **{"when.any.0.window": "weeks", "when.any.0.of": "9999"}).content.decode()
    assert "impossible window: weeks is a whole number from 1 to 400, not 9999." in page and "node--wrong" in page
    page = edit_item(lead, draft, "stages", 2, **{"when.any.0.what": "percent", "when.any.0.window": "year"}).content.decode()
    assert "node--wrong" not in page
    page = edit_item(lead, draft, "stages", 2, **{"when.any.0.what": "target_missed", "when.any.0.of": "6"}).content.decode()
    assert "cannot lean on stage" in page
    assert "cannot lean on stage" in lead.get(f"/rules/drafts/{draft.pk}/").content.decode()


def test_a_condition_cannot_lose_its_only_row(lead: Client) -> None:
    draft = begin(lead)
    page = edit_item(lead, draft, "stages", 5, do="remove:when")
    assert page.status_code == 422 and "needs a condition" in page.content.decode()


def test_actions_are_added_and_letters_come_from_the_list(lead: Client) -> None:
    draft = begin(lead)
    edit_item(lead, draft, "stages", 2, do="action:actions")
    edit_item(lead, draft, "stages", 2, actions__1__kind="letter", actions__1__letter="letter-2", actions__1__due_days="3")
    assert stage(draft, 2)["actions"][1] == {"kind": "letter", "letter": "letter-2", "due_days": 3}
    page = edit_item(lead, draft, "stages", 2, actions__1__letter="letter-x").content.decode()
    assert "there is no letter &#x27;letter-x&#x27;" in page
    edit_item(lead, draft, "stages", 2, do="remove:actions.1")
    assert len(stage(draft, 2)["actions"]) == 1


def test_stages_and_rules_are_added_moved_and_removed(lead: Client) -> None:
    draft = begin(lead)
    assert sent(lead, draft, "part/", do="add:stages").redirect_chain[-1][0] == f"/rules/drafts/{draft.pk}/stages/7/"
    assert stage(draft, 7)["id"] == "8" and faults_of(draft.text)[1] == []
    sent(lead, draft, "part/", do="up:stages.7")
    assert stage(draft, 6)["id"] == "8"
    sent(lead, draft, "part/", do="remove:stages.6")
    assert len(plain(LadderDraft.objects.get().text)["stages"]) == 7
    sent(lead, draft, "part/", do="add:watch")
    edit_item(lead, draft, "watch", 0, name="Away three days", when__threshold="4", reopens="each_year")
    draft.refresh_from_db()
    rule = faults_of(draft.text)[0].watch[0]
    assert (rule.name, rule.condition.threshold, rule.afresh_each_year) == ("Away three days", 4, True)
    page = sent(lead, draft, "part/", do="remove:stages.3").content.decode()
    assert "unknown stage &#x27;4&#x27;" in page and "faults" in page
    assert "Choose what to do" in sent(lead, draft, "part/", do="burn:stages.3").content.decode()


def test_the_text_can_be_written_by_hand_and_a_fault_names_its_line(lead: Client) -> None:
    draft = begin(lead)
    page = sent(lead, draft, "text/", text="key: mine\nname: [\n")
    assert "not readable as YAML" in page.content.decode() and "line 3" in page.content.decode()
    assert lead.get(f"/rules/drafts/{draft.pk}/").status_code == 200
    assert lead.get(f"/rules/drafts/{draft.pk}/numbers/").status_code == 200
    assert lead.get(f"/rules/drafts/{draft.pk}/stages/0/").status_code == 404
    assert lead.get(f"/rules/drafts/{draft.pk}.yaml").content == b"key: mine\nname: [\n"
    refused = sent(lead, draft, "numbers/", **{"gap.value": "6"})
    assert refused.status_code in (200, 422)


WRONG_SHAPES = ("stages: 5\n", "stages: [1, 2]\n", "stages: [{id: 1, when: 7, actions: {}}]\n", "parameters: [1]\n",
                "bands: 7\npolicy: 3\n", "watch: [{when: {all: [3]}, open: 4}]\n",
                "stages: [{needs: 4, when: {not: {all: []}}, actions: [4]}]\n",
                "bands: [3, {id: 1, level: [1]}]\ncarry_over: {when: 4, stages: 7}\nparameters: {a: {value: {b: 1}, open: 3}}\n",
                "prompts: [4, {id: [1]}]\nchecklists: [{steps: 3, after_stage: {}}]\n")  # fmt: skip


@pytest.mark.parametrize("text", WRONG_SHAPES)
def test_a_draft_of_any_shape_can_be_looked_at(lead: Client, text: str) -> None:
    draft = begin(lead)
    sent(lead, draft, "text/", text="key: mine\n" + text)
    for path in ("", "numbers/", "bands/", "carry-over/", "text/"):
        assert lead.get(f"/rules/drafts/{draft.pk}/{path}").status_code == 200
    for path in ("stages/0/", "watch/0/", "prompts/1/", "checklists/0/"):
        assert lead.get(f"/rules/drafts/{draft.pk}/{path}").status_code in (200, 404)
    assert sent(lead, draft, "about/", name="Ours", title="T", judged="daily", note="").status_code == 200
    assert sent(lead, draft, "part/", do="add:stages").status_code == 200


def test_what_somebody_else_changed_is_not_overwritten(lead: Client) -> None:
    draft = begin(lead)
    seen = draft.changed_at.isoformat()
    sent(lead, draft, "numbers/", **{"gap.value": "6"})
    LadderDraft.objects.update(changed_at=NOW + dt.timedelta(hours=1))
    page = lead.post(f"/rules/drafts/{draft.pk}/numbers/", {"seen": seen, "gap.value": "7"})
    assert page.status_code == 422 and "Somebody changed this draft" in page.content.decode()
    for nonsense in ("", "yesterday", "2025-13-45T00:00"):
        assert lead.post(f"/rules/drafts/{draft.pk}/text/", {"seen": nonsense, "text": "x"}).status_code == 422


def test_written_reviewed_published(client: Client, cast: Cast) -> None:
    present(cast, imogen=away(cast, "2025-11-03", 4))
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    draft = begin(client)
    sent(client, draft, "numbers/", **{"support_half_term.value": "6"})
    sent(
        client, draft, "about/", name="Seven stages, earlier help", title="Procedures", judged="daily", note="We wrote too late."
    )
    page = sent(client, draft, "review/", note="Fine", do="agree").content.decode()
    assert "second person has to review" in page and LadderDraft.objects.get().state == "draft"
    client.force_login(cast.staff[Role.HEAD])
    page = client.get(f"/rules/drafts/{draft.pk}/").content.decode()
    assert "Stage 3 began at 8 sessions missed this half term, now at 6." in page
    assert "I have read it and agree" in page
    sent(client, draft, "review/", note="Read with the year heads.", do="agree")
    early = sent(client, draft, "publish/", starts="2025-11-19")
    assert early.status_code == 422 and "today or later" in early.content.decode()
    assert "Choose the day" in sent(client, draft, "publish/", starts="soon").content.decode()
    done = sent(client, draft, "publish/", starts="2026-01-05")
    history = done.content.decode()
    assert "Stage 3 began at 8 sessions missed this half term, from 5 January 2026 at 6." in history
    assert (
        "Written by Mr L. Larch, reviewed by Dr H. Hawthorn (“Read with the year heads.”), published by Dr H. Hawthorn."
        in history
    )
    assert "We wrote too late." in history and "not yet in force" in history
    version = Adoption.objects.get(starts="2026-01-05").version
    assert client.get(f"/rules/versions/{version.pk}.yaml").content.decode() == version.text
    assert "cannot be changed" in sent(client, draft, "about/", name="Other").content.decode()


def test_a_warning_has_to_be_read_before_publishing(client: Client, cast: Cast) -> None:
    present(cast)
    client.force_login(cast.staff[Role.ATTENDANCE_LEAD])
    draft = begin(client, source="vale")
    client.force_login(cast.staff[Role.HEAD])
    sent(client, draft, "review/", note="Read.", do="agree")
    page = client.get(f"/rules/drafts/{draft.pk}/publish/").content.decode()
    assert "would have proposed nothing for any of 4 pupils" in page and "I have read the warning" in page
    refused = sent(client, draft, "publish/", starts="2025-11-21")
    assert refused.status_code == 422 and "Say that you have read this" in refused.content.decode()
    assert "Published: this ladder" in sent(client, draft, "publish/", starts="2025-11-21", read="yes").content.decode()


ANSWERS = {"name": "The ladder of Oakfield", "shape": "both", "count": "3", "cadence": "weekly", "letters_of": "coventry"}


def test_a_sixth_school_answers_two_pages_and_has_a_ladder_without_a_fault(lead: Client) -> None:
    assert "On to the stages" in lead.get("/rules/900001/new/").content.decode()
    page = lead.get("/rules/900001/new/", ANSWERS)
    rows = page.context["form"].rows
    assert len(rows) == 3 and rows[1]["letter"]
    given = {
        f"{row['key']}_{name}": row[name]
        for row in rows
        for name in ("name", "sessions", "percent", "action", "letter", "acts", "approves")
    }
    done = lead.post("/rules/900001/new/", {**ANSWERS, **given}, follow=True)
    assert "fault" not in done.content.decode().split("In words")[0].split("What comes next")[0]
    ruleset, faults = faults_of(LadderDraft.objects.get().text)
    assert faults == [] and len(ruleset.stages) == 3 and ruleset.weekly and ruleset.key.startswith("coventry-")
    assert done.context["page"].faults == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "Give the ladder a name"),
        ({"shape": "round"}, "Choose a shape"),
        ({"letters_of": "eton"}, "Choose whose letters"),
        ({"stage_1_sessions": "5"}, "Stage 2 has to begin at more than the 5 sessions of stage 1."),
        ({"stage_1_sessions": "many"}, "Stage 2: sessions missed are a whole number"),
        ({"stage_1_percent": "101"}, "Stage 2: attendance is a number above 0"),
        ({"stage_0_percent": "nan"}, "Stage 1: attendance is a number above 0"),
        ({"stage_1_acts": "janitor"}, "Stage 2: choose what is done, who acts"),
        ({"stage_1_letter": "letter-9"}, "Stage 2: choose a letter from the list"),
        ({"stage_1_action": "letter", "stage_1_letter": ""}, "Stage 2: choose the letter that goes"),
        ({"stage_0_name": ""}, "Stage 1: give it a name"),
    ],
)
def test_the_wizard_names_what_is_missing(lead: Client, wrong: dict, sentence: str) -> None:
    page = lead.post("/rules/900001/new/", {**ANSWERS, **wrong})
    assert page.status_code == 422 and sentence in page.content.decode() and not LadderDraft.objects.exists()


def test_a_blank_ladder_is_kept_and_waits_for_its_first_stage(lead: Client) -> None:
    page = lead.post("/rules/900001/new/", {**ANSWERS, "shape": "blank"}, follow=True).content.decode()
    assert "this ladder has no stage yet" in page
    draft = LadderDraft.objects.get()
    sent(lead, draft, "part/", do="add:stages")
    assert lead.get(f"/rules/drafts/{draft.pk}/").context["page"].faults == []


def test_nobody_sees_another_schools_drafts(client: Client, cast: Cast) -> None:
    client.force_login(cast.staff[Role.HEAD])
    draft = begin(client)
    version = Adoption.objects.get().version
    client.force_login(cast.charlie)
    for path in ("", "numbers/", "bands/", "carry-over/", "text/", "publish/", "stages/0/"):
        assert client.get(f"/rules/drafts/{draft.pk}/{path}").status_code == 404
    assert client.get(f"/rules/versions/{version.pk}.yaml").status_code == 404
    assert client.post("/rules/900001/start/", {"source": "vale"}).status_code == 404
    client.force_login(cast.bob)
    assert client.get(f"/rules/drafts/{draft.pk}/").status_code == 403
    assert client.get("/rules/history/").status_code == 200


def test_pages_ask_a_constant_number_of_statements(lead: Client, cast: Cast) -> None:
    draft = begin(lead)

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert lead.get(path).status_code == 200
        return len(found)

    few = [statements(path) for path in ("/rules/", "/rules/history/", f"/rules/drafts/{draft.pk}/")]
    for number in range(4):
        begin(lead)
        adopt(school=cast.here, key=SHIPPED[number], starts=dt.date(2025, 9, 2 + number), by=None, now=NOW)
    assert [statements(path) for path in ("/rules/", "/rules/history/", f"/rules/drafts/{draft.pk}/")] == few


# Numbers that are added and removed

NEW = {"do": "add", "new.key": "Third talk", "new.value": "9", "new.unit": "sessions", "new.note": "We use 9.", "new.open": "yes"}


def lines_of(draft: LadderDraft) -> list[str]:
    draft.refresh_from_db()
    return draft.text.splitlines()


def test_a_number_is_added_named_and_removed_once_nothing_uses_it(lead: Client) -> None:
    draft = begin(lead)
    before = lines_of(draft)
    page = sent(lead, draft, "numbers/", **NEW)
    assert "was added" in page.content.decode() and "Nothing uses it" in page.content.decode()
    draft.refresh_from_db()
    assert plain(draft.text)["parameters"]["third_talk"] == {"value": 9, "unit": "sessions", "note": "We use 9.", "open": True}
    assert [line for line in lines_of(draft) if "third_talk" not in line] == before
    edit_item(lead, draft, "stages", 2, **{"when.any.0.threshold": "third_talk"})
    assert "It is used by stage 3." in lead.get(f"/rules/drafts/{draft.pk}/numbers/").content.decode()
    refused = sent(lead, draft, "numbers/", do="remove:third_talk")
    assert refused.status_code == 422 and "cannot be removed. It is used by stage 3." in refused.content.decode()
    edit_item(lead, draft, "stages", 2, **{"when.any.0.threshold": "support_half_term"})
    assert "was removed" in sent(lead, draft, "numbers/", do="remove:third_talk").content.decode()
    assert lines_of(draft) == before


def test_a_number_that_is_yes_or_no_can_be_added(lead: Client) -> None:
    draft = begin(lead)
    sent(lead, draft, "numbers/", **NEW | {"new.key": "late_ones", "new.value": "No", "new.open": ""})
    draft.refresh_from_db()
    assert plain(draft.text)["parameters"]["late_ones"] == {"value": False, "unit": "sessions", "note": "We use 9."}
    edit_item(lead, draft, "stages", 2, may_be_passed_over="late_ones")
    assert faults_of(draft.text)[1] == [] and "used by stage 3" in lead.get(f"/rules/drafts/{draft.pk}/numbers/").content.decode()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"new.key": ""}, "Give it a name"),
        ({"new.key": "3rd"}, "begins with a letter"),
        ({"new.key": "First talk"}, "There is a number called “First talk” already"),
        ({"new.value": "nine"}, "“nine” is none"),
        ({"new.value": "nan"}, "“nan” is none"),
        ({"new.unit": " "}, "Say what is counted"),
        ({"new.note": ""}, "Say what it means"),
    ],
)
def test_a_number_that_cannot_be_added_says_why_and_keeps_what_was_entered(lead: Client, wrong: dict, sentence: str) -> None:
    draft = begin(lead)
    page = sent(lead, draft, "numbers/", **{**NEW, **wrong})
    assert page.status_code == 422 and sentence in page.content.decode() and "Nothing was saved" in page.content.decode()
    assert "new.key" in wrong or 'value="Third talk"' in page.content.decode()
    draft.refresh_from_db()
    assert draft.text == load_ruleset("federation").text


def test_numbers_that_every_ladder_needs_stay(lead: Client) -> None:
    draft = begin(lead)
    for name in ("gap", "settling_in"):
        page = sent(lead, draft, "numbers/", do=f"remove:{name}")
        assert page.status_code == 422 and "Every ladder needs it." in page.content.decode()
    assert sent(lead, draft, "numbers/", do="remove:nobody").status_code == 422
    draft.refresh_from_db()
    assert draft.text == load_ruleset("federation").text


def test_what_the_policy_leaves_open_is_said_and_unsaid(lead: Client) -> None:
    draft = begin(lead)
    sent(lead, draft, "numbers/", **{"first_talk.open": "yes", "gap.open": ""})
    draft.refresh_from_db()
    given = plain(draft.text)["parameters"]
    assert given["first_talk"]["open"] is True and "open" not in given["gap"] and given["settling_in"]["open"] is True
    assert faults_of(draft.text)[1] == []


def test_the_last_number_goes_and_the_file_stays_as_it_was_written(lead: Client) -> None:
    draft = begin(lead)
    edit_item(lead, draft, "stages", 4, may_be_passed_over="")
    before = lines_of(draft)
    last = before.index("  stage_5_may_be_passed_over:")
    sent(lead, draft, "numbers/", do="remove:stage_5_may_be_passed_over")
    assert lines_of(draft) == before[:last] + before[last + 5 :]


# Bands


def bands(draft: LadderDraft) -> list[dict]:
    draft.refresh_from_db()
    return plain(draft.text)["bands"]


def test_bands_are_named_coloured_moved_added_and_removed(lead: Client) -> None:
    draft = begin(lead)
    text = load_ruleset("federation").text
    sent(lead, draft, "bands/", **{"bands.1.name": "More support", "bands.1.level": "3"})
    assert bands(draft)[1] == {"id": "further", "name": "More support", "level": 3}
    changed = [line for line in draft.text.splitlines() if line not in text.splitlines()]
    assert changed == ["  - {id: further, name: More support, level: 3}"]
    assert "The bands, their names or their colours changed." in lead.get(f"/rules/drafts/{draft.pk}/").content.decode()
    sent(lead, draft, "bands/", **{"bands.0.name": "First help", "do": "down:bands.0"})
    assert [band["name"] for band in bands(draft)][:2] == ["More support", "First help"]
    sent(lead, draft, "bands/", **{"do": "add", "new.name": "Further", "new.level": "4"})
    assert bands(draft)[4] == {"id": "further-2", "name": "Further", "level": 4} and faults_of(draft.text)[1] == []
    kept = sent(lead, draft, "bands/", do="remove:bands.0")
    assert kept.status_code == 422 and "cannot be removed while a stage stands in it: stage" in kept.content.decode()
    sent(lead, draft, "bands/", do="remove:bands.4")
    assert [band["id"] for band in bands(draft)] == ["further", "initial", "engaged", "escalation"]


def test_a_band_that_cannot_be_is_kept_and_named_beside_it(lead: Client) -> None:
    draft = begin(lead)
    page = sent(lead, draft, "bands/", **{"bands.0.level": "9", "bands.1.name": ""}).content.decode()
    assert page.count("field__error") == 2 and "9 (not possible)" in page
    overview = lead.get(f"/rules/drafts/{draft.pk}/").content.decode()
    assert "The band “Initial support”: level" in overview and f"/rules/drafts/{draft.pk}/bands/#band-0" in overview
    sent(lead, draft, "bands/", **{"bands.0.level": "1", "bands.1.name": "Further support"})
    assert faults_of(draft.text)[1] == [] or faults_of(LadderDraft.objects.get().text)[1] == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"do": "add", "new.name": "", "new.level": "3"}, "Give the band a name."),
        ({"do": "add", "new.name": "X", "new.level": "6"}, "Choose a colour from 1 to 5."),
        ({"do": "burn:bands.0"}, "Choose what to do with which band."),
        ({"do": "remove:stages.0"}, "Choose what to do with which band."),
        ({"do": "remove:bands.7"}, "no longer there"),
    ],
)
def test_what_cannot_be_done_with_bands_is_said(lead: Client, given: dict, sentence: str) -> None:
    draft = begin(lead)
    page = sent(lead, draft, "bands/", **given)
    assert page.status_code == 422 and sentence in page.content.decode()
    draft.refresh_from_db()
    assert draft.text == load_ruleset("federation").text


# What carries over, prompts, checklists


def edit_carry_over(client: Client, draft: LadderDraft, **changes: object):
    draft.refresh_from_db()
    given = as_posted(PartForm(plain(draft.text), ("carry_over",)))
    return sent(client, draft, "carry-over/", **given | {key.replace("__", "."): value for key, value in changes.items()})


def test_what_carries_over_is_added_changed_and_taken_out(lead: Client) -> None:
    draft = begin(lead)
    assert "Nothing carries over" in lead.get(f"/rules/drafts/{draft.pk}/carry-over/").content.decode()
    sent(lead, draft, "carry-over/", do="add")
    edit_carry_over(lead, draft, stages=["1", "2"], note="Those who stayed away.", clause="End of year", when__threshold="85")
    edit_carry_over(lead, draft, do="any:when")
    edit_carry_over(lead, draft, when__any__1__threshold="40")
    draft.refresh_from_db()
    ruleset, faults = faults_of(draft.text)
    assert faults == [] and ruleset.carry_over.stages == ("1", "2") and ruleset.carry_over.clause == "End of year"
    assert [row["measure"] for row in plain(draft.text)["carry_over"]["when"]["any"]] == ["percent", "missed"]
    keys = list(plain(draft.text))
    assert keys.index("carry_over") == keys.index("prompts") - 1
    page = edit_carry_over(lead, draft, stages=[]).content.decode()
    assert "fault" in page and "What carries over" in lead.get(f"/rules/drafts/{draft.pk}/").content.decode()
    edit_carry_over(lead, draft, stages=["1"])
    sent(lead, draft, "carry-over/", do="remove")
    draft.refresh_from_db()
    assert "carry_over" not in plain(draft.text) and faults_of(draft.text)[1] == []
    assert sent(lead, draft, "carry-over/", do="remove").status_code == 422
    assert sent(lead, draft, "carry-over/", do="save").status_code == 422


def test_the_carry_over_of_a_shipped_ladder_keeps_its_place(lead: Client) -> None:
    draft = begin(lead, source="wigston")
    assert "Stage 0: Tutor" in lead.get(f"/rules/drafts/{draft.pk}/").content.decode()
    edit_carry_over(lead, draft, letter="", note="For those who were persistently absent.")
    draft.refresh_from_db()
    was = load_ruleset("wigston").text.splitlines()
    changed = [line for line in draft.text.splitlines() if line not in was]
    assert changed == ["  note: For those who were persistently absent."] and len(draft.text.splitlines()) == len(was) - 1
    assert "It is used by the carry-over." in lead.get(f"/rules/drafts/{draft.pk}/numbers/").content.decode()


def test_prompts_and_checklists_have_forms(lead: Client) -> None:
    draft = begin(lead)
    place = sent(lead, draft, "part/", do="add:prompts").redirect_chain[-1][0]
    assert place == f"/rules/drafts/{draft.pk}/prompts/1/" and "When it is reached" not in lead.get(place).content.decode()
    edit_item(lead, draft, "prompts", 1, id="ring", name="Ring first", text="On the first morning.", who="officer", clause="2.1")
    sent(lead, draft, "part/", do="add:checklists")
    steps = "Meeting with the authority\n\n Contract considered \n"
    edit_item(lead, draft, "checklists", 0, name="After a term", after_stage="4", after_terms="2", steps=steps, clause="13")
    draft.refresh_from_db()
    ruleset, faults = faults_of(draft.text)
    assert faults == [] and ruleset.prompts[1].name == "Ring first" and ruleset.prompts[1].who == "officer"
    found = ruleset.checklists[0]
    assert (found.after_stage, found.after_terms, found.clause) == ("4", 2, "13")
    assert list(found.steps) == ["Meeting with the authority", "Contract considered"]
    sent(lead, draft, "part/", do="up:prompts.1")
    draft.refresh_from_db()
    assert faults_of(draft.text)[0].prompts[0].id == "ring"
    sent(lead, draft, "part/", do="remove:checklists.0")
    draft.refresh_from_db()
    assert "checklists" not in plain(draft.text)


def test_a_checklist_that_leans_on_nothing_is_named_beside_its_field(lead: Client) -> None:
    draft = begin(lead, source="vale")
    page = edit_item(lead, draft, "checklists", 0, after_terms="9").content.decode()
    assert "1 fault here" in page and "field__error" in page
    page = edit_item(lead, draft, "checklists", 0, after_terms="1", after_stage="99").content.decode()
    assert "unknown stage" in page and "99 (not known)" in page


def test_the_whole_of_a_part_cannot_be_swept_away(lead: Client) -> None:
    draft = begin(lead)
    for do in ("remove:stages", "up:prompts", "remove:bands.0", "add:"):
        assert "Choose what to do" in sent(lead, draft, "part/", do=do).content.decode()
    draft.refresh_from_db()
    assert draft.text == load_ruleset("federation").text
