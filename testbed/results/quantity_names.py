"""What measured quantities are called; a key that nobody named stands for itself."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

NAMES: dict[str, Promise] = {
    "adders": _("Added particles"),
    "cd": _("Line width (CD)"),
    "cd_mean": _("Mean line width"),
    "certified_feol": _("Certified for FEOL (1 = yes)"),
    "current_at_start": _("Current at the first voltage"),
    "current_at_stop": _("Current at the last voltage"),
    "dies": _("Dies probed"),
    "dies_in_compliance": _("Dies in compliance"),
    "dishing": _("Dishing"),
    "dose_mean": _("Mean dose"),
    "dose_set": _("Dose set"),
    "edge_slope_mean": _("Mean edge slope"),
    "endpoint_seen": _("Endpoint seen (1 = yes)"),
    "endpoint_time": _("Time of the endpoint"),
    "etch_depth": _("Etch depth"),
    "field_rotation": _("Rotation of the field"),
    "field_rotation_asymmetry": _("Asymmetric rotation of the field"),
    "film_left": _("Film left"),
    "film_thickness": _("Film thickness"),
    "focus_error_3s": _("Focus error, 3σ"),
    "focus_set": _("Focus set"),
    "goodness_of_fit": _("Goodness of fit"),
    "haze": _("Haze"),
    "in_compliance": _("In compliance (1 = yes)"),
    "lwr": _("Line width roughness"),
    "magnification": _("Magnification"),
    "magnification_asymmetry": _("Asymmetric magnification"),
    "nonuniformity_half_range": _("Non-uniformity, half range over mean"),
    "nonuniformity_sigma": _("Non-uniformity, σ over mean"),
    "orthogonality": _("Orthogonality"),
    "overlay_997_x": _("Overlay in x, 99.7th percentile"),
    "overlay_997_y": _("Overlay in y, 99.7th percentile"),
    "overlay_m3s_x": _("Overlay in x, |mean| + 3σ"),
    "overlay_m3s_y": _("Overlay in y, |mean| + 3σ"),
    "particle_class": _("Particle: added (1), there before (0), unknown (−1)"),
    "particle_size": _("Particle size"),
    "particles": _("Particles"),
    "peb_delay": _("Delay before the bake"),
    "pulses": _("Laser pulses"),
    "removed": _("Removed thickness"),
    "residual_3s_x": _("Overlay left in x after the model, 3σ"),
    "residual_3s_y": _("Overlay left in y after the model, 3σ"),
    "resistance": _("Resistance"),
    "resistance_median": _("Median resistance"),
    "resolved": _("Places resolved"),
    "rinse_resistivity": _("Resistivity of the rinse"),
    "rotation": _("Rotation"),
    "scale_x": _("Scale in x"),
    "scale_y": _("Scale in y"),
    "sites": _("Places measured"),
    "thickness": _("Thickness"),
    "thickness_mean": _("Mean thickness"),
    "tis_x": _("Tool-induced shift in x"),
    "tis_y": _("Tool-induced shift in y"),
    "tx": _("Translation in x"),
    "ty": _("Translation in y"),
    "wafers_in_carrier": _("Wafers in the carrier"),
}
_MARK = re.compile(r"overlay_([xy])_(\d)")
_FROM = re.compile(r"particles_from_(\d+)_nm")


def quantity_name(key: str) -> str:
    """The name of a key in the reader's language."""
    if key in NAMES:
        return str(NAMES[key])
    if mark := _MARK.fullmatch(key):
        return gettext("Overlay in %(axis)s, mark %(mark)s") % {"axis": mark[1], "mark": mark[2]}
    if size := _FROM.fullmatch(key):
        return gettext("Particles from %(size)s nm to the next class") % {"size": size[1]}
    return key
