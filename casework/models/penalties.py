"""Penalty notices and notices to improve: the marks that a request rests on, a request a parent, the ledger, and the last chance before.

A penalty *ground* is one set of unauthorised sessions of one child; each liable parent has a *request* of their own resting on it. The
*ledger* holds every notice to a parent about a child, whoever issued it. The product prepares; a named, authorised person sends or issues.

Law: Education Act 1996, section 444A; the Education (Penalty Notices) (England) Regulations 2007 (SI 2007/1867) as amended by SI 2024/210.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from escalation.models import Case
from schools.models import Parent, Pupil, School


class PenaltyGround(models.Model):
    """Unauthorised sessions of one child in a window of school weeks, with what was looked at before a notice is asked for."""

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="penalty_grounds")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="penalty_grounds")
    counted_on = models.DateField(help_text="The day as of which the sessions were counted.")
    window_from = models.DateField(help_text="The Monday of the first school week of the window.")
    threshold = models.PositiveSmallIntegerField(help_text="Sessions needed under the authority's local code that day.")
    is_leave = models.BooleanField("leave in term time", default=False, help_text="Support first is not asked for.")
    support = models.TextField(help_text="What support was given and did not work, or why none is appropriate.")
    support_is_inappropriate = models.BooleanField(default=False)
    equality_by = models.CharField(max_length=80, help_text="Who considered the Equality Act 2010.")
    equality_note = models.TextField()
    checks = models.JSONField(help_text="[{name, passed, sentence}] as they stood when it was prepared.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-counted_on", "-id"]
        indexes = [models.Index(fields=["school", "-counted_on"], name="penalty_ground_by_school")]


class PenaltyMark(models.Model):
    """A session that a ground rests on. While it is not released, no other ground can rest on it."""

    ground = models.ForeignKey(PenaltyGround, on_delete=models.PROTECT, related_name="marks")
    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="+")
    date = models.DateField()
    session = models.CharField(max_length=2, choices=[("AM", "Morning"), ("PM", "Afternoon")])
    code = models.CharField(max_length=2, help_text="As it stood when the ground was prepared.")
    place = models.CharField(max_length=120, blank=True, help_text="The earlier school, where it was not this one.")
    is_released = models.BooleanField(default=False, help_text="No request on the ground stands any more.")

    class Meta:
        ordering = ["date", "session"]
        constraints = [
            models.UniqueConstraint(
                fields=["pupil", "date", "session"], condition=Q(is_released=False), name="penalty_mark_used_once"
            ),
            models.UniqueConstraint(fields=["ground", "date", "session"], name="penalty_mark_once_a_ground"),
            models.CheckConstraint(condition=Q(code__in=["G", "N", "O", "U"]), name="penalty_mark_is_unauthorised"),
        ]


class PenaltyRequest(models.Model):
    """A request that a notice be given to one parent on a ground: prepared here, sent by a named person, answered by who issues."""

    class State(models.TextChoices):
        PREPARED = "prepared", "Prepared"
        REQUESTED = "requested", "With the authority"
        ISSUED = "issued", "Notice issued"
        REFUSED = "refused", "Refused by the authority"
        DROPPED = "dropped", "Not pursued"

    ground = models.ForeignKey(PenaltyGround, on_delete=models.PROTECT, related_name="requests")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, related_name="penalty_requests")
    because = models.CharField(max_length=200, help_text="Why this parent is liable.")
    number = models.PositiveSmallIntegerField(help_text="1 or 2: which notice of the three years it would be.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PREPARED)
    sent_on = models.DateField(null=True)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    sent_role = models.CharField(max_length=20, blank=True)
    answer_due_on = models.DateField(null=True)
    answered_on = models.DateField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-ground__counted_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["ground", "parent"], name="penalty_request_once_a_parent"),
            models.CheckConstraint(condition=Q(number__in=[1, 2]), name="no_request_for_a_third_notice"),
            models.CheckConstraint(
                condition=~Q(state__in=["requested", "issued", "refused"]) | Q(sent_by__isnull=False, sent_on__isnull=False),
                name="sent_request_says_by_whom",
            ),
        ]
        indexes = [models.Index(fields=["state"], name="penalty_request_by_state")]


class PenaltyNotice(models.Model):
    """A line of the ledger: a notice to one parent about one child, from here, another school or another authority."""

    class Kind(models.TextChoices):
        ABSENCE = "absence", "Penalty notice for absence"
        PUBLIC_PLACE = "public_place", "Public-place notice"

    class Source(models.TextChoices):
        HERE = "here", "Asked for here"
        SCHOOL = "school", "Another school"
        AUTHORITY = "authority", "Another authority"

    class State(models.TextChoices):
        ISSUED = "issued", "Issued"
        PAID = "paid", "Paid"
        UNPAID = "unpaid", "Not paid in time"
        PROSECUTED = "prosecuted", "Prosecuted"
        ACQUITTED = "acquitted", "Found not guilty"
        WITHDRAWN = "withdrawn", "Withdrawn"

    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, related_name="penalty_notices")
    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="penalty_notices")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.ABSENCE)
    issued_on = models.DateField()
    received_on = models.DateField(null=True, help_text="The days to pay begin with this one; null: not known.")
    source = models.CharField(max_length=10, choices=Source.choices)
    issuer = models.CharField(max_length=120, help_text="Which authority, school or officer issued it.")
    told_by = models.CharField(max_length=200, blank=True, help_text="How we know, where it was not asked for here.")
    request = models.OneToOneField(PenaltyRequest, on_delete=models.PROTECT, null=True, related_name="notice")
    full = models.PositiveSmallIntegerField(null=True, help_text="Pounds; null: not known.")
    reduced = models.PositiveSmallIntegerField(null=True, help_text="Pounds, if paid early; null: no reduction.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ISSUED)
    state_on = models.DateField(help_text="Since when the state stands.")
    reason = models.TextField(blank=True, help_text="Why it was withdrawn.")
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entered_role = models.CharField(max_length=20, blank=True)
    entered_at = models.DateTimeField()

    class Meta:
        ordering = ["-issued_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "pupil", "kind", "issued_on"],
                condition=~Q(state="withdrawn"),
                name="one_notice_a_day_to_a_parent_about_a_child",
            ),
            models.CheckConstraint(condition=~Q(source="here") | Q(request__isnull=False), name="our_notice_has_its_request"),
            models.CheckConstraint(condition=Q(source="here") | ~Q(told_by=""), name="notice_from_elsewhere_says_how_we_know"),
            models.CheckConstraint(condition=Q(state_on__gte=F("issued_on")), name="notice_changes_after_it_was_issued"),
        ]
        indexes = [models.Index(fields=["pupil", "parent", "-issued_on"], name="penalty_notice_by_family")]


class ImprovementNotice(models.Model):
    """A notice to improve: a last chance with a clock and a test, before a penalty notice is thought about."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        ENDED = "ended", "Ended: decide what follows"
        DECIDED = "decided", "Decided"
        STOPPED = "stopped", "Stopped early"

    class Outcome(models.TextChoices):
        MET = "met", "Improved enough"
        MISSED = "missed", "Not improved enough"
        EMPTY = "no sessions", "No possible session"

    class Next(models.TextChoices):
        REQUEST = "request", "Ask for a penalty notice"
        PRAISE = "praise", "Thank the family"
        SUPPORT = "support", "More support"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="improvement_notices")
    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="improvement_notices")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="improvement_notices")
    starts_on = models.DateField(help_text="The first day that is tested.")
    ends_on = models.DateField(help_text="The last day that is tested.")
    school_days = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField(
        default=0, help_text="Unauthorised sessions within it that still count as improved."
    )
    support_offered = models.TextField()
    improvement_means = models.TextField()
    grounds_earlier = models.TextField(help_text="On what grounds the school may act before the end.")
    contents = models.JSONField(help_text="The seven things of a notice to improve: {key: what it says}.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    possible = models.PositiveSmallIntegerField(null=True)
    attended = models.PositiveSmallIntegerField(null=True)
    unauthorised = models.PositiveSmallIntegerField(null=True)
    next = models.CharField(max_length=8, choices=Next.choices, blank=True)
    reason = models.TextField(blank=True, help_text="Why it was stopped early, or what was decided.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_on = models.DateField(null=True)

    class Meta:
        ordering = ["-starts_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pupil", "school"], condition=Q(state="running"), name="one_notice_to_improve_at_a_time"
            ),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="notice_to_improve_ends_after_it_starts"),
            models.CheckConstraint(
                condition=~Q(state__in=["ended", "decided"]) | ~Q(outcome=""), name="ended_notice_to_improve_was_tested"
            ),
        ]
        indexes = [models.Index(fields=["school", "state", "ends_on"], name="improvement_by_school")]
