"""A ladder as people see it: the strip on a pupil's page, the lines in the trend, and the school's policy as a page.

Everything comes from the ruleset in force and the case's own records; nothing about one policy stands here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from desk.charts import Threshold
from desk.words import stage_label
from escalation.engine.conditions import Comparison, leaves
from escalation.engine.outlook import best_possible, next_stage, what_brings_back
from escalation.engine.ruleset import Parameter, Ruleset, Stage, WatchRule, national_rules
from escalation.engine.schema import Action
from escalation.engine.sentences import figure
from escalation.engine.words import rule_in_words, stage_in_words
from escalation.loading import LoadedSchool
from escalation.models import StageRecord
from letters.phrases import percent
from schools.models import Role, School, StaffRole

State = StageRecord.State
REACHED = (State.DONE, State.PROPOSED, State.HELD, State.CARRIED_OVER)


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the strip. ``note`` is its last line: done when, with whom since when, not reached."""

    id: str
    label: str
    name: str
    note: str
    is_here: bool
    is_reached: bool
    is_done: bool


@dataclass(frozen=True, slots=True)
class BandStrip:
    name: str
    level: int
    is_reached: bool
    steps: tuple[Step, ...]


def strip(ruleset: Ruleset, records: Iterable[StageRecord], owners: dict[str, str]) -> list[BandStrip]:
    """The ladder, band by band, with where the pupil stands. ``owners``: who acts or approves, by role key."""
    latest = {record.stage: record for record in records if record.state != State.WITHDRAWN}
    here = _here(ruleset, latest)
    strips = []
    for band in ruleset.bands:
        stages = [stage for stage in ruleset.stages if stage.band == band.id]
        steps = tuple(_step(stage, latest.get(stage.id), stage.id == here, owners) for stage in stages)
        if steps:
            strips.append(BandStrip(band.name, band.level, any(step.is_reached for step in steps), steps))
    return strips


def _here(ruleset: Ruleset, latest: dict[str, StageRecord]) -> str:
    """The highest stage that is open or done; empty where no stage was reached."""
    reached = [stage.id for stage in ruleset.stages if stage.id in latest and latest[stage.id].state in REACHED]
    return reached[-1] if reached else ""


def _step(stage: Stage, record: StageRecord | None, is_here: bool, owners: dict[str, str]) -> Step:
    return Step(
        id=stage.id,
        label=stage_label(stage.id),
        name=stage.short,
        note=_note(stage, record, owners),
        is_here=is_here,
        is_reached=record is not None and record.state in REACHED,
        is_done=record is not None and record.state == State.DONE,
    )


def _note(stage: Stage, record: StageRecord | None, owners: dict[str, str]) -> str:
    if record is None:
        return "Not reached"
    if record.state == State.DONE and record.done_on:
        return f"{'Sent' if letters_of(stage) else 'Done'} {_short(record.done_on)}"
    if record.state == State.PROPOSED:
        role = (record.approves or record.acts) if letters_of(stage) else record.acts
        return f"With {owners.get(role) or dict(Role.choices)[role].lower()} since {_short(record.proposed_on)}"
    if record.state == State.HELD and record.ask_again_on:
        return f"Held until {_short(record.ask_again_on)}"
    if record.state == State.DECLINED and record.ask_again_on:
        return f"Declined until {_short(record.ask_again_on)}"
    return record.get_state_display()


def _short(date: dt.date) -> str:
    return f"{date.day} {date:%b}"


def letters_of(stage: Stage) -> list[Action]:
    """What is sent for the stage; a conversation's guide is for staff and does not count."""
    return [action for action in stage.actions if action.kind == "letter"]


def owners(roles: Sequence[StaffRole], form: str, year_group: int | None) -> dict[str, str]:
    """Who holds each role for a pupil of that form and year, by role key; the closest fit first."""
    fitting: dict[str, tuple[int, str]] = {}
    for role in roles:
        if (role.forms and form not in role.forms) or (role.year_groups and year_group not in role.year_groups):
            continue
        closeness = 2 * bool(role.forms) + bool(role.year_groups)
        if role.role not in fitting or closeness > fitting[role.role][0]:
            fitting[role.role] = (closeness, role.user.name)
    return {role: name for role, (_, name) in fitting.items()}


def thresholds(ruleset: Ruleset) -> list[Threshold]:
    """The ladder's limits on the year's %, highest first, each with the stages that begin below it."""
    begins: dict[float, list[Stage]] = {}
    for stage in ruleset.stages:
        for leaf in leaves(stage.condition):
            if isinstance(leaf, Comparison) and leaf.measure == "percent" and leaf.op == "below" and _is_year(leaf):
                begins.setdefault(float(leaf.threshold), []).append(stage)
    return [Threshold(limit, _begins(stages, limit)) for limit, stages in sorted(begins.items(), reverse=True)]


def _is_year(leaf: Comparison) -> bool:
    return leaf.window is not None and leaf.window.kind == "year"


def _begins(stages: list[Stage], limit: float) -> str:
    ids = [stage.id for stage in stages]
    numbered = [each for each in ids if each.isdigit()]
    if len(ids) == 1:
        return f"{stage_label(ids[0]).lower()} below {limit:g}%"
    if len(numbered) == len(ids):
        return f"stages {ids[0]} {'and' if len(ids) == 2 else 'to'} {ids[-1]} below {limit:g}%"
    return f"{', '.join(stage_label(each).lower() for each in ids)} below {limit:g}%"


# Why here, what takes the pupil on, what brings the pupil back


@dataclass(frozen=True, slots=True)
class OutlookInWords:
    """Sentences under the strip, each as (what stands out, the rest); ``is_on_ladder``: a stage was reached this year."""

    is_on_ladder: bool
    why: tuple[str, ...]
    onwards: tuple[str, str]
    back: tuple[str, str]


def outlook_of(loaded: LoadedSchool, records: Sequence[StageRecord], as_of: dt.date) -> OutlookInWords:
    """The engine's outlook for the one pupil of ``loaded`` on the register of the last night; some hundredths of a second."""
    asked = (loaded.register, loaded.ruleset, loaded.state, 0, as_of, loaded.national)
    following = next_stage(*asked)
    best = best_possible(loaded.register, 0, as_of)
    here = [record for record in records if record.state in REACHED]
    return OutlookInWords(
        is_on_ladder=bool(here),
        why=_why(here, loaded.ruleset),
        onwards=_lead(following.sentence, " by ") if following else ("", _what_waits(loaded.ruleset, records)),
        back=_lead(what_brings_back(*asked), ", to ") if here else ("", _still_possible(best)),
    )


def _lead(sentence: str, until: str) -> tuple[str, str]:
    """A sentence of the engine's, its number of sessions apart: ("14 sessions attended in a row", ", to Tuesday …")."""
    first, found, rest = sentence.partition(until)
    return (first, found + rest) if found and first[:1].isdigit() else ("", sentence)


def _what_waits(ruleset: Ruleset, records: Sequence[StageRecord]) -> str:
    """Why no number of missed sessions takes the pupil on: a stage that must be done first, or nothing within four school weeks."""
    done = {record.stage for record in records if record.state in (State.DONE, State.CARRIED_OVER)}
    reached = {record.stage for record in records if record.state in (*REACHED, State.PASSED_OVER)}
    following = next((stage for stage in reversed(ruleset.stages) if stage.id in reached), None)
    above = ruleset.stages[ruleset.stages.index(following) + 1 :] if following else ()
    missing = [need for need in (above[0].needs if above else ()) if need not in done]
    if missing:
        first = " and ".join(stage_label(need).lower() for need in missing)
        return f"{stage_label(above[0].id)} comes only once {first} is done."
    if following and not above:
        return "This is the last stage of the ladder."
    return "Nothing in the next four school weeks, by the register alone."


def _why(here: Sequence[StageRecord], ruleset: Ruleset) -> tuple[str, ...]:
    if not here:
        return ("No stage was reached this year.",)
    order = [stage.id for stage in ruleset.stages]
    highest = max(here, key=lambda record: order.index(record.stage) if record.stage in order else -1)
    carried = ("Counted as done from last year.",) if highest.state == State.CARRIED_OVER else ()
    return tuple(highest.sentences) or carried


def _still_possible(best: tuple[int, int] | None) -> str:
    return f"At best {percent(*best)} is still possible this year." if best else ""


# The policy as a page


@dataclass(frozen=True, slots=True)
class StageInWords:
    """``begins``: when it is reached, made from the condition itself."""

    stage: Stage
    label: str
    begins: str
    acts: str
    approves: str
    letters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BandInWords:
    name: str
    level: int
    stages: tuple[StageInWords, ...]


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """A watch or recovery rule, when it opens, and the title of who sees to it."""

    rule: WatchRule
    opens: str
    who: str


@dataclass(frozen=True, slots=True)
class ParameterInWords:
    title: str
    value: str
    note: str
    open: bool


@dataclass(frozen=True, slots=True)
class LadderPage:
    """The whole policy in words; ``parameters`` has every named value, those that the policy leaves open marked."""

    school: School
    ruleset: Ruleset
    bands: tuple[BandInWords, ...]
    watch: tuple[RuleInWords, ...]
    recovery: tuple[RuleInWords, ...]
    national: tuple[RuleInWords, ...]
    parameters: tuple[ParameterInWords, ...]


def ladder_page(school: School, ruleset: Ruleset, on: dt.date) -> LadderPage:
    """The school's ladder with the school's own titles of the roles. One statement."""
    titles = role_titles(school, on)
    return LadderPage(
        school=school,
        ruleset=ruleset,
        bands=tuple(_band_in_words(ruleset, band.id, band.name, band.level, titles) for band in ruleset.bands),
        watch=_rules(ruleset.watch, titles),
        recovery=_rules(ruleset.recovery, titles),
        national=_rules(national_rules().watch, titles),
        parameters=tuple(map(parameter_in_words, ruleset.parameters.values())),
    )


def role_titles(school: School, on: dt.date) -> dict[str, str]:
    """The school's own word for each role where all who hold it bear the same one, otherwise the common one."""
    held: dict[str, set[str]] = {}
    for role in StaffRole.objects.filter(school=school, starts__lte=on).filter(Q(ends__isnull=True) | Q(ends__gte=on)):
        held.setdefault(role.role, set()).add(role.shown_title)
    return {key: next(iter(held[key])) if len(held.get(key, ())) == 1 else str(title) for key, title in Role.choices}


def _rules(rules: Iterable[WatchRule], titles: dict[str, str]) -> tuple[RuleInWords, ...]:
    return tuple(RuleInWords(rule, rule_in_words(rule), titles[rule.who]) for rule in rules)


def parameter_in_words(parameter: Parameter) -> ParameterInWords:
    value = parameter.value
    words = ("yes" if value else "no") if isinstance(value, bool) else f"{figure(value)} {parameter.unit}"
    return ParameterInWords(parameter.name.replace("_", " ").capitalize(), words, parameter.note, parameter.open)


def _band_in_words(ruleset: Ruleset, band: str, name: str, level: int, titles: dict[str, str]) -> BandInWords:
    stages = [stage for stage in ruleset.stages if stage.band == band]
    return BandInWords(name, level, tuple(_in_words(ruleset, stage, titles) for stage in stages))


def _letter_name(key: str) -> str:
    """ "Letter A" for "letter-a", "Below 92" for "below-92"."""
    kind, _, rest = key.partition("-")
    return f"Letter {rest.upper()}" if kind == "letter" else key.replace("-", " ").capitalize()


def _in_words(ruleset: Ruleset, stage: Stage, titles: dict[str, str]) -> StageInWords:
    return StageInWords(
        stage=stage,
        label=stage_label(stage.id),
        begins=stage_in_words(ruleset, stage),
        acts=titles[stage.acts],
        approves=titles[stage.approves] if stage.approves else "",
        letters=tuple(_letter_name(str(action.letter)) for action in letters_of(stage)),
    )
