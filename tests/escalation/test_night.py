"""The night of a school, as it runs: who is proposed what, what a second run changes, what a correction takes back."""

from __future__ import annotations

import datetime as dt

import pytest

from attendance.grid import slot
from attendance.models import Figures, MarkChange, RegisterRow
from attendance.services import change_mark
from escalation import services
from escalation.adoption import adopt
from escalation.models import Case, Event, NightRun, Period, PlannedLetter, StageRecord, Task, WatchEntry
from escalation.night import run_night
from letters.models import Letter
from schools.queries import school_days
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, days_from, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]


@pytest.fixture
def cast() -> Cast:
    return assemble()


def test_a_stage_with_a_letter_is_drafted_for_each_parent_who_may_be_written_to(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 4), theo=away(cast, "2025-11-03", 4))
    report = run(cast)
    assert report.errors == [] and report.skipped == []
    assert (report.pupils, report.evaluated, report.proposed, report.drafted) == (4, 4, 2, 3)
    record = StageRecord.objects.get(case__pupil=cast.imogen.enrolment.pupil, state="proposed")
    assert (record.stage, record.name) == ("3", "Letter 1: support")
    assert record.because[0]["value"] == 8 and record.because[0]["of"] == 8
    assert record.sentences[0].startswith("8 of ") and record.sentences[0].endswith("stage 3 begins at 8.")
    assert set(Letter.objects.values_list("parent__first_name", flat=True)) == {"Morwenna", "Piers", "Grace"}


def test_two_nights_in_a_row_draft_nothing_twice(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 4), theo=away(cast, "2025-11-07", 10))
    assert run(cast).watched > 0
    counted = [model.objects.count() for model in (Case, StageRecord, Task, PlannedLetter, Letter, WatchEntry, Event)]
    again = run(cast, now=NOW + dt.timedelta(hours=1))
    assert (again.proposed, again.drafted, again.withdrawn, again.watched) == (0, 0, 0, 0)
    assert [model.objects.count() for model in (Case, StageRecord, Task, PlannedLetter, Letter, WatchEntry, Event)] == counted
    kept = NightRun.objects.get(school=cast.here, on=TODAY)
    assert (kept.state, kept.proposed, kept.drafted) == ("done", 2, 3)


def test_a_second_run_of_a_day_does_not_go_on_to_the_next_stage(cast: Cast) -> None:
    """Below 90 % the clinic and stage 3 both hold: one is proposed in an evaluation, and running the night again is no second one."""
    adopt(school=cast.here, key="wigston", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    friday = dt.date(2025, 11, 21)
    present(cast, until=friday, imogen=away(cast, "2025-09-08", 12, "I"))
    for day in (dt.date(2025, 9, 26), dt.date(2025, 10, 3), dt.date(2025, 10, 10)):
        run(cast, on=day)
        for record in StageRecord.objects.filter(state="proposed"):
            services.mark_stage_done(record=record, on=day, by=cast.staff["head"], role="head", now=NOW)
    for minutes, proposed in ((0, 1), (1, 0), (2, 0)):
        assert run(cast, on=friday, now=NOW + dt.timedelta(minutes=minutes)).proposed == proposed
    assert set(StageRecord.objects.filter(state="proposed").values_list("stage", flat=True)) == {"clinic"}


def test_a_pupil_with_nobody_to_write_to_is_an_exception_never_silence(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, newcomer=away(cast, "2025-11-03", 4))
    report = run(cast)
    assert (report.proposed, report.drafted) == (1, 0)
    assert PlannedLetter.objects.get().state == PlannedLetter.State.NOBODY


def test_a_conversation_is_a_task_and_recording_it_makes_the_stage_done(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 3))
    run(cast)
    task = Task.objects.get()
    assert (task.kind, task.role, task.owner) == ("conversation", "tutor", cast.bob)
    common = {"task": task, "by": cast.bob, "role": "tutor", "on": TODAY, "now": NOW}
    services.complete_task(**common, outcome="no_answer")
    assert Task.objects.get().state == "open"
    services.complete_task(**common, outcome="spoke", note="Tired in the mornings.", parent=cast.parents["Morwenna"])
    record = StageRecord.objects.get()
    assert (record.state, record.done_on, Task.objects.get().state) == ("done", TODAY, "done")
    with pytest.raises(services.Refused, match="no longer open"):
        services.complete_task(**common, outcome="spoke")


def test_the_figures_are_stored_as_of_the_night(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 3, "I"))
    run(cast)
    figures = Figures.objects.get(row=cast.imogen)
    possible = 2 * len([date for date in school_days(cast.here, [2025]).dates if date <= TODAY])
    assert (figures.as_of, figures.possible, figures.attended, figures.authorised) == (TODAY, possible, possible - 6, 6)
    assert (figures.half_term_authorised, figures.half_term_unauthorised) == (6, 0)


def test_a_missing_register_puts_the_night_off_and_says_so(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, until=TODAY - dt.timedelta(days=1))
    report = run(cast)
    assert report.evaluated == 0 and "morning register of Thursday 20 November 2025 is missing for 4 of 4" in report.skipped[0]
    assert NightRun.objects.get().state == "put_off"
    present(cast, imogen=away(cast, "2025-11-03", 4))
    assert run(cast).proposed == 1
    assert NightRun.objects.get().state == "done"


def test_a_correction_that_removes_the_ground_withdraws_an_unsent_draft(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 4))
    run(cast)
    cast.imogen.refresh_from_db()
    later = NOW + dt.timedelta(hours=2)
    for session in ("AM", "PM"):
        change_mark(row=cast.imogen, date=dt.date(2025, 11, 3), session=session, to="V", reason="On the trip.", by=cast.alice,
                    role="officer", now=later)  # fmt: skip
    assert MarkChange.objects.count() == 2
    report = run(cast, now=later + dt.timedelta(minutes=5))
    assert report.withdrawn == 1
    first = StageRecord.objects.get(stage="3")
    assert first.state == "withdrawn" and "corrected" in first.reason
    assert set(Letter.objects.filter(stage_record=first).values_list("state", flat=True)) == {"withdrawn"}
    assert StageRecord.objects.get(state="proposed").stage == "1", "six sessions are still a first conversation"


def test_a_fault_in_one_school_is_written_down_and_nothing_of_its_night_stays(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(cast, imogen=away(cast, "2025-11-03", 4))

    def breaks(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Imogen Marlow")

    monkeypatch.setattr("escalation.recording.Recorder._watch", breaks)
    report = run(cast)
    assert report.errors == ["RuntimeError: see the server's log. Nothing was written."]
    assert (StageRecord.objects.count(), NightRun.objects.get().state) == (0, "failed")
    monkeypatch.undo()
    assert run(cast).proposed == 1


def test_a_school_without_a_ladder_is_told_what_to_do(cast: Cast) -> None:
    report = run_night(school=cast.here, on=TODAY, now=NOW)
    assert report.errors == [
        "Fenwold Academy has adopted no ladder that is in force on 20 November 2025: choose one under Set-up."
    ]


def test_a_night_that_another_worker_holds_is_left_to_it(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    NightRun.objects.create(school=cast.here, on=TODAY, claimed_until=NOW + dt.timedelta(minutes=5))
    report = run(cast)
    assert report.skipped == ["Another worker is running this night; nothing was done twice."]
    assert run(cast, now=NOW + dt.timedelta(minutes=20)).evaluated == 0, "no register: put off, but claimed"


def test_a_period_begins_with_its_stage_ends_by_itself_and_is_followed(cast: Cast) -> None:
    adopt(school=cast.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    last = dt.date(2025, 12, 12)
    present(cast, until=last, imogen=away(cast, "2025-09-08", 6))
    run(cast, on=dt.date(2025, 9, 15))
    record = StageRecord.objects.get(state="proposed")
    assert record.stage == "4"
    services.mark_stage_done(record=record, on=dt.date(2025, 9, 17), by=cast.staff["head"], role="head", now=NOW)
    period = Period.objects.get()
    assert (period.weeks, period.ends_on) == (4, dt.date(2025, 10, 15))
    for day in days_from(cast, "2025-10-14", 2):
        run(cast, on=day)
    first, second = Period.objects.order_by("starts_on")
    assert (first.outcome, second.starts_on, second.outcome) == ("met", dt.date(2025, 10, 15), "")
    assert PlannedLetter.objects.filter(letter="praise").count() == 1
    events = Event.objects.count()
    run(cast, on=days_from(cast, "2025-10-14", 2)[1], now=NOW + dt.timedelta(minutes=1))
    assert (Event.objects.count(), Period.objects.count()) == (events, 2), "the same night again adds nothing"


@pytest.mark.parametrize("ruleset", ["federation", "coventry", "vale", "wigston", "goldington"])
def test_every_ladder_runs_a_term_with_everything_acted_upon(cast: Cast, ruleset: str) -> None:
    """Each proposed stage is recorded as done on its day; the night agrees with the back-test day by day."""
    from escalation.engine.backtest import run_backtest
    from escalation.engine.ruleset import load_ruleset

    adopt(school=cast.here, key=ruleset, starts=dt.date(2025, 9, 1), by=None, now=NOW)
    last = dt.date(2025, 12, 19)
    present(
        cast,
        until=last,
        imogen=away(cast, "2025-09-08", 60, "I"),
        theo=away(cast, "2025-10-01", 20),
        priya=away(cast, "2025-11-10", 6, "G"),
    )
    days = [date for date in school_days(cast.here, [2025]).dates if date <= last]
    for number, day in enumerate(days):
        report = run_night(school=cast.here, on=day, now=NOW + dt.timedelta(minutes=number))
        assert report.errors == []
        for record in StageRecord.objects.filter(state="proposed"):
            services.mark_stage_done(record=record, on=day, by=None, role="", now=NOW)
    seen = {(str(r.done_on), r.case.pupil_id, r.stage) for r in StageRecord.objects.filter(state="done").select_related("case")}
    assert seen == _backtested(cast, ruleset, last, run_backtest, load_ruleset)


def _backtested(cast: Cast, ruleset: str, last: dt.date, run_backtest, load_ruleset) -> set[tuple[str, int, str]]:  # type: ignore[no-untyped-def]
    calendar = [(day.date.isoformat(), day.half_term, day.term, day.academic_year) for day in school_days(cast.here, [2025]).days]
    marks = []
    for row in RegisterRow.objects.filter(school=cast.here).select_related("enrolment"):
        for date, *_ in calendar:
            for session in ("AM", "PM"):
                code = row.marks[slot(dt.date.fromisoformat(date), session)]
                if code != ".":
                    marks.append((f"{row.enrolment.pupil_id:05}", date, session, code))
    found = run_backtest(load_ruleset(ruleset), calendar, marks, dt.date(2025, 9, 1), last, "same-day")
    return {(one["date"], int(one["upn"]), one["id"]) for one in found if one["kind"] == "stage"}
