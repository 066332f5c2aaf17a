"""Whose matters a pack may show: one parent's where it is made about one; never those of a parent whom an order keeps away."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from functools import cached_property
from zoneinfo import ZoneInfo

from casework.queries.meetings import enrolment_of
from escalation.models import Case
from schools.models import Enrolment, Parent, PupilParent, School

LEFT_OUT = "[left out]"
LONDON = ZoneInfo("Europe/London")


class Scope:
    """A case on a day, for ``parent`` alone or (None) for everyone who may be named."""

    def __init__(self, case: Case, on: dt.date, parent: Parent | None) -> None:
        self.case, self.on, self.parent = case, on, parent

    @property
    def school(self) -> School:
        return self.case.school

    @property
    def first(self) -> dt.date:
        """The first day of the case's academic year."""
        return dt.date(self.case.year, 8, 1)

    @property
    def end(self) -> dt.datetime:
        """The end of the last day that the pack shows."""
        return dt.datetime.combine(self.on + dt.timedelta(days=1), dt.time(), LONDON)

    @cached_property
    def enrolment(self) -> Enrolment | None:
        return enrolment_of(self.case)

    @cached_property
    def links(self) -> list[PupilParent]:
        return list(PupilParent.objects.filter(pupil=self.case.pupil_id).select_related("parent"))

    @cached_property
    def shown(self) -> list[PupilParent]:
        """The parents whose matters are in the pack."""
        if self.parent:
            return [link for link in self.links if link.parent_id == self.parent.pk]
        return [link for link in self.links if not link.is_barred(self.on)]

    @cached_property
    def hidden_ids(self) -> list[int]:
        shown = {link.parent_id for link in self.shown}
        return [link.parent_id for link in self.links if link.parent_id not in shown]

    def concerns(self, parent_id: int | None) -> bool:
        """Whether something that one parent took part in is shown; what nobody took part in always is."""
        return parent_id is None or parent_id not in self.hidden_ids

    @cached_property
    def _secrets(self) -> re.Pattern[str] | None:
        """Addresses, telephones and e-mails of parents who are not shown, unless a parent who is shown shares them."""
        shown = {piece for link in self.shown for piece in _pieces(link.parent)}
        hidden = [link.parent for link in self.links if link.parent_id in self.hidden_ids]
        secret = {piece for parent in hidden for piece in _pieces(parent)} - shown
        return re.compile("|".join(map(_loosely, sorted(secret, key=len, reverse=True))), re.IGNORECASE) if secret else None

    def clean(self, words: str) -> str:
        """Words somebody wrote, with what belongs to a parent who is not shown left out."""
        return self._secrets.sub(LEFT_OUT, words) if self._secrets else words

    def is_clean(self, words: str) -> bool:
        return self._secrets is None or not self._secrets.search(words)


def _pieces(parent: Parent) -> Iterable[str]:
    """Lines of the address that tell where somebody lives (a number or a postcode), telephone and e-mail."""
    lines = [line.strip() for line in parent.address.splitlines()]
    yield from (line.casefold() for line in lines if re.search(r"\d", line))
    yield from (piece.casefold() for piece in (parent.telephone.strip(), parent.email.strip()) if piece)


def _loosely(piece: str) -> str:
    """The piece whatever the spaces and commas between its words."""
    return r"[\s,]*".join(map(re.escape, piece.split()))
