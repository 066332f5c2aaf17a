"""The states of a request for leave as one table; ``casework.leave`` makes every move through it."""

from __future__ import annotations

from casework.models import LeaveRequest

State = LeaveRequest.State

MOVES: dict[str, frozenset[str]] = {
    State.ASKED: frozenset({State.GRANTED, State.PART_GRANTED, State.REFUSED, State.WITHDRAWN}),
    State.GRANTED: frozenset({State.GRANTED, State.PART_GRANTED, State.REFUSED, State.WITHDRAWN}),
    State.PART_GRANTED: frozenset({State.GRANTED, State.PART_GRANTED, State.REFUSED, State.WITHDRAWN}),
    State.REFUSED: frozenset({State.GRANTED, State.PART_GRANTED, State.WITHDRAWN}),
    State.WITHDRAWN: frozenset(),
}
"""From each state, where a request may go. Granted → granted is the same leave on another ground."""

GIVES_LEAVE = (State.GRANTED, State.PART_GRANTED)
STANDING = (State.ASKED, State.GRANTED, State.PART_GRANTED, State.REFUSED)
"""Requests that stand for their days: a second one for the same days is not entered."""


def why_not_move(before: str, after: str) -> str:
    """An empty string where the request may go from one state to the other; otherwise the sentence that says why not."""
    if after in MOVES[before]:
        return ""
    if before == State.WITHDRAWN:
        return "This request was withdrawn: enter a new one if the family asks again."
    if after == State.REFUSED:
        return "This request is refused already: grant it or a part of it, or withdraw it."
    return f"A request that is {State(before).label.lower()} cannot become {State(after).label.lower()}."
