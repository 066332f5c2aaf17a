"""The PDF of a letter: valid for assistive technology and for keeping, read in order, drawn in full, and made from memory alone."""

from __future__ import annotations

import io
import re
import subprocess
import time
import zlib
from dataclasses import replace
from functools import cache

import page
import pydyf
import pytest
from pypdf import PdfReader
from weasyprint import HTML

from letters import pdf as letters_pdf
from letters.catalogue import load_catalogue
from letters.examples import EXAMPLE_FILLS, example_facts
from letters.facts import Child, Recipient
from letters.merge import merge
from letters.pdf import ForbiddenFetch, MemoryFetcher, MissingGlyphs, html_to_pdf, render_letter_pdf
from letters.sheet import letter_html_fragment

CATALOGUE = load_catalogue()
PRINTED = [wording for wording in CATALOGUE.values() if wording.kind != "message"]
EVERY = pytest.mark.parametrize("wording", PRINTED, ids=[f"{wording.ruleset}/{wording.key}" for wording in PRINTED])
LETTER_1, LETTER_3 = CATALOGUE["federation", "letter-1"], CATALOGUE["federation", "letter-3"]

FIRST = ("Anna", "Zoë", "Nguyễn", "Ọlúwaṣeun", "Çağla")
NAMES = {
    "Latin": (*FIRST, "Łukasz", "Siân", "Þóra", "Mătă", "Ħabib", "Ġorġ", "Škëlzen", "O’Brien-Ní Dhónaill", "Jürgen Weiß"),
    "Greek": ("Ελένη", "Γιώργος", "Παναγιώτης", "Χρυσούλα", "Ζωή", "Ανδρέας", "Δέσποινα", "Θεόδωρος", "Κωνσταντίνα", "Μαρία"),
    "Cyrillic": ("Наталія", "Олександр", "Ђорђе", "Љиљана", "Ґалина", "Јелена", "Сергей", "Ёлка", "Їжак", "Димитър"),
    "Armenian": ("Անի", "Արամ", "Գայանե", "Նարեկ", "Լուսինե", "Հակոբ", "Մարիամ", "Տիգրան", "Սիրանուշ", "Վահան"),
    "Georgian": ("ნინო", "გიორგი", "თამარ", "დავით", "ქეთევან", "ლევან", "მარიამ", "ზურაბ", "ეკატერინე", "ირაკლი"),
    "Hebrew": ("נועה", "דוד", "שרה", "יעקב", "רבקה", "משה", "תמר", "אברהם", "לאה", "יצחק"),
    "Arabic": ("فاطمة", "محمد", "عائشة", "يوسف", "خديجة", "علي", "زينب", "پروین", "گلناز", "ٹیپو"),
    "Ethiopic": ("ሰላም", "አበበ", "ተስፋዬ", "ሀና", "ዮሐንስ", "ሣራ", "ቤተልሔም", "ኃይሌ", "ጸሐይ", "ፍቅር"),
    "Devanagari": ("अनिका", "राहुल", "प्रिया", "कृष्ण", "लक्ष्मी", "श्रेया", "अर्जुन", "ज्योति", "द्रौपदी", "हृदय"),
    "Bengali": ("আয়েশা", "রহিম", "প্রিয়া", "কৃষ্ণ", "শ্রেয়া", "জ্যোতি", "অর্জুন", "মৌসুমী", "ঋতু", "তৃষ্ণা"),
    "Gurmukhi": ("ਹਰਪ੍ਰੀਤ", "ਗੁਰਦੀਪ", "ਸਿਮਰਨ", "ਜਸਪ੍ਰੀਤ", "ਅਮਨਦੀਪ", "ਮਨਜੀਤ", "ਕੁਲਵਿੰਦਰ", "ਪਰਮਜੀਤ", "ਸੁਖਵਿੰਦਰ", "ਬਲਜੀਤ"),
    "Gujarati": ("પ્રિયા", "કૃષ્ણ", "જ્યોતિ", "અર્જુન", "શ્રેયા", "મીરા", "હર્ષ", "ધ્રુવ", "લક્ષ્મી", "ઋત્વિક"),
    "Tamil": ("கவிதா", "முருகன்", "செல்வி", "கார்த்திக்", "லட்சுமி", "அருண்", "மீனா", "குமார்", "தமிழ்", "ஸ்ரீதேவி"),
    "Telugu": ("లక్ష్మి", "కృష్ణ", "ప్రియ", "అర్జున్", "శ్రీదేవి", "జ్యోతి", "రాము", "సత్య", "హృతిక్", "వైష్ణవి"),
    "Kannada": ("ಅನನ್ಯ", "ಕೃಷ್ಣ", "ಪ್ರಿಯಾ", "ಅರ್ಜುನ್", "ಲಕ್ಷ್ಮಿ", "ಶ್ರೇಯಾ", "ಜ್ಯೋತಿ", "ಸತ್ಯ", "ಮೀರಾ", "ವೈಷ್ಣವಿ"),
    "Malayalam": ("അഞ്ജലി", "കൃഷ്ണൻ", "പ്രിയ", "അർജുൻ", "ലക്ഷ്മി", "ശ്രീദേവി", "ജ്യോതി", "മീര", "സത്യൻ", "വൈഷ്ണവി"),
    "Sinhala": ("නිමාලි", "සුනිල්", "කුමාරි", "ප්‍රියා", "ලක්ෂ්මි", "චමින්ද", "රුවන්", "සඳමාලි", "තිලක", "වජිරා"),
    "Thai": ("สมชาย", "สมหญิง", "กัญญา", "วิชัย", "ศิริพร", "ณัฐพล", "อรุณ", "พิมพ์ใจ", "ธนพร", "ปรีชา"),
    "Khmer": ("សុខា", "ចាន់", "ស្រីមុំ", "វិចិត្រ", "ធារ៉ា", "បុប្ផា", "រតនា", "សុភា", "ពិសិដ្ឋ", "កញ្ញា"),
    "Myanmar": ("အောင်", "ဆန်း", "ခင်", "မြင့်", "သီတာ", "ကျော်", "လှ", "ဇော်", "နန္ဒာ", "စန္ဒာ"),
}


def printed(wording, facts):
    letter = merge(wording, facts, EXAMPLE_FILLS)
    return letter, render_letter_pdf(letter, facts)


@cache
def example(ruleset, key):
    return printed(CATALOGUE[ruleset, key], example_facts())


def poppler(*command, pdf):
    """What one of poppler's tools writes about a PDF."""
    out = ["-"] if command[0] == "pdftotext" else []
    return subprocess.run([*command, "-", *out], input=pdf, capture_output=True, check=True).stdout.decode()


def lines_in_mm(pdf):
    """Left, top, right and bottom of each line of the first page, from its left upper corner."""
    layout = poppler("pdftotext", "-bbox-layout", "-l", "1", pdf=pdf)
    lines = re.findall(r'<line xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</line>', layout, re.DOTALL)
    return {" ".join(re.sub(r"<.*?>", " ", text).split()): [float(number) / 72 * 25.4 for number in box] for *box, text in lines}


def read_in_order(pdf):
    """The words of a PDF as assistive technology meets them: by the tree of tags."""
    tree = poppler("pdfinfo", "-struct-text", pdf=pdf)
    return " ".join(" ".join(re.findall(r'^ *"(.*)"$', tree, re.MULTILINE)).split())


def words(text):
    """Words alone: without bullets, the spaces that a change of style leaves, and marks of direction."""
    return re.sub(r"[\s•\u200e]|^- ", "", re.sub(r"^- ", "", text, flags=re.MULTILINE))


def faults(pdf, profile):
    return [(fault.rule_id, fault.message) for fault in page.validate_pdf_bytes(pdf, profile=profile).failures]


@EVERY
def test_every_letter_is_valid_for_assistive_technology_and_for_keeping(wording):
    _, pdf = example(wording.ruleset, wording.key)
    assert faults(pdf, "ua1") == []
    assert faults(pdf, "2a") == []


@EVERY
def test_every_letter_prints_all_of_its_text_in_order(wording):
    letter, pdf = example(wording.ruleset, wording.key)
    drawn = re.sub(r"^(Page \d+ of \d+|.* · .*)$", "", poppler("pdftotext", "-raw", pdf=pdf), flags=re.MULTILINE)
    assert words(letter.text) in words(drawn)


@pytest.mark.parametrize("key", [("federation", "letter-3"), ("wigston", "concern-2"), ("goldington", "ewo-referral")])
def test_a_letter_is_read_aloud_in_the_order_of_its_text(key):
    letter, pdf = example(*key)
    assert words(letter.text) in words(read_in_order(pdf))


def test_the_metadata_say_what_the_file_is():
    _, pdf = example("federation", "letter-3")
    reader = PdfReader(io.BytesIO(pdf))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert reader.metadata.title == "Tegan’s attendance: formal notice of concern"
    assert reader.trailer["/Root"]["/Lang"] == "en-GB"
    assert metadata.index('pdfuaid:part="1"') < metadata.index("</rdf:RDF>")
    assert 'pdfaid:part="2"' in metadata and 'pdfaid:conformance="A"' in metadata


def test_the_address_stands_in_the_window_of_the_envelope():
    address = ("Flat 2", "14 Ropewalk Close", "Thornmere", "TM4 6LD")
    _, pdf = printed(LETTER_1, example_facts(recipient=Recipient("Ms C. Marlow", "Ms Marlow", address)))
    for line in ("Ms C. Marlow", *address):
        left, top, right, bottom = lines_in_mm(pdf)[line]
        assert round(left, 3) >= 20 and right <= 110, line
        assert top >= 52 and bottom <= 88, line


def test_a_long_name_and_address_stay_clear_of_the_text_below():
    facts = example_facts(recipient=Recipient("Ms C. Marlow", "Ms Marlow", tuple(f"Line {number}" for number in range(1, 10))))
    name = "Saint Bartholomew-by-the-Water Church of England Voluntary Aided Academy"
    _, pdf = printed(LETTER_1, replace(facts, school=replace(facts.school, name=name)))
    at = lines_in_mm(pdf)
    assert at["Line 9"][3] <= at["Tegan’s attendance: can we talk?"][1]
    assert at["Quay Road, Thornmere, TM4 2QX"][3] <= at["Ms C. Marlow"][1]


def test_a_character_that_cannot_be_drawn_is_not_logged(caplog):
    caplog.set_level("DEBUG")
    with pytest.raises(MissingGlyphs):
        html_to_pdf('<html lang="en-GB"><title>t</title><p>\U000f0000</p></html>')
    assert "F0000" not in caplog.text and "\U000f0000" not in caplog.text


@pytest.mark.slow
def test_letters_leave_fast_enough():
    """Twenty letters a second and core (`docs/reliability.md`): processor time, so that a busy machine does not decide."""
    printed(LETTER_1, example_facts())
    began = time.process_time()
    for number in range(40):
        printed(LETTER_1, example_facts(child=Child(f"Kai {number}", "Kai")))
    assert 40 / (time.process_time() - began) >= 20


def test_a_second_page_says_whom_it_is_about_and_its_number():
    _, pdf = example("federation", "letter-3")
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) == 2
    assert "Thornmere Academy · Tegan Marlow, 9B · 24 November 2025" in pages[1]
    assert "Page 2 of 2" in pages[1]
    assert "·" not in pages[0]


def test_the_same_letter_gives_the_same_bytes():
    assert printed(LETTER_3, example_facts())[1] == example("federation", "letter-3")[1]


@pytest.mark.parametrize("script", NAMES)
def test_names_in_many_scripts_are_drawn_in_full(script):
    names = " ".join(NAMES[script])
    letter, pdf = printed(LETTER_1, example_facts(child=Child(NAMES[script][0], names, "9B")))
    assert faults(pdf, "ua1") == []
    assert NAMES[script][0] in letter.text


def test_there_are_two_hundred_names_in_fifteen_scripts():
    assert len(NAMES) >= 15
    assert sum(map(len, NAMES.values())) >= 200


def test_a_character_that_no_font_has_stops_the_letter_and_is_named():
    with pytest.raises(MissingGlyphs, match=r"No installed font can print \U000F0000 \(U\+F0000\)") as stopped:
        html_to_pdf('<html lang="en-GB"><title>t</title><p>Kai \U000f0000</p></html>')
    assert stopped.value.characters == "\U000f0000"


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="https://example.org/x.png" alt="x">',
        '<img src="file:///etc/passwd" alt="x">',
        '<link rel="stylesheet" href="http://example.org/x.css">',
        '<p style="background: url(http://example.org/x.png)">x</p>',
        '<object data="http://example.org/x.svg">x</object>',
        '<style>@import "http://example.org/x.css";</style>',
        '<img src="data:image/png;base64,AAAA" alt="x">',
    ],
)
def test_nothing_is_fetched_from_outside_the_letters_memory(markup, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", _no_network)
    with pytest.raises(ForbiddenFetch):
        html_to_pdf(f'<html lang="en-GB"><head><title>t</title></head><body>{markup}</body></html>')


def _no_network(*_):
    raise AssertionError("a letter reached for the network")


def test_a_letter_fetches_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(MemoryFetcher, "fetch", lambda self, url, headers=None: asked.append(url))
    printed(LETTER_3, example_facts())
    assert asked == []


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '<img src="http://example.org/x">', "<b>Kai</b> & Söhne", '"><h1>Kai']
)
def test_markup_in_any_name_is_printed_as_text(name):
    facts = example_facts(child=Child(name, name), recipient=Recipient(name, name, (name,)))
    facts = replace(facts, school=replace(facts.school, name=name))
    _, pdf = printed(LETTER_1, facts)
    assert read_in_order(pdf).replace('\\"', '"').replace(" ", "").count(name.replace(" ", "")) >= 4


def one_pixel_png():
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\x10\x50\x48")) + chunk(b"IEND", b"")


def test_a_logo_is_drawn_from_memory_with_the_schools_name_for_those_who_cannot_see_it():
    facts = example_facts()
    _, pdf = printed(LETTER_1, replace(facts, school=replace(facts.school, logo=one_pixel_png())))
    assert faults(pdf, "ua1") == [] and faults(pdf, "2a") == []
    assert len(PdfReader(io.BytesIO(pdf)).pages[0].images) == 1


def test_a_stream_that_ends_in_a_carriage_return_is_lengthened():
    content = next(text for text in (str(number).encode() for number in range(100_000)) if zlib.compress(text, 9).endswith(b"\r"))
    pdf = pydyf.PDF()
    pdf.add_object(pydyf.Stream([content], {"Length1": len(content)}, compress=True))
    assert pdf.objects[-1].data.endswith(letters_pdf._AMBIGUOUS_END)
    letters_pdf._nudge(pdf, 1)
    stream = next(item for item in pdf.objects if isinstance(item, pydyf.Stream))
    assert not stream.data.endswith(letters_pdf._AMBIGUOUS_END)
    assert stream.extra["Length1"] == len(content) + 2
    assert zlib.decompress(stream.data.partition(b"stream\n")[2].removesuffix(b"\nendstream")) == content + b"\n "


def test_a_page_that_is_lengthened_still_reads_as_it_did(monkeypatch):
    letter, plain = example("federation", "letter-1")
    monkeypatch.setattr(letters_pdf, "_AMBIGUOUS_END", b"\nendstream")
    monkeypatch.setattr(letters_pdf, "_TRIES", 2)
    nudged = render_letter_pdf(letter, example_facts())
    assert nudged != plain
    assert read_in_order(nudged) == read_in_order(plain)
    assert faults(nudged, "ua1") == [] and faults(nudged, "2a") == []


@EVERY
def test_the_fragment_for_the_screen_has_classes_only(wording):
    letter = merge(wording, example_facts(), EXAMPLE_FILLS)
    fragment = letter_html_fragment(letter, example_facts())
    assert not re.search(r"\sstyle=|\son\w+=|<script|<style|<img", fragment)
    headings = [int(level) for level in re.findall(r"<h(\d)", fragment)]
    assert headings[0] == 2 and set(headings[1:]) <= {3}
    assert len(list(HTML(string=fragment).etree_element.iter("article"))) == 1
