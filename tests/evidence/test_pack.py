"""An evidence pack of a made-up court case: valid, complete against its checklist, sealed, and without what it may not show."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
from pathlib import Path

import page as validator
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from pypdf import PdfReader

from attendance.models import RegisterRow
from attendance.services import change_mark
from escalation.models import Case
from escalation.services import record_contact
from evidence import services
from evidence.keys import sealing_key
from evidence.models import EvidencePack
from evidence.seal import Broken, check, manifest_in, private_key, public_hex
from evidence.services import LEASE, ask_for_pack, claim, make_pack, open_pack, waiting
from evidence.verifying import verify
from letters.models import Letter, StoredFile
from schools.models import AuditEntry, Parent
from schools.rules import Refused
from tests.cast import NOW, TODAY, Cast
from tests.evidence.court_case import KEY, LATER, PAUSE_WORDS, SECRET_WORDS, as_lead, made_up, packed

pytestmark = [pytest.mark.django_db]

KEYS = {public_hex(KEY)}


@pytest.fixture
def story() -> tuple[Cast, Case]:
    return made_up()


def content(pack: EvidencePack) -> bytes:
    with default_storage.open(pack.pdf.name) as kept:
        return bytes(kept.read())


def text_of(pdf: bytes) -> str:
    """Every word of the pages, spaces made one."""
    return " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages).split())


def everything_in(pdf: bytes) -> str:
    """The words of the pages and of every file inside."""
    reader = PdfReader(io.BytesIO(pdf))
    inside = [file for name, files in reader.attachments.items() for file in files if name.endswith(".pdf")]
    manifest = json.dumps(manifest_in(pdf), ensure_ascii=False)
    return " ".join([text_of(pdf), *map(text_of, inside), manifest])


def test_a_court_pack_is_valid_complete_and_read_in_order(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    pdf = content(pack)
    for profile in ("ua1", "3a"):
        assert [(fault.rule_id, fault.message) for fault in validator.validate_pdf_bytes(pdf, profile=profile).failures] == []
    missing = [(what, words) for what, is_there, words in pack.manifest["checklist"] if not is_there]
    assert missing == [], "the made-up case has everything that the checklist asks for"
    text = text_of(pdf)
    for words in (
        "Exhibit 1: Pupil, school and parents", "Mornings are hard.", "held in the parents’ absence".capitalize(), "Early help",
        "A note was brought.", "Declined", "Procedures, stage", "Proof of dispatch", "Ms A. Arden", "Dr H. Hawthorn", "Target missed",
    ):  # fmt: skip
        assert words in text, words
    assert f"Page 3 of {pack.pages}" in text and len(PdfReader(io.BytesIO(pdf)).pages) == pack.pages


def test_the_register_shows_codes_and_amendments_with_who_made_them(story: tuple[Cast, Case]) -> None:
    text = text_of(content(packed(*story)))
    assert "7 October 2025, morning O I A note was brought. Ms A. Arden, officer" in text
    assert "6 October 2025 O O I O" in text, "the week, morning and afternoon, as amended"


def test_the_very_letters_are_inside_with_their_hashes(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    inside = {name: files[0] for name, files in PdfReader(io.BytesIO(content(pack))).attachments.items()}
    letters = Letter.objects.filter(case=story[1], left_on__isnull=False)
    assert len(letters) == 2
    for letter in letters:
        kept = inside[f"letter-{letter.left_on}-{letter.pk}.pdf"]
        assert (
            hashlib.sha256(kept).hexdigest()
            == letter.sha256
            == pack.manifest["files"][f"letter-{letter.left_on}-{letter.pk}.pdf"]
        )


def test_the_contents_count_the_right_pages(story: tuple[Cast, Case]) -> None:
    pdf = content(packed(*story))
    pages = [" ".join(sheet.extract_text().split()) for sheet in PdfReader(io.BytesIO(pdf)).pages]
    exhibits = [exhibit for part in manifest_in(pdf)["parts"] for exhibit in part["exhibits"]]
    contents = " ".join(pages[1:3])
    for each in exhibits:
        heading = f"Exhibit {each['number']}: {each['title']}"
        assert heading in pages[each["page"] - 1] and f"{heading}, page {each['page']}" in contents
    assert len(exhibits) > 10


def test_safeguarding_is_never_inside(story: tuple[Cast, Case]) -> None:
    words = everything_in(content(packed(*story)))
    assert SECRET_WORDS not in words and PAUSE_WORDS not in words and "The enquiry has ended" not in words
    assert "the reason is not told in a pack" in words


def test_what_is_missing_is_said_with_why() -> None:
    cast, _ = made_up()
    bare = Case.objects.create(pupil=cast.priya.enrolment.pupil, school=cast.here, year=2025, opened_on=TODAY)
    pack = packed(cast, bare)
    missing = {what: words for what, is_there, words in pack.manifest["checklist"] if not is_there}
    assert missing["Letters"] == "No letter has left: nothing shows that the parents were told in writing."
    assert missing["Support first"] == "No offer is recorded: a court asks whether support came first."
    assert "Meetings" in missing and "Plan and outcome" in missing and "MISSING" in text_of(content(pack))


# One parent's pack


def barred_story() -> tuple[Cast, Case]:
    """Theo's father, whom an order keeps away: his address stands in a note about a call as well."""
    cast, case = made_up("theo")
    stefan = cast.parents["Stefan"]
    Parent.objects.filter(pk=stefan.pk).update(
        address="44 Hidden Row\nElsewhere\nZZ9 9ZZ", telephone="07700 900777", email="s@away.example"
    )
    record_contact(
        pupil=case.pupil, school=case.school, kind="call", outcome="spoke", parent=cast.parents["Grace"],
        note="He is said to live at 44 hidden row, ZZ9  9ZZ, telephone 07700 900777.", **as_lead(cast),
    )  # fmt: skip
    record_contact(
        pupil=case.pupil,
        school=case.school,
        kind="call",
        outcome="spoke",
        parent=stefan,
        note="Rang about the trip.",
        **as_lead(cast),
    )
    return cast, Case.objects.get(pk=case.pk)


def test_a_barred_parents_address_is_nowhere_in_the_other_parents_pack() -> None:
    cast, case = barred_story()
    for parent in (cast.parents["Grace"], None):
        words = everything_in(content(packed(cast, case, parent))).casefold()
        for secret in ("hidden row", "zz9", "900777", "s@away.example", "rang about the trip"):
            assert secret not in words, (parent, secret)
        assert "he is said to live at [left out], [left out], telephone [left out]" in words


def test_a_pack_about_one_parent_leaves_the_others_letters_out(story: tuple[Cast, Case]) -> None:
    cast, case = story
    pack = packed(cast, case, cast.parents["Morwenna"])
    words = everything_in(content(pack))
    assert "9 Low Row" not in words and len(pack.manifest["files"]) == 1
    assert "1 letter to another parent: left out of this pack." in words
    assert "1 other parent on record: left out of this pack." in words


def test_a_pack_about_a_stranger_is_refused(story: tuple[Cast, Case]) -> None:
    cast, case = story
    with pytest.raises(Refused, match="about a parent of this pupil"):
        ask_for_pack(case=case, purpose="court", parent=cast.parents["Halina"], **as_lead(cast))


# The seal


def test_the_file_is_whole_as_it_was_made(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    report = verify(content(pack), keys=KEYS, beside=pack.manifest)
    assert (report.altered, report.changed) == ([], [])
    assert report.checked[0].endswith(f"{pack.pages} pages and 2 files inside, as sealed.")


def test_one_byte_altered_anywhere_is_found_out(story: tuple[Cast, Case]) -> None:
    """Two hundred places over the whole file, and each of the seal's own digits: no byte is outside the seal."""
    pdf = content(packed(*story))
    seal = re.search(rb'"seal":"([0-9a-f]{128})"', pdf)
    assert seal is not None
    for at in [*range(0, len(pdf), len(pdf) // 200), *range(seal.start(1), seal.end(1))]:
        altered = pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]
        with pytest.raises(Broken):
            check(altered, KEYS)
    with pytest.raises(Broken):
        check(pdf + b" ", KEYS)


def stream_of(pdf: bytes, number: int) -> tuple[int, int]:
    """Where the drawing of a page (1, 2 …) stands in the file."""
    reader = PdfReader(io.BytesIO(pdf))
    contents = reader.pages[number - 1]["/Contents"]
    assert contents is not None
    reference = reader.pages[number - 1].raw_get("/Contents")
    start = pdf.index(b"stream", pdf.index(b"\n%d 0 obj" % reference.idnum)) + 7
    return start, pdf.index(b"endstream", start)


def test_the_page_that_was_altered_is_named(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    pdf = content(pack)
    start, end = stream_of(pdf, 5)
    middle = (start + end) // 2
    report = verify(pdf[:middle] + bytes([pdf[middle] ^ 1]) + pdf[middle + 1 :], keys=KEYS)
    assert report.altered[0].startswith("The seal does not fit the file")
    assert any(sentence.startswith("Page 5 was altered (exhibit") for sentence in report.altered), report.altered


def test_a_foreign_key_is_found_out(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    pdf = content(pack)
    EvidencePack.objects.all().delete()
    report = verify(pdf, keys={public_hex(private_key("somebody else"))})
    assert report.altered[0].startswith("The seal was made with a key that is not known here")
    assert report.altered[1].startswith("No page’s words and no enclosed file differ")


def test_a_manifest_that_was_altered_beside_the_file_is_found_out(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    beside = pack.manifest | {"asked_by": "Somebody else"}
    report = verify(content(pack), keys=KEYS, beside=beside)
    assert report.altered == ["The manifest inside the file differs from the manifest given with it: asked_by."]


def test_a_mark_corrected_later_is_changed_since_and_no_forgery(story: tuple[Cast, Case]) -> None:
    cast, case = story
    pack = packed(cast, case)
    row = RegisterRow.objects.get(pk=cast.imogen.pk)
    later = {"reason": "The register was wrong.", "by": cast.alice, "role": "officer", "now": LATER}
    change_mark(row=row, date=dt.date(2025, 10, 8), session="AM", to="/", **later)
    report = verify(content(pack), keys=KEYS)
    assert report.altered == []
    assert f"Register: the register (number {row.pk}) has changed since the pack was made." in report.changed
    assert any("an amendment of the register" in sentence and "was added since" in sentence for sentence in report.changed)


def test_days_that_come_later_change_nothing(story: tuple[Cast, Case]) -> None:
    cast, case = story
    pack = packed(cast, case)
    row = RegisterRow.objects.get(pk=cast.imogen.pk)
    later = {"reason": "Taken.", "by": cast.alice, "role": "officer", "now": NOW + dt.timedelta(days=1)}
    change_mark(row=row, date=TODAY + dt.timedelta(days=1), session="AM", to="/", **later)
    assert verify(content(pack), keys=KEYS).changed == []


# The command


def run_command(*arguments: object) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify", *map(str, arguments), stdout=out)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_it_and_leaves_with_a_number(story: tuple[Cast, Case], tmp_path: Path) -> None:
    cast, case = story
    pack = ask_for_pack(case=case, purpose="court", parent=None, **as_lead(cast))
    assert make_pack(pack_id=pack.pk, clock=lambda: LATER, key=sealing_key())
    pack.refresh_from_db()
    file, manifest = tmp_path / "pack.pdf", tmp_path / "manifest.json"
    file.write_bytes(content(pack))
    manifest.write_text(json.dumps(pack.manifest))
    code, said = run_command(file, manifest)
    assert code == 0 and "Nothing was altered, and the record stands as the pack shows it." in said
    record_contact(pupil=case.pupil, school=case.school, kind="note", note="Later.", **as_lead(cast))
    code, said = run_command(file)
    assert code == 2 and "Changed since: Conversations and calls: a line of the timeline" in said
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(bytes(data))
    code, said = run_command(file)
    assert code == 1 and said.startswith("ALTERED: ")


@pytest.mark.parametrize("junk", [b"", b"%PDF-1.7 nothing", b"\x00" * 5000])
def test_the_command_says_what_is_no_pack(tmp_path: Path, junk: bytes) -> None:
    file = tmp_path / "junk.pdf"
    file.write_bytes(junk)
    code, said = run_command(file)
    assert code == 1 and "The file has no seal that can be read" in said and "can no longer be read as a PDF" in said


# The job


def test_made_twice_it_is_one_file(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    assert not make_pack(pack_id=pack.pk, clock=lambda: LATER, key=KEY), "it is done"
    EvidencePack.objects.filter(pk=pack.pk).update(state="waiting")
    assert make_pack(pack_id=pack.pk, clock=lambda: LATER + dt.timedelta(hours=1), key=KEY)
    again = EvidencePack.objects.get(pk=pack.pk)
    assert again.sha256 == pack.sha256 and StoredFile.objects.filter(name__startswith="packs/").count() == 1


def test_a_worker_that_died_leaves_it_to_the_next(story: tuple[Cast, Case]) -> None:
    cast, case = story
    pack = ask_for_pack(case=case, purpose="court", parent=None, **as_lead(cast))
    dead = claim(pack_id=pack.pk, clock=lambda: NOW)
    assert dead is not None and not waiting(NOW).exists()
    assert claim(pack_id=pack.pk, clock=lambda: NOW) is None, "somebody has it"
    after = NOW + LEASE + dt.timedelta(seconds=1)
    assert make_pack(pack_id=pack.pk, clock=lambda: after, key=KEY)
    with pytest.raises(services.TakenOver):
        dead.step(3)
    assert EvidencePack.objects.get(pk=pack.pk).state == "done"


def test_what_stops_every_worker_is_given_up(story: tuple[Cast, Case]) -> None:
    cast, case = story
    pack = ask_for_pack(case=case, purpose="court", parent=None, **as_lead(cast))
    EvidencePack.objects.filter(pk=pack.pk).update(tries=3)
    assert make_pack(pack_id=pack.pk, clock=lambda: NOW, key=KEY)
    pack.refresh_from_db()
    assert pack.state == "failed" and pack.error.startswith("It was begun 3 times and never finished.")


def test_a_name_that_no_font_can_print_fails_with_a_sentence(story: tuple[Cast, Case]) -> None:
    cast, case = story
    case.pupil.last_name = "\U000f0000"
    case.pupil.save()
    pack = ask_for_pack(case=case, purpose="court", parent=None, **as_lead(cast))
    make_pack(pack_id=pack.pk, clock=lambda: LATER, key=KEY)
    pack.refresh_from_db()
    assert pack.state == "failed" and "No installed font can print" in pack.error


def test_asked_twice_while_it_waits_it_is_one(story: tuple[Cast, Case]) -> None:
    cast, case = story
    given = {"case": case, "purpose": "court", "parent": None, **as_lead(cast)}
    assert ask_for_pack(**given).pk == ask_for_pack(**given).pk


def test_opening_it_is_kept(story: tuple[Cast, Case]) -> None:
    pack = packed(*story)
    open_pack(pack=pack, by=story[0].staff["head"], role="head", now=LATER)
    opened = AuditEntry.objects.get(action="pack opened")
    assert opened.by == story[0].staff["head"] and opened.detail == {"sha256": pack.sha256}
    EvidencePack.objects.filter(pk=pack.pk).update(state="waiting")
    pack.refresh_from_db()
    with pytest.raises(Refused, match="not made yet"):
        open_pack(pack=pack, by=story[0].staff["head"], role="head", now=LATER)
