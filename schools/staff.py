"""Which member of staff holds a role for a pupil: asked for the owner of a task, the signature of a letter, whom to ring."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q

from schools.models import Role, School, StaffRole

STANDS_IN: dict[str, tuple[str, ...]] = {
    Role.TUTOR: (Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD),
    Role.HEAD_OF_YEAR: (Role.ATTENDANCE_LEAD, Role.HEAD),
    Role.OFFICER: (Role.ATTENDANCE_LEAD,),
    Role.ATTENDANCE_LEAD: (Role.OFFICER, Role.HEAD),
    Role.SAFEGUARDING_LEAD: (Role.HEAD,),
    Role.HEAD: (Role.ATTENDANCE_LEAD,),
    Role.TRUST_LEAD: (Role.HEAD,),
}
"""Who is asked where a school has nobody in a role."""


@dataclass(frozen=True)
class StaffDirectory:
    """The roles in force at a school on a day, read once."""

    roles: tuple[StaffRole, ...]

    @classmethod
    def of(cls, school: School, on: dt.date) -> StaffDirectory:
        """One statement."""
        here = Q(school=school) | Q(school__isnull=True, group=school.group_id)
        in_force = Q(starts__lte=on) & (Q(ends__isnull=True) | Q(ends__gte=on))
        active = StaffRole.objects.filter(here & in_force, user__is_active=True)
        return cls(tuple(active.select_related("user")))

    def who(self, role: str, year_group: int | None = None, form: str = "") -> StaffRole | None:
        """The person in ``role`` for a pupil of that year and form, or in a role that stands in; None where the school has nobody."""
        for key in (role, *STANDS_IN.get(role, ())):
            fitting = [held for held in self.roles if held.role == key and _covers(held, year_group, form)]
            if fitting:
                return max(fitting, key=_narrowness)
        return None


def _covers(held: StaffRole, year_group: int | None, form: str) -> bool:
    return (not held.year_groups or year_group in held.year_groups) and (not held.forms or form in held.forms)


def _narrowness(held: StaffRole) -> tuple[bool, bool]:
    """A form's own tutor before one of the whole year."""
    return bool(held.forms), bool(held.year_groups)
