"""How far off the scanner prints a layer: the 10-parameter model, its drift, and what is left.

With X, Y the field's centre and x, y the place in the field (mm), an overlay error in nm is

    dx = Tx + Sx·X − R·Y + (M + A)·x − (F + G)·y
    dy = Ty + Sy·Y + (R + O)·X + (M − A)·y + (F − G)·x

(1 ppm, or 1 µrad, times 1 mm is 1 nm). The scanner's own corrections leave small constant terms,
each alignment adds a little, and the lens, as it warms, magnifies. What no linear model follows is
a third-order signature of the slit and a fixed grid of the stage.
"""

from __future__ import annotations

import math

import numpy as np

from instruments.fab.matter import Particle, Registration
from instruments.fab.models.litho import FIELD_H_MM, FIELD_W_MM, Field, field_centre, full_fields

TERMS = (
    "tx", "ty", "scale_x", "scale_y", "rotation", "orthogonality",
    "magnification", "magnification_asymmetry", "field_rotation", "field_rotation_asymmetry",
)  # fmt: skip
CONSTANT = (1.5, 1.5, 0.02, 0.02, 0.02, 0.01, 0.10, 0.05, 0.08, 0.05)
"""Standard deviation of what each tool's corrections leave, in the terms' units."""
PER_WAFER = (0.4, 0.4, 0.004, 0.004, 0.004, 0.002, 0.02, 0.01, 0.02, 0.01)
"""Standard deviation from wafer to wafer, by the noise of the alignment."""
GRID_NM = 0.35
HEATING_PPM = 0.30
"""Magnification of a saturated lens that its own model does not take away."""
SLIT_NM = 0.8
"""Third-order term of the slit; less its slope, 0.32 nm are left at the ends."""
DEFECTS_PER_FIELD = 0.05
EDGE_FACTOR = 3.0
"""The meniscus loses droplets where it crosses the edge of the wafer."""
EDGE_FIELD_MM = 110.0


class Stage:
    """One scanner's own part of the overlay, drawn once from its seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 23])
        self.constant = [float(rng.normal(0, one)) for one in CONSTANT]
        self.grid = {at: tuple(rng.normal(0, GRID_NM, 2)) for at in full_fields()}
        self.rng = np.random.default_rng([seed, 29])

    def align(self, heat: float, shift: tuple[float, float] = (0.0, 0.0)) -> Registration:
        """What the next wafer will be printed with.

        `heat` is the lens's, 0 to 1; `shift` in nm is what a fault of the alignment adds.
        """
        drawn = (
            constant + float(self.rng.normal(0, spread))
            for constant, spread in zip(self.constant, PER_WAFER, strict=True)
        )
        terms = dict(zip(TERMS, drawn, strict=True))
        terms["magnification"] += HEATING_PPM * heat
        terms["tx"] += shift[0]
        terms["ty"] += shift[1]
        residual = {f"{c},{r}": (float(x), float(y)) for (c, r), (x, y) in self.grid.items()}
        return Registration(**terms, residual=residual)

    def defects(self, fields: list[Field], times: float = 1.0) -> list[Particle]:
        """Bubbles and watermarks left by the water over `fields`, `times` as many as usual."""
        found = []
        for at in fields:
            x, y = field_centre(at)
            edge = EDGE_FACTOR if math.hypot(x, y) > EDGE_FIELD_MM else 1.0
            count = int(self.rng.poisson(DEFECTS_PER_FIELD * edge * times))
            found += [self._defect(x, y) for _ in range(count)]
        return found

    def _defect(self, x: float, y: float) -> Particle:
        is_watermark = self.rng.random() < 0.4
        size = self.rng.uniform(800, 2500) if is_watermark else self.rng.uniform(45, 120)
        return Particle(
            float(x + self.rng.uniform(-0.5, 0.5) * FIELD_W_MM),
            float(y + self.rng.uniform(-0.5, 0.5) * FIELD_H_MM),
            float(size),
            "watermark" if is_watermark else "bubble",
        )


def offset(layer: Registration, at: Field, x: float, y: float) -> tuple[float, float]:
    """Overlay error in nm at `x`, `y` mm from the centre of field `at`."""
    far_x, far_y = field_centre(at)
    grid_x, grid_y = layer.residual.get(f"{at[0]},{at[1]}", (0.0, 0.0))
    magnify, skew = layer.magnification, layer.magnification_asymmetry
    turn, shear = layer.field_rotation, layer.field_rotation_asymmetry
    dx = layer.tx + layer.scale_x * far_x - layer.rotation * far_y
    dy = layer.ty + layer.scale_y * far_y + (layer.rotation + layer.orthogonality) * far_x
    dx += (magnify + skew) * x - (turn + shear) * y + grid_x + slit(x)
    dy += (magnify - skew) * y + (turn - shear) * x + grid_y
    return dx, dy


def slit(x: float) -> float:
    """Third-order distortion along the slit, nm: without slope over the slit, so M stays M."""
    u = 2 * x / FIELD_W_MM
    return SLIT_NM * (u**3 - 0.6 * u)
