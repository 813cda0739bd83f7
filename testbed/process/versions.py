"""Writing, submitting and signing recipe versions; a signed body carries its SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from instruments.catalogue import PLANS
from testbed.people import journal
from testbed.people.models import User
from testbed.people.permissions import demand
from testbed.process.models import Recipe, RecipeState, RecipeVersion
from testbed.process.vary import settings_of, wrong_ranges
from testbed.refusals import Refusal


def body_hash(body: Mapping[str, Any]) -> str:
    """SHA-256 of the body's canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_whole(version: RecipeVersion) -> bool:
    """True while the stored body still has the hash it was signed with."""
    return body_hash(version.body) == version.sha256


@transaction.atomic
def create_recipe(*, actor: User, code: str, title: str, tool_kind: str) -> Recipe:
    """A recipe without versions; a company engineer's belongs to the company."""
    demand(actor, "write_recipe")
    if tool_kind not in PLANS:
        raise Refusal(
            "not_valid",
            _("No recipe can be written for this kind of tool."),
            status=400,
            fields={"tool_kind": [_("Choose one of: %(kinds)s.") % {"kinds": ", ".join(PLANS)}]},
        )
    if Recipe.objects.filter(code=code).exists():
        raise Refusal(
            "already_there",
            _("This recipe code is taken."),
            fields={"code": [_("Choose another code.")]},
        )
    return Recipe.objects.create(code=code, title=title, tool_kind=tool_kind, company=actor.company)


@transaction.atomic
def write_version(*, actor: User, recipe: Recipe, body: Mapping[str, Any]) -> RecipeVersion:
    """The next draft version. Raises Refusal naming every value that the tool would not take."""
    demand(actor, "write_recipe")
    _own(actor, recipe)
    _refuse_unless_runnable(recipe.tool_kind, body)
    Recipe.objects.select_for_update(no_key=True).get(pk=recipe.pk)
    newest = recipe.versions.order_by("-number").first()
    return RecipeVersion.objects.create(
        recipe=recipe,
        number=newest.number + 1 if newest else 1,
        body=dict(body),
        sha256=body_hash(body),
        written_by=actor,
    )


@transaction.atomic
def submit(*, actor: User, version: RecipeVersion) -> RecipeVersion:
    """DRAFT to SUBMITTED: from here on the body cannot change."""
    demand(actor, "write_recipe")
    _own(actor, version.recipe)
    _move(version, RecipeState.DRAFT, RecipeState.SUBMITTED)
    journal.record(
        actor=actor,
        action="recipe.submitted",
        subject=version,
        company=version.recipe.company,
    )
    return version


@transaction.atomic
def approve(*, actor: User, version: RecipeVersion) -> RecipeVersion:
    """SUBMITTED to APPROVED, signed by a process engineer who did not write it."""
    demand(actor, "approve_recipe")
    if version.written_by_id == actor.pk:
        raise Refusal(
            "own_recipe",
            _("A recipe is signed by somebody else than its writer."),
            status=403,
            next_step=_("Ask another process engineer to sign it."),
        )
    _refuse_unless_runnable(version.recipe.tool_kind, version.body)
    _move(
        version,
        RecipeState.SUBMITTED,
        RecipeState.APPROVED,
        approved_by=actor,
        approved_at=timezone.now(),
    )
    journal.record(
        actor=actor,
        action="recipe.approved",
        subject=version,
        company=version.recipe.company,
        sha256=version.sha256,
    )
    return version


def newest_approved(recipe: Recipe) -> RecipeVersion | None:
    """The version a run uses."""
    return recipe.versions.filter(state=RecipeState.APPROVED).order_by("-number").first()


def _own(actor: User, recipe: Recipe) -> None:
    if not actor.is_staff_member and recipe.company_id != actor.company_id:
        raise Refusal(
            "not_yours",
            _("This recipe belongs to the facility; you may use it but not change it."),
            status=403,
            next_step=_("Write a recipe of your own."),
        )


def _move(version: RecipeVersion, before: str, after: str, **changes: Any) -> None:
    """Conditional UPDATE: of two people at once, one wins."""
    if not RecipeVersion.objects.filter(pk=version.pk, state=before).update(state=after, **changes):
        version.refresh_from_db()
        raise Refusal(
            "wrong_state",
            _("This version is now “%(state)s”; nothing was changed.")
            % {"state": version.get_state_display()},
            next_step=_("Reload the page to see its present state."),
        )
    version.refresh_from_db()


def _refuse_unless_runnable(tool_kind: str, body: Mapping[str, Any]) -> None:
    """Ask the tool's own program what is wrong with the recipe."""
    if tool_kind not in PLANS:
        raise Refusal(
            "run_by_hand",
            _("This tool is run by hand: it takes no settings from here."),
            status=422,
        )
    problems = PLANS[tool_kind].program.problems(settings_of(body))
    fields: dict[str, list[Any]] = {} if problems else wrong_ranges(tool_kind, body)
    if not problems and not fields:
        return
    korean = get_language() == "ko"
    for problem in problems:
        sentence = problem.sentence_ko if korean else problem.sentence_en
        fields.setdefault(problem.field or "body", []).append(sentence)
    raise Refusal(
        "recipe_not_runnable",
        _("The tool would not take this recipe; see what each field says."),
        status=400,
        fields=fields,
    )
