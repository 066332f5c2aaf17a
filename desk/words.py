"""How the desk names things in its lists."""

from __future__ import annotations


def stage_label(stage: str) -> str:
    """ "Stage 3" for numbered stages, the policy's own word for the others ("Clinic")."""
    return f"Stage {stage}" if stage[:1].isdigit() else stage.replace("-", " ").capitalize()


def year_name(year: int) -> str:
    """Reception or Year 7."""
    return "Reception" if year == 0 else f"Year {year}"
