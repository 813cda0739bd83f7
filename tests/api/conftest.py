"""Requests inside the test's transaction, a quiet log, and a run with everything it can leave."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

import numpy as np
import pytest
import structlog
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from instruments.jobs import Done, ReadingValue, SiteValue, TraceBlock
from testbed.material.models import Carrier
from testbed.runs import log, store
from testbed.runs.models import WireLog
from testbed.usage.lines import settle
from tests.world import World


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests share the test's transaction, so a finished request must not close it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of requests, each with two lines and a warning, would hide what failed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("django.request").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def site(key: str, value: float, col: int, quality: str = "GOOD") -> SiteValue:
    return SiteValue(key, value, "nm", col, 0, 26.0 * col, 0.0, quality)  # type: ignore[arg-type]


@pytest.fixture
def measured(world: World) -> World:
    """The world's run with a log, a wire, a price, a curve, and one line that was not resolved."""
    mean = ReadingValue("mean_cd", 40.2, "nm")
    sites = (site("cd", 40.1, 0), site("cd", math.nan, 1, "NOT_RESOLVED"), site("lwr", 3.1, 0))
    curve = TraceBlock("beam", "pA", 0.0, 0.1, np.linspace(9.0, 11.0, 300, dtype=np.float32))
    store.keep(world.step, Done(readings=(mean,), sites=sites, traces=(curve,)))
    log.append(run=world.run, kind="run.completed")
    exchange = {"at": "2026-01-31T09:00:00+09:00", "tx": "*IDN?", "rx": "", "ms": 2.5, "error": ""}
    WireLog.objects.create(run=world.run, step=world.step, exchanges=[exchange])
    settle(run=world.run)
    Carrier.objects.create(code="FOUP-02")
    return world
