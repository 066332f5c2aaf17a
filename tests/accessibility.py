"""What every page is held to in the browser: axe's WCAG 2.2 A and AA rules, and no sideways scroll."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page) -> list[tuple[str, list[list[str]]]]:
    """What axe finds wrong with the page as it stands: the rule, and the first three places."""
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    return [(fault["id"], [node["target"] for node in fault["nodes"]][:3]) for fault in found]


def assert_accessible(page: Page) -> None:
    """The page as it stands has no violation and does not scroll sideways at the width it is shown in."""
    assert violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth"), page.url
