"""Reads a register file in from the command line, or shows what reading it in would do."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.queries import Preview, preview_import
from attendance.safe_xml import looks_like_xml
from attendance.services import import_register
from attendance.transfer import preview_xml, take_in_xml
from schools import clock
from schools.models import School
from schools.rules import FileRefused, Refusal
from schools.tables import MAX_BYTES


class Command(BaseCommand):
    help = (
        "Shows what reading a register file in would do: marks new, changed, unchanged, and rows refused with the reason. With --commit "
        "it is done. Exit code 1 where the whole file is refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV: a mark a row (long) or a pupil's week a row (weeks); or XML: CTF, SIMS")
        parser.add_argument("--school", required=True, metavar="URN", help="the school whose register it is")
        parser.add_argument("--format", choices=["long", "weeks"], help="left out, the header tells")
        parser.add_argument("--commit", action="store_true", help="read the file in; without it nothing is written")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        school = _school(options["school"])
        data = _data(path)
        if looks_like_xml(data):
            return self._xml(path.name, school, data, commit=options["commit"])
        try:
            if options["commit"]:
                _, preview = import_register(
                    school=school, data=data, file_name=path.name, file_format=options["format"], by=None, now=clock.now()
                )
            else:
                preview = preview_import(school=school, data=data, file_format=options["format"])
        except FileRefused as refused:
            self._list("refused", refused.refusals)
            raise CommandError(f"{path.name}: {refused}") from None
        self._show(path.name, school, preview, committed=options["commit"])

    def _xml(self, name: str, school: School, data: bytes, *, commit: bool) -> None:
        """A transfer file or a report of SIMS: what it would do, or did."""
        given: dict[str, Any] = {
            "school": school, "data": data, "file_name": name, "by": None, "now": clock.now(), "on": clock.today(),
        }  # fmt: skip
        try:
            done = take_in_xml(**given) if commit else preview_xml(**given).done
        except FileRefused as refused:
            self._list("refused", refused.refusals)
            raise CommandError(f"{name}: {refused}") from None
        if done.people:
            self.stdout.write(f"pupils: {done.people.new} new, {done.people.changed} changed, {done.people.refused} refused")
        if done.marks:
            self.stdout.write(
                f"marks made here: {done.marks.new} new, {done.marks.changed} changed, {done.marks.refused} refused"
            )
        earlier = done.earlier
        self.stdout.write(
            f"years at earlier schools: {len(earlier.new)} new, {len(earlier.changed)} changed, {earlier.unchanged} kept"
        )
        self.stdout.write("Read in." if commit else "Nothing was written: add --commit to read it in.")

    def _show(self, name: str, school: School, preview: Preview, *, committed: bool) -> None:
        self._list("refused", preview.reading.refusals)
        if preview.refused > len(preview.reading.refusals):
            self.stdout.write(f"  and {preview.refused - len(preview.reading.refusals)} more were refused")
        self._list("note", preview.reading.notices)
        for conflict in preview.conflicts:
            self.stdout.write(
                f"  corrected here by hand to {conflict.by_hand}, in the file {conflict.in_file}: "
                f"enrolment {conflict.enrolment_id}, {conflict.date:%d %B %Y} {conflict.session}"
            )
        self.stdout.write(
            f"{name} for {school}: {preview.rows} rows, {preview.new} marks new, {preview.changed} changed, "
            f"{preview.unchanged} unchanged, {preview.refused} refused."
        )
        self.stdout.write("Read in." if committed else "Nothing was written: add --commit to read it in.")

    def _list(self, word: str, numbered: Iterable[Refusal]) -> None:
        for row, reason in numbered:
            self.stdout.write(f"  row {row} {word}: {reason}")


def _school(urn: str) -> School:
    school = School.objects.filter(urn=urn).first()
    if school is None:
        raise CommandError(f"No school has the URN {urn}: give the six digits of one that is set up.")
    return school


def _data(path: Path) -> bytes:
    """The file's bytes; one more than an import takes is enough to refuse it."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}. Give the path of a file that can be read.") from None
