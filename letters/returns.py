"""Returns and referrals to the local authority as files: one as a tagged PDF, one or many as CSV. Made from plain headings and words.

The authority's own forms differ; what stands here is what the law asks for, in an order that can be read into any of them.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from django.template import Context

from letters.merge import clean
from letters.pdf import document_html, html_to_pdf
from letters.phrases import full_date
from letters.sheet import engine

Lines = Sequence[tuple[str, str]]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these would be read as a formula by a spreadsheet."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One return: its title, whom it is about, and (heading, words) in order. ``gaps`` stand on a draft; ``sent_on`` None: a draft."""

    title: str
    school: str
    about: str
    lines: Lines
    source: str
    gaps: Sequence[str] = ()
    sent_on: dt.date | None = None


def return_pdf(sheets: Sequence[Sheet], *, title: str, on: dt.date) -> bytes:
    """The sheets as one tagged PDF, each on pages of its own. Raises ``letters.pdf.MissingGlyphs``."""
    pages = [_page(sheet, on) for sheet in sheets]
    school = sheets[0].school
    running = f"{clean(school)} · {title} · {full_date(on)}"
    return html_to_pdf(document_html(title, pages[0], running=running, author=school, enclosures=pages[1:]))


def _page(sheet: Sheet, on: dt.date) -> str:
    context = {
        "title": sheet.title,
        "school": clean(sheet.school),
        "about": clean(sheet.about),
        "as_of": full_date(sheet.sent_on or on),
        "is_draft": sheet.sent_on is None,
        "lines": [(heading, clean(words) or "–") for heading, words in sheet.lines],
        "gaps": list(sheet.gaps),
        "source": sheet.source,
    }
    return str(engine().get_template("return.html").render(Context(context)))


def return_csv(sheets: Sequence[Sheet]) -> str:
    """A row a return under all of their headings, in the order in which they first occur; no cell is read as a formula."""
    headings = list(dict.fromkeys(heading for sheet in sheets for heading, _ in sheet.lines))
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["Return", *headings])
    for sheet in sheets:
        words = dict(sheet.lines)
        writer.writerow([sheet.title, *(_safe(words.get(heading, "")) for heading in headings)])
    return text.getvalue()


def _safe(words: str) -> str:
    return f"'{words}" if words.startswith(_FORMULA) else words
