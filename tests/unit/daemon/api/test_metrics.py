"""The page for Prometheus, read back by Prometheus' own parser."""

from __future__ import annotations

import platform
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

import tradingd
from tradingd.daemon.api.metrics import METRICS, Counters, page, registry
from tradingd.model.errors import InvariantError


def everything() -> Counters:
    return {
        metric.name: {tuple(f"{label} of all" for label in metric.labels): 2.5} if metric.labels else 2.5
        for metric in METRICS
        if metric.name != "build_info"
    }


def test_every_figure_can_be_read_back() -> None:
    body, content_type = page(registry(everything), "")
    assert content_type.startswith("text/plain")
    samples = {sample.name: sample for family in parse(body.decode()) for sample in family.samples}
    for metric in METRICS:
        sample = samples[f"tradingd_{metric.name}"]
        assert set(sample.labels) == set(metric.labels)
        assert sample.value == (1 if metric.name == "build_info" else 2.5)
    assert samples["process_resident_memory_bytes"].value > 0


def test_a_client_that_wants_the_newer_format_gets_it() -> None:
    body, content_type = page(registry(everything), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert len(list(parse_open(body.decode()))) >= len(METRICS)  # type: ignore[no-untyped-call] # the library forgot


def test_what_is_not_known_is_left_out_but_the_build_is_always_there() -> None:
    body, _ = page(registry(dict), "")
    assert b"tradingd_events_total" not in body
    version, python = tradingd.__version__, platform.python_version()
    assert f'tradingd_build_info{{python="{python}",version="{version}"}} 1.0' in body.decode()


def test_a_name_that_is_not_in_the_table_fails_loudly() -> None:
    with pytest.raises(InvariantError, match="nonsense"):
        page(registry(lambda: {"nonsense": 1}), "")


def test_names_follow_the_customs() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name), metric
        assert metric.help.endswith("."), metric
    assert len({metric.name for metric in METRICS}) == len(METRICS)
