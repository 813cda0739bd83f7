"""Reading the curves of a job."""

from __future__ import annotations

from collections.abc import Iterable

from instruments.driver import ScpiTool, Trace
from instruments.jobs import TraceBlock


def all_traces(tool: ScpiTool, handle: str) -> tuple[TraceBlock, ...]:
    """The curves of a job, one for each `Trace` of the driver's table.

    A curve's key is the row's name without `_trace`. Raises what the link raises.
    """
    rows = [entry for entry in tool.entries() if isinstance(entry, Trace)]
    named = ((row.name.removesuffix("_trace"), row.channel, row.unit) for row in rows)
    return traces_of(tool, handle, named)


def traces_of(
    tool: ScpiTool, handle: str, channels: Iterable[tuple[str, str, str]], start: float = 0.0
) -> tuple[TraceBlock, ...]:
    """The curves of a job: key, the tool's channel and unit of each; all begin at `start`."""
    return tuple(
        TraceBlock(
            key,
            unit,
            start,
            tool.number(f'TRAC:DT? "{handle}",{channel}'),
            tool.link.block(f'TRAC:DATA? "{handle}",{channel}'),
        )
        for key, channel, unit in channels
    )
