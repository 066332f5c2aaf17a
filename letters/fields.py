"""The merge fields: everything that a wording may name, with what it means and how its value follows from the facts.

A field is ``text`` (a word or phrase), ``flag`` (only for ``{% if %}``) or ``list`` (lines, alone on a line of the wording). A field with
``fill`` set is one that a person may have to fill in before the letter can be approved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from letters import phrases
from letters.facts import LetterFacts, Meeting, Period, Person

Value = str | bool | list[str]


@dataclass(frozen=True, slots=True)
class MergeField:
    """``label`` names the value where it is missing: "[date of the meeting]"."""

    name: str
    label: str
    value: Callable[[LetterFacts], Value]
    kind: str = "text"
    fill: bool = False


def _date(date: dt.date | None, form: Callable[[dt.date], str] = phrases.day_month) -> str:
    return form(date) if date else ""


def _person(person: Person) -> str:
    return ", ".join(part for part in (person.name, person.role) if part)


def _time(meeting: Meeting) -> str:
    return phrases.clock(meeting.at) if meeting.at else ""


def _threshold(name: str) -> Callable[[LetterFacts], str]:
    return lambda facts: phrases.percent_of(facts.thresholds[name]) if name in facts.thresholds else ""


def _authority(facts: LetterFacts) -> str:
    name = facts.school.local_authority
    return f"the local authority ({name})" if name else "the local authority"


def _period_percent(facts: LetterFacts) -> str:
    return phrases.attended_percent(facts.period.figures) if facts.period else ""


def _target(period: Period | None) -> str:
    return phrases.percent_of(period.target) if period and period.target is not None else ""


def _points(facts: LetterFacts) -> str:
    """How far this week lies from the last, in percentage points without a sign."""
    if not (facts.week and facts.week.last and facts.week.this.possible and facts.week.last.possible):
        return ""
    this, last = facts.week.this, facts.week.last
    apart = abs(this.attended * last.possible - last.attended * this.possible)
    return phrases.percent(apart, this.possible * last.possible).removesuffix("%")


def _near_persistent(facts: LetterFacts) -> bool:
    return facts.year.misses_at_least(8) and not facts.year.misses_at_least(10)


_PEOPLE = (
    MergeField("salutation", "name of the parent", lambda f: f.recipient.salutation),
    MergeField("child", "name of the child", lambda f: f.child.known_name),
    MergeField("child_full", "full name of the child", lambda f: f.child.full_name),
    MergeField("form", "form of the child", lambda f: f.child.form),
    MergeField("year_group", "year group of the child", lambda f: f.child.year_group),
    MergeField("signer", "name of who signs", lambda f: f.signer.name),
    MergeField("signer_role", "role of who signs", lambda f: f.signer.role),
    MergeField("contact", "whom to ask for", lambda f: _person(f.contact)),
    MergeField("attendance_lead", "name of the attendance lead", lambda f: f.school.attendance_lead.name),
    MergeField("headteacher", "name of the headteacher", lambda f: f.school.headteacher),
)
_SCHOOL = (
    MergeField("school", "name of the school", lambda f: f.school.name),
    MergeField("school_phone", "telephone of the school", lambda f: f.school.phone),
    MergeField("school_email", "e-mail of the school", lambda f: f.school.email),
    MergeField("office_hours", "hours of the school office", lambda f: f.school.office_hours),
    MergeField("authority", "name of the local authority", _authority),
    MergeField("primary", "the school is of the primary phase", lambda f: f.phase == "primary", "flag"),
    MergeField("secondary", "the school is of the secondary phase", lambda f: f.phase == "secondary", "flag"),
    MergeField("threshold", "the percentage at which this letter is written", _threshold("stage")),
    MergeField("expected", "the attendance that the school expects", _threshold("expected")),
    MergeField("recovery", "the percentage at which the concern ends", _threshold("recovery")),
)
_FIGURES = (
    MergeField("letter_date", "date of the letter", lambda f: phrases.full_date(f.letter_date)),
    MergeField("from_date", "first day counted", lambda f: phrases.day_month(f.year.start)),
    MergeField("to_date", "last day counted", lambda f: phrases.full_date(f.year.end)),
    MergeField("possible", "sessions possible this year", lambda f: phrases.count(f.year.possible, "session")),
    MergeField("attended", "sessions attended this year", lambda f: str(f.year.attended)),
    MergeField("missed", "sessions missed this year", lambda f: str(f.year.missed)),
    MergeField("missed_sessions", "sessions missed this year, with the word", lambda f: phrases.count(f.year.missed, "session")),
    MergeField("days_missed", "school days missed this year", lambda f: phrases.days(f.year.missed)),
    MergeField("lessons_missed", "lessons missed this year, about", lambda f: phrases.count(f.year.lessons, "lesson")),
    MergeField("percent", "attendance this year in percent", lambda f: phrases.attended_percent(f.year)),
    MergeField("missed_percent", "absence this year in percent", lambda f: phrases.missed_percent(f.year)),
    MergeField("authorised", "sessions with an agreed reason", lambda f: phrases.count(f.year.authorised, "session")),
    MergeField("unauthorised", "sessions with no agreed reason", lambda f: phrases.count(f.year.unauthorised, "session")),
    MergeField("no_reason", "sessions for which no reason is known yet", lambda f: str(f.year.no_reason)),
    MergeField("late_times", "how often late this year", lambda f: phrases.count(f.year.late, "time")),
    MergeField("has_authorised", "some absence was agreed", lambda f: f.year.authorised > 0, "flag"),
    MergeField("has_unauthorised", "some absence was not agreed", lambda f: f.year.unauthorised > 0, "flag"),
    MergeField("has_no_reason", "some absence has no reason yet", lambda f: f.year.no_reason > 0, "flag"),
    MergeField("has_late", "the child was late this year", lambda f: f.year.late > 0, "flag"),
    MergeField("persistent", "one session in ten or more was missed", lambda f: f.year.misses_at_least(10), "flag"),
    MergeField("near_persistent", "8 to 10 in a hundred sessions were missed", _near_persistent, "flag"),
    MergeField(
        "half_term_missed",
        "sessions missed this half term",
        lambda f: phrases.count(f.half_term.missed, "session") if f.half_term else "",
    ),
    MergeField("half_term_from", "first day of the half term", lambda f: _date(f.half_term.start if f.half_term else None)),
    MergeField(
        "week_percent", "attendance this week in percent", lambda f: phrases.attended_percent(f.week.this if f.week else None)
    ),
    MergeField("week_points", "rise or fall since last week in points", _points),
)
_RECORD = (
    MergeField("last_letter_date", "date of our last letter", lambda f: _date(phrases.last_contact(f.contacts, ("letter",)))),
    MergeField(
        "letter_a_date",
        "date of letter A",
        lambda f: _date(phrases.last_contact(f.contacts, ("letter",), "letter-a"), phrases.full_date),
    ),
    MergeField("last_talk_date", "date when we last spoke", lambda f: _date(phrases.last_contact(f.contacts, phrases.TALKS))),
    MergeField(
        "early_help_date", "date when early help was offered", lambda f: _date(phrases.last_contact(f.contacts, ("early_help",)))
    ),
    MergeField(
        "support_tried", "what the school did, by date", lambda f: phrases.contact_lines(f.contacts, f.child.known_name), "list"
    ),
    MergeField("help_list", "the school’s own offers of help", lambda f: list(f.help), "list"),
    MergeField("next_step", "the next step in a sentence", lambda f: f.next_step),
    MergeField(
        "certificate_enclosed",
        "an attendance record goes with the letter",
        lambda f: any("attendance record" in title.lower() for title in f.enclosed or ()),
        "flag",
    ),
    MergeField("unexplained_sessions", "sessions with no reason yet", lambda f: phrases.session_lines(f.unexplained), "list"),
    MergeField(
        "unauthorised_sessions",
        "sessions with no agreed reason, by date",
        lambda f: phrases.session_lines(f.unauthorised_sessions),
        "list",
    ),
    MergeField("illness_days", "days away ill", lambda f: phrases.session_lines(f.illness), "list"),
    MergeField("late_list", "dates and minutes late", lambda f: phrases.late_lines(f.late_marks), "list"),
    MergeField("wrong_letter", "title of the wrong letter", lambda f: f.correction.letter_title if f.correction else ""),
    MergeField(
        "wrong_letter_date",
        "date of the wrong letter",
        lambda f: _date(f.correction.letter_date if f.correction else None, phrases.full_date),
    ),
    MergeField(
        "corrected_sessions",
        "sessions that were corrected",
        lambda f: phrases.session_lines(f.correction.sessions) if f.correction else [],
        "list",
    ),
    MergeField(
        "because_long", "evidence is asked for because the illness is long", lambda f: f.evidence_reason == "long", "flag"
    ),
    MergeField("because_doubt", "evidence is asked for because we are not sure", lambda f: f.evidence_reason == "doubt", "flag"),
    MergeField(
        "because_meeting", "evidence is asked for since a meeting", lambda f: f.evidence_reason == "after-meeting", "flag"
    ),
)
_FILLS = (
    MergeField("meeting_date", "date of the meeting", lambda f: _date(f.meeting.on, phrases.weekday_date), fill=True),
    MergeField("meeting_time", "time of the meeting", lambda f: _time(f.meeting), fill=True),
    MergeField("meeting_place", "place of the meeting", lambda f: f.meeting.place, fill=True),
    MergeField("meeting_with", "whom the parent will meet", lambda f: f.meeting.with_whom, fill=True),
    MergeField(
        "missed_meeting_date", "date of the missed meeting", lambda f: _date(f.missed_meeting.on, phrases.full_date), fill=True
    ),
    MergeField("missed_meeting_place", "place of the missed meeting", lambda f: f.missed_meeting.place, fill=True),
    MergeField(
        "old_meeting_date", "date of the meeting in our last letter", lambda f: _date(f.old_meeting.on, phrases.weekday_date)
    ),
    MergeField("old_meeting_time", "time of the meeting in our last letter", lambda f: _time(f.old_meeting)),
    MergeField("reply_by", "date to reply by", lambda f: _date(f.reply_by, phrases.weekday_date), fill=True),
    MergeField("period_from", "first day of the period that has ended", lambda f: _date(f.period.start if f.period else None)),
    MergeField(
        "period_to",
        "last day of the period that has ended",
        lambda f: _date(f.period.end if f.period else None, phrases.full_date),
    ),
    MergeField("target", "target of the period that has ended", lambda f: _target(f.period)),
    MergeField(
        "next_weeks",
        "length of the period that begins",
        lambda f: phrases.count(f.next_period.weeks, "week") if f.next_period else "",
        fill=True,
    ),
    MergeField(
        "next_from",
        "first day of the period that begins",
        lambda f: _date(f.next_period.start if f.next_period else None),
        fill=True,
    ),
    MergeField(
        "next_to",
        "last day of the period that begins",
        lambda f: _date(f.next_period.end if f.next_period else None, phrases.full_date),
        fill=True,
    ),
    MergeField("next_target", "target of the period that begins", lambda f: _target(f.next_period), fill=True),
    MergeField(
        "meeting_minutes",
        "how long the meeting takes",
        lambda f: phrases.count(f.meeting.minutes, "minute") if f.meeting.minutes else "",
    ),
    MergeField("period_percent", "attendance over the period", _period_percent),
    MergeField("period_met", "the target was met", lambda f: bool(f.period.met if f.period else None), "flag"),
    MergeField("referred_on", "date of the report or referral", lambda f: _date(f.referred_on, phrases.full_date), fill=True),
    MergeField(
        "register_closes",
        "time when the register closes",
        lambda f: phrases.clock(f.register_closes) if f.register_closes else "",
        fill=True,
    ),
    MergeField("leave_from", "first day of the leave", lambda f: _date(f.leave.start if f.leave else None, phrases.weekday_date)),
    MergeField("leave_to", "last day of the leave", lambda f: _date(f.leave.end if f.leave else None, phrases.full_date)),
    MergeField(
        "leave_sessions", "sessions of the leave", lambda f: phrases.count(f.leave.sessions, "session") if f.leave else ""
    ),
    MergeField("leave_part", "only a part of the leave is granted", lambda f: bool(f.leave and f.leave.asked_start), "flag"),
    MergeField(
        "leave_asked_from",
        "first day that was asked for",
        lambda f: _date(f.leave.asked_start if f.leave else None, phrases.weekday_date),
    ),
    MergeField(
        "leave_asked_to",
        "last day that was asked for",
        lambda f: _date(f.leave.asked_end if f.leave else None, phrases.full_date),
    ),
    MergeField("leave_code", "code of the leave in the register", lambda f: f.leave.code if f.leave else ""),
    MergeField("leave_reason", "reason for the decision", lambda f: f.leave.reason if f.leave else "", fill=True),
    MergeField(
        "leave_back",
        "day when the child is expected back",
        lambda f: _date(f.leave.back_on if f.leave else None, phrases.weekday_date),
        fill=True,
    ),
    MergeField("support_offered", "support on offer from now on", lambda f: "", fill=True),
    MergeField("improvement_means", "what counts as improvement", lambda f: "", fill=True),
)

MERGE_FIELDS: dict[str, MergeField] = {field.name: field for field in (*_PEOPLE, *_SCHOOL, *_FIGURES, *_RECORD, *_FILLS)}


def about_of(plan: str, given: Mapping[str, object]) -> dict[str, str | bool | tuple[str, ...]]:
    """What the plan of a letter states, by merge field, checked: words for a text, True or False for a flag, lines for a list.

    ``plan`` names it in the error. Raises ``ValueError`` for a name that is no merge field and for a value of another kind.
    """
    checked: dict[str, str | bool | tuple[str, ...]] = {}
    for name, value in given.items():
        kind = MERGE_FIELDS[name].kind if name in MERGE_FIELDS else ""
        if kind == "text" and isinstance(value, str) or kind == "flag" and isinstance(value, bool):
            checked[name] = value
        elif kind == "list" and isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
            checked[name] = tuple(value)
        elif not kind:
            raise ValueError(f"{plan} states {name!r}, which is no merge field: see letters/fields.py.")
        else:
            raise ValueError(f"{plan} states {name!r} as {value!r}, but the field is a {kind}.")
    return checked
