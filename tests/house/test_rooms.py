"""Each room of the house has the same furniture under the same names, and stands under the contract of imports."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
STANDARD = {"__init__", "apps", "models", "services", "queries", "views", "forms", "urls", "tasks", "api", "admin"}
FOLDERS = {"migrations", "management", "templatetags"}
OWN: dict[str, set[str]] = {
    "schools": {
        *{"access", "ages", "audit", "clock", "middleware", "rules", "schooldays", "secrets", "sign_in", "staff"},
        *{"arrivals", "changes", "contacts_plan", "known_people", "people", "people_plan"},
        *{"columns", "people_table", "people_undo", "tables", "workbooks"},
    },
    "attendance": {
        *{"correcting", "offered", "opening", "taking"},
        "ahead",
        *{"bulk", "chasing", "codes", "comparing", "conflicts", "figures"},
        *{"freshness", "grid", "history", "imports", "remembering", "undoing"},
        *{"ctf", "ctf_out", "earlier", "export_tables", "exports", "mark_string", "mis", "safe_xml", "sims", "transfer", "wonde"},
    },
    "escalation": {
        *{"engine", "adoption", "carry_over", "loading"},
        *{"recording", "actions", "by_hand", "corrections", "due", "night"},
        *{"comparing", "contradictions", "past_register", "trials"},
        "bench",
        *{"drafts", "differences", "foresight", "ruleset_text", "shapes"},
    },
    "casework": {
        *{"leave", "leave_days", "leave_rules", "leave_states", "part_time"},
        *{"clock_evidence", "clock_kinds", "clocks", "night", "penalty"},
        *{"referral_forms", "referrals"},
        *{"discretion", "safeguarding"},
        *{"monitoring", "plan_kinds", "plans"},
        *{"contents", "documents", "errands", "exports", "meetings", "policies", "retention", "slots", "support", "words"},
    },
    "messaging": {
        *{"states", "numbers", "hours", "wording", "planning"},
        *{"providers", "notify", "opening", "sending", "replies"},
    },
    "letters": {
        *{"plan_sheet", "series"},
        *{"facts", "fields", "phrases", "examples", "record"},
        *{"catalogue", "markup", "merge", "readability", "sheet", "pdf", "storage"},
        *{"appointments", "certificate", "give_out", "enclosing", "enclosures", "invitation", "leaflet"},
        *{"policies", "resting", "states", "night"},
        "returns",
        "referral_form",
    },
    "evidence": {"exhibits", "gather", "keys", "manifest", "scope", "seal", "setting", "verifying"},
    "desk": {
        "leave_forms",
        *{"clock_forms", "penalty_forms"},
        "register_form",
        *{"charts", "contact_form", "context_processors", "decision_forms", "errors", "mis_form", "navigation", "requests"},
        *{"band_forms", "draft_requests", "number_forms"},
        *{"rule_forms", "case_forms", "wizard_form", "calling_form"},
        *{"trial_chart", "trial_form", "words"},
        "text_form",
        "plan_forms",
        "discretion_forms",
        "referral_forms",
    },
    "demo": {
        *{"appointments", "calling", "casework", "chance", "foreseen", "papers", "taking"},
        "absence",
        "build",
        "made",
        "population",
        "processes",
        "registers",
        "staff",
        "still",
        "structure",
        "workforce",
        "year",
    },
}
"""Modules that only this room has. Each says in its docstring what it is for; a new one is added here on purpose."""
PURE = {"escalation.engine", "schools.schooldays", "attendance.codes", "attendance.grid"}


def rooms() -> list[str]:
    """Our own applications."""
    return sorted(app.name for app in apps.get_app_configs() if Path(app.path).parent == ROOT)


def contract() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def furniture(room: str) -> set[str]:
    """The modules and packages directly in a room."""
    folder = ROOT / room
    modules = {path.stem for path in folder.glob("*.py")}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return modules | packages


def test_every_room_stands_under_the_contract_of_imports() -> None:
    listed = set(contract()["importlinter"]["root_packages"].split())
    assert listed == {*rooms(), "config"}


def test_every_room_has_a_place_in_the_layers() -> None:
    layers = contract()["importlinter:contract:rooms"]["layers"].replace("|", " ").replace("(", " ").replace(")", " ").split()
    assert set(rooms()) - set(layers) == set()
    assert layers[0] == "config"


def test_the_pure_modules_stay_under_the_contract_of_purity() -> None:
    assert set(contract()["importlinter:contract:pure"]["source_modules"].split()) == PURE


@pytest.mark.parametrize("room", rooms())
def test_every_module_has_a_standard_name_or_is_known_here(room: str) -> None:
    unknown = furniture(room) - STANDARD - FOLDERS - OWN.get(room, set())
    assert unknown == set(), "use a standard name, or add the module to OWN with its reason"


@pytest.mark.parametrize("room", sorted(OWN))
def test_no_module_is_known_here_that_is_gone(room: str) -> None:
    assert OWN[room] - furniture(room) == set()


def test_no_room_for_things_without_a_place() -> None:
    homeless = {"utils", "helpers", "common", "misc", "lib", "tools"}
    found = [
        path for room in rooms() for path in (ROOT / room).rglob("*.py") if path.stem in homeless or path.parent.name in homeless
    ]
    assert found == []


def modules_of_the_product() -> list[Path]:
    files = [path for room in [*rooms(), "config"] for path in (ROOT / room).rglob("*.py")]
    return [path for path in files if "migrations" not in path.parts and path.name != "apps.py" and path.stat().st_size]


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in modules_of_the_product() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(ROOT)) for path in silent] == []
