"""Every kind of tool the fab can play: its model, and its name in a fab nobody configured."""

from __future__ import annotations

from instruments.fab.models.base import ToolModel
from instruments.fab.models.cd_sem import CdSemModel
from instruments.fab.models.clean import CleanModel
from instruments.fab.models.cmp import CmpModel
from instruments.fab.models.cvd import CvdModel
from instruments.fab.models.etcher import EtcherModel
from instruments.fab.models.film import FilmModel
from instruments.fab.models.overlay import OverlayModel
from instruments.fab.models.particles import ParticlesModel
from instruments.fab.models.prober import ProberModel
from instruments.fab.models.scanner import ScannerModel
from instruments.fab.models.track import TrackModel

MODELS: dict[str, type[ToolModel]] = {
    "scanner": ScannerModel,
    "track": TrackModel,
    "cd_sem": CdSemModel,
    "overlay": OverlayModel,
    "film": FilmModel,
    "particles": ParticlesModel,
    "prober": ProberModel,
    "etcher": EtcherModel,
    "cvd": CvdModel,
    "cmp": CmpModel,
    "clean": CleanModel,
}
NAMES: dict[str, str] = {
    "scanner": "SCN-1",
    "track": "TRK-1",
    "cd_sem": "SEM-1",
    "overlay": "OVL-1",
    "film": "FLM-1",
    "particles": "PRT-1",
    "prober": "PRB-1",
    "etcher": "ETC-1",
    "cvd": "CVD-1",
    "cmp": "CMP-1",
    "clean": "WET-1",
}
