"""Two people, or a person and a file, write one register row at the same moment: no mark is lost, and whoever was slower is told.

The embedded database has one writer at a time; these run on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import connection, transaction

from attendance import bulk
from attendance.models import ImportBatch, MarkChange, RegisterConflict, RegisterRow
from attendance.queries import verify
from attendance.services import change_mark, import_register, stored_code
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Iterator[Cast]:
    cast = assemble()
    yield cast
    assert verify(cast.here)[2] == []


def at_once(*writers: Callable[[], object]) -> list[object]:
    """Runs the writers in threads that begin together; what each returned, or the refusal that it met."""
    start = Barrier(len(writers))

    def run(writer: Callable[[], object]) -> object:
        try:
            start.wait()
            return writer()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(writers)) as threads:
        return list(threads.map(run, writers))


def changer(cast: Cast, date: dt.date, session: str, to: str, was: str | None = None) -> Callable[[], MarkChange]:
    return lambda: change_mark(
        row=cast.imogen, date=date, session=session, to=to, was=was, reason="told", by=cast.alice, role="officer", now=NOW
    )


def test_ten_writers_of_ten_sessions_lose_nothing(cast: Cast) -> None:
    week = [dt.date(2025, 11, 17) + dt.timedelta(days=number) for number in range(5)]
    places = [(date, session) for date in week for session in ("AM", "PM")]
    made = at_once(*(changer(cast, date, session, "I") for date, session in places))
    assert all(isinstance(change, MarkChange) for change in made)
    assert [stored_code(cast.imogen, *place) for place in places] == ["I"] * 10
    assert MarkChange.objects.count() == 10


def test_of_five_writers_of_one_session_one_wins_and_four_are_told(cast: Cast) -> None:
    codes = ["I", "M", "O", "L", "U"]
    made = at_once(*(changer(cast, TODAY, "AM", code, was="") for code in codes))
    won = [change for change in made if isinstance(change, MarkChange)]
    told = [str(refused) for refused in made if isinstance(refused, Refused)]
    assert len(won) == 1
    now_is = stored_code(cast.imogen, TODAY, "AM")
    assert won[0].amended == now_is
    assert told == [f"Somebody changed this mark in the meantime: it is now {now_is}. Look at it again before you change it."] * 4


def test_the_same_file_by_two_at_once_is_read_in_once(cast: Cast) -> None:
    text = "upn,date,session,code\n" + "".join(
        f"{row.enrolment.pupil.upn},{TODAY},{session},/\n" for row in (cast.imogen, cast.theo) for session in ("AM", "PM")
    )

    def importer() -> ImportBatch:
        return import_register(school=cast.here, data=text.encode(), file_name="day.csv", by=cast.alice, now=NOW)[0]

    made = at_once(importer, importer, importer)
    assert sorted((batch.new, batch.unchanged) for batch in made) == [(0, 4), (0, 4), (4, 0)]


def test_an_import_overtaken_by_a_hand_begins_again_and_loses_neither(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person enters a mark after the import has read the row and before it writes: the person's stands until a person decides."""
    read, changed = Event(), Event()
    patch_rows = bulk.patch_rows

    def paused(patches: list[bulk.Patch]) -> int:
        read.set()
        assert changed.wait(10)
        return patch_rows(patches)

    def person() -> MarkChange:
        assert read.wait(10)
        try:
            return changer(cast, TODAY, "AM", "M")()
        finally:
            changed.set()

    monkeypatch.setattr(bulk, "patch_rows", paused)
    upn = cast.imogen.enrolment.pupil.upn
    text = f"upn,date,session,code\n{upn},{TODAY},AM,N\n{upn},{TODAY},PM,/\n".encode()

    def importer() -> ImportBatch:
        return import_register(school=cast.here, data=text, file_name="day.csv", by=cast.alice, now=NOW)[0]

    batch, by_hand = at_once(importer, person)
    assert (by_hand.original, by_hand.amended) == ("", "M")
    assert (batch.new, batch.changed) == (1, 0)
    assert (stored_code(cast.imogen, TODAY, "AM"), stored_code(cast.imogen, TODAY, "PM")) == ("M", "/")
    assert list(MarkChange.objects.values_list("original", "amended")) == [("", "M")]
    assert list(RegisterConflict.objects.values_list("ours", "theirs", "state")) == [("M", "N", "open")]


def test_a_writer_waits_for_another_transaction_and_is_told_what_it_left(cast: Cast) -> None:
    written = Event()

    def slow() -> MarkChange:
        with transaction.atomic():
            made = changer(cast, TODAY, "AM", "O", was="")()
            written.set()
        return made

    def hasty() -> MarkChange:
        assert written.wait(10)
        return changer(cast, TODAY, "AM", "I", was="")()

    made, refused = at_once(slow, hasty)
    assert made.amended == "O"
    assert "it is now O" in str(refused)
    assert RegisterRow.objects.get(pk=cast.imogen.pk).marks.count("O") == 1
