"""Who and where: groups, schools, calendars, pupils, parents, staff and the audit trail.

A pupil belongs to the group; an enrolment ties pupil and school from a date to a date. What changes over a school year (form, flags) is
dated, so that last year's figures stay last year's. All dates are inclusive; an open end is null.
"""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q


class Group(models.Model):
    """A federation or trust. Pupils and parents belong to it; UPNs are unique in it."""

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(unique=True)

    def __str__(self) -> str:
        return self.name


class School(models.Model):
    class Phase(models.TextChoices):
        PRIMARY = "primary", "Primary"
        SECONDARY = "secondary", "Secondary"
        SPECIAL = "special", "Special"

    class RegisterSource(models.TextChoices):
        MIS = "mis", "The management information system"
        HANDRAIL = "handrail", "Handrail"

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="schools")
    urn = models.CharField("URN", max_length=6, unique=True, validators=[RegexValidator(r"^\d{6}$", "A URN has six digits.")])
    name = models.CharField(max_length=120)
    short_name = models.CharField(max_length=60, blank=True)
    phase = models.CharField(max_length=10, choices=Phase.choices)
    local_authority = models.CharField(max_length=80)
    la_number = models.CharField(
        "LA number", max_length=3, blank=True, validators=[RegexValidator(r"^\d{3}$", "It has three digits.")]
    )
    establishment_number = models.CharField(
        max_length=4, blank=True, validators=[RegexValidator(r"^\d{4}$", "It has four digits.")]
    )
    address = models.TextField(help_text="One line each, the postcode last.")
    telephone = models.CharField(max_length=20)
    email = models.EmailField()
    office_hours = models.CharField(max_length=80, default="from 8am to 4pm", help_text="Reads after “on a school day”.")
    register_source = models.CharField(max_length=10, choices=RegisterSource.choices, default=RegisterSource.MIS)
    target = models.DecimalField(
        "attendance target, %",
        max_digits=4,
        decimal_places=1,
        default=96,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    lessons_a_day = models.PositiveSmallIntegerField(default=5)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(target__gte=0, target__lte=100), name="school_target_is_a_percentage")]

    def __str__(self) -> str:
        return self.name


class RegisterTime(models.Model):
    """When a session's register opens, until when a pupil is late (L), and after when the mark is U. Several afternoons are possible."""

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="register_times")
    session = models.CharField(max_length=2, choices=[("AM", "Morning"), ("PM", "Afternoon")])
    label = models.CharField(max_length=40, blank=True)
    opens = models.TimeField()
    closes = models.TimeField()
    year_groups = models.JSONField(default=list, blank=True, help_text="For whom, where afternoons differ. Empty: all.")

    class Meta:
        ordering = ["school", "session", "opens"]
        constraints = [
            models.UniqueConstraint(fields=["school", "session", "label"], name="register_time_once_a_label"),
            models.CheckConstraint(condition=Q(closes__gt=F("opens")), name="register_closes_after_it_opens"),
        ]


class AcademicYear(models.Model):
    """A school's year; ``start_year`` 2025 is 2025/26."""

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="academic_years")
    start_year = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["school", "start_year"]
        constraints = [models.UniqueConstraint(fields=["school", "start_year"], name="academic_year_once_a_school")]

    def __str__(self) -> str:
        return f"{self.start_year}/{(self.start_year + 1) % 100:02}"


class HalfTerm(models.Model):
    academic_year = models.ForeignKey(AcademicYear, on_delete=models.CASCADE, related_name="half_terms")
    term = models.CharField(max_length=20, help_text="Autumn, Spring or Summer.")
    name = models.CharField(max_length=30, help_text="Autumn 1, Autumn 2 …")
    starts = models.DateField()
    ends = models.DateField()

    class Meta:
        ordering = ["starts"]
        constraints = [
            models.UniqueConstraint(fields=["academic_year", "name"], name="half_term_name_once_a_year"),
            models.UniqueConstraint(fields=["academic_year", "starts"], name="half_term_start_once_a_year"),
            models.CheckConstraint(condition=Q(ends__gte=F("starts")), name="half_term_ends_after_it_starts"),
        ]

    def __str__(self) -> str:
        return self.name


class ClosedDay(models.Model):
    """A weekday inside a half term on which the school is not open: staff training, a bank holiday, a closure."""

    class Kind(models.TextChoices):
        STAFF = "staff", "Staff training day"
        BANK_HOLIDAY = "bank_holiday", "Bank holiday"
        CLOSURE = "closure", "Closure"

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="closed_days")
    date = models.DateField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    note = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["date"]
        constraints = [models.UniqueConstraint(fields=["school", "date"], name="closed_day_once_a_school")]


class Pupil(models.Model):
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="pupils")
    upn = models.CharField("UPN", max_length=13, null=True, blank=True)
    first_name = models.CharField(max_length=60)
    last_name = models.CharField(max_length=60)
    known_as = models.CharField(max_length=60, blank=True)
    date_of_birth = models.DateField()
    sex = models.CharField(max_length=1, choices=[("F", "Female"), ("M", "Male")])

    class Meta:
        ordering = ["last_name", "first_name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "upn"], name="upn_once_a_group"),
            models.CheckConstraint(condition=~Q(upn=""), name="missing_upn_is_null"),
        ]
        indexes = [models.Index(fields=["group", "last_name", "first_name"], name="pupil_by_name")]

    def __str__(self) -> str:
        return f"pupil {self.pk}"

    @property
    def name(self) -> str:
        return f"{self.called} {self.last_name}"

    @property
    def called(self) -> str:
        return self.known_as or self.first_name


class Enrolment(models.Model):
    """A pupil on the roll of a school, from the day of admission to the day of leaving."""

    pupil = models.ForeignKey(Pupil, on_delete=models.PROTECT, related_name="enrolments")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="enrolments")
    admission_number = models.CharField(max_length=20)
    starts = models.DateField()
    ends = models.DateField(null=True, blank=True)
    is_main = models.BooleanField("main school", default=True)

    class Meta:
        ordering = ["starts"]
        constraints = [
            models.UniqueConstraint(fields=["school", "admission_number"], name="admission_number_once_a_school"),
            models.UniqueConstraint(fields=["pupil", "school", "starts"], name="enrolment_once_a_start"),
            models.CheckConstraint(
                condition=Q(ends__isnull=True) | Q(ends__gte=F("starts")), name="enrolment_ends_after_it_starts"
            ),
        ]
        indexes = [models.Index(fields=["school", "starts", "ends"], name="enrolment_on_roll")]


class Placement(models.Model):
    """Year group, form and house of an enrolment, from a date to a date."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="placements")
    year_group = models.SmallIntegerField(help_text="0 is reception.")
    form = models.CharField(max_length=20)
    house = models.CharField(max_length=30, blank=True)
    starts = models.DateField()
    ends = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["starts"]
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "starts"], name="placement_once_a_start"),
            models.CheckConstraint(
                condition=Q(ends__isnull=True) | Q(ends__gte=F("starts")), name="placement_ends_after_it_starts"
            ),
        ]


class PupilFlag(models.Model):
    """Something about a pupil that changes how to act or is reported by group, from a date to a date."""

    class Kind(models.TextChoices):
        SEN_SUPPORT = "sen_support", "SEN support"
        EHC_PLAN = "ehc_plan", "EHC plan"
        FSM = "fsm", "Free school meals"
        PUPIL_PREMIUM = "pupil_premium", "Pupil premium"
        LOOKED_AFTER = "looked_after", "Looked after"
        SOCIAL_WORKER = "social_worker", "Social worker"
        CHILD_PROTECTION = "child_protection", "Child protection plan"
        YOUNG_CARER = "young_carer", "Young carer"
        EAL = "eal", "EAL"
        ETHNICITY = "ethnicity", "Ethnicity"
        FIRST_DAY_LIST = "first_day_list", "First-day list"

    CHANGES_HOW_TO_ACT = (
        Kind.CHILD_PROTECTION,
        Kind.SOCIAL_WORKER,
        Kind.LOOKED_AFTER,
        Kind.EHC_PLAN,
        Kind.YOUNG_CARER,
        Kind.SEN_SUPPORT,
        Kind.FIRST_DAY_LIST,
    )
    """Shown beside the name wherever someone decides, gravest first."""

    pupil = models.ForeignKey(Pupil, on_delete=models.CASCADE, related_name="flags")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    value = models.CharField(max_length=80, blank=True)
    starts = models.DateField()
    ends = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pupil", "kind", "starts"], name="flag_once_a_start"),
            models.CheckConstraint(condition=Q(ends__isnull=True) | Q(ends__gte=F("starts")), name="flag_ends_after_it_starts"),
        ]


class Parent(models.Model):
    """A parent in the meaning of section 576 of the Education Act 1996, or another contact: one record a person in the group."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="parents")
    title = models.CharField(max_length=10, blank=True)
    first_name = models.CharField(max_length=60)
    last_name = models.CharField(max_length=60)
    email = models.EmailField(blank=True)
    telephone = models.CharField(max_length=20, blank=True)
    address = models.TextField(blank=True, help_text="One line each, the postcode last.")
    language = models.CharField("preferred language", max_length=10, default="en")

    class Meta:
        ordering = ["last_name", "first_name", "id"]

    def __str__(self) -> str:
        return f"parent {self.pk}"

    @property
    def name(self) -> str:
        """As on an envelope: "Ms Carys Marlow"."""
        return f"{self.title} {self.first_name} {self.last_name}".strip()

    @property
    def salutation(self) -> str:
        """As after "Dear": "Ms Marlow"."""
        return f"{self.title} {self.last_name}" if self.title else f"{self.first_name} {self.last_name}"


class ContactNumber(models.Model):
    """The number under which a school's MIS knows a parent, by which the next file finds the same person."""

    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="+", db_index=False)
    number = models.CharField(max_length=40)
    parent = models.ForeignKey(Parent, on_delete=models.CASCADE, related_name="mis_numbers")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["school", "number"], name="contact_number_once_a_school")]


class PupilParent(models.Model):
    """What a person is to a pupil, and what may be sent to them."""

    pupil = models.ForeignKey(Pupil, on_delete=models.CASCADE, related_name="parent_links")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, related_name="pupil_links")
    relationship = models.CharField(max_length=30)
    priority = models.PositiveSmallIntegerField(default=1, help_text="Whom to ring first.")
    has_parental_responsibility = models.BooleanField("parental responsibility", default=True)
    lives_with_pupil = models.BooleanField("lives with the pupil", default=True)
    receives_letters = models.BooleanField("correspondence", default=True)
    is_emergency_contact = models.BooleanField("emergency contact", default=True)
    no_contact_from = models.DateField("court order or no contact, from", null=True, blank=True)
    no_contact_until = models.DateField("until", null=True, blank=True)
    no_contact_note = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["priority", "id"]
        constraints = [models.UniqueConstraint(fields=["pupil", "parent"], name="parent_once_a_pupil")]

    def is_barred(self, on: dt.date) -> bool:
        """Whether an order or a no-contact note stands on that day."""
        return bool(
            self.no_contact_from and self.no_contact_from <= on and (not self.no_contact_until or on <= self.no_contact_until)
        )


class PeopleBatch(models.Model):
    """A file of pupils and contacts that was read in: what it changed, and what stood there before, so that it can be undone."""

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="people_batches")
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    format = models.CharField(
        max_length=10,
        choices=[
            ("table", "Table"),
            ("ctf", "Common transfer file"),
            ("sims", "SIMS report"),
            ("wonde", "Wonde"),
            ("api", "API"),
        ],
    )
    by = models.ForeignKey("schools.User", on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    rows = models.PositiveIntegerField()
    new = models.PositiveIntegerField()
    changed = models.PositiveIntegerField()
    unchanged = models.PositiveIntegerField()
    refused = models.PositiveIntegerField()
    leavers = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=list, help_text="[{row, reason}], the first thousand.")
    before = models.JSONField(default=list, help_text="What the rows that were changed said before, to undo by.")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey("schools.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["school", "-at"], name="people_batch_by_school")]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: object) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A member of staff or governor who can sign in. What they may see and do comes from their roles, never from ``is_superuser``."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, help_text="As families and colleagues know the person: Ms A. Lindqvist.")
    is_active = models.BooleanField(default=True)
    uses_shortcuts = models.BooleanField("single-key shortcuts", default=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """Fixed keys; the title is the school's own (a primary school's class teacher is a tutor)."""

    OFFICER = "officer", "Attendance officer"
    TUTOR = "tutor", "Form tutor"
    HEAD_OF_YEAR = "head_of_year", "Head of year"
    ATTENDANCE_LEAD = "attendance_lead", "Attendance lead"
    SAFEGUARDING_LEAD = "safeguarding_lead", "Designated safeguarding lead"
    HEAD = "head", "Headteacher"
    TRUST_LEAD = "trust_lead", "Trust attendance lead"
    GOVERNOR = "governor", "Governor"
    ADMINISTRATOR = "administrator", "Administrator"


class StaffRole(models.Model):
    """A role that a person holds at a school (or, for ``trust_lead``, in a whole group), for some years or forms, from a date to a date."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=20, choices=Role.choices)
    title = models.CharField(max_length=60, blank=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE)
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="staff_roles")
    year_groups = models.JSONField(default=list, blank=True, help_text="Empty: all.")
    forms = models.JSONField(default=list, blank=True, help_text="Empty: all.")
    starts = models.DateField()
    ends = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(role="trust_lead") | Q(school__isnull=False), name="role_names_a_school"),
            models.CheckConstraint(condition=Q(ends__isnull=True) | Q(ends__gte=F("starts")), name="role_ends_after_it_starts"),
        ]

    @property
    def shown_title(self) -> str:
        return self.title or self.get_role_display()


class AuditEntry(models.Model):
    """Who did what, when, and why; appended in the same transaction as the change, never changed. No names of pupils or parents."""

    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", help_text="Null: the night.")
    role = models.CharField(max_length=20, blank=True)
    school = models.ForeignKey(School, on_delete=models.PROTECT, null=True, related_name="+")
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=40, help_text="Model and number: letter 12.")
    reason = models.TextField(blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["school", "-at"], name="audit_by_school")]
