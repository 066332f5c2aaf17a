"""Trials: a change of a ladder is tried on the school's own past register before anybody adopts it.

A trial is a row first and a job second. Whoever works on it claims it by a conditional UPDATE with a lease and writes how far it is every
few days of the register; each ladder's outcome is written as soon as it is complete. A worker that is killed loses at most the ladder it
was at, and one whose lease was taken over finds its next UPDATE refused and stops.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from escalation.comparing import Outcome, Proposal, PupilFacts
from escalation.engine.backtest import Act, as_json, backtest
from escalation.engine.evaluate import Decision
from escalation.engine.ruleset import SHIPPED, Ruleset, RulesetError, load_ruleset, parse_ruleset
from escalation.models import LadderDraft, Trial
from escalation.past_register import PastRegister, past_register, years_between
from escalation.queries import adopted
from schools import audit
from schools.models import Placement, PupilFlag, School, User
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import CalendarError

LEASE = dt.timedelta(minutes=2)
KEPT_DAYS = 90
"""After the day on which a trial was over: long enough to talk a change over for a term."""
STEP = 10
"""School days of the register between two notes of how far it is."""
Clock = Callable[[], dt.datetime]
log = logging.getLogger(__name__)


class Ladder(NamedTuple):
    """A ruleset in a trial. ``file``: what the download of its lines is called."""

    label: str
    text: str
    file: str


class TakenOver(Exception):
    """The lease ran out and another worker has the trial."""


# What is compared


def in_force(school: School, on: dt.date) -> Ladder | None:
    """The school's ladder of the day; None where it has adopted none."""
    try:
        version, ruleset = adopted(school, on)
    except Refused:
        return None
    return Ladder(f"In force: {ruleset.name}", version.text, ruleset.key)


def shipped_beside(school: School, on: dt.date) -> list[Ladder]:
    """The ladder in force, then the shipped ones that differ from it."""
    first = in_force(school, on)
    shipped = [Ladder(rules.name, rules.text, rules.key) for rules in map(load_ruleset, SHIPPED)]
    return [*([first] if first else []), *(ladder for ladder in shipped if first is None or ladder.text != first.text)]


def draft_beside(draft: LadderDraft, on: dt.date) -> list[Ladder]:
    """The ladder in force, then the draft."""
    first = in_force(draft.school, on)
    return [
        *([first] if first else []),
        Ladder(f"Draft of {_day(timezone.localdate(draft.changed_at))}", draft.text, f"draft-{draft.pk}"),
    ]


@transaction.atomic
def ask_for_trial(
    *,
    school: School,
    ladders: Sequence[Ladder],
    starts: dt.date,
    ends: dt.date,
    act: Act,
    by: User,
    role: str,
    now: dt.datetime,
    draft: LadderDraft | None = None,
) -> Trial:
    """A trial that waits for a worker. Asked twice while the first one is not done, it is the same one.

    Raises Refused for a ladder with a fault, days the wrong way round, or days without a school day.
    """
    _check(ladders)
    count = _days_to_try(school, starts, ends)
    wanted = [{**ladder._asdict(), "act": act} for ladder in ladders]
    open_states = (Trial.State.WAITING, Trial.State.RUNNING)
    for same in Trial.objects.filter(school=school, by=by, starts=starts, ends=ends, state__in=open_states).defer("result"):
        if same.ladders == wanted:
            return same
    trial = Trial.objects.create(
        school=school, draft=draft, ladders=wanted, starts=starts, ends=ends, by=by, asked_at=now, all_days=count * len(wanted)
    )
    detail = {"from": starts.isoformat(), "to": ends.isoformat(), "act": act, "ladders": len(wanted)}
    audit.record(action="ladder tried", subject=trial, by=by, role=role, at=now, school=school, detail=detail)
    return trial


def _check(ladders: Sequence[Ladder]) -> None:
    if not ladders:
        raise Refused("There is no ladder to try: choose a draft, or the shipped ladders.")
    for ladder in ladders:
        try:
            parse_ruleset(ladder.text, source=ladder.label)
        except RulesetError as error:
            raise Refused(f"{ladder.label} still has a fault and cannot be tried: {str(error).splitlines()[0]}") from error


def _days_to_try(school: School, starts: dt.date, ends: dt.date) -> int:
    """How many school days; Refused where there is none."""
    if ends < starts:
        raise Refused(f"The last day, {_day(ends)}, lies before the first, {_day(starts)}: give the earlier day first.")
    days = school_days(school, years_between(starts, ends))
    count = days.first_after(ends) - days.first_on_or_after(starts)
    if not count:
        raise Refused(f"{school.name} has no school day from {_day(starts)} to {_day(ends)}: choose days inside its half terms.")
    return count


def _day(date: dt.date) -> str:
    return f"{date:%-d %B %Y}"


# The job


def waiting(now: dt.datetime) -> QuerySet[Trial]:
    """Trials that nobody works on: never begun, or the lease of whoever did has run out."""
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    return Trial.objects.filter(free, state__in=(Trial.State.WAITING, Trial.State.RUNNING)).order_by("asked_at", "pk")


class Claim:
    """One worker's hold on a trial: every write names the lease it was given, so that two never write at once."""

    def __init__(self, trial: Trial, until: dt.datetime, clock: Clock) -> None:
        self.trial, self.until, self.clock = trial, until, clock

    def write(self, **values: Any) -> None:
        """Raises TakenOver where the lease is another's by now."""
        held = Trial.objects.filter(pk=self.trial.pk, state=Trial.State.RUNNING, claimed_until=self.until)
        if not held.update(**values):
            raise TakenOver
        self.until = values.get("claimed_until", self.until)

    def keep(self, **values: Any) -> None:
        """The same, and the lease begins anew."""
        self.write(claimed_until=max(self.clock() + LEASE, self.until), **values)

    def release(self, **values: Any) -> None:
        self.write(claimed_until=None, **values)


def claim(*, trial_id: int, clock: Clock) -> Claim | None:
    """The trial with a lease on it; None where it is done, failed or another's."""
    moment = clock()
    until = moment + LEASE
    if not waiting(moment).filter(pk=trial_id).update(state=Trial.State.RUNNING, claimed_until=until):
        return None
    return Claim(Trial.objects.select_related("school").get(pk=trial_id), until, clock)


def run_trial(*, trial_id: int, clock: Clock, seconds: float | None = None) -> bool:
    """Works on a trial until it is done or, after the ladder that is under way, ``seconds`` are over. Returns whether it was advanced.

    May be called twice, at once, or after a kill: what is complete is not done again, and the answer is the same.
    """
    held = claim(trial_id=trial_id, clock=clock)
    if held is None:
        return False
    try:
        _go_on(held, stop_at=clock() + dt.timedelta(seconds=seconds) if seconds is not None else None)
    except TakenOver:
        return False
    except (RulesetError, CalendarError, Refused) as error:
        _fail(held, str(error))
    except Exception:
        log.exception("trial %s failed", trial_id)
        _fail(held, "The trial stopped at a fault of the system. Ask for it again; if it fails again, tell your administrator.")
    return True


def _fail(held: Claim, sentence: str) -> None:
    held.release(state=Trial.State.FAILED, error=sentence, finished_at=held.clock())


def _go_on(held: Claim, stop_at: dt.datetime | None) -> None:
    trial = held.trial
    past = past_register(trial.school, years_between(trial.starts, trial.ends))
    result = _begun(trial, past)
    for ladder in trial.ladders[len(result["runs"]) :]:
        result["runs"].append(_run(held, ladder, past, len(result["runs"])))
        held.keep(result=result)
        if stop_at and held.clock() >= stop_at and len(result["runs"]) < len(trial.ladders):
            held.release()
            return
    result["pupils"] = [asdict(pupil) for pupil in _facts(trial, past)]
    held.release(state=Trial.State.DONE, result=result, done_days=trial.all_days, finished_at=held.clock())


def _begun(trial: Trial, past: PastRegister) -> dict[str, Any]:
    """What an earlier worker completed; nothing where the register has changed since, so that all ladders read the same marks."""
    marks = hashlib.sha256(past.register.marks.tobytes() + repr(past.pupils).encode()).hexdigest()
    if trial.result.get("marks") == marks:
        return trial.result
    return {"marks": marks, "runs": []}


def _run(held: Claim, ladder: dict[str, str], past: PastRegister, number: int) -> dict[str, Any]:
    """One ladder over the whole range, with a note of progress every few days."""
    trial = held.trial
    ruleset = parse_ruleset(ladder["text"], source=ladder["label"])
    found = _Found(past.labels)
    each = trial.all_days // len(trial.ladders)
    first = past.days.first_on_or_after(trial.starts)
    noted = 0
    for decision in backtest(ruleset, past.register, trial.starts, trial.ends, cast(Act, ladder["act"])):
        found.add(decision)
        done = (past.days.index(decision.date) or 0) - first
        if done >= noted + STEP:
            noted = done
            held.keep(done_days=number * each + done)
    held.keep(done_days=(number + 1) * each)
    return found.stored()


class _Found:
    """The decisions of one ladder as they are stored: stages as [date, row, id], rules counted, and the back-test's own lines packed."""

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels
        self.stages: list[tuple[str, int, str]] = []
        self.counts: dict[str, Counter[str]] = {"watch": Counter(), "recovery": Counter()}
        self.lines: list[str] = []

    def add(self, decision: Decision) -> None:
        if decision.kind == "stage":
            self.stages.append((decision.date.isoformat(), decision.pupil, decision.id))
        else:
            self.counts[decision.kind][decision.id] += 1
        self.lines.append(json.dumps(as_json(decision, self.labels), ensure_ascii=False))

    def stored(self) -> dict[str, Any]:
        return {"stages": self.stages, **self.counts, "lines": pack(self.lines), "number": len(self.lines)}


def pack(lines: Iterable[str]) -> str:
    """Many lines as one short text: five ladders on a large school would be megabytes."""
    return base64.b64encode(zlib.compress("".join(f"{line}\n" for line in lines).encode())).decode()


def unpack(packed: str) -> str:
    """The reverse of ``pack``: every line with its end."""
    return zlib.decompress(base64.b64decode(packed)).decode()


# Who the pupils were


def _facts(trial: Trial, past: PastRegister) -> Iterator[PupilFacts]:
    """Form and flags on the last day tried, figures of the days tried. Two statements."""
    start, stop = past.days.first_on_or_after(trial.starts), past.days.first_after(trial.ends)
    rows = np.arange(past.register.pupils)
    possible, missed = (past.register.count(measure, (), start, stop, rows) for measure in ("possible", "missed"))
    placed, flags = _placements(trial), _flags(trial)
    for row, pupil in enumerate(past.pupils):
        year, form, sex = placed.get(pupil.pupil_id, (None, "", ""))
        yield PupilFacts(
            pupil.enrolment_id, pupil.pupil_id, pupil.label, year, form, sex, flags.get(pupil.pupil_id, ()),
            int(possible[row]), int(missed[row]),
        )  # fmt: skip


def _placements(trial: Trial) -> dict[int, tuple[int, str, str]]:
    """Year group, form and sex by pupil: the last placement that had begun."""
    found = Placement.objects.filter(enrolment__school=trial.school, starts__lte=trial.ends).order_by("starts", "pk")
    fields = found.values_list("enrolment__pupil", "year_group", "form", "enrolment__pupil__sex")
    return {pupil: (year, form, sex) for pupil, year, form, sex in fields}


def _flags(trial: Trial) -> dict[int, tuple[str, ...]]:
    begun = PupilFlag.objects.filter(pupil__enrolments__school=trial.school, starts__lte=trial.ends)
    in_force = begun.filter(Q(ends__isnull=True) | Q(ends__gte=trial.ends)).distinct()
    found: dict[int, set[str]] = {}
    for pupil, kind in in_force.values_list("pupil", "kind"):
        found.setdefault(pupil, set()).add(kind)
    return {pupil: tuple(sorted(kinds)) for pupil, kinds in found.items()}


def pupils_of(trial: Trial) -> list[PupilFacts]:
    """Row ``i`` of the outcomes is the pupil at ``i``."""
    return [PupilFacts(**{**fields, "flags": tuple(fields["flags"])}) for fields in trial.result["pupils"]]


@lru_cache(maxsize=32)
def _parsed(text: str, label: str) -> Ruleset:
    return parse_ruleset(text, source=label)


def outcomes_of(trial: Trial) -> list[Outcome]:
    """What each ladder of a trial that is done would have proposed."""
    from_text = dt.date.fromisoformat
    return [
        Outcome(
            label=ladder["label"],
            ruleset=_parsed(ladder["text"], ladder["label"]),
            proposals=[Proposal(from_text(date), row, stage) for date, row, stage in run["stages"]],
            watch=run["watch"],
            recovery=run["recovery"],
        )
        for ladder, run in zip(trial.ladders, trial.result["runs"], strict=True)
    ]


def lines_of(trial: Trial, number: int) -> str:
    """The lines of the trial's ladder ``number``, exactly as the ``backtest`` command prints them."""
    return unpack(trial.result["runs"][number]["lines"])


# How long it is kept


def kept_until(trial: Trial) -> dt.date | None:
    """The last day on which a trial that is over is there; None while it is not over, and for good where its draft was published."""
    published = trial.draft is not None and trial.draft.state == LadderDraft.State.PUBLISHED
    if trial.finished_at is None or published:
        return None
    return timezone.localdate(trial.finished_at) + dt.timedelta(days=KEPT_DAYS)


@transaction.atomic
def tidy_trials(*, now: dt.datetime) -> int:
    """Deletes the trials that are over and whose last day has passed, except those of published drafts, which stand behind a decision.

    One line of the audit for each school that lost any. Returns how many. May run twice or at once.
    """
    over = Trial.objects.filter(state__in=(Trial.State.DONE, Trial.State.FAILED), finished_at__lt=_first_kept(now))
    old = over.exclude(draft__state=LadderDraft.State.PUBLISHED).select_for_update(of=("self",)).only("school").order_by("pk")
    found = list(old)
    Trial.objects.filter(pk__in=[trial.pk for trial in found]).delete()
    deleted = Counter(trial.school_id for trial in found)
    schools = School.objects.in_bulk(deleted)
    entries = [
        audit.entry(
            action="old trials deleted", subject=schools[pk], school=schools[pk], detail={"trials": number, "days": KEPT_DAYS}
        )
        for pk, number in deleted.items()
    ]
    audit.record_all(entries, by=None, role="", at=now)
    return len(found)


def _first_kept(now: dt.datetime) -> dt.datetime:
    """The beginning of the earliest day whose trials are still kept."""
    day = timezone.localdate(now) - dt.timedelta(days=KEPT_DAYS)
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))
