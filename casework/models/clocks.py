"""Statutory clocks: what the law or the policy wants told to the local authority about a pupil, by when, with its evidence.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulations 9 and 13. Nothing is sent and no pupil is removed
from a roll by the product: a person does it and says so here.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from escalation.models import WatchEntry
from schools.models import Pupil, Role, School


class Clock(models.Model):
    """A return or referral that is due. What was told is frozen when it is marked as sent."""

    class Kind(models.TextChoices):
        SICKNESS = "sickness", "Sickness return"
        ATTENDANCE = "attendance", "Attendance return"
        CHILD_MISSING = "child_missing", "Child missing education"
        PUPIL_MISSING = "pupil_missing", "Pupil missing out on education"
        DELETION = "deletion", "Removal from the register: a question"
        TERMLY = "termly", "Named to the authority this term"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        PREPARED = "prepared", "Prepared"
        SENT = "sent", "Sent"
        NOT_NEEDED = "not_needed", "Not needed"

    RUNNING = (State.OPEN, State.PREPARED)

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="clocks")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="clocks")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    watch_entry = models.ForeignKey(WatchEntry, on_delete=models.PROTECT, null=True, related_name="clocks")
    opened_on = models.DateField()
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", help_text="Null: the night."
    )
    because = models.TextField(help_text="What opened it, in a sentence.")
    evidence_from = models.DateField(help_text="The first school day that its evidence looks at.")
    due_on = models.DateField()
    role = models.CharField(max_length=20, choices=Role.choices)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    answers = models.JSONField(default=dict, help_text="What a person has to add: {question's key: words}.")
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    prepared_at = models.DateTimeField(null=True)
    told = models.JSONField(default=list, help_text="The return as it was sent: [[heading, words]].")
    sent_on = models.DateField(null=True)
    sent_to = models.CharField(max_length=120, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="Why it is not needed, or why it was sent with gaps.")

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pupil", "school", "kind"],
                condition=Q(state__in=["open", "prepared"]),
                name="one_running_clock_of_a_kind",
            ),
            models.UniqueConstraint(fields=["watch_entry", "kind"], name="clock_once_a_watch_entry"),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_on__isnull=False, closed_by__isnull=False), name="sent_clock_says_by_whom"
            ),
            models.CheckConstraint(condition=~Q(state="not_needed") | ~Q(reason=""), name="clock_not_needed_says_why"),
            models.CheckConstraint(condition=Q(due_on__gte=F("opened_on")), name="clock_due_after_it_opens"),
        ]
        indexes = [models.Index(fields=["school", "state", "due_on"], name="clock_by_school")]
