"""A Wonde that lives in a thread and answers over real HTTP: envelope, paging, dates and token as the real one, and faults on demand."""

from __future__ import annotations

import base64
import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-that-nobody-may-read"
SCHOOL = "A1930499544"


def date(day: str) -> dict[str, object]:
    """A date as the API writes it."""
    return {"date": f"{day} 00:00:00.000000", "timezone_type": 3, "timezone": "Europe/London"}


@dataclass
class FakeWonde:
    """What the service holds, and what it was asked. ``faults``: for a path, what the next answers are instead (a status, or a name)."""

    address: str = ""
    page_size: int = 2
    data: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


@contextmanager
def fake_wonde(**data: Any) -> Iterator[FakeWonde]:
    """Serves until the block ends. ``data``: objects by path, "_" standing for "/" and "__" for "-"."""
    wonde = FakeWonde(data={name.replace("__", "-").replace("_", "/"): held for name, held in data.items()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"wonde": wonde}))
    server.daemon_threads = True
    wonde.address = f"http://127.0.0.1:{server.server_port}/v1.0"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield wonde
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    wonde: FakeWonde

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = parts.path.removeprefix(f"/v1.0/schools/{SCHOOL}").strip("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.wonde.asked.append((path, query))
        self.wonde.headers.append(dict(self.headers))
        fault = self.wonde.faults[path].popleft() if self.wonde.faults[path] else None
        if fault is not None:
            return self._fault(fault)
        if self.headers["Authorization"] != f"Basic {base64.b64encode(f'{TOKEN}:'.encode()).decode()}":
            return self._say(401, {"error": "Unauthorized"})
        if not parts.path.startswith(f"/v1.0/schools/{SCHOOL}"):
            return self._say(404, {"error": "Not found"})
        return self._answer(path, query)

    def _answer(self, path: str, query: dict[str, str]) -> None:
        if not path:
            return self._say(200, {"data": {"id": SCHOOL, "name": "Fenwold Academy"}, "meta": []})
        held = self.wonde.data.get(path)
        if held is None:
            return self._say(404, {"error": "Not found"})
        if query.get("updated_after"):
            held = [each for each in held if str(each.get("updated_at", {}).get("date", "9")) > query["updated_after"]]
        page, size = int(query.get("page", "1")), self.wonde.page_size
        more = page * size < len(held)
        pagination = {
            "next": f"{self.wonde.address}{self.path}" if more else None,
            "more": more,
            "per_page": size,
            "current_page": page,
        }
        return self._say(200, {"data": held[(page - 1) * size : page * size], "meta": {"pagination": pagination}})

    def _fault(self, fault: Any) -> None:
        if fault == "hang up":
            self.close_connection = True
            return self.connection.close()
        if fault == "cut":
            return self._bytes(200, b'{"data": [{"id"')
        if fault == "page":
            return self._bytes(200, b"<html>Maintenance</html>")
        if isinstance(fault, int):
            return self._say(fault, {"error": "Try later"}, {"Retry-After": "0"} if fault == 429 else {})
        return self._say(200, fault)

    def _say(self, status: int, said: Any, headers: dict[str, str] | None = None) -> None:
        self._bytes(status, json.dumps(said).encode(), headers)

    def _bytes(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
