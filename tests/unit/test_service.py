"""The service as an operator installs it: the systemd unit, its drop-ins as documented, and the Dockerfile."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from tests.unit.daemon.cli.runs import RSI, make_bars, run
from tradingd.daemon import supervisor
from tradingd.daemon.cli.main import EXIT_CONFIG, app
from tradingd.daemon.settings import DaemonSettings

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]
UNIT = (PROJECT / "systemd/tradingd.service").read_text("utf-8")
INSTALLED = "/opt/tradingd/bin/tradingd"
DROP_INS = re.findall(
    r"^```ini\n(.*?)^```$", (PROJECT / "docs/running.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
EXPOSURE_MAX = 12  # in tenths, as systemd-analyze takes it: 1.2 of 10
DOCKERFILE = (PROJECT / "Dockerfile").read_text("utf-8")

UNHARDENED = f"[Service]\nType=notify\nExecStart={INSTALLED} run\n"
CANNOT_DENY = 3
WITHOUT_EXECUTABLE_MEMORY = f"""
import ctypes, mmap, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
    sys.exit({CANNOT_DENY})
try:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    import tradingd.daemon.cli.main, tradingd.daemon.supervisor
    tradingd.daemon.cli.main.run()
"""


def values(key: str) -> list[str]:
    """Return what the unit says of a key, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def instructions(word: str) -> list[str]:
    """Return the arguments of every instruction of that name in the Dockerfile."""
    return re.findall(rf"^{word} (.*)$", DOCKERFILE, re.MULTILINE)


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `systemd-analyze`, or skip the test where there is none."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    command = [program, "--no-pager", *map(str, arguments)]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def verify(folder: Path, unit: str, drop_in: str = "") -> str:
    """Return what systemd has against a unit; the interpreter of the tests stands in for the installed program."""
    path = folder / "tradingd.service"
    path.write_text(unit.replace(INSTALLED, sys.executable), "utf-8")
    if drop_in:
        (folder / "tradingd.service.d").mkdir()
        (folder / "tradingd.service.d/site.conf").write_text(drop_in, "utf-8")
    done = analyze("verify", "--recursive-errors=no", path)
    return done.stdout + (f"exit code {done.returncode}" if done.returncode else "")


# --- the unit ------------------------------------------------------------------------------------------------


def test_systemd_has_nothing_against_the_unit(tmp_path: Path) -> None:
    assert verify(tmp_path, UNIT) == ""


@pytest.mark.parametrize(
    ("right", "wrong"), [("Type=notify", "Type=notified"), ("WatchdogSec", "WatchDogSec"), (INSTALLED, "/opt/nowhere")]
)
def test_systemd_would_see_a_mistake_in_it(right: str, wrong: str, tmp_path: Path) -> None:
    assert verify(tmp_path, UNIT.replace(right, wrong)) != ""


@pytest.mark.parametrize("drop_in", DROP_INS)
def test_systemd_has_nothing_against_a_documented_drop_in(drop_in: str, tmp_path: Path) -> None:
    assert verify(tmp_path, UNIT, drop_in) == ""


def test_the_unit_is_hardly_exposed(record_property: Callable[[str, object], None]) -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", PROJECT / "systemd/tradingd.service")
    assert done.returncode == 0, done.stdout
    [exposure] = re.findall(r"exposure level .*: ([\d.]+)", done.stdout)
    record_property("told", f"exposure {exposure} of 10, by systemd-analyze security")


def test_a_unit_without_hardening_would_be_over_the_threshold(tmp_path: Path) -> None:
    path = tmp_path / "tradingd.service"
    path.write_text(UNHARDENED, "utf-8")
    assert analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", path).returncode != 0


@pytest.mark.parametrize("command", [*values("ExecStartPre"), *values("ExecStart"), *values("ExecReload")])
def test_the_command_line_takes_its_commands(command: str) -> None:
    program, verb, *arguments = shlex.split(command.replace("${CONFIGURATION_DIRECTORY}", str(PROJECT / "config")))
    assert program.removeprefix("-") == INSTALLED
    verbs = typer.main.get_command(app)
    assert isinstance(verbs, typer.core.TyperGroup)
    context = verbs.commands[verb].make_context(verb, arguments)
    assert context.params["config"] == PROJECT / "config/tradingd.toml"


def test_a_wrong_configuration_ends_the_main_process_as_one_that_is_not_restarted(tmp_path: Path) -> None:
    path = tmp_path / "tradingd.toml"
    path.write_text("[daemon]\nmoed = 'paper'\n", "utf-8")
    assert run("run", "-c", path).exit_code == EXIT_CONFIG
    assert values("RestartPreventExitStatus") == [str(EXIT_CONFIG)]
    # Only the main process's code is asked: a check that failed the start would be restarted for ever.
    assert all(command.startswith("-") for command in values("ExecStartPre"))


def test_it_is_given_the_time_that_it_may_take() -> None:
    [reload] = values("ExecReload")
    wait_s = int(reload.split("--timeout ")[1])
    assert supervisor.BOUNDARY_WAIT_S < wait_s < int(values("TimeoutStartSec")[0])
    assert int(values("TimeoutStopSec")[0]) > supervisor.STOP_WITHIN_S


def test_its_state_lies_where_the_default_configuration_says() -> None:
    assert [f"/var/lib/{name}" for name in values("StateDirectory")] == [DaemonSettings().state_dir]


def test_it_runs_where_no_memory_is_both_writable_and_executable(tmp_path: Path) -> None:
    assert values("MemoryDenyWriteExecute") == ["yes"]
    arguments = ["backtest", str(RSI), "--bars", f"DEMO={make_bars(tmp_path)}"]
    command = [sys.executable, "-c", WITHOUT_EXECUTABLE_MEMORY, *arguments]
    done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    if done.returncode == CANNOT_DENY:
        pytest.skip("this kernel cannot deny executable memory to one process (Linux 6.3 can)")
    assert done.returncode == 0, done.stderr
    assert "decisions_sha256" in done.stdout


# --- the container -------------------------------------------------------------------------------------------


def test_hadolint_has_nothing_against_the_dockerfile() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed beside this Python")
    command = [hadolint, "--no-color", "--config", ".hadolint.yaml", "Dockerfile"]
    done = subprocess.run(command, cwd=PROJECT, check=False, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_built_in_one_stage_works_in_the_other() -> None:
    built, final = (base.split()[0] for base in instructions("FROM"))
    assert built == final


def test_it_runs_as_somebody_without_a_name_or_rights() -> None:
    [user] = instructions("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"--chown={user} " in DOCKERFILE


def test_it_is_built_by_the_uv_of_the_makefile() -> None:
    [version] = re.findall(r"^UV_VERSION := (\S+)$", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert re.findall(r"uv==(\S+)", DOCKERFILE) == [version]


def test_what_it_copies_is_there_and_let_through() -> None:
    sources = [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]
    admitted = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{name}" for name in sources} == {line for line in admitted if line.startswith("!")}
    assert all((PROJECT / name).exists() for name in sources)
