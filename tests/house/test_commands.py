"""The commands that a newcomer types: they run as they are, and say what is missing when they cannot."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
COMMANDS = sorted(path.name for path in (ROOT / "bin").iterdir())


@pytest.mark.parametrize("name", ["manage.py", ".ci/run", *(f"bin/{name}" for name in COMMANDS)])
def test_each_command_is_executable_and_names_its_interpreter(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert (ROOT / name).read_text().startswith("#!/usr/bin/env ")


@pytest.mark.parametrize("name", [name for name in COMMANDS if "bash" in (ROOT / "bin" / name).read_text().splitlines()[0]])
def test_each_script_is_sound_bash_that_stops_at_a_fault(name: str) -> None:
    script = ROOT / "bin" / name
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert "set -euo pipefail" in script.read_text() or name == "check"  # check runs on, to report every fault at once


def test_continuous_integration_runs_the_one_command_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()[1:]
    assert [line for line in lines if line.strip() and not line.startswith("#")] == [
        'exec "$(dirname "${BASH_SOURCE[0]}")/../bin/test"'
    ]


@pytest.mark.parametrize("arguments", [["--twice"], ["--port"], ["--port", "eighty"]])
def test_the_demo_explains_an_argument_that_it_does_not_know(arguments: list[str]) -> None:
    done = subprocess.run([ROOT / "bin" / "demo", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: bin/demo [--once] [--port N]\n")


def bare_path(folder: Path, stubs: dict[str, str]) -> str:
    """A PATH with a few plain programs of this machine and the given stand-ins, and no others."""
    for name in ["bash", "env", "grep", "dirname", "cat"]:
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, body in stubs.items():
        (folder / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


BARE = {"dpkg-query": "exit 1", "python3": "exit 1", "apt-get": 'echo "apt-get $*"', "apt-cache": "exit 0", "id": "echo 1000"}
"""A Debian on which nothing is installed, and a user who is not root."""


def system_packages(folder: Path, stubs: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "bin" / "system-packages", *(arguments or ["demo"])]
    return subprocess.run(command, env={"PATH": bare_path(folder, stubs)}, capture_output=True, text=True, check=False)


def test_without_root_and_sudo_it_says_exactly_what_to_install(tmp_path: Path) -> None:
    done = system_packages(tmp_path, BARE)
    assert done.returncode == 1
    assert done.stdout == ""
    wanted = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation2 fonts-noto-core python3-venv"
    assert f"    apt-get install {wanted}\n" in done.stderr


def test_with_sudo_it_installs_what_is_missing(tmp_path: Path) -> None:
    done = system_packages(tmp_path, {**BARE, "sudo": 'echo "sudo $*"'})
    assert done.returncode == 0
    assert "sudo apt-get update" in done.stdout
    assert "sudo apt-get install -y -qq --no-install-recommends libpango-1.0-0 " in done.stdout


def test_a_newer_release_is_asked_for_the_typeface_by_its_newer_name(tmp_path: Path) -> None:
    done = system_packages(tmp_path, {**BARE, "id": "echo 0", "apt-cache": "exit 1"})
    assert " libharfbuzz-subset0 fonts-liberation fonts-noto-core " in done.stdout


def test_what_is_missing_can_be_asked_for_without_installing(tmp_path: Path) -> None:
    done = system_packages(tmp_path, BARE, "--missing", "demo")
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "libpango-1.0-0", "")
    assert "apt-get" not in done.stdout


def test_as_root_it_needs_no_sudo(tmp_path: Path) -> None:
    done = system_packages(tmp_path, {**BARE, "id": "echo 0"})
    assert done.returncode == 0
    assert "apt-get install -y -qq --no-install-recommends libpango-1.0-0 " in done.stdout
    assert "sudo" not in done.stdout


def test_where_all_is_there_it_does_nothing(tmp_path: Path) -> None:
    done = system_packages(tmp_path, {**BARE, "dpkg-query": "echo 'install ok installed'", "python3": "exit 0"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's own user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def private_services(folder: Path, script: str) -> subprocess.Popen[str]:
    """bin/with-services around a script, in a session of its own, with its data under `folder`."""
    command = [str(ROOT / "bin" / "with-services"), "bash", "-c", script]
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)


def answers(address: str) -> bool:
    """Is anything listening where this DATABASE_URL or REDIS_URL points?"""
    where = urlsplit(address.strip())
    with socket.socket() as probe:
        return probe.connect_ex((where.hostname, where.port)) == 0


PRINT_ADDRESSES = 'echo "$DATABASE_URL"; echo "$REDIS_URL"'


def test_the_private_servers_end_with_the_command_and_its_exit_code_is_kept(open_folder: Path) -> None:
    services = private_services(open_folder, f"{PRINT_ADDRESSES}; exit 7")
    database, bell = services.communicate(timeout=60)[0].splitlines()
    assert services.returncode == 7
    assert database.startswith("postgres://handrail:")
    assert bell.startswith("redis://:")
    assert (answers(database), answers(bell)) == (False, False)
    assert list(open_folder.iterdir()) == []


def test_the_private_servers_end_even_if_the_script_is_killed_outright(open_folder: Path) -> None:
    services = private_services(open_folder, f"{PRINT_ADDRESSES}; sleep 60")
    assert services.stdout
    database, bell = services.stdout.readline(), services.stdout.readline()
    assert (answers(database), answers(bell)) == (True, True)
    services.kill()
    services.wait()
    deadline = time.monotonic() + 10
    while (answers(database) or answers(bell)) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(services.pid, signal.SIGKILL)  # the sleeping command
    assert (answers(database), answers(bell)) == (False, False)
