"""A trial as a page: which trials there are, and what the ladders of one would have done, week by week, pupil by pupil, group by group."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import Http404

from attendance.models import RegisterRow
from desk.queries.ladder import role_titles
from desk.words import stage_label
from escalation.comparing import (
    Change,
    Comparison,
    GroupRates,
    Outcome,
    Proposal,
    PupilFacts,
    compare,
    group_rates,
    groups_of,
    shared_stages,
)
from escalation.engine.evaluate import watch_rules
from escalation.engine.ruleset import Stage, national_rules
from escalation.models import LadderDraft, Trial
from escalation.trials import lines_of, outcomes_of, pupils_of
from schools.access import Scope
from schools.models import Pupil, School

SHOWN = 20
"""Trials in the list."""


def trials_of(school: School) -> list[Trial]:
    """The school's latest trials, without what they found. One statement."""
    return list(Trial.objects.filter(school=school).defer("result").select_related("by", "draft")[:SHOWN])


def trial_in_scope(scope: Scope, pk: int, *, with_result: bool = True) -> Trial:
    """Http404 for a trial of a school that the person has nothing to do with; PermissionDenied where they may not try ladders."""
    found: QuerySet[Trial] = Trial.objects.select_related("school", "by", "draft")
    trial = (found if with_result else found.defer("result", "ladders")).filter(pk=pk, school__in=scope.schools).first()
    if trial is None:
        raise Http404("No such trial.")
    scope.authorise("try_ladder", trial.school)
    return trial


def drafts_to_try(school: School) -> list[LadderDraft]:
    """Changes on their way, the newest first. One statement."""
    states = (LadderDraft.State.DRAFT, LadderDraft.State.REVIEWED)
    return list(LadderDraft.objects.filter(school=school, state__in=states).select_related("by"))


def years_with_marks(school: School) -> list[int]:
    """Academic years of which the school has a register, the latest first. One statement."""
    return sorted(RegisterRow.objects.filter(school=school).values_list("year", flat=True).distinct().order_by(), reverse=True)


# What was found


@dataclass(frozen=True, slots=True)
class WeekRow:
    """Proposals of a week, one number a column; ``total`` of them, and whether no week has more."""

    monday: dt.date
    numbers: tuple[int, ...]
    total: int
    is_peak: bool


@dataclass(frozen=True, slots=True)
class LadderFound:
    """One ladder's outcome in figures. ``roles`` head the columns of ``weeks``; ``stages`` those of ``groups``."""

    number: int
    label: str
    name: str
    proposals: int
    on_ladder: int
    written: int
    peak: tuple[dt.date, int] | None
    at_end: int
    case_load: tuple[tuple[str, int], ...]
    roles: tuple[str, ...]
    weeks: tuple[WeekRow, ...]
    watch: tuple[tuple[str, int], ...]
    stages: tuple[str, ...]
    groups: tuple[GroupRates, ...]

    @property
    def beyond_absence(self) -> list[GroupRates]:
        return [rates for rates in self.groups if rates.is_beyond_absence]


@dataclass(frozen=True, slots=True)
class NamedChange:
    """``pupil`` is None for somebody outside the viewer's scope, who is counted and not named."""

    pupil: Pupil | None
    form: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangeList:
    title: str
    count: int
    forms: tuple[tuple[str, tuple[NamedChange, ...]], ...]
    unnamed: int


@dataclass(frozen=True, slots=True)
class StageChanges:
    """How many pupils reach a stage that both versions have, under the second and not the first, the other way round, and when."""

    id: str
    label: str
    newly: int
    no_longer: int
    earlier: int
    later: int
    same_day: int


@dataclass(frozen=True, slots=True)
class TrialPage:
    """``lists`` set the ladder number ``beside`` against the first one; empty where only one was tried.

    ``stages`` is filled for two versions of one ladder; ``stage`` is the one whose changes are listed, empty for the first letters.
    """

    ladders: tuple[LadderFound, ...]
    weeks: tuple[WeekRow, ...]
    beside: int
    lists: tuple[ChangeList, ...]
    same_day: int
    stages: tuple[StageChanges, ...]
    stage: str
    pupils: int


def trial_page(scope: Scope, trial: Trial, beside: int, stage: str, on: dt.date) -> TrialPage:
    """Everything about a trial that is done; two statements. ``beside``, ``stage``: the ladder and stage whose changes are listed."""
    outcomes, pupils = outcomes_of(trial), pupils_of(trial)
    titles = role_titles(trial.school, on)
    groups = groups_of(pupils)
    found = tuple(
        _found(number, outcome, titles, group_rates(outcome, pupils, groups), trial) for number, outcome in enumerate(outcomes)
    )
    beside = beside if 0 < beside < len(outcomes) else min(1, len(outcomes) - 1)
    stages = _stages(outcomes[0], outcomes[beside]) if beside else ()
    stage = stage if stage in {each.id for each in stages} else ""
    lists, same_day = _lists(scope, compare(outcomes[0], outcomes[beside], stage), pupils) if beside else ((), 0)
    present = sum(bool(pupil.possible) for pupil in pupils)
    return TrialPage(found, side_by_side(outcomes), beside, lists, same_day, stages, stage, present)


def _stages(before: Outcome, after: Outcome) -> tuple[StageChanges, ...]:
    return tuple(_stage(stage, compare(before, after, stage.id)) for stage in shared_stages(before, after))


def _stage(stage: Stage, found: Comparison) -> StageChanges:
    counts = (found.newly, found.no_longer, found.earlier, found.later, found.same_day)
    return StageChanges(stage.id, f"{stage_label(stage.id)}: {stage.name}", *map(len, counts))


def _found(number: int, outcome: Outcome, titles: dict[str, str], groups: Sequence[GroupRates], trial: Trial) -> LadderFound:
    load, ruleset = outcome.workload, outcome.ruleset
    cases = load.case_load(_year_began(trial))
    names = {rule.id: rule.name for rule in watch_rules(ruleset, national_rules())}
    roles = [role for role in titles if any(stage.acts == role for stage in ruleset.stages)]
    return LadderFound(
        number=number,
        label=outcome.label,
        name=ruleset.name,
        proposals=len(outcome.proposals),
        on_ladder=len(outcome.furthest()),
        written=len(outcome.first_letters()),
        peak=load.peak,
        at_end=sum(cases.values()),
        case_load=tuple((f"{stage_label(stage.id)}: {stage.name}", cases[stage.id]) for stage in ruleset.stages),
        roles=tuple(titles[role] for role in roles),
        weeks=_by_role(outcome, roles),
        watch=tuple((names.get(rule, rule), count) for rule, count in sorted(outcome.watch.items())),
        stages=tuple(stage_label(stage.id) for stage in ruleset.stages),
        groups=tuple(groups),
    )


def _year_began(trial: Trial) -> dt.date:
    """1 August before the last day tried: cases of earlier years are closed by then."""
    return dt.date(trial.ends.year if trial.ends.month >= 8 else trial.ends.year - 1, 8, 1)


def _by_role(outcome: Outcome, roles: Sequence[str]) -> tuple[WeekRow, ...]:
    counts: Counter[tuple[dt.date, str]] = Counter()
    for (monday, _, role), number in outcome.workload.by_week.items():
        counts[monday, role] += number
    mondays = sorted({monday for monday, _ in counts})
    return _rows(mondays, [[counts[monday, role] for role in roles] for monday in mondays])


def side_by_side(outcomes: Sequence[Outcome]) -> tuple[WeekRow, ...]:
    """Proposals by week, a number a ladder, from the first week with any to the last; a week of holidays is left out."""
    loads = [outcome.workload for outcome in outcomes]
    mondays = sorted({monday for load in loads for monday in load.weeks})
    return _rows(mondays, [[load.proposals_in(monday) for load in loads] for monday in mondays])


def _rows(mondays: Sequence[dt.date], numbers: Sequence[Sequence[int]]) -> tuple[WeekRow, ...]:
    totals = [sum(row) for row in numbers]
    most = max(totals, default=0)
    return tuple(
        WeekRow(monday, tuple(row), total, total == most) for monday, row, total in zip(mondays, numbers, totals, strict=True)
    )


LISTS = (
    ("newly", "Newly"),
    ("no_longer", "No longer"),
    ("earlier", "Earlier"),
    ("later", "Later"),
)


def _lists(scope: Scope, found: Comparison, pupils: Sequence[PupilFacts]) -> tuple[tuple[ChangeList, ...], int]:
    """Who is reached and who is not, against the first ladder; and for how many nothing changes. One statement."""
    changed = {name: getattr(found, name) for name, _ in LISTS}
    wanted = {pupils[change.row].enrolment_id for changes in changed.values() for change in changes}
    seen = scope.enrolments.filter(pk__in=wanted).select_related("pupil")
    people = {enrolment.pk: enrolment.pupil for enrolment in seen}
    return tuple(_list(title, changed[name], pupils, people) for name, title in LISTS), len(found.same_day)


def _list(title: str, changes: Sequence[Change], pupils: Sequence[PupilFacts], people: dict[int, Pupil]) -> ChangeList:
    named = [_named(change, pupils[change.row], people) for change in changes]
    seen = sorted((each for each in named if each.pupil), key=_by_form_and_name)
    forms = sorted({each.form for each in seen})
    by_form = tuple((form, tuple(each for each in seen if each.form == form)) for form in forms)
    return ChangeList(title, len(changes), by_form, len(named) - len(seen))


def _by_form_and_name(each: NamedChange) -> tuple[str, str, str]:
    return (each.form, each.pupil.last_name, each.pupil.first_name) if each.pupil else ("", "", "")


def _named(change: Change, facts: PupilFacts, people: dict[int, Pupil]) -> NamedChange:
    return NamedChange(people.get(facts.enrolment_id), facts.form, _first(change.before), _first(change.after))


def _first(proposal: Proposal | None) -> str:
    """ "Stage 3 on 17 October 2025"."""
    return f"{stage_label(proposal.stage)} on {proposal.date:%-d %B %Y}" if proposal else "not at all"


# Files

CSV_HEADING = ("ladder", "date", "upn", "kind", "id", "name", "because")


def csv_lines(trial: Trial) -> Iterator[str]:
    """Every proposal of every ladder, a row each."""
    yield _csv_row(CSV_HEADING)
    for number, ladder in enumerate(trial.ladders):
        for line in lines_of(trial, number).splitlines():
            item = json.loads(line)
            yield _csv_row([_plain(ladder["label"]), item["date"], _plain(item["upn"]), item["kind"], item["id"],
                            _plain(item["name"]), "; ".join(map(_reason, item["because"]))])  # fmt: skip


def _csv_row(cells: Collection[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _plain(text: str) -> str:
    """A spreadsheet takes a text that begins like a formula for one."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def _reason(reason: dict[str, object]) -> str:
    """ "missed in half_term (2025-09-03 to 2025-10-17): 8 at_least 8"."""
    said = f"{reason['measure']} in {reason['window']}"
    if "value" not in reason:
        return said
    return f"{said} ({reason.get('from')} to {reason.get('to')}): {reason['value']} {reason.get('op')} {reason.get('threshold')}"
