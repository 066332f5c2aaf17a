"""A pack as one tagged document: cover, contents with page numbers, checklist, then each part with its numbered exhibits.

Letters and referrals go inside as the files that they were, since merging pages would lose the tags by which they are read aloud; their
words stand in the document in reading order. See docs/decisions.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.template import Context, Engine
from django.utils.safestring import mark_safe
from pypdf import PdfReader

from evidence.exhibits import Block, Exhibit, Pack, Sheet, Table, Text, day
from evidence.models import EvidencePack
from letters.merge import clean
from letters.pdf import Embedded, document_html, html_to_pdf
from schools.queries import year_label

FOLDER = Path(__file__).parent / "print"


class Page(NamedTuple):
    """A page of the finished file: the hash of what is drawn on it."""

    number: int
    sha256: str


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(FOLDER)], autoescape=True)


@cache
def _styles() -> str:
    return (FOLDER / "pack.css").read_text(encoding="utf-8")


def pack_html(asked: EvidencePack, pack: Pack) -> str:
    """The whole document. The anchors ``exhibit-1`` … are what the contents count pages by."""
    title = f"Evidence pack: {clean(pack.about)}"
    context = {
        "title": title,
        "cover": _cover(asked),
        "about": clean(pack.about),
        "parts": [
            {
                "title": part.title,
                "left_out": part.left_out,
                "missing": part.missing,
                "exhibits": [_exhibit(exhibit) for exhibit in part.exhibits],
            }
            for part in pack.parts
        ],
        "checks": [(check.what, "there" if check.is_there else "MISSING", clean(check.words)) for check in pack.checks],
        "files": [(file.name, file.description, file.sha256) for file in pack.files],
    }
    body = str(_engine().get_template("pack.html").render(Context(context)))
    school = clean(asked.case.school.name)
    running = f"{title} · {school} · pack {asked.pk}"
    return document_html(title, body, running=running, author=school)


def _cover(asked: EvidencePack) -> list[tuple[str, str]]:
    case = asked.case
    return [
        ("School", f"{clean(case.school.name)} (URN {case.school.urn})"),
        ("School year", year_label(case.year)),
        ("Made for", asked.get_purpose_display()),
        ("About", f"{clean(asked.parent.name)} alone" if asked.parent else "the whole case"),
        ("The record as of", f"the end of {day(asked.on)}"),
        ("Asked for by", f"{clean(asked.by.name)}, {asked.role.replace('_', ' ')}, {day(asked.asked_at.date())}"),
        ("Number", f"Pack {asked.pk} of case {case.pk}"),
    ]


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "heading": clean(exhibit.heading),
        "anchor": exhibit.anchor,
        "blocks": [_block(block) for block in exhibit.blocks],
        "file": exhibit.file.name if exhibit.file else "",
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Table():
            rows = [[clean(cell) or "–" for cell in row] for row in block.rows]
            return {
                "kind": "table",
                "caption": block.caption,
                "headings": block.headings,
                "rows": rows,
                "columns": len(block.headings),
            }
        case Text():
            return {"kind": "text", "paragraphs": [clean(each) for each in block.paragraphs]}
        case Sheet():
            return {"kind": "sheet", "html": mark_safe(_lowered(block.html))}


def _lowered(html: str) -> str:
    """A sheet's own title below the exhibit's."""
    return html.replace("<h1>", "<h4>").replace("</h1>", "</h4>")


def render(asked: EvidencePack, pack: Pack, room: bytes) -> bytes:
    """The PDF with every file embedded and ``room`` where the manifest is to stand. Raises ``letters.pdf.MissingGlyphs``."""
    files = [Embedded(file.name, file.content, file.description, file.made_at, "Source") for file in pack.files]
    manifest = Embedded("manifest.json", room, "What the pack was made of, with its seal", asked.asked_at, "Data", is_plain=True)
    return html_to_pdf(pack_html(asked, pack), embedded=[*files, manifest], styles=_styles())


def pages_of(pdf: bytes) -> list[Page]:
    """Every page of the file with the hash of what is drawn on it."""
    reader = PdfReader(io.BytesIO(pdf))
    return [Page(number, page_sha256(page)) for number, page in enumerate(reader.pages, 1)]


def page_sha256(page: Any) -> str:
    """Of the drawing instructions of a page, uncompressed."""
    contents = page.get_contents()
    return hashlib.sha256(contents.get_data() if contents is not None else b"").hexdigest()


def first_pages(pdf: bytes, exhibits: Sequence[Exhibit]) -> dict[int, int]:
    """On which page each exhibit begins, by its number, as the file's outline says."""
    reader = PdfReader(io.BytesIO(pdf))
    found = {str(item.title): (reader.get_destination_page_number(item) or 0) + 1 for item in _flat(reader.outline)}
    return {exhibit.number: found[clean(exhibit.heading)] for exhibit in exhibits if clean(exhibit.heading) in found}


def _flat(outline: Any) -> list[Any]:
    return [leaf for item in outline for leaf in (_flat(item) if isinstance(item, list) else [item])]
