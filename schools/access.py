"""Who may see what and do what. Scope first: outside it a thing does not exist (404). Then authorise: a refusal is a sentence (403).

A ``Scope`` is what one person may see on one day, worked out from the roles in force. Every query of a page starts from it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from schools.models import Enrolment, Pupil, Role, School, StaffRole, User

SEES_ALL_PUPILS = {Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TRUST_LEAD}
SEES_OWN_YEARS = {Role.HEAD_OF_YEAR}
SEES_OWN_FORMS = {Role.TUTOR}

ACTS: dict[str, tuple[frozenset[str], str]] = {
    "see_today": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                  "Today is the attendance officer's page: ask for that role at this school to open it."),
    "see_decisions": (frozenset({Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                      "Letters are decided by the staff named in the school's ladder."),
    "see_form": (frozenset({Role.TUTOR, Role.OFFICER, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.HEAD}),
                 "A form's page is for its tutor and for those who lead attendance."),
    "record_contact": (frozenset({Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD}),
                       "Conversations, calls and meetings are recorded by staff who work with the pupil."),
    "take_register": (frozenset({Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.HEAD}),
                      "Registers are taken by the form's tutor and by those who lead attendance."),
    "see_leave": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                  "Requests for leave are for the attendance officer, the leads and the head."),
    "enter_leave": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD}),
                    "Requests for leave are entered by the attendance officer, the attendance lead or the head."),
    "decide_leave": (frozenset({Role.HEAD}),
                     "Leave is granted or refused by the head: the law leaves it to the person whom the school has authorised."),
    "agree_part_time": (frozenset({Role.ATTENDANCE_LEAD, Role.HEAD}),
                        "A part-time timetable is agreed by the head or the attendance lead."),
    "change_marks": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD}), "Only the attendance officer or lead changes marks."),
    "import_register": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.ADMINISTRATOR}),
                        "Registers are imported by the attendance officer or an administrator."),
    "connect_mis": (frozenset({Role.OFFICER, Role.ADMINISTRATOR}),
                    "The connection to the MIS is looked after by the attendance officer or an administrator."),
    "export_school": (frozenset({Role.HEAD, Role.ADMINISTRATOR}),
                      "Everything that a school holds is exported by its head or an administrator."),
    "give_record": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD}),
                    "A pupil's attendance record is given out by those who lead attendance: ask the attendance officer."),
    "see_penalties": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                      "Penalty notices are looked after by those who lead attendance: ask the attendance officer."),
    "prepare_penalty": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD}),
                        "Requests and notices to improve are prepared by the attendance officer, the attendance lead or the head."),
    "request_penalty": (frozenset({Role.ATTENDANCE_LEAD, Role.HEAD}),
                        "A request for a penalty notice is sent by the head or the attendance lead, by name: ask one of them."),
    "see_clocks": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                   "Returns to the local authority are looked after by those who lead attendance: ask the attendance officer."),
    "record_clock": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD}),
                     "Returns are prepared and sent by the school's own officer, attendance lead, safeguarding lead or head."),
    "see_referrals": (frozenset({Role.OFFICER, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD,
                                 Role.TRUST_LEAD}),
                      "Referrals are looked after by those who lead attendance: ask the attendance officer."),
    "prepare_referral": (frozenset({Role.OFFICER, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD}),
                         "Referrals are written by the attendance officer, the head of year, a lead or the head."),
    "send_referral": (frozenset({Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD}),
                      "A referral is sent by the attendance lead, the safeguarding lead or the head, by name: ask one of them."),
    "make_pack": (frozenset({Role.ATTENDANCE_LEAD, Role.HEAD}),
                  "An evidence pack is made and opened by the attendance lead or the head: ask one of them."),
    "print_letters": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD}), "Print batches are made by the attendance officer."),
    "see_nights": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD, Role.TRUST_LEAD, Role.ADMINISTRATOR}),
                   "Night runs are shown to those who look after the register."),
    "run_night": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.ADMINISTRATOR}),
                  "A night is started by hand by the attendance officer or an administrator."),
    "try_ladder": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                   "A ladder is tried on the register by those who lead attendance: ask the attendance lead or the head."),
    "edit_ladder": (frozenset({Role.ATTENDANCE_LEAD, Role.HEAD, Role.TRUST_LEAD, Role.ADMINISTRATOR}),
                    "The ladder is changed by the attendance lead, the head, the trust's lead or an administrator."),
    "review_ladder": (frozenset({Role.ATTENDANCE_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                      "A changed ladder is reviewed and published by the attendance lead, the head or the trust's lead."),
    "use_discretion": (frozenset({Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                       "A stage is taken out of turn, left out or paused by the head of year, the attendance lead or the head."),
    "raise_concern": (frozenset({Role.OFFICER, Role.TUTOR, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD,
                                 Role.TRUST_LEAD}),
                      "A concern is taken to the safeguarding lead by staff who work with the pupil: tell the lead in person."),
    "see_safeguarding": (frozenset({Role.SAFEGUARDING_LEAD, Role.HEAD}),
                         "Safeguarding notes are read by the safeguarding lead and the head of the school only: speak to the lead."),
    "see_cases": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD, Role.TRUST_LEAD}),
                  "The board of cases is for those who lead attendance or safeguarding: open a pupil's own case from the pupil's page."),
    "offer_times": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD, Role.HEAD_OF_YEAR, Role.HEAD}),
                    "Meeting times are offered by those who meet families: the officer, heads of year, the attendance lead, the head."),
    "open_documents": (frozenset({Role.OFFICER, Role.HEAD_OF_YEAR, Role.ATTENDANCE_LEAD, Role.SAFEGUARDING_LEAD, Role.HEAD}),
                       "Documents may hold evidence of health: ask the attendance officer or the head of year what they say."),
    "delete_documents": (frozenset({Role.ADMINISTRATOR}), "Documents whose time is over are deleted by an administrator."),
    "send_texts": (frozenset({Role.OFFICER, Role.ATTENDANCE_LEAD}), "Parents are texted by the attendance officer or lead."),
    "set_up_texts": (frozenset({Role.ADMINISTRATOR}), "The school's Notify key is entered by an administrator."),
}  # fmt: skip
"""What may be done, by which roles, and the sentence that a person without them reads."""


@dataclass(frozen=True)
class Scope:
    user: User | AnonymousUser
    on: dt.date
    roles: tuple[StaffRole, ...]

    @classmethod
    def of(cls, user: User | AnonymousUser, on: dt.date) -> Scope:
        """The scope of a signed-in person on a day; of a stranger or a disabled account, nothing."""
        if not isinstance(user, User) or not user.is_active:
            return cls(user, on, ())
        in_force = StaffRole.objects.filter(user=user, starts__lte=on).filter(Q(ends__isnull=True) | Q(ends__gte=on))
        return cls(user, on, tuple(in_force.select_related("school", "group")))

    @cached_property
    def schools(self) -> QuerySet[School]:
        """The schools that the person has anything to do with."""
        own = Q(pk__in=[role.school_id for role in self.roles if role.school_id])
        groups = Q(group__in=[role.group_id for role in self.roles if role.role == Role.TRUST_LEAD])
        return School.objects.filter(own | groups).select_related("group")

    def roles_at(self, school: School) -> list[StaffRole]:
        return [
            role
            for role in self.roles
            if role.school_id == school.pk or (role.school_id is None and role.group_id == school.group_id)
        ]

    def role_keys_at(self, school: School) -> set[str]:
        return {role.role for role in self.roles_at(school)}

    @cached_property
    def _enrolment_filter(self) -> Q:
        """Enrolments that the roles open: whole schools, years or forms; none for governors and administrators."""
        visible = Q(pk__in=[])
        for role in self.roles:
            at = Q(school=role.school_id) if role.school_id else Q(school__group=role.group_id)
            if role.role in SEES_ALL_PUPILS:
                visible |= at
            elif role.role in SEES_OWN_YEARS | SEES_OWN_FORMS:
                visible |= at & self._placed(role)
        return visible

    def _placed(self, role: StaffRole) -> Q:
        """Placements in the role's years and forms on the day; a role that names none of its kind sees the whole school's (head of
        school as head of year) but a tutor without a form sees nobody."""
        if role.role in SEES_OWN_FORMS and not role.forms:
            return Q(pk__in=[])
        placed = Q(placements__starts__lte=self.on) & (Q(placements__ends__isnull=True) | Q(placements__ends__gte=self.on))
        if role.year_groups:
            placed &= Q(placements__year_group__in=role.year_groups)
        if role.forms:
            placed &= Q(placements__form__in=role.forms)
        return placed

    @property
    def enrolments(self) -> QuerySet[Enrolment]:
        """Enrolments of the pupils that the person may see, past and present."""
        return Enrolment.objects.filter(self._enrolment_filter).distinct()

    @property
    def pupils(self) -> QuerySet[Pupil]:
        """The pupils that the person may see. A page about a pupil starts here, so that an unknown one is 404."""
        return Pupil.objects.filter(pk__in=self.enrolments.values("pupil"))

    def refusal(self, act: str, school: School) -> str:
        """An empty string where the person may do ``act`` at ``school``; otherwise the sentence that says why not."""
        roles, sentence = ACTS[act]
        return "" if roles & self.role_keys_at(school) else sentence

    def authorise(self, act: str, school: School) -> None:
        """Raises PermissionDenied with the sentence where the person may not do ``act`` at ``school``."""
        if sentence := self.refusal(act, school):
            raise PermissionDenied(sentence)

    def acting_as(self, school: School, *preferred: str) -> str:
        """The role key to record beside the person's name: the first preferred one held, otherwise any held there."""
        held = [role.role for role in self.roles_at(school)]
        return next((key for key in preferred if key in held), held[0] if held else "")
