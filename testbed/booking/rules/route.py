"""Contamination along the whole route, wafer by wafer, with the cheapest legal way proposed."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_lazy as _

from testbed.booking.clean_path import cheapest
from testbed.booking.rules.base import Broken, Rule
from testbed.tools.models import ContaminationClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from testbed.booking.clean_path import Plan, Stop
    from testbed.booking.rules.base import BookingRequest


class RouteRule(Rule):
    """Looks at the route from the booked tools on, for the cleanest wafers that are asked for."""

    about = "answers"
    field = "route"
    staff_may_override = True
    needs = frozenset({"route"})
    defaults: ClassVar[Mapping[str, Any]] = {"refuse": True}

    def check(self, request: BookingRequest) -> Broken | None:
        found = [request.rulebook.parameters(self, tool) for tool in request.tools]
        parameters = next((one for one in found if one is not None), None)
        if parameters is None or not request.stops:
            return None
        plans = plans_of(request)
        values = self.check_plans(request, plans)
        return None if values is None else Broken(self, values, not parameters["refuse"])

    @abstractmethod
    def check_plans(
        self, request: BookingRequest, plans: Mapping[int, tuple[int, Plan | None]]
    ) -> dict[str, Any] | None:
        """The sentence's figures when the rule is broken. plans: class -> (wafers, its plan)."""


class RouteContamination(RouteRule):
    code = "contamination_route"
    sentence = _(
        "%(wafers)s of the wafers would meet a tool on the route “%(route)s” that is cleaner "
        "than they are by then."
    )
    next_step = _(
        "The cheapest legal way: %(way)s. Choose a route that has it, or ask the facility."
    )
    explanation = _(
        "On the whole route a wafer only moves to an equally clean or dirtier tool; otherwise the "
        "cheapest legal order or clean is proposed."
    )

    def check_plans(
        self, request: BookingRequest, plans: Mapping[int, tuple[int, Plan | None]]
    ) -> dict[str, Any] | None:
        needed = [
            (wafers, plan) for wafers, plan in plans.values() if plan and not plan.is_the_routes
        ]
        if not needed:
            return None
        dearest = max((plan for _wafers, plan in needed), key=lambda plan: plan.cost_won)
        return {
            "wafers": sum(wafers for wafers, _plan in needed),
            "route": request.route,
            "way": Way(dearest, request.stops),
        }


class RouteDeadEnd(RouteRule):
    code = "contamination_dead_end"
    sentence = _(
        "%(wafers)s of the wafers (%(dirt)s) cannot go through the route “%(route)s”: no "
        "certified clean takes them to a class that its tools may see."
    )
    next_step = _("Bring cleaner wafers, choose another route, or ask the facility.")
    explanation = _("Wafers that no certified clean makes fit for a route are not booked on it.")

    def check_plans(
        self, request: BookingRequest, plans: Mapping[int, tuple[int, Plan | None]]
    ) -> dict[str, Any] | None:
        stuck = {dirt: wafers for dirt, (wafers, plan) in plans.items() if plan is None}
        if not stuck:
            return None
        dirt = ContaminationClass(max(stuck)).label
        return {"wafers": sum(stuck.values()), "dirt": dirt, "route": request.route}


def plans_of(request: BookingRequest) -> dict[int, tuple[int, Plan | None]]:
    """For each class among the wafers: how many there are, and the cheapest way for them.

    New wafers, whose lot is not registered yet or which the facility supplies, are clean.
    """
    wafers = sorted(request.wafer_classes)[: request.lot_wafers or None]
    classes = wafers or [ContaminationClass.FEOL.value] * max(request.wafer_count or 0, 1)
    return {
        dirt: (classes.count(dirt), cheapest(dirt, request.stops, request.cleanings))
        for dirt in sorted(set(classes))
    }


class Way:
    """A plan in words, rendered late: which clean after and before which operation, and when."""

    def __init__(self, plan: Plan, stops: Sequence[Stop]) -> None:
        self.plan = plan
        self.stops = stops

    def __str__(self) -> str:
        said = [self._clean(*inserted) for inserted in self.plan.inserted]
        if list(self.plan.order) != sorted(self.plan.order):
            names = " → ".join(str(self.stops[place].name) for place in self.plan.order)
            said.append(str(_("in the order %(names)s")) % {"names": names})
        return "; ".join(said)

    def _clean(self, done: int, clean: Any) -> str:
        words = {
            "clean": clean.name,
            "won": f"{clean.cost_won:,}",
            "next": self.stops[self.plan.order[done]].name,
        }
        if not done:
            return str(_("before %(next)s: %(clean)s (+₩%(won)s)")) % words
        last = self.stops[self.plan.order[done - 1]].name
        return str(_("after %(last)s, before %(next)s: %(clean)s (+₩%(won)s)")) % {
            **words,
            "last": last,
        }
