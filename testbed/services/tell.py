"""What the person who ordered a module is told: that it is finished, or that it came to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from testbed.notices.said import kst_moment, said
from testbed.notices.tell import tell

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from testbed.services.models import Order

KIND = "service"


def tell_finished(order: Order) -> None:
    """The results are there, in time or late; called in the transaction that writes it."""
    if order.finished_at is None:
        return
    is_kept = order.finished_at <= order.promised_at
    kept = _("The promise was kept: it was for %(promised)s.")
    late = _("That is later than promised: the promise was for %(promised)s.")
    sentence = said(kept if is_kept else late, promised=kst_moment(order.promised_at))
    _send(order, said(_("%(order)s (%(module)s) is finished"), **_names(order)), sentence)


def tell_cancelled(order: Order) -> None:
    """No step of it is left; called in the transaction that took the last one."""
    subject = said(_("%(order)s (%(module)s) is cancelled: no step of it is left"), **_names(order))
    _send(order, subject, _("Order it again, or ask the facility why."))


def _names(order: Order) -> dict[str, object]:
    return {"order": order, "module": order.module}


def _send(order: Order, subject: StrOrPromise, sentence: StrOrPromise) -> None:
    tell(
        to=[order.ordered_by],
        kind=KIND,
        subject=subject,
        sentences=[sentence],
        path=reverse("service_order", kwargs={"pk": order.pk}),
        company=order.company,
    )
