"""Reading every trace that a driver declares."""

from __future__ import annotations

from instruments.driver import ScpiTool, Trace
from instruments.jobs import TraceBlock


def all_traces(tool: ScpiTool, handle: str) -> tuple[TraceBlock, ...]:
    """The curves of a job, one for each `Trace` of the driver's table.

    A curve's key is the row's name without `_trace`. Raises what the link raises.
    """
    rows = [entry for entry in tool.entries() if isinstance(entry, Trace)]
    return tuple(_block(tool, handle, row) for row in rows)


def _block(tool: ScpiTool, handle: str, row: Trace) -> TraceBlock:
    step = tool.number(f'TRAC:DT? "{handle}",{row.channel}')
    samples = tool.link.block(f'{row.head} "{handle}",{row.channel}')
    return TraceBlock(row.name.removesuffix("_trace"), row.unit, 0.0, step, samples)
