"""The demo's signed recipes and the resist-evaluation route, made by the product's verbs."""

from typing import Any

from testbed.people.models import User
from testbed.process import versions
from testbed.process.models import Operation, Recipe, Route

ROUTE = "resist-fem"
RECIPES: tuple[tuple[str, str, str, dict[str, Any]], ...] = ()
OPERATIONS = (
    (1, "도포", "Coat", "track", "arf-coat", False),
    (2, "FEM 노광", "Expose FEM", "scanner", "arf-fem", False),
    (3, "현상", "Develop", "track", "arf-develop", False),
    (4, "CD 측정", "Measure CD", "cd_sem", "arf-cd", True),
)


def load(*, author: User, signer: User) -> None:
    """Write, submit and sign what is missing; `signer` is not `author`."""
    made = {
        code: _recipe(code, title, kind, body, author, signer)
        for code, title, kind, body in RECIPES
    }
    route, is_new = Route.objects.get_or_create(
        code=ROUTE,
        defaults={
            "name_ko": "ArF 레지스트 평가 (초점·노광량 매트릭스)",
            "name_en": "ArF resist evaluation (focus–exposure matrix)",
        },
    )
    if is_new:
        Operation.objects.bulk_create(
            Operation(
                route=route,
                position=position,
                name_ko=name_ko,
                name_en=name_en,
                tool_kind=kind,
                recipe=made[recipe],
                is_measurement=measures,
            )
            for position, name_ko, name_en, kind, recipe, measures in OPERATIONS
        )


def _recipe(
    code: str, title: str, kind: str, body: dict[str, Any], author: User, signer: User
) -> Recipe:
    existing = Recipe.objects.filter(code=code).first()
    if existing is not None:
        return existing
    recipe = versions.create_recipe(actor=author, code=code, title=title, tool_kind=kind)
    version = versions.write_version(actor=author, recipe=recipe, body=body)
    versions.submit(actor=author, version=version)
    versions.approve(actor=signer, version=version)
    return recipe
