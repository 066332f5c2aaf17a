"""What takes a pupil on, what brings a pupil back, and how the ladder reads."""

from escalation.engine.evaluate import new_state
from escalation.engine.outlook import explain, next_stage, way_back, what_brings_back
from escalation.engine.ruleset import SHIPPED, load_ruleset, national_rules
from escalation.engine.words import ordinal, rule_in_words, stage_in_words
from tests.engine.school_year import calendar_rows, date, register_of, school_days

DAYS = school_days(calendar_rows())
FEDERATION, VALE, WIGSTON, NATIONAL = load_ruleset("federation"), load_ruleset("vale"), load_ruleset("wigston"), national_rules()


def asked(ruleset, absences, **done):
    """Arguments for the functions of the outlook: register, ruleset, state, pupil."""
    state = new_state(1, ruleset, NATIONAL)
    for stage, day in done.items():
        state.mark_done(0, stage.removeprefix("s"), date(day))
    return register_of(DAYS, absences), ruleset, state, 0


def test_sessions_still_to_miss_in_the_half_term_and_its_last_day():
    found = next_stage(*asked(FEDERATION, {"2025-11-10 to 2025-11-11": "I"}), date("2025-12-01"), NATIONAL)
    assert (found.stage.id, found.sessions, found.unauthorised) == ("1", 1, False)
    assert (found.on, found.by) == (date("2025-12-02"), date("2025-12-19"))
    assert found.sentence == "1 more session missed by Friday 19 December and stage 1 is reached."


def test_an_unauthorised_session_that_would_be_enough():
    absences = {"2025-09-08 to 2025-09-12": "I", "2025-09-15": "I"}
    found = next_stage(*asked(FEDERATION, absences, s4="2025-09-15"), date("2026-07-10"), NATIONAL)
    assert (found.stage.id, found.sessions, found.unauthorised) == ("5", 1, True)
    assert "1 more session missed without authorisation by " in found.sentence


def test_a_stage_that_only_waits_for_the_gap_follows_by_itself():
    found = next_stage(*asked(VALE, {"2025-09-08 to 2025-09-09": "I"}, s1="2025-09-16"), date("2025-09-17"), NATIONAL)
    assert (found.stage.id, found.sessions, found.on) == ("2", 0, date("2025-09-23"))
    assert found.sentence == "Stage 2 follows on Tuesday 23 September as things stand."


def test_where_no_stage_can_be_reached_in_four_weeks():
    assert next_stage(*asked(WIGSTON, {}, s6="2025-10-03"), date("2025-10-10"), NATIONAL) is None


def test_sessions_attended_in_a_row_until_the_percentage_is_back():
    """36 of 40 sessions are attended: 90 %. 94 % takes 63 of 67, which is 94.03."""
    question = asked(VALE, {"2025-09-08 to 2025-09-09": "I"}, s1="2025-09-16")
    found = way_back(*question, date("2025-09-30"), NATIONAL)
    assert (found.sessions, found.by) == (27, date("2025-10-20"))
    assert found.sentence == "27 sessions attended in a row, to Monday 20 October: back at 94 %."


def test_a_new_half_term_brings_a_count_back():
    found = way_back(*asked(FEDERATION, {"2025-09-08 to 2025-09-10": "I"}, s1="2025-09-10"), date("2025-10-23"), NATIONAL)
    assert (found.sessions, found.by) == (3, date("2025-11-03"))


def test_where_no_number_of_sessions_brings_it_back_the_ladder_says_so():
    question = asked(FEDERATION, {"2025-09-08 to 2025-09-12": "I"}, s3="2025-09-12")
    assert way_back(*question, date("2026-05-01"), NATIONAL) is None
    assert what_brings_back(*question, date("2026-05-01"), NATIONAL).endswith(
        "The best figure still possible this year is 97.42 %."
    )
    assert what_brings_back(*asked(FEDERATION, {}), date("2026-05-01"), NATIONAL) == "No stage is reached this year."


def test_every_stage_is_explained_with_what_is_missing():
    question = asked(VALE, {"2025-09-08 to 2025-09-09": "I"}, s1="2025-09-16")
    first, second, third, fourth, *_ = explain(*question, date("2025-09-17"), NATIONAL)
    assert (first.done_on, first.reached, first.holds) == (date("2025-09-16"), True, True)
    assert (second.reached, second.holds, second.waits_for, second.not_before) == (False, True, (), date("2025-09-23"))
    assert third.standings[0].short_by == 0 and third.waits_for == ("2",)
    assert (fourth.holds, fourth.standings) == (False, ())


def test_how_far_a_comparison_is_from_its_threshold():
    stages = explain(*asked(FEDERATION, {"2025-09-08": "I"}), date("2025-09-17"), NATIONAL)
    assert [standing.short_by for standing in stages[2].standings] == [6, 8]
    assert [standing.short_by for standing in stages[3].standings] == [10, 15]
    assert explain(*asked(VALE, {"2025-09-08": "I /"}), date("2025-09-16"), NATIONAL)[0].standings[0].short_by == 1.0


def test_a_percentage_before_settling_in_has_no_figure():
    standing = explain(*asked(VALE, {"2025-09-08": "I"}), date("2025-09-09"), NATIONAL)[0].standings[0]
    assert (standing.holds, standing.reason, standing.short_by) == (False, None, None)


def test_the_ladder_in_words():
    assert stage_in_words(FEDERATION, FEDERATION.stage("3")) == (
        "Reached when there are 8 or more sessions missed this half term, or there are 10 or more sessions missed this year. "
        "Not before the 5th school day after another stage was done."
    )
    assert stage_in_words(WIGSTON, WIGSTON.stage("clinic")) == (
        "Reached when attendance this year is below 92 %. Only after stage 2 is done. "
        "Not before the 3rd school day after another stage was done. Judged on the last school day of each week."
    )
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "102nd",
    ]


def test_every_shipped_rule_can_be_put_into_words():
    for key in SHIPPED:
        ruleset = load_ruleset(key)
        texts = [stage_in_words(ruleset, stage) for stage in ruleset.stages]
        texts += [rule_in_words(rule) for rule in (*ruleset.watch, *ruleset.recovery, *NATIONAL.watch)]
        assert all(text.endswith(".") and "None" not in text for text in texts)
