"""The cast is what its descriptions say, since other tests rest on it."""

from __future__ import annotations

import pytest

from schools.access import Scope
from schools.models import Role
from schools.queries import school_days
from tests import cast

pytestmark = pytest.mark.django_db


def test_every_role_is_held_by_one_person() -> None:
    assert set(cast.assemble().staff) == set(Role.values)


def test_alice_owns_bob_belongs_charlie_sees_nothing() -> None:
    people = cast.assemble()
    seen = {
        user.email: {pupil.first_name for pupil in Scope.of(user, cast.TODAY).pupils}
        for user in (people.alice, people.bob, people.charlie)
    }
    assert seen == {
        "alice@fenwold.example": {"Imogen", "Theo", "Priya", "Lee", "Nia"},
        "bob@fenwold.example": {"Imogen", "Theo", "Nia"},
        "charlie@fenwold.example": {"Edith"},
    }


def test_calendar_is_as_described() -> None:
    days = school_days(cast.assemble().here, [2025])
    assert len(days) == 191
    assert days.index(cast.TODAY) == 50
