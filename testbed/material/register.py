"""Registering a lot: the company says which wafers it will send."""

import re
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.material import wafer_id
from testbed.material.models import SLOTS, Lot, Wafer
from testbed.people import journal
from testbed.people.models import Company, User
from testbed.people.permissions import demand
from testbed.refusals import Refusal

CODE = re.compile(r"[A-Z][A-Z0-9-]{2,11}")


def register(
    *,
    actor: User,
    product: str,
    code: str = "",
    wafer_count: int | None = None,
    wafer_ids: Sequence[str] | None = None,
    company: Company | None = None,
) -> Lot:
    """A lot with its wafers in slots 1, 2, 3 …; without `wafer_ids`, IDs are made from the code.

    `company` is for staff who register on a company's behalf. Raises Refusal with every field
    that is wrong.
    """
    demand(actor, "register_lot")
    owner = _owner(actor, company)
    code = code.strip().upper() or _next_code()
    ids = _wafer_ids(code, wafer_count, wafer_ids)
    _check(code, product, ids)
    try:
        return _write(actor, owner, code, product.strip(), ids)
    except IntegrityError as error:
        raise Refusal(
            "already_there",
            _("This lot code or one of the wafer IDs is already registered."),
            fields={"code": [_("Choose another lot code, or leave it empty.")]},
            next_step=_("Leave the code empty to get the next free one."),
        ) from error


def _owner(actor: User, company: Company | None) -> Company:
    owner = company if actor.is_staff_member else actor.company
    if owner is None:
        raise Refusal(
            "not_valid",
            _("Say which company owns the lot."),
            status=400,
            fields={"company": [_("Choose a company.")]},
        )
    return owner


def _next_code() -> str:
    """L, two digits of the year, a running number: L26-0007."""
    prefix = f"L{timezone.localdate():%y}-"
    last = Lot.objects.filter(code__regex=rf"^{prefix}\d{{4}}$").order_by("-code").first()
    number = int(last.code[len(prefix) :]) + 1 if last else 1
    return f"{prefix}{number:04d}"


def _wafer_ids(code: str, count: int | None, ids: Sequence[str] | None) -> list[str]:
    if ids:
        return [given.strip().upper() for given in ids]
    if count is None or not 1 <= count <= SLOTS or not CODE.fullmatch(code):
        return []
    return [wafer_id.with_check(f"{code}-{slot:02d}") for slot in range(1, count + 1)]


def _check(code: str, product: str, ids: Sequence[str]) -> None:
    fields: dict[str, list[object]] = {}
    if not CODE.fullmatch(code):
        fields["code"] = [_("3 to 12 capital letters, digits or hyphens, a letter first.")]
    if not product.strip():
        fields["product"] = [_("Say what is on the wafers.")]
    if not 1 <= len(ids) <= SLOTS:
        fields["wafer_count"] = [_("A carrier holds 1 to 25 wafers.")]
    wrong = [given for given in ids if not wafer_id.is_valid(given)]
    if wrong:
        fields["wafer_ids"] = [
            _("The check characters of %(ids)s are wrong; read the scribe again.")
            % {"ids": ", ".join(wrong[:5])}
        ]
    elif mute := [given for given in ids if not wafer_id.is_sendable(given)]:
        fields["wafer_ids"] = [
            _("Tools cannot be told %(ids)s: an ID is capital letters, digits and . - / : only, "
              "a letter or digit first.") % {"ids": ", ".join(mute[:5])}
        ]  # fmt: skip
    elif len(set(ids)) != len(ids):
        fields["wafer_ids"] = [_("A wafer ID is named twice.")]
    if fields:
        raise Refusal(
            "not_valid",
            _("The lot was not registered; see what each field says."),
            status=400,
            fields=fields,
        )


@transaction.atomic
def _write(actor: User, owner: Company, code: str, product: str, ids: Sequence[str]) -> Lot:
    lot = Lot.objects.create(code=code, company=owner, product=product, registered_by=actor)
    Wafer.objects.bulk_create(
        Wafer(lot=lot, wafer_id=each, slot=slot) for slot, each in enumerate(ids, start=1)
    )
    journal.record(
        actor=actor, action="lot.registered", subject=lot, company=owner, wafers=len(ids)
    )
    return lot
