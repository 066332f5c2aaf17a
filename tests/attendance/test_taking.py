"""A register taken in the browser, and marks corrected afterwards: who may enter what, what is kept, and that no colleague loses a mark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attendance.correcting import change_marks, sessions_between
from attendance.models import Figures, FormRegister, MarkChange, MarkDetail, RegisterEntry, RegisterRow
from attendance.offered import offered, why_not_offered
from attendance.opening import Opening, opening_of, stayed_open, why_not_late
from attendance.queries import verify
from attendance.services import change_mark, enter_marks, refresh_figures, stored_code
from attendance.taking import CAME_LATER, CORRECTED, Taken, TakenMark, take_register
from schools.models import AuditEntry, RegisterTime, School, User
from schools.rules import Refused
from tests import factories as make
from tests.attendance.test_services import row_with
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]

MORNING = NOW.replace(hour=8, minute=50)
CLOSED_AT_9_20 = NOW.replace(hour=9, minute=40)
YESTERDAY = TODAY - dt.timedelta(days=1)


@pytest.fixture
def cast() -> Iterator[Cast]:
    cast = assemble()
    School.objects.filter(pk=cast.here.pk).update(register_source=School.RegisterSource.HANDRAIL)
    cast.here.refresh_from_db()
    RegisterTime.objects.create(school=cast.here, session="AM", label="All", opens=dt.time(8, 50), closes=dt.time(9, 20))
    RegisterTime.objects.create(school=cast.here, session="PM", label="All", opens=dt.time(13, 10), closes=dt.time(13, 30))
    yield cast
    assert verify(cast.here)[2] == []  # every row can be rebuilt from its history, whoever entered it


def take(cast: Cast, marks: dict[str, TakenMark], **more: object) -> Taken:
    """7A's register of this morning, pupils by their names in the cast; taken by Bob, its tutor, unless ``more`` says otherwise."""
    given = {"form": "7A", "date": TODAY, "session": "AM", "by": cast.bob, "role": "tutor", "now": MORNING, **more}
    return take_register(
        school=cast.here, marks={getattr(cast, name).enrolment_id: mark for name, mark in marks.items()}, **given
    )


def present(*names: str) -> dict[str, TakenMark]:
    return dict.fromkeys(names, TakenMark("/"))


def code(row: RegisterRow, date: dt.date = TODAY, session: str = "AM") -> str:
    return stored_code(row, date, session)


def test_a_register_is_saved_with_who_and_when(cast: Cast) -> None:
    taken = take(cast, present("theo", "newcomer") | {"imogen": TakenMark("N")})
    assert (taken.entered, taken.changed, taken.without_mark, taken.overtaken) == (3, 0, 0, ())
    assert [code(row) for row in (cast.imogen, cast.theo, cast.newcomer, cast.priya)] == ["N", "/", "/", ""]
    register = FormRegister.objects.get()
    assert (register.opened_by, register.opened_at, register.closed_by, register.closed_at) == (
        cast.bob, MORNING, cast.bob, MORNING,
    )  # fmt: skip
    entry = RegisterEntry.objects.get()
    assert (entry.by, entry.role, entry.at, entry.entered) == (cast.bob, "tutor", MORNING, 3)
    assert not MarkChange.objects.exists()
    audited = AuditEntry.objects.get(action="register taken")
    assert audited.detail == {"entered": 3, "changed": 0, "overtaken": 0, "without": 0}


def test_a_register_saved_in_part_stays_open(cast: Cast) -> None:
    assert take(cast, present("theo")).without_mark == 2
    assert FormRegister.objects.get().closed_at is None
    later = MORNING + dt.timedelta(minutes=12)
    assert take(cast, present("imogen", "newcomer"), now=later).without_mark == 0
    assert FormRegister.objects.get().closed_at == later


def test_the_opening_of_the_page_counts_where_it_is_of_the_day(cast: Cast) -> None:
    take(cast, present("theo"), now=MORNING + dt.timedelta(minutes=9), opened_at=MORNING)
    take(cast, {}, session="PM", now=MORNING, opened_at=MORNING - dt.timedelta(days=1))
    assert set(FormRegister.objects.values_list("session", "opened_at")) == {("AM", MORNING), ("PM", MORNING)}


def test_a_late_arrival_amends_the_n_and_keeps_it(cast: Cast) -> None:
    take(cast, {"theo": TakenMark("N")})
    taken = take(cast, {"theo": TakenMark("L", minutes_late=12, comment="Bus", saw="N")}, now=MORNING + dt.timedelta(minutes=13))
    assert (taken.entered, taken.changed) == (0, 1)
    change = MarkChange.objects.get()
    assert (change.original, change.amended, change.reason, change.by, change.role) == ("N", "L", CAME_LATER, cast.bob, "tutor")
    detail = MarkDetail.objects.get()
    assert (detail.row, detail.minutes_late, detail.comment) == (cast.theo, 12, "Bus")


def test_what_was_known_of_a_replaced_mark_goes_with_it(cast: Cast) -> None:
    take(cast, {"theo": TakenMark("L", 5)})
    take(cast, {"theo": TakenMark("/", saw="L")})
    assert not MarkDetail.objects.exists()
    assert MarkChange.objects.get().reason == CORRECTED


@pytest.mark.parametrize("wanted", ["I", "O", "C", "C2", "Y1"])
def test_whoever_takes_the_register_enters_present_n_and_l_only(cast: Cast, wanted: str) -> None:
    with pytest.raises(Refused, match="every other code is the attendance officer's"):
        take(cast, present("theo") | {"imogen": TakenMark(wanted)})
    assert code(cast.theo) == ""  # nothing of a refused register is saved
    assert not FormRegister.objects.exists()


def test_the_officer_enters_every_code_at_the_register(cast: Cast) -> None:
    take(cast, {"imogen": TakenMark("I"), "theo": TakenMark("C2")}, by=cast.alice, role="officer")
    assert (code(cast.imogen), code(cast.theo)) == ("I", "C2")


def test_what_was_arranged_beforehand_is_the_officers(cast: Cast) -> None:
    enter_marks(
        school=cast.here, rows={(cast.theo.enrolment_id, 2025): row_with({(TODAY, "AM"): "D"})}, file_name="Leave", file_format="leave",
        by=cast.alice, now=NOW - dt.timedelta(days=9),
    )  # fmt: skip
    with pytest.raises(Refused, match="D was entered for this session beforehand"):
        take(cast, present("imogen") | {"theo": TakenMark("/", saw="D")})
    assert take(cast, present("imogen", "newcomer")).without_mark == 0  # D counts as a mark
    assert code(cast.theo) == "D"


def test_two_people_at_one_register_lose_nothing(cast: Cast) -> None:
    """Bob and Hilary have the same empty register open; Hilary saves first."""
    hilary = cast.staff["head_of_year"]
    take(cast, present("imogen") | {"theo": TakenMark("N")}, by=hilary, role="head_of_year")
    taken = take(cast, present("imogen", "theo", "newcomer"))
    assert taken.entered == 1
    assert [(over.enrolment_id, over.saw, over.wanted, over.now_is) for over in taken.overtaken] == [
        (cast.theo.enrolment_id, "", "/", "N")
    ]
    assert (code(cast.imogen), code(cast.theo), code(cast.newcomer)) == ("/", "N", "/")


def test_who_is_overtaken_by_an_arranged_code_is_told_and_not_refused(cast: Cast) -> None:
    take(cast, {"theo": TakenMark("I")}, by=cast.alice, role="officer")
    taken = take(cast, present("imogen", "theo"))
    assert [over.now_is for over in taken.overtaken] == ["I"]
    assert code(cast.imogen) == "/"


@pytest.mark.parametrize(
    ("minutes", "wanted", "sentence"),
    [
        (31, "L", "31 minutes late is 9.21, after the register closed at 9.20: the code is U."),
        (30, "U", "30 minutes late is 9.20, before the register closed at 9.20: the code is L."),
        (None, "L", "The register closed at 9.20: who comes now is U."),
    ],
)
def test_lateness_follows_the_schools_times(cast: Cast, minutes: int | None, wanted: str, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        take(cast, {"theo": TakenMark(wanted, minutes)}, now=CLOSED_AT_9_20)
    assert sentence in str(refused.value)


def test_u_opens_to_whoever_takes_the_register_once_it_has_closed(cast: Cast) -> None:
    with pytest.raises(Refused, match="until then it is L"):
        take(cast, {"theo": TakenMark("U")})
    take(cast, {"theo": TakenMark("U"), "imogen": TakenMark("U", 45)}, now=CLOSED_AT_9_20)
    assert (code(cast.theo), code(cast.imogen)) == ("U", "U")


def test_the_afternoon_in_force_is_that_of_the_year_group(cast: Cast) -> None:
    RegisterTime.objects.create(
        school=cast.here, session="PM", label="Lower", opens=dt.time(12, 40), closes=dt.time(13, 0), year_groups=[7, 8]
    )
    with pytest.raises(Refused, match="closed at 13.00"):
        take(cast, {"theo": TakenMark("L")}, session="PM", now=NOW.replace(hour=13, minute=15))


def test_a_register_is_not_taken_before_it_opens(cast: Cast) -> None:
    with pytest.raises(Refused, match="opens at 8.50"):
        take(cast, present("theo"), now=NOW.replace(hour=8, minute=30))


def test_days_to_come_past_days_and_days_without_school_are_refused(cast: Cast) -> None:
    for date, sentence in [
        (TODAY + dt.timedelta(days=1), "has not come yet"),
        (YESTERDAY, "ask the attendance officer to complete it"),
        (dt.date(2025, 11, 15), "weekend"),
        (dt.date(2025, 7, 1), "another school year"),
    ]:
        with pytest.raises(Refused, match=sentence):
            take(cast, present("theo"), date=date)
    assert take(cast, present("theo"), date=YESTERDAY, by=cast.alice, role="officer").entered == 1


def test_a_school_that_keeps_its_register_elsewhere_takes_it_there(cast: Cast) -> None:
    School.objects.update(register_source=School.RegisterSource.MIS)
    cast.here.refresh_from_db()
    with pytest.raises(Refused, match="management information system"):
        take(cast, present("theo"))
    assert take(cast, present("theo"), by=cast.alice, role="officer").entered == 1


def test_a_pupil_of_another_form_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="not in this form"):
        take(cast, present("theo", "priya"))


def test_a_register_taken_late_brings_stored_figures_up_to_date(cast: Cast) -> None:
    refresh_figures(school=cast.here, as_of=TODAY)
    take(cast, {"theo": TakenMark("O"), "imogen": TakenMark("/")}, date=YESTERDAY, by=cast.alice, role="officer", now=NOW)
    figures = {each.row_id: (each.attended, each.unauthorised) for each in Figures.objects.all()}
    assert (figures[cast.theo.pk], figures[cast.imogen.pk]) == ((0, 1), (1, 0))


def test_a_mark_after_one_that_was_taken_back_follows_from_its_history(cast: Cast) -> None:
    """An import that was undone leaves a change to "no mark": the next entry is a change, not a second first entry."""
    take(cast, present("theo"))
    RegisterRow.objects.filter(pk=cast.theo.pk).update(marks=cast.theo.marks)
    MarkChange.objects.create(
        row=cast.theo, school=cast.here, date=TODAY, session="AM", original="/", amended="", reason="Undone", at=MORNING
    )
    take(cast, {"theo": TakenMark("N")})
    assert MarkChange.objects.first().amended == "N"


def test_the_statements_do_not_grow_with_the_form(cast: Cast) -> None:
    counts = []
    for form, size in (("6X", 6), ("60X", 60)):
        rows = [make.on_roll(cast.here, form=form) for _ in range(size)]
        marks = {row.enrolment_id: TakenMark("N" if number % 2 else "/") for number, row in enumerate(rows)}
        given = {
            "school": cast.here,
            "form": form,
            "date": TODAY,
            "session": "AM",
            "by": cast.bob,
            "role": "tutor",
            "now": MORNING,
        }
        with CaptureQueriesContext(
            connection,
        ) as first:
            take_register(marks=marks, **given)
        again = {key: TakenMark("L", 3, "Bus", saw="N") for key, mark in marks.items() if mark.code == "N"}
        with CaptureQueriesContext(connection) as second:
            assert take_register(marks=again, **given).changed == size // 2
        counts.append((len(first), len(second)))
    assert counts[0] == counts[1]


# Which codes are offered


def born(years_before_september: int) -> dt.date:
    return dt.date(2025 - years_before_september, 10, 1)


def test_codes_are_offered_by_date_half_of_the_day_and_age() -> None:
    secondary = {each.code for each in offered(TODAY, "AM", born(12))}
    assert {"/", "L", "N", "C2", "Y1", "Y7", "J1", "U"} <= secondary
    assert not secondary & {"\\", "X", "H", "F", "J", "Y", "Z", "#"}
    reception = {each.code for each in offered(TODAY, "PM", born(4))}
    assert "X" in reception and "\\" in reception
    assert not reception & {"/", "C2"}
    before = {each.code for each in offered(dt.date(2024, 7, 1), "AM", born(12))}
    assert {"H", "J", "Y"} <= before
    assert not before & {"C2", "J1", "Y1"}


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("H", "withdrawn after 18 August 2024"),
        ("X", "not of compulsory school age"),
        ("#", "calendar"),
        ("\\", "other half"),
        ("Ω", "not known"),
    ],
)
def test_a_code_that_is_not_offered_says_why(code: str, sentence: str) -> None:
    assert sentence in why_not_offered(code, TODAY, "AM", born(12))


# When a register opens and closes


def test_a_time_for_some_years_comes_before_one_for_all() -> None:
    school = School(pk=1)
    times = [
        RegisterTime(school=school, session="PM", label="All", opens=dt.time(13), closes=dt.time(13, 20)),
        RegisterTime(school=school, session="PM", label="Upper", opens=dt.time(13, 40), closes=dt.time(14), year_groups=[10, 11]),
    ]
    assert opening_of(times, "PM", {11}, TODAY, NOW.tzinfo).label == "Upper"
    assert opening_of(times, "PM", {7}, TODAY, NOW.tzinfo).label == "All"
    assert opening_of(times, "AM", {7}, TODAY, NOW.tzinfo) is None


def test_a_register_open_for_longer_than_thirty_minutes_is_told() -> None:
    long = Opening(NOW.replace(hour=8, minute=50), NOW.replace(hour=10, minute=30))
    assert "open for 100 minutes, from 8.50 to 10.30" in long.too_long
    assert Opening(MORNING, MORNING + dt.timedelta(minutes=30)).too_long == ""
    assert stayed_open(MORNING, MORNING + dt.timedelta(minutes=30)) == ""
    assert "31 minutes" in stayed_open(MORNING, MORNING + dt.timedelta(minutes=31))
    assert why_not_late("L", None, 500, NOW) == ""


# Correcting several marks at once


def ill(
    cast: Cast, seen: dict[tuple[dt.date, str], str], reason: str = "Mother rang: a cold.", to: str = "I", by: User | None = None
):
    return change_marks(row=cast.theo, seen=seen, to=to, reason=reason, by=by or cast.alice, role="officer", now=NOW)


@pytest.fixture
def away(cast: Cast) -> dict[tuple[dt.date, str], str]:
    """Theo was without a reason on Monday and Tuesday, and in school on Wednesday morning."""
    monday = dt.date(2025, 11, 17)
    places = [(monday, "AM"), (monday, "PM"), (monday + dt.timedelta(1), "AM"), (monday + dt.timedelta(1), "PM")]
    marks = dict.fromkeys(places, "N") | {(monday + dt.timedelta(2), "AM"): "/"}
    enter_marks(
        school=cast.here,
        rows={(cast.theo.enrolment_id, 2025): row_with(marks)},
        file_name="f",
        file_format="long",
        by=None,
        now=NOW,
    )
    return dict.fromkeys(places, "N")


def test_a_span_is_corrected_with_one_reason(cast: Cast, away: dict) -> None:
    refresh_figures(school=cast.here, as_of=TODAY)
    corrected = ill(cast, away)
    assert len(corrected.changes) == 4
    assert sessions_between(cast.theo, (dt.date(2025, 11, 17), "AM"), (dt.date(2025, 11, 19), "AM")) == dict.fromkeys(
        away, "I"
    ) | {(dt.date(2025, 11, 19), "AM"): "/"}
    assert set(MarkChange.objects.values_list("original", "amended", "reason", "role")) == {
        ("N", "I", "Mother rang: a cold.", "officer")
    }
    assert AuditEntry.objects.get(action="marks changed").detail == {"from": "2025-11-17", "to": "2025-11-18", "sessions": 4}
    assert Figures.objects.get(row=cast.theo).authorised == 4


def test_present_is_written_in_either_half_of_the_day(cast: Cast, away: dict) -> None:
    ill(cast, away, to="/", reason="Was on a trip")
    assert code(cast.theo, dt.date(2025, 11, 17), "PM") == "\\"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reason": " "}, "Give the reason"),
        ({"to": "X"}, "not of compulsory school age"),
        ({"to": "H"}, "withdrawn"),
        ({"to": "N"}, "bears that mark already"),
        ({"seen": {}}, "at least one"),
        ({"seen": {(dt.date(2025, 11, 15), "AM"): ""}}, "weekend"),
        ({"seen": {(TODAY + dt.timedelta(days=1), "AM"): ""}}, "has not come yet"),
    ],
)
def test_what_may_not_be_corrected_says_why(cast: Cast, away: dict, change: dict, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        ill(cast, **{"seen": away, **change})
    assert not MarkChange.objects.exists()


def test_a_span_that_a_colleague_changed_meanwhile_is_left_alone(cast: Cast, away: dict) -> None:
    place = next(iter(away))
    change_mark(row=cast.theo, date=place[0], session=place[1], to="O", reason="x", by=cast.alice, role="officer", now=NOW)
    with pytest.raises(Refused, match="Monday 17 November, morning, in the meantime: it is now O"):
        ill(cast, away)
    assert code(cast.theo, dt.date(2025, 11, 18)) == "N"
