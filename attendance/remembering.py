"""What a school said once about its files: which column is which, and which national code one of its MIS's own stands for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import transaction

from attendance.codes import CODES
from attendance.imports import MAX_RAW_CODE, Headings, shown
from attendance.models import ColumnMap, RawCode
from schools import audit
from schools.columns import fingerprint, placed
from schools.models import School, User
from schools.people_table import missing_columns
from schools.rules import Refused

KINDS = {"long": "one mark a row", "weeks": "one week a row", "people": "pupils and contacts"}


class Remembered(NamedTuple):
    """``kind``: long, weeks or people. ``columns``: our column to the file's heading."""

    kind: str
    columns: Mapping[str, str]


def remembered(school: School, headings: Sequence[str]) -> Remembered | None:
    """What a person said about a file with these headings; None where nobody has. One statement."""
    found = ColumnMap.objects.filter(school=school, headings_sha256=fingerprint(headings)).first()
    return Remembered(found.kind, found.columns) if found else None


@transaction.atomic
def remember_columns(
    *,
    school: School,
    kind: str,
    headings: Sequence[str],
    columns: Mapping[str, str],
    by: User,
    role: str,
    now: dt.datetime,
) -> ColumnMap:
    """Keeps which column is which for the next file with the same headings. Refused where a needed column is not named, or one heading
    is given to two."""
    said = {name: heading for name, heading in columns.items() if heading}
    twice = [heading for heading in said.values() if list(said.values()).count(heading) > 1]
    if twice:
        raise Refused(f"Column {shown(twice[0])} was given two meanings: choose one.")
    places = placed(headings, said)
    missing = missing_columns(places) if kind == "people" else list(Headings.of(headings, kind, said).missing)
    if missing:
        raise Refused(f"Say which column holds: {', '.join(missing)}.")
    kept, _ = ColumnMap.objects.update_or_create(
        school=school,
        headings_sha256=fingerprint(headings),
        defaults={"kind": kind, "headings": list(headings), "columns": said, "by": by, "at": now},
    )
    audit.record(
        action="columns remembered",
        subject=kept,
        by=by,
        role=role,
        at=now,
        school=school,
        detail={"kind": kind, "columns": len(said)},
    )
    return kept


@transaction.atomic
def remember_code(*, school: School, raw: str, code: str, by: User, role: str, now: dt.datetime) -> RawCode:
    """Keeps which national code one of the MIS's own stands for, from the next file on; marks that were read in stay as they are.

    A person's word comes before the national table, so that a MIS may mean something else by a letter.
    """
    raw = raw.strip()
    if not raw or len(raw) > MAX_RAW_CODE or not raw.isprintable():
        raise Refused(f"A code of the MIS has from 1 to {MAX_RAW_CODE} characters that can be seen: type it as the MIS shows it.")
    if code not in CODES:
        raise Refused("Choose the national code that it stands for.")
    if CODES[code].valid_to:
        raise Refused(f"Code {code} is not in force any more: choose the one that took its place.")
    kept, _ = RawCode.objects.update_or_create(school=school, raw=raw, defaults={"code": code, "by": by, "at": now})
    detail = {"raw": raw, "code": code}
    audit.record(action="code remembered", subject=kept, by=by, role=role, at=now, school=school, detail=detail)
    return kept


@transaction.atomic
def forget_code(*, kept: RawCode, by: User, role: str, now: dt.datetime) -> None:
    """The code is asked about again; what it brought stays."""
    detail = {"raw": kept.raw, "code": kept.code}
    audit.record(action="code forgotten", subject=kept, by=by, role=role, at=now, school=kept.school, detail=detail)
    kept.delete()
