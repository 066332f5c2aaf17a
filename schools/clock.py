"""The clock at the edge of the house: views, commands and tasks ask here and hand ``on=`` and ``now=`` inwards."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils import timezone


def today() -> dt.date:
    """The date in England, or the demo's fixed one."""
    return settings.HANDRAIL_TODAY or timezone.localdate()


def now() -> dt.datetime:
    """The time of day as it is, on ``today()``."""
    moment = timezone.localtime()
    return moment.replace(year=today().year, month=today().month, day=today().day) if settings.HANDRAIL_TODAY else moment
