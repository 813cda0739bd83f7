"""Every kind of tool the fab can play: its model, and its name in a fab nobody configured."""

from __future__ import annotations

from instruments.fab.models.base import ToolModel
from instruments.fab.models.cd_sem import CdSemModel
from instruments.fab.models.scanner import ScannerModel
from instruments.fab.models.track import TrackModel

MODELS: dict[str, type[ToolModel]] = {
    "scanner": ScannerModel,
    "track": TrackModel,
    "cd_sem": CdSemModel,
}
NAMES: dict[str, str] = {"scanner": "SCN-1", "track": "TRK-1", "cd_sem": "SEM-1"}
