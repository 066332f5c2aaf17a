"""Reading a page in a test: its elements by a few plain selectors, and their words. Only what the standard library has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_PART = re.compile(
    r"(?P<tag>^[a-z0-9]+)|\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|\[(?P<name>[\w-]+)(?:(?P<op>\*?=)'?(?P<value>[^'\]]*)'?)?\]"
)


@dataclass
class Element:
    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attrs[name]

    def __iter__(self) -> Iterator[Element]:
        """Everything inside, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    @property
    def words(self) -> str:
        """The text, with single spaces."""
        parts = [child if isinstance(child, str) else child.words for child in self.children]
        return " ".join(" ".join(parts).split())

    def select(self, selector: str) -> list[Element]:
        """Elements by ``tag``, ``.class``, ``#id``, ``[name=value]`` and ``[name*=part]``; a blank means inside."""
        first, _, rest = selector.partition(" ")
        found = [element for element in self if element.fits(first)]
        return [inner for element in found for inner in element.select(rest)] if rest else found

    def one(self, selector: str) -> Element:
        """The first; an AssertionError where there is none."""
        found = self.select(selector)
        assert found, f"nothing on the page is {selector}"
        return found[0]

    def fits(self, selector: str) -> bool:
        return all(self._fits(part.groupdict()) for part in _PART.finditer(selector))

    def _fits(self, part: dict[str, str | None]) -> bool:
        if part["tag"]:
            return self.tag == part["tag"]
        if part["cls"]:
            return part["cls"] in self.attrs.get("class", "").split()
        name, value = ("id", part["id"]) if part["id"] else (part["name"] or "", part["value"])
        if value is None:
            return name in self.attrs
        here = self.attrs.get(name, "")
        return value in here if part["op"] == "*=" else here == value


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in [element.tag for element in self.open[1:]]:
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(content: bytes) -> Element:
    """The page as a tree."""
    reader = _Reader()
    reader.feed(content.decode())
    return reader.open[0]
