"""Files that somebody made to break the import: each ends in a numbered sentence, none in a crash or in half a register."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from attendance.imports import FileRefused, read
from attendance.models import ImportBatch, RegisterRow
from attendance.services import import_register
from tests.attendance.test_imports import GOOD, HEADER, IMOGEN, ROLL, THEO, WEEKS
from tests.bars import Bar
from tests.cast import NOW, TODAY, Cast, assemble
from tests.schools.test_tables import BOOK, FAR, LONG, rebuilt, sheet
from tests.schools.test_tables import workbook as xlsx


def workbook() -> bytes:
    """A zip archive that unpacks to ten megabytes of nothing."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 10_000_000)
    return made.getvalue()


HEADINGS = ["upn", "date", "session", "code"]


def book(*rows: list) -> bytes:
    return xlsx(("Register", [HEADINGS, *rows]))


def nested(depth: int) -> bytes:
    """An archive in an archive in an archive."""
    data = workbook()
    for _ in range(depth):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", data)
        data = made.getvalue()
    return data


WORKBOOKS_REFUSED = {
    "a gigabyte declared": rebuilt(BOOK, sheet1=b"<a>" + b" " * 90_000_000),
    "a workbook that lies about its size": rebuilt(BOOK, sheet1=b" " * 10_000_000).replace(
        (10_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little")
    ),
    "a cell in the last column of the last row": rebuilt(BOOK, sheet1=sheet(FAR)),
    "one long text behind many cells": rebuilt(
        BOOK, sharedStrings=LONG.encode(), sheet1=sheet('<row><c t="s"><v>0</v></c></row>' * 5000)
    ),
    "a workbook with entities": rebuilt(
        BOOK,
        sheet1=b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        + sheet("<row><c><v>&b;</v></c></row>").partition(b"?>")[2],
    ),
    "a workbook with an outside entity": rebuilt(
        BOOK, workbook=b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><workbook>&a;</workbook>'
    ),
    "an archive in an archive": nested(3),
    "a workbook cut off": BOOK[: len(BOOK) // 2],
    "a workbook with a sheet that is a picture": rebuilt(BOOK, sheet1=b"\x89PNG\r\n"),
    "a workbook without a sheet": xlsx(("Empty", [])),
    "a workbook of headings only": book(),
    "a workbook of unknown pupils": book(*[[f"Z{number}", "2025-11-20", "AM", "/"] for number in range(20)]),
    "a workbook of the year 1900": book([IMOGEN, 1, "AM", "/"]),
    "a workbook with errors for values": rebuilt(
        book([IMOGEN, "2025-11-20", "AM", "/"]),
        sheet1=sheet('<row r="1"><c r="A1" t="e"><v>#REF!</v></c></row><row r="2"><c r="A2" t="e"><v>#N/A</v></c></row>'),
    ),
    "a thousand columns": xlsx(("Wide", [[f"c{number}" for number in range(1000)], list(range(1000))])),
    "a workbook of formulas": xlsx(("Register", [["=1+1", "=2+2", "=3+3"], ["=NOW()", "=A1", "=B1"]])),
}
REFUSED_WHOLE = {
    **WORKBOOKS_REFUSED,
    "UTF-16 that ends in the middle": (HEADER + GOOD).encode("utf-16")[:-1] + b"\xd8",
    "bytes that Windows-1252 does not have": HEADER.encode() + b"\x81\x8d\x8f\x90\x9d,2025-11-20,AM,/\n",
    "two columns of one name": f"upn,date,session,code,Session\n{IMOGEN},2025-11-20,AM,/,PM\n".encode(),
    "another year's register": f"{HEADER}{IMOGEN},2019-11-20,AM,/\n{THEO},2019-11-20,AM,/\n".encode(),
    "only days on which the school was closed": f"{HEADER}{IMOGEN},2025-10-28,AM,/\n{THEO},2025-12-25,AM,/\n".encode(),
    "an archive that unpacks to much": workbook(),
    "gzip": gzip.compress((HEADER + GOOD).encode()),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "an executable": b"\x7fELF\x02\x01\x01" + bytes(64),
    "a web page": b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n",
    "XML with entities": b'<?xml version="1.0"?>\n<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<l>&b;</l>\n',
    "JSON": b'[{"upn": "A823432120001", "date": "2025-11-20", "session": "AM", "code": "/"}]\n',
    "YAML": b"upn: !!python/object/apply:os.system [ls]\n",
    "one NUL": b"\0",
    "NUL among good rows": (HEADER + GOOD).replace("AM", "A\0M", 1).encode(),
    "only a byte order mark": b"\xef\xbb\xbf",
    "UTF-32": (HEADER + GOOD).encode("utf-32"),
    "UTF-16 without a mark": (HEADER + GOOD).encode("utf-16-le"),
    "UTF-7": b"+AHUAcABu-,date\n",
    "overlong UTF-8": HEADER.encode() + b"\xc0\xaf,2025-11-20,AM,/\n",
    "a lone surrogate": HEADER.encode() + b"\xed\xa0\x80,2025-11-20,AM,/\n",
    "only commas": b",,,\n,,,\n",
    "only quotes": b'"""""\n',
    "only spaces": b"   \n   \n",
    "more weeks than a school has": (WEEKS + f"{IMOGEN},2025-11-17,/,/,/,/,/,/,/,/,/,/\n" * 100_001).encode(),
    "only line ends": b"\r\n\r\r\n\n",
    "a million columns": b"a," * 1_000_000 + b"\n",
    "thirty million commas": b"," * 30_000_000,
    "quoted line ends without end": (HEADER + '"\n",' * 10_000).encode(),
    "a header of formulas": b"=1+1,=cmd|' /C calc'!A0,@SUM(1),-2\n",
    "a header in another alphabet": "упн,дата,сессия,код\n".encode(),
    "a header with look-alikes": "upп,date,session,code\n".encode(),
    "all columns of both formats but no pupil": b"date,session,code,WeekBeginning,MonAM\n",
    "only unknown pupils": (HEADER + "".join(f"Z{number},2025-11-20,AM,/\n" for number in range(50))).encode(),
    "dates of 1900 only": f"{HEADER}{IMOGEN},1900-01-01,AM,/\n".encode(),
    "dates of 2100 only": f"{HEADER}{IMOGEN},2100-01-01,AM,/\n".encode(),
    "a day that does not exist": f"{HEADER}{IMOGEN},2025-11-31,AM,/\n".encode(),
    "year 0": f"{HEADER}{IMOGEN},0000-01-01,AM,/\n".encode(),
    "the last day of all": f"{WEEKS}{IMOGEN},9999-12-27,/,/,/,/,/,/,/,/,/,/\n".encode(),
    "the first day of all": f"{HEADER}{IMOGEN},0001-01-01,AM,/\n".encode(),
    "digits of another script": f"{HEADER}{IMOGEN},٢٠٢٥-١١-٢٠,AM,/\n".encode(),
}


@pytest.mark.parametrize("name", REFUSED_WHOLE)
def test_it_is_refused_whole_in_a_sentence(name: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(REFUSED_WHOLE[name], ROLL)
    assert str(refused.value).endswith((".", "row."))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


BAD_ROWS = {
    "a formula for a UPN": "=HYPERLINK(1),2025-11-20,PM,/",
    "a formula for a code": f"{IMOGEN},2025-11-20,PM,=1+1",
    "a formula for a date": f"{IMOGEN},=TODAY(),PM,/",
    "a minus for a session": f"{IMOGEN},2025-11-20,-,/",
    "SQL for a UPN": "A'; DROP TABLE attendance_registerrow; --,2025-11-20,PM,/",
    "SQL for a code": f"{IMOGEN},2025-11-20,PM,' OR 1=1",
    "markup for a UPN": "<script>alert(1)</script>,2025-11-20,PM,/",
    "a template for a code": f"{IMOGEN},2025-11-20,PM,{{{{7*7}}}}",
    "a path for a UPN": "../../etc/passwd,2025-11-20,PM,/",
    "a right-to-left mark in a UPN": f"\u202e{IMOGEN},2025-11-20,PM,/",
    "a zero-width space in a code": f"{IMOGEN},2025-11-20,PM,\u200bN",
    "a combining mark on a code": f"{IMOGEN},2025-11-20,PM,N\u0301",
    "a full-width code": f"{IMOGEN},2025-11-20,PM,\uff2e",
    "a Cyrillic code": f"{IMOGEN},2025-11-20,PM,\u0421",
    "an emoji for a code": f"{IMOGEN},2025-11-20,PM,\U0001f912",
    "two codes": f"{IMOGEN},2025-11-20,PM,NI",
    "the store's own sign for no mark": f"{IMOGEN},2025-11-20,PM,.",
    "the store's own sign for C2": f"{IMOGEN},2025-11-20,PM,t",
    "the store's own sign for Y1": f"{IMOGEN},2025-11-20,PM,1",
    "an endless code": f"{IMOGEN},2025-11-20,PM,{'N' * 10_000}",
    "an endless date": f"{IMOGEN},{'2' * 10_000},PM,/",
    "a bell in a session": f"{IMOGEN},2025-11-20,P\aM,/",
    "a time of day": f"{IMOGEN},2025-11-20T09:15:00,AM,/",
    "an American date": f"{IMOGEN},11/20/2025,PM,/",
    "a negative year": f"{IMOGEN},-2025-11-20,PM,/",
    "too many values": f"{IMOGEN},2025-11-20,PM,/" + ",x" * 40,
    "too few values": "x",
    "the same session again": f"{IMOGEN},2025-11-20,AM,/",
    "the same session of the same pupil in small letters": f"{IMOGEN.lower()},2025-11-20,am,N",
    "a cell cut in the middle of a character": "\u00c3",
    "a day of next year": f"{IMOGEN},2026-11-20,AM,/",
    "a staff day": f"{IMOGEN},2025-10-24,AM,/",
    "a pupil who had left": "A823432120003,2025-11-20,AM,/",
    "a pupil who was not admitted yet": "A823432120004,2025-10-20,AM,/",
    "a raw code that nobody explained": f"{IMOGEN},2025-11-20,PM,X01",
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_its_row_is_refused_with_its_number_and_no_other(name: str) -> None:
    result = read(f"{HEADER}{GOOD}{BAD_ROWS[name]}\n{IMOGEN},2025-11-19,AM,/\n".encode(), ROLL)
    assert [refusal.row for refusal in result.refusals] == [4]
    assert result.refusals[0].reason.isprintable()
    assert len(result.refusals[0].reason) < 250
    assert sum(len(row) - row.count(b".") for row in result.marks.values()) == 3


def test_in_a_workbook_too_the_row_alone_is_refused() -> None:
    for name, row in BAD_ROWS.items():
        values = row.split(",")
        if len(values) > 10 or any(not value.isprintable() for value in values) or len(row) > 300:
            continue
        good = [line.split(",") for line in GOOD.strip().split("\n")]
        data = xlsx(("Register", [HEADINGS, *good, [f"'{value}" if value.startswith("=") else value for value in values]]))
        result = read(data, ROLL)
        assert [refusal.row for refusal in result.refusals] == [4], name


def test_there_are_at_least_sixty_hostile_files() -> None:
    assert len(REFUSED_WHOLE) >= 50
    assert len(REFUSED_WHOLE) + len(BAD_ROWS) >= 90


MEASURED = """
import sys, time
from pathlib import Path
import django
django.setup()
from attendance.imports import read
from schools.rules import FileRefused
from tests.attendance.test_imports import ROLL
data = open(sys.argv[1], "rb").read()
began = time.monotonic()
try:
    read(data, ROLL)
except FileRefused as refused:
    assert str(refused)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(time.monotonic() - began, int(peak.split()[1]) // 1024)
"""
"""The peak of this process alone: what ``getrusage`` says begins with the size of the process that started it."""


def biggest() -> dict[str, bytes]:
    """What is near the limits and not over them: the dearest files that are read to their end."""
    row = f"{IMOGEN},2025-11-20,AM,/\n"
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c><c r="B{n}"><v>45981</v></c></row>' for n in range(2, 400_000))
    return {
        "thirty megabytes of one row": (HEADER + row * (31 * 1024**2 // len(row))).encode(),
        "a million rows of nothing": (HEADER + GOOD + ",,,\n" * 999_000).encode(),
        "a workbook of 400,000 rows": rebuilt(BOOK, sheet1=sheet(cells)),
        "UTF-16 of fifteen megabytes": (HEADER + row * (15 * 1024**2 // len(row))).encode("utf-16"),
        "weeks of one pupil": (WEEKS + f"{IMOGEN},2025-11-17,/,/,/,/,/,/,/,/,/,/\n" * 99_000).encode(),
    }


@pytest.mark.slow
def test_every_hostile_file_stays_within_512_megabytes_and_30_seconds(tmp_path: Path, bar: Bar) -> None:
    slowest, largest = 0.0, 0
    files = {**REFUSED_WHOLE, **{name: f"{HEADER}{GOOD}{row}\n".encode() for name, row in BAD_ROWS.items()}, **biggest()}
    for name, data in files.items():
        path = tmp_path / "hostile"
        path.write_bytes(data)
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "on"}
        command = [sys.executable, "-c", MEASURED, str(path)]
        done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{name}: {done.stderr[-500:]}"
        seconds, megabytes = (float(word) for word in done.stdout.split()[-2:])
        assert seconds <= 30 and megabytes <= 512, f"{name}: {seconds:.1f} s, {megabytes:.0f} MB"
        slowest, largest = max(slowest, seconds), max(largest, int(megabytes))
    bar(10, f"{len(files)} hostile register files, 0 crashes, 0 partial imports; at most {slowest:.1f} s and {largest} MB")


cells = st.sampled_from(
    [IMOGEN, THEO, "2025-11-20", "AM", "PM", "N", "/", "-", "", '"', "'", "=1", "\u202e", "\x07", ","]
) | st.text(max_size=8)


@rules(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(cells, max_size=6).map(",".join), max_size=8), st.sampled_from([HEADER, WEEKS, ""]), st.binary(max_size=4)
)
def test_whatever_the_file_is_reading_it_never_crashes(rows: list[str], header: str, tail: bytes) -> None:
    data = (header + "\n".join(rows)).encode("utf-8", "surrogatepass") + tail
    try:
        result = read(data, ROLL)
    except FileRefused as refused:
        assert str(refused)
    else:
        assert result.refused >= len(result.refusals)
        assert all(row >= 2 and reason for row, reason in result.refusals)


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.mark.django_db
@pytest.mark.sqlite_too
def test_nothing_of_a_refused_file_is_written(cast: Cast) -> None:
    before = list(RegisterRow.objects.order_by("pk").values_list("marks", flat=True))
    for data in REFUSED_WHOLE.values():
        with pytest.raises(FileRefused):
            import_register(school=cast.here, data=data, file_name="hostile.csv", by=cast.alice, now=NOW)
    assert not ImportBatch.objects.exists()
    assert list(RegisterRow.objects.order_by("pk").values_list("marks", flat=True)) == before


@pytest.mark.django_db
@pytest.mark.sqlite_too
def test_names_of_files_and_comments_are_kept_as_they_are_and_harm_nothing(cast: Cast) -> None:
    upn = cast.imogen.enrolment.pupil.upn
    text = f"upn,date,session,code,comment\n{upn},{TODAY},AM,L,\"=cmd|' /C calc'!A0; DROP TABLE x; \t\\N \\. {{}}\"\n"
    batch, _ = import_register(
        school=cast.here, data=text.encode(), file_name="../" * 100 + "\u202egpj.csv", by=cast.alice, now=NOW
    )
    assert (batch.new, batch.refused) == (1, 0)
    assert cast.imogen.details.get().comment == "=cmd|' /C calc'!A0; DROP TABLE x; \t\\N \\. {}"
