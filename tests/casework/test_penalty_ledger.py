"""The ladder of three years, parent by parent and child by child: one table to be read as a page, and every combination against it."""

from __future__ import annotations

import datetime as dt
from itertools import product

import pytest

from casework.penalty.parameters import framework
from casework.penalty.rules import Line, days_to_pay, standing, sum_of, years_before
from casework.penalty.states import COUNTS, NOTICE, REQUEST, may_go

PEOPLE = {"M": 1, "P": 2}
CHILDREN = {"Imogen": 10, "Edith": 11}
NAMES = {1: "first", 2: "second", 3: "none"}

PAGE = """
A notice is proposed on 15 June 2027. Morwenna (M) and Piers (P) are the parents of Imogen and Edith.

ledger so far                                                              | M, Imogen | P, Imogen | M, Edith
---------------------------------------------------------------------------|-----------|-----------|---------
nothing                                                                    | first     | first     | first
M Imogen 2026-10-01 issued                                                 | second    | first     | first
M Imogen 2026-10-01 paid                                                   | second    | first     | first
M Imogen 2026-10-01 unpaid                                                 | second    | first     | first
M Imogen 2026-10-01 prosecuted                                             | second    | first     | first
M Imogen 2026-10-01 acquitted                                              | first     | first     | first
M Imogen 2026-10-01 withdrawn                                              | first     | first     | first
M Imogen 2026-10-01 paid; M Imogen 2027-03-01 paid                         | none      | first     | first
M Imogen 2026-10-01 paid; M Imogen 2027-03-01 unpaid                       | none      | first     | first
M Imogen 2026-10-01 prosecuted; M Imogen 2027-03-01 prosecuted             | none      | first     | first
M Imogen 2026-10-01 paid; M Imogen 2027-03-01 withdrawn                    | second    | first     | first
M Imogen 2026-10-01 withdrawn; M Imogen 2027-03-01 paid                    | second    | first     | first
M Imogen 2026-10-01 withdrawn; M Imogen 2027-03-01 withdrawn               | first     | first     | first
M Imogen 2026-10-01 paid; P Imogen 2026-10-01 paid                         | second    | second    | first
M Imogen 2026-10-01 paid; P Imogen 2026-10-01 withdrawn                    | second    | first     | first
M Imogen 2026-10-01 paid; M Edith 2026-10-01 paid                          | second    | first     | second
M Imogen 2026-10-01 paid; M Imogen 2027-03-01 paid; M Edith 2027-03-01 paid | none     | first     | second
P Imogen 2026-10-01 paid; P Imogen 2027-03-01 paid                         | first     | none      | first
M Imogen 2024-08-18 paid                                                   | first     | first     | first
M Imogen 2024-08-19 paid                                                   | second    | first     | first
M Imogen 2023-05-01 paid; M Imogen 2024-05-01 prosecuted                   | first     | first     | first
M Imogen 2024-05-01 paid; M Imogen 2025-05-01 paid                         | second    | first     | first
M Imogen 2024-08-18 paid; M Imogen 2024-09-01 paid; M Imogen 2025-01-01 paid | none    | first     | first
M Imogen 2026-10-01 public_place                                           | first     | first     | first
M Imogen 2026-10-01 public_place; M Imogen 2027-03-01 paid                 | second    | first     | first
M Imogen 2026-10-01 paid; M Imogen 2027-03-01 paid; M Imogen 2027-05-01 withdrawn | none | first   | first
"""


def read_page() -> list[tuple[str, list[Line], list[str]]]:
    rows = []
    for row in PAGE.splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        if len(cells) == 4 and cells[1] in NAMES.values():
            rows.append((cells[0], read_ledger(cells[0]), cells[1:]))
    return rows


def read_ledger(text: str) -> list[Line]:
    lines = []
    for entry in [] if text == "nothing" else text.split("; "):
        parent, child, date, state = entry.split()
        kind, state = ("public_place", "paid") if state == "public_place" else ("absence", state)
        lines.append(Line(PEOPLE[parent], CHILDREN[child], kind, dt.date.fromisoformat(date), state))
    return lines


def next_for(lines: list[Line], parent: str, child: str, on: dt.date = dt.date(2027, 6, 15)) -> str:
    found = standing(lines, parent=PEOPLE[parent], pupil=CHILDREN[child], on=on, national=framework())
    return NAMES[found.number]


@pytest.mark.parametrize(("text", "ledger", "expected"), read_page(), ids=[row[0] for row in read_page()])
def test_the_page(text: str, ledger: list[Line], expected: list[str]) -> None:
    assert [next_for(ledger, "M", "Imogen"), next_for(ledger, "P", "Imogen"), next_for(ledger, "M", "Edith")] == expected


def test_the_page_has_every_state_of_a_notice() -> None:
    assert all(f" {state}" in PAGE for state in NOTICE)


DATES = [dt.date(2024, 6, 14), dt.date(2024, 6, 15), dt.date(2024, 8, 18), dt.date(2024, 8, 19), dt.date(2025, 9, 1)]
TWO_PARENTS, TWO_CHILDREN = (1, 2), (10, 11)


@pytest.mark.parametrize("kind", ["absence", "public_place"])
def test_every_combination_of_two_notices(kind: str) -> None:
    """Two notices, of every state, date, parent and child: 36 x 25 x 16 combinations, against counting by hand."""
    on = dt.date(2027, 6, 15)
    tried = 0
    for states, dates, parents, children in product(
        product(NOTICE, repeat=2), product(DATES, repeat=2), product(TWO_PARENTS, repeat=2), product(TWO_CHILDREN, repeat=2)
    ):
        ledger = [Line(*row) for row in zip(parents, children, (kind, "absence"), dates, states, strict=True)]
        by_hand = [
            line
            for line in ledger
            if (line.parent, line.pupil, line.kind) == (1, 10, "absence")
            and line.state in {"issued", "paid", "unpaid", "prosecuted"}
            and dt.date(2024, 8, 19) <= line.issued_on <= on
        ]
        found = standing(ledger, parent=1, pupil=10, on=on, national=framework())
        assert found.number == len(by_hand) + 1, ledger
        assert len(found.counting) + len(found.apart) == sum((one.parent, one.pupil) == (1, 10) for one in ledger)
        assert all(reason for _, reason in found.apart)
        tried += 1
    assert tried == 36 * 25 * 4 * 4


def test_three_years_end_on_the_same_day() -> None:
    ledger = [Line(1, 10, "absence", dt.date(2024, 9, 20), "paid")]
    assert next_for(ledger, "M", "Imogen", dt.date(2027, 9, 19)) == "second"
    assert next_for(ledger, "M", "Imogen", dt.date(2027, 9, 20)) == "first"
    assert years_before(dt.date(2028, 2, 29), 3) == dt.date(2025, 2, 28)


def test_a_third_is_refused_with_what_may_follow_and_until_when() -> None:
    ledger = [Line(1, 10, "absence", dt.date(2025, 3, 1), "paid"), Line(1, 10, "absence", dt.date(2026, 3, 1), "unpaid")]
    found = standing(ledger, parent=1, pupil=10, on=dt.date(2027, 1, 8), national=framework())
    assert found.is_third and found.sum is None
    assert found.sentence == (
        "No third penalty notice may be given to the same parent about the same child within three years. "
        "There are 2 notices (1 March 2025 and 1 March 2026)."
    )
    assert found.free_from == dt.date(2028, 3, 1)
    assert any("Prosecution" in line for line in framework().third.instead)


def test_a_request_that_waits_counts_until_it_is_answered() -> None:
    one = [Line(1, 10, "absence", dt.date(2026, 3, 1), "paid")]
    waiting = {"parent": 1, "pupil": 10, "on": dt.date(2027, 1, 8), "national": framework(), "waiting": 1}
    assert standing([], **waiting).number == 2
    assert standing(one, **waiting).is_third
    assert "There is one notice (1 March 2026) and one request still under way." in standing(one, **waiting).sentence


def test_sums_and_days_by_the_day_of_issue() -> None:
    now, before = framework().on(dt.date(2025, 1, 1)), framework().on(dt.date(2024, 8, 18))
    first, second = sum_of(now, kind="absence", number=1), sum_of(now, kind="absence", number=2)
    assert (first.full, first.reduced, second.full, second.reduced) == (160, 80, 160, None)
    assert (before.first.full, before.first.reduced) == (120, 60)
    assert (now.public_place.full, now.public_place.reduced) == (120, 60)
    assert days_to_pay(first, dt.date(2025, 1, 1)) == (dt.date(2025, 1, 21), dt.date(2025, 1, 28))
    assert days_to_pay(second, dt.date(2025, 1, 1)) == (None, dt.date(2025, 1, 28))


def test_the_tables_of_states_are_closed_and_lead_somewhere() -> None:
    for table, begins in ((REQUEST, "prepared"), (NOTICE, "issued")):
        assert {after for following in table.values() for after in following} | {begins} == set(table)
        for before, after in product(table, repeat=2):
            assert may_go(table, before, after) == (after in table[before])
    assert not may_go(NOTICE, "issued", "prosecuted"), "28 days have to pass first"
    assert set(COUNTS) < set(NOTICE)
