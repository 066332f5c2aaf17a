"""Texts (and e-mails) to parents: an outbox that survives any fault, every try, and what parents replied.

A message stands here, approved by a named person, before anybody tries to send it. Whoever sends it claims the row with a lease, and hands
it over under its reference; before a second try the provider is asked whether it already has that reference (``sending``).
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from schools.models import Parent, Pupil, School


class Sender(models.Model):
    """How a school's texts leave: its GOV.UK Notify service, the hours in which it may disturb a family, and what is wrong just now."""

    school = models.OneToOneField(School, on_delete=models.CASCADE, related_name="sender")
    key = models.BinaryField("API key", help_text="Encrypted, see schools.secrets; never shown again.")
    key_name = models.CharField(max_length=120, blank=True, help_text="The part of the key that is no secret.")
    service = models.UUIDField("Notify service", help_text="From the key: schools with the same service share its replies.")
    text_template = models.UUIDField("text message template", help_text="Its body is ((message)).")
    email_template = models.UUIDField(
        "e-mail template", null=True, blank=True, help_text="Its subject is ((subject)), its body ((message))."
    )
    opens = models.TimeField("texts leave from", default=dt.time(7, 30))
    closes = models.TimeField("until", default=dt.time(19, 0), help_text="On weekdays, in school time.")
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()
    fault = models.TextField(blank=True, help_text="What keeps every text waiting, in words.")
    faults = models.PositiveSmallIntegerField(default=0, help_text="One after the other.")
    fault_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True, help_text="Nothing is tried before.")
    replies_read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(closes__gt=F("opens")), name="sender_closes_after_it_opens"),
            models.CheckConstraint(condition=Q(faults=0) | ~Q(fault=""), name="sender_fault_is_told"),
        ]

    def __str__(self) -> str:
        return f"sender of school {self.school_id}"


class Message(models.Model):
    """One text or e-mail to one parent, as a named person approved it. Never changed but for its state."""

    class Channel(models.TextChoices):
        TEXT = "text", "Text"
        EMAIL = "email", "E-mail"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="messages")
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, related_name="messages")
    pupils = models.ManyToManyField(Pupil, related_name="messages", help_text="Whom it is about: the parent's own children only.")
    channel = models.CharField(max_length=5, choices=Channel.choices, default=Channel.TEXT)
    purpose = models.SlugField(max_length=40, help_text="first-day, reply, letter …")
    subject = models.CharField(max_length=200, blank=True, help_text="E-mail only.")
    body = models.TextField()
    to = models.CharField(max_length=254, help_text="+447700900123, or an e-mail address.")
    reference = models.UUIDField(default=uuid.uuid4, unique=True, help_text="Under which the provider has it.")
    batch = models.UUIDField(null=True, help_text="What was confirmed in one click: a second click makes nothing new.")
    answers = models.ForeignKey("Reply", on_delete=models.PROTECT, null=True, related_name="answers")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    fault = models.TextField(blank=True, help_text="Why it failed or was put off, in words.")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", help_text="Who approved it."
    )
    asked_role = models.CharField(max_length=20, blank=True)
    asked_at = models.DateTimeField()
    why = models.CharField(max_length=200, blank=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(null=True, help_text="A text about today is worthless tomorrow: then it fails, and says so.")
    try_at = models.DateTimeField(help_text="The next try: ``not_before``, then moved on by back-off and quiet hours.")
    tries = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True, help_text="Whose lease it is while it is being sent.")
    claimed_until = models.DateTimeField(null=True)
    may_be_out = models.BooleanField(
        default=False, help_text="A try may have reached the provider without our hearing: look it up first."
    )
    provider_id = models.CharField(max_length=64, blank=True)
    sent_at = models.DateTimeField(null=True, help_text="When the provider had it.")
    settled_at = models.DateTimeField(null=True, help_text="When it was delivered, had failed or was cancelled.")
    look_at = models.DateTimeField(null=True, help_text="When to ask the provider what became of it; null: no more.")

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "parent"], name="message_once_a_batch"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending", "sent", "delivered", "failed", "cancelled"]),
                name="message_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="sending", claim__isnull=False, claimed_until__isnull=False)
                | (~Q(state="sending") & Q(claim__isnull=True, claimed_until__isnull=True)),
                name="message_claimed_while_sending",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "delivered"]) | (Q(sent_at__isnull=False) & ~Q(provider_id="")),
                name="message_sent_says_where_and_when",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["delivered", "failed", "cancelled"], settled_at__isnull=False)
                | Q(state__in=["waiting", "sending", "sent"], settled_at__isnull=True),
                name="message_settled_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(fault=""), name="message_failed_says_why"),
            models.CheckConstraint(
                condition=Q(channel="text", to__startswith="+447", subject="") | Q(channel="email", to__contains="@"),
                name="message_goes_where_its_channel_can",
            ),
            models.CheckConstraint(condition=~Q(body="") & ~Q(purpose=""), name="message_says_something"),
            models.CheckConstraint(
                condition=Q(not_after__isnull=True) | Q(not_after__gt=F("not_before")), name="message_ends_after_it_begins"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "try_at"], name="message_due"),
            models.Index(fields=["state", "look_at"], name="message_to_look_at"),
            models.Index(fields=["school", "-asked_at"], name="message_by_school"),
            models.Index(fields=["to", "-asked_at"], name="message_by_number"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def is_settled(self) -> bool:
        return self.settled_at is not None


class MessageTry(models.Model):
    """What happened in one try to send a message: it began, and how it ended. Append-only; a killed try has only begun."""

    class What(models.TextChoices):
        BEGAN = "began", "Began"
        SENT = "sent", "Accepted by the provider"
        FOUND = "found", "The provider already had it"
        PUT_OFF = "put_off", "Put off"
        FAILED = "failed", "Failed"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="all_tries")
    number = models.PositiveSmallIntegerField()
    what = models.CharField(max_length=8, choices=What.choices)
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, help_text="The provider's HTTP status.")
    sentence = models.TextField(blank=True)

    class Meta:
        ordering = ["message", "number", "id"]
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], condition=Q(what="began"), name="message_try_begins_once"),
            models.UniqueConstraint(fields=["message", "number"], condition=~Q(what="began"), name="message_try_ends_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="message_try_is_counted_from_one"),
        ]


class Reply(models.Model):
    """A text that came in. It belongs to the parent whose number it came from, as far as we know them; a person reads and answers it."""

    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="replies")
    provider_id = models.CharField(max_length=64, unique=True)
    number = models.CharField(max_length=20, help_text="+447700900123, or as the provider gave it.")
    body = models.TextField(blank=True)
    received_at = models.DateTimeField()
    stored_at = models.DateTimeField()
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, null=True, related_name="replies", help_text="The last text to this number before it."
    )
    parent = models.ForeignKey(Parent, on_delete=models.PROTECT, null=True, related_name="replies")
    pupils = models.ManyToManyField(
        Pupil, related_name="replies", help_text="Whom the text was about; empty: nobody was matched."
    )
    read_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-received_at", "-id"]
        verbose_name_plural = "replies"
        constraints = [
            models.CheckConstraint(
                condition=Q(read_by__isnull=True, read_at__isnull=True) | Q(read_by__isnull=False, read_at__isnull=False),
                name="reply_read_says_by_whom_and_when",
            ),
            models.CheckConstraint(
                condition=Q(message__isnull=True) | Q(parent__isnull=False), name="reply_to_a_message_has_a_parent"
            ),
        ]
        indexes = [models.Index(fields=["school", "-received_at"], name="reply_by_school")]

    def __str__(self) -> str:
        return f"reply {self.pk}"
