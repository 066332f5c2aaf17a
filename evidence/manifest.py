"""The manifest of a pack: what each part and page is, by its hash, which rows of the record it was built from, and who asked for it."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.exhibits import Exhibit, Pack, Part
from evidence.models import EvidencePack
from evidence.seal import manifest_in, public_hex, signed_note
from evidence.setting import first_pages, pages_of

USUAL_PAGES = 100
"""Pages for which room is kept at first: a case of a whole year has some sixty."""


def expected(asked: EvidencePack, pack: Pack, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The manifest before the pages are known, at least as long as it will be."""
    return _manifest(asked, pack, key, firsts={}, pages=["0" * 64] * USUAL_PAGES)


def complete(asked: EvidencePack, pack: Pack, pdf: bytes, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The manifest with the pages as they were set."""
    pages = [page.sha256 for page in pages_of(pdf)]
    return _manifest(asked, pack, key, firsts=first_pages(pdf, pack.exhibits), pages=pages)


def _manifest(
    asked: EvidencePack, pack: Pack, key: Ed25519PrivateKey, *, firsts: dict[int, int], pages: list[str]
) -> dict[str, Any]:
    return {
        "key": public_hex(key),
        "pack": asked.pk,
        "case": asked.case_id,
        "purpose": asked.purpose,
        "parent": asked.parent_id,
        "on": asked.on.isoformat(),
        "asked_by": asked.by.name,
        "role": asked.role,
        "asked_at": asked.asked_at.isoformat(),
        "parts": [_part(part, firsts) for part in pack.parts],
        "files": {file.name: file.sha256 for file in pack.files},
        "checklist": [[check.what, check.is_there, check.words] for check in pack.checks],
        "pages": pages,
    }


def _part(part: Part, firsts: dict[int, int]) -> dict[str, Any]:
    exhibits = [_exhibit(exhibit, firsts) for exhibit in part.exhibits]
    said = "".join(exhibit["sha256"] for exhibit in exhibits) + part.missing + part.left_out
    return {
        "key": part.key,
        "title": part.title,
        "sha256": hashlib.sha256(said.encode()).hexdigest(),
        "exhibits": exhibits,
        "rows": {row.name: row.sha256 for row in part.rows},
    }


def _exhibit(exhibit: Exhibit, firsts: dict[int, int]) -> dict[str, Any]:
    return {
        "number": exhibit.number,
        "title": exhibit.title,
        "page": firsts.get(exhibit.number, 0),
        "sha256": exhibit.sha256,
        "file": exhibit.file.name if exhibit.file else "",
    }


def beside(whole: bytes, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The manifest as it is kept beside the file: the one inside it, with the hash of the whole file, signed."""
    inside = manifest_in(whole)
    digest = hashlib.sha256(whole).hexdigest()
    return inside | {"file": {"sha256": digest, "size": len(whole), "signature": signed_note(inside, digest, key)}}
