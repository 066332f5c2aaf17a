"""Meetings with families: when and where, who was invited and who came, how often it was moved, and the times that a school offers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.models import Case, StageRecord
from schools.models import Parent, School


class MeetingSlot(models.Model):
    """A time that a school keeps free for families: part of a surgery, a clinic or a panel's day."""

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="meeting_slots")
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField()
    place = models.CharField(max_length=120)
    led_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, help_text="Given to a family; claimed by a conditional update.")
    withdrawn_at = models.DateTimeField(null=True, help_text="Taken back: it is offered to nobody any more.")

    class Meta:
        ordering = ["starts_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["school", "starts_at", "place"], condition=Q(withdrawn_at__isnull=True), name="slot_once_a_time_and_place"
            ),
            models.CheckConstraint(condition=Q(minutes__gt=0), name="slot_takes_time"),
        ]
        indexes = [models.Index(fields=["school", "starts_at"], name="slot_by_time")]


class Meeting(models.Model):
    """One meeting of a case. It stays one row however often it is moved; ``MeetingMove`` keeps the times before."""

    class Kind(models.TextChoices):
        MEETING = "meeting", "Meeting"
        SURGERY = "surgery", "Attendance surgery"
        CLINIC = "clinic", "Clinic"
        PLAN = "plan", "Plan meeting"
        CONTRACT = "contract", "Contract meeting"
        REVIEW = "review", "Review"
        PANEL = "panel", "Attendance panel"
        RETURN = "return", "Return to school"

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        HELD = "held", "Held"
        IN_ABSENCE = "in_absence", "Held in the parents’ absence"
        NOT_HELD = "not_held", "Nobody came"
        CANCELLED = "cancelled", "Cancelled"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="meetings")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.MEETING)
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, null=True, related_name="meetings")
    slot = models.ForeignKey(MeetingSlot, on_delete=models.PROTECT, null=True, related_name="meetings")
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField()
    place = models.CharField(max_length=120)
    led_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    moves = models.PositiveSmallIntegerField(default=0, help_text="How often it was moved: the invitation's SEQUENCE.")
    summary = models.TextField(blank=True, help_text="What was said.")
    agreed = models.TextField(blank=True, help_text="What was agreed, and by whom it is done.")
    reason = models.TextField(blank=True, help_text="Why it was cancelled.")
    planned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    planned_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(minutes__gt=0), name="meeting_takes_time"),
            models.CheckConstraint(
                condition=Q(state="planned") | Q(recorded_by__isnull=False), name="meeting_over_has_its_recorder"
            ),
            models.CheckConstraint(condition=~Q(state="cancelled") | ~Q(reason=""), name="cancelled_meeting_has_its_reason"),
        ]
        indexes = [
            models.Index(fields=["case", "state"], name="meeting_by_case"),
            models.Index(fields=["state", "starts_at"], name="meeting_by_time"),
        ]


class MeetingMove(models.Model):
    """The time and place that a meeting had before it was moved: append-only."""

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="history")
    number = models.PositiveSmallIntegerField(help_text="1 for the first move.")
    starts_at = models.DateTimeField(help_text="The time before.")
    place = models.CharField(max_length=120, help_text="The place before.")
    reason = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["meeting", "number"]
        constraints = [models.UniqueConstraint(fields=["meeting", "number"], name="meeting_moved_once_a_number")]


class Attendee(models.Model):
    """Somebody whom a meeting concerns: a parent, a colleague, or another person by name and role."""

    class Came(models.TextChoices):
        CAME = "came", "Came"
        ABSENT = "absent", "Did not come"
        APOLOGIES = "apologies", "Sent apologies"

    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="attendees")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, null=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(
        max_length=120, blank=True, help_text="Of somebody who is neither a parent nor staff: Welfare officer."
    )
    is_invited = models.BooleanField(default=True)
    why_not_invited = models.CharField(max_length=160, blank=True)
    came = models.CharField(max_length=10, choices=Came.choices, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["meeting", "parent"], name="parent_once_a_meeting"),
            models.UniqueConstraint(fields=["meeting", "user"], name="colleague_once_a_meeting"),
            models.CheckConstraint(
                condition=Q(parent__isnull=False, user__isnull=True, name="")
                | Q(parent__isnull=True, user__isnull=False, name="")
                | (Q(parent__isnull=True, user__isnull=True) & ~Q(name="")),
                name="attendee_is_one_person",
            ),
            models.CheckConstraint(condition=Q(is_invited=True) | Q(came=""), name="only_the_invited_came"),
        ]
