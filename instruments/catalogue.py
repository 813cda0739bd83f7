"""Every kind of tool this package can drive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instruments.cd_sem import steps as cd_sem_steps
from instruments.cd_sem.driver import CdSem
from instruments.clean import steps as clean_steps
from instruments.clean.driver import Clean
from instruments.cmp import steps as cmp_steps
from instruments.cmp.driver import Cmp
from instruments.cvd import steps as cvd_steps
from instruments.cvd.driver import Cvd
from instruments.driver import ScpiTool
from instruments.etcher import steps as etcher_steps
from instruments.etcher.driver import Etcher
from instruments.film import steps as film_steps
from instruments.film.driver import Film
from instruments.jobs import Planner, Program
from instruments.link import Link
from instruments.litho_cell import steps as litho_cell_steps
from instruments.overlay import steps as overlay_steps
from instruments.overlay.driver import Overlay
from instruments.particles import steps as particles_steps
from instruments.particles.driver import Particles
from instruments.prober import steps as prober_steps
from instruments.prober.driver import Prober
from instruments.scanner import steps as scanner_steps
from instruments.scanner.driver import Scanner
from instruments.track import steps as track_steps
from instruments.track.driver import Track


@dataclass(frozen=True)
class ToolType:
    """One kind of tool: its driver, how it carries out recipes, and what people call it."""

    driver: type[ScpiTool]
    program: Program
    title: str
    title_ko: str


TOOLS: dict[str, ToolType] = {
    "scanner": ToolType(Scanner, scanner_steps.PROGRAM, "Scanner", "스캐너"),
    "track": ToolType(Track, track_steps.PROGRAM, "Track", "트랙"),
    "cd_sem": ToolType(CdSem, cd_sem_steps.PROGRAM, "CD-SEM", "CD-SEM"),
    "overlay": ToolType(Overlay, overlay_steps.PROGRAM, "Overlay", "오버레이 계측기"),
    "film": ToolType(Film, film_steps.PROGRAM, "Film thickness", "박막 두께 계측기"),
    "particles": ToolType(
        Particles, particles_steps.PROGRAM, "Particle inspection", "파티클 검사기"
    ),
    "prober": ToolType(Prober, prober_steps.PROGRAM, "Prober with SMU", "프로버(SMU)"),
    "etcher": ToolType(Etcher, etcher_steps.PROGRAM, "Dry etcher", "건식 식각 장비"),
    "cvd": ToolType(Cvd, cvd_steps.PROGRAM, "CVD", "화학 기상 증착 장비"),
    "cmp": ToolType(Cmp, cmp_steps.PROGRAM, "CMP", "화학 기계 연마 장비"),
    "clean": ToolType(Clean, clean_steps.PROGRAM, "Wet clean", "습식 세정 장비"),
}


@dataclass(frozen=True)
class RecipeType:
    """One kind of recipe: how it becomes steps, on which kinds of tools, and its name."""

    program: Planner
    kinds: tuple[str, ...]
    title: str
    title_ko: str


PLANS: dict[str, RecipeType] = {
    **{kind: RecipeType(one.program, (kind,), one.title, one.title_ko)
       for kind, one in TOOLS.items()},
    "litho_cell": RecipeType(
        litho_cell_steps.PROGRAM, litho_cell_steps.KINDS, "Litho cell (track and scanner)",
        "노광 셀 (트랙 + 스캐너)",
    ),
}  # fmt: skip


def open_tool(
    kind: str,
    resource: str,
    serial: str | None,
    may_write: Callable[[], None] | None = None,
) -> ScpiTool:
    """A driver on a lazily opened link; nothing is sent yet.

    `KeyError` for an unknown kind, `InvalidResource` for a bad resource name. An empty serial is
    not checked.
    """
    driver = TOOLS[kind].driver
    link = Link(resource, serial=serial or None, idn=driver.identity.pattern, may_write=may_write)
    return driver(link)
