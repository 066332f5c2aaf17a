"""XML that somebody made to break the import: each ends in a sentence with its line, none in a crash or in half a file."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.ctf import read_ctf
from attendance.models import EarlierAttendance, ImportBatch, RegisterRow
from attendance.safe_xml import MAX_BYTES, MAX_DEPTH, MAX_TEXT, looks_like_xml, read_xml, root_name
from attendance.sims import read_sims
from attendance.transfer import take_in_xml
from schools.models import PeopleBatch, Pupil
from schools.rules import FileRefused
from tests.attendance.test_ctf import HEADER, ctf, own, year
from tests.cast import NOW, TODAY, Cast, assemble

GOOD = ctf(own("/\\/\\/\\/\\/\\"), year("/\\" * 5))


def laughs() -> bytes:
    """Ten entities, each of ten of the one before: 10 000 000 000 characters."""
    entities = "".join(
        f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "ha"}{("&l" + str(n - 1) + ";") * 9 if n else ""}">'
        for n in range(10)
    )
    return f"<?xml version='1.0'?>\n<!DOCTYPE CTfile [{entities}]>\n<CTfile>&l9;</CTfile>".encode()


def quadratic() -> bytes:
    return b'<!DOCTYPE CTfile [<!ENTITY a "' + b"a" * 100_000 + b'">]><CTfile>' + b"&a;" * 10_000 + b"</CTfile>"


def deep() -> bytes:
    return b"<CTfile>" + b"<a>" * 200_000


def many_attributes() -> bytes:
    return b"<CTfile " + b" ".join(b'a%d="1"' % number for number in range(10_000)) + b"/>"


def in_the_marks(text: str) -> bytes:
    return ctf(own(text))


REFUSED_WHOLE = {
    "a billion laughs": laughs(),
    "one large entity, often": quadratic(),
    "an external entity": b'<!DOCTYPE CTfile [<!ENTITY x SYSTEM "file:///etc/passwd">]><CTfile>&x;</CTfile>',
    "an external entity over the network": b'<!DOCTYPE CTfile [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]><CTfile>&x;</CTfile>',
    "a parameter entity": b'<!DOCTYPE CTfile [<!ENTITY % x SYSTEM "http://127.0.0.1:9/"> %x;]><CTfile/>',
    "an external document type": b'<!DOCTYPE CTfile SYSTEM "http://127.0.0.1:9/ctf.dtd"><CTfile/>',
    "a document type without entities": b"<!DOCTYPE CTfile><CTfile/>",
    "a document type with default attributes": b'<!DOCTYPE CTfile [<!ATTLIST CTfile a CDATA "b">]><CTfile/>',
    "an entity that nobody declared": b"<CTfile>&nbsp;</CTfile>",
    "elements within elements without end": deep(),
    "deeper than a file is": b"<CTfile>" + b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH + b"</CTfile>",
    "ten thousand attributes": many_attributes(),
    "an attribute twice": b'<CTfile a="1" a="2"/>',
    "a text of a megabyte": b"<CTfile><Header><CTFversion>" + b"2" * 1_000_000 + b"</CTFversion></Header></CTfile>",
    "larger than a file may be": b"<CTfile>" + b" " * MAX_BYTES + b"</CTfile>",
    "empty": b"",
    "only spaces": b"  \n ",
    "only a declaration": b'<?xml version="1.0"?>',
    "cut off": GOOD[: len(GOOD) // 2],
    "cut in a tag": GOOD[:-3],
    "two roots": GOOD + b"<CTfile/>",
    "something after the end": GOOD + b"and more",
    "closed in the wrong order": b"<CTfile><Header></CTfile></Header>",
    "a NUL": GOOD.replace(b"Imogen", b"Imo\0gen"),
    "a control character": GOOD.replace(b"Imogen", b"Imo\x07gen"),
    "a control character as a number": GOOD.replace(b"Imogen", b"Imo&#7;gen"),
    "not UTF-8": GOOD.replace(b"Imogen", b"Zo\xeb"),
    "says UTF-16 and is not": GOOD.replace(b'encoding="utf-8"', b'encoding="utf-16"'),
    "an encoding that does not exist": GOOD.replace(b'encoding="utf-8"', b'encoding="klingon"'),
    "an encoding that unpacks": GOOD.replace(b'encoding="utf-8"', b'encoding="zlib"'),
    "UTF-7": GOOD.replace(b'encoding="utf-8"', b'encoding="utf-7"'),
    "half of a UTF-16 character": b"\xff\xfe<\0C\0T",
    "a web page": b"<!DOCTYPE html>\n<html><title>Sign in</title></html>",
    "another product's XML": b"<Envelope><Body/></Envelope>",
    "an include": b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>',
    "a stylesheet": b'<?xml-stylesheet href="http://127.0.0.1:9/"?><CTfile/>',
    "no pupils": ctf(pupils=" "),
    "only pupils without names": ctf(pupils="<Pupil><UPN>A1</UPN></Pupil>" * 50),
    "another school's": GOOD.replace(HEADER.encode(), HEADER.replace("4321", "4000").encode()),
    "a SIMS report without records": b"<SuperStarReport/>",
    "a SIMS report of rooms": b"<SuperStarReport><Record><Room>1</Room></Record></SuperStarReport>",
}


@pytest.fixture
def cast(db: None) -> Cast:
    made = assemble()
    made.here.la_number, made.here.establishment_number = "823", "4321"
    made.here.save()
    Pupil.objects.filter(pk=made.imogen.enrolment.pupil_id).update(upn="A823432120001")
    return made


def take_in(cast: Cast, data: bytes) -> None:
    take_in_xml(school=cast.here, data=data, file_name="hostile.xml", by=cast.alice, role="officer", now=NOW, on=TODAY)


def stored() -> tuple[object, ...]:
    rows = tuple(RegisterRow.objects.order_by("pk").values_list("marks", flat=True))
    return rows, *(model.objects.count() for model in (PeopleBatch, ImportBatch, EarlierAttendance, Pupil))


@pytest.mark.parametrize("name", REFUSED_WHOLE)
def test_it_is_refused_whole_with_a_sentence(cast: Cast, name: str) -> None:
    before, started = stored(), time.monotonic()
    with pytest.raises(FileRefused) as refused:
        take_in(cast, REFUSED_WHOLE[name])
    sentence = str(refused.value)
    assert sentence.startswith("Line ") or "MB" in sentence
    assert sentence.endswith(".")
    assert stored() == before
    assert time.monotonic() - started < 20


HOSTILE_WITHIN = {
    "marks without end": in_the_marks("/\\" * (MAX_TEXT // 2 - 1)),
    "marks that are no codes": in_the_marks("☃☃" * 5),
    "marks in look-alike letters": in_the_marks("ОО" * 5),
    "marks with a direction mark": in_the_marks("/\\" * 4 + "\u202eI"),
    "marks from the year 1": GOOD.replace(b"2025-11-17", b"0001-01-01"),
    "marks from the year 9999": GOOD.replace(b"2025-11-17", b"9999-12-27"),
    "a date that does not exist": GOOD.replace(b"2025-11-17", b"2025-02-30"),
    "a date in Arabic digits": GOOD.replace(b"2025-11-17", "٢٠٢٥-١١-١٧".encode()),
    "a year of five digits": GOOD.replace(b"<Year>2025</Year>", b"<Year>20255</Year>"),
    "sessions below nothing": GOOD.replace(b"<SessionsPossible>10<", b"<SessionsPossible>-10<"),
    "sessions beyond a number": GOOD.replace(b"<SessionsPossible>10<", b"<SessionsPossible>99999999999999999999<"),
    "sessions in superscript": GOOD.replace(b"<SessionsPossible>10<", "<SessionsPossible>¹⁰<".encode()),
    "more attended than possible": GOOD.replace(b"<SessionsAttended>10<", b"<SessionsAttended>11<"),
    "a priority beyond a number": GOOD.replace(b"<Order>1<", b"<Order>99999999999999999999<"),
    "a name that is markup": GOOD.replace(b"Imogen", b"&lt;script&gt;alert(1)&lt;/script&gt;"),
    "the same pupil a hundred times": ctf(
        pupils="<Pupil><UPN>A823432120001</UPN><Surname>M</Surname><Forename>I</Forename></Pupil>" * 100
    ),
    "an e-mail with a line end": GOOD.replace(b"morwenna@home.example", b"a@home.example&#10;Bcc: b@home.example"),
}


@pytest.mark.parametrize("name", HOSTILE_WITHIN)
def test_what_cannot_be_read_within_a_file_is_refused_with_its_line_and_the_rest_stands(cast: Cast, name: str) -> None:
    before = stored()
    try:
        take_in(cast, HOSTILE_WITHIN[name])
    except FileRefused as refused:
        assert stored() == before
        assert str(refused).endswith(".")
    read = read_ctf(HOSTILE_WITHIN[name], on=TODAY)
    told = [*read.refusals, *read.notices]
    assert all(each.row > 0 and each.reason.endswith((".", "keeps its meaning.")) for each in told)


def test_the_good_file_is_good(cast: Cast) -> None:
    take_in(cast, GOOD)
    assert RegisterRow.objects.get(pk=cast.imogen.pk).marks.strip(".") == "/\\/\\/\\/\\/\\"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_xml, read_sims):
        try:
            read(data)
        except FileRefused as refused:
            assert str(refused)
    looks_like_xml(data)
    root_name(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_good_file_with_some_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    broken = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_ctf(bytes(broken), on=TODAY)
    except FileRefused as refused:
        assert str(refused)
