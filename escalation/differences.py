"""What changes from one ladder to the next, in sentences: "Stage 3 began at 8 sessions missed this half term, from 1 January at 6."

Pure: two rulesets in, sentences out, in the order of the new ladder. Conditions are compared as they are judged, so a number that only
moved into a parameter is no difference.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from escalation.engine.conditions import All, Any, CaseCondition, Comparison, Condition, Not, all_leaves
from escalation.engine.ruleset import Parameter, Ruleset, Stage, WatchRule
from escalation.engine.schema import Action
from escalation.engine.sentences import coded, figure, plural, threshold_in_words, window_in_words
from escalation.engine.words import condition_in_words

WHAT = {
    "missed": "sessions missed",
    "authorised": "sessions missed with authorisation",
    "unauthorised": "sessions missed without authorisation",
    "possible": "possible sessions",
    "attended": "sessions attended",
    "late": "late arrivals",
    "percent": "attendance",
    "days_absent": "school days missed in full",
    "days_with": "school days",
    "run_of_days": "school days in a row",
    "run_of_sessions": "sessions in a row",
    "age_of_mark": "school days of a session",
    "best_possible": "as the best figure still possible",
    "change": "as the week's change",
}
ROLES = {
    "officer": "the attendance officer",
    "tutor": "the tutor",
    "head_of_year": "the head of year",
    "attendance_lead": "the attendance lead",
    "safeguarding_lead": "the safeguarding lead",
    "head": "the headteacher",
    "trust_lead": "the trust's lead",
}
TEXTS = {
    "what_school_does": "what the school does",
    "what_family_can_do": "what the family can do",
    "what_brings_back": "what brings a pupil back",
    "clause": "its place in the policy",
    "short": "its short name",
    "open": "what the policy leaves open",
}


def differences(old: Ruleset, new: Ruleset, starts: dt.date | None = None) -> list[str]:
    """A sentence for each difference; empty where both judge and say the same. ``starts``: the day of the change, where it is known."""
    since = f"from {starts.day} {starts:%B %Y}" if starts else "now"
    return [
        *_ladder(old, new, since),
        *_stages(old, new, since),
        *_rules("The watch rule", old.watch, new.watch, since),
        *_rules("The recovery rule", old.recovery, new.recovery, since),
        *_carry_over(old, new, since),
        *_parameters(old, new, since),
        *_said(old, new),
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def stage_name(stage: str) -> str:
    return f"stage {stage}" if stage[:1].isdigit() else f"the stage “{stage}”"


def _ladder(old: Ruleset, new: Ruleset, since: str) -> Iterator[str]:
    if old.name != new.name:
        yield f"The ladder was called “{old.name}”, {since} “{new.name}”."
    if old.key != new.key:
        yield f"Its letters were those of “{old.key}”, {since} of “{new.key}”."
    if old.weekly != new.weekly:
        yield f"The ladder was judged {old.cadence}, {since} {new.cadence}."
    if old.policy != new.policy:
        yield "What is said about the policy itself (title, school, date) changed."
    bands = [{band.id: (band.name, band.level) for band in each.bands} for each in (old, new)]
    if bands[0] != bands[1]:
        yield "The bands, their names or their colours changed."


def _stages(old: Ruleset, new: Ruleset, since: str) -> Iterator[str]:
    before = {stage.id: stage for stage in old.stages}
    kept = [stage.id for stage in new.stages]
    for stage in old.stages:
        if stage.id not in kept:
            yield f"{_capital(stage_name(stage.id))} ({stage.name}) falls away{'' if since == 'now' else ' ' + since}."
    for stage in new.stages:
        if stage.id not in before:
            yield f"{_capital(stage_name(stage.id))} ({stage.name}) is new: reached when {condition_in_words(stage.condition)}."
        else:
            yield from _stage(before[stage.id], stage, since)
    common = [stage.id for stage in old.stages if stage.id in kept], [each for each in kept if each in before]
    if common[0] != common[1]:
        yield f"The order of the stages was {', '.join(common[0])}, {since} {', '.join(common[1])}."


def _stage(old: Stage, new: Stage, since: str) -> Iterator[str]:
    name = _capital(stage_name(new.id))
    yield from _condition(name, old.condition, new.condition, since, "was reached when")
    if _cadences(old.condition) != _cadences(new.condition):
        yield f"{name} was judged {_cadences(old.condition)}, {since} {_cadences(new.condition)}."
    for what, was, now in _facts(old, new):
        if was != now:
            yield f"{name}: {what} was {was}, {since} {now}."
    if old.name != new.name:
        yield f"{name} was called “{old.name}”, {since} “{new.name}”."
    changed = [words for field, words in TEXTS.items() if getattr(old, field) != getattr(new, field)]
    if changed:
        yield f"{name} has new words for {', '.join(changed)}."


def _facts(old: Stage, new: Stage) -> Iterator[tuple[str, str, str]]:
    """What is true of a stage: what it is, and how it reads before and after."""
    both = (old, new)
    yield ("the band", *(stage.band for stage in both))  # type: ignore[misc]
    yield ("who acts", *(ROLES[stage.acts] for stage in both))  # type: ignore[misc]
    yield ("who agrees", *(ROLES[stage.approves] if stage.approves else "nobody" for stage in both))  # type: ignore[misc]
    yield ("what is needed before", *(_needs(stage) for stage in both))  # type: ignore[misc]
    yield ("whether it may be passed over", *("yes" if stage.may_be_passed_over else "no" for stage in both))  # type: ignore[misc]
    yield ("whether it waits for the gap", *("yes" if stage.waits_for_gap else "no" for stage in both))  # type: ignore[misc]
    yield ("the period that it begins", *(_period(stage) for stage in both))  # type: ignore[misc]
    yield ("what is done", *(_actions(stage.actions) for stage in both))  # type: ignore[misc]


def _needs(stage: Stage) -> str:
    return " and ".join(stage_name(need) for need in stage.needs) or "nothing"


def _period(stage: Stage) -> str:
    kind = "monitoring period" if stage.period_is == "monitoring" else stage.period_is
    return f"a {kind} of {plural(stage.begins_period, 'week')}" if stage.begins_period else "none"


def _actions(actions: Sequence[Action]) -> str:
    return "; ".join(map(_action, actions))


def _action(action: Action) -> str:
    named = f"{action.kind} ({action.letter})" if action.letter else action.kind
    due = f" within {plural(action.due_days, 'school day')}" if action.due_days is not None else ""
    asked = "when asked" if action.when_asked else ""
    more = [action.encloses and f"with {action.encloses}", action.repeats, asked, (action.note or "").rstrip(".")]
    return named + due + "".join(f", {each}" for each in more if each)


def _condition(name: str, old: Condition, new: Condition, since: str, reached: str) -> Iterator[str]:
    """A sentence a number where only numbers changed, otherwise the whole condition before and after."""
    pairs = list(_paired(old, new))
    if _shape(old) == _shape(new):
        for was, now in pairs:
            if was.threshold != now.threshold or was.op != now.op:
                yield _begins(name, was, now, since)
        return
    yield f"{name} {reached} {condition_in_words(old)}; {since} when {condition_in_words(new)}."


def _begins(name: str, was: Comparison, now: Comparison, since: str) -> str:
    before = threshold_in_words(was.op, was.threshold, was.measure)
    after = threshold_in_words(now.op, now.threshold, now.measure)
    codes = f" coded {coded(was.codes)}" if was.codes else ""
    where = f" {window_in_words(was.window.text)}" if was.window else ""
    return f"{name} began {before} {WHAT[was.measure]}{codes}{where}, {since} {after}."


def _shape(condition: Condition) -> object:
    """The condition without its numbers: what is counted, where, and how it is joined; whether it is judged weekly is told apart."""
    if isinstance(condition, All | Any):
        return type(condition).__name__, tuple(map(_shape, condition.parts))
    if isinstance(condition, Not):
        return "not", _shape(condition.part)
    if isinstance(condition, CaseCondition):
        return condition.kind, condition.ref
    return condition.measure, condition.window, condition.codes, condition.op in ("at_least", "more_than")


def _paired(old: Condition, new: Condition) -> Iterator[tuple[Comparison, Comparison]]:
    """The comparisons of two conditions of one shape, side by side."""
    if isinstance(old, All | Any) and isinstance(new, All | Any):
        for was, now in zip(old.parts, new.parts, strict=False):
            yield from _paired(was, now)
    elif isinstance(old, Not) and isinstance(new, Not):
        yield from _paired(old.part, new.part)
    elif isinstance(old, Comparison) and isinstance(new, Comparison):
        yield old, new


def _cadences(condition: Condition) -> str:
    weekly = {leaf.weekly for leaf in all_leaves(condition)}
    if len(weekly) > 1:
        return "partly weekly, partly daily"
    return "weekly" if weekly == {True} else "daily"


def _rules(what: str, old: Sequence[WatchRule], new: Sequence[WatchRule], since: str) -> Iterator[str]:
    before, after = {rule.id: rule for rule in old}, {rule.id for rule in new}
    for rule in old:
        if rule.id not in after:
            yield f"{what} “{rule.name}” falls away{'' if since == 'now' else ' ' + since}."
    for rule in new:
        if rule.id not in before:
            yield f"{what} “{rule.name}” is new: opened when {condition_in_words(rule.condition)}."
        else:
            yield from _rule(f"{what} “{before[rule.id].name}”", before[rule.id], rule, since)


def _rule(name: str, old: WatchRule, new: WatchRule, since: str) -> Iterator[str]:
    yield from _condition(name, old.condition, new.condition, since, "was opened when")
    if old.who != new.who:
        yield f"{name}: who sees to it was {ROLES[old.who]}, {since} {ROLES[new.who]}."
    if _cadences(old.condition) != _cadences(new.condition):
        yield f"{name} was judged {_cadences(old.condition)}, {since} {_cadences(new.condition)}."
    if _reopening(old) != _reopening(new):
        yield f"{name} opens again by another rule {since}."
    if old.compulsory_age_only != new.compulsory_age_only:
        who = "pupils of compulsory school age only" if new.compulsory_age_only else "every pupil on roll"
        yield f"{name} is {since} for {who}."
    if old.letter != new.letter:
        yield f"{name}: its letter was {old.letter or 'none'}, {since} {new.letter or 'none'}."
    if (old.name, old.clause, old.what_to_do, old.open) != (new.name, new.clause, new.what_to_do, new.open):
        yield f"{name} has new words."


def _reopening(rule: WatchRule) -> tuple[object, ...]:
    return rule.afresh_each_year, rule.new_period_codes, rule.each_period_of


def _carry_over(old: Ruleset, new: Ruleset, since: str) -> Iterator[str]:
    was, now = old.carry_over, new.carry_over
    if was is None and now is not None:
        yield f"Stages carried over into the next year are new: {', '.join(now.stages)}, when {condition_in_words(now.condition)}."
    elif was is not None and now is None:
        yield f"No stage is carried over into the next year any more{'' if since == 'now' else ' ' + since}."
    elif was is not None and now is not None:
        yield from _condition("Carrying over into the next year", was.condition, now.condition, since, "was done when")
        if (was.stages, was.letter, was.note) != (now.stages, now.letter, now.note):
            yield "What is carried over into the next year changed."


def _parameters(old: Ruleset, new: Ruleset, since: str) -> Iterator[str]:
    """Numbers that came, went or changed; those that a threshold has already told are left out."""
    told = {leaf.parameter for leaf in _comparisons(new) if leaf.parameter}
    for name, parameter in new.parameters.items():
        was = old.parameters.get(name)
        if was is None:
            if name not in told:
                yield f"The number “{_named(name)}” is new: {_value(parameter)}."
        elif was.value != parameter.value and name not in told:
            yield f"“{_named(name)}” was {_value(was)}, {since} {_value(parameter)}."
        elif (was.note, was.unit, was.open) != (parameter.note, parameter.unit, parameter.open):
            yield f"What is said about the number “{_named(name)}” changed."
    for name in old.parameters:
        if name not in new.parameters:
            yield f"The number “{_named(name)}” is gone."


def _comparisons(ruleset: Ruleset) -> Iterator[Comparison]:
    parts: list[Stage | WatchRule] = [*ruleset.stages, *ruleset.watch, *ruleset.recovery]
    for part in parts:
        yield from (leaf for leaf in all_leaves(part.condition) if isinstance(leaf, Comparison))


def _named(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(parameter: Parameter) -> str:
    if isinstance(parameter.value, bool):
        return "yes" if parameter.value else "no"
    return f"{figure(parameter.value)} {parameter.unit}"


def _said(old: Ruleset, new: Ruleset) -> Iterator[str]:
    if old.prompts != new.prompts:
        yield "The reminders to staff changed."
    if old.checklists != new.checklists:
        yield "The checklists changed."
