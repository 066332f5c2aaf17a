"""The second reading says something of its own: the specification's printed figures, and every ladder to its top."""

from datetime import date
from typing import Any

import pytest

from tests.oracle.ladders import LADDERS
from tests.oracle.reading import read
from tests.oracle.registers import school_days

PUPIL = "A823432120001"
YEAR = "2025/2026"
HALF_TERMS = [
    (date(2025, 9, 3), date(2025, 10, 24), "HT1", "Autumn"),
    (date(2025, 11, 3), date(2025, 12, 19), "HT2", "Autumn"),
    (date(2026, 1, 5), date(2026, 2, 13), "HT3", "Spring"),
    (date(2026, 2, 23), date(2026, 3, 27), "HT4", "Spring"),
    (date(2026, 4, 13), date(2026, 5, 22), "HT5", "Summer"),
    (date(2026, 6, 1), date(2026, 7, 20), "HT6", "Summer"),
]
CALENDAR = [(day, half_term, term, YEAR) for first, last, half_term, term in HALF_TERMS for day in school_days(first, last)]
DAYS = [row[0] for row in CALENDAR]


def marks(away: dict[str, str], until: str = DAYS[-1], upn: str = PUPIL) -> list[tuple[str, str, str, str]]:
    """Present on every day but those in `away`, which give one code for the day or two for its halves."""
    rows = []
    for day in DAYS:
        if day <= until:
            morning, afternoon = (away.get(day, "/\\") * 2)[:2]
            rows += [(upn, day, "AM", morning), (upn, day, "PM", afternoon)]
    return rows


def lines(policy: str, away: dict[str, str], act: str = "same-day", until: str = DAYS[-1]) -> list[dict[str, Any]]:
    return read(policy, CALENDAR, marks(away, until), DAYS[0], DAYS[-1], act)


def of(found: list[dict[str, Any]], kind: str, id: str) -> list[dict[str, Any]]:
    return [line for line in found if (line["kind"], line["id"]) == (kind, id)]


def test_letter_1_at_eight_sessions_of_the_half_term_as_printed() -> None:
    away = {"2025-09-10": "I", "2025-09-18": "I", "2025-10-02": "I", "2025-10-17": "O"}
    assert of(lines("federation", away), "stage", "3") == [
        {
            "date": "2025-10-17",
            "upn": PUPIL,
            "kind": "stage",
            "id": "3",
            "name": "Letter 1: support",
            "because": [
                {
                    "measure": "missed",
                    "window": "half_term",
                    "from": "2025-09-03",
                    "to": "2025-10-17",
                    "value": 8,
                    "op": "at_least",
                    "threshold": 8,
                }
            ],
        }
    ]


def test_letter_3_gives_the_session_and_the_lack_of_improvement_in_this_order() -> None:
    away = dict.fromkeys(DAYS[12:100:11], "I") | {DAYS[100]: "I\\", DAYS[105]: "/O"}
    found = lines("federation", away)
    assert [(line["date"], line["because"][0]["value"]) for line in of(found, "stage", "4")] == [(DAYS[100], 17)]
    letter_3 = of(found, "stage", "5")[0]
    assert (letter_3["date"], letter_3["name"]) == (DAYS[105], "Letter 3: formal notice of concern")
    assert letter_3["because"] == [
        {
            "measure": "unauthorised",
            "window": "since: 4",
            "from": DAYS[101],
            "to": DAYS[105],
            "value": 1,
            "op": "at_least",
            "threshold": 1,
        },
        {"measure": "no_improvement_since", "window": "4"},
    ]


def test_penalty_threshold_in_ten_school_weeks_as_printed() -> None:
    away = dict.fromkeys(("2025-09-05", "2025-09-22", "2025-10-13", "2025-11-05", "2025-11-20", "2025-12-01"), "G")
    found = of(lines("vale", away), "watch", "penalty-threshold")
    assert found[0]["date"] == "2025-12-01"
    assert found[0]["because"] == [
        {
            "measure": "unauthorised",
            "window": "school_weeks: 10",
            "from": "2025-09-22",
            "to": "2025-12-01",
            "value": 10,
            "op": "at_least",
            "threshold": 10,
        }
    ]


def test_ninety_per_cent_exactly_is_persistent_but_not_below_ninety() -> None:
    found = lines("vale", {"2025-09-05": "I"}, until="2025-09-16")
    persistent = of(found, "watch", "persistent-absence")
    assert [(line["date"], line["because"][0]["value"]) for line in persistent] == [("2025-09-16", 90.0)]
    assert [line["id"] for line in found if line["kind"] == "stage"] == ["1"]


def test_nothing_is_judged_on_the_year_before_the_twentieth_possible_session() -> None:
    found = lines("coventry", dict.fromkeys(DAYS[:5], "I"), until=DAYS[8])
    assert found == []


def test_a_mark_unexplained_for_five_school_days_is_overdue_on_the_fifth() -> None:
    found = of(lines("coventry", {"2025-09-05": "N/"}), "watch", "unexplained-overdue")
    assert [line["date"] for line in found] == ["2025-09-12"]
    assert found[0]["because"][0]["from"] == "2025-09-05"


def test_illness_is_returned_at_fifteen_days_and_then_with_each_new_period() -> None:
    ill = [*DAYS[10:25], DAYS[30], DAYS[31], DAYS[33]]
    found = of(lines("goldington", dict.fromkeys(ill, "I")), "watch", "sickness-return")
    assert [line["date"] for line in found] == [DAYS[24], DAYS[30], DAYS[33]]


def test_a_watch_entry_opens_again_only_after_ten_days_without_its_condition() -> None:
    ill = [*DAYS[0:6], *DAYS[7:13], *DAYS[23:29]]
    found = of(lines("vale", dict.fromkeys(ill, "I")), "watch", "illness-5")
    assert [line["date"] for line in found] == [DAYS[5], DAYS[28]]


def test_two_letters_are_never_written_within_five_school_days() -> None:
    found = [line for line in lines("federation", dict.fromkeys(DAYS, "O")) if line["kind"] == "stage"]
    proposed = [(line["id"], DAYS.index(line["date"])) for line in found]
    assert proposed[:4] == [("1", 2), ("2", 3), ("4", 8), ("5", 13)]


def test_the_next_year_of_wigston_begins_with_stages_0_and_1_done() -> None:
    next_year = [(day, "HT1", "Autumn", "2026/2027") for day in school_days(date(2026, 9, 2), date(2026, 10, 23))]
    away = marks(dict.fromkeys(DAYS[::3], "O")) + [(PUPIL, day, "AM", "O") for day, *_ in next_year]
    found = read("wigston", CALENDAR + next_year, away, DAYS[0], "2026-10-23", "same-day")
    assert [line["id"] for line in found if line["kind"] == "stage" and line["date"] > "2026-09"][:2] == ["2", "clinic"]


def test_acting_never_leaves_every_stage_that_needs_another() -> None:
    for policy, expected in (("federation", ["1", "3", "4"]), ("coventry", ["0"]), ("vale", ["1"]), ("goldington", ["1"])):
        found = lines(policy, dict.fromkeys(DAYS[::2], "O"), act="never")
        assert [line["id"] for line in found if line["kind"] == "stage"] == expected, policy


@pytest.mark.parametrize("policy", LADDERS)
def test_every_ladder_is_climbed_to_its_top(policy: str) -> None:
    """Attendance that falls from week to week: every plan is missed and nothing improves."""
    away = {day: "O" for number, day in enumerate(DAYS) if number % 10 >= 9 - number // 20}
    climbed = [line["id"] for line in lines(policy, away) if line["kind"] == "stage"]
    assert climbed[-1] == LADDERS[policy]["stages"][-1]["id"]
    assert len(climbed) == len(set(climbed))
