"""A change of a ladder on its way: two people, a day that has not been judged yet, and versions that never change."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from escalation import drafts
from escalation.adoption import adopt
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.foresight import forecast
from escalation.models import Adoption, LadderDraft, RulesetVersion, StageRecord
from escalation.queries import adopted
from escalation.ruleset_text import add, edited, faults_of, move, remove, write
from letters.catalogue import has_wording
from schools.models import AuditEntry, Role
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, days_from, present, run

pytestmark = [pytest.mark.django_db]
LATER = NOW + dt.timedelta(minutes=5)
TOMORROW = TODAY + dt.timedelta(days=1)


@pytest.fixture
def cast() -> Cast:
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    return made


def begun(cast: Cast, text: str | None = None) -> LadderDraft:
    version = adopted(cast.here, TODAY)[0]
    lead = cast.staff[Role.ATTENDANCE_LEAD]
    return drafts.begin_draft(
        school=cast.here,
        text=text or six(version.text),
        based_on=version,
        note="Earlier help.",
        by=lead,
        role="attendance_lead",
        now=NOW,
    )


def six(text: str) -> str:
    """Stage 3 begins at 6 sessions in the half term rather than at 8."""
    return edited(text, lambda data: write(data, ("parameters", "support_half_term", "value"), 6))


def reviewed(cast: Cast, draft: LadderDraft) -> LadderDraft:
    drafts.review_draft(
        draft=draft,
        seen=draft.changed_at,
        note="Read line by line.",
        has_letter=has_wording,
        by=cast.staff[Role.HEAD],
        role="head",
        now=LATER,
    )
    return draft


def published(cast: Cast, draft: LadderDraft, starts: dt.date = TODAY, *, read: bool = True, on: dt.date = TODAY) -> Adoption:
    return drafts.publish_draft(
        draft=draft, seen=draft.changed_at, starts=starts, warning_read=read, has_letter=has_wording,
        by=cast.staff[Role.HEAD], role="head", on=on, now=LATER,
    )  # fmt: skip


def changed(cast: Cast, draft: LadderDraft, text: str, seen: dt.datetime | None = None, role: str = Role.ATTENDANCE_LEAD) -> None:
    drafts.change_draft(draft=draft, seen=seen or draft.changed_at, text=text, by=cast.staff[role], role=role, now=LATER)


# The text


@pytest.mark.parametrize("key", SHIPPED)
def test_an_edit_touches_nothing_but_what_it_edits(key: str) -> None:
    text = load_ruleset(key).text
    assert edited(text, lambda data: None) == text
    changed_text = edited(text, lambda data: write(data, ("parameters", "gap", "value"), 7))
    before, after = text.splitlines(), changed_text.splitlines()
    assert [(was, now) for was, now in zip(before, after, strict=True) if was != now] == [
        (next(line for line in before if line.startswith("    value: ")), "    value: 7")
    ]


def test_stages_are_added_removed_and_moved_and_comments_stay() -> None:
    text = load_ruleset("federation").text
    without = edited(text, lambda data: remove(data, ("stages", 6)))
    assert [stage.id for stage in faults_of(without)[0].stages] == ["1", "2", "3", "4", "5", "6"]
    moved = edited(text, lambda data: move(data, ("stages", 2), 1))
    assert [stage.id for stage in faults_of(moved)[0].stages][:4] == ["1", "2", "4", "3"]
    assert "# Both counts close at the end of the term" in moved and moved.startswith("# Bilton")
    row = {"measure": "unauthorised", "window": "year", "at_least": 4}
    more = edited(text, lambda data: add(data, ("stages", 2, "when", "any"), row) and None)
    assert "        - {measure: unauthorised, window: year, at_least: 4}\n" in more and faults_of(more)[1] == []


def test_a_part_that_is_gone_is_a_sentence_and_no_error() -> None:
    with pytest.raises(ValueError, match="no longer there"):
        edited(load_ruleset("federation").text, lambda data: remove(data, ("stages", 9)))


# Two people


def test_a_draft_is_reviewed_by_a_second_person_and_in_force_from_its_day(cast: Cast) -> None:
    present(cast, imogen=away(cast, "2025-11-03", 3))
    draft = reviewed(cast, begun(cast))
    adoption = published(cast, draft, TOMORROW)
    assert (draft.state, draft.published_as, draft.starts) == ("published", adoption.version, TOMORROW)
    assert adopted(cast.here, TODAY)[1].parameters["support_half_term"].value == 8
    assert adopted(cast.here, TOMORROW)[1].parameters["support_half_term"].value == 6
    assert adoption.version.sha256 == hashlib.sha256(draft.text.encode()).hexdigest()
    trail = AuditEntry.objects.filter(subject=f"ladderdraft {draft.pk}").order_by("pk")
    assert [(entry.action, entry.role) for entry in trail] == [
        ("ladder draft begun", "attendance_lead"), ("ladder draft reviewed", "head"), ("ladder published", "head"),
    ]  # fmt: skip
    assert trail[2].reason == "Earlier help." and trail[2].detail["starts"] == TOMORROW.isoformat()


def test_nobody_reviews_what_they_wrote_not_even_a_part_of_it(cast: Cast) -> None:
    draft = begun(cast)
    given = {"note": "Fine.", "has_letter": has_wording, "role": "x", "now": LATER}
    with pytest.raises(Refused, match="second person"):
        drafts.review_draft(draft=draft, seen=draft.changed_at, by=draft.by, **given)
    changed(cast, draft, draft.text + "# a remark\n", role=Role.HEAD)
    with pytest.raises(Refused, match="or a part of it"):
        drafts.review_draft(draft=draft, seen=draft.changed_at, by=cast.staff[Role.HEAD], **given)
    drafts.review_draft(draft=draft, seen=draft.changed_at, by=cast.staff[Role.TRUST_LEAD], **given)
    assert draft.reviewed_by == cast.staff[Role.TRUST_LEAD]


def test_any_change_after_the_review_takes_the_review_away(cast: Cast) -> None:
    draft = reviewed(cast, begun(cast))
    changed(cast, draft, draft.text + "# one more thought\n")
    assert (draft.state, draft.reviewed_by, draft.review_note) == ("draft", None, "")
    with pytest.raises(Refused, match="being written"):
        published(cast, draft)
    assert Adoption.objects.count() == 1


def test_two_editors_do_not_overwrite_each_other(cast: Cast) -> None:
    draft = begun(cast)
    seen = draft.changed_at
    changed(cast, draft, draft.text + "# the head's\n", role=Role.HEAD)
    with pytest.raises(Refused, match=r"changed this draft on 20 November at 16\.35"):
        changed(cast, draft, "key: mine\n", seen=seen)
    assert LadderDraft.objects.get().text.endswith("# the head's\n")


def test_a_draft_that_was_published_or_given_up_cannot_be_changed(cast: Cast) -> None:
    present(cast)
    first = reviewed(cast, begun(cast))
    published(cast, first)
    second = begun(cast, load_ruleset("vale").text)
    drafts.discard_draft(draft=second, seen=second.changed_at, by=second.by, role="", now=LATER)
    for draft in (first, second):
        with pytest.raises(Refused, match="cannot be changed"):
            changed(cast, draft, "key: other\n")
    assert first.text != "key: other\n"


def test_sending_back_says_what_has_to_change(cast: Cast) -> None:
    draft = reviewed(cast, begun(cast))
    with pytest.raises(Refused, match="Say what has to change"):
        drafts.send_back(draft=draft, seen=draft.changed_at, note=" ", by=cast.staff[Role.HEAD], role="head", now=LATER)
    drafts.send_back(draft=draft, seen=draft.changed_at, note="6 is too early.", by=cast.staff[Role.HEAD], role="head", now=LATER)
    assert (draft.state, draft.review_note) == ("draft", "6 is too early.")


# The day


def test_a_day_that_is_over_or_was_judged_is_refused(cast: Cast) -> None:
    present(cast)
    run(cast)
    draft = reviewed(cast, begun(cast))
    with pytest.raises(Refused, match="today or later"):
        published(cast, draft, TODAY - dt.timedelta(days=1))
    with pytest.raises(Refused, match="night of 20 November 2025 has run"):
        published(cast, draft, TODAY)
    assert drafts.earliest_start(cast.here, TODAY) == TOMORROW
    assert published(cast, draft, TOMORROW).starts == TOMORROW


def test_a_text_that_is_in_force_already_is_refused(cast: Cast) -> None:
    present(cast)
    draft = reviewed(cast, begun(cast, load_ruleset("federation").text))
    with pytest.raises(Refused, match="changes nothing"):
        published(cast, draft)
    assert LadderDraft.objects.get().state == "reviewed"


def test_the_next_night_runs_by_the_new_version_and_old_decisions_keep_their_numbers(cast: Cast) -> None:
    friday = days_from(cast, TODAY.isoformat(), 2)[1]
    present(cast, until=friday, imogen=away(cast, "2025-11-03", 4), theo=away(cast, "2025-11-03", 3))
    run(cast)
    old = StageRecord.objects.get(case__pupil=cast.imogen.enrolment.pupil, stage="3")
    text_before = old.version.text
    published(cast, reviewed(cast, begun(cast)), friday)
    run(cast, on=friday, now=NOW + dt.timedelta(days=1))

    theo = StageRecord.objects.get(case__pupil=cast.theo.enrolment.pupil, stage="3", state="proposed")
    assert (theo.because[0]["value"], theo.because[0]["threshold"]) == (6, 6)
    assert theo.version == adopted(cast.here, friday)[0] and theo.version != old.version
    old.refresh_from_db()
    assert old.because[0]["threshold"] == 8 and "stage 3 begins at 8" in old.sentences[0]
    assert old.version.text == text_before
    for version in RulesetVersion.objects.all():
        assert hashlib.sha256(version.text.encode()).hexdigest() == version.sha256


# The warning


def test_a_ladder_that_proposes_nothing_is_published_only_after_its_warning_was_read(cast: Cast) -> None:
    present(cast)
    draft = reviewed(cast, begun(cast))
    with pytest.raises(Refused, match=r"proposed nothing for any of 4 pupils.*have read"):
        published(cast, draft, read=False)
    published(cast, draft, read=True)
    assert AuditEntry.objects.get(action="ladder published").detail["warning_read"] is True


def test_a_ladder_that_proposes_almost_everyone_at_once_is_warned_of(cast: Cast) -> None:
    present(cast, imogen=away(cast, "2025-11-03", 1), theo=away(cast, "2025-11-04", 1), priya=away(cast, "2025-10-06", 1))
    always = {"measure": "attended", "window": "year", "at_least": 1}
    everyone = edited(
        load_ruleset("federation").text,
        lambda data: write(data, ("stages", 2, "when"), always),
    )
    foreseen = forecast(cast.here, faults_of(everyone)[0], TODAY)
    assert (foreseen.on_the_first_day, foreseen.pupils) == (4, 4), "the newcomer had not come yet"
    assert "4 of 4 pupils on one day" in foreseen.warning
    with pytest.raises(Refused, match="on one day"):
        published(cast, reviewed(cast, begun(cast, everyone)), read=False)


def test_what_is_foreseen_reads_a_constant_number_of_rows(cast: Cast, django_assert_num_queries) -> None:
    present(cast, imogen=away(cast, "2025-11-03", 4))
    ruleset = load_ruleset("federation")
    with django_assert_num_queries(4):
        foreseen = forecast(cast.here, ruleset, TODAY)
    assert dict(foreseen.by_stage)["3"] == 1 and foreseen.warning == ""


def test_an_empty_register_foresees_nothing_and_says_so(cast: Cast) -> None:
    assert "still empty" in forecast(cast.here, load_ruleset("vale"), TODAY).warning


# Bad input

FAULTS = [
    ("measure: missed, window: half_term", "measure: mist, window: half_term", "unknown measure"),
    ("{value: 8, unit: sessions", "{unit: sessions", "has no value"),
    ("at_least: support_half_term", "at_least: suport", "unknown parameter 'suport'"),
    ("window: {since: 4}", "window: {fortnight: 4}", "impossible window"),
    ("    needs: [1]\n", "    needs: [7]\n", "expected an earlier stage"),
    ("  - id: 4\n", "  - id: 3\n", "stands twice"),
    ("contract_below: {value: 90", "contract_below: {value: 190", "outside 0 to 100 %"),
    ("codes: [G, O, U]", "codes: [G, O, Ü]", "unknown attendance code"),
    ("band: further", "band: farther", "unknown band"),
    ("acts: tutor", "acts: janitor", "expected one of"),
    ("letter: letter-2,", "letter: letter-9,", "there is no letter 'letter-9'"),
    ("key: federation", "key: federation-and-a-very-long-tail-of-it", "at most"),
    ("key: federation", "key: [federation", "not readable as YAML"),
]


@pytest.mark.parametrize(("was", "now", "sentence"), FAULTS, ids=[sentence for *_, sentence in FAULTS])
def test_a_draft_with_a_fault_is_kept_and_named_but_not_reviewed(cast: Cast, was: str, now: str, sentence: str) -> None:
    text = load_ruleset("federation").text
    assert was in text
    draft = begun(cast, text.replace(was, now, 1))
    ruleset, faults = drafts.all_faults(draft.text, has_wording)
    assert ruleset is None and any(sentence in fault.message for fault in faults)
    with pytest.raises(Refused, match="while it has a fault"):
        reviewed(cast, draft)
    assert LadderDraft.objects.get().state == "draft"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"x" * 400_001, "larger than 400 kB"),
        ("key: caf\u00e9\n".encode("latin-1"), "Line 1 of the file is not UTF-8"),
        (b"PK\x03\x04\x00\x00", "not"),
        (b"- one\n- two\n", "begins with 'key:'"),
        (b"a: &x 1\nb: *x\n", "aliases"),
        (b"key: [\n", "line 2"),
    ],
)
def test_a_file_that_is_no_ladder_says_why(data: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match="(?i)" + sentence.replace("(", r"\(")):
        drafts.decode_file(data)


def test_a_text_that_is_too_long_is_not_saved(cast: Cast) -> None:
    draft = begun(cast)
    with pytest.raises(Refused, match="400,000"):
        changed(cast, draft, "#" * 400_001)
