"""The wordings: every letter of every ladder says what it must, in plain words, about this child and no other."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from letters.catalogue import MESSAGE_LIMIT, WordingError, load_catalogue, parse_wording, wording_for
from letters.examples import EXAMPLE_FILLS, example_facts, field_examples
from letters.facts import Child, Contact, Figures, LetterFacts, Meeting, Person, Recipient
from letters.fields import MERGE_FIELDS
from letters.merge import clean, fillable, merge
from letters.phrases import clock, days, percent
from letters.readability import reading_grade, syllables

CATALOGUE = load_catalogue()
EVERY = pytest.mark.parametrize("wording", CATALOGUE.values(), ids=[f"{ruleset}/{key}" for ruleset, key in CATALOGUE])

THE_POLICIES_LETTERS = {
    "federation": {"talk-1", "talk-2", "letter-1", "letter-2", "letter-3", "letter-4", "letter-5", "praise"},
    "coventry": {"pre-pa", "letter-a", "letter-b", "letter-c", "letter-e", "referral"},
    "vale": {"below-92", "below-90", "plan-opened", "plan-meeting", "congratulation", "cat-referral", "final-warning"},
    "wigston": {
        "concern-1",
        "weekly-up",
        "weekly-down",
        "weekly-same",
        "postcard",
        "concern-2",
        "medical-evidence",
        "contract",
        "end-of-year",
        "punctuality",
        "cme-notice",
    },
    "goldington": {"letter-1", "contract-meeting", "ewo-letter", "ewo-referral"},
    "national": {
        "notice-to-improve",
        "unexplained",
        "leave-granted",
        "leave-refused",
        "illness-evidence",
        "correction",
        "meeting-moved",
        "meeting-called-off",
    },
}
YEAR = example_facts().year

MADE_PUPILS: dict[str, LetterFacts] = {
    "example": example_facts(),
    "nothing but absence agreed": example_facts(
        child=Child("Bo", "Bo Li", "1A", "Year 1"),
        phase="primary",
        year=replace(YEAR, attended=99, authorised=7, unauthorised=0, no_reason=0),
    ),
    "severe, no record of contact": example_facts(
        child=Child("Oluwaseun-Chukwuemeka", "Oluwaseun-Chukwuemeka Fitzgerald-Montgomery", "11XYZ"),
        contacts=(),
        year=Figures(
            dt.date(2025, 9, 3), dt.date(2026, 7, 17), possible=380, attended=150, authorised=30, unauthorised=200, no_reason=3
        ),
    ),
    "by hand, without threshold, period or help": example_facts(
        thresholds={},
        period=None,
        help=(),
        contact=Person(""),
        half_term=None,
        phase="primary",
        year=replace(YEAR, attended=105, authorised=1, unauthorised=0, no_reason=0),
    ),
    "with offers of help": example_facts(help=("A place at breakfast club from 8am.", "A walking bus from Ropewalk Close.")),
}


def merged(wording, facts=None, fills=None):
    return merge(wording, facts or example_facts(), EXAMPLE_FILLS if fills is None else fills)


def test_every_letter_that_the_policies_name_is_there():
    for ruleset, keys in THE_POLICIES_LETTERS.items():
        assert keys <= {key for of, key in CATALOGUE if of == ruleset}


def test_every_letter_that_a_shipped_ruleset_drafts_is_there():
    rulesets = Path(__file__).parents[2] / "escalation" / "rulesets"
    named = [(path.stem, key) for path in rulesets.glob("*.yaml") for key in _letters_in(YAML(typ="safe").load(path.read_text()))]
    assert len(named) > 20
    assert [f"{ruleset}/{key}" for ruleset, key in named if wording_for(ruleset, key).key != key] == []


def _letters_in(node):
    if isinstance(node, dict):
        yield from [node["letter"]] if isinstance(node.get("letter"), str) else []
        for value in node.values():
            yield from _letters_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from _letters_in(value)


@EVERY
def test_a_full_record_leaves_no_gap(wording):
    letter = merged(wording)
    assert letter.missing_fills == ()
    assert not re.search(r"[\ue000-\ue0ff]|\{\{|\{%|\[[a-z]", letter.html + letter.text)


@EVERY
@pytest.mark.parametrize("pupil", MADE_PUPILS)
def test_only_what_a_person_may_fill_in_is_ever_missing(wording, pupil):
    facts = MADE_PUPILS[pupil]
    missing = set(merged(wording, facts).missing_fills)
    assert missing <= set(fillable())


@EVERY
@pytest.mark.parametrize("pupil", MADE_PUPILS)
def test_the_body_asks_no_more_than_a_reading_age_of_eleven(wording, pupil):
    assert reading_grade(merged(wording, MADE_PUPILS[pupil]).html) <= 6.0


@EVERY
def test_no_paragraph_is_left_empty_or_ends_without_a_stop(wording):
    letter = merged(wording, MADE_PUPILS["by hand, without threshold, period or help"])
    if wording.kind == "message":
        return
    assert "<p></p>" not in letter.html and "<li></li>" not in letter.html
    assert "  " not in letter.text and " ." not in letter.text and " ," not in letter.text
    signed = re.sub(r'<div class="letter__sign">.*', "", letter.html, flags=re.DOTALL)
    for paragraph in re.findall(r"<p>(.*?)</p>", signed, re.DOTALL):
        assert re.sub(r"<.*?>|\[.*?\]", "", paragraph).rstrip()[-1] in '.,:?!"', paragraph


@EVERY
def test_the_child_and_the_figures_with_their_dates_are_named(wording):
    letter = merged(wording)
    if letter.kind != "leaflet":
        assert "Tegan" in letter.text
    if "figures" in wording.head.says and letter.kind in ("letter", "form"):
        assert "3 September" in letter.text and "21 November 2025" in letter.text
        assert "106 sessions" in letter.text


@EVERY
def test_a_letter_says_whom_to_ring_and_when(wording):
    letter = merged(wording)
    if letter.kind == "letter" and letter.key != "postcard":
        assert "01632 960140" in letter.text
        assert "from 8am to 4pm" in letter.text
        assert "attendance@thornmere.example" in letter.text


@EVERY
def test_a_message_fits_its_limit_with_the_longest_names(wording):
    if wording.kind != "message":
        return
    school = replace(example_facts().school, name="Saint Bartholomew-by-the-Water Church of England Voluntary Aided Academy")
    letter = merged(
        wording,
        example_facts(
            school=school,
            child=Child("Maximilian-Alexander", "Maximilian-Alexander Fitzgerald-Montgomery"),
            recipient=Recipient("Mrs Fitzgerald-Montgomery", "Mrs Fitzgerald-Montgomery"),
        ),
    )
    assert len(letter.text) <= MESSAGE_LIMIT
    assert "\n" not in letter.text


@EVERY
def test_no_code_no_health_detail_and_no_word_of_another_parent(wording):
    text = merged(wording).text
    assert not re.search(r"\bcode [A-Z]\b|\b(Y5|C2|J1)\b|asthma|anxiety|mental health|diagnos", text)
    if wording.kind != "form":
        assert not re.search(
            r"\b(his|her|she|he|himself|herself|mother|father|mum|dad|other parent|brother|sister)\b", text, re.IGNORECASE
        )


@EVERY
def test_the_law_stands_only_where_the_head_says_so(wording):
    letter = merged(wording)
    apart = re.sub(r'<div class="letter__law">.*?</div>', "", letter.html, flags=re.DOTALL)
    assert ("letter__law" in letter.html) == wording.head.legal
    assert not re.search(r"section \d|Education Act|offence", apart)


@EVERY
def test_an_earlier_contact_is_named_only_where_it_is_on_record(wording):
    text = merged(wording, example_facts(contacts=())).text
    if wording.kind == "form" or wording.key == "correction":
        return
    assert not re.search(r"\b(we (wrote|spoke|rang|met with)|since we (wrote|last)|You last spoke)\b", text, re.IGNORECASE)


def test_letter_b_gives_the_date_of_letter_a_from_the_record():
    letter_b = CATALOGUE["coventry", "letter-b"]
    assert "We wrote to you about it on 7 October 2025." in merged(letter_b).text
    other = example_facts(contacts=(Contact("letter", dt.date(2025, 10, 7), "pre-pa"),))
    assert "We wrote to you" not in merged(letter_b, other).text


def test_letter_c_asks_for_the_pupil_only_in_a_secondary_school():
    letter_c = CATALOGUE["coventry", "letter-c"]
    assert "Tegan is to come to the meeting too." in merged(letter_c).text
    assert "to come to the meeting too" not in merged(letter_c, example_facts(phase="primary")).text


def test_missing_a_meeting_alone_is_never_a_reason_for_a_penalty_notice():
    assert "Missing this meeting does not by itself lead to one." in merged(CATALOGUE["coventry", "letter-b"]).text


def test_an_unset_meeting_shows_its_gap_and_cannot_be_approved():
    letter = merged(CATALOGUE["federation", "letter-3"], example_facts(meeting=Meeting()))
    assert set(letter.missing_fills) == {"meeting_date", "meeting_time", "meeting_place"}
    assert not letter.complete
    assert "[date of the meeting]" in letter.text
    assert '<span class="letter__gap">[date of the meeting]</span>' in letter.html


def test_what_a_person_fills_in_goes_before_the_record():
    fills = {"meeting_date": "Friday 12 December", "meeting_place": "the library"}
    letter = merged(CATALOGUE["federation", "letter-3"], fills=fills)
    assert "on Friday 12 December at 4.10pm" in letter.text
    assert "The place is the library." in letter.text


def test_a_fill_that_is_no_fill_is_refused():
    with pytest.raises(ValueError, match="'percent' is not a field that a person fills in"):
        merged(CATALOGUE["federation", "letter-3"], fills={"percent": "100%"})


@pytest.mark.parametrize(
    "name", ["<b>Kai</b>", "{{salutation}}", "**Kai**", "Kai & Co", "{% if child %}", "K\ue000ai\ue001", "::: law"]
)
def test_markup_in_a_name_is_text(name):
    letter = merged(CATALOGUE["federation", "letter-1"], example_facts(child=Child(name, name)))
    plain = re.sub("[\ue000-\uf8ff]", "", name)
    assert plain in letter.text
    assert letter.missing_fills == ()
    assert "<b>" not in letter.html and "letter__law" not in letter.html


@given(name=st.text(min_size=1, max_size=40), place=st.text(max_size=40))
def test_whatever_is_in_the_record_the_letter_keeps_its_own_tags(name, place):
    facts = example_facts(
        child=Child(name, name), recipient=Recipient(name, name), meeting=replace(example_facts().meeting, place=place)
    )
    letter = merged(CATALOGUE["federation", "letter-3"], facts)
    assert set(re.findall(r"</?(\w+)", letter.html)) <= {"p", "ul", "li", "div", "strong", "br", "span", "h2"}
    assert ("child" in letter.missing_fills) == (not clean(name))
    assert ("meeting_place" in letter.missing_fills) == (not clean(place))


def test_a_direction_override_in_a_name_cannot_turn_the_line_round():
    assert "Kai" in merged(CATALOGUE["federation", "letter-1"], example_facts(child=Child("\u202eKai", "x"))).text.splitlines()[0]
    assert "\u202e" not in merged(CATALOGUE["federation", "letter-1"], example_facts(child=Child("\u202eKai", "x"))).html


HEAD = '---\ntitle: "{{child}}’s attendance"\nkind: letter\nsigned_by: tutor\n---\n'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("Dear {{salutaton}},", r"x.md, line 6: there is no merge field 'salutaton'. The nearest is 'salutation'."),
        (
            "One\n\n{% if persistant %}x{% endif %}",
            r"x.md, line 8: there is no merge field 'persistant'. The nearest is 'persistent'.",
        ),
        ("{% load static %}", "is not let in a letter"),
        ("{{child|safe}}", "is not let in a letter"),
        ("{{persistent}}", "is only for"),
        ("{{child}", "a tag is not closed on its line"),
        ("{{> rnig}}", "there is no snippet 'rnig'. The nearest is 'ring'."),
        ("{% if child %}x", r"Every \{% if %\} needs its \{% endif %\}"),
        ("::: law\nx\n:::", "'legal' in the head and the law block"),
    ],
)
def test_a_faulty_wording_is_refused_with_file_line_and_nearest_name(body, fault):
    with pytest.raises(WordingError, match=fault):
        parse_wording(HEAD + body, ruleset="federation", key="x", file="x.md")


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("title: T\nkind: novel\nsigned_by: x", "x.md, head, kind"),
        ("title: T\nkind: letter", "x.md, head, signed_by: Field required"),
        ("title: T\nkind: letter\nsigned_by: x\ncolour: red", "x.md, head, colour: Extra inputs are not permitted"),
        ("title: T\nkind: letter\nsigned_by: x\nasks: [percent]", "which is not a field that a person fills in"),
        ("title: T\nkind: letter\nsigned_by: x\nasks: [meeting_date]", "asks for 'meeting_date' but never uses it"),
        ("title: T\nkind: letter\nsigned_by: x\nsays: [figures]", "the letter must say 'figures'"),
        ("title: T\nkind: letter\nsigned_by: x\nsays: [figurs]", "The nearest is 'figures'"),
        ("title: T\nkind: letter\nsigned_by: x\nencloses: [certificat]", "The nearest is 'certificate'"),
        ("title: [", "the head is not YAML"),
    ],
)
def test_a_faulty_head_is_refused(head, fault):
    with pytest.raises(WordingError, match=fault):
        parse_wording(f"---\n{head}\n---\nHello.\n", ruleset="federation", key="x", file="x.md")


def test_the_nearest_letter_is_named_where_there_is_none():
    with pytest.raises(WordingError, match="no letter 'leter-1' in the ladder 'federation'. The nearest is 'letter-1'"):
        wording_for("federation", "leter-1")


def test_a_national_letter_serves_every_ladder():
    assert wording_for("vale", "unexplained").ruleset == "national"


def test_the_version_follows_the_words():
    one = parse_wording(HEAD + "Hello {{child}}.", ruleset="federation", key="x", file="x.md")
    same = parse_wording(HEAD + "Hello {{child}}.", ruleset="federation", key="x", file="y.md")
    other = parse_wording(HEAD + "Hello, {{child}}.", ruleset="federation", key="x", file="x.md")
    assert one.version == same.version != other.version


def test_every_merge_field_that_prints_has_an_example():
    empty = [name for name, value in field_examples().items() if MERGE_FIELDS[name].kind != "flag" and not value]
    assert empty == ["help_list", "next_step", "leave_code"]


def test_every_merge_field_is_labelled_and_has_a_value_of_its_kind():
    for name, field in MERGE_FIELDS.items():
        assert field.label, name
        assert isinstance(field.value(example_facts()), {"flag": bool, "list": list, "text": str}[field.kind]), name


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (94, 106, "88.7%"),
        (9, 10, "90%"),
        (8996, 10000, "89.96%"),
        (89999, 100000, "89.999%"),
        (0, 10, "0%"),
        (10, 10, "100%"),
        (0, 0, ""),
        (370, 380, "97.4%"),
        (374, 390, "95.9%"),
        (1999, 2000, "99.95%"),
    ],
)
def test_a_percentage_is_never_rounded_up_to_a_limit_that_it_does_not_reach(part, whole, shown):
    assert percent(part, whole) == shown


@pytest.mark.parametrize(("sessions", "shown"), [(0, "0 days"), (1, "half a day"), (2, "1 day"), (3, "1½ days"), (17, "8½ days")])
def test_days_are_half_sessions(sessions, shown):
    assert days(sessions) == shown


def test_seventeen_sessions_are_eight_and_a_half_days_or_about_42_lessons():
    year = Figures(dt.date(2025, 9, 3), dt.date(2025, 12, 5), possible=142, attended=125, authorised=10, unauthorised=7)
    text = merged(CATALOGUE["federation", "letter-2"], example_facts(year=year)).text
    assert "missed 17 of 142 sessions" in text
    assert "8½ days, or about 42 lessons" in text


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (dt.time(9), "9am"),
        (dt.time(12), "12 noon"),
        (dt.time(16, 10), "4.10pm"),
        (dt.time(0, 5), "12.05am"),
    ],
)
def test_a_time_reads_as_on_a_notice(time, shown):
    assert clock(time) == shown


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("came", 1),
        ("missed", 1),
        ("wanted", 2),
        ("attendance", 3),
        ("authorised", 3),
        ("table", 2),
    ],
)
def test_syllables(word, number):
    assert syllables(word) == number


def test_a_hard_text_has_a_high_grade():
    hard = "<p>The establishment of individualised interventions necessitates comprehensive consideration of circumstances.</p>"
    assert reading_grade(hard) > 15
