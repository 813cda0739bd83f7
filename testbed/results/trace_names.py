"""What the curves of the process tools are called."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PROCESS_TRACES: dict[str, Promise] = {
    # Track
    "plate_temperature": _("Temperature of the hot plate"),
    "spin_speed": _("Spin speed"),
    "peb_temperature": _("Temperature of the post-exposure bake"),
    "develop_speed": _("Spin speed while developing"),
    # Etcher
    "step": _("Number of the step"),
    "boron_chloride": _("BCl₃ flow"),
    "chlorine": _("Cl₂ flow"),
    "pressure": _("Chamber pressure"),
    "valve": _("Throttle valve"),
    "helium": _("Helium pressure"),
    "leak": _("Helium leak"),
    "bias_power": _("Bias power"),
    "bias_reflected": _("Bias power reflected"),
    "bias_tuner": _("Tuner of the bias match"),
    "bias_load": _("Load of the bias match"),
    "bias_phase": _("Phase error of the bias match"),
    "bias_impedance": _("Impedance of the bias"),
    "self_bias": _("Self-bias"),
    "source_power": _("Source power"),
    "source_reflected": _("Source power reflected"),
    "source_tuner": _("Tuner of the source match"),
    "source_load": _("Load of the source match"),
    "source_phase": _("Phase error of the source match"),
    "source_impedance": _("Impedance of the source"),
    "emission": _("Emission of the film"),
    # CVD
    "temperature": _("Heater temperature"),
    "precursor": _("Precursor flow"),
    "carrier_gas": _("Carrier gas flow"),
    "rate": _("Deposition rate"),
    # CMP
    "force": _("Down force"),
    "platen": _("Platen speed"),
    "head": _("Head speed"),
    "slurry": _("Slurry flow"),
    "current": _("Motor current"),
    "pad_temperature": _("Pad temperature"),
    # Clean
    "bath": _("Bath temperature"),
    "megasonic": _("Megasonic power"),
    "coupling": _("Megasonic power taken up"),
    "resistivity": _("Resistivity of the rinse water"),
    "spin": _("Drying speed"),
    "humidity": _("Humidity above the wafer"),
}
# What every tool samples all the time; the key ends in the sensor's number (cw_temp_1).
HOUSEKEEPING: dict[str, Promise] = {
    "cw_temp": _("Temperature of the cooling water"),
    "cw_flow": _("Flow of the cooling water"),
    "n2_pres": _("Nitrogen pressure"),
    "exh_pres": _("Exhaust pressure"),
    "pump_curr": _("Pump current"),
    "body_temp": _("Temperature of the frame"),
    "hum": _("Humidity in the enclosure"),
    "vib": _("Vibration of the frame"),
}
