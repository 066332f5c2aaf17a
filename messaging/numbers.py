"""Mobile numbers of the United Kingdom: which ones can be texted, and in which form they are kept and shown.

Ofcom's plan: mobiles are 071 to 075 and 077 to 079; 070 (personal numbers) and 076 (pagers, but for the Isle of Man's 07624) are not.
"""

from __future__ import annotations

import re

from schools.rules import Refused

_SEPARATORS = re.compile(r"[\s().\-–‐/]")
_MOBILE = re.compile(r"7(?:[1-57-9]\d{8}|624\d{6})")


def mobile(entered: str) -> str:
    """The number as "+447700900123". Refused, with a sentence that continues "… because", where no text can reach it."""
    digits = _national(entered)
    if _MOBILE.fullmatch(digits):
        return f"+44{digits}"
    raise Refused(_why_not(entered, digits))


def _national(entered: str) -> str:
    """The digits after the country's code or the leading nought; as entered where they are neither."""
    text = _SEPARATORS.sub("", entered.strip()).replace("+440", "+44")
    for prefix in ("+44", "0044", "44", "0"):
        if text.startswith(prefix) and (prefix != "44" or len(text) == 12):
            return text.removeprefix(prefix).removeprefix("0")
    return text


def _why_not(entered: str, digits: str) -> str:
    if not entered.strip():
        return "there is no telephone number on record"
    if not digits.isdecimal():
        abroad = entered.strip().startswith(("+", "00"))
        return "the number on record is not a British one" if abroad else "what is on record is not a telephone number"
    if digits[0] in "123" and 9 <= len(digits) <= 10:
        return "the number on record is a landline"
    if digits.startswith(("70", "76")) and len(digits) == 10:
        return "the number on record is a personal or pager number, which takes no texts"
    if digits.startswith("7"):
        return f"the mobile number on record has {len(digits) + 1} digits instead of 11"
    return "the number on record is not a British mobile number"


def as_known(number: str) -> str:
    """ "07700 900123" for "+447700900123"; anything else as it is."""
    national = number.removeprefix("+44")
    return f"0{national[:4]} {national[4:]}" if number.startswith("+447") and len(national) == 10 else number


def comparable(entered: str) -> str:
    """The number in the form in which two are compared: a British mobile in full, anything else as its bare digits."""
    try:
        return mobile(entered)
    except Refused:
        return re.sub(r"\D", "", entered)
