"""A sixth school's first ladder: every shape is a ladder at once, in every length."""

from __future__ import annotations

import pytest

from escalation.engine.ruleset import SHIPPED
from escalation.ruleset_text import faults_of
from escalation.shapes import (
    ACTIONS,
    MOST_STAGES,
    USUAL_PERCENT,
    USUAL_SESSIONS,
    Answers,
    StageAnswer,
    ladder_text,
    new_rule,
    new_stage,
    order_faults,
    own_key,
)
from letters.catalogue import has_wording, wording_for


def stages(count: int) -> tuple[StageAnswer, ...]:
    return tuple(
        StageAnswer(f"Step {number + 1}", USUAL_SESSIONS[number], USUAL_PERCENT[number], "officer", "head" if number else "",
                    ACTIONS[number % len(ACTIONS)])
        for number in range(count)
    )  # fmt: skip


@pytest.mark.parametrize("shape", ["counts", "percentages", "both"])
@pytest.mark.parametrize("count", range(1, MOST_STAGES + 1))
def test_every_shape_is_a_ladder_in_every_length(shape: str, count: int) -> None:
    ruleset, faults = faults_of(
        ladder_text(Answers("Ours: the “new” one", "Oakfield", shape, count % 2 == 0, "vale", "oakfield", stages(count)))
    )
    assert faults == [] and ruleset is not None
    assert [stage.id for stage in ruleset.stages] == [str(number) for number in range(1, count + 1)]
    assert (ruleset.key, ruleset.name, ruleset.policy.school) == ("vale-oakfield", "Ours: the “new” one", "Oakfield")
    assert ruleset.weekly == (count % 2 == 0)
    limits = {name: parameter.value for name, parameter in ruleset.parameters.items() if name.startswith("stage_")}
    assert limits.get("stage_1_sessions") == (5 if shape != "percentages" else None)
    assert limits.get("stage_1_below") == (96 if shape != "counts" else None)
    assert all(stage.needs == ((str(int(stage.id) - 1),) if stage.id != "1" else ()) for stage in ruleset.stages)


def test_a_blank_ladder_waits_for_its_first_stage() -> None:
    text = ladder_text(Answers("Ours", "Oakfield", "blank", False, "vale", "oakfield"))
    ruleset, faults = faults_of(text)
    assert faults == [] and ruleset is not None and ruleset.stages == () and len(ruleset.bands) == 4
    assert new_stage("1", "support")["band"] == "support" and new_rule("rule-1")["who"] == "officer"


def test_a_stage_that_would_not_come_after_the_one_before_is_named() -> None:
    one, two, three = stages(3)
    assert order_faults("both", (one, two, three)) == []
    assert order_faults("counts", (two, one)) == [(1, "Stage 2 has to begin at more than the 8 sessions of stage 1.")]
    assert order_faults("percentages", (one, one)) == [(1, "Stage 2 has to begin below the 96 % of stage 1.")]


@pytest.mark.parametrize("key", SHIPPED)
def test_a_ladder_of_ones_own_uses_the_letters_that_its_key_names(key: str) -> None:
    assert own_key(key, "a-school-with-a-long-name-indeed").startswith(f"{key}-") and len(own_key(key, "x" * 60)) == 30
    assert has_wording(f"{key}-oakfield", "unexplained") and not has_wording(f"{key}-oakfield", "letter-9")
    assert wording_for("coventry-oakfield", "letter-a").ruleset == "coventry"
