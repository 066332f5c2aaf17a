"""Decides and records: rulesets in force, cases, stages, tasks, periods, watch entries and the night's runs.

A stage record is what the engine proposed for a pupil, with the reasons and numbers it was proposed on; a person decides what becomes of
it. A planned letter stands in the same transaction as its stage record, and the letters app claims it from there, so that a failed PDF can
never undo a decision.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from schools.models import Enrolment, Parent, Pupil, Role, School


class FrozenVersion(Exception):
    """Something tried to change a ruleset version that stands: old decisions name it, and keep the numbers they were made by."""


class RulesetVersion(models.Model):
    """The text of a ruleset as it was in force; never changed once kept. The database refuses what does not come through ``save``."""

    FROZEN = ("key", "name", "text", "sha256")

    key = models.SlugField()
    name = models.CharField(max_length=120)
    text = models.TextField()
    sha256 = models.CharField(max_length=64, unique=True)
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} {self.sha256[:8]}"

    def save(self, *args: Any, **named: Any) -> None:
        """Raises FrozenVersion where the row stands already with other words."""
        kept = RulesetVersion.objects.filter(pk=self.pk).values(*self.FROZEN).first() if self.pk else None
        changed = [name for name in self.FROZEN if kept and kept[name] != getattr(self, name)]
        if changed:
            raise FrozenVersion(
                f"Ruleset version {self.pk} is kept as it was in force: its {changed[0]} cannot be changed. Add a new one."
            )
        super().save(*args, **named)


class Adoption(models.Model):
    """Which ruleset version a school runs from a date on."""

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="adoptions")
    version = models.ForeignKey(RulesetVersion, on_delete=models.PROTECT, related_name="adoptions")
    starts = models.DateField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["school", "starts"]
        constraints = [models.UniqueConstraint(fields=["school", "starts"], name="adoption_once_a_day")]


class LadderDraft(models.Model):
    """A change of a school's ladder on its way: written by one person, reviewed by a second, published from a day as a new version."""

    class State(models.TextChoices):
        DRAFT = "draft", "Being written"
        REVIEWED = "reviewed", "Reviewed"
        PUBLISHED = "published", "Published"
        DISCARDED = "discarded", "Discarded"

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="ladder_drafts")
    based_on = models.ForeignKey(
        RulesetVersion, on_delete=models.PROTECT, null=True, related_name="+", help_text="Null: begun afresh."
    )
    text = models.TextField(help_text="The ruleset file; it may still have faults while it is being written.")
    note = models.TextField(blank=True, help_text="Why the change is made.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    review_note = models.TextField(blank=True)
    starts = models.DateField(null=True, help_text="The day from which it was published.")
    published_as = models.ForeignKey(RulesetVersion, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-changed_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reviewed_by=F("by")), name="draft_reviewed_by_a_second_person"),
            models.CheckConstraint(
                condition=~Q(state="published") | Q(published_as__isnull=False, starts__isnull=False),
                name="published_draft_has_its_version",
            ),
        ]


class Trial(models.Model):
    """A back-test that somebody asked for: one or more ladders over a school's own past register, run as a job with progress."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="trials")
    draft = models.ForeignKey(LadderDraft, on_delete=models.CASCADE, null=True, related_name="trials")
    ladders = models.JSONField(help_text="[{label, text}]: the rulesets compared, the one in force first.")
    starts = models.DateField()
    ends = models.DateField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    claimed_until = models.DateTimeField(null=True, help_text="Lease: after this another worker may take it.")
    done_days = models.PositiveIntegerField(default=0)
    all_days = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at", "-id"]


class Case(models.Model):
    """A pupil, a school and an academic year."""

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="cases")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="cases")
    year = models.PositiveSmallIntegerField(help_text="2025 is 2025/26.")
    opened_on = models.DateField()
    closed_on = models.DateField(null=True)
    with_authority_since = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pupil", "school", "year"], name="case_once_a_year")]
        indexes = [models.Index(fields=["school", "year"], name="case_by_school")]


class StageRecord(models.Model):
    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        HELD = "held", "Held"
        DONE = "done", "Done"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"
        PASSED_OVER = "passed_over", "Passed over"
        CARRIED_OVER = "carried_over", "Carried over from last year"

    OPEN = (State.PROPOSED, State.HELD)
    STANDING = (State.PROPOSED, State.HELD, State.DONE, State.PASSED_OVER, State.CARRIED_OVER)
    """States in which the stage is not proposed again by itself this year."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="stages")
    version = models.ForeignKey(RulesetVersion, on_delete=models.PROTECT, related_name="+")
    stage = models.CharField(max_length=20, help_text="The id in the policy's table.")
    name = models.CharField(max_length=120)
    band = models.CharField(max_length=40)
    level = models.PositiveSmallIntegerField(help_text="Colour of the band, 1 (mild) to 5.")
    state = models.CharField(max_length=14, choices=State.choices, default=State.PROPOSED)
    proposed_on = models.DateField()
    because = models.JSONField(
        default=list, help_text="The engine's reasons: measure, window, value, comparison, threshold, marks."
    )
    sentences = models.JSONField(default=list)
    acts = models.CharField(max_length=20, choices=Role.choices)
    approves = models.CharField(max_length=20, choices=Role.choices, blank=True)
    done_on = models.DateField(null=True)
    ask_again_on = models.DateField(null=True, help_text="A declined or held stage may come again from this day.")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    not_on_todays_register_since = models.DateField(null=True, help_text="Done, but a correction has removed its ground.")

    class Meta:
        ordering = ["proposed_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "stage"],
                condition=Q(state__in=["proposed", "held", "done", "passed_over", "carried_over"]),
                name="stage_stands_once_a_case",
            ),
            models.CheckConstraint(condition=~Q(state="done") | Q(done_on__isnull=False), name="done_stage_has_its_day"),
        ]
        indexes = [models.Index(fields=["state", "case"], name="stage_by_state")]


class Task(models.Model):
    """Something a person has to do for a case: a conversation, a call, a meeting, a review."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="tasks")
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, null=True, related_name="tasks")
    kind = models.CharField(max_length=20)
    title = models.CharField(max_length=120)
    role = models.CharField(max_length=20, choices=Role.choices)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="tasks")
    due_on = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    outcome = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)
    done_on = models.DateField(null=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [models.UniqueConstraint(fields=["stage_record", "kind"], name="task_once_a_kind")]
        indexes = [models.Index(fields=["state", "due_on"], name="task_by_due")]


class Period(models.Model):
    """A plan or monitoring period: the sessions after ``starts_on`` up to and including ``ends_on`` (n weeks later)."""

    class Outcome(models.TextChoices):
        MET = "met", "Target met"
        MISSED = "missed", "Target missed"
        EMPTY = "no sessions", "No possible session"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="periods")
    stage = models.CharField(max_length=20)
    starts_on = models.DateField()
    weeks = models.PositiveSmallIntegerField()
    ends_on = models.DateField()
    target = models.DecimalField(max_digits=5, decimal_places=2, null=True, help_text="%; null: improve on the year's figure.")
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    possible = models.PositiveSmallIntegerField(null=True)
    attended = models.PositiveSmallIntegerField(null=True)

    class Meta:
        ordering = ["starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["case", "stage", "starts_on"], name="period_once_a_start"),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="period_ends_after_it_starts"),
        ]


class WatchEntry(models.Model):
    """A watch rule that began to hold: a list entry with its evidence, never a letter by itself."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="watch_entries")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="watch_entries")
    rule = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    opened_on = models.DateField()
    because = models.JSONField(default=list)
    sentences = models.JSONField(default=list)
    role = models.CharField(max_length=20, choices=Role.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-opened_on", "id"]
        constraints = [models.UniqueConstraint(fields=["pupil", "school", "rule", "opened_on"], name="watch_entry_once_a_day")]
        indexes = [models.Index(fields=["school", "state", "opened_on"], name="watch_by_school")]


class WatchMemory(models.Model):
    """What the engine must remember of its watch and recovery rules between two nights, for one enrolment; written only when it changes.

    ``facts``: rule → the dates of ``engine.state.WatchRow`` that are not null. They say also what stood before the last change, so that
    the same day can be judged again.
    """

    enrolment = models.OneToOneField(Enrolment, on_delete=models.CASCADE, primary_key=True, related_name="watch_memory")
    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="+")
    facts = models.JSONField(default=dict)


class Event(models.Model):
    """A line of a case's timeline: what happened, when, by whom. Append-only."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, help_text="stage, conversation, call, meeting, letter, period, watch, note, decision.")
    on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", help_text="Null: the night."
    )
    role = models.CharField(max_length=20, blank=True)
    text = models.TextField()
    outcome = models.CharField(max_length=20, blank=True)
    parent = models.ForeignKey(
        Parent, on_delete=models.PROTECT, null=True, related_name="+", help_text="The parent who took part."
    )
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, null=True, related_name="events")

    class Meta:
        ordering = ["-on", "-at", "-id"]
        indexes = [models.Index(fields=["case", "-on"], name="event_by_case")]


class PlannedLetter(models.Model):
    """A letter that a decision asks for. Letters claims it; one draft a parent comes of it."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        DRAFTED = "drafted", "Drafted"
        NOBODY = "nobody", "Nobody may be written to"
        WITHDRAWN = "withdrawn", "Withdrawn"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="planned_letters")
    stage_record = models.ForeignKey(StageRecord, on_delete=models.PROTECT, null=True, related_name="planned_letters")
    version = models.ForeignKey(RulesetVersion, on_delete=models.PROTECT, related_name="+")
    letter = models.CharField(max_length=40, help_text="Key of the wording.")
    cause = models.CharField(max_length=40, help_text="What asks for it, and its id: stage 3, recovery, leave 12, meeting 7.")
    about = models.JSONField(default=dict, help_text="What the letter states beyond the figures: {merge field: its words}.")
    on = models.DateField()
    encloses = models.CharField(max_length=30, blank=True)
    approves = models.CharField(max_length=20, choices=Role.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "cause", "letter", "on"], name="planned_letter_once_a_cause")]
        indexes = [models.Index(fields=["state", "id"], name="planned_letter_by_state")]


class NightRun(models.Model):
    """What is due and what was run: one row a school and day."""

    class State(models.TextChoices):
        DUE = "due", "Due"
        RUNNING = "running", "Running"
        PUT_OFF = "put_off", "Put off: the register is missing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="night_runs")
    on = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.DUE)
    claimed_until = models.DateTimeField(null=True, help_text="Lease: after this another worker may take it.")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    pupils = models.PositiveIntegerField(default=0)
    evaluated = models.PositiveIntegerField(default=0)
    proposed = models.PositiveIntegerField(default=0)
    drafted = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    watched = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(default=list, help_text="[sentence]: what was put off and why.")
    errors = models.JSONField(default=list)
    seconds = models.FloatField(default=0)

    class Meta:
        ordering = ["-on", "school"]
        constraints = [models.UniqueConstraint(fields=["school", "on"], name="night_once_a_school_and_day")]
        indexes = [models.Index(fields=["state", "on"], name="night_by_state")]
