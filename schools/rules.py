"""How a rule says no: with a sentence that the person can read."""

from __future__ import annotations


class Refused(ValueError):
    """A change that a rule does not allow; ``str()`` is the sentence for the person who asked."""
