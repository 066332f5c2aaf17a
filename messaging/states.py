"""The states of a message as one table. Whatever changes a message's state is a conditional UPDATE on the states that lead there."""

from __future__ import annotations

from messaging.models import Message

State = Message.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.WAITING: frozenset({State.SENDING, State.CANCELLED}),
    State.SENDING: frozenset({State.WAITING, State.SENT, State.FAILED}),
    State.SENT: frozenset({State.DELIVERED, State.FAILED}),
    State.DELIVERED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""From each state, where a message may go. Sending → waiting: it was put off (quiet hours, a fault that may pass). A message whose sender
was killed stays in sending until its lease has run out, and is then claimed anew."""

OPEN = (State.WAITING, State.SENDING)
"""It has not left, as far as we know."""
REACHED = (State.SENT, State.DELIVERED)
"""The family has it, or the network does."""


def may_become(before: str, after: str) -> bool:
    return after in TRANSITIONS[before]


def comes_from(after: str) -> list[str]:
    """Every state from which ``after`` can be reached."""
    return [before for before, afters in TRANSITIONS.items() if after in afters]
