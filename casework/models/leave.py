"""Leave of absence that parents ask for, and temporary part-time timetables.

Law: School Attendance (Pupil Registration) (England) Regulations 2024, regulation 11: leave is granted in advance and on the grounds named
there; a part-time timetable is temporary, agreed with a parent, and has its end set when it begins.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from casework.models.documents import Document
from schools.models import Parent, Pupil, School

SESSION_CHOICES = [("AM", "Morning"), ("PM", "Afternoon")]


class LeaveRequest(models.Model):
    """What a parent asked for, and where it stands. What was decided, each time, is in its ``LeaveDecision`` rows."""

    class State(models.TextChoices):
        ASKED = "asked", "Waits for a decision"
        GRANTED = "granted", "Granted"
        PART_GRANTED = "part_granted", "Granted in part"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="leave_requests")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="leave_requests")
    asked_by = models.ForeignKey(
        Parent, on_delete=models.PROTECT, null=True, related_name="+", help_text="Null: somebody who is not on the record."
    )
    asked_by_name = models.CharField(max_length=120, blank=True)
    asked_on = models.DateField()
    first_day = models.DateField()
    first_session = models.CharField(max_length=2, choices=SESSION_CHOICES, default="AM")
    last_day = models.DateField()
    last_session = models.CharField(max_length=2, choices=SESSION_CHOICES, default="PM")
    ground = models.CharField(max_length=30, blank=True, help_text="What the request says it is for; a key of leave_rules.yaml.")
    reason = models.TextField(help_text="In the parent's words.")
    evidence = models.ForeignKey(Document, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=12, choices=State.choices, default=State.ASKED)
    decided = models.PositiveSmallIntegerField(default=0, help_text="How often it was decided: who decides names what they saw.")
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entered_role = models.CharField(max_length=20, blank=True)
    entered_at = models.DateTimeField()

    class Meta:
        ordering = ["first_day", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="leave_ends_after_it_starts"),
            models.CheckConstraint(
                condition=~Q(first_day=F("last_day"), first_session="PM", last_session="AM"),
                name="leave_of_a_day_has_a_session",
            ),
        ]
        indexes = [
            models.Index(fields=["school", "state", "first_day"], name="leave_by_school"),
            models.Index(fields=["pupil", "first_day"], name="leave_by_pupil"),
        ]


class LeaveDecision(models.Model):
    """One decision about a request, never changed: a later one takes its place."""

    request = models.ForeignKey(LeaveRequest, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField(help_text="1 for the first decision about the request.")
    state = models.CharField(max_length=12, choices=LeaveRequest.State.choices)
    ground = models.CharField(max_length=30, blank=True)
    code = models.CharField(max_length=2, blank=True, help_text="The register code of the granted sessions; empty where refused.")
    first_day = models.DateField(null=True, help_text="Of what was granted.")
    first_session = models.CharField(max_length=2, choices=SESSION_CHOICES, blank=True)
    last_day = models.DateField(null=True)
    last_session = models.CharField(max_length=2, choices=SESSION_CHOICES, blank=True)
    back_on = models.DateField(null=True, help_text="The school day on which the pupil is expected.")
    reason = models.TextField(help_text="As the letter to the parents gives it.")
    against = models.JSONField(default=list, help_text="[{clause, sentence}]: what spoke against it when it was decided.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["request", "number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="leave_decision_once_a_number"),
            models.CheckConstraint(
                condition=~Q(state__in=["granted", "part_granted"])
                | Q(first_day__isnull=False, last_day__isnull=False, back_on__isnull=False) & ~Q(code=""),
                name="granted_leave_has_days_and_code",
            ),
        ]


class PartTimeTimetable(models.Model):
    """A temporary part-time timetable: the sessions of a week that the pupil does not attend, from a day to a day."""

    class State(models.TextChoices):
        AGREED = "agreed", "Agreed"
        ENDED = "ended", "Ended early"

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="part_time_timetables")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="part_time_timetables")
    starts = models.DateField()
    ends = models.DateField(help_text="The last day; it ends by itself.")
    review_on = models.DateField(help_text="The next review.")
    pattern = models.JSONField(help_text="Sessions of a week not attended: 0 is Monday morning, 9 is Friday afternoon.")
    why = models.TextField()
    objective = models.TextField(help_text="What full attendance again depends on, and how it is reached.")
    agreed_by = models.ForeignKey(Parent, on_delete=models.PROTECT, related_name="+", help_text="The parent who agreed.")
    agreed_on = models.DateField()
    social_worker_told_on = models.DateField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.AGREED)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entered_role = models.CharField(max_length=20, blank=True)
    entered_at = models.DateTimeField()

    class Meta:
        ordering = ["-starts", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends__gte=F("starts")), name="part_time_ends_after_it_starts"),
            models.CheckConstraint(condition=Q(review_on__lte=F("ends")), name="part_time_is_reviewed_before_it_ends"),
        ]
        indexes = [
            models.Index(fields=["school", "state", "ends"], name="part_time_by_school"),
            models.Index(fields=["pupil", "starts"], name="part_time_by_pupil"),
        ]


class PartTimeReview(models.Model):
    """What was done about a part-time timetable after it was agreed: a review, more time, or its end; append-only."""

    class Kind(models.TextChoices):
        REVIEWED = "reviewed", "Reviewed"
        EXTENDED = "extended", "Extended"
        ENDED = "ended", "Ended early"

    timetable = models.ForeignKey(PartTimeTimetable, on_delete=models.PROTECT, related_name="reviews")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    on = models.DateField()
    note = models.TextField()
    ended_before = models.DateField(help_text="The last day as it was.")
    ends_now = models.DateField(help_text="The last day as it is from then on.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
