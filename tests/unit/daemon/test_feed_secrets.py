"""The secrets of a feed: they are read from where secrets lie, and shown nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tradingd.daemon import config, desired
from tradingd.daemon.cli.main import app
from tradingd.model.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-7391"


def test_a_token_is_read_from_the_credential_directory_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "feed.access_token").write_text(f"{CANARY}\n")
    (tmp_path / "feed.api_secret").write_text(CANARY)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    settings = config.load(environment=environment)
    assert settings.feed.access_token.get_secret_value() == settings.feed.api_secret.get_secret_value() == CANARY
    shown = {key: (value, origin) for key, value, origin in config.origins(environment=environment)}
    assert shown["feed.access_token"][1] == "credentials"
    assert CANARY not in "".join((repr(settings), settings.model_dump_json(), json.dumps(shown)))


def test_a_token_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match=r"feed\.access_token = \*\*\* \(environment\): it must be a text") as refused:
        config.load(environment={"TRADINGD__FEED__ACCESS_TOKEN": "739173917391"})
    assert "7391" not in str(refused.value)


def test_another_token_needs_no_restart_and_another_key_does(tmp_path: Path) -> None:
    file = tmp_path / "feed.access_token"
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    before = desired.read(None, environment, ["feed.provider=kite"])
    file.write_text(CANARY)
    after = desired.read(None, environment, ["feed.provider=kite"])
    assert desired.restart_only(before.settings, after.settings) == []
    file.write_text("the next day's")
    assert desired.read(None, environment, ["feed.provider=kite"]).hash == after.hash
    other = desired.read(None, environment, ["feed.provider=kite", "feed.api_key=other"])
    assert desired.restart_only(after.settings, other.settings) == ["feed.api_key"]


def test_ctl_wants_a_token_on_standard_input(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ctl", "token", "--socket", str(tmp_path / "none.sock")], input="\n")
    assert done.exit_code == 2
    assert "there is no token on standard input" in done.output
