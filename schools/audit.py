"""The audit trail's one door: called inside the transaction of the change it records."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Model

from schools.models import AuditEntry, School, User


def record(
    *,
    action: str,
    subject: Model,
    by: User | None,
    role: str = "",
    at: dt.datetime,
    school: School | None,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Appends who, when, what and why. ``by`` None is the night. ``detail`` holds numbers and states, never a name."""
    done = entry(action=action, subject=subject, school=school, reason=reason, detail=detail)
    done.by, done.role, done.at = by, role, at
    done.save(force_insert=True)
    return done


def record_all(entries: list[AuditEntry], *, by: User | None, role: str, at: dt.datetime) -> None:
    """Appends many entries of one person at one moment. One statement."""
    for done in entries:
        done.by, done.role, done.at = by, role, at
    AuditEntry.objects.bulk_create(entries)


def entry(
    *, action: str, subject: Model, school: School | None, reason: str = "", detail: dict[str, Any] | None = None
) -> AuditEntry:
    """An entry that still lacks who and when."""
    about = f"{subject._meta.model_name} {subject.pk}"
    return AuditEntry(action=action, subject=about, school=school, reason=reason, detail=detail or {})
