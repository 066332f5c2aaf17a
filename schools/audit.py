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
    return AuditEntry.objects.create(
        at=at,
        by=by,
        role=role,
        school=school,
        action=action,
        subject=f"{subject._meta.model_name} {subject.pk}",
        reason=reason,
        detail=detail or {},
    )
