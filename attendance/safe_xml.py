"""XML that somebody sent: bytes in, a small tree with line numbers out. No database, no clock.

Nothing is fetched and nothing is expanded: a document type, an entity or an external address ends the reading, as do more elements, more
depth or longer texts than a school's file can have. Namespaces and prefixes are left out, since the products that write these files do
not agree on them. Each refusal names the line and what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import Locator

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from schools.rules import FileRefused

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 24
MAX_ELEMENTS = 1_000_000
MAX_TEXT = 8_000
"""Characters between two tags; a year of marks has some 600."""
MAX_ATTRIBUTES = 50
_PIECE = 64 * 1024
_TRUE, _FALSE = {"true", "1", "y", "yes", "t"}, {"false", "0", "n", "no", "f"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Element:
    """An element without its namespace; ``text`` is its own text as it stands, ``line`` where it begins (the first is 1)."""

    name: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def each(self, path: str) -> Iterator[Element]:
        """The elements at ``path`` ("Contacts/Contact"), in their order."""
        first, _, rest = path.partition("/")
        for child in self.children:
            if child.name == first:
                yield from child.each(rest) if rest else (child,)

    def find(self, path: str) -> Element | None:
        return next(self.each(path), None)

    def value(self, *paths: str) -> str:
        """The text, without spaces around it, of the first element at one of ``paths`` that has any; otherwise an empty string."""
        return next((text for path in paths for found in self.each(path) if (text := found.text.strip())), "")


def truth(text: str) -> bool | None:
    """What a yes or no of a file says; None where it says neither."""
    return True if text.lower() in _TRUE else False if text.lower() in _FALSE else None


def looks_like_xml(data: bytes) -> bool:
    """Whether a file's first character is that of XML, in UTF-8, UTF-16 or a one-byte encoding."""
    if data[:2] in _UTF_16:
        return data[2:2048].replace(b"\0", b"").lstrip()[:1] == b"<"
    return data[:2048].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip()[:1] == b"<"


def root_name(data: bytes) -> str:
    """The name of the outermost element as the file's beginning shows it, unparsed; empty where there is none. To tell kinds apart only."""
    start = data[:4096].replace(b"\0", b"").decode("latin-1")
    found = re.search(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)", start)
    return found[1] if found else ""


def read_xml(data: bytes) -> Element:
    """The outermost element of a file. FileRefused with the line where it is not XML, is hostile, or is too large."""
    if len(data) > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024**2} MB: export fewer pupils at a time.")
    if not data.strip():
        raise FileRefused("Line 1: the file is empty. Export it again.")
    parser = make_parser()
    builder = _Builder(parser)
    parser.forbid_dtd = True
    parser.setContentHandler(builder)
    try:
        for start in range(0, len(data), _PIECE):
            parser.feed(data[start : start + _PIECE])
        parser.close()
    except DefusedXmlException:
        raise FileRefused(
            f"Line {builder.line}: the file declares a document type or entities, which a school's file never needs. "
            "It was not read any further: ask whoever sent it for a plain export."
        ) from None
    except SAXParseException as error:
        raise FileRefused(
            f"Line {max(error.getLineNumber() or 1, 1)}: this is not well-formed XML ({error.getMessage()}). Export the file again."
        ) from None
    except (SAXException, LookupError, ValueError) as error:
        if isinstance(error, FileRefused):
            raise
        raise FileRefused(f"Line {builder.line}: the file cannot be read as XML ({error}). Export it again.") from None
    if builder.root is None:
        raise FileRefused("Line 1: the file holds no element. Export it again.")
    return builder.root


class _Builder(ContentHandler):
    """Takes the parser's events into a tree, and stops at the limits."""

    def __init__(self, locator: Locator) -> None:
        super().__init__()
        self._locator = locator
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._length = 0
        self._count = 0

    @property
    def line(self) -> int:
        """The line that is being read."""
        return max(self._locator.getLineNumber() or 1, 1)

    def startElement(self, name: str, attrs: object) -> None:
        self._count += 1
        self._length = 0
        if self._count > MAX_ELEMENTS:
            raise self._refusal(f"the file has more than {MAX_ELEMENTS:,} elements. Export fewer pupils at a time.")
        if len(self._open) >= MAX_DEPTH:
            raise self._refusal(f"elements lie more than {MAX_DEPTH} deep, so this is not a school's file. Export it again.")
        if len(attrs) > MAX_ATTRIBUTES:  # type: ignore[arg-type]
            raise self._refusal(f"an element has more than {MAX_ATTRIBUTES} attributes. Export the file again.")
        element = Element(name.rpartition(":")[2], self.line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def characters(self, content: str) -> None:
        if not self._texts:
            return
        self._length += len(content)
        if self._length > MAX_TEXT and content.strip():
            raise self._refusal(f"a text has more than {MAX_TEXT:,} characters. Export the file again.")
        if self._length <= MAX_TEXT:
            self._texts[-1].append(content)

    def endElement(self, name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())
        self._length = 0

    def _refusal(self, why: str) -> FileRefused:
        return FileRefused(f"Line {self.line}: {why}")
