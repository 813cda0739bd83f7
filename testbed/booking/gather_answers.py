"""Fetch what the rules look at once the booking's form is answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, Subquery

from testbed.booking.clean_path import Cleaning, Stop, cheapest
from testbed.booking.models import Allocation, BookingState, SupplyClaim, UseMode
from testbed.booking.rules.base import CourseAsked, Qualified
from testbed.booking.rules.training import final_day
from testbed.tools.models import Clean, Course, Loading, Qualification, Tool, Training

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.booking.models import Booking
    from testbed.booking.place import Answers
    from testbed.booking.rules import BookingRequest
    from testbed.material.models import Lot
    from testbed.people.models import User
    from testbed.process.models import Operation, Route
    from testbed.tools.models import Supply


def with_answers(
    request: BookingRequest,
    answers: Answers,
    wanted: frozenset[str],
    without: Booking | None = None,
) -> BookingRequest:
    """The request with what the form says.

    A query for a lot, one for supplies, one for those out of stock, and, where a rule in force
    asks for them, one for qualifications, one for the buddy's, two for courses, two for a route,
    one for cleans.
    without: the booking that the request is about; what it has taken along is its own.
    """
    alone = answers.use_mode == UseMode.SELF_OPERATED
    answered = replace(
        request,
        wafer_count=answers.wafer_count + answers.test_wafers,
        test_wafers=answers.test_wafers,
        lot_wafers=answers.wafer_count,
        wafer_classes=_classes(answers.lot) if answers.lot else (),
        use_mode=answers.use_mode,
        wished_document=answers.wished_document,
        qualifications=_qualifications(request) if alone and "qualifications" in wanted else {},
        courses=_courses(request) if "courses" in wanted else (),
        buddy=answers.buddy,
        supplies=answers.supplies,
        supplies_in_use=_in_use(request, answers.supplies, without),
        supplies_loaded=_loaded(request, answers.supplies),
    )
    if answers.buddy is not None and "buddy" in wanted:
        answered = replace(answered, buddy_qualified=_buddys(request, answers.buddy))
    cleanest = min((tool.contamination_class for tool in request.tools), default=0)
    if any(dirt > cleanest for dirt in answered.wafer_classes):
        answered = replace(answered, cleanings=_cleanings())
    if answers.route is not None and "route" in wanted:
        answered = _with_route(answered, answers.route)
    return answered


def _classes(lot: Lot) -> list[int]:
    """One a wafer."""
    return list(lot.wafers.values_list("contamination_class", flat=True))


def _qualifications(request: BookingRequest) -> dict[int, Qualified]:
    """The booker's, by tool. Last used: the end of the last self-operated booking, or granted."""
    operated = Allocation.objects.filter(
        tool=OuterRef("tool"),
        booking__booked_by=OuterRef("user"),
        booking__state=BookingState.CONFIRMED,
        booking__use_mode=UseMode.SELF_OPERATED,
        ends_at__lte=request.now,
    )
    last = Subquery(operated.order_by("-ends_at").values("ends_at")[:1])
    held = Qualification.objects.filter(user=request.actor, tool__in=request.tools)
    rows = held.annotate(last=last).values_list("tool_id", "valid_until", "granted_at", "last")
    return {
        tool: Qualified(until, max(granted, used or granted)) for tool, until, granted, used in rows
    }


def _courses(request: BookingRequest) -> list[CourseAsked]:
    """What the tools and their areas ask for, and what the booker has of it."""
    areas = {tool.area for tool in request.tools}
    asked = Course.objects.filter(Q(tools__in=request.tools) | Q(area__in=areas)).distinct()
    courses = list(asked.prefetch_related("tools"))
    if not courses:
        return []
    passed = Training.objects.filter(user=request.actor, course__in=courses)
    until = dict(passed.values_list("course_id", "valid_until"))
    return [
        CourseAsked(course, _asking(request, course), course.pk in until, until.get(course.pk))
        for course in courses
    ]


def _asking(request: BookingRequest, course: Course) -> frozenset[int]:
    own = {tool.pk for tool in course.tools.all()}
    return frozenset(
        tool.pk
        for tool in request.tools
        if tool.pk in own or (course.area and tool.area == course.area)
    )


def _buddys(request: BookingRequest, buddy: User) -> frozenset[int]:
    """The tools that the buddy is qualified on until the booking ends."""
    lasting = Q(valid_until=None) | Q(valid_until__gte=final_day(request))
    held = Qualification.objects.filter(lasting, user=buddy, tool__in=request.tools)
    return frozenset(held.values_list("tool_id", flat=True))


def _loaded(request: BookingRequest, supplies: Sequence[Supply]) -> frozenset[int]:
    """Those of the supplies out of stock whose last piece is in one of the tools."""
    empty = [supply for supply in supplies if supply.quantity == 0]
    if not empty:
        return frozenset()
    there = Loading.objects.present().filter(supply__in=empty, tool__in=request.tools)
    return frozenset(there.values_list("supply_id", flat=True))


def _in_use(
    request: BookingRequest, supplies: Sequence[Supply], without: Booking | None
) -> frozenset[int]:
    """Those of the supplies that nobody else may have and that somebody else has in that time."""
    if not supplies:
        return frozenset()
    claims = SupplyClaim.objects.filter(
        supply__in=supplies,
        live=True,
        is_exclusive=True,
        starts_at__lt=request.ends_at,
        ends_at__gt=request.starts_at,
    )
    others = claims.exclude(booking=without) if without else claims
    return frozenset(others.values_list("supply_id", flat=True))


def _with_route(request: BookingRequest, route: Route) -> BookingRequest:
    """The route's stops from the booked tools' first operation on; cleans where some are needed."""
    stops = _stops(request, list(route.operations.all()))
    classes = set(request.wafer_classes) or {0}
    ways = [cheapest(dirt, stops, ()) for dirt in classes]
    legal = all(way is not None and way.is_the_routes for way in ways)
    cleanings = request.cleanings if legal or request.cleanings else _cleanings()
    return replace(request, route=route, stops=stops, cleanings=cleanings)


def _stops(request: BookingRequest, operations: Sequence[Operation]) -> list[Stop]:
    booked: dict[str, set[int]] = {}
    for tool in request.tools:
        booked.setdefault(tool.kind, set()).add(tool.contamination_class)
    first = next(
        (place for place, one in enumerate(operations) if one.tool_kind in booked), len(operations)
    )
    coming = operations[first:]
    others = {one.tool_kind for one in coming} - set(booked)
    known = Tool.objects.filter(kind__in=others).values_list("kind", "contamination_class")
    classes = dict(booked)
    for kind, allowed in known if others else ():
        classes.setdefault(kind, set()).add(allowed)
    # An operation that no tool here can do is not this rule's business.
    return [
        Stop(one, one.tool_kind, frozenset(classes[one.tool_kind]), one.is_measurement)
        for one in coming
        if one.tool_kind in classes
    ]


def _cleanings() -> list[Cleaning]:
    return [
        Cleaning(clean.from_class, clean.to_class, clean.cost_won, clean, clean.tool_kind)
        for clean in Clean.objects.all()
    ]
