"""The states of a request and of a notice as tables: who goes where, and the sentence where nobody does. Plain Python.

prepared → requested → issued | refused           (dropped from prepared or requested)
issued → paid | unpaid | withdrawn; paid → withdrawn; unpaid → paid | prosecuted | withdrawn; prosecuted → acquitted
"""

from __future__ import annotations

REQUEST: dict[str, tuple[str, ...]] = {
    "prepared": ("requested", "dropped"),
    "requested": ("issued", "refused", "dropped"),
    "issued": (),
    "refused": (),
    "dropped": (),
}
"""A request goes to the authority (or to the head, where the local code says so), and is answered once."""

NOTICE: dict[str, tuple[str, ...]] = {
    "issued": ("paid", "unpaid", "withdrawn"),
    "paid": ("withdrawn",),
    "unpaid": ("paid", "prosecuted", "withdrawn"),
    "prosecuted": ("acquitted",),
    "acquitted": (),
    "withdrawn": (),
}
"""A paid notice can still be withdrawn (and is paid back) where it went to the wrong person or was in error."""

STANDING = ("prepared", "requested", "issued")
"""Requests in which the marks of their ground are in use."""
COUNTS = ("issued", "paid", "unpaid", "prosecuted")
"""Notices that count towards the limit. Sources: WT, chapter 6: paid and unpaid count, prosecuted with a finding of guilt counts,
withdrawn ones do not."""

WITHDRAWN_BECAUSE = {
    "wrong_person": "It went to the wrong person",
    "not_the_code": "It did not follow the local code",
    "error": "It has an error that matters",
    "not_pursued": "It was not paid, and the authority will not prosecute",
}
"""The only reasons for which a notice is withdrawn. Source: local codes of conduct, as Bedford's paragraph 19."""


def comes_from(table: dict[str, tuple[str, ...]], after: str) -> list[str]:
    """The states from which ``after`` is reached."""
    return [before for before, following in table.items() if after in following]


def may_go(table: dict[str, tuple[str, ...]], before: str, after: str) -> bool:
    return after in table[before]
