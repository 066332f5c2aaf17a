"""The states of a letter as one table. Whatever changes a letter's state goes through ``letters.services`` and is checked here."""

from __future__ import annotations

from letters.models import Letter

State = Letter.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.DRAFTED: frozenset({State.HELD, State.APPROVED, State.DECLINED, State.WITHDRAWN}),
    State.HELD: frozenset({State.DRAFTED, State.APPROVED, State.DECLINED, State.WITHDRAWN}),
    State.APPROVED: frozenset({State.DRAFTED, State.SENDING, State.SENT, State.POSTED, State.WITHDRAWN}),
    State.SENDING: frozenset({State.SENT, State.POSTED, State.FAILED}),
    State.SENT: frozenset({State.DELIVERED, State.FAILED}),
    State.POSTED: frozenset({State.FAILED}),
    State.FAILED: frozenset({State.SENDING, State.POSTED}),
    State.DELIVERED: frozenset(),
    State.DECLINED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
"""From each state, where a letter may go. Approved → drafted is the undo of the first ten minutes."""

WAITING = (State.DRAFTED, State.HELD)
"""Nobody has approved it: it is redrawn from the register and may be withdrawn."""
LEFT = (State.SENT, State.POSTED, State.DELIVERED)
"""The family has it, or it is on its way to them."""


def may_become(before: str, after: str) -> bool:
    return after in TRANSITIONS[before]


def comes_from(after: str) -> list[str]:
    """Every state from which ``after`` can be reached."""
    return [before for before, afters in TRANSITIONS.items() if after in afters]
