"""Two people act on one case at the same moment, over connections of their own: one does it, the other is told."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from escalation.adoption import adopt
from escalation.by_hand import take_stage
from escalation.models import Case
from schools.models import Role
from schools.rules import Refused
from tests.cast import NOW, TODAY, assemble
from tests.stories import away, present, run

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_people_who_take_one_stage_one_does() -> None:
    cast = assemble()
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 6))
    run(cast)
    case = Case.objects.get(pupil=cast.imogen.enrolment.pupil)

    def take(role: str) -> str:
        try:
            take_stage(case=case, stage_id="5", reason="Now.", by=cast.staff[role], role=role, on=TODAY, now=NOW)
            return "taken"
        except Refused as refused:
            return str(refused)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(take, (Role.HEAD, Role.ATTENDANCE_LEAD)))
    assert said == ["Stage 5 cannot be taken: the family stands there already, or higher.", "taken"]
    assert case.stages.filter(stage="5").count() == 1
