"""A referral as a file: the service's form with its enclosures as one tagged PDF, and its lines as CSV.

The attendance record goes with it as the evidence copy, the letters that left as their words in reading order and as the very files that
the family was sent. What is made ready is frozen: the file that is kept is the file that a person sends.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.template import Context

from casework import referrals as services
from casework.models import Referral
from casework.queries.meetings import enrolment_of
from casework.queries.referrals import CaseRecord, Filled, Gated, LetterHome, day
from casework.referral_forms import form_of
from escalation.models import Case
from letters.give_out import certificate_html
from letters.merge import clean
from letters.models import Letter
from letters.pdf import Embedded, document_html, html_to_pdf
from letters.returns import Sheet, return_csv
from letters.sheet import engine
from letters.states import LEFT
from schools.models import PupilParent, User
from schools.rules import Refused


def letters_home(case: Case, on: dt.date) -> list[Letter]:
    """Letters of the case that left by that day, oldest first, without those to a parent whom an order keeps away. Two statements."""
    barred = [link.parent_id for link in PupilParent.objects.filter(pupil=case.pupil_id) if link.is_barred(on)]
    left = Letter.objects.filter(case=case, state__in=LEFT, left_on__isnull=False, left_on__lte=on).exclude(parent__in=barred)
    return list(left.select_related("parent", "school").order_by("left_on", "pk"))


def fill(referral: Referral, on: dt.date, *, letters: Sequence[Letter] | None = None) -> Filled:
    """The form on today's record; as it was made ready where it is no longer being written."""
    if referral.state != Referral.State.DRAFT and referral.told:
        gates = tuple(Gated(gate["met"], gate["sentence"], gate["clause"], gate["open"]) for gate in referral.gates)
        lines = tuple((heading, words) for heading, words in referral.told)
        return Filled(form_of(referral.form).title, lines, tuple(referral.gaps), gates)
    homes = letters_home(referral.case, on) if letters is None else letters
    sent = [LetterHome(letter.left_on, letter.title, letter.parent.name) for letter in homes if letter.left_on]
    return CaseRecord(referral.case, on, sent, referral.opened_by).fill(form_of(referral.form), referral.answers)


@transaction.atomic
def make_ready(*, referral: Referral, despite: str, by: User, role: str, on: dt.date, now: dt.datetime) -> Referral:
    """Freezes the form with its file. Refused with gaps and unmet conditions unless ``despite`` says why it goes."""
    letters = letters_home(referral.case, on)
    filled = fill(referral, on, letters=letters)
    if sentence := services.why_not_ready(filled, despite):
        raise Refused(sentence)
    pdf = referral_pdf(referral, filled, letters, on=on, now=now)
    digest = hashlib.sha256(pdf).hexdigest()
    name = default_storage.save(f"referrals/{referral.pk}-{digest[:12]}-{now:%Y%m%d%H%M%S}.pdf", ContentFile(pdf))
    given = {"by": by, "role": role, "on": on, "now": now}
    return services.make_ready(referral=referral, filled=filled, pdf=name, sha256=digest, despite=despite, **given)  # type: ignore[arg-type]


def referral_pdf(
    referral: Referral, filled: Filled, letters: Sequence[Letter], *, on: dt.date, now: dt.datetime, is_draft: bool = False
) -> bytes:
    """The form and its enclosures as PDF/UA-1. Raises ``letters.pdf.MissingGlyphs``."""
    form, case = form_of(referral.form), referral.case
    copies = list(letters) if "letters" in form.encloses else []
    parts = [_page(referral, filled, copies, on, is_draft)]
    if "certificate" in form.encloses and (record := _certificate(case, on)):
        parts.append(record)
    parts += [_copy(letter) for letter in copies]
    running = f"{clean(case.school.name)} · {form.title} · {clean(case.pupil.name)}"
    document = document_html(form.title, parts[0], running=running, author=case.school.name, enclosures=parts[1:])
    return html_to_pdf(document, embedded=[] if is_draft else [_file(letter, now) for letter in copies if letter.pdf])


def _page(referral: Referral, filled: Filled, letters: Sequence[Letter], on: dt.date, is_draft: bool) -> str:
    form = form_of(referral.form)
    enclosed = ["Attendance record, evidence copy"] if "certificate" in form.encloses else []
    enclosed += [f"Letter of {day(letter.left_on)}: {letter.title}" for letter in letters if letter.left_on]
    context = {
        "title": form.title,
        "service": referral.service,
        "about": clean(referral.case.pupil.name),
        "school": clean(referral.case.school.name),
        "clause": form.clause,
        "as_of": day(on),
        "is_draft": is_draft,
        "lines": [(heading, clean(words) or "–") for heading, words in filled.lines],
        "gaps": filled.gaps if is_draft else (),
        "enclosed": enclosed,
        "signer": clean(referral.opened_by.name),
    }
    return str(engine().get_template("referral.html").render(Context(context)))


def _certificate(case: Case, on: dt.date) -> str:
    """The year's record up to the day; empty where there are no marks yet."""
    enrolment = enrolment_of(case)
    if enrolment is None:
        return ""
    try:
        return certificate_html(enrolment, copy="evidence", on=on)
    except Refused:
        return ""


def _copy(letter: Letter) -> str:
    """The words of a letter as they were approved, with who approved it, when it left, and the hash of its file."""
    context = {
        "title": clean(letter.title),
        "to": clean(letter.parent.name),
        "left_on": day(letter.left_on) if letter.left_on else "",
        "how": letter.get_channel_display(),
        "paragraphs": [clean(part) for part in letter.text.split("\n") if part.strip()],
        "file": file_name(letter) if letter.pdf else "",
        "sha256": letter.sha256,
    }
    return str(engine().get_template("letter_copy.html").render(Context(context)))


def _file(letter: Letter, now: dt.datetime) -> Embedded:
    with default_storage.open(str(letter.pdf)) as kept:
        content = kept.read()
    return Embedded(
        file_name(letter), content, f"Letter of {letter.left_on}, as it was sent", letter.approved_at or now, "Source"
    )


def file_name(letter: Letter) -> str:
    """The name under which a letter is embedded: its day and number, never a person's name."""
    return f"letter-{letter.left_on}-{letter.pk}.pdf"


def referral_csv(referral: Referral, filled: Filled) -> str:
    """The form's lines as one row under their headings."""
    about = f"{referral.case.pupil.name}"
    return return_csv([Sheet(filled.title, referral.case.school.name, about, filled.lines, form_of(referral.form).clause)])


def file_of(referral: Referral, on: dt.date, now: dt.datetime) -> bytes:
    """The file that was made ready, or a draft of it that says so."""
    if referral.pdf:
        with default_storage.open(str(referral.pdf)) as kept:
            return bytes(kept.read())
    letters = letters_home(referral.case, on)
    return referral_pdf(referral, fill(referral, on, letters=letters), letters, on=on, now=now, is_draft=True)
