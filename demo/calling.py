"""First-day calling as the demo's officers do it: texts, calls with and without an answer, and reasons that settle an N."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from attendance.chasing import log_call
from attendance.grid import academic_year_of, slot
from attendance.models import RegisterRow
from demo.build import at
from demo.chance import number, one_of
from messaging.models import Reply
from messaging.providers import Rehearsal
from messaging.replies import read_replies
from messaging.sending import poll, send_due
from messaging.services import answer, ask_for_texts, mark_read
from messaging.wording import FIRST_DAY
from schools.models import Enrolment, Parent, Pupil, Role
from schools.rules import Refused

if TYPE_CHECKING:
    from demo.staff import ScriptedStaff

SAID = {
    "I": (
        "Sick bug since last night.",
        "Migraine; sleeping it off.",
        "Temperature and a cough.",
        "Chest infection, saw the doctor.",
    ),
    "M": ("Dentist at ten, in after lunch.", "Hospital appointment; letter to follow."),
    "G": ("They are away with family.", "Still on holiday; back next week."),
}
BY_THE_AFTERNOON_IN_100 = 70
"""Of those without a reason in a register that was taken here, so many are explained on the same day."""
TEXTED_AT_MOST = 14


def silent_on(staff: ScriptedStaff, on: dt.date) -> list[int]:
    """Pupils whose register says N on the day, by number."""
    place = slot(on, "AM")
    rows = RegisterRow.objects.filter(school=staff.school, year=academic_year_of(on), enrolment__ends__isnull=True)
    return sorted(pupil for pupil, marks in rows.values_list("enrolment__pupil", "marks") if "N" in marks[place : place + 2])


def ring_round(staff: ScriptedStaff, on: dt.date) -> None:
    """The officer rings about those of whom the morning's register gave no reason."""
    unknown = Enrolment.objects.filter(pk__in=staff.foreseen.unknown.get(on, ())).values_list("pupil", flat=True)
    for pupil in Pupil.objects.filter(pk__in={*unknown, *silent_on(staff, on)}).order_by("pk"):
        outcome = one_of(("no_answer", "left_message", "no_answer", "left_message", ""), "ring", pupil.pk, on)
        parent = staff.parents.get(pupil.pk)
        if parent and outcome:
            call(staff, pupil, parent, on, outcome, at(on, 9, 10 + number(40, "ring", pupil.pk)))


def hear_reasons(staff: ScriptedStaff, on: dt.date) -> None:
    """Reasons that become known on a day for an absence of an earlier one: an N that still stands becomes its code."""
    reasons = {(each.enrolment, each.about): each.code for each in staff.foreseen.learned.get(on, ()) if each.code in SAID}
    pupils = Pupil.objects.in_bulk(Enrolment.objects.filter(pk__in={key[0] for key in reasons}).values_list("pupil", flat=True))
    of_enrolment = dict(Enrolment.objects.filter(pk__in={key[0] for key in reasons}).values_list("pk", "pupil"))
    for (enrolment, about), code in sorted(reasons.items()):
        pupil = pupils[of_enrolment[enrolment]]
        if (pupil.pk, about) in staff.heard:
            continue
        if parent := staff.parents.get(pupil.pk):
            hear(staff, pupil, parent, about, code, at(on, 10, 5 + number(14, "hear", pupil.pk)))


def hear_the_same_day(staff: ScriptedStaff, on: dt.date) -> None:
    """Where registers are taken here, an absence of the morning is often explained before the day is over."""
    for pupil in Pupil.objects.filter(pk__in=silent_on(staff, on)).order_by("pk"):
        parent = staff.parents.get(pupil.pk)
        if parent and number(100, "same day", pupil.pk, on) < BY_THE_AFTERNOON_IN_100:
            hear(
                staff,
                pupil,
                parent,
                on,
                one_of(("I", "I", "I", "M"), "why", pupil.pk, on),
                at(on, 14, number(50, "hear", pupil.pk)),
            )
            staff.heard.add((pupil.pk, on))


def hear(staff: ScriptedStaff, pupil: Pupil, parent: Parent, about: dt.date, code: str, now: dt.datetime) -> None:
    """A parent gives a reason, often with the day on which the pupil is expected."""
    chance = number(10, "back", pupil.pk, about)
    back = staff.days.dates[min(staff.days.first_after(now.date()) + chance, len(staff.days) - 1)] if chance < 4 else None
    log_call(
        pupil=pupil, school=staff.school, about=about, outcome="spoke", by=staff.officer.user, role=Role.OFFICER, now=now, parent=parent,
        channel="call" if chance % 3 else "came_in", said=one_of(SAID[code], "said", pupil.pk, about), code=code, expected_return=back,
    )  # fmt: skip


def call(staff: ScriptedStaff, pupil: Pupil, parent: Parent, about: dt.date, outcome: str, now: dt.datetime) -> None:
    log_call(
        pupil=pupil,
        school=staff.school,
        about=about,
        by=staff.officer.user,
        role=Role.OFFICER,
        now=now,
        outcome=outcome,
        parent=parent,
    )


def this_morning(staff: ScriptedStaff, on: dt.date) -> None:
    """The fixed day's calling, half done: some have been texted, some reached, one family tried on every number without an answer."""
    silent = list(Pupil.objects.filter(pk__in=silent_on(staff, on)).order_by("pk"))
    text_round(staff, silent, on)
    if len(silent) > 4:
        lost = max(silent, key=lambda pupil: (len(staff.links.get(pupil.pk, ())), -pupil.pk))
        silent.remove(lost)
        _try_everyone(staff, lost, on)
    for pupil in silent:
        parent, fate = staff.parents.get(pupil.pk), number(10, "morning", pupil.pk)
        if parent is None or fate > 6:
            continue
        now = at(on, 9, 12 + number(30, "morning", pupil.pk))
        if fate < 3:
            hear(staff, pupil, parent, on, one_of(("I", "I", "I", "M"), "why", pupil.pk), now)
        else:
            call(staff, pupil, parent, on, one_of(("no_answer", "left_message"), "try", pupil.pk), now)


def _try_everyone(staff: ScriptedStaff, pupil: Pupil, on: dt.date) -> None:
    """Every number of a family, three times, and nobody answers."""
    for minute, outcome in ((8, "no_answer"), (22, "left_message"), (36, "no_answer")):
        for place, link in enumerate(staff.links[pupil.pk]):
            call(staff, pupil, link.parent, on, outcome, at(on, 9, minute + place))


def text_round(staff: ScriptedStaff, pupils: list[Pupil], on: dt.date) -> None:
    """One text to the parents of those without a reason; what comes back is read, and the first reply answered."""
    school, by, role = staff.school, staff.officer.user, str(Role.OFFICER)
    if not pupils:
        return
    try:
        ask_for_texts(
            school=school, pupils=pupils[:TEXTED_AT_MOST], purpose=FIRST_DAY.key, body=FIRST_DAY.wording, by=by, role=role,
            now=at(on, 9, 4), on=on,
        )  # fmt: skip
    except Refused:
        return  # none of them has a number that takes texts
    _through_the_outbox(staff, at(on, 9, 5))
    replies = list(Reply.objects.filter(school=school, read_at=None, parent__isnull=False).order_by("pk"))
    for reply in replies[:1]:
        thanks = "Thank you for telling us. We have entered it, and hope to see them soon."
        try:
            answer(reply=reply, body=thanks, by=by, role=role, now=at(on, 9, 9), on=on)
        except Refused:
            mark_read(reply=reply, by=by, role=role, now=at(on, 9, 9))
    for reply in replies[1:2]:
        mark_read(reply=reply, by=by, role=role, now=at(on, 9, 10))
    _through_the_outbox(staff, at(on, 9, 11))


def _through_the_outbox(staff: ScriptedStaff, moment: dt.datetime) -> None:
    """What waits leaves (in the demo nothing does), arrives, and is replied to."""

    def clock() -> dt.datetime:
        return moment

    def provider(sender: object, seconds: float) -> Rehearsal:
        return Rehearsal(sender)  # type: ignore[arg-type]

    send_due(clock=clock, open_provider=provider, school=staff.school)
    poll(clock=lambda: moment + dt.timedelta(minutes=2), open_provider=provider, school=staff.school)
    read_replies(clock=lambda: moment + dt.timedelta(minutes=3), open_provider=provider, school=staff.school)
