"""A stage's condition in plain English, made from the condition itself, so that the page can never say anything else than the rule."""

from __future__ import annotations

from escalation.engine.conditions import All, Any, CaseCondition, Comparison, Condition, Not, all_leaves
from escalation.engine.ruleset import Ruleset, Stage, WatchRule
from escalation.engine.sentences import coded, figure, plural, window_in_words

_WHAT = {
    "missed": "sessions missed",
    "authorised": "sessions missed with authorisation",
    "unauthorised": "sessions missed without authorisation",
    "possible": "possible sessions",
    "attended": "sessions attended",
    "late": "late arrivals",
    "percent": "attendance",
    "days_absent": "school days missed in full",
    "days_with": "school days with a session",
    "run_of_days": "school days in a row missed",
    "run_of_sessions": "sessions in a row missed",
    "best_possible": "the best figure still possible this year",
    "change": "the week's change in attendance",
}
_CASE = {
    "done": "stage {0} is done",
    "plan_ended": "the plan or period of stage {0} has ended",
    "target_missed": "the plan or period of stage {0} ended with its target missed",
    "target_met": "the plan or period of stage {0} ended with its target met",
    "watch": "the watch rule “{0}” holds",
}


def stage_in_words(ruleset: Ruleset, stage: Stage) -> str:
    """ "Reached at 8 or more sessions missed this half term, or 10 or more sessions missed this year." and what must be done before."""
    parts = [f"Reached when {condition_in_words(stage.condition)}."]
    if stage.needs:
        parts.append(f"Only after stage {' and stage '.join(stage.needs)} is done.")
    if stage.waits_for_gap and ruleset.gap:
        parts.append(f"Not before the {ordinal(ruleset.gap)} school day after another stage was done.")
    if ruleset.weekly:
        parts.append(_cadence(stage.condition))
    if stage.begins_period:
        parts.append(
            f"It begins a {'monitoring period' if stage.period_is == 'monitoring' else stage.period_is} of "
            f"{plural(stage.begins_period, 'week')}."
        )
    return " ".join(parts)


def rule_in_words(rule: WatchRule) -> str:
    """A watch or recovery rule: "Opened when …"."""
    return f"Opened when {condition_in_words(rule.condition)}."


def condition_in_words(condition: Condition) -> str:
    """A clause without a full stop; alternatives inside a joint condition stand in brackets."""
    if isinstance(condition, All | Any):
        joint = ", and " if isinstance(condition, All) else ", or "
        return joint.join(_bracketed(part) for part in condition.parts)
    if isinstance(condition, Not):
        return f"it is not so that {_bracketed(condition.part)}"
    if isinstance(condition, CaseCondition):
        return _case_in_words(condition)
    return _comparison_in_words(condition)


def _bracketed(part: Condition) -> str:
    text = condition_in_words(part)
    return f"({text})" if isinstance(part, All | Any) and len(part.parts) > 1 else text


def _case_in_words(condition: CaseCondition) -> str:
    if condition.kind == "no_improvement_since":
        since = f"there is no improvement since stage {condition.ref}"
        return f"{since} (judged once {condition.review_sessions} possible sessions lie after it)"
    return _CASE[condition.kind].format(condition.ref)


def _comparison_in_words(comparison: Comparison) -> str:
    where = f" {window_in_words(comparison.window.text)}" if comparison.window else ""
    closes = " (counted to the end of the next term)" if comparison.window and comparison.window.closes_next_term else ""
    amount, codes = figure(comparison.threshold), coded(comparison.codes)
    if comparison.measure in ("percent", "best_possible", "change"):
        unit = " percentage points" if comparison.measure == "change" else " %"
        return f"{_WHAT[comparison.measure]}{where} is {_OF_A_FIGURE[comparison.op].format(amount + unit)}"
    if comparison.measure == "age_of_mark":
        return f"a session coded {codes} has stood for {_OF_A_COUNT[comparison.op].format(amount)} school days"
    what = _coded(comparison.measure, codes) if codes else _WHAT[comparison.measure]
    return f"there are {_OF_A_COUNT[comparison.op].format(amount)} {what}{where}{closes}"


def _coded(measure: str, codes: str) -> str:
    if measure in ("days_with", "run_of_days", "run_of_sessions"):
        return f"{_WHAT[measure].removesuffix(' missed')} coded {codes}"
    return f"sessions coded {codes}"


_OF_A_FIGURE = {"at_least": "{0} or more", "more_than": "above {0}", "below": "below {0}", "at_most": "{0} or less"}
_OF_A_COUNT = {"at_least": "{0} or more", "more_than": "more than {0}", "below": "fewer than {0}", "at_most": "{0} or fewer"}


def _cadence(condition: Condition) -> str:
    weekly = {leaf.weekly for leaf in all_leaves(condition)}
    if weekly == {True}:
        return "Judged on the last school day of each week."
    return (
        "Judged every day."
        if weekly == {False}
        else "Watch rules are judged every day, figures on the last school day of each week."
    )


def ordinal(number: int) -> str:
    """ "1st", "2nd", "3rd", "11th"."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
