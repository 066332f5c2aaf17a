"""What may go with a letter besides the certificate: the sheet of a plan or contract, and the reply slip of a meeting.

Each is HTML for ``letters.pdf.render_letter_pdf``; a leaflet is a wording of its own and is enclosed through ``letter_html_fragment``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.template import Context

from letters.facts import Child, Figures, LetterFacts
from letters.merge import clean
from letters.phrases import attended_percent, clock, count, full_date, percent, percent_of, weekday_date
from letters.sheet import about, engine

EIGHT_DIFFICULTIES = (
    "Bullying",
    "Medical",
    "Home",
    "Transport",
    "Relationships in school",
    "Academic",
    "Behaviour or attitude",
    "Other",
)
"""The kinds of the ``goldington`` action plan (its appendix 7)."""
BLANK_ROWS = 4
"""Empty lines for actions in a draft that nobody has filled in yet."""


@dataclass(frozen=True, slots=True)
class Action:
    what: str = ""
    by_whom: str = ""
    by_when: str = ""


@dataclass(frozen=True, slots=True)
class PlanSheet:
    """A support plan, attendance contract or action plan as both sides see it.

    ``promises``: lines by who makes them ("school", "parent", "pupil"); ``difficulties``: yes or no by kind, None where it is still open,
    ``said`` what was said about it. ``wanted``: why the plan is made; ``aims``: the target in words where it is no percentage; ``notes``:
    lines under the dates; ``steps`` and ``first_day``: (day or part, words). ``signed``: (who, name, day) of those who have signed.
    """

    title: str
    child: Child
    school: str
    start: dt.date | None = None
    end: dt.date | None = None
    target: Decimal | int | None = None
    review_on: dt.date | None = None
    figures: Figures | None = None
    barriers: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    promises: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    difficulties: Mapping[str, bool | None] = field(default_factory=dict)
    signers: tuple[str, ...] = ("Parent or carer", "Pupil", "For the school")
    draft: bool = True
    said: Mapping[str, str] = field(default_factory=dict)
    wanted: str = ""
    aims: str = ""
    notes: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    first_day: tuple[tuple[str, str], ...] = ()
    signed: tuple[tuple[str, str, str], ...] = ()


class NoMeeting(ValueError):
    """A reply slip without a date, time or place of the meeting."""


def render_plan_html(plan: PlanSheet) -> str:
    """The sheet of a plan, with empty lines to write on where a draft has no action yet."""
    whose = {
        "school": "The school promises",
        "parent": "The parent promises",
        "pupil": f"{clean(plan.child.known_name)} promises",
    }
    return str(
        engine()
        .get_template("plan.html")
        .render(
            Context(
                {
                    "title": clean(plan.title),
                    "draft": plan.draft,
                    "about": ", ".join(clean(part) for part in (plan.child.full_name, plan.child.form) if part),
                    "school": clean(plan.school),
                    "figures": _figures(plan.figures) if plan.figures else "",
                    "runs": f"From {full_date(plan.start)} to {full_date(plan.end)}" if plan.start and plan.end else "",
                    "target": percent_of(plan.target) if plan.target is not None else clean(plan.aims),
                    "wanted": clean(plan.wanted),
                    "notes": [clean(note) for note in plan.notes],
                    "steps": [(clean(first), clean(words)) for first, words in plan.steps],
                    "first_day": [(clean(part), clean(words)) for part, words in plan.first_day],
                    "signed": [tuple(clean(words) for words in line) for line in plan.signed],
                    "has_said": bool(plan.said),
                    "review": weekday_date(plan.review_on) if plan.review_on else "",
                    "difficulties": [
                        (clean(kind), {True: "Yes", False: "No", None: ""}[answer], clean(plan.said.get(kind, "")))
                        for kind, answer in plan.difficulties.items()
                    ],
                    "barriers": [clean(barrier) for barrier in plan.barriers],
                    "actions": [
                        (str(number), clean(action.what), clean(action.by_whom), clean(action.by_when))
                        for number, action in enumerate(plan.actions or (Action(),) * BLANK_ROWS, start=1)
                    ],
                    "promises": [
                        (whose[by], [clean(line) for line in plan.promises[by]]) for by in whose if plan.promises.get(by)
                    ],
                    "signers": [clean(signer) for signer in plan.signers],
                }
            )
        )
    )


def _figures(figures: Figures) -> str:
    return (
        f"Attendance {attended_percent(figures)} ({figures.attended} of {count(figures.possible, 'session')}); "
        f"authorised absence {percent(figures.authorised, figures.possible)}, "
        f"unauthorised {percent(figures.unauthorised, figures.possible)}"
    )


def render_meeting_slip_html(facts: LetterFacts) -> str:
    """The reply slip of the meeting in ``facts``. Raises ``NoMeeting`` where its date, time or place is not set."""
    meeting = facts.meeting
    if not (meeting.on and meeting.at and meeting.place):
        raise NoMeeting("A reply slip needs the date, time and place of the meeting: set them first.")
    return str(
        engine()
        .get_template("slip.html")
        .render(
            Context(
                {
                    "about": about(facts),
                    "phone": clean(facts.school.phone),
                    "email": clean(facts.school.email),
                    "date": weekday_date(meeting.on),
                    "time": clock(meeting.at),
                    "place": clean(meeting.place),
                }
            )
        )
    )
