"""What lies on a wafer besides resist: films, particles, and how far a layer was printed off.

Lengths on the wafer are in mm from its centre, thicknesses and sizes in nm.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

EDGE_MM = 150.0
SMALLEST_NM = 30.0
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


def radii_49() -> NDArray[np.float64]:
    """Distance of each of the 49 sites from the centre, 0 to 1 at the wafer's edge."""
    return np.array([math.hypot(x, y) / EDGE_MM for x, y in sites_49()])


def grown_film(material: str, nm: float, rng: np.random.Generator) -> Film:
    """A film as a supplier ships it: within 1 % of `nm`, a little thicker or thinner outside."""
    bow = rng.normal(0, 0.003) * (radii_49() ** 2 - 0.5)
    level = nm * (1 + rng.normal(0, 0.003))
    return Film(material, [float(v) for v in level * (1 + bow + rng.normal(0, 5e-4, bow.size))])


def take_off(
    films: list[Film], tau: NDArray[np.float64], rate_of: Callable[[str], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Remove `films` from the top (in place) for `tau` seconds at each site.

    rate_of: nm a second by material. Returns the nm taken and the seconds left over, site by
    site. Films that are gone everywhere leave the list.
    """
    left, taken = tau.copy(), np.zeros_like(tau)
    for film in reversed(films):
        rate, thickness = rate_of(film.material), np.array(film.nm)
        gone = np.minimum(thickness, left * rate)
        left = np.maximum(left - gone / rate, 0.0)
        taken += gone
        film.nm = [float(v) for v in thickness - gone]
    films[:] = [film for film in films if max(film.nm) > 1e-9]
    return taken, left


def radial(bow: float) -> NDArray[np.float64]:
    """Relative rate at each of the 49 sites, mean 1; `bow` is edge less centre."""
    squared = radii_49() ** 2
    return np.asarray(1 + bow * (squared - squared.mean()))


def scattered(count: int, origin: str, rng: np.random.Generator) -> list[Particle]:
    """`count` particles anywhere on the wafer; above 30 nm as many as d⁻³, as in clean rooms."""
    radius = EDGE_MM * np.sqrt(rng.uniform(0, 0.97, count))
    angle = rng.uniform(0, 2 * math.pi, count)
    sizes = np.minimum(SMALLEST_NM / np.sqrt(1 - rng.uniform(0, 1, count)), 5000.0)
    places = zip(radius * np.cos(angle), radius * np.sin(angle), sizes, strict=True)
    return [Particle(float(x), float(y), float(size), origin) for x, y, size in places]


def chance_of(seed: int, wafer_id: str, stream: int) -> np.random.Generator:
    """Random numbers that belong to one wafer, whenever they are asked for."""
    return np.random.default_rng([seed, zlib.crc32(wafer_id.encode()), stream])
