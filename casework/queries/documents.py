"""Reads about documents: those of a case, and those whose time of keeping is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db.models import QuerySet

from casework.models import Document
from escalation.models import Case
from schools.models import School


def documents_of(case: Case) -> QuerySet[Document]:
    """What is kept with the case, the latest first. One statement."""
    return Document.objects.filter(case=case, deleted_at=None).select_related("added_by", "parent", "meeting")


def expired(schools: Collection[School], on: dt.date) -> QuerySet[Document]:
    """Documents that may be deleted from ``on`` on, the longest overdue first. One statement; the pupil is not read."""
    kept = Document.objects.filter(case__school__in=schools, deleted_at=None, retain_until__lt=on)
    return kept.select_related("case__school", "added_by").order_by("retain_until", "id")
