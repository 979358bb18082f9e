from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tradingd.core.settings import CoreSettings
from tradingd.daemon import config
from tradingd.model.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[3] / "config/tradingd.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, "utf-8")
    return path


def faults(**given: Any) -> list[str]:
    """What is wrong with a configuration, in words."""
    settings, findings = config.examine(**given)
    assert (settings is None) == bool(findings)
    return [finding.message for finding in findings]


def test_without_anything_the_defaults_hold() -> None:
    assert config.core_settings(config.load()) == CoreSettings()


def test_the_shipped_file_is_the_defaults_and_has_every_key() -> None:
    assert config.core_settings(config.load(SHIPPED)) == CoreSettings()
    written = tomllib.loads(SHIPPED.read_text("utf-8"))
    assert [f"{group}.{key}" for group, keys in written.items() for key in keys] == list(config._HINTS)


def test_each_layer_is_over_the_one_before(tmp_path: Path) -> None:
    path = write(tmp_path, "[risk]\nmax_entries_per_session = 1\n[simulation]\nlatency_ms = 1\nslippage_bps = 1\n")
    environment = {"TRADINGD__SIMULATION__LATENCY_MS": "2", "TRADINGD__SIMULATION__SLIPPAGE_BPS": "2"}
    settings = config.load(path, environment, ["simulation.slippage_bps=3", "simulation.slippage_bps=4"])
    assert settings.risk.max_entries_per_session == 1
    assert settings.simulation.latency_ms == 2
    assert settings.simulation.slippage_bps == 4
    assert settings.bars.bar_grace_ms == 1000


def test_variables_of_others_are_left_alone() -> None:
    assert faults(environment={"TRADINGD_SHARED": "/x", "tradingd__risk": "1", "HOME": "/"}) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("0.1", Decimal("0.1")),
        ("true", True),
        ('"5"', "5"),
        ("none", "none"),
        ("15:10", "15:10"),
        ("15:10:00", "15:10:00"),
        ("2024-01-01", "2024-01-01"),
        ("[1, 2]", [1, 2]),
        ("", ""),
        ("two words", "two words"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_value_is_toml_and_a_bare_word_a_string(text: str, value: object) -> None:
    assert config.value_of(text) == value
    assert type(config.value_of(text)) is type(value)


def test_a_decimal_is_taken_as_written(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, "[simulation]\nslippage_bps = 0.1\n"))
    assert settings.simulation.slippage_bps == Decimal("0.1")


@pytest.mark.parametrize("text", ["15m", "1h", "90s", "15:10", "00:00", "none", "15MIN"])
def test_an_intraday_exit_that_can_be_meant(text: str) -> None:
    assert config.load(overrides=[f"session.intraday_exit={text}"]).session.intraday_exit == text


@pytest.mark.parametrize("text", ["25:00", "15:60", "9:15", "15:10:30", "soon", "0m", "99h", "5", "true", ""])
def test_an_intraday_exit_that_cannot(text: str) -> None:
    [fault] = faults(overrides=[f"session.intraday_exit={text}"])
    assert "it must be a time before the session's end as 15m, a time of day as 15:10, or none" in fault


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("bars.bar_grace_ms=-1", "a whole number of at least 0"),
        ("bars.bar_grace_ms=1.5", "a whole number of at least 0"),
        ("bars.bar_grace_ms=true", "a whole number of at least 0"),
        ("indicators.anchor=sesion", "auto, session or run"),
        ("orders.incomplete_entry=[1]", "keep or close"),
        ('contracts.spot_age_s_max="-5"', "a whole number of at least 0"),
        ("risk.max_entries_per_session=many", "none or a whole number of at least 0"),
        ("risk.max_entries_per_session=-1", "none or a whole number of at least 0"),
        ("simulation.max_volume_share=0", "none or a number above 0 and at most 1"),
        ("simulation.max_volume_share=1.01", "none or a number above 0 and at most 1"),
        ("simulation.starting_cash=0", "a number above 0"),
        ("simulation.starting_cash=nan", "a number above 0"),
        ("simulation.slippage_bps=inf", "a number of at least 0"),
    ],
)
def test_a_bad_value_is_told_with_what_would_be_right(override: str, wanted: str) -> None:
    key, _, value = override.partition("=")
    [fault] = faults(overrides=[override])
    assert fault.startswith(f"{key} = ")
    assert value.strip('"').lower() in fault.lower()
    assert fault.endswith(f"(--set): it must be {wanted}")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("risk.max_entris", "did you mean risk.max_entries_per_session?"),
        ("risks.max_entries_per_session", "did you mean risk.max_entries_per_session?"),
        ("risk", "risk has risk.max_entries_per_session"),
        ("bars.xyz", "bars has bars.bar_grace_ms"),
        ("simulation.latency_ms.more", "did you mean simulation.latency_ms?"),
        ("zzz", "keys begin with bars., "),
        ("Bars.bar_grace_ms", "did you mean bars.bar_grace_ms?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(key: str, hint: str) -> None:
    [fault] = faults(overrides=[f"{key}=1"])
    assert fault.startswith(f"{key} = 1 (--set): there is no such key; ")
    assert hint in fault


def test_every_fault_of_every_layer_is_told_at_once_with_its_origin(tmp_path: Path) -> None:
    path = write(
        tmp_path, "title = 1\n[bars]\nbar_grace_ms = -1\n[bars.more]\nx = 1\n[session]\nintraday_exit = 15:10:00\n"
    )
    environment = {"TRADINGD__RISK__MAX": "3", "TRADINGD__INDICATORS__ANCHOR": "never"}
    with pytest.raises(ConfigError) as refused:
        config.load(path, environment, ["simulation.intrabar=guess", "foo=1"])
    message = str(refused.value)
    assert message.startswith("the configuration has 8 error(s)\n")
    for told in (
        f"title = 1 ({path}): there is no such key",
        f"bars.more.x = 1 ({path}): there is no such key",
        f"bars.bar_grace_ms = -1 ({path}): it must be a whole number of at least 0",
        f'session.intraday_exit = "15:10:00" ({path}): it must be',
        "risk.max = 3 (environment): there is no such key",
        'indicators.anchor = "never" (environment): it must be auto, session or run',
        'simulation.intrabar = "guess" (--set): it must be synthetic or strict',
        "foo = 1 (--set): there is no such key",
    ):
        assert told in message


def test_a_wrong_value_that_a_higher_layer_replaces_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path, "[bars]\nbar_grace_ms = -1\n")
    assert faults(path=path, overrides=["bars.bar_grace_ms=5"]) == []


@pytest.mark.parametrize("content", [b"[bars", b"[bars]\nbar_grace_ms = 1\nbar_grace_ms = 2\n", b"\xff\xfe", b"a = "])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml: .*; a configuration is a TOML file in UTF-8"):
        config.load(path)


def test_findings_point_into_the_settings() -> None:
    _, [finding] = config.examine(overrides=["risk.max_entris=3"])
    assert finding.as_dict() == {
        "severity": "error",
        "code": "config-unknown-key",
        "node": "",
        "pointer": "/risk/max_entris",
        "message": "risk.max_entris = 3 (--set): there is no such key; did you mean risk.max_entries_per_session?",
        "suggestion": "risk.max_entries_per_session",
    }


def test_the_schema_accepts_the_shipped_file_and_judges_as_the_loader_does() -> None:
    schema = config.schema()
    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)
    assert judge.is_valid(tomllib.loads(SHIPPED.read_text("utf-8")))
    for wrong in (
        {"risk": {"max": 1}},
        {"risk": {"max_entries_per_session": -1}},
        {"simulation": {"max_volume_share": 0}},
        {"simulation": {"starting_cash": 0}},
        {"session": {"intraday_exit": "25:00"}},
        {"title": 1},
    ):
        assert not judge.is_valid(wrong), wrong


def test_every_number_has_bounds() -> None:
    numbers = {key for key, hint in config._HINTS.items() if "int" in str(hint) or "Decimal" in str(hint)}
    assert numbers == set(config.BOUNDS)


def test_a_credential_is_a_file_named_after_its_key(tmp_path: Path) -> None:
    (tmp_path / "redis.url").write_text("redis://:secret@127.0.0.1:6379/0\n", "utf-8")
    (tmp_path / "somebody-elses").write_text("x", "utf-8")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert config.load(None, environment).redis.url == "redis://:secret@127.0.0.1:6379/0"
    told = {
        key: (value, origin)
        for key, value, origin in config.origins(None, environment, ["risk.max_entries_per_session=5"])
    }
    assert told["redis.url"] == ('"redis://***@127.0.0.1:6379/0"', "credentials")
    assert told["risk.max_entries_per_session"] == ("5", "--set")
    assert told["bars.bar_grace_ms"] == ("1000", "default")


def test_a_credential_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis.url").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="credential"):
        config.load(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            '{symbol = "X"}',
            'data.files[1] = {"symbol": "X"} (TOML): it must be a table with a path; it may have path, ',
        ),
        ("5", "data.files[1] = 5 (TOML): it must be a table with a path; it may have path, symbol, kind, timeframe"),
        ('{path = "x", kind = "bar"}', 'data.files[1].kind = "bar" (TOML): it must be bars or ticks'),
        ("{path = 5}", "data.files[1].path = 5 (TOML): it must be a text"),
        (
            '{path = "x", simbol = "X"}',
            'data.files[1].simbol = "X" (TOML): there is no such key; an entry may have path',
        ),
    ],
)
def test_what_is_wrong_with_an_entry_of_a_list_is_told_by_its_own_place(tmp_path: Path, entry: str, told: str) -> None:
    path = write(tmp_path, f'[data]\nfiles = [{{path = "a"}}, {entry}]\n')
    settings, [finding] = config.examine(path)
    assert settings is None
    assert finding.message.startswith(told.replace("TOML", str(path)))
    assert finding.pointer.startswith("/data/files/1")


def test_a_list_that_is_none_is_told_whole(tmp_path: Path) -> None:
    assert faults(path=write(tmp_path, "[data]\nfiles = 5\n"))[0].endswith(
        "it must be a list of tables, each with a path"
    )
