"""What is filled in about a referral, and what an evidence pack is asked for. The rules are the services'."""

from __future__ import annotations

from typing import Any

from django import forms

from casework.models import Referral
from casework.referral_forms import Form, questions_of
from casework.referrals import HOW
from desk.penalty_forms import area, day_field, line, select
from evidence.models import EvidencePack
from schools.models import PupilParent


class AnswersForm(forms.Form):
    """The form's questions; none is required here, since a gap is named before it goes."""

    def __init__(self, *args: Any, form: Form, **named: Any) -> None:
        super().__init__(*args, **named)
        for key, question in questions_of(form).items():
            self.fields[key] = area(question.label, "", rows=question.rows, longest=4000, required=False, help_text=question.hint)


class ReadyForm(forms.Form):
    despite = area("Why it goes all the same", "", rows=2, longest=500, required=False)


class SentForm(forms.Form):
    sent_on = day_field("Sent on", "Enter the day on which it was sent.")
    how = select("How", [(way, way) for way in HOW])
    to = line("To whom at the service", "Say to whom at the service it was sent.")


class AcknowledgedForm(forms.Form):
    answered_on = day_field("Acknowledged on", "Enter the day of the service’s answer.")
    reference = line("The service’s reference", "", longest=60, required=False)


class TakenForm(forms.Form):
    taken_on = day_field("The service leads from", "Enter the day from which the service leads.")


class ReturnedForm(forms.Form):
    ended_on = day_field("Back with the school on", "Enter the day on which the case came back.")
    outcome = select("What came of it", [*Referral.Outcome.choices])
    reason = area("What the service said", "", rows=2, required=False)


class WithdrawForm(forms.Form):
    reason = area("Why it is withdrawn", "Say why it is withdrawn: it is kept with the case.", rows=2, longest=500)


class PackForm(forms.Form):
    purpose = select("Made for", [*EvidencePack.Purpose.choices])
    parent = select("About", [], required=False)

    def __init__(self, *args: Any, links: list[PupilParent], **named: Any) -> None:
        super().__init__(*args, **named)
        offered = [("", "The whole case"), *((str(link.parent_id), f"{link.parent.name} alone") for link in links)]
        self.fields["parent"].choices = offered  # type: ignore[attr-defined]
        self.fields[
            "parent"
        ].help_text = (
            "About one parent: only that parent’s letters, requests and notices. A pack of the whole case has nobody’s notices."
        )
