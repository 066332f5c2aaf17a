"""The connection to a school's MIS through Wonde: setting it up, reading people for a person to look at, reading marks by itself.

Marks are asked for from ``read_from`` on, with a day to spare, since the service's clock is not ours; the same marks twice change nothing.
While some of them are refused (a code that nobody has explained yet, a pupil who is not admitted yet) ``read_from`` stays where it is, for
four weeks at most, so that they come again. The token is stored encrypted; it stands in no page, no message and no log.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from attendance.imports import read_entries
from attendance.models import ImportBatch, MisConnection, RawCode
from attendance.queries import roll_of
from attendance.services import import_reading
from attendance.wonde import WondeClient, WondeError, arrivals, session_entries
from schools import audit
from schools.arrivals import Arrivals
from schools.models import School, User
from schools.rules import Refused
from schools.secrets import CannotRead, decrypt, encrypt

SPARE = dt.timedelta(days=1)
LONGEST_WAIT = dt.timedelta(days=28)
LEASE = dt.timedelta(minutes=20)
FILE_NAME = "Wonde"


@dataclass(frozen=True)
class Read:
    """What a reading of marks did. ``batch`` is None where nothing had changed or the reading failed; ``error`` says why it did."""

    school: School
    batch: ImportBatch | None = None
    error: str = ""


@transaction.atomic
def connect(
    *, school: School, wonde_id: str, token: str, is_active: bool, by: User, role: str, now: dt.datetime
) -> MisConnection:
    """Sets the connection up or changes it. An empty ``token`` keeps the stored one. Refused with a sentence where there is none."""
    stored = MisConnection.objects.filter(school=school).first()
    if not token and stored is None:
        raise Refused("Enter the token that Wonde gave for this school.")
    if not (wonde_id.isascii() and wonde_id.isalnum() and len(wonde_id) <= 20):
        raise Refused("A Wonde school id has letters and digits only, such as A1930499544.")
    connection = stored or MisConnection(school=school)
    if connection.wonde_id != wonde_id:
        connection.last_read_at = connection.read_from = None
    connection.wonde_id, connection.is_active = wonde_id, is_active
    connection.last_error, connection.by, connection.at = "", by, now
    if token:
        connection.token = encrypt(token)
    connection.save()
    detail = {"active": is_active, "token": "new" if token else "kept"}
    audit.record(action="mis connection set", subject=connection, by=by, role=role, at=now, school=school, detail=detail)
    return connection


@transaction.atomic
def disconnect(*, connection: MisConnection, by: User, role: str, now: dt.datetime) -> None:
    """Takes the connection and its token away. What was read stays."""
    audit.record(action="mis connection removed", subject=connection, by=by, role=role, at=now, school=connection.school)
    connection.delete()


@transaction.atomic
def read_all_again(*, connection: MisConnection, by: User, role: str, now: dt.datetime) -> None:
    """Lets the next reading ask for every mark of the MIS."""
    MisConnection.objects.filter(pk=connection.pk).update(read_from=None)
    audit.record(action="mis to be read whole", subject=connection, by=by, role=role, at=now, school=connection.school)


def client_for(connection: MisConnection) -> WondeClient:
    """A client with the connection's token. WondeError where the token cannot be read any more."""
    try:
        token = decrypt(connection.token)
    except CannotRead as error:
        raise WondeError(str(error)) from None
    return WondeClient(
        wonde_id=connection.wonde_id,
        token=token,
        address=settings.WONDE_URL,
        plain_http=settings.DEBUG,
        pause=settings.WONDE_PAUSE,
    )


def try_connection(connection: MisConnection) -> str:
    """The name by which Wonde knows the school. WondeError with the reason where it does not answer."""
    return client_for(connection).name()


def read_people(connection: MisConnection) -> bytes:
    """The school's pupils and contacts as the MIS has them now, to be kept while a person looks at them (``people_in``).

    WondeError where they cannot be read.
    """
    return json.dumps(client_for(connection).students()).encode()


def people_in(data: bytes) -> Arrivals:
    """The people in what ``read_people`` gave."""
    return arrivals(json.loads(data))


def read_marks(*, connection: MisConnection, by: User | None = None, role: str = "", now: dt.datetime) -> Read:
    """Reads the marks that changed into the register. It never raises for what the MIS does: ``error`` and the connection say it."""
    if not _claim(connection, now):
        return Read(connection.school, error="The register is being read at this moment. Look again in a minute.")
    try:
        batch = _read(connection, by, role, now)
    except Refused as refused:
        _note(connection, last_error=str(refused))
        return Read(connection.school, error=str(refused))
    except BaseException:
        _note(connection, last_error="The reading ended with an error. It is tried again by itself.")
        raise
    refused_some = batch is not None and batch.refused > 0
    _note(connection, last_read_at=now, last_error="", read_from=_next_start(connection, now, refused_some))
    return Read(connection.school, batch)


def _claim(connection: MisConnection, now: dt.datetime) -> bool:
    """Takes the connection for this reading, unless another one has it."""
    free = MisConnection.objects.filter(Q(busy_until__isnull=True) | Q(busy_until__lt=now), pk=connection.pk)
    return bool(free.update(busy_until=now + LEASE))


def _note(connection: MisConnection, **values: object) -> None:
    """Writes how a reading ended, and gives the connection free."""
    MisConnection.objects.filter(pk=connection.pk).update(busy_until=None, **values)
    connection.refresh_from_db()


def _next_start(connection: MisConnection, now: dt.datetime, refused_some: bool) -> dt.datetime | None:
    if not refused_some:
        return now - SPARE
    oldest = now - LONGEST_WAIT
    return max(connection.read_from, oldest) if connection.read_from else oldest


def _since(connection: MisConnection) -> dt.datetime | None:
    """From when marks are asked for; from the first one on where a code of the MIS was explained since the last reading."""
    read_at = connection.last_read_at
    explained = read_at and RawCode.objects.filter(school=connection.school_id, at__gte=read_at).exists()
    return None if explained else connection.read_from


def _read(connection: MisConnection, by: User | None, role: str, now: dt.datetime) -> ImportBatch | None:
    """Asks for the marks and enters them; None where there is none."""
    client, school = client_for(connection), connection.school
    marks = client.session_marks(_since(connection))
    if not marks:
        return None
    roll = roll_of(school)
    found = session_entries(marks, numbers=client.numbers(), codes=client.attendance_codes(), roll=roll)
    if not found.entries:
        return None
    reading = read_entries(found.entries, roll, format="wonde")
    batch, _ = import_reading(
        school=school, reading=reading, data_sha256=found.sha256, file_name=FILE_NAME, format="wonde", by=by, role=role, now=now
    )
    return batch


def active_connections() -> QuerySet[MisConnection]:
    """The connections that are read by themselves: active, of schools whose register is kept in their MIS."""
    return MisConnection.objects.filter(is_active=True, school__register_source=School.RegisterSource.MIS)


def failing_connections(schools: Iterable[School]) -> list[MisConnection]:
    """The schools' active connections whose last reading failed, each with its school. One statement."""
    failing = active_connections().filter(school__in=list(schools)).exclude(last_error="")
    return list(failing.select_related("school").order_by("school__name"))
