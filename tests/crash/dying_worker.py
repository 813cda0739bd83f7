"""A real Celery worker that kills itself, and its whole process group, at a chosen point.

`python -m tests.crash.dying_worker QUEUE POINT`. The points stand around the one process step:
  intended  the intent is committed, nothing has been sent
  begun     the tool has started the job, we have not written that down
  sent      it is written down, the tool is at work
  finished  the tool is done, its data are not stored
  stored    everything is stored, the bell for the next step has not been rung

And one that does not die: frozen, which stops for good inside the transaction that writes the
outcome down, so that its connection keeps the lease's row locked.

With CRASH_GATE=<folder> it does not die either: it waits at the point, once, until there is a
file `open` in the folder, so that something else can be killed at this very moment.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINTS = ("intended", "begun", "sent", "finished", "stored", "frozen")


def die() -> None:
    gate = os.environ.get("CRASH_GATE")
    if gate is None:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    else:
        wait_at(Path(gate))


def wait_at(gate: Path) -> None:
    """Say that the point is reached, and wait for the gate to open; only the first time."""
    if (gate / "reached").exists():
        return
    (gate / "reached").touch()
    while not (gate / "open").exists():
        time.sleep(0.01)


def around(module: Any, name: str, *, before: bool, when: Callable[..., bool]) -> None:
    """Die before or after `module.name` is called, if `when` says so of its arguments."""
    real = getattr(module, name)

    @functools.wraps(real)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        doomed = when(*args, **kwargs)
        if doomed and before:
            die()
        result = real(*args, **kwargs)
        if doomed:
            die()
        return result

    setattr(module, name, deadly)


def arm_freeze() -> None:
    """Stop the whole process group once the lease's row is locked by a step's intent."""
    from testbed.runs import lease, moves

    real_intend, real_fence = moves.intend, lease.fence

    def fence(held: Any) -> None:
        real_fence(held)
        os.killpg(os.getpgrp(), signal.SIGSTOP)

    def intend(held: Any, run: Any, step: Any, *rest: Any) -> Any:
        if step.is_process:
            lease.fence = fence
        return real_intend(held, run, step, *rest)

    moves.intend = intend


def arm(point: str) -> None:
    from testbed.runs import moves

    if point == "frozen":
        arm_freeze()
        return

    def of_process(held: Any, run: Any, step: Any, *rest: Any) -> bool:
        return bool(step.is_process)

    ways = {
        "intended": ("intend", False),
        "begun": ("note_progress", True),
        "sent": ("note_progress", False),
        "finished": ("done", True),
        "stored": ("done", False),
    }
    name, before = ways[point]
    if point == "stored":
        # The bell rings when the transaction has committed: die in its place.
        from testbed.runs import doorbell

        real_done, real_ring = moves.done, doorbell.ring

        def ring(queue: str, run_id: int) -> None:
            die()
            real_ring(queue, run_id)

        def done(held: Any, run: Any, step: Any, outcome: Any) -> None:
            if step.is_process:
                doorbell.ring = ring
            real_done(held, run, step, outcome)

        moves.done = done
    else:
        around(moves, name, before=before, when=of_process)


def main(queue: str, point: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testbed.settings")
    from testbed.celery import app

    app.set_current()
    app.loader.import_default_modules()
    arm(point)
    app.worker_main(
        ["worker", "-Q", queue, "-P", "prefork", "-c", "1", "--without-gossip",
         "--without-mingle", "-l", "warning", "-n", f"dying-{point}@%h"]
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
