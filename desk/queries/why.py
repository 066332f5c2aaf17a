"""Why, and why not: for one pupil on one date every stage and watch rule, comparison by comparison, down to the mark and the clause.

Nothing is stored and nothing is decided here. The ladder is the one that was in force on the date, the case is as it stood before that
date, and marks after it do not exist.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from django.utils import timezone

from attendance.codes import CODES, MEANINGS, NO_MARK, Meaning
from attendance.grid import academic_year_of
from desk.queries.ladder import ParameterInWords, parameter_in_words
from desk.words import stage_label
from escalation.engine.conditions import All, Any, CaseCondition, Comparison, Condition
from escalation.engine.evaluate import judge_for, needs_done, proposed_columns, waits_for_gap
from escalation.engine.judge import Judge
from escalation.engine.outlook import StageOutlook, best_possible, explain, next_stage, standing, what_brings_back
from escalation.engine.periods import end_periods
from escalation.engine.reasons import Reason
from escalation.engine.register import SeenMark
from escalation.engine.register import field as counter
from escalation.engine.ruleset import Ruleset, WatchRule
from escalation.engine.sentences import coded, figure, long_date, plural, span_of_dates
from escalation.engine.state import CaseState
from escalation.engine.words import condition_in_words, rule_in_words, stage_in_words
from escalation.loading import LoadedSchool, StageFacts, load_school
from escalation.models import Adoption, RulesetVersion, StageRecord, WatchEntry
from letters.phrases import percent
from schools.models import Enrolment

State = StageRecord.State


@dataclass(frozen=True, slots=True)
class MarkGroup:
    """The marks that one or more figures rest on; ``number`` names it on the page."""

    number: int
    title: str
    marks: tuple[SeenMark, ...]
    left_out: tuple[tuple[str, tuple[SeenMark, ...]], ...]
    """Sessions missed this year that this count does not count, by the reason."""


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison or case condition: the rule in words, what was found, and by how much it missed (empty where it holds).

    ``parameter``: the number's name in the ruleset; ``group``: the marks behind the figure.
    """

    rule: str
    holds: bool
    found: str
    missed_by: str = ""
    parameter: str = ""
    dates: str = ""
    group: MarkGroup | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A stage or a rule as judged on the date. ``verdict``: what came of it; ``waits``: what else it waits for."""

    title: str
    level: int
    begins: str
    clause: str
    holds: bool
    verdict: str
    waits: tuple[str, ...]
    joint: str
    lines: tuple[Line, ...]
    id: str


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Marks of the year that count in no figure, and why."""

    why: str
    number: int
    marks: tuple[SeenMark, ...]


@dataclass(frozen=True, slots=True)
class WhyPage:
    """Everything about one pupil and one date. ``empty`` is the sentence where nothing can be judged, then all the rest is empty."""

    on: dt.date
    empty: str = ""
    as_of: str = ""
    version: RulesetVersion | None = None
    in_force_since: dt.date | None = None
    cadence: str = ""
    figures: str = ""
    best: str = ""
    next_words: str = ""
    back_words: str = ""
    stages: tuple[Judged, ...] = ()
    watch: tuple[Judged, ...] = ()
    recovery: tuple[Judged, ...] = ()
    counted: tuple[MarkGroup, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()
    parameters: tuple[ParameterInWords, ...] = ()


@dataclass
class _Case:
    """One pupil on one date, with everything that judges."""

    loaded: LoadedSchool
    on: dt.date
    state: CaseState
    judge: Judge
    groups: dict[tuple, MarkGroup] = field(default_factory=dict)

    @property
    def ruleset(self) -> Ruleset:
        return self.loaded.ruleset

    @property
    def asked(self) -> tuple:
        return self.loaded.register, self.loaded.ruleset, self.state, 0, self.on, self.loaded.national


def why_page(enrolment: Enrolment, on: dt.date) -> WhyPage:
    """The page for ``enrolment`` on ``on``: the same number of statements whatever the pupil's record.

    Raises Refused where no ladder was in force on that date, CalendarError where the calendar contradicts itself.
    """
    loaded = load_school(enrolment.school, on, enrolment_ids=[enrolment.pk])
    if empty := _nothing_to_judge(loaded, on):
        return WhyPage(on=on, empty=empty)
    case = _as_it_stood(loaded, on)
    opened = _opened(enrolment, on)
    outlooks = explain(*case.asked)
    stages = tuple(_stages(case, outlooks))
    rules = (*loaded.national.watch, *loaded.ruleset.watch)
    watch = tuple(_rule(case, rule, _entry(rule, opened)) for rule in rules)
    recovery = tuple(_rule(case, rule, "") for rule in loaded.ruleset.recovery)
    return WhyPage(
        on=on,
        as_of=_as_of(case),
        version=loaded.version,
        in_force_since=_in_force_since(loaded, on),
        cadence=loaded.ruleset.cadence,
        figures=_year_so_far(case),
        stages=stages,
        watch=watch,
        recovery=recovery,
        counted=tuple(case.groups.values()),
        uncounted=tuple(_uncounted(case)),
        parameters=tuple(map(parameter_in_words, loaded.ruleset.parameters.values())),
        **_what_comes(case, outlooks),
    )


def _nothing_to_judge(loaded: LoadedSchool, on: dt.date) -> str:
    """A sentence where there is nothing to judge yet, otherwise empty."""
    name, days, last = loaded.school.name, loaded.days, loaded.days.last_on_or_before(on)
    if last is None or days.year[last] != days.year[-1] or academic_year_of(days.dates[last]) != loaded.year:
        return f"The school year of {name} had not begun by {long_date(on)} {on.year}: there was nothing to judge."
    if not loaded.enrolled or loaded.enrolled[0].starts > on:
        return f"The pupil was not on roll at {name} on {long_date(on)} {on.year}."
    first = int(np.searchsorted(days.year, days.year[last], side="left"))
    if (loaded.register.marks[0, 2 * first : 2 * last + 2] == ord(NO_MARK)).all():
        return (
            f"No register of this school year was marked for the pupil by {long_date(on)} {on.year}: there was nothing to judge."
        )
    return ""


def _as_it_stood(loaded: LoadedSchool, on: dt.date) -> _Case:
    """The case before the date, with the periods that had ended by it closed, as the night of that date judged it."""
    state = loaded.state_before(on)
    judge = judge_for(loaded.register, loaded.ruleset, loaded.national, state, on)
    end_periods(loaded.register, state, judge.moment, np.array([0]))
    return _Case(loaded, on, state, judge)


def _opened(enrolment: Enrolment, on: dt.date) -> dict[str, dt.date]:
    """The latest entry of each watch rule by the date. One statement."""
    entries = WatchEntry.objects.filter(pupil=enrolment.pupil_id, school=enrolment.school_id, opened_on__lte=on)
    return dict(entries.order_by("opened_on").values_list("rule", "opened_on"))


def _in_force_since(loaded: LoadedSchool, on: dt.date) -> dt.date | None:
    """The day from which the version was in force. One statement."""
    adoptions = Adoption.objects.filter(school=loaded.school, version=loaded.version, starts__lte=on)
    return adoptions.order_by("-starts").values_list("starts", flat=True).first()


def _as_of(case: _Case) -> str:
    moment = case.judge.moment
    if moment.is_school_day:
        return f"After the register of {long_date(case.on)} {case.on.year}."
    last = moment.days.dates[moment.last]
    return f"{long_date(case.on)} {case.on.year} was not a school day: this is how it stood after {long_date(last)}."


def _year_so_far(case: _Case) -> str:
    moment = case.judge.moment
    words = case.loaded.register.words(moment.year_start, moment.stop, np.array([0]))
    attended, possible, missed = (int(counter(words, name)[0]) for name in ("attended", "possible", "missed"))
    if not possible:
        return "No possible session this year by that date."
    return f"{attended} of {possible} possible sessions attended ({percent(attended, possible)}), {missed} missed."


def _what_comes(case: _Case, outlooks: Sequence[StageOutlook]) -> dict[str, str]:
    """What would be reached next and when at the earliest, what brings the pupil back, and the best figure still possible."""
    following, best = next_stage(*case.asked), best_possible(case.loaded.register, 0, case.on)
    return {
        "best": percent(*best) if best else "",
        "next_words": f"{following.sentence}{_earliest(following.on)}" if following else _nothing_next(outlooks),
        "back_words": what_brings_back(*case.asked),
    }


def _nothing_next(outlooks: Sequence[StageOutlook]) -> str:
    """Why no number of missed sessions takes the pupil on."""
    above = next((outlook for outlook in outlooks if not outlook.reached), None)
    if above is None:
        return "The last stage of the ladder was reached."
    if above.waits_for:
        needs = " and ".join(stage_label(need).lower() for need in above.waits_for)
        return f"{stage_label(above.stage.id)} comes only once {needs} is done."
    return "No stage would be proposed within the next thirty school days by the register alone."


def _earliest(on: dt.date) -> str:
    return f" It would be proposed on {long_date(on)} {on.year} at the earliest."


# Stages


def _stages(case: _Case, outlooks: Sequence[StageOutlook]) -> Iterator[Judged]:
    rows = np.array([0])
    proposed = int(proposed_columns(case.judge, case.ruleset, rows)[0]) if _evaluated(case) else -1
    for column, outlook in enumerate(outlooks):
        stage = outlook.stage
        yield Judged(
            id=f"stage-{stage.id}",
            title=f"{stage_label(stage.id)}: {stage.name}",
            level=case.ruleset.band(stage).level,
            begins=stage_in_words(case.ruleset, stage),
            clause=stage.clause,
            holds=outlook.holds,
            verdict=_verdict(case, outlook, column, proposed),
            waits=() if outlook.reached else tuple(_waits(case, outlook, column, proposed)),
            joint=_joint(stage.condition),
            lines=tuple(_lines(case, stage.condition)),
        )


def _evaluated(case: _Case) -> bool:
    return case.judge.moment.is_school_day and bool(len(case.loaded.register.evaluated(case.judge.moment.last)))


def _verdict(case: _Case, outlook: StageOutlook, column: int, proposed: int) -> str:
    if outlook.done_on:
        carried = bool(case.state.carried[0, column])
        return "Counted as done from last year" if carried else f"Done on {long_date(outlook.done_on)}"
    if case.state.taken[0, column]:
        return _taken(case, outlook.stage.id)
    if outlook.reached:
        return "Passed over: a higher stage was reached before this date"
    if column == proposed:
        return "Proposed on this date"
    return "Its condition holds, but it is not proposed" if outlook.holds else "Not reached"


def _taken(case: _Case, stage: str) -> str:
    """What had become of a stage that was not done before the date, by its latest record."""
    records = [record for record in case.loaded.stages if record.stage == stage and record.proposed_on < case.on]
    if not records:
        return "Passed over before this date"
    latest = records[-1]
    stood = latest.stood_on(case.on)
    if stood == State.DECLINED:
        again = f"; it may come again after {long_date(latest.ask_again_on)}" if latest.ask_again_on else ""
        return f"Proposed on {long_date(latest.proposed_on)} and declined{_decided(latest)}{again}"
    if stood == State.PASSED_OVER:
        return f"Passed over{_decided(latest) or f' on {long_date(latest.proposed_on)}'}"
    return f"Proposed on {long_date(latest.proposed_on)}, not done before this date"


def _decided(record: StageFacts) -> str:
    return f" on {long_date(timezone.localdate(record.decided_at))}" if record.decided_at else ""


def _waits(case: _Case, outlook: StageOutlook, column: int, proposed: int) -> Iterator[str]:
    """Everything beside the figures that keeps the stage from being proposed on this date."""
    if column == proposed:
        return
    for need in outlook.waits_for:
        yield f"{stage_label(need)} must be done first."
    if outlook.stage.waits_for_gap and waits_for_gap(case.judge, case.ruleset, np.array([0]))[0]:
        until = f" on {long_date(outlook.not_before)}" if outlook.not_before else ""
        yield f"It waits for the gap after the last stage done: the {case.ruleset.gap}. school day after it{until}."
    if outlook.holds and not case.judge.moment.ends_week and not case.judge.holds(outlook.stage.condition, np.array([0]))[0]:
        yield "It is judged on the last school day of each week only, and this date is not one."
    if outlook.holds and not _evaluated(case):
        yield "Nothing is judged on a day on which there is no school or the pupil is not on roll."
    if outlook.holds and (lower := _lower_first(case, column)):
        yield f"{stage_label(lower)} comes first: it holds too and may not be passed over."
    elif outlook.holds and proposed > column:
        yield f"{stage_label(case.ruleset.stages[proposed].id)} is higher and is proposed instead."


def _lower_first(case: _Case, column: int) -> str:
    """The lowest stage below that may not be passed over, is not yet reached, and whose condition and needs hold."""
    rows, highest = np.array([0]), int(case.state.highest(case.judge.moment.ordinal)[0])
    for number in range(highest + 1, column):
        stage = case.ruleset.stages[number]
        ready = needs_done(case.state, stage, rows)[0] and case.judge.holds(stage.condition, rows)[0]
        if ready and not stage.may_be_passed_over:
            return stage.id
    return ""


def _joint(condition: Condition) -> str:
    if isinstance(condition, All):
        return "All of these must hold."
    return "One of these is enough." if isinstance(condition, Any) else ""


# Watch and recovery rules


def _rule(case: _Case, rule: WatchRule, entry: str) -> Judged:
    holds = bool(case.judge.as_it_stands(rule.condition, np.array([0]))[0])
    return Judged(
        id=f"rule-{rule.id}",
        title=rule.name,
        level=0,
        begins=rule_in_words(rule),
        clause=rule.clause,
        holds=holds,
        verdict=("Holds on this date" if holds else "Does not hold") + entry,
        waits=(),
        joint=_joint(rule.condition),
        lines=tuple(_lines(case, rule.condition)),
    )


def _entry(rule: WatchRule, opened: dict[str, dt.date]) -> str:
    on = opened.get(rule.id)
    return f"; on the watch list since {long_date(on)}" if on else ""


# Comparisons


def _lines(case: _Case, condition: Condition) -> Iterator[Line]:
    """A line for every comparison and case condition, in the order of the ruleset; what stands under "not" is one line."""
    if isinstance(condition, All | Any):
        for part in condition.parts:
            yield from _lines(case, part)
    elif isinstance(condition, Comparison):
        yield _comparison(case, condition)
    else:
        holds = bool(case.judge.as_it_stands(condition, np.array([0]))[0])
        found = _case_found(case, condition) if isinstance(condition, CaseCondition) else ""
        yield Line(rule=_begin(condition_in_words(condition)), holds=holds, found=found)


def _begin(words: str) -> str:
    return words[:1].upper() + words[1:]


def _comparison(case: _Case, comparison: Comparison) -> Line:
    found = standing(case.judge, comparison, 0)
    rule = _begin(condition_in_words(comparison))
    parameter = comparison.parameter.replace("_", " ")
    if found.reason is None:
        return Line(rule, False, _no_figure(case, comparison), parameter=parameter)
    return Line(
        rule=rule,
        holds=found.holds,
        found=_figure(found.reason),
        missed_by="" if found.holds else _missed_by(comparison, found.short_by or 0),
        parameter=parameter,
        dates=span_of_dates(found.reason.start, found.reason.end) if found.reason.start and found.reason.end else "",
        group=_group(case, comparison, found.reason),
    )


def _no_figure(case: _Case, comparison: Comparison) -> str:
    """Why a comparison has no figure yet."""
    if comparison.window and comparison.window.stage:
        stage = comparison.window.stage
        if not case.state.done[0, case.state.position[stage]]:
            return f"Nothing is counted before {stage_label(stage).lower()} is done."
    if comparison.measure == "age_of_mark":
        return f"No session is coded {coded(comparison.codes)}."
    if comparison.measure == "percent" and comparison.window and comparison.window.kind == "year":
        so_far = _possible_this_year(case)
        return f"Not judged before {comparison.settling_in} possible sessions; there were {so_far}."
    return "There was no figure yet."


def _possible_this_year(case: _Case) -> int:
    moment = case.judge.moment
    return int(counter(case.loaded.register.words(moment.year_start, moment.stop, np.array([0])), "possible")[0])


def _figure(reason: Reason) -> str:
    """ "9 of 58", "94.12 % (96 of 102)", "3"."""
    if reason.ratio_of is not None and reason.measure != "change":
        return f"{figure(reason.value)} % ({reason.numerator} of {reason.ratio_of})"
    if reason.denominator is not None:
        return f"{reason.numerator} of {reason.denominator}"
    return figure(reason.value)


_UNIT = {"run_of_days": "school day", "days_absent": "school day", "days_with": "school day", "age_of_mark": "school day"}


def _missed_by(comparison: Comparison, short_by: int | float) -> str:
    """ "3 sessions too few", "4.1 percentage points too high"."""
    direction = "too few" if comparison.op in ("at_least", "more_than") else "too many"
    if comparison.measure in ("percent", "best_possible", "change"):
        amount = f"{figure(float(short_by))} percentage points" if short_by else "less than 0.01 percentage points"
        return f"{amount} {'too low' if direction == 'too few' else 'too high'}"
    return f"{plural(int(short_by), _UNIT.get(comparison.measure, 'session'))} {direction}"


def _case_found(case: _Case, condition: CaseCondition) -> str:
    if condition.kind == "watch":
        return ""
    column = case.state.position[condition.ref]
    done = int(case.state.done[0, column])
    if condition.kind == "no_improvement_since":
        return _since_and_before(case, column, done, condition.review_sessions)
    if condition.kind == "done":
        return f"Done on {long_date(dt.date.fromordinal(done))}" if done else "Not done"
    return _period_found(case, column)


def _since_and_before(case: _Case, column: int, done: int, review_sessions: int) -> str:
    if not done:
        return f"{stage_label(case.state.stage_ids[column])} is not done."
    attended, possible, attended_then, possible_then = (
        int(count[0]) for count in case.judge.since_and_before(column, np.array([0]))
    )
    if possible < review_sessions:
        return f"{possible} of the {review_sessions} possible sessions that must lie after it."
    before = f"{percent(attended_then, possible_then)} in the year before" if possible_then else "no session before"
    return f"{percent(attended, possible)} since ({attended} of {possible}), {before} ({attended_then} of {possible_then})."


def _period_found(case: _Case, column: int) -> str:
    periods = case.state.periods
    start, weeks = int(periods.start[0, column]), int(periods.weeks[0, column])
    if not start:
        return "No plan or period had begun."
    runs = f"{plural(weeks, 'week')} from {long_date(dt.date.fromordinal(start))}"
    if ended := int(periods.missed[0, column]):
        return f"Its target was missed on {long_date(dt.date.fromordinal(ended))}."
    if ended := int(periods.met[0, column]):
        return f"Its target was met on {long_date(dt.date.fromordinal(ended))}; it goes on: {runs}."
    return f"Still running: {runs}, to {long_date(dt.date.fromordinal(start + 7 * weeks))}."


# Marks


def _group(case: _Case, comparison: Comparison, reason: Reason) -> MarkGroup | None:
    """The marks behind a figure; figures that rest on the same marks share one list."""
    marks = tuple(reason.marks())
    left_out = tuple(_left_out(case, reason, marks))
    if not marks and not left_out:
        return None
    dates = span_of_dates(reason.start, reason.end) if reason.start and reason.end else "to date"
    what = f"coded {coded(comparison.codes)}" if comparison.codes else "missed"
    key = (what, dates, marks)
    if key not in case.groups:
        title = f"{plural(len(marks), 'session')} {what}, {dates}"
        case.groups[key] = MarkGroup(len(case.groups) + 1, title, marks, left_out)
    return case.groups[key]


def _left_out(case: _Case, reason: Reason, marks: Sequence[SeenMark]) -> Iterator[tuple[str, tuple[SeenMark, ...]]]:
    """Sessions missed this year that the count leaves out: before or after its dates, or with another code."""
    counted = set(marks)
    others = [mark for mark in _missed_this_year(case) if mark not in counted]
    outside = tuple(mark for mark in others if not _within(reason, mark))
    other_code = tuple(mark for mark in others if _within(reason, mark))
    if outside:
        yield "outside these dates", outside
    if other_code and reason.codes:
        yield f"not coded {coded(reason.codes)}", other_code


def _within(reason: Reason, mark: SeenMark) -> bool:
    return (reason.start is None or reason.start <= mark.date) and (reason.end is None or mark.date <= reason.end)


def _missed_this_year(case: _Case) -> list[SeenMark]:
    moment = case.judge.moment
    missed = np.isin(MEANINGS, (Meaning.AUTHORISED, Meaning.UNAUTHORISED))
    return case.loaded.register.marks_between(0, moment.year_start, moment.stop, missed)


_WHY_NOT = {
    Meaning.NOT_POSSIBLE: "Not a possible session: it counts neither for nor against the pupil",
    Meaning.NOT_COLLECTED: "Not collected: the school was closed or the pupil not yet on roll",
}


def _uncounted(case: _Case) -> Iterator[Uncounted]:
    """Marks of the year in no figure: not possible, not collected, sessions without a mark while on roll, and all after the date."""
    register, moment = case.loaded.register, case.judge.moment
    for meaning, why in _WHY_NOT.items():
        marks = register.marks_between(0, moment.year_start, moment.stop, np.isin(MEANINGS, (meaning,)))
        if marks:
            yield Uncounted(why, len(marks), tuple(map(_discreet, marks)))
    if unmarked := _unmarked(case):
        yield Uncounted("No mark was entered: a session without a mark is not an absence", len(unmarked), tuple(unmarked))
    row = register.marks[0, 2 * moment.stop : 2 * moment.year_stop]
    if later := int((row != ord(NO_MARK)).sum()):
        yield Uncounted("After the date: marks that were entered later do not exist for it", later, ())


def _discreet(mark: SeenMark) -> SeenMark:
    """The mark without its code where the code itself would tell what is nobody's business in a list (Y5)."""
    return replace(mark, code="") if CODES[mark.code].sensitive else mark


def _unmarked(case: _Case) -> list[SeenMark]:
    register, moment = case.loaded.register, case.judge.moment
    first = max(int(register.on_roll_from[0, -1]), moment.year_start)
    stop = min(moment.stop, int(register.on_roll_to[0, -1]) + 1)
    row = register.marks[0, 2 * first : 2 * stop]
    return [
        SeenMark(moment.days.dates[first + at // 2], "PM" if at % 2 else "AM", "")
        for at in map(int, np.flatnonzero(row == ord(NO_MARK)))
    ]


__all__ = ["Judged", "Line", "MarkGroup", "Uncounted", "WhyPage", "why_page"]
