"""The demo's signed recipes and the resist-evaluation route, made by the product's verbs."""

from typing import Any

from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import Operation, Recipe, Route

ROUTE = "resist-fem"
RECIPES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "arf-coat",
        "ArF resist coat 90 nm",
        "track",
        {
            "operation": "coat",
            "resist": "ARF-DEMO-1",
            "spin_rpm": 1500.0,
            "thickness_nm": 90.0,
            "bake_temperature_c": 110.0,
            "bake_time_s": 60.0,
        },
    ),
    (
        "arf-fem",
        "FEM 40 nm lines, 7 doses x 11 focus",
        "scanner",
        {
            "reticle": "DEMO-L40",
            "na": 1.35,
            "sigma_out": 0.9,
            "sigma_in": 0.7,
            "mode": "annular",
            "layout": {
                "kind": "fem",
                "dose_start": 24.0,
                "dose_step": 2.0,
                "dose_count": 7,
                "focus_start": -100.0,
                "focus_step": 20.0,
                "focus_count": 11,
            },
        },
    ),
    (
        "arf-develop",
        "ArF PEB and develop",
        "track",
        {
            "operation": "develop",
            "peb_temperature_c": 100.0,
            "peb_time_s": 60.0,
            "peb_delay_s": 30.0,
            "develop_time_s": 30.0,
        },
    ),
    (
        "arf-cd",
        "CD 40 nm lines, all full fields",
        "cd_sem",
        {"target_nm": 40.0, "landing_v": 500.0, "dose_pc": 10.0, "fields": "full"},
    ),
    ("ox-etch", "Oxide etch to the endpoint", "etcher", {"film": "oxide", "over_etch_pct": 20.0}),
    ("poly-etch", "Poly etch to the endpoint", "etcher", {"film": "poly", "bias_w": 120.0}),
    (
        "metal-etch",
        "Metal etch, long over-etch",
        "etcher",
        {"film": "metal", "over_etch_pct": 30.0, "bcl3_sccm": 60.0, "helium_torr": 12.0},
    ),
    (
        "ox-cvd",
        "Oxide 200 nm",
        "cvd",
        {"film": "oxide", "time_s": 105.0, "temperature_c": 400.0, "pressure_torr": 3.0},
    ),
    ("ox-cmp", "Oxide polish, 30 s", "cmp", {"time_s": 30.0, "conditioning": "on"}),
    ("rca-clean", "RCA clean, certified", "clean", {"chemistry": "rca", "time_s": 300.0}),
    (
        "resist-strip",
        "Resist strip in SPM",
        "clean",
        {"chemistry": "spm", "time_s": 300.0, "bath_c": 110.0, "megasonic_w": 0.0},
    ),
    (
        "arf-uniform",
        "40 nm lines, one dose and focus",
        "scanner",
        {
            "reticle": "DEMO-L40",
            "na": 1.35,
            "sigma_out": 0.9,
            "sigma_in": 0.7,
            "mode": "annular",
            "layout": {"kind": "uniform", "dose": 30.0, "focus": 0.0},
        },
    ),
    (
        "arf-dose",
        "40 nm lines, dose and focus by wafer",
        "scanner",
        {
            "reticle": "DEMO-L40",
            "na": 1.35,
            "sigma_out": 0.9,
            "sigma_in": 0.7,
            "mode": "annular",
            "layout": {"kind": "uniform", "dose": 30.0, "focus": 0.0},
            "vary": {
                "layout.dose": {"low": 24.0, "high": 36.0},
                "layout.focus": {"low": -60.0, "high": 60.0},
            },
        },
    ),
    (
        "overlay-4",
        "Overlay, four marks in every field",
        "overlay",
        {"fields": "full", "marks": "four", "tis_correction": "on", "wavelength_nm": 550.0},
    ),
    (
        "film-49",
        "Film thickness, 49 sites",
        "film",
        {"layer": "top", "sites": "49", "target_nm": 100.0, "averages": 4},
    ),
    (
        "particles-40",
        "Particles from 40 nm",
        "particles",
        {
            "smallest_nm": 40.0,
            "sensitivity": "high",
            "edge_mm": 3.0,
            "compare_with": "nothing",
        },
    ),
    (
        "iv-diode",
        "Diode current and voltage, every other die",
        "prober",
        {
            "device": "diode",
            "dies": "half",
            "start_v": -1.0,
            "stop_v": 1.0,
            "points": 41,
            "compliance_a": 1e-3,
            "nplc": 1.0,
        },
    ),
)
_BODIES = {code: body for code, _title, _kind, body in RECIPES}
# The same three recipes for track and scanner held together, each wafer baked when exposed.
RECIPES += (
    (
        "arf-cell",
        "ArF coat, FEM and develop in the litho cell",
        "litho_cell",
        {
            "coat": {k: v for k, v in _BODIES["arf-coat"].items() if k != "operation"},
            "expose": _BODIES["arf-fem"],
            "develop": {k: v for k, v in _BODIES["arf-develop"].items() if k != "operation"},
            "vary": {
                "coat.thickness_nm": {"low": 80.0, "high": 100.0},
                "develop.peb_temperature_c": {"low": 95.0, "high": 105.0},
            },
        },
    ),
)
OPERATIONS = (
    (1, "도포", "Coat", "track", "arf-coat", False),
    (2, "FEM 노광", "Expose FEM", "scanner", "arf-fem", False),
    (3, "현상", "Develop", "track", "arf-develop", False),
    (4, "CD 측정", "Measure CD", "cd_sem", "arf-cd", True),
)
CELL_OPERATIONS = (
    (1, "도포·FEM 노광·현상", "Coat, expose FEM, develop", "track", "arf-cell", False),
    (2, "CD 측정", "Measure CD", "cd_sem", "arf-cd", True),
)
# code, Korean name, English name, operations
ROUTES = (
    (
        ROUTE,
        "ArF 레지스트 평가 (초점·노광량 매트릭스)",
        "ArF resist evaluation (focus–exposure matrix)",
        OPERATIONS,
    ),
    (
        "resist-fem-cell",
        "ArF 레지스트 평가, 노광 셀 연속 작업",
        "ArF resist evaluation, litho cell in one run",
        CELL_OPERATIONS,
    ),
)


def load(*, author: User, signer: User) -> None:
    """Write, submit and sign what is missing; `signer` is not `author`."""
    made = {
        code: _recipe(code, title, kind, body, author, signer)
        for code, title, kind, body in RECIPES
    }
    for code, name_ko, name_en, operations in ROUTES:
        names = {"name_ko": name_ko, "name_en": name_en}
        route, is_new = Route.objects.get_or_create(code=code, defaults=names)
        if is_new:
            Operation.objects.bulk_create(
                Operation(
                    route=route, position=position, name_ko=ko, name_en=en, tool_kind=kind,
                    recipe=made[recipe], is_measurement=measures,
                )
                for position, ko, en, kind, recipe, measures in operations
            )  # fmt: skip


def _recipe(
    code: str, title: str, kind: str, body: dict[str, Any], author: User, signer: User
) -> Recipe:
    recipe = Recipe.objects.filter(code=code).first()
    if recipe is None:
        recipe = versions.create_recipe(actor=author, code=code, title=title, tool_kind=kind)
    if recipe.versions.exists():
        return recipe
    version = versions.write_version(actor=author, recipe=recipe, body=body)
    versions.submit(actor=author, version=version)
    versions.approve(actor=signer, version=version)
    return recipe
