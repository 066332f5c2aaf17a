"""A file of pupils and contacts: what is new, what differs, what is refused, and what a file may never do."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from schools.arrivals import Arrivals, ArrivingContact, ArrivingPupil
from schools.contacts_plan import NOBODY_TO_RING, NOBODY_TO_WRITE_TO
from schools.models import AuditEntry, Enrolment, Parent, PeopleBatch, Placement, Pupil, PupilFlag, PupilParent
from schools.people import PeoplePreview, preview_people, take_in_people
from schools.people_undo import undo_people, why_not_undo_people
from schools.rules import FileRefused, Refused
from tests import factories as make
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
YESTERDAY = TODAY - dt.timedelta(days=1)


@pytest.fixture
def cast() -> Cast:
    return assemble()


MOTHER = ArrivingContact(
    title="Mrs", first_name="Ada", last_name="Fen", relationship="mother", has_parental_responsibility=True, receives_letters=True,
    telephone="07700 900123", email="ada@home.example", address="3 Dyke Lane\nFW1 3CC", mis_id="C1",
)  # fmt: skip
NEW = ArrivingPupil(
    row=2, upn="B823432120001", admission_number="900", first_name="Wilf", last_name="Fen", date_of_birth=dt.date(2014, 1, 5), sex="M",
    year_group=7, form="7A", house="Ash", admitted=TODAY, flags={"fsm": "", "ethnicity": "WBRI"}, contacts=[MOTHER],
)  # fmt: skip


def given(cast: Cast, name: str, row: int = 2, **more: object) -> ArrivingPupil:
    """A row that says only who the pupil is, and ``more``."""
    pupil = getattr(cast, name).enrolment.pupil
    return ArrivingPupil(row=row, upn=pupil.upn, **more)


def take(cast: Cast, *pupils: ArrivingPupil, whole: bool = False, on: dt.date = TODAY) -> PeopleBatch:
    arrivals = Arrivals("table", pupils, is_whole_roll=whole)
    return take_in_people(
        school=cast.here,
        arrivals=arrivals,
        file_name="pupils.csv",
        sha256="0" * 64,
        by=cast.alice,
        role="officer",
        now=NOW,
        on=on,
    )


def look(cast: Cast, *pupils: ArrivingPupil, whole: bool = False) -> PeoplePreview:
    return preview_people(cast.here, Arrivals("table", pupils, is_whole_roll=whole), TODAY)


def counts(batch: PeopleBatch) -> tuple[int, int, int, int]:
    return batch.new, batch.changed, batch.unchanged, batch.refused


def only_refusal(cast: Cast, *pupils: ArrivingPupil) -> str:
    seen = look(cast, *pupils, given(cast, "imogen", row=99))
    assert seen.refused == 1
    return seen.refusals[0].reason


def test_a_new_pupil_stands_on_roll_with_form_flags_and_contacts(cast: Cast) -> None:
    assert counts(take(cast, NEW)) == (1, 0, 0, 0)
    pupil = Pupil.objects.get(upn=NEW.upn)
    enrolment = pupil.enrolments.get()
    assert (enrolment.school, enrolment.starts, enrolment.ends, enrolment.admission_number) == (cast.here, TODAY, None, "900")
    placement = enrolment.placements.get()
    assert (placement.year_group, placement.form, placement.house, placement.starts) == (7, "7A", "Ash", TODAY)
    assert dict(pupil.flags.values_list("kind", "value")) == {"fsm": "", "ethnicity": "WBRI"}
    link = pupil.parent_links.get()
    assert (link.parent.name, link.relationship, link.receives_letters) == ("Mrs Ada Fen", "mother", True)
    assert AuditEntry.objects.get(action="people taken in").detail["new"] == 1


def test_the_same_file_twice_changes_nothing(cast: Cast) -> None:
    sister = replace(
        NEW, row=3, upn="B823432120002", admission_number="901", first_name="Una", contacts=[replace(MOTHER, telephone="1")]
    )
    take(cast, NEW, sister)
    before = {
        model: list(model.objects.order_by("pk").values())
        for model in (Pupil, Enrolment, Placement, PupilFlag, Parent, PupilParent)
    }
    assert counts(take(cast, NEW, sister, on=TODAY + dt.timedelta(days=4))) == (0, 0, 2, 0)
    assert before == {model: list(model.objects.order_by("pk").values()) for model in before}


def test_brothers_and_sisters_share_one_record_of_a_parent(cast: Cast) -> None:
    bare = replace(MOTHER, mis_id="")
    sister = replace(NEW, row=3, upn="B823432120002", admission_number="901", first_name="Una", contacts=[bare])
    take(cast, replace(NEW, contacts=[bare]), sister)
    assert Parent.objects.get(last_name="Fen").pupil_links.count() == 2


def test_a_parent_is_found_again_in_the_group(cast: Cast) -> None:
    morwenna = cast.parents["Morwenna"]
    by_email = ArrivingContact(first_name="MORWENNA", last_name="Marlow-Fen", email=morwenna.email.upper())
    take(cast, replace(NEW, contacts=[by_email]))
    assert morwenna.pupil_links.filter(pupil__upn=NEW.upn).exists()
    by_address = ArrivingContact(first_name="Piers", last_name="Quill", address="9 low row\nFenwold")
    take(cast, replace(NEW, contacts=[by_address]))
    assert cast.parents["Piers"].pupil_links.filter(pupil__upn=NEW.upn).exists()


def test_two_parents_with_one_address_for_mail_are_two(cast: Cast) -> None:
    father = replace(MOTHER, first_name="Bill", title="Mr", mis_id="", relationship="father")
    take(cast, replace(NEW, contacts=[replace(MOTHER, mis_id=""), father]))
    assert Parent.objects.filter(last_name="Fen").count() == 2


def test_a_number_of_the_mis_finds_a_parent_who_moved_and_changed_her_name(cast: Cast) -> None:
    take(cast, NEW)
    moved = replace(MOTHER, last_name="Reed", email="ada.reed@home.example", address="8 New Road\nFW1 4DD")
    seen = look(cast, replace(NEW, contacts=[moved]))
    assert ("Contact's last name", "Fen", "Reed") in seen.changed[0].changes
    take(cast, replace(NEW, contacts=[moved]))
    assert Parent.objects.get(email="ada.reed@home.example").name == "Mrs Ada Reed"


def test_a_new_form_closes_the_old_placement_the_day_before(cast: Cast) -> None:
    assert counts(take(cast, given(cast, "imogen", form="7B"))) == (0, 1, 0, 0)
    placements = list(cast.imogen.enrolment.placements.values_list("form", "starts", "ends"))
    assert placements == [("7A", dt.date(2024, 9, 3), YESTERDAY), ("7B", TODAY, None)]


def test_a_second_file_of_the_day_corrects_the_first(cast: Cast) -> None:
    take(cast, given(cast, "imogen", form="7B", flags={"ethnicity": "WBRI"}))
    take(cast, given(cast, "imogen", form="7C", flags={"ethnicity": "WIRI"}))
    assert list(cast.imogen.enrolment.placements.values_list("form", flat=True)) == ["7A", "7C"]
    assert cast.imogen.enrolment.pupil.flags.get().value == "WIRI"


def test_flags_are_dated_and_last_years_stay(cast: Cast) -> None:
    take(cast, given(cast, "priya", flags={"looked_after": None, "fsm": ""}))
    flags = dict(cast.priya.enrolment.pupil.flags.values_list("kind", "ends"))
    assert flags == {"looked_after": YESTERDAY, "fsm": None}


def test_what_the_file_does_not_say_is_left_alone(cast: Cast) -> None:
    before = list(PupilParent.objects.order_by("pk").values())
    assert counts(take(cast, given(cast, "imogen"), given(cast, "theo", row=3, flags={}, contacts=[]))) == (0, 0, 2, 0)
    assert list(PupilParent.objects.order_by("pk").values()) == before


def test_a_contact_whom_the_file_no_longer_names_stays_with_a_notice(cast: Cast) -> None:
    grace = ArrivingContact(first_name="Grace", last_name="Okafor")
    seen = look(cast, given(cast, "theo", contacts=[grace]))
    assert [notice.reason for notice in seen.notices] == [
        "The file does not name a contact who is kept here: take them out by hand if that is right."
    ]


def test_a_court_order_bars_from_today_and_no_file_lifts_a_bar(cast: Cast) -> None:
    ordered = replace(MOTHER, court_order=True)
    seen = look(cast, replace(NEW, contacts=[ordered]))
    assert {entry.why for entry in seen.unreachable} == {NOBODY_TO_WRITE_TO, NOBODY_TO_RING}
    take(cast, replace(NEW, contacts=[ordered]))
    take(cast, replace(NEW, contacts=[MOTHER]))
    link = PupilParent.objects.get(pupil__upn=NEW.upn)
    assert link.is_barred(TODAY) and "a named person must read it" in link.no_contact_note
    stefan = ArrivingContact(first_name="Stefan", last_name="Okafor", court_order=False, receives_letters=True)
    take(cast, given(cast, "theo", contacts=[stefan]))
    assert cast.parents["Stefan"].pupil_links.get().is_barred(TODAY)


def test_an_order_that_a_person_has_read_and_ended_is_not_set_again(cast: Cast) -> None:
    take(cast, replace(NEW, contacts=[replace(MOTHER, court_order=True)]), on=TODAY - dt.timedelta(days=9))
    PupilParent.objects.filter(pupil__upn=NEW.upn).update(no_contact_until=YESTERDAY)
    take(cast, replace(NEW, contacts=[replace(MOTHER, court_order=True)]))
    assert not PupilParent.objects.get(pupil__upn=NEW.upn).is_barred(TODAY)


def test_who_would_become_unreachable_is_named(cast: Cast) -> None:
    halina = ArrivingContact(first_name="Halina", last_name="Nowak", receives_letters=False)
    (entry,) = look(cast, given(cast, "priya", contacts=[halina])).unreachable
    assert (entry.row, entry.pupil, entry.why) == (2, cast.priya.enrolment.pupil, NOBODY_TO_WRITE_TO)


def test_the_whole_roll_says_who_left_and_a_part_does_not(cast: Cast) -> None:
    rows = [given(cast, name, row=number) for number, name in enumerate(("imogen", "theo", "newcomer"), start=2)]
    assert [leaver.pupil for leaver in look(cast, *rows, whole=True).leavers] == [cast.priya.enrolment.pupil]
    assert look(cast, *rows).leavers == []
    assert take(cast, *rows, whole=True).leavers == 1
    assert Enrolment.objects.get(pk=cast.priya.enrolment_id).ends == YESTERDAY


def test_nobody_leaves_while_a_row_is_refused(cast: Cast) -> None:
    rows = [given(cast, "imogen"), given(cast, "theo", row=3), ArrivingPupil(row=4, upn="nonsense")]
    seen = look(cast, *rows, whole=True)
    assert seen.leavers == []
    assert "Nobody is taken off roll while rows are refused" in seen.notices[0].reason


def test_a_part_of_the_roll_is_not_taken_for_the_whole(cast: Cast) -> None:
    with pytest.raises(FileRefused, match="3 of the 4 pupils on roll are not in this file"):
        look(cast, given(cast, "imogen"), whole=True)


def test_a_leaving_date_is_taken_over_and_a_pupil_long_gone_is_refused(cast: Cast) -> None:
    take(cast, given(cast, "imogen", left=dt.date(2025, 12, 19)))
    assert Enrolment.objects.get(pk=cast.imogen.enrolment_id).ends == dt.date(2025, 12, 19)
    assert only_refusal(cast, replace(NEW, left=dt.date(2025, 7, 1), admitted=None)) == (
        "The pupil left on 1 July 2025 and was never on the roll here: leave the row out."
    )


def test_a_pupil_who_left_comes_back_with_a_new_admission_only(cast: Cast) -> None:
    assert "left on 17 October 2025, and the file gives no admission after that day" in only_refusal(cast, given(cast, "leaver"))
    take(cast, given(cast, "leaver", admitted=dt.date(2025, 11, 17), year_group=8, form="8B"))
    pupil = cast.leaver.enrolment.pupil
    assert list(pupil.enrolments.values_list("starts", "ends")) == [
        (dt.date(2024, 9, 3), dt.date(2025, 10, 17)),
        (dt.date(2025, 11, 17), None),
    ]
    assert counts(take(cast, given(cast, "leaver", admission_number=cast.leaver.enrolment.admission_number))) == (0, 0, 1, 0)


def test_a_pupil_of_the_group_moves_and_is_not_made_twice(cast: Cast) -> None:
    batch = take(cast, given(cast, "edith", admission_number="777", admitted=TODAY, year_group=4, form="4A"))
    assert counts(batch) == (0, 1, 0, 0)
    assert cast.edith.enrolment.pupil.enrolments.count() == 2
    assert Pupil.objects.filter(last_name="Marlow").count() == 2


def test_a_pupil_without_upn_is_known_by_name_and_birth_and_gets_it(cast: Cast) -> None:
    pupil = cast.theo.enrolment.pupil
    upn, pupil.upn = pupil.upn, None
    pupil.save()
    take(cast, ArrivingPupil(row=2, upn=upn, first_name="THEO", last_name="Okafor", date_of_birth=pupil.date_of_birth))
    pupil.refresh_from_db()
    assert pupil.upn == upn


def test_a_upn_that_clashes_is_refused(cast: Cast) -> None:
    number = cast.theo.enrolment.admission_number
    clash = replace(NEW, admission_number=number)
    assert "is here the pupil with UPN" in only_refusal(cast, clash)
    two = given(cast, "priya", admission_number=number)
    assert "are two different pupils here" in only_refusal(cast, two)
    other = given(cast, "theo", first_name="Zed", last_name="Else", date_of_birth=dt.date(2012, 1, 1))
    assert "is here a pupil of another name and date of birth" in only_refusal(cast, other)


BAD_ROWS = {
    "no number": (replace(NEW, upn="", admission_number=""), "The row names no pupil: give a UPN or an admission number."),
    "bad UPN": (replace(NEW, upn="12"), "UPN “12” is not a unique pupil number: a letter, eleven digits and a digit or letter."),
    "future birth": (replace(NEW, date_of_birth=dt.date(2100, 1, 1)), "Date of birth 01 January 2100 cannot be a pupil's: correct it."),
    "sex": (replace(NEW, sex="?"), "Sex “?” is neither F nor M: write one of them."),
    "year group": (replace(NEW, year_group=99), "Year group 99 does not exist: write a number from 1 to 14, or 0 for reception."),
    "long form": (replace(NEW, form="x" * 21), "The form has 21 characters: shorten it to 20."),
    "left first": (
        replace(NEW, left=dt.date(2025, 1, 1)),
        "The leaving date 01 January 2025 is before the admission on 20 November 2025: correct one.",
    ),
    "unseen": (replace(NEW, last_name="Fe\u202en"), "The last name holds a character that cannot be seen (\\u202e): type it again."),
    "no names": (replace(NEW, last_name="", sex=""), "This pupil is not known here yet, and the row gives no surname, sex: add it."),
    "bad e-mail": (
        replace(NEW, contacts=[replace(MOTHER, email="not one")]),
        "Contact 1: “not one” is not an e-mail address: correct it or leave it empty.",
    ),
    "nameless contact": (
        replace(NEW, contacts=[ArrivingContact(telephone="1")]),
        "Contact 1: it has no name: give at least a surname, or leave the contact out.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_reason(cast: Cast, name: str) -> None:
    row, sentence = BAD_ROWS[name]
    assert only_refusal(cast, row) == sentence


def test_the_same_pupil_twice_in_a_file_is_refused_the_second_time(cast: Cast) -> None:
    assert only_refusal(cast, NEW, replace(NEW, row=3)) == "Row 2 already gives this pupil: leave one of the two out."


def test_another_schools_file_is_refused_whole(cast: Cast) -> None:
    rows = [make.on_roll(cast.there, form="Oak").enrolment.pupil for _ in range(7)]
    with pytest.raises(FileRefused, match="7 of the 7 pupils in this file are on the roll of Marsh Lane Primary School"):
        look(cast, *(ArrivingPupil(row=n, upn=pupil.upn) for n, pupil in enumerate(rows, start=2)))
    assert not PeopleBatch.objects.exists()


def test_statements_do_not_grow_with_the_pupils(cast: Cast) -> None:
    def many(count: int, start: int) -> list[ArrivingPupil]:
        return [
            replace(
                NEW, row=number + 2, upn=f"C{start + number:012}", admission_number=str(start + number), last_name=f"Fen{start + number}",
                contacts=[replace(MOTHER, mis_id=f"M{start + number}", email=f"m{start + number}@home.example")],
            )
            for number in range(count)
        ]  # fmt: skip

    statements = []
    for count, start in ((5, 1000), (150, 2000)):
        with CaptureQueriesContext(connection) as asked:
            assert take(cast, *many(count, start)).new == count
        statements.append(len(asked))
    assert statements[1] - statements[0] <= 5, "the embedded database takes rows in lots of a hundred or so"
    assert statements[1] <= 40


def test_a_file_of_people_is_undone_while_nothing_rests_on_it(cast: Cast) -> None:
    tables = (Pupil, Enrolment, Placement, PupilFlag, Parent, PupilParent)
    before = {table: list(table.objects.order_by("pk").values()) for table in tables}
    moved = given(cast, "imogen", row=3, form="7B", flags={"fsm": ""}, contacts=[replace(MOTHER, mis_id="C9")])
    batch = take(cast, NEW, moved)
    assert why_not_undo_people(batch) == []
    undone = undo_people(batch=batch, by=cast.alice, role="officer", now=NOW)
    assert before == {table: list(table.objects.order_by("pk").values()) for table in tables}
    assert undone.undone_by == cast.alice
    with pytest.raises(Refused, match="already"):
        undo_people(batch=batch, by=cast.alice, role="officer", now=NOW)


def test_what_came_after_stands_in_the_way_of_the_undo(cast: Cast) -> None:
    batch = take(cast, NEW, given(cast, "imogen", row=3, form="7B"))
    make.RegisterRowFactory(enrolment=Enrolment.objects.get(pupil__upn=NEW.upn))
    Placement.objects.filter(enrolment=cast.imogen.enrolment, form="7A").update(ends=TODAY)
    assert why_not_undo_people(batch) == [
        "A form that it changed was changed again since (1 in all): put it right by hand.",
        "On the people whom it brought rest register rows entered since: take them off roll by hand instead.",
    ]
    with pytest.raises(Refused):
        undo_people(batch=batch, by=cast.alice, role="officer", now=NOW)
    assert Pupil.objects.filter(upn=NEW.upn).exists()
