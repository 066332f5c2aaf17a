"""A letter is the consequence of a recorded decision: drafts, what was approved, how it left, and where its PDF is kept."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.models import Case, PlannedLetter, StageRecord
from schools.models import Parent, Role, School


class StoredFile(models.Model):
    """A file kept in the database, so that every worker has it; an object store can take its place (``storage``)."""

    name = models.CharField(max_length=200, unique=True)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    stored_at = models.DateTimeField(auto_now_add=True)


class PrintBatch(models.Model):
    """Approved letters as one PDF in posting order, for the school's printer; a person says when they were posted."""

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="print_batches")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    pdf = models.FileField(upload_to="batches", max_length=200)
    manifest = models.JSONField(default=list, help_text="[{letter, pages, first_page, sha256}] in posting order.")
    posted_on = models.DateField(null=True)
    posted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-made_at"]


class Letter(models.Model):
    """One letter to one parent. What was approved is frozen: text, facts, ruleset version, approver, PDF and its hash."""

    class State(models.TextChoices):
        DRAFTED = "drafted", "Drafted"
        HELD = "held", "Held"
        APPROVED = "approved", "Approved"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        POSTED = "posted", "Posted"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Channel(models.TextChoices):
        PRINT = "print", "Post"
        PORTAL = "portal", "Parents' portal"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="letters")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="letters")
    planned = models.ForeignKey(PlannedLetter, on_delete=models.PROTECT, related_name="letters")
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, null=True, related_name="letters")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, related_name="letters")
    ruleset = models.CharField(max_length=30)
    wording = models.CharField(max_length=40)
    wording_version = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.PRINT)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFTED)
    approves = models.CharField(max_length=20, choices=Role.choices)
    drafted_on = models.DateField()
    drafted_at = models.DateTimeField()
    facts = models.JSONField(help_text="Everything the letter states, as of ``figures_on``.")
    figures_on = models.DateField()
    fills = models.JSONField(default=dict, help_text="What a person filled in: date, time and place of a meeting.")
    extra_paragraph = models.TextField(blank=True, help_text="What a person added to the letter.")
    held_until = models.DateField(null=True)
    reason = models.TextField(blank=True, help_text="Why it was held, declined or withdrawn.")
    ask_again_on = models.DateField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    leaves_at = models.DateTimeField(null=True, help_text="Until then the approval can be undone.")
    text = models.TextField(blank=True, help_text="The words as approved.")
    pdf = models.FileField(upload_to="letters", max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the PDF.")
    left_on = models.DateField(null=True, help_text="The day it was posted or sent.")
    batch = models.ForeignKey(PrintBatch, on_delete=models.PROTECT, null=True, related_name="letters")

    class Meta:
        ordering = ["drafted_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["planned", "parent"], name="letter_once_a_parent"),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "sending", "sent", "posted", "delivered"]) | Q(approved_by__isnull=False),
                name="approved_letter_has_its_approver",
            ),
        ]
        indexes = [
            models.Index(fields=["school", "state"], name="letter_by_state"),
            models.Index(fields=["case", "state"], name="letter_by_case"),
        ]


class LetterEvent(models.Model):
    """Every change of a letter's state: append-only."""

    letter = models.ForeignKey(Letter, on_delete=models.PROTECT, related_name="events")
    before = models.CharField(max_length=10, blank=True)
    after = models.CharField(max_length=10)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    role = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField()
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
