"""Evidence packs: one sealed file a case, asked for by a named person, made by a worker, kept with its manifest."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.models import Case
from schools.models import Parent


class EvidencePack(models.Model):
    """A pack that somebody asked for. It is a row first and a job second: ``claimed_until`` is the lease of whoever makes it."""

    class Purpose(models.TextChoices):
        COURT = "court", "A court"
        AUTHORITY = "authority", "The local authority"
        PANEL = "panel", "A panel or appeal"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        MAKING = "making", "Being made"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="evidence_packs")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    parent = models.ForeignKey(
        Parent,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="Made about this parent alone; null: the whole case.",
    )
    on = models.DateField(help_text="The record as it stood at the end of this day.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    claimed_until = models.DateTimeField(null=True, help_text="Lease: after this another worker may take it.")
    tries = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    steps = models.PositiveSmallIntegerField(default=5)
    doing = models.CharField(max_length=60, blank=True, help_text="What is being done now, in words.")
    pdf = models.FileField(upload_to="packs", max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the whole file.")
    size = models.PositiveIntegerField(default=0)
    pages = models.PositiveSmallIntegerField(default=0)
    manifest = models.JSONField(default=dict, help_text="As it stands in the file, with the hash of the whole file and the seal.")
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(pdf="") & ~Q(sha256="") & Q(finished_at__isnull=False),
                name="done_pack_has_its_file",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="failed_pack_says_why"),
        ]
        indexes = [models.Index(fields=["state", "claimed_until"], name="pack_by_state")]
