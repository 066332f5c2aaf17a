"""Referrals and evidence packs as the pages show them: the list, one referral with its conditions, and what a case has of both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404

from casework.models import Clock, Referral
from casework.queries.referrals import RUNNING, CaseRecord, Filled, LetterHome, forms_for, in_schools, title_of, with_people
from casework.referral_forms import Form
from desk.queries.case import case_in_scope
from escalation.models import Case
from evidence.models import EvidencePack
from letters.referral_form import letters_home
from schools.access import Scope
from schools.models import School
from schools.queries import school_days
from schools.schooldays import SchoolDays

ANSWER_DAYS = 10
"""School days after which a referral without an answer is asked after."""


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """One referral in a list. ``waited``: school days since it was sent, where nobody has answered."""

    referral: Referral
    title: str
    waited: int | None

    @property
    def is_late(self) -> bool:
        return self.waited is not None and self.waited > ANSWER_DAYS


def referral_lines(scope: Scope, schools: Sequence[School], on: dt.date, *, over: bool = False) -> list[ReferralLine]:
    """Referrals of the pupils whom the person may see, those that wait longest first. Two statements and one a school."""
    found = in_schools(schools).filter(case__pupil__in=scope.pupils)
    chosen = found.exclude(state__in=RUNNING)[:50] if over else found.filter(state__in=RUNNING)
    lines = _lines(list(chosen), on)
    return sorted(lines, key=lambda line: (-(line.waited or -1), line.referral.case.pupil.last_name))


def _lines(found: list[Referral], on: dt.date) -> list[ReferralLine]:
    years: dict[int, set[int]] = {}
    for each in found:
        years.setdefault(each.case.school_id, set()).update((each.case.year, each.case.year + 1))
    calendars = {each.case.school_id: each.case.school for each in found}
    days = {pk: school_days(school, years[pk]) for pk, school in calendars.items()}
    return [ReferralLine(each, title_of(each), _waited(each, days[each.case.school_id], on)) for each in found]


def _waited(each: Referral, days: SchoolDays, on: dt.date) -> int | None:
    if each.state != Referral.State.SENT or each.sent_on is None:
        return None
    return days.first_after(on) - days.first_after(each.sent_on)


@dataclass(frozen=True, slots=True)
class Offered:
    """A form that may be begun. ``running``: the referral on it that is under way; its conditions stand on the record as it is."""

    key: str
    form: Form
    filled: Filled
    running: Referral | None


def offered_forms(case: Case, on: dt.date) -> list[Offered]:
    """The forms of the school's ladder, each with how its conditions stand today."""
    letters = [
        LetterHome(letter.left_on, letter.title, letter.parent.name) for letter in letters_home(case, on) if letter.left_on
    ]
    record = CaseRecord(case, on, letters)
    running = {each.form: each for each in Referral.objects.filter(case=case, state__in=RUNNING)}
    return [Offered(key, form, record.fill(form, {}), running.get(key)) for key, form in forms_for(case.school, on).items()]


def clocks_beside(case: Case) -> list[Clock]:
    """The running returns to the authority about the same child. One statement."""
    return list(Clock.objects.filter(pupil=case.pupil_id, school=case.school_id, state__in=Clock.RUNNING))


def referral_in_scope(scope: Scope, pk: int) -> Referral:
    """Http404 outside the person's pupils."""
    found = with_people(Referral.objects.filter(pk=pk)).first()
    if found is None:
        raise Http404("No such referral.")
    case_in_scope(scope, found.case_id)
    return found


def pack_in_scope(scope: Scope, pk: int) -> EvidencePack:
    """Http404 outside the person's pupils, 403 without the right to packs."""
    found = EvidencePack.objects.select_related("case__pupil", "case__school__group", "parent", "by").filter(pk=pk).first()
    if found is None:
        raise Http404("No such pack.")
    case_in_scope(scope, found.case_id)
    scope.authorise("make_pack", found.case.school)
    return found


def packs_of(case: Case) -> list[EvidencePack]:
    """Of one case, the latest first. One statement."""
    return list(EvidencePack.objects.filter(case=case).select_related("by", "parent").defer("manifest"))


def of_case(scope: Scope, case: Case, on: dt.date) -> dict[str, object]:
    """What the case's page shows of both. Three statements."""
    return {
        "referral_lines": _lines(list(with_people(Referral.objects.filter(case=case))), on),
        "why_no_referral": scope.refusal("prepare_referral", case.school),
        "why_no_pack": scope.refusal("make_pack", case.school),
        "packs": packs_of(case) if not scope.refusal("make_pack", case.school) else [],
    }
