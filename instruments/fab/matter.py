"""What lies on a wafer besides resist: films, particles, and how far a layer was printed off.

Lengths on the wafer are in mm from its centre, thicknesses and sizes in nm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

RINGS = ((1, 0.0), (8, 49.0), (16, 98.0), (24, 147.0))
"""Sites and radius (mm) of each ring of the 49-site pattern."""


@cache
def sites_49() -> tuple[tuple[float, float], ...]:
    """x and y of the 49 sites, mm: the centre, then rings of 8, 16 and 24, from 3 o'clock."""
    return tuple(
        (radius * math.cos(2 * math.pi * k / count), radius * math.sin(2 * math.pi * k / count))
        for count, radius in RINGS
        for k in range(count)
    )


@dataclass
class Film:
    """One layer of a wafer's stack; `nm` is its thickness at each of `sites_49()`."""

    material: str
    nm: list[float]

    def mean(self) -> float:
        """Mean thickness over the 49 sites, nm."""
        return sum(self.nm) / len(self.nm)


@dataclass(frozen=True)
class Particle:
    """Something that should not lie there; `origin` names what left it."""

    x_mm: float
    y_mm: float
    size_nm: float
    origin: str = ""


@dataclass(frozen=True)
class Registration:
    """How far a layer lies off the one below, by the 10-parameter model.

    Translations in nm; scales, rotations, orthogonality, and the field's terms in ppm or µrad
    (nm over mm either way). `residual` is what no linear model follows, nm by field.
    """

    tx: float = 0.0
    ty: float = 0.0
    scale_x: float = 0.0
    scale_y: float = 0.0
    rotation: float = 0.0
    orthogonality: float = 0.0
    magnification: float = 0.0
    magnification_asymmetry: float = 0.0
    field_rotation: float = 0.0
    field_rotation_asymmetry: float = 0.0
    residual: dict[str, tuple[float, float]] = field(default_factory=dict)
