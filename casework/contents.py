"""What a file is, told from its content and never from its name: the few types that are kept, and why any other is refused.

Nothing here says that a file is free of viruses: it is never opened, only stored, and handed out as a download.
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

from schools.rules import Refused

LARGEST = 10 * 1024 * 1024
"""Bytes."""
PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"
ENDINGS: dict[str, str] = {PDF: ".pdf", PNG: ".png", JPEG: ".jpg", DOCX: ".docx", TEXT: ".txt"}
NAMES: dict[str, str] = {PDF: "PDF", PNG: "PNG picture", JPEG: "JPEG picture", DOCX: "Word document", TEXT: "text"}
KEPT = "PDF, PNG, JPEG, Word (.docx) or plain text"
_UNSAFE = re.compile(r"[^\w .,()’'-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def media_type_of(content: bytes) -> str:
    """One of ``ENDINGS``. Raises Refused with what is wrong with the file and what to do."""
    if not content:
        raise Refused("The file is empty: choose it again.")
    if len(content) > LARGEST:
        size = f"{len(content) / 1024 / 1024:.1f}"
        raise Refused(f"The file has {size} MB; 10 MB are kept at most. Scan it in black and white, or add it in parts.")
    if content.startswith(b"%PDF-"):
        return PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith(b"PK"):
        return _office(content)
    return _text(content)


def _office(content: bytes) -> str:
    try:
        names = set(zipfile.ZipFile(BytesIO(content)).namelist())
    except zipfile.BadZipFile as broken:
        raise Refused("The file is damaged: save it again, then choose it.") from broken
    if "word/document.xml" not in names:
        raise Refused(f"This is a ZIP or another Office file. What is kept: {KEPT}. Save it as PDF.")
    if any(name.endswith("vbaProject.bin") for name in names):
        raise Refused("This Word document holds macros. Save it as PDF, then add it.")
    return DOCX


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as unknown:
        raise Refused(
            f"This is no type of file that is kept. What is kept: {KEPT}. Save it as PDF, or take a photograph."
        ) from unknown
    if _CONTROL.search(text):
        raise Refused(f"This is no type of file that is kept. What is kept: {KEPT}.")
    return TEXT


def safe_name(name: str, media_type: str) -> str:
    """The file's name without path and odd characters, with the ending that its content has."""
    stem = name.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")[0] or name
    plain = " ".join(_UNSAFE.sub(" ", stem).split())
    return f"{plain.strip(' .')[:100] or 'document'}{ENDINGS[media_type]}"
