"""Marks entered, changed and read in from files: what is written, what is kept, and what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from attendance import history
from attendance.grid import EMPTY_ROW, slot
from attendance.imports import FileRefused
from attendance.models import Figures, ImportBatch, MarkChange, MarkDetail, RegisterRow
from attendance.queries import mark_history, preview_import, school_matrix, verify
from attendance.services import change_mark, enter_marks, import_register, refresh_figures, stored_code, warning_about
from schools.models import AuditEntry, Role
from schools.queries import school_days
from schools.rules import Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]

HEADER = "upn,date,session,code\n"


@pytest.fixture
def cast() -> Iterator[Cast]:
    cast = assemble()
    yield cast
    assert verify(cast.here)[2] == []


def row_with(marks: dict[tuple[dt.date, str], str]) -> str:
    row = list(EMPTY_ROW)
    for place, mark in marks.items():
        row[slot(*place)] = mark
    return "".join(row)


def enter(cast: Cast, row: RegisterRow, marks: dict[tuple[dt.date, str], str]) -> ImportBatch:
    return enter_marks(
        school=row.school,
        rows={(row.enrolment_id, 2025): row_with(marks)},
        file_name="made",
        file_format="demo",
        by=cast.alice,
        role=Role.OFFICER,
        now=NOW,
    )


def change(cast: Cast, row: RegisterRow, to: str, **more: object) -> MarkChange:
    given = {"date": TODAY, "session": "AM", "reason": "Parent rang", "by": cast.alice, "role": Role.OFFICER, "now": NOW}
    return change_mark(row=row, to=to, **{**given, **more})


def read_in(cast: Cast, text: str) -> tuple[ImportBatch, tuple[int, int, int, int]]:
    batch, preview = import_register(
        school=cast.here, data=text.encode(), file_name="day.csv", by=cast.alice, role=Role.OFFICER, now=NOW
    )
    counts = (batch.new, batch.changed, batch.unchanged, batch.refused)
    assert counts == (preview.new, preview.changed, preview.unchanged, preview.refused)
    return batch, counts


def day_of(cast: Cast, code: str = "/", date: dt.date = TODAY) -> str:
    pupils = [cast.imogen, cast.theo, cast.priya, cast.newcomer]
    return HEADER + "".join(f"{row.enrolment.pupil.upn},{date},{session},{code}\n" for row in pupils for session in ("AM", "PM"))


def test_marks_are_entered_and_remembered_as_first_entries(cast: Cast) -> None:
    batch = enter(cast, cast.imogen, {(TODAY, "AM"): "/", (dt.date(2025, 9, 3), "PM"): "L"})
    assert stored_code(cast.imogen, TODAY, "AM") == "/"
    assert stored_code(cast.imogen, dt.date(2025, 9, 3), "PM") == "L"
    assert (batch.new, batch.changed, batch.unchanged, batch.latest_date) == (2, 0, 0, TODAY)
    assert len(history.unpack(bytes(batch.first_entries)).slots) == 2
    assert not MarkChange.objects.exists()


def test_another_entry_is_a_change_and_an_equal_one_is_nothing(cast: Cast) -> None:
    enter(cast, cast.imogen, {(TODAY, "AM"): "N", (TODAY, "PM"): "N"})
    batch = enter(cast, cast.imogen, {(TODAY, "AM"): "I", (TODAY, "PM"): "N"})
    assert (batch.new, batch.changed, batch.unchanged) == (0, 1, 1)
    change = MarkChange.objects.get()
    assert (change.original, change.amended, change.batch, change.by, change.role) == ("N", "I", batch, cast.alice, "officer")


def test_marks_for_another_schools_enrolment_are_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="not this school's"):
        enter_marks(
            school=cast.here,
            rows={(cast.edith.enrolment_id, 2025): row_with({(TODAY, "AM"): "/"})},
            file_name="made",
            file_format="demo",
            by=None,
            now=NOW,
        )
    assert stored_code(cast.edith, TODAY, "AM") == ""


def test_a_missing_register_row_is_made(cast: Cast) -> None:
    RegisterRow.objects.filter(pk=cast.imogen.pk).delete()
    enter(cast, cast.imogen, {(TODAY, "AM"): "/"})
    assert RegisterRow.objects.get(enrolment=cast.imogen.enrolment).marks[slot(TODAY, "AM")] == "/"


def test_a_mark_is_changed_and_everything_about_it_kept(cast: Cast) -> None:
    enter(cast, cast.imogen, {(TODAY, "AM"): "N"})
    made = change(cast, cast.imogen, "I")
    assert stored_code(cast.imogen, TODAY, "AM") == "I"
    assert (made.original, made.amended, made.reason, made.by, made.role, made.at, made.batch) == (
        "N", "I", "Parent rang", cast.alice, "officer", NOW, None,
    )  # fmt: skip
    audited = AuditEntry.objects.get(action="mark changed")
    assert (audited.by, audited.school, audited.subject) == (cast.alice, cast.here, f"markchange {made.pk}")
    assert list(mark_history(cast.imogen.enrolment.pupil, cast.here)) == [made]


def test_a_mark_entered_by_hand_is_in_the_history_too(cast: Cast) -> None:
    made = change(cast, cast.imogen, "L", reason="", minutes_late=14)
    assert (made.original, made.amended, made.reason) == ("", "L", "Entered by hand.")
    assert MarkDetail.objects.get(row=cast.imogen).minutes_late == 14


def test_a_new_mark_drops_what_was_known_of_the_old_one(cast: Cast) -> None:
    change(cast, cast.imogen, "L", minutes_late=14)
    change(cast, cast.imogen, "I")
    assert not MarkDetail.objects.exists()


REFUSED_CHANGES = [
    ({"to": "QQ"}, "Code “QQ” is not known: choose a national attendance code."),
    ({"to": ""}, "Code “” is not known: choose a national attendance code."),
    ({"to": "H"}, "Code H was withdrawn after 18 August 2024"),
    ({"to": "I", "session": "EVE"}, "Session “EVE” is neither AM nor PM."),
    ({"to": "I", "date": dt.date(2025, 11, 22)}, "is a weekend day"),
    ({"to": "I", "date": dt.date(2025, 10, 24)}, "is not a school day (staff training day)"),
    ({"to": "I", "date": dt.date(2025, 10, 28)}, "is in a school holiday"),
    ({"to": "I", "date": dt.date(2024, 11, 20)}, "is not in 2025/26: open that year's register."),
    ({"to": "I", "date": dt.date.min}, "is not in 2025/26: open that year's register."),
    ({"to": "N"}, "The mark is N already: nothing was changed."),
    ({"to": "I", "reason": " "}, "Give the reason: a register keeps why a mark was amended."),
    ({"to": "I", "was": "O"}, "Somebody changed this mark in the meantime: it is now N."),
    ({"to": "I", "was": ""}, "Somebody changed this mark in the meantime: it is now N."),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED_CHANGES)
def test_a_change_that_may_not_be_is_refused_with_a_sentence(cast: Cast, given: dict, sentence: str) -> None:
    enter(cast, cast.imogen, {(TODAY, "AM"): "N"})
    with pytest.raises(Refused) as refused:
        change(cast, cast.imogen, **given)
    assert sentence in str(refused.value)
    assert stored_code(cast.imogen, TODAY, "AM") == "N"
    assert not MarkChange.objects.exists()


def test_a_leaver_and_a_newcomer_have_no_marks_outside_their_time(cast: Cast) -> None:
    with pytest.raises(Refused, match="left on 17 October 2025"):
        change(cast, cast.leaver, "I")
    with pytest.raises(Refused, match="admitted on 03 November 2025"):
        change(cast, cast.newcomer, "I", date=dt.date(2025, 10, 20))


def test_x_for_a_pupil_of_compulsory_age_is_worth_a_question(cast: Cast) -> None:
    assert "compulsory school age" in warning_about(cast.imogen, date=TODAY, to="X")
    assert warning_about(cast.imogen, date=TODAY, to="I") == ""


def test_figures_follow_a_change_at_once(cast: Cast) -> None:
    enter(cast, cast.imogen, {(TODAY, "AM"): "N", (TODAY, "PM"): "/"})
    refresh_figures(school=cast.here, as_of=TODAY)
    before = Figures.objects.get(row=cast.imogen)
    assert (before.possible, before.attended, before.unauthorised, before.no_reason_yet) == (2, 1, 1, 1)
    change(cast, cast.imogen, "I")
    after = Figures.objects.get(row=cast.imogen)
    assert (after.possible, after.attended, after.authorised, after.unauthorised, after.no_reason_yet) == (2, 1, 1, 0, 0)
    assert after.as_of == TODAY


def test_figures_that_are_stored_already_are_not_written_again(cast: Cast) -> None:
    enter(cast, cast.imogen, {(TODAY, "AM"): "/"})
    assert refresh_figures(school=cast.here, as_of=TODAY) == 4, "everyone on roll, without the leaver"
    assert refresh_figures(school=cast.here, as_of=TODAY) == 0
    enter(cast, cast.theo, {(TODAY, "AM"): "/"})
    assert refresh_figures(school=cast.here, as_of=TODAY) == 1


def test_figures_make_the_register_row_of_a_pupil_without_marks(cast: Cast) -> None:
    RegisterRow.objects.filter(pk=cast.imogen.pk).delete()
    refresh_figures(school=cast.here, as_of=TODAY)
    assert Figures.objects.get(row__enrolment=cast.imogen.enrolment).possible == 0


def test_a_file_is_previewed_and_nothing_is_written(cast: Cast) -> None:
    preview = preview_import(school=cast.here, data=day_of(cast).encode())
    assert (preview.rows, preview.pupils, preview.new, preview.changed, preview.unchanged, preview.refused) == (8, 4, 8, 0, 0, 0)
    assert not ImportBatch.objects.exists()
    assert stored_code(cast.imogen, TODAY, "AM") == ""


def test_the_same_file_twice_changes_nothing(cast: Cast) -> None:
    _, first = read_in(cast, day_of(cast))
    rows = list(RegisterRow.objects.order_by("pk").values_list("marks", flat=True))
    _, second = read_in(cast, day_of(cast))
    assert (first, second) == ((8, 0, 0, 0), (0, 0, 8, 0))
    assert list(RegisterRow.objects.order_by("pk").values_list("marks", flat=True)) == rows
    assert not MarkChange.objects.exists()


def test_an_import_changes_marks_with_their_history_and_the_figures(cast: Cast) -> None:
    read_in(cast, day_of(cast, "N"))
    batch, counts = read_in(cast, day_of(cast, "I"))
    assert counts == (0, 8, 0, 0)
    assert set(MarkChange.objects.values_list("original", "amended", "batch", "by")) == {("N", "I", batch.pk, cast.alice.pk)}
    assert Figures.objects.get(row=cast.imogen).authorised == 2


def test_refused_rows_are_kept_with_their_number_and_the_others_are_read_in(cast: Cast) -> None:
    text = day_of(cast) + f"{cast.leaver.enrolment.pupil.upn},{TODAY},AM,/\n{cast.edith.enrolment.pupil.upn},{TODAY},AM,/\n"
    batch, counts = read_in(cast, text)
    assert counts == (8, 0, 0, 2)
    assert [refusal["row"] for refusal in batch.refusals] == [10, 11]
    assert "left on 17 October 2025" in batch.refusals[0]["reason"]
    assert "is not on the roll of Fenwold Academy" in batch.refusals[1]["reason"]


def test_another_schools_file_is_refused_and_leaves_nothing_behind(cast: Cast) -> None:
    with pytest.raises(FileRefused, match="looks like another school's file"):
        import_register(school=cast.there, data=day_of(cast).encode(), file_name="day.csv", by=cast.charlie, now=NOW)
    assert not ImportBatch.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_mark_corrected_by_hand_and_contradicted_by_a_file_is_listed(cast: Cast) -> None:
    read_in(cast, day_of(cast, "N"))
    change(cast, cast.imogen, "I")
    preview = preview_import(school=cast.here, data=day_of(cast, "O").encode())
    assert preview.changed == 7
    assert [each[:5] for each in preview.conflicts] == [(cast.imogen.enrolment_id, TODAY, "AM", "I", "O")]


def test_a_mark_that_a_file_corrected_last_is_no_conflict(cast: Cast) -> None:
    read_in(cast, day_of(cast, "N"))
    read_in(cast, day_of(cast, "O"))
    assert preview_import(school=cast.here, data=day_of(cast, "U").encode()).conflicts == []


def test_minutes_and_comments_are_stored_once_and_dropped_with_their_mark(cast: Cast) -> None:
    upn = cast.imogen.enrolment.pupil.upn
    late = f"upn,date,session,code,minutes_late,comment\n{upn},{TODAY},AM,L,12,bus\n"
    for _ in range(2):
        read_in(cast, late)
        assert list(MarkDetail.objects.values_list("row", "session", "minutes_late", "comment")) == [
            (cast.imogen.pk, "AM", 12, "bus")
        ]
    read_in(cast, f"{HEADER}{upn},{TODAY},AM,I\n")
    assert not MarkDetail.objects.exists()


def test_a_pupil_who_came_back_has_all_marks_made_here(cast: Cast) -> None:
    make.EnrolmentFactory(school=cast.here, pupil=cast.leaver.enrolment.pupil, starts=dt.date(2025, 11, 10))
    enter(cast, cast.leaver, {(dt.date(2025, 9, 3), "AM"): "I"})
    read_in(cast, day_of(cast) + f"{cast.leaver.enrolment.pupil.upn},{TODAY},AM,L\n")
    days = school_days(cast.here, [2025])
    enrolled, marks = school_matrix(cast.here, [2025], on=TODAY, days=days)
    at = next(number for number, pupil in enumerate(enrolled) if pupil.pupil_id == cast.leaver.enrolment.pupil_id)
    assert (chr(marks[at, 0]), chr(marks[at, 2 * days.index(TODAY)])) == ("I", "L")


@pytest.mark.parametrize("broken", ["x" * 529, ""])
def test_a_row_of_another_length_cannot_be_stored(cast: Cast, broken: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RegisterRow.objects.filter(pk=cast.imogen.pk).update(marks=broken)


def test_a_change_that_changes_nothing_cannot_be_stored(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        MarkChange.objects.create(
            row=cast.imogen, school=cast.here, date=TODAY, session="AM", original="N", amended="N", reason="none", at=NOW
        )


def statements_of_an_import(pupils: int) -> int:
    school = make.SchoolFactory()
    make.calendar(school)
    rows = [make.on_roll(school) for _ in range(pupils)]
    text = HEADER + "".join(f"{row.enrolment.pupil.upn},{TODAY},AM,/\n" for row in rows)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        import_register(school=school, data=text.encode(), file_name="day.csv", by=None, now=NOW)
    return len(captured)


def test_an_import_takes_as_many_statements_for_many_pupils_as_for_few() -> None:
    assert statements_of_an_import(10) == statements_of_an_import(60) <= 30
