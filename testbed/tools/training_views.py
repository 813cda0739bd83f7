"""`/trainings/` and `/courses/`: what is asked for where, who has passed it, what ends soon."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from testbed.people.history import SHOWN, Line, lines_of
from testbed.people.models import JournalEntry, User
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.tools import courses as verbs
from testbed.tools.models import Course, Training
from testbed.tools.stock_forms import CourseForm, ReasonForm, TrainingFilter, TrainingForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.tools.querysets import TrainingQuerySet

PAGE = 50


@require_http_methods(["GET", "POST"])
@login_required
def trainings(request: HttpRequest) -> HttpResponse:
    """Who has passed which course; POST records one."""
    viewer = person(request)
    form = TrainingForm(request.POST if request.method == "POST" else None, viewer=viewer)
    if request.method == "POST":
        demand(viewer, "manage_trainings")
        if form.is_valid() and _record(viewer, form):
            said = {"person": form.cleaned_data["person"], "course": form.cleaned_data["course"]}
            messages.success(request, _("%(person)s has passed: %(course)s.") % said)
            return redirect("trainings")
    return _show(request, form)


def _record(actor: User, form: TrainingForm) -> bool:
    said = dict(form.cleaned_data)
    try:
        verbs.record(actor=actor, user=said.pop("person"), **said)
    except Refusal as refused:
        form.complain(refused)
        return False
    return True


def _show(request: HttpRequest, form: TrainingForm, refused: Refusal | None = None) -> HttpResponse:
    viewer = person(request)
    narrow = TrainingFilter(request.GET, viewer=viewer)
    narrow.is_valid()
    today = timezone.localdate()
    every = Training.objects.visible_to(viewer)
    query = request.GET.copy()
    query.pop("page", None)
    rows = _rows(every, narrow.cleaned_data, today)
    may_manage = may(viewer, "manage_trainings")
    context = {
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "base": f"{query.urlencode()}&" if query else "",
        "filter": narrow,
        "today": today,
        "soon": verbs.ending_soon(every, today).count(),
        "soon_day": today + verbs.SOON,
        "may_manage": may_manage,
        "form": form if may_manage else None,
        "history": _history(viewer),
        "refused": refused,
    }
    status = refused.status if refused else 422 if form.errors else 200
    return render(request, "tools/trainings.html", context, status=status)


def _rows(every: TrainingQuerySet, chosen: dict[str, Any], today: Any) -> TrainingQuerySet:
    rows = every.select_related("course", "user__company", "recorded_by")
    if chosen.get("course"):
        rows = rows.filter(course=chosen["course"])
    if chosen.get("tool"):
        rows = rows.filter(course__in=verbs.asked_on(chosen["tool"].code))
    if chosen.get("person"):
        rows = rows.filter(user=chosen["person"])
    if chosen.get("soon"):
        rows = verbs.ending_soon(rows, today)
    return rows.order_by("course__code", "user__name", "pk")


def _history(viewer: User) -> list[Line]:
    """The latest records and withdrawals that this person may read, with their course."""
    entries = JournalEntry.objects.visible_to(viewer).filter(action__startswith="training.")
    latest = list(entries.select_related("actor").order_by("-pk")[:SHOWN])
    known = Course.objects.in_bulk({entry.subject_id for entry in latest})
    return [
        replace(line, about=str(known.get(entry.subject_id, "")))
        for line, entry in zip(lines_of(latest), latest, strict=True)
    ]


@require_POST
@login_required
def withdraw_training(request: HttpRequest, pk: int) -> HttpResponse:
    demand(request.user, "manage_trainings")
    viewer = person(request)
    found = get_object_or_404(Training.objects.visible_to(viewer), pk=pk)
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        verbs.withdraw(actor=viewer, training=found, reason=reason)
    except Refusal as refused:
        return _show(request, TrainingForm(viewer=viewer), refused)
    messages.success(request, _("Withdrawn. The history keeps it."))
    return redirect("trainings")


@require_http_methods(["GET", "POST"])
@login_required
def courses(request: HttpRequest) -> HttpResponse:
    """The courses, and where each is asked for; POST defines one."""
    form = CourseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        demand(request.user, "manage_trainings")
        if form.is_valid():
            verbs.save_course(actor=person(request), **form.cleaned_data)
            messages.success(request, _("The course is in the list."))
            return redirect("courses")
    context = {
        "courses": Course.objects.prefetch_related("tools"),
        "form": form,
        "may_edit": may(request.user, "manage_trainings"),
    }
    return render(request, "tools/courses.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def course(request: HttpRequest, code: str) -> HttpResponse:
    """Other names, other tools."""
    demand(request.user, "manage_trainings")
    found = get_object_or_404(Course, code=code)
    form = CourseForm(request.POST if request.method == "POST" else None, thing=found)
    if form.is_valid():
        verbs.save_course(actor=person(request), code=code, **form.cleaned_data)
        messages.success(request, _("Kept."))
        return redirect("courses")
    context = {"thing": found, "form": form, "back": "courses", "back_label": _("All courses")}
    return render(request, "tools/named.html", context, status=422 if form.errors else 200)
