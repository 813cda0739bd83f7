"""The first page: for each role, what is needed from this person now."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from testbed.booking.models import Booking, BookingState
from testbed.booking.question_models import Question
from testbed.booking.reconfirm import may_reconfirm
from testbed.material.models import Lot, LotState
from testbed.people.models import COMPANY_ROLES, Role, User
from testbed.process.models import RecipeState, RecipeVersion
from testbed.runs.models import Run
from testbed.runs.states import RunState
from testbed.tools.models import E10State, Tool

FEW = 6


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """`/`: the visitor's page, or the page of the signed-in person's role."""
    user = request.user
    if not user.is_authenticated:
        return render(request, "web/home_visitor.html")
    template, gather = PAGES.get(user.role, PAGES[Role.ADMINISTRATOR])
    return render(request, template, gather(user))


def company(user: User) -> dict[str, Any]:
    """Next bookings, what waits for approval, newest results, lots."""
    bookings = _bookings(user)
    now = timezone.now()
    return {
        "next_bookings": bookings.filter(state=BookingState.CONFIRMED, ends_at__gt=now).order_by(
            "starts_at"
        )[:FEW],
        "held": bookings.filter(state=BookingState.HELD, hold_expires_at__gt=now),
        "to_reconfirm": [
            one
            for one in bookings.asked_again(now).order_by("reconfirm_by")[:FEW]
            if may_reconfirm(user, one, now)
        ],
        "pending": bookings.filter(state=BookingState.PENDING).order_by("starts_at")[:FEW],
        "questions": _questions(user),
        "open_runs": Run.objects.visible_to(user).open().with_names(),
        "results": _results(user),
        "lots": Lot.objects.visible_to(user)[:FEW],
    }


def _bookings(user: User) -> Any:
    return (
        Booking.objects.visible_to(user)
        .select_related("cell", "lot", "company", "route")
        .prefetch_related("allocations__tool")
    )


def _questions(user: User) -> Any:
    """What the facility asks about requests that wait, oldest first."""
    asked = Question.objects.visible_to(user).open().select_related("booking")
    return asked.filter(booking__state=BookingState.PENDING)


def _results(user: User) -> Any:
    """The newest measurements that ended: what a company came for."""
    return (
        Run.objects.visible_to(user)
        .filter(operation__is_measurement=True, state=RunState.COMPLETED)
        .with_names()
        .order_by("-ended_at")[:FEW]
    )


def technician(user: User) -> dict[str, Any]:
    """What stands still, what runs, what comes next, which lots wait at the door."""
    now = timezone.now()
    runs = Run.objects.visible_to(user).open().with_names()
    return {
        "held_runs": runs.filter(state__in=[RunState.HELD, RunState.PAUSED]),
        "running": runs.exclude(state__in=[RunState.HELD, RunState.PAUSED]),
        "queue": _bookings(user)
        .filter(
            state=BookingState.CONFIRMED, ends_at__gt=now, starts_at__lt=now + timedelta(hours=24)
        )
        .order_by("starts_at")[:12],
        "arriving": Lot.objects.visible_to(user)
        .filter(state=LotState.REGISTERED)
        .select_related("company")[:FEW],
        "down": _down(user),
    }


def _down(user: User) -> Any:
    return (
        Tool.objects.visible_to(user)
        .with_state()
        .filter(
            state_spans__ended_at=None,
            state_spans__state__in=[E10State.UNSCHEDULED_DOWN, E10State.SCHEDULED_DOWN],
        )
    )


def process_engineer(user: User) -> dict[str, Any]:
    """Signatures that wait, bookings to decide, and the technician's exceptions."""
    return {
        **technician(user),
        "signatures": RecipeVersion.objects.visible_to(user)
        .filter(state=RecipeState.SUBMITTED)
        .select_related("recipe", "recipe__company", "written_by")[:FEW],
        "pending": _bookings(user).filter(state=BookingState.PENDING).order_by("created_at")[:FEW],
    }


def administrator(user: User) -> dict[str, Any]:
    """Today's exceptions: what is broken, held, failed or waits for a decision."""
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)
    runs = Run.objects.visible_to(user).with_names()
    bookings = _bookings(user)
    pending = bookings.filter(state=BookingState.PENDING).order_by("created_at")
    return {
        "today": start,
        "down": _down(user),
        "held_runs": runs.filter(state=RunState.HELD),
        "failed_runs": runs.filter(
            state__in=[RunState.FAILED, RunState.ABORTED], ended_at__gte=start
        )[:FEW],
        "running_count": runs.open().count(),
        "pending": pending[:FEW],
        "pending_count": pending.count(),
        "bookings_today": bookings.live().filter(starts_at__lt=end, ends_at__gt=start).count(),
        "ended_today": runs.filter(state=RunState.COMPLETED, ended_at__gte=start).count(),
    }


PAGES: dict[str, tuple[str, Callable[[User], dict[str, Any]]]] = {
    **dict.fromkeys(COMPANY_ROLES, ("web/home_company.html", company)),
    Role.TECHNICIAN: ("web/home_technician.html", technician),
    Role.PROCESS_ENGINEER: ("web/home_technician.html", process_engineer),
    Role.ADMINISTRATOR: ("web/home_administrator.html", administrator),
    Role.AUDITOR: ("web/home_administrator.html", administrator),
}
