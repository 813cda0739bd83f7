"""However far off an operator sets a process, the tool goes through its job and answers."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from instruments.fab.clock import FabClock
from instruments.fab.kinds import MODELS
from tests.instruments.test_models import Bench

READY = {
    "scanner": (("track", "TRK:OPER COAT", 'COAT:RES "R1"'),),
}
SETTINGS = {"scanner": ('EXP:RET "R1"',)}
AMOUNTS = (-1e6, -674.0, -673.15, -450.0, -100.0, -1.0, 0.5, 1e3, 1e6)
KINDS = [(kind, fault) for kind, model in MODELS.items() for fault in model.process_faults]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize(("kind", "fault"), KINDS)
def test_a_process_that_is_far_off_goes_on(kind: str, fault: str, amount: float) -> None:
    bench = Bench()
    for before in READY.get(kind, ()):
        bench.process(*before)
    tool = bench.tools[kind]
    tool.disturb(fault, amount)
    began = time.process_time()
    bench.process(kind, *SETTINGS.get(kind, ()))
    assert time.process_time() - began < 2.0
    (job,) = tool.jobs.values()
    assert job.state == "DONE"
    for channel in tool.channels:
        assert np.isfinite(tool.trace(job, channel)).all(), channel
    for head in tool.handlers:
        if head.endswith("?") and not head.startswith(("LOG", "DIAG", "*")):
            answer = bench.say(kind, f'{head} "{job.handle}"')
            assert "nan" not in answer, head
            assert "inf" not in answer, head
    wafer = bench.world.wafer("W1")
    assert all(math.isfinite(nm) for film in wafer.films for nm in film.nm)
    assert len(wafer.particles) < 20_000


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_time_goes_on_at_a_speed_that_is_a_number(scale: float) -> None:
    clock = FabClock(10.0)
    with pytest.raises(ValueError, match="scale"):
        clock.rescale(scale)
    with pytest.raises(ValueError, match="scale"):
        FabClock(scale)
    assert math.isfinite(clock.now())
