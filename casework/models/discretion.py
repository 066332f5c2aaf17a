"""Where a person departs from the ladder for a family: letters that wait for a reason that excludes them, until a day."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from escalation.models import Case


class Pause(models.Model):
    """The letters of a case wait until a day; the concern does not: figures, conversations and watch entries go on."""

    class Kind(models.TextChoices):
        BEREAVEMENT = "bereavement", "A death in the family"
        ILLNESS = "illness", "Illness, with evidence"
        SAFEGUARDING = "safeguarding", "Safeguarding"
        OTHER = "other", "Another reason"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="pauses")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    why = models.TextField(help_text="Shown to whoever decides next; of a safeguarding pause only to the lead and the head.")
    starts = models.DateField()
    until = models.DateField(help_text="The last day on which the letters wait.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    lifted_on = models.DateField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    lifted_because = models.TextField(blank=True)

    class Meta:
        ordering = ["-starts", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("starts")), name="pause_ends_after_it_starts"),
            models.CheckConstraint(condition=~Q(why=""), name="pause_says_why"),
            models.CheckConstraint(
                condition=Q(lifted_on__isnull=True) | (Q(lifted_by__isnull=False) & ~Q(lifted_because="")),
                name="lifted_pause_says_by_whom_and_why",
            ),
        ]
        indexes = [models.Index(fields=["case", "until"], name="pause_by_case")]
