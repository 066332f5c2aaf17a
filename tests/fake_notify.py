"""A GOV.UK Notify of one's own: real HTTP on a free port, the real envelope, references, paging and tokens, and faults on demand.

``with FakeNotify() as notify:`` starts it; ``notify.url`` and ``notify.key()`` are what an installation would be given, ``notify.sent`` is
what it accepted. ``notify.faults.append(Trouble.DROPPED_AFTER)`` makes the next message meet that fault.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import socket
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

TEXT_TEMPLATE = "11111111-1111-4111-8111-111111111111"
EMAIL_TEMPLATE = "22222222-2222-4222-8222-222222222222"
WRONG_TEMPLATE = "33333333-3333-4333-8333-333333333333"
"""A text template without ((message))."""
TEMPLATES = {
    TEXT_TEMPLATE: {"type": "sms", "body": "((message))", "subject": None},
    EMAIL_TEMPLATE: {"type": "email", "body": "((message))", "subject": "((subject))"},
    WRONG_TEMPLATE: {"type": "sms", "body": "Come to the sports day.", "subject": None},
}
PAGE = 250


class Trouble(enum.Enum):
    """What can go wrong with one message; AFTER: it was accepted all the same."""

    DROPPED_BEFORE = enum.auto()
    DROPPED_AFTER = enum.auto()
    ERROR_BEFORE = enum.auto()
    ERROR_AFTER = enum.auto()
    TOO_FAST = enum.auto()
    DAY_USED_UP = enum.auto()
    GARBAGE_BEFORE = enum.auto()
    GARBAGE_AFTER = enum.auto()
    NONSENSE_AFTER = enum.auto()
    SLOW_AFTER = enum.auto()
    ON_TRIAL = enum.auto()


AFTER = {
    Trouble.DROPPED_AFTER,
    Trouble.ERROR_AFTER,
    Trouble.GARBAGE_AFTER,
    Trouble.NONSENSE_AFTER,
    Trouble.SLOW_AFTER,
}


@dataclass
class Accepted:
    id: str
    reference: str
    to: str
    words: dict[str, str]
    kind: str
    status: str = "created"


@dataclass
class FakeNotify:
    """``service`` and ``secret`` are in the key; ``out_of_order`` drops every connection; ``latency`` seconds pass after accepting."""

    service: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: str(uuid.uuid4()))
    latency: float = 0
    slow: float = 3
    out_of_order: bool = False
    page: int = PAGE
    sent: list[Accepted] = field(default_factory=list)
    received: list[dict[str, str]] = field(default_factory=list)
    faults: deque[Trouble] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> FakeNotify:
        handler = type("Handler", (_Handler,), {"notify": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def key(self, secret: str | None = None) -> str:
        """An API key as Notify shows it once; another ``secret`` makes one that was revoked."""
        return f"fenwold-{self.service}-{secret or self.secret}"

    def texts_to(self, number: str) -> list[str]:
        return [each.words["message"] for each in self.sent if each.to == number]

    def receive(self, number: str, content: str, at: dt.datetime) -> str:
        """A parent's text comes in, from a number as networks give it (447700900123)."""
        row = {
            "id": str(uuid.uuid4()),
            "created_at": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "content": content,
            "user_number": number,
            "notify_number": "07700900000",
            "service_id": self.service,
        }
        self.received.insert(0, row)
        return row["id"]

    def accept(self, kind: str, given: dict[str, Any]) -> Accepted:
        to = given["phone_number" if kind == "sms" else "email_address"]
        accepted = Accepted(str(uuid.uuid4()), given.get("reference", ""), to, given.get("personalisation", {}), kind)
        with self.lock:
            self.sent.append(accepted)
        return accepted


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Silent: whoever asked was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    notify: FakeNotify

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        if not self._may_enter():
            return
        parts = where.path.strip("/").split("/")
        if parts == ["v2", "notifications"]:
            self._find(query)
        elif parts[:2] == ["v2", "notifications"]:
            self._one(parts[2])
        elif parts == ["v2", "received-text-messages"]:
            self._received(query.get("older_than"))
        elif parts[:2] == ["v2", "template"] and parts[2] in TEMPLATES:
            self._say(200, {"id": parts[2], "version": 1, **TEMPLATES[parts[2]]})
        else:
            self._wrong(404, "NoResultFound", "No result found")

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if not self._may_enter():
            return
        kind = self.path.removeprefix("/v2/notifications/")
        if kind not in ("sms", "email"):
            self._wrong(404, "NoResultFound", "No result found")
        elif fault := self._refusal(kind, given):
            self._wrong(*fault)
        else:
            trouble = self.notify.faults.popleft() if self.notify.faults else None
            if trouble is None or trouble in AFTER:
                accepted = self.notify.accept(kind, given)
                time.sleep(self.notify.slow if trouble is Trouble.SLOW_AFTER else self.notify.latency)
            if trouble is None or trouble is Trouble.SLOW_AFTER:
                self._say(
                    201, {"id": accepted.id, "reference": accepted.reference, "content": {"body": accepted.words["message"]}}
                )
            else:
                self._be_in(trouble)

    def _may_enter(self) -> bool:
        """Checks the token as Notify does: signature, issuer, and a clock that is right to 30 seconds."""
        self.notify.requests.append(f"{self.command} {urlsplit(self.path).path}")
        if self.notify.out_of_order:
            self._hang_up()
            return False
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self.notify.secret, algorithms=["HS256"], options={"verify_iat": False})
        except jwt.PyJWTError:
            self._wrong(403, "AuthError", "Invalid token: API key not found")
            return False
        if claims.get("iss") != self.notify.service:
            self._wrong(403, "AuthError", "Invalid token: service not found")
            return False
        if abs(time.time() - claims.get("iat", 0)) > 30:
            self._wrong(403, "AuthError", "Error: Your system clock must be accurate to within 30 seconds")
            return False
        return True

    def _refusal(self, kind: str, given: dict[str, Any]) -> tuple[int, str, str] | None:
        template = TEMPLATES.get(given.get("template_id", ""))
        if template is None:
            return 400, "BadRequestError", "Template not found"
        if template["type"] != kind:
            return 400, "BadRequestError", f"{template['type']} template is not suitable for {kind} notification"
        if not given.get("personalisation", {}).get("message"):
            return 400, "BadRequestError", "Missing personalisation: message"
        number = given.get("phone_number", "")
        if kind == "sms" and not (number.startswith("+447") and len(number) == 13):
            return 400, "ValidationError", "phone_number Not enough digits"
        if self.notify.faults and self.notify.faults[0] is Trouble.ON_TRIAL:
            self.notify.faults.popleft()
            return 400, "BadRequestError", "Can’t send to this recipient when service is in trial mode"
        return None

    def _be_in(self, trouble: Trouble) -> None:
        if trouble in (Trouble.DROPPED_BEFORE, Trouble.DROPPED_AFTER):
            self._hang_up()
        elif trouble in (Trouble.ERROR_BEFORE, Trouble.ERROR_AFTER):
            self._wrong(500, "Exception", "Internal server error")
        elif trouble is Trouble.TOO_FAST:
            self._wrong(429, "RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds")
        elif trouble is Trouble.DAY_USED_UP:
            self._wrong(429, "TooManyRequestsError", "Exceeded send limits (250,000) for today")
        elif trouble is Trouble.NONSENSE_AFTER:
            self._say(201, ["this", "is", "no", "notification"])
        else:
            self._send(201, b"<html>It works!</html>", "text/html")

    def _find(self, query: dict[str, str]) -> None:
        found = [each for each in reversed(self.notify.sent) if each.reference == query.get("reference", each.reference)]
        self._say(
            200, {"notifications": [self._row(each) for each in found[: self.notify.page]], "links": {"current": self.path}}
        )

    def _one(self, number: str) -> None:
        found = next((each for each in self.notify.sent if each.id == number), None)
        if found:
            self._say(200, self._row(found))
        else:
            self._wrong(404, "NoResultFound", "No result found")

    @staticmethod
    def _row(each: Accepted) -> dict[str, Any]:
        return {"id": each.id, "reference": each.reference, "type": each.kind, "status": each.status, "phone_number": each.to}

    def _received(self, older_than: str | None) -> None:
        ids = [row["id"] for row in self.notify.received]
        start = ids.index(older_than) + 1 if older_than in ids else 0
        rows = self.notify.received[start : start + self.notify.page]
        links = {"current": self.path}
        if rows:
            links["next"] = f"{self.notify.url}/v2/received-text-messages?older_than={rows[-1]['id']}"
        self._say(200, {"received_text_messages": rows, "links": links})

    def _wrong(self, status: int, error: str, message: str) -> None:
        self._say(status, {"status_code": status, "errors": [{"error": error, "message": message}]})

    def _say(self, status: int, body: object) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # whoever asked is dead, or tired of waiting

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
