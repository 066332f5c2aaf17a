"""The line of pages at the head of every staff page, by role; and where each role's day begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.urls import reverse

from casework.queries.safeguarding import count_unread
from desk.queries.decisions import count_waiting
from desk.requests import may_anywhere
from schools.access import Scope
from schools.models import Role


@dataclass(frozen=True)
class Item:
    title: str
    address: str
    view: str
    is_current: bool = False
    count: int = 0
    count_means: str = ""
    to_the_right: bool = False


PAGES: tuple[tuple[str, str, str], ...] = (
    ("Today", "desk:today", "see_today"),
    ("Decisions", "desk:decisions", "see_decisions"),
    ("Cases", "desk:cases", "see_cases"),
    ("My form", "desk:forms", "see_form"),
    ("Pupils", "desk:pupils", ""),
    ("Registers", "desk:registers", "take_register"),
    ("Import", "desk:import", "import_register"),
    ("Leave", "desk:leave", "see_leave"),
    ("Penalty notices", "desk:penalties", "see_penalties"),
    ("Clocks", "desk:clocks", "see_clocks"),
    ("Letters", "desk:letters", "see_decisions"),
    ("Safeguarding", "desk:safeguarding", "see_safeguarding"),
    ("Post", "desk:batches", "print_letters"),
    ("Texts", "desk:texts", "send_texts"),
    ("Nights", "desk:nights", "see_nights"),
    ("Notify", "desk:texts-set-up", "set_up_texts"),
)
"""Title, address and the act that opens the page; without an act it is for everyone who may see a pupil."""

BELONGS = {
    "desk:pupil": "desk:pupils",
    **dict.fromkeys(
        (f"desk:{page}" for page in ("case", "case-task", "case-visit", "case-offer", "task-close", "offer-end", "document-add")),
        "desk:cases",
    ),
    **dict.fromkeys((f"desk:meeting-{page}" for page in ("plan", "move", "record", "cancel")), "desk:cases"),
    "desk:slots": "desk:cases",
    "desk:slots-give": "desk:decisions",
    **dict.fromkeys((f"desk:{page}" for page in ("calling", "n-codes", "illness", "missing-registers")), "desk:today"),
    "desk:form": "desk:forms",
    "desk:letter": "desk:letters",
    **dict.fromkeys(("desk:leave-request", "desk:part-time"), "desk:leave"),
    **dict.fromkeys(("desk:leave-new", "desk:part-time-new"), "desk:pupils"),
    **dict.fromkeys(
        (
            f"desk:{page}"
            for page in ("pupil-penalties", "penalty-request-new", "penalty-ground", "improvement", "improvement-new")
        ),
        "desk:penalties",
    ),
    **dict.fromkeys(("desk:clock", "desk:clock-new"), "desk:clocks"),
    "desk:import-preview": "desk:import",
    "desk:import-columns": "desk:import",
    "desk:import-conflicts": "desk:import",
    "desk:import-undo": "desk:import",
    "desk:people-undo": "desk:import",
    "desk:import-xml": "desk:import",
    "desk:mis": "desk:import",
    "desk:export": "desk:nights",
    "desk:mis-people": "desk:import",
    "desk:register": "desk:registers",
    **dict.fromkeys(("desk:mark", "desk:marks"), "desk:pupils"),
    "desk:decisions-review": "desk:decisions",
    "desk:hold": "desk:decisions",
    "desk:decline": "desk:decisions",
    "desk:edit": "desk:decisions",
    "desk:safeguarding-notes": "desk:safeguarding",
    "desk:texts-new": "desk:texts",
    "desk:texts-send": "desk:texts",
    "desk:texts-answer": "desk:texts",
    "desk:trials": "desk:ladder",
    "desk:trial": "desk:ladder",
    **dict.fromkeys(
        (f"desk:rules{page}" for page in ("", "-history", "-new", "-draft", "-numbers", "-item", "-text", "-publish")),
        "desk:ladder",
    ),
}
"""Pages below one of the line."""

FIRST_PAGES: tuple[tuple[str, str], ...] = (
    (Role.OFFICER, "desk:today"),
    (Role.ATTENDANCE_LEAD, "desk:today"),
    (Role.SAFEGUARDING_LEAD, "desk:today"),
    (Role.HEAD_OF_YEAR, "desk:decisions"),
    (Role.HEAD, "desk:decisions"),
    (Role.TRUST_LEAD, "desk:today"),
    (Role.TUTOR, "desk:forms"),
    (Role.ADMINISTRATOR, "desk:nights"),
    (Role.GOVERNOR, "desk:ladder"),
)
"""Where each role's day begins; who holds several roles begins at the first."""


def first_page(scope: Scope) -> str:
    """The view that the person's day begins with, or an empty string where no role is in force."""
    held = {role.role for role in scope.roles}
    return next((view for role, view in FIRST_PAGES if role in held), "")


def navigation(scope: Scope, current: str) -> list[Item]:
    """The pages that the person's roles open; a statement for each page that says how much waits."""
    current = BELONGS.get(current, current)
    items = [Item(title, reverse(view), view, view == current) for title, view, act in PAGES if _is_open(scope, view, act)]
    if scope.roles:
        items.append(Item("The ladder", reverse("desk:ladder"), "desk:ladder", current == "desk:ladder", to_the_right=True))
    return [_with_count(item, scope) for item in items]


def _is_open(scope: Scope, view: str, act: str) -> bool:
    held = {role.role for role in scope.roles}
    if view == "desk:forms":
        return Role.TUTOR in held
    if not act:
        return bool(held - {Role.GOVERNOR, Role.ADMINISTRATOR})
    return may_anywhere(scope, act)


def _with_count(item: Item, scope: Scope) -> Item:
    if item.view == "desk:decisions":
        return replace(item, count=count_waiting(scope, scope.on), count_means="wait for you")
    if item.view == "desk:safeguarding":
        here = [school for school in scope.schools if not scope.refusal("see_safeguarding", school)]
        return replace(item, count=count_unread(here), count_means="not read yet")
    return item
