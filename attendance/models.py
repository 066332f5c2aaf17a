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
from schools.models import Enrolment, Parent, Pupil, School


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
        max_length=10,
        choices=[
            ("long", "One mark a row"),
            ("weeks", "One week a row"),
            ("ctf", "Common transfer file"),
            ("wonde", "Wonde"),
            ("api", "API"),
            ("leave", "Leave entered ahead"),
            ("demo", "Demo data"),
        ],
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
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

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


class FormRegister(models.Model):
    """A form's register of one session as it was taken here: when it was opened and closed, and by whom.

    Law: a register is to be taken at the start of the morning and once in the afternoon; the Department asks that it does not stay open
    for longer than 30 minutes (Working together to improve school attendance).
    """

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="form_registers")
    form = models.CharField(max_length=20)
    date = models.DateField()
    session = models.CharField(max_length=2, choices=[("AM", "Morning"), ("PM", "Afternoon")])
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, help_text="When every pupil first had a mark.")
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-date", "form"]
        constraints = [
            models.UniqueConstraint(fields=["school", "date", "session", "form"], name="form_register_once_a_session"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(closed_by__isnull=False), name="closed_register_says_by_whom"
            ),
        ]


class RegisterEntry(models.Model):
    """What one person entered for the first time in a form's register at one moment: the history of marks taken here.

    A register of thirty is one row of this table and not thirty; ``first_entries`` holds the marks, compressed, as a file's batch does.
    What replaced another mark is a ``MarkChange``.
    """

    register = models.ForeignKey(FormRegister, on_delete=models.PROTECT, related_name="entries")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField()
    entered = models.PositiveSmallIntegerField()
    first_entries = models.BinaryField(help_text="See history.pack.")

    class Meta:
        verbose_name_plural = "register entries"
        ordering = ["at", "id"]


class AbsenceCall(models.Model):
    """One attempt to learn why a pupil is away, and whether the pupil is safe: first-day calling and each further day. Append-only."""

    class Channel(models.TextChoices):
        CALL = "call", "Call"
        TEXT = "text", "Text"
        EMAIL = "email", "E-mail"
        VISIT = "visit", "Home visit"
        CAME_IN = "came_in", "Told us"

    class Outcome(models.TextChoices):
        SPOKE = "spoke", "Spoke"
        NO_ANSWER = "no_answer", "No answer"
        LEFT_MESSAGE = "left_message", "Left a message"
        WRONG_NUMBER = "wrong_number", "Wrong number"

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="absence_calls")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+")
    about = models.DateField(help_text="The day of absence that was asked about.")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, blank=True)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.CALL)
    parent = models.ForeignKey(
        Parent, on_delete=models.PROTECT, null=True, related_name="+", help_text="Who was tried; null: somebody else."
    )
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    code = models.CharField(max_length=2, blank=True, help_text="The code of the reason that was given; empty: none yet.")
    said = models.TextField(blank=True)
    expected_return = models.DateField(null=True)
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(code="") | Q(outcome="spoke"), name="absence_call_reason_was_told_by_somebody"),
            models.CheckConstraint(
                condition=Q(expected_return__isnull=True) | Q(expected_return__gte=F("about")),
                name="absence_call_return_is_not_before_the_absence",
            ),
        ]
        indexes = [
            models.Index(fields=["school", "about"], name="absence_call_by_school"),
            models.Index(fields=["pupil", "-at"], name="absence_call_by_pupil"),
        ]


class RegisterConflict(models.Model):
    """A mark corrected here that a file from the MIS then contradicted: the file's mark is not entered until a person decides."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        KEPT = "kept", "Ours was kept"
        TAKEN = "taken", "The file's was taken"

    row = models.ForeignKey(RegisterRow, on_delete=models.PROTECT, related_name="conflicts", db_index=False)
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+", db_index=False)
    date = models.DateField()
    session = models.CharField(max_length=2)
    ours = models.CharField(max_length=2)
    theirs = models.CharField(max_length=2)
    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, related_name="conflicts")
    state = models.CharField(max_length=5, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["date", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["row", "date", "session"], condition=Q(state="open"), name="register_conflict_open_once_a_session"
            ),
            models.CheckConstraint(condition=~Q(ours=F("theirs")), name="register_conflict_contradicts"),
        ]
        indexes = [models.Index(fields=["school", "state"], name="register_conflict_by_school")]


class ColumnMap(models.Model):
    """What a school's headings mean, as a person said once: a file with the same headings is recognised the next time."""

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="column_maps")
    kind = models.CharField(
        max_length=10, choices=[("long", "One mark a row"), ("weeks", "One week a row"), ("people", "People")]
    )
    headings = models.JSONField(help_text="The file's headings in their order.")
    headings_sha256 = models.CharField(max_length=64)
    columns = models.JSONField(help_text="{our column: their heading}")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["school", "headings_sha256"], name="column_map_once_a_heading_row")]


class RawCode(models.Model):
    """A code of a school's MIS beyond the national ones (SIMS's X01), and the national code that it stands for."""

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="raw_codes")
    raw = models.CharField(max_length=10)
    code = models.CharField(max_length=2)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["raw"]
        constraints = [models.UniqueConstraint(fields=["school", "raw"], name="raw_code_once_a_school")]


class EarlierAttendance(models.Model):
    """A pupil's year at an earlier school, as a common transfer file tells it: totals in sessions and, where the file has them, marks.

    Shown apart and counted only where the law counts it; never mixed into the school's own figures.
    """

    pupil = models.ForeignKey(Pupil, on_delete=models.CASCADE, related_name="earlier_attendance")
    year = models.PositiveSmallIntegerField(help_text="2025 is 2025/26.")
    local_authority = models.CharField("LA number", max_length=3, blank=True)
    establishment = models.CharField(max_length=4, blank=True)
    school_name = models.CharField(max_length=120, blank=True)
    possible = models.PositiveSmallIntegerField(null=True)
    attended = models.PositiveSmallIntegerField(null=True)
    authorised = models.PositiveSmallIntegerField(null=True)
    unauthorised = models.PositiveSmallIntegerField(null=True)
    marks_start = models.DateField(null=True)
    slots_a_week = models.PositiveSmallIntegerField(null=True, help_text="10 or 14.")
    marks = models.TextField(blank=True, help_text="One character a session from marks_start, as in a register row.")
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["-year", "school_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["pupil", "year", "local_authority", "establishment"], name="earlier_attendance_once_a_school_year"
            )
        ]


class MisConnection(models.Model):
    """How a school's MIS is read through Wonde. The token is kept encrypted and never shown again."""

    school = models.OneToOneField(School, on_delete=models.CASCADE, related_name="mis_connection")
    wonde_id = models.CharField("Wonde school id", max_length=20)
    token = models.BinaryField(help_text="Encrypted, see schools.secrets.")
    is_active = models.BooleanField(default=True)
    last_read_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    read_from = models.DateTimeField(
        null=True, help_text="Marks changed since then are asked for; null: all. See attendance.mis."
    )
    busy_until = models.DateTimeField(null=True, help_text="A worker that reads the school now has it until then.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()


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
