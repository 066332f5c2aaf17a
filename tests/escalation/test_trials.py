"""Trials: the job is claimed, killed, taken over and finished once; and the page's core says to the line what the command says."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attendance.grid import slot
from attendance.models import RegisterRow
from escalation import tasks, trials
from escalation.adoption import adopt
from escalation.comparing import Outcome, Proposal, PupilFacts, compare, group_rates, groups_of, shared_stages, writes_home
from escalation.engine.ruleset import SHIPPED, load_ruleset
from escalation.models import Adoption, LadderDraft, Trial
from escalation.past_register import past_register
from escalation.trials import Ladder, ask_for_trial, claim, lines_of, outcomes_of, pupils_of, run_trial
from schools.models import AuditEntry, School
from schools.queries import school_days
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present

pytestmark = [pytest.mark.django_db]

STARTS, ENDS = dt.date(2025, 9, 1), dt.date(2025, 11, 20)
CODES = np.array(list("/\\LIMOUGN#"))
ODDS = (0.42, 0.42, 0.03, 0.04, 0.01, 0.03, 0.02, 0.01, 0.01, 0.01)


class Clock:
    """A clock that a test sets; each look costs a tenth of a second."""

    def __init__(self, moment: dt.datetime = NOW) -> None:
        self.moment = moment

    def __call__(self) -> dt.datetime:
        self.moment += dt.timedelta(milliseconds=100)
        return self.moment


@pytest.fixture
def cast(settings) -> Cast:
    settings.HANDRAIL_TODAY = TODAY
    settings.REDIS_URL = ""
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, imogen=away(made, "2025-11-03", 4), theo=away(made, "2025-09-15", 10, "I"))
    return made


def ask(cast: Cast, keys: tuple[str, ...] = ("federation", "vale"), **more: object) -> Trial:
    ladders = [Ladder(key, load_ruleset(key).text, key) for key in keys]
    given = {"starts": STARTS, "ends": ENDS, "act": "same-day", "by": cast.alice, "role": "officer", "now": NOW, **more}
    return ask_for_trial(school=cast.here, ladders=ladders, **given)


def finished(trial: Trial, clock: Clock | None = None) -> Trial:
    assert run_trial(trial_id=trial.pk, clock=clock or Clock())
    trial.refresh_from_db()
    assert trial.state == Trial.State.DONE, trial.error
    return trial


# Asking


def test_asked_twice_it_is_one_trial_and_one_line_of_the_audit(cast: Cast) -> None:
    first, second = ask(cast), ask(cast)
    assert first.pk == second.pk and first.state == Trial.State.WAITING
    assert first.all_days == 2 * sum(STARTS <= day <= ENDS for day in school_days(cast.here, [2025]).dates)
    assert AuditEntry.objects.filter(action="ladder tried").count() == 1
    assert finished(first).pk != ask(cast).pk


def test_what_cannot_be_tried_says_why(cast: Cast) -> None:
    with pytest.raises(Refused, match="lies before the first"):
        ask(cast, ends=dt.date(2025, 8, 1))
    with pytest.raises(Refused, match="no school day from 25 December 2025"):
        ask(cast, starts=dt.date(2025, 12, 25), ends=dt.date(2025, 12, 26))
    with pytest.raises(Refused, match="no ladder to try"):
        ask(cast, keys=())
    draft = LadderDraft.objects.create(school=cast.here, text="key: half", by=cast.alice, changed_at=NOW)
    with pytest.raises(Refused, match="Draft of 20 November 2025 still has a fault"):
        ask_for_trial(
            school=cast.here, ladders=trials.draft_beside(draft, TODAY), starts=STARTS, ends=ENDS, act="never",
            by=cast.alice, role="officer", now=NOW, draft=draft,
        )  # fmt: skip


def test_the_shipped_ladders_stand_beside_the_one_in_force_and_none_twice(cast: Cast) -> None:
    offered = trials.shipped_beside(cast.here, TODAY)
    assert [ladder.file for ladder in offered] == ["federation", *(key for key in SHIPPED if key != "federation")]
    assert offered[0].label.startswith("In force: ")
    assert [ladder.file for ladder in trials.shipped_beside(cast.there, TODAY)] == list(SHIPPED)


# The job


def test_a_trial_runs_once_and_says_how_far_it_is(cast: Cast) -> None:
    trial = finished(ask(cast))
    assert trial.done_days == trial.all_days and trial.claimed_until is None and trial.finished_at
    assert not run_trial(trial_id=trial.pk, clock=Clock())
    outcome = outcomes_of(trial)[0]
    rows = {pupil.label: row for row, pupil in enumerate(pupils_of(trial))}
    mine = [proposal for proposal in outcome.proposals if proposal.row == rows[cast.imogen.enrolment.pupil.upn]]
    assert mine and mine[0].date >= dt.date(2025, 11, 3)
    assert pupils_of(trial)[mine[0].row].form == "7A"


def test_nobody_takes_a_trial_while_its_lease_holds(cast: Cast) -> None:
    trial = ask(cast)
    clock = Clock()
    held = claim(trial_id=trial.pk, clock=clock)
    assert held and claim(trial_id=trial.pk, clock=clock) is None
    assert not run_trial(trial_id=trial.pk, clock=clock)
    assert list(trials.waiting(NOW + trials.LEASE + dt.timedelta(minutes=1))) == [trial]


def test_killed_after_the_first_ladder_it_is_taken_up_there_with_the_same_answer(cast: Cast, monkeypatch) -> None:
    whole = finished(ask(cast)).result
    trial, clock = ask(cast), Clock()
    runs: list[str] = []
    real = trials._run

    def killed_in_the_second(held, ladder, past, number):
        runs.append(ladder["file"])
        if len(runs) == 2:
            raise KeyboardInterrupt
        return real(held, ladder, past, number)

    monkeypatch.setattr(trials, "_run", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run_trial(trial_id=trial.pk, clock=clock)
    trial.refresh_from_db()
    assert trial.state == Trial.State.RUNNING and len(trial.result["runs"]) == 1
    assert not run_trial(trial_id=trial.pk, clock=clock)
    clock.moment += trials.LEASE
    assert finished(trial, clock).result == whole
    assert runs == ["federation", "vale", "vale"]


def test_who_was_taken_over_writes_nothing_more(cast: Cast) -> None:
    trial, slow = ask(cast), Clock()
    held = claim(trial_id=trial.pk, clock=slow)
    assert held
    later = Clock(NOW + trials.LEASE + dt.timedelta(minutes=1))
    assert claim(trial_id=trial.pk, clock=later)
    with pytest.raises(trials.TakenOver):
        held.keep(done_days=1)
    trial.refresh_from_db()
    assert trial.done_days == 0


def test_marks_that_changed_in_between_are_read_by_every_ladder(cast: Cast) -> None:
    trial = ask(cast)
    assert run_trial(trial_id=trial.pk, clock=Clock(), seconds=0)
    trial.refresh_from_db()
    assert (trial.state, len(trial.result["runs"]), trial.claimed_until) == (Trial.State.RUNNING, 1, None)
    present(cast, imogen=away(cast, "2025-09-10", 20))
    again = finished(trial).result
    assert again == finished(ask(cast)).result


def test_in_slices_it_ends_with_the_same_answer(cast: Cast) -> None:
    whole = finished(ask(cast)).result
    trial, slices = ask(cast), 0
    while trial.state != Trial.State.DONE and slices < 5:
        run_trial(trial_id=trial.pk, clock=Clock(), seconds=0)
        trial.refresh_from_db()
        slices += 1
    assert (slices, trial.result) == (2, whole)


def test_a_fault_is_told_and_ends_the_trial(cast: Cast, monkeypatch, caplog) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trials, "_run", broken)
    trial = ask(cast)
    run_trial(trial_id=trial.pk, clock=Clock())
    trial.refresh_from_db()
    assert (trial.state, trial.claimed_until) == (Trial.State.FAILED, None) and "Ask for it again" in trial.error
    assert f"trial {trial.pk} failed" in caplog.text


def test_the_beat_starts_what_nobody_works_on(cast: Cast, settings, monkeypatch) -> None:
    settings.REDIS_URL = "redis://bell"
    rung: list[int] = []
    monkeypatch.setattr(tasks.run_trial, "delay", rung.append)
    waiting, taken = ask(cast), ask(cast, keys=("vale",))
    assert claim(trial_id=taken.pk, clock=lambda: tasks.now() + dt.timedelta(days=1))
    assert tasks.sweep_trials() == 1 and rung == [waiting.pk]


def over(cast: Cast, state: str, days: int, **more: object) -> Trial:
    """A trial that ended ``days`` days ago."""
    values = {"ladders": [], "starts": STARTS, "ends": ENDS, "asked_at": NOW, **more}
    ended = None if state in ("waiting", "running") else NOW - dt.timedelta(days=days)
    return Trial.objects.create(school=cast.here, by=cast.alice, state=state, finished_at=ended, **values)


def a_draft(cast: Cast, state: str) -> LadderDraft:
    version = Adoption.objects.get(school=cast.here).version
    values = {"published_as": version, "starts": TODAY} if state == "published" else {}
    return LadderDraft.objects.create(school=cast.here, text="", by=cast.alice, changed_at=NOW, state=state, **values)


def test_old_trials_go_and_those_of_published_drafts_stay(cast: Cast) -> None:
    old = [over(cast, state, 91) for state in ("done", "failed")]
    old.append(over(cast, "done", 400, draft=a_draft(cast, "discarded")))
    stay = [over(cast, "done", 90), over(cast, "done", 400, draft=a_draft(cast, "published"))]
    stay += [over(cast, "waiting", 0), over(cast, "running", 0)]
    assert [trials.kept_until(each) for each in stay] == [TODAY, None, None, None]
    assert all(trials.kept_until(each) < TODAY for each in old)
    assert trials.tidy_trials(now=NOW) == 3
    assert set(Trial.objects.values_list("pk", flat=True)) == {each.pk for each in stay}
    line = AuditEntry.objects.get(action="old trials deleted")
    assert (line.school, line.by, line.detail) == (cast.here, None, {"trials": 3, "days": 90})
    assert trials.tidy_trials(now=NOW) == 0 and AuditEntry.objects.filter(action="old trials deleted").count() == 1


def test_the_beat_tidies(cast: Cast) -> None:
    over(cast, "done", 5000)
    assert tasks.tidy_trials() == 1 and not Trial.objects.exists()


def test_statements_do_not_grow_with_the_pupils(cast: Cast) -> None:
    def statements() -> int:
        trial = ask(cast)
        with CaptureQueriesContext(connection) as asked:
            finished(trial)
        return len(asked)

    before = statements()
    for number in range(12):
        row = make.on_roll(cast.here, last_name=f"Extra{number}")
        RegisterRow.objects.filter(pk=row.pk).update(marks=cast.newcomer.__class__.objects.get(pk=cast.newcomer.pk).marks)
    assert abs(statements() - before) <= 2  # a note of progress more or less
    with CaptureQueriesContext(connection) as asked:
        past_register(cast.here, [2025])
    assert len(asked) <= 5


# The same as the command


@pytest.fixture
def invented(db) -> School:
    """A small school with all that a register may hold: two years, no UPN, who left, who came back, withdrawn and odd codes."""
    school = make.SchoolFactory(urn="900077")
    make.calendar(school)
    year = make.AcademicYearFactory(school=school, start_year=2024)
    make.HalfTermFactory(
        academic_year=year, term="Summer", name="Summer 2", starts=dt.date(2025, 6, 2), ends=dt.date(2025, 7, 18)
    )
    rng = np.random.default_rng(20251120)
    for number in range(14):
        pupil = make.PupilFactory(group=school.group, upn=None if number == 3 else f"Z9000770000{13 - number:02}")
        first = make.on_roll(school, pupil=pupil, ends=dt.date(2026, 1, 30) if number in (4, 5) else None)
        _scribble(first, rng, 0.4 + number / 12)
        earlier = make.RegisterRowFactory(enrolment=first.enrolment, year=2024)
        _scribble(earlier, rng, 0.4 + number / 12)
        if number == 5:
            _scribble(make.on_roll(school, pupil=pupil, starts=dt.date(2026, 4, 13)), rng, 2, dt.date(2026, 4, 13))
    return school


def _scribble(row: RegisterRow, rng: np.random.Generator, misses: float, since: dt.date = dt.date(2025, 9, 3)) -> None:
    """Random marks on every school day of the row's year that its enrolment covers; ``misses``: how much more than usual."""
    odds = np.array(ODDS)
    odds[2:] *= misses
    marks = list(row.marks)
    enrolment = row.enrolment
    for date in school_days(row.school, [row.year]).dates:
        if row.year == 2025 and (date < since or (enrolment.ends and date > enrolment.ends)):
            continue
        for session in ("AM", "PM"):
            marks[slot(date, session)] = str(rng.choice(CODES, p=odds / odds.sum()))
    RegisterRow.objects.filter(pk=row.pk).update(marks="".join(marks))


@pytest.fixture
def files(invented: School, tmp_path: Path) -> Path:
    out = io.StringIO()
    where = ["--calendar", str(tmp_path / "calendar.csv"), "--marks", str(tmp_path / "marks.csv")]
    call_command("export_register", "--school", invented.urn, "--year", "2025", *where, stdout=out)
    assert "marks of 14 pupils written" in out.getvalue()
    return tmp_path


def printed(files: Path, key: str, act: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    where = ["--calendar", str(files / "calendar.csv"), "--marks", str(files / "marks.csv")]
    call_command(
        "backtest", "--ruleset", key, "--from", "2025-09-01", "--to", "2026-07-21", "--act", act, *where, stdout=out, stderr=err
    )
    assert err.getvalue() == ""
    return out.getvalue()


@pytest.mark.parametrize("act", ["same-day", "never"])
def test_the_page_and_the_command_agree_to_the_line(invented: School, files: Path, act: str) -> None:
    ladders = [Ladder(key, load_ruleset(key).text, key) for key in SHIPPED]
    trial = finished(
        ask_for_trial(
            school=invented, ladders=ladders, starts=dt.date(2025, 9, 1), ends=dt.date(2026, 7, 21), act=act,
            by=make.UserFactory(), role="officer", now=NOW,
        )
    )  # fmt: skip
    for number, key in enumerate(SHIPPED):
        lines = lines_of(trial, number)
        assert lines == printed(files, key, act), key
        assert {json.loads(line)["kind"] for line in lines.splitlines()} >= {"stage", "watch"}, key


def test_who_has_no_upn_stands_under_the_admission_number_and_who_came_back_stands_once(invented: School, files: Path) -> None:
    past = past_register(invented, [2025])
    number = invented.enrolments.get(pupil__upn=None).admission_number
    assert number in past.labels and len(set(past.labels)) == 14 and past.labels == sorted(past.labels)
    assert f"\n{number},2025-09-03,AM," in (files / "marks.csv").read_text()


def test_an_export_without_a_school_calendar_or_folder_says_what_to_do(invented: School, tmp_path: Path) -> None:
    where = ["--calendar", str(tmp_path / "c.csv"), "--marks", str(tmp_path / "none" / "m.csv")]
    for given, said in (
        (["--school", "123456", "--year", "2025"], "No school has the URN 123456"),
        (["--school", "900077", "--year", "1999"], "has no calendar for 1999"),
        (["--school", "900077", "--year", "2025"], "cannot be written: No such file or directory"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("export_register", *given, *where)


# Beside each other


def outcome(*proposals: tuple[str, int, str], key: str = "federation") -> Outcome:
    return Outcome(key, load_ruleset(key), [Proposal(dt.date.fromisoformat(day), row, stage) for day, row, stage in proposals])


def test_the_first_letter_of_each_pupil_is_compared() -> None:
    writing = [stage.id for stage in load_ruleset("federation").stages if writes_home(stage)]
    silent = [stage.id for stage in load_ruleset("federation").stages if not writes_home(stage)]
    letter = writing[0]
    before = outcome(("2025-10-01", 0, letter), ("2025-10-01", 1, letter), ("2025-10-01", 2, letter), ("2025-10-01", 3, letter))
    after = outcome(("2025-10-01", 0, letter), ("2025-09-20", 1, letter), ("2025-10-09", 2, letter), ("2025-10-02", 4, letter),
                    *(("2025-09-10", 5, stage) for stage in silent[:1]))  # fmt: skip
    found = compare(before, after)
    named = {
        name: [change.row for change in getattr(found, name)] for name in ("newly", "no_longer", "earlier", "later", "same_day")
    }
    assert named == {"newly": [4], "no_longer": [3], "earlier": [1], "later": [2], "same_day": [0]}


def test_two_versions_of_a_ladder_are_compared_stage_by_stage() -> None:
    before, after = (
        outcome(("2025-10-01", 0, "1"), ("2025-11-01", 1, "2")),
        outcome(("2025-10-01", 0, "1"), ("2025-11-08", 1, "2")),
    )
    assert [change.row for change in compare(before, after, "1").same_day] == [0]
    assert [change.row for change in compare(before, after, "2").later] == [1]
    assert [stage.id for stage in shared_stages(before, after)] == [stage.id for stage in load_ruleset("federation").stages]
    assert shared_stages(before, outcome(key="vale")) == []


def facts(number: int, **more: object) -> PupilFacts:
    given = {"year_group": 7, "form": "7A", "sex": "F", "flags": (), "possible": 100, "missed": 10, **more}
    return PupilFacts(enrolment_id=number, pupil_id=number, label=f"P{number}", **given)


def test_a_rule_that_hits_a_group_beyond_its_absence_shows_and_small_groups_are_not_told() -> None:
    ladder = load_ruleset("federation")
    letter = next(stage.id for stage in ladder.stages if writes_home(stage))
    number = [stage.id for stage in ladder.stages].index(letter)
    pupils = [
        *(facts(row, flags=("fsm",), sex="M") for row in range(6)),
        *(facts(row) for row in range(6, 22)),
        facts(22, flags=("ehc_plan",)),
        facts(23, possible=0, missed=0),
    ]
    rates = {
        rate.name: rate
        for rate in group_rates(outcome(*(("2025-10-01", row, letter) for row in range(5))), pupils, groups_of(pupils))
    }
    assert list(rates) == ["Everybody", "Year 7", "EHC plan", "Free school meals", "Girls", "Boys"]
    fsm = rates["Free school meals"]
    assert (fsm.pupils, round(fsm.of_pupils), round(fsm.of_absence), fsm.of_written) == (6, 26, 26, 100)
    assert fsm.is_beyond_absence and not rates["Girls"].is_beyond_absence
    assert round(fsm.reached[number]) == 83 and (len(ladder.stages) == number + 1 or fsm.reached[number + 1] == 0)
    assert rates["EHC plan"].is_small and rates["EHC plan"].written is None and set(rates["EHC plan"].reached) == {None}
    assert rates["Everybody"].pupils == 23
