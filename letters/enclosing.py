"""What goes with a letter, made from the same facts: the attendance record, a plan or contract to fill in and sign, a leaflet."""

from __future__ import annotations

from collections.abc import Callable

from letters.catalogue import ENCLOSURES, wording_for
from letters.enclosures import EIGHT_DIFFICULTIES, PlanSheet, render_plan_html
from letters.merge import merge
from letters.plan_sheet import plan_sheet, plan_to_enclose
from letters.queries import LiveLetter, certificate_of
from letters.sheet import letter_html_fragment

LEAFLETS = ("attendance-guidance", "support-slip")
PLANS = {
    "plan-draft": "Attendance improvement plan",
    "contract-draft": "Attendance contract",
    "contract": "Attendance contract",
    "action-plan": "Attendance contract action plan",
}


class UnknownEnclosure(ValueError):
    """A letter promises something to go with it that nobody makes."""


def enclosures_of(drawn: LiveLetter) -> list[str]:
    """HTML of each enclosure that the letter names, in its order. Raises UnknownEnclosure rather than send a letter without it."""
    keys = {title: key for key, title in ENCLOSURES.items()}
    return [_maker(keys.get(title, title))(drawn) for title in drawn.merged.enclosed]


def _maker(key: str) -> Callable[[LiveLetter], str]:
    if key == "certificate":
        return lambda drawn: certificate_of(drawn.letter, drawn.facts)
    if key in LEAFLETS:
        return lambda drawn: _leaflet(drawn, key)
    if key in PLANS:
        return lambda drawn: _plan(drawn, key)
    raise UnknownEnclosure(f"The letter names “{key}” as enclosed, and there is no such sheet: take it out of the wording.")


def _leaflet(drawn: LiveLetter, key: str) -> str:
    merged = merge(wording_for(drawn.letter.ruleset, key), drawn.facts)
    return letter_html_fragment(merged, drawn.facts, heading_level=1)


def _plan(drawn: LiveLetter, key: str) -> str:
    """The plan that stands for the letter's stage; otherwise the sheet as it is brought to the meeting: figures and dates filled in, the
    rest for both sides to write."""
    if plan := plan_to_enclose(drawn.letter.case, drawn.letter.stage_record_id, key):
        return render_plan_html(plan_sheet(plan, drawn.facts.letter_date, for_parent=True))
    period = drawn.facts.next_period
    return render_plan_html(
        PlanSheet(
            title=PLANS[key],
            child=drawn.facts.child,
            school=drawn.facts.school.name,
            start=period.start if period else None,
            end=period.end if period else None,
            figures=drawn.facts.year,
            difficulties=dict.fromkeys(EIGHT_DIFFICULTIES) if key == "action-plan" else {},
            draft=key != "contract",
        )
    )
