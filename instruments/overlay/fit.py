"""The 10-parameter overlay model (manual.md), fitted by least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NAMES = (
    ("tx", "nm"), ("ty", "nm"), ("scale_x", "ppm"), ("scale_y", "ppm"), ("rotation", "µrad"),
    ("orthogonality", "µrad"), ("magnification", "ppm"), ("magnification_asymmetry", "ppm"),
    ("field_rotation", "µrad"), ("field_rotation_asymmetry", "µrad"),
)  # fmt: skip
INTERFIELD = 6


def design(field_xy: Floats, mark_xy: Floats) -> Floats:
    """The matrix that turns the ten terms into dx, then dy, of each mark: shape (2n, 10).

    Both arguments in mm, shape (n, 2): centre of the field, and mark from that centre.
    """
    (far_x, far_y), (x, y) = field_xy.T, mark_xy.T
    one, none = np.ones_like(x), np.zeros_like(x)
    dx = [one, none, far_x, none, -far_y, none, x, x, -y, -y]
    dy = [none, one, none, far_y, far_x, far_x, y, -y, x, -x]
    return np.concatenate([np.stack(dx, axis=1), np.stack(dy, axis=1)])


def fitted(field_xy: Floats, mark_xy: Floats, found: Floats) -> tuple[dict[str, float], Floats]:
    """Terms by name, and the residuals (n, 2) in nm; `found` is dx, dy in nm, shape (n, 2).

    Marks at the fields' centres alone say nothing of the field's own four terms, which are then
    left out. No terms at all when the marks do not determine the rest.
    """
    matrix = design(field_xy, mark_xy)
    count = len(NAMES) if np.any(mark_xy) else INTERFIELD
    matrix = matrix[:, :count]
    both = found.T.reshape(-1)
    if np.linalg.matrix_rank(matrix) < count:
        return {}, found - found.mean(axis=0)
    terms = np.linalg.lstsq(matrix, both, rcond=None)[0]
    left = (both - matrix @ terms).reshape(2, -1).T
    return {name: float(v) for (name, _), v in zip(NAMES, terms, strict=False)}, left
