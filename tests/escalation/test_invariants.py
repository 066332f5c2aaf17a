"""What must be true of every case, whatever the days bring: days pass, marks are corrected, people act, hold, decline, take and leave out
stages, a pupil leaves; after each step the whole record is looked over. Made by hypothesis, so that nobody chose the order.

The federation's thresholds are read a second time here, plainly and from the marks alone.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from attendance.grid import EMPTY_ROW, slot
from attendance.models import RegisterRow
from attendance.services import change_mark, enter_marks
from casework.discretion import pause_letters
from casework.models import Pause
from casework.queries.discretion import paused
from escalation.adoption import adopt
from escalation.by_hand import skip_stage, stages_above, take_stage
from escalation.engine.ruleset import Ruleset, load_ruleset
from escalation.models import Case, Event, Period, PlannedLetter, StageRecord, Task, WatchEntry
from escalation.queries import adopted
from escalation.services import complete_task, decline_stage, hold_stage
from letters.models import Letter
from letters.queries import with_everything
from letters.services import approve_letters, decline_letter, make_print_batch, mark_posted
from letters.states import LEFT
from schools.models import Enrolment, Role
from schools.queries import school_days
from schools.rules import Refused
from tests.bars import Bar
from tests.cast import Cast, assemble
from tests.stories import run

pytestmark = [pytest.mark.django_db]
LADDERS = ("federation", "coventry", "vale", "wigston", "goldington")
PUPILS = ("imogen", "theo", "priya")
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
ATTENDS, UNAUTHORISED = set("/\\L"), set("GNOU")


class Cases(RuleBasedStateMachine):
    """One school, five pupils, one ladder, from the first day of the year on."""

    ladder = "federation"

    @initialize()
    def begin(self) -> None:
        self.around = transaction.atomic()
        self.around.__enter__()
        self.cast: Cast = assemble()
        self.by_hand: set[int] = set()
        adopt(
            school=self.cast.here,
            key=self.ladder,
            starts=dt.date(2025, 9, 1),
            by=None,
            now=dt.datetime(2025, 9, 1, tzinfo=dt.UTC),
        )
        self.days: Iterator[dt.date] = iter(school_days(self.cast.here, [2025]).dates)
        self.now = dt.datetime(2025, 9, 1, 16, 0, tzinfo=dt.UTC)
        self.on: dt.date | None = None
        self.left: dict[int, dt.date] = {}

    happened: Counter[str] = Counter()
    """What the runs brought about, so that "nothing was untrue" is not said of cases in which nothing happened."""

    def teardown(self) -> None:
        if hasattr(self, "around"):
            self.happened.update(f"stage {state}" for state in StageRecord.objects.values_list("state", flat=True))
            self.happened.update(f"letter {state}" for state in Letter.objects.values_list("state", flat=True))
            self.happened.update(f"watch {rule}" for rule in WatchEntry.objects.values_list("rule", flat=True))
            transaction.set_rollback(True)
            self.around.__exit__(None, None, None)

    # What happens

    @rule(days=st.integers(1, 5), away=st.dictionaries(st.sampled_from(PUPILS), st.sampled_from("IIOGNUMC"), max_size=3))
    def days_pass(self, days: int, away: dict[str, str]) -> None:
        """Some days in a row, the same pupils away on each of them."""
        for _ in range(days):
            self.on = next(self.days, self.on)
            assert self.on is not None
            self.now = dt.datetime.combine(self.on, dt.time(16), tzinfo=dt.UTC)
            enter_marks(
                school=self.cast.here, rows=self._marks(away), file_name="day.csv", file_format="long", by=None, now=self.now
            )
            self._night()

    def _marks(self, away: dict[str, str]) -> dict[tuple[int, int], str]:
        assert self.on is not None
        rows = {}
        for name in (*PUPILS, "newcomer"):
            row: RegisterRow = getattr(self.cast, name)
            enrolment = Enrolment.objects.get(pk=row.enrolment_id)
            if enrolment.starts <= self.on and (enrolment.ends is None or self.on <= enrolment.ends):
                marks = list(EMPTY_ROW)
                code = away.get(name)
                marks[slot(self.on, "AM")], marks[slot(self.on, "PM")] = (code, code) if code else ("/", "\\")
                rows[row.enrolment_id, 2025] = "".join(marks)
        return rows

    def _night(self) -> None:
        assert self.on is not None
        self.now += dt.timedelta(hours=2)
        report = run(self.cast, on=self.on, now=self.now)
        assert report.errors == []

    @precondition(lambda self: self.on)
    @rule()
    def the_night_again(self) -> None:
        """What a person decided since the night may still be drafted by it; after that nothing changes."""
        self._night()
        before = self._everything()
        self._night()
        assert self._everything() == before

    def _everything(self) -> list[int]:
        tables = (Case, StageRecord, Task, Period, WatchEntry, Event, PlannedLetter, Letter)
        states = [StageRecord.objects.filter(state=state).count() for state in StageRecord.State]
        return [*(table.objects.count() for table in tables), *states, Letter.objects.filter(state="drafted").count()]

    @precondition(lambda self: self.on)
    @rule(
        pupil=st.sampled_from(PUPILS), back=st.integers(0, 30), session=st.sampled_from(["AM", "PM"]), to=st.sampled_from("IO/G")
    )
    def a_mark_is_corrected(self, pupil: str, back: int, session: str, to: str) -> None:
        past = [date for date in school_days(self.cast.here, [2025]).dates if date <= (self.on or date)]
        date = past[max(0, len(past) - 1 - back)]
        to = "\\" if to == "/" and session == "PM" else to
        try:
            self.now += dt.timedelta(minutes=1)
            change_mark(
                row=RegisterRow.objects.select_related("enrolment", "school").get(pk=getattr(self.cast, pupil).pk),
                date=date, session=session, to=to, reason="Rang in.", by=self.cast.alice, role="officer", now=self.now,
            )  # fmt: skip
        except Refused:
            return
        self._night()
        if self.ladder == "federation":
            self._every_open_stage_stands_on_the_marks()

    @precondition(lambda self: self.on and Letter.objects.filter(state="drafted").exists())
    @rule(how_many=st.integers(1, 4))
    def letters_are_approved_printed_and_posted(self, how_many: int) -> None:
        waiting = Letter.objects.filter(state="drafted").values_list("pk", flat=True)[:how_many]
        letters = with_everything(waiting)
        for letter in letters:
            meeting = {
                "meeting_date": "Monday 1 June",
                "meeting_time": "4pm",
                "meeting_place": "room 2",
                "meeting_with": "Ms Arden",
            }
            Letter.objects.filter(pk=letter.pk).update(fills=meeting)
        head = {"by": self.cast.staff[Role.HEAD], "role": "head"}
        outcomes = approve_letters(letters=with_everything(waiting), now=self.now, on=self.on, render=False, **head)
        assert not [o for o in outcomes if o.ok and paused([o.letter.case_id], self.on)]
        self.now += dt.timedelta(minutes=11)
        try:
            batch = make_print_batch(school=self.cast.here, by=self.cast.alice, role="officer", now=self.now)
            mark_posted(batch=batch, on=self.on, by=self.cast.alice, role="officer", now=self.now)
        except Refused:
            return

    @precondition(lambda self: self.on and Task.objects.filter(state="open").exists())
    @rule(outcome=st.sampled_from(["spoke", "no_answer", "attended", "held_in_absence"]))
    def a_task_is_recorded(self, outcome: str) -> None:
        task = (
            Task.objects.filter(state="open")
            .select_related("case__school", "stage_record__version", "stage_record__case")
            .first()
        )
        if task:
            complete_task(task=task, by=self.cast.bob, role="tutor", on=self.on, now=self.now, outcome=outcome)

    @precondition(lambda self: self.on and StageRecord.objects.filter(state__in=StageRecord.OPEN).exists())
    @rule(days=st.integers(1, 20), what=st.sampled_from(["hold", "decline", "decline letter"]))
    def somebody_decides_otherwise(self, days: int, what: str) -> None:
        until = self.on + dt.timedelta(days=days)  # type: ignore[operator]
        given = {"by": self.cast.staff[Role.HEAD], "role": "head", "now": self.now}
        record = StageRecord.objects.filter(state__in=StageRecord.OPEN).select_related("case__school").last()
        letter = (
            Letter.objects.filter(state="drafted").select_related("stage_record__case__school", "case__school", "school").last()
        )
        if what == "hold" and record and record.state == "proposed":
            hold_stage(record=record, until=until, reason="A funeral.", **given)
        elif what == "decline" and record:
            decline_stage(record=record, reason="Known illness.", ask_again_on=until, **given)
        elif what == "decline letter" and letter:
            decline_letter(letter=letter, reason="Not now.", ask_again_on=until, **given)

    @precondition(lambda self: self.on and Case.objects.exists())
    @rule(what=st.sampled_from(["pause", "take", "skip"]), pupil=st.sampled_from(PUPILS))
    def somebody_departs_from_the_ladder(self, what: str, pupil: str) -> None:
        case = Case.objects.filter(pupil=getattr(self.cast, pupil).enrolment.pupil).select_related("school").first()
        if case is None:
            return
        given = {"by": self.cast.staff[Role.HEAD], "role": "head", "on": self.on, "now": self.now}
        above = stages_above(case, adopted(case.school, self.on)[1])  # type: ignore[arg-type]
        opened = case.stages.filter(state__in=StageRecord.OPEN).select_related("case__school").first()
        if what == "pause" and not paused([case.pk], self.on):  # type: ignore[arg-type]
            pause_letters(case=case, kind="bereavement", why="A funeral.", until=self.on + dt.timedelta(days=9), **given)  # type: ignore[operator]
        elif what == "take" and above:
            self.by_hand.add(take_stage(case=case, stage_id=above[0].id, reason="Agreed.", **given).pk)
        elif what == "skip" and opened:
            skip_stage(record=opened, reason="Would do harm.", **given)

    @precondition(lambda self: self.on and not self.left)
    @rule(pupil=st.sampled_from(PUPILS))
    def a_pupil_leaves(self, pupil: str) -> None:
        enrolment = getattr(self.cast, pupil).enrolment
        Enrolment.objects.filter(pk=enrolment.pk).update(ends=self.on)
        enrolment.refresh_from_db()
        self.left[enrolment.pupil_id] = self.on  # type: ignore[assignment]

    # What must be true after each step

    @invariant()
    def no_stage_stands_twice_and_no_parent_gets_a_letter_twice(self) -> None:
        if not hasattr(self, "cast"):
            return
        standing = list(StageRecord.objects.filter(state__in=StageRecord.STANDING).values_list("case", "stage"))
        assert len(standing) == len(set(standing))
        letters = list(Letter.objects.values_list("planned", "parent"))
        assert len(letters) == len(set(letters))

    @invariant()
    def what_a_stage_needs_was_done_before_it(self) -> None:
        if not hasattr(self, "cast"):
            return
        ruleset = load_ruleset(self.ladder)
        records = list(StageRecord.objects.all())
        done = {(record.case_id, record.stage): record.done_on for record in records if record.state == "done"}
        for record in records:
            if record.because and record.state in ("proposed", "held", "done"):
                for need in ruleset.stage(record.stage).needs:
                    day = done.get((record.case_id, need))
                    assert day and day <= record.proposed_on, (self.ladder, record.stage, need)
        if all(not stage.may_be_passed_over for stage in ruleset.stages):
            self._the_steps_are_taken_in_order(ruleset, records)

    def _the_steps_are_taken_in_order(self, ruleset: Ruleset, records: list[StageRecord]) -> None:
        """In a stepwise ladder whatever the night proposed has a record of every stage below it that needs it."""
        order = [stage.id for stage in ruleset.stages]
        for record in records:
            if record.because:
                below = {other.stage for other in records if other.case_id == record.case_id and other.pk != record.pk}
                needed = [stage for stage in order[: order.index(record.stage)] if stage in ruleset.stage(record.stage).needs]
                assert set(needed) <= below

    @invariant()
    def nobody_who_left_is_proposed_a_stage_or_drafted_a_letter(self) -> None:
        for pupil, day in getattr(self, "left", {}).items():
            late = StageRecord.objects.filter(case__pupil=pupil, proposed_on__gt=day).exclude(pk__in=self.by_hand)
            assert not late.exists()

    @invariant()
    def what_left_was_approved_by_a_person_first_and_done_stages_were_acted_on(self) -> None:
        if not hasattr(self, "cast"):
            return
        gone = Letter.objects.filter(state__in=LEFT)
        assert not gone.filter(approved_by__isnull=True).exists() and not gone.filter(left_on__isnull=True).exists()
        assert not gone.filter(approved_at__gte=F("batch__made_at")).exists()
        for record in StageRecord.objects.filter(state="done").prefetch_related("tasks", "planned_letters"):
            letters = Letter.objects.filter(stage_record=record, state__in=LEFT).exists()
            assert letters or any(task.state == "done" for task in record.tasks.all()), (self.ladder, record.stage)

    @invariant()
    def the_penalty_threshold_rests_on_unauthorised_marks_alone(self) -> None:
        for entry in WatchEntry.objects.filter(rule="penalty-threshold", opened_on=getattr(self, "on", None)):
            marks = [code for reason in entry.because for _, _, code in reason["marks"]]
            assert len(marks) >= 10 and set(marks) <= UNAUTHORISED

    @invariant()
    def no_letter_of_a_paused_case_leaves(self) -> None:
        for pause in Pause.objects.filter(lifted_on__isnull=True) if hasattr(self, "cast") else ():
            left = Letter.objects.filter(case=pause.case_id, left_on__gt=pause.starts, left_on__lte=pause.until)
            assert not left.filter(batch__made_at__gt=pause.at).exists()

    def _every_open_stage_stands_on_the_marks(self) -> None:
        """The federation's counts, read plainly: what is open after a correction still holds as of the day it was proposed."""
        for record in StageRecord.objects.filter(state="proposed", stage__in=["1", "3", "4", "6"]).select_related("case"):
            if record.because:
                marks = RegisterRow.objects.get(
                    enrolment__pupil=record.case.pupil_id, school=record.case.school_id, year=2025
                ).marks
                assert self._plainly(record.stage, marks, record.proposed_on), (record.stage, record.proposed_on)

    def _plainly(self, stage: str, marks: str, on: dt.date) -> bool:
        half_terms: dict[int, int] = {}
        missed = possible = 0
        days = school_days(self.cast.here, [2025])
        for number, date in enumerate(days.dates):
            for session in ("AM", "PM"):
                mark = marks[slot(date, session)]
                if date <= on and mark != ".":
                    possible += 1
                    away = mark not in ATTENDS
                    missed += away
                    half_terms[int(days.half_term[number])] = half_terms.get(int(days.half_term[number]), 0) + away
        current = half_terms.get(int(days.half_term[days.index(on) or 0]), 0)
        return {
            "1": current >= 5,
            "3": current >= 8 or missed >= 10,
            "4": max(half_terms.values(), default=0) >= 12 or missed > 16,
            "6": 100 * (possible - missed) < 90 * possible,
        }[stage]


ALL_OF = {
    *(f"stage {state}" for state in ("proposed", "held", "done", "declined", "withdrawn", "passed_over")),
    *(f"letter {state}" for state in ("drafted", "declined", "withdrawn", "posted")),
    "watch penalty-threshold",
}


def run_cases(ladder: str, runs: int, steps: int, **more: Any) -> None:
    """Raises what was untrue, with the steps that led there."""
    machine = type(f"CasesUnder{ladder.title()}", (Cases,), {"ladder": ladder, "happened": Counter()})
    quiet = settings(max_examples=runs, stateful_step_count=steps, deadline=None, suppress_health_check=QUIET, **more)
    run_state_machine_as_test(machine, settings=quiet)
    Cases.happened.update(machine.happened)


@pytest.mark.parametrize("ladder", LADDERS)
def test_what_must_be_true_of_every_case(ladder: str) -> None:
    """A taste of it every day, always the same one, so that a failure is the change's and not the day's."""
    run_cases(ladder, runs=2, steps=20, derandomize=True, phases=[Phase.generate])


@pytest.mark.slow
def test_what_must_be_true_of_every_case_in_a_thousand_runs(bar: Bar) -> None:
    runs, steps = 1_000, 50
    Cases.happened.clear()
    for ladder in LADDERS:
        run_cases(ladder, runs // len(LADDERS), steps)
    assert set(Cases.happened) >= ALL_OF, f"nothing was seen of {ALL_OF - set(Cases.happened)}"
    stages = sum(number for what, number in Cases.happened.items() if what.startswith("stage"))
    bar(13, f"{runs:,} runs of up to {steps} steps under five ladders, {stages:,} stages reached; nothing untrue after any step")
