"""Reading age of a merged letter: the Flesch-Kincaid grade of its body, the law quoted apart left out.

Grade 6 is about age 11, the most that a letter may ask of its reader. Telephone numbers and e-mail addresses are not prose and are left
out; figures and dates count as words of one syllable a part.
"""

from __future__ import annotations

import re

from letters.markup import to_text

_APART = re.compile(
    r'<div class="letter__(?:law|sign)">.*?</div>|<p class="letter__enclosed">.*?</p>|<table.*?</table>', re.DOTALL
)
_NOT_PROSE = re.compile(r"\S+@\S+|\b0\d{3,4} \d{3} ?\d{3,4}\b")
_WORD = re.compile(r"[^\W_]+(?:[’'.\-][^\W_]+)*%?")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"(?<![aeiouyl])e$|(?<![aeiouysxzcgh])es$|(?<![aeiouytd])ed$")
"""An e that is written and not spoken: came, times, missed; not table, classes, wanted."""


def syllables(word: str) -> int:
    """Syllables of an English word by its groups of vowels; a silent e at the end does not count."""
    word = word.lower().replace("’", "").replace("'", "")
    if not word.isalpha():
        return 1
    return max(len(_VOWELS.findall(word)) - bool(_SILENT.search(word)), 1)


def sentences(text: str) -> list[str]:
    """Sentences; every paragraph, heading and list item ends one."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if _WORD.search(part)]


def reading_grade(merged_html: str) -> float:
    """Flesch-Kincaid grade of a merged body; 0 where there is no prose."""
    text = _NOT_PROSE.sub("", to_text(_APART.sub("", merged_html)))
    parts = sentences(text)
    words = [word for part in parts for word in _WORD.findall(part)]
    if not words:
        return 0.0
    return 0.39 * len(words) / len(parts) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
