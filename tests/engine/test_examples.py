"""The three objects that the description of the engine gives as examples, out of registers made to lead to them."""

import datetime as dt

from escalation.engine.backtest import run_backtest
from escalation.engine.ruleset import load_ruleset
from tests.engine.school_year import calendar_rows, marks_rows

UPN = "A823432120001"


def backtest(ruleset, absences, *, act="same-day", rows=None, start="2025-09-01", end="2026-07-20"):
    calendar = rows or calendar_rows()
    marks = marks_rows(UPN, absences, [row[0] for row in calendar])
    first, last = dt.date.fromisoformat(start), dt.date.fromisoformat(end)
    return list(run_backtest(load_ruleset(ruleset), calendar, marks, first, last, act))


def only(found, kind, id):
    return [item for item in found if (item["kind"], item["id"]) == (kind, id)]


def test_letter_1_at_eight_sessions_in_the_half_term():
    absences = {"2025-09-10 to 2025-09-11": "I", "2025-09-12": "I /", "2025-09-26": "I", "2025-10-17": "M /"}
    assert only(backtest("federation", absences), "stage", "3") == [
        {
            "date": "2025-10-17",
            "upn": UPN,
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


def test_letter_3_after_an_unauthorised_session_without_improvement():
    absences = {
        "2025-09-10 to 2025-09-11": "I",
        "2025-09-12": "I /",
        "2025-09-26": "I",
        "2025-10-03": "I",
        "2025-10-10": "I",
        "2025-11-03 to 2025-11-04": "I",
        "2025-11-05 to 2025-11-06": "I /",
        "2025-11-19": "I",
        "2025-11-20": "O I",
    }
    flooded = [f"2025-11-{day}" for day in (10, 11, 12, 13, 14)]
    found = backtest("federation", absences, rows=calendar_rows(without=flooded))
    assert only(found, "stage", "4")[0]["date"] == "2025-11-06"
    assert only(found, "stage", "5") == [
        {
            "date": "2025-11-20",
            "upn": UPN,
            "kind": "stage",
            "id": "5",
            "name": "Letter 3: formal notice of concern",
            "because": [
                {
                    "measure": "unauthorised",
                    "window": "since: 4",
                    "from": "2025-11-07",
                    "to": "2025-11-20",
                    "value": 1,
                    "op": "at_least",
                    "threshold": 1,
                },
                {"measure": "no_improvement_since", "window": "4"},
            ],
        }
    ]


def test_ten_unauthorised_sessions_in_ten_school_weeks():
    absences = {"2025-09-15": "G /", "2025-09-22 to 2025-09-24": "G", "2025-11-28": "O N", "2025-12-01": "U O"}
    found = only(backtest("vale", absences), "watch", "penalty-threshold")
    assert found == [
        {
            "date": "2025-12-01",
            "upn": UPN,
            "kind": "watch",
            "id": "penalty-threshold",
            "name": "Penalty notice to be considered",
            "because": [
                {
                    "measure": "unauthorised",
                    "window": "school_weeks: 10",
                    "from": "2025-09-22",
                    "to": "2025-12-01",
                    "value": 10,
                    "op": "at_least",
                    "threshold": 10,
                }
            ],
        }
    ]
