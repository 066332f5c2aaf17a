"""What people enter about texts: the words, an answer, and a school's Notify set-up."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms

from messaging.models import Sender

_ID = "This is not a template id: copy it from the template’s page in Notify (36 characters, with hyphens)."
_TIME = {"invalid": "Give a time, such as 7:30.", "required": "Give a time, such as 7:30."}


def _input(**attributes: str) -> dict[str, str]:
    return {"class": "input", **attributes}


class WordsForm(forms.Form):
    """The words of a text. ``batch``: this page's own number, so that a second click sends nothing; ``seen``: what was looked at."""

    body = forms.CharField(
        label="The text",
        required=False,
        max_length=2000,
        strip=True,
        widget=forms.Textarea(attrs={"class": "area", "rows": 5, "aria-describedby": "fields"}),
        error_messages={"max_length": "The text is far too long: four parts hold 612 characters."},
    )
    batch = forms.UUIDField(widget=forms.HiddenInput, required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)


class AnswerForm(forms.Form):
    """An answer to one parent."""

    body = forms.CharField(
        label="Your answer",
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "area", "rows": 3}),
        error_messages={
            "required": "Write what the answer should say.",
            "max_length": "The text is far too long: four parts hold 612 characters.",
        },
    )
    batch = forms.UUIDField(widget=forms.HiddenInput, required=False)


class SetUpForm(forms.Form):
    """A school's Notify service. The key is never shown again: left empty, the stored one stays."""

    key = forms.CharField(
        label="API key",
        required=False,
        max_length=300,
        widget=forms.PasswordInput(attrs=_input(autocomplete="off", spellcheck="false")),
    )
    text_template = forms.UUIDField(
        label="Text message template",
        help_text="A template whose whole text is ((message)).",
        widget=forms.TextInput(attrs=_input(spellcheck="false")),
        error_messages={"required": "Give the id of the text message template.", "invalid": _ID},
    )
    email_template = forms.UUIDField(
        label="E-mail template (for letters by e-mail)",
        help_text="Subject ((subject)), text ((message)). May stay empty.",
        required=False,
        widget=forms.TextInput(attrs=_input(spellcheck="false")),
        error_messages={"invalid": _ID},
    )
    opens = forms.TimeField(
        label="Texts leave from", widget=forms.TimeInput(attrs=_input(type="time"), format="%H:%M"), error_messages=_TIME
    )
    closes = forms.TimeField(
        label="until", widget=forms.TimeInput(attrs=_input(type="time"), format="%H:%M"), error_messages=_TIME
    )

    @classmethod
    def of(cls, sender: Sender | None) -> SetUpForm:
        """As it is stored, or as a new one begins."""
        shown = sender or Sender()
        return cls(initial={name: getattr(shown, name) for name in ("email_template", "opens", "closes")} | _template(sender))


def _template(sender: Sender | None) -> dict[str, Any]:
    return {"text_template": sender.text_template} if sender else {}


def new_batch() -> uuid.UUID:
    """The number of one look at a page."""
    return uuid.uuid4()
