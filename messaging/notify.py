"""GOV.UK Notify through its own client: which request does what, and what each of its answers means, in words.

Its errors are ``{"status_code": 400, "errors": [{"error": "BadRequestError", "message": "…"}]}``. One without answer, one of 5xx
and one that cannot be read leave open whether the message was accepted.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.utils.dateparse import parse_datetime
from notifications_python_client.errors import APIError
from notifications_python_client.notifications import NotificationsAPIClient

from messaging.models import Message, Sender
from messaging.providers import Busy, Incoming, NotSendable, Status, Unclear, WrongSetUp
from schools.rules import Refused
from schools.secrets import CannotRead, decrypt

PAGES = 40
"""Pages of 250 replies that are read at most: Notify keeps a week's."""
KEY = re.compile(
    r"(?P<name>.+)-(?P<service>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(?P<secret>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    re.I,
)
State = Message.State
ON_ITS_WAY = {"created", "sending", "pending", "sent"}
FAILURES = {
    "permanent-failure": {
        Message.Channel.TEXT: "The network says that this number does not exist: ask the family for another.",
        Message.Channel.EMAIL: "There is no such e-mail address: ask the family for another.",
    },
    "temporary-failure": {
        Message.Channel.TEXT: "The phone was off or out of reach for three days: ring instead.",
        Message.Channel.EMAIL: "The mailbox took nothing for three days: ring instead.",
    },
    "technical-failure": dict.fromkeys(Message.Channel, "Notify could not hand it to the network: send it again."),
}


def split_key(key: str) -> tuple[str, uuid.UUID]:
    """The name and the service of an API key. Refused where it is none."""
    found = KEY.fullmatch(key.strip())
    if not found:
        raise Refused(
            "This is not a whole Notify API key: copy all of it from Notify’s API integration page (name, service and secret, joined by"
            " hyphens)."
        )
    return found["name"], uuid.UUID(found["service"])


def checked_address(address: str, *, plain_allowed: bool) -> str:
    """Where Notify is. WrongSetUp unless it is https; ``plain_allowed`` lets http pass (DEBUG, for a server of one's own)."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (plain_allowed and parts.scheme == "http"):
        return address.rstrip("/")
    raise WrongSetUp(
        "NOTIFY_URL must begin with https://: nothing is sent over a line that others can read. Tell your administrator."
    )


class Notify:
    """One school's service. Not for several threads at once."""

    def __init__(self, sender: Sender, address: str, seconds: float) -> None:
        try:
            key = decrypt(sender.key)
        except CannotRead as fault:
            raise WrongSetUp(str(fault)) from fault
        self.sender = sender
        self.client = NotificationsAPIClient(key.strip(), base_url=address, timeout=seconds)

    def send(self, message: Message) -> str:
        """Hands the message over under its reference."""
        reference = str(message.reference)
        if message.channel == Message.Channel.TEXT:
            answer = self._ask(
                self.client.send_sms_notification,
                phone_number=message.to,
                template_id=str(self.sender.text_template),
                personalisation={"message": message.body},
                reference=reference,
            )
        elif self.sender.email_template:
            answer = self._ask(
                self.client.send_email_notification,
                email_address=message.to,
                template_id=str(self.sender.email_template),
                personalisation={"subject": message.subject, "message": message.body},
                reference=reference,
            )
        else:
            raise NotSendable("The school’s Notify set-up names no e-mail template: an administrator can add it.")
        return _text(answer, "id")

    def find(self, message: Message) -> str | None:
        """What Notify has under the reference."""
        try:
            answer = self._ask(self.client.get_all_notifications, reference=str(message.reference))
        except NotSendable as fault:
            raise Unclear("Notify does not say whether it has this message; it is asked again.", fault.status) from fault
        found = _list(answer, "notifications")
        return _text(found[0], "id") if found else None

    def status(self, message: Message) -> Status | None:
        """What became of it; Notify forgets after a week."""
        try:
            answer = self._ask(self.client.get_notification_by_id, message.provider_id)
        except NotSendable as fault:
            if fault.status == 404:
                return None
            raise
        status = _text(answer, "status")
        if status == "delivered":
            return Status(State.DELIVERED)
        if status in ON_ITS_WAY:
            return Status(State.SENT)
        if status in FAILURES:
            return Status(State.FAILED, FAILURES[status][Message.Channel(message.channel)])
        return Status(State.FAILED, f"Notify gave it up with “{status[:40]}”: send it again.")

    def replies(self, known: Callable[[list[str]], set[str]]) -> list[Incoming]:
        """Newest first, page by page, until a whole page is known: what came in while a page was read is not lost."""
        found: dict[str, Incoming] = {}
        older_than = None
        for _ in range(PAGES):
            page = [_incoming(row) for row in self._received(older_than)]
            stored = known([text.provider_id for text in page])
            new = [text for text in page if text.provider_id not in stored and text.provider_id not in found]
            if not new:
                break
            found |= {text.provider_id: text for text in new}
            older_than = page[-1].provider_id
        return sorted(found.values(), key=lambda text: text.at)

    def _received(self, older_than: str | None) -> list[dict[str, Any]]:
        return _list(self._ask(self.client.get_received_texts, older_than=older_than), "received_text_messages")

    def check(self) -> str:
        """Reads the templates with the key: what is wrong is said, nothing is sent."""
        self._check_template(str(self.sender.text_template), "sms", ("message",))
        if not self.sender.email_template:
            return "The key works, and the text template is right. No e-mail template is set."
        self._check_template(str(self.sender.email_template), "email", ("subject", "message"))
        return "The key works, and both templates are right."

    def _check_template(self, template: str, kind: str, fields: tuple[str, ...]) -> None:
        try:
            answer = self._ask(self.client.get_template, template)
        except NotSendable as fault:
            raise WrongSetUp(
                f"Notify has no template {template} in this service: copy the id from the template’s page."
            ) from fault
        if answer.get("type") != kind:
            raise WrongSetUp(f"Template {template} is not {'a text message' if kind == 'sms' else 'an e-mail'} template.")
        words = f"{answer.get('subject')} {answer.get('body')}"
        missing = [f"(({field}))" for field in fields if f"(({field}))" not in words]
        if missing:
            raise WrongSetUp(f"Template {template} lacks {' and '.join(missing)}: Handrail puts the text in there.")

    def _ask(self, request: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            answer = request(*args, **kwargs)
        except APIError as fault:
            raise _explained(fault) from fault
        if not isinstance(answer, dict):
            raise Unclear("Notify answered something that makes no sense; it is asked again.")
        return answer


def _explained(fault: APIError) -> Busy | NotSendable | Unclear | WrongSetUp:
    """What an answer means for the message and for the school."""
    status = getattr(fault.response, "status_code", None)
    kind, words = _first_error(fault.message)
    if status is None:
        return Unclear("Notify could not be reached, or did not answer in time; it is tried again.")
    if status in (401, 403):
        return _explained_key(status, words)
    if status == 429:
        told = (
            "the day’s limit of the school’s Notify account is used up" if kind == "TooManyRequestsError" else "too much at once"
        )
        return Busy(f"Notify asks us to wait ({told}); it is tried again.", status)
    if status == 400:
        return _explained_refusal(words, status)
    if status == 404:
        return NotSendable("Notify does not know what was asked for.", status)
    if status >= 500:
        return Unclear(f"Notify has a fault of its own ({status}); it is tried again.", status)
    return Unclear(f"Notify answered something that makes no sense ({status}); it is asked again.", status)


def _explained_key(status: int, words: str) -> WrongSetUp:
    if "clock" in words or "expired" in words:
        return WrongSetUp(
            "Notify refuses the key since this server’s clock is wrong by more than 30 seconds: have it set.", status
        )
    return WrongSetUp("Notify does not accept the school’s key: an administrator has to enter a new one.", status)


def _explained_refusal(words: str, status: int) -> NotSendable | WrongSetUp:
    """A request that Notify refuses for good: for its number, for the account, or for the template that all texts share."""
    if "trial mode" in words or "team-only" in words:
        return NotSendable(
            "The school’s Notify service is still on trial, and sends only to its own team: ask Notify to go live.", status
        )
    if "emplate" in words or "personalisation" in words:
        return WrongSetUp("Notify does not accept the school’s template: an administrator has to check it.", status)
    if "phone_number" in words or "recipient" in words or "number" in words.lower():
        return NotSendable("Notify does not accept this number: ask the family for another.", status)
    if "email_address" in words:
        return NotSendable("Notify does not accept this e-mail address: ask the family for another.", status)
    if "character" in words or "too long" in words:
        return NotSendable("Notify says that the text is too long.", status)
    return NotSendable("Notify refuses this message.", status)


def _first_error(message: object) -> tuple[str, str]:
    """The kind and the words of the first error; the words are compared, never stored: they may hold a number."""
    if isinstance(message, list) and message and isinstance(message[0], dict):
        return str(message[0].get("error", "")), str(message[0].get("message", ""))
    return "", str(message)


def _list(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = answer.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unclear("Notify answered something that makes no sense; it is asked again.")
    return rows


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value or len(value) > 64:
        raise Unclear("Notify answered something that makes no sense; it is asked again.")
    return value


def _incoming(row: dict[str, Any]) -> Incoming:
    try:
        at = parse_datetime(_text(row, "created_at"))
    except ValueError:
        at = None
    if at is None:
        raise Unclear("Notify answered something that makes no sense; it is asked again.")
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return Incoming(_text(row, "id"), str(row.get("user_number") or "")[:20], str(row.get("content") or "")[:2000], at)
