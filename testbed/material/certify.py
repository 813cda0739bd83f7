"""Certified cleans: the one way in which a wafer or a carrier gets back to a better class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.material.models import Carrier, CertifiedClean, Lot, LotState, SubstrateState, Wafer
from testbed.notices.said import said
from testbed.notices.tell import tell
from testbed.people import journal
from testbed.people.models import Role, User
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.tools.models import Clean, ContaminationClass, Tool
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django_stubs_ext import StrOrPromise

SHORTEST_CERTIFICATE, LONGEST_CERTIFICATE = 5, 500


def certify_wafers(
    *, actor: User, kind: Clean, tool: Tool, wafers: Sequence[Wafer], certificate: str
) -> list[CertifiedClean]:
    """These wafers of one lot were cleaned on the tool, now; those of them that the clean makes
    no better stay as they are and get no certificate.

    Raises Refusal: "certificate_missing" (422), "clean_not_on_tool" (422), "wafers_not_here"
    (409: the lot is not in the facility), "wafers_in_process" (409), "nothing_to_clean" (409).
    """
    demand(actor, "certify_clean")
    certificate = _read(certificate)
    _demand_tool(kind, tool)

    def work() -> list[CertifiedClean]:
        locked = _locked(wafers)
        _demand_here(locked)
        fit = [wafer for wafer in locked if _applies(kind, wafer.contamination_class)]
        if not fit:
            raise _nothing_to_clean()
        made = [_of_wafer(actor, kind, tool, wafer, certificate, None) for wafer in fit]
        _note(actor, tool, fit, kind, None)
        _tell(made)
        return made

    return in_transaction(work)


def certify_carrier(
    *, actor: User, kind: Clean, tool: Tool, carrier: Carrier, certificate: str
) -> CertifiedClean:
    """The empty carrier was cleaned on the tool, now.

    Raises Refusal: "certificate_missing" (422), "clean_not_on_tool" (422), "carrier_full" (409),
    "nothing_to_clean" (409).
    """
    demand(actor, "certify_clean")
    certificate = _read(certificate)
    _demand_tool(kind, tool)

    def work() -> CertifiedClean:
        locked = Carrier.objects.select_for_update().get(pk=carrier.pk)
        if locked.lots.exists():
            raise Refusal(
                "carrier_full",
                _("Carrier %(code)s holds a lot.") % {"code": locked.code},
                next_step=_("Clean it when it is empty."),
            )
        if not _applies(kind, locked.contamination_class):
            raise _nothing_to_clean()
        made = CertifiedClean.objects.create(
            kind=kind, tool=tool, carrier=locked, from_class=locked.contamination_class,
            to_class=kind.to_class, cleaned_at=timezone.now(), cleaned_by=actor,
            certificate=certificate,
        )  # fmt: skip
        journal.record(
            actor=actor, action="clean.certified", subject=locked, carrier=locked.code,
            clean=kind.code, tool=tool.code,
        )  # fmt: skip
        return made

    return in_transaction(work)


def clean_by_run(
    *, actor: User, tool: Tool, wafers: Sequence[Wafer], run_id: int, certificate: str
) -> list[CertifiedClean]:
    """A run on a cleaning tool has ended: each wafer gets the cleanest class that the tool
    certifies for it; a wafer for which there is none stays as it is.

    Called inside the transaction that ends the run, so that the two are one.
    """
    kinds = list(Clean.objects.filter(tool_kind=tool.kind).order_by("to_class", "cost_won", "pk"))
    made: list[CertifiedClean] = []
    for wafer in _locked(wafers) if kinds else ():
        dirt = wafer.contamination_class
        best = next((kind for kind in kinds if _applies(kind, dirt)), None)
        if best is not None:
            made.append(_of_wafer(actor, best, tool, wafer, certificate, run_id))
            _note(actor, tool, [wafer], best, run_id)
    _tell(made)
    return made


def _applies(kind: Clean, dirt: int) -> bool:
    return kind.to_class < dirt <= kind.from_class


def _locked(wafers: Iterable[Wafer]) -> list[Wafer]:
    keys = [wafer.pk for wafer in wafers]
    rows = Wafer.objects.select_for_update(of=("self",)).select_related("lot__company")
    return list(rows.filter(pk__in=keys).order_by("pk"))


def _of_wafer(
    actor: User, kind: Clean, tool: Tool, wafer: Wafer, certificate: str, run_id: int | None
) -> CertifiedClean:
    """The record; the database resets the wafer's class with it."""
    return CertifiedClean.objects.create(
        kind=kind, tool=tool, wafer=wafer, from_class=wafer.contamination_class,
        to_class=kind.to_class, cleaned_at=timezone.now(), cleaned_by=actor, run_id=run_id,
        certificate=certificate,
    )  # fmt: skip


def _read(certificate: str) -> str:
    certificate = certificate.strip()
    if not SHORTEST_CERTIFICATE <= len(certificate) <= LONGEST_CERTIFICATE:
        raise Refusal(
            "certificate_missing",
            _("Write what certifies the clean, in 5 to 500 characters."),
            status=422,
            fields={"certificate": [_("Such as the number of the measurement or the protocol.")]},
        )
    return certificate


def _demand_tool(kind: Clean, tool: Tool) -> None:
    if tool.kind != kind.tool_kind:
        raise Refusal(
            "clean_not_on_tool",
            _("%(clean)s is not done on %(tool)s.") % {"clean": kind, "tool": tool},
            status=422,
            fields={"tool": [_("Choose a tool that does this clean.")]},
        )


def _demand_here(wafers: Sequence[Wafer]) -> None:
    if not wafers or any(wafer.lot.state != LotState.CHECKED_IN for wafer in wafers):
        raise Refusal(
            "wafers_not_here",
            _("These wafers are not in the facility."),
            next_step=_("Check the lot in first."),
        )
    keys = [wafer.pk for wafer in wafers]
    if Wafer.objects.filter(pk__in=keys, run_wafers__state=SubstrateState.IN_PROCESS).exists():
        raise Refusal(
            "wafers_in_process",
            _("Some of these wafers are in a run now."),
            next_step=_("Wait until the run has ended."),
        )


def _nothing_to_clean() -> Refusal:
    return Refusal(
        "nothing_to_clean",
        _("This clean makes none of them any cleaner."),
        next_step=_("Choose another clean, or other wafers."),
    )


def _note(
    actor: User, tool: Tool, wafers: Sequence[Wafer], kind: Clean, run_id: int | None
) -> None:
    lot = wafers[0].lot
    journal.record(
        actor=actor, action="clean.certified", subject=lot, company=lot.company,
        clean=kind.code, tool=tool.code, run=run_id, slots=[wafer.slot for wafer in wafers],
    )  # fmt: skip


def _tell(made: Sequence[CertifiedClean]) -> None:
    """Each company's engineers, once for each of their lots."""
    by_lot: dict[Lot, list[CertifiedClean]] = {}
    for one in made:
        if one.wafer is not None:
            by_lot.setdefault(one.wafer.lot, []).append(one)
    for lot, cleans in by_lot.items():
        engineers = User.objects.filter(company=lot.company, role=Role.ENGINEER, is_active=True)
        tell(
            to=engineers,
            kind="wafers_clean",
            subject=said(_("%(lot)s: wafers were certified clean"), lot=lot.code),
            sentences=[
                *_sentences(cleans),
                said(_("The certificate: %(certificate)s"), certificate=cleans[0].certificate),
            ],
            path=reverse("lot", kwargs={"code": lot.code}),
            company=lot.company,
        )


def _sentences(cleans: Sequence[CertifiedClean]) -> Iterator[StrOrPromise]:
    """One for each kind of clean: which slots it took back to which class."""
    by_kind: dict[Clean, list[int]] = {}
    for one in cleans:
        if one.wafer is not None:
            by_kind.setdefault(one.kind, []).append(one.wafer.slot)
    for kind, slots in by_kind.items():
        yield said(
            _("Slots %(slots)s were cleaned (%(clean)s, %(tool)s): now “%(to)s”."),
            slots=", ".join(map(str, slots)),
            clean=kind,
            tool=cleans[0].tool,
            to=ContaminationClass(kind.to_class).label,
        )
