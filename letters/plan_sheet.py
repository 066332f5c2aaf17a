"""A case's plan as it is printed to sign, the same sheet as the letter's enclosure; and the tracking sheet of a year, as PDF and CSV."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from io import StringIO

from django.template import Context

from attendance.models import Figures as StoredFigures
from casework.models import Plan, PlanAction, Side
from casework.plan_kinds import barrier_names, kind_of, part_names
from casework.plans import SESSIONS, ends_on
from casework.queries.tracking import HalfTermLine, tracking_sheet
from escalation.models import Case
from letters.enclosures import Action, PlanSheet, render_plan_html
from letters.facts import Child, Figures
from letters.merge import clean
from letters.pdf import document_html, html_to_pdf
from letters.phrases import count, full_date, percent, weekday_date
from letters.record import year_name
from letters.sheet import engine
from schools.queries import placement_on, year_label

ENCLOSED_AS: dict[str, tuple[str, ...]] = {
    "plan-draft": ("support", "improvement", "engagement"),
    "contract-draft": ("contract",),
    "contract": ("contract",),
    "action-plan": ("action",),
}
"""Which kinds of plan stand for an enclosure, by its key."""
SIGNERS: dict[str, str] = {Side.PARENT: "Parent or carer", Side.PUPIL: "Pupil", Side.SCHOOL: "For the school"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these would be read as a formula by a spreadsheet."""


def plan_to_enclose(case: Case, stage_record: int | None, key: str) -> Plan | None:
    """The draft, or the plan in force, of the letter's own stage that goes with it as ``key``; None where nobody has drawn one up."""
    kinds = ENCLOSED_AS.get(key, ())
    states = (Plan.State.DRAFT, Plan.State.IN_FORCE)
    plans = Plan.objects.filter(case=case, stage_record=stage_record, kind__in=kinds, state__in=states)
    return plans.select_related("case__pupil", "case__school").order_by("-pk").first()


def plan_sheet(plan: Plan, on: dt.date, *, for_parent: bool = False) -> PlanSheet:
    """The plan as both sides see it. ``for_parent``: it goes to one parent by post, so that no parent's name stands in it."""
    case, kind = plan.case, kind_of(plan.kind)
    names = barrier_names(plan.kind)
    placement = placement_on(case.pupil_id, case.school_id, on)
    form, year = (placement.form, year_name(placement.year_group)) if placement else ("", "")
    signed = list(plan.signatures.all())
    return PlanSheet(
        title=kind.title,
        child=Child(case.pupil.called, case.pupil.name, form, year),
        school=case.school.name,
        start=plan.starts_on,
        end=ends_on(plan),
        target=plan.target,
        aims="better than the year so far",
        review_on=plan.review_on,
        figures=_figures(case),
        difficulties={name: key in plan.barriers for key, name in names.items()},
        said={name: plan.barriers[key] for key, name in names.items() if plan.barriers.get(key)},
        wanted=plan.concern,
        actions=tuple(_action(action, for_parent) for action in plan.actions.all()),
        promises={side: tuple(lines) for side, lines in plan.promises.items()},
        notes=tuple(_notes(plan)),
        steps=tuple((weekday_date(dt.date.fromisoformat(step["from"])), SESSIONS[step["sessions"]]) for step in plan.steps),
        first_day=_first_day(plan),
        signed=() if for_parent else tuple((SIGNERS.get(one.side, "Other"), one.name, full_date(one.signed_on)) for one in signed),
        signers=tuple(who for side, who in SIGNERS.items() if for_parent or side not in {one.side for one in signed}),
        draft=plan.state == Plan.State.DRAFT,
    )  # fmt: skip


def _figures(case: Case) -> Figures | None:
    found = StoredFigures.objects.filter(school=case.school_id, row__enrolment__pupil=case.pupil_id, row__year=case.year)
    stored = found.select_related("row__enrolment").order_by("-row__enrolment__starts").first()
    if stored is None:
        return None
    starts = max(stored.row.enrolment.starts, dt.date(case.year, 9, 1))
    return Figures(
        starts, stored.as_of, possible=stored.possible, attended=stored.attended, authorised=stored.authorised,
        unauthorised=stored.unauthorised,
    )  # fmt: skip


def _action(action: PlanAction, for_parent: bool) -> Action:
    side = "School" if action.side == Side.SCHOOL else action.get_side_display()
    name = "" if for_parent and action.side == Side.PARENT else action.name
    by_whom = name if action.side == Side.OTHER else f"{side}: {name}" if name else side
    when = f"done {full_date(action.done_on)}" if action.done_on else full_date(action.due_on) if action.due_on else ""
    return Action(action.what, by_whom, when)


def _notes(plan: Plan) -> list[str]:
    notes = []
    if plan.authority_from and plan.authority_weeks:
        weeks = count(plan.authority_weeks, "week")
        notes.append(f"The local authority looks on for {weeks} from {full_date(plan.authority_from)}, at the same time.")
    if plan.in_absence:
        notes.append("Made without the parents, who were asked to take part. They can still change it with us.")
    return notes


def _first_day(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Every part of the first day, empty ones to be written on; none for a plan that has no such day."""
    return tuple((name, plan.parts.get(key, "")) for key, name in part_names(plan.kind).items())


def plan_pdf(plan: Plan, on: dt.date) -> bytes:
    """The plan as a tagged PDF with lines to sign. Raises ``letters.pdf.MissingGlyphs``."""
    sheet = plan_sheet(plan, on)
    running = f"{clean(sheet.school)} · {sheet.title} · {clean(sheet.child.full_name)}"
    return html_to_pdf(document_html(sheet.title, render_plan_html(sheet), running=running, author=clean(sheet.school)))


TRACKING = "Tracking sheet"


def tracking_pdf(case: Case, on: dt.date) -> bytes:
    """The year's tracking sheet as a tagged PDF. Raises ``letters.pdf.MissingGlyphs``."""
    school, name = clean(case.school.name), clean(case.pupil.name)
    placement = placement_on(case.pupil_id, case.school_id, on)
    context = {
        "title": TRACKING,
        "about": ", ".join(part for part in (name, placement.form if placement else "") if part),
        "school": school,
        "year": year_label(case.year),
        "as_of": full_date(on),
        "lines": [_cells(line) for line in tracking_sheet(case, on)],
    }
    body = str(engine().get_template("plan_tracking.html").render(Context(context)))
    return html_to_pdf(document_html(TRACKING, body, running=f"{school} · {TRACKING} · {name}", author=school))


def _cells(line: HalfTermLine) -> dict[str, str]:
    figure = f"{percent(line.attended, line.possible)} ({line.attended} of {line.possible})" if line.possible else ""
    lists: dict[str, Sequence[str]] = {
        "patterns": line.patterns, "concern": line.concern, "done": line.done, "outcome": line.outcome
    }  # fmt: skip
    return {"name": line.name, "figure": figure or ("–" if line.has_begun else "to come")} | {
        key: "\n".join(clean(words) for words in lines) for key, lines in lists.items()
    }


def tracking_csv(case: Case, on: dt.date) -> str:
    """A row a half term; no cell is read as a formula."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["Half term", "From", "To", "Attended", "Possible", "Patterns", "Concern", "What was done", "Outcome"])
    for line in tracking_sheet(case, on):
        lists = ["; ".join(words) for words in (line.patterns, line.concern, line.done, line.outcome)]
        cells = [line.name, line.starts.isoformat(), line.ends.isoformat(), line.attended, line.possible, *lists]
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue()
