"""What a text may say: the wordings that are offered, the fields that are filled for each parent, and how many parts it takes.

A network sends 160 characters of the GSM alphabet as one part, or 153 in each of several; one character outside it makes the whole text
Unicode, with 70 or 67 (3GPP TS 23.038 and 23.040). Four parts are the most that we send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schools.rules import Refused

MOST_PARTS = 4
MOST = 612
"""Characters of the GSM alphabet in four parts."""
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_OF_TWO = frozenset("\f^{}\\[~]|€")
"""Characters of the extension table: each counts as two."""
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "…": "...", "\u00a0": " ", "\r": ""})
"""Typographic characters that would make a text Unicode and cost half of its length, and what says the same."""

FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Purpose:
    """What a text is for. ``of_the_day``: it is about that day only, sent once a pupil and parent, and never on a later one."""

    key: str
    title: str
    wording: str
    of_the_day: bool = False


FIRST_DAY = Purpose(
    "first-day",
    "Absent today, no reason yet",
    "{school}: we expected {pupil first name} on {date} and do not know why we have not seen them. Please reply to this text with the"
    " reason, or ring {telephone}. If something makes it hard to come to school, tell us: we can help.",
    of_the_day=True,
)
NOTE = Purpose("note", "In your own words", "")
OFFERED: dict[str, Purpose] = {purpose.key: purpose for purpose in (FIRST_DAY, NOTE)}
"""What a person may choose from. An answer to a reply ("reply") and a letter's own message have their own doors."""

FIELDS = {
    "pupil first name": "the first name of the parent's own child, or children",
    "school": "the school's name",
    "date": "the day, as in Thursday 20 November",
    "telephone": "the office's telephone number",
}
"""Every field that a wording may hold, and what stands in its place."""
ALSO_WORDS = frozenset(
    {
        "April",
        "Art",
        "August",
        "Autumn",
        "Bill",
        "Dean",
        "Faith",
        "Frank",
        "Grace",
        "Grant",
        "Holly",
        "Honour",
        "Hope",
        "Jack",
        "Joy",
    }
    | {"Mark", "May", "Miles", "Pat", "Patience", "Rich", "Rose", "Summer", "Will"}
)
"""First names that are words, too: at home in a wording that names nobody."""


@dataclass(frozen=True)
class Length:
    """How long a text is as the network counts it. ``odd``: the characters that make it Unicode."""

    characters: int
    parts: int
    odd: str = ""

    @property
    def is_too_long(self) -> bool:
        return self.parts > MOST_PARTS


def measure(text: str) -> Length:
    """Characters and parts of a text."""
    odd = "".join(dict.fromkeys(character for character in text if character not in GSM and character not in GSM_OF_TWO))
    if odd:
        units = len(text.encode("utf-16-le")) // 2
        return Length(units, 1 if units <= 70 else -(-units // 67), odd)
    septets = len(text) + sum(character in GSM_OF_TWO for character in text)
    return Length(septets, 1 if septets <= 160 else -(-septets // 153))


def too_long(length: Length) -> str:
    """A sentence where the text is too long, otherwise an empty string."""
    if not length.is_too_long:
        return ""
    if length.odd:
        return (
            f"The text has {length.characters} characters. With {quoted(length.odd)} in it, which a plain text does not know,"
            f" {MOST_PARTS} parts hold 268: shorten it, or write it without."
        )
    return (
        f"The text has {length.characters} characters; {MOST_PARTS} parts hold {MOST}: shorten it by {length.characters - MOST}."
    )


def quoted(characters: str) -> str:
    """ "“ě”, “ł”": at most five of them."""
    return ", ".join(f"“{character}”" for character in characters[:5])


def check(wording: str) -> str:
    """The wording as it is kept, in plain characters. Refused where it is empty, or names a field that there is not."""
    text = wording.translate(PLAIN).strip()
    if not text:
        raise Refused("Write what the text should say.")
    for name in FIELD.findall(text):
        if name not in FIELDS:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise Refused(f"There is no field {{{name}}}: use {known}, or take the braces away.")
    if re.search(r"[{}]", FIELD.sub("", text)):
        raise Refused("A brace stands alone: a field is written as in {pupil first name}.")
    return text


def names_somebody(wording: str, pupils: Iterable[tuple[str, str]]) -> str:
    """A sentence where the wording itself names one of ``pupils`` (first and last name), so that other parents would read it."""
    for first, last in pupils:
        if first and re.search(rf"\b{re.escape(first)}\s+{re.escape(last)}\b", wording, re.IGNORECASE):
            return _NAMED
        if first and first not in ALSO_WORDS and re.search(rf"\b{re.escape(first)}\b", wording):
            return _NAMED
    return ""


_NAMED = (
    "The wording names a pupil, and would tell it to other parents: write {pupil first name}, and each parent reads the name of their own"
    " child."
)


def merge(wording: str, values: Mapping[str, str]) -> str:
    """The wording with its fields filled, in characters that a plain text knows where there are any."""
    return FIELD.sub(lambda found: values[found.group(1)], wording).translate(PLAIN)


def listed(names: list[str]) -> str:
    """ "Imogen", "Imogen and Edith", "Imogen, Edith and Noor"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
