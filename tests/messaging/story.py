"""How the stories of this room begin: the cast's school has a Notify service of its own, and Alice asks for texts."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from messaging.models import Message, Sender
from messaging.opening import open_provider
from messaging.sending import Pace, send_due
from messaging.services import Asked, ask_for_texts, set_up
from messaging.wording import FIRST_DAY
from schools.models import Pupil, User
from tests.cast import TODAY, Cast
from tests.fake_notify import TEXT_TEMPLATE, FakeNotify

MORNING = dt.datetime(2025, 11, 20, 9, 15, tzinfo=dt.UTC)
"""A Thursday in winter: a quarter past nine in school time."""
QUICK = Pace(lease=dt.timedelta(seconds=4), seconds=1, first_wait=dt.timedelta(seconds=30))
"""Long enough for a request to a server of one's own."""


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self, moment: dt.datetime = MORNING) -> None:
        self.moment = moment

    def __call__(self) -> dt.datetime:
        return self.moment

    def on(self, **later: float) -> dt.datetime:
        self.moment += dt.timedelta(**later)
        return self.moment


def ready(cast: Cast, notify: FakeNotify, *, by: User | None = None, **given: Any) -> Sender:
    """The school's sender, with the fake's key."""
    values = {
        "key": notify.key(),
        "text_template": uuid.UUID(TEXT_TEMPLATE),
        "email_template": None,
        "opens": dt.time(7, 30),
        "closes": dt.time(19),
        "now": MORNING,
        **given,
    }
    return set_up(school=cast.here, by=by or cast.staff["administrator"], role="administrator", **values)


def pupils(*rows: Any) -> list[Pupil]:
    return [row.enrolment.pupil for row in rows]


def ask(cast: Cast, *rows: Any, now: dt.datetime = MORNING, on: dt.date = TODAY, **given: Any) -> Asked:
    """Alice texts the parents of these pupils about today's absence, unless something else is said."""
    values = {"purpose": "first-day", "body": FIRST_DAY.wording, "by": cast.alice, "role": "officer", **given}
    return ask_for_texts(school=cast.here, pupils=pupils(*rows), now=now, on=on, **values)


def send(clock: Callable[[], dt.datetime], pace: Pace = QUICK) -> int:
    return send_due(clock=clock, open_provider=open_provider, pace=pace)


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Message.objects.order_by().values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found
