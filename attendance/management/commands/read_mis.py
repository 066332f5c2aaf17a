"""Reads the marks of one school, or of every connected one, out of its MIS now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attendance.mis import Read, active_connections, read_marks
from schools import clock


class Command(BaseCommand):
    help = "Reads what changed in the MIS into the register, as the schedule does by itself. Exit code 1 where a reading failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--school", metavar="URN", help="only this school")

    def handle(self, *args: Any, **options: Any) -> None:
        connections = active_connections().select_related("school").order_by("school__name")
        if options["school"]:
            connections = connections.filter(school__urn=options["school"])
        if not connections:
            raise CommandError("No school is read through a connection: set one up on the page “Connection to the MIS”.")
        failed = sum(self._say(read_marks(connection=connection, now=clock.now())) for connection in connections)
        if failed:
            raise CommandError(f"{failed} of {len(connections)} readings failed: see the sentences above.")

    def _say(self, done: Read) -> bool:
        """Writes what a reading did; True where it failed."""
        if done.error:
            self.stdout.write(f"{done.school}: {done.error}")
        elif done.batch is None:
            self.stdout.write(f"{done.school}: nothing has changed.")
        else:
            counts = f"{done.batch.new} new, {done.batch.changed} changed, {done.batch.refused} refused"
            self.stdout.write(f"{done.school}: {counts}.")
        return bool(done.error)
