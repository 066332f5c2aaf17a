"""A version that was kept never changes: not through the model, not through a bulk update, not through a statement of one's own."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from escalation.adoption import store_version
from escalation.engine.ruleset import load_ruleset
from escalation.models import FrozenVersion, RulesetVersion
from tests.cast import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
TEXT = load_ruleset("vale").text


@pytest.fixture
def version() -> RulesetVersion:
    return store_version(key="vale", text=TEXT, now=NOW)


@pytest.mark.parametrize("name", RulesetVersion.FROZEN)
def test_a_second_save_with_other_words_is_refused(version: RulesetVersion, name: str) -> None:
    setattr(version, name, "other")
    with pytest.raises(FrozenVersion, match=f"its {name} cannot be changed"):
        version.save()
    assert getattr(RulesetVersion.objects.get(), name) != "other"


def test_a_second_save_of_what_stands_already_is_nothing(version: RulesetVersion) -> None:
    version.save()
    assert RulesetVersion.objects.get().text == TEXT


@pytest.mark.parametrize("name", RulesetVersion.FROZEN)
def test_the_database_refuses_what_goes_round_the_model(version: RulesetVersion, name: str) -> None:
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        RulesetVersion.objects.update(**{name: "other"})
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE escalation_rulesetversion SET {name} = 'other'")
    assert RulesetVersion.objects.get().text == TEXT
