"""What was said on the wires, kept with a run when it fails.

A link serves one run after another, and one company after another; so each exchange carries the
run, tool and step it was made for, and only those of the run itself are kept with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from instruments.link import Exchange
from testbed.runs import log
from testbed.runs.models import Run, Step, WireLog

KEPT = 200


def label(run_id: int, tool: str, step: int | None) -> str:
    """What `Link.about` says while it serves a run: run, tool's code and step's number."""
    return f"{run_id}/{tool}/{'' if step is None else step}"


def keep(run: Run, step: Step | None, said: Sequence[Exchange]) -> WireLog | None:
    """Keep the newest exchanges that were made for this run; None where there are none."""
    rows = [row for one in said if (row := _row(run, one)) is not None]
    if not rows:
        return None
    return WireLog.objects.create(run=run, step=step, exchanges=log.plain(rows[-KEPT:]))


def seal(kept: WireLog | None) -> str:
    """Hex SHA-256 of what was kept, for the run's log; "" where nothing was."""
    if kept is None:
        return ""
    return hashlib.sha256(log.canonical({"exchanges": kept.exchanges})).hexdigest()


def _row(run: Run, one: Exchange) -> dict[str, Any] | None:
    run_id, _slash, rest = one.about.partition("/")
    if run_id != str(run.pk):
        return None
    tool, _slash, step = rest.partition("/")
    return {
        "at": one.at.isoformat(), "tool": tool, "step": int(step) if step else None,
        "tx": one.tx, "rx": one.rx, "ms": round(one.ms, 2), "error": one.error,
    }  # fmt: skip
