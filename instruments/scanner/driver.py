"""Driver of the scanner; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, ScpiTool, Setting, Text, Trace

COLUMNS = 11
ROWS = 7
DOSE_LOW_MJ = 5.0
DOSE_HIGH_MJ = 100.0
FOCUS_LIMIT_NM = 600.0


class Scanner(ScpiTool):
    """Immersion scanner: exposes the full fields of a wafer, uniformly or as a matrix."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,SCANNER-")

    reticle = Text(
        "EXP:RET", pattern=r"[A-Z0-9._-]{1,40}", kind=RECIPE, doc="ID of the reticle to expose."
    )
    na = Setting(
        "ILL:NA", unit="", low=0.85, high=1.35, kind=RECIPE, verify=1e-4, doc="Numerical aperture."
    )
    sigma_out = Setting(
        "ILL:SIGO", unit="", low=0.30, high=0.98, kind=RECIPE, verify=1e-4,
        doc="Outer partial coherence.",
    )  # fmt: skip
    sigma_in = Setting(
        "ILL:SIGI", unit="", low=0.0, high=0.90, kind=RECIPE, verify=1e-4,
        doc="Inner partial coherence, below the outer.",
    )  # fmt: skip
    mode = Choice(
        "ILL:MODE", ("CONV", "ANN", "DIP"), kind=RECIPE,
        doc="Illumination: conventional, annular or dipole.",
    )  # fmt: skip
    layout = Choice(
        "LAY:KIND", ("FEM", "UNI"), kind=RECIPE,
        doc="Focus-exposure matrix or the same dose and focus everywhere.",
    )  # fmt: skip
    dose_start = Setting(
        "LAY:DOSE:STAR", unit="mJ/cm²", low=DOSE_LOW_MJ, high=DOSE_HIGH_MJ, kind=RECIPE,
        verify=1e-3, doc="Dose of the matrix's first row, or of every field.",
    )  # fmt: skip
    dose_step = Setting(
        "LAY:DOSE:STEP", unit="mJ/cm²", low=0, high=10, kind=RECIPE, verify=1e-3,
        doc="Dose added with each row.",
    )  # fmt: skip
    dose_count = Setting(
        "LAY:DOSE:COUN", unit="rows", low=1, high=ROWS, kind=RECIPE, verify=0, whole=True,
        doc="Rows of the matrix.",
    )  # fmt: skip
    focus_start = Setting(
        "LAY:FOC:STAR", unit="nm", low=-500, high=500, kind=RECIPE, verify=1e-3,
        doc="Focus of the matrix's first column, or of every field.",
    )  # fmt: skip
    focus_step = Setting(
        "LAY:FOC:STEP", unit="nm", low=0, high=100, kind=RECIPE, verify=1e-3,
        doc="Focus added with each column.",
    )  # fmt: skip
    focus_count = Setting(
        "LAY:FOC:COUN", unit="columns", low=1, high=COLUMNS, kind=RECIPE, verify=0, whole=True,
        doc="Columns of the matrix.",
    )  # fmt: skip

    lens_heating = Reading("LENS:HEAT?", unit="nm", doc="Focus shift left by lens heating.")
    temperature = Reading("SENS:TEMP?", unit="°C", doc="Temperature in the exposure chamber.")
    pulses = Reading("COUN:PULS?", unit="pulses", doc="Laser pulses since installation.")
    shutter = Choice("SHUT:STAT", ("OPEN", "CLOSED"), kind="reading", doc="Shutter.")
    stage = Choice("STAG:STAT", ("PARKED", "MOVING", "READY"), kind="reading", doc="Wafer stage.")

    dose_trace = Trace("TRAC:DATA?", "DOSE", unit="mJ/cm²", doc="Dose as the energy sensor saw it.")
    focus_trace = Trace("TRAC:DATA?", "FOC", unit="nm", doc="Focus error of the levelling loop.")
    stage_x_trace = Trace("TRAC:DATA?", "STX", unit="nm", doc="Stage error across the scan.")
    stage_y_trace = Trace("TRAC:DATA?", "STY", unit="nm", doc="Stage error along the scan.")

    def job_pulses(self, handle: str) -> float:
        """Laser pulses of one job."""
        return self.number(f'TRAC:PULS? "{handle}"')
