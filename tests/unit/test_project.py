"""What somebody who installs the project gets: one version, few pinned dependencies, a complete wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import tradingd

PROJECT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))

RUNTIME = {
    "aiohttp", "msgspec", "numpy", "prometheus-client", "pydantic", "pydantic-settings", "redis", "rich", "stamina",
    "structlog", "ta-lib", "typer", "tzdata", "websockets",
}  # fmt: skip

IMPORT_ALL_WITHOUT_PANDAS = """
import pkgutil, sys
sys.modules["pandas"] = None  # importing it is now an ImportError
import tradingd
for module in pkgutil.walk_packages(tradingd.__path__, "tradingd."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
"""


def python(*arguments: str) -> str:
    """Run the interpreter of the tests in the project and return what it printed."""
    done = subprocess.run([sys.executable, *arguments], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def requirement_lines(name: str) -> list[str]:
    """Return the logical lines of a requirements file, without comments."""
    text = (PROJECT / name).read_text("utf-8")
    return [line for line in re.sub(r" *#.*", "", text).replace("\\\n", " ").splitlines() if line.strip()]


def pins(name: str) -> set[str]:
    return {line.split("--hash")[0].strip() for line in requirement_lines(name)}


def test_the_version_has_one_source() -> None:
    source = PROJECT / PYPROJECT["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{tradingd.__version__}"' in source.read_text("utf-8")
    assert "version" in PYPROJECT["project"]["dynamic"]


def test_the_command_tells_the_version() -> None:
    module, function = PYPROJECT["project"]["scripts"]["tradingd"].split(":")
    assert tradingd.__version__ in python("-c", f"from {module} import {function}; {function}()", "--version").split()


def test_the_changelog_has_the_version() -> None:
    assert f"## {tradingd.__version__}" in (PROJECT / "CHANGELOG.md").read_text("utf-8")


def test_runtime_dependencies_are_the_agreed_ones() -> None:
    names = [re.match(r"[\w-]+", line) for line in PYPROJECT["project"]["dependencies"]]
    assert {name.group().lower() for name in names if name} == RUNTIME


def test_requirements_are_pinned_with_hashes_and_name_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-clients.txt"):
        assert "://" not in (PROJECT / name).read_text("utf-8")
        for line in requirement_lines(name):
            assert re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_requirements_cover_the_dependencies_and_development_adds_to_them() -> None:
    runtime = pins("requirements.txt")
    assert {pin.split("==")[0] for pin in runtime} >= RUNTIME
    assert "pandas" not in {pin.split("==")[0] for pin in runtime}
    assert pins("requirements-dev.txt") >= runtime
    assert pins("requirements-clients.txt") >= set(PYPROJECT["dependency-groups"]["clients"])


def test_nothing_needs_pandas_to_run() -> None:
    assert python("-W", "error", "-c", IMPORT_ALL_WITHOUT_PANDAS) == ""


def test_the_wheel_holds_types_and_examples_and_nothing_else(tmp_path: Path) -> None:
    python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    [wheel] = tmp_path.glob("*.whl")
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {path for path in (PROJECT / "tradingd").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert wheel.name.startswith(f"tradingd-{tradingd.__version__}-")
    assert files == {str(path.relative_to(PROJECT)) for path in wanted}
    assert "tradingd/py.typed" in files
    assert any(re.fullmatch(r"tradingd/examples/[\w-]+\.json", name) for name in files)
