"""What the drivers and programs of measuring tools share: a table of numbers, a row a place."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.carrier_program import CarrierProgram
from instruments.driver import ScpiTool, checked_name
from instruments.errors import Garbled
from instruments.jobs import AfterUnknown, Done, StepOrder

BEYOND = 1e9
"""No column, coordinate or result in its unit comes near it."""


class SiteTool(ScpiTool):
    """A tool that measures at places; `columns` numbers a place."""

    columns: ClassVar[int] = 1

    def rows(self, handle: str) -> NDArray[np.float64]:
        """What the job `handle` measured, shape (places, columns), in the order of measurement."""
        raw = self.link.block(f'DATA:SITE? "{checked_name(handle)}"')
        if len(raw) % self.columns:
            self.link.distrust()
            raise Garbled(f"{len(raw)} numbers are no whole number of places")
        # Neither NaN nor an infinity is below any number.
        if not (np.abs(raw) < BEYOND).all():
            self.link.distrust()
            raise Garbled("the table of places has values that nothing can have")
        return np.asarray(raw, dtype=np.float64).reshape(-1, self.columns)


class SiteProgram(CarrierProgram):
    """Measures wafers; a measurement changes nothing and may be repeated."""

    process_kind: ClassVar[str] = "measure"
    process_title: ClassVar[str] = "Measure"
    process_after_unknown: ClassVar[AfterUnknown] = "repeat"
    is_process: ClassVar[bool] = False
    reads_traces: ClassVar[bool] = False

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """The table of the job, put into words by `found`."""
        if not isinstance(tool, SiteTool):
            raise TypeError(f"{type(tool).__name__} has no table of places")
        return self.found(tool, tool.rows(handle), handle)

    def found(self, tool: SiteTool, rows: NDArray[np.float64], handle: str) -> Done:
        """Readings and sites of a table of places."""
        return Done()
