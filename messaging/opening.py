"""The edge of this room: which provider a school's sender has, from the settings."""

from __future__ import annotations

from django.conf import settings

from messaging.models import Sender
from messaging.notify import Notify, checked_address
from messaging.providers import Provider, Rehearsal


def open_provider(sender: Sender, seconds: float) -> Provider:
    """GOV.UK Notify with the school's key; in the demo nothing leaves. WrongSetUp where the stored key or the address is no good."""
    if settings.HANDRAIL_DEMO:
        return Rehearsal(sender)
    return Notify(sender, checked_address(settings.NOTIFY_URL, plain_allowed=settings.DEBUG), seconds)


def is_rehearsal() -> bool:
    """Whether messages only seem to leave."""
    return bool(settings.HANDRAIL_DEMO)
