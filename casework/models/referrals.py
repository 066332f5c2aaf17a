"""Referrals to other services: the welfare or attendance service, early help, health. What was sent is frozen with its file.

A child missing education is not referred here: its statutory clock has the return. Nothing leaves the product by itself: a person sends
the form and says so.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from casework.models.clocks import Clock
from escalation.models import Case, StageRecord
from schools.models import Role


class Referral(models.Model):
    """One referral of a case to one service, by one of the forms of ``casework/data/referrals.yaml``."""

    class State(models.TextChoices):
        DRAFT = "draft", "Being written"
        READY = "ready", "Ready to send"
        SENT = "sent", "Sent"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        WITH_AUTHORITY = "with_authority", "With the service"
        RETURNED = "returned", "Back with the school"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Outcome(models.TextChoices):
        IMPROVED = "improved", "Attendance has improved"
        NOT_ACCEPTED = "not_accepted", "Not accepted by the service"
        NO_IMPROVEMENT = "no_improvement", "Closed without improvement"
        LEGAL = "legal", "Legal action was taken"
        LEFT = "left", "The pupil has left"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="referrals")
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, null=True, related_name="referrals")
    clock = models.ForeignKey(
        Clock, on_delete=models.PROTECT, null=True, related_name="+", help_text="The clock whose return goes with it."
    )
    form = models.CharField(max_length=30, help_text="A key of casework/data/referrals.yaml.")
    service = models.CharField(max_length=120, help_text="The service's name as it was then.")
    state = models.CharField(max_length=14, choices=State.choices, default=State.DRAFT)
    answers = models.JSONField(default=dict, help_text="What a person adds: {question's key: words}.")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    told = models.JSONField(default=list, help_text="The form as it was made ready: [[heading, words]].")
    gates = models.JSONField(default=list, help_text="[{sentence, met, clause}] as they stood when it was made ready.")
    gaps = models.JSONField(default=list, help_text="[sentence]: what was missing when it was made ready.")
    despite = models.TextField(blank=True, help_text="Why it goes with gaps, or before the policy's conditions hold.")
    pdf = models.FileField(upload_to="referrals", max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the PDF.")
    ready_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ready_at = models.DateTimeField(null=True)
    sent_on = models.DateField(null=True)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    sent_how = models.CharField(max_length=60, blank=True)
    sent_to = models.CharField(max_length=120, blank=True)
    acknowledged_on = models.DateField(null=True)
    reference = models.CharField(max_length=60, blank=True, help_text="The service's own number.")
    taken_on = models.DateField(null=True, help_text="The day from which the service leads.")
    ended_on = models.DateField(null=True, help_text="Back with the school, or withdrawn.")
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    reason = models.TextField(blank=True, help_text="What the service said when it ended, or why it was withdrawn.")

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "form"],
                condition=Q(state__in=["draft", "ready", "sent", "acknowledged", "with_authority"]),
                name="one_running_referral_of_a_form",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "acknowledged", "with_authority", "returned"])
                | Q(sent_on__isnull=False, sent_by__isnull=False) & ~Q(sha256=""),
                name="sent_referral_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state="returned") | Q(ended_on__isnull=False) & ~Q(outcome=""), name="returned_referral_has_outcome"
            ),
            models.CheckConstraint(condition=~Q(state="withdrawn") | ~Q(reason=""), name="withdrawn_referral_says_why"),
        ]
        indexes = [models.Index(fields=["state", "sent_on"], name="referral_by_state")]


class ReferralEvent(models.Model):
    """Every change of a referral's state: append-only."""

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="events")
    before = models.CharField(max_length=14, blank=True)
    after = models.CharField(max_length=14, choices=Referral.State.choices)
    on = models.DateField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=Role.choices)
    at = models.DateTimeField()
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
