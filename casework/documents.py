"""Papers that families or staff bring: added, looked at, deleted when their time is over. Each look is in the audit trail, too."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.core.files.base import ContentFile
from django.db import transaction

from casework.contents import media_type_of, safe_name
from casework.models import Document, Meeting
from casework.policies import why_not_delete
from casework.retention import retain_until, retention
from escalation.models import Case
from escalation.services import add_event
from schools import audit
from schools.models import Parent, User
from schools.rules import Refused


@transaction.atomic
def add_document(
    *,
    case: Case,
    title: str,
    kind: str,
    file_name: str,
    content: bytes,
    parent: Parent | None = None,
    meeting: Meeting | None = None,
    by: User,
    role: str,
    on: dt.date,
    now: dt.datetime,
) -> Document:
    """Keeps a paper with the case. Refused, with what to do, for a kind that no rule knows, a type that is not kept, a file that is too
    large, or one that is in the case already. ``parent``: who brought it."""
    if kind not in retention():
        raise Refused("Choose what kind of document it is: how long it is kept follows from that.")
    if not title.strip():
        raise Refused("Give the document a title, so that others find it.")
    media_type, digest = media_type_of(content), hashlib.sha256(content).hexdigest()
    twin = Document.objects.filter(case=case, sha256=digest, deleted_at=None).select_related("added_by").first()
    if twin:
        raise Refused(f"This file is in the case already: “{twin.title}”, added by {twin.added_by}.")
    document = Document(
        case=case, meeting=meeting, parent=parent, title=title.strip()[:120], kind=kind,
        file_name=safe_name(file_name, media_type), media_type=media_type, size=len(content), sha256=digest,
        added_by=by, added_at=now, retain_until=retain_until(kind, case.year),
    )  # fmt: skip
    document.file.save(
        f"documents/{case.school.urn}/{case.pk}-{now:%Y%m%d%H%M%S}-{digest[:24]}", ContentFile(content), save=False
    )
    document.save(force_insert=True)
    name = retention()[kind].name.lower()
    add_event(case=case, kind="document", text=f"Document added: {document.title} ({name}).", on=on, now=now, by=by, role=role)
    audit.record(
        action="document added", subject=document, by=by, role=role, at=now, school=case.school,
        detail={"kind": kind, "bytes": document.size},
    )  # fmt: skip
    return document


@transaction.atomic
def read_document(*, document: Document, by: User, role: str, now: dt.datetime) -> bytes:
    """The content, with a line in the audit trail that this person saw it. Refused where it was deleted."""
    if document.deleted_at:
        raise Refused(f"This document was deleted on {document.deleted_at:%-d %B %Y}, when its time of keeping was over.")
    audit.record(action="document seen", subject=document, by=by, role=role, at=now, school=document.case.school)
    with document.file.open() as file:
        return bytes(file.read())


@transaction.atomic
def delete_document(*, document: Document, by: User, role: str, on: dt.date, now: dt.datetime) -> None:
    """Deletes the file of a document whose time is over; the line that it was there stays."""
    if fault := why_not_delete(document, on):
        raise Refused(fault)
    stored = document.file.name or ""
    changed = Document.objects.filter(pk=document.pk, deleted_at=None).update(deleted_at=now, deleted_by=by, file="")
    if not changed:
        document.refresh_from_db()
        raise Refused(why_not_delete(document, on))
    document.file.storage.delete(stored)
    audit.record(
        action="document deleted", subject=document, by=by, role=role, at=now, school=document.case.school,
        reason=f"Kept until {document.retain_until:%-d %B %Y}.", detail={"sha256": document.sha256},
    )  # fmt: skip
    document.refresh_from_db()
