"""What was tried to help: visits at home, and support that was offered with the family's answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from escalation.models import Case
from schools.models import Parent


class HomeVisit(models.Model):
    class Outcome(models.TextChoices):
        SPOKE = "spoke", "Spoke with a parent"
        CHILD_SEEN = "child_seen", "Saw the child"
        NO_ANSWER = "no_answer", "No answer"
        REFUSED = "refused", "Refused"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="home_visits")
    on = models.DateField()
    visitor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    accompanied_by = models.CharField(max_length=120, blank=True, help_text="Nobody visits alone where it can be helped.")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, null=True, related_name="+", help_text="Who was spoken to.")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    note = models.TextField(blank=True)
    next_step = models.CharField(max_length=200, blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["-on", "-id"]
        indexes = [models.Index(fields=["case", "-on"], name="visit_by_case")]


class SupportOffer(models.Model):
    class Kind(models.TextChoices):
        EARLY_HELP = "early_help", "Early help"
        CLINIC = "clinic", "Attendance clinic"
        MENTORING = "mentoring", "Mentoring"
        MEET_AND_GREET = "meet_and_greet", "Meet and greet"
        COUNSELLING = "counselling", "Counselling"
        TRANSPORT = "transport", "Transport"
        BREAKFAST_CLUB = "breakfast_club", "Breakfast club"
        SCHOOL_NURSE = "school_nurse", "School nurse"
        OTHER = "other", "Other help"

    class Answer(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        NO_ANSWER = "no_answer", "No answer"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="support_offers")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    detail = models.CharField(max_length=200, blank=True, help_text="What exactly; for other help it says what.")
    offered_on = models.DateField()
    offered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    parent = models.ForeignKey(
        Parent, on_delete=models.PROTECT, null=True, related_name="+", help_text="To whom; null: to the pupil."
    )
    answer = models.CharField(max_length=10, choices=Answer.choices, blank=True, help_text="Empty: not yet known.")
    answered_on = models.DateField(null=True)
    ended_on = models.DateField(null=True)
    ended_because = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["-offered_on", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(answer="") | Q(answered_on__isnull=False), name="answered_offer_has_its_day"),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("offered_on")), name="support_ends_after_it_is_offered"
            ),
            models.CheckConstraint(condition=~Q(kind="other") | ~Q(detail=""), name="other_help_says_what"),
        ]
        indexes = [models.Index(fields=["case", "-offered_on"], name="offer_by_case")]
