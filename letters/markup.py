"""The small markup of the wordings, turned into an HTML template once, when a wording is loaded.

Paragraphs are parted by blank lines; ``## `` begins a heading, ``- `` an item, ``**bold**`` is bold, a backslash at the end of a line
breaks it, ``::: name`` to ``:::`` is a block with the class ``letter__name``. A line that holds nothing but template tags stands
between the blocks. Whatever else is typed is text: markup of any other language is escaped here, and merged values are escaped when
they are merged.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

TAG = re.compile(r"\{\{(?:(?!\}\}).)*\}\}|\{%(?:(?!%\}).)*%\}")
_ONLY_TAGS = re.compile(rf"(?:\s*(?:{TAG.pattern}))+\s*")
_BLOCK_TAG = re.compile(r"\s*\{%(?:(?!%\}).)*%\}")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_EMPTY = re.compile(r"<(p|li|ul|h2)[^>]*>\s*</\1>")


def to_html(source: str, list_fields: frozenset[str] = frozenset()) -> str:
    """HTML template of a body in the markup above. ``list_fields`` are merged as whole lists, so they are not put into a paragraph."""
    blocks: list[str] = []
    lines: list[str] = []

    def close() -> None:
        if lines:
            blocks.append(_block(lines))
            lines.clear()

    for line in source.strip().splitlines():
        if not line.strip():
            close()
        elif (standing := _standing_line(line, list_fields)) is not None:
            close()
            blocks.append(standing)
        elif lines and line.startswith("- ") != lines[0].startswith("- ") and not line.startswith("  "):
            close()
            lines.append(line)
        else:
            lines.append(line)
    close()
    return "\n".join(blocks)


def _standing_line(line: str, list_fields: frozenset[str]) -> str | None:
    """The HTML of a line that is a block by itself: a fence, a heading, a tag alone, a list field alone; None for any other line."""
    text = line.strip()
    if text.startswith(":::"):
        name = text.removeprefix(":::").strip()
        return f'<div class="letter__{html.escape(name)}">' if name else "</div>"
    if text.startswith("## "):
        return f"<h2>{_inline(text.removeprefix('## '))}</h2>"
    if _ONLY_TAGS.fullmatch(text) and (_BLOCK_TAG.match(text) or text.strip("{} ") in list_fields):
        return text
    return None


def _block(lines: list[str]) -> str:
    if lines[0].startswith("- "):
        items = "\n".join(lines).removeprefix("- ").split("\n- ")
        return "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"
    return f"<p>{_inline(chr(10).join(lines))}</p>"


def _inline(text: str) -> str:
    """Escape everything but template tags, then bold and line breaks."""
    pieces = re.split(f"({TAG.pattern})", text)
    escaped = "".join(piece if TAG.fullmatch(piece) else html.escape(piece, quote=False) for piece in pieces)
    return _BOLD.sub(r"<strong>\1</strong>", re.sub(r"\\\n\s*", "<br>", escaped)).replace("\n", " ")


def tidy(merged: str) -> str:
    """Merged HTML without the paragraphs and items that conditions left empty, and without double spaces."""
    while (shorter := _EMPTY.sub("", merged)) != merged:
        merged = shorter
    return re.sub(
        r"[ \t]{2,}", " ", re.sub(r"\s+(?=</(?:p|li|h2)>)|(?<=<p>)\s+|(?<=<li>)\s+", "", re.sub(r"\n{2,}", "\n", merged))
    )


class _Text(HTMLParser):
    """Collects the words of merged HTML, a block a paragraph."""

    BLOCKS = frozenset({"p", "div", "h1", "h2", "ul", "table", "section"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.BLOCKS:
            self.pieces.append("\n\n")
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag in ("br", "tr"):
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.BLOCKS:
            self.pieces.append("\n\n")

    def handle_data(self, data: str) -> None:
        self.pieces.append(re.sub(r"\s+", " ", data))


def to_text(merged: str) -> str:
    """Plain text of merged HTML: paragraphs parted by a blank line, items begin with ``- ``."""
    parser = _Text()
    parser.feed(merged)
    text = "".join(parser.pieces)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" *\n *", "\n", text)).strip()
