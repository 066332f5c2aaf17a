"""Was anything altered? First the file against its own seal, then, where it is broken, which page or enclosure; then the record.

A record that has changed since (a mark corrected, a task done) is told as changed since, and is no forgery: the pack shows how it stood.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

from pypdf import PdfReader

from evidence.gather import PARTS
from evidence.models import EvidencePack
from evidence.scope import Scope
from evidence.seal import Broken, check, manifest_in
from evidence.setting import page_sha256

NAMES = {
    "registerrow": "the register", "markchange": "an amendment of the register", "stagerecord": "a stage", "rulesetversion": "the ladder",
    "letter": "a letter", "letterevent": "a step of a letter", "event": "a line of the timeline", "absencecall": "a call about an absence",
    "meeting": "a meeting", "attendee": "who came to a meeting", "meetingmove": "a moved meeting", "supportoffer": "an offer of help",
    "homevisit": "a home visit", "period": "a monitoring period", "plan": "a plan", "planaction": "an action of a plan",
    "plansignature": "a signature", "planreview": "a review", "pause": "a time in which letters waited", "document": "a document",
    "improvementnotice": "a notice to improve", "penaltyrequest": "a request for a penalty notice", "penaltynotice": "a penalty notice",
    "penaltymark": "a session of a request", "referral": "a referral", "referralevent": "a step of a referral", "pupil": "the pupil",
    "enrolment": "the enrolment", "pupilparent": "a parent’s link", "pupilflag": "a flag",
}  # fmt: skip
"""What a row of the record is called, by its table."""


@dataclass
class Report:
    """``altered``: sentences about the file; ``changed``: sentences about the record since; ``checked``: what was looked at."""

    altered: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.altered


def verify(pdf: bytes, *, keys: set[str], beside: dict[str, Any] | None = None) -> Report:
    """The file against its seal and against the manifest kept ``beside`` it, where there is one; then the record it was made from.

    ``keys``: the public keys, in hexadecimal, that this installation seals with."""
    report = Report()
    kept = _kept(pdf, beside)
    try:
        check(pdf, keys | ({kept.manifest["key"]} if kept and "key" in kept.manifest else set()))
    except Broken as broken:
        report.altered.append(str(broken))
        report.altered += _where(pdf, beside or (kept.manifest if kept else None))
    _compare(report, pdf, beside, "the manifest given with it")
    if kept:
        _compare(report, pdf, kept.manifest, "what was kept when the pack was made")
    if report.is_whole:
        inside = manifest_in(pdf)
        pages, files = len(inside["pages"]), len(inside["files"])
        told = f"Pack {inside['pack']}, the record as of {inside['on']}: {pages} pages and {files} files inside, as sealed."
        report.checked.append(told)
        if kept:
            report.changed += changed_since(inside)
        else:
            report.checked.append("The record that it was made from is not in this database: it was not compared.")
    return report


def _kept(pdf: bytes, beside: dict[str, Any] | None) -> EvidencePack | None:
    """The row of the pack that the file says it is: by its hash first, then by what its manifest says."""
    done = EvidencePack.objects.filter(state=EvidencePack.State.DONE).select_related("case__pupil", "case__school", "parent")
    if found := done.filter(sha256=hashlib.sha256(pdf).hexdigest()).first():
        return found
    try:
        manifest = beside or manifest_in(pdf)
        return done.filter(pk=int(manifest.get("pack", 0)), case=int(manifest.get("case", 0))).first()
    except (Broken, TypeError, ValueError, OverflowError):
        return None


def _compare(report: Report, pdf: bytes, manifest: dict[str, Any] | None, what: str) -> None:
    """The whole file's hash, and the manifest inside against the one outside."""
    if not manifest:
        return
    told = manifest.get("file", {}).get("sha256")
    if told and told != hashlib.sha256(pdf).hexdigest():
        report.altered.append(f"The file is not the one of {what}: its SHA-256 is {hashlib.sha256(pdf).hexdigest()}, not {told}.")
    try:
        inside = manifest_in(pdf)
    except Broken:
        return
    differ = [key for key in inside if inside[key] != manifest.get(key)]
    report.altered += [f"The manifest inside the file differs from {what}: {', '.join(differ)}."] if differ else []


def _where(pdf: bytes, manifest: dict[str, Any] | None) -> list[str]:
    """Which pages and files are not as the manifest says; a sentence where it is neither."""
    try:
        told = manifest or manifest_in(pdf)
        reader = PdfReader(io.BytesIO(pdf))
        pages = list(reader.pages)
    except Exception:  # a damaged file may fail in any way
        return ["The file can no longer be read as a PDF."]
    faults = [f"It has {len(pages)} pages and was sealed with {len(told['pages'])}."] if len(pages) != len(told["pages"]) else []
    for number, (page, sha256) in enumerate(zip(pages, told["pages"], strict=False), 1):
        if _page(page) != sha256:
            faults.append(f"Page {number} was altered ({_exhibit_on(number, told)}).")
    faults += _files(reader, told)
    return faults or [
        "No page’s words and no enclosed file differ: what was altered is the file’s structure, a font or the seal itself."
    ]


def _page(page: Any) -> str:
    try:
        return page_sha256(page)
    except Exception:  # the page's own stream is damaged
        return ""


def _exhibit_on(number: int, manifest: dict[str, Any]) -> str:
    """The exhibit that stands on a page, by where each begins."""
    begun = [exhibit for part in manifest["parts"] for exhibit in part["exhibits"] if 0 < exhibit["page"] <= number]
    return f"exhibit {begun[-1]['number']}, {begun[-1]['title']}" if begun else "cover, contents or checklist"


def _files(reader: PdfReader, manifest: dict[str, Any]) -> list[str]:
    try:
        inside = {name: content for name, contents in reader.attachments.items() for content in contents}
    except Exception:
        return ["The enclosed files can no longer be read."]
    faults = []
    for name, sha256 in manifest["files"].items():
        if name not in inside:
            faults.append(f"The enclosed file {name} is missing.")
        elif hashlib.sha256(inside[name]).hexdigest() != sha256:
            faults.append(f"The enclosed file {name} was altered.")
    return faults + [
        f"The file {name} was added." for name in inside if name not in manifest["files"] and name != "manifest.json"
    ]


def changed_since(manifest: dict[str, Any]) -> list[str]:
    """What has changed in the record since the pack was made, a sentence a row, named by its part."""
    pack = EvidencePack.objects.select_related("case__pupil", "case__school", "parent").filter(pk=manifest["pack"]).first()
    if pack is None:
        return []
    scope = Scope(pack.case, dt.date.fromisoformat(manifest["on"]), pack.parent)
    told = {part["key"]: part for part in manifest["parts"]}
    found = []
    for build in PARTS:
        part = build(scope)
        before = told.get(part.key, {"rows": {}, "title": part.title})
        found += _rows(before["title"], before["rows"], {row.name: row.sha256 for row in part.rows})
    return found


def _rows(title: str, before: dict[str, str], after: dict[str, str]) -> list[str]:
    changed = [
        f"{title}: {_named(name)} has changed since the pack was made."
        for name in before
        if after.get(name, "") not in ("", before[name])
    ]
    gone = [f"{title}: {_named(name)} is no longer on record." for name in before if name not in after]
    added = [f"{title}: {_named(name)} was added since." for name in after if name not in before]
    return changed + gone + added


def _named(row: str) -> str:
    table, _, number = row.partition(" ")
    return f"{NAMES.get(table, table)} (number {number})"
