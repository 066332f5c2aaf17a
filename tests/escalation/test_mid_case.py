"""What happens in mid-case and undoes nothing: a pupil leaves, moves, comes of age; a parent is added or barred; a decision is taken back.

Each has a sentence for whoever meets it, nothing that was recorded is lost, and two people who act at once are told of each other.
"""

from __future__ import annotations

import datetime as dt

import pytest

from attendance.grid import slot
from attendance.models import RegisterRow
from casework.queries.before import tried_before
from casework.queries.meetings import loose_ends
from casework.support import offer_support
from escalation import services
from escalation.adoption import adopt
from escalation.models import Case, Event, Period, PlannedLetter, StageRecord, Task, WatchEntry
from letters.models import Letter, LetterEvent
from letters.night import whole_night
from letters.queries import with_everything
from letters.services import (
    TO_BARRED,
    approve_letters,
    decline_letter,
    draft_planned,
    hold_letter,
    make_print_batch,
    mark_posted,
    undo_approval,
)
from schools.models import Enrolment, Placement, Pupil, PupilParent, Role
from schools.queries import school_days
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble
from tests.stories import away, present, run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]

FRIDAY, MONDAY = dt.date(2025, 11, 21), dt.date(2025, 11, 24)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def cast() -> Cast:
    """Imogen's case is at letter 2: approved for both parents, nothing has left; in the days after she stays away."""
    made = assemble()
    adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
    present(made, until=dt.date(2025, 12, 19), imogen=away(made, "2025-11-03", 30), theo=away(made, "2025-11-03", 4))
    run(made, on=dt.date(2025, 11, 10))
    return made


def at(day: dt.date, hour: int = 17) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, tzinfo=dt.UTC)


def case_of(cast: Cast) -> Case:
    return Case.objects.get(pupil=cast.imogen.enrolment.pupil, school=cast.here)


def letters_of(cast: Cast, **which: object) -> list[Letter]:
    pks = Letter.objects.filter(case=case_of(cast), **which).order_by("pk").values_list("pk", flat=True)
    return sorted(with_everything(pks), key=lambda letter: letter.pk)


def head(cast: Cast, on: dt.date = TODAY, now: dt.datetime | None = None) -> dict:
    return {"by": cast.staff[Role.HEAD], "role": "head", "now": now or at(on, 9), "on": on}


def approve(cast: Cast, letters: list[Letter], on: dt.date = TODAY) -> list[str]:
    """What whoever approves reads about each letter that could not be."""
    outcomes = approve_letters(letters=letters, render=False, **head(cast, on))
    return [outcome.sentence for outcome in outcomes if not outcome.ok]


def post(cast: Cast, on: dt.date) -> None:
    batch = make_print_batch(school=cast.here, by=cast.alice, role="officer", now=at(on, 10))
    mark_posted(batch=batch, on=on, by=cast.alice, role="officer", now=at(on, 12))


def leave(cast: Cast, last: dt.date) -> Enrolment:
    enrolment = cast.imogen.enrolment
    Enrolment.objects.filter(pk=enrolment.pk).update(ends=last)
    Placement.objects.filter(enrolment=enrolment).update(ends=last)
    return Enrolment.objects.get(pk=enrolment.pk)


class TestLeaving:
    def test_nothing_further_is_proposed_and_the_history_stays(self, cast: Cast) -> None:
        assert approve(cast, letters_of(cast, state="drafted"), dt.date(2025, 11, 11)) == []
        post(cast, dt.date(2025, 11, 11))
        run(cast, on=dt.date(2025, 11, 18))
        fifth = StageRecord.objects.get(case=case_of(cast), stage="5")
        events, records = Event.objects.count(), list(case_of(cast).stages.values_list("stage", "state"))
        assert fifth.state == "proposed" and Period.objects.get(case=case_of(cast)).outcome == ""
        leave(cast, FRIDAY)
        for day in (MONDAY, dt.date(2025, 12, 9), dt.date(2025, 12, 19)):
            assert run(cast, on=day, now=at(day)).proposed == 0
        assert list(case_of(cast).stages.values_list("stage", "state")) == records
        assert Event.objects.count() == events, "neither stage nor period goes on by itself"
        assert Period.objects.get(case=case_of(cast)).outcome == ""

    def test_what_is_open_says_so_and_no_letter_of_a_stage_goes(self, cast: Cast) -> None:
        services.set_task(
            pupil=cast.imogen.enrolment.pupil, school=cast.here, kind="call", title="Ring home", for_role="officer", why="Asked.",
            due=FRIDAY, **head(cast),
        )  # fmt: skip
        case, enrolment = case_of(cast), leave(cast, TODAY)
        open_tasks = Task.objects.filter(case=case, state="open")
        (loose,) = loose_ends(case, meetings=[], tasks=open_tasks, links=[], enrolment=enrolment, elsewhere=None, on=MONDAY)
        assert loose.sentence == (
            "Imogen left Fenwold Academy on Thursday 20 November. The case is kept. Still open here: 1 task. Close them, or say why not."
        )
        letters = letters_of(cast, state="drafted")
        sentence = "Imogen left Fenwold Academy on 20 November 2025: decline this letter, nothing more is sent from here."
        assert approve(cast, letters, MONDAY) == [sentence, sentence]
        assert {letter.state for letter in letters_of(cast)} == {"drafted"}
        for letter in letters:
            decline_letter(letter=letter, reason="She has left.", by=cast.alice, role="officer", now=at(MONDAY))
        assert StageRecord.objects.get(case=case, stage="4").state == "declined"

    def test_the_last_day_still_counts(self, cast: Cast) -> None:
        leave(cast, TODAY)
        assert approve(cast, letters_of(cast, state="drafted"), TODAY) == []


class TestMovingInsideTheGroup:
    def move(self, cast: Cast) -> RegisterRow:
        """On roll there from the Monday on, and away there too."""
        leave(cast, FRIDAY)
        adopt(school=cast.there, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
        row = make.on_roll(cast.there, year_group=6, form="Oak", starts=MONDAY, pupil=cast.imogen.enrolment.pupil)
        for each in (row, cast.edith):
            marks = list(each.marks)
            for day in school_days(cast.there, [2025]).dates:
                if MONDAY <= day <= dt.date(2025, 12, 19):
                    code = "OO" if each == row and day < dt.date(2025, 11, 27) else "/\\"
                    marks[slot(day, "AM")], marks[slot(day, "PM")] = code
            RegisterRow.objects.filter(pk=each.pk).update(marks="".join(marks))
        return row

    def night_there(self, cast: Cast, on: dt.date) -> int:
        report = whole_night(school=cast.there, on=on, now=at(on), today=on)
        assert (report.errors, report.skipped) == ([], [])
        return report.proposed

    def test_the_new_schools_ladder_begins_afresh(self, cast: Cast) -> None:
        self.move(cast)
        assert [self.night_there(cast, day) for day in (dt.date(2025, 11, 25), dt.date(2025, 11, 26))] == [0, 1]
        old, new = Case.objects.filter(pupil=cast.imogen.enrolment.pupil).order_by("opened_on")
        assert (old.school, new.school, new.year) == (cast.here, cast.there, 2025)
        assert [record.stage for record in new.stages.all()] == ["1"], "six sessions there; those before do not count"
        assert "4" in set(old.stages.values_list("stage", flat=True))

    def test_what_was_tried_before_is_one_sentence_without_notes(self, cast: Cast) -> None:
        approve(cast, letters_of(cast, state="drafted"), dt.date(2025, 11, 11))
        post(cast, dt.date(2025, 11, 11))
        offer_support(
            case=case_of(cast), kind="mentoring", detail="Not for everybody’s eyes", parent=cast.parents["Morwenna"],
            answer="declined", offered_on=dt.date(2025, 11, 12), by=cast.alice, role="officer", on=dt.date(2025, 11, 12),
            now=at(dt.date(2025, 11, 12)),
        )  # fmt: skip
        self.move(cast)
        self.night_there(cast, dt.date(2025, 11, 26))
        new = Case.objects.get(pupil=cast.imogen.enrolment.pupil, school=cast.there)
        assert tried_before(new) == (
            "Came from Fenwold Academy, on roll there until Friday 21 November. "
            "Tried there this year: Letter 2: supportive concern (11 November); mentoring offered (declined)."
        )

    def test_who_works_at_the_new_school_reads_it_in_the_case_and_opens_nothing_of_the_old(self, cast: Cast, client) -> None:  # type: ignore[no-untyped-def]
        self.move(cast)
        self.night_there(cast, dt.date(2025, 11, 26))
        new = Case.objects.get(pupil=cast.imogen.enrolment.pupil, school=cast.there)
        client.force_login(cast.charlie)
        page = client.get(f"/cases/{new.pk}/")
        assert page.status_code == 200 and "Came from Fenwold Academy" in page.content.decode()
        assert client.get(f"/cases/{case_of(cast).pk}/").status_code == 404


class TestComingOfAge:
    """Compulsory school age ends on the last Friday in June of the school year in which a child turns 16: 26 June 2026, a staff day."""

    LAST, FIRST_AFTER = dt.date(2026, 6, 25), dt.date(2026, 6, 29)

    @pytest.fixture
    def cast(self) -> Cast:
        made = assemble()
        adopt(school=made.here, key="federation", starts=dt.date(2025, 9, 1), by=None, now=NOW)
        return made

    def year_eleven(self, cast: Cast) -> None:
        """Both away from 22 June on; Imogen turned 16 in January, Theo is of age for years."""
        Pupil.objects.filter(pk=cast.imogen.enrolment.pupil_id).update(date_of_birth=dt.date(2010, 1, 10))
        gone = away(cast, "2026-06-22", 12)
        present(cast, until=dt.date(2026, 7, 10), imogen=gone, theo=gone)

    def watched(self, cast: Cast, name: str) -> set[str]:
        pupil = getattr(cast, name).enrolment.pupil
        rules = ("penalty-threshold", "attendance-return", "sickness-return")
        return set(WatchEntry.objects.filter(pupil=pupil, rule__in=rules).values_list("rule", flat=True))

    def test_what_the_law_asks_stops_and_the_ladder_goes_on(self, cast: Cast) -> None:
        self.year_eleven(cast)
        run(cast, on=self.LAST, now=at(self.LAST))
        assert self.watched(cast, "imogen") == self.watched(cast, "theo") == set(), "eight sessions"
        for day in (self.FIRST_AFTER, dt.date(2026, 7, 3), dt.date(2026, 7, 7)):
            run(cast, on=day, now=at(day))
        assert self.watched(cast, "theo") == {"penalty-threshold", "attendance-return"}
        assert self.watched(cast, "imogen") == set(), "nobody asks for a notice or a return any more"
        for row in (cast.imogen, cast.theo):
            reached = StageRecord.objects.filter(case__pupil=row.enrolment.pupil, proposed_on__gt=self.LAST)
            assert reached.exists(), "while a pupil is on roll the school's own ladder goes on"

    def test_what_was_opened_before_stays_open_until_somebody_closes_it(self, cast: Cast) -> None:
        Pupil.objects.filter(pk=cast.imogen.enrolment.pupil_id).update(date_of_birth=dt.date(2010, 1, 10))
        present(cast, until=self.FIRST_AFTER, imogen=away(cast, "2026-06-15", 11))
        run(cast, on=dt.date(2026, 6, 19), now=at(dt.date(2026, 6, 19)))
        run(cast, on=self.FIRST_AFTER, now=at(self.FIRST_AFTER))
        entry = WatchEntry.objects.get(pupil=cast.imogen.enrolment.pupil, rule="penalty-threshold")
        assert (entry.opened_on, entry.state) == (dt.date(2026, 6, 19), "open")
        services.close_watch_entry(
            entry=entry, by=cast.alice, role="officer", reason="No longer of compulsory school age.", now=at(self.FIRST_AFTER)
        )


class TestParents:
    def to_letter_3(self, cast: Cast) -> None:
        approve(cast, letters_of(cast, state="drafted"), dt.date(2025, 11, 11))
        post(cast, dt.date(2025, 11, 11))

    def test_one_who_is_added_gets_the_next_letter_not_the_past_ones(self, cast: Cast) -> None:
        self.to_letter_3(cast)
        aunt = make.ParentFactory(group=cast.group, first_name="Ursula", last_name="Marlow")
        make.PupilParentFactory(pupil=cast.imogen.enrolment.pupil, parent=aunt, relationship="guardian", priority=3)
        assert draft_planned(now=at(TODAY), on=TODAY, school=cast.here) == 0
        run(cast, on=dt.date(2025, 11, 18), now=at(dt.date(2025, 11, 18)))
        to = {stage: {letter.parent.first_name for letter in letters_of(cast, stage_record__stage=stage)} for stage in ("4", "5")}
        assert to == {"4": {"Morwenna", "Piers"}, "5": {"Morwenna", "Piers", "Ursula"}}

    def test_one_who_is_barred_gets_no_letter_that_waits(self, cast: Cast) -> None:
        mother, father = letters_of(cast, state="drafted")
        PupilParent.objects.filter(parent=father.parent).update(no_contact_from=dt.date(2025, 11, 12))
        assert approve(cast, [mother, father], dt.date(2025, 11, 12)) == [TO_BARRED]
        run(cast, on=dt.date(2025, 11, 12), now=at(dt.date(2025, 11, 12)))
        father.refresh_from_db()
        assert (father.state, father.reason) == ("withdrawn", TO_BARRED)
        assert LetterEvent.objects.filter(letter=father, after="withdrawn").count() == 1
        mother.refresh_from_db()
        assert mother.state == "approved", "the other parent's letter goes on"

    def test_one_who_is_barred_after_the_approval_gets_nothing_from_the_printer(self, cast: Cast) -> None:
        mother, father = letters_of(cast, state="drafted")
        assert approve(cast, [mother, father], dt.date(2025, 11, 11)) == []
        PupilParent.objects.filter(parent=father.parent).update(no_contact_from=dt.date(2025, 11, 11))
        post(cast, dt.date(2025, 11, 11))
        assert [letter.state for letter in letters_of(cast, wording="letter-2")] == ["posted", "withdrawn"]
        record = StageRecord.objects.get(case=case_of(cast), stage="4")
        assert (record.state, record.done_on) == ("done", dt.date(2025, 11, 11)), "one letter left, so the stage is done"

    def test_when_the_only_parent_is_barred_the_pupil_is_an_exception_not_silence(self, cast: Cast) -> None:
        PupilParent.objects.filter(parent=cast.parents["Grace"]).update(no_contact_from=TODAY)
        run(cast, on=TODAY)
        theo = PlannedLetter.objects.filter(case__pupil=cast.theo.enrolment.pupil)
        assert set(theo.values_list("state", flat=True)) == {"nobody"}
        assert set(Letter.objects.filter(parent=cast.parents["Grace"]).values_list("state", flat=True)) == {"withdrawn"}


class TestDecisionsTakenBack:
    def test_a_declined_stage_comes_again_after_its_date_and_not_on_it(self, cast: Cast) -> None:
        again = dt.date(2025, 11, 21)
        for letter in letters_of(cast, state="drafted"):
            decline_letter(
                letter=letter, reason="The family is moving house.", ask_again_on=again, by=cast.staff[Role.HEAD], role="head",
                now=at(TODAY, 9),
            )  # fmt: skip
        record = StageRecord.objects.get(case=case_of(cast), stage="4")
        assert (record.state, record.ask_again_on) == ("declined", again)
        assert run(cast, on=again, now=at(again)).proposed == 0
        assert run(cast, on=MONDAY, now=at(MONDAY)).proposed == 1
        both = StageRecord.objects.filter(case=case_of(cast), stage="4").order_by("pk")
        assert [(one.state, one.proposed_on) for one in both] == [("declined", dt.date(2025, 11, 10)), ("proposed", MONDAY)]
        assert [letter.state for letter in letters_of(cast, wording="letter-2")] == ["declined"] * 2 + ["drafted"] * 2

    def test_an_approval_undone_is_a_draft_again_and_nothing_leaves(self, cast: Cast) -> None:
        letter, other = letters_of(cast, state="drafted")
        approve_letters(letters=[letter], render=False, **head(cast))
        letter.refresh_from_db()
        undo_approval(letter=letter, by=cast.staff[Role.HEAD], role="head", now=at(TODAY, 9) + 5 * MINUTE)
        letter.refresh_from_db()
        assert (letter.state, letter.approved_by, letter.text) == ("drafted", None, "")
        assert [event.after for event in letter.events.order_by("pk")] == ["drafted", "approved", "drafted"]
        with pytest.raises(Refused, match="No approved letter waits for the post"):
            make_print_batch(school=cast.here, by=cast.alice, role="officer", now=at(TODAY, 12))
        assert StageRecord.objects.get(case=case_of(cast), stage="4").state == "proposed"

    def test_after_ten_minutes_it_cannot_be_undone(self, cast: Cast) -> None:
        letter, _ = letters_of(cast, state="drafted")
        approve_letters(letters=[letter], render=False, **head(cast))
        letter.refresh_from_db()
        with pytest.raises(Refused, match="The ten minutes to undo ended at 9.10"):
            undo_approval(letter=letter, by=cast.staff[Role.HEAD], role="head", now=at(TODAY, 9) + 10 * MINUTE)


class TestTwoAtOnce:
    """Both looked at the page before either acted: the second acts on what is no longer so."""

    def test_approved_while_another_declined(self, cast: Cast) -> None:
        seen_by_both = letters_of(cast, state="drafted")[0]
        stale = with_everything([seen_by_both.pk])[0]
        decline_letter(letter=seen_by_both, reason="We spoke.", by=cast.alice, role="officer", now=at(TODAY, 9))
        assert approve(cast, [stale]) == ["This letter was declined."]

    def test_declined_or_held_while_another_approved(self, cast: Cast) -> None:
        letter = letters_of(cast, state="drafted")[0]
        stale, staler = with_everything([letter.pk])[0], with_everything([letter.pk])[0]
        approve(cast, [letter])
        with pytest.raises(Refused, match="Already approved by Dr H. Hawthorn on 20 November at 9.00"):
            decline_letter(letter=stale, reason="We spoke.", by=cast.alice, role="officer", now=at(TODAY, 9))
        with pytest.raises(Refused, match="Already approved by Dr H. Hawthorn"):
            hold_letter(letter=staler, until=MONDAY, reason="Wait.", by=cast.alice, role="officer", now=at(TODAY, 9))

    def test_two_who_record_one_talk(self, cast: Cast) -> None:
        pupil = cast.theo.enrolment.pupil
        task = services.set_task(
            pupil=pupil, school=cast.here, kind="call", title="Ring home", for_role="officer", why="", due=TODAY, **head(cast)
        )
        stale = Task.objects.select_related("case__school", "stage_record").get(pk=task.pk)
        told = {"on": TODAY, "now": at(TODAY), "outcome": "spoke"}
        services.complete_task(task=task, by=cast.alice, role="officer", **told)
        with pytest.raises(Refused, match="This task is no longer open: already recorded by Ms A. Arden."):
            services.complete_task(task=stale, by=cast.bob, role="tutor", **told)
        assert Event.objects.filter(case=task.case, kind="call").count() == 1, "the second try left no line of its own"

    def test_two_who_decide_one_stage(self, cast: Cast) -> None:
        record = StageRecord.objects.get(case=case_of(cast), stage="4")
        stale = StageRecord.objects.get(pk=record.pk)
        services.decline_stage(record=record, by=cast.alice, role="officer", reason="We spoke.", now=at(TODAY))
        with pytest.raises(Refused, match="Stage 4 is already declined"):
            services.hold_stage(record=stale, by=cast.bob, role="tutor", until=MONDAY, reason="Wait.", now=at(TODAY))
