"""Merging: a wording and the facts of one letter become its title, HTML and text, with every gap in plain sight."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import bidirectional

from django.template import Context, Template
from django.utils.safestring import SafeString, mark_safe

from letters.catalogue import ENCLOSURES, Wording
from letters.facts import LetterFacts
from letters.fields import MERGE_FIELDS, MergeField, Value
from letters.markup import tidy, to_text

_OPEN, _CLOSE, _PART = "\ue000", "\ue001", "\ue002"
"""Private-use characters around a gap while it is merged; they are taken out of whatever the facts hold."""
_GAP = re.compile(f"{_OPEN}(.*?){_PART}(.*?){_CLOSE}")
_LEFT_TO_RIGHT_MARK = "\u200e"
_SIGNATURE = '<div class="letter__sign">'
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ue000-\uf8ff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control, private-use and direction-override characters: none of them belongs in a name or a figure."""


class _Gap(str):
    """A value that is missing: false in a condition, and a marked gap where it is printed."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class MergedLetter:
    """``html`` is the body from the salutation to the signature; ``text`` the same words with the title above. ``missing_fills`` are
    field names: a letter with one cannot be approved."""

    ruleset: str
    key: str
    kind: str
    version: str
    title: str
    html: str
    text: str
    missing_fills: tuple[str, ...]
    enclosed: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing_fills


def merge(wording: Wording, facts: LetterFacts, fills: Mapping[str, str] | None = None, *, extra: str = "") -> MergedLetter:
    """Merge ``facts`` into ``wording``; ``fills`` are what a person filled in and go before the record; ``extra`` is a person's own
    paragraph, which stands before the signature.

    Raises ``ValueError`` for a fill that is not one of the fields a person may fill in.
    """
    given = {name: value.strip() for name, value in (fills or {}).items()}
    if unknown := [name for name in given if not (name in MERGE_FIELDS and MERGE_FIELDS[name].fill)]:
        raise ValueError(f"{unknown[0]!r} is not a field that a person fills in. Those are: {', '.join(fillable())}.")
    enclosed = _enclosed(wording, facts)
    context = _context(facts, given)
    context["certificate_enclosed"] = any(ENCLOSURES["certificate"] == title for title in enclosed)
    body = _with_extra(tidy(_render(wording.body, context)), extra) + _form(wording, facts) + _enclosure_line(wording, enclosed)
    title = " ".join(_render(wording.title, context).split())
    gaps = [name for name, _ in _GAP.findall(title + body)]
    asked = [name for name in wording.head.asks if not context[name]]
    plain_title = html.unescape(_GAP.sub(r"[\2]", title))
    shown = _GAP.sub(r'<span class="letter__gap">[\2]</span>', body)
    return MergedLetter(
        ruleset=wording.ruleset,
        key=wording.key,
        kind=wording.kind,
        version=wording.version,
        title=plain_title,
        html=shown,
        text=_text(wording, plain_title, shown),
        missing_fills=tuple(dict.fromkeys([*asked, *gaps])),
        enclosed=enclosed,
    )


def _with_extra(body: str, extra: str) -> str:
    """The body with a person's own paragraphs (a blank line parts them) before the signature, or at the end where there is none."""
    paragraphs = "".join(
        f"<p>{html.escape(clean(part), quote=False)}</p>\n" for part in re.split(r"\n\s*\n", extra) if clean(part)
    )
    before, mark, after = body.partition(_SIGNATURE)
    return f"{before}{paragraphs}{mark}{after}"


def fillable() -> list[str]:
    """Names of the fields that a person may fill in."""
    return [name for name, field in MERGE_FIELDS.items() if field.fill]


def _render(template: Template, context: Mapping[str, object]) -> str:
    return str(template.render(Context(dict(context))))


def _context(facts: LetterFacts, fills: Mapping[str, str]) -> dict[str, object]:
    """The value of every merge field: what a person filled in, else what the letter's plan states, else what the record says."""
    return {
        name: _merged(field, fills.get(name) or (facts.about[name] if name in facts.about else field.value(facts)))
        for name, field in MERGE_FIELDS.items()
    }


def _merged(field: MergeField, value: Value | tuple[str, ...]) -> object:
    if field.kind == "flag":
        return bool(value)
    if isinstance(value, list | tuple):
        return _list(value) if value else _Gap(f"{_OPEN}{field.name}{_PART}{field.label}{_CLOSE}")
    return clean(str(value)) or _Gap(f"{_OPEN}{field.name}{_PART}{field.label}{_CLOSE}")


def _list(lines: Sequence[str]) -> SafeString:
    items = "".join(f"<li>{html.escape(clean(line), quote=False)}</li>" for line in lines)
    return mark_safe(f"<ul>{items}</ul>")


def clean(text: str) -> str:
    """``text`` in one line without control, private-use and direction-override characters.

    A name written from right to left is closed by a mark, so that a figure or a form after it stays on its right.
    """
    line = " ".join(_NOT_TEXT.sub("", text).split())
    return line if line.isascii() or not _runs_leftwards(line) else f"{line}{_LEFT_TO_RIGHT_MARK}"


def _runs_leftwards(text: str) -> bool:
    return any(bidirectional(character) in ("R", "AL") for character in text)


def _enclosed(wording: Wording, facts: LetterFacts) -> tuple[str, ...]:
    """Titles of what goes with the letter: as the facts say, or as the wording says by itself."""
    if facts.enclosed is not None:
        return facts.enclosed
    return tuple(ENCLOSURES[key] for key in wording.head.encloses)


def _enclosure_line(wording: Wording, enclosed: tuple[str, ...]) -> str:
    if not enclosed or wording.kind != "letter":
        return ""
    return f'\n<p class="letter__enclosed">With this letter: {html.escape("; ".join(enclosed), quote=False)}</p>'


def _form(wording: Wording, facts: LetterFacts) -> str:
    """The tables of a form, part by part; a field that the record does not hold says so."""
    return "".join(
        f'\n<h2>{html.escape(part.heading, quote=False)}</h2>\n<table class="letter__form"><tbody>'
        + "".join(_form_row(field.label, clean(facts.record.get(field.key, ""))) for field in part.fields)
        + "</tbody></table>"
        for part in wording.head.parts
    )


def _form_row(label: str, value: str) -> str:
    shown = html.escape(value, quote=False) or '<span class="letter__unknown">Not on our record</span>'
    return f'<tr><th scope="row">{html.escape(label, quote=False)}</th><td>{shown}</td></tr>'


def _text(wording: Wording, title: str, body: str) -> str:
    text = to_text(body)
    return " ".join(text.split()) if wording.kind == "message" else f"{title}\n\n{text}"
