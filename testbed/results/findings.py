"""What a chart shows, said in one sentence in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from testbed.results.bossung import Unsupported
from testbed.results.process_window import Estimate, ProcessWindow
from testbed.results.trace_names import HOUSEKEEPING, PROCESS_TRACES
from testbed.results.traces import Curve
from testbed.results.wafer_map import Scale
from testbed.results.wafer_statistics import WaferStatistics

REASONS: dict[str, Any] = {
    "no_sites": gettext_lazy("No field was measured well enough for a fit."),
    "not_a_matrix": gettext_lazy(
        "All fields got the same dose and focus, so there is no process window to find."
    ),
    "not_finite": gettext_lazy("Some measured values are not numbers."),
    "dose_not_positive": gettext_lazy("Some doses are not above zero."),
    "few_levels": gettext_lazy(
        "A fit needs at least 3 doses and 4 focuses; measured were %(doses)d and %(focuses)d."
    ),
    "few_places": gettext_lazy(
        "Only %(places)d fields were measured; that is too few for the curves."
    ),
    "target_not_met": gettext_lazy(
        "No measured dose prints the target of %(target).1f nm; choose other doses."
    ),
    "best_focus_outside": gettext_lazy(
        "Best focus is not between %(low).0f and %(high).0f nm; widen the focus range."
    ),
    "best_focus_undetermined": gettext_lazy(
        "The curves are too flat or too noisy to say where best focus is (±%(half).0f nm)."
    ),
}
NOTES: dict[str, Any] = {
    "latitude_beyond_doses": gettext_lazy(
        "The limits are not reached within the measured doses, so no exposure latitude is given."
    ),
    "isofocal_beyond_doses": gettext_lazy("The isofocal dose is outside the measured doses."),
    "no_depth": gettext_lazy("No focus keeps 10 % exposure latitude within the measured doses."),
    "depth_at_least": gettext_lazy(
        "The depth of focus is at least this; the measured range ends before it does."
    ),
    "one_wafer": gettext_lazy(
        "One wafer was measured; how wafers differ is taken from the tool's acceptance test."
    ),
}

NBSP = "\u00a0"  # a unit stays with its number


def reason(error: Unsupported) -> str:
    """Why there is no process window."""
    return str(REASONS[error.code]) % error.facts


def notes(window: ProcessWindow) -> list[str]:
    """What the reader must know beside the numbers."""
    return [str(NOTES[code]) for code in window.notes]


def plus_minus(estimate: Estimate | None, digits: int = 1) -> str:
    """ "12.3 ± 0.4 nm", "≥ 120 nm", or a dash."""
    if estimate is None:
        return "–"
    value = f"{estimate.value:.{digits}f}"
    if estimate.at_least:
        return f"≥ {value}{NBSP}{estimate.unit}"
    return f"{value} ± {estimate.half:.{digits}f}{NBSP}{estimate.unit}"


def window_finding(window: ProcessWindow) -> str:
    """The verdict in one sentence."""
    said = {
        "dose": plus_minus(window.dose_to_size, 2),
        "focus": plus_minus(window.best_focus),
        "target": f"{window.target_nm:.1f}",
        "latitude": plus_minus(window.exposure_latitude),
        "depth": plus_minus(window.depth_of_focus, 0),
    }
    return (
        _(
            "Expose at %(dose)s and focus %(focus)s for %(target)s nm; exposure latitude "
            "%(latitude)s, depth of focus %(depth)s (95 %% confidence)."
        )
        % said
    )


def bossung_finding(window: ProcessWindow) -> str:
    """How the curves bend, and how well they fit."""
    curvature = float(
        window.fit.surface.at(
            window.fit.surface.e(window.dose_to_size.value),
            window.fit.surface.f(window.best_focus.value),
            df=2,
        )
    )
    bend = _("narrower") if curvature < 0 else _("wider")
    return _(
        "At the dose to size, lines get %(bend)s out of focus; fields scatter by %(sigma).2f nm "
        "(1 σ) around the curves, %(aside)d of %(sites)d sites set aside."
    ) % {
        "bend": bend,
        "sigma": window.residual_sigma_nm,
        "aside": window.fit.set_aside,
        "sites": window.sites,
    }


def wafer_finding(numbers: WaferStatistics, scale: Scale, *, matrix: bool) -> str:
    """How many fields are within spec; on a matrix that is the experiment, not a fault."""
    if numbers.mean is None:
        return _("No field could be resolved.")
    inside = numbers.count - numbers.out_of_spec
    facts = {
        "inside": inside,
        "count": numbers.count + numbers.unresolved,
        "low": f"{scale.low:.1f}",
        "high": f"{scale.high:.1f}",
        "unit": scale.unit,
    }
    if matrix:
        return (
            _(
                "%(inside)d of %(count)d fields are between %(low)s and %(high)s %(unit)s. "
                "Dose and focus were varied on purpose, so fields outside are expected."
            )
            % facts
        )
    if not numbers.bad:
        return _("All %(count)d fields are between %(low)s and %(high)s %(unit)s.") % facts
    return ngettext(
        "%(bad)d field is out of spec or unresolved.",
        "%(bad)d fields are out of spec or unresolved.",
        numbers.bad,
    ) % {"bad": numbers.bad}


def _dose(curve: Curve) -> str:
    return _("Dose between %(low).2f and %(high).2f %(unit)s.")


def _focus(curve: Curve) -> str:
    worst = max(abs(curve.low), abs(curve.high))
    return (
        _("Focus error never above %(worst).1f %(unit)s.")
        if worst <= FOCUS_LIMIT_NM
        else _("Focus error reaches %(worst).1f %(unit)s, above the limit of %(limit).0f %(unit)s.")
    )


def _stage(curve: Curve) -> str:
    return _("Stage error never above %(worst).1f %(unit)s.")


FOCUS_LIMIT_NM = 12.0
SAYINGS: dict[str, Callable[[Curve], str]] = {
    "dose": _dose,
    "focus_error": _focus,
    "stage_x": _stage,
    "stage_y": _stage,
}


def trace_finding(curve: Curve) -> str:
    """What a curve shows, from its extremes."""
    say = SAYINGS.get(curve.key)
    words = say(curve) if say else _("Between %(low).3g and %(high).3g %(unit)s.")
    return words % {
        "low": curve.low,
        "high": curve.high,
        "unit": curve.unit,
        "worst": max(abs(curve.low), abs(curve.high)),
        "limit": FOCUS_LIMIT_NM,
    }


def trace_limits(key: str) -> tuple[float, ...]:
    """The values a curve must stay between; empty when it has no limit."""
    return (-FOCUS_LIMIT_NM, FOCUS_LIMIT_NM) if key == "focus_error" else ()


def trace_is_bad(curve: Curve) -> bool:
    """True when the curve leaves its limits."""
    limits = trace_limits(curve.key)
    return bool(limits) and (curve.low < limits[0] or curve.high > limits[1])


TRACE_NAMES: dict[str, Any] = {
    "dose": gettext_lazy("Dose"),
    "focus_error": gettext_lazy("Focus error"),
    "stage_x": gettext_lazy("Stage error in x"),
    "stage_y": gettext_lazy("Stage error in y"),
    "profile": gettext_lazy("Line profile"),
    "spectrum": gettext_lazy("Reflectance spectrum"),
    "iv_voltage": gettext_lazy("Voltage, die after die"),
    "iv_current": gettext_lazy("Current, die after die"),
    **PROCESS_TRACES,
}


def trace_name(key: str) -> str:
    """The curve's name; an unknown key stands for itself."""
    kind, _underline, number = key.rpartition("_")
    if kind in HOUSEKEEPING and number.isdecimal():
        return f"{HOUSEKEEPING[kind]} {number}"
    return str(TRACE_NAMES.get(key, key))
