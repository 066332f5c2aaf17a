"""The sheet of a letter: letterhead, address, title and merged body as one HTML fragment, the same on screen and in the PDF.

The fragment has classes only, no inline style and no script, so that it may stand in a page under a strict content security policy.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from django.template import Context, Engine
from django.utils.safestring import mark_safe

from letters.facts import LetterFacts
from letters.merge import MergedLetter, clean
from letters.phrases import full_date

FOLDER = Path(__file__).parent / "print"
POSTED = ("letter",)
"""Kinds that have an address on them."""
LONG_NAME = 36
"""Letters of a school's name beyond which it takes two lines of the letterhead."""


@cache
def engine() -> Engine:
    return Engine(dirs=[str(FOLDER)], autoescape=True)


def about(facts: LetterFacts) -> str:
    """``Tegan Marlow, 9B``: whom the letter is about."""
    return ", ".join(part for part in (clean(facts.child.full_name), clean(facts.child.form)) if part)


def letter_html_fragment(merged: MergedLetter, facts: LetterFacts, *, heading_level: int = 2, logo_url: str = "") -> str:
    """The letter as it will print, as HTML. ``heading_level`` (1 to 5) is that of its title; headings in the body are one lower.

    ``logo_url``: where the page may fetch the logo, if it is to be shown.
    """
    template = engine().get_template("sheet.html")
    return str(
        template.render(
            Context(
                {
                    "kind": merged.kind,
                    "school": {
                        "name": clean(facts.school.name),
                        "phone": clean(facts.school.phone),
                        "email": clean(facts.school.email),
                    },
                    "long_name": len(facts.school.name) > LONG_NAME,
                    "school_address": clean(", ".join(facts.school.address)),
                    "logo_url": logo_url,
                    "posted": merged.kind in POSTED,
                    "date": full_date(facts.letter_date),
                    "about": about(facts),
                    "recipient": clean(facts.recipient.name),
                    "address": [clean(line) for line in facts.recipient.address],
                    "heading": f"h{heading_level}",
                    "title": merged.title,
                    "body": mark_safe(lower_headings(merged.html, heading_level)),
                }
            )
        )
    )


def lower_headings(body: str, heading_level: int) -> str:
    """The body's headings one level below the title's."""
    return re.sub(r"<(/?)h2>", rf"<\1h{heading_level + 1}>", body)
