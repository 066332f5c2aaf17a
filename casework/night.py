"""What casework does at the end of a school's night: notices to improve and carried plans that end are tested, statutory clocks opened.

Called after the night's own transaction, so that a fault here undoes no decision; each part is one transaction, and run again it
changes nothing. A night that was put off does nothing here: an unfinished register tests nobody.
"""

from __future__ import annotations

import datetime as dt

from casework.clocks import open_clocks
from casework.monitoring import end_carried_periods
from casework.penalty.improving import end_improvement_notices
from schools.models import School


def after_the_night(*, school: School, on: dt.date, now: dt.datetime) -> None:
    end_improvement_notices(school=school, on=on, now=now)
    open_clocks(school=school, on=on, now=now)
    end_carried_periods(school=school, on=on, now=now)
