"""The forms of the connection to a school's MIS."""

from __future__ import annotations

from typing import Any

from django import forms

from attendance.codes import CODES


class ConnectionForm(forms.Form):
    """Which school it is in Wonde, and the token that opens it; the token is never shown again."""

    wonde_id = forms.CharField(
        label="Wonde school id",
        max_length=20,
        help_text="Letters and digits, such as A1930499544.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": "Wonde school id: enter it as Wonde shows it.",
            "max_length": "Wonde school id: at most 20 characters.",
        },
    )
    token = forms.CharField(
        label="Token",
        required=False,
        max_length=200,
        help_text="From Wonde’s page for this school. It is kept encrypted and never shown again.",
        widget=forms.PasswordInput(attrs={"class": "input input--wide", "autocomplete": "off"}),
        error_messages={"max_length": "Token: at most 200 characters."},
    )
    is_active = forms.BooleanField(label="Read the register by itself, every quarter of an hour", required=False, initial=True)

    def __init__(self, *args: Any, has_token: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_token:
            self.fields["token"].help_text = "A token is kept. Leave this empty to keep it, or enter another one."
        else:
            self.fields["token"].required = True
            self.fields["token"].error_messages["required"] = "Token: enter the one that Wonde gave for this school."


class CodeForm(forms.Form):
    """Which national code a code of the MIS stands for."""

    raw = forms.CharField(
        label="Code in the MIS",
        max_length=10,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": "Code in the MIS: type it as the MIS shows it.",
            "max_length": "Code in the MIS: at most 10 characters.",
        },
    )
    code = forms.ChoiceField(
        label="Stands for",
        choices=[
            ("", "Choose a code"),
            *((code.code, f"{code.code}  {code.description[:60]}") for code in CODES.values() if not code.valid_to),
        ],
        widget=forms.Select(attrs={"class": "select"}),
        error_messages={
            "required": "Stands for: choose the national code.",
            "invalid_choice": "Stands for: choose a national code.",
        },
    )
