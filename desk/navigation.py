"""The sections at the head of every staff page and the pages of each, by role; and where each role's day begins."""

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
    """A page as the line shows it. ``pages``: the section's pages that the person may open, for the line below."""

    title: str
    address: str
    view: str
    is_current: bool = False
    count: int = 0
    count_means: str = ""
    to_the_right: bool = False
    pages: tuple[Item, ...] = ()


Page = tuple[str, str, str]
"""Title, address and the act that opens it; without an act it is for everyone who may see a pupil."""

SECTIONS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    ("Today", (("Today", "desk:today", "see_today"),)),
    ("Decisions", (("Decisions", "desk:decisions", "see_decisions"),)),
    (
        "Cases",
        (
            ("Cases", "desk:cases", "see_cases"),
            ("Plans", "desk:plans", "see_cases"),
            ("Meeting times", "desk:slots", "offer_times"),
            ("Penalty notices", "desk:penalties", "see_penalties"),
            ("Clocks", "desk:clocks", "see_clocks"),
            ("Referrals", "desk:referrals", "see_referrals"),
            ("Safeguarding", "desk:safeguarding", "see_safeguarding"),
        ),
    ),
    ("My form", (("My form", "desk:forms", "see_form"),)),
    ("Pupils", (("Pupils", "desk:pupils", ""),)),
    (
        "Registers",
        (
            ("Registers", "desk:registers", "take_register"),
            ("Leave", "desk:leave", "see_leave"),
            ("Import", "desk:import", "import_register"),
            ("Export", "desk:export", "export_school"),
        ),
    ),
    (
        "Letters",
        (
            ("Letters", "desk:letters", "see_decisions"),
            ("Post", "desk:batches", "print_letters"),
            ("Texts", "desk:texts", "send_texts"),
        ),
    ),
    (
        "Set-up",
        (
            ("Nights", "desk:nights", "see_nights"),
            ("MIS", "desk:mis", "connect_mis"),
            ("Notify", "desk:texts-set-up", "set_up_texts"),
            ("Documents to delete", "desk:documents", "delete_documents"),
        ),
    ),
)
"""The line of sections, each with its pages; a section is shown where at least one of its pages opens, and leads to the first."""

BELONGS = {
    "desk:pupil": "desk:pupils",
    **dict.fromkeys(
        (f"desk:{page}" for page in ("case", "case-task", "case-visit", "case-offer", "task-close", "offer-end", "document-add")),
        "desk:cases",
    ),
    **dict.fromkeys((f"desk:meeting-{page}" for page in ("plan", "move", "record", "cancel")), "desk:cases"),
    **dict.fromkeys(
        (
            f"desk:{page}"
            for page in ("plan", "plan-new", "plan-edit", "plan-force", "plan-sign", "plan-review", "plan-end", "plan-carry")
        ),
        "desk:plans",
    ),
    **dict.fromkeys((f"desk:{page}" for page in ("period-extend", "series", "series-end", "tracking")), "desk:plans"),
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
    **dict.fromkeys(("desk:referral", "desk:referral-new"), "desk:referrals"),
    **dict.fromkeys(("desk:packs", "desk:pack"), "desk:cases"),
    "desk:import-preview": "desk:import",
    "desk:import-columns": "desk:import",
    "desk:import-conflicts": "desk:import",
    "desk:import-undo": "desk:import",
    "desk:people-undo": "desk:import",
    "desk:import-xml": "desk:import",
    "desk:mis-people": "desk:mis",
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
    """The sections that the person's roles open; a statement for each page that says how much waits."""
    current = BELONGS.get(current, current)
    sections = [_section(scope, title, pages, current) for title, pages in SECTIONS]
    items = [section for section in sections if section.pages]
    if scope.roles:
        ladder = Item("The ladder", reverse("desk:ladder"), "desk:ladder", current == "desk:ladder", to_the_right=True)
        items.append(ladder)
    return items


def _section(scope: Scope, title: str, pages: tuple[Page, ...], current: str) -> Item:
    """A section with its open pages; it shows what waits in all of them together."""
    opened = tuple(
        _with_count(Item(name, reverse(view), view, view == current), scope)
        for name, view, act in pages
        if _is_open(scope, view, act)
    )
    return Item(
        title=title,
        address=opened[0].address if opened else "",
        view=opened[0].view if opened else "",
        is_current=any(page.is_current for page in opened),
        count=sum(page.count for page in opened),
        count_means=next((page.count_means for page in opened if page.count), ""),
        pages=opened,
    )


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
