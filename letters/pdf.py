"""The PDF of a letter: A4, tagged, valid PDF/UA-1 and PDF/A-2a at once, made from memory alone.

WeasyPrint renders PDF/A-2a; the finisher then sets what it leaves out: the scope of table headers, the text of every glyph, and the
PDF/UA identifier with its extension schema inside the metadata, which stay uncompressed. A character that no installed font can draw
stops the letter. Nothing is fetched: the only addresses that resolve are those in the map that comes with the letter.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import pydyf
from django.template import Context
from django.utils.safestring import mark_safe
from weasyprint import CSS, DEFAULT_OPTIONS, HTML, Attachment
from weasyprint.document import Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from letters.facts import LetterFacts
from letters.merge import MergedLetter
from letters.phrases import full_date
from letters.sheet import FOLDER, about, engine, letter_html_fragment

LOGO_URL = "memory:logo"
_BASE_URL = "memory:letter"
_AMBIGUOUS_END = b"\r\nendstream"
_TRIES = 8
_ONE_AT_A_TIME = threading.Lock()
"""Pango and its fonts are not made for several threads at once: fifty that drew letters together corrupted each other's memory. A web
process draws one at a time; where many are to be drawn, worker processes share them out."""

_PDFUA = """<rdf:Description xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" rdf:about="" pdfuaid:part="1"/>
<rdf:Description xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#" rdf:about=""><pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI><pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 to which this file conforms</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""


logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)
logging.getLogger("weasyprint").setLevel(logging.ERROR)
"""WeasyPrint warns of each character that it cannot draw: together they would spell a pupil's name in the log."""


class MissingGlyphs(ValueError):
    """Characters that no installed font can draw; ``characters`` holds them in order."""

    def __init__(self, characters: str) -> None:
        named = ", ".join(f"{character} (U+{ord(character):04X})" for character in characters)
        super().__init__(
            f"No installed font can print {named}. Install one that can and draft again "
            "(Debian: fonts-noto-core; for Chinese, Japanese and Korean fonts-noto-cjk)."
        )
        self.characters = characters


class ForbiddenFetch(FatalURLFetchingError):
    """The letter asked for something outside its own memory."""


class MemoryFetcher(URLFetcher):
    """Serves only what is in ``files`` (address to bytes); anything else stops the letter. ``refused`` lists what was asked for in vain."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        super().__init__(allowed_protocols=(), fail_on_errors=True)
        self.files = dict(files or {})
        self.refused: list[str] = []

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        if url not in self.files:
            self.refused.append(url)
            raise ForbiddenFetch(f"A letter may not fetch {url}: put what it needs into the letter.")
        return URLFetcherResponse(url, self.files[url])


@cache
def _fonts() -> FontConfiguration:
    return FontConfiguration()


@cache
def _stylesheet() -> CSS:
    text = (FOLDER / "letter.css").read_text(encoding="utf-8")
    return CSS(string=text, base_url=_BASE_URL, url_fetcher=MemoryFetcher(), font_config=_fonts())


def render_letter_pdf(merged: MergedLetter, facts: LetterFacts, *, enclosures: Sequence[str] = ()) -> bytes:
    """The letter and its enclosures (HTML of each, as ``letters.certificate`` makes it) as one PDF.

    Raises ``MissingGlyphs`` and ``ForbiddenFetch``. The same input gives the same bytes.
    """
    logo = facts.school.logo
    letter = letter_html_fragment(merged, facts, heading_level=1, logo_url=LOGO_URL if logo else "")
    running = f"{facts.school.name} · {about(facts)} · {full_date(facts.letter_date)}"
    return html_to_pdf(
        document_html(merged.title, letter, running=running, author=facts.school.name, enclosures=enclosures),
        files={LOGO_URL: logo} if logo else {},
    )


def render_certificate_pdf(certificate: str, *, title: str, running: str, author: str) -> bytes:
    """A certificate (HTML of ``letters.certificate.render_certificate_html``) as a PDF by itself, for the record or a court."""
    return html_to_pdf(document_html(title, certificate, running=running, author=author))


def document_html(title: str, letter: str, *, running: str, author: str, enclosures: Sequence[str] = ()) -> str:
    """A whole HTML document around the fragment ``letter``; ``running`` stands at the head of every page but the first."""
    return str(
        engine()
        .get_template("document.html")
        .render(
            Context(
                {
                    "title": title,
                    "author": author,
                    "running": running,
                    "letter": mark_safe(letter),
                    "enclosures": [mark_safe(enclosure) for enclosure in enclosures],
                }
            )
        )
    )


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that goes inside a PDF as it is. ``is_plain``: written without compression, so that its bytes stand in the file."""

    name: str
    content: bytes
    description: str
    made_at: dt.datetime
    relationship: Literal["Source", "Data", "Supplement"] = "Supplement"
    is_plain: bool = False


def html_to_pdf(
    document: str, *, files: Mapping[str, bytes] | None = None, embedded: Sequence[Embedded] = (), styles: str = ""
) -> bytes:
    """``document`` as a PDF that is PDF/UA-1 and PDF/A-2a; ``files`` are all that it may refer to.

    With files embedded it is PDF/A-3a, which allows them; ``styles`` is CSS after the letter's own.
    """
    with _ONE_AT_A_TIME:
        return _to_pdf(document, files or {}, embedded, styles)


def _to_pdf(document: str, files: Mapping[str, bytes], embedded: Sequence[Embedded], styles: str) -> bytes:
    laid_out = _laid_out(document, files, styles)
    options = _options(styles) | ({"pdf_variant": "pdf/a-3a"} if embedded else {})
    for nudge in range(_TRIES):
        attachments = [_attachment(each) for each in sorted(embedded, key=lambda each: each.name)]
        finisher = partial(_finish, nudge=nudge, plain=[each.content for each in embedded if each.is_plain])
        pdf: bytes = laid_out.write_pdf(finisher=finisher, **(options | {"attachments": attachments}))
        if _AMBIGUOUS_END not in pdf:
            break
    return pdf


def _attachment(each: Embedded) -> Attachment:
    return Attachment(
        string=each.content,
        name=each.name,
        description=each.description,
        created=each.made_at,
        modified=each.made_at,
        relationship=each.relationship,
    )


def pages_of(document: str) -> int:
    """How many pages ``document`` takes."""
    with _ONE_AT_A_TIME:
        return len(_laid_out(document, None).pages)


def _options(styles: str = "") -> dict[str, object]:
    more = [CSS(string=styles, base_url=_BASE_URL, url_fetcher=MemoryFetcher(), font_config=_fonts())] if styles else []
    return DEFAULT_OPTIONS | {"stylesheets": [_stylesheet(), *more], "pdf_variant": "pdf/a-2a"}


def _laid_out(document: str, files: Mapping[str, bytes] | None, styles: str = "") -> Document:
    page = HTML(string=document, base_url=_BASE_URL, url_fetcher=MemoryFetcher(files))
    return page.render(font_config=_fonts(), **_options(styles))


def _finish(document: Document, pdf: pydyf.PDF, *, nudge: int, plain: Sequence[bytes] = ()) -> None:
    _refuse_missing_glyphs(document)
    _set_table_scopes(pdf)
    _map_every_glyph(pdf)
    _declare_pdfua(pdf)
    _leave_plain(pdf, plain)
    if nudge:
        _nudge(pdf, nudge)


def _leave_plain(pdf: pydyf.PDF, plain: Sequence[bytes]) -> None:
    """Embedded files that stand in the file as they are; without a checksum, since a seal is written into them afterwards."""
    for item in pdf.objects:
        if isinstance(item, pydyf.Stream) and item.extra.get("Type") == "/EmbeddedFile" and item.stream[0] in plain:
            item.compress = False
            del item.extra["Params"]["CheckSum"]


def _nudge(pdf: pydyf.PDF, times: int) -> None:
    """Lengthen by white space, harmlessly, every stream that would end in a carriage return; the object stream by an unused object.

    A compressed stream that happens to end in a carriage return (one in 256) leaves open where it ends, which PDF/A does not allow.
    """
    for item in pdf.objects:
        if isinstance(item, pydyf.Stream) and item.compress and item.data.endswith(_AMBIGUOUS_END):
            item.stream.append(b" ")  # written after a line feed: two bytes more
            if "Length1" in item.extra:
                item.extra["Length1"] += 2
    pdf.add_object(pydyf.String("." * times))


def _refuse_missing_glyphs(document: Document) -> None:
    missing = {codepoint: None for font in document.fonts.values() for codepoint in font.missing}
    if missing:
        raise MissingGlyphs("".join(map(chr, missing)))


def _set_table_scopes(pdf: pydyf.PDF) -> None:
    """Scope of each TH: Column in a table's head, Row in its body. WeasyPrint writes none (its issue 2508)."""
    by_number = {item.number: item for item in pdf.objects}

    def parent(element: pydyf.Dictionary) -> pydyf.Dictionary:
        return by_number[int(bytes(element["P"]).split()[0])]

    for item in pdf.objects:
        if isinstance(item, pydyf.Dictionary) and item.get("S") == "/TH":
            in_head = parent(parent(item)).get("S") == "/THead"
            item["A"]["Scope"] = "/Column" if in_head else "/Row"


def _map_every_glyph(pdf: pydyf.PDF) -> None:
    """Let the later glyphs of a cluster (Indic and Khmer scripts have them) stand for a word joiner; WeasyPrint maps them to nothing."""
    for item in pdf.objects:
        if isinstance(item, pydyf.Stream) and b"begincmap" in item.stream:
            item.stream = [part.replace(b"> <>", b"> <2060>") for part in item.stream]


def _declare_pdfua(pdf: pydyf.PDF) -> None:
    """Put the PDF/UA identifier inside the metadata's RDF and leave the metadata uncompressed."""
    number = int(bytes(pdf.catalog["Metadata"]).split()[0])
    metadata = next(item for item in pdf.objects if item.number == number)
    metadata.compress = False
    metadata.stream = [part.replace(b"</rdf:RDF>", _PDFUA.encode() + b"</rdf:RDF>") for part in metadata.stream]
