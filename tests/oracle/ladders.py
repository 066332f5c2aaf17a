"""The five ladders and the national rules as plain Python, taken down from the policies' tables a second time.

A condition is one of
  ("compare", measure, window, codes, op, threshold)   a count or a % in a window against a number
  ("case", name, stage)                                something that must be true of the case
  ("all", ...), ("any", ...)                           of further conditions, in the order of the table
  ("weekly", condition)                                judged on the last school day of the week only
A window is (name,) or (name, argument); a run and the age of a mark have none.
"""

from typing import Any

Condition = tuple[Any, ...]

UNAUTHORISED = ("G", "N", "O", "U")
SETTLING_IN = 20  # possible sessions before the year's % is judged
REVIEW_SESSIONS = 10  # possible sessions before "no improvement" is judged


def compare(
    measure: str, window: tuple[Any, ...] | None, op: str, threshold: int, codes: tuple[str, ...] | None = None
) -> Condition:
    return ("compare", measure, window, codes, op, threshold)


def year_below(threshold: int) -> Condition:
    return compare("percent", ("year",), "below", threshold)


def no_improvement_since(stage: str) -> Condition:
    return ("case", "no_improvement_since", stage)


def target_missed(stage: str) -> Condition:
    return ("case", "target_missed", stage)


def stage(
    id: str,
    condition: Condition,
    needs: str | None = None,
    name: str = "",
    waits: bool = True,
    passable: bool = False,
    weeks: int | None = None,
) -> dict[str, Any]:
    """One row of a table; `waits` for the gap, `passable` means it may be passed over, `weeks` of the period it begins."""
    return {
        "id": id,
        "condition": condition,
        "needs": needs,
        "name": name,
        "waits": waits,
        "passable": passable,
        "weeks": weeks,
    }


# Stages 1 to 4 may be passed over, stage 5 may not; conversations 1 and 2 do not wait for the gap.
FEDERATION = {
    "gap": 5,
    "carry_over": (),
    "stages": [
        stage("1", compare("missed", ("half_term",), "at_least", 5), waits=False, passable=True),
        stage(
            "2",
            (
                "all",
                compare("missed", ("since", "1", "next_term"), "at_least", 2),
                compare("missed", ("from_half_term_of", "1", "next_term"), "at_least", 7),
            ),
            needs="1",
            waits=False,
            passable=True,
        ),
        stage(
            "3",
            ("any", compare("missed", ("half_term",), "at_least", 8), compare("missed", ("year",), "at_least", 10)),
            name="Letter 1: support",
            passable=True,
        ),
        stage(
            "4",
            ("any", compare("missed", ("any_half_term",), "at_least", 12), compare("missed", ("year",), "more_than", 16)),
            passable=True,
            weeks=4,
        ),
        stage(
            "5",
            # The worked output of the specification states the count before the comparison with stage 4.
            ("any", compare("unauthorised", ("since", "4"), "at_least", 1, ("G", "O", "U")), no_improvement_since("4")),
            needs="4",
            name="Letter 3: formal notice of concern",
            weeks=6,
        ),
        stage("6", year_below(90), needs="4", weeks=6),
        stage("7", ("all", year_below(90), target_missed("6"), no_improvement_since("6")), needs="6"),
    ],
    "watch": [],
}

COVENTRY = {
    "gap": 5,
    "carry_over": (),
    "stages": [
        stage("0", year_below(96)),
        stage("1", year_below(95), needs="0"),
        stage("2", ("all", year_below(90), no_improvement_since("1")), needs="1"),
        stage("3", no_improvement_since("2"), needs="2", weeks=6),
        stage("4", target_missed("3"), needs="3"),
    ],
    "watch": [
        ("no-contact-5", compare("run_of_days", None, "at_least", 5, ("N",))),
        ("holiday-10", compare("run_of_sessions", None, "at_least", 10, ("G",))),
    ],
}

VALE = {
    "gap": 5,
    "carry_over": (),
    "stages": [
        stage("1", year_below(94), waits=False),
        stage("2", year_below(92), needs="1"),
        stage("3", year_below(90), needs="2", weeks=4),
        stage("4", target_missed("3"), needs="3", weeks=6),
        stage("5", target_missed("4"), needs="4", weeks=4),
        stage("6", target_missed("5"), needs="5", weeks=4),
        stage("7", target_missed("6"), needs="6"),
    ],
    "watch": [
        ("unexplained-week", compare("age_of_mark", None, "more_than", 5, ("N",))),
        ("illness-5", compare("run_of_days", None, "more_than", 5, ("I",))),
        ("la-termly", compare("days_with", ("year",), "at_least", 10, UNAUTHORISED)),
    ],
}


def still_below_90_since(done: str) -> Condition:
    return ("all", year_below(90), compare("possible", ("since", done), "at_least", REVIEW_SESSIONS))


WIGSTON = {
    "gap": 3,
    "carry_over": ("0", "1"),
    "stages": [
        stage("0", ("weekly", year_below(98)), waits=False),
        stage("1", ("any", ("case", "watch", "welfare-check"), ("weekly", year_below(95))), waits=False),
        stage("2", ("weekly", year_below(95)), needs="1"),
        stage("clinic", ("weekly", year_below(92)), needs="2"),
        stage("3", ("weekly", year_below(90)), needs="2"),
        stage("4", ("weekly", still_below_90_since("3")), needs="3"),
        stage("5", ("weekly", still_below_90_since("4")), needs="4"),
        stage("6", ("weekly", still_below_90_since("5")), needs="5"),
    ],
    "watch": [
        (
            "welfare-check",
            (
                "any",
                compare("run_of_days", None, "at_least", 3, ("I", "G", "N", "O", "U")),
                compare("days_absent", ("weeks", 3), "at_least", 3),
            ),
        ),
        ("pme-month", compare("missed", ("weeks", 4), "at_least", 20)),
        ("pme-15", compare("days_absent", ("year",), "at_least", 15)),
    ],
}

GOLDINGTON = {
    "gap": 3,
    "carry_over": (),
    "stages": [
        stage("1", ("weekly", year_below(93)), waits=False),
        stage("2", ("weekly", year_below(93)), needs="1", waits=False),
        stage("3", ("weekly", ("all", year_below(90), no_improvement_since("2"))), needs="2"),
        stage("4", ("weekly", no_improvement_since("3")), needs="3", weeks=3),
        stage("5", ("weekly", target_missed("4")), needs="4"),
    ],
    "watch": [
        ("illness-5", compare("run_of_days", None, "more_than", 5, ("I",))),
        ("missing-10", compare("run_of_days", None, "at_least", 10, ("N",))),
    ],
}

NATIONAL = [
    ("penalty-threshold", compare("unauthorised", ("school_weeks", 10), "at_least", 10)),
    ("persistent-absence", compare("percent", ("year",), "at_most", 90)),
    ("severe-absence", compare("percent", ("year",), "at_most", 50)),
    ("sickness-return", compare("days_with", ("year",), "at_least", 15, ("I",))),
    ("attendance-return", compare("run_of_days", None, "at_least", 10, UNAUTHORISED)),
    ("unexplained-overdue", compare("age_of_mark", None, "at_least", 5, ("N",))),
]

# Rules on the year's own figures start afresh each academic year; all others run on.
STARTS_AFRESH = {"persistent-absence", "severe-absence", "sickness-return", "la-termly", "pme-15"}

# After its first opening this rule opens again with each new continuous period of illness.
OPENS_WITH_EACH_ILLNESS = "sickness-return"

LADDERS: dict[str, dict[str, Any]] = {
    "federation": FEDERATION,
    "coventry": COVENTRY,
    "vale": VALE,
    "wigston": WIGSTON,
    "goldington": GOLDINGTON,
}
