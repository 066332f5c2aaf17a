"""What happened: one register row a pupil and year, append-only history, imports, and the figures that lists read.

Law: School Attendance (Pupil Registration) (England) Regulations 2024. Every amendment keeps the original entry, the amended one, the
reason, the date, and the name and role of who made it (regulation 13); entries are kept for six years.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from attendance.grid import EMPTY_ROW, SLOTS
from schools.models import Enrolment, School


class RegisterRow(models.Model):
    """An enrolment's marks in one academic year: one printable character a session, see ``grid`` and ``codes``.

    A mark is changed by one conditional UPDATE of its slot (``services``), never by reading, changing and writing the row.
    """

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="register_rows", db_index=False)
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+", db_index=False)
    year = models.PositiveSmallIntegerField(help_text="2025 is 2025/26.")
    marks = models.CharField(max_length=SLOTS, default=EMPTY_ROW)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "year"], name="register_row_once_a_year"),
            models.CheckConstraint(condition=Exact(Length("marks"), SLOTS), name="register_row_has_every_slot"),
        ]
        indexes = [models.Index(fields=["school", "year"], name="register_row_by_school")]


class ImportBatch(models.Model):
    """A file that was read into the register. ``first_entries`` holds, compressed, every mark that it entered for the first time."""

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="import_batches", db_index=False)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    format = models.CharField(
        max_length=10, choices=[("long", "One mark a row"), ("weeks", "One week a row"), ("demo", "Demo data")]
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    rows = models.PositiveIntegerField()
    new = models.PositiveIntegerField()
    changed = models.PositiveIntegerField()
    unchanged = models.PositiveIntegerField()
    refused = models.PositiveIntegerField()
    refusals = models.JSONField(default=list, help_text="[{row, reason}], the first thousand.")
    latest_date = models.DateField(null=True)
    first_entries = models.BinaryField(default=bytes, help_text="See history.pack.")

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["school", "-at"], name="import_by_school")]


class MarkChange(models.Model):
    """A mark that replaced another (or was entered by hand): append-only. ``original`` and ``amended`` are codes, empty for no mark."""

    row = models.ForeignKey(RegisterRow, on_delete=models.PROTECT, related_name="changes", db_index=False)
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+", db_index=False)
    date = models.DateField()
    session = models.CharField(max_length=2, choices=[("AM", "Morning"), ("PM", "Afternoon")])
    original = models.CharField(max_length=2, blank=True)
    amended = models.CharField(max_length=2, blank=True)
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    role = models.CharField(max_length=20, blank=True)
    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, null=True, related_name="changes")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [models.CheckConstraint(condition=~Q(original=F("amended")), name="mark_change_changes_something")]
        indexes = [
            models.Index(fields=["row", "date"], name="mark_change_by_row"),
            models.Index(fields=["school", "-at"], name="mark_change_by_school"),
        ]


class MarkDetail(models.Model):
    """What is known of a mark beyond its code; sparse."""

    row = models.ForeignKey(RegisterRow, on_delete=models.PROTECT, related_name="details", db_index=False)
    date = models.DateField()
    session = models.CharField(max_length=2)
    minutes_late = models.PositiveSmallIntegerField(null=True)
    comment = models.CharField(max_length=200, blank=True)
    raw_code = models.CharField(max_length=10, blank=True, help_text="The MIS's own code, where it differs.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["row", "date", "session"], name="mark_detail_once_a_session")]


class Figures(models.Model):
    """A pupil's figures as of a day, in sessions; stored each night and on each change, read from columns by every list."""

    row = models.OneToOneField(RegisterRow, on_delete=models.CASCADE, primary_key=True, related_name="figures")
    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="+")
    as_of = models.DateField()
    possible = models.PositiveSmallIntegerField()
    attended = models.PositiveSmallIntegerField()
    authorised = models.PositiveSmallIntegerField()
    unauthorised = models.PositiveSmallIntegerField()
    no_reason_yet = models.PositiveSmallIntegerField(help_text="Coded N; part of unauthorised.")
    late = models.PositiveSmallIntegerField(help_text="Coded L.")
    half_term_possible = models.PositiveSmallIntegerField()
    half_term_attended = models.PositiveSmallIntegerField()
    half_term_authorised = models.PositiveSmallIntegerField()
    half_term_unauthorised = models.PositiveSmallIntegerField()
    week_possible = models.PositiveSmallIntegerField(help_text="In the Monday-Sunday week of the day.")
    week_attended = models.PositiveSmallIntegerField()
    before_week_possible = models.PositiveSmallIntegerField(help_text="The year's, up to the end of the week before.")
    before_week_attended = models.PositiveSmallIntegerField()
    to_come = models.PositiveSmallIntegerField(help_text="Sessions of the calendar still to come this year while on roll.")
