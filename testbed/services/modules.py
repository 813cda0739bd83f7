"""Keeping the catalogue of modules: the administrator's, without code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.services.models import Module
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from testbed.people.models import User


def save_module(*, actor: User, module: Module | None, **values: Any) -> Module:
    """Add a module (None) or change one; orders already placed keep their price and promise.

    Refusal "module_not_valid" (422) with a sentence per field; "module_exists" is one of those.
    """
    demand(actor, "edit_modules")

    def work() -> Module:
        saved = Module.objects.select_for_update().get(pk=module.pk) if module else Module()
        for name, value in values.items():
            setattr(saved, name, value)
        try:
            saved.full_clean()
        except ValidationError as error:
            raise _not_valid(error) from error
        saved.save()
        journal.record(actor=actor, action="module.saved", subject=saved, code=saved.code)
        return saved

    return in_transaction(work)


def _not_valid(error: ValidationError) -> Refusal:
    return Refusal(
        "module_not_valid",
        _("Some answers do not fit; see what each says."),
        status=422,
        fields={name: list(said) for name, said in error.message_dict.items()},
    )
