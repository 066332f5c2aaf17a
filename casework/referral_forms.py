"""Referral forms as cited data (``data/referrals.yaml``): service, clause, fields, questions, conditions. No Django.

Read once, strictly; what does not fit is a ``ParameterError`` that names file and field.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from casework.penalty.parameters import FOLDER, ParameterError, Strict, read

Rule = Literal[
    "stages_done", "percent_below", "period_missed", "no_improvement_since", "sessions_since", "meeting_over", "parents_away",
    "met_or_missed", "offered", "discussed", "consent",
]  # fmt: skip


class Field(Strict):
    """A heading of a form. ``gap``: what is said where it is needed and the record has nothing."""

    heading: str
    gap: str


class Question(Strict):
    """What only a person can say. ``needed``: without it the form has a gap."""

    label: str
    hint: str
    needed: bool
    rows: int


class Gate(Strict):
    """A condition that the policy sets before a referral; ``value``: percent or possible sessions, by rule."""

    rule: Rule
    clause: str
    stages: list[str] = []
    stage: str = ""
    value: int = 0
    kind: str = ""
    open: str = ""


class Form(Strict):
    """One service's form. ``stage``: the stage of the ladder whose referral it is; empty: of none."""

    ruleset: str
    kind: Literal["attendance", "early_help", "health"]
    title: str
    service: str
    clause: str
    stage: str
    fields: list[str]
    needs: list[str]
    asks: list[str]
    encloses: list[Literal["certificate", "letters"]]
    gates: list[Gate]


class _Referrals(Strict):
    forms: dict[str, Form]
    fields: dict[str, Field]
    questions: dict[str, Question]


@cache
def _read() -> _Referrals:
    found = read(FOLDER / "referrals.yaml", _Referrals)
    for name, form in found.forms.items():
        if unknown := {*form.fields, *form.needs} - set(found.fields) | set(form.asks) - set(found.questions):
            raise ParameterError(f"referrals.yaml, {name}: {sorted(unknown)} is no field or question of the file.")
        if left_out := set(form.needs) - set(form.fields):
            raise ParameterError(f"referrals.yaml, {name}: needs {sorted(left_out)}, which it does not have among its fields.")
    return found


def forms() -> dict[str, Form]:
    """Every form by its key."""
    return _read().forms


def form_of(key: str) -> Form:
    """Raises ``KeyError`` for a key that no form has."""
    return _read().forms[key]


def offered(ruleset: str) -> dict[str, Form]:
    """The forms for a school that runs a ladder of that key: its own first; the general attendance form only where it has none."""
    own = {key: form for key, form in forms().items() if form.ruleset == ruleset}
    general = {key: form for key, form in forms().items() if form.ruleset == "any"}
    if any(form.kind == "attendance" for form in own.values()):
        general = {key: form for key, form in general.items() if form.kind != "attendance"}
    return own | general


def fields() -> dict[str, Field]:
    return _read().fields


def questions_of(form: Form) -> dict[str, Question]:
    """What a person adds, by key, in the order of the form."""
    return {key: _read().questions[key] for key in form.asks}
