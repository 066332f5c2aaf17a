"""What only the designated safeguarding lead and the head of the school read."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from schools.models import Pupil, School


class SafeguardingNote(models.Model):
    """A concern that somebody took to the lead, or the lead's own note. Append-only but for being read and being closed.

    While one is open, everyone else sees "speak to the lead first" beside the pupil, and nothing more.
    """

    class Kind(models.TextChoices):
        CONCERN = "concern", "Concern"
        NOTE = "note", "Note of the lead"

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="safeguarding_notes")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    read_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    read_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)
    closed_because = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="safeguarding_note_says_something"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | (Q(closed_by__isnull=False) & ~Q(closed_because="")),
                name="closed_safeguarding_note_says_by_whom_and_why",
            ),
        ]
        indexes = [
            models.Index(fields=["school", "pupil"], name="safeguarding_open", condition=Q(closed_at__isnull=True)),
            models.Index(fields=["pupil", "-at"], name="safeguarding_by_pupil"),
        ]
