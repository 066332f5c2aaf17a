"""Says whether an evidence pack was altered, page by page and file by file, and what has changed in the record since it was made.

Leaves with 0 where nothing was altered and nothing has changed, 1 where the file was altered or cannot be read, 2 where the file is whole
and the record has changed since.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evidence.keys import sealing_key
from evidence.seal import public_hex
from evidence.verifying import verify

ALTERED, CHANGED = 1, 2


class Command(BaseCommand):
    help = "Says whether a page or record of an evidence pack was altered: verify PACK.pdf [MANIFEST.json]"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pack", help="the sealed PDF")
        parser.add_argument("manifest", nargs="?", help="the manifest that was kept beside it, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = _manifest(options["manifest"]) if options["manifest"] else None
        report = verify(_read(options["pack"]), keys={public_hex(sealing_key())}, beside=manifest)
        for sentence in report.altered:
            self.stdout.write(f"ALTERED: {sentence}")
        for sentence in report.checked:
            self.stdout.write(sentence)
        for sentence in report.changed:
            self.stdout.write(f"Changed since: {sentence}")
        if report.altered:
            raise SystemExit(ALTERED)
        if report.changed:
            self.stdout.write("The file is as it was sealed; the record has moved on since.")
            raise SystemExit(CHANGED)
        self.stdout.write("Nothing was altered, and the record stands as the pack shows it.")


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}. Give the path of a sealed pack.") from error


def _manifest(name: str) -> dict[str, Any]:
    try:
        found = json.loads(_read(name))
    except ValueError as error:
        raise CommandError(
            f"{name} is no manifest: it is not JSON. Give the file that was downloaded beside the pack."
        ) from error
    if not isinstance(found, dict) or not {"pages", "parts", "files"} <= set(found):
        raise CommandError(f"{name} is no manifest of a pack: it names no pages, parts and files.")
    return found
