"""Papers that parents or staff bring: kept with the case, checked for type and size, until a rule says that they are no longer needed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from casework.models.meetings import Meeting
from escalation.models import Case
from schools.models import Parent


class Document(models.Model):
    """``media_type`` is what the content is, not what the name says. A deleted document keeps its line and loses its file."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="documents")
    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, null=True, related_name="documents")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, null=True, related_name="+", help_text="Who brought it.")
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=30, help_text="A key of casework/data/retention.yaml.")
    file = models.FileField(upload_to="documents", max_length=200, blank=True)
    file_name = models.CharField(max_length=120, help_text="As it was brought, made safe.")
    media_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    retain_until = models.DateField()
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-added_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["case", "sha256"], condition=Q(deleted_at__isnull=True), name="document_once_a_case"),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(deleted_by__isnull=False), name="deleted_document_has_its_deleter"
            ),
        ]
        indexes = [models.Index(fields=["retain_until"], name="document_by_retention")]
