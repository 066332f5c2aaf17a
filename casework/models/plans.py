"""Plans and contracts: what stands in the way, who does what, what each side promises, until when; and standing approvals of a series.

A plan in force is bound to the period of its stage, which the night tests; what was agreed is not changed any more: it is reviewed, ended
or replaced, and every version stays.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from casework.models.documents import Document
from escalation.models import Case, Period, StageRecord
from schools.models import Parent


class Plan(models.Model):
    """One plan of a case. ``kind`` and the keys inside the JSON fields come from ``data/plan_kinds.yaml``."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        IN_FORCE = "in_force", "In force"
        REVIEWED = "reviewed", "Reviewed"
        ENDED = "ended", "Ended"
        REPLACED = "replaced", "Replaced"
        WITHDRAWN = "withdrawn", "Withdrawn"

    OVER = (State.REVIEWED, State.ENDED, State.REPLACED, State.WITHDRAWN)

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="plans")
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, related_name="plans")
    period = models.ForeignKey(Period, on_delete=models.PROTECT, null=True, related_name="plans", help_text="Null: a draft.")
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    version = models.PositiveIntegerField(default=1, help_text="Counts every change: a person changes what they have seen.")
    starts_on = models.DateField()
    weeks = models.PositiveSmallIntegerField()
    review_on = models.DateField()
    target = models.DecimalField(max_digits=5, decimal_places=2, null=True, help_text="%; null: improve on the year's figure.")
    concern = models.TextField(blank=True, help_text="Why the plan is made, and what is wanted.")
    barriers = models.JSONField(
        default=dict, help_text="{kind of difficulty: words}; a kind that was talked through and is none is absent."
    )
    promises = models.JSONField(default=dict, help_text="{school, parent or pupil: [lines]}.")
    parts = models.JSONField(default=dict, help_text="Engagement plan: {part of the first day: words}.")
    steps = models.JSONField(default=list, help_text="Engagement plan: [{from: date, sessions: am, pm or day}] in order.")
    in_absence = models.BooleanField(default=False, help_text="Put in place without the parents.")
    how_tried = models.TextField(blank=True, help_text="In the parents' absence: how they were asked.")
    authority_from = models.DateField(null=True, help_text="The local authority monitors beside it from this day.")
    authority_weeks = models.PositiveSmallIntegerField(null=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    in_force_on = models.DateField(null=True)
    in_force_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    over_on = models.DateField(null=True)
    over_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True, help_text="Why it was replaced, ended or withdrawn.")

    class Meta:
        ordering = ["-starts_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["case"], condition=Q(state="in_force"), name="one_plan_in_force_a_case"),
            models.UniqueConstraint(fields=["case"], condition=Q(state="draft"), name="one_draft_plan_a_case"),
            models.CheckConstraint(condition=Q(weeks__gte=1, weeks__lte=26), name="plan_lasts_1_to_26_weeks"),
            models.CheckConstraint(condition=Q(review_on__gt=F("starts_on")), name="plan_is_reviewed_after_it_starts"),
            models.CheckConstraint(
                condition=Q(target__isnull=True) | Q(target__gt=0, target__lte=100), name="plan_target_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"])
                | Q(period__isnull=False, in_force_on__isnull=False, in_force_by__isnull=False),
                name="plan_in_force_has_its_period",
            ),
            models.CheckConstraint(condition=Q(in_absence=False) | ~Q(how_tried=""), name="plan_without_parents_says_how_tried"),
        ]
        indexes = [models.Index(fields=["state", "review_on"], name="plan_by_review")]


class Side(models.TextChoices):
    """Who promises, acts or signs."""

    SCHOOL = "school", "The school"
    PARENT = "parent", "Parent"
    PUPIL = "pupil", "Pupil"
    OTHER = "other", "Somebody else"


class PlanAction(models.Model):
    """One action of a plan: what, by whom, until when; and when it was done."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="actions")
    number = models.PositiveSmallIntegerField()
    what = models.CharField(max_length=200)
    side = models.CharField(max_length=6, choices=Side.choices)
    name = models.CharField(max_length=120, blank=True, help_text="Who exactly.")
    due_on = models.DateField(null=True)
    done_on = models.DateField(null=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["plan", "number"]
        constraints = [models.UniqueConstraint(fields=["plan", "number"], name="action_once_a_number")]


class PlanSignature(models.Model):
    """Somebody signed the plan, on paper: who, for which side, when; ``document`` holds the paper where it was kept."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="signatures")
    side = models.CharField(max_length=6, choices=Side.choices)
    name = models.CharField(max_length=120)
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, null=True, related_name="+")
    signed_on = models.DateField()
    document = models.ForeignKey(Document, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["signed_on", "id"]
        constraints = [models.UniqueConstraint(fields=["plan", "side", "name"], name="plan_signed_once_a_person")]


class PlanReview(models.Model):
    """A plan was looked at, with the figures of that day. An early review changes nothing: the period goes on."""

    class Decision(models.TextChoices):
        GOES_ON = "goes_on", "The plan goes on"
        PRAISE = "praise", "Thanks and praise; less is needed"
        EXTEND = "extend", "The same again"
        NEXT_STAGE = "next_stage", "The next stage"
        CLOSED = "closed", "Nothing further"

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="reviews")
    on = models.DateField()
    is_early = models.BooleanField(help_text="Before the period ended.")
    attended = models.PositiveSmallIntegerField()
    possible = models.PositiveSmallIntegerField()
    decision = models.CharField(max_length=10, choices=Decision.choices)
    note = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()

    class Meta:
        ordering = ["on", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(is_early=False) | Q(decision="goes_on"), name="early_review_changes_nothing")
        ]


class StandingApproval(models.Model):
    """A named person's approval of a series of messages for one case, until a day: each message then leaves under that name."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="standing_approvals")
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, related_name="+")
    series = models.CharField(max_length=40, help_text="The letter's key in the ladder.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    given_on = models.DateField()
    given_at = models.DateTimeField()
    until = models.DateField(help_text="The last day on which a message may leave under it.")
    ended_on = models.DateField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ended_because = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-given_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["case", "series"], condition=Q(ended_on__isnull=True), name="series_approved_once"),
            models.CheckConstraint(condition=Q(until__gte=F("given_on")), name="standing_approval_has_its_time"),
        ]
