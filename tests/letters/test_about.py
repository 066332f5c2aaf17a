"""What a letter's plan states beyond the figures reaches the letter, and a name that no letter knows is refused."""

from __future__ import annotations

import pytest

from letters.catalogue import wording_for
from letters.examples import example_facts
from letters.fields import about_of
from letters.merge import merge
from letters.queries import facts_from_json, facts_to_json

ABOUT = {
    "leave_from": "Monday 8 June",
    "leave_to": "9 June 2026",
    "leave_sessions": "4 sessions",
    "leave_code": "C",
    "leave_part": False,
}


def test_the_plan_goes_before_the_record_and_a_person_before_the_plan():
    facts = example_facts(about=about_of("plan 1", {**ABOUT, "leave_back": "Wednesday 10 June", "leave_reason": "A wedding."}))
    text = merge(wording_for("vale", "leave-granted"), facts, {"leave_reason": "A sister's wedding."}).text
    assert "from Monday 8 June to 9 June 2026. That is 4 sessions of school. I have said yes." in text
    assert "(authorised, code C)" in text
    assert "My reason: A sister's wedding." in text and "Wednesday 10 June" in text


def test_what_was_stated_is_kept_with_the_letter():
    facts = example_facts(about=about_of("plan 1", ABOUT | {"help_list": ["A mentor."]}))
    assert facts_from_json(facts_to_json(facts)).about == facts.about


def test_a_flag_that_is_false_stands_against_the_record():
    wording = wording_for("vale", "leave-granted")
    assert "I cannot agree to the other days" in merge(wording, example_facts()).text
    assert "I cannot agree to the other days" not in merge(wording, example_facts(about=ABOUT)).text


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"leave_form": "x"}, "plan 1 states 'leave_form', which is no merge field: see letters/fields.py."),
        ({"leave_part": "yes"}, "plan 1 states 'leave_part' as 'yes', but the field is a flag."),
        ({"leave_from": 8}, "plan 1 states 'leave_from' as 8, but the field is a text."),
        ({"help_list": [1]}, "plan 1 states 'help_list' as [1], but the field is a list."),
    ],
)
def test_a_plan_that_no_letter_understands_is_named(stated, sentence):
    with pytest.raises(ValueError, match="plan 1") as fault:
        about_of("plan 1", stated)
    assert str(fault.value) == sentence
