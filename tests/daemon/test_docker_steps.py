"""The container without a container engine: the Dockerfile's own steps, run as they stand in a clean directory.

The directory stands in for the image's root, a fresh environment for the base image's Python; what the Dockerfile
does not copy is not there. The build takes half a minute, and a package index.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tradingd
from tests.unit.test_project import pins
from tradingd.daemon.cli.ctl import EXIT_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
ABSOLUTE = re.compile(r"""(?:(?<=[\s"'=])|^)/(?=\w)""")
NOT_OURS = ("PYTHON", "TRADINGD_", "VIRTUAL_ENV")


def instructions() -> Iterator[tuple[str, str]]:
    """Give the Dockerfile's instructions, each with its arguments in one line."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        word, _, arguments = line.partition(" ")
        yield word, arguments


class Image:
    """What the stages leave behind in a directory, and what the last one declares."""

    def __init__(self, root: Path) -> None:
        self.root = self.folder = root
        self.declared: dict[str, list[str]] = {}
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(NOT_OURS)}
        subprocess.run([sys.executable, "-m", "venv", root / "usr/local"], check=True)
        self.environment["PATH"] = f"{root}/usr/local/bin:/usr/bin:/bin"

    def perform(self, word: str, arguments: str) -> None:
        arguments = ABSOLUTE.sub(f"{self.root}/", arguments)
        match word:
            case "FROM" if self.folder != self.root:
                shutil.rmtree(self.folder)  # the last stage does not see where the one before it worked
                self.folder = self.root
            case "ENV":
                named = dict(pair.split("=", 1) for pair in shlex.split(arguments))
                path = self.environment["PATH"]
                self.environment |= {key: value.replace("$PATH", path) for key, value in named.items()}
            case "WORKDIR":
                self.folder = Path(arguments)
                self.folder.mkdir()
            case "COPY":
                *sources, target = (text for text in arguments.split() if not text.startswith("--"))
                for source in sources:
                    self.copy(PROJECT / source, self.folder / target)
            case "RUN":
                done = self.run("sh", "-c", arguments)
                assert done.returncode == 0, f"RUN {arguments}\n{done.stdout}{done.stderr}"
            case "ENTRYPOINT" | "CMD" | "HEALTHCHECK":
                self.declared[word] = json.loads(arguments[arguments.index("[") :])

    def copy(self, source: Path, target: Path) -> None:
        if source == target:  # from one stage to the next
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | variables
        return subprocess.run(command, cwd=self.folder, env=environment, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    made = Image(tmp_path_factory.mktemp("image"))
    if made.run("python", "-m", "pip", "index", "versions", "uv", "--retries", "0").returncode != 0:
        pytest.skip("no package index answers; the image is built from one")
    for word, arguments in instructions():
        made.perform(word, arguments)
    return made


def test_what_it_builds_starts(image: Image) -> None:
    done = image.run(*image.declared["ENTRYPOINT"], "--version")
    assert (done.returncode, done.stdout) == (0, f"tradingd {tradingd.__version__}\n"), done.stderr


def test_the_configuration_it_is_started_with_is_in_it_and_right(image: Image) -> None:
    verb, *arguments = image.declared["CMD"]
    assert verb == "run"
    done = image.run(*image.declared["ENTRYPOINT"], "check", *arguments)
    assert done.returncode == 0, done.stderr


def test_it_is_unhealthy_where_nothing_answers(image: Image) -> None:
    state_dir = str(image.root / "var/lib/tradingd")
    done = image.run(*image.declared["HEALTHCHECK"], TRADINGD__DAEMON__STATE_DIR=state_dir)
    assert done.returncode == EXIT_UNREACHABLE
    assert state_dir in done.stderr


def test_it_holds_the_pinned_requirements_and_nothing_of_development(image: Image) -> None:
    [packages] = (image.root / "opt/tradingd/lib").glob("python*/site-packages")
    installed = {path.name.removesuffix(".dist-info").rpartition("-") for path in packages.glob("*.dist-info")}
    found = {f"{name}=={version}".replace("_", "-").lower() for name, _, version in installed}
    own = f"tradingd=={tradingd.__version__}"
    assert own in found
    assert found - {own} <= {pin.split(" ")[0].lower() for pin in pins("requirements.txt")}
