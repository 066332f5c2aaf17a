"""How the desk names things in its lists."""

from __future__ import annotations

from attendance.models import AbsenceCall


def stage_label(stage: str) -> str:
    """ "Stage 3" for numbered stages, the policy's own word for the others ("Clinic")."""
    return f"Stage {stage}" if stage[:1].isdigit() else stage.replace("-", " ").capitalize()


def year_name(year: int) -> str:
    """Reception or Year 7."""
    return "Reception" if year == 0 else f"Year {year}"


def call_text(call: AbsenceCall) -> str:
    """A call about an absence as a line of a timeline: "Call with Ms Grace Okafor: no answer."."""
    whom = f" with {call.parent.name}" if call.parent else ""
    parts = [f"{call.get_channel_display()}{whom}: {call.get_outcome_display().lower()}."]
    parts += [call.said] if call.said else []
    if call.expected_return:
        parts.append(f"Expected back on {call.expected_return:%A} {call.expected_return.day} {call.expected_return:%B}.")
    return " ".join(parts)
